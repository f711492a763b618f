/* SPDX-License-Identifier: MIT */
#ifndef RELIEF_H
#define RELIEF_H

/*
 * relief -- what a spine does when the memory of its runtime is short
 * (runtime/pressure.h). Part of core.h.
 *
 * From high pressure on every level merges what it has in memory, even if it is a single
 * batch: the output goes to a file. A merge reserves what it may take before it begins,
 * and waits while that does not fit, unless no other is under way. When it is full,
 * inserts wait while anything is left that could give memory back: a merge, or readers,
 * who are waited for as long as they let go of something within a second. What is
 * *offered*, a batch on its way in, counts.
 */

#include "core.h"

/* Starts merges whose output takes what is in memory to files. */
void relief_start_locked(struct spine *spine, struct aftermath *after);
/* The memory of a merge that begins. */
struct merge_budget {
    struct reservation reservation;
    /* What its inputs may read ahead at a time, together; 0: any. */
    uint64_t ahead_bytes;
};

/* Reserves what the merge of a task needs. False: there is no room for it now. Worker. */
bool relief_reserve(const struct merge_task *task, struct merge_budget *out);
/* Is there memory for two merges instead of that of the task, which is under way or has
 * yet to begin? Its worker; the lock may be held. */
bool relief_has_room(const struct merge_task *task);
/* Waits, merging meanwhile, until the runtime is not full. SPINE_NOMEM when there is
 * nothing to wait for; a sticky error; SPINE_CANCELLED. Inside spine_enter_locked(). */
enum spine_status
relief_wait_locked(struct spine *spine, struct stall *stall, struct spine_error *error);
/* SPINE_OK, or SPINE_NOMEM when it is full. No lock held. */
enum spine_status relief_try(struct spine *spine, struct spine_error *error);

/*
 * Counts a batch that may come in, by its bytes, which are returned, until one of the
 * other two is called. It is charged when it is in: one that is refused is no more than
 * the host's. No lock held.
 */
uint64_t offer_begin(struct spine *spine, const struct spine_batch *batch);
/* It was refused. Any lock. */
void offer_end(struct spine *spine, uint64_t bytes);
/* It is in. No lock held: the batch may have many blocks. */
void offer_take(struct spine *spine, struct spine_batch *batch, uint64_t bytes);

#endif
