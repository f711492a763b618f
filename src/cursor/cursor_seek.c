/* SPDX-License-Identifier: MIT */

/* Seeks of keys (spine/cursor.h). */

#include "cursor/cursor_state.h"

static bool seek_key_exact(struct spine_cursor *cursor, union spine_datum key);
static bool
seek_in_window(struct spine_cursor *cursor, const struct cell *key, bool *found);

void
spine_cursor_seek_key(struct spine_cursor *cursor, union spine_datum key)
{
    struct window *window;
    struct cell cell;

    if (cursor_is_dead(cursor) || !cursor_cell(cursor, &cursor->layout.key, key, &cell))
        return;
    window = &cursor->window;
    if (cursor->standing == STANDS_ON_KEY) {
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
            cursor_leave(cursor, STANDS_AFTER);
            return;
        }
    } else if (cursor->standing == STANDS_AFTER || cursor->standing == STANDS_NOWHERE) {
        return;
    }
    const struct bound begin = bound_of(&cursor->layout, &cell, NULL, false);

    cursor_land_filled(cursor, window_seek(window, &begin, false));
}

void
spine_cursor_seek_key_reverse(struct spine_cursor *cursor, union spine_datum key)
{
    struct window *window;
    struct cell cell;

    if (cursor_is_dead(cursor) || !cursor_cell(cursor, &cursor->layout.key, key, &cell))
        return;
    window = &cursor->window;
    if (cursor->standing == STANDS_NEW && !spine_cursor_key_valid(cursor))
        return;
    if (cursor->standing == STANDS_ON_KEY) {
        const size_t row = rows_upper_bound(&cursor->layout, &window->rows, 0,
                                            cursor->key_end, &cell, NULL);

        if (row == cursor->key_end)
            return;
        if (row > 0) {
            cursor_land_reverse(cursor, row - 1);
            return;
        }
        if (!window->low_open) {
            cursor_leave(cursor, STANDS_BEFORE);
            return;
        }
    } else if (cursor->standing == STANDS_BEFORE || cursor->standing == STANDS_NOWHERE) {
        return;
    }
    const struct bound end = bound_of(&cursor->layout, &cell, NULL, true);

    cursor_land_filled_reverse(cursor, window_seek(window, &end, true));
}

bool
spine_cursor_seek_key_exact(struct spine_cursor *cursor, union spine_datum key)
{
    const bool found = seek_key_exact(cursor, key);

    if (!found && !cursor_is_dead(cursor) && cursor->on_absent != NULL &&
        cursor->standing == STANDS_NOWHERE)
        return cursor_show_default(cursor, key);
    return found;
}

static bool
seek_key_exact(struct spine_cursor *cursor, union spine_datum key)
{
    struct cell cell;
    bool found;

    if (cursor_is_dead(cursor) || !cursor_cell(cursor, &cursor->layout.key, key, &cell))
        return false;
    if (seek_in_window(cursor, &cell, &found))
        return found;
    if (!key_filter_keeps(cursor->window.filter, key)) {
        cursor_leave(cursor, STANDS_NOWHERE);
        return false;
    }
    if (!cursor_fill(cursor, window_seek_exact(&cursor->window, &cell)))
        return false;
    if (cursor->window.rows.count == 0) {
        cursor_leave(cursor, STANDS_NOWHERE);
        return false;
    }
    cursor_land(cursor, 0);
    return true;
}

/*
 * Ends an exact seek when the window tells: `key` lies between two of its rows, or is the
 * key of a row, and the key's first row is in the window. A window of one key has nothing
 * to tell.
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
        cursor_leave(cursor, STANDS_NOWHERE);
    return true;
}
