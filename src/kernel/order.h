/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_ORDER_H
#define KERNEL_ORDER_H

/*
 * Sorting numbers that stand for words: pairs (word, number) are rows of ROW_TWO, all
 * different, so that codes_consolidate() sorts them by word and keeps the order of ties.
 */

#include "kernel/kernel.h"

struct order {
    /* `hi` the words, `lo` the numbers. */
    struct rows pairs;
    struct rows scratch;
};

/* Of pairs. */
extern const struct layout order_layout;

void order_release(struct order *order);
/* Room for `count` pairs, to be written by the caller. */
bool order_begin(struct order *order, size_t count);
/* False without memory. */
bool order_sort(struct order *order);
/* Sorts pairs [begin, begin + count) only. */
bool order_sort_part(struct order *order, size_t begin, size_t count);

#endif
