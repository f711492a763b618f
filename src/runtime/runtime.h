/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_RUNTIME_H
#define RUNTIME_RUNTIME_H

/*
 * runtime/ -- where jobs run, and which one next.
 *
 * A *job* is something with work left to do, embedded in its owner: idle, ready, running
 * in exactly one thread, or waiting for a time to pass. A *pump* is a run on a pool
 * thread (or the host's executor) that takes the best ready job, runs one slice of it,
 * and goes on so until its time is up or nothing is ready. At most `slices_max` pumps are
 * out. The loop thread only starts pumps; it never merges, and nothing waits for it but
 * closing.
 *
 *     idle    --runtime_ready()----> ready      by the owner: there is work
 *     ready   --slice begins-------> running    by a pump, a helper, spine_runtime_run()
 *     running --runtime_ready()----> ready      by on_slice: there is more to do
 *     running --runtime_idle()-----> idle       by on_slice: there is not
 *     running --runtime_wait()-----> waiting    by on_slice: there is more, but not now
 *     running --runtime_wait_for_wake()--> waiting  the same, until it is woken
 *     waiting --its time has come--> ready      by the next look, see below
 *     waiting --runtime_wake()-----> ready      by the owner: now is as good
 *     ready   --runtime_withdraw()-> idle       by the owner, to have it back
 *     waiting --runtime_withdraw()-> idle
 *
 * All of these but the start of a slice and the end of a time happen under the owner's
 * lock, so an owner that holds its lock and cannot withdraw a job knows that a slice of
 * it is running and will come to the lock. After on_slice returned, the runtime does not
 * touch a job that is idle.
 *
 * No thread is blocked while a job waits. That its time has come is noticed by a timer of
 * the loop, where there is one, and with every kind of runtime by each pump that ends a
 * slice, each spine_runtime_run(), each call that inserts into a spine or looks at one,
 * and the threads that wait in the spine the job belongs to, which sleep no longer.
 *
 * The best job is the one with the least work left among the JOB_CHOICE oldest, unless
 * the oldest has been passed over JOB_PATIENCE times: least-remaining-first keeps the
 * number of batches low (Luo and Carey, "On Performance Stability in LSM-based Storage
 * Systems", VLDB 2019), patience keeps it fair. A job that can be *spared* runs only
 * while no other is ready, however long that takes. A thread that helps an owner looks at
 * the ready jobs of this owner only: what it costs does not depend on other owners.
 *
 * *Reads* are jobs that wait for a disk, and have others wait for them: reads go first,
 * oldest first, and pumps that are in one do not count among the `slices_max`. A thread
 * that waits for an owner's jobs and finds none ready runs a read of any owner.
 *
 * Lock order: spine, then runtime. Callbacks, on_slice and on_submit, run without locks.
 */

#include "base/account.h"
#include "base/thread.h"
#include "runtime/placement.h"
#include "runtime/pressure.h"
#include "runtime/service.h"
#include "spine/runtime.h"

#define JOB_CHOICE 64u
#define JOB_PATIENCE 64u
/* A job waits for JOB_DELAY_NS, 1 ms, or for that doubled up to JOB_DELAYS - 1 times. */
#define JOB_DELAY_NS UINT64_C(1000000)
#define JOB_DELAYS 11u
/* Reads that run at the same time, at most, and where the pool is not the library's. */
#define READS_MAX 4u
#define READS_DEFAULT 2u

enum job_state { JOB_IDLE, JOB_READY, JOB_RUNNING, JOB_WAITING };

struct job;
struct running;

/* An owner of jobs, whose threads may run them by runtime_help(). Zero at first. */
struct job_owner {
    /* Its ready jobs, the youngest first, by `owner_next`.
     * The runtime's, under its lock. */
    struct job *ready;
    /* Its jobs that wait, in the same way. */
    struct job *waiting;
};

struct job {
    /* The runtime's, under its lock. */
    struct job *next;
    struct job *previous;
    union {
        /* While it is ready or waits: an older such job of its owner, or NULL. */
        struct job *owner_next;
        /* While it runs: the slice. */
        struct running *running;
    };
    union {
        /* Jobs that had been taken when this one became ready. */
        uint64_t ready_at;
        /* While it waits: until this time of clock_now_ns(). */
        uint64_t due_ns;
    };
    enum job_state state;

    /* Nobody needs it done: it runs when nothing else does. Set like `rows_left`. */
    bool spare;
    /* Its slices wait for a disk. They begin before all other slices, and do not count
     * among the `slices_max`. Never changes. */
    bool is_read;
    /* Of a read: a slice may take seconds. Only pumps and spine_runtime_run() run it;
     * threads that wait for something else do not. Never changes. */
    bool is_long;
    /* Its owner, for runtime_help(). NULL: it runs in pumps and in spine_runtime_run()
     * only. */
    struct job_owner *owner;
    /* Rows of work left: set by the owner while the job is not ready. */
    uint64_t rows_left;
    /*
     * Runs one slice of at most about `*fuel_rows` input rows and takes what it used from
     * `*fuel_rows`, down to 0. Ends with runtime_ready(), runtime_idle() or
     * runtime_wait(), under the owner's lock. Any thread.
     */
    void (*on_slice)(struct job *job, uint64_t *fuel_rows);
};

/* A spine keeps a reference to its runtime, so either may be closed first. */
struct spine_runtime *runtime_ref(struct spine_runtime *runtime);
void runtime_unref(struct spine_runtime *runtime);

/* What goes to files, and when. Lives as long as the runtime. */
struct placement *runtime_placement(struct spine_runtime *runtime);
/* The trace that is told what happens in its spines; NULL: none. */
const struct spine_trace *runtime_trace(const struct spine_runtime *runtime);
/* Tells the operator, without a lock held. */
void runtime_log(const struct spine_runtime *runtime, enum spine_log_level level,
                 const char *format, ...) __attribute__((format(printf, 3, 4)));
/* What its spines hold. */
struct account *runtime_account(const struct spine_runtime *runtime);

/* What must know that the runtime closes: a wait for this runtime would never end. */
struct runtime_watch {
    struct runtime_watch *next;
    struct runtime_watch *previous;
    bool told;
    /* Part of a struct spine. */
    bool is_spine;
    /* Called once, without locks. It may end the watch. */
    void (*on_close)(struct runtime_watch *watch);
    /* Called without locks when the pressure has changed, until then. It may not end the
     * watch. NULL: nobody wants to know. */
    void (*on_pressure)(struct runtime_watch *watch);
};

void runtime_watch_begin(struct spine_runtime *runtime, struct runtime_watch *watch);
/* Returns when no on_close of it runs, but for one that calls this. No lock held. */
void runtime_watch_end(struct spine_runtime *runtime, struct runtime_watch *watch);

/*
 * Calls `on_watch` for every watch that there is, closed or not, one after the other and
 * without locks; it may not end the watch. SPINE_BUSY inside an on_close.
 */
enum spine_status
runtime_watch_each(struct spine_runtime *runtime,
                   void (*on_watch)(struct runtime_watch *watch, void *context),
                   void *context, struct spine_error *error);

/* True once spine_runtime_close() has begun, and when the runtime is lost: nothing will
 * be run any more. */
bool runtime_is_closed(struct spine_runtime *runtime);

/* True in a child of fork(), of what its parent opened and may have had threads in: what
 * they held is held for ever. Nothing of it may be waited for, locked or freed. */
bool runtime_is_lost(const struct spine_runtime *runtime);

/* Idle or running becomes ready. Owner's lock held; call runtime_kick() after letting go
 * of it. */
void runtime_ready(struct spine_runtime *runtime, struct job *job);

/* Running becomes idle. Owner's lock held, by on_slice only. */
void runtime_idle(struct spine_runtime *runtime, struct job *job);

/*
 * Running becomes waiting, for JOB_DELAY_NS doubled `doublings` times, at most
 * JOB_DELAYS - 1 times. Owner's lock held, by on_slice only; call runtime_kick() after
 * letting go of it.
 */
void runtime_wait(struct spine_runtime *runtime, struct job *job, unsigned doublings);

/* The same until runtime_wake(). */
void runtime_wait_for_wake(struct spine_runtime *runtime, struct job *job);

/* Waiting becomes ready; any other state stays. Owner's lock held; call runtime_kick()
 * after letting go of it. */
void runtime_wake(struct spine_runtime *runtime, struct job *job);

/*
 * The time of clock_now_ns() when a waiting job of `owner` becomes ready next, 0 when one
 * of its jobs, or a read, is ready, UINT64_MAX when none waits. For a thread that found
 * no ready job and goes to sleep: another may have made one ready since, and not run it.
 */
uint64_t runtime_due_ns(struct spine_runtime *runtime, const struct job_owner *owner);

/* Ready, waiting or idle becomes idle: true. False when a slice of it is running. Owner's
 * lock held. */
bool runtime_withdraw(struct spine_runtime *runtime, struct job *job);

/* Sees to it that ready jobs are run, and those whose time has come. No lock held. */
void runtime_kick(struct spine_runtime *runtime);

/* runtime_kick() if jobs wait; cheap if none does. No lock held. */
void runtime_kick_waiting(struct spine_runtime *runtime);

/*
 * Runs one slice of the best ready job of `owner`, anybody's when NULL, or else of a
 * read, in the calling thread, with at most `*fuel_rows` rows, and takes what it used
 * from there. False when none is ready, or the runtime is closed. No lock held.
 */
bool
runtime_help(struct spine_runtime *runtime, struct job_owner *owner, uint64_t *fuel_rows);

/* The same of jobs of the owner that cannot be spared. */
bool runtime_help_due(struct spine_runtime *runtime, struct job_owner *owner,
                      uint64_t *fuel_rows);

/* The same of a job of any owner, or else of a read. */
bool runtime_help_all(struct spine_runtime *runtime, uint64_t *fuel_rows);

/* Runs one slice of this job in the calling thread, also when the runtime is closed.
 * False when it is not ready. No lock held. */
bool runtime_run_here(struct spine_runtime *runtime, struct job *job);

/* Could one more job run now, in a pump that has nothing else to do? No job is ready but
 * such as can be spared. */
bool runtime_has_room(struct spine_runtime *runtime);

/* How many threads run its jobs at the same time, not counting those that wait for a
 * disk; 0: none but its callers'. */
unsigned runtime_threads(const struct spine_runtime *runtime);

/* True when the calling thread is inside a slice of this job. No lock held. */
bool runtime_is_inside(struct spine_runtime *runtime, const struct job *job);

#endif
