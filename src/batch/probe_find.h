/* SPDX-License-Identifier: MIT */
#ifndef BATCH_PROBE_FIND_H
#define BATCH_PROBE_FIND_H

/*
 * batch/probe_find -- ascending keys looked for in the blocks of one batch, all of which
 * can be read: those that are words by batch_find.c, those that are bytes by
 * batch_find_cells.c, and ranges by batch_ranges.c. Part of what batch_probe() does
 * (batch/fence.h).
 */

#include "batch/held_blocks.h"

/* The search of one batch for `count` keys. */
struct probe_find {
    const struct spine_batch *batch;
    /* The blocks of all the keys; NULL: all blocks are in memory. */
    const struct held_blocks *held;
    const struct probe_keys *keys;
    const uint32_t *candidates;
    size_t count;
    /* Where the last key was located: its granule, or its block; 0 at first. */
    size_t near;
};

/* The image of a block that has the place of one of the keys. */
static inline const struct image *
find_image(const struct probe_find *find, const struct fence *fence)
{
    if (find->held == NULL)
        return block_image(fence->block);
    return held_image(find->held, (uint32_t)(fence - find->batch->fences));
}

/* Searches for keys that are words; returns how many hits there are. */
size_t batch_find_words(struct probe_find *find, struct hit *hits);
/* The same of keys that are bytes. */
size_t batch_find_cells(struct probe_find *find, struct hit *hits);
/* The places of ascending keys, none of which is greater than all of the batch: in
 * `begin` of each the number of the first key of its block that is not less. Keys that
 * are bytes begin like all of the batch, and follow one another. Return how many. */
size_t batch_place_words(struct probe_find *find, struct hit *places);
size_t batch_place_cells(struct probe_find *find, struct hit *places);
/* As batch_find_words(), of ranges, whatever their keys are. */
size_t batch_find_ranges(struct probe_find *find, struct hit *hits);
/* Stages rows of the hits from `first` on; blocks that are not in memory are held. */
SPINE_CHECKED enum spine_status
batch_stage_hits(const struct spine_batch *batch, const struct probe_keys *keys,
                 const struct held_blocks *held, size_t first,
                 const struct found_hits *found);

/* ---- batch_ranges.c ---- */

/* Are there rows of the hit's range in the next block? */
bool batch_range_goes_on(const struct spine_batch *batch, const struct probe_keys *keys,
                         const struct hit *hit);
/* batch_stage_hits() and batch_hit_next() of ranges. */
SPINE_CHECKED enum spine_status
batch_stage_ranges(const struct spine_batch *batch, const struct probe_keys *keys,
                   const struct held_blocks *held, size_t first,
                   const struct found_hits *found);
SPINE_CHECKED enum spine_status batch_range_next(const struct spine_batch *batch,
                                                 const struct probe_keys *keys,
                                                 struct hit *hit);

#endif
