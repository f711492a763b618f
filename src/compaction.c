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
#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "core.h"

/* Compactions that may fail because something came in meanwhile. */
#define SETTLE_ATTEMPTS_MAX 2u

static bool give_up_merges_locked(struct spine *spine, struct aftermath *after);
static void begin_locked(struct spine *spine, struct aftermath *after);
static bool has_present_rules_locked(const struct merge_task *task);
static void postpone_locked(struct spine *spine, struct aftermath *after);
static void let_go_locked(struct compaction *compaction, struct aftermath *after);
static void end_one_locked(struct spine *spine, struct compaction *compaction,
                           const struct spine_error *error, struct spine_batch *batch,
                           struct aftermath *after);
static struct compaction *compaction_new(void);
static struct compaction *join_locked(struct spine *spine, struct compaction **fresh);
static enum spine_status
may_compact_locked(struct spine *spine, struct spine_error *error);
static void requests_append(struct compaction *compaction,
                            struct compaction_request *first,
                            struct compaction_request *last);
static enum spine_status
wait_for_locked(struct spine *spine, const struct compaction *compaction,
                struct spine_batch **out, struct spine_error *error);
static bool compaction_is_done(const struct spine *spine, const void *context);
static struct compaction *
leave_locked(struct spine *spine, struct compaction *compaction);

bool
compaction_start_locked(struct spine *spine, struct aftermath *after)
{
    const struct merge_task *task = &spine->locked.tasks[COMPACTION_TASK];

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
    struct spine *spine = task->spine;

    if (task->level == COMPACTION_TASK) {
        if (entry_set_sums(&task->inputs).count == spine->locked.batch_count &&
            (compaction_presses_locked(spine) || has_present_rules_locked(task)))
            return false;
        spine->locked.settle_attempts++;
        postpone_locked(spine, after);
    }
    spine->locked.settles = true;
    return true;
}

bool
compaction_presses_locked(const struct spine *spine)
{
    return spine->locked.settle_attempts >= SETTLE_ATTEMPTS_MAX;
}

/* The requests of the compaction under way wait for the next one, as those of the next
 * one do. */
static void
postpone_locked(struct spine *spine, struct aftermath *after)
{
    struct compaction *compaction = spine->locked.compaction;
    struct compaction *next = spine->locked.next_compaction;

    if (compaction == NULL)
        return;
    spine->locked.compaction = NULL;
    spine->locked.next_compaction = compaction;
    if (next == NULL)
        return;
    requests_append(compaction, next->first, next->last);
    compaction->waiters += next->waiters;
    next->first = NULL;
    next->last = NULL;
    ref_take(&compaction->refs);
    next->heir = compaction;
    let_go_locked(next, after);
}

/* Gives up the merges of all levels. True when one has yet to end its slice. */
static bool
give_up_merges_locked(struct spine *spine, struct aftermath *after)
{
    bool waits = false;

    for (unsigned level = 0; level < SPINE_LEVELS; level++) {
        merge_task_abandon_locked(&spine->locked.tasks[level], after);
        waits = waits || spine->locked.tasks[level].state != TASK_IDLE;
    }
    return waits;
}

/* Begins the next compaction with all batches, which are loose; ends it at once when
 * there is nothing to merge. */
static void
begin_locked(struct spine *spine, struct aftermath *after)
{
    struct compaction *compaction = spine->locked.next_compaction;
    struct merge_task *task = &spine->locked.tasks[COMPACTION_TASK];
    size_t count;

    spine->locked.next_compaction = NULL;
    spine->locked.settles = false;
    entry_set_unite(&task->inputs, &spine->locked.loose);
    count = entry_set_sums(&task->inputs).count;
    assert(count == spine->locked.batch_count);

    if (count == 0)
        end_one_locked(spine, compaction, NULL, NULL, after);
    else if (count == 1 && !spine->locked.has_frontier &&
             !retention_is_set_locked(spine)) {
        struct entry *entry = entry_set_take_any(&task->inputs);

        end_one_locked(spine, compaction, NULL, entry->batch, after);
        spine_add_locked(spine, entry);
    } else {
        spine->locked.compaction = compaction;
        merge_task_start_locked(task, after);
    }
}

void
compaction_end_locked(struct spine *spine, const struct spine_error *error,
                      struct spine_batch *batch, struct aftermath *after)
{
    struct compaction *compaction = spine->locked.compaction;

    spine->locked.compaction = NULL;
    spine->locked.settle_attempts = 0;
    end_one_locked(spine, compaction, error, batch, after);
}

void
compaction_refuse_locked(struct spine *spine, const struct spine_error *error,
                         struct aftermath *after)
{
    struct compaction *compaction = spine->locked.next_compaction;

    spine->locked.next_compaction = NULL;
    end_one_locked(spine, compaction, error, NULL, after);
}

void
compaction_cancel_locked(struct spine *spine, struct aftermath *after)
{
    static const struct spine_error closing = {
        SPINE_CANCELLED, "the spine or its runtime is being closed"};

    compaction_end_locked(spine, &closing, NULL, after);
    compaction_refuse_locked(spine, &closing, after);
    merge_task_abandon_locked(&spine->locked.tasks[COMPACTION_TASK], after);
}

/* Ends a compaction, which may be NULL: nobody asked for it. */
static void
end_one_locked(struct spine *spine, struct compaction *compaction,
               const struct spine_error *error, struct spine_batch *batch,
               struct aftermath *after)
{
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

static struct compaction *
compaction_new(void)
{
    struct compaction *compaction = mem_zalloc(sizeof *compaction);

    if (compaction != NULL)
        ref_init(&compaction->refs);
    return compaction;
}

void
compaction_unref(struct compaction *compaction)
{
    if (compaction == NULL || !ref_drop(&compaction->refs))
        return;
    assert(compaction->first == NULL);
    compaction_unref(compaction->heir);
    spine_batch_unref(compaction->batch);
    mem_free(compaction, sizeof *compaction);
}

/* The compaction that has everything that is there now: one that there is, or `*fresh`,
 * which it then takes. */
static struct compaction *
join_locked(struct spine *spine, struct compaction **fresh)
{
    const struct merge_task *task = &spine->locked.tasks[COMPACTION_TASK];
    /* What a merge under way reads is all there is, and it makes of that what one that
     * begins now would. */
    const bool joins_running =
        task->state != TASK_IDLE && !task->abandoned &&
        entry_set_sums(&task->inputs).count == spine->locked.batch_count &&
        has_present_rules_locked(task);
    struct compaction **at =
        joins_running ? &spine->locked.compaction : &spine->locked.next_compaction;

    if (*at == NULL) {
        *at = *fresh;
        *fresh = NULL;
    }
    return *at;
}

/* True when frontier and filters are those that the merge began with. */
static bool
has_present_rules_locked(const struct merge_task *task)
{
    const struct spine *spine = task->spine;

    return task->has_frontier == spine->locked.has_frontier &&
           task->frontier == spine->locked.frontier &&
           task->key_filter == spine->locked.key_filter &&
           task->value_filter == spine->locked.value_filter;
}

enum spine_status
spine_compact(struct spine *spine,
              void (*on_done)(void *context, enum spine_status status), void *context,
              struct spine_error *error)
{
    struct aftermath after = {0};
    struct compaction_request *request;
    struct compaction *fresh;
    enum spine_status st;

    if (spine == NULL)
        return fail_null(error, "spine_compact", "spine");
    fresh = compaction_new();
    request = mem_zalloc(sizeof *request);
    if (fresh == NULL || request == NULL) {
        st = fail_nomem(error, "a compaction", sizeof *fresh + sizeof *request);
        goto out;
    }
    request->on_done = on_done;
    request->context = context;

    mutex_lock(&spine->mutex);
    st = may_compact_locked(spine, error);
    if (st != SPINE_OK) {
        mutex_unlock(&spine->mutex);
        goto out;
    }
    spine_enter_locked(spine);
    requests_append(join_locked(spine, &fresh), request, request);
    request = NULL;
    spine_start_merges_locked(spine, &after);
    spine_finish(spine, &after);
out:
    compaction_unref(fresh);
    mem_free(request, sizeof *request);
    return st;
}

/* Only what is asked for before the spine or its runtime closes is reported. */
static enum spine_status
may_compact_locked(struct spine *spine, struct spine_error *error)
{
    const enum spine_status st = spine_sticky_locked(spine, error);

    if (st != SPINE_OK)
        return st;
    if (spine->locked.closing)
        return spine_fail(error, SPINE_CANCELLED, "compact: the spine is being closed");
    if (runtime_is_closed(spine->runtime))
        return spine_fail(error, SPINE_CANCELLED, "compact: the runtime is closed");
    return SPINE_OK;
}

/* Appends a chain of requests, which may be NULL. */
static void
requests_append(struct compaction *compaction, struct compaction_request *first,
                struct compaction_request *last)
{
    if (first == NULL)
        return;
    if (compaction->last != NULL)
        compaction->last->next = first;
    else
        compaction->first = first;
    compaction->last = last;
}

enum spine_status
spine_consolidate(struct spine *spine, struct spine_batch **out,
                  struct spine_error *error)
{
    struct aftermath after = {0};
    struct compaction *fresh;
    struct compaction *compaction = NULL;
    struct compaction *unwanted = NULL;
    enum spine_status st;

    if (out != NULL)
        *out = NULL;
    if (spine == NULL)
        return fail_null(error, "spine_consolidate", "spine");
    fresh = compaction_new();
    if (fresh == NULL)
        return fail_nomem(error, "a compaction", sizeof *fresh);
    mutex_lock(&spine->mutex);
    spine_enter_locked(spine);
    st = spine_sticky_locked(spine, error);
    if (st == SPINE_OK && spine->locked.pauses > 0)
        st = spine_fail(error, SPINE_BUSY, "consolidate: the spine is paused");
    if (st == SPINE_OK) {
        compaction = join_locked(spine, &fresh);
        ref_take(&compaction->refs);
        compaction->waiters++;
        spine_start_merges_locked(spine, &after);
        mutex_unlock(&spine->mutex);
        aftermath_run(spine, &after);
        mutex_lock(&spine->mutex);
        st = wait_for_locked(spine, compaction, out, error);
        unwanted = leave_locked(spine, compaction);
    }
    spine_leave_and_unlock(spine);
    compaction_unref(unwanted);
    compaction_unref(compaction);
    compaction_unref(fresh);
    return st;
}

/* Waits until the compaction has ended, and takes a reference to its batch. How it ended
 * counts, whatever else went wrong meanwhile. */
static enum spine_status
wait_for_locked(struct spine *spine, const struct compaction *compaction,
                struct spine_batch **out, struct spine_error *error)
{
    const enum spine_status st = spine_wait_locked(
        spine, &spine->idle, compaction_is_done, compaction, UINT64_MAX, error);

    if (compaction->heir != NULL)
        compaction = compaction->heir;
    if (!compaction->done)
        return st;
    if (compaction->error.status != SPINE_OK)
        return spine_fail(error, compaction->error.status, "consolidate: %s",
                          compaction->error.message);
    if (out != NULL && compaction->batch != NULL)
        *out = spine_batch_ref(compaction->batch);
    return SPINE_OK;
}

static bool
compaction_is_done(const struct spine *spine, const void *context)
{
    const struct compaction *compaction = context;

    (void)spine;
    return compaction->heir != NULL ? compaction->heir->done : compaction->done;
}

/* A call waits no longer. Returns the compaction if nobody wants it any more and it has
 * yet to begin: the spine's reference is the caller's. */
static struct compaction *
leave_locked(struct spine *spine, struct compaction *compaction)
{
    if (compaction->heir != NULL)
        compaction = compaction->heir;
    compaction->waiters--;
    if (spine->locked.next_compaction != compaction || compaction->waiters > 0 ||
        compaction->first != NULL)
        return NULL;
    spine->locked.next_compaction = NULL;
    return compaction;
}
