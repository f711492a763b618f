/* SPDX-License-Identifier: MIT */
#include "core.h"

#include "base/assert.h"

static void
start_merge_locked(struct spine *spine, unsigned level, struct aftermath *after);
static size_t count_between(const struct entry_list *slot, uint64_t first, uint64_t last);
static void take_between(struct entry_list *slot, uint64_t first, uint64_t last,
                         size_t count, struct entry_list *inputs);

void
aftermath_run(struct spine *spine, struct aftermath *after)
{
    if (after->kick)
        runtime_kick(spine->runtime);
    for (size_t i = 0; i < after->task_count; i++) {
        merge_free(after->merges[i]);
        key_filter_unref(after->key_filters[i]);
        value_filter_unref(after->value_filters[i]);
    }
    entries_free(after->entries);
    spine_batch_unref(after->batch);
    spine_snapshot_unref(after->snapshot);
    compactions_report(after->compactions);
}

void
spine_changed_locked(struct spine *spine, struct aftermath *after)
{
    if (spine->locked.snapshot == NULL)
        return;
    assert(after->snapshot == NULL);
    after->snapshot = spine->locked.snapshot;
    spine->locked.snapshot = NULL;
}

void
spine_add_locked(struct spine *spine, struct entry *entry, uint64_t rows)
{
    const unsigned level = slot_level(&spine->policy, rows);

    entry_list_append(&spine->locked.slots[level], entry);
    spine->locked.loose_count++;
}

void
spine_start_merges_locked(struct spine *spine, struct aftermath *after)
{
    if (spine->locked.closing || spine->locked.pauses > 0 ||
        spine->locked.status != SPINE_OK)
        return;
    if (compaction_start_locked(spine, after))
        return;
    for (unsigned level = 0; level < SPINE_LEVELS; level++)
        if (spine->locked.tasks[level].state == TASK_IDLE)
            start_merge_locked(spine, level, after);
}

/*
 * Starts a merge of the level if one is due. It never mixes what a compaction that has
 * yet to begin wants with what came later: its output would be too much for that
 * compaction, and without it too little.
 */
static void
start_merge_locked(struct spine *spine, unsigned level, struct aftermath *after)
{
    struct entry_list *slot = &spine->locked.slots[level];
    struct merge_task *task = &spine->locked.tasks[level];
    const struct compaction *compaction = spine->locked.compactions;
    uint64_t first = 0;

    if (slot_merge_count(&spine->policy, level, slot->count) == 0)
        return;
    for (;;) {
        const uint64_t last = compaction != NULL ? compaction->sequence : UINT64_MAX;
        const size_t loose = count_between(slot, first, last);
        const size_t count = slot_merge_count(&spine->policy, level, loose);

        if (count > 0) {
            take_between(slot, first, last, count, &task->inputs);
            merge_task_start_locked(task, after);
            return;
        }
        if (compaction == NULL)
            return;
        first = last + 1;
        compaction = compaction->next;
    }
}

/* Entries with a sequence from `first` to `last`. */
static size_t
count_between(const struct entry_list *slot, uint64_t first, uint64_t last)
{
    size_t count = 0;

    for (const struct entry *entry = slot->first; entry != NULL; entry = entry->next)
        if (first <= entry->sequence && entry->sequence <= last)
            count++;
    return count;
}

/* Moves the oldest `count` of them to `inputs`. */
static void
take_between(struct entry_list *slot, uint64_t first, uint64_t last, size_t count,
             struct entry_list *inputs)
{
    const size_t all = slot->count;

    for (size_t i = 0; i < all; i++) {
        struct entry *entry = entry_list_take_first(slot);
        const bool taken =
            inputs->count < count && first <= entry->sequence && entry->sequence <= last;

        entry_list_append(taken ? inputs : slot, entry);
    }
}

void
spine_set_error_locked(struct spine *spine, const struct spine_error *error,
                       struct aftermath *after)
{
    assert(error->status != SPINE_OK);
    spine->locked.status = error->status;
    spine->locked.error = *error;
    compaction_refuse_locked(spine, error->status, after);
    spine_wake_locked(spine);
}

enum spine_status
spine_sticky_locked(const struct spine *spine, struct spine_error *error)
{
    if (spine->locked.status != SPINE_OK && error != NULL)
        *error = spine->locked.error;
    return spine->locked.status;
}

void
spine_wake_locked(struct spine *spine)
{
    spine->locked.wakes++;
    condition_broadcast(&spine->no_backpressure);
    condition_broadcast(&spine->idle);
}

void
spine_enter_locked(struct spine *spine)
{
    spine->locked.callers++;
}

void
spine_leave_and_unlock(struct spine *spine)
{
    assert(spine->locked.callers > 0);
    spine->locked.callers--;
    if (spine->locked.closing)
        condition_broadcast(&spine->idle);
    mutex_unlock(&spine->mutex);
}

void
spine_finish(struct spine *spine, struct aftermath *after)
{
    mutex_unlock(&spine->mutex);
    aftermath_run(spine, after);
    mutex_lock(&spine->mutex);
    spine_leave_and_unlock(spine);
}
