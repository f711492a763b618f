/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_PUMP_H
#define RUNTIME_PUMP_H

/*
 * runtime/pump -- what the files of runtime/ share: the runtime itself, and pumps.
 */

#include "base/assert.h"
#include "base/ref.h"
#include "base/ring.h"
#include "runtime/loop_driver.h"
#include "runtime/loop_thread.h"
#include "runtime/memory_budget.h"
#include "runtime/runtime.h"

#include <stdatomic.h>

/*
 * What runs the pumps of a runtime: a loop of the library's or of the host's, an executor
 * of the host's, or nobody, where jobs run in calls of the host's threads only.
 */
struct executor {
    /* Pumps run in threads that a child of fork() does not have. */
    bool has_threads;
    /* How many pumps it has room for beside `slices_max`. */
    unsigned (*on_reads)(unsigned slices_max);
    /* It begins, the first of all calls. May be NULL. */
    enum spine_status (*on_open)(struct spine_runtime *runtime,
                                 const struct spine_runtime_options *options,
                                 struct spine_error *error);
    /* Has `count` pumps run, which are counted in `pumps_out`. NULL: it runs none, and no
     * pump is ever out. */
    void (*on_submit)(struct spine_runtime *runtime, unsigned count);
    /* Has runtime_kick() called at `due_ns` of clock_now_ns(). NULL: it has no clock. */
    void (*on_set_alarm)(struct spine_runtime *runtime, uint64_t due_ns);
    /* The runtime is closed, and no other thread is in a slice or in a call of this;
     * `in_pump`: the calling thread is in a pump. May be NULL. */
    void (*on_close)(struct spine_runtime *runtime, bool in_pump);
};

/* A slice that runs now, on the stack of its thread. */
struct running {
    struct running *next;
    struct running *previous;
    struct thread thread;
    /* It runs in a pump, which takes no other job before the slice is as good as over. */
    bool in_pump;
    bool pump_busy;
    bool is_read;
    bool has_owner;
};

struct spine_runtime {
    struct ref refs;
    const struct executor *executor;
    /* process_generation() when it was opened. */
    unsigned generation;
    unsigned slices_max;
    /* Pumps that are out at the same time, those in reads included. */
    unsigned pumps_max;
    uint64_t run_ns;
    /* What the executor needs. Of the host's executor: */
    struct spine_executor host;
    /* Of a loop; of the host's, where that runs; of the library's, its thread. */
    struct loop_driver *driver;
    struct thread host_thread;
    struct loop_thread *loop_thread;
    /* Without a callback: nobody is told. */
    struct spine_trace trace;
    struct spine_log log;
    /* What `placement.store` begins with, kept by the runtime. */
    struct runtime_service *service;
    struct placement placement;
    struct memory_budget budget;
    struct {
        struct job job;
        /* The most that the library held since the last time, in bytes. */
        atomic_size_t bytes_most;
        /* Until when the job rests. */
        uint64_t idle_rest_ns;
        /* The jobs that had been taken when the job began to wait. Under the lock. */
        uint64_t taken_before;
        /* The job waits, and nobody has seen to it that it is noticed. */
        atomic_bool is_news;
        /* With a limit: what was resident beyond what the library held, after the last
         * time or when it was less; when to look again. */
        atomic_size_t beyond_least;
        atomic_uint_least64_t look_ns;
        /* Until when it rests after a trim; of the thread that looks. */
        uint64_t rest_ns;
    } trim;
    /* A reference. */
    struct account *account;

    /* Jobs that wait for a time. Changed under the lock; may be read without. */
    atomic_size_t waiting_count;

    struct mutex mutex;
    /* Signalled when `submitting` falls, and, once closed, when a slice ends or a watch
     * was told. */
    struct condition quiet;
    struct {
        /* Ready jobs, the oldest first, in a ring through this one; those that can be
         * spared, and reads, in others. */
        struct job ready;
        struct job spare;
        struct job reads;
        uint64_t ready_count; /* of all three */
        /* Jobs that have an owner and are ready or wait. */
        uint64_t owned_count;
        /* Jobs that wait, by their delay, the first to be over first, in rings through
         * these; in the last one those that wait to be woken. */
        struct job waiting[JOB_DELAYS + 1];
        /* When the executor's alarm goes off; UINT64_MAX: it is not set. */
        uint64_t alarm_ns;
        /* A ring of watches through this one, those that were told at its end; the one
         * that is being told, by the thread that closes. */
        struct runtime_watch watches;
        struct runtime_watch *telling;
        /* The pressure has changed, and some watch may not know it. */
        bool pressure_is_news;
        struct thread teller;
        /* Jobs taken so far; ready jobs that were looked at on the way. */
        uint64_t taken;
        uint64_t steps;
        /* The pumps that were submitted and have not ended; of these, the pumps in a
         * slice, and the pumps in a read. */
        unsigned pumps_out;
        unsigned pumps_busy;
        unsigned pumps_reading;
        /* A ring of slices that run now, in pumps, helpers and callers, through this. */
        struct running running;
        /* Threads that are handing pumps over. */
        unsigned submitting;
        /* It is whole. The store kicks it before, when others use the store, too: then
         * nothing is handed over yet. */
        bool is_open;
        bool closed;
    } locked;
};

/* ---- runtime.c ---- */

/*
 * One run of a pump that was submitted: slices until the time is up or nothing is ready.
 * True when it wants to be submitted again; otherwise it has ended and does not touch the
 * runtime any more.
 */
bool pump_run(struct spine_runtime *runtime);
/* Ends a pump that is out, and will not be run. */
void pump_give_up(struct spine_runtime *runtime);
/* Before and after a pump is handed over that wants to be submitted again; closing waits
 * for that. False: the runtime is closed, and the pump has ended. */
bool pump_hand_over(struct spine_runtime *runtime);
void pump_handed_over(struct spine_runtime *runtime);
/* The time that the executor's alarm was set for has come. */
void pump_alarm(struct spine_runtime *runtime);

/* ---- executors.c ---- */

/* What runs the pumps of a runtime with such options. */
const struct executor *executor_of(const struct spine_runtime_options *options);

/* ---- watch.c ---- */

/* Calls on_pressure of every watch, or has it called by the thread that tells the watches
 * something now. No lock held. */
void watch_tell_pressure(struct spine_runtime *runtime);
/* Calls on_close of every watch that was not told, letting go of the lock meanwhile. */
void watch_tell_close_locked(struct spine_runtime *runtime);

/* ---- trim.c ---- */

void trim_init(struct spine_runtime *runtime);
/* A slice has ended. If much was freed, memory goes back to the system in a while. True
 * when runtime_kick() must be called for that. No lock held. */
bool trim_look(struct spine_runtime *runtime);
/* The runtime closes, and no slice runs. */
void trim_end_locked(struct spine_runtime *runtime);
/* The runtime ends: what it has freed goes back to malloc. */
void trim_release(struct spine_runtime *runtime);

/* ---- ready.c ---- */

/* Puts a job behind those that are ready; takes it out from among them. */
void ready_append_locked(struct spine_runtime *runtime, struct job *job);
void ready_remove_locked(struct spine_runtime *runtime, struct job *job);
/* Whose job is taken. */
enum take { TAKE_ANY, TAKE_READ, TAKE_OWN, TAKE_OWN_DUE, TAKE_OWNED };
/*
 * Takes the best ready job: it is running from now on, as `out` says. TAKE_ANY: a read,
 * or else anybody's; TAKE_OWN: of `owner`, or else a read; TAKE_OWN_DUE: of `owner`, none
 * that can be spared; TAKE_OWNED: a read, or else one that has any owner. NULL when there
 * is none, or when the runtime is closed.
 */
struct job *ready_take_locked(struct spine_runtime *runtime,
                              const struct job_owner *owner, enum take take,
                              struct running *out);
/* The read that is ready and comes first; NULL: none is. Unless `any`, none that is
 * long. */
struct job *ready_read_locked(const struct spine_runtime *runtime, bool any);
/* Takes this job, which is ready. */
void ready_take_job_locked(struct spine_runtime *runtime, struct job *job,
                           struct running *out);

/* ---- waiting.c ---- */

void waiting_init(struct spine_runtime *runtime);
/* Lets a job wait, for the delay after `step` doublings, JOB_DELAYS: until it is woken;
 * takes it out from among those that wait. */
void waiting_append_locked(struct spine_runtime *runtime, struct job *job, unsigned step);
void waiting_remove_locked(struct spine_runtime *runtime, struct job *job);
/* Makes jobs ready whose time has come, some of them when there are many, and returns how
 * many. None when the runtime is closed. */
unsigned waiting_wake_locked(struct spine_runtime *runtime);
/* When the time of the next one comes; UINT64_MAX when none waits. */
uint64_t waiting_due_locked(const struct spine_runtime *runtime);

/* `job` leaves the list of its owner that it is in. The list is short: an owner has about
 * a dozen jobs. */
static inline void
job_leave_owner(struct job **list, const struct job *job)
{
    while (*list != job) {
        assert(*list != NULL && (*list)->owner == job->owner);
        list = &(*list)->owner_next;
    }
    *list = job->owner_next;
}

#endif
