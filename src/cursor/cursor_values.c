/* SPDX-License-Identifier: MIT */

/* Moves by the values of the present key. */

#include "cursor/cursor_state.h"

#include "base/alloc.h"
#include "base/assert.h"

static bool is_near_key_end(const struct spine_cursor *cursor);
static void step_val_at_edge(struct spine_cursor *cursor);
static bool extend_key(struct spine_cursor *cursor, size_t *first);
static void step_val_reverse_at_edge(struct spine_cursor *cursor);
static bool hold_key(struct spine_cursor *cursor, struct cell *key);

void
spine_cursor_rewind_vals(struct spine_cursor *cursor)
{
    if (!cursor_on_key(cursor)) {
        cursor_misuse(cursor, "spine_cursor_rewind_vals", "key");
    } else if (cursor_key_begin_known(cursor)) {
        cursor_set_value(cursor, cursor->key_begin);
    } else {
        const struct cell key = rows_key(&cursor->layout, &cursor->window.rows, 0);

        cursor_seek_key_begin(cursor, &key);
    }
}

void
spine_cursor_fast_forward_vals(struct spine_cursor *cursor)
{
    size_t first;

    if (!cursor_on_key(cursor)) {
        cursor_misuse(cursor, "spine_cursor_fast_forward_vals", "key");
        return;
    }
    if (!cursor_key_end_known(cursor) && is_near_key_end(cursor) &&
        !extend_key(cursor, &first))
        return;
    if (!cursor_key_end_known(cursor)) {
        const struct cell key =
            rows_key(&cursor->layout, &cursor->window.rows, cursor->key_begin);

        cursor_go_behind_last(cursor, &key);
        if (cursor->standing == STANDS_FAILED)
            return;
    }
    cursor_set_value(cursor, window_value_begin(&cursor->window, cursor->key_end - 1));
}

/* Few rows of the key are read over, many are skipped: are there few, as far as one
 * knows? */
static bool
is_near_key_end(const struct spine_cursor *cursor)
{
    const struct window *window = &cursor->window;

    if (window->limited && window->staged == STAGED_FORWARD)
        return window_rows_ahead(window) <= window->want;
    return cursor->key_end - cursor->key_begin < window->want;
}

void
spine_cursor_step_val(struct spine_cursor *cursor)
{
    if (cursor != NULL && cursor->at < cursor->step_end)
        cursor->at++;
    else
        step_val_at_edge(cursor);
}

/* With times, or from the last value of the window. */
static SLOW_PATH void
step_val_at_edge(struct spine_cursor *cursor)
{
    size_t first;

    if (!cursor_on_value(cursor)) {
        cursor_misuse(cursor, "spine_cursor_step_val", "value");
        return;
    }

    const size_t next = cursor->timed ? cursor->value_end : cursor->at + 1;

    if (next < cursor->key_end)
        cursor_set_value(cursor, next);
    else if (cursor_key_end_known(cursor))
        cursor->at = cursor->key_end;
    else if (extend_key(cursor, &first) && first < cursor->key_end)
        cursor_set_value(cursor, first);
    else
        cursor->at = cursor->key_end;
}

/*
 * Reads on behind the window, which ends within the present key. New rows of the key are
 * from `*first` on, `key_end` when there are none; the last value before them is kept.
 * False on failure.
 */
static bool
extend_key(struct spine_cursor *cursor, size_t *first)
{
    const struct window *window = &cursor->window;
    size_t end;

    if (!cursor_forward(cursor, true, first))
        return false;
    end = *first;
    if (end < window->rows.count && window_same_key(window, end - 1, end))
        end = window_key_end(window, end);
    cursor_set_key(cursor, window_key_begin(window, *first - 1), end);
    return true;
}

void
spine_cursor_step_val_reverse(struct spine_cursor *cursor)
{
    if (!cursor_on_value(cursor))
        cursor_misuse(cursor, "spine_cursor_step_val_reverse", "value");
    else if (cursor->at > cursor->key_begin)
        cursor_set_value(cursor, window_value_begin(&cursor->window, cursor->at - 1));
    else if (cursor_key_begin_known(cursor))
        cursor->at = VALUE_BEFORE;
    else
        step_val_reverse_at_edge(cursor);
}

/* From the first value of the window. */
static void
step_val_reverse_at_edge(struct spine_cursor *cursor)
{
    struct window *window = &cursor->window;
    size_t shift;

    if (!cursor_backward(cursor, cursor_first_value_rows(cursor), &shift))
        return;
    if (shift > 0 && window_same_key(window, shift - 1, shift)) {
        cursor_set_key(cursor, window_key_begin(window, shift - 1), window->rows.count);
        cursor_set_value(cursor, window_value_begin(window, shift - 1));
    } else {
        cursor_set_key(cursor, shift, window->rows.count);
        cursor->at = VALUE_BEFORE;
    }
}

void
spine_cursor_seek_val(struct spine_cursor *cursor, union spine_datum val)
{
    struct window *window;
    struct cell key, value;
    size_t begin, row;

    if (!cursor_on_key(cursor)) {
        cursor_misuse(cursor, "spine_cursor_seek_val", "key");
        return;
    }
    window = &cursor->window;
    if (!cursor_cell(cursor, &cursor->layout.value, val, &value) ||
        cursor->at == cursor->key_end)
        return;
    begin = cursor->at == VALUE_BEFORE ? cursor->key_begin : cursor->at;
    key = rows_key(&cursor->layout, &window->rows, begin);
    row = rows_lower_bound(&cursor->layout, &window->rows, begin, cursor->key_end, &key,
                           &value);
    if (row < cursor->key_end) {
        cursor_set_value(cursor, row);
        return;
    }
    if (cursor_key_end_known(cursor)) {
        cursor->at = cursor->key_end;
        return;
    }
    const struct bound bound = bound_of(&cursor->layout, &key, &value, false);

    if (!hold_key(cursor, &key) ||
        !cursor_fill(cursor, window_seek_limited(window, &bound, false)))
        return;
    if (window->rows.count > 0) {
        cursor_set_key(cursor, 0, window->rows.count);
        cursor_set_value(cursor, 0);
    } else {
        cursor_go_behind_last(cursor, &key);
    }
}

void
spine_cursor_seek_val_reverse(struct spine_cursor *cursor, union spine_datum val)
{
    struct window *window;
    struct cell key, value;
    size_t end, row;

    if (!cursor_on_key(cursor)) {
        cursor_misuse(cursor, "spine_cursor_seek_val_reverse", "key");
        return;
    }
    window = &cursor->window;
    if (!cursor_cell(cursor, &cursor->layout.value, val, &value) ||
        cursor->at == VALUE_BEFORE)
        return;
    end = cursor->key_end;
    if (cursor->at < end)
        end = cursor->timed ? cursor->value_end : cursor->at + 1;
    key = rows_key(&cursor->layout, &window->rows, cursor->key_begin);
    row = rows_upper_bound(&cursor->layout, &window->rows, cursor->key_begin, end, &key,
                           &value);
    if (row == end && cursor->at < cursor->key_end)
        return;
    if (row > cursor->key_begin) {
        cursor_set_value(cursor, window_value_begin(window, row - 1));
        return;
    }
    if (cursor_key_begin_known(cursor)) {
        cursor->at = VALUE_BEFORE;
        return;
    }
    const struct bound bound = bound_of(&cursor->layout, &key, &value, true);

    if (!hold_key(cursor, &key) ||
        !cursor_fill(cursor, window_seek_limited(window, &bound, true)))
        return;
    if (window->rows.count > 0) {
        cursor_set_key(cursor, 0, window->rows.count);
        cursor_set_value(cursor, window_value_begin(window, cursor->key_end - 1));
    } else {
        cursor_go_before_first(cursor, &key);
    }
}

/* Behind the last value of `key`, which has rows, by a new window that ends there. */
void
cursor_go_behind_last(struct spine_cursor *cursor, const struct cell *key)
{
    const struct bound end = bound_of(&cursor->layout, key, NULL, true);
    struct window *window = &cursor->window;
    const bool limited = window->limited;

    assert(key != NULL);
    const enum spine_status st = window_seek(window, &end, true);

    if (limited)
        window->want = WINDOW_WANT_FEW;
    if (!cursor_fill(cursor, st))
        return;
    /* A filter that contradicts itself may have hidden the key. */
    if (window->rows.count == 0) {
        cursor_leave(cursor, STANDS_BEFORE);
        return;
    }
    cursor_set_key(cursor, window_key_begin(window, window->rows.count - 1),
                   window->rows.count);
    cursor->at = cursor->key_end;
}

/* Before the first value of `key`, which has rows, by a new window that begins there. */
void
cursor_go_before_first(struct spine_cursor *cursor, const struct cell *key)
{
    assert(key != NULL);
    cursor_seek_key_begin(cursor, key);
    if (cursor->standing == STANDS_ON_KEY)
        cursor->at = VALUE_BEFORE;
}

/* Makes `key`, which may borrow from the window, outlive it. False without memory, and
 * the cursor has failed. */
static bool
hold_key(struct spine_cursor *cursor, struct cell *key)
{
    struct kept_bytes *held = &cursor->held;

    if (key->span.size == 0 || !window_rows_borrow(&cursor->window))
        return true;
    if (!array_reserve(&held->data, &held->capacity, 1, key->span.size)) {
        cursor_fail(cursor, SPINE_NOMEM);
        return false;
    }
    memmove(held->data, key->span.data, key->span.size);
    key->span.data = held->data;
    return true;
}
