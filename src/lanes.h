/* SPDX-License-Identifier: MIT */
#ifndef LANES_H
#define LANES_H

/*
 * lanes -- a large merge runs in two threads, each of which merges the keys on one side
 * of a seam. Part of the core.
 *
 * When a thread has nothing to do while a large merge runs, the merge is split
 * (split.h), and what is left of its inputs is cut in two at a key. The task goes on with
 * the rows before the seam; those behind it become inputs of one more task, the *second
 * lane*, which is a merge like any other. So each lane is split, fails, waits and begins
 * again by itself, and if the first is given up the second goes on alone.
 *
 *     inputs    |aaaaaa|aaaaaa|  |bb|bb|
 *     task       aaaaaa           bb        ababab..       abababab|cdcdcdcd
 *     second            aaaaaa       bb     cdcdcd..        ^ joined: blocks by reference
 *
 * The lane that has ended keeps its output as its input. When both have, the task takes
 * that, and merges the two outputs, of which one ends where the other begins: it takes
 * over their blocks. A spine has one second lane at most. A merge has none that is small,
 * that nobody needs, that takes most blocks over, that judges groups, or for which there
 * is no memory.
 */

#include "core.h"

static inline bool
merge_task_is_second_locked(const struct merge_task *task)
{
    const struct lane *lane = task_spine(task)->locked.lane;

    return lane != NULL && task == &lane->task;
}

/* Of the second lane, the first one; otherwise NULL. */
static inline struct merge_task *
merge_task_first_locked(const struct merge_task *task)
{
    return merge_task_is_second_locked(task) ? task_spine(task)->locked.lane->first
                                             : NULL;
}

/* Would half of what is left of the merge be better off in a thread that has nothing to
 * do? Remembered until the inputs are cut, or cannot be. Inside a slice of the task. */
void lanes_look_locked(struct merge_task *task);
/* Of lanes_cut(). */
enum lanes_cut {
    LANES_ARE_NOT_CUT,
    LANES_ARE_BEING_CUT,
    LANES_AWAIT_BLOCK,
    LANES_ARE_CUT
};
/*
 * Cuts the inputs of a task whose merge has not begun. Unless they are, another slice
 * goes on, where a block is awaited when `waiter` was told. They are not when there is no
 * seam, no memory, a block that cannot be read, or when another task cuts; then the merge
 * goes on as if there were no lanes. Worker.
 */
enum lanes_cut
lanes_cut(struct merge_task *task, const struct read_waiter *waiter, uint64_t *fuel_rows);
/* Gives the second lane its inputs, unless it must not begin now. Cannot fail. Returns
 * what is left over, which the caller frees without the lock. */
struct halves *lanes_begin_locked(struct merge_task *task, struct aftermath *after);
/* Rows of the inputs that the merge has not written. */
uint64_t lanes_rows_left_locked(const struct merge_task *task);
/* Has the task merged all rows on its side of the seam? */
bool lanes_is_merged_locked(const struct merge_task *task);
/* The same, and has the second lane yet to end? */
bool lanes_waits_locked(const struct merge_task *task);
/* Both lanes have ended: the outputs are inputs of the task. False when there are none:
 * no rows are left. */
bool lanes_join_locked(struct merge_task *task);
/* The second lane has ended with `home`, its output, or NULL: no rows. It keeps it until
 * the first has ended. False when there is no first one any more. */
bool
lanes_keep_locked(struct merge_task *task, struct entry *home, struct aftermath *after);

#endif
