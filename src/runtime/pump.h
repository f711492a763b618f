/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_PUMP_H
#define RUNTIME_PUMP_H

/*
 * runtime/pump -- what the files of runtime/ share: the runtime itself, and pumps.
 */

#include "base/ref.h"
#include "runtime/runtime.h"

enum runtime_kind { RUNTIME_MANUAL, RUNTIME_EXECUTOR, RUNTIME_LOOP };

struct loop_driver;

struct spine_runtime {
    struct ref refs;
    enum runtime_kind kind;
    unsigned slices_max;
    uint64_t run_ns;
    struct spine_executor executor;
    /* RUNTIME_LOOP only. */
    struct loop_driver *driver;

    struct mutex mutex;
    /* Signalled when `pumps_out`, `slices_running` or `submitting` falls. */
    struct condition quiet;
    struct {
        /* Ready jobs, the oldest first, in a ring through this one; those that can be
         * spared in another. */
        struct job ready;
        struct job spare;
        uint64_t ready_count; /* of both */
        /* A ring of watches through this one, those that were told at its end. */
        struct runtime_watch watches;
        /* Jobs taken so far; ready jobs that were looked at on the way. */
        uint64_t taken;
        uint64_t steps;
        /* Pumps submitted and not ended; those of them that are in a slice. */
        unsigned pumps_out;
        unsigned pumps_busy;
        /* Slices running now, in pumps, helpers and callers. */
        unsigned slices_running;
        /* Threads that are handing pumps over. */
        unsigned submitting;
        bool closed;
    } locked;
};

/* ---- ready.c ---- */

/* Puts a job behind those that are ready; takes it out from among them. */
void ready_append_locked(struct spine_runtime *runtime, struct job *job);
void ready_remove_locked(struct spine_runtime *runtime, struct job *job);
/*
 * Takes the best ready job of `owner`, of anybody when NULL: it is running from now on.
 * NULL when there is none, or when the runtime is closed.
 */
struct job *ready_take_locked(struct spine_runtime *runtime,
                              const struct job_owner *owner, bool due_only);

/* ---- runtime.c ---- */

/*
 * One run of a pump: slices until the time is up or nothing is ready. True when it wants
 * to be submitted again; otherwise it has ended and does not touch the runtime any more.
 * Worker.
 */
bool pump_run(struct spine_runtime *runtime);

/* Ends a pump that was counted in `pumps_out` but not run. */
void pump_give_up(struct spine_runtime *runtime);

/* ---- loop_driver.c ---- */

/* Opens the libuv side: a private loop on a thread of its own when `loop` is NULL. */
enum spine_status loop_driver_open(struct spine_runtime *runtime, struct uv_loop_s *loop,
                                   struct spine_error *error);

/* Has `count` pumps submitted from the loop thread. Any thread. */
void loop_driver_submit(struct loop_driver *driver, unsigned count);

/* The number of slices that suits this machine and libuv's pool. */
unsigned loop_driver_slices(void);

/*
 * Closes the libuv side, after the runtime was marked closed. A private loop has ended
 * when this returns; a host's loop lets go of its handle when it runs next. Takes
 * `driver`.
 */
void loop_driver_close(struct loop_driver *driver);

#endif
