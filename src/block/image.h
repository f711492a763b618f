/* SPDX-License-Identifier: MIT */
#ifndef BLOCK_IMAGE_H
#define BLOCK_IMAGE_H

/*
 * block/image -- the bytes of a block.
 *
 * An image is a head of IMAGE_HEAD_BYTES and the arrays behind it, in this order, each
 * from a multiple of eight bytes on, with zeros between them:
 *
 *     anchors of keys       SPINE_BYTES keys: words of every ANCHOR_STEP-th one; then
 *                           fronts, if there are any
 *     ends of keys          SPINE_BYTES keys: where each ends among the cells, 4 bytes
 *     cells of keys         words of 4 or 8 bytes, or bytes end to end and CELL_SLACK
 *                           bytes more
 *     ends of values        SPINE_BYTES values; or a list of values
 *     cells of values
 *     ends of a key's values     2 bytes per key; absent when every key has one value
 *     ends of a value's times    2 bytes per value; absent when every value has one row
 *     times                 8 bytes each; absent when untimed
 *     weights               1, 2, 4 or 8 bytes each; absent when all are 1
 *
 * Instead of words, times, weights and ends of cells there may be a frame
 * (block/frame.h): the distances of words and ends are where these would be, the frames
 * of keys and values (of their words, or else of their ends) in the head, those of times
 * and weights in front of their distances.
 *
 * Of SPINE_BYTES values that are few different ones there may be a *list*: each different
 * value is among the cells once, in the order in which they appear. Then the ends are
 * those of the listed values, with their number in front (4 bytes), and behind them lie
 * the distances of the frame in the head, which has for each value its pick: its number
 * in the list.
 *
 *     values  red red blue red        ends  2 | 3 7 | picks 0 0 1 0        cells  redblue
 *
 * SPINE_BYTES keys may have *fronts* (block/block_fronts.h): the bytes that the keys from
 * an anchor up to the next one begin with, up to FRONT_SIZE_MAX of them. The cells, and
 * their ends, are then those of what follows. Behind the anchors lies for each front a
 * number of 4 bytes, its size in the lowest FRONT_SIZE_BITS bits and its place above, and
 * behind these the bytes of fronts, from which places are counted. A front that begins
 * like the one before lies where that does, as far as one is the begin of the other;
 * others lie behind all before.
 *
 * Nothing in an image is a pointer: it is the same in memory and in a file, at any
 * address that is a multiple of eight. (Those in memory begin at a multiple of
 * IMAGE_ALIGNMENT, so that a search waits for two lines of memory.) Numbers are
 * little-endian. The same rows of the same layout, encoded or not, give the same bytes.
 */

#include "base/assert.h"
#include "block/frame.h"
#include "rows/rows.h"

/* The image is one of this version. */
#define IMAGE_VERSION 1u
/* The most bytes of an image. */
#define IMAGE_BYTES_MAX (1u << 30)
#define IMAGE_HEAD_BYTES 128u
#define IMAGE_ALIGNMENT 64u

/* Every ANCHOR_STEP-th SPINE_BYTES key has a word among the anchors. */
#define ANCHOR_STEP 8u
/* Bytes after the last cell that may be read (and, while packing, written). */
#define CELL_SLACK 8u

/* The arrays, in their order. */
enum image_part {
    PART_KEY_ANCHORS,
    PART_KEY_ENDS,
    PART_KEY_CELLS,
    PART_VALUE_ENDS,
    PART_VALUE_CELLS,
    PART_ENDS_OF_VALUES,
    PART_ENDS_OF_TIMES,
    PART_TIMES,
    PART_WEIGHTS,
    PART_COUNT
};

/* What is true of an image. */
enum image_flag {
    /* Packed to be encoded, whether that paid or not. */
    IMAGE_ENCODED = 1,
    /* These are a frame; of SPINE_BYTES keys or values, their ends are. */
    IMAGE_KEYS_FRAMED = 2,
    IMAGE_VALUES_FRAMED = 4,
    IMAGE_TIMES_FRAMED = 8,
    IMAGE_WEIGHTS_FRAMED = 16,
    /* Values are picks of a list; the frame of values has these. */
    IMAGE_VALUES_LISTED = 32,
    /* Cells of keys are what follows their fronts. */
    IMAGE_KEYS_FRONTED = 64
};
#define IMAGE_FLAGS 127u
/* Of the number of a front: bits of its size, and the largest size and place. */
#define FRONT_SIZE_BITS 12u
#define FRONT_SIZE_MAX ((1u << FRONT_SIZE_BITS) - 1)
#define FRONT_AT_MAX (UINT32_MAX >> FRONT_SIZE_BITS)
/* The most values of a list. */
#define LIST_VALUES_MAX 256u
/* Bytes of a list in front of its picks. */
#define LIST_HEAD_BYTES(values) (sizeof(uint32_t) * (1 + (size_t)(values)))

/* The head. */
struct image {
    /* Of all of the image; a multiple of eight. */
    uint32_t bytes;
    uint8_t version;
    uint8_t flags;
    /* Bytes of a weight: 1, 2, 4 or 8; 0 when all are 1, or in a frame. */
    uint8_t weight_bytes;
    uint8_t zero;

    uint32_t row_count;
    uint32_t value_count;
    uint32_t key_count;
    /* Rows of which a weight is negative. */
    uint32_t negative_rows;

    /* Where each array begins, in bytes from here; 0 when it is absent. */
    uint32_t at[PART_COUNT];
    /* Bytes that all SPINE_BYTES keys begin with; fronts have them, too. */
    uint32_t shared_bytes;

    /* All zero where there is none. */
    struct frame key_frame;
    struct frame value_frame;
};

static_assert(sizeof(struct image) == IMAGE_HEAD_BYTES, "the head has no padding");
static_assert(offsetof(struct image, key_frame) == IMAGE_HEAD_BYTES / 2,
              "counts and places lie in one line of memory");

/* Keys that are words lie right behind the head: they are found without a look at it. */
#define IMAGE_KEY_WORDS IMAGE_HEAD_BYTES

/* Writes to `at` where arrays of `part_bytes` bytes begin, and returns the size of the
 * image. In an image of more than IMAGE_BYTES_MAX bytes they are wrong. */
size_t image_place(const size_t *part_bytes, uint32_t *at);

/* The narrowest bytes that hold weights, of which `not_one` has the bits that differ from
 * those of 1, and `magnitude` those that are no copies of the sign; 0 when all are 1. */
static inline uint8_t
weight_bytes_of(uint64_t not_one, uint64_t magnitude)
{
    return not_one == 0           ? 0
           : magnitude < 1u << 7  ? 1
           : magnitude < 1u << 15 ? 2
           : magnitude < 1u << 31 ? 4
                                  : 8;
}

static inline bool
image_has(const struct image *image, enum image_flag flag)
{
    return (image->flags & flag) != 0;
}

/* An array, NULL when it is absent. */
static inline const void *
image_part(const struct image *image, enum image_part part)
{
    const uint32_t at = image->at[part];

    return at != 0 ? (const uint8_t *)image + at : NULL;
}

/* The words of keys, or their distances. */
static inline const uint8_t *
image_key_words(const struct image *image)
{
    return (const uint8_t *)image + IMAGE_KEY_WORDS;
}

/* Asks the processor for the head. */
static inline __attribute__((always_inline)) void
image_prefetch(const struct image *image)
{
    __builtin_prefetch(image);
    __builtin_prefetch((const uint8_t *)image + IMAGE_HEAD_BYTES / 2);
}

/* An array that is present. */
static inline const void *
image_array(const struct image *image, enum image_part part)
{
    return (const uint8_t *)image + image->at[part];
}

/* Where the values of a key and the rows of a value lie. */
static inline uint32_t
image_value_end(const struct image *image, uint32_t key)
{
    if (image->at[PART_ENDS_OF_VALUES] == 0)
        return key + 1;
    return ((const uint16_t *)image_array(image, PART_ENDS_OF_VALUES))[key];
}

static inline uint32_t
image_row_end(const struct image *image, uint32_t value)
{
    if (image->at[PART_ENDS_OF_TIMES] == 0)
        return value + 1;
    return ((const uint16_t *)image_array(image, PART_ENDS_OF_TIMES))[value];
}

static inline uint32_t
image_value_begin(const struct image *image, uint32_t key)
{
    return key == 0 ? 0 : image_value_end(image, key - 1);
}

static inline uint32_t
image_row_begin(const struct image *image, uint32_t value)
{
    return value == 0 ? 0 : image_row_end(image, value - 1);
}

/* Where the rows of a key lie. */
static inline void
image_key_rows(const struct image *image, uint32_t key, uint32_t *begin, uint32_t *end)
{
    const uint16_t *const value_ends = image_array(image, PART_ENDS_OF_VALUES);
    const uint16_t *const time_ends = image_array(image, PART_ENDS_OF_TIMES);

    *begin = key;
    *end = key + 1;
    if (image->at[PART_ENDS_OF_VALUES] != 0) {
        *begin = key > 0 ? value_ends[key - 1] : 0;
        *end = value_ends[key];
    }
    if (image->at[PART_ENDS_OF_TIMES] != 0) {
        *begin = *begin > 0 ? time_ends[*begin - 1] : 0;
        *end = time_ends[*end - 1];
    }
}

#endif
