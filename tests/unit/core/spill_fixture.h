/* SPDX-License-Identifier: MIT */
#ifndef SPILL_FIXTURE_H
#define SPILL_FIXTURE_H

/*
 * A spine whose merges write to a store in memory, and what is done to its backend.
 */

#include "core.h"
#include "harness/check.h"
#include "runtime/runtime.h"
#include "spine/fault.h"
#include "store/store_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define ROWS 20000u
/* Less than 6 * ROWS rows take, encoded: nothing makes 8 bytes of a value smaller. */
#define BYTES_OF_FILES UINT64_C(500000)

/* What is done to a backend, and what it is to answer. */
struct disk {
    unsigned files_begun;
    unsigned syncs;
    /* Sizes of the writes of the last file; how many writes were less than a megabyte
     * and not the last one of their file. */
    size_t last_write;
    unsigned small_writes;
    unsigned reads;
    size_t largest_read;
    /* Reads and writes in the midst of a slice of a merge, which has to wait for them. */
    unsigned calls_in_slices;
    /* How long each takes. */
    uint64_t delay_ns;
    /* This operation fails, `times` times, after it has succeeded `skips` times. */
    enum spine_operation operation;
    unsigned skips;
    unsigned times;
};

struct world {
    struct disk disk; /* the first member */
    struct spine_backend backend;
    struct spine_store *store;
    struct spine_runtime *runtime;
    struct spine *spine;
};

static inline bool
is_in_slice(const struct disk *disk)
{
    const struct world *world = (const struct world *)(const void *)disk;

    if (world->spine == NULL)
        return false;
    for (unsigned i = 0; i < LANE_TASK; i++)
        if (runtime_is_inside(world->runtime, &world->spine->locked.tasks[i].job))
            return true;
    return world->spine->locked.lane != NULL &&
           runtime_is_inside(world->runtime, &world->spine->locked.lane->task.job);
}

static inline void
on_operation(void *argument, enum spine_operation operation, const char *name,
             uint64_t offset, size_t size, struct spine_fault *fault)
{
    struct disk *disk = argument;

    (void)name;
    (void)offset;
    if (operation == SPINE_OPERATION_CREATE) {
        disk->files_begun++;
        disk->last_write = STORE_WRITE_BYTES;
    }
    if (operation == SPINE_OPERATION_WRITE) {
        disk->small_writes += disk->last_write < STORE_WRITE_BYTES;
        disk->last_write = size;
    }
    if (operation == SPINE_OPERATION_READ_AT) {
        disk->reads++;
        disk->largest_read = size > disk->largest_read ? size : disk->largest_read;
    }
    if (operation == SPINE_OPERATION_READ_AT || operation == SPINE_OPERATION_WRITE) {
        disk->calls_in_slices += is_in_slice(disk);
        fault->delay_ns = disk->delay_ns;
    }
    disk->syncs +=
        operation == SPINE_OPERATION_SYNC || operation == SPINE_OPERATION_SYNC_NAMES;
    if (operation == disk->operation && disk->skips > 0) {
        disk->skips--;
    } else if (operation == disk->operation && disk->times > 0) {
        disk->times--;
        fault->status = SPINE_IO;
        fault->message = "No space left on device (28)";
    }
}

static const struct spine_schema schema = {.key = {SPINE_U64, 0},
                                           .value = {SPINE_U64, 0}};

static inline void
world_init(struct world *world, uint64_t min_storage_bytes, uint32_t retry_ms)
{
    const struct spine_options options = {
        .only_due_merges = true, .retry_ms = retry_ms, .help_batches = UINT32_MAX};
    struct spine_runtime_options runtime_options = {
        .manual = true, .min_storage_bytes = min_storage_bytes};
    /* Hardly any cache. */
    const struct spine_store_options store_options = {.cache_bytes = 1};
    struct spine_backend memory;

    *world = (struct world){0};
    assert_int_equal(spine_memory_backend(&memory, NULL), SPINE_OK);
    assert_int_equal(
        spine_fault_backend(&memory, on_operation, &world->disk, &world->backend, NULL),
        SPINE_OK);
    assert_int_equal(
        spine_store_open(&world->backend, &store_options, &world->store, NULL), SPINE_OK);
    runtime_options.store = world->store;
    assert_int_equal(spine_runtime_open(&runtime_options, &world->runtime, NULL),
                     SPINE_OK);
    assert_int_equal(spine_open(world->runtime, &schema, &options, &world->spine, NULL),
                     SPINE_OK);
}

static inline uint64_t
files_in(const struct world *world)
{
    struct store_counts counts;

    store_counts(world->store, &counts);
    return counts.files;
}

static inline void
world_release(struct world *world)
{
    assert_int_equal(world->disk.calls_in_slices, 0);
    spine_close(world->spine);
    world->spine = NULL;
    spine_runtime_close(world->runtime);
    assert_int_equal(files_in(world), 0);
    spine_store_close(world->store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* ROWS rows: keys number, number + step, ... */
static inline void
insert(struct world *world, uint64_t number, uint64_t step)
{
    static uint64_t keys[ROWS], values[ROWS];
    const struct spine_columns columns = {.rows = ROWS, .keys = keys, .values = values};
    struct spine_batch *batch;

    for (size_t i = 0; i < ROWS; i++) {
        keys[i] = number + i * step;
        values[i] = keys[i] * UINT64_C(0x9e3779b97f4a7c15);
    }
    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    assert_int_equal(spine_insert(world->spine, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
}

/* Keys 0, 1, 2, ... are there, once each, says a scan. */
static inline void
expect_scan(struct world *world, uint64_t count)
{
    struct spine_cursor *cursor;
    uint64_t key = 0;

    assert_int_equal(spine_cursor_open(world->spine, &cursor, NULL), SPINE_OK);
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor), key++) {
        assert_int_equal(spine_cursor_key(cursor).u64, key);
        assert_int_equal(spine_cursor_val(cursor).u64,
                         key * UINT64_C(0x9e3779b97f4a7c15));
        assert_int_equal(spine_cursor_weight(cursor), 1);
    }
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    assert_int_equal(key, count);
    spine_cursor_close(cursor);
}

/* They are, and all is as it should be. */
static inline void
expect_keys(struct world *world, uint64_t count)
{
    expect_scan(world, count);
    assert_int_equal(spine_check(world->spine, NULL), SPINE_OK);
}

#endif
