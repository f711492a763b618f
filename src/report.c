/* SPDX-License-Identifier: MIT */

/*
 * report -- tells the callers that asked for a compaction that it ended.
 *
 * A host's callback may take locks that its callers hold, and ask for the next compaction
 * at once: so it never runs inside the call that made it due, but as a job, which belongs
 * to nobody in the eyes of the runtime: threads that help a spine leave it alone. Only
 * one thread at a time reports for a spine. A callback may close the spine: then it is
 * this job that frees it.
 */

#include "base/alloc.h"
#include "base/assert.h"
#include "compaction.h"
#include "core.h"

/* The most reports of a slice. */
#define SLICE_REPORTS 64u

static bool is_last_chance_locked(const struct spine *spine);
static void report_locked(struct spine *spine);

void
report_later_locked(struct spine *spine, struct compaction *compaction,
                    struct aftermath *after)
{
    assert(mutex_is_held(&spine->mutex));
    assert(compaction->done && compaction->first != NULL && compaction->next == NULL);
    compaction->next = compaction;
    if (spine->locked.ended_last != NULL) {
        compaction->next = spine->locked.ended_last->next;
        spine->locked.ended_last->next = compaction;
    }
    spine->locked.ended_last = compaction;
    if (spine->locked.report_queued)
        return;
    spine->locked.report_queued = true;
    runtime_ready(spine->runtime, &spine->locked.report);
    after->kick = true;
}

void
report_rest(struct spine *spine)
{
    if (!runtime_is_inside(spine->runtime, &spine->locked.report)) {
        (void)runtime_run_here(spine->runtime, &spine->locked.report);
        return;
    }
    /* A callback closes: the job goes on when it returns, and finds nothing left. */
    mutex_lock(&spine->mutex);
    while (spine->locked.ended_last != NULL)
        report_locked(spine);
    mutex_unlock(&spine->mutex);
}

bool
report_slice(struct spine *spine, uint64_t *fuel_rows)
{
    struct aftermath after = {0};
    unsigned reports = 0;
    bool closed;

    mutex_lock(&spine->mutex);
    spine_enter_locked(spine);
    while (
        spine->locked.ended_last != NULL &&
        ((*fuel_rows > 0 && reports < SLICE_REPORTS) || is_last_chance_locked(spine))) {
        report_locked(spine);
        /* Not free, so that a callback that asks again and again comes to an end. */
        *fuel_rows -= *fuel_rows > 0;
        reports++;
    }
    if (spine->locked.ended_last != NULL) {
        runtime_ready(spine->runtime, &spine->locked.report);
        after.kick = true;
    } else {
        runtime_idle(spine->runtime, &spine->locked.report);
        spine->locked.report_queued = false;
    }
    closed = spine->locked.closed_inside;
    spine_finish(spine, &after);
    return closed;
}

/* The spine or its runtime closes, and could not run the job that runs already. */
static bool
is_last_chance_locked(const struct spine *spine)
{
    assert(mutex_is_held(&spine->mutex));
    return spine->locked.closing || runtime_is_closed(spine->runtime);
}

/* Reports the oldest request of the compaction that ended first, with the lock open, and
 * lets go of a compaction that has no more. */
static void
report_locked(struct spine *spine)
{
    struct compaction *const last = spine->locked.ended_last;
    struct compaction *compaction = last->next;
    struct compaction_request *request = compaction->first;
    const enum spine_status status = compaction->error.status;

    assert(mutex_is_held(&spine->mutex));
    compaction->first = request->next;
    if (compaction->first == NULL) {
        compaction->last = NULL;
        last->next = compaction->next;
        if (compaction == last)
            spine->locked.ended_last = NULL;
    } else
        compaction = NULL;
    mutex_unlock(&spine->mutex);
    if (request->on_done != NULL)
        request->on_done(request->context, status);
    mem_free(request, sizeof *request);
    compaction_unref(compaction);
    mutex_lock(&spine->mutex);
}
