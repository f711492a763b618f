/* SPDX-License-Identifier: MIT */
#ifndef STORE_STORE_WANTED_H
#define STORE_STORE_WANTED_H

/*
 * store/store_wanted -- blocks that readers want, and what takes their place. Part of
 * store/store.h, which includes it.
 */

#include <stddef.h>
#include <stdint.h>

struct store_file;
struct store_writer;

/* How often readers wanted block `index` of late: 0 when it is not in memory, or nobody
 * did. */
unsigned store_wanted(struct store_file *file, uint32_t index);

/*
 * The block that was appended last, whose image this is, takes the place of one that
 * readers wanted `wanted` times of late (store_wanted()): it will be in the cache when
 * the file is there, without being read, as far as the cache has room. The same of a
 * filter, if such a block is among its own, which end before `end_block`.
 */
void store_writer_keep_block(struct store_writer *writer, const void *image, size_t bytes,
                             unsigned wanted);
void store_writer_keep_filter(struct store_writer *writer, const void *image,
                              size_t bytes, uint32_t end_block);

#endif
