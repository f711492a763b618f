/* SPDX-License-Identifier: MIT */

/* Splits: what a merge has written, and what is left of each input, take the place of the
 * inputs, in one critical section for which everything was made before. */

#include "split.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

static bool is_due(const struct merge_task *task);
static bool split_new(const struct merge_task *task, struct split *split);
static void place_written(struct merge_task *task, struct split *split,
                          struct entry *home, uint64_t sequence);
static void swap(struct spine_batch **a, struct spine_batch **b);

enum spine_status
split_make(struct merge_task *task, uint64_t *fuel_rows, struct split *split,
           bool *is_split, struct spine_error *error)
{
    struct merge *merge = task->merge;
    enum spine_status st;

    if (!merge_is_splitting(merge)) {
        if (!is_due(task))
            return SPINE_OK;
        if (!merge_may_split(merge)) {
            merge_seek_split(merge);
            return SPINE_OK;
        }
    }
    if (!split_new(task, split)) {
        merge_split_abort(merge);
        return SPINE_OK;
    }
    st = merge_split(merge, fuel_rows, &split->written, split->rests, error);
    merge_counts(merge, &split->counts);
    if (st != SPINE_OK || split->written == NULL) {
        split_release(split);
        return merge_is_lost(merge) ? st : SPINE_OK;
    }
    merge_free(merge);
    task->merge = NULL;
    *is_split = true;
    return SPINE_OK;
}

static bool
is_due(const struct merge_task *task)
{
    const struct entry_sums inputs = entry_set_sums(&task->inputs);
    struct merge_counts counts;

    if (task->lane == LANE_WANTED)
        return true;
    merge_counts(task->merge, &counts);
    /* What was taken over is not there twice. */
    return slot_split_is_due(
        task_spine(task)->policy,
        &(struct slot_progress){.rows_read = counts.rows_in - counts.rows_shared,
                                .rows = inputs.rows,
                                .storage_rows = inputs.storage_rows,
                                .batches = inputs.count});
}

enum spine_status
split_end(struct merge_task *task, uint64_t *fuel_rows, struct split *split,
          bool *is_split, struct spine_error *error)
{
    struct merge *merge = task->merge;
    enum spine_status st;

    if (!split_new(task, split))
        return fail_nomem(error, "what a merge has written", sizeof *split->home);
    st = merge_seal(merge, fuel_rows, &split->written, error);
    merge_counts(merge, &split->counts);
    if (st != SPINE_OK || split->written == NULL) {
        split_release(split);
        return st;
    }
    merge_free(merge);
    task->merge = NULL;
    *is_split = true;
    return SPINE_OK;
}

/* Everything that takes memory, so that nothing fails once the merge is split. */
static bool
split_new(const struct merge_task *task, struct split *split)
{
    const size_t count = entry_set_sums(&task->inputs).count;

    *split = (struct split){.count = count - (task->written != NULL)};
    split->rests = mem_zalloc(split->count * sizeof *split->rests);
    /* The batch is only there until the entry gets the one that is written. */
    split->home = entry_new(entry_set_largest(&task->inputs)->batch);
    if (split->rests != NULL && split->home != NULL)
        return true;
    split_release(split);
    return false;
}

void
split_release(struct split *split)
{
    for (size_t i = 0; split->rests != NULL && i < split->count; i++)
        spine_batch_unref(split->rests[i]);
    mem_free(split->rests, split->count * sizeof *split->rests);
    spine_batch_unref(split->written);
    entry_free(split->home);
    *split = (struct split){0};
}

/* The batches that are replaced end up in `split` and in `after`. */
void
split_publish_locked(struct merge_task *task, struct split *split,
                     struct aftermath *after)
{
    struct spine *spine = task_spine(task);
    const struct entry_sums sums = entry_set_sums(&task->inputs);
    struct spine_batch **rest = split->rests;
    struct entry *home = NULL;

    assert(mutex_is_held(&task_spine(task)->mutex));
    assert(task->merge == NULL);
    spine->locked.counters.merge_splits++;
    merge_task_count_read_locked(task, &split->counts);
    task->rows_in_before += split->counts.rows_in;
    task->rows_dropped_before += split->counts.rows_dropped;

    for (struct entry *entry = entry_set_take_chain(&task->inputs); entry != NULL;) {
        struct entry *next = entry->greater;

        if (entry == task->written)
            home = entry;
        else if (*rest++ == NULL)
            entry_set_add(&after->entries, entry);
        else {
            swap(&entry->batch, &rest[-1]);
            entry_set_add(&task->inputs, entry);
        }
        entry = next;
    }
    assert(rest == split->rests + split->count);
    place_written(task, split, home, sums.sequence_most);
    spine->locked.batch_count += entry_set_sums(&task->inputs).count;
    spine->locked.batch_count -= sums.count;
    spine_changed_locked(spine, after);
}

/* What is written now lives at `home`, where what was written before does, which is part
 * of it, or at a new place when `home` is NULL. */
static void
place_written(struct merge_task *task, struct split *split, struct entry *home,
              uint64_t sequence)
{
    const uint64_t rows = split->written->info.rows;

    assert(split->written != NULL);
    assert(rows > 0 || home == NULL);
    if (rows == 0)
        return;
    if (home == NULL) {
        home = split->home;
        split->home = NULL;
    }
    home->sequence = sequence;
    home->level = slot_level(task_spine(task)->policy, rows);
    swap(&home->batch, &split->written);
    entry_set_add(&task->inputs, home);
    task->written = home;
}

static void
swap(struct spine_batch **a, struct spine_batch **b)
{
    struct spine_batch *batch = *a;

    *a = *b;
    *b = batch;
}
