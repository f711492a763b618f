/* SPDX-License-Identifier: MIT */

/* Reading in bulk, into the caller's columns. */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "cursor/cursor_state.h"

static bool stand_on_row(struct spine_cursor *cursor);
static size_t read_rows(struct spine_cursor *cursor,
                        const struct spine_column_buffers *buffers, size_t *at);
static bool read_behind_window(struct spine_cursor *cursor,
                               const struct spine_column_buffers *buffers, size_t *total,
                               size_t *at);
static bool buffers_as_rows(const struct spine_cursor *cursor,
                            const struct spine_column_buffers *buffers, size_t total,
                            struct lent_rows *out);
static size_t read_fit(const struct spine_cursor *cursor, size_t at,
                       const struct spine_column_buffers *buffers, size_t total);
static void stand_on(struct spine_cursor *cursor, size_t at);
static void refuse_row(struct spine_cursor *cursor, size_t at,
                       const struct spine_column_buffers *buffers);

size_t
spine_cursor_read(struct spine_cursor *cursor, const struct spine_column_buffers *buffers)
{
    struct window *window;
    size_t total, at;

    if (cursor_is_dead(cursor))
        return 0;
    cursor->status = SPINE_OK;
    if (buffers == NULL) {
        cursor->status = fail_null(&cursor->error, "spine_cursor_read", "buffers");
        return 0;
    }
    if (!stand_on_row(cursor))
        return 0;
    window = &cursor->window;
    at = cursor->at;
    if (window->want < buffers->rows)
        window->want = buffers->rows < WINDOW_WANT_MAX ? buffers->rows : WINDOW_WANT_MAX;
    total = read_rows(cursor, buffers, &at);
    if (cursor->standing == STANDS_FAILED)
        return 0;
    if (at == window->rows.count)
        cursor_leave(cursor, STANDS_AFTER);
    else if (total > 0)
        stand_on(cursor, at);
    else if (buffers->rows > 0)
        refuse_row(cursor, at, buffers);
    return total;
}

/* On the row that a read begins with. False when there is none. */
static bool
stand_on_row(struct spine_cursor *cursor)
{
    if (cursor->standing == STANDS_NEW || cursor->standing == STANDS_BEFORE)
        spine_cursor_rewind(cursor);
    if (cursor->standing != STANDS_ON_KEY)
        return false;
    if (cursor->at == VALUE_BEFORE)
        cursor_set_value(cursor, cursor->key_begin);
    else if (cursor->at == cursor->key_end)
        spine_cursor_step_key(cursor);
    return cursor->standing == STANDS_ON_KEY;
}

/* Reads rows from `*at` on, window by window, and leaves `*at` on the row behind them,
 * the end of the rows when there is none. */
static size_t
read_rows(struct spine_cursor *cursor, const struct spine_column_buffers *buffers,
          size_t *at)
{
    struct window *window = &cursor->window;
    size_t total = 0;

    for (;;) {
        const size_t count = read_fit(cursor, *at, buffers, total);

        rows_read(&cursor->layout, &window->rows, *at, *at + count, buffers, total);
        total += count;
        *at += count;
        if (*at < window->rows.count || !window->high_open)
            return total;
        if (cursor->plain_words && !read_behind_window(cursor, buffers, &total, at))
            return 0;
        if (!window->high_open)
            return total;
        if (!cursor_forward(cursor, false, at))
            return 0;
        if (*at == window->rows.count)
            return total;
    }
}

/*
 * Reads rows behind the window straight into the caller's memory, as many as are worth
 * it. False when it failed, with the cursor.
 */
static bool
read_behind_window(struct spine_cursor *cursor,
                   const struct spine_column_buffers *buffers, size_t *total, size_t *at)
{
    struct window *window = &cursor->window;
    const int64_t begun = mem_thread_bytes();
    struct lent_rows rows;
    enum spine_status st;

    assert(*total <= buffers->rows);
    if (!window_reads_on(window) || !buffers_as_rows(cursor, buffers, *total, &rows))
        return true;
    st = window_read(window, &rows);
    account_share_add(&window->share, begun);
    if (st != SPINE_OK) {
        cursor_fail(cursor, st);
        return false;
    }
    *total += rows.count;
    *at = window->rows.count;
    return true;
}

/* The caller's memory from row `total` on. False when a column is not wanted, or not
 * aligned. */
static bool
buffers_as_rows(const struct spine_cursor *cursor,
                const struct spine_column_buffers *buffers, size_t total,
                struct lent_rows *out)
{
    const struct layout *layout = &cursor->layout;
    uint64_t *keys = buffers->keys, *values = buffers->values;

    assert(total <= buffers->rows);
    *out = (struct lent_rows){.capacity = buffers->rows - total};
    if (layout->key.shape == SHAPE_NONE)
        keys = values;
    else if (layout->value.shape == SHAPE_NONE)
        values = keys;
    if (keys == NULL || values == NULL || buffers->weights == NULL ||
        ((uintptr_t)keys | (uintptr_t)values) % sizeof *keys != 0)
        return false;
    out->hi = keys + total;
    out->lo = layout->row_kind == ROW_TWO ? values + total : NULL;
    out->weight = buffers->weights + total;
    return true;
}

/* How many rows from `at` on fit, in whole values. */
static size_t
read_fit(const struct spine_cursor *cursor, size_t at,
         const struct spine_column_buffers *buffers, size_t total)
{
    const struct rows *rows = &cursor->window.rows;
    const size_t count =
        rows_read_fit(&cursor->layout, rows, at, rows->count, buffers, total);

    if (!cursor->timed || at + count == rows->count)
        return count;
    return window_value_begin(&cursor->window, at + count) - at;
}

/* On row `at`, which may be in the middle of its key. */
static void
stand_on(struct spine_cursor *cursor, size_t at)
{
    cursor_set_key(cursor, window_key_begin(&cursor->window, at),
                   window_key_end(&cursor->window, at));
    cursor_set_value(cursor, at);
}

/* Says what row `at` needs. The cursor stays on it. */
static void
refuse_row(struct spine_cursor *cursor, size_t at,
           const struct spine_column_buffers *buffers)
{
    const struct rows *rows = &cursor->window.rows;
    const size_t times =
        cursor->timed ? rows_value_end(&cursor->layout, rows, at, rows->count) - at : 1;
    const size_t key_bytes = rows->key != NULL ? rows->key[at].size * times : 0;
    const size_t value_bytes = rows->value != NULL ? rows->value[at].size * times : 0;

    cursor->status = SPINE_INVALID;
    if (times > buffers->rows)
        (void)spine_fail(&cursor->error, SPINE_INVALID,
                         "the next value has %zu times, for which there are %zu rows",
                         times, buffers->rows);
    else
        (void)spine_fail(&cursor->error, SPINE_INVALID,
                         "the next row needs %zu bytes for keys and %zu for values",
                         key_bytes, value_bytes);
}
