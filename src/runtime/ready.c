/* SPDX-License-Identifier: MIT */

/*
 * The ready jobs of a runtime, and which of them is the best.
 */

#include "base/assert.h"
#include "runtime/pump.h"

static struct job *best_of_all_locked(struct spine_runtime *runtime, bool owned);
static struct job *
best_of_ring_locked(struct spine_runtime *runtime, const struct job *ring, bool owned);
static struct job *first_of_ring(const struct job *ring, struct job *job, bool owned);
static struct job *best_of_owner_locked(struct spine_runtime *runtime,
                                        const struct job_owner *owner, bool spare);
static bool
is_passed_over_locked(const struct spine_runtime *runtime, const struct job *job);

void
ready_append_locked(struct spine_runtime *runtime, struct job *job)
{
    struct job *ring = job->is_read ? &runtime->locked.reads
                       : job->spare ? &runtime->locked.spare
                                    : &runtime->locked.ready;

    assert(mutex_is_held(&runtime->mutex));
    assert(job->next == NULL);
    RING_APPEND(ring, job);
    job->ready_at = runtime->locked.taken;
    runtime->locked.ready_count++;
    if (job->owner != NULL) {
        runtime->locked.owned_count++;
        job->owner_next = job->owner->ready;
        job->owner->ready = job;
    }
}

void
ready_remove_locked(struct spine_runtime *runtime, struct job *job)
{
    assert(mutex_is_held(&runtime->mutex));
    assert(job->state == JOB_READY);
    RING_REMOVE(job);
    job->next = NULL;
    job->previous = NULL;
    runtime->locked.ready_count--;
    if (job->owner != NULL) {
        runtime->locked.owned_count--;
        job_leave_owner(&job->owner->ready, job);
    }
    job->owner_next = NULL;
}

struct job *
ready_take_locked(struct spine_runtime *runtime, const struct job_owner *owner,
                  enum take take, struct running *out)
{
    struct job *read = NULL, *best = NULL;

    assert(mutex_is_held(&runtime->mutex));
    if (runtime->locked.closed)
        return NULL;
    if (take != TAKE_OWN_DUE)
        read = ready_read_locked(runtime, take == TAKE_ANY || take == TAKE_READ);
    if ((take == TAKE_ANY || take == TAKE_OWNED) && read == NULL)
        best = best_of_all_locked(runtime, take == TAKE_OWNED);
    else if (take == TAKE_OWN || take == TAKE_OWN_DUE)
        best = best_of_owner_locked(runtime, owner, false);
    if (best == NULL && take == TAKE_OWN)
        best = best_of_owner_locked(runtime, owner, true);
    if (best == NULL)
        best = read;
    if (best != NULL)
        ready_take_job_locked(runtime, best, out);
    return best;
}

struct job *
ready_read_locked(const struct spine_runtime *runtime, bool any)
{
    const struct job *const ring = &runtime->locked.reads;
    struct job *read = ring->next;

    assert(mutex_is_held(&runtime->mutex));
    while (read != ring && read->is_long && !any)
        read = read->next;
    return read != ring ? read : NULL;
}

void
ready_take_job_locked(struct spine_runtime *runtime, struct job *job, struct running *out)
{
    struct running *ring = &runtime->locked.running;

    assert(mutex_is_held(&runtime->mutex));
    ready_remove_locked(runtime, job);
    job->state = JOB_RUNNING;
    job->running = out;
    runtime->locked.taken++;
    *out = (struct running){.thread = thread_self(),
                            .is_read = job->is_read,
                            .has_owner = job->owner != NULL};
    RING_APPEND(ring, out);
}

/* Of those that have an owner, if `owned`. */
static struct job *
best_of_all_locked(struct spine_runtime *runtime, bool owned)
{
    struct job *best = best_of_ring_locked(runtime, &runtime->locked.ready, owned);

    assert(mutex_is_held(&runtime->mutex));
    return best != NULL ? best
                        : best_of_ring_locked(runtime, &runtime->locked.spare, owned);
}

static struct job *
best_of_ring_locked(struct spine_runtime *runtime, const struct job *ring, bool owned)
{
    struct job *const oldest = first_of_ring(ring, ring->next, owned);
    struct job *best = NULL;
    unsigned seen = 0;

    assert(mutex_is_held(&runtime->mutex));
    if (oldest != NULL && is_passed_over_locked(runtime, oldest)) {
        runtime->locked.steps++;
        return oldest;
    }
    for (struct job *job = oldest; job != NULL && seen < JOB_CHOICE;
         job = first_of_ring(ring, job->next, owned)) {
        seen++;
        if (best == NULL || job->rows_left < best->rows_left)
            best = job;
    }
    runtime->locked.steps += seen;
    return best;
}

/* The oldest from `job` on, of those that have an owner if `owned`; NULL: none. */
static struct job *
first_of_ring(const struct job *ring, struct job *job, bool owned)
{
    while (job != ring && owned && job->owner == NULL)
        job = job->next;
    return job != ring ? job : NULL;
}

/* Among the ready jobs of `owner` that can be spared, or that cannot. */
static struct job *
best_of_owner_locked(struct spine_runtime *runtime, const struct job_owner *owner,
                     bool spare)
{
    struct job *best = NULL;
    struct job *oldest = NULL;

    assert(mutex_is_held(&runtime->mutex));
    for (struct job *job = owner->ready; job != NULL; job = job->owner_next) {
        runtime->locked.steps++;
        if (job->spare != spare)
            continue;
        /* Of those with as little left, the oldest: the list has the youngest first. */
        if (best == NULL || job->rows_left <= best->rows_left)
            best = job;
        oldest = job;
    }
    return oldest != NULL && is_passed_over_locked(runtime, oldest) ? oldest : best;
}

static bool
is_passed_over_locked(const struct spine_runtime *runtime, const struct job *job)
{
    assert(mutex_is_held(&runtime->mutex));
    return runtime->locked.taken - job->ready_at >= JOB_PATIENCE;
}
