/* SPDX-License-Identifier: MIT */

/*
 * Compactions: everything that was there at the request, and nothing else, into one
 * batch.
 *
 * A compaction is a merge of its own beside those of the levels. When it begins, merges
 * under way that read some of what it wants are given up, their inputs being loose again,
 * and it takes every batch whose sequence is not greater than the request's. Later
 * inserts stay out of it and merge on their levels meanwhile. One compaction runs at a
 * time.
 */

#include "compaction.h"
#include "base/alloc.h"
#include "base/error.h"
#include "core.h"

static bool
take_from_tasks_locked(struct spine *spine, uint64_t sequence, struct aftermath *after);
static void
take_loose_locked(struct spine *spine, struct merge_task *task, uint64_t sequence);
static bool task_reads(const struct merge_task *task, uint64_t sequence);
static bool settles_next_locked(const struct spine *spine);
static void begin_locked(struct spine *spine, struct aftermath *after);
static void end_one_locked(struct spine *spine, struct compaction *compaction,
                           enum spine_status status, struct spine_batch *batch,
                           struct aftermath *after);
static void request_locked(struct spine *spine, struct compaction *compaction,
                           struct aftermath *after);
static bool compaction_is_done(const struct spine *spine, const void *context);
static void forget_locked(struct spine *spine, const struct compaction *compaction);

bool
compaction_start_locked(struct spine *spine, struct aftermath *after)
{
    const struct merge_task *task = &spine->locked.tasks[COMPACTION_TASK];

    while (task->state == TASK_IDLE) {
        const bool settles = settles_next_locked(spine);

        if (!settles && spine->locked.compactions == NULL)
            break;
        if (take_from_tasks_locked(spine,
                                   settles ? spine->locked.settle_sequence
                                           : spine->locked.compactions->sequence,
                                   after))
            return true;
        begin_locked(spine, after);
    }
    /* What is to be settled would fail again. */
    return spine->locked.settle_sequence > 0;
}

/* Is the next compaction one that nobody asked for? Not before one of fewer batches: that
 * must not find them merged with others. */
static bool
settles_next_locked(const struct spine *spine)
{
    const struct compaction *compaction = spine->locked.compactions;
    const uint64_t sequence = spine->locked.settle_sequence;

    return sequence > 0 && (compaction == NULL || sequence < compaction->sequence);
}

void
compaction_settle_locked(struct spine *spine)
{
    spine->locked.settle_sequence = spine->locked.sequence;
}

/* Gives up the merges that read what is wanted. True when one has yet to end its slice.
 */
static bool
take_from_tasks_locked(struct spine *spine, uint64_t sequence, struct aftermath *after)
{
    bool waits = false;

    for (unsigned level = 0; level < SPINE_LEVELS; level++) {
        struct merge_task *task = &spine->locked.tasks[level];

        if (!task_reads(task, sequence))
            continue;
        merge_task_abandon_locked(task, after);
        waits = waits || task->state != TASK_IDLE;
    }
    return waits;
}

static bool
task_reads(const struct merge_task *task, uint64_t sequence)
{
    for (const struct entry *entry = task->inputs.first; entry != NULL;
         entry = entry->next)
        if (entry->sequence <= sequence)
            return true;
    return false;
}

/* Begins the oldest compaction asked for; ends it at once when there is nothing to merge.
 */
static void
begin_locked(struct spine *spine, struct aftermath *after)
{
    struct compaction *compaction = NULL;
    struct merge_task *task = &spine->locked.tasks[COMPACTION_TASK];

    if (settles_next_locked(spine)) {
        take_loose_locked(spine, task, spine->locked.settle_sequence);
        spine->locked.settle_sequence = 0;
    } else {
        compaction = spine->locked.compactions;
        spine->locked.compactions = compaction->next;
        compaction->next = NULL;
        take_loose_locked(spine, task, compaction->sequence);
    }

    if (task->inputs.count == 0)
        end_one_locked(spine, compaction, SPINE_OK, NULL, after);
    else if (task->inputs.count == 1 && !spine->locked.has_frontier &&
             !retention_is_set_locked(spine)) {
        struct entry *entry = entry_list_take_first(&task->inputs);

        end_one_locked(spine, compaction, SPINE_OK, entry->batch, after);
        spine->locked.loose_count--;
        spine_add_locked(spine, entry, entry->batch->info.rows);
    } else {
        spine->locked.compaction = compaction;
        merge_task_start_locked(task, after);
    }
}

/* Moves the loose batches up to `sequence` to the task, which still counts them as loose.
 */
static void
take_loose_locked(struct spine *spine, struct merge_task *task, uint64_t sequence)
{
    for (unsigned level = 0; level < SPINE_LEVELS; level++) {
        struct entry_list *slot = &spine->locked.slots[level];
        const size_t count = slot->count;

        for (size_t i = 0; i < count; i++) {
            struct entry *entry = entry_list_take_first(slot);

            entry_list_append(entry->sequence <= sequence ? &task->inputs : slot, entry);
        }
    }
}

void
compaction_end_locked(struct spine *spine, enum spine_status status,
                      struct spine_batch *batch, struct aftermath *after)
{
    struct compaction *compaction = spine->locked.compaction;

    spine->locked.compaction = NULL;
    end_one_locked(spine, compaction, status, batch, after);
}

void
compaction_refuse_locked(struct spine *spine, enum spine_status status,
                         struct aftermath *after)
{
    while (spine->locked.compactions != NULL) {
        struct compaction *compaction = spine->locked.compactions;

        spine->locked.compactions = compaction->next;
        compaction->next = NULL;
        end_one_locked(spine, compaction, status, NULL, after);
    }
}

void
compaction_cancel_locked(struct spine *spine, struct aftermath *after)
{
    compaction_refuse_locked(spine, SPINE_CANCELLED, after);
    compaction_end_locked(spine, SPINE_CANCELLED, NULL, after);
    merge_task_abandon_locked(&spine->locked.tasks[COMPACTION_TASK], after);
}

static void
end_one_locked(struct spine *spine, struct compaction *compaction,
               enum spine_status status, struct spine_batch *batch,
               struct aftermath *after)
{
    /* Its caller has given it up, or there was none. */
    if (compaction == NULL)
        return;
    compaction->status = status;
    compaction->done = true;
    if (compaction->waited_for) {
        compaction->batch = batch != NULL ? spine_batch_ref(batch) : NULL;
        condition_broadcast(&spine->idle);
    } else
        report_later_locked(spine, compaction, after);
}

static void
request_locked(struct spine *spine, struct compaction *compaction,
               struct aftermath *after)
{
    struct compaction **end = &spine->locked.compactions;

    compaction->sequence = spine->locked.sequence;
    while (*end != NULL)
        end = &(*end)->next;
    *end = compaction;
    spine_start_merges_locked(spine, after);
}

enum spine_status
spine_compact(struct spine *spine,
              void (*on_done)(void *context, enum spine_status status), void *context,
              struct spine_error *error)
{
    struct aftermath after = {0};
    struct compaction *compaction = mem_zalloc(sizeof *compaction);
    enum spine_status st;

    if (compaction == NULL)
        return fail_nomem(error, "a compaction", sizeof *compaction);
    compaction->on_done = on_done;
    compaction->context = context;

    mutex_lock(&spine->mutex);
    st = spine_sticky_locked(spine, error);
    /* Only what is asked for before the spine or its runtime closes is reported. */
    if (st == SPINE_OK && spine->locked.closing)
        st = spine_fail(error, SPINE_CANCELLED, "compact: the spine is being closed");
    if (st == SPINE_OK && runtime_is_closed(spine->runtime))
        st = spine_fail(error, SPINE_CANCELLED, "compact: the runtime is closed");
    if (st != SPINE_OK) {
        mutex_unlock(&spine->mutex);
        mem_free(compaction, sizeof *compaction);
        return st;
    }
    spine_enter_locked(spine);
    request_locked(spine, compaction, &after);
    spine_finish(spine, &after);
    return SPINE_OK;
}

enum spine_status
spine_consolidate(struct spine *spine, struct spine_batch **out,
                  struct spine_error *error)
{
    struct aftermath after = {0};
    struct compaction compaction = {.waited_for = true};
    enum spine_status st;

    if (out != NULL)
        *out = NULL;
    mutex_lock(&spine->mutex);
    spine_enter_locked(spine);
    st = spine_sticky_locked(spine, error);
    if (st == SPINE_OK && spine->locked.pauses > 0)
        st = spine_fail(error, SPINE_BUSY, "consolidate: the spine is paused");
    if (st == SPINE_OK) {
        request_locked(spine, &compaction, &after);
        mutex_unlock(&spine->mutex);
        aftermath_run(spine, &after);
        mutex_lock(&spine->mutex);
        st = spine_wait_locked(spine, &spine->idle, compaction_is_done, &compaction,
                               UINT64_MAX, error);
        forget_locked(spine, &compaction);
    }
    spine_leave_and_unlock(spine);

    if (st == SPINE_OK && compaction.status != SPINE_OK)
        st = spine_fail(error, compaction.status, "consolidate: the merge failed: %s",
                        spine_status_name(compaction.status));
    if (st == SPINE_OK && out != NULL)
        *out = compaction.batch;
    else
        spine_batch_unref(compaction.batch);
    return st;
}

static bool
compaction_is_done(const struct spine *spine, const void *context)
{
    const struct compaction *compaction = context;

    (void)spine;
    return compaction->done;
}

/* Its caller waits no longer: nobody may write to it any more. */
static void
forget_locked(struct spine *spine, const struct compaction *compaction)
{
    if (spine->locked.compaction == compaction)
        spine->locked.compaction = NULL;
    for (struct compaction **at = &spine->locked.compactions; *at != NULL;
         at = &(*at)->next)
        if (*at == compaction) {
            *at = compaction->next;
            break;
        }
}
