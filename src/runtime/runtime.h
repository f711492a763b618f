/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_RUNTIME_H
#define RUNTIME_RUNTIME_H

/*
 * runtime/ -- where tasks run, and which one next.
 *
 * A *job* is something with work left to do, embedded in its owner: idle, ready, or
 * running in exactly one thread. A *pump* is a run on a pool thread (or the host's
 * executor) that takes the best ready job, runs one slice of it, and goes on so until its
 * time is up or nothing is ready. At most `slices_max` pumps are out. The loop thread
 * only starts pumps; it never merges, and nothing waits for it but closing.
 *
 *     idle --job_ready()--> ready --(pump, helper or runtime_run)--> running --slice-->
 * ready or idle
 *
 * The best job is the one with the least work remaining, unless one has been passed over
 * JOB_PATIENCE times. Lock order: spine, then runtime. on_slice is called without locks.
 */

#include "base/thread.h"
#include "spine/runtime.h"

enum job_state { JOB_IDLE, JOB_READY, JOB_RUNNING };

struct job {
    struct job *next; /* in the ready list; the runtime's */
    struct job *previous;
    enum job_state state; /* the runtime's */
    unsigned passed_over; /* the runtime's */
    /* Who it belongs to, for helpers. */
    const void *owner;
    /* Set by the owner before job_ready(), and by on_slice: rows of work left. */
    uint64_t rows_left;
    /*
     * One slice; `*fuel_rows` is what it used. Returns true when the job is ready again,
     * false when it is idle; in the latter case the owner may free it, and the runtime
     * does not touch it again (on_slice itself must have made that decision visible under
     * the owner's lock, as the last thing it does).
     */
    bool (*on_slice)(struct job *job, uint64_t *fuel_rows);
};

#endif
