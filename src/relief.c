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
/* How long it waits for readers alone, while these give nothing back. */
#define READERS_WAIT_NS UINT64_C(1000000000)
/* What is read ahead of all inputs at a time: two blocks of each, and at most this part
 * of the limit; and the part of it that is good for the disk. Three extents may be there,
 * and the bytes of one that is being read. */
#define AHEAD_BYTES_LEAST (UINT64_C(96) << 10)
#define AHEAD_PART_LEAST 32u
#define AHEAD_PART_MOST 16u
#define AHEAD_TIMES 4u
/* Rows of all windows of a merge, staged, merged and sorted, when it is under way. */
#define WINDOWS_ROWS (UINT64_C(3) * 16384u)
/* The rows in windows for each row of the inputs, at most. */
#define WINDOWS_TIMES 3u
/* What is known of a block while it is made, about: its fence and its marks. */
#define BLOCK_FACT_BYTES 512u
/* Of a file that is written: units that wait, are written and filled; keys of which
 * filters are made, and filters that are not written yet. */
#define FILE_UNITS (STORE_UNITS_BEHIND + 1u)
#define FILE_FILTER_BYTES (UINT64_C(1) << 20)

/* Without a file a large merge is split before it has written an eighth. */
#define SPLIT_PART 8u
#define SPLIT_BYTES (UINT64_C(4) << 20)

/* Of a thread that waits for readers: until when, and what is held at least since it
 * began to. */
struct patience {
    uint64_t until_ns;
    uint64_t bytes;
};

static struct memory_need need_of(const struct merge_task *task, uint64_t *ahead);
static struct entry_sums unread_sums(const struct merge_task *task);
static uint64_t window_bytes(const struct spine *spine, uint64_t rows);
static uint64_t borrowed_bytes(const struct spine *spine, const struct entry_sums *inputs,
                               uint64_t ahead);
static uint64_t output_bytes(struct spine *spine, const struct entry_sums *inputs);
static uint64_t least(uint64_t a, uint64_t b);
static bool readers_may_give_locked(const struct spine *spine, struct patience *patience);
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
relief_reserve(const struct merge_task *task, struct merge_budget *out)
{
    struct spine *spine = task_spine(task);
    uint64_t ahead, granted;
    const struct memory_need need = need_of(task, &ahead);

    *out = (struct merge_budget){.ahead_bytes = 0};
    if (runtime_memory_limit(spine->runtime) == UINT64_MAX)
        return true;
    if (!runtime_reserve(spine->runtime, &need, &out->reservation, &granted))
        return false;
    out->ahead_bytes = ahead + granted / AHEAD_TIMES;
    return true;
}

bool
relief_has_room(const struct merge_task *task)
{
    const struct reservation none = {.bytes = 0};
    uint64_t ahead;
    const struct memory_need need = need_of(task, &ahead);

    return runtime_fits_twice(task_spine(task)->runtime, &need,
                              task->merge != NULL ? merge_reservation(task->merge)
                                                  : &none);
}

/* What the merge of the task takes, and what of that its inputs may read ahead. */
static struct memory_need
need_of(const struct merge_task *task, uint64_t *ahead)
{
    struct spine *spine = task_spine(task);
    const uint64_t limit = runtime_memory_limit(spine->runtime);
    const struct entry_sums all = entry_set_sums(&task->inputs);
    const struct entry_sums inputs = unread_sums(task);
    const uint64_t blocks = all.rows / BLOCK_ROWS + all.count;
    struct memory_need need = {.bytes = window_bytes(spine, inputs.rows) +
                                        2 * blocks * BLOCK_FACT_BYTES +
                                        output_bytes(spine, &all)};

    *ahead = 0;
    if (inputs.storage_count > 0) {
        const uint64_t most = least(limit / AHEAD_PART_MOST, inputs.storage_bytes);

        *ahead =
            least(inputs.storage_count * AHEAD_BYTES_LEAST, limit / AHEAD_PART_LEAST);
        *ahead = least(*ahead, inputs.storage_bytes);
        need.bytes += AHEAD_TIMES * *ahead + borrowed_bytes(spine, &inputs, *ahead);
        need.more = AHEAD_TIMES * (most - *ahead);
    }
    need.frees = inputs.storage_rows < inputs.rows / 2;
    return need;
}

/* The inputs but for what the merge has written before it was split, or in two lanes:
 * that is taken over where it is, mostly in a file. */
static struct entry_sums
unread_sums(const struct merge_task *task)
{
    struct entry_sums sums = entry_set_sums(&task->inputs);

    if (task->lane == LANE_JOINED)
        return (struct entry_sums){0};
    if (task->written != NULL) {
        const struct spine_batch *written = task->written->batch;

        sums.rows -= written->info.rows;
        sums.bytes -= written->info.bytes;
        sums.storage_count -= written->elsewhere;
        sums.storage_rows -= written->rows_elsewhere;
        sums.storage_bytes -= written->bytes_elsewhere;
        sums.count--;
    }
    return sums;
}

static uint64_t
window_bytes(const struct spine *spine, uint64_t rows)
{
    const struct layout *layout = &spine->layout;
    const uint64_t spans = layout->row_kind == ROW_WIDE ? 2 * sizeof(struct span) : 0;
    const uint64_t row_bytes = 2 * sizeof(uint64_t) + spans +
                               (layout->weight_count + layout->timed) * sizeof(uint64_t);

    return least(WINDOWS_ROWS, WINDOWS_TIMES * rows) * row_bytes;
}

/* The blocks in memory while rows of them are in windows of a merge: one of each input in
 * files at least, and as much again as is read ahead, if rows borrow from blocks. */
static uint64_t
borrowed_bytes(const struct spine *spine, const struct entry_sums *inputs, uint64_t ahead)
{
    const uint64_t row_bytes = inputs->storage_bytes / (inputs->storage_rows + 1);
    const uint64_t block_bytes = least(BLOCK_BYTES, BLOCK_ROWS * row_bytes);
    const uint64_t held = inputs->storage_count * block_bytes +
                          (spine->layout.row_kind == ROW_WIDE ? ahead : 0);

    return least(held, inputs->storage_bytes);
}

/* What the output takes until it is in a file, or in memory beside the inputs. */
static uint64_t
output_bytes(struct spine *spine, const struct entry_sums *inputs)
{
    struct placement *placement = runtime_placement(spine->runtime);
    const uint64_t bytes = inputs->bytes + inputs->storage_bytes;
    const uint64_t units = bytes / STORE_WRITE_BYTES + 1;

    if (placement->store == NULL)
        return least(bytes, bytes / SPLIT_PART + SPLIT_BYTES);
    if (!placement_moves_output(placement, bytes))
        return bytes;
    return least(units, FILE_UNITS) * STORE_WRITE_BYTES + least(bytes, FILE_FILTER_BYTES);
}

static uint64_t
least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

enum spine_status
relief_wait_locked(struct spine *spine, struct stall *stall, struct spine_error *error)
{
    const uint64_t begin_ns = clock_now_ns();
    struct spine_counters *counters = &spine->locked.counters;
    struct patience patience = {0};
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
        else if (!helped && !busy && runtime_is_promised(spine->runtime))
            break;
        else if (!helped && !busy && !readers_may_give_locked(spine, &patience))
            st = fail_full(spine, error);
        if (st != SPINE_OK)
            break;
        /* Readers are given their time anew once merges had theirs. */
        if (helped || busy)
            patience = (struct patience){0};
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

/*
 * Nothing is left to merge: do others read, who may let blocks and snapshots go? The
 * thread that waits may be the one that holds them; so it waits for some time only, which
 * begins anew whenever less is held.
 */
static bool
readers_may_give_locked(const struct spine *spine, struct patience *patience)
{
    struct spine_snapshot *const kept = spine->locked.snapshot;
    const bool is_idle = kept != NULL && ref_count(&kept->refs) == 1;
    const uint64_t bytes = runtime_memory(spine->runtime), now_ns = clock_now_ns();
    uint64_t oldest_ns;
    size_t snapshots;

    assert(mutex_is_held(&spine->mutex));
    book_read(spine->book, is_idle ? &kept->line : NULL, &snapshots, &oldest_ns);
    if (snapshots == 0 &&
        account_bytes(runtime_account(spine->runtime), ACCOUNT_READERS) == 0)
        return false;
    if (patience->until_ns == 0 || bytes < patience->bytes)
        *patience =
            (struct patience){.until_ns = now_ns + READERS_WAIT_NS, .bytes = bytes};
    return now_ns < patience->until_ns;
}

enum spine_status
relief_try(struct spine *spine, struct spine_error *error)
{
    if (runtime_weigh(spine->runtime) < PRESSURE_FULL ||
        (!runtime_is_busy(spine->runtime) && runtime_is_promised(spine->runtime)))
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
