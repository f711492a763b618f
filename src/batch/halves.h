/* SPDX-License-Identifier: MIT */
#ifndef BATCH_HALVES_H
#define BATCH_HALVES_H

/*
 * batch/halves -- some batches, each cut in two at the same key. Part of batch/batch.h,
 * which includes it.
 *
 *     batch 0    a c e f | h i        seam g: about as many rows before it as behind
 *     batch 1    b d     | g
 *
 * The key is the *seam*: all rows of a key are on one side of it. Halves share the blocks
 * that are in them as a whole; of a block that both have rows of, each gets a copy of its
 * own rows. That takes fuel for each block, so it goes in steps. Where blocks are in
 * files the seam is the first key of a block, as that is known without a read, and two
 * blocks of each batch are read at most. Any one thread at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spine/types.h"

struct account;
struct fetch;
struct spine_batch;

/* Of one batch. */
struct halved {
    struct spine_batch *batch; /* a reference */
    /* Its rows before the seam, once its first half is made. */
    uint64_t rows_below;
    /* References: the rows before the seam, and those from there on; NULL where that is
     * none, or is not made yet. */
    struct spine_batch *half[2];
};

struct halves;

/*
 * Looks for a seam that leaves at least a quarter of all rows on either side, where
 * blocks are in files but for some blocks; that takes some fuel. `*out` is NULL when
 * there is none, as of rows of one key. `account` is charged for the halves.
 */
enum spine_status halves_new(struct halves **out, struct spine_batch *const *batches,
                             size_t count, struct account *account, uint64_t *fuel_rows);
/*
 * Makes halves as long as there is fuel; `*done` when all are there. SPINE_BUSY: a block
 * is on its way, of which the waiter of `fetch` is told. After another failure only
 * halves_free() is allowed.
 */
enum spine_status
halves_step(struct halves *halves, struct fetch *fetch, uint64_t *fuel_rows, bool *done);
/* What became of batch `index`; its halves may be taken, or exchanged for other
 * references. */
struct halved *halves_of(struct halves *halves, size_t index);
/* NULL is allowed. */
void halves_free(struct halves *halves);

#endif
