/* SPDX-License-Identifier: MIT */

/* What is read where a cursor stands: the key, the value, its times and weights. */

#include "base/assert.h"
#include "cursor/cursor_state.h"
#include "rows/row_weights.h"
#include "spine/view.h"

static_assert(STANDS_ON_KEY == 0 && CELL_U64 == 0,
              "spine_cursor_key() asks both at once");

static const uint64_t no_times[1];
static const int64_t no_weights[SPINE_WEIGHTS_MAX];

static union spine_datum cursor_read_key(struct spine_cursor *cursor);
static union spine_datum cursor_read_value(struct spine_cursor *cursor);
static union spine_datum datum_of_word(enum cell_read read, uint64_t word);
static const int64_t *sum_weights(struct spine_cursor *cursor);
static size_t keep_through(struct spine_cursor *cursor, uint64_t upper,
                           const uint64_t *times, const int64_t *weights, size_t count);
static size_t times_before(const uint64_t *times, size_t count, uint64_t upper);

union spine_datum
spine_cursor_key(struct spine_cursor *cursor)
{
    /* Both are 0: that and nothing else is the quick case. */
    if (cursor != NULL && ((unsigned)cursor->standing | (unsigned)cursor->key_read) == 0)
        return spine_u64(cursor->window.rows.hi[cursor->key_begin]);
    return cursor_read_key(cursor);
}

static SLOW_PATH union spine_datum
cursor_read_key(struct spine_cursor *cursor)
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
    return cursor_read_value(cursor);
}

static SLOW_PATH union spine_datum
cursor_read_value(struct spine_cursor *cursor)
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
    const unsigned width = cursor->layout.weight_count;
    const int64_t *first = cursor->window.rows.weight + cursor->at * width;

    assert(cursor->at < cursor->value_end);
    if (weights_sum(width, first, first + width, cursor->value_end - cursor->at - 1,
                    cursor->sums))
        return cursor->sums;
    cursor_fail(cursor, cursor_name_sum(cursor, &cursor->window.failure));
    return no_weights;
}

size_t
spine_cursor_times_through(struct spine_cursor *cursor, uint64_t upper,
                           const uint64_t **times, const int64_t **weights)
{
    const uint64_t *all_times;
    const int64_t *all_weights;
    size_t count = spine_cursor_times(cursor, &all_times, &all_weights);

    if (count > 0 && cursor->timed && cursor->layout.schema.time == SPINE_TIME_U64) {
        count = times_before(all_times, count, upper);
    } else if (count > 0 && cursor->timed) {
        count = keep_through(cursor, upper, all_times, all_weights, count);
        all_times = cursor->times.time;
        all_weights = cursor->times.weight;
    }
    if (times != NULL)
        *times = all_times;
    if (weights != NULL)
        *weights = all_weights;
    return count;
}

/* Copies those of `count` times that are less than or equal to `upper`, with their
 * weights, to what times_through() gives out. Returns how many. */
static size_t
keep_through(struct spine_cursor *cursor, uint64_t upper, const uint64_t *times,
             const int64_t *weights, size_t count)
{
    const unsigned width = cursor->layout.weight_count;
    struct rows *kept = &cursor->times;

    if (!rows_reserve(&cursor->layout, kept, count)) {
        cursor_fail(cursor, SPINE_NOMEM);
        return 0;
    }
    kept->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (!spine_time_less_equal(cursor->layout.schema.time, times[i], upper))
            continue;
        kept->time[kept->count] = times[i];
        memcpy(kept->weight + kept->count * width, weights + i * width,
               width * sizeof *weights);
        kept->count++;
    }
    return kept->count;
}

/* How many of the ascending `times` are not greater than `upper`. */
static size_t
times_before(const uint64_t *times, size_t count, uint64_t upper)
{
    size_t begin = 0;

    while (count > 0) {
        const size_t half = count / 2;

        if (times[begin + half] <= upper) {
            begin += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return begin;
}
