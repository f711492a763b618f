/* SPDX-License-Identifier: MIT */

/*
 * The watches of a runtime, which are told that it closes, and how short its memory is.
 *
 * One thread at a time tells the watches, one after the other and without a lock; a watch
 * that is being told does not end meanwhile.
 */

#include "base/assert.h"
#include "base/error.h"
#include "runtime/pump.h"

void
runtime_watch_begin(struct spine_runtime *runtime, struct runtime_watch *watch)
{
    struct runtime_watch *before = &runtime->locked.watches;

    mutex_lock(&runtime->mutex);
    watch->told = runtime->locked.closed;
    /* What is yet to be told comes first. */
    if (!watch->told)
        before = before->next;
    RING_APPEND(before, watch);
    mutex_unlock(&runtime->mutex);
}

void
runtime_watch_end(struct spine_runtime *runtime, struct runtime_watch *watch)
{
    mutex_lock(&runtime->mutex);
    while (runtime->locked.telling == watch && !thread_is_self(&runtime->locked.teller))
        condition_wait(&runtime->quiet, &runtime->mutex);
    RING_REMOVE(watch);
    mutex_unlock(&runtime->mutex);
}

void
watch_tell_close_locked(struct spine_runtime *runtime)
{
    struct runtime_watch *ring = &runtime->locked.watches;

    assert(mutex_is_held(&runtime->mutex));
    /* Another thread may be telling the watches of the pressure. */
    while (runtime->locked.telling != NULL && !thread_is_self(&runtime->locked.teller))
        condition_wait(&runtime->quiet, &runtime->mutex);
    runtime->locked.teller = thread_self();
    while (ring->next != ring && !ring->next->told) {
        struct runtime_watch *watch = ring->next;

        RING_REMOVE(watch);
        RING_APPEND(&runtime->locked.watches, watch);
        watch->told = true;
        runtime->locked.telling = watch;
        mutex_unlock(&runtime->mutex);
        watch->on_close(watch);
        mutex_lock(&runtime->mutex);
        runtime->locked.telling = NULL;
        condition_broadcast(&runtime->quiet);
    }
}

void
watch_tell_pressure(struct spine_runtime *runtime)
{
    struct runtime_watch *ring = &runtime->locked.watches;

    mutex_lock(&runtime->mutex);
    runtime->locked.pressure_is_news = true;
    while (runtime->locked.pressure_is_news && runtime->locked.telling == NULL &&
           !runtime->locked.closed) {
        runtime->locked.pressure_is_news = false;
        runtime->locked.teller = thread_self();
        /* A watch that is being told stays, so the next one can be found from it. */
        for (struct runtime_watch *watch = ring->next; watch != ring;
             watch = watch->next) {
            runtime->locked.telling = watch;
            mutex_unlock(&runtime->mutex);
            if (watch->on_pressure != NULL)
                watch->on_pressure(watch);
            mutex_lock(&runtime->mutex);
            runtime->locked.telling = NULL;
            condition_broadcast(&runtime->quiet);
        }
    }
    mutex_unlock(&runtime->mutex);
}

enum spine_status
runtime_watch_each(struct spine_runtime *runtime,
                   void (*on_watch)(struct runtime_watch *watch, void *context),
                   void *context, struct spine_error *error)
{
    struct runtime_watch *ring = &runtime->locked.watches;
    bool is_news;

    mutex_lock(&runtime->mutex);
    while (runtime->locked.telling != NULL) {
        if (thread_is_self(&runtime->locked.teller)) {
            mutex_unlock(&runtime->mutex);
            return spine_fail(error, SPINE_BUSY,
                              "the runtime is being closed by this thread");
        }
        condition_wait(&runtime->quiet, &runtime->mutex);
    }
    runtime->locked.teller = thread_self();
    for (struct runtime_watch *watch = ring->next; watch != ring; watch = watch->next) {
        runtime->locked.telling = watch;
        mutex_unlock(&runtime->mutex);
        on_watch(watch, context);
        mutex_lock(&runtime->mutex);
        runtime->locked.telling = NULL;
        condition_broadcast(&runtime->quiet);
    }
    is_news = runtime->locked.pressure_is_news;
    mutex_unlock(&runtime->mutex);
    /* A thread that has found the pressure changed meanwhile has left it to this one to
     * tell. */
    if (is_news)
        watch_tell_pressure(runtime);
    return SPINE_OK;
}
