/* SPDX-License-Identifier: MIT */

/*
 * wait -- threads that wait for a spine: for room to insert, for memory, for its merges.
 *
 * Every wait is the same loop, under the lock except where it runs a slice or sleeps:
 *
 *     has a merge failed?                    --yes--> return its error
 *     is what is waited for there?           --yes--> return SPINE_OK
 *     closed, or past the deadline?          --yes--> SPINE_CANCELLED, SPINE_TIMEOUT
 *     is a slice of this spine ready?        --yes--> run it, and begin anew
 *     was the thread woken meanwhile?        --yes--> begin anew
 *     sleep until woken, until the deadline, until a job's time has come; begin anew
 *
 * So a spine without any thread of its own never stands still while somebody waits.
 */

#include "base/assert.h"
#include "base/error.h"
#include "base/planted.h"
#include "base/stock.h"
#include "core.h"
#include "observe/observe.h"

/* Input rows that a waiting thread merges in one go. */
#define WAIT_FUEL_ROWS 65536u

static bool has_room_locked(const struct spine *spine, const void *context);
static bool is_idle_locked(const struct spine *spine, const void *context);
static uint64_t deadline_after(uint64_t timeout_ns);

/* A merge that fails leaves nothing to wait for; so errors are looked at before what is
 * waited for. */
enum spine_status
spine_wait_locked(struct spine *spine, struct condition *condition,
                  spine_done_fn *is_done, const void *context, uint64_t deadline_ns,
                  struct spine_error *error)
{
    const unsigned errors = spine->locked.errors;

    assert(mutex_is_held(&spine->mutex));
    for (;;) {
        const unsigned wakes = spine->locked.wakes;
        uint64_t fuel_rows = WAIT_FUEL_ROWS;
        uint64_t due_ns;
        bool runtime_closed;
        bool helped;

        if (spine->locked.status != SPINE_OK || spine->locked.errors != errors) {
            if (error != NULL)
                *error = spine->locked.error;
            return spine->locked.error.status;
        }
        if (is_done(spine, context))
            return SPINE_OK;
        if (spine->locked.closing)
            return spine_fail(error, SPINE_CANCELLED,
                              "the spine was closed during a wait");
        if (deadline_ns != UINT64_MAX && clock_now_ns() >= deadline_ns)
            return spine_fail(error, SPINE_TIMEOUT, "the time given to a wait ran out");

        mutex_unlock(&spine->mutex);
        runtime_closed = runtime_is_closed(spine->runtime);
        helped = runtime_help(spine->runtime, &spine->jobs, &fuel_rows);
        mutex_lock(&spine->mutex);

        /* Whatever happened while the lock was open is looked at before any sleep. */
        if (helped || (spine->locked.wakes != wakes && !PLANTED(WAKE_OVERLOOKED)))
            continue;
        if (runtime_closed)
            return spine_fail(error, SPINE_CANCELLED,
                              "the runtime was closed during a wait");
        due_ns = runtime_due_ns(spine->runtime, &spine->jobs);
        spine->locked.sleepers++;
        (void)condition_wait_until(condition, &spine->mutex,
                                   due_ns < deadline_ns ? due_ns : deadline_ns);
        spine->locked.sleepers--;
        if (PLANTED(WAIT_ONCE))
            return SPINE_OK;
    }
}

static bool
has_room_locked(const struct spine *spine, const void *context)
{
    assert(mutex_is_held(&spine->mutex));
    (void)context;
    return !spine_is_full_locked(spine);
}

enum spine_status
spine_wait_room_locked(struct spine *spine, uint64_t deadline_ns, struct stall *stall,
                       struct spine_error *error)
{
    const uint64_t begin_ns = clock_now_ns();
    struct spine_counters *counters = &spine->locked.counters;
    enum spine_status st;
    uint64_t wait_ns;

    assert(mutex_is_held(&spine->mutex));
    stall_begin_locked(
        spine, spine_must_settle_locked(spine) ? SPINE_CAUSE_SUM : SPINE_CAUSE_BATCHES,
        stall);
    st = spine_wait_locked(spine, &spine->no_backpressure, has_room_locked, NULL,
                           deadline_ns, error);
    stall_end(stall);
    wait_ns = clock_now_ns() - begin_ns;
    PROBE(stall, spine->number, entry_set_sums(&spine->locked.loose).count, st, wait_ns);
    counters->backpressure_waits++;
    counters->backpressure_ns += wait_ns;
    if (wait_ns > counters->backpressure_ns_max)
        counters->backpressure_ns_max = wait_ns;
    return st;
}

enum spine_status
spine_insert_wait(struct spine *spine, uint64_t timeout_ns, struct spine_error *error)
{
    struct stall stall = {0};
    enum spine_status st;

    if (spine == NULL)
        return fail_null(error, "spine_insert_wait", "spine");
    mutex_lock(&spine->mutex);
    spine_enter_locked(spine);
    st = spine_sticky_locked(spine, error);
    if (st == SPINE_OK && spine_is_full_locked(spine))
        st = spine_wait_room_locked(spine, deadline_after(timeout_ns), &stall, error);
    mutex_unlock(&spine->mutex);
    tell_stall(spine, &stall);
    mutex_lock(&spine->mutex);
    spine_leave_and_unlock(spine);
    return st;
}

enum spine_status
spine_wait_idle(struct spine *spine, uint64_t timeout_ns, struct spine_error *error)
{
    struct aftermath after = {0};
    enum spine_status st;

    if (spine == NULL)
        return fail_null(error, "spine_wait_idle", "spine");
    mutex_lock(&spine->mutex);
    spine_enter_locked(spine);
    st = spine_sticky_locked(spine, error);
    if (st == SPINE_OK) {
        spine->locked.idle_waiters++;
        for (unsigned level = 0; level < SPINE_LEVELS; level++)
            merge_task_hurry_locked(&spine->locked.tasks[level], &after);
        /* What waits for more while a flood lasts. */
        spine_start_merges_locked(spine, &after);
        if (after.kick) {
            mutex_unlock(&spine->mutex);
            aftermath_run(spine, &after);
            mutex_lock(&spine->mutex);
            after = (struct aftermath){0};
        }
        st = spine_wait_locked(spine, &spine->idle, is_idle_locked, NULL,
                               deadline_after(timeout_ns), error);
        spine->locked.idle_waiters--;
        spine_start_merges_locked(spine, &after);
    }
    spine_finish(spine, &after);
    /* What the merges have freed is not wanted again soon. */
    stock_empty();
    return st;
}

/* Nothing runs, nothing is due. A merge that is due is queued at once, or held back by a
 * pause. */
static bool
is_idle_locked(const struct spine *spine, const void *context)
{
    const bool paused = spine->locked.pauses > 0;

    assert(mutex_is_held(&spine->mutex));
    (void)context;
    if (!paused && (spine->locked.settles || spine->locked.next_compaction != NULL))
        return false;
    /* It may find that a merge is due. */
    if (!paused && spine->locked.survey.queued)
        return false;
    for (unsigned i = 0; i < spine_task_count_locked(spine); i++) {
        const enum task_state state = spine_task_locked(spine, i)->state;

        if (state == TASK_QUEUED || (state == TASK_PARKED && !paused))
            return false;
    }
    return true;
}

static uint64_t
deadline_after(uint64_t timeout_ns)
{
    const uint64_t now_ns = clock_now_ns();

    return timeout_ns >= UINT64_MAX - now_ns ? UINT64_MAX : now_ns + timeout_ns;
}
