/* SPDX-License-Identifier: MIT */
#ifndef BATCH_BATCH_WANTED_H
#define BATCH_BATCH_WANTED_H

/*
 * batch/batch_wanted -- what readers want of a batch, or of all that a merge reads. Part
 * of batch/batch.h, which includes it.
 *
 * A merge has the cache keep what it writes in the place of blocks that readers want: of
 * those in files the cache knows how often they wanted them of late, of those in memory
 * the batch knows how often probes looked into one of them, together. A scan wants
 * nothing. Any thread.
 */

#include "rows/rows.h"

struct spine_batch;

/* A probe looks for `keys` keys of the batch, so into as many blocks, or all. */
void batch_note_asked(struct spine_batch *batch, uint64_t keys);
/* `heir` has rows of the batch: blocks that were looked into there count here, too. */
void batch_inherit_asked(struct spine_batch *heir, const struct spine_batch *batch);

/* What is known of blocks that lie between two rows; zero at first. */
struct wanted_blocks {
    /* Of those in files, how often readers wanted the one that they wanted most. */
    unsigned most;
    bool any_in_file;
    /* One in memory is of a batch that they want. */
    bool in_memory;
};
/* Adds the blocks of the batch with rows from `first` to `last`. `*from` is 0 at first,
 * and where the next call begins, whose rows are no earlier ones. */
void batch_find_wanted(const struct spine_batch *batch, size_t *from,
                       const struct row_code *first, const struct row_code *last,
                       struct wanted_blocks *out);
/* How much are they wanted? What is in files decides: it does not come to the cache
 * without being wanted. 0: not. */
unsigned wanted_most(const struct wanted_blocks *blocks);

#endif
