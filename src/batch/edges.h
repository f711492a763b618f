/* SPDX-License-Identifier: MIT */
#ifndef BATCH_EDGES_H
#define BATCH_EDGES_H

/*
 * batch/edges -- where keys that are bytes lie, without a look into their blocks.
 *
 * The edge of a block is its last key as a word, taken from behind the bytes that all
 * keys of the batch begin with. The edges of a batch lie side by side, and lead to the
 * block of a key without a comparison of bytes, unless they are equal:
 *
 *     last keys    order/0017  order/0042  order/0107      all begin with order/0
 *     edges               017         042         107
 *
 * What lies between the first and the last key of a block is guessed by its spread: these
 * two as words, behind the bytes that they both begin with.
 *
 * Both are made of fences, wherever blocks are, and take EDGE_BYTES per block; files do
 * not have them.
 */

#include "batch/fence.h"

/* The first and the last key of a block, as words behind `shared` bytes. */
struct spread {
    uint64_t first;
    uint64_t last;
    uint32_t shared;
    uint32_t zero;
};

/* What a block takes, of which there is one for up to BLOCK_ROWS rows. */
#define EDGE_BYTES (sizeof(uint64_t) + sizeof(struct spread))

static inline bool
layout_has_edges(const struct layout *layout)
{
    return layout->key.shape == SHAPE_FIXED || layout->key.shape == SHAPE_BYTES;
}

static inline size_t
edges_bytes(const struct layout *layout, size_t block_count)
{
    return layout_has_edges(layout) ? block_count * EDGE_BYTES : 0;
}

/* How many bytes all keys of a batch begin with, whose first and last fence these are. */
uint32_t edges_shared(const struct layout *layout, const struct fence *first,
                      const struct fence *last);
/* The edge and the spread of a block of a batch whose keys share `shared_bytes` bytes. */
uint64_t edge_of(const struct layout *layout, const struct fence *fence,
                 uint32_t shared_bytes, struct spread *spread);

/* Notes what all keys of the batch begin with. */
static inline void
edges_begin(struct spine_batch *batch, const struct fence *first,
            const struct fence *last)
{
    batch->shared_bytes = edges_shared(&batch->layout, first, last);
}

/* Then the edge and the spread of each block `at`, whose fence is there. */
static inline void
edges_set(struct spine_batch *batch, size_t at)
{
    batch->edges[at] = edge_of(&batch->layout, &batch->fences[at], batch->shared_bytes,
                               &batch->spreads[at]);
}

/* The first block that reaches the bound, or behind the last one if none does. Quick when
 * it is `near`, which may be any number. */
size_t
edges_find(const struct spine_batch *batch, size_t near, const struct bound *bound);
/* The same of a key that begins like all keys of the batch, whose edge would be `word`,
 * when `at` is the first block whose edge is not less. */
size_t edges_settle(const struct spine_batch *batch, size_t at, uint64_t word,
                    const struct cell *key);

#endif
