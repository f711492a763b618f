/* SPDX-License-Identifier: MIT */

/* How much merges ahead may read of what is saved: counted down as they begin, up as
 * batches come in, and anew at each cut. */

#include "saving.h"

#include "base/assert.h"

static bool is_in_vain_locked(const struct merge_task *task, uint64_t saved_max);

void
saving_begin(struct spine *spine, const struct spine_snapshot *snapshot)
{
    struct aftermath after = {0};

    snapshot_mark_saved(snapshot);
    mutex_lock(&spine->mutex);
    spine_enter_locked(spine);
    spine->locked.cuts_saved++;
    spine->locked.saved_rows_max = slot_saved_rows(spine_snapshot_rows(snapshot), 0);
    for (unsigned level = 0; level < SPINE_LEVELS; level++) {
        struct merge_task *task = &spine->locked.tasks[level];

        if (is_in_vain_locked(task, spine->locked.saved_rows_max))
            merge_task_abandon_locked(task, &after);
    }
    spine_start_merges_locked(spine, &after);
    spine_finish(spine, &after);
}

/* Nobody needs the merge, and it is at its beginning. */
static bool
is_in_vain_locked(const struct merge_task *task, uint64_t saved_max)
{
    uint64_t rows = entry_set_sums(&task->inputs).rows;

    assert(mutex_is_held(&task_spine(task)->mutex));
    if (task->state == TASK_IDLE || !task->ahead || !task->job.spare)
        return false;
    if (task->written != NULL)
        rows -= task->written->batch->info.rows;
    rows -= task->untouched_rows < rows ? task->untouched_rows : rows;
    return slot_ahead_gives_up(task->rows_in, rows, saved_max);
}

void
saving_open_locked(struct spine *spine)
{
    assert(mutex_is_held(&spine->mutex));
    spine->locked.saved_rows_max =
        slot_saved_rows(entry_set_sums(&spine->locked.loose).rows, 0);
}
