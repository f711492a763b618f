/* SPDX-License-Identifier: MIT */

/*
 * Memory that goes back to the system.
 *
 * malloc keeps what is freed, in pieces between others, and most of what a merge has read
 * is freed when it ends: a process would hold several times what its spines do. So when
 * much has been freed, and the runtime has nothing else to do for a while, malloc is told
 * to return what it can. The job of that waits, and looks, and waits again.
 */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/container.h"
#include "runtime/pump.h"

/* What must have been freed since the last time, in bytes. */
#define TRIM_BYTES_MIN (8u << 20)
/* How long the job waits before it looks: 2^n ms. */
#define TRIM_DOUBLINGS 8u
/* At most so often. */
#define TRIM_PERIOD_NS UINT64_C(2000000000)

static void trim_on_worker(struct job *job, uint64_t *fuel_rows);

void
trim_init(struct spine_runtime *runtime)
{
    runtime->trim.job.on_slice = trim_on_worker;
    runtime->trim.job.spare = true;
    atomic_init(&runtime->trim.bytes_most, 0);
    atomic_init(&runtime->trim.is_news, false);
}

bool
trim_look(struct spine_runtime *runtime)
{
    const size_t held = spine_allocated_bytes();
    size_t most = atomic_load_explicit(&runtime->trim.bytes_most, memory_order_relaxed);

    if (held >= most)
        atomic_store_explicit(&runtime->trim.bytes_most, held, memory_order_relaxed);
    if (held >= most || most - held < TRIM_BYTES_MIN ||
        runtime->executor->on_submit == NULL)
        return false;
    mutex_lock(&runtime->mutex);
    if (!runtime->locked.closed && runtime->trim.job.state == JOB_IDLE) {
        runtime->trim.job.state = JOB_WAITING;
        waiting_append_locked(runtime, &runtime->trim.job, TRIM_DOUBLINGS);
        atomic_store(&runtime->trim.is_news, true);
    }
    mutex_unlock(&runtime->mutex);
    return atomic_exchange(&runtime->trim.is_news, false);
}

/* Nothing else is ready, or this job, which can be spared, would not run. */
static void
trim_on_worker(struct job *job, uint64_t *fuel_rows)
{
    struct spine_runtime *runtime = container_of(job, struct spine_runtime, trim.job);
    const uint64_t now_ns = clock_now_ns();
    const bool is_early = now_ns - runtime->trim.last_ns < TRIM_PERIOD_NS;

    (void)fuel_rows;
    if (!is_early) {
        mem_trim();
        runtime->trim.last_ns = clock_now_ns();
        atomic_store_explicit(&runtime->trim.bytes_most, spine_allocated_bytes(),
                              memory_order_relaxed);
    }
    mutex_lock(&runtime->mutex);
    job->running = NULL;
    job->state = JOB_IDLE;
    if (is_early && !runtime->locked.closed) {
        job->state = JOB_WAITING;
        waiting_append_locked(runtime, job, TRIM_DOUBLINGS);
        atomic_store(&runtime->trim.is_news, true);
    }
    mutex_unlock(&runtime->mutex);
}

void
trim_end_locked(struct spine_runtime *runtime)
{
    struct job *job = &runtime->trim.job;

    assert(mutex_is_held(&runtime->mutex));
    if (job->state == JOB_READY)
        ready_remove_locked(runtime, job);
    else if (job->state == JOB_WAITING)
        waiting_remove_locked(runtime, job);
    else
        return;
    job->state = JOB_IDLE;
}
