/* SPDX-License-Identifier: MIT */

/*
 * The jobs of a runtime: which are ready, where their slices run, and what is kicked when
 * one becomes ready. A slice runs in a pump on a pool thread, in an executor of the host,
 * or in a call of the host's own thread (runtime_help(), spine_runtime_run()).
 */

#include "runtime/runtime.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "runtime/process.h"
#include "runtime/pump.h"

static bool take_and_run(struct spine_runtime *runtime, const struct job_owner *owner,
                         enum take take, uint64_t *fuel_rows);
static void wait_by_step(struct spine_runtime *runtime, struct job *job, unsigned step);
static bool may_pump_locked(const struct spine_runtime *runtime);
static bool slices_are_full_locked(const struct spine_runtime *runtime);
static void pump_free_locked(struct spine_runtime *runtime, struct running *running);
static void slice_run(struct spine_runtime *runtime, struct job *job,
                      struct running *running, uint64_t *fuel_rows);
static uint64_t alarm_due_locked(struct spine_runtime *runtime);

struct placement *
runtime_placement(struct spine_runtime *runtime)
{
    return &runtime->placement;
}

uint64_t
spine_runtime_run(struct spine_runtime *runtime, uint64_t fuel_rows)
{
    uint64_t fuel_left = fuel_rows;

    if (runtime == NULL)
        return 0;
    /* A callback may close it. */
    (void)runtime_ref(runtime);
    while (fuel_left > 0 && runtime_help(runtime, NULL, &fuel_left))
        ;
    runtime_kick_waiting(runtime);
    runtime_unref(runtime);
    return fuel_rows - fuel_left;
}

struct spine_runtime *
runtime_ref(struct spine_runtime *runtime)
{
    ref_take(&runtime->refs);
    return runtime;
}

void
runtime_unref(struct spine_runtime *runtime)
{
    if (!ref_drop(&runtime->refs))
        return;
    assert(runtime->locked.ready_count == 0);
    assert(atomic_load(&runtime->waiting_count) == 0);
    assert(runtime->locked.running.next == &runtime->locked.running);
    assert(atomic_load(&runtime->budget.reserved) == 0);
    assert(atomic_load(&runtime->budget.freeing) == 0);
    if (runtime->service != NULL)
        runtime->service->calls->on_let_go(runtime->service);
    trim_release(runtime);
    condition_release(&runtime->quiet);
    mutex_release(&runtime->budget.mutex);
    mutex_release(&runtime->mutex);
    account_unref(runtime->account);
    mem_free(runtime, sizeof *runtime);
}

bool
runtime_is_lost(const struct spine_runtime *runtime)
{
    return runtime->executor->has_threads && runtime->generation != process_generation();
}

struct account *
runtime_account(const struct spine_runtime *runtime)
{
    return runtime->account;
}

void
runtime_ready(struct spine_runtime *runtime, struct job *job)
{
    mutex_lock(&runtime->mutex);
    assert(job->state == JOB_IDLE || job->state == JOB_RUNNING);
    /* The slice is as good as over: its pump may take the next job. */
    if (job->state == JOB_RUNNING)
        pump_free_locked(runtime, job->running);
    job->state = JOB_READY;
    ready_append_locked(runtime, job);
    mutex_unlock(&runtime->mutex);
}

void
runtime_idle(struct spine_runtime *runtime, struct job *job)
{
    mutex_lock(&runtime->mutex);
    assert(job->state == JOB_RUNNING);
    /* Its pump is busy until on_slice returns: there may be much to free, and callbacks
     * of the host to call. */
    job->running = NULL;
    job->state = JOB_IDLE;
    mutex_unlock(&runtime->mutex);
}

void
runtime_wait(struct spine_runtime *runtime, struct job *job, unsigned doublings)
{
    wait_by_step(runtime, job, doublings < JOB_DELAYS ? doublings : JOB_DELAYS - 1);
}

void
runtime_wait_for_wake(struct spine_runtime *runtime, struct job *job)
{
    wait_by_step(runtime, job, JOB_DELAYS);
}

static void
wait_by_step(struct spine_runtime *runtime, struct job *job, unsigned step)
{
    mutex_lock(&runtime->mutex);
    assert(job->state == JOB_RUNNING);
    /* Its pump is busy as with runtime_idle(). */
    job->running = NULL;
    job->state = JOB_WAITING;
    waiting_append_locked(runtime, job, step);
    mutex_unlock(&runtime->mutex);
}

void
runtime_wake(struct spine_runtime *runtime, struct job *job)
{
    mutex_lock(&runtime->mutex);
    if (job->state == JOB_WAITING) {
        waiting_remove_locked(runtime, job);
        job->state = JOB_READY;
        ready_append_locked(runtime, job);
    }
    mutex_unlock(&runtime->mutex);
}

uint64_t
runtime_due_ns(struct spine_runtime *runtime, const struct job_owner *owner)
{
    uint64_t due_ns = UINT64_MAX;

    mutex_lock(&runtime->mutex);
    if (owner->ready != NULL || ready_read_locked(runtime, false) != NULL)
        due_ns = 0;
    for (const struct job *job = owner->waiting; job != NULL; job = job->owner_next)
        if (job->due_ns < due_ns)
            due_ns = job->due_ns;
    mutex_unlock(&runtime->mutex);
    return due_ns;
}

static void
pump_free_locked(struct spine_runtime *runtime, struct running *running)
{
    assert(mutex_is_held(&runtime->mutex));
    if (running->pump_busy) {
        runtime->locked.pumps_busy--;
        runtime->locked.pumps_reading -= running->is_read;
    }
    running->pump_busy = false;
}

bool
runtime_withdraw(struct spine_runtime *runtime, struct job *job)
{
    bool withdrawn = true;

    mutex_lock(&runtime->mutex);
    if (job->state == JOB_RUNNING)
        withdrawn = false;
    else if (job->state == JOB_READY)
        ready_remove_locked(runtime, job);
    else if (job->state == JOB_WAITING)
        waiting_remove_locked(runtime, job);
    if (withdrawn)
        job->state = JOB_IDLE;
    mutex_unlock(&runtime->mutex);
    return withdrawn;
}

void
runtime_kick(struct spine_runtime *runtime)
{
    uint64_t alarm_ns;
    unsigned count = 0;

    if (runtime->executor->on_submit == NULL || runtime_is_lost(runtime))
        return;
    mutex_lock(&runtime->mutex);
    (void)waiting_wake_locked(runtime); /* counted as ready */
    alarm_ns = alarm_due_locked(runtime);
    if (runtime->locked.is_open && !runtime->locked.closed)
        /* A pump in a slice takes nothing that is ready before the slice ends. */
        while (may_pump_locked(runtime) &&
               runtime->locked.pumps_out - runtime->locked.pumps_busy <
                   runtime->locked.ready_count) {
            runtime->locked.pumps_out++;
            count++;
        }
    if (count > 0 || alarm_ns != UINT64_MAX)
        runtime->locked.submitting++;
    mutex_unlock(&runtime->mutex);
    if (count == 0 && alarm_ns == UINT64_MAX)
        return;

    if (alarm_ns != UINT64_MAX)
        runtime->executor->on_set_alarm(runtime, alarm_ns);
    if (count > 0)
        runtime->executor->on_submit(runtime, count);
    pump_handed_over(runtime);
}

/* May one more pump be out? */
static bool
may_pump_locked(const struct spine_runtime *runtime)
{
    assert(mutex_is_held(&runtime->mutex));
    return runtime->locked.pumps_out < runtime->pumps_max &&
           (runtime->locked.pumps_out - runtime->locked.pumps_reading <
                runtime->slices_max ||
            ready_read_locked(runtime, true) != NULL);
}

/* When the alarm has to go off; UINT64_MAX when there is no need, or it is set. */
static uint64_t
alarm_due_locked(struct spine_runtime *runtime)
{
    uint64_t due_ns;

    assert(mutex_is_held(&runtime->mutex));
    if (!runtime->locked.is_open || runtime->locked.closed ||
        runtime->executor->on_set_alarm == NULL)
        return UINT64_MAX;
    due_ns = waiting_due_locked(runtime);
    if (due_ns >= runtime->locked.alarm_ns)
        return UINT64_MAX;
    runtime->locked.alarm_ns = due_ns;
    return due_ns;
}

void
pump_handed_over(struct spine_runtime *runtime)
{
    mutex_lock(&runtime->mutex);
    runtime->locked.submitting--;
    condition_broadcast(&runtime->quiet);
    mutex_unlock(&runtime->mutex);
}

void
runtime_kick_waiting(struct spine_runtime *runtime)
{
    if (atomic_load_explicit(&runtime->waiting_count, memory_order_relaxed) > 0)
        runtime_kick(runtime);
}

bool
runtime_help(struct spine_runtime *runtime, struct job_owner *owner, uint64_t *fuel_rows)
{
    return take_and_run(runtime, owner, owner != NULL ? TAKE_OWN : TAKE_ANY, fuel_rows);
}

bool
runtime_help_due(struct spine_runtime *runtime, struct job_owner *owner,
                 uint64_t *fuel_rows)
{
    return take_and_run(runtime, owner, TAKE_OWN_DUE, fuel_rows);
}

bool
runtime_help_all(struct spine_runtime *runtime, uint64_t *fuel_rows)
{
    return take_and_run(runtime, NULL, TAKE_OWNED, fuel_rows);
}

static bool
take_and_run(struct spine_runtime *runtime, const struct job_owner *owner, enum take take,
             uint64_t *fuel_rows)
{
    struct running running;
    struct job *job;
    unsigned woken;

    mutex_lock(&runtime->mutex);
    woken = waiting_wake_locked(runtime);
    job = ready_take_locked(runtime, owner, take, &running);
    mutex_unlock(&runtime->mutex);
    if (job != NULL)
        slice_run(runtime, job, &running, fuel_rows);
    if (job != NULL || woken > 0)
        runtime_kick(runtime);
    return job != NULL;
}

bool
runtime_run_here(struct spine_runtime *runtime, struct job *job)
{
    struct running running;
    uint64_t fuel_rows = UINT64_MAX;
    bool ready;

    mutex_lock(&runtime->mutex);
    ready = job->state == JOB_READY;
    if (ready)
        ready_take_job_locked(runtime, job, &running);
    mutex_unlock(&runtime->mutex);
    if (ready)
        slice_run(runtime, job, &running, &fuel_rows);
    return ready;
}

bool
runtime_has_room(struct spine_runtime *runtime)
{
    const struct job *const ring = &runtime->locked.ready;
    bool room;

    mutex_lock(&runtime->mutex);
    room = runtime->executor->on_submit != NULL && !runtime->locked.closed &&
           !slices_are_full_locked(runtime) && ring->next == ring;
    mutex_unlock(&runtime->mutex);
    return room;
}

unsigned
runtime_threads(const struct spine_runtime *runtime)
{
    return runtime->executor->on_submit != NULL ? runtime->slices_max : 0;
}

bool
runtime_is_inside(struct spine_runtime *runtime, const struct job *job)
{
    bool inside;

    mutex_lock(&runtime->mutex);
    inside = job->state == JOB_RUNNING && thread_is_self(&job->running->thread);
    mutex_unlock(&runtime->mutex);
    return inside;
}

bool
pump_run(struct spine_runtime *runtime)
{
    const uint64_t end_ns = clock_now_ns() + runtime->run_ns;
    bool again;

    do {
        struct running running;
        struct job *job;
        uint64_t fuel_rows = UINT64_MAX;

        mutex_lock(&runtime->mutex);
        (void)waiting_wake_locked(runtime); /* of which this pump takes the best */
        job = ready_take_locked(runtime, NULL,
                                slices_are_full_locked(runtime) ? TAKE_READ : TAKE_ANY,
                                &running);
        if (job == NULL) {
            runtime->locked.pumps_out--;
            mutex_unlock(&runtime->mutex);
            return false;
        }
        running.in_pump = true;
        running.pump_busy = true;
        runtime->locked.pumps_busy++;
        runtime->locked.pumps_reading += running.is_read;
        mutex_unlock(&runtime->mutex);
        slice_run(runtime, job, &running, &fuel_rows);
        runtime_kick(runtime);
    } while (clock_now_ns() < end_ns && pool_state() == POOL_OPEN);

    mutex_lock(&runtime->mutex);
    again = runtime->locked.ready_count > 0 && !runtime->locked.closed;
    if (!again)
        runtime->locked.pumps_out--;
    mutex_unlock(&runtime->mutex);
    return again;
}

/* Are as many pumps as may be in slices that are no reads? */
static bool
slices_are_full_locked(const struct spine_runtime *runtime)
{
    assert(mutex_is_held(&runtime->mutex));
    return runtime->locked.pumps_busy - runtime->locked.pumps_reading >=
           runtime->slices_max;
}

void
pump_give_up(struct spine_runtime *runtime)
{
    mutex_lock(&runtime->mutex);
    runtime->locked.pumps_out--;
    mutex_unlock(&runtime->mutex);
}

bool
pump_hand_over(struct spine_runtime *runtime)
{
    bool closed;

    mutex_lock(&runtime->mutex);
    closed = runtime->locked.closed;
    if (closed)
        runtime->locked.pumps_out--;
    else
        runtime->locked.submitting++;
    mutex_unlock(&runtime->mutex);
    return !closed;
}

void
pump_alarm(struct spine_runtime *runtime)
{
    mutex_lock(&runtime->mutex);
    runtime->locked.alarm_ns = UINT64_MAX;
    mutex_unlock(&runtime->mutex);
    runtime_kick(runtime);
}

/* Runs one slice of a job that was taken. The job may be gone afterwards. */
static void
slice_run(struct spine_runtime *runtime, struct job *job, struct running *running,
          uint64_t *fuel_rows)
{
    job->on_slice(job, fuel_rows);
    (void)runtime_weigh(runtime);
    if (trim_look(runtime))
        runtime_kick(runtime);

    mutex_lock(&runtime->mutex);
    pump_free_locked(runtime, running);
    RING_REMOVE(running);
    if (runtime->locked.closed)
        condition_broadcast(&runtime->quiet);
    mutex_unlock(&runtime->mutex);
}
