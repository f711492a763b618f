/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_HOST_H
#define HARNESS_HOST_H

/*
 * harness/host -- runtimes of every kind with real threads, to be used by real
 * threads.
 *
 *     host_open(&host, HOST_EXECUTOR, ...)     host.runtime
 *     host_close(&host)                        closes the runtime unless that was done
 */

#include "spine/spine.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

enum host_kind { HOST_DEFAULT, HOST_LOOP, HOST_EXECUTOR, HOST_KINDS };

#define HOST_THREADS 2u
#define HOST_QUEUE 64u

struct host {
    enum host_kind kind;
    struct spine_runtime *runtime;
    /* Set by a test that has closed the runtime itself. */
    atomic_bool runtime_is_closed;
    /* HOST_LOOP: the loop and its thread, which opens and closes the runtime. */
    uv_loop_t loop;
    uv_async_t stop;
    uv_sem_t opened;
    unsigned slices_max;
    /* HOST_LOOP: its one thread; HOST_EXECUTOR: those that call what is submitted. */
    uv_thread_t threads[HOST_THREADS];
    uv_mutex_t mutex;
    uv_cond_t work;
    struct {
        void (*run)(void *argument);
        void *argument;
    } queue[HOST_QUEUE];
    unsigned queued;
    bool submits_ended;
    bool threads_stop;
};

void host_open(struct host *host, enum host_kind kind, unsigned slices_max);
/* Closes the runtime only, in the thread where that is allowed. */
void host_close_runtime(struct host *host);
void host_close(struct host *host);

/*
 * An allocator whose calls, in the executor's threads only, wait while the gate is shut:
 * a merge slice that takes as long as the test likes.
 */
void gate_install(void);
void gate_shut(void);
void gate_open(void);
/* How many threads wait at the gate. */
unsigned gate_waiting(void);

/* Aborts, saying what was wrong. */
void require(bool condition, const char *what);

#endif
