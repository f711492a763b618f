/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "compaction.h"
#include "core.h"
#include "observe/observe.h"
#include "relief.h"

#include <stdio.h>

#define LEVEL0_ROWS_DEFAULT 14999u
#define LEVEL0_ROWS_MAX 99999u
#define BACKPRESSURE_BATCHES_DEFAULT 128u
#define HELP_BATCHES_DEFAULT 32u
#define RETRY_MS_DEFAULT 10000u
/* Input rows that an inserting thread merges in one go. */
#define HELP_FUEL_ROWS 16384u

static enum spine_status options_resolve(const struct spine_options *options,
                                         struct spine_options *out,
                                         struct spine_error *error);
static enum spine_status locks_init(struct spine *spine, struct spine_error *error);
static void on_runtime_close(struct runtime_watch *watch);
static void on_pressure(struct runtime_watch *watch);
static bool is_quiet(const struct spine *spine, bool inside);
static enum spine_status move_locked(struct spine *spine, struct entry *entry,
                                     uint64_t *offered, struct spine_error *error);
static enum spine_status batch_check_fits(const struct spine *spine,
                                          const struct spine_batch *batch,
                                          const char *call, struct spine_error *error);
static enum spine_status
may_take_locked(const struct spine *spine, bool may_wait, struct spine_error *error);
static void
insert_locked(struct spine *spine, struct entry *entry, struct aftermath *after);
static void help(struct spine *spine, unsigned slices);
static bool no_slice_runs(const struct spine *spine);

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
    memcpy(spine->name, resolved.name, strlen(resolved.name) + 1);
    spine->options.name = spine->name;
    slot_policy_init(&spine->policy, SLOT_DECADES, resolved.level0_rows);
    spine->locked.fuel_average = SLOT_FUEL_START;
    for (unsigned i = 0; i < TASK_COUNT; i++)
        merge_task_init(&spine->locked.tasks[i], spine, i);
    spine_look_init(spine);
    survey_init(spine);
    report_init(spine);
    spine->runtime = runtime;
    TRY(books_init(spine, error));
    TRY(locks_init(spine, error));
    (void)runtime_ref(runtime);
    spine->watch.on_close = on_runtime_close;
    spine->watch.on_pressure = on_pressure;
    runtime_watch_begin(runtime, &spine->watch);

    schema_ref(&layout.schema);
    *out = spine;
    spine = NULL;
out:
    if (spine != NULL)
        books_release(spine);
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
        out->level0_rows = LEVEL0_ROWS_DEFAULT;
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

/* The runtime closes, no job will run: whoever waits for a merge looks again, and
 * compactions end. */
static void
on_runtime_close(struct runtime_watch *watch)
{
    struct spine *spine = (struct spine *)((char *)watch - offsetof(struct spine, watch));
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
    struct spine *spine = (struct spine *)((char *)watch - offsetof(struct spine, watch));
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
    for (unsigned i = 0; i < TASK_COUNT; i++)
        merge_task_abandon_locked(&spine->locked.tasks[i], &after);
    if (runtime_withdraw(spine->runtime, &spine->locked.look))
        spine->locked.look_queued = false;
    survey_withdraw_locked(spine);
    spine_wake_locked(spine);
    mutex_unlock(&spine->mutex);
    aftermath_run(spine, &after);
    report_rest(spine);

    mutex_lock(&spine->mutex);
    while (!is_quiet(spine, inside))
        condition_wait(&spine->idle, &spine->mutex);
    spine->locked.closed_inside = inside;
    mutex_unlock(&spine->mutex);
    if (!inside)
        spine_free(spine);
}

/* No task of it is in any thread, and no caller is inside, but for the report that the
 * calling thread is `inside`. */
static bool
is_quiet(const struct spine *spine, bool inside)
{
    bool quiet = spine->locked.callers == inside && !spine->locked.look_queued &&
                 !spine->locked.survey.queued && spine->locked.report_queued == inside;

    for (unsigned i = 0; i < TASK_COUNT; i++)
        quiet = quiet && spine->locked.tasks[i].state == TASK_IDLE;
    return quiet;
}

void
spine_free(struct spine *spine)
{
    entry_set_free(&spine->locked.loose);
    spine_snapshot_unref(spine->locked.snapshot);
    key_filter_unref(spine->locked.key_filter);
    value_filter_unref(spine->locked.value_filter);
    condition_release(&spine->idle);
    condition_release(&spine->no_backpressure);
    mutex_release(&spine->mutex);
    runtime_unref(spine->runtime);
    books_release(spine);
    schema_unref(&spine->layout.schema);
    mem_free(spine, sizeof *spine);
}

const struct spine_schema *
spine_get_schema(const struct spine *spine)
{
    return spine != NULL ? &spine->layout.schema : NULL;
}

enum spine_status
spine_insert(struct spine *spine, struct spine_batch *batch, struct spine_error *error)
{
    struct aftermath after = {0};
    struct entry *entry;
    enum spine_status st = batch_check_fits(spine, batch, "spine_insert", error);
    uint64_t offered = 0;
    unsigned help_slices = 0;
    bool moves;
    struct spine_error wait_error;
    bool closing;

    if (st != SPINE_OK || batch->info.rows == 0)
        return st;
    entry = entry_new(batch);
    if (entry == NULL)
        return fail_nomem(error, "the place of a batch in a spine", sizeof *entry);
    moves = placement_moves_insert(runtime_placement(spine->runtime), batch->info.bytes);
    if (!moves)
        offered = offer_begin(spine, batch);

    mutex_lock(&spine->mutex);
    spine_enter_locked(spine);
    if (moves)
        st = move_locked(spine, entry, &offered, error);
    if (st == SPINE_OK)
        st = may_take_locked(spine, true, error);
    if (st == SPINE_OK && runtime_pressure(spine->runtime) == PRESSURE_FULL)
        st = relief_wait_locked(spine, error);
    if (st == SPINE_OK && compaction_presses_locked(spine))
        st = spine_wait_room_locked(spine, UINT64_MAX, error);
    if (st != SPINE_OK) {
        offer_end(spine, offered);
        spine_leave_and_unlock(spine);
        entry_free(entry);
        return st;
    }
    batch = spine_batch_ref(entry->batch);
    insert_locked(spine, entry, &after);
    if (spine->locked.pauses == 0)
        help_slices =
            slot_help_slices(spine->locked.batch_count, spine->options.help_batches,
                             spine->options.backpressure_batches);
    mutex_unlock(&spine->mutex);
    offer_take(spine, batch, offered);
    spine_batch_unref(batch);
    aftermath_run(spine, &after);
    if (help_slices > 0)
        help(spine, help_slices);

    mutex_lock(&spine->mutex);
    if (spine_is_full_locked(spine))
        st = spine_wait_room_locked(spine, UINT64_MAX, &wait_error);
    closing = spine->locked.closing;
    spine_leave_and_unlock(spine);
    /* The batch is in: an error of a merge, and a runtime that was closed, are for the
     * next call to report. There is none after spine_close(). */
    if (st != SPINE_CANCELLED || !closing)
        return SPINE_OK;
    if (error != NULL)
        *error = wait_error;
    return st;
}

/* The batch of an entry goes to a file, and what is left of it in memory is offered. Lets
 * go of the lock meanwhile. */
static enum spine_status
move_locked(struct spine *spine, struct entry *entry, uint64_t *offered,
            struct spine_error *error)
{
    struct placement *placement = runtime_placement(spine->runtime);
    struct spine_batch *batch = entry->batch;
    enum spine_status st;

    mutex_unlock(&spine->mutex);
    st = batch_to_file_with(batch, placement->store, lookup_ledger_options(spine->ledger),
                            &entry->batch, error);
    if (st == SPINE_OK)
        spine_batch_unref(batch);
    else
        entry->batch = batch;
    *offered = offer_begin(spine, entry->batch);
    mutex_lock(&spine->mutex);
    if (st == SPINE_OK && spine->locked.closing)
        st = spine_fail(error, SPINE_CANCELLED, "insert: the spine was closed");
    return st;
}

static enum spine_status
batch_check_fits(const struct spine *spine, const struct spine_batch *batch,
                 const char *call, struct spine_error *error)
{
    char what[40];

    if (spine == NULL || batch == NULL)
        return fail_null(error, call, spine == NULL ? "spine" : "batch");
    if (!spine_schema_equal(&spine->layout.schema, &batch->layout.schema)) {
        (void)snprintf(what, sizeof what, "%s: the batch", call);
        return fail_schema(error, what, &batch->layout.schema, &spine->layout.schema);
    }
    return SPINE_OK;
}

/* SPINE_OK, or why a batch is not taken. */
static enum spine_status
may_take_locked(const struct spine *spine, bool may_wait, struct spine_error *error)
{
    const enum spine_status st = spine_sticky_locked(spine, error);

    if (st != SPINE_OK || !spine_is_full_locked(spine))
        return st;
    if (runtime_is_closed(spine->runtime))
        return spine_fail(error, SPINE_CANCELLED,
                          "insert: the runtime is closed; no merge will make room");
    if (!may_wait && compaction_presses_locked(spine))
        return spine_fail(error, SPINE_BUSY,
                          "try_insert: a sum beyond int64_t is being settled");
    if (!may_wait)
        return spine_fail(error, SPINE_BUSY, "try_insert: %zu batches wait to be merged",
                          entry_set_sums(&spine->locked.loose).count);
    return SPINE_OK;
}

static void
insert_locked(struct spine *spine, struct entry *entry, struct aftermath *after)
{
    const uint64_t rows = entry->batch->info.rows;

    entry->sequence = ++spine->locked.sequence;
    spine->locked.batch_count++;
    spine->locked.dirty = true;
    spine->locked.ahead_wait_rows -=
        rows < spine->locked.ahead_wait_rows ? rows : spine->locked.ahead_wait_rows;
    spine->locked.counters.inserted_batches++;
    spine->locked.counters.inserted_rows += rows;
    spine_add_locked(spine, entry);
    spine_changed_locked(spine, after);
    spine_start_merges_locked(spine, after);
}

/* Runs up to `slices` merge slices of the spine in the inserting thread. */
static void
help(struct spine *spine, unsigned slices)
{
    const uint64_t begin_ns = clock_now_ns();
    unsigned done = 0;

    while (done < slices) {
        uint64_t fuel_rows = HELP_FUEL_ROWS;

        if (!runtime_help_due(spine->runtime, &spine->jobs, &fuel_rows))
            break;
        done++;
    }
    mutex_lock(&spine->mutex);
    spine->locked.counters.help_slices += done;
    spine->locked.counters.help_ns += clock_now_ns() - begin_ns;
    mutex_unlock(&spine->mutex);
}

enum spine_status
spine_try_insert(struct spine *spine, struct spine_batch *batch,
                 struct spine_error *error)
{
    struct aftermath after = {0};
    struct entry *entry;
    enum spine_status st = batch_check_fits(spine, batch, "spine_try_insert", error);
    uint64_t offered;

    if (st != SPINE_OK || batch->info.rows == 0)
        return st;
    entry = entry_new(batch);
    if (entry == NULL)
        return fail_nomem(error, "the place of a batch in a spine", sizeof *entry);

    offered = offer_begin(spine, batch);
    st = relief_try(spine, error);
    mutex_lock(&spine->mutex);
    if (st == SPINE_OK)
        st = may_take_locked(spine, false, error);
    if (st != SPINE_OK) {
        offer_end(spine, offered);
        mutex_unlock(&spine->mutex);
        entry_free(entry);
        return st;
    }
    spine_enter_locked(spine);
    insert_locked(spine, entry, &after);
    mutex_unlock(&spine->mutex);
    offer_take(spine, batch, offered);
    mutex_lock(&spine->mutex);
    spine_finish(spine, &after);
    return SPINE_OK;
}

enum spine_status
spine_get_status(struct spine *spine, struct spine_error *error)
{
    enum spine_status st;

    if (spine == NULL)
        return fail_null(error, "spine_get_status", "spine");
    runtime_look(spine->runtime);
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
    for (unsigned i = 0; i < TASK_COUNT; i++)
        merge_task_retry_locked(&spine->locked.tasks[i], &after);
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
    for (unsigned i = 0; i < TASK_COUNT; i++)
        merge_task_park_locked(&spine->locked.tasks[i]);
    spine_wake_locked(spine);
    while (!no_slice_runs(spine) && !spine->locked.closing)
        condition_wait(&spine->idle, &spine->mutex);
    spine_leave_and_unlock(spine);
}

/* True also when another thread resumed meanwhile and slices may run again. */
static bool
no_slice_runs(const struct spine *spine)
{
    bool none = true;

    if (spine->locked.pauses == 0)
        return true;
    for (unsigned i = 0; i < TASK_COUNT; i++)
        none = none && spine->locked.tasks[i].state != TASK_QUEUED;
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
        for (unsigned i = 0; i < TASK_COUNT; i++)
            merge_task_unpark_locked(&spine->locked.tasks[i], &after);
        spine_start_merges_locked(spine, &after);
        spine_wake_locked(spine);
    }
    spine_finish(spine, &after);
}
