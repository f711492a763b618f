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
 * Under filters only blocks are not read that they have judged. While a filter moves none
 * is, so there is no company: a merge has to ask it about every key. What it rejects is
 * found by surveys (survey.h). Where a frontier moves times, only blocks are not read of
 * which each value has one time: nothing adds up in these.
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

/* Gathers the batches of the range that have more than `rows` rows; none at all if there
 * are more than SLOT_AHEAD_MAX in the range. */
void company_gather_locked(const struct spine *spine, struct entry_range range,
                           uint64_t rows, struct company *out);
/* What changes the rows that a merge writes. */
struct company_terms {
    bool times_move;
    struct judged_by filters;
};

/* The terms of a merge that would begin now, and of the merge of a task. */
struct company_terms company_terms_locked(const struct spine *spine);
struct company_terms company_terms_of(const struct merge_task *task);
/*
 * What `large` costs in a merge on `terms` with all of `small` (slots.h): at most its
 * rows; some number above `limit` if it costs more than that.
 */
uint64_t company_cost(const struct spine *spine, const struct company_terms *terms,
                      const struct spine_batch *large, const struct small_batches *small,
                      uint64_t limit, struct overlap_look *look);
/* Moves those of the first `count` that are still loose to `inputs`; returns how many. */
size_t company_take_locked(struct spine *spine, const struct company *company,
                           size_t count, struct entry_set *inputs);
void company_release(struct company *company);

/*
 * Looks for large batches that cost the task's merge, which is due and has not begun,
 * little, and makes them its inputs, too. False: a block of an input that this depends on
 * is on its way; `waiter` will be told, and then it is to be called again. Worker, no
 * lock held.
 */
bool company_join(struct merge_task *task, const struct read_waiter *waiter);

#endif
