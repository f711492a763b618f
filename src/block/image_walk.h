/* SPDX-License-Identifier: MIT */
#ifndef BLOCK_IMAGE_WALK_H
#define BLOCK_IMAGE_WALK_H

/*
 * block/image_walk -- the check of an image, array by array. image_check.c goes through
 * all of it, image_check_column.c through keys and values.
 */

#include "block/block.h"

#include "base/error.h"

#include <inttypes.h>

/* Rows or cells that are looked at together. */
#define CHECK_ROWS 64u

struct image_walk {
    const struct layout *layout;
    const struct image *image;
    size_t size;
    struct spine_error *error;
    /* Where the arrays that were looked at end. */
    size_t end;
};

/* The next array has `bytes` bytes; with none it is absent. */
enum spine_status
walk_array(struct image_walk *check, enum image_part part, size_t bytes);
/* The same of an array of which the first `bits` bits are used, and the others zero. */
enum spine_status
walk_part(struct image_walk *check, enum image_part part, size_t bytes, size_t bits);
/* The products of a frame of `count` words do not wrap around. */
enum spine_status
walk_frame(const struct image_walk *check, const struct frame *frame, size_t count);
/* The cells of keys or values, and what belongs to them: after SPINE_OK each cell lies in
 * the image. */
enum spine_status
walk_column(struct image_walk *check, const struct cell_layout *layout, bool is_key);

/* What walk_column() leaves of keys and values for image_check(). */
enum spine_status check_words(const struct image_walk *check,
                              const struct cell_layout *layout,
                              const struct column *column, uint32_t count);
enum spine_status check_anchors(const struct image_walk *check);
enum spine_status check_list(const struct image_walk *check);

#endif
