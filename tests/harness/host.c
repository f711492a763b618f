/* SPDX-License-Identifier: MIT */
#include "harness/host.h"

#include <stdio.h>
#include <stdlib.h>

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t open;
    bool shut;
    unsigned waiting;
} gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0};

static _Thread_local bool is_executor;

static void loop_thread(void *context);
static void on_stop(uv_async_t *async);
static void executor_thread(void *context);
static void on_submit(void *context, void (*run)(void *argument), void *argument);

void
host_open(struct host *host, enum host_kind kind, unsigned slices_max)
{
    const struct spine_executor executor = {host, on_submit};
    struct spine_runtime_options options = {.slices_max = slices_max};

    *host = (struct host){.kind = kind, .slices_max = slices_max};
    switch (kind) {
    case HOST_LOOP:
        uv_sem_init(&host->opened, 0);
        uv_thread_create(&host->threads[0], loop_thread, host);
        uv_sem_wait(&host->opened);
        uv_sem_destroy(&host->opened);
        return;
    case HOST_EXECUTOR:
        options.executor = &executor;
        uv_mutex_init(&host->mutex);
        uv_cond_init(&host->work);
        for (unsigned i = 0; i < HOST_THREADS; i++)
            uv_thread_create(&host->threads[i], executor_thread, host);
        break;
    case HOST_DEFAULT:
    case HOST_KINDS:
        break;
    }
    require(spine_runtime_open(&options, &host->runtime, NULL) == SPINE_OK, "no runtime");
}

void
host_close_runtime(struct host *host)
{
    if (host->runtime == NULL)
        return;
    if (host->kind == HOST_LOOP) {
        uv_async_send(&host->stop);
        uv_thread_join(&host->threads[0]);
    } else if (!atomic_load(&host->runtime_is_closed)) {
        spine_runtime_close(host->runtime);
    }
    host->runtime = NULL;
    if (host->kind != HOST_EXECUTOR)
        return;
    uv_mutex_lock(&host->mutex);
    host->submits_ended = true;
    uv_mutex_unlock(&host->mutex);
}

void
host_close(struct host *host)
{
    host_close_runtime(host);
    if (host->kind != HOST_EXECUTOR)
        return;
    uv_mutex_lock(&host->mutex);
    host->threads_stop = true;
    uv_cond_broadcast(&host->work);
    uv_mutex_unlock(&host->mutex);
    for (unsigned i = 0; i < HOST_THREADS; i++)
        uv_thread_join(&host->threads[i]);
    require(host->queued == 0, "a run was submitted and not called");
    uv_cond_destroy(&host->work);
    uv_mutex_destroy(&host->mutex);
}

static void
loop_thread(void *context)
{
    struct host *host = context;
    const struct spine_runtime_options options = {.loop = &host->loop,
                                                  .slices_max = host->slices_max};

    uv_loop_init(&host->loop);
    uv_async_init(&host->loop, &host->stop, on_stop);
    host->stop.data = host;
    require(spine_runtime_open(&options, &host->runtime, NULL) == SPINE_OK, "no runtime");
    uv_sem_post(&host->opened);
    uv_run(&host->loop, UV_RUN_DEFAULT);
    require(uv_loop_close(&host->loop) == 0, "the runtime left something on the loop");
}

static void
on_stop(uv_async_t *async)
{
    struct host *host = async->data;

    uv_close((uv_handle_t *)async, NULL);
    if (!atomic_load(&host->runtime_is_closed))
        spine_runtime_close(host->runtime);
}

static void
executor_thread(void *context)
{
    struct host *host = context;

    is_executor = true;
    uv_mutex_lock(&host->mutex);
    for (;;) {
        while (host->queued == 0 && !host->threads_stop)
            uv_cond_wait(&host->work, &host->mutex);
        if (host->queued == 0)
            break;
        void (*const run)(void *) = host->queue[0].run;
        void *argument = host->queue[0].argument;
        host->queued--;
        for (unsigned i = 0; i < host->queued; i++)
            host->queue[i] = host->queue[i + 1];
        uv_mutex_unlock(&host->mutex);
        run(argument);
        uv_mutex_lock(&host->mutex);
    }
    uv_mutex_unlock(&host->mutex);
}

static void
on_submit(void *context, void (*run)(void *argument), void *argument)
{
    struct host *host = context;

    uv_mutex_lock(&host->mutex);
    require(!host->submits_ended, "a run is submitted after the runtime was closed");
    require(host->queued < HOST_QUEUE, "more runs than slices_max allows");
    host->queue[host->queued].run = run;
    host->queue[host->queued++].argument = argument;
    uv_cond_signal(&host->work);
    uv_mutex_unlock(&host->mutex);
}

static void *
gate_alloc(void *context, size_t bytes)
{
    (void)context;
    if (is_executor) {
        pthread_mutex_lock(&gate.mutex);
        gate.waiting++;
        while (gate.shut)
            pthread_cond_wait(&gate.open, &gate.mutex);
        gate.waiting--;
        pthread_mutex_unlock(&gate.mutex);
    }
    return malloc(bytes);
}

static void
gate_free(void *context, void *memory, size_t bytes)
{
    (void)context;
    (void)bytes;
    free(memory);
}

void
gate_install(void)
{
    const struct spine_allocator allocator = {NULL, gate_alloc, gate_free};

    require(spine_set_allocator(&allocator) == SPINE_OK, "memory is alive");
}

void
gate_shut(void)
{
    pthread_mutex_lock(&gate.mutex);
    gate.shut = true;
    pthread_mutex_unlock(&gate.mutex);
}

void
gate_open(void)
{
    pthread_mutex_lock(&gate.mutex);
    gate.shut = false;
    pthread_cond_broadcast(&gate.open);
    pthread_mutex_unlock(&gate.mutex);
}

unsigned
gate_waiting(void)
{
    pthread_mutex_lock(&gate.mutex);
    const unsigned waiting = gate.shut ? gate.waiting : 0;
    pthread_mutex_unlock(&gate.mutex);
    return waiting;
}

void
require(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "stress: %s\n", what);
    abort();
}
