/* SPDX-License-Identifier: MIT */

/* How a window gets rows: staged from batches, merged, and turned round when backward. */

#include "base/assert.h"
#include "base/error.h"
#include "cursor/cursor_window.h"

/* The least rows staged from a batch at once. */
#define STAGE_ROWS_MIN 8u
/* Blocks that a reader has passed take at most this part of what all readers may hold
 * beyond a block each, or fills become smaller. */
#define BORROWED_PART 4u

static enum spine_status stage(struct source *source, struct rows *out, size_t want);
static enum spine_status stage_rows(struct source *source, struct rows *out, size_t want);
static enum spine_status move_stop(struct source *source);
static enum spine_status
stage_before(struct source *source, struct rows *out, size_t want);
static enum spine_status
negate_rows(struct window *window, const struct rows *rows, size_t begin, bool turned);
static size_t negate(int64_t *weights, size_t begin, size_t end);
static void
name_overflow(struct window *window, const struct rows *rows, enum spine_status st);
static enum spine_status
name_lent(struct window *window, const struct lent_rows *rows, size_t at);
static size_t lent_alike(const struct lent_rows *rows);
static enum spine_status stage_lent(struct source *source, struct lent_rows *out);
static bool is_alone(const struct window *window);
static enum spine_status fill_rows(struct window *window, struct rows *out, bool *done);
static enum spine_status pass_cancelled(struct window *window, uint64_t *rows_used);
static size_t want_max(const struct window *window);
static bool borrows_much(const struct window *window);
static enum spine_status
fill_lent(struct window *window, struct lent_rows *out, bool *done);

enum spine_status
source_refill(struct kway_input *input, size_t want)
{
    struct source *source = input->source;
    const struct window *window = source->window;
    const size_t share = 2 * window->want / window->kway.input_count;
    const size_t most = share > STAGE_ROWS_MIN ? share : STAGE_ROWS_MIN;
    enum spine_status st;

    assert(input->more);
    kway_input_drop_used(window->layout, input);
    st = stage(source, &input->rows, want < most ? want : most);
    input->more = source_has_more(source);
    input->rows_left = input->rows.count + source_rows_left(source);
    return st;
}

/* Stages up to `want` rows on the way to `stop`; through a time some of them at least, if
 * any is left. */
static enum spine_status
stage(struct source *source, struct rows *out, size_t want)
{
    struct window *window = source->window;
    const size_t before = out->count;

    do {
        TRY_RETURN(stage_rows(source, out, want));
        if (window->has_through)
            rows_keep_through(window->layout, out, before, window->through);
    } while (out->count == before && window->has_through && source_has_more(source));
    return source->negated ? negate_rows(window, out, before, window->kway.descending)
                           : SPINE_OK;
}

static enum spine_status
stage_rows(struct source *source, struct rows *out, size_t want)
{
    const uint64_t offset = reader_offset(&source->reader);
    const struct window *window = source->window;
    const bool backward = window->kway.descending;

    assert(want > 0);
    assert(backward ? offset >= source->stop : offset <= source->stop);
    if (source->stop_moves && offset == source->stop)
        TRY_RETURN(move_stop(source));

    const uint64_t left = backward ? offset - source->stop : source->stop - offset;
    const size_t count = left < want ? (size_t)left : want;

    if (backward)
        return reader_stage_reverse(&source->reader, out, count);
    if (window->limited && window->key_is_word)
        return reader_stage_key(&source->reader, out, count, window->key_word);
    return reader_stage(&source->reader, out, count);
}

/* Moves `stop`, where the reader is, behind the first key of the block. */
static enum spine_status
move_stop(struct source *source)
{
    struct reader end = reader_copy(&source->reader);
    enum spine_status st = SPINE_OK;

    assert(reader_at_block_start(&end) && reader_block_goes_on(&end));
    if (batch_keys_begun(source->batch, end.block) > 0) {
        TRY(reader_to_key(&end, end.block, 0));
        source->stop = reader_offset(&end);
        source->stop_moves = false;
    } else {
        const uint32_t rows = reader_block_rows(&end);

        source->stop += rows;
        source->stop_moves = reader_key_goes_on(&end, rows);
    }
out:
    reader_release(&end);
    return st;
}

/* Negates the weights of the rows from `begin` on. */
static enum spine_status
negate_rows(struct window *window, const struct rows *rows, size_t begin, bool turned)
{
    const size_t width = window->layout->weight_count, end = rows->count * width;
    const size_t at = negate(rows->weight, begin * width, end);

    if (at == end)
        return SPINE_OK;
    return fail_overflow(&window->failure, window->layout, rows, at / width, turned);
}

/* The first of these weights whose negative is not in int64_t; `end` if none. */
static size_t
negate(int64_t *weights, size_t begin, size_t end)
{
    while (begin < end && !__builtin_sub_overflow(0, weights[begin], &weights[begin]))
        begin++;
    return begin;
}

/* Stages on the way to `stop` until `out` is full. */
static enum spine_status
stage_lent(struct source *source, struct lent_rows *out)
{
    struct reader *reader = &source->reader;
    const size_t begin = out->count;

    assert(!source->stop_moves);
    while (source_has_more(source) && lent_rows_room(out) > 0) {
        const uint64_t left = source->stop - reader_offset(reader);

        TRY_RETURN(
            reader_stage_lent(reader, out, left < SIZE_MAX ? (size_t)left : SIZE_MAX));
    }
    if (source->negated) {
        const size_t at = negate(out->weight, begin, out->count);

        if (at < out->count)
            return name_lent(source->window, out, at);
    }
    return SPINE_OK;
}

/* The same before the reader, but in ascending order. */
static enum spine_status
stage_before(struct source *source, struct rows *out, size_t want)
{
    struct reader *reader = &source->reader;
    const uint64_t offset = reader_offset(reader);
    const uint64_t left = offset - source->stop;
    uint64_t count = reader_rows_before(reader);
    const size_t before = out->count;

    assert(offset >= source->stop);
    if (count > left)
        count = left;
    if (count > want)
        count = want;
    reader_step_back(reader, (uint32_t)count);
    TRY_RETURN(reader_peek(reader, out, (size_t)count));
    return source->negated ? negate_rows(source->window, out, before, false) : SPINE_OK;
}

/* Is there only one batch, which needs no merging? (With times a piece of it could end
 * inside a value.) */
static bool
is_alone(const struct window *window)
{
    return window->kway.input_count == 1 && !window->layout->timed;
}

/*
 * Appends at least one row to `out` unless there is none; `*done` when nothing follows.
 * Rows before the window come descending and complemented, but from one batch alone.
 */
static enum spine_status
fill_rows(struct window *window, struct rows *out, bool *done)
{
    struct kway *kway = &window->kway;
    const size_t before = out->count;
    enum spine_status st = SPINE_OK;
    const uint64_t skipped = window->rows_skipped;
    uint64_t rows_used = 0;

    assert(window->want > 0);
    assert(kway->input_count <= window->source_count);
    *done = kway->input_count == 0;
    while (!*done && out->count == before) {
        if (rows_used > 0) {
            skip_from_inputs(window);
            TRY_RETURN(pass_cancelled(window, &rows_used));
        }
        if (is_alone(window)) {
            struct source *source = kway->inputs[0].source;

            if (kway->descending)
                st = stage_before(source, out, window->want);
            else
                st = stage(source, out, window->want);
            *done = !source_has_more(source);
        } else {
            const size_t rows = out->count;
            const uint64_t used = rows_used;

            st = kway_fill(kway, out, window->want, &rows_used);
            name_overflow(window, out, st);
            window->rows_skipped += rows_used - used - (out->count - rows);
            *done = st == SPINE_OK && kway_done(kway);
        }
        if (st != SPINE_OK)
            return st;
        if (window->filter != NULL)
            (void)key_filter_rows(window->filter, window->layout, out, before,
                                  kway->descending && !is_alone(window));
        if (window->pins.count > 0 && borrows_much(window))
            window->want -= window->want > WINDOW_WANT_MIN ? window->want / 2 : 0;
        else if (window->want < want_max(window))
            window->want *= window->limited && window->want < WINDOW_WANT_MIN ? 4 : 2;
    }
    if (window->rows_skipped > skipped || window->skip.skipped > 0)
        skip_add(window, window->rows_skipped - skipped, out, before);
    window->from_start = false;
    return SPINE_OK;
}

/*
 * A fill gave nothing, so more of the kind may follow: rows that cancel are passed over,
 * staged in large pieces, as long as there are no others. The next fill is as large as
 * before, since the first row is what somebody waits for.
 */
static enum spine_status
pass_cancelled(struct window *window, uint64_t *rows_used)
{
    const size_t want = window->want;
    const uint64_t used = *rows_used;
    enum spine_status st;

    if (is_alone(window) || window->layout->row_kind == ROW_WIDE)
        return SPINE_OK;
    window->want = WINDOW_WANT_MAX;
    st = kway_skip(&window->kway, WINDOW_WANT_MAX, rows_used);
    window->want = want;
    window->rows_skipped += *rows_used - used;
    return st;
}

/* If that is why a fill of `rows` failed, the window's failure names the row whose sum is
 * not in int64_t, unless a source named one. */
static void
name_overflow(struct window *window, const struct rows *rows, enum spine_status st)
{
    if (st == SPINE_OVERFLOW && window->failure.status != st)
        (void)fail_overflow_in(&window->failure, window->layout, rows,
                               window->kway.descending);
}

static enum spine_status
name_lent(struct window *window, const struct lent_rows *rows, size_t at)
{
    uint64_t hi = rows->hi[at], lo = rows->lo != NULL ? rows->lo[at] : 0;
    const struct rows row = {.hi = &hi, .lo = rows->lo != NULL ? &lo : NULL, .count = 1};

    return fail_overflow(&window->failure, window->layout, &row, 0, false);
}

/* The first row that equals the next one, or else the last one. */
static size_t
lent_alike(const struct lent_rows *rows)
{
    size_t at = 0;

    while (at + 1 < rows->count &&
           (rows->hi[at] != rows->hi[at + 1] ||
            (rows->lo != NULL && rows->lo[at] != rows->lo[at + 1])))
        at++;
    return at;
}

uint64_t
window_rows_ahead(const struct window *window)
{
    uint64_t rows = 0;

    for (size_t i = 0; i < window->kway.input_count; i++) {
        const struct kway_input *input = &window->inputs[i];

        rows += input->rows.count - input->at + source_rows_left(input->source);
    }
    return rows;
}

/* Many batches are merged in larger pieces, so that each gives some rows to a piece. */
static size_t
want_max(const struct window *window)
{
    const size_t rows = window->kway.input_count * WINDOW_WANT_BATCH;

    return rows > WINDOW_WANT_MAX ? rows : WINDOW_WANT_MAX;
}

/* Do staged rows, which are many or large, keep many blocks of files in memory? */
static __attribute__((noinline)) bool
borrows_much(const struct window *window)
{
    const struct pins *pins = &window->pins;
    struct spine_store *store = NULL;
    uint64_t bytes = 0;

    for (size_t i = 0; i < pins->count; i++) {
        const struct pin *pin = &pins->kept[i].pin;

        if (pin->keeper == NULL || pin->keeper->file == NULL)
            continue;
        store = pin->keeper->file->store;
        bytes += pin->image->bytes;
    }
    return store != NULL && bytes > store_ahead_max(store) / BORROWED_PART;
}

enum spine_status
window_fill_forward(struct window *window)
{
    bool done;

    assert(window->staged == STAGED_FORWARD);
    TRY_RETURN(fill_rows(window, &window->rows, &done));
    window->back_closed = done;
    if (done && !window->limited)
        window->high_open = false;
    return SPINE_OK;
}

enum spine_status
window_read(struct window *window, struct lent_rows *out)
{
    struct rows *rows = &window->rows;
    bool done;

    assert(window_reads_on(window) && out->count == 0);
    TRY_RETURN(fill_lent(window, out, &done));
    if (done) {
        window->back_closed = true;
        window->high_open = false;
    }
    if (out->count == 0)
        return SPINE_OK;
    /* With two rows the window knows whether the second one is its key's first. */
    if (!rows_reserve(window->layout, rows, 2))
        return SPINE_NOMEM;
    rows->count = 0;
    for (size_t at = out->count - (out->count > 1 ? 2 : 1); at < out->count; at++) {
        rows->hi[rows->count] = out->hi[at];
        if (rows->lo != NULL)
            rows->lo[rows->count] = out->lo[at];
        rows->weight[rows->count++] = out->weight[at];
    }
    window->low_open = true;
    window->front_closed = false;
    return SPINE_OK;
}

/* Appends rows as long as `out` has room for those that come next; `*done` when nothing
 * follows. */
static enum spine_status
fill_lent(struct window *window, struct lent_rows *out, bool *done)
{
    struct kway *kway = &window->kway;
    const size_t before = out->count;
    const uint64_t skipped = window->rows_skipped;
    uint64_t rows_used = 0, used_before;
    enum spine_status st;

    /* Inputs stage as much as goes into the room. */
    window->want = lent_rows_room(out);
    if (is_alone(window)) {
        struct source *source = kway->inputs[0].source;

        st = stage_lent(source, out);
        *done = !source_has_more(source);
    } else {
        do {
            used_before = rows_used;
            st = kway_fill_lent(kway, out, &rows_used);
            if (st == SPINE_OVERFLOW && window->failure.status != st)
                (void)name_lent(window, out, lent_alike(out));
            *done = kway_done(kway);
        } while (st == SPINE_OK && !*done && rows_used > used_before);
        window->rows_skipped += rows_used - (out->count - before);
    }
    if (st == SPINE_OK && (window->rows_skipped > skipped || window->skip.skipped > 0)) {
        const struct rows rows = {.hi = out->hi, .lo = out->lo, .count = out->count};

        skip_add(window, window->rows_skipped - skipped, &rows, before);
    }
    window->want = WINDOW_WANT_READ;
    return st;
}

enum spine_status
window_fill_backward(struct window *window, size_t keep)
{
    struct rows *rows = &window->rows, *scratch = &window->scratch;
    bool done;

    assert(window->staged == STAGED_BACKWARD);
    assert(keep <= rows->count);
    scratch->count = 0;
    TRY_RETURN(fill_rows(window, scratch, &done));
    window->front_closed = done;
    if (done && !window->limited)
        window->low_open = false;
    if (scratch->count == 0)
        return SPINE_OK;
    if (!is_alone(window))
        rows_turn_round(window->layout, scratch, 0);
    if (!rows_reserve(window->layout, scratch, scratch->count + keep))
        return SPINE_NOMEM;
    rows_append(window->layout, scratch, rows, 0, keep);

    const struct rows swap = *rows;

    *rows = *scratch;
    *scratch = swap;
    return SPINE_OK;
}
