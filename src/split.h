/* SPDX-License-Identifier: MIT */
#ifndef SPLIT_H
#define SPLIT_H

/*
 * split -- a large merge stops now and then, and the spine gets what it has written in
 * place of what it has read. Otherwise a spine would be there twice while its largest
 * batches merge.
 *
 *     inputs     |aaaaaaaa|  |bbb|          before
 *     written,   |ababa| and |aaaaa|, |bb|  after a split; the merge goes on from there
 *     the rests
 *
 * What is written becomes an input too, the first one, of which nothing has to be read.
 * Snapshots keep what they have. A merge that is given up leaves what it has written.
 */

#include "core.h"

/* A merge that stopped half way, on its way to its spine. */
struct split {
    /* As merge_split() tells; of the `count` inputs that the merge read. */
    struct spine_batch *written;
    struct spine_batch **rests;
    size_t count;
    /* Where `written` will live. */
    struct entry *home;
    struct merge_counts counts;
};

/* Splits the task's merge if that is due, so that it is none any more: `*is_split`.
 * Otherwise it is not due or not done yet, which takes fuel and maybe another slice. A
 * failure means that the merge is lost. Worker. */
enum spine_status split_make(struct merge_task *task, uint64_t *fuel_rows,
                             struct split *split, bool *is_split,
                             struct spine_error *error);
/* Ends a merge that is done as if it were split: what it has written becomes an input. */
enum spine_status split_end(struct merge_task *task, uint64_t *fuel_rows,
                            struct split *split, bool *is_split,
                            struct spine_error *error);
/* Replaces the inputs by what was written and what is left of them. Cannot fail. */
void split_publish_locked(struct merge_task *task, struct split *split,
                          struct aftermath *after);
/* Lets go of what is left in it. Twice is harmless. No lock held. */
void split_release(struct split *split);

#endif
