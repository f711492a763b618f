/* SPDX-License-Identifier: MIT */

/*
 * Closing a runtime.
 *
 * Closing waits for slices that run in other threads, and for on_submit: for nothing that
 * has not begun, whatever the host's pool or executor are busy with. A pump or run that
 * begins later finds the runtime closed. A callback of the library may close the runtime
 * from within a slice, which is not waited for and has a reference to the runtime.
 */

#include "base/assert.h"
#include "runtime/process.h"
#include "runtime/pump.h"

static bool others_run_locked(const struct spine_runtime *runtime);
static bool is_in_pump_locked(const struct spine_runtime *runtime);

void
spine_runtime_close(struct spine_runtime *runtime)
{
    bool in_pump;

    if (runtime == NULL || runtime_is_lost(runtime))
        return;
    mutex_lock(&runtime->mutex);
    assert(!runtime->locked.closed);
    runtime->locked.closed = true;
    watch_tell_close_locked(runtime);
    while (others_run_locked(runtime) || runtime->locked.submitting > 0)
        condition_wait(&runtime->quiet, &runtime->mutex);
    trim_end_locked(runtime);
    in_pump = is_in_pump_locked(runtime);
    mutex_unlock(&runtime->mutex);

    if (runtime->service != NULL)
        runtime->service->calls->on_close(runtime->service, runtime);

    if (runtime->executor->on_close != NULL)
        runtime->executor->on_close(runtime, in_pump);
    runtime_unref(runtime);
}

static bool
others_run_locked(const struct spine_runtime *runtime)
{
    const struct running *ring = &runtime->locked.running;

    assert(mutex_is_held(&runtime->mutex));
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

    assert(mutex_is_held(&runtime->mutex));
    for (const struct running *running = ring->next; running != ring;
         running = running->next)
        if (running->in_pump && thread_is_self(&running->thread))
            return true;
    return false;
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
