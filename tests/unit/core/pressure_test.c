/* SPDX-License-Identifier: MIT */

/*
 * A runtime keeps its memory limit, whatever is inserted, merged, read or held, and every
 * row is there all the same.
 */

#include "harness/watchdog.h"
#include "relief.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MIB ((uint64_t)1 << 20)
/* Smaller than one merge with a file, 5 MiB, is no limit that can be kept. */
#define LIMIT (24 * MIB)
#define BATCH_ROWS 20000u
/* Ten times the limit, at 16 bytes a row. */
#define BATCHES 750u
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

static void
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

static void
world_release(struct world *world)
{
    spine_close(world->spine);
    spine_runtime_close(world->runtime);
    spine_store_close(world->store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
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
static struct spine_batch *
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

static enum spine_status
insert(struct world *world, uint64_t number, int64_t weight, struct spine_error *error)
{
    struct spine_batch *batch = batch_of(number, weight);
    const enum spine_status st = spine_insert(world->spine, batch, error);

    spine_batch_unref(batch);
    look(world);
    return st;
}

static void
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

static void
check_all(struct world *world, uint64_t batches)
{
    struct spine_snapshot *snapshot;

    assert_int_equal(spine_take_snapshot(world->spine, &snapshot, NULL), SPINE_OK);
    check_rows(snapshot, batches);
    spine_snapshot_unref(snapshot);
}

static void
test_keeps_the_limit(void **state)
{
    (void)state;
    for (unsigned manual = 0; manual < 2; manual++) {
        struct spine_snapshot *snapshot = NULL;
        struct spine_runtime_stats stats;
        struct world world;

        world_init(&world, manual != 0, true);
        for (uint64_t i = 0; i < BATCHES; i++) {
            struct spine_error error = {0};

            if (insert(&world, i, 1, &error) != SPINE_OK)
                fail_msg("batch %u: %s", (unsigned)i, error.message);
            if (i == BATCHES / 2)
                assert_int_equal(spine_take_snapshot(world.spine, &snapshot, NULL),
                                 SPINE_OK);
        }
        if (world.most > LIMIT + SLACK)
            fail_msg("%u KiB were held, the limit is %u", (unsigned)(world.most >> 10),
                     (unsigned)(LIMIT >> 10));
        spine_runtime_get_stats(world.runtime, &stats);
        assert_true(stats.pressure_ns[SPINE_PRESSURE_MODERATE] > 0);
        assert_true(stats.pressure_ns[SPINE_PRESSURE_HIGH] > 0);
        check_all(&world, BATCHES);
        assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
        look(&world);
        assert_true(world.most <= LIMIT + SLACK);
        check_rows(snapshot, BATCHES / 2 + 1);
        spine_snapshot_unref(snapshot);
        check_all(&world, BATCHES);
        world_release(&world);
    }
}

/* Without a store what is inserted is refused when there is no room, and taken when there
 * is again. Nothing becomes sticky. */
static void
test_refuses_without_a_store(void **state)
{
    (void)state;
    for (unsigned manual = 0; manual < 2; manual++) {
        struct spine_error error = {0};
        struct spine_batch *batch;
        struct world world;
        uint64_t count = 0;

        world_init(&world, manual != 0, false);
        while (count < BATCHES && insert(&world, count, 1, &error) == SPINE_OK)
            count++;
        assert_in_range(count, LIMIT / (BATCH_ROWS * 20), BATCHES - 1);
        assert_int_equal(error.status, SPINE_NOMEM);
        assert_non_null(strstr(error.message, "memory limit"));
        assert_true(world.most <= LIMIT + SLACK);
        batch = batch_of(count, 1);
        assert_int_equal(spine_try_insert(world.spine, batch, &error), SPINE_NOMEM);
        assert_int_equal(spine_get_status(world.spine, NULL), SPINE_OK);
        check_all(&world, count);

        /* There is room when the host lets go of something. */
        spine_close(world.spine);
        assert_int_equal(spine_open(world.runtime, &numbers, NULL, &world.spine, NULL),
                         SPINE_OK);
        assert_int_equal(spine_try_insert(world.spine, batch, &error), SPINE_OK);
        spine_batch_unref(batch);
        world_release(&world);
    }
}

/* What only a snapshot holds counts, and an insert that waits for room gets it when the
 * snapshot goes. */
static void
test_snapshots_count(void **state)
{
    struct spine_snapshot *snapshot;
    struct spine_error error = {0};
    struct world world;
    uint64_t count = 0;

    (void)state;
    world_init(&world, true, false);
    while (insert(&world, count, 1, &error) == SPINE_OK)
        count++;
    assert_int_equal(spine_take_snapshot(world.spine, &snapshot, NULL), SPINE_OK);
    spine_close(world.spine);
    assert_int_equal(spine_open(world.runtime, &numbers, NULL, &world.spine, NULL),
                     SPINE_OK);
    assert_int_equal(insert(&world, 0, 1, &error), SPINE_NOMEM);
    check_rows(snapshot, count);
    spine_snapshot_unref(snapshot);
    assert_int_equal(insert(&world, 0, 1, &error), SPINE_OK);
    world_release(&world);
}

/* Batches of spines that nothing happens to go to files, too. */
static void
test_relieves_idle_spines(void **state)
{
    struct spine *others[8];
    struct world world;

    (void)state;
    world_init(&world, true, true);
    for (size_t i = 0; i < 8; i++) {
        struct spine_batch *batch = batch_of(i, 1);

        assert_int_equal(spine_open(world.runtime, &numbers, NULL, &others[i], NULL),
                         SPINE_OK);
        for (size_t copy = 0; copy < 5; copy++)
            assert_int_equal(spine_insert(others[i], batch, NULL), SPINE_OK);
        spine_batch_unref(batch);
    }
    for (uint64_t i = 0; i < BATCHES / 4; i++)
        assert_int_equal(insert(&world, i, 1, NULL), SPINE_OK);
    assert_true(world.most <= LIMIT + SLACK);
    for (size_t i = 0; i < 8; i++) {
        struct spine_cursor *cursor;

        assert_int_equal(spine_cursor_open(others[i], &cursor, NULL), SPINE_OK);
        assert_true(spine_cursor_key_valid(cursor));
        assert_int_equal(spine_cursor_weight(cursor), 5);
        spine_cursor_close(cursor);
        spine_close(others[i]);
    }
    check_all(&world, BATCHES / 4);
    world_release(&world);
}

struct note {
    struct world *world;
    unsigned calls;
    enum spine_status status;
};

static void
insert_when_done(void *context, enum spine_status status)
{
    struct note *note = context;

    assert_int_equal(status, SPINE_OK);
    note->calls++;
    note->status = insert(note->world, BATCHES, 1, NULL);
}

/* A callback of a slice inserts when it is full: nothing but this slice runs, and it does
 * not wait for itself. */
static void
test_callbacks_do_not_wait_for_their_slice(void **state)
{
    struct spine_snapshot *snapshot;
    struct world world;
    struct note note = {.world = &world, .status = SPINE_OK};
    uint64_t count = 0;

    (void)state;
    watchdog_start("an insert in on_done", 60);
    world_init(&world, true, false);
    while (insert(&world, count, 1, NULL) == SPINE_OK)
        count++;
    /* What a compaction replaces stays. */
    assert_int_equal(spine_take_snapshot(world.spine, &snapshot, NULL), SPINE_OK);
    assert_int_equal(spine_compact(world.spine, insert_when_done, &note, NULL), SPINE_OK);
    while (spine_runtime_run(world.runtime, 1000000) > 0)
        ;
    assert_int_equal(note.calls, 1);
    assert_int_equal(note.status, SPINE_NOMEM);
    spine_snapshot_unref(snapshot);
    world_release(&world);
    watchdog_stop();
}

static size_t
batches_of(struct spine *spine)
{
    struct spine_stats stats;

    spine_get_stats(spine, &stats);
    return stats.batches;
}

/* Who waits for memory runs merges of all spines, but no callbacks of other hosts. */
static void
test_waits_run_merges_and_no_callbacks(void **state)
{
    struct spine_snapshot *snapshot;
    struct world world;
    struct note note = {.world = &world, .status = SPINE_OK};
    struct spine *other;
    uint64_t count = 0;

    (void)state;
    watchdog_start("an insert at the limit", 60);
    world_init(&world, true, false);
    assert_int_equal(spine_open(world.runtime, &numbers, NULL, &other, NULL), SPINE_OK);
    for (uint64_t i = 0; i < 4; i++) {
        struct spine_batch *batch = batch_of(i, 1);

        assert_int_equal(spine_insert(other, batch, NULL), SPINE_OK);
        spine_batch_unref(batch);
    }
    /* Its end is to be reported, and nobody does. */
    assert_int_equal(spine_compact(other, insert_when_done, &note, NULL), SPINE_OK);
    while (batches_of(other) > 1)
        assert_true(spine_runtime_run(world.runtime, 1) > 0);
    assert_int_equal(note.calls, 0);
    while (insert(&world, count, 1, NULL) == SPINE_OK)
        count++;
    assert_int_equal(note.calls, 0);
    assert_true(count > 0);

    /* The other spine has what cancels in merges that are ready. */
    assert_int_equal(spine_take_snapshot(world.spine, &snapshot, NULL), SPINE_OK);
    spine_close(world.spine);
    spine_snapshot_unref(snapshot);
    assert_int_equal(spine_open(world.runtime, &numbers, NULL, &world.spine, NULL),
                     SPINE_OK);
    for (enum spine_status st = SPINE_OK; st == SPINE_OK; count++) {
        struct spine_batch *batch = batch_of(4, count % 2 == 0 ? 1 : -1);

        st = spine_try_insert(other, batch, NULL);
        assert_true(st == SPINE_OK || st == SPINE_NOMEM);
        spine_batch_unref(batch);
    }
    assert_true(batches_of(other) > 8);
    assert_int_equal(insert(&world, 0, 1, NULL), SPINE_OK);
    assert_int_equal(note.calls, 0);
    while (spine_runtime_run(world.runtime, 1000000) > 0)
        ;
    assert_int_equal(note.calls, 1);
    assert_int_equal(note.status, SPINE_OK);
    spine_close(other);
    world_release(&world);
    watchdog_stop();
}

/* What a wait for memory finds when it ends is looked at, even if there is room. */
static void
test_waits_for_memory_end_with_the_spine(void **state)
{
    struct spine_error error = {0};
    struct world world;

    (void)state;
    world_init(&world, true, false);
    mutex_lock(&world.spine->mutex);
    spine_enter_locked(world.spine);
    assert_int_equal(relief_wait_locked(world.spine, &error), SPINE_OK);
    world.spine->locked.closing = true;
    assert_int_equal(relief_wait_locked(world.spine, &error), SPINE_CANCELLED);
    world.spine->locked.closing = false;
    world.spine->locked.error.status = world.spine->locked.status = SPINE_IO;
    assert_int_equal(relief_wait_locked(world.spine, &error), SPINE_IO);
    world.spine->locked.status = SPINE_OK;
    spine_leave_and_unlock(world.spine);
    world_release(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_the_limit),
        cmocka_unit_test(test_refuses_without_a_store),
        cmocka_unit_test(test_snapshots_count),
        cmocka_unit_test(test_relieves_idle_spines),
        cmocka_unit_test(test_callbacks_do_not_wait_for_their_slice),
        cmocka_unit_test(test_waits_run_merges_and_no_callbacks),
        cmocka_unit_test(test_waits_for_memory_end_with_the_spine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
