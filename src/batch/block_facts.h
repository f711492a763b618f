/* SPDX-License-Identifier: MIT */
#ifndef BATCH_BLOCK_FACTS_H
#define BATCH_BLOCK_FACTS_H

/*
 * batch/block_facts -- what the head of an image and a fence both say of a block.
 */

#include "batch/fence.h"

struct block_facts {
    /* The last key, where keys are words: a search for one that is not greater ends
     * within the block. Otherwise 0. */
    uint64_t last_key;
    uint32_t rows;
    uint32_t keys;
    uint32_t values;
    uint32_t negative_rows;
    uint32_t values_at;
    uint8_t key_width;
    uint8_t value_width;
    bool key_framed;
    bool encoded;
};

static_assert(sizeof(struct block_facts) == 32, "facts are compared as bytes");

struct block_facts facts_of_image(const struct layout *layout, const struct image *image);
struct block_facts facts_of_fence(const struct layout *layout, const struct fence *fence);
/* The fence is of an image of the same rows, of which these are the facts. */
void facts_to_fence(const struct block_facts *facts, struct fence *fence);

#endif
