/* SPDX-License-Identifier: MIT */

/*
 * The window's seeks and bounds: which sources take part, where each begins and ends, and
 * which end of the window the inputs stand behind. Filling is in cursor_fill.c; pictures
 * of a window and of a source are in the headers.
 */

#include "cursor/cursor_window.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

/* With more batches less is read ahead of each. */
#define AHEAD_SOURCES 4u

/* A limited window of at most this many rows is filled in one go. */
#define LIMITED_ROWS 64u
/* Searches in vain that a batch is told of together. */
#define SEARCHES_TOLD 256u

static enum spine_status return_lent(struct window *window);
static void forget_lent(struct window *window);
static void window_clear(struct window *window, bool backward);
static void want_less(struct window *window);
static enum spine_status find_stops(struct window *window);
static enum spine_status
source_find_bound(struct source *source, const struct bound *bound);
static enum spine_status find_bounds(struct window *window, const struct bound *bound);
static bool reaches(const struct source *source, const struct cell *key);
static void ask_filters(struct window *window, const struct cell *key);
static void search_failed(struct window *window, struct source *source);
static void tell_searches(const struct window *window, struct source *source);
static void use_sources(struct window *window, bool backward);
static void use_source(struct window *window, struct source *source, uint64_t rows);

/*
 * Gives blocks back that no staged row borrows from. The rows that the window keeps, few
 * as a rule, get cells of their own.
 */
static inline enum spine_status
window_return_pins(struct window *window)
{
    return window->pins.lent > 0 ? return_lent(window) : SPINE_OK;
}

/* There are no inputs. */
static inline void
forget_inputs(struct window *window)
{
    window->kway.input_count = 0;
    if (window->pins.lent > 0)
        forget_lent(window);
}

enum spine_status
window_init(struct window *window, const struct layout *layout,
            struct spine_batch *const *batches, size_t batch_count,
            struct spine_error *error)
{
    const size_t bytes = batch_count * (sizeof *window->sources + sizeof *window->inputs);

    *window = (struct window){.layout = layout, .want = WINDOW_WANT_MIN};
    window->kway.layout = layout;
    window->kway.on_refill = source_refill;
    if (layout->key.shape != SHAPE_NONE)
        window->key_hi_mask =
            layout->row_kind == ROW_ONE ? UINT64_MAX << layout->key_shift : UINT64_MAX;
    if (layout->row_kind == ROW_TWO && layout->key.shape == SHAPE_FIXED)
        window->key_lo_mask = UINT64_MAX;
    window->key_is_word =
        layout->row_kind != ROW_WIDE &&
        (layout->key.shape == SHAPE_WORD4 || layout->key.shape == SHAPE_WORD8);
    if (batch_count == 0)
        return SPINE_OK;

    window->sources = mem_zalloc(bytes);
    if (window->sources == NULL)
        return fail_nomem(error, "the batches of a cursor", bytes);
    window->source_count = batch_count;
    window->inputs = (struct kway_input *)(void *)(window->sources + batch_count);
    window->kway.inputs = window->inputs;
    for (size_t i = 0; i < batch_count; i++) {
        struct source *source = &window->sources[i];

        assert(spine_schema_equal(&batches[i]->layout.schema, &layout->schema));
        source->window = window;
        source->batch = spine_batch_ref(batches[i]);
        source->end = batches[i]->info.rows;
        reader_init(&source->reader, batches[i]);
        source->reader.pins = &window->pins;
        source->reader.error = &window->failure;
        source->reader.ahead = &source->ahead;
        source->ahead.bytes_max = READ_AHEAD_BYTES / (1 + batch_count / AHEAD_SOURCES);
        if (batches[i]->info.rows == 0)
            continue;
        /* These datums were made of cells, so none is refused. */
        if (cell_of_datum(&layout->key, batches[i]->info.key_min, &source->key_min,
                          NULL) != SPINE_OK ||
            cell_of_datum(&layout->key, batches[i]->info.key_max, &source->key_max,
                          NULL) != SPINE_OK)
            assert(false);
    }
    return SPINE_OK;
}

size_t
window_sources_bytes(const struct window *window)
{
    return window->source_count * (sizeof *window->sources + sizeof *window->inputs);
}

void
window_release(struct window *window)
{
    const size_t count = window->source_count;

    pins_release(&window->pins);
    for (size_t i = 0; i < count; i++) {
        rows_release(window->layout, &window->inputs[i].rows);
        tell_searches(window, &window->sources[i]);
        reader_release(&window->sources[i].reader);
        read_ahead_release(&window->sources[i].ahead);
        spine_batch_unref(window->sources[i].batch);
    }
    arena_release(&window->cells);
    skip_release(&window->skip);
    kway_release(&window->kway);
    lookup_ledger_add(window->ledger, &window->counts);
    lookup_ledger_unref(window->ledger);
    skipped_unref(window->floor);
    key_filter_unref(window->filter);
    if (window->layout != NULL) {
        rows_release(window->layout, &window->rows);
        rows_release(window->layout, &window->scratch);
    }
    mem_free(window->sources, window_sources_bytes(window));
    *window = (struct window){0};
}

enum spine_status
window_set_bounds(struct window *window, const struct cell *lower,
                  const struct cell *upper)
{
    window_clear(window, false);
    window->floor_is_used = false;
    if (lower != NULL)
        window->sequence = 0;
    for (size_t i = 0; i < window->source_count; i++) {
        struct source *source = &window->sources[i];

        source->begin = 0;
        source->end = source->batch->info.rows;
        if (upper != NULL) {
            TRY_RETURN(reader_seek(&source->reader, upper, NULL));
            source->end = reader_offset(&source->reader);
        }
        if (lower != NULL) {
            TRY_RETURN(reader_seek(&source->reader, lower, NULL));
            source->begin = reader_offset(&source->reader);
        }
        if (source->end < source->begin)
            source->end = source->begin;
    }
    return SPINE_OK;
}

void
window_set_through(struct window *window, uint64_t through)
{
    assert(window->layout->timed);
    window_clear(window, false);
    window->has_through = true;
    window->through = through;
    window->kway.inputs_repeat = true;
}

void
window_set_filter(struct window *window, struct key_filter *filter)
{
    window_clear(window, false);
    key_filter_unref(window->filter);
    window->filter = filter;
}

enum spine_status
window_show_ghost(struct window *window, const struct spine_row *row)
{
    window_clear(window, false);
    window->staged = STAGED_NONE;
    window->limited = true;
    window->ghost = true;
    window->front_closed = window->back_closed = true;
    if (!rows_reserve(window->layout, &window->rows, 1))
        return SPINE_NOMEM;
    return rows_append_row(window->layout, &window->rows, row, NULL);
}

enum spine_status
window_to_start(struct window *window)
{
    window_clear(window, false);
    window->low_open = false;
    window->front_closed = true;
    TRY_RETURN(skip_to_floor(window));
    window->from_start = true;
    for (size_t i = 0; i < window->source_count; i++)
        reader_to_offset(&window->sources[i].reader, window->sources[i].begin);
    use_sources(window, false);
    return SPINE_OK;
}

void
window_to_end(struct window *window)
{
    window_clear(window, true);
    window->high_open = false;
    window->back_closed = true;
    for (size_t i = 0; i < window->source_count; i++)
        reader_to_offset(&window->sources[i].reader, window->sources[i].end);
    use_sources(window, true);
}

enum spine_status
window_seek(struct window *window, const struct bound *bound, bool backward)
{
    assert(bound->key != NULL);
    window_clear(window, backward);
    window->front_closed = !backward && bound->value == NULL;
    window->back_closed = backward && bound->value == NULL;
    TRY_RETURN(find_bounds(window, bound));
    use_sources(window, backward);
    return SPINE_OK;
}

enum spine_status
window_seek_limited(struct window *window, const struct bound *bound, bool backward)
{
    const struct bound limit = bound_of(window->layout, bound->key, NULL, !backward);

    assert(bound->value != NULL);
    window_clear(window, backward);
    window->want = WINDOW_WANT_FEW;
    window->limited = true;
    window->key_word = bound->key->word;
    for (size_t i = 0; i < window->source_count; i++) {
        struct source *source = &window->sources[i];

        TRY_RETURN(source_find_bound(source, &limit));
        source->stop = reader_offset(&source->reader);
        source->stop_moves = false;
        TRY_RETURN(source_find_bound(source, bound));
        if (source_has_more(source))
            use_source(window, source, source_rows_left(source));
    }
    return SPINE_OK;
}

enum spine_status
window_seek_exact(struct window *window, const struct cell *key)
{
    uint64_t rows_ahead = 0;

    window_clear(window, false);
    window->limited = true;
    window->key_word = key->word;
    window->front_closed = true;
    ask_filters(window, key);
    for (size_t i = 0; i < window->source_count; i++) {
        struct source *source = &window->sources[i];
        size_t rows = 0;

        if (!source->hit)
            continue;
        source->reader.counts = &window->counts;
        TRY_RETURN(reader_seek_exact(&source->reader, key, &rows));
        if (rows == 0) {
            search_failed(window, source);
            continue;
        }

        const uint64_t offset = reader_offset(&source->reader);

        if (offset < source->begin || offset >= source->end)
            continue;
        source->stop = offset + rows;
        source->stop_moves = reader_key_goes_on(&source->reader, rows);
        rows_ahead += source->stop_moves ? BLOCK_ROWS : rows;
        use_source(window, source, rows);
    }
    window->want = rows_ahead <= LIMITED_ROWS ? LIMITED_ROWS : WINDOW_WANT_FEW;
    return SPINE_OK;
}

/* Decides which batches are searched for the key, and asks for their memory. */
static void
ask_filters(struct window *window, const struct cell *key)
{
    struct lookup_counts *counts = &window->counts;
    uint64_t hash = 0;
    bool hashed = false;

    counts->searches += window->source_count;
    for (size_t i = 0; i < window->source_count; i++) {
        struct source *source = &window->sources[i];

        source->hit = reaches(source, key);
        source->lookup = source->hit ? batch_lookup(source->batch) : NULL;
        counts->range_rejections += !source->hit;
        if (source->lookup == NULL)
            continue;
        if (!hashed)
            hash = lookup_hash(&window->layout->key, key);
        hashed = true;
        lookup_prefetch(source->lookup, hash);
    }
    for (size_t i = 0; i < window->source_count; i++) {
        struct source *source = &window->sources[i];

        if (source->lookup != NULL)
            source->hit = lookup_ask(source->lookup, key->word, hash, counts);
        if (source->hit && window->source_count > 1)
            reader_prefetch(&source->reader, key);
    }
}

/* The key is not in the batch. Many such searches pay for a filter. */
static void
search_failed(struct window *window, struct source *source)
{
    if (source->lookup != NULL || source->reader.file_answer == FILE_SAYS_MAYBE)
        window->counts.filter_errors++;
    else if (source->reader.file_answer == FILE_NOT_ASKED &&
             ++source->searches_in_vain >= SEARCHES_TOLD)
        tell_searches(window, source);
}

static void
tell_searches(const struct window *window, struct source *source)
{
    batch_search_failed(source->batch, lookup_ledger_options(window->ledger),
                        source->searches_in_vain);
    source->searches_in_vain = 0;
}

enum spine_status
window_fill(struct window *window)
{
    assert(window->rows.count == 0);
    TRY_RETURN(window_return_pins(window));
    return window->kway.descending ? window_fill_backward(window, 0)
                                   : window_fill_forward(window);
}

enum spine_status
window_forward(struct window *window, bool within_key, size_t *first)
{
    const size_t count = window->rows.count;
    const size_t keep = window_value_begin(window, count - 1);

    assert(count > 0);
    if (window->staged != STAGED_FORWARD || (window->limited && !within_key)) {
        const struct cell key = rows_key(window->layout, &window->rows, count - 1);
        const struct cell value = rows_value(window->layout, &window->rows, count - 1);
        const struct bound end =
            bound_of(window->layout, &key, window->ghost ? NULL : &value, true);

        window->kway.descending = false;
        skip_reset(&window->skip);
        window->limited = false;
        want_less(window);
        TRY_RETURN(find_bounds(window, &end));
        use_sources(window, false);
    }
    if (window->ghost) {
        /* The cursor's rows have nothing of its key to go on from. */
        window->ghost = false;
        window->rows.count = 0;
    } else if (keep > 0) {
        window->front_closed = !window_same_key(window, keep - 1, keep);
        window->low_open = true;
        rows_drop_front(window->layout, &window->rows, keep);
    }
    if (window->limited)
        TRY_RETURN(find_stops(window));
    *first = window->rows.count;
    TRY_RETURN(window_return_pins(window));
    return window_fill_forward(window);
}

/* Makes the ends of a limited window's inputs known, so that they can be merged in
 * proportion. */
static enum spine_status
find_stops(struct window *window)
{
    const struct cell key =
        rows_key(window->layout, &window->rows, window->rows.count - 1);

    for (size_t i = 0; i < window->kway.input_count; i++) {
        struct kway_input *input = &window->inputs[i];
        struct source *source = input->source;
        struct reader end;
        enum spine_status st;

        if (!source->stop_moves)
            continue;
        end = reader_copy(&source->reader);
        st = reader_seek_after(&end, &key, NULL);
        source->stop = reader_offset(&end);
        source->stop_moves = false;
        reader_release(&end);
        TRY_RETURN(st);
        input->rows_left = input->rows.count - input->at + source_rows_left(source);
    }
    return SPINE_OK;
}

enum spine_status
window_backward(struct window *window, size_t keep, size_t *shift)
{
    struct rows *rows = &window->rows;

    assert(keep > 0 && keep <= rows->count);
    if (window->staged != STAGED_BACKWARD || window->limited) {
        const struct cell key = rows_key(window->layout, rows, 0);
        const struct cell value = rows_value(window->layout, rows, 0);
        const struct bound begin = bound_of(window->layout, &key, &value, false);

        window->kway.descending = true;
        skip_reset(&window->skip);
        window->limited = false;
        want_less(window);
        TRY_RETURN(find_bounds(window, &begin));
        use_sources(window, true);
    }
    if (keep < rows->count) {
        window->back_closed = !window_same_key(window, keep - 1, keep);
        window->high_open = true;
        rows->count = keep;
    }
    TRY_RETURN(window_return_pins(window));
    TRY_RETURN(window_fill_backward(window, keep));
    *shift = rows->count - keep;
    return SPINE_OK;
}

size_t
window_value_begin(const struct window *window, size_t at)
{
    const struct rows *rows = &window->rows;

    assert(at < rows->count);
    if (!window->layout->timed || at == 0)
        return at;

    const struct cell key = rows_key(window->layout, rows, at);
    const struct cell value = rows_value(window->layout, rows, at);

    /* Most values have one time. */
    if (rows_lower_bound(window->layout, rows, at - 1, at, &key, &value) == at)
        return at;
    return rows_lower_bound(window->layout, rows, 0, at, &key, &value);
}

size_t
window_key_begin(const struct window *window, size_t at)
{
    const struct rows *rows = &window->rows;

    assert(at < rows->count);
    if (at == 0 || !window_same_key(window, at - 1, at))
        return at;
    if (window_same_key(window, 0, at))
        return 0;

    const struct cell key = rows_key(window->layout, rows, at);

    return rows_lower_bound(window->layout, rows, 0, at, &key, NULL);
}

/* No rows, no inputs, nothing known of either end. */
static void
window_clear(struct window *window, bool backward)
{
    window->rows.count = 0;
    forget_inputs(window);
    window->kway.descending = backward;
    skip_reset(&window->skip);
    window->staged = backward ? STAGED_BACKWARD : STAGED_FORWARD;
    want_less(window);
    window->limited = false;
    window->ghost = false;
    window->from_start = false;
    window->low_open = window->high_open = true;
    window->front_closed = window->back_closed = false;
}

/* After a seek, and after turning round, fills become smaller, not small: a scan that now
 * and then skips the rest of a key is a scan. */
static void
want_less(struct window *window)
{
    const size_t less = window->want / 4;

    window->want = less > WINDOW_WANT_MIN ? less : WINDOW_WANT_MIN;
}

static enum spine_status
find_bounds(struct window *window, const struct bound *bound)
{
    for (size_t i = 0; i < window->source_count; i++)
        TRY_RETURN(source_find_bound(&window->sources[i], bound));
    return SPINE_OK;
}

static enum spine_status
source_find_bound(struct source *source, const struct bound *bound)
{
    uint64_t offset;

    TRY_RETURN(reader_seek_bound(&source->reader, bound));
    offset = reader_offset(&source->reader);
    if (offset < source->begin)
        reader_to_offset(&source->reader, source->begin);
    else if (offset > source->end)
        reader_to_offset(&source->reader, source->end);
    return SPINE_OK;
}

/* May the batch have `key`? */
static bool
reaches(const struct source *source, const struct cell *key)
{
    const struct layout *layout = source->window->layout;

    if (key->word < source->key_min.word || key->word > source->key_max.word ||
        source->batch->info.rows == 0)
        return false;
    if (layout->key.shape != SHAPE_FIXED && layout->key.shape != SHAPE_BYTES)
        return true;
    return span_compare(key->span, source->key_min.span) >= 0 &&
           span_compare(key->span, source->key_max.span) <= 0;
}

/* Makes inputs of all sources that have rows ahead of their readers. */
static void
use_sources(struct window *window, bool backward)
{
    forget_inputs(window);
    window->staged = backward ? STAGED_BACKWARD : STAGED_FORWARD;
    for (size_t i = 0; i < window->source_count; i++) {
        struct source *source = &window->sources[i];

        source->stop = backward ? source->begin : source->end;
        source->stop_moves = false;
        if (source_has_more(source))
            use_source(window, source, source_rows_left(source));
    }
}

/* Makes an input of a source that has `rows` rows ahead, at least. */
static void
use_source(struct window *window, struct source *source, uint64_t rows)
{
    struct kway_input *input = &window->inputs[window->kway.input_count++];

    assert(window->kway.input_count <= window->source_count);
    input->rows.count = input->at = 0;
    input->source = source;
    source->reader.staged = input;
    input->more = true;
    input->rows_left = rows;
}

static __attribute__((noinline)) enum spine_status
return_lent(struct window *window)
{
    struct arena cells = {0};

    if (window->rows.count > 0 &&
        !arena_copy_rows(&cells, window->layout, &window->rows, 0))
        return SPINE_NOMEM;
    if (window->cells.chunks != NULL)
        arena_release(&window->cells);
    window->cells = cells;
    if (window->pins.count > 0)
        pins_return(&window->pins, 0, 0);
    for (size_t i = 0; i < window->source_count; i++)
        reader_take_back(&window->sources[i].reader);
    return SPINE_OK;
}

/* Nothing is staged of any batch. */
static __attribute__((noinline)) void
forget_lent(struct window *window)
{
    for (size_t i = 0; i < window->source_count; i++)
        window->sources[i].reader.staged = NULL;
}
