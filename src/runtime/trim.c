/* SPDX-License-Identifier: MIT */

/*
 * Memory that goes back to the system.
 *
 * malloc keeps what is freed, in pieces between others, and most of what a merge has read
 * is freed when it ends: a process would hold several times what its spines do. So when
 * much has been freed, and the runtime has nothing else to do for a while, malloc is told
 * to return what it can. The job of that waits, and looks, and waits again: a second
 * after the last merge it is done, also where it was done shortly before.
 *
 * While many slices run, what one of them frees is what the next one asks for, and a page
 * that was returned is faulted in again. So the job waits on, unless what was freed is a
 * good part of what the library holds, as after a compaction of one of many spines.
 *
 * A runtime with a limit cannot wait for that: half of its limit would be resident and
 * not used. While it works it looks every some milliseconds at what is resident beyond
 * what the library holds, and when that has grown, malloc returns what it can at once.
 * That takes a thirtieth of a thread's time at most, but for when it has grown a lot. And
 * less is kept in stock for use again, so that it does not grow by that alone.
 */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/container.h"
#include "base/stock.h"
#include "runtime/pump.h"

/* What must have been freed since the last time, in bytes. */
#define TRIM_BYTES_MIN (8u << 20)
/* How long the job waits before it looks: 2^n ms. */
#define TRIM_DOUBLINGS 8u
/* When more slices than this have run meanwhile, the runtime is busy. Then this part of
 * what is held must have been freed, too. */
#define BUSY_SLICES 32u
#define BUSY_PART 12u
/* After a trim the job rests: REST_TIMES as long as the trim took, or REST_NS_MAX when
 * that is less. */
#define REST_TIMES 30u
#define REST_NS_MAX UINT64_C(2000000000)
/* With a limit: the bytes that must have come beyond what the library holds, and the part
 * of the limit that is added to them. */
#define BEYOND_BYTES_MIN ((size_t)6 << 20)
#define BEYOND_PART 32u
/* As soon as so much has come, nothing is rested. */
#define BEYOND_BYTES_MOST ((size_t)10 << 20)
/* The time between two looks at that. */
#define LOOK_NS UINT64_C(5000000)
/* The part of the limit that may be in stock. */
#define STOCK_PART 64u

static void trim_at_limit(struct spine_runtime *runtime);
static void wait_locked(struct spine_runtime *runtime);
static void trim_on_worker(struct job *job, uint64_t *fuel_rows);
static bool trim_can_wait(struct spine_runtime *runtime);

void
trim_init(struct spine_runtime *runtime)
{
    runtime->trim.job.on_slice = trim_on_worker;
    runtime->trim.job.spare = true;
    atomic_init(&runtime->trim.bytes_most, 0);
    atomic_init(&runtime->trim.is_news, false);
    atomic_init(&runtime->trim.beyond_least,
                runtime->budget.limit_bytes != UINT64_MAX ? mem_resident_beyond() : 0);
    atomic_init(&runtime->trim.look_ns, 0);
    if (runtime->budget.limit_bytes != UINT64_MAX)
        stock_limit((size_t)(runtime->budget.limit_bytes / STOCK_PART));
}

bool
trim_look(struct spine_runtime *runtime)
{
    const size_t held = spine_allocated_bytes();
    size_t most = atomic_load_explicit(&runtime->trim.bytes_most, memory_order_relaxed);

    if (runtime->budget.limit_bytes != UINT64_MAX)
        trim_at_limit(runtime);
    if (held >= most)
        atomic_store_explicit(&runtime->trim.bytes_most, held, memory_order_relaxed);
    if (held >= most || most - held < TRIM_BYTES_MIN ||
        runtime->executor->on_submit == NULL)
        return false;
    mutex_lock(&runtime->mutex);
    if (runtime->trim.job.state == JOB_IDLE)
        wait_locked(runtime);
    mutex_unlock(&runtime->mutex);
    return atomic_exchange(&runtime->trim.is_news, false);
}

/* Lets the job, which is idle, wait. */
static void
wait_locked(struct spine_runtime *runtime)
{
    struct job *job = &runtime->trim.job;

    assert(mutex_is_held(&runtime->mutex));
    assert(job->state == JOB_IDLE);
    if (runtime->locked.closed)
        return;
    job->state = JOB_WAITING;
    runtime->trim.taken_before = runtime->locked.taken;
    waiting_append_locked(runtime, job, TRIM_DOUBLINGS);
    atomic_store(&runtime->trim.is_news, true);
}

/* One thread at a time, as the others see that the time to look has not come. */
static void
trim_at_limit(struct spine_runtime *runtime)
{
    const size_t part = (size_t)(runtime->budget.limit_bytes / BEYOND_PART);
    const uint64_t now_ns = clock_now_ns();
    uint64_t look_ns = atomic_load_explicit(&runtime->trim.look_ns, memory_order_relaxed);
    size_t least, beyond, more;

    if (now_ns < look_ns ||
        !atomic_compare_exchange_strong(&runtime->trim.look_ns, &look_ns, UINT64_MAX))
        return;
    look_ns = now_ns + LOOK_NS;
    beyond = mem_resident_beyond();
    least = atomic_load_explicit(&runtime->trim.beyond_least, memory_order_relaxed);
    more = beyond > least ? beyond - least : 0;
    if (more > BEYOND_BYTES_MOST + part ||
        (more > BEYOND_BYTES_MIN + part && now_ns >= runtime->trim.rest_ns)) {
        mem_trim();
        least = mem_resident_beyond();
        runtime->trim.rest_ns = clock_now_ns() + REST_TIMES * (clock_now_ns() - now_ns);
    } else if (beyond < least) {
        least = beyond;
    }
    atomic_store_explicit(&runtime->trim.beyond_least, least, memory_order_relaxed);
    atomic_store_explicit(&runtime->trim.look_ns, look_ns, memory_order_release);
}

/* Nothing else is ready, or this job, which can be spared, would not run. */
static void
trim_on_worker(struct job *job, uint64_t *fuel_rows)
{
    struct spine_runtime *runtime = container_of(job, struct spine_runtime, trim.job);
    const bool can_wait = trim_can_wait(runtime);

    (void)fuel_rows;
    if (!can_wait) {
        const uint64_t now_ns = clock_now_ns();
        uint64_t end_ns, rest_ns;

        mem_trim();
        end_ns = clock_now_ns();
        rest_ns = REST_TIMES * (end_ns - now_ns);
        runtime->trim.idle_rest_ns =
            end_ns + (rest_ns < REST_NS_MAX ? rest_ns : REST_NS_MAX);
        atomic_store_explicit(&runtime->trim.bytes_most, spine_allocated_bytes(),
                              memory_order_relaxed);
    }
    mutex_lock(&runtime->mutex);
    job->running = NULL;
    job->state = JOB_IDLE;
    if (can_wait)
        wait_locked(runtime);
    mutex_unlock(&runtime->mutex);
}

/* The last time was shortly before, or what was freed will be asked for again. */
static bool
trim_can_wait(struct spine_runtime *runtime)
{
    const size_t held = spine_allocated_bytes();
    const size_t most =
        atomic_load_explicit(&runtime->trim.bytes_most, memory_order_relaxed);
    bool is_busy;

    if (clock_now_ns() < runtime->trim.idle_rest_ns)
        return true;
    mutex_lock(&runtime->mutex);
    is_busy = runtime->locked.taken - runtime->trim.taken_before > BUSY_SLICES;
    mutex_unlock(&runtime->mutex);
    return is_busy && (most < held || most - held < TRIM_BYTES_MIN + held / BUSY_PART);
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

void
trim_release(struct spine_runtime *runtime)
{
    if (runtime->budget.limit_bytes != UINT64_MAX)
        stock_unlimit((size_t)(runtime->budget.limit_bytes / STOCK_PART));
    stock_empty();
}
