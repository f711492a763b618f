/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_ROW_GROUP_H
#define KERNEL_ROW_GROUP_H

/*
 * A group: rows of ROW_WIDE with equal key and value, at the end of some rows.
 */

#include "kernel/kernel.h"

struct group_rule {
    bool descending;
    bool advance_times;
    uint64_t frontier;
};

/* Adds the weights of the last row to those of row `begin` and drops it, unless it is
 * row `begin` itself or a sum leaves int64_t: group_finish() settles that. For rows
 * without times. */
void group_fold(const struct layout *layout, struct rows *rows, size_t begin);

/* Brings the rows from `begin` on in order of their times, moved up to the frontier if
 * asked for; adds up those of one time, and drops those that are zero. SPINE_OVERFLOW
 * when a sum is not in int64_t: its rows stay side by side. SPINE_NOMEM. */
enum spine_status group_finish(const struct layout *layout, const struct group_rule *rule,
                               struct rows *rows, size_t begin);

/* The same for each group of several rows among the sorted ones from `begin` on. */
enum spine_status groups_finish(const struct layout *layout,
                                const struct group_rule *rule, struct rows *rows,
                                size_t begin);

#endif
