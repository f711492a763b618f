/* SPDX-License-Identifier: MIT */

/* Marks of a block made from its keys, and words searched among the marks of a batch. */

#include "batch/marks.h"

/* Far from a guess, the marks of this many blocks are passed over at first. */
#define BLOCK_STEP 8u

static size_t find_from(const uint64_t *marks, size_t count, size_t guess, uint64_t word);
static size_t block_below(const uint64_t *marks, size_t block, uint64_t word);
static size_t
block_above(const uint64_t *marks, size_t count, size_t block, uint64_t word);

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
    return find_from(marks + 1, count,
                     interpolate(marks[0], marks[count], 0, count, word), word);
}

size_t
marks_find_around(const struct spine_batch *batch, size_t near, uint64_t word)
{
    return find_from(batch->marks + 1, batch->block_count * BLOCK_MARKS, near, word);
}

/* The first of `count` marks not less than `word`. */
static size_t
find_from(const uint64_t *marks, size_t count, size_t guess, uint64_t word)
{
    const size_t low = guess > GUESS_REACH ? guess - GUESS_REACH : 0;
    const size_t high = count - guess > GUESS_REACH ? guess + GUESS_REACH : count;
    size_t begin;

    if (low > 0 && marks[low - 1] >= word)
        begin = block_below(marks, (low - 1) / BLOCK_MARKS, word) * BLOCK_MARKS;
    else if (high < count && marks[high] < word)
        begin = block_above(marks, count, high / BLOCK_MARKS, word) * BLOCK_MARKS;
    else
        return search_around(marks, 8, low, high, guess, word);
    /* A key of many rows has whole blocks. */
    if (begin == count || marks[begin] >= word)
        return begin;
    return search_halves(marks, 8, begin, BLOCK_MARKS, word);
}

/* The last mark of a block. */
static inline uint64_t
last_mark(const uint64_t *marks, size_t block)
{
    return marks[block * BLOCK_MARKS + BLOCK_MARKS - 1];
}

/* The first of the blocks [begin, end] whose last mark is not less than `word`: the last
 * of them is, or is behind all. */
static inline size_t
halve_blocks(const uint64_t *marks, size_t begin, size_t end, uint64_t word)
{
    for (size_t count = end - begin; count > 0; count -= (count + 1) / 2)
        begin += last_mark(marks, begin + (count - 1) / 2) < word ? (count + 1) / 2 : 0;
    return begin;
}

/* That block, at or before `block`, which is one that is not less. */
static size_t
block_below(const uint64_t *marks, size_t block, uint64_t word)
{
    size_t begin = block, end = block;

    for (size_t step = BLOCK_STEP; begin > 0 && begin == end; step *= 2) {
        begin = begin > step ? begin - step : 0;
        if (last_mark(marks, begin) >= word)
            end = begin;
    }
    return halve_blocks(marks, begin, end, word);
}

/* The same at or behind `block`. */
static size_t
block_above(const uint64_t *marks, size_t count, size_t block, uint64_t word)
{
    const size_t block_count = count / BLOCK_MARKS;
    size_t begin = block, end = block;

    for (size_t step = BLOCK_STEP; end < block_count; step *= 2) {
        end = block_count - begin > step ? begin + step : block_count;
        if (end == block_count || last_mark(marks, end) >= word)
            break;
        begin = end + 1;
    }
    return halve_blocks(marks, begin, end, word);
}
