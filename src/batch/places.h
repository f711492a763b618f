/* SPDX-License-Identifier: MIT */
#ifndef BATCH_PLACES_H
#define BATCH_PLACES_H

/*
 * batch/places -- where the blocks of a batch are in the files of a store. Checkpoints
 * need all of them there. Part of batch/batch.h, which includes it.
 *
 *     batch     |    0    |    1    |    2    |    3    |
 *     memory         x         x
 *     twins                 a, 7                          block 1 was written before
 *     files                           a, 8      b, 0
 *     places       none      a, 7     a, 8      b, 0      block 0 is written now
 *
 * A block in memory that was written once has a twin (batch/twin.h), so it is never
 * written to that store again, whichever batches share it.
 */

#include "spine/types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct batch_writer;
struct block_keeper;
struct layout;
struct lookup_options;
struct spine_batch;
struct spine_store;
struct store_file;
struct store_pack;

/* How blocks are written. All zero: to a file of their own, as they are. */
struct batch_places_options {
    /* Not NULL: to a file of this pack. */
    struct store_pack *pack;
    /* As batch_writer_new() takes them; NULL: the defaults. */
    const struct lookup_options *lookup;
    /* The file has blocks encoded where that takes little time: where rows have no spans.
     * In memory they stay what they are. */
    bool encode;
};

struct batch_place {
    struct block_keeper *keeper; /* a reference; NULL: nowhere yet */
    uint32_t number;
};

struct batch_places {
    struct spine_batch *batch; /* a reference */
    size_t count;              /* of its blocks */
    /* Blocks that are nowhere yet, nor being written, their rows and bytes. */
    size_t missing;
    uint64_t missing_rows;
    uint64_t missing_bytes;
    /* Not NULL: blocks are being written, as a batch of their own. */
    struct batch_writer *writer;
    struct spine_batch *part;
    /* The file that was written for them, borrowed; NULL: none. */
    struct store_file *written;
    /* All these blocks have twins. */
    bool is_remembered;
    struct batch_place places[];
};

/* Looks at what is known of the blocks, not into them. SPINE_NOMEM. */
enum spine_status batch_places_new(struct spine_batch *batch,
                                   const struct spine_store *store,
                                   struct batch_places **out, struct spine_error *error);
/* Writes the blocks that are nowhere yet to a file of the store. Blocks; but the end of a
 * large file may still be under way, while the caller goes on with others. */
enum spine_status
batch_places_write(struct batch_places *places, struct spine_store *store,
                   const struct batch_places_options *how, struct spine_error *error);
/* After that: may another batch, that was there before, have blocks that are written? */
bool batch_places_share(const struct batch_places *places);
/* After that, once: waits until the file can be read. */
enum spine_status
batch_places_finish(struct batch_places *places, struct spine_error *error);
/* What was written can be read: the blocks that were nowhere have twins now, if there is
 * memory for that. The others were found by theirs. Once more when the file is durable:
 * then also blocks whose earlier twins may have been lost. */
void batch_places_remember(struct batch_places *places);
/* NULL is allowed. */
void batch_places_free(struct batch_places *places);
/* The file that block `index` is in, and its number there. */
struct store_file *
batch_place(const struct batch_places *places, size_t index, uint32_t *number);

/* Blocks [first, first + count) of the batch that a file holds. */
struct batch_range {
    struct spine_batch *batch;
    size_t first;
    size_t count;
};

/* The batch of all these blocks, in this order. SPINE_CORRUPT when there are no such
 * blocks or they do not ascend, SPINE_NOMEM. */
enum spine_status batch_of_ranges(const struct layout *layout,
                                  const struct batch_range *ranges, size_t range_count,
                                  struct spine_batch **out, struct spine_error *error);

#endif
