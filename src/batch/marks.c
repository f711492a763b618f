/* SPDX-License-Identifier: MIT */
#include "batch/marks.h"

void
marks_of_image(const struct layout *layout, const struct image *image, const uint64_t *hi,
               uint64_t *marks)
{
    const uint32_t keys = image->key_count;
    const uint32_t length = (keys + BLOCK_MARKS - 1) / BLOCK_MARKS;

    for (uint32_t i = 0, end = length; i < BLOCK_MARKS; i++, end += length) {
        const uint32_t last = (end < keys ? end : keys) - 1;

        marks[i] = marks_word(layout,
                              hi[image_row_begin(image, image_value_begin(image, last))]);
    }
}

size_t
marks_find(const struct spine_batch *batch, size_t near, uint64_t word)
{
    const uint64_t *marks = batch->marks;
    const size_t count = batch->block_count * BLOCK_MARKS;

    if (near < count && word <= marks[near + 1] && (near == 0 || marks[near] < word))
        return near;
    return search_around(marks + 1, 8, 0, count,
                         interpolate(marks[0], marks[count], 0, count, word), word);
}
