/* SPDX-License-Identifier: MIT */

/* What a spine does by the level of pressure: merges that take memory to files, merges
 * that wait for one another, inserts that wait. */

#include "relief.h"

#include "base/assert.h"
#include "base/error.h"

/* A level with so few rows in memory is not worth a file. */
#define RELIEF_ROWS_MIN 2048u
/* The most batches that a level merges for relief. */
#define RELIEF_BATCHES_MAX 64u
/* How long a thread sleeps that waits for memory: others may give back some without
 * telling, such as readers that let a snapshot go. */
#define MEMORY_WAIT_NS UINT64_C(10000000)
/* Input rows that it merges in one go. */
#define MEMORY_FUEL_ROWS 65536u
/* The part of the limit that one extent of each input of a merge may take. */
#define AHEAD_PART 64u
/* What a merge takes beside its windows: the buffer of a file, twice, and filters that
 * are yet to be written. */
#define MERGE_BYTES (UINT64_C(5) << 20)
/* Rows of all windows of a merge, staged, merged and sorted, when it is under way. */
#define MERGE_ROWS (UINT64_C(7) * 16384u)

static enum spine_status fail_full(struct spine *spine, struct spine_error *error);

void
relief_start_locked(struct spine *spine, struct aftermath *after)
{
    struct entry_set *loose = &spine->locked.loose;

    assert(mutex_is_held(&spine->mutex));
    if (runtime_pressure(spine->runtime) < PRESSURE_HIGH ||
        runtime_placement(spine->runtime)->store == NULL)
        return;
    for (unsigned level = 0; level < SPINE_LEVELS; level++) {
        struct merge_task *task = &spine->locked.tasks[level];

        const struct entry_sums sums = entry_set_level(loose, level);

        if (sums.rows - sums.storage_rows < RELIEF_ROWS_MIN)
            continue;
        if (task->state != TASK_IDLE) {
            merge_task_hurry_locked(task, after);
            continue;
        }
        entry_set_take(loose, (struct entry_range){level, level + 1, 0, UINT64_MAX},
                       RELIEF_BATCHES_MAX, &task->inputs);
        merge_task_start_locked(task, after);
    }
}

bool
relief_may_begin(const struct spine *spine)
{
    const struct layout *layout = &spine->layout;
    const uint64_t row_bytes = 2 * sizeof(uint64_t) + 2 * sizeof(struct span) +
                               (layout->weight_count + 1) * sizeof(uint64_t);

    return runtime_may_begin(spine->runtime, MERGE_BYTES + MERGE_ROWS * row_bytes);
}

uint64_t
relief_ahead_bytes(const struct spine *spine)
{
    const uint64_t limit = runtime_memory_limit(spine->runtime);

    return limit == UINT64_MAX ? 0 : limit / AHEAD_PART;
}

enum spine_status
relief_wait_locked(struct spine *spine, struct stall *stall, struct spine_error *error)
{
    const uint64_t begin_ns = clock_now_ns();
    struct spine_counters *counters = &spine->locked.counters;
    enum spine_status st = SPINE_OK;

    assert(mutex_is_held(&spine->mutex));
    stall_begin_locked(spine, SPINE_CAUSE_MEMORY, stall);
    for (;;) {
        uint64_t fuel_rows = MEMORY_FUEL_ROWS;
        bool full, helped = false, busy = false;

        mutex_unlock(&spine->mutex);
        full = runtime_weigh(spine->runtime) == PRESSURE_FULL;
        if (full) {
            /* Before the help: a slice that ends while nobody looks may give memory. */
            busy = runtime_is_busy(spine->runtime);
            helped = runtime_help_all(spine->runtime, &fuel_rows);
        }
        mutex_lock(&spine->mutex);
        /* Of these, something may have come while the lock was open, whether memory is
         * there by now or not. */
        st = spine_sticky_locked(spine, error);
        if (st == SPINE_OK && spine->locked.closing)
            st = spine_fail(error, SPINE_CANCELLED, "the spine was closed during a wait");
        if (st != SPINE_OK || !full)
            break;
        if (!helped && runtime_is_closed(spine->runtime))
            st = spine_fail(error, SPINE_CANCELLED,
                            "the runtime was closed during a wait");
        else if (!helped && !busy)
            st = fail_full(spine, error);
        if (st != SPINE_OK)
            break;
        if (!helped)
            (void)condition_wait_until(&spine->no_backpressure, &spine->mutex,
                                       clock_now_ns() + MEMORY_WAIT_NS);
    }
    stall_end(stall);
    counters->backpressure_waits++;
    counters->backpressure_ns += clock_now_ns() - begin_ns;
    if (clock_now_ns() - begin_ns > counters->backpressure_ns_max)
        counters->backpressure_ns_max = clock_now_ns() - begin_ns;
    return st;
}

enum spine_status
relief_try(struct spine *spine, struct spine_error *error)
{
    if (runtime_weigh(spine->runtime) < PRESSURE_FULL)
        return SPINE_OK;
    return fail_full(spine, error);
}

uint64_t
offer_begin(struct spine *spine, const struct spine_batch *batch)
{
    const uint64_t bytes = atomic_load(&batch->payer) == NULL ? batch->info.bytes : 0;

    account_add(runtime_account(spine->runtime), ACCOUNT_BLOCKS, (size_t)bytes);
    (void)runtime_weigh(spine->runtime);
    return bytes;
}

void
offer_end(struct spine *spine, uint64_t bytes)
{
    account_subtract(runtime_account(spine->runtime), ACCOUNT_BLOCKS, (size_t)bytes);
}

void
offer_take(struct spine *spine, struct spine_batch *batch, uint64_t bytes)
{
    batch_charge(batch, spine->account);
    offer_end(spine, bytes);
}

static enum spine_status
fail_full(struct spine *spine, struct spine_error *error)
{
    return spine_fail(error, SPINE_NOMEM,
                      "insert: the memory limit of the runtime is reached: %llu of %llu "
                      "bytes are in use",
                      (unsigned long long)runtime_memory(spine->runtime),
                      (unsigned long long)runtime_memory_limit(spine->runtime));
}
