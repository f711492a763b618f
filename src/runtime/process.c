/* SPDX-License-Identifier: MIT */

/*
 * What a process has once, for all its runtimes: how many threads of libuv's pool are
 * used, the private loops that must end before the process does, and what a fork leaves
 * of them.
 */

#include "runtime/process.h"

#include "base/assert.h"
#include "base/error.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <uv.h>

/* Not base/thread.h: it needs no initialisation, and the handlers of exit() and fork()
 * are called by real threads only. */
static struct {
    pthread_mutex_t mutex;
    /* A loop became still, or ended. */
    pthread_cond_t quiet;
    bool initialised;
    /* Work was given to libuv's pool in this process, in one of its ancestors. */
    bool pool_used;
    bool pool_inherited;
    struct private_loop *loops;
    atomic_int pool;
    atomic_uint generation;
} process = {.mutex = PTHREAD_MUTEX_INITIALIZER, .quiet = PTHREAD_COND_INITIALIZER};

static void on_exit_begins(void);
static bool loops_are_still(void);
static void pool_replace(void);
static void on_fork_in_child(void);

enum spine_status
process_init(struct spine_error *error)
{
    bool done;

    pthread_mutex_lock(&process.mutex);
    if (!process.initialised)
        process.initialised = pthread_atfork(NULL, NULL, on_fork_in_child) == 0 &&
                              atexit(on_exit_begins) == 0;
    done = process.initialised;
    pthread_mutex_unlock(&process.mutex);
    if (!done)
        return spine_fail(error, SPINE_NOMEM, "no memory for a handler of exit()");
    return SPINE_OK;
}

unsigned
process_generation(void)
{
    return atomic_load_explicit(&process.generation, memory_order_relaxed);
}

enum pool_state
pool_hold(void)
{
    pthread_mutex_lock(&process.mutex);
    return pool_state();
}

void
pool_release(void)
{
    pthread_mutex_unlock(&process.mutex);
}

enum pool_state
pool_state(void)
{
    return (enum pool_state)atomic_load_explicit(&process.pool, memory_order_relaxed);
}

void
pool_used(void)
{
    process.pool_used = true;
}

void
private_loop_begin(struct private_loop *loop)
{
    pthread_mutex_lock(&process.mutex);
    loop->still = pool_state() != POOL_OPEN; /* it never had any work to take back */
    loop->previous = NULL;
    loop->next = process.loops;
    if (loop->next != NULL)
        loop->next->previous = loop;
    process.loops = loop;
    pthread_mutex_unlock(&process.mutex);
}

void
private_loop_end(struct private_loop *loop)
{
    pthread_mutex_lock(&process.mutex);
    if (loop->previous != NULL)
        loop->previous->next = loop->next;
    else
        process.loops = loop->next;
    if (loop->next != NULL)
        loop->next->previous = loop->previous;
    pthread_cond_broadcast(&process.quiet);
    pthread_mutex_unlock(&process.mutex);
}

void
private_loop_is_still(struct private_loop *loop)
{
    loop->still = true;
    pthread_cond_broadcast(&process.quiet);
}

/* The handler of exit(): no loop uses the pool when it returns. */
static void
on_exit_begins(void)
{
    pthread_mutex_lock(&process.mutex);
    if (process.pool_inherited && !process.pool_used)
        pool_replace();
    atomic_store_explicit(&process.pool, POOL_ENDING, memory_order_relaxed);
    for (struct private_loop *loop = process.loops; loop != NULL; loop = loop->next)
        loop->on_exit(loop);
    while (!loops_are_still())
        pthread_cond_wait(&process.quiet, &process.mutex);
    atomic_store_explicit(&process.pool, POOL_GONE, memory_order_relaxed);
    pthread_mutex_unlock(&process.mutex);
}

static bool
loops_are_still(void)
{
    bool still = true;

    for (const struct private_loop *loop = process.loops; loop != NULL; loop = loop->next)
        still = still && loop->still;
    return still;
}

static void
do_nothing(uv_work_t *work)
{
    (void)work;
}

static void
have_done_nothing(uv_work_t *work, int uv_status)
{
    (void)work;
    (void)uv_status;
}

/*
 * libuv starts its pool anew for the first work that a child of fork() gives to it. Until
 * then it takes the parent's threads for its own, and its destructor, which joins them,
 * crashes. When a loop cannot be made, nothing is better than to leave it so.
 */
static void
pool_replace(void)
{
    uv_loop_t loop;
    uv_work_t work;

    if (uv_loop_init(&loop) != 0)
        return;
    if (uv_queue_work(&loop, &work, do_nothing, have_done_nothing) == 0)
        (void)uv_run(&loop, UV_RUN_DEFAULT); /* returns when the work is done */
    (void)uv_loop_close(&loop);              /* nothing is open in it */
}

/* The only thread of a child. What others held is held by nobody. */
static void
on_fork_in_child(void)
{
    static const pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static const pthread_cond_t quiet = PTHREAD_COND_INITIALIZER;

    process.mutex = mutex;
    process.quiet = quiet;
    process.loops = NULL;
    process.pool_inherited = process.pool_inherited || process.pool_used;
    process.pool_used = false;
    atomic_store_explicit(&process.pool, POOL_OPEN, memory_order_relaxed);
    atomic_fetch_add_explicit(&process.generation, 1, memory_order_relaxed);
}
