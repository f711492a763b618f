/* SPDX-License-Identifier: MIT */
#ifndef ROWS_ROW_WEIGHTS_H
#define ROWS_ROW_WEIGHTS_H

/*
 * The weights of single rows, for ROW_WIDE.
 */

#include "rows/rows.h"

/* Adds those of row `from` to those of row `to`. False, and nothing is added, when a sum
 * leaves int64_t. */
static inline bool
weights_add(const struct layout *layout, const struct rows *rows, size_t to, size_t from)
{
    int64_t *sums = rows->weight + to * layout->weight_count;
    const int64_t *weights = rows->weight + from * layout->weight_count;

    bool overflow = false;

    for (unsigned c = 0; c < layout->weight_count; c++)
        overflow |= __builtin_add_overflow(sums[c], weights[c], &sums[c]);
    if (!overflow)
        return true;
    for (unsigned c = 0; c < layout->weight_count; c++)
        sums[c] = (int64_t)((uint64_t)sums[c] - (uint64_t)weights[c]);
    return false;
}

static inline bool
weights_are_zero(const struct layout *layout, const struct rows *rows, size_t at)
{
    int64_t any = 0;

    for (unsigned c = 0; c < layout->weight_count; c++)
        any |= rows->weight[at * layout->weight_count + c];
    return any == 0;
}

#endif
