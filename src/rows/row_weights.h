/* SPDX-License-Identifier: MIT */
#ifndef ROWS_ROW_WEIGHTS_H
#define ROWS_ROW_WEIGHTS_H

/*
 * The weights of single rows: `weight_count` numbers a row. For ROW_WIDE, and for what
 * adds up a few rows; kernels of codes have one weight a row and loops of their own.
 */

#include "base/wide_sum.h"
#include "rows/rows.h"

/* Adds the weights of row `from` to the weights of row `to`. False, and nothing is added,
 * when a sum leaves int64_t. */
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

/*
 * Adds the weights of `count` rows, which begin at `others`, to those of the row `first`,
 * whatever the sums are on the way. False when one of `sums` is not in int64_t at last;
 * nothing of `sums` has a meaning then.
 */
static inline bool
weights_sum(unsigned width, const int64_t *first, const int64_t *others, size_t count,
            int64_t *sums)
{
    for (unsigned c = 0; c < width; c++) {
        wide_sum sum = first[c];

        for (size_t i = 0; i < count; i++)
            sum += others[i * width + c];
        if (!wide_sum_fits(sum))
            return false;
        sums[c] = (int64_t)sum;
    }
    return true;
}

/* Are these, of one row, all zero? */
static inline bool
weights_are_zero(unsigned width, const int64_t *weights)
{
    int64_t any = 0;

    for (unsigned c = 0; c < width; c++)
        any |= weights[c];
    return any == 0;
}

#endif
