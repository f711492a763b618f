/* SPDX-License-Identifier: MIT */

/* Where a block ends and the next one begins. */

#include "batch/fence.h"

static size_t end_by_bytes(const struct layout *layout, const struct rows *rows,
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
    size_t bytes = 0;

    /* Rarely is it too much even if no key and no value had more than one row. */
    for (size_t i = begin; i < end; i++) {
        bytes += layout->key.spans ? rows->key[i].size : 0;
        bytes += layout->value.spans ? rows->value[i].size : 0;
    }
    if (bytes <= BLOCK_BYTES)
        return end;

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
