/* SPDX-License-Identifier: MIT */

/* The filters of a spine: set by its host, captured by a merge when it begins, turned
 * into what the merge retains. */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "core.h"
#include "floor.h"

static void exchange(struct spine *spine, struct key_filter *const *keys,
                     struct value_filter *const *values);
static void inputs_first(const struct merge_task *task,
                         const struct spine_snapshot *snapshot, struct spine_batch **out,
                         struct spine_batch **all);
static void add_batch(struct entry *entry, void *context);
static int compare_batches(const void *a, const void *b);

enum spine_status
spine_retain_keys(struct spine *spine, const struct spine_key_filter *filter,
                  struct spine_error *error)
{
    struct key_filter *fresh = NULL;

    if (spine == NULL)
        return fail_null(error, "spine_retain_keys", "spine");
    if (filter != NULL)
        TRY_RETURN(key_filter_new(filter, &fresh, error));
    exchange(spine, &fresh, NULL);
    return SPINE_OK;
}

enum spine_status
spine_retain_values(struct spine *spine, const struct spine_value_filter *filter,
                    struct spine_error *error)
{
    struct value_filter *fresh = NULL;

    if (spine == NULL)
        return fail_null(error, "spine_retain_values", "spine");
    if (filter != NULL)
        TRY_RETURN(value_filter_new(filter, &fresh, error));
    exchange(spine, NULL, &fresh);
    return SPINE_OK;
}

/* Sets the filter of keys, of values, or both; NULL: that one stays. */
static void
exchange(struct spine *spine, struct key_filter *const *keys,
         struct value_filter *const *values)
{
    struct aftermath after = {.task_count = 1};

    mutex_lock(&spine->mutex);
    spine_enter_locked(spine);
    if (keys != NULL) {
        after.key_filters[0] = spine->locked.key_filter;
        spine->locked.key_filter = *keys;
    }
    if (values != NULL) {
        after.value_filters[0] = spine->locked.value_filter;
        spine->locked.value_filter = *values;
    }
    floor_drop_locked(spine);
    survey_want_locked(&spine->locked.survey);
    survey_start_locked(spine, &after);
    spine_finish(spine, &after);
}

/*
 * Groups are judged on the spine as it is when the merge's first slice runs: it has all
 * of the merge's inputs, which stay in the spine until the merge ends.
 */
enum spine_status
filters_of_task(struct merge_task *task, struct retain **out, struct spine_error *error)
{
    struct retain_options options = {.keys = task->key_filter,
                                     .values = task->value_filter,
                                     .advance_times = task->has_frontier,
                                     .frontier = task->frontier};
    struct spine_snapshot *snapshot = NULL;
    struct spine_batch **batches = NULL;
    struct account_span span;
    size_t bytes = 0;
    enum spine_status st = SPINE_OK;

    *out = NULL;
    if (task->key_filter == NULL && task->value_filter == NULL)
        return SPINE_OK;
    if (value_filter_needs_groups(task->value_filter)) {
        TRY(snapshot_of_anything(task_spine(task), &snapshot, error));
        bytes = 2 * snapshot->batch_count * sizeof(struct spine_batch *);
        batches = mem_alloc(bytes);
        if (batches == NULL)
            TRY(fail_nomem(error, "the batches that a filter judges by", bytes));
        options.batches = batches;
        options.batch_count = snapshot->batch_count;
        options.input_count = entry_set_sums(&task->inputs).count;
        inputs_first(task, snapshot, batches, batches + snapshot->batch_count);
    }
    /* The merge frees it. */
    span = account_enter(task_spine(task)->account);
    st = retain_new(out, &task_spine(task)->layout, &options, error);
    account_leave(&span);
out:
    mem_free(batches, bytes);
    spine_snapshot_unref(snapshot);
    return st;
}

/* Writes the batches of the snapshot to `out`, the task's inputs first; a batch may be
 * there several times. `all` is room for as many. */
static void
inputs_first(const struct merge_task *task, const struct spine_snapshot *snapshot,
             struct spine_batch **out, struct spine_batch **all)
{
    const size_t count = snapshot->batch_count;
    const size_t input_count = entry_set_sums(&task->inputs).count;
    struct spine_batch **inputs = out;
    size_t at = 0, others = input_count;

    assert(input_count <= count);
    entry_set_each(&task->inputs, entries_all, add_batch, &inputs);
    memcpy(all, snapshot->batches, count * sizeof *all);
    qsort(out, input_count, sizeof *out, compare_batches);
    qsort(all, count, sizeof *all, compare_batches);
    for (size_t i = 0; i < count; i++)
        if (at < input_count && all[i] == out[at])
            at++;
        else
            out[others++] = all[i];
    assert(at == input_count && others == count);
}

/* Writes the batch to `*context`, an array, and moves that on. */
static void
add_batch(struct entry *entry, void *context)
{
    struct spine_batch ***out = context;

    *(*out)++ = entry->batch;
}

static int
compare_batches(const void *a, const void *b)
{
    const uintptr_t left = (uintptr_t) * (struct spine_batch *const *)a;
    const uintptr_t right = (uintptr_t) * (struct spine_batch *const *)b;

    return (left > right) - (left < right);
}
