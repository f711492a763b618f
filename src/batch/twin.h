/* SPDX-License-Identifier: MIT */
#ifndef BATCH_TWIN_H
#define BATCH_TWIN_H

/*
 * batch/twin -- a block whose rows are in a file, too, or in another one.
 *
 * A block that was written and stays where it was is noted as a twin: with the block,
 * which all batches that have it share, or with its file. It is not written once more,
 * and leaves memory without being written. A twin keeps its file until the block goes, or
 * the host has closed the store (store/store_guests.h). A block has one for each store
 * that it was written to, and one more where that could not be made durable. A large
 * batch has such twins, too, so that not each of its blocks has to be asked.
 */

#include "block/block.h"
#include "store/store.h"

struct block_keeper;
struct fence;
struct spine_batch;
struct spine_store;

/* Block `number` of `keeper`, which is a file. */
struct file_twin {
    struct block_twin twin;
    struct store_guest guest;
    /* Of the file; NULL once the host has closed it: there is no keeper any more then. */
    _Atomic(const struct spine_store *) store;
    struct block_keeper *keeper;
    uint32_t number;
};

/* The twin of the fence's block in a file of the store that may be relied on; NULL: none.
 * The store is open meanwhile, or a runtime serves it. */
const struct file_twin *
twin_in_store(const struct fence *fence, const struct spine_store *store);
/* May blocks of the keeper be relied on to be in files of the store? */
bool twin_is_reliable(const struct block_keeper *keeper, const struct spine_store *store);
/* The fence's block has this twin from now on, unless it has one in that store that may
 * be relied on. Where it has one that may not be relied on, only a file that is durable
 * is another. False: the block has none for that reason, or for lack of memory. Any
 * thread that has a reference to the batch. */
bool
twin_remember(const struct fence *fence, struct block_keeper *keeper, uint32_t number);
/* The same of all blocks of a batch that lie in one file in their order: the twin of the
 * first one, without a look at any of them. */
const struct file_twin *
batch_twin_in_store(const struct spine_batch *batch, const struct spine_store *store);
/* The blocks of the batch are in the keeper's file, from block `number` on. That is
 * forgotten without memory. Any thread that has a reference to the batch. */
void batch_twin_remember(struct spine_batch *batch, struct block_keeper *keeper,
                         uint32_t number);
/* The block of the fence leaves memory; its twin takes its place, which may have another
 * image of the same rows. */
void fence_move_to_twin(struct fence *fence, const struct file_twin *twin);
/* The keeper goes, and the twins of its blocks. */
void keeper_twins_free(struct block_keeper *keeper);

#endif
