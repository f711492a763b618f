/* SPDX-License-Identifier: MIT */
#ifndef BATCH_TWIN_H
#define BATCH_TWIN_H

/*
 * batch/twin -- a block in memory that is in a file, too. Part of batch/batch.h, which
 * includes it.
 *
 * Who wrote a block that stays in memory leaves word of it with the block, which all
 * batches that have it share. It is not written once more, and leaves memory without
 * being written. The twin keeps the file until the block goes.
 */

#include "block/block.h"

struct block_keeper;
struct fence;
struct spine_store;

/* Block `number` of `keeper`, which is a file. */
struct file_twin {
    struct block_twin twin;
    struct block_keeper *keeper;
    uint32_t number;
};

/* The twin of a block in a file of the store that may be relied on; NULL: none. */
const struct file_twin *
twin_in_store(const struct block *block, const struct spine_store *store);
/* May blocks of the keeper be relied on to be in files of the store? */
bool twin_is_reliable(const struct block_keeper *keeper, const struct spine_store *store);
/* The block has this twin from now on, unless it has one or there is no memory. Any
 * thread that has a reference to the block. */
void twin_remember(struct block *block, struct block_keeper *keeper, uint32_t number);
/* The block of the fence leaves memory; its twin takes its place. */
void fence_move_to_twin(struct fence *fence, const struct file_twin *twin);

#endif
