/* SPDX-License-Identifier: MIT */
#ifndef BATCH_BATCH_WRITER_H
#define BATCH_BATCH_WRITER_H

/*
 * batch/batch_writer -- writes blocks to a file, and what is known of them: fences,
 * marks, and lookup filters, for which the keys of each block are looked at when it is
 * written.
 *
 *     batch_writer_new(store, layout, lookup, &writer, error);
 *     batch_writer_block(writer, image, error);    for each block, in order
 *     batch_writer_end(writer, part, error);       and when it has ended, or at once
 *     batch_writer_finish(writer, part, &keeper, error);   or batch_writer_abort()
 *
 * Some ten thousand keys that follow one another get a filter of their own, so that its
 * size is known when it is made, and that none of it stays in memory: filters are written
 * between the blocks, some at a time, and are read into the cache like these.
 *
 *     keys   ----------- 32,768 -----------|----------- 32,768 ----------- ...
 *     file   block block block block block block block ... filter filter block block ...
 */

#include "batch/fence.h"

struct batch_writer;

/* How a file is written. */
struct batch_writer_options {
    /* How filters are made; NULL: by default. */
    const struct lookup_options *lookup;
    /* Has the file written behind, and is told of it (store_writer_new_behind()); NULL:
     * the calling thread writes. */
    const struct store_waiter *waiter;
    /* There are no more rows; 0: nobody knows. A file of few rows takes less memory. */
    uint64_t rows_max;
};

/* The memory is scratch of the caller, but for the store's. */
enum spine_status batch_writer_new(struct spine_store *store, const struct layout *layout,
                                   const struct batch_writer_options *options,
                                   struct batch_writer **out, struct spine_error *error);
/* The same of the next file of a pack, which has a waiter already. */
enum spine_status
batch_writer_new_in(struct store_pack *pack, const struct layout *layout,
                    const struct batch_writer_options *options, struct batch_writer **out,
                    struct spine_error *error);
/* Appends the image of a block. */
enum spine_status batch_writer_block(struct batch_writer *writer,
                                     const struct image *image,
                                     struct spine_error *error);
/* The block that was appended last takes the place of one that readers wanted `wanted`
 * times of late: store_writer_keep_block(). */
void batch_writer_keep(struct batch_writer *writer, const struct image *image,
                       unsigned wanted);
/* Should the owner wait until the waiter is told? */
bool batch_writer_is_behind(const struct batch_writer *writer);
/* Appends what is known of the blocks, which are those of `part`. */
enum spine_status batch_writer_end(struct batch_writer *writer,
                                   const struct spine_batch *part,
                                   struct spine_error *error);
/* After that: is all of it written? */
bool batch_writer_has_ended(const struct batch_writer *writer);
/* Ends the file, if that was not done, and waits for its end: `*out` is the keeper of its
 * blocks. Takes the writer, also when it fails. */
enum spine_status batch_writer_finish(struct batch_writer *writer,
                                      struct spine_batch *part, struct block_keeper **out,
                                      struct spine_error *error);
/* There will be no file. NULL is allowed. */
void batch_writer_abort(struct batch_writer *writer);

#endif
