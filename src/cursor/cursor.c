/* SPDX-License-Identifier: MIT */
#include "cursor/cursor.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "cursor/cursor_state.h"

static enum cell_read cell_read_of(const struct cell_layout *column);
static bool are_words(const struct layout *layout);
static bool begin(struct spine_cursor *cursor);
static void step_key_at_edge(struct spine_cursor *cursor);
static void step_key_reverse_at_edge(struct spine_cursor *cursor);
static void land_slowly(struct spine_cursor *cursor, size_t at);
static void land_reverse_slowly(struct spine_cursor *cursor, size_t at);
static void land_after(struct spine_cursor *cursor, const struct cell *key);
static void land_filled(struct spine_cursor *cursor);
static void land_filled_reverse(struct spine_cursor *cursor);
static bool seek_key_exact(struct spine_cursor *cursor, union spine_datum key);
static bool
seek_in_window(struct spine_cursor *cursor, const struct cell *key, bool *found);

enum spine_status
cursor_new(struct spine_cursor **out, const struct layout *layout,
           struct spine_batch *const *batches, size_t batch_count,
           struct spine_error *error)
{
    struct spine_cursor *cursor = NULL;
    enum spine_status st;

    *out = NULL;
    cursor = mem_zalloc(sizeof *cursor);
    if (cursor == NULL)
        return fail_nomem(error, "a cursor", sizeof *cursor);
    cursor->layout = *layout;
    cursor->timed = layout->timed;
    cursor->plain = !layout->timed && layout->weight_count == 1;
    cursor->place = PLACE_NEW;
    cursor->key_read = cell_read_of(&layout->key);
    cursor->value_read = cell_read_of(&layout->value);
    cursor->key_shift = layout->key_shift;
    cursor->value_mask =
        layout->row_kind == ROW_ONE && layout->key_shift == 32 ? UINT32_MAX : UINT64_MAX;
    TRY(window_init(&cursor->window, &cursor->layout, batches, batch_count, error));
    cursor->plain_keys =
        cursor->plain && cursor->window.key_lo_mask == 0 && !layout->key.spans;
    cursor->plain_words = cursor->plain && are_words(layout);
    *out = cursor;
    cursor = NULL;
out:
    mem_free(cursor, sizeof *cursor);
    return st;
}

void
cursor_use_ledger(struct spine_cursor *cursor, struct lookup_ledger *ledger)
{
    assert(cursor->window.ledger == NULL);
    cursor->window.ledger = lookup_ledger_ref(ledger);
}

enum spine_status
spine_batch_cursor(struct spine_batch *batch, struct spine_cursor **out,
                   struct spine_error *error)
{
    return cursor_new(out, &batch->layout, &batch, 1, error);
}

void
spine_cursor_close(struct spine_cursor *cursor)
{
    if (cursor == NULL)
        return;
    cursor_views_release(cursor);
    window_release(&cursor->window);
    mem_free(cursor, sizeof *cursor);
}

enum spine_status
spine_cursor_status(const struct spine_cursor *cursor)
{
    return cursor->status;
}

enum spine_status
spine_cursor_error(const struct spine_cursor *cursor, struct spine_error *error)
{
    if (cursor->status != SPINE_OK && error != NULL)
        *error = cursor->error;
    return cursor->status;
}

bool
spine_cursor_key_valid(struct spine_cursor *cursor)
{
    return cursor->place == PLACE_NEW ? begin(cursor) : cursor->place == PLACE_KEY;
}

bool
spine_cursor_val_valid(struct spine_cursor *cursor)
{
    return cursor->place == PLACE_NEW ? begin(cursor) : cursor->at < cursor->key_end;
}

/* A new cursor reads for the first time. True when there is a row. */
static SLOW_PATH bool
begin(struct spine_cursor *cursor)
{
    spine_cursor_rewind(cursor);
    return cursor->place == PLACE_KEY;
}

void
spine_cursor_rewind(struct spine_cursor *cursor)
{
    if (cursor->place == PLACE_FAILED)
        return;
    if (!cursor->window.low_open && cursor->window.rows.count > 0) {
        cursor_land(cursor, 0);
        return;
    }
    window_to_start(&cursor->window);
    land_filled(cursor);
}

void
spine_cursor_fast_forward(struct spine_cursor *cursor)
{
    if (cursor->place == PLACE_FAILED)
        return;
    window_to_end(&cursor->window);
    land_filled_reverse(cursor);
}

void
spine_cursor_step_key(struct spine_cursor *cursor)
{
    /* On no key `key_end` is 0, which is not less than it is here. */
    if (cursor->key_end - 1 < cursor->window.rows.count - 1)
        cursor_land(cursor, cursor->key_end);
    else
        step_key_at_edge(cursor);
}

/* From the last key of the window. Few rows of the key are read over, many are skipped.
 */
static SLOW_PATH void
step_key_at_edge(struct spine_cursor *cursor)
{
    struct window *window = &cursor->window;

    if (!cursor_on_key(cursor)) {
        cursor_misuse(cursor, "spine_cursor_step_key", "key");
        return;
    }
    if (cursor->key_end < window->rows.count) {
        cursor_land(cursor, cursor->key_end);
        return;
    }
    if (!window->high_open) {
        cursor_leave(cursor, PLACE_AFTER);
        return;
    }
    if (!window->back_closed && cursor->key_end - cursor->key_begin < window->want) {
        size_t end;

        if (!cursor_forward(cursor, false, &end))
            return;
        if (end < window->rows.count && window_same_key(window, end - 1, end))
            end = window_key_end(window, end);
        if (end < window->rows.count) {
            cursor_land(cursor, end);
            return;
        }
        if (!window->high_open) {
            cursor_leave(cursor, PLACE_AFTER);
            return;
        }
    }

    const struct cell key =
        rows_key(&cursor->layout, &window->rows, window->rows.count - 1);

    land_after(cursor, &key);
}

void
spine_cursor_step_key_reverse(struct spine_cursor *cursor)
{
    /* On no key it is 0. */
    if (cursor->key_begin > 0)
        cursor_land_reverse(cursor, cursor->key_begin - 1);
    else
        step_key_reverse_at_edge(cursor);
}

/* From the first key of the window. */
static SLOW_PATH void
step_key_reverse_at_edge(struct spine_cursor *cursor)
{
    struct window *window = &cursor->window;

    if (!cursor_on_key(cursor)) {
        cursor_misuse(cursor, "spine_cursor_step_key_reverse", "key");
    } else if (cursor->key_begin > 0) {
        cursor_land_reverse(cursor, cursor->key_begin - 1);
    } else if (!window->low_open) {
        cursor_leave(cursor, PLACE_BEFORE);
    } else if (window->front_closed && !window->ghost) {
        size_t shift;

        if (!cursor_backward(cursor, cursor_first_value_rows(cursor), &shift))
            return;
        if (shift > 0)
            cursor_land_reverse(cursor, shift - 1);
        else
            cursor_leave(cursor, PLACE_BEFORE);
    } else {
        const struct cell key = rows_key(&cursor->layout, &window->rows, 0);

        window_seek(window, (struct window_bound){.key = &key}, true);
        land_filled_reverse(cursor);
    }
}

void
spine_cursor_seek_key(struct spine_cursor *cursor, union spine_datum key)
{
    struct window *window = &cursor->window;
    struct cell cell;

    if (cursor->place == PLACE_FAILED ||
        !cursor_cell(cursor, &cursor->layout.key, key, &cell))
        return;
    if (cursor->place == PLACE_KEY) {
        const size_t end = window->rows.count;
        const size_t row = rows_lower_bound(&cursor->layout, &window->rows,
                                            cursor->key_end - 1, end, &cell, NULL);

        if (row == cursor->key_end - 1)
            return;
        if (row < end) {
            cursor_land(cursor, row);
            return;
        }
        if (!window->high_open) {
            cursor_leave(cursor, PLACE_AFTER);
            return;
        }
    } else if (cursor->place == PLACE_AFTER || cursor->place == PLACE_NOWHERE) {
        return;
    }
    window_seek(window, (struct window_bound){.key = &cell}, false);
    land_filled(cursor);
}

void
spine_cursor_seek_key_reverse(struct spine_cursor *cursor, union spine_datum key)
{
    struct window *window = &cursor->window;
    struct cell cell;

    if (cursor->place == PLACE_FAILED ||
        !cursor_cell(cursor, &cursor->layout.key, key, &cell))
        return;
    if (cursor->place == PLACE_NEW && !spine_cursor_key_valid(cursor))
        return;
    if (cursor->place == PLACE_KEY) {
        const size_t row = rows_upper_bound(&cursor->layout, &window->rows, 0,
                                            cursor->key_end, &cell, NULL);

        if (row == cursor->key_end)
            return;
        if (row > 0) {
            cursor_land_reverse(cursor, row - 1);
            return;
        }
        if (!window->low_open) {
            cursor_leave(cursor, PLACE_BEFORE);
            return;
        }
    } else if (cursor->place == PLACE_BEFORE || cursor->place == PLACE_NOWHERE) {
        return;
    }
    window_seek(window, (struct window_bound){.key = &cell, .after = true}, true);
    land_filled_reverse(cursor);
}

bool
spine_cursor_seek_key_exact(struct spine_cursor *cursor, union spine_datum key)
{
    const bool found = seek_key_exact(cursor, key);

    if (!found && cursor->on_absent != NULL && cursor->place == PLACE_NOWHERE)
        return cursor_show_default(cursor, key);
    return found;
}

static bool
seek_key_exact(struct spine_cursor *cursor, union spine_datum key)
{
    struct cell cell;
    bool found;

    if (cursor->place == PLACE_FAILED ||
        !cursor_cell(cursor, &cursor->layout.key, key, &cell))
        return false;
    if (seek_in_window(cursor, &cell, &found))
        return found;
    window_seek_exact(&cursor->window, &cell);
    if (!cursor_fill(cursor))
        return false;
    if (cursor->window.rows.count == 0) {
        cursor_leave(cursor, PLACE_NOWHERE);
        return false;
    }
    cursor_land(cursor, 0);
    return true;
}

/*
 * Settles an exact seek when the window tells: `key` lies between two of its rows, or is
 * that of a row and has its first row there. A window of one key has nothing to tell.
 */
static bool
seek_in_window(struct spine_cursor *cursor, const struct cell *key, bool *found)
{
    const struct window *window = &cursor->window;
    const struct rows *rows = &window->rows;
    size_t row;

    if (window->limited || rows->count == 0)
        return false;
    row = rows_lower_bound(&cursor->layout, rows, 0, rows->count, key, NULL);
    if (row == rows->count)
        return false;
    *found = rows_upper_bound(&cursor->layout, rows, row, row + 1, key, NULL) > row;
    if (row == 0 && !(*found && window->front_closed))
        return false;
    if (*found)
        cursor_land(cursor, row);
    else
        cursor_leave(cursor, PLACE_NOWHERE);
    return true;
}

void
cursor_fail(struct spine_cursor *cursor, enum spine_status status)
{
    if (cursor->place == PLACE_FAILED)
        return;
    cursor_leave(cursor, PLACE_FAILED);
    cursor->status = status;
    if (status == SPINE_OVERFLOW)
        (void)spine_fail(&cursor->error, status,
                         "the weights of equal rows leave the range of int64_t");
    else if (status == SPINE_NOMEM)
        (void)spine_fail(&cursor->error, status, "no memory for the rows of a cursor");
    else
        (void)spine_fail(&cursor->error, status, "a batch cannot be read");
}

void
cursor_misuse(struct spine_cursor *cursor, const char *call, const char *what)
{
    if (cursor->place == PLACE_FAILED)
        return;
    cursor_leave(cursor, PLACE_FAILED);
    cursor->status = SPINE_MISUSE;
    (void)spine_fail(&cursor->error, SPINE_MISUSE, "%s needs a %s; the cursor is on none",
                     call, what);
}

void
cursor_leave(struct spine_cursor *cursor, enum cursor_place place)
{
    cursor->place = place;
    cursor->at = cursor->value_end = cursor->step_end = 0;
    cursor->key_begin = cursor->key_end = 0;
}

void
cursor_land(struct spine_cursor *cursor, size_t at)
{
    const struct window *window = &cursor->window;
    const size_t next = at + 1;

    /* A key of one row, with others behind it. */
    if (cursor->plain_keys && next < window->rows.count &&
        ((window->rows.hi[at] ^ window->rows.hi[next]) & window->key_hi_mask) != 0) {
        cursor->place = PLACE_KEY;
        cursor->at = cursor->key_begin = at;
        cursor->key_end = cursor->step_end = next;
        return;
    }
    land_slowly(cursor, at);
}

static SLOW_PATH void
land_slowly(struct spine_cursor *cursor, size_t at)
{
    cursor_set_key(cursor, at, window_key_end(&cursor->window, at));
    cursor_set_value(cursor, at);
}

/*
 * The first value of the key may be missing from the window. Few rows are added in front,
 * for many the first one is sought.
 */
void
cursor_land_reverse(struct spine_cursor *cursor, size_t at)
{
    const uint64_t *hi = cursor->window.rows.hi;

    /* A key of one row, with others on both sides. */
    if (cursor->plain_keys && at > 0 && at + 1 < cursor->window.rows.count &&
        ((hi[at - 1] ^ hi[at]) & cursor->window.key_hi_mask) != 0) {
        cursor->place = PLACE_KEY;
        cursor->at = cursor->key_begin = at;
        cursor->key_end = cursor->step_end = at + 1;
        return;
    }
    land_reverse_slowly(cursor, at);
}

static SLOW_PATH void
land_reverse_slowly(struct spine_cursor *cursor, size_t at)
{
    struct window *window = &cursor->window;
    size_t begin = window_key_begin(window, at);

    if (begin == 0 && !window->front_closed && at < window->want) {
        size_t shift;

        if (!cursor_backward(cursor, at + 1, &shift))
            return;
        at += shift;
        begin = window_key_begin(window, at);
    }
    if (begin == 0 && !window->front_closed) {
        const struct cell key = rows_key(&cursor->layout, &window->rows, at);

        cursor_seek_key_begin(cursor, &key);
        return;
    }
    cursor_set_key(cursor, begin, at + 1);
    cursor_set_value(cursor, begin);
}

void
cursor_seek_key_begin(struct spine_cursor *cursor, const struct cell *key)
{
    window_seek(&cursor->window, (struct window_bound){.key = key}, false);
    land_filled(cursor);
}

void
cursor_set_key(struct spine_cursor *cursor, size_t begin, size_t end)
{
    const bool end_known = end < cursor->window.rows.count || cursor->window.back_closed;

    cursor->place = PLACE_KEY;
    cursor->key_begin = begin;
    cursor->key_end = end;
    cursor->step_end = cursor->timed ? 0 : end - !end_known;
}

void
cursor_set_value(struct spine_cursor *cursor, size_t at)
{
    cursor->at = at;
    if (cursor->timed)
        cursor->value_end =
            rows_value_end(&cursor->layout, &cursor->window.rows, at, cursor->key_end);
}

size_t
cursor_first_value_rows(const struct spine_cursor *cursor)
{
    const struct rows *rows = &cursor->window.rows;

    return cursor->timed ? rows_value_end(&cursor->layout, rows, 0, rows->count) : 1;
}

bool
cursor_fill(struct spine_cursor *cursor)
{
    const enum spine_status st = window_fill(&cursor->window);

    if (st != SPINE_OK)
        cursor_fail(cursor, st);
    return st == SPINE_OK;
}

bool
cursor_forward(struct spine_cursor *cursor, bool within_key, size_t *first)
{
    const enum spine_status st = window_forward(&cursor->window, within_key, first);

    if (st != SPINE_OK)
        cursor_fail(cursor, st);
    return st == SPINE_OK;
}

bool
cursor_backward(struct spine_cursor *cursor, size_t keep, size_t *shift)
{
    const enum spine_status st = window_backward(&cursor->window, keep, shift);

    if (st != SPINE_OK)
        cursor_fail(cursor, st);
    return st == SPINE_OK;
}

bool
cursor_cell(struct spine_cursor *cursor, const struct cell_layout *column,
            union spine_datum datum, struct cell *out)
{
    struct spine_error error;
    const enum spine_status st = cell_of_datum(column, datum, out, &error);

    if (st == SPINE_OK)
        return true;
    cursor_leave(cursor, PLACE_FAILED);
    cursor->status = st;
    cursor->error = error;
    return false;
}

/* On the first key after `key`. */
static void
land_after(struct spine_cursor *cursor, const struct cell *key)
{
    window_seek(&cursor->window, (struct window_bound){.key = key, .after = true}, false);
    land_filled(cursor);
}

/* On the first row ahead of a seek. */
static void
land_filled(struct spine_cursor *cursor)
{
    if (!cursor_fill(cursor))
        return;
    if (cursor->window.rows.count > 0)
        cursor_land(cursor, 0);
    else
        cursor_leave(cursor, PLACE_AFTER);
}

/* On the last row behind a backward seek. */
static void
land_filled_reverse(struct spine_cursor *cursor)
{
    if (!cursor_fill(cursor))
        return;
    if (cursor->window.rows.count > 0)
        cursor_land_reverse(cursor, cursor->window.rows.count - 1);
    else
        cursor_leave(cursor, PLACE_BEFORE);
}

/* Is there a word for each column, and are words what the caller knows? */
static bool
are_words(const struct layout *layout)
{
    const enum spine_kind key = layout->key.kind, value = layout->value.kind;

    return (key == SPINE_U64 && (value == SPINE_U64 || value == SPINE_NONE)) ||
           (key == SPINE_NONE && value == SPINE_U64);
}

static enum cell_read
cell_read_of(const struct cell_layout *column)
{
    switch (column->kind) {
    case SPINE_U64:
        return CELL_U64;
    case SPINE_I64:
        return CELL_I64;
    case SPINE_F64:
        return CELL_F64;
    case SPINE_U32:
        return CELL_U32;
    case SPINE_I32:
        return CELL_I32;
    case SPINE_NONE:
    case SPINE_FIXED:
    case SPINE_BYTES:
        break;
    }
    return CELL_OTHER;
}
