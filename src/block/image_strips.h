/* SPDX-License-Identifier: MIT */
#ifndef BLOCK_IMAGE_STRIPS_H
#define BLOCK_IMAGE_STRIPS_H

/*
 * block/image_strips -- images of which a few keys and their values are enough to find a
 * row. Part of block/block.h, which includes it.
 *
 * A full block of rows that are each a word of a key and a word of a value, or a key
 * alone, is two arrays of equally many words. So part of both, some words of the one and
 * those at the same numbers of the other, says all about its rows once the frames of both
 * are known. In a file such parts lie side by side, as strips (store/strips.h).
 */

#include "block/column.h"

/* The words of an image as frames, whether they are or not; where their distances lie is
 * not said. Values have width 0 when there are none. */
struct image_strips {
    struct frame keys;
    struct frame values;
    /* There are FRAME_SLACK bytes behind the words. */
    bool keys_have_slack;
    bool values_have_slack;
};

/* Is the image such a one? */
bool image_strips(const struct layout *layout, const struct image *image,
                  struct image_strips *out);

/* The number of the key `word` among the `count` keys from number `first` of the image
 * on, whose distances begin at `bits`; `count` when it is none of them. */
uint32_t strip_find(const struct image_strips *strips, const uint8_t *bits,
                    uint32_t first, uint32_t count, uint64_t word);
/* The value at number `at` of those from number `first` of the image on. */
uint64_t strip_value(const struct image_strips *strips, const uint8_t *bits,
                     uint32_t first, uint32_t at);

#endif
