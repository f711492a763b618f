/* SPDX-License-Identifier: MIT */

/* What a cursor shows: bounds, a time to look through, the caller's filter. */

#include "base/assert.h"
#include "cursor/cursor_state.h"
#include "spine/view.h"

void
cursor_negate(struct spine_cursor *cursor, size_t begin, size_t end)
{
    assert(cursor->standing == STANDS_NEW && end <= cursor->window.source_count);
    for (size_t i = begin; i < end; i++)
        cursor->window.sources[i].negated = true;
}

void
spine_cursor_set_bounds(struct spine_cursor *cursor, const union spine_datum *lower,
                        const union spine_datum *upper)
{
    struct cell low, high;

    if (cursor_is_dead(cursor) ||
        (lower != NULL && !cursor_cell(cursor, &cursor->layout.key, *lower, &low)) ||
        (upper != NULL && !cursor_cell(cursor, &cursor->layout.key, *upper, &high)))
        return;
    const enum spine_status st = window_set_bounds(
        &cursor->window, lower != NULL ? &low : NULL, upper != NULL ? &high : NULL);

    cursor_leave(cursor, STANDS_NEW);
    if (st != SPINE_OK)
        cursor_fail(cursor, st);
}

void
spine_cursor_set_through(struct spine_cursor *cursor, uint64_t through)
{
    if (cursor_is_dead(cursor))
        return;
    if (cursor->layout.timed) {
        window_set_through(&cursor->window, through);
        cursor_set_timed(cursor, false);
    }
    cursor_leave(cursor, STANDS_NEW);
}

void
spine_cursor_set_filter(struct spine_cursor *cursor,
                        const struct spine_key_filter *filter)
{
    struct key_filter *copy = NULL;
    enum spine_status st = SPINE_OK;
    struct spine_error error;

    if (filter != NULL)
        st = key_filter_new(filter, &copy, &error);
    if (st != SPINE_OK && filter->on_release != NULL)
        filter->on_release(filter->context);
    if (cursor_is_dead(cursor)) {
        key_filter_unref(copy);
    } else if (st != SPINE_OK) {
        cursor_leave(cursor, STANDS_FAILED);
        cursor->status = st;
        cursor->error = error;
    } else {
        window_set_filter(&cursor->window, copy);
        cursor_leave(cursor, STANDS_NEW);
    }
}

uint64_t
spine_cursor_rows_skipped(const struct spine_cursor *cursor)
{
    return cursor != NULL ? cursor->window.rows_skipped : 0;
}
