/* SPDX-License-Identifier: MIT */

/* What the files of the core share: whether inserts and merges may begin, entering and
 * leaving, waking, sticky errors, and what is done after a critical section. */

#include "core.h"
#include "compaction.h"

#include "base/assert.h"
#include "base/planted.h"

/* Compactions that may fail because something came in meanwhile. */
#define SETTLE_ATTEMPTS_MAX 2u

void
aftermath_run(struct spine *spine, struct aftermath *after)
{
    if (after->kick)
        runtime_kick(spine->runtime);
    else
        runtime_kick_waiting(spine->runtime);
    for (size_t i = 0; i < after->given_up_count; i++)
        tell_given_up(spine, after->given_up[i].level, after->given_up[i].merge);
    if (after->error != NULL)
        tell_error(spine, after->error, after->error_is_sticky);
    merge_free(after->failed_merge);
    for (size_t i = 0; i < after->task_count; i++) {
        merge_free(after->merges[i]);
        fetch_free(after->fetches[i]);
        key_filter_unref(after->key_filters[i]);
        value_filter_unref(after->value_filters[i]);
    }
    halves_free(after->halves);
    while (after->compactions != NULL) {
        struct compaction *compaction = after->compactions;

        after->compactions = compaction->next;
        compaction_unref(compaction);
    }
    entry_set_free(&after->entries);
    spine_batch_unref(after->batch);
    spine_snapshot_unref(after->snapshot);
}

void
spine_changed_locked(struct spine *spine, struct aftermath *after)
{
    assert(mutex_is_held(&spine->mutex));
    if (spine->locked.snapshot == NULL)
        return;
    assert(after->snapshot == NULL);
    after->snapshot = spine->locked.snapshot;
    spine->locked.snapshot = NULL;
}

void
spine_add_locked(struct spine *spine, struct entry *entry)
{
    assert(mutex_is_held(&spine->mutex));
    entry->level = slot_level(spine->policy, entry->batch->info.rows);
    entry_set_add(&spine->locked.loose, entry);
    if (entry->level > 0)
        survey_want_locked(&spine->locked.survey);
}

void
spine_add_output_locked(struct spine *spine, struct entry *entry)
{
    const struct spine_batch_info *info = &entry->batch->info;
    unsigned top_level = entry_set_top_level(&spine->locked.loose);

    assert(mutex_is_held(&spine->mutex));
    for (unsigned i = 0; i < spine_task_count_locked(spine); i++) {
        const unsigned level = entry_set_top_level(&spine_task_locked(spine, i)->inputs);

        top_level = level > top_level ? level : top_level;
    }
    entry->level =
        slot_output_level(spine->policy, info->rows, info->negative_rows,
                          spine->options.negative_weight_multiplier, top_level);
    entry_set_add(&spine->locked.loose, entry);
}

enum spine_status
spine_sticky_locked(const struct spine *spine, struct spine_error *error)
{
    assert(mutex_is_held(&spine->mutex));
    if (spine->locked.status != SPINE_OK && error != NULL)
        *error = spine->locked.error;
    return spine->locked.status;
}

bool
spine_is_full_locked(const struct spine *spine)
{
    const struct entry_set *loose = &spine->locked.loose;

    assert(mutex_is_held(&spine->mutex));
    if (spine->locked.pauses > 0)
        return false;
    if (spine_must_settle_locked(spine))
        return true;
    if (entry_set_sums(loose).count < spine->options.backpressure_batches)
        return false;
    /* What is due and could begin has begun. */
    for (unsigned level = 0; level < SPINE_LEVELS; level++)
        if (spine_due_locked(spine, level) > 0)
            return true;
    return false;
}

bool
spine_must_settle_locked(const struct spine *spine)
{
    assert(mutex_is_held(&spine->mutex));
    return spine->locked.settle_attempts >= SETTLE_ATTEMPTS_MAX;
}

bool
start_is_allowed_locked(const struct spine *spine)
{
    assert(mutex_is_held(&spine->mutex));
    return !spine->locked.closing && spine->locked.pauses == 0 &&
           spine->locked.status == SPINE_OK;
}

void
spine_wake_locked(struct spine *spine)
{
    assert(mutex_is_held(&spine->mutex));
    spine->locked.wakes++;
    condition_broadcast(&spine->no_backpressure);
    if (!PLANTED(SIGNAL_LOST))
        condition_broadcast(&spine->idle);
}

void
spine_enter_locked(struct spine *spine)
{
    assert(mutex_is_held(&spine->mutex));
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
