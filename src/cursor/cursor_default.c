/* SPDX-License-Identifier: MIT */

/* The row that is shown of a key that is not there, as an outer join wants it. */

#include "base/alloc.h"
#include "cursor/cursor_state.h"
#include "spine/view.h"

void
spine_cursor_set_default(struct spine_cursor *cursor, union spine_datum value)
{
    struct cell cell;

    if (cursor_is_dead(cursor) ||
        !cursor_cell(cursor, &cursor->layout.value, value, &cell))
        return;
    if (cursor->on_absent == NULL)
        cursor->on_absent = mem_zalloc(sizeof *cursor->on_absent);
    if (cursor->on_absent == NULL ||
        !cursor_keep_datum(&cursor->layout.value, &value,
                           &cursor->on_absent->value_bytes)) {
        cursor_fail(cursor, SPINE_NOMEM);
        return;
    }
    cursor->on_absent->value = value;
}

bool
cursor_show_default(struct spine_cursor *cursor, union spine_datum key)
{
    return cursor_show_value(cursor, key, cursor->on_absent->value);
}

bool
cursor_show_value(struct spine_cursor *cursor, union spine_datum key,
                  union spine_datum value)
{
    static const int64_t ones[SPINE_WEIGHTS_MAX] = {1, 1, 1, 1, 1, 1, 1, 1};
    struct cursor_default *on_absent = cursor->on_absent;
    struct spine_row row = {.key = key, .value = value, .weight = 1, .weights = ones};
    enum spine_status st = SPINE_NOMEM;

    if (cursor_keep_datum(&cursor->layout.key, &row.key, &on_absent->shown_key) &&
        cursor_keep_datum(&cursor->layout.value, &row.value, &on_absent->shown_value))
        st = window_show_ghost(&cursor->window, &row);
    if (st != SPINE_OK) {
        cursor_fail(cursor, st);
        return false;
    }
    cursor_land(cursor, 0);
    return true;
}
