/* SPDX-License-Identifier: MIT */
#ifndef BATCH_FILE_KEEPER_H
#define BATCH_FILE_KEEPER_H

/*
 * batch/file_keeper -- files as keepers of blocks, and what is known of blocks in them
 * that lie in strips.
 */

#include "batch/fence.h"

/* How the image is to be cut into strips, if it can be. */
bool strips_of_image(const struct layout *layout, const struct image *image,
                     struct file_strips *out);
/* The frames of a block of a file that lies in strips. False until the block was read as
 * a whole. */
bool file_knows_strips(const struct store_file *file, uint32_t index,
                       struct image_strips *out);
/* The keeper of the blocks of a file, which are those of `part`: the file is told what
 * they must be. It keeps a reference. */
enum spine_status keeper_of_file(struct store_file *file, struct spine_batch *part,
                                 struct block_keeper **out, struct spine_error *error);

#endif
