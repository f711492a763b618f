/* SPDX-License-Identifier: MIT */

/*
 * The states of a task: idle, queued, parked, ended. A task is idle until
 * merge_task_start_locked() hands it inputs; then its job runs slices (merge_slice.c)
 * until the merge ends or is given up.
 */

#include "base/assert.h"
#include "core.h"
#include "lanes.h"
#include "observe/observe.h"

/* Rows of a merge by the bottom rule that count as one of others. */
#define BOTTOM_HASTE 16u

static bool may_gather_locked(const struct merge_task *task);
static void leave_lanes_locked(struct merge_task *task, struct aftermath *after);

void
merge_task_init(struct merge_task *task, struct spine *spine, unsigned level,
                void (*on_slice)(struct job *job, uint64_t *fuel_rows))
{
    assert(level < TASK_COUNT);
    task->level = (uint8_t)level;
    task->job.owner = &spine->jobs;
    task->job.on_slice = on_slice;
}

void
merge_task_start_locked(struct merge_task *task, struct aftermath *after)
{
    struct spine *spine = task_spine(task);
    const struct entry_sums inputs = entry_set_sums(&task->inputs);

    assert(task->state == TASK_IDLE && inputs.count > 0 && task->merge == NULL);
    task->largest_rows = inputs.rows_most;
    task->batch_count = (uint32_t)spine->locked.batch_count;
    task->has_frontier = spine->locked.has_frontier;
    task->frontier = spine->locked.frontier;
    task->key_filter = key_filter_ref(spine->locked.key_filter);
    task->value_filter = value_filter_ref(spine->locked.value_filter);
    task->number = ++spine->locked.merges;
    task->fuel_used = task->rows_in = 0;
    task->abandoned = false;
    task->job.rows_left = merge_task_rank(task, inputs.rows);
    task->state = TASK_QUEUED;
    PROBE(merge__begin, spine->number, task->level, inputs.rows, task->number);
    runtime_ready(spine->runtime, &task->job);
    after->kick = true;
    if (!spine_is_full_locked(spine))
        condition_broadcast(&spine->no_backpressure);
}

void
merge_task_gather_locked(struct merge_task *task)
{
    struct spine *spine = task_spine(task);
    const size_t count = entry_set_sums(&task->inputs).count;
    const size_t most = spine->policy->merge_max;
    struct entry_sums inputs;

    assert(mutex_is_held(&spine->mutex));
    assert(task->merge == NULL);
    if (!may_gather_locked(task) || count >= most)
        return;
    entry_set_take(&spine->locked.loose,
                   (struct entry_range){task->level, task->level + 1u, 0, UINT64_MAX},
                   most - count, &task->inputs);
    inputs = entry_set_sums(&task->inputs);
    task->largest_rows = inputs.rows_most;
    task->job.rows_left = merge_task_rank(task, inputs.rows);
}

/* Not what a compaction waits for, nor for a merge that nobody needs yet; not for a lane,
 * which has the rows on one side of a seam. */
static bool
may_gather_locked(const struct merge_task *task)
{
    const struct spine *spine = task_spine(task);

    assert(mutex_is_held(&task_spine(task)->mutex));
    return task->level < SPINE_LEVELS && task->lane == LANE_NONE &&
           merge_task_first_locked(task) == NULL && task->written == NULL &&
           !task->ahead && !task->abandoned && start_is_allowed_locked(spine) &&
           !spine->locked.settles && spine->locked.next_compaction == NULL;
}

void
merge_task_follow_locked(struct merge_task *task, const struct merge_task *first)
{
    assert(mutex_is_held(&task_spine(task)->mutex));
    assert(task->merge == NULL);
    /* The spine keeps the filters that it has now. */
    key_filter_unref(task->key_filter);
    value_filter_unref(task->value_filter);
    task->has_frontier = first->has_frontier;
    task->frontier = first->frontier;
    task->key_filter = key_filter_ref(first->key_filter);
    task->value_filter = value_filter_ref(first->value_filter);
}

uint64_t
merge_task_rank(const struct merge_task *task, uint64_t rows_left)
{
    rows_left -= task->untouched_rows < rows_left ? task->untouched_rows : rows_left;
    return task->bottom ? rows_left / BOTTOM_HASTE : rows_left;
}

void
merge_task_hurry_locked(struct merge_task *task, struct aftermath *after)
{
    bool ready;

    assert(mutex_is_held(&task_spine(task)->mutex));
    if (!task->job.spare)
        return;
    ready = task->state == TASK_QUEUED &&
            runtime_withdraw(task_spine(task)->runtime, &task->job);
    task->lacks = task->lacks && !ready;
    task->job.spare = false;
    if (ready) {
        runtime_ready(task_spine(task)->runtime, &task->job);
        after->kick = true;
    }
}

void
merge_task_abandon_locked(struct merge_task *task, struct aftermath *after)
{
    assert(mutex_is_held(&task_spine(task)->mutex));
    if (task->state == TASK_IDLE)
        return;
    if (task->state == TASK_PARKED || task->state == TASK_ENDED ||
        runtime_withdraw(task_spine(task)->runtime, &task->job))
        merge_task_give_back_locked(task, after);
    else
        task->abandoned = true;
}

void
merge_task_park_locked(struct merge_task *task)
{
    assert(mutex_is_held(&task_spine(task)->mutex));
    if (task->state == TASK_QUEUED &&
        runtime_withdraw(task_spine(task)->runtime, &task->job)) {
        task->state = TASK_PARKED;
        task->lacks = false;
    }
}

void
merge_task_unpark_locked(struct merge_task *task, struct aftermath *after)
{
    assert(mutex_is_held(&task_spine(task)->mutex));
    if (task->state != TASK_PARKED)
        return;
    task->state = TASK_QUEUED;
    task->failures = 0;
    runtime_ready(task_spine(task)->runtime, &task->job);
    after->kick = true;
}

void
merge_task_retry_locked(struct merge_task *task, struct aftermath *after)
{
    assert(mutex_is_held(&task_spine(task)->mutex));
    task->failures = 0;
    task->lacks = false;
    runtime_wake(task_spine(task)->runtime, &task->job);
    after->kick = true;
}

void
merge_task_give_back_locked(struct merge_task *task, struct aftermath *after)
{
    struct spine *spine = task_spine(task);

    merge_task_count_given_up_locked(task);
    if (task->told) {
        after->given_up[after->given_up_count].level = task->level;
        after->given_up[after->given_up_count++].merge = task->number;
    }
    entry_set_unite(&spine->locked.loose, &task->inputs);
    merge_task_to_idle_locked(task, after);
}

void
merge_task_count_given_up_locked(struct merge_task *task)
{
    struct spine_counters *counters = &task_spine(task)->locked.counters;

    if (task->fuel_used == 0)
        return;
    counters->given_up_merges++;
    /* What a merge did before its first row is not free. */
    counters->given_up_rows_in += task->rows_in > 0 ? task->rows_in : 1;
    task->fuel_used = task->rows_in = 0;
}

void
merge_task_count_read_locked(struct merge_task *task, const struct merge_counts *counts)
{
    struct spine_counters *of_spine = &task_spine(task)->locked.counters;

    assert(mutex_is_held(&task_spine(task)->mutex));
    of_spine->retain_rows_dropped += counts->rows_dropped;
    if (task->lane == LANE_JOINED)
        return;
    task_counters(task)->merge_rows_in += counts->rows_in;
    of_spine->merge_blocks_shared += counts->blocks_shared;
    of_spine->merge_rows_shared += counts->rows_shared;
}

void
merge_task_to_idle_locked(struct merge_task *task, struct aftermath *after)
{
    assert(entry_set_sums(&task->inputs).count == 0);
    leave_lanes_locked(task, after);
    survey_unblock_locked(task_spine(task), task);
    after->merges[after->task_count] = task->merge;
    after->fetches[after->task_count] = task->fetch;
    after->key_filters[after->task_count] = task->key_filter;
    after->value_filters[after->task_count] = task->value_filter;
    after->task_count++;
    task->merge = NULL;
    task->fetch = NULL;
    task->lacks = false;
    task->key_filter = NULL;
    task->value_filter = NULL;
    task->abandoned = false;
    task->ahead = false;
    task->bottom = false;
    task->surveyed = false;
    task->written = NULL;
    task->rows_in_before = task->rows_dropped_before = 0;
    task->largest_rows = 0;
    task->untouched_rows = 0;
    task->looked = false;
    task->told = false;
    task->job.spare = false;
    task->state = TASK_IDLE;
}

/* The first lane may wait for the second; what the second one made for the first is as
 * good as any batch. */
static void
leave_lanes_locked(struct merge_task *task, struct aftermath *after)
{
    struct spine *spine = task_spine(task);
    struct lane *lane = spine->locked.lane;

    assert(mutex_is_held(&spine->mutex));
    assert(lane != NULL || task->lane != LANE_HAD);
    if (lane != NULL && task == lane->cutter) {
        assert(after->halves == NULL);
        after->halves = lane->halves;
        entry_set_unite(&after->entries, &lane->homes);
        lane->halves = NULL;
        lane->cutter = NULL;
    }
    if (lane != NULL && task == &lane->task && lane->first != NULL) {
        runtime_wake(spine->runtime, &lane->first->job);
        after->kick = true;
        lane->first = NULL;
    }
    if (task->lane == LANE_HAD && lane->first == task) {
        lane->first = NULL;
        if (lane->task.state == TASK_ENDED) {
            spine_add_output_locked(spine, entry_set_take_any(&lane->task.inputs));
            lane->task.state = TASK_IDLE;
        }
    }
    task->lane = LANE_NONE;
}
