/* SPDX-License-Identifier: MIT */
#ifndef BLOCK_GUIDES_H
#define BLOCK_GUIDES_H

/*
 * block/guides -- where keys that are bytes lie in a block in memory. Part of
 * block/block.h, which includes it.
 *
 * A guide is a word of every GUIDE_STEP-th key, taken behind the bytes that all keys of
 * the block begin with. Guides lead to GUIDE_STEP keys. Of these only those whose
 * fingerprint, a byte, is that of a key may be equal to it: mostly one is, or none. So a
 * search touches the cell of that key alone, however keys are spread.
 *
 *     fingerprints   leap   guides   struct block   image
 *
 * Keys of several columns of small numbers have bytes between the columns that are the
 * same in all keys. The first such bytes are left out of the words of cells of one width,
 * so that these differ: words *leap* over them.
 *
 *     i64 below 256, u64 below 256   17|00000000000000a2   17|0000000000000003
 *     guides                         17|a2                 17|03
 *
 * A key that has other bytes there is none of the block, wherever its word leads.
 *
 * All this lies in front of the block, so that it is found without a look at it. It is
 * made when a block is packed, and is no part of the image: files do not have it.
 */

#include "rows/rows.h"

#define GUIDE_STEP 32u

struct block;

/* Behind the first `at` bytes of a word, 1 to 8 of them, `bytes` bytes of keys are left
 * out. */
struct guide_leap {
    uint32_t at;
    uint32_t bytes;
};

static inline size_t
guide_count(const struct cell_layout *key, size_t key_count)
{
    return key->shape == SHAPE_FIXED || key->shape == SHAPE_BYTES
               ? (key_count + GUIDE_STEP - 1) / GUIDE_STEP
               : 0;
}

/* What lies in front of a block with that many guides takes no more bytes, a multiple of
 * sixteen. */
static inline size_t
guides_bytes(size_t guides)
{
    return guides > 0 ? (guides + 2) / 2 * 16 + (guides + 1) * GUIDE_STEP : 0;
}

/* The guides of a block, which has `guides` of them, at least one. */
static inline const uint64_t *
block_guides(const struct block *block, size_t guides)
{
    return (const uint64_t *)(const void *)block - guides;
}

static inline const struct guide_leap *
block_leap(const struct block *block, size_t guides)
{
    return (const struct guide_leap *)(const void *)block_guides(block, guides) - 1;
}

/* Its fingerprints, GUIDE_STEP for each guide, at a multiple of GUIDE_STEP. Those that
 * have no key are zero. */
static inline const uint8_t *
block_fingerprints(const struct block *block, size_t guides)
{
    const uint8_t *const end = (const uint8_t *)block_leap(block, guides);

    return end - (uintptr_t)end % GUIDE_STEP - guides * GUIDE_STEP;
}

/* The word of a key whose first `shared` bytes all have. */
static inline __attribute__((always_inline)) uint64_t
guide_word(struct span key, size_t shared, struct guide_leap leap)
{
    const uint64_t word = word_behind(key, shared);

    if (leap.bytes == 0)
        return word;
    return (word & ~(UINT64_MAX >> 8 * leap.at)) |
           word_behind(key, shared + leap.at + leap.bytes) >> 8 * leap.at;
}

static inline __attribute__((always_inline)) uint64_t
fingerprint_word(const uint8_t *data, unsigned turn)
{
    uint64_t word;

    memcpy(&word, data, sizeof word);
    return word << turn | word >> (64 - turn) % 64;
}

/* Of words from the beginning, from the middle and from the end, in which keys differ
 * that lie side by side. */
static inline __attribute__((always_inline)) uint8_t
fingerprint_of(struct span key)
{
    const uint8_t *const data = key.data;
    uint64_t mixed = 0;

    if (key.size >= 8)
        mixed = fingerprint_word(data, 13) ^
                fingerprint_word(data + (key.size / 2 - 4), 37) ^
                fingerprint_word(data + (key.size - 8), 0);
    else if (key.size > 0)
        memcpy(&mixed, data, key.size);
    /* An odd number of which half of the bits are ones. */
    return (uint8_t)(mixed * UINT64_C(0x9e3779b97f4a7c15) >> 56);
}

#endif
