/* SPDX-License-Identifier: MIT */

/*
 * The waiting jobs of a runtime, and which of them become ready.
 *
 * There are JOB_DELAYS delays, each with a ring of its own: the job that began to wait
 * first in a ring is due first, so that a search for the next one looks at the heads
 * only. In one more ring are those whose time never comes.
 */

#include "base/assert.h"
#include "runtime/pump.h"

/* The most jobs that become ready under one lock. */
#define WAKE_JOBS_MAX 64u

void
waiting_init(struct spine_runtime *runtime)
{
    for (unsigned step = 0; step <= JOB_DELAYS; step++) {
        struct job *ring = &runtime->locked.waiting[step];

        RING_INIT(ring);
    }
    atomic_init(&runtime->waiting_count, 0);
    runtime->locked.alarm_ns = UINT64_MAX;
}

void
waiting_append_locked(struct spine_runtime *runtime, struct job *job, unsigned step)
{
    struct job *ring = &runtime->locked.waiting[step];

    assert(mutex_is_held(&runtime->mutex));
    assert(job->state == JOB_WAITING && job->next == NULL && step <= JOB_DELAYS);
    job->due_ns =
        step < JOB_DELAYS ? clock_now_ns() + (JOB_DELAY_NS << step) : UINT64_MAX;
    RING_APPEND(ring, job);
    if (job->due_ns != UINT64_MAX)
        atomic_fetch_add_explicit(&runtime->waiting_count, 1, memory_order_relaxed);
    if (job->owner != NULL) {
        runtime->locked.owned_count++;
        job->owner_next = job->owner->waiting;
        job->owner->waiting = job;
    }
}

void
waiting_remove_locked(struct spine_runtime *runtime, struct job *job)
{
    assert(mutex_is_held(&runtime->mutex));
    assert(job->state == JOB_WAITING);
    RING_REMOVE(job);
    job->next = NULL;
    job->previous = NULL;
    if (job->due_ns != UINT64_MAX)
        atomic_fetch_sub_explicit(&runtime->waiting_count, 1, memory_order_relaxed);
    if (job->owner != NULL) {
        runtime->locked.owned_count--;
        job_leave_owner(&job->owner->waiting, job);
    }
    job->owner_next = NULL;
}

unsigned
waiting_wake_locked(struct spine_runtime *runtime)
{
    unsigned woken = 0;
    uint64_t now_ns;

    assert(mutex_is_held(&runtime->mutex));
    if (runtime->locked.closed ||
        atomic_load_explicit(&runtime->waiting_count, memory_order_relaxed) == 0)
        return 0;
    now_ns = clock_now_ns();
    for (unsigned step = 0; step < JOB_DELAYS; step++) {
        const struct job *ring = &runtime->locked.waiting[step];

        while (ring->next != ring && ring->next->due_ns <= now_ns &&
               woken < WAKE_JOBS_MAX) {
            struct job *job = ring->next;

            waiting_remove_locked(runtime, job);
            job->state = JOB_READY;
            ready_append_locked(runtime, job);
            woken++;
        }
    }
    return woken;
}

uint64_t
waiting_due_locked(const struct spine_runtime *runtime)
{
    uint64_t due_ns = UINT64_MAX;

    assert(mutex_is_held(&runtime->mutex));
    for (unsigned step = 0; step < JOB_DELAYS; step++) {
        const struct job *ring = &runtime->locked.waiting[step];

        if (ring->next != ring && ring->next->due_ns < due_ns)
            due_ns = ring->next->due_ns;
    }
    return due_ns;
}
