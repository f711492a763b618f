/* SPDX-License-Identifier: MIT */

/* The calls that ask for a compaction, and the one that waits for it. */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "compaction.h"

static struct compaction *join_locked(struct spine *spine, struct compaction **fresh);
static enum spine_status
may_compact_locked(struct spine *spine, struct spine_error *error);
static enum spine_status
wait_for_locked(struct spine *spine, const struct compaction *compaction,
                struct spine_batch **out, struct spine_error *error);
static bool compaction_is_done(const struct spine *spine, const void *context);
static struct compaction *
leave_locked(struct spine *spine, struct compaction *compaction);

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
    compaction_append_requests(join_locked(spine, &fresh), request, request);
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
    assert(mutex_is_held(&spine->mutex));
    TRY_RETURN(spine_sticky_locked(spine, error));
    if (spine->locked.closing)
        return spine_fail(error, SPINE_CANCELLED, "compact: the spine is being closed");
    if (runtime_is_closed(spine->runtime))
        return spine_fail(error, SPINE_CANCELLED, "compact: the runtime is closed");
    return SPINE_OK;
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

    assert(mutex_is_held(&spine->mutex));
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
    assert(mutex_is_held(&spine->mutex));
    if (compaction->heir != NULL)
        compaction = compaction->heir;
    compaction->waiters--;
    if (spine->locked.next_compaction != compaction || compaction->waiters > 0 ||
        compaction->first != NULL)
        return NULL;
    spine->locked.next_compaction = NULL;
    return compaction;
}

/* The compaction that has everything that is there now: one that there is, or `*fresh`,
 * which it then takes. */
static struct compaction *
join_locked(struct spine *spine, struct compaction **fresh)
{
    const struct merge_task *task = &spine->locked.tasks[COMPACTION_TASK];
    /* What a merge under way reads is all there is, and it makes of that what one that
     * begins now would. */
    const bool joins_running = task->state != TASK_IDLE && !task->abandoned &&
                               compaction_has_all_locked(spine) &&
                               compaction_has_present_rules_locked(task);
    struct compaction **at =
        joins_running ? &spine->locked.compaction : &spine->locked.next_compaction;

    assert(mutex_is_held(&spine->mutex));
    if (*at == NULL) {
        *at = *fresh;
        *fresh = NULL;
    }
    return *at;
}
