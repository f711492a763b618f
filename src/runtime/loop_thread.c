/* SPDX-License-Identifier: MIT */

/* A thread that runs a loop until it is told to end, and hears of the end of the process
 * meanwhile. */

#include "runtime/loop_thread.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/container.h"
#include "base/error.h"
#include "base/thread.h"
#include "runtime/process.h"

#ifndef SPINE_SIMULATED_THREADS

#include <pthread.h>
#include <uv.h>

struct loop_thread {
    uv_loop_t loop;
    /* Keeps the loop going until loop_thread_end(). */
    uv_async_t wake;
    struct thread thread;
    bool started;
    /* Nobody joins the thread. */
    bool detached;
    struct private_loop at_exit;
    void (*on_exit)(void *context);
    void *context;
};

static void thread_run(void *argument);
static void thread_free(struct loop_thread *thread);
static void exit_begins(struct private_loop *at_exit);
static void on_exit_wake(uv_async_t *wake);

enum spine_status
loop_thread_open(void (*on_exit)(void *context), void *context, struct loop_thread **out,
                 struct spine_error *error)
{
    struct loop_thread *thread = mem_zalloc(sizeof *thread);
    int uv_status;

    if (thread == NULL)
        return fail_nomem(error, "the loop of a runtime", sizeof *thread);
    thread->on_exit = on_exit;
    thread->context = context;
    thread->at_exit.on_exit = exit_begins;
    uv_status = uv_loop_init(&thread->loop);
    if (uv_status != 0) {
        mem_free(thread, sizeof *thread);
        return spine_fail(error, SPINE_IO, "uv_loop_init: %s", uv_strerror(uv_status));
    }
    uv_status = uv_async_init(&thread->loop, &thread->wake, on_exit_wake);
    if (uv_status != 0) {
        thread_free(thread);
        return spine_fail(error, SPINE_IO, "uv_async_init: %s", uv_strerror(uv_status));
    }
    *out = thread;
    return SPINE_OK;
}

struct uv_loop_s *
loop_thread_loop(struct loop_thread *thread)
{
    return &thread->loop;
}

enum spine_status
loop_thread_start(struct loop_thread *thread, struct spine_error *error)
{
    int uv_status;

    assert(!thread->started);
    private_loop_begin(&thread->at_exit);
    /* The threads of libuv's pool block all signals, too, if it is the first pump that
     * has libuv start them. */
    uv_status = thread_start(&thread->thread, thread_run, thread);
    if (uv_status != 0) {
        private_loop_end(&thread->at_exit);
        return spine_fail(error, SPINE_IO, "uv_thread_create: %s",
                          uv_strerror(uv_status));
    }
    thread->started = true;
    return SPINE_OK;
}

void
loop_thread_leave(struct loop_thread *thread, bool detached)
{
    assert(thread->started && !thread->detached);
    private_loop_end(&thread->at_exit);
    thread->detached = detached;
    /* It is there, as what ends it comes after this. */
    if (detached)
        (void)pthread_detach(thread->thread.handle);
}

void
loop_thread_end(struct loop_thread *thread)
{
    assert(!uv_is_closing((uv_handle_t *)&thread->wake));
    uv_close((uv_handle_t *)&thread->wake, NULL);
}

void
loop_thread_join(struct loop_thread *thread)
{
    assert(!thread->detached);
    if (thread->started)
        thread_join(&thread->thread);
    else
        (void)uv_run(&thread->loop, UV_RUN_DEFAULT); /* lets go of the handles */
    thread_free(thread);
}

static void
thread_run(void *argument)
{
    struct loop_thread *thread = argument;

    (void)uv_run(&thread->loop, UV_RUN_DEFAULT); /* ends when the last handle is closed */
    if (thread->detached)
        thread_free(thread);
}

static void
thread_free(struct loop_thread *thread)
{
    (void)uv_loop_close(&thread->loop); /* nothing is open in it */
    mem_free(thread, sizeof *thread);
}

static void
exit_begins(struct private_loop *at_exit)
{
    struct loop_thread *thread = container_of(at_exit, struct loop_thread, at_exit);

    (void)uv_async_send(&thread->wake); /* fails only for handles of another type */
}

static void
on_exit_wake(uv_async_t *wake)
{
    struct loop_thread *thread = container_of(wake, struct loop_thread, wake);

    thread->on_exit(thread->context);
    (void)pool_hold();
    private_loop_is_still(&thread->at_exit);
    pool_release();
}

#else

enum spine_status
loop_thread_open(void (*on_exit)(void *context), void *context, struct loop_thread **out,
                 struct spine_error *error)
{
    (void)on_exit;
    (void)context;
    (void)out;
    return spine_fail(error, SPINE_INVALID,
                      "runtime options: no loop under simulated threads");
}

struct uv_loop_s *
loop_thread_loop(struct loop_thread *thread)
{
    (void)thread;
    return NULL;
}

enum spine_status
loop_thread_start(struct loop_thread *thread, struct spine_error *error)
{
    (void)thread;
    (void)error;
    return SPINE_OK;
}

void
loop_thread_leave(struct loop_thread *thread, bool detached)
{
    (void)thread;
    (void)detached;
}

void
loop_thread_end(struct loop_thread *thread)
{
    (void)thread;
}

void
loop_thread_join(struct loop_thread *thread)
{
    (void)thread;
}

#endif
