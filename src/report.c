/* SPDX-License-Identifier: MIT */

/*
 * report -- tells who asked for a compaction that it ended.
 *
 * A host's callback may take locks that its callers hold, and ask for the next compaction
 * at once: so it never runs inside the call that made it due, but as a job, which belongs
 * to nobody in the eyes of the runtime: threads that help a spine leave it alone. Only
 * one thread at a time reports for a spine.
 */

#include "base/alloc.h"
#include "base/assert.h"
#include "compaction.h"
#include "core.h"

/* The most reports of a slice. */
#define SLICE_REPORTS 64u

static void report_on_worker(struct job *job, uint64_t *fuel_rows);
static bool is_last_chance_locked(const struct spine *spine);
static size_t report_some_locked(struct spine *spine, size_t reports_max);
static struct compaction_request *
take_requests(struct compaction *compaction, size_t requests_max, size_t *count);
static void tell(struct compaction_request *request, enum spine_status status);

void
report_init(struct spine *spine)
{
    spine->locked.report.on_slice = report_on_worker;
}

void
report_later_locked(struct spine *spine, struct compaction *compaction,
                    struct aftermath *after)
{
    assert(compaction->done && compaction->first != NULL && compaction->next == NULL);
    if (spine->locked.ended != NULL)
        spine->locked.ended_last->next = compaction;
    else
        spine->locked.ended = compaction;
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
    mutex_lock(&spine->mutex);
    if (runtime_withdraw(spine->runtime, &spine->locked.report)) {
        while (spine->locked.ended != NULL)
            (void)report_some_locked(spine, SLICE_REPORTS);
        spine->locked.report_queued = false;
    }
    mutex_unlock(&spine->mutex);
}

static void
report_on_worker(struct job *job, uint64_t *fuel_rows)
{
    struct spine *spine =
        (struct spine *)((char *)job - offsetof(struct spine, locked.report));
    const size_t reports_max =
        *fuel_rows < SLICE_REPORTS ? (size_t)*fuel_rows : SLICE_REPORTS;
    struct aftermath after = {0};

    mutex_lock(&spine->mutex);
    spine_enter_locked(spine);
    /* Not free, so that a callback that asks again and again comes to an end. */
    *fuel_rows -= report_some_locked(spine, reports_max);
    while (spine->locked.ended != NULL && is_last_chance_locked(spine))
        (void)report_some_locked(spine, SLICE_REPORTS);
    if (spine->locked.ended != NULL) {
        runtime_ready(spine->runtime, job);
        after.kick = true;
    } else {
        runtime_idle(spine->runtime, job);
        spine->locked.report_queued = false;
    }
    spine_finish(spine, &after);
}

/* The spine or its runtime closes, and could not withdraw the job that runs. */
static bool
is_last_chance_locked(const struct spine *spine)
{
    return spine->locked.closing || runtime_is_closed(spine->runtime);
}

/* Reports the oldest requests of the compaction that ended first, with the lock open, and
 * lets go of a compaction that has no more. Returns how many. */
static size_t
report_some_locked(struct spine *spine, size_t reports_max)
{
    struct compaction *compaction = spine->locked.ended;
    const enum spine_status status = compaction->status;
    struct compaction_request *request;
    size_t count;

    request = take_requests(compaction, reports_max, &count);
    if (compaction->first == NULL)
        spine->locked.ended = compaction->next;
    else
        compaction = NULL;
    mutex_unlock(&spine->mutex);
    tell(request, status);
    compaction_unref(compaction);
    mutex_lock(&spine->mutex);
    return count;
}

/* Takes the oldest requests, as a chain. */
static struct compaction_request *
take_requests(struct compaction *compaction, size_t requests_max, size_t *count)
{
    struct compaction_request *chain = compaction->first;
    struct compaction_request *last = chain;

    assert(requests_max > 0);
    *count = 1;
    while (*count < requests_max && last->next != NULL) {
        last = last->next;
        ++*count;
    }
    compaction->first = last->next;
    if (compaction->first == NULL)
        compaction->last = NULL;
    last->next = NULL;
    return chain;
}

static void
tell(struct compaction_request *request, enum spine_status status)
{
    while (request != NULL) {
        struct compaction_request *next = request->next;

        if (request->on_done != NULL)
            request->on_done(request->context, status);
        mem_free(request, sizeof *request);
        request = next;
    }
}
