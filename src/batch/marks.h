/* SPDX-License-Identifier: MIT */
#ifndef BATCH_MARKS_H
#define BATCH_MARKS_H

/*
 * batch/marks -- where keys that are words lie, without a look into their blocks.
 *
 * The keys of a block are divided into BLOCK_MARKS granules of equal length; the last
 * ones of a small block may be shorter or empty. A mark is the last key of a granule, and
 * in front of all marks is the first key of the batch:
 *
 *     marks[0]  keys of granule 0  marks[1]  keys of granule 1  marks[2] ...
 *
 * so the keys of granule s are greater than marks[s] (but for the very first one) and not
 * greater than marks[s + 1]. An empty granule has the mark of the one before. The marks
 * of a batch lie side by side and are small enough to stay in a processor's cache; they
 * lead to some hundred keys, of which two are known.
 */

#include "batch/fence.h"

static inline bool
layout_has_marks(const struct layout *layout)
{
    return layout->key.shape == SHAPE_WORD4 || layout->key.shape == SHAPE_WORD8;
}

/* The words that a batch of `block_count` blocks keeps. */
static inline size_t
marks_count(const struct layout *layout, size_t block_count)
{
    return layout_has_marks(layout) && block_count > 0 ? block_count * BLOCK_MARKS + 1
                                                       : 0;
}

/* The key's word in the code of a row. */
static inline uint64_t
marks_word(const struct layout *layout, uint64_t hi)
{
    return hi >> layout->key_shift;
}

/* Writes the BLOCK_MARKS marks of a block; `hi` are the codes of its rows. */
void marks_of_image(const struct layout *layout, const struct image *image,
                    const uint64_t *hi, uint64_t *marks);

/* The granule of `word`, the first whose mark is not less, or behind the last one if
 * there is none. Quick when it is `near`, which may be any number. */
size_t marks_find(const struct spine_batch *batch, size_t near, uint64_t word);

/* The same when it is `near`, which is one of the granules, in steps that double away
 * from there. */
size_t marks_find_around(const struct spine_batch *batch, size_t near, uint64_t word);

/* Keys [begin, end) of a block, among which a word is if it is anywhere. */
struct granule {
    const struct fence *fence;
    uint32_t begin;
    uint32_t end;
};

static inline struct granule
marks_granule(const struct spine_batch *batch, size_t number)
{
    const struct fence *fence = &batch->fences[number / BLOCK_MARKS];
    const uint32_t length = (fence->keys + BLOCK_MARKS - 1) / BLOCK_MARKS;
    const uint32_t begin = (uint32_t)(number % BLOCK_MARKS) * length;
    const uint32_t end = begin + length;

    assert(number < batch->block_count * BLOCK_MARKS);
    return (struct granule){
        .fence = fence, .begin = begin, .end = end < fence->keys ? end : fence->keys};
}

/*
 * The key of the granule that `word` is, or where it would be, if keys are spread evenly
 * between the marks, as keys drawn at random and counted ones are. The granule is the
 * word's, so it is not empty.
 */
static inline uint32_t
marks_guess(const uint64_t *marks, size_t number, const struct granule *granule,
            uint64_t word)
{
    const uint64_t low = marks[number], high = marks[number + 1];
    const uint32_t length = granule->end - granule->begin;

    uint32_t at;

    if (word <= low)
        return granule->begin;
    at = (uint32_t)((double)(word - low) / (double)(high - low) * length);
    return granule->begin + (at < length ? at : length - 1);
}

#endif
