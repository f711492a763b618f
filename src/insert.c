/* SPDX-License-Identifier: MIT */

/*
 * insert -- how a batch gets into a spine.
 *
 *     without the lock   an entry is allocated; under pressure the batch goes to a file
 *     under the lock     is there room? If not, the call waits, or fails
 *                        the entry joins its level, and merges that are due start
 *     without the lock   jobs are kicked; with many batches the thread merges, too
 *     under the lock     backpressure: wait until there are fewer batches
 *
 * The batch is in from the second step on. What goes wrong later is not an error of the
 * insert, except that a spine which closes says so.
 */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/planted.h"
#include "core.h"
#include "floor.h"
#include "observe/observe.h"
#include "pace.h"
#include "relief.h"
#include "saving.h"

#include <stdio.h>

/* Input rows that an inserting thread merges in one go. */
#define HELP_FUEL_ROWS 16384u

static enum spine_status
insert_begin(struct spine *spine, struct spine_batch *batch, const char *call,
             struct entry **entry, struct told_insert *told, struct spine_error *error);
static void leave_insert_locked(struct spine *spine, const struct told_insert *told);
static enum spine_status move_locked(struct spine *spine, struct entry *entry,
                                     uint64_t *offered, struct spine_error *error);
static enum spine_status batch_check_fits(const struct spine *spine,
                                          const struct spine_batch *batch,
                                          const char *call, struct spine_error *error);
static enum spine_status
may_take_locked(const struct spine *spine, bool may_wait, struct spine_error *error);
static enum spine_status wait_for_memory_locked(struct spine *spine,
                                                struct told_insert *told,
                                                struct spine_error *error);
static void insert_locked(struct spine *spine, struct entry *entry,
                          struct told_insert *told, struct aftermath *after);
static unsigned help_slices_locked(const struct spine *spine);
static void help_with_slices(struct spine *spine, unsigned slices);

enum spine_status
spine_insert(struct spine *spine, struct spine_batch *batch, struct spine_error *error)
{
    struct aftermath after = {0};
    struct entry *entry;
    struct told_insert told;
    enum spine_status st =
        insert_begin(spine, batch, "spine_insert", &entry, &told, error);
    uint64_t offered = 0;
    unsigned help_slices = 0;
    struct spine_error wait_error;
    bool closing;

    if (entry == NULL)
        return st;
    /* When it is full all goes to files, but after the wait there may be memory. */
    if (runtime_pressure(spine->runtime) == PRESSURE_FULL ||
        !placement_moves_insert(runtime_placement(spine->runtime), batch->info.bytes))
        offered = offer_begin(spine, batch);

    mutex_lock(&spine->mutex);
    spine_enter_locked(spine);
    st = wait_for_memory_locked(spine, &told, error);
    if (st == SPINE_OK &&
        placement_moves_insert(runtime_placement(spine->runtime), batch->info.bytes)) {
        offer_end(spine, offered);
        st = move_locked(spine, entry, &offered, error);
    }
    if (st == SPINE_OK)
        st = may_take_locked(spine, true, error);
    if (st == SPINE_OK)
        st = wait_for_memory_locked(spine, &told, error);
    if (st == SPINE_OK && spine_must_settle_locked(spine))
        st = spine_wait_room_locked(spine, UINT64_MAX, &told.stalls[told.stall_count++],
                                    error);
    if (st != SPINE_OK) {
        offer_end(spine, offered);
        leave_insert_locked(spine, &told);
        entry_free(entry);
        return st;
    }
    batch = spine_batch_ref(entry->batch);
    insert_locked(spine, entry, &told, &after);
    help_slices = help_slices_locked(spine);
    mutex_unlock(&spine->mutex);
    offer_take(spine, batch, offered);
    spine_batch_unref(batch);
    aftermath_run(spine, &after);
    if (help_slices > 0)
        help_with_slices(spine, help_slices);

    mutex_lock(&spine->mutex);
    if (spine_is_full_locked(spine))
        st = spine_wait_room_locked(spine, UINT64_MAX, &told.stalls[told.stall_count++],
                                    &wait_error);
    closing = spine->locked.closing;
    leave_insert_locked(spine, &told);
    /* The batch is in: an error of a merge, and a runtime that was closed, are for the
     * next call to report. There is none after spine_close(). */
    if (st != SPINE_CANCELLED || !closing)
        return SPINE_OK;
    if (error != NULL)
        *error = wait_error;
    return st;
}

/* `*entry` is the home of the batch in the spine, NULL when the call is done: it fails,
 * or the batch has no rows. */
static enum spine_status
insert_begin(struct spine *spine, struct spine_batch *batch, const char *call,
             struct entry **entry, struct told_insert *told, struct spine_error *error)
{
    *entry = NULL;
    *told = (struct told_insert){.begin_ns = 0};
    TRY_RETURN(batch_check_fits(spine, batch, call, error));
    if (batch->info.rows == 0)
        return SPINE_OK;
    *entry = entry_new(batch);
    if (*entry == NULL)
        return fail_nomem(error, "the place of a batch in a spine", sizeof **entry);
    told->begin_ns = tell_begin_ns(spine);
    return SPINE_OK;
}

/* Tells of it, if somebody listens, and leaves. Unlocks. */
static void
leave_insert_locked(struct spine *spine, const struct told_insert *told)
{
    assert(mutex_is_held(&spine->mutex));
    if (told->begin_ns > 0) {
        mutex_unlock(&spine->mutex);
        tell_insert(spine, told);
        mutex_lock(&spine->mutex);
    }
    spine_leave_and_unlock(spine);
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
    uint64_t begin_ns;

    assert(mutex_is_held(&spine->mutex));
    mutex_unlock(&spine->mutex);
    begin_ns = tell_begin_ns(spine);
    st = batch_to_file_with(batch, placement->store, lookup_ledger_options(spine->ledger),
                            &entry->batch, error);
    if (st == SPINE_OK && begin_ns > 0)
        tell_spill(spine, begin_ns, entry->batch);
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

    assert(mutex_is_held(&spine->mutex));
    if (st != SPINE_OK || !spine_is_full_locked(spine))
        return st;
    if (runtime_is_closed(spine->runtime))
        return spine_fail(error, SPINE_CANCELLED,
                          "insert: the runtime is closed; no merge will make room");
    if (!may_wait && spine_must_settle_locked(spine))
        return spine_fail(error, SPINE_BUSY,
                          "try_insert: a sum beyond int64_t is being settled");
    if (!may_wait)
        return spine_fail(error, SPINE_BUSY, "try_insert: %zu batches wait to be merged",
                          entry_set_sums(&spine->locked.loose).count);
    return SPINE_OK;
}

/* Lets go of the lock meanwhile. */
static enum spine_status
wait_for_memory_locked(struct spine *spine, struct told_insert *told,
                       struct spine_error *error)
{
    assert(mutex_is_held(&spine->mutex));
    assert(told->stall_count < STALLS_MAX);
    if (runtime_pressure(spine->runtime) < PRESSURE_FULL)
        return SPINE_OK;
    return relief_wait_locked(spine, &told->stalls[told->stall_count++], error);
}

static void
insert_locked(struct spine *spine, struct entry *entry, struct told_insert *told,
              struct aftermath *after)
{
    const uint64_t rows = entry->batch->info.rows;

    assert(mutex_is_held(&spine->mutex));
    floor_insert_locked(spine, entry->batch);
    entry->sequence = ++spine->locked.sequence;
    spine->locked.batch_count++;
    spine->locked.dirty = true;
    spine->locked.ahead_wait_rows -=
        rows < spine->locked.ahead_wait_rows ? rows : spine->locked.ahead_wait_rows;
    spine->locked.counters.inserted_batches++;
    spine->locked.counters.inserted_rows += rows;
    saving_insert_locked(spine, rows);
    flood_insert_locked(spine, &entry->batch->info);
    spine_add_locked(spine, entry);
    PROBE(insert, spine->number, entry->level, rows, entry->sequence);
    told->sequence = entry->sequence;
    told->rows = rows;
    told->bytes = entry->batch->info.bytes + entry->batch->bytes_elsewhere;
    if (PLANTED(LIST_LIVES) && spine->locked.snapshot != NULL &&
        spine->locked.snapshot->batch_count < spine->locked.snapshot->capacity)
        snapshot_append(spine->locked.snapshot, entry->batch);
    spine_changed_locked(spine, after);
    spine_start_merges_locked(spine, after);
}

/* Batches that merge, or wait for more while a flood lasts, are no reason to help. */
static unsigned
help_slices_locked(const struct spine *spine)
{
    const size_t hard = spine->options.backpressure_batches;
    size_t batches = spine->locked.batch_count, soft = spine->options.help_batches;

    assert(mutex_is_held(&spine->mutex));
    if (spine->locked.pauses > 0)
        return 0;
    if (spine->locked.flood.is_on) {
        batches = entry_set_sums(&spine->locked.loose).count;
        soft = soft > hard / 2 ? soft : hard / 2;
    }
    return slot_help_slices(batches, soft, hard);
}

/* Runs up to `slices` merge slices of the spine in the inserting thread. */
static void
help_with_slices(struct spine *spine, unsigned slices)
{
    const uint64_t begin_ns = clock_now_ns();
    unsigned done = 0;

    while (done < slices) {
        uint64_t fuel_rows = HELP_FUEL_ROWS;

        if (!runtime_help_due(spine->runtime, &spine->jobs, &fuel_rows))
            break;
        done++;
    }
    tell_help(spine, begin_ns, done);
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
    struct told_insert told;
    enum spine_status st =
        insert_begin(spine, batch, "spine_try_insert", &entry, &told, error);
    uint64_t offered;

    if (entry == NULL)
        return st;
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
    insert_locked(spine, entry, &told, &after);
    mutex_unlock(&spine->mutex);
    offer_take(spine, batch, offered);
    aftermath_run(spine, &after);
    mutex_lock(&spine->mutex);
    leave_insert_locked(spine, &told);
    return SPINE_OK;
}
