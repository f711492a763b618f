/* SPDX-License-Identifier: MIT */
#include "batch/marks.h"

void
marks_of_block(const struct layout *layout, const struct block *block, const uint64_t *hi,
               uint64_t *marks)
{
    const uint32_t keys = block->key_count;
    const uint32_t length = (keys + BLOCK_MARKS - 1) / BLOCK_MARKS;

    for (uint32_t i = 0, end = length; i < BLOCK_MARKS; i++, end += length) {
        const uint32_t last = (end < keys ? end : keys) - 1;

        marks[i] = marks_word(layout,
                              hi[block_row_begin(block, block_value_begin(block, last))]);
    }
}
