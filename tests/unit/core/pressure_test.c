/* SPDX-License-Identifier: MIT */

/*
 * A runtime keeps its memory limit, whatever is inserted, merged, read or held, and every
 * row is there all the same.
 */

#include "runtime/runtime.h"
#include "unit/core/pressure_world.h"

#include <time.h>

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
        /* Threads may free as fast as is inserted, or be seen when more is held. */
        assert_true(stats.pressure_ns[SPINE_PRESSURE_MODERATE] > 0 || !manual);
        assert_true(stats.pressure_ns[SPINE_PRESSURE_HIGH] > 0 || !manual);
        assert_true(stats.pressure_ns[SPINE_PRESSURE_MODERATE] > 0 ||
                    stats.pressure_ns[SPINE_PRESSURE_HIGH] > 0 ||
                    stats.pressure_ns[SPINE_PRESSURE_CRITICAL] > 0 ||
                    stats.pressure_ns[SPINE_PRESSURE_FULL] > 0);
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

/* Nothing else makes these merge: they have too few batches. */
static const struct spine_options only_due = {.only_due_merges = true};

/* Batches of spines that nothing happens to go to files, too. */
static void
test_relieves_idle_spines(void **state)
{
    (void)state;
    for (unsigned manual = 0; manual < 2; manual++) {
        struct spine *others[8];
        uint64_t merges = 0;
        struct world world;

        world_init(&world, manual != 0, true);
        for (size_t i = 0; i < 8; i++) {
            assert_int_equal(
                spine_open(world.runtime, &numbers, &only_due, &others[i], NULL),
                SPINE_OK);
            for (size_t copy = 0; copy < 5; copy++) {
                struct spine_batch *batch = batch_of(i, 1);

                assert_int_equal(spine_insert(others[i], batch, NULL), SPINE_OK);
                spine_batch_unref(batch);
            }
        }
        look(&world);
        assert_true(world.most > LIMIT / 2);
        for (uint64_t i = 0; i < BATCHES / 4; i++) {
            assert_int_equal(insert(&world, i, 1, NULL), SPINE_OK);
            if (manual != 0)
                (void)spine_runtime_run(world.runtime, BATCH_ROWS);
        }
        assert_true(world.most <= LIMIT + SLACK);
        for (size_t i = 0; i < 8; i++) {
            struct spine_cursor *cursor;
            struct spine_stats stats;

            spine_get_stats(others[i], &stats);
            merges += stats.merges;
            assert_int_equal(spine_cursor_open(others[i], &cursor, NULL), SPINE_OK);
            assert_true(spine_cursor_key_valid(cursor));
            assert_int_equal(spine_cursor_weight(cursor), 5);
            spine_cursor_close(cursor);
            spine_close(others[i]);
        }
        assert_true(merges > 0);
        check_all(&world, BATCHES / 4);
        world_release(&world);
    }
}

#define READ_BATCHES 60u
#define IDLE_SPINES 8u
#define IDLE_BATCHES 7u

/* A spine of READ_BATCHES batches in a file, and others with as much in memory as there
 * may be before memory is short. */
static void
open_idle_spines(struct world *world, struct spine **idle)
{
    struct spine_runtime_stats stats;

    atomic_store(&runtime_placement(world->runtime)->output_bytes_min, MIB);
    for (uint64_t i = 0; i < READ_BATCHES; i++)
        assert_int_equal(insert(world, i, 1, NULL), SPINE_OK);
    assert_int_equal(spine_consolidate(world->spine, NULL, NULL), SPINE_OK);
    for (size_t i = 0; i < IDLE_SPINES; i++) {
        assert_int_equal(spine_open(world->runtime, &numbers, &only_due, &idle[i], NULL),
                         SPINE_OK);
        for (size_t k = 0; k < IDLE_BATCHES; k++) {
            struct spine_batch *batch = batch_of(k, 1);

            assert_int_equal(spine_insert(idle[i], batch, NULL), SPINE_OK);
            spine_batch_unref(batch);
        }
    }
    /* Threads may yet have to free what a merge had. */
    for (unsigned i = 0; i < 20000 && runtime_weigh(world->runtime) != PRESSURE_NONE; i++)
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    spine_runtime_get_stats(world->runtime, &stats);
    assert_int_equal(stats.pressure, SPINE_PRESSURE_NONE);
    assert_in_range(stats.memory_bytes, LIMIT / 2, LIMIT);
}

/* How many idle spines have merged something, which nothing else makes them do: they have
 * too few batches. */
static size_t
given_way(struct spine *const *idle)
{
    size_t count = 0;

    for (size_t i = 0; i < IDLE_SPINES; i++) {
        struct spine_stats stats;

        spine_get_stats(idle[i], &stats);
        assert_int_equal(stats.rows, IDLE_BATCHES * BATCH_ROWS);
        count += stats.merges > 0;
    }
    return count;
}

/* Reads the spine from one end to the other. */
static void
scan(struct world *world)
{
    struct spine_cursor *cursor;
    uint64_t rows = 0;

    assert_int_equal(spine_cursor_open(world->spine, &cursor, NULL), SPINE_OK);
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor))
        if (rows++ % 1000 == 0)
            look(world);
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    spine_cursor_close(cursor);
    assert_int_equal(rows, READ_BATCHES * BATCH_ROWS);
}

/* Nothing but a spine in a file is read: that takes memory, too. Others give way which
 * nothing happens to. */
static void
test_reading_makes_idle_spines_give_way(void **state)
{
    (void)state;
    for (unsigned manual = 0; manual < 2; manual++) {
        /* As long as nobody runs its jobs, a manual runtime learns nothing. */
        const uint64_t slack = SLACK + (manual != 0 ? LIMIT / 8 * 3 : 0);
        struct spine *idle[IDLE_SPINES];
        struct world world;
        uint64_t end_ns;

        world_init(&world, manual != 0, true);
        open_idle_spines(&world, idle);
        assert_int_equal(given_way(idle), 0);
        world.most = 0;
        end_ns = clock_now_ns() + UINT64_C(30000000000);
        do {
            scan(&world);
            if (manual != 0)
                while (spine_runtime_run(world.runtime, 100000) > 0)
                    look(&world);
        } while (given_way(idle) == 0 && clock_now_ns() < end_ns);
        assert_true(given_way(idle) > 0);
        if (world.most > LIMIT + slack)
            fail_msg("%u KiB were held, the limit is %u", (unsigned)(world.most >> 10),
                     (unsigned)(LIMIT >> 10));
        for (size_t i = 0; i < IDLE_SPINES; i++)
            spine_close(idle[i]);
        world_release(&world);
    }
}

/* What nobody else has use for is the cache's. */
static void
test_spare_memory_is_cache(void **state)
{
    struct spine_store_stats stats;
    struct world world;

    (void)state;
    world_init(&world, true, true);
    atomic_store(&runtime_placement(world.runtime)->output_bytes_min, MIB);
    for (uint64_t i = 0; i < READ_BATCHES; i++)
        assert_int_equal(insert(&world, i, 1, NULL), SPINE_OK);
    assert_int_equal(spine_consolidate(world.spine, NULL, NULL), SPINE_OK);
    while (spine_runtime_run(world.runtime, 100000) > 0)
        ;
    scan(&world);
    spine_store_get_stats(world.store, &stats);
    assert_in_range(stats.cache_bytes, LIMIT / 4 + MIB / 4, LIMIT / 8 * 5);
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
        cmocka_unit_test(test_reading_makes_idle_spines_give_way),
        cmocka_unit_test(test_spare_memory_is_cache),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
