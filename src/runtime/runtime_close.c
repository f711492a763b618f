/* SPDX-License-Identifier: MIT */

/*
 * Closing a runtime, and who must know of it.
 *
 * Closing waits for slices that run in other threads, and for on_submit: for nothing that
 * has not begun, whatever the host's pool or executor are busy with. A pump or run that
 * begins later finds the runtime closed. A callback of the library may close the runtime
 * from within a slice, which is not waited for and has a reference to the runtime.
 */

#include "base/assert.h"
#include "runtime/process.h"
#include "runtime/pump.h"

static void tell_watches_locked(struct spine_runtime *runtime);
static void
watch_append_locked(struct spine_runtime *runtime, struct runtime_watch *watch);
static void watch_remove_locked(struct runtime_watch *watch);
static bool others_run_locked(const struct spine_runtime *runtime);
static bool is_in_pump_locked(const struct spine_runtime *runtime);

void
spine_runtime_close(struct spine_runtime *runtime)
{
    struct loop_driver *driver;
    bool in_pump;

    if (runtime == NULL || runtime_is_lost(runtime))
        return;
    mutex_lock(&runtime->mutex);
    assert(!runtime->locked.closed);
    runtime->locked.closed = true;
    driver = runtime->driver;
    tell_watches_locked(runtime);
    while (others_run_locked(runtime) || runtime->locked.submitting > 0)
        condition_wait(&runtime->quiet, &runtime->mutex);
    trim_end_locked(runtime);
    in_pump = is_in_pump_locked(runtime);
    mutex_unlock(&runtime->mutex);

    if (runtime->service != NULL)
        runtime->service->calls->on_close(runtime->service, runtime);

    if (driver != NULL)
        loop_driver_close(driver, in_pump);
    runtime_unref(runtime);
}

/* Tells each watch that has not been told, letting go of the lock meanwhile. */
static void
tell_watches_locked(struct spine_runtime *runtime)
{
    struct runtime_watch *ring = &runtime->locked.watches;

    /* Somebody may tell them of the pressure. */
    while (runtime->locked.telling != NULL && !thread_is_self(&runtime->locked.teller))
        condition_wait(&runtime->quiet, &runtime->mutex);
    runtime->locked.teller = thread_self();
    while (ring->next != ring && !ring->next->told) {
        struct runtime_watch *watch = ring->next;

        watch_remove_locked(watch);
        watch_append_locked(runtime, watch);
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
runtime_tell_pressure(struct spine_runtime *runtime)
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
            watch->on_pressure(watch);
            mutex_lock(&runtime->mutex);
            runtime->locked.telling = NULL;
            condition_broadcast(&runtime->quiet);
        }
    }
    mutex_unlock(&runtime->mutex);
}

static void
watch_append_locked(struct spine_runtime *runtime, struct runtime_watch *watch)
{
    struct runtime_watch *ring = &runtime->locked.watches;

    watch->next = ring;
    watch->previous = ring->previous;
    ring->previous->next = watch;
    ring->previous = watch;
}

static void
watch_remove_locked(struct runtime_watch *watch)
{
    watch->previous->next = watch->next;
    watch->next->previous = watch->previous;
}

static bool
others_run_locked(const struct spine_runtime *runtime)
{
    const struct running *ring = &runtime->locked.running;

    for (const struct running *running = ring->next; running != ring;
         running = running->next)
        if (!thread_is_self(&running->thread))
            return true;
    return false;
}

/* True when the calling thread is in a slice of a pump. */
static bool
is_in_pump_locked(const struct spine_runtime *runtime)
{
    const struct running *ring = &runtime->locked.running;

    for (const struct running *running = ring->next; running != ring;
         running = running->next)
        if (running->in_pump && thread_is_self(&running->thread))
            return true;
    return false;
}

void
runtime_watch_begin(struct spine_runtime *runtime, struct runtime_watch *watch)
{
    mutex_lock(&runtime->mutex);
    watch->told = runtime->locked.closed;
    if (watch->told)
        watch_append_locked(runtime, watch);
    else {
        watch->next = runtime->locked.watches.next;
        watch->previous = &runtime->locked.watches;
        watch->next->previous = watch;
        watch->previous->next = watch;
    }
    mutex_unlock(&runtime->mutex);
}

void
runtime_watch_end(struct spine_runtime *runtime, struct runtime_watch *watch)
{
    mutex_lock(&runtime->mutex);
    while (runtime->locked.telling == watch && !thread_is_self(&runtime->locked.teller))
        condition_wait(&runtime->quiet, &runtime->mutex);
    watch_remove_locked(watch);
    mutex_unlock(&runtime->mutex);
}

bool
runtime_is_closed(struct spine_runtime *runtime)
{
    bool closed;

    if (runtime_is_lost(runtime))
        return true;
    mutex_lock(&runtime->mutex);
    closed = runtime->locked.closed;
    mutex_unlock(&runtime->mutex);
    return closed;
}
