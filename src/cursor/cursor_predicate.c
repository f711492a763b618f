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
struct search {
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
    uint8_t scratch[16];
};

/* Rows [begin, end) of a batch. */
struct stretch {
    uint64_t begin;
    uint64_t end;
};

static bool search_batches(struct search *search, const struct cell *key);
static enum spine_status stretch_of(const struct search *search,
                                    const struct source *source, const struct cell *key,
                                    struct stretch *out);
static bool search_stretch(struct search *search, const struct source *source,
                           struct stretch stretch);
static void
datum_save(const struct cell_layout *column, union spine_datum *datum, uint8_t *scratch);
static bool ask(struct search *search, const struct source *source, uint64_t offset,
                bool *accepted, union spine_datum *out, uint8_t *scratch);
static bool note(struct search *search, union spine_datum datum);

void
spine_cursor_seek_key_with(struct spine_cursor *cursor, spine_predicate_fn *on_key,
                           void *context)
{
    struct search search = {.cursor = cursor, .on_cell = on_key, .context = context};
    const bool on_some_key = cursor_on_key(cursor);
    struct cell key;

    if (on_key == NULL)
        cursor_fail_null(cursor, "spine_cursor_seek_key_with", "on_key");
    if (cursor_is_dead(cursor))
        return;
    if (!on_some_key && cursor->place != PLACE_BEFORE)
        return;
    if (on_some_key) {
        if (on_key(context, spine_cursor_key(cursor)))
            return;
        key = rows_key(&cursor->layout, &cursor->window.rows, cursor->key_begin);
    }
    if (!search_batches(&search, on_some_key ? &key : NULL))
        return;
    if (search.found)
        spine_cursor_seek_key(cursor, search.best);
    else
        cursor_leave(cursor, PLACE_AFTER);
}

void
spine_cursor_seek_key_with_reverse(struct spine_cursor *cursor,
                                   spine_predicate_fn *on_key, void *context)
{
    struct search search = {
        .cursor = cursor, .on_cell = on_key, .context = context, .backward = true};
    const bool on_some_key = cursor_on_key(cursor);
    struct cell key;

    if (on_key == NULL)
        cursor_fail_null(cursor, "spine_cursor_seek_key_with_reverse", "on_key");
    if (cursor_is_dead(cursor))
        return;
    if (!on_some_key && cursor->place != PLACE_AFTER)
        return;
    if (on_some_key) {
        if (on_key(context, spine_cursor_key(cursor)))
            return;
        key = rows_key(&cursor->layout, &cursor->window.rows, cursor->key_begin);
    }
    if (!search_batches(&search, on_some_key ? &key : NULL))
        return;
    if (search.found)
        spine_cursor_seek_key_reverse(cursor, search.best);
    else
        cursor_leave(cursor, PLACE_BEFORE);
}

void
spine_cursor_seek_val_with(struct spine_cursor *cursor, spine_predicate_fn *on_val,
                           void *context)
{
    struct search search = {
        .cursor = cursor, .on_cell = on_val, .context = context, .by_value = true};

    if (!cursor_on_key(cursor)) {
        cursor_misuse(cursor, "spine_cursor_seek_val_with", "key");
        return;
    }
    if (on_val == NULL) {
        cursor_fail_null(cursor, "spine_cursor_seek_val_with", "on_val");
        return;
    }
    if (cursor->at == VALUE_BEFORE)
        spine_cursor_rewind_vals(cursor);
    if (!cursor_on_value(cursor) || on_val(context, spine_cursor_val(cursor)))
        return;

    const struct cell key =
        rows_key(&cursor->layout, &cursor->window.rows, cursor->key_begin);

    if (!cursor->window.ghost && !search_batches(&search, &key))
        return;
    if (search.found)
        spine_cursor_seek_val(cursor, search.best);
    else if (cursor_key_end_known(cursor))
        cursor->at = cursor->key_end;
    else
        cursor_go_behind_last(cursor, &key);
}

void
spine_cursor_seek_val_with_reverse(struct spine_cursor *cursor,
                                   spine_predicate_fn *on_val, void *context)
{
    struct search search = {.cursor = cursor,
                            .on_cell = on_val,
                            .context = context,
                            .by_value = true,
                            .backward = true};

    if (!cursor_on_key(cursor)) {
        cursor_misuse(cursor, "spine_cursor_seek_val_with_reverse", "key");
        return;
    }
    if (on_val == NULL) {
        cursor_fail_null(cursor, "spine_cursor_seek_val_with_reverse", "on_val");
        return;
    }
    if (cursor->at == VALUE_BEFORE)
        return;
    if (!cursor_on_value(cursor))
        spine_cursor_fast_forward_vals(cursor);
    if (!cursor_on_value(cursor) || on_val(context, spine_cursor_val(cursor)))
        return;

    const struct cell key =
        rows_key(&cursor->layout, &cursor->window.rows, cursor->key_begin);

    if (!cursor->window.ghost && !search_batches(&search, &key))
        return;
    if (search.found)
        spine_cursor_seek_val_reverse(cursor, search.best);
    else if (cursor_key_begin_known(cursor))
        cursor->at = VALUE_BEFORE;
    else
        cursor_go_before_first(cursor, &key);
}

/* Searches all batches: after (before) `key`, everywhere when NULL, or inside it. False
 * on failure. */
static bool
search_batches(struct search *search, const struct cell *key)
{
    struct window *window = &search->cursor->window;

    for (size_t i = 0; i < window->source_count; i++) {
        const struct source *source = &window->sources[i];
        struct stretch stretch;
        const enum spine_status st = stretch_of(search, source, key, &stretch);

        if (st != SPINE_OK) {
            cursor_fail(search->cursor, st);
            return false;
        }
        if (stretch.begin < stretch.end && !search_stretch(search, source, stretch))
            return false;
    }
    return true;
}

static enum spine_status
stretch_of(const struct search *search, const struct source *source,
           const struct cell *key, struct stretch *out)
{
    struct reader reader;
    enum spine_status st = SPINE_OK;

    *out = (struct stretch){source->begin, source->end};
    if (key == NULL)
        return SPINE_OK;
    reader_init(&reader, source->batch);
    if (search->by_value || search->backward) {
        TRY(reader_seek(&reader, key, NULL));
        *(search->by_value ? &out->begin : &out->end) = reader_offset(&reader);
    }
    if (search->by_value || !search->backward) {
        TRY(reader_seek_after(&reader, key, NULL));
        *(search->by_value ? &out->end : &out->begin) = reader_offset(&reader);
    }
out:
    return st;
}

/*
 * Notes the stretch's first accepted row (backward: its last). Steps double from the near
 * end until a row is accepted, then the last step is halved.
 *
 *     forward   - - - - - - + + +      -: not accepted
 *               1 2   4     | 8
 */
static bool
search_stretch(struct search *search, const struct source *source, struct stretch stretch)
{
    const struct layout *layout = &search->cursor->layout;
    const struct cell_layout *column = search->by_value ? &layout->value : &layout->key;
    const uint64_t rows = stretch.end - stretch.begin;
    /* Distances from the near end: rejected below `near`, accepted at `far`, if at
     * all. */
    uint64_t near = 0;
    uint64_t far = rows;
    union spine_datum datum, best = {0};
    uint8_t scratch[16], best_scratch[16];
    bool doubling = true;

    for (uint64_t step = 0; near < far;) {
        const uint64_t distance = doubling ? step : near + (far - near) / 2;
        bool accepted;

        if (distance >= far) {
            doubling = false;
            continue;
        }
        if (!ask(search, source,
                 search->backward ? stretch.end - 1 - distance : stretch.begin + distance,
                 &accepted, &datum, scratch))
            return false;
        if (accepted) {
            far = distance;
            doubling = false;
            best = datum;
            datum_save(column, &best, best_scratch);
        } else {
            near = distance + 1;
            step = 2 * step + 1;
        }
    }
    return far == rows || note(search, best);
}

/* Makes short bytes, which may live in somebody's scratch, live in this one. */
static void
datum_save(const struct cell_layout *column, union spine_datum *datum, uint8_t *scratch)
{
    if (column->kind != SPINE_FIXED || column->native_bytes > 16)
        return;
    memmove(scratch, datum->bytes.data, column->native_bytes);
    datum->bytes.data = scratch;
}

/* Is the row's cell accepted? Its spans borrow from the batch, its words' bytes from
 * `scratch`. */
static bool
ask(struct search *search, const struct source *source, uint64_t offset, bool *accepted,
    union spine_datum *out, uint8_t *scratch)
{
    const struct layout *layout = &search->cursor->layout;
    struct rows *row = &search->cursor->window.spare;
    enum spine_status st = SPINE_OK;
    struct reader reader;

    row->count = 0;
    reader_init(&reader, source->batch);
    reader_to_offset(&reader, offset);
    if (reader_stage(&reader, row, 1, &st) == 0) {
        cursor_fail(search->cursor, st);
        return false;
    }
    *out = search->by_value ? rows_value_datum(layout, row, 0, scratch)
                            : rows_key_datum(layout, row, 0, scratch);
    *accepted = search->on_cell(search->context, *out);
    return true;
}

/* Keeps the least accepted cell of all batches (backward: the greatest). */
static bool
note(struct search *search, union spine_datum datum)
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
    datum_save(column, &search->best, search->scratch);
    return cursor_cell(search->cursor, column, search->best, &search->best_cell);
}
