/* SPDX-License-Identifier: MIT */
#ifndef BATCH_HITS_H
#define BATCH_HITS_H

/*
 * batch/hits -- searching a batch for many keys. Part of batch/batch.h, which includes
 * it.
 *
 *     batch_probe()        the keys that are there: hits, and rows of those that have few
 *     batch_stage_hit()    rows of one of the others, block by block
 *     batch_hit_next()
 *
 * Keys may be where ranges begin: then the rows of each are those of its range.
 */

#include "batch/pin.h"
#include "rows/arena.h"

struct lookup_counts;
struct spine_batch;

/* Keys of one column, strictly ascending, and what goes with a search for them. */
struct probe_keys {
    const struct cell_layout *column;
    size_t count;
    /* Every key's word. */
    const uint64_t *words;
    /* SHAPE_FIXED and SHAPE_BYTES: every key, with its span; otherwise NULL. */
    const struct cell *cells;
    /* Not NULL: a key begins a range, which ends before the end of the same number, or,
     * for a key that has none (from `end_count` on), nowhere. */
    const struct cell *ends;
    size_t end_count;
    /* Rows are untimed and of one weight. */
    bool plain;
    /* Where the bytes of cells go whose block does not stay. */
    struct arena *arena;
    /* Says what cannot be read; may be NULL. */
    struct spine_error *error;
    /* Where questions to filters of files are counted; may be NULL. */
    struct lookup_counts *counts;
};

/* No place of a hit, or of its rows. */
#define HIT_NONE UINT32_MAX
/* Hits of more rows are not staged with others. */
#define HIT_ROWS_MAX 16u

/* Rows [begin, end) of `block` are those of key `key`; it may go on in the next block, as
 * may a range. */
struct hit {
    uint32_t key;
    uint32_t block;
    uint16_t begin;
    uint16_t end;
    /* Where batch_probe() put the rows, or HIT_NONE. */
    uint32_t staged;
    union {
        /* The caller's. */
        struct {
            uint32_t batch;
            uint32_t next;
        };
        /* While batch_probe() searches blocks in memory for keys that are bytes: where
         * the value of the first row lies among those of its block, if values have one
         * time each. */
        struct {
            uint32_t value_begin;
            uint32_t value_size;
        };
    };
};

/* The keys in [*begin, *end) are within the least and the greatest of the batch; ranges
 * have some of what lies between these. */
void batch_probe_range(const struct spine_batch *batch, const struct probe_keys *keys,
                       size_t *begin, size_t *end);
/* What a search finds, and where that goes. */
struct found_hits {
    /* The caller's, with room for a hit of each candidate. */
    struct hit *hits;
    size_t count;
    /* Rows of hits are appended here while their block is near, unless they are more than
     * HIT_ROWS_MAX or go on in the next block, as long as there are less than
     * `staged_max`. Spans borrow from the batch, or from the arena of the keys. NULL: no
     * rows are wanted. */
    struct rows *staged;
    size_t staged_max;
};

/*
 * Searches the batch for the keys that `candidates`, ascending indexes, name; those
 * that are bytes are within its least and its greatest key, unless they begin ranges, of
 * which files rule out none. Sets `out->count` hits, one for each that is there, in
 * order. When files rule out some, their places are taken by others.
 */
SPINE_CHECKED enum spine_status
batch_probe(const struct spine_batch *batch, const struct probe_keys *keys,
            uint32_t *candidates, size_t count, struct found_hits *out);
/* Appends the first `count` rows of a hit to `out`, which has room. */
SPINE_CHECKED enum spine_status
batch_stage_hit(const struct spine_batch *batch, const struct probe_keys *keys,
                const struct hit *hit, size_t count, struct rows *out);
/* Moves a hit of which no row is left to the rows of its key in the next block; it stays
 * empty when the key does not go on there. */
SPINE_CHECKED enum spine_status batch_hit_next(const struct spine_batch *batch,
                                               const struct probe_keys *keys,
                                               struct hit *hit);

#endif
