/* SPDX-License-Identifier: MIT */
#ifndef BATCH_LOOKUP_CHECK_H
#define BATCH_LOOKUP_CHECK_H

/*
 * batch/lookup_check -- do the lookup filters of files say what their blocks hold? Every
 * key of a block must be in its filter; and a filter of which all blocks are looked at
 * must be the one that is made of their keys, bit by bit.
 */

#include "batch/fence.h"

/* A walk over the blocks of a batch. Zero at first. */
struct lookup_check {
    /* The filter that is made anew, and the next block of it; NULL: none is. */
    struct lookup *lookup;
    const struct store_file *file;
    uint32_t number;
    uint32_t next_block;
    uint64_t keys;
    uint64_t last_code;
    /* What is compared in the end. */
    uint8_t *image;
    size_t image_capacity;
    uint64_t codes[BLOCK_ROWS];
};

/* The next block of the batch, whose image is sound; SPINE_CORRUPT, and what else reading
 * the filter says. */
enum spine_status
lookup_check_block(struct lookup_check *check, const struct spine_batch *batch,
                   size_t index, const struct image *image, struct spine_error *error);
/* Twice is harmless. */
void lookup_check_release(struct lookup_check *check);

#endif
