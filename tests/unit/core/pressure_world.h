/* SPDX-License-Identifier: MIT */
#ifndef UNIT_CORE_PRESSURE_WORLD_H
#define UNIT_CORE_PRESSURE_WORLD_H

/*
 * A spine in a runtime with a memory limit, and how much was held at most.
 */

#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MIB ((uint64_t)1 << 20)
/* Smaller than one merge with a file, 6 MiB, is no limit that can be kept. */
#define LIMIT (24 * MIB)
#define BATCH_ROWS 20000u
/* Six times the limit, at 16 bytes a row. */
#define BATCHES 500u
/* What is taken between two looks, and the buffers of files that merges begin which were
 * under way before. */
#define SLACK (LIMIT / 10 + 5 * MIB)

static const struct spine_schema numbers = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_U64, 0}};

struct world {
    struct spine_runtime *runtime;
    struct spine_store *store;
    struct spine *spine;
    uint64_t batches;
    uint64_t most;
};

static inline void
world_init(struct world *world, bool manual, bool with_store)
{
    struct spine_runtime_options options = {.manual = manual,
                                            .memory_limit_bytes = LIMIT};
    struct spine_backend backend;

    *world = (struct world){0};
    if (with_store) {
        assert_int_equal(spine_memory_backend(&backend, NULL), SPINE_OK);
        assert_int_equal(spine_store_open(&backend, NULL, &world->store, NULL), SPINE_OK);
        options.store = world->store;
    }
    assert_int_equal(spine_runtime_open(&options, &world->runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(world->runtime, &numbers, NULL, &world->spine, NULL),
                     SPINE_OK);
}

static inline void
world_release(struct world *world)
{
    spine_close(world->spine);
    spine_runtime_close(world->runtime);
    spine_store_close(world->store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static inline void
look(struct world *world)
{
    struct spine_runtime_stats stats;

    spine_runtime_get_stats(world->runtime, &stats);
    assert_int_equal(stats.memory_limit_bytes, LIMIT);
    if (stats.memory_bytes > world->most)
        world->most = stats.memory_bytes;
}

/* Batch number n has the keys n, n + BATCHES, n + 2 * BATCHES, ... scattered by an odd
 * factor, with the batch's number as value. */
static inline struct spine_batch *
batch_of(uint64_t number, int64_t weight)
{
    static uint64_t keys[BATCH_ROWS], values[BATCH_ROWS];
    static int64_t weights[BATCH_ROWS];
    const struct spine_columns columns = {
        .rows = BATCH_ROWS, .keys = keys, .values = values, .weights = weights};
    struct spine_batch *batch;

    for (uint64_t i = 0; i < BATCH_ROWS; i++) {
        keys[i] = (number + i * BATCHES) * UINT64_C(0x9E3779B97F4A7C15);
        values[i] = number;
        weights[i] = weight;
    }
    assert_int_equal(spine_batch_from_columns(&numbers, &columns, &batch, NULL),
                     SPINE_OK);
    return batch;
}

static inline enum spine_status
insert(struct world *world, uint64_t number, int64_t weight, struct spine_error *error)
{
    struct spine_batch *batch = batch_of(number, weight);
    const enum spine_status st = spine_insert(world->spine, batch, error);

    spine_batch_unref(batch);
    look(world);
    return st;
}

static inline void
check_rows(struct spine_snapshot *snapshot, uint64_t batches)
{
    struct spine_cursor *cursor;
    uint64_t rows = 0, sum = 0, last = 0;

    assert_int_equal(spine_snapshot_cursor(snapshot, &cursor, NULL), SPINE_OK);
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor)) {
        const uint64_t key = spine_cursor_key(cursor).u64;

        assert_true(rows == 0 || key > last);
        assert_int_equal(spine_cursor_weight(cursor), 1);
        last = key;
        sum += spine_cursor_val(cursor).u64;
        rows++;
    }
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    spine_cursor_close(cursor);
    assert_int_equal(rows, batches * BATCH_ROWS);
    assert_int_equal(sum, batches * (batches - 1) / 2 * BATCH_ROWS);
}

static inline void
check_all(struct world *world, uint64_t batches)
{
    struct spine_snapshot *snapshot;

    assert_int_equal(spine_take_snapshot(world->spine, &snapshot, NULL), SPINE_OK);
    check_rows(snapshot, batches);
    spine_snapshot_unref(snapshot);
}

static inline uint64_t
memory_of(struct spine_runtime *runtime)
{
    struct spine_runtime_stats stats;

    spine_runtime_get_stats(runtime, &stats);
    return stats.memory_bytes;
}

#endif
