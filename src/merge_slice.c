/* SPDX-License-Identifier: MIT */

/*
 * A slice of a merge, and what comes of it: the merge goes on, its output is published,
 * or its inputs are given back. Slices run on a worker without the lock, and each ends in
 * slice_end_locked(). After a failure that may pass the task waits and begins again.
 */

#include "base/assert.h"
#include "base/container.h"
#include "base/error.h"
#include "base/planted.h"
#include "compaction.h"
#include "company.h"
#include "core.h"
#include "lanes.h"
#include "listing.h"
#include "observe/observe.h"
#include "relief.h"
#include "split.h"

/* How long a merge waits that has no memory to begin with: 2^n ms. */
#define STARVED_DOUBLINGS 1u

/* By the level of a task. */
static const struct task_kind {
    /* Tells the requests of a compaction that it has ended: with `batch`, NULL when no
     * rows are left, or by `error`. NULL: nothing asks for merges of levels. */
    void (*on_end_locked)(struct spine *spine, const struct spine_error *error,
                          struct spine_batch *batch, struct aftermath *after);
} task_kinds[TASK_COUNT] = {[COMPACTION_TASK] = {compaction_ended_locked}};

/* What a slice came to. Zero: it did nothing. */
struct slice {
    enum spine_status status;
    struct spine_error error;
    /* The merge is finished: `output`, a reference, is all of it. */
    bool done;
    /* It failed, and can go on where it is. */
    bool resumable;
    struct spine_batch *output;
    struct merge_counts counts;
    /* There was no memory to begin with. */
    bool is_starved;
    /* It was split: the merge goes on with other inputs. */
    bool is_split;
    struct split split;
    /* It goes on when a block is there. */
    bool lacks;
    /* It only looked for company, or cut the inputs in two, and the merge has not
     * begun. */
    bool is_looking;
    /* All inputs are cut, and what was left over of that. */
    bool is_cut;
    struct halves *halves;
    uint64_t fuel_used;
    uint64_t rows_left;
    uint64_t ns;
    uint64_t cpu_ns;
};

static void
tell_of_slice(struct merge_task *task, const struct slice *slice, uint64_t begin_ns);
static uint64_t slice_fuel(struct merge_task *task, uint64_t fuel_rows);
static void
task_run_slice(struct merge_task *task, uint64_t fuel_rows, struct slice *slice);
static bool task_awaits(const struct merge_task *task);
static void
slice_end_locked(struct merge_task *task, struct slice *slice, struct aftermath *after);
static void read_ended(void *context);
static void
publish_locked(struct merge_task *task, struct slice *slice, struct aftermath *after);
static void
count_merge_locked(struct merge_task *task, const struct merge_counts *counts);
static void publish_nothing_locked(struct merge_task *task, struct aftermath *after);
static void end_told_locked(struct merge_task *task, const struct spine_error *error,
                            struct spine_batch *batch, struct aftermath *after);
static bool may_retry_locked(struct merge_task *task, const struct slice *slice,
                             struct aftermath *after);
static void merge_fail_locked(struct merge_task *task, const struct slice *slice,
                              struct aftermath *after);
static void set_error_locked(struct spine *spine, const struct spine_error *error,
                             struct aftermath *after);

void
merge_slice(struct job *job, uint64_t *fuel_rows)
{
    struct merge_task *task = container_of(job, struct merge_task, job);
    struct spine *spine = task_spine(task);
    struct aftermath after = {0};
    struct slice slice = {0};
    const uint64_t fuel_given = slice_fuel(task, *fuel_rows);
    const uint64_t begin_ns = tell_begin_ns(spine);

    if (fuel_given > 0)
        task_run_slice(task, fuel_given, &slice);
    *fuel_rows -= slice.fuel_used < *fuel_rows ? slice.fuel_used : *fuel_rows;
    if (begin_ns > 0 && fuel_given > 0)
        tell_of_slice(task, &slice, begin_ns);
    thread_pause_point("slice end");

    mutex_lock(&spine->mutex);
    spine_enter_locked(spine);
    if (slice.done || slice.is_split || slice.is_cut)
        spine_publish_wait_locked(spine);
    slice_end_locked(task, &slice, &after);
    spine_finish(spine, &after);
    split_release(&slice.split);
    halves_free(slice.halves);
}

/* What the slice has done; before it is published, so that the inputs are there. */
static void
tell_of_slice(struct merge_task *task, const struct slice *slice, uint64_t begin_ns)
{
    const struct spine *spine = task_spine(task);
    const struct told_slice told = {
        .begin_ns = begin_ns, .level = task->level, .merge = task->number};

    if (slice->is_starved || slice->is_looking ||
        (slice->status != SPINE_OK && !task->told))
        return;
    if (!task->told)
        tell_merge_begin(task, begin_ns);
    task->told = true;
    tell_slice(spine, &told, slice->is_split ? &slice->split.counts : &slice->counts,
               slice->is_split);
    if (slice->done)
        tell_merge_end(spine, &told, &slice->counts, slice->output);
}

/*
 * The fuel of the next slice, at most `fuel_rows`: level 0 runs to its end, the others as
 * long as an average merge of level 0 takes, so that no level falls behind; what can be
 * spared soon lets others in. 0: it must not run.
 */
static uint64_t
slice_fuel(struct merge_task *task, uint64_t fuel_rows)
{
    struct spine *spine = task_spine(task);
    uint64_t fuel;

    mutex_lock(&spine->mutex);
    if (task->job.spare)
        fuel = SLOT_FUEL_START;
    else if (task->level == 0)
        fuel = slot_level0_fuel(spine->policy, entry_set_sums(&task->inputs).rows);
    else
        fuel = spine->locked.fuel_average;
    if (spine->locked.closing || spine->locked.pauses > 0 || task->abandoned ||
        lanes_is_merged_locked(task))
        fuel = 0;
    else
        lanes_look_locked(task);
    if (fuel > 0 && task->starved)
        merge_task_gather_locked(task);
    mutex_unlock(&spine->mutex);
    return fuel < fuel_rows ? fuel : fuel_rows;
}

static void
task_run_slice(struct merge_task *task, uint64_t fuel_rows, struct slice *slice)
{
    const uint64_t begin_ns = clock_now_ns(), begin_cpu_ns = clock_cpu_ns();
    const struct read_waiter waiter = {
        .runtime = task_spine(task)->runtime, .on_end = read_ended, .context = task};
    struct merge_budget budget;
    uint64_t fuel_left = fuel_rows;
    enum spine_status st = SPINE_OK;

    if (!task->looked)
        task->looked = task->ahead || company_join(task, &waiter);
    if (!task->looked) {
        slice->lacks = slice->is_looking = true;
        slice->rows_left = entry_set_sums(&task->inputs).rows;
        goto out;
    }
    if (task->merge == NULL && task->lane == LANE_WANTED) {
        const enum lanes_cut cut = lanes_cut(task, &waiter, &fuel_left);

        slice->is_looking = cut != LANES_ARE_NOT_CUT;
        slice->is_cut = cut == LANES_ARE_CUT;
        slice->lacks = cut == LANES_AWAIT_BLOCK;
        slice->rows_left = task->job.rows_left;
        if (slice->is_looking)
            goto out;
    }
    if (task->merge == NULL) {
        slice->is_starved = !relief_reserve(task, &budget);
        if (slice->is_starved)
            goto out;
        TRY(merge_task_begin(task, &waiter, &budget, &slice->error));
    }
    if (!merge_is_splitting(task->merge))
        st = merge_step(task->merge, &fuel_left, &slice->error);
    slice->resumable = st != SPINE_OK && merge_is_intact(task->merge);
    merge_counts(task->merge, &slice->counts);
    TRY(st);
    slice->rows_left = merge_rows_left(task->merge);
    if (merge_done(task->merge)) {
        slice->resumable = true;
        if (task->lane == LANE_HAD)
            TRY(split_end(task, &fuel_left, &slice->split, &slice->is_split,
                          &slice->error));
        else
            TRY(merge_seal(task->merge, &fuel_left, &slice->output, &slice->error));
        slice->resumable = false;
        slice->done = slice->output != NULL;
        slice->lacks = !slice->done && !slice->is_split && merge_lacks(task->merge);
    } else {
        TRY(split_make(task, &fuel_left, &slice->split, &slice->is_split, &slice->error));
        slice->lacks = !slice->is_split && merge_lacks(task->merge);
    }
    runtime_note_progress(task_spine(task)->runtime);
out:
    slice->status = st;
    slice->resumable = slice->resumable && !merge_is_lost(task->merge);
    /* At least 1: a slice that did nothing is not free. */
    slice->fuel_used = fuel_left < fuel_rows ? fuel_rows - fuel_left : 1;
    slice->ns = clock_now_ns() - begin_ns;
    slice->cpu_ns = clock_cpu_ns() - begin_cpu_ns;
}

static void
slice_end_locked(struct merge_task *task, struct slice *slice, struct aftermath *after)
{
    struct spine *spine = task_spine(task);
    struct spine_counters *counters = &spine->locked.counters;

    task_counters(task)->merge_slices += slice->fuel_used > 0;
    task_counters(task)->merge_ns += slice->ns;
    task_counters(task)->merge_cpu_ns += slice->cpu_ns;
    if (slice->ns > counters->slice_ns_max)
        counters->slice_ns_max = slice->ns;
    PROBE(slice, spine->number, task->level, slice->fuel_used, slice->ns);
    task->fuel_used += slice->fuel_used;
    task->rows_in = slice->counts.rows_in;
    task->starved = slice->is_starved;
    if (slice->is_split) {
        split_publish_locked(task, &slice->split, after);
        task->fuel_used = task->rows_in = 0; /* none of it would be lost */
        task->failures = 0;
    }
    if (slice->is_cut) {
        slice->halves = lanes_begin_locked(task, after);
        slice->rows_left = lanes_rows_left_locked(task);
    }

    if (slice->status != SPINE_OK && !may_retry_locked(task, slice, after)) {
        runtime_idle(spine->runtime, &task->job);
        merge_fail_locked(task, slice, after);
    } else if (slice->done) {
        runtime_idle(spine->runtime, &task->job);
        publish_locked(task, slice, after);
    } else if (spine->locked.closing || task->abandoned) {
        runtime_idle(spine->runtime, &task->job);
        merge_task_give_back_locked(task, after);
    } else if (spine->locked.pauses > 0) {
        runtime_idle(spine->runtime, &task->job);
        task->state = TASK_PARKED;
    } else if (lanes_waits_locked(task)) {
        runtime_wait_for_wake(spine->runtime, &task->job);
        after->kick = true;
    } else if (!lanes_join_locked(task)) {
        runtime_idle(spine->runtime, &task->job);
        publish_nothing_locked(task, after);
    } else if (slice->lacks && task_awaits(task)) {
        task->job.rows_left = merge_task_rank(task, slice->rows_left);
        task->lacks = true;
        runtime_wait_for_wake(spine->runtime, &task->job);
        after->kick = true;
    } else if (slice->status != SPINE_OK || slice->is_starved) {
        runtime_wait(spine->runtime, &task->job,
                     slice->is_starved ? STARVED_DOUBLINGS : task->failures - 1u);
        after->kick = true;
    } else {
        if (slice->fuel_used > 0)
            task->job.rows_left = merge_task_rank(task, slice->rows_left);
        runtime_ready(spine->runtime, &task->job);
        after->kick = true;
    }
    spine_start_merges_locked(spine, after);
    spine_wake_locked(spine);
}

static bool
task_awaits(const struct merge_task *task)
{
    return task->merge != NULL ? merge_awaits(task->merge)
                               : task->fetch != NULL && fetch_awaits(task->fetch);
}

/* A block that was read ahead is there, or cannot be read. While the job waits, nobody
 * else touches the merge. */
static void
read_ended(void *context)
{
    struct merge_task *task = context;
    struct spine *spine = task_spine(task);
    bool woken;

    mutex_lock(&spine->mutex);
    woken = task->lacks && !task_awaits(task);
    if (woken) {
        task->lacks = false;
        runtime_wake(spine->runtime, &task->job);
        spine_wake_locked(spine);
    }
    mutex_unlock(&spine->mutex);
    if (woken)
        runtime_kick(spine->runtime);
}

/*
 * Replaces the inputs by the output, in one go: an input's entry becomes the home of the
 * output, which so needs no memory. Cannot fail.
 */
static void
publish_locked(struct merge_task *task, struct slice *slice, struct aftermath *after)
{
    struct spine *spine = task_spine(task);
    struct spine_batch *output = slice->output;
    const struct spine_batch_info *info = &output->info;
    const struct entry_sums inputs = entry_set_sums(&task->inputs);
    struct entry *home = NULL;

    PROBE(merge__end, spine->number, task->level, info->rows, task->number);
    count_merge_locked(task, &slice->counts);
    task->failures = 0;
    if (task->surveyed) {
        const struct merge_counts whole = {
            .rows_in = task->rows_in_before + slice->counts.rows_in,
            .rows_dropped = task->rows_dropped_before + slice->counts.rows_dropped};

        survey_learn_locked(spine, &whole);
    }
    if (task->level == 0 && !task->ahead)
        spine->locked.fuel_average =
            slot_fuel_average(spine->locked.fuel_average, task->fuel_used);
    if (!merge_task_is_second_locked(task))
        end_told_locked(task, NULL, info->rows > 0 ? output : NULL, after);

    spine->locked.batch_count -= inputs.count;
    if (info->rows > 0) {
        home = entry_set_take_any(&task->inputs);
        home->sequence = inputs.sequence_most;
        after->batch = home->batch;
        home->batch = output;
        spine->locked.batch_count++;
    } else {
        after->batch = output;
    }
    entry_set_unite(&after->entries, &task->inputs);
    if (PLANTED(LOCK_DROPPED)) {
        mutex_unlock(&spine->mutex);
        mutex_lock(&spine->mutex);
    }
    if (!lanes_keep_locked(task, home, after)) {
        if (home != NULL)
            spine_add_output_locked(spine, home);
        merge_task_to_idle_locked(task, after);
    }
    spine_changed_locked(spine, after);
}

/* What a second lane writes is written once more, by reference, when the lanes are
 * joined: it is read there, and written here. */
static void
count_merge_locked(struct merge_task *task, const struct merge_counts *counts)
{
    struct spine_counters *counters = &task_spine(task)->locked.counters;
    struct task_counters *of_level = task_counters(task);

    merge_task_count_read_locked(task, counts);
    if (merge_task_first_locked(task) != NULL)
        return;
    of_level->merges++;
    of_level->merged_batches += entry_set_sums(&task->inputs).count;
    of_level->merge_rows_out += counts->rows_out;
    if (task->ahead) {
        counters->ahead_merges++;
        counters->ahead_rows_out += counts->rows_out;
    }
}

/* Both lanes have ended, and all rows of both have cancelled. */
static void
publish_nothing_locked(struct merge_task *task, struct aftermath *after)
{
    const struct merge_counts nothing = {.rows_in = 0};

    PROBE(merge__end, task_spine(task)->number, task->level, UINT64_C(0), task->number);
    count_merge_locked(task, &nothing);
    end_told_locked(task, NULL, NULL, after);
    merge_task_to_idle_locked(task, after);
    spine_changed_locked(task_spine(task), after);
}

static void
end_told_locked(struct merge_task *task, const struct spine_error *error,
                struct spine_batch *batch, struct aftermath *after)
{
    const struct task_kind *kind = &task_kinds[task->level];

    assert(mutex_is_held(&task_spine(task)->mutex));
    if (kind->on_end_locked != NULL)
        kind->on_end_locked(task_spine(task), error, batch, after);
}

/*
 * True when the merge is to be tried again, as its error may pass and has not lasted too
 * long. It begins anew then, as memory that it holds may be what is short; but what it
 * has made is kept if no more than the batch of it could not be had. A merge ahead, which
 * nobody needs, does not wait: see merge_fail_locked().
 */
static bool
may_retry_locked(struct merge_task *task, const struct slice *slice,
                 struct aftermath *after)
{
    const uint64_t now_ns = clock_now_ns();
    const uint32_t retry_ms = task_spine(task)->options.retry_ms;

    if (error_class(slice->status) != ERROR_TRANSIENT || task->ahead)
        return false;
    if (task->failures == 0)
        task->failing_since_ns = now_ns;
    if (retry_ms != UINT32_MAX &&
        now_ns - task->failing_since_ns >= retry_ms * UINT64_C(1000000))
        return false;
    if (task->failures < UINT8_MAX)
        task->failures++;
    task_spine(task)->locked.counters.merge_retries++;
    after->error = &slice->error;
    if (!slice->resumable) {
        merge_task_count_given_up_locked(task);
        after->failed_merge = task->merge;
        task->merge = NULL;
    }
    return true;
}

/*
 * The inputs are as they were. An error that other batches may settle is not sticky, nor
 * is one of a merge ahead, which is tried again when there is much more to merge.
 */
static void
merge_fail_locked(struct merge_task *task, const struct slice *slice,
                  struct aftermath *after)
{
    struct spine *spine = task_spine(task);
    const enum error_class class = error_class(slice->status);
    struct merge_task *const first = merge_task_first_locked(task);

    if (task->ahead && class != ERROR_PERMANENT)
        spine->locked.ahead_wait_rows =
            merge_task_rank(task, entry_set_sums(&task->inputs).rows);
    else if (class != ERROR_SETTLING || !compaction_settle_locked(task, after)) {
        if (first != NULL || !merge_task_is_second_locked(task))
            end_told_locked(task, &slice->error, NULL, after);
        set_error_locked(spine, &slice->error, after);
    }
    merge_task_give_back_locked(task, after);
    /* Half of a compaction is none. */
    if (first != NULL && first->level == COMPACTION_TASK)
        merge_task_abandon_locked(first, after);
}

/* The error is sticky; a compaction that has not begun ends with it. */
static void
set_error_locked(struct spine *spine, const struct spine_error *error,
                 struct aftermath *after)
{
    assert(mutex_is_held(&spine->mutex));
    assert(error->status != SPINE_OK);
    spine->locked.status = error->status;
    spine->locked.error = *error;
    spine->locked.errors++;
    after->error = error;
    after->error_is_sticky = true;
    compaction_refuse_locked(spine, error, after);
    spine_wake_locked(spine);
}
