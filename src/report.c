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
#include "compaction.h"
#include "core.h"

static void report_on_worker(struct job *job, uint64_t *fuel_rows);
static bool is_last_chance_locked(const struct spine *spine);
static void report_locked(struct spine *spine);

void
report_init(struct spine *spine)
{
    spine->locked.report.on_slice = report_on_worker;
}

void
report_later_locked(struct spine *spine, struct compaction *compaction,
                    struct aftermath *after)
{
    struct compaction **end = &spine->locked.ended;

    while (*end != NULL)
        end = &(*end)->next;
    *end = compaction;
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
            report_locked(spine);
        spine->locked.report_queued = false;
    }
    mutex_unlock(&spine->mutex);
}

static void
report_on_worker(struct job *job, uint64_t *fuel_rows)
{
    struct spine *spine =
        (struct spine *)((char *)job - offsetof(struct spine, locked.report));
    struct aftermath after = {0};

    /* Not free, so that a callback that asks again and again comes to an end. */
    *fuel_rows -= *fuel_rows > 0;
    mutex_lock(&spine->mutex);
    spine_enter_locked(spine);
    do
        report_locked(spine);
    while (spine->locked.ended != NULL && is_last_chance_locked(spine));
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

/* Reports those that ended until now, with the lock open. */
static void
report_locked(struct spine *spine)
{
    struct compaction *compaction = spine->locked.ended;

    spine->locked.ended = NULL;
    mutex_unlock(&spine->mutex);
    while (compaction != NULL) {
        struct compaction *next = compaction->next;

        if (compaction->on_done != NULL)
            compaction->on_done(compaction->context, compaction->status);
        mem_free(compaction, sizeof *compaction);
        compaction = next;
    }
    mutex_lock(&spine->mutex);
}
