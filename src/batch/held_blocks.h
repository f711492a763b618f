/* SPDX-License-Identifier: MIT */
#ifndef BATCH_HELD_BLOCKS_H
#define BATCH_HELD_BLOCKS_H

/*
 * batch/held_blocks -- blocks of a batch that a probe needs together: those that are not
 * in memory are read at the same time. Part of what batch_probe() does.
 *
 *     while (held_has_room(held, fence)) held_add(held, fence, index);
 *     held_begin(batch, held, error);   reads are on their way
 *     held_end(batch, held, error);     all are there: held_image()
 *     held_unpin(held);
 */

#include "batch/fence.h"

/* Blocks of a batch that are pinned together, ascending. Zero at first. */
#define HELD_BLOCKS_MAX 32u
struct held_blocks {
    size_t count, pinned;
    /* Other blocks are held at the same time: there may not be room for a single one, and
     * the caller is busy while these are read. */
    bool is_ahead;
    /* Taken for those beyond the first, or for all (store_ahead_take()), and what is not
     * used yet. */
    struct spine_store *store;
    uint64_t ahead_bytes, unused_bytes;
    uint32_t index[HELD_BLOCKS_MAX];
    struct pin pins[HELD_BLOCKS_MAX];
    /* Reads that have begun. */
    struct store_extent *reads[HELD_BLOCKS_MAX];
    size_t read_count;
};
/* May one more be held? The first one always may, unless others are. */
bool held_has_room(struct held_blocks *held, const struct fence *fence);
void held_add(struct held_blocks *held, const struct fence *fence, uint32_t index);
/* Lets the runtimes that serve the store read what is not in memory. On failure nothing
 * is held. */
enum spine_status held_begin(const struct spine_batch *batch, struct held_blocks *held,
                             struct spine_error *error);
/* Has all pinned, or nothing held; waits for what is being read. */
enum spine_status held_end(const struct spine_batch *batch, struct held_blocks *held,
                           struct spine_error *error);
/* Unpins and forgets them, at any point. */
void held_unpin(struct held_blocks *held);

/* The image of a block that is held. */
static inline const struct image *
held_image(const struct held_blocks *held, uint32_t index)
{
    size_t begin = 0;

    for (size_t count = held->count; count > 1; count -= count / 2)
        begin += held->index[begin + count / 2] <= index ? count / 2 : 0;
    assert(held->index[begin] == index);
    return held->pins[begin].image;
}

#endif
