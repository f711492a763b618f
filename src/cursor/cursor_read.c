/* SPDX-License-Identifier: MIT */
#include "cursor/cursor_state.h"

#include "base/assert.h"
#include "base/error.h"
#include "base/wide_sum.h"

static_assert(PLACE_KEY == 0 && CELL_U64 == 0, "spine_cursor_key() asks both at once");

static const uint64_t no_times[1];
static const int64_t no_weights[SPINE_WEIGHTS_MAX];

static union spine_datum read_key(struct spine_cursor *cursor);
static union spine_datum read_value(struct spine_cursor *cursor);
static union spine_datum datum_of_word(enum cell_read read, uint64_t word);
static const int64_t *sum_weights(struct spine_cursor *cursor);
static bool stand_on_row(struct spine_cursor *cursor);
static size_t read_rows(struct spine_cursor *cursor,
                        const struct spine_column_buffers *buffers, size_t *at);
static bool read_words(struct spine_cursor *cursor,
                       const struct spine_column_buffers *buffers, size_t *total,
                       size_t *at);
static bool words_of(const struct spine_cursor *cursor,
                     const struct spine_column_buffers *buffers, size_t total,
                     struct lent_rows *out);
static size_t read_fit(const struct spine_cursor *cursor, size_t at,
                       const struct spine_column_buffers *buffers, size_t total);
static void stand_on(struct spine_cursor *cursor, size_t at);
static void refuse_row(struct spine_cursor *cursor, size_t at,
                       const struct spine_column_buffers *buffers);

union spine_datum
spine_cursor_key(struct spine_cursor *cursor)
{
    /* Both are 0: that and nothing else is the quick case. */
    if (cursor != NULL && ((unsigned)cursor->place | (unsigned)cursor->key_read) == 0)
        return spine_u64(cursor->window.rows.hi[cursor->key_begin]);
    return read_key(cursor);
}

static SLOW_PATH union spine_datum
read_key(struct spine_cursor *cursor)
{
    const struct rows *rows;

    if (!cursor_on_key(cursor)) {
        cursor_misuse(cursor, "spine_cursor_key", "key");
        return (union spine_datum){.bytes = {0}};
    }
    rows = &cursor->window.rows;
    if (cursor->key_read == CELL_OTHER)
        return rows_key_datum(&cursor->layout, rows, cursor->key_begin,
                              cursor->key_scratch);
    return datum_of_word(cursor->key_read,
                         rows->hi[cursor->key_begin] >> cursor->key_shift);
}

union spine_datum
spine_cursor_val(struct spine_cursor *cursor)
{
    if (cursor != NULL && cursor->at < cursor->key_end &&
        cursor->value_read == CELL_U64) {
        const struct rows *rows = &cursor->window.rows;

        return spine_u64((rows->lo != NULL ? rows->lo : rows->hi)[cursor->at]);
    }
    return read_value(cursor);
}

static SLOW_PATH union spine_datum
read_value(struct spine_cursor *cursor)
{
    const struct rows *rows;
    const uint64_t *words;

    if (!cursor_on_value(cursor)) {
        cursor_misuse(cursor, "spine_cursor_val", "value");
        return (union spine_datum){.bytes = {0}};
    }
    rows = &cursor->window.rows;
    if (cursor->value_read == CELL_OTHER)
        return rows_value_datum(&cursor->layout, rows, cursor->at, cursor->value_scratch);
    words = rows->lo != NULL ? rows->lo : rows->hi;
    return datum_of_word(cursor->value_read, words[cursor->at] & cursor->value_mask);
}

static union spine_datum
datum_of_word(enum cell_read read, uint64_t word)
{
    switch (read) {
    case CELL_I64:
        return spine_i64(i64_of_word(word));
    case CELL_F64:
        return spine_f64(f64_of_word(word));
    case CELL_U32:
        return spine_u32((uint32_t)word);
    case CELL_I32:
        return spine_i32(i32_of_word((uint32_t)word));
    case CELL_U64:
    case CELL_OTHER:
        break;
    }
    return spine_u64(word);
}

int64_t
spine_cursor_weight(struct spine_cursor *cursor)
{
    if (cursor != NULL && cursor->at < cursor->key_end && cursor->plain)
        return cursor->window.rows.weight[cursor->at];
    return spine_cursor_weights(cursor)[0];
}

const int64_t *
spine_cursor_weights(struct spine_cursor *cursor)
{
    if (!cursor_on_value(cursor)) {
        cursor_misuse(cursor, "spine_cursor_weight", "value");
        return no_weights;
    }
    if (cursor->timed)
        return sum_weights(cursor);
    return cursor->window.rows.weight + cursor->at * cursor->layout.weight_count;
}

size_t
spine_cursor_times(struct spine_cursor *cursor, const uint64_t **times,
                   const int64_t **weights)
{
    const bool on_value = cursor_on_value(cursor);
    const struct rows *rows = on_value ? &cursor->window.rows : NULL;

    if (times != NULL)
        *times = on_value && cursor->timed ? rows->time + cursor->at : no_times;
    if (weights != NULL)
        *weights = on_value ? rows->weight + cursor->at * cursor->layout.weight_count
                            : no_weights;
    if (!on_value) {
        cursor_misuse(cursor, "spine_cursor_times", "value");
        return 0;
    }
    return cursor->timed ? cursor->value_end - cursor->at : 1;
}

/* Over all times; what leaves int64_t on the way may come back. */
static const int64_t *
sum_weights(struct spine_cursor *cursor)
{
    const unsigned weight_count = cursor->layout.weight_count;

    for (unsigned c = 0; c < weight_count; c++) {
        wide_sum sum = 0;

        for (size_t row = cursor->at; row < cursor->value_end; row++)
            sum += cursor->window.rows.weight[row * weight_count + c];
        cursor->sums[c] = (int64_t)sum;
        if (!wide_sum_fits(sum)) {
            cursor_fail(cursor, SPINE_OVERFLOW);
            return no_weights;
        }
    }
    return cursor->sums;
}

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
    if (cursor->place == PLACE_FAILED)
        return 0;
    if (at == window->rows.count)
        cursor_leave(cursor, PLACE_AFTER);
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
    if (cursor->place == PLACE_NEW || cursor->place == PLACE_BEFORE)
        spine_cursor_rewind(cursor);
    if (cursor->place != PLACE_KEY)
        return false;
    if (cursor->at == VALUE_BEFORE)
        cursor_set_value(cursor, cursor->key_begin);
    else if (cursor->at == cursor->key_end)
        spine_cursor_step_key(cursor);
    return cursor->place == PLACE_KEY;
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
        if (cursor->plain_words && !read_words(cursor, buffers, &total, at))
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
read_words(struct spine_cursor *cursor, const struct spine_column_buffers *buffers,
           size_t *total, size_t *at)
{
    struct window *window = &cursor->window;
    struct lent_rows rows;
    enum spine_status st;

    if (!window_reads_on(window) || !words_of(cursor, buffers, *total, &rows))
        return true;
    st = window_read(window, &rows);
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
words_of(const struct spine_cursor *cursor, const struct spine_column_buffers *buffers,
         size_t total, struct lent_rows *out)
{
    const struct layout *layout = &cursor->layout;
    uint64_t *keys = buffers->keys, *values = buffers->values;

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
