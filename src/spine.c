/* SPDX-License-Identifier: MIT */

/* A spine from open to close: its options, its locks, what a host sets, and the wait for
 * the slices that run. */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/container.h"
#include "base/error.h"
#include "compaction.h"
#include "core.h"
#include "observe/observe.h"

#include <stdio.h>

#define LEVEL0_ROWS_MAX 99999u
#define BACKPRESSURE_BATCHES_DEFAULT 128u
#define HELP_BATCHES_DEFAULT 32u
#define RETRY_MS_DEFAULT 10000u

/* Spines that were opened in this process. */
static atomic_uint_least64_t last_number;

static enum spine_status options_resolve(const struct spine_options *options,
                                         struct spine_options *out,
                                         struct spine_error *error);
static enum spine_status own_options(struct spine *spine, struct spine_error *error);
static void options_release(struct spine *spine);
static enum spine_status locks_init(struct spine *spine, struct spine_error *error);
static void report_on_worker(struct job *job, uint64_t *fuel_rows);
static void on_runtime_close(struct runtime_watch *watch);
static void on_pressure(struct runtime_watch *watch);
static bool is_quiet_locked(const struct spine *spine, bool inside);
static void spine_free(struct spine *spine);
static bool no_slice_runs_locked(const struct spine *spine);

enum spine_status
spine_open(struct spine_runtime *runtime, const struct spine_schema *schema,
           const struct spine_options *options, struct spine **out,
           struct spine_error *error)
{
    struct spine *spine = NULL;
    struct layout layout;
    struct spine_options resolved;
    enum spine_status st;

    if (out == NULL)
        return fail_null(error, "spine_open", "out");
    *out = NULL;
    if (runtime == NULL || schema == NULL)
        return fail_null(error, "spine_open", runtime == NULL ? "runtime" : "schema");
    TRY(layout_init(&layout, schema, error));
    TRY(options_resolve(options, &resolved, error));

    spine = mem_zalloc(sizeof *spine);
    if (spine == NULL)
        return fail_nomem(error, "a spine", sizeof *spine);
    spine->layout = layout;
    spine->options = resolved;
    spine->number = atomic_fetch_add_explicit(&last_number, 1, memory_order_relaxed) + 1;
    spine->locked.fuel_average = SLOT_FUEL_START;
    for (unsigned i = 0; i < LANE_TASK; i++)
        merge_task_init(&spine->locked.tasks[i], spine, i, merge_slice);
    spine_scout_init(spine);
    survey_init(spine);
    spine->locked.report.on_slice = report_on_worker;
    spine->runtime = runtime;
    TRY(own_options(spine, error));
    TRY(books_init(spine, error));
    TRY(locks_init(spine, error));
    (void)runtime_ref(runtime);
    spine->watch.is_spine = true;
    spine->watch.on_close = on_runtime_close;
    spine->watch.on_pressure = on_pressure;
    runtime_watch_begin(runtime, &spine->watch);

    schema_ref(&layout.schema);
    *out = spine;
    spine = NULL;
out:
    if (spine != NULL) {
        books_release(spine);
        options_release(spine);
    }
    mem_free(spine, sizeof *spine);
    return st;
}

static enum spine_status
options_resolve(const struct spine_options *options, struct spine_options *out,
                struct spine_error *error)
{
    static const struct spine_options defaults;

    *out = options != NULL ? *options : defaults;
    if (out->level0_rows == 0)
        out->level0_rows = SLOT_LEVEL0_ROWS;
    if (out->backpressure_batches == 0)
        out->backpressure_batches = BACKPRESSURE_BATCHES_DEFAULT;
    if (out->help_batches == 0)
        out->help_batches = HELP_BATCHES_DEFAULT;
    if (out->retry_ms == 0)
        out->retry_ms = RETRY_MS_DEFAULT;
    if (out->encode_rows == 0)
        out->encode_rows = ENCODE_ROWS;
    if (out->filter_false_positive_rate == 0)
        out->filter_false_positive_rate = LOOKUP_RATE_DEFAULT;
    if (out->filter_rows_min == 0)
        out->filter_rows_min = LOOKUP_ROWS_MIN_DEFAULT;
    if (out->name == NULL)
        out->name = "";
    if (!name_is_text(out->name, SPINE_LABEL_MAX))
        return spine_fail(error, SPINE_INVALID,
                          "spine options: name is not UTF-8 of at most %d bytes without "
                          "control characters",
                          SPINE_LABEL_MAX);
    if (!(out->filter_false_positive_rate > 0))
        return spine_fail(error, SPINE_INVALID,
                          "spine options: filter_false_positive_rate is %g",
                          out->filter_false_positive_rate);
    if (out->level0_rows > LEVEL0_ROWS_MAX)
        return spine_fail(error, SPINE_INVALID,
                          "spine options: level0_rows is %u, more than %u",
                          out->level0_rows, LEVEL0_ROWS_MAX);
    return SPINE_OK;
}

/* What is the caller's, or not the same for nearly all spines, becomes the spine's: few
 * have a name or a policy of their own. */
static enum spine_status
own_options(struct spine *spine, struct spine_error *error)
{
    const char *name = spine->options.name;
    const size_t name_bytes = strlen(name) + 1;

    spine->options.name = "";
    spine->policy = &slot_policy_default;
    if (name_bytes > 1) {
        char *copy = mem_alloc(name_bytes);

        if (copy == NULL)
            return fail_nomem(error, "the name of a spine", name_bytes);
        memcpy(copy, name, name_bytes);
        spine->options.name = copy;
    }
    if (spine->options.level0_rows != SLOT_LEVEL0_ROWS) {
        struct slot_policy *policy = mem_alloc(sizeof *policy);

        if (policy == NULL)
            return fail_nomem(error, "the levels of a spine", sizeof *policy);
        slot_policy_init(policy, SLOT_DECADES, spine->options.level0_rows);
        spine->policy = policy;
    }
    return SPINE_OK;
}

static void
options_release(struct spine *spine)
{
    const size_t name_bytes = strlen(spine->options.name) + 1;

    if (name_bytes > 1)
        mem_free((char *)spine->options.name, name_bytes);
    if (spine->policy != NULL && spine->policy != &slot_policy_default)
        mem_free((struct slot_policy *)spine->policy, sizeof *spine->policy);
}

static enum spine_status
locks_init(struct spine *spine, struct spine_error *error)
{
    if (mutex_init(&spine->mutex) != SPINE_OK)
        goto no_mutex;
    if (condition_init(&spine->no_backpressure) != SPINE_OK)
        goto no_backpressure;
    if (condition_init(&spine->idle) != SPINE_OK)
        goto no_idle;
    return SPINE_OK;

no_idle:
    condition_release(&spine->no_backpressure);
no_backpressure:
    mutex_release(&spine->mutex);
no_mutex:
    return spine_fail(error, SPINE_NOMEM, "no memory for the locks of a spine");
}

static void
report_on_worker(struct job *job, uint64_t *fuel_rows)
{
    struct spine *spine = container_of(job, struct spine, locked.report);

    if (report_slice(spine, fuel_rows))
        spine_free(spine);
}

/* The runtime closes, no job will run: threads that wait for a merge look again, and
 * compactions end. */
static void
on_runtime_close(struct runtime_watch *watch)
{
    struct spine *spine = container_of(watch, struct spine, watch);
    struct aftermath after = {0};

    mutex_lock(&spine->mutex);
    compaction_cancel_locked(spine, &after);
    spine_wake_locked(spine);
    mutex_unlock(&spine->mutex);
    aftermath_run(spine, &after);
    report_rest(spine);
}

/* Memory has become short, or is no more. */
static void
on_pressure(struct runtime_watch *watch)
{
    struct spine *spine = container_of(watch, struct spine, watch);
    struct aftermath after = {0};

    mutex_lock(&spine->mutex);
    spine_start_merges_locked(spine, &after);
    spine_wake_locked(spine);
    condition_broadcast(&spine->no_backpressure);
    mutex_unlock(&spine->mutex);
    aftermath_run(spine, &after);
}

void
spine_close(struct spine *spine)
{
    struct aftermath after = {0};
    bool inside;

    if (spine == NULL || runtime_is_lost(spine->runtime))
        return;
    inside = runtime_is_inside(spine->runtime, &spine->locked.report);
    runtime_watch_end(spine->runtime, &spine->watch);

    mutex_lock(&spine->mutex);
    assert(!spine->locked.closing);
    spine->locked.closing = true;
    compaction_cancel_locked(spine, &after);
    for (unsigned i = 0; i < spine_task_count_locked(spine); i++)
        merge_task_abandon_locked(spine_task_locked(spine, i), &after);
    if (runtime_withdraw(spine->runtime, &spine->locked.scout))
        spine->locked.scout_queued = false;
    survey_withdraw_locked(spine);
    spine_wake_locked(spine);
    mutex_unlock(&spine->mutex);
    aftermath_run(spine, &after);
    report_rest(spine);

    mutex_lock(&spine->mutex);
    while (!is_quiet_locked(spine, inside))
        condition_wait(&spine->idle, &spine->mutex);
    spine->locked.closed_inside = inside;
    mutex_unlock(&spine->mutex);
    if (!inside)
        spine_free(spine);
}

/* No task of it is in any thread, and no caller is inside, but for the report that the
 * calling thread is `inside`. */
static bool
is_quiet_locked(const struct spine *spine, bool inside)
{
    bool quiet = spine->locked.callers == inside && !spine->locked.scout_queued &&
                 !spine->locked.survey.queued && spine->locked.report_queued == inside;

    assert(mutex_is_held(&spine->mutex));
    for (unsigned i = 0; i < spine_task_count_locked(spine); i++)
        quiet = quiet && spine_task_locked(spine, i)->state == TASK_IDLE;
    return quiet;
}

/* The last step of spine_close(). */
static void
spine_free(struct spine *spine)
{
    entry_set_free(&spine->locked.loose);
    mem_free(spine->locked.lane, sizeof *spine->locked.lane);
    spine_snapshot_unref(spine->locked.snapshot);
    skipped_unref(spine->locked.floor);
    key_filter_unref(spine->locked.key_filter);
    value_filter_unref(spine->locked.value_filter);
    condition_release(&spine->idle);
    condition_release(&spine->no_backpressure);
    mutex_release(&spine->mutex);
    runtime_unref(spine->runtime);
    books_release(spine);
    options_release(spine);
    schema_unref(&spine->layout.schema);
    mem_free(spine, sizeof *spine);
}

const struct spine_schema *
spine_get_schema(const struct spine *spine)
{
    return spine != NULL ? &spine->layout.schema : NULL;
}

enum spine_status
spine_get_status(struct spine *spine, struct spine_error *error)
{
    enum spine_status st;

    if (spine == NULL)
        return fail_null(error, "spine_get_status", "spine");
    runtime_kick_waiting(spine->runtime);
    mutex_lock(&spine->mutex);
    st = spine_sticky_locked(spine, error);
    mutex_unlock(&spine->mutex);
    return st;
}

void
spine_retry(struct spine *spine)
{
    struct aftermath after = {0};

    if (spine == NULL)
        return;
    mutex_lock(&spine->mutex);
    spine_enter_locked(spine);
    spine->locked.status = SPINE_OK;
    spine->locked.ahead_wait_rows = 0;
    spine->locked.settle_attempts = 0;
    for (unsigned i = 0; i < spine_task_count_locked(spine); i++)
        merge_task_retry_locked(spine_task_locked(spine, i), &after);
    spine_start_merges_locked(spine, &after);
    spine_finish(spine, &after);
}

bool
spine_is_dirty(struct spine *spine)
{
    bool dirty;

    if (spine == NULL)
        return false;
    mutex_lock(&spine->mutex);
    dirty = spine->locked.dirty;
    mutex_unlock(&spine->mutex);
    return dirty;
}

void
spine_clear_dirty(struct spine *spine)
{
    if (spine == NULL)
        return;
    mutex_lock(&spine->mutex);
    spine->locked.dirty = false;
    mutex_unlock(&spine->mutex);
}

enum spine_status
spine_set_frontier(struct spine *spine, uint64_t frontier, struct spine_error *error)
{
    char wanted[DESCRIBED_BYTES], present[DESCRIBED_BYTES];
    enum spine_status st = SPINE_OK;
    enum spine_time time;

    if (spine == NULL)
        return fail_null(error, "spine_set_frontier", "spine");
    time = spine->layout.schema.time;
    if (time == SPINE_UNTIMED)
        return spine_fail(error, SPINE_INVALID,
                          "spine_set_frontier: the spine has no times");
    mutex_lock(&spine->mutex);
    if (spine->locked.has_frontier &&
        !spine_time_less_equal(time, spine->locked.frontier, frontier))
        st = spine_fail(error, SPINE_INVALID,
                        "spine_set_frontier: %s is not at or after the present one, %s",
                        describe_time(time, frontier, wanted),
                        describe_time(time, spine->locked.frontier, present));
    else {
        spine->locked.frontier = frontier;
        spine->locked.has_frontier = true;
    }
    mutex_unlock(&spine->mutex);
    return st;
}

void
spine_pause(struct spine *spine)
{
    if (spine == NULL)
        return;
    mutex_lock(&spine->mutex);
    spine_enter_locked(spine);
    spine->locked.pauses++;
    for (unsigned i = 0; i < spine_task_count_locked(spine); i++)
        merge_task_park_locked(spine_task_locked(spine, i));
    spine_wake_locked(spine);
    while (!no_slice_runs_locked(spine) && !spine->locked.closing)
        condition_wait(&spine->idle, &spine->mutex);
    spine_leave_and_unlock(spine);
}

/* True also when another thread resumed meanwhile and slices may run again. */
static bool
no_slice_runs_locked(const struct spine *spine)
{
    bool none = true;

    assert(mutex_is_held(&spine->mutex));
    if (spine->locked.pauses == 0)
        return true;
    for (unsigned i = 0; i < spine_task_count_locked(spine); i++)
        none = none && spine_task_locked(spine, i)->state != TASK_QUEUED;
    return none;
}

void
spine_resume(struct spine *spine)
{
    struct aftermath after = {0};

    if (spine == NULL)
        return;
    mutex_lock(&spine->mutex);
    spine_enter_locked(spine);
    if (spine->locked.pauses > 0 && --spine->locked.pauses == 0) {
        for (unsigned i = 0; i < spine_task_count_locked(spine); i++)
            merge_task_unpark_locked(spine_task_locked(spine, i), &after);
        spine_start_merges_locked(spine, &after);
        spine_wake_locked(spine);
    }
    spine_finish(spine, &after);
}
