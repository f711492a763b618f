/* SPDX-License-Identifier: MIT */
#ifndef BATCH_WORD_GAP_H
#define BATCH_WORD_GAP_H

/*
 * batch/word_gap -- words that do not lie evenly, made so that guesses among them are
 * good.
 *
 * Keys of several columns of small numbers have bits between the columns that are the
 * same in all keys. So their words lie in few heaps with much room between them:
 *
 *     i64 below 4, u64 below 256      0|000000|17  0|000000|a2  1|000000|05  1|000000|9c
 *     without the gap                           0|17     0|a2     1|05     1|9c
 *
 * The widest such gap is left out of the words that are guessed by. What it is follows
 * from the first and the last keys of some blocks of the batch, and is no more than a
 * guess, too: words are compared whole.
 */

#include "batch/edges.h"

/* Bytes behind those that all keys of a batch begin with, of which is known whether they
 * vary. */
#define GAP_BYTES 24u

/* Bits [low, high) of a word are left out. */
struct word_gap {
    uint8_t low;
    uint8_t high;
};

/* The gaps of a batch. */
struct word_gaps {
    /* The bits that are not the same in all keys of a block. */
    uint8_t varying[GAP_BYTES + sizeof(uint64_t)];
    /* The fewest bits of a gap. */
    unsigned bits_min;
    /* The gap of words that begin 0, 1, ... bytes behind those that all keys of the batch
     * begin with, where `is_known`. */
    struct word_gap at[GAP_BYTES];
    bool is_known[GAP_BYTES];
};

/* Looks at some blocks, unless that is not worth it for so few keys. */
void
word_gaps_init(struct word_gaps *gaps, const struct spine_batch *batch, size_t key_count);
/* The gap of words that begin `at` bytes behind those, which becomes known. */
struct word_gap word_gap_find(struct word_gaps *gaps, size_t at);

/* The gap of the words of a block whose keys share `shared` bytes. */
static inline struct word_gap
word_gap_of(struct word_gaps *gaps, const struct spine_batch *batch, size_t shared)
{
    const size_t at = shared - batch->shared_bytes;

    assert(shared >= batch->shared_bytes);
    if (at < GAP_BYTES && gaps->is_known[at])
        return gaps->at[at];
    return word_gap_find(gaps, at);
}

/* The word without the gap. */
static inline __attribute__((always_inline)) uint64_t
gap_close(struct word_gap gap, uint64_t word)
{
    if (gap.high == 0)
        return word;
    return word >> gap.high << gap.low | (word & ((UINT64_C(1) << gap.low) - 1));
}

#endif
