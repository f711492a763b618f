/* SPDX-License-Identifier: MIT */
#ifndef COMPANY_H
#define COMPANY_H

/*
 * company -- which batches merge together although one of them is much larger, because
 * little of it is read: the others reach into few of its blocks, and the rest is taken
 * over by reference. So ascending keys, windows and queues cost what changes. Part of
 * core.h.
 *
 *     large      |aaaa|bbbb|cccc|dddd|eeee|
 *     small       a                     f      costs aaaa and a little for each block
 *
 * How far batches overlap is found out by a worker without the lock, among references to
 * batches that were loose; afterwards those are taken that still are.
 */

#include "core.h"

/* Batches that were loose at one moment, ascending by rows, with references. */
struct company {
    struct spine_batch *batches[SLOT_AHEAD_MAX];
    uint64_t sequences[SLOT_AHEAD_MAX];
    unsigned levels[SLOT_AHEAD_MAX];
    size_t count;
};

/* Those in the range that have more than `rows` rows; none at all if there are more than
 * SLOT_AHEAD_MAX in the range. */
void company_gather_locked(const struct spine *spine, struct entry_range range,
                           uint64_t rows, struct company *out);
/* May a merge of the spine take over blocks? Not when frontier or filters change what it
 * writes. */
bool company_may_share_locked(const struct spine *spine);
/*
 * What `large` costs in a merge with all of `small` (slots.h): at most its rows; some
 * number above `limit` if it costs more than that. `may_share` as above.
 */
uint64_t company_cost(const struct spine *spine, const struct spine_batch *large,
                      struct spine_batch *const *small, size_t small_count,
                      uint64_t limit);
/* Moves those of the first `count` that are still loose to `inputs`; returns how many. */
size_t company_take_locked(struct spine *spine, const struct company *company,
                           size_t count, struct entry_set *inputs);
void company_release(struct company *company);

/*
 * Looks for large batches that cost the task's merge, which is due and has not begun,
 * little, and makes them its inputs, too. Worker, no lock held.
 */
void company_join(struct merge_task *task);

#endif
