/* SPDX-License-Identifier: MIT */

/*
 * Compactions: everything into one batch.
 *
 * A compaction is a merge of its own beside those of the levels. When it begins, the
 * merges under way are given up, their inputs being loose again, and it takes every
 * batch. Later inserts stay out of it and merge on their levels meanwhile, so it always
 * ends. What is asked for while it runs is for the next one.
 *
 * A compaction also settles a sum beyond int64_t that a merge of some batches met: it is
 * an error only if the sum of all batches is beyond, too. While one settles, more may
 * come in, which brings the sum back or does not: then it is for the next one to settle.
 * After SETTLE_ATTEMPTS_MAX of them inserts wait, so that the next one has everything.
 */

#include "compaction.h"
#include "base/assert.h"
#include "base/error.h"
#include "core.h"

static bool give_up_merges_locked(struct spine *spine, struct aftermath *after);
static bool has_rules_locked(const struct spine *spine);
static void begin_locked(struct spine *spine, struct aftermath *after);
static void postpone_locked(struct spine *spine, struct aftermath *after);
static void let_go_locked(struct compaction *compaction, struct aftermath *after);
static void end_one_locked(struct spine *spine, struct compaction *compaction,
                           const struct spine_error *error, struct spine_batch *batch,
                           struct aftermath *after);

bool
compaction_start_locked(struct spine *spine, struct aftermath *after)
{
    const struct merge_task *task = &spine->locked.tasks[COMPACTION_TASK];

    assert(mutex_is_held(&spine->mutex));
    if (task->state == TASK_IDLE &&
        (spine->locked.settles || spine->locked.next_compaction != NULL)) {
        if (give_up_merges_locked(spine, after))
            return true;
        begin_locked(spine, after);
    }
    /* What is to be settled would fail again. */
    return spine->locked.settles;
}

bool
compaction_settle_locked(struct merge_task *task, struct aftermath *after)
{
    struct spine *spine = task_spine(task);

    assert(mutex_is_held(&task_spine(task)->mutex));
    if (task->level == COMPACTION_TASK) {
        if (compaction_has_all_locked(spine) &&
            (spine_must_settle_locked(spine) ||
             compaction_has_present_rules_locked(task)))
            return false;
        spine->locked.settle_attempts++;
        postpone_locked(spine, after);
    }
    spine->locked.settles = true;
    return true;
}

/* The requests of the compaction under way wait for the next one, as those of the next
 * one do. */
static void
postpone_locked(struct spine *spine, struct aftermath *after)
{
    struct compaction *compaction = spine->locked.compaction;
    struct compaction *next = spine->locked.next_compaction;

    assert(mutex_is_held(&spine->mutex));
    if (compaction == NULL)
        return;
    spine->locked.compaction = NULL;
    spine->locked.next_compaction = compaction;
    if (next == NULL)
        return;
    compaction_append_requests(compaction, next->first, next->last);
    compaction->waiters += next->waiters;
    next->first = NULL;
    next->last = NULL;
    ref_take(&compaction->refs);
    next->heir = compaction;
    let_go_locked(next, after);
}

/* Gives up the merges of all levels; no compaction runs. True when one has yet to end its
 * slice. */
static bool
give_up_merges_locked(struct spine *spine, struct aftermath *after)
{
    bool waits = false;

    assert(mutex_is_held(&spine->mutex));
    for (unsigned i = 0; i < spine_task_count_locked(spine); i++) {
        merge_task_abandon_locked(spine_task_locked(spine, i), after);
        waits = waits || spine_task_locked(spine, i)->state != TASK_IDLE;
    }
    return waits;
}

/* Could a merge of a single batch still change it? */
static bool
has_rules_locked(const struct spine *spine)
{
    assert(mutex_is_held(&spine->mutex));
    return spine->locked.has_frontier || spine->locked.key_filter != NULL ||
           spine->locked.value_filter != NULL;
}

/* Begins the next compaction with all batches, which are loose; ends it at once when
 * there is nothing to merge. */
static void
begin_locked(struct spine *spine, struct aftermath *after)
{
    struct compaction *compaction = spine->locked.next_compaction;
    struct merge_task *task = &spine->locked.tasks[COMPACTION_TASK];
    size_t count;

    assert(mutex_is_held(&spine->mutex));
    spine->locked.next_compaction = NULL;
    spine->locked.settles = false;
    entry_set_unite(&task->inputs, &spine->locked.loose);
    count = entry_set_sums(&task->inputs).count;
    assert(count == spine->locked.batch_count);

    if (count == 0)
        end_one_locked(spine, compaction, NULL, NULL, after);
    else if (count == 1 && !has_rules_locked(spine)) {
        struct entry *entry = entry_set_take_any(&task->inputs);

        end_one_locked(spine, compaction, NULL, entry->batch, after);
        spine_add_locked(spine, entry);
    } else {
        spine->locked.compaction = compaction;
        task->looked = true; /* everything is there */
        merge_task_start_locked(task, after);
    }
}

void
compaction_ended_locked(struct spine *spine, const struct spine_error *error,
                        struct spine_batch *batch, struct aftermath *after)
{
    struct compaction *compaction = spine->locked.compaction;

    assert(mutex_is_held(&spine->mutex));
    spine->locked.compaction = NULL;
    spine->locked.settle_attempts = 0;
    end_one_locked(spine, compaction, error, batch, after);
}

void
compaction_refuse_locked(struct spine *spine, const struct spine_error *error,
                         struct aftermath *after)
{
    struct compaction *compaction = spine->locked.next_compaction;

    assert(mutex_is_held(&spine->mutex));
    spine->locked.next_compaction = NULL;
    end_one_locked(spine, compaction, error, NULL, after);
}

void
compaction_cancel_locked(struct spine *spine, struct aftermath *after)
{
    static const struct spine_error closing = {
        SPINE_CANCELLED, "the spine or its runtime is being closed"};

    assert(mutex_is_held(&spine->mutex));
    compaction_ended_locked(spine, &closing, NULL, after);
    compaction_refuse_locked(spine, &closing, after);
    merge_task_abandon_locked(&spine->locked.tasks[COMPACTION_TASK], after);
}

/* Ends a compaction, which may be NULL: nobody asked for it. */
static void
end_one_locked(struct spine *spine, struct compaction *compaction,
               const struct spine_error *error, struct spine_batch *batch,
               struct aftermath *after)
{
    assert(mutex_is_held(&spine->mutex));
    if (compaction == NULL)
        return;
    if (error != NULL)
        compaction->error = *error;
    compaction->done = true;
    if (compaction->waiters > 0) {
        compaction->batch = batch != NULL ? spine_batch_ref(batch) : NULL;
        condition_broadcast(&spine->idle);
    }
    if (compaction->first != NULL)
        report_later_locked(spine, compaction, after);
    else
        let_go_locked(compaction, after);
}

/* Lets go of the spine's reference when the lock is open. */
static void
let_go_locked(struct compaction *compaction, struct aftermath *after)
{
    compaction->next = after->compactions;
    after->compactions = compaction;
}

bool
compaction_has_all_locked(const struct spine *spine)
{
    const struct merge_task *task = &spine->locked.tasks[COMPACTION_TASK];
    const struct lane *lane = spine->locked.lane;
    size_t count = entry_set_sums(&task->inputs).count;

    assert(mutex_is_held(&spine->mutex));
    if (lane != NULL && lane->first == task)
        count += entry_set_sums(&lane->task.inputs).count;
    return count == spine->locked.batch_count;
}

bool
compaction_has_present_rules_locked(const struct merge_task *task)
{
    const struct spine *spine = task_spine(task);

    assert(mutex_is_held(&task_spine(task)->mutex));
    return task->has_frontier == spine->locked.has_frontier &&
           task->frontier == spine->locked.frontier &&
           task->key_filter == spine->locked.key_filter &&
           task->value_filter == spine->locked.value_filter;
}
