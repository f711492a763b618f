/* SPDX-License-Identifier: MIT */
#ifndef BATCH_FILE_CHECK_H
#define BATCH_FILE_CHECK_H

/*
 * batch/file_check -- what a file's keeper has told it of its blocks (file_keeper.h).
 */

#include "base/assert.h"
#include "batch/block_facts.h"
#include "store/store.h"

struct known_strips;

/* What the blocks of a file must be; the file's. */
struct file_check {
    struct layout layout;
    size_t count;
    /* Of each block; NULL when none lies in strips. */
    struct known_strips *strips;
    struct block_facts facts[];
};

/* What the image of a block of a file must be; its blocks have a keeper. */
static inline const struct block_facts *
file_facts(const struct store_file *file, uint32_t index)
{
    const struct file_check *check = file->check_context;

    assert(index < check->count);
    return &check->facts[index];
}

#endif
