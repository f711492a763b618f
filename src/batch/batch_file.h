/* SPDX-License-Identifier: MIT */
#ifndef BATCH_BATCH_FILE_H
#define BATCH_BATCH_FILE_H

/*
 * batch/batch_file -- batches whose blocks are in files of a store. Part of
 * batch/batch.h, which includes it.
 *
 * A file is a batch of its own: the images of its blocks, and what is known of them. The
 * blocks of a batch may lie in several files and in memory:
 *
 *     batch    |  0  |  1  |  2  |  3  |  4  |
 *     memory            1
 *     file a      0           1                    blocks 0 and 1 of the file
 *     file b                        7     8        of which the batch has no more
 *
 * Fences and marks of a batch are in memory whatever its blocks are. A block that comes
 * into the cache of its store is checked once, against what its fence says.
 */

#include "batch/pin.h"
#include "spine/store.h"

struct lookup_options;
struct spine_batch;
struct store_file;
struct wire_writer;

/*
 * Opens the batch that a file holds; reads the end of the file, none of its blocks. The
 * batch keeps a reference to the file. SPINE_CORRUPT, SPINE_IO, SPINE_NOMEM: messages
 * name the file. Blocks.
 */
enum spine_status batch_of_file(struct store_file *file, struct spine_batch **out,
                                struct spine_error *error);

/*
 * Writes the blocks of `batch` that are in memory to a new file: `*out` is a batch of the
 * same rows, all of whose blocks are in files. Nothing is durable. Blocks.
 */
enum spine_status batch_to_file(const struct spine_batch *batch,
                                struct spine_store *store, struct spine_batch **out,
                                struct spine_error *error);

/* The same with lookup filters that are made so; NULL: by default. */
enum spine_status batch_to_file_with(const struct spine_batch *batch,
                                     struct spine_store *store,
                                     const struct lookup_options *lookup,
                                     struct spine_batch **out, struct spine_error *error);

/* The only place where a schema becomes bytes. */
void schema_encode(const struct spine_schema *schema, struct wire_writer *out);
/* On success the caller has references to the tuple types of `*out`, and ends them with
 * schema_unref(). SPINE_CORRUPT, SPINE_NOMEM; `*out` has no types then. */
enum spine_status
schema_decode(struct span bytes, struct spine_schema *out, struct spine_error *error);

#endif
