/* SPDX-License-Identifier: MIT */

/* Opens a runtime: checks the options, makes its locks and its account, and begins its
 * service jobs and its executor. */

#include "base/alloc.h"
#include "base/error.h"
#include "runtime/process.h"
#include "runtime/pump.h"

#define RUN_US_DEFAULT 2000u
/* The bytes from which on an output goes to a file, or this part of a limit. */
#define STORAGE_BYTES_MIN_DEFAULT (UINT64_C(10) << 20)
#define STORAGE_PART 16u
/* libuv's pool has at most this many threads. */
#define SLICES_MAX_LIMIT 1024u

static enum spine_status
runtime_options_check(const struct spine_runtime_options *options,
                      struct spine_error *error);
static enum spine_status runtime_new(const struct spine_runtime_options *options,
                                     struct spine_runtime **out,
                                     struct spine_error *error);
static enum spine_status
service_open(struct spine_runtime *runtime, struct spine_error *error);
static unsigned reads_max(const struct spine_runtime *runtime);
static uint64_t storage_bytes_min(const struct spine_runtime_options *options);
static void placement_init(struct spine_runtime *runtime,
                           const struct spine_runtime_options *options);

enum spine_status
spine_runtime_open(const struct spine_runtime_options *options,
                   struct spine_runtime **out, struct spine_error *error)
{
    static const struct spine_runtime_options defaults;
    struct spine_runtime *runtime = NULL;
    enum spine_status st;

    if (out == NULL)
        return fail_null(error, "spine_runtime_open", "out");
    *out = NULL;
    if (options == NULL)
        options = &defaults;
    TRY(runtime_options_check(options, error));
    TRY(runtime_new(options, &runtime, error));
    if (runtime->executor->has_threads)
        TRY(process_init(error));
    if (runtime->service != NULL)
        TRY(service_open(runtime, error));
    if (runtime->executor->on_open != NULL)
        st = runtime->executor->on_open(runtime, options, error);
    if (st != SPINE_OK && runtime->service != NULL)
        runtime->service->calls->on_close(runtime->service, runtime);
    TRY(st);

    *out = runtime;
    mutex_lock(&runtime->mutex);
    runtime->locked.is_open = true;
    mutex_unlock(&runtime->mutex);
    runtime_kick(runtime);
    runtime = NULL;
out:
    if (runtime != NULL)
        runtime_unref(runtime);
    return st;
}

static enum spine_status
runtime_options_check(const struct spine_runtime_options *options,
                      struct spine_error *error)
{
    const int kinds =
        (options->loop != NULL) + (options->executor != NULL) + (options->manual ? 1 : 0);

    if (kinds > 1)
        return spine_fail(
            error, SPINE_INVALID,
            "runtime options: only one of loop, executor and manual may be set");
    if (options->executor != NULL && options->executor->on_submit == NULL)
        return spine_fail(error, SPINE_INVALID,
                          "runtime options: executor.on_submit is NULL");
    if (options->slices_max > SLICES_MAX_LIMIT)
        return spine_fail(error, SPINE_INVALID,
                          "runtime options: slices_max is %u, more than %u",
                          options->slices_max, SLICES_MAX_LIMIT);
    if (options->trace != NULL && options->trace->on_event == NULL)
        return spine_fail(error, SPINE_INVALID,
                          "runtime options: trace.on_event is NULL");
    if (options->log != NULL && options->log->on_message == NULL)
        return spine_fail(error, SPINE_INVALID,
                          "runtime options: log.on_message is NULL");
    return SPINE_OK;
}

static enum spine_status
runtime_new(const struct spine_runtime_options *options, struct spine_runtime **out,
            struct spine_error *error)
{
    struct spine_runtime *runtime = mem_zalloc(sizeof *runtime);

    if (runtime == NULL)
        return fail_nomem(error, "a runtime", sizeof *runtime);
    ref_init(&runtime->refs);
    runtime->generation = process_generation();
    runtime->executor = executor_of(options);
    if (options->trace != NULL)
        runtime->trace = *options->trace;
    if (options->log != NULL)
        runtime->log = *options->log;
    runtime->slices_max =
        options->slices_max > 0 ? options->slices_max : loop_driver_slices();
    runtime->run_ns =
        (options->run_us > 0 ? options->run_us : RUN_US_DEFAULT) * UINT64_C(1000);
    RING_INIT(&runtime->locked.ready);
    RING_INIT(&runtime->locked.spare);
    RING_INIT(&runtime->locked.reads);
    waiting_init(runtime);
    RING_INIT(&runtime->locked.watches);
    RING_INIT(&runtime->locked.running);

    runtime->account = account_new(NULL);
    if (runtime->account == NULL)
        goto no_account;
    if (mutex_init(&runtime->mutex) != SPINE_OK)
        goto no_mutex;
    if (mutex_init(&runtime->budget.mutex) != SPINE_OK)
        goto no_budget;
    if (condition_init(&runtime->quiet) != SPINE_OK)
        goto no_condition;
    placement_init(runtime, options);
    runtime->pumps_max =
        runtime->slices_max + (runtime->service != NULL ? reads_max(runtime) : 0);
    trim_init(runtime);
    *out = runtime;
    return SPINE_OK;

no_condition:
    mutex_release(&runtime->budget.mutex);
no_budget:
    mutex_release(&runtime->mutex);
no_mutex:
    account_unref(runtime->account);
no_account:
    mem_free(runtime, sizeof *runtime);
    return spine_fail(error, SPINE_NOMEM, "no memory for a runtime");
}

/* The store serves the runtime, and knows its limit. */
static enum spine_status
service_open(struct spine_runtime *runtime, struct spine_error *error)
{
    const struct runtime_service_calls *calls = runtime->service->calls;
    const enum spine_status st = calls->on_open(runtime->service, runtime, error);

    if (st != SPINE_OK || runtime->budget.limit_bytes == UINT64_MAX)
        return st;
    calls->on_pressure(
        runtime->service, runtime,
        &(struct service_room){.limit_bytes = runtime->budget.limit_bytes});
    calls->on_shrink(runtime->service);
    return st;
}

static unsigned
reads_max(const struct spine_runtime *runtime)
{
    const unsigned room = runtime->executor->on_reads(runtime->slices_max);

    return room < READS_MAX ? room : READS_MAX;
}

/* Each level of a spine keeps up to so much in memory: all of them together should leave
 * most of a small limit to merges and to the cache. */
static uint64_t
storage_bytes_min(const struct spine_runtime_options *options)
{
    const uint64_t part = options->memory_limit_bytes / STORAGE_PART;

    if (options->min_storage_bytes > 0)
        return options->min_storage_bytes;
    return part > 0 && part < STORAGE_BYTES_MIN_DEFAULT ? part
                                                        : STORAGE_BYTES_MIN_DEFAULT;
}

static void
placement_init(struct spine_runtime *runtime, const struct spine_runtime_options *options)
{
    struct placement *placement = &runtime->placement;

    placement->store = options->store;
    runtime->budget.limit_bytes =
        options->memory_limit_bytes > 0 ? options->memory_limit_bytes : UINT64_MAX;
    runtime->budget.storage_bytes_min = storage_bytes_min(options);
    atomic_init(&runtime->budget.words_due_ns, UINT64_MAX);
    atomic_init(&placement->output_bytes_min, runtime->budget.storage_bytes_min);
    atomic_init(&placement->insert_bytes_min, UINT64_MAX);
    atomic_init(&placement->outputs_bytes, 0);
    runtime->budget.since_ns = clock_now_ns();
    atomic_init(&runtime->budget.level, PRESSURE_NONE);
    atomic_init(&runtime->budget.reserved, 0);
    atomic_init(&runtime->budget.freeing, 0);
    atomic_init(&runtime->budget.usual, 0);
    atomic_init(&runtime->budget.progress_ns, 0);
#ifdef SPINE_STORE_OF_TESTS
    if (options->store == NULL)
        runtime->service = elsewhere_place(placement);
#endif
    if (options->store == NULL)
        return;
    /* A store begins with its service. */
    runtime->service = (struct runtime_service *)(void *)options->store;
    runtime->service->calls->on_keep(runtime->service);
}
