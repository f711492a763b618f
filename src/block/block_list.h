/* SPDX-License-Identifier: MIT */
#ifndef BLOCK_BLOCK_LIST_H
#define BLOCK_BLOCK_LIST_H

/*
 * block/block_list -- the different ones of the values of a block, when they are few.
 */

#include "block/block.h"

struct value_list {
    /* How many there are; 0: too many, or there is no list. */
    uint32_t count;
    /* The number in the list of each value. */
    uint8_t picks[BLOCK_ROWS];
    /* The first value that is number i of the list. */
    uint16_t firsts[LIST_VALUES_MAX];
};

/* Lists `count` values, the bytes of row `rows[i]`, or of row i when `rows` is NULL. */
void list_fill(struct value_list *list, const struct span *spans, const uint16_t *rows,
               uint32_t count);

#endif
