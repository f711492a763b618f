/* SPDX-License-Identifier: MIT */

/* Where a block ends and the next one begins. */

#include "batch/fence.h"

/* Rows whose bytes are added up at once. */
#define SOME_ROWS 64u

static size_t end_by_bytes(const struct layout *layout, const struct rows *rows,
                           size_t begin, size_t end);
static size_t some_bytes(const struct rows *rows, size_t at, bool keys, bool values);
static size_t fixed_bytes(const struct cell_layout *column);
static bool all_keys_differ(const struct layout *layout, const struct rows *rows,
                            size_t begin, size_t end);
static size_t end_by_value(const struct layout *layout, const struct rows *rows,
                           size_t begin, size_t end);

size_t
output_block_end(const struct output *output, const struct rows *rows, size_t begin,
                 bool is_end)
{
    const struct layout *layout = &output->layout;
    const size_t left = rows->count - begin;
    size_t end = begin + (left < BLOCK_ROWS ? left : BLOCK_ROWS);

    if (left > 0 && (layout->key.spans || layout->value.spans))
        end = end_by_bytes(layout, rows, begin, end);
    if (end == rows->count)
        return begin;

    const size_t half = (end - begin) / 2;

    if (is_end && rows->count - end < half)
        end = begin + (left + 1) / 2;
    if (!is_end && output->rows_expected > output->rows &&
        output->rows_expected - output->rows < end - begin + half)
        return begin;
    return layout->timed ? end_by_value(layout, rows, begin, end) : end;
}

bool
output_ends_with(const struct output *output, const struct rows *rows)
{
    const struct rows *pending = &output->pending;
    const struct row_code first = rows_code(&output->layout, rows, 0);
    struct row_code last;

    if (pending->count == 0 && output->block_count == 0)
        return false;
    last = pending->count > 0 ? rows_code(&output->layout, pending, pending->count - 1)
                              : fence_last(&output->fences[output->block_count - 1]);
    return row_code_same_key(&output->layout, &last, &first);
}

/* Rows [begin, end), or as many of them as fit into BLOCK_BYTES. */
static size_t
end_by_bytes(const struct layout *layout, const struct rows *rows, size_t begin,
             size_t end)
{
    const size_t fixed = fixed_bytes(&layout->key) + fixed_bytes(&layout->value);
    const bool keys = layout->key.shape == SHAPE_BYTES;
    const bool values = layout->value.shape == SHAPE_BYTES;
    size_t bytes = 0, fit = begin;

    if (!keys && !values && (end - begin) * fixed <= BLOCK_BYTES)
        return end;
    /* Rows before `fit` fit even if no key and no value had more than one row. */
    for (; end - fit >= SOME_ROWS; fit += SOME_ROWS) {
        const size_t some = some_bytes(rows, fit, keys, values) + SOME_ROWS * fixed;

        if (bytes + some > BLOCK_BYTES)
            break;
        bytes += some;
    }
    for (; fit < end && bytes <= BLOCK_BYTES; fit++) {
        bytes += keys ? rows->key[fit].size : 0;
        bytes += values ? rows->value[fit].size : 0;
        bytes += fixed;
    }
    if (bytes <= BLOCK_BYTES)
        return end;
    if (fit - 1 > begin && all_keys_differ(layout, rows, begin, fit))
        return fit - 1;

    bytes = 0;
    for (size_t i = begin, key_end = begin; i < end;) {
        if (i == key_end) {
            key_end = rows_key_end(layout, rows, i, end);
            bytes += layout->key.spans ? rows->key[i].size : 0;
        }
        bytes += layout->value.spans ? rows->value[i].size : 0;
        if (bytes > BLOCK_BYTES && i > begin)
            return i;
        i = layout->timed ? rows_value_end(layout, rows, i, key_end) : i + 1;
    }
    return end;
}

/* Of SOME_ROWS rows from `at` on, the keys and values that are asked for. */
static size_t
some_bytes(const struct rows *rows, size_t at, bool keys, bool values)
{
    size_t key_bytes = 0, value_bytes = 0;

    for (size_t i = at; keys && i < at + SOME_ROWS; i++)
        key_bytes += rows->key[i].size;
    for (size_t i = at; values && i < at + SOME_ROWS; i++)
        value_bytes += rows->value[i].size;
    return key_bytes + value_bytes;
}

/* Of cells with spans that are all of one size. */
static size_t
fixed_bytes(const struct cell_layout *column)
{
    return column->spans && column->shape == SHAPE_FIXED ? column->bytes : 0;
}

static bool
all_keys_differ(const struct layout *layout, const struct rows *rows, size_t begin,
                size_t end)
{
    const bool spans = layout->key.spans;

    for (size_t i = begin + 1; i < end; i++)
        if (rows->hi[i] == rows->hi[i - 1] &&
            (!spans || span_compare(rows->key[i], rows->key[i - 1]) == 0))
            return false;
    return true;
}

/* Rows [begin, end) without the times of a value that go on behind `end`, unless that
 * leaves nothing. */
static size_t
end_by_value(const struct layout *layout, const struct rows *rows, size_t begin,
             size_t end)
{
    size_t start = end;

    while (start > begin && rows_value_end(layout, rows, start - 1, end + 1) == end + 1)
        start--;
    return start > begin ? start : end;
}
