/* SPDX-License-Identifier: MIT */
#ifndef BATCH_LOOKUP_MAKER_H
#define BATCH_LOOKUP_MAKER_H

/*
 * batch/lookup_maker -- the lookup filters of a file, made of the keys of its blocks: one
 * of each LOOKUP_KEYS keys and what is left of the last block.
 *
 *     add --> keys --LOOKUP_KEYS--> filter --> image --write--> the file
 *             owner's               owner's, or a thread's
 *
 * With a thread of its own, filters are made while the owner goes on with blocks, and
 * waits when LOOKUPS_WAITING of them are not made yet.
 */

#include "batch/fence.h"

struct lookup_maker;

/* There will be up to `rows_max` rows. `by_own_thread`: if there is one to be had.
 * SPINE_NOMEM. */
enum spine_status lookup_maker_new(const struct layout *layout,
                                   const struct lookup_options *options,
                                   uint64_t rows_max, bool by_own_thread,
                                   struct lookup_maker **out, struct spine_error *error);
/* Adds the keys of the next block, whose image this is. Also says that an earlier filter
 * could not be made: SPINE_NOMEM. */
enum spine_status lookup_maker_add(struct lookup_maker *maker, const struct image *image,
                                   struct spine_error *error);
/* All blocks were added: makes what is left, and waits. */
enum spine_status lookup_maker_end(struct lookup_maker *maker, struct spine_error *error);
/* Bytes of the filters that are made and not written. */
size_t lookup_maker_bytes(struct lookup_maker *maker);
/* Writes these to the file, which has their blocks. */
enum spine_status lookup_maker_write(struct lookup_maker *maker,
                                     struct store_writer *file,
                                     struct spine_error *error);
/* NULL is allowed. */
void lookup_maker_free(struct lookup_maker *maker);

#endif
