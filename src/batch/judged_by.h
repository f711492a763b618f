/* SPDX-License-Identifier: MIT */
#ifndef BATCH_JUDGED_BY_H
#define BATCH_JUDGED_BY_H

/*
 * batch/judged_by -- what retention filters have to do with a batch. Part of batch.h.
 */

#include <stdbool.h>
#include <stdint.h>

/*
 * Which filters of a spine have judged rows: their numbers, which are never used again; 0
 * where there was none.
 */
struct judged_by {
    uint64_t keys;
    uint64_t values;
};

/* Would `filters` say nothing new of what was judged by `by`? */
static inline bool
judged_by_covers(const struct judged_by *by, const struct judged_by *filters)
{
    return (filters->keys == 0 || filters->keys == by->keys) &&
           (filters->values == 0 || filters->values == by->values);
}

#endif
