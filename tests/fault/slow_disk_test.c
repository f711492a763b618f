/* SPDX-License-Identifier: MIT */

/*
 * A disk that takes 50 ms for each write, and one that is full for a while, under two
 * inserting threads: batches stay within the limit, no wait lasts longer than it was
 * told, readers and checkpoints go on, a spine can be closed meanwhile, nothing is lost,
 * and whoever uses the disk holds no lock.
 */

#include "core.h"
#include "harness/check.h"
#include "harness/host.h"
#include "runtime/pump.h"
#include "spine/fault.h"
#include "store/store_state.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define THREADS 2u
#define ROWS 3000u
#define BATCHES 60u
#define LIMIT 24u
#define WRITE_NS UINT64_C(50000000)
#define SECOND UINT64_C(1000000000)

struct world {
    atomic_bool is_slow;
    atomic_bool is_full;
    atomic_uint writes;
    /* Those of them by threads that are inside a slice of a merge. */
    atomic_uint writes_in_slices;
    struct spine_store *store;
    struct spine_runtime *runtime;
    struct spine *spine;
    atomic_uint most_batches;
};

struct inserter {
    struct world *world;
    pthread_t thread;
    uint64_t first;
    /* Batches that were taken. */
    unsigned taken;
};

static const struct spine_schema schema = {.key = {SPINE_U64, 0},
                                           .value = {SPINE_U64, 0}};

static uint64_t
now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

static bool
is_in_slice(const struct world *world)
{
    for (unsigned i = 0; i < LANE_TASK; i++)
        if (runtime_is_inside(world->runtime, &world->spine->locked.tasks[i].job))
            return true;
    return false;
}

/* Nobody who reads or writes holds a lock that others want. */
static void
require_no_lock(const struct world *world)
{
#ifndef NDEBUG
    if (world->spine == NULL)
        return;
    require(!mutex_is_held(&world->spine->mutex), "a disk is used under a spine's lock");
    require(!mutex_is_held(&world->runtime->mutex), "and under the runtime's");
    require(!mutex_is_held(&world->runtime->budget.mutex), "and under the budget's");
    require(!mutex_is_held(&world->store->work.mutex), "and under that of its work");
    require(!mutex_is_held(&world->store->objects.mutex), "and under that of objects");
    for (unsigned i = 0; i < world->store->cache.shard_count; i++)
        require(!mutex_is_held(&world->store->cache.shards[i].mutex),
                "and under that of the cache");
#else
    (void)world;
#endif
}

static void
on_operation(void *argument, enum spine_operation operation, const char *name,
             uint64_t offset, size_t size, struct spine_fault *fault)
{
    struct world *world = argument;

    (void)name;
    (void)offset;
    (void)size;
    require_no_lock(world);
    if (operation != SPINE_OPERATION_WRITE)
        return;
    atomic_fetch_add(&world->writes, 1);
    if (is_in_slice(world))
        atomic_fetch_add(&world->writes_in_slices, 1);
    if (atomic_load(&world->is_slow))
        fault->delay_ns = WRITE_NS;
    if (atomic_load(&world->is_full)) {
        fault->status = SPINE_IO;
        fault->message = "No space left on device (28)";
    }
}

static void
world_open(struct world *world, uint32_t retry_ms)
{
    const struct spine_options options = {.backpressure_batches = LIMIT,
                                          .retry_ms = retry_ms};
    struct spine_runtime_options runtime_options = {.min_storage_bytes = 100000};
    struct spine_backend memory, backend;

    memset(world, 0, sizeof *world);
    assert_int_equal(spine_memory_backend(&memory, NULL), SPINE_OK);
    assert_int_equal(spine_fault_backend(&memory, on_operation, world, &backend, NULL),
                     SPINE_OK);
    assert_int_equal(spine_store_open(&backend, NULL, &world->store, NULL), SPINE_OK);
    runtime_options.store = world->store;
    assert_int_equal(spine_runtime_open(&runtime_options, &world->runtime, NULL),
                     SPINE_OK);
    assert_int_equal(spine_open(world->runtime, &schema, &options, &world->spine, NULL),
                     SPINE_OK);
}

static void
world_close(struct world *world)
{
    const uint64_t begin_ns = now_ns();

    spine_close(world->spine);
    /* A slice that runs, and a second. */
    require(now_ns() - begin_ns < 3 * SECOND, "closing waits for a disk");
    spine_runtime_close(world->runtime);
    spine_store_close(world->store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static struct spine_batch *
batch_of(uint64_t first)
{
    uint64_t keys[ROWS];
    const struct spine_columns columns = {.rows = ROWS, .keys = keys, .values = keys};
    struct spine_batch *batch;

    for (uint64_t i = 0; i < ROWS; i++)
        keys[i] = first + i * THREADS * BATCHES;
    require(spine_batch_from_columns(&schema, &columns, &batch, NULL) == SPINE_OK,
            "no batch");
    return batch;
}

/* Inserts until all is in; tries again what is refused while the disk is full. */
static void *
insert_all(void *argument)
{
    struct inserter *inserter = argument;
    struct world *world = inserter->world;

    while (inserter->taken < BATCHES) {
        struct spine_batch *batch = batch_of(inserter->first + inserter->taken * THREADS);
        const enum spine_status st = spine_insert(world->spine, batch, NULL);
        struct spine_stats stats;
        unsigned most = atomic_load(&world->most_batches);

        spine_batch_unref(batch);
        require(st == SPINE_OK || st == SPINE_IO, "an insert fails otherwise");
        inserter->taken += st == SPINE_OK;
        /* A merge may have failed just before there was room again. */
        if (st != SPINE_OK && !atomic_load(&world->is_full))
            spine_retry(world->spine);
        if (st != SPINE_OK)
            usleep(1000);
        spine_get_stats(world->spine, &stats);
        while (stats.batches > most &&
               !atomic_compare_exchange_weak(&world->most_batches, &most,
                                             (unsigned)stats.batches))
            ;
    }
    return NULL;
}

static void
begin(struct world *world, struct inserter *inserters)
{
    for (unsigned i = 0; i < THREADS; i++) {
        inserters[i] = (struct inserter){.world = world, .first = i};
        require(pthread_create(&inserters[i].thread, NULL, insert_all, &inserters[i]) ==
                    0,
                "no thread");
    }
}

static void
end(struct inserter *inserters)
{
    for (unsigned i = 0; i < THREADS; i++)
        require(pthread_join(inserters[i].thread, NULL) == 0, "no thread");
}

static void
expect_everything(struct world *world)
{
    struct spine_cursor *cursor;
    uint64_t key = 0;

    assert_int_equal(spine_cursor_open(world->spine, &cursor, NULL), SPINE_OK);
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor), key++)
        assert_int_equal(spine_cursor_key(cursor).u64, key);
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    assert_int_equal(key, THREADS * BATCHES * ROWS);
    spine_cursor_close(cursor);
}

static void
test_slow_writes(void **state)
{
    struct inserter inserters[THREADS];
    struct world world;

    (void)state;
    world_open(&world, 0);
    atomic_store(&world.is_slow, true);
    begin(&world, inserters);
    for (unsigned i = 0; i < 10; i++) {
        const uint64_t begin_ns = now_ns();
        const enum spine_status st = spine_insert_wait(world.spine, SECOND / 100, NULL);

        assert_true(st == SPINE_OK || st == SPINE_TIMEOUT);
        /* It may run a slice itself, of a few writes. */
        assert_true(now_ns() - begin_ns < 2 * SECOND);
    }
    end(inserters);
    assert_true(atomic_load(&world.writes) > 0);
    /* No slice waits for a write. */
    assert_int_equal(atomic_load(&world.writes_in_slices), 0);
    /* Those that merge are not among the limit. */
    assert_true(atomic_load(&world.most_batches) <= 2 * LIMIT + THREADS);
    atomic_store(&world.is_slow, false);
    assert_int_equal(spine_wait_idle(world.spine, 60 * SECOND, NULL), SPINE_OK);
    expect_everything(&world);
    world_close(&world);
}

/* While inserts wait for a slow disk, checkpoints are made, and come back. */
static void
test_checkpoints_meanwhile(void **state)
{
    struct inserter inserters[THREADS];
    struct spine_restored *restored;
    struct spine_stats stats;
    struct world world;
    struct spine *back;
    uint64_t rows = 0;

    (void)state;
    world_open(&world, 0);
    atomic_store(&world.is_slow, true);
    begin(&world, inserters);
    do {
        usleep(1000);
        spine_get_stats(world.spine, &stats);
    } while (stats.backpressure_waits == 0 && stats.inserted_batches < THREADS * BATCHES);
    for (unsigned i = 0; i < 4; i++) {
        const struct spine_checkpoint_item item = {.name = "it", .spine = world.spine};
        struct spine_checkpoint_info info;
        const uint64_t begin_ns = now_ns();

        assert_int_equal(spine_checkpoint(world.store, &item, 1, NULL, &info, NULL),
                         SPINE_OK);
        /* Some files, of some writes each. */
        assert_true(now_ns() - begin_ns < 30 * SECOND);
        assert_true(info.rows >= rows);
        rows = info.rows;
    }
    end(inserters);
    atomic_store(&world.is_slow, false);
    assert_int_equal(spine_restore(world.store, 0, world.runtime, NULL, &restored, NULL),
                     SPINE_OK);
    back = spine_restored_take(restored, "it");
    spine_restored_free(restored);
    assert_int_equal(spine_check(back, NULL), SPINE_OK);
    spine_get_stats(back, &stats);
    assert_int_equal(stats.rows, rows);
    spine_close(back);
    assert_int_equal(spine_wait_idle(world.spine, 60 * SECOND, NULL), SPINE_OK);
    expect_everything(&world);
    world_close(&world);
}

static void
test_closing_meanwhile(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct world world;

        world_open(&world, 0);
        atomic_store(&world.is_slow, true);
        for (uint64_t k = 0; k < 20; k++) {
            struct spine_batch *batch = batch_of(k);

            assert_int_equal(spine_try_insert(world.spine, batch, NULL), SPINE_OK);
            spine_batch_unref(batch);
        }
        usleep(30000 * i);
        /* The first is closed right away, the others while a write is under way, or
         * after some. */
        for (unsigned k = 0; k < 5000 && i > 0 && atomic_load(&world.writes) == 0; k++)
            usleep(1000);
        assert_true(i == 0 || atomic_load(&world.writes) > 0);
        world_close(&world);
    }
}

static void
test_full_disk(void **state)
{
    struct inserter inserters[THREADS];
    struct world world;

    (void)state;
    world_open(&world, 30);
    atomic_store(&world.is_full, true);
    begin(&world, inserters);
    for (unsigned i = 0; i < 3000 && spine_get_status(world.spine, NULL) == SPINE_OK; i++)
        usleep(1000);
    {
        struct spine_error error = {0};

        assert_int_equal(spine_get_status(world.spine, &error), SPINE_IO);
        assert_non_null(strstr(error.message, "No space left"));
    }
    /* Readers go on. */
    {
        struct spine_cursor *cursor;

        assert_int_equal(spine_cursor_open(world.spine, &cursor, NULL), SPINE_OK);
        while (spine_cursor_key_valid(cursor))
            spine_cursor_step_key(cursor);
        assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
        spine_cursor_close(cursor);
    }
    atomic_store(&world.is_full, false);
    spine_retry(world.spine);
    end(inserters);
    if (spine_wait_idle(world.spine, 60 * SECOND, NULL) == SPINE_IO) {
        spine_retry(world.spine);
        assert_int_equal(spine_wait_idle(world.spine, 60 * SECOND, NULL), SPINE_OK);
    }
    expect_everything(&world);
    world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_writes),
        cmocka_unit_test(test_checkpoints_meanwhile),
        cmocka_unit_test(test_closing_meanwhile),
        cmocka_unit_test(test_full_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
