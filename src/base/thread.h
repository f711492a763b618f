/* SPDX-License-Identifier: MIT */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

/*
 * base/thread -- mutexes, condition variables, threads and the clock, as the library uses
 * them.
 *
 * In the library all of these are libuv's. Compiled with SPINE_SIMULATED_THREADS, for
 * tests/schedule, a seeded cooperative scheduler has them, which switches at every lock,
 * unlock, wait, signal and thread_pause_point().
 */

#include "spine/types.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef SPINE_SIMULATED_THREADS
struct mutex {
    int owner;
};
struct condition {
    int id;
};
struct thread {
    int number;
};
#else
#include <uv.h>
struct mutex {
    uv_mutex_t handle;
};
struct condition {
    uv_cond_t handle;
};
struct thread {
    uv_thread_t handle;
};
#endif

/* SPINE_OK or SPINE_NOMEM. Error-checking mutexes in debug builds. */
enum spine_status mutex_init(struct mutex *mutex);
void mutex_release(struct mutex *mutex);
void mutex_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);
/* Does the calling thread hold it? For assertions: there is none in Release. */
bool mutex_is_held(const struct mutex *mutex);

enum spine_status condition_init(struct condition *condition);
void condition_release(struct condition *condition);
/* Both need the mutex held; wake-ups without a signal happen. */
void condition_wait(struct condition *condition, struct mutex *mutex);
/* False when `deadline_ns` of clock_now_ns() passed; UINT64_MAX means no deadline. */
bool condition_wait_until(struct condition *condition, struct mutex *mutex,
                          uint64_t deadline_ns);
void condition_signal(struct condition *condition);
void condition_broadcast(struct condition *condition);

/* Runs `on_run(argument)` in a thread of its own, in which all signals are blocked, as in
 * threads that it starts. 0, or what libuv says. The caller ends it with
 * thread_join(). */
int thread_start(struct thread *out, void (*on_run)(void *argument), void *argument);
/* Waits for its end. */
void thread_join(struct thread *thread);
/* The calling thread; is it that one? */
struct thread thread_self(void);
bool thread_is_self(const struct thread *thread);
/* From 1 on; no other thread of the process has the same number, before or after. */
uint64_t thread_number(void);

/* Monotonic, in nanoseconds. */
uint64_t clock_now_ns(void);
/* The processor time of this thread, in nanoseconds. A system call. */
uint64_t clock_cpu_ns(void);

/* A place where a switch of threads is interesting; nothing in the library proper. */
#ifdef SPINE_SIMULATED_THREADS
void thread_pause_point(const char *name);
#else
#define thread_pause_point(name) ((void)0)
#endif

#endif
