/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_HISTORY_H
#define KERNEL_HISTORY_H

/*
 * kernel/history -- the history of a value: rows with equal key and value, which differ
 * in their times. Here they are rows of ROW_WIDE, at the end of some rows.
 */

#include "kernel/kernel.h"

struct history_rule {
    bool descending;
    bool advance_times;
    uint64_t frontier;
};

/* Adds the weights of the last row to the weights of row `begin` and drops the last row,
 * unless it is row `begin` itself or a sum leaves int64_t: history_finish() sees to that.
 * For rows without times. */
void history_fold(const struct layout *layout, struct rows *rows, size_t begin);

/* Brings the rows from `begin` on in order of their times, moved up to the frontier if
 * asked for; adds up those of one time, and drops those that are zero. SPINE_OVERFLOW
 * when a sum is not in int64_t: its rows stay side by side. SPINE_NOMEM. */
enum spine_status history_finish(const struct layout *layout,
                                 const struct history_rule *rule, struct rows *rows,
                                 size_t begin);

/* The same for each history of several rows among the sorted ones from `begin` on. */
enum spine_status histories_finish(const struct layout *layout,
                                   const struct history_rule *rule, struct rows *rows,
                                   size_t begin);

#endif
