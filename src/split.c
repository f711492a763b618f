/* SPDX-License-Identifier: MIT */
#include "split.h"

#include "base/alloc.h"
#include "base/assert.h"

static bool inputs_are_searched(const struct merge_task *task);
static bool split_new(const struct merge_task *task, struct split *split);
static void
place_written(struct merge_task *task, struct split *split, struct entry_list *inputs);
static void swap(struct spine_batch **a, struct spine_batch **b);

bool
split_make(struct merge_task *task, struct split *split)
{
    struct merge_counts counts;
    struct spine_error error;

    merge_counts(task->merge, &counts);
    if (!slot_split_is_due(&task->spine->policy, counts.rows_in, task->inputs.rows,
                           task->inputs.count) ||
        !merge_may_split(task->merge) || inputs_are_searched(task) ||
        !split_new(task, split))
        return false;
    if (merge_split(task->merge, &split->written, split->rests, &error) != SPINE_OK) {
        split_release(split);
        return false;
    }
    split->counts = counts;
    merge_free(task->merge);
    task->merge = NULL;
    return true;
}

/* Readers have built filters, which the rests would not have. */
static bool
inputs_are_searched(const struct merge_task *task)
{
    for (const struct entry *entry = task->inputs.first; entry != NULL;
         entry = entry->next)
        if (batch_lookup(entry->batch) != NULL)
            return true;
    return false;
}

/* Everything that takes memory, so that nothing fails once the merge is split. */
static bool
split_new(const struct merge_task *task, struct split *split)
{
    struct spine_batch *first = task->inputs.first->batch;

    *split = (struct split){.count = task->inputs.count - task->has_written};
    split->rests = mem_zalloc(split->count * sizeof *split->rests);
    /* The batch is only there until the entry gets the one that is written. */
    split->home = entry_new(first);
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
    entries_free(split->home);
    *split = (struct split){0};
}

/* The batches that are replaced end up in `split` and in `after`. */
void
split_publish_locked(struct merge_task *task, struct split *split,
                     struct aftermath *after)
{
    struct spine *spine = task->spine;
    struct entry_list inputs = task->inputs;

    assert(task->merge == NULL && after->entries == NULL);
    spine->locked.stats.merge_splits++;
    spine->locked.stats.merge_rows_in += split->counts.rows_in;
    spine->locked.stats.merge_blocks_shared += split->counts.blocks_shared;
    spine->locked.stats.merge_rows_shared += split->counts.rows_shared;
    spine->locked.batch_count -= inputs.count;

    task->inputs = (struct entry_list){0};
    place_written(task, split, &inputs);
    for (size_t i = 0; i < split->count; i++) {
        struct entry *entry = entry_list_take_first(&inputs);

        if (split->rests[i] != NULL) {
            swap(&entry->batch, &split->rests[i]);
            entry_list_append(&task->inputs, entry);
        } else {
            entry->next = after->entries;
            after->entries = entry;
        }
    }
    spine->locked.batch_count += task->inputs.count;
    spine_changed_locked(spine, after);
}

/* The first input is what was written before, if anything was: it is part of what is
 * written now. */
static void
place_written(struct merge_task *task, struct split *split, struct entry_list *inputs)
{
    const uint64_t rows = split->written->info.rows;
    struct entry *home = split->home;

    assert(rows > 0 || !task->has_written);
    if (rows == 0)
        return;
    split->home = task->has_written ? entry_list_take_first(inputs) : NULL;
    home->level = slot_level(&task->spine->policy, rows);
    swap(&home->batch, &split->written);
    entry_list_append(&task->inputs, home);
    task->has_written = true;
}

static void
swap(struct spine_batch **a, struct spine_batch **b)
{
    struct spine_batch *batch = *a;

    *a = *b;
    *b = batch;
}
