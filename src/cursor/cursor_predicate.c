/* SPDX-License-Identifier: MIT */

/*
 * Seeks by a monotone predicate. Each batch is searched by itself, galloping by row
 * offset, for its first row that is accepted; the least of those keys (or values) is
 * where an ordinary seek goes. So the predicate is asked about rows that cancel
 * elsewhere, too.
 */

#include "base/assert.h"
#include "base/error.h"
#include "cursor/cursor_state.h"
#include "spine/view.h"

/* One search. */
struct predicate_search {
    struct spine_cursor *cursor;
    spine_predicate_fn *on_cell;
    void *context;
    /* Of values, within the rows of a key; otherwise of keys. */
    bool by_value;
    bool backward;
    /* The best cell so far. */
    bool found;
    union spine_datum best;
    struct cell best_cell;
    struct kept_bytes best_bytes;
    /* The bytes of the row that was accepted last. */
    struct kept_bytes accepted_bytes;
};

/* Rows [begin, end) of a batch. */
struct row_range {
    uint64_t begin;
    uint64_t end;
};

static void seek_key_with(struct predicate_search *search, const char *call);
static void seek_val_with(struct predicate_search *search, const char *call);
static void stand_on_found_value(struct predicate_search *search, const struct cell *key);
static void search_release(struct predicate_search *search);
static bool search_batches(struct predicate_search *search, const struct cell *key);
static enum spine_status range_of(const struct predicate_search *search,
                                  const struct source *source, const struct cell *key,
                                  struct row_range *out);
static bool search_range(struct predicate_search *search, const struct source *source,
                         struct row_range range);
static bool search_ask(struct predicate_search *search, const struct source *source,
                       uint64_t offset, bool *accepted, union spine_datum *out);
static bool note(struct predicate_search *search, union spine_datum datum);

void
spine_cursor_seek_key_with(struct spine_cursor *cursor, spine_predicate_fn *on_key,
                           void *context)
{
    struct predicate_search search = {
        .cursor = cursor, .on_cell = on_key, .context = context};

    seek_key_with(&search, "spine_cursor_seek_key_with");
}

void
spine_cursor_seek_key_with_reverse(struct spine_cursor *cursor,
                                   spine_predicate_fn *on_key, void *context)
{
    struct predicate_search search = {
        .cursor = cursor, .on_cell = on_key, .context = context, .backward = true};

    seek_key_with(&search, "spine_cursor_seek_key_with_reverse");
}

static void
seek_key_with(struct predicate_search *search, const char *call)
{
    struct spine_cursor *cursor = search->cursor;
    const bool on_some_key = cursor_on_key(cursor);
    struct cell key;

    if (search->on_cell == NULL)
        cursor_fail_null(cursor, call, "on_key");
    if (cursor_is_dead(cursor))
        return;
    if (!on_some_key &&
        cursor->standing != (search->backward ? STANDS_AFTER : STANDS_BEFORE))
        return;
    if (on_some_key) {
        if (search->on_cell(search->context, spine_cursor_key(cursor)))
            return;
        key = rows_key(&cursor->layout, &cursor->window.rows, cursor->key_begin);
    }
    if (search_batches(search, on_some_key ? &key : NULL)) {
        if (!search->found)
            cursor_leave(cursor, search->backward ? STANDS_BEFORE : STANDS_AFTER);
        else if (search->backward)
            spine_cursor_seek_key_reverse(cursor, search->best);
        else
            spine_cursor_seek_key(cursor, search->best);
    }
    search_release(search);
}

void
spine_cursor_seek_val_with(struct spine_cursor *cursor, spine_predicate_fn *on_val,
                           void *context)
{
    struct predicate_search search = {
        .cursor = cursor, .on_cell = on_val, .context = context, .by_value = true};

    seek_val_with(&search, "spine_cursor_seek_val_with");
}

void
spine_cursor_seek_val_with_reverse(struct spine_cursor *cursor,
                                   spine_predicate_fn *on_val, void *context)
{
    struct predicate_search search = {.cursor = cursor,
                                      .on_cell = on_val,
                                      .context = context,
                                      .by_value = true,
                                      .backward = true};

    seek_val_with(&search, "spine_cursor_seek_val_with_reverse");
}

static void
seek_val_with(struct predicate_search *search, const char *call)
{
    struct spine_cursor *cursor = search->cursor;

    if (!cursor_on_key(cursor)) {
        cursor_misuse(cursor, call, "key");
        return;
    }
    if (search->on_cell == NULL) {
        cursor_fail_null(cursor, call, "on_val");
        return;
    }
    if (cursor->at == VALUE_BEFORE && !search->backward)
        spine_cursor_rewind_vals(cursor);
    else if (cursor->at != VALUE_BEFORE && search->backward && !cursor_on_value(cursor))
        spine_cursor_fast_forward_vals(cursor);
    if (!cursor_on_value(cursor) ||
        search->on_cell(search->context, spine_cursor_val(cursor)))
        return;

    const struct cell key =
        rows_key(&cursor->layout, &cursor->window.rows, cursor->key_begin);

    if (cursor->window.ghost || search_batches(search, &key))
        stand_on_found_value(search, &key);
    search_release(search);
}

static void
stand_on_found_value(struct predicate_search *search, const struct cell *key)
{
    struct spine_cursor *cursor = search->cursor;

    if (search->found && search->backward)
        spine_cursor_seek_val_reverse(cursor, search->best);
    else if (search->found)
        spine_cursor_seek_val(cursor, search->best);
    else if (search->backward && cursor_key_begin_known(cursor))
        cursor->at = VALUE_BEFORE;
    else if (search->backward)
        cursor_go_before_first(cursor, key);
    else if (cursor_key_end_known(cursor))
        cursor->at = cursor->key_end;
    else
        cursor_go_behind_last(cursor, key);
}

static void
search_release(struct predicate_search *search)
{
    kept_bytes_release(&search->best_bytes);
    kept_bytes_release(&search->accepted_bytes);
}

/* Searches all batches: after (before) `key`, everywhere when NULL, or inside it. False
 * on failure. */
static bool
search_batches(struct predicate_search *search, const struct cell *key)
{
    struct window *window = &search->cursor->window;

    for (size_t i = 0; i < window->source_count; i++) {
        const struct source *source = &window->sources[i];
        struct row_range range;
        const enum spine_status st = range_of(search, source, key, &range);

        if (st != SPINE_OK) {
            cursor_fail(search->cursor, st);
            return false;
        }
        if (range.begin < range.end && !search_range(search, source, range))
            return false;
    }
    return true;
}

static enum spine_status
range_of(const struct predicate_search *search, const struct source *source,
         const struct cell *key, struct row_range *out)
{
    struct reader reader;
    enum spine_status st = SPINE_OK;

    *out = (struct row_range){source->begin, source->end};
    if (key == NULL)
        return SPINE_OK;
    reader_init(&reader, source->batch);
    reader.error = &search->cursor->window.failure;
    if (search->by_value || search->backward) {
        TRY(reader_seek(&reader, key, NULL));
        *(search->by_value ? &out->begin : &out->end) = reader_offset(&reader);
    }
    if (search->by_value || !search->backward) {
        TRY(reader_seek_after(&reader, key, NULL));
        *(search->by_value ? &out->end : &out->begin) = reader_offset(&reader);
    }
out:
    reader_release(&reader);
    return st;
}

/*
 * Notes the range's first accepted row (backward: its last). Steps double from the near
 * end until a row is accepted, then the last step is halved.
 *
 *     forward   - - - - - - + + +      -: not accepted
 *               1 2   4     | 8
 */
static bool
search_range(struct predicate_search *search, const struct source *source,
             struct row_range range)
{
    const uint64_t rows = range.end - range.begin;
    /* Distances from the near end: rejected below `near`, accepted at `far`, if at
     * all. */
    uint64_t near = 0;
    uint64_t far = rows;
    union spine_datum best = {0};
    bool doubling = true;

    assert(range.begin <= range.end);
    assert(range.end <= source->batch->info.rows);
    for (uint64_t step = 0; near < far;) {
        const uint64_t distance = doubling ? step : near + (far - near) / 2;
        bool accepted = false;

        if (distance >= far) {
            doubling = false;
            continue;
        }
        if (!search_ask(search, source,
                        search->backward ? range.end - 1 - distance
                                         : range.begin + distance,
                        &accepted, &best))
            return false;
        if (accepted) {
            far = distance;
            doubling = false;
        } else {
            near = distance + 1;
            step = 2 * step + 1;
        }
    }
    return far == rows || note(search, best);
}

/* Is the row's cell accepted? Then it is in `*out`, with bytes of the search's. */
static bool
search_ask(struct predicate_search *search, const struct source *source, uint64_t offset,
           bool *accepted, union spine_datum *out)
{
    struct spine_cursor *cursor = search->cursor;
    const struct layout *layout = &cursor->layout;
    struct rows *row = &cursor->window.scratch;
    union spine_datum datum;
    uint8_t scratch[16];
    enum spine_status st = SPINE_OK;
    struct reader reader;

    assert(offset < source->batch->info.rows);
    row->count = 0;
    reader_init(&reader, source->batch);
    reader.error = &cursor->window.failure;
    reader_to_offset(&reader, offset);
    st = reader_stage(&reader, row, 1);
    if (st == SPINE_OK) {
        datum = search->by_value ? rows_value_datum(layout, row, 0, scratch)
                                 : rows_key_datum(layout, row, 0, scratch);
        *accepted = search->on_cell(search->context, datum);
        if (*accepted) {
            *out = datum;
            if (!cursor_keep_datum(search->by_value ? &layout->value : &layout->key, out,
                                   &search->accepted_bytes))
                st = SPINE_NOMEM;
        }
    }
    reader_release(&reader);
    if (st != SPINE_OK)
        cursor_fail(cursor, st);
    return st == SPINE_OK;
}

/* Keeps the least accepted cell of all batches (backward: the greatest). */
static bool
note(struct predicate_search *search, union spine_datum datum)
{
    const struct layout *layout = &search->cursor->layout;
    const struct cell_layout *column = search->by_value ? &layout->value : &layout->key;
    struct cell cell;
    int order;

    if (!cursor_cell(search->cursor, column, datum, &cell))
        return false;
    order = (cell.word > search->best_cell.word) - (cell.word < search->best_cell.word);
    if (order == 0)
        order = span_compare(cell.span, search->best_cell.span);
    if (search->found && (search->backward ? order <= 0 : order >= 0))
        return true;
    search->found = true;
    search->best = datum;
    if (!cursor_keep_datum(column, &search->best, &search->best_bytes)) {
        cursor_fail(search->cursor, SPINE_NOMEM);
        return false;
    }
    return cursor_cell(search->cursor, column, search->best, &search->best_cell);
}
