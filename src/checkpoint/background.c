/* SPDX-License-Identifier: MIT */

/*
 * spine_checkpoint_start(): a checkpoint as a job of a runtime, of one slice.
 *
 *     ready --slice--> committed --> told --> freed
 *     ready --slice, while another is in the store's checkpoints--> waiting --> ready
 *     ready, waiting --runtime closes--> withdrawn --> told: cancelled --> freed
 */

#include "checkpoint/checkpoint.h"

#include "base/alloc.h"
#include "base/container.h"
#include "base/error.h"
#include "base/thread.h"
#include "checkpoint/gather.h"
#include "runtime/runtime.h"

#include <string.h>

struct background {
    struct job job;
    struct runtime_watch watch;
    struct spine_runtime *runtime;
    /* The lock under which the job changes its state. */
    struct mutex mutex;
    struct gather gather;
    struct spine_checkpoint_options options;
    /* Slices that found another call in the store's checkpoints. */
    unsigned tries;
    /* The runtime closes while a slice runs, which is the last one. */
    bool is_last;
    /* Copies of what the host said: user data, then the names of the items. */
    uint8_t *text;
    size_t text_bytes;
};

static enum spine_status copy_text(struct background *background,
                                   const struct spine_checkpoint_options *options,
                                   struct spine_error *error);
static enum spine_status submit(struct background *background, struct spine_error *error);
static void on_slice(struct job *job, uint64_t *fuel_rows);
static void try_later(struct background *background);
static void tell_cancelled(struct background *background);
static void on_close(struct runtime_watch *watch);
static void background_free(struct background *background);

enum spine_status
spine_checkpoint_start(struct spine_store *store, struct spine_runtime *runtime,
                       const struct spine_checkpoint_item *items, size_t count,
                       const struct spine_checkpoint_options *options,
                       struct spine_error *error)
{
    struct background *background;
    enum spine_status st;

    if (runtime == NULL || options == NULL)
        return fail_null(error, "spine_checkpoint_start",
                         runtime == NULL ? "runtime" : "options");
    if (options->on_done == NULL)
        return fail_null(error, "spine_checkpoint_start", "options->on_done");
    background = mem_zalloc(sizeof *background);
    if (background == NULL)
        return fail_nomem(error, "a checkpoint", sizeof *background);
    st = mutex_init(&background->mutex);
    if (st != SPINE_OK) {
        mem_free(background, sizeof *background);
        return fail_nomem(error, "a lock", sizeof background->mutex);
    }
    background->gather.store = store;
    background->gather.call = "spine_checkpoint_start";
    background->options = *options;
    background->runtime = runtime_ref(runtime);
    background->job.is_read = true;
    background->job.is_long = true;
    background->job.on_slice = on_slice;
    background->watch.on_close = on_close;
    st = checkpoint_begin(&background->gather, items, count, options, error);
    if (st == SPINE_OK)
        st = copy_text(background, options, error);
    if (st == SPINE_OK)
        st = submit(background, error);
    if (st != SPINE_OK)
        background_free(background);
    return st;
}

/* The lock is held meanwhile, so that a runtime that closes withdraws a job that is
 * ready. After that the checkpoint may be gone at any moment. */
static enum spine_status
submit(struct background *background, struct spine_error *error)
{
    struct spine_runtime *runtime = runtime_ref(background->runtime);
    bool was_closed;

    mutex_lock(&background->mutex);
    runtime_watch_begin(runtime, &background->watch);
    was_closed = background->watch.told;
    if (!was_closed)
        runtime_ready(runtime, &background->job);
    mutex_unlock(&background->mutex);
    if (was_closed)
        runtime_watch_end(runtime, &background->watch);
    else
        runtime_kick(runtime);
    runtime_unref(runtime);
    return was_closed ? spine_fail(error, SPINE_CANCELLED,
                                   "spine_checkpoint_start: the runtime is closed")
                      : SPINE_OK;
}

static enum spine_status
copy_text(struct background *background, const struct spine_checkpoint_options *options,
          struct spine_error *error)
{
    struct gather *gather = &background->gather;
    uint8_t *at;

    background->text_bytes = options->user_bytes;
    for (size_t i = 0; i < gather->item_count; i++)
        background->text_bytes += strlen(gather->items[i].name) + 1;
    if (background->text_bytes == 0)
        return SPINE_OK;
    at = background->text = mem_alloc(background->text_bytes);
    if (at == NULL)
        return fail_nomem(error, "the names of a checkpoint", background->text_bytes);
    if (options->user_bytes > 0)
        memcpy(at, options->user_data, options->user_bytes);
    background->options.user_data = at;
    at += options->user_bytes;
    for (size_t i = 0; i < gather->item_count; i++) {
        const size_t bytes = strlen(gather->items[i].name) + 1;

        gather->items[i].name = memcpy(at, gather->items[i].name, bytes);
        at += bytes;
    }
    return SPINE_OK;
}

static void
on_slice(struct job *job, uint64_t *fuel_rows)
{
    struct background *background = container_of(job, struct background, job);
    struct spine_checkpoint_info info = {0};
    struct spine_error error = {0};
    struct gather *gather = &background->gather;
    enum spine_status st;

    *fuel_rows -= *fuel_rows > 0;
    gather->ledger = store_checkpoints_try_lock(gather->store);
    if (gather->ledger == NULL) {
        try_later(background);
        return;
    }
    st = checkpoint_commit(gather, &background->options, &info, &error);
    store_checkpoints_unlock(gather->store);
    /* This comes before `on_done`, in which the host may close the store. */
    gather_release(&background->gather);
    background->options.on_done(background->options.context, st, &info, &error);
    runtime_watch_end(background->runtime, &background->watch);
    mutex_lock(&background->mutex);
    runtime_idle(background->runtime, &background->job);
    mutex_unlock(&background->mutex);
    background_free(background);
}

/* Lets the job wait, as no thread of the runtime waits for another checkpoint. Once the
 * lock is released, this one may be gone at any moment. */
static void
try_later(struct background *background)
{
    struct spine_runtime *runtime = runtime_ref(background->runtime);
    bool is_last;

    mutex_lock(&background->mutex);
    is_last = background->is_last;
    if (!is_last)
        runtime_wait(runtime, &background->job, background->tries++);
    mutex_unlock(&background->mutex);
    if (is_last) {
        tell_cancelled(background);
        mutex_lock(&background->mutex);
        runtime_idle(runtime, &background->job);
        mutex_unlock(&background->mutex);
        background_free(background);
    } else {
        runtime_kick(runtime);
    }
    runtime_unref(runtime);
}

/* A slice that runs ends the checkpoint by itself; the runtime waits for it. */
static void
on_close(struct runtime_watch *watch)
{
    struct background *background = container_of(watch, struct background, watch);
    bool withdrawn;

    mutex_lock(&background->mutex);
    withdrawn = runtime_withdraw(background->runtime, &background->job);
    background->is_last = !withdrawn;
    mutex_unlock(&background->mutex);
    if (!withdrawn)
        return;
    tell_cancelled(background);
    background_free(background);
}

static void
tell_cancelled(struct background *background)
{
    const struct spine_checkpoint_info info = {0};
    struct spine_error error = {0};

    gather_release(&background->gather);
    (void)spine_fail(&error, SPINE_CANCELLED, "checkpoint: the runtime was closed");
    background->options.on_done(background->options.context, SPINE_CANCELLED, &info,
                                &error);
    runtime_watch_end(background->runtime, &background->watch);
}

static void
background_free(struct background *background)
{
    gather_release(&background->gather);
    mutex_release(&background->mutex);
    mem_free(background->text, background->text_bytes);
    runtime_unref(background->runtime);
    mem_free(background, sizeof *background);
}
