/* SPDX-License-Identifier: MIT */

/*
 * Memory that merges cannot get: they are tried again, and whoever uses the spine learns
 * of it when that has lasted too long. With every kind of runtime.
 */

#include "base/thread.h"
#include "harness/host.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Rows of batches that there is no memory to merge, and bytes of an allocation that is
 * refused then. */
#define LARGE_ROWS 20000u
#define LARGE_BYTES 16384u
#define MS UINT64_C(1000000)

static const struct spine_schema numbers = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_NONE, 0}};

#define FOR_EVER UINT32_MAX

/* So many large allocations are yet to be refused. */
static _Atomic(uint32_t) refusals_left;

static void *
allocate(void *context, size_t bytes)
{
    uint32_t left = atomic_load(&refusals_left);

    (void)context;
    while (bytes >= LARGE_BYTES && left > 0)
        if (left == FOR_EVER ||
            atomic_compare_exchange_weak(&refusals_left, &left, left - 1))
            return NULL;
    return malloc(bytes);
}

static void
be_short(uint32_t refusals)
{
    atomic_store(&refusals_left, refusals);
}

static void
release(void *context, void *memory, size_t bytes)
{
    (void)context;
    (void)bytes;
    free(memory);
}

static const struct spine_allocator allocator = {NULL, allocate, release};

struct world {
    struct host host; /* unless its runtime is manual */
    struct spine_runtime *runtime;
    struct spine *spine;
    uint64_t rows;
    _Atomic(unsigned) reports;
    enum spine_status reported;
};

/* A batch of rows in no order, so that a merge has to read them all. */
static enum spine_status
insert(struct world *world, size_t rows)
{
    static uint64_t keys[LARGE_ROWS];
    const struct spine_columns columns = {.rows = rows, .keys = keys};
    const uint32_t refusals = atomic_exchange(&refusals_left, 0);
    struct spine_batch *batch;
    enum spine_status st;

    for (size_t i = 0; i < rows; i++)
        keys[i] = (world->rows + i) * UINT64_C(0x9E3779B97F4A7C15);
    assert_int_equal(spine_batch_from_columns(&numbers, &columns, &batch, NULL),
                     SPINE_OK);
    be_short(refusals);
    st = spine_insert(world->spine, batch, NULL);
    spine_batch_unref(batch);
    if (st == SPINE_OK)
        world->rows += rows;
    return st;
}

/* A spine with `large` batches that so many times cannot be merged. */
static void
world_open(struct world *world, const struct spine_options *options, unsigned large,
           uint32_t refusals)
{
    const struct spine_runtime_options manual = {.manual = true};

    *world = (struct world){0};
    assert_int_equal(spine_set_allocator(&allocator), SPINE_OK);
    assert_int_equal(spine_runtime_open(&manual, &world->runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(world->runtime, &numbers, options, &world->spine, NULL),
                     SPINE_OK);
    for (unsigned i = 0; i < large; i++)
        assert_int_equal(insert(world, LARGE_ROWS), SPINE_OK);
    be_short(refusals);
}

static struct spine_stats
stats_of(const struct world *world)
{
    struct spine_stats stats;

    spine_get_stats(world->spine, &stats);
    return stats;
}

/* With memory again, the spine merges all that is due and has every row. */
static void
world_close(struct world *world)
{
    be_short(0);
    spine_retry(world->spine);
    assert_int_equal(spine_wait_idle(world->spine, UINT64_MAX, NULL), SPINE_OK);
    assert_int_equal(spine_get_status(world->spine, NULL), SPINE_OK);
    assert_int_equal(stats_of(world).rows, world->rows);
    assert_int_equal(spine_check(world->spine, NULL), SPINE_OK);
    spine_close(world->spine);
    spine_runtime_close(world->runtime);
    assert_int_equal(spine_allocated_bytes(), 0);
    assert_int_equal(spine_set_allocator(NULL), SPINE_OK);
}

static void
on_done(void *context, enum spine_status status)
{
    struct world *world = context;

    world->reported = status;
    atomic_fetch_add(&world->reports, 1);
}

static void
sleep_ns(uint64_t ns)
{
    const uint64_t end_ns = clock_now_ns() + ns;

    while (clock_now_ns() < end_ns)
        uv_sleep(1);
}

static void
run(struct world *world)
{
    while (spine_runtime_run(world->runtime, UINT64_MAX) > 0)
        ;
}

/* ---- A shortage that lasts ---- */

static void
merges_of_other_levels_do_not_hide_a_failing_one(void **state)
{
    const struct spine_options options = {.retry_ms = 20, .only_due_merges = true};
    const uint64_t begin_ns = clock_now_ns();
    struct world world;

    (void)state;
    world_open(&world, &options, 8, FOR_EVER);
    while (spine_get_status(world.spine, NULL) == SPINE_OK) {
        assert_true(clock_now_ns() < begin_ns + 10000 * MS);
        for (unsigned i = 0; i < 8; i++)
            (void)insert(&world, 1);
        (void)spine_runtime_run(world.runtime, LARGE_ROWS / 2);
        uv_sleep(1);
    }
    assert_true(clock_now_ns() >= begin_ns + 20 * MS);
    assert_int_equal(spine_get_status(world.spine, NULL), SPINE_NOMEM);
    assert_true(stats_of(&world).levels[0].merges > 0);
    assert_int_equal(stats_of(&world).levels[1].merges, 0);
    /* After 1, 2, 4, 8 ... ms. */
    assert_in_range(stats_of(&world).merge_retries, 1, 6);
    assert_int_equal(stats_of(&world).given_up_merges,
                     stats_of(&world).merge_retries + 1);
    assert_true(stats_of(&world).given_up_rows_in > 0);
    world_close(&world);
}

static void
waits_tell_of_a_shortage_that_lasts(void **state)
{
    const struct spine_options options = {.retry_ms = 5,
                                          .backpressure_batches = 16,
                                          .help_batches = UINT32_MAX,
                                          .only_due_merges = true};
    struct world world;
    struct spine_error error = {0};

    (void)state;
    world_open(&world, &options, 8, FOR_EVER);
    assert_int_equal(spine_wait_idle(world.spine, 0, NULL), SPINE_TIMEOUT);
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, &error), SPINE_NOMEM);
    assert_int_equal(error.status, SPINE_NOMEM);
    assert_string_not_equal(error.message, "");
    world_close(&world);

    world_open(&world, &options, 16, FOR_EVER);
    error = (struct spine_error){0};
    assert_int_equal(spine_insert_wait(world.spine, UINT64_MAX, &error), SPINE_OK);
    for (unsigned i = 0; i < 7; i++)
        assert_int_equal(insert(&world, LARGE_ROWS), SPINE_OK);
    /* This one is in when the error comes. */
    assert_int_equal(insert(&world, LARGE_ROWS), SPINE_OK);
    assert_int_equal(insert(&world, LARGE_ROWS), SPINE_NOMEM);
    assert_int_equal(spine_insert_wait(world.spine, UINT64_MAX, &error), SPINE_NOMEM);
    assert_int_equal(error.status, SPINE_NOMEM);
    world_close(&world);

    world_open(&world, &options, 2, FOR_EVER);
    assert_int_equal(spine_consolidate(world.spine, NULL, &error), SPINE_NOMEM);
    assert_int_equal(spine_get_status(world.spine, NULL), SPINE_NOMEM);
    world_close(&world);

    world_open(&world, &options, 2, FOR_EVER);
    assert_int_equal(spine_compact(world.spine, on_done, &world, NULL), SPINE_OK);
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_NOMEM);
    run(&world);
    assert_int_equal(world.reports, 1);
    assert_int_equal(world.reported, SPINE_NOMEM);
    world_close(&world);
}

static void
a_merge_ahead_is_not_tried_at_every_insert(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, NULL, 2, FOR_EVER);
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(insert(&world, 10), SPINE_OK);
        (void)spine_runtime_run(world.runtime, UINT64_MAX);
    }
    assert_int_equal(spine_get_status(world.spine, NULL), SPINE_OK);
    assert_true(stats_of(&world).levels[0].merges > 0);
    assert_int_equal(stats_of(&world).given_up_merges, 1);
    /* As many rows come as it was to read. */
    assert_int_equal(insert(&world, LARGE_ROWS), SPINE_OK);
    assert_int_equal(insert(&world, LARGE_ROWS), SPINE_OK);
    (void)spine_runtime_run(world.runtime, UINT64_MAX);
    assert_int_equal(spine_get_status(world.spine, NULL), SPINE_OK);
    assert_int_equal(stats_of(&world).given_up_merges, 2);
    world_close(&world);
}

/* ---- A shortage that passes ---- */

static void
a_short_shortage_is_no_error(void **state)
{
    const struct spine_options due = {.only_due_merges = true};
    struct world world;

    (void)state;
    world_open(&world, &due, 8, 1);
    run(&world);
    assert_int_equal(spine_get_status(world.spine, NULL), SPINE_OK);
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
    assert_int_equal(stats_of(&world).merges, 1);
    world_close(&world);
}

/* Whoever waits sleeps, and goes on when the time has come. */
static void
waits_last_as_long_as_a_shortage(void **state)
{
    const struct spine_options narrow = {
        .backpressure_batches = 10, .help_batches = UINT32_MAX, .only_due_merges = true};
    struct world world;
    struct spine_batch *batch;

    (void)state;
    world_open(&world, &narrow, 8, 4);
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
    assert_int_equal(stats_of(&world).merge_retries, 4);
    world_close(&world);

    world_open(&world, &narrow, 8, 4);
    assert_int_equal(spine_consolidate(world.spine, &batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
    assert_int_equal(stats_of(&world).batches, 1);
    world_close(&world);

    world_open(&world, &narrow, 8, 4);
    assert_int_equal(spine_compact(world.spine, on_done, &world, NULL), SPINE_OK);
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
    run(&world);
    assert_int_equal(world.reports, 1);
    assert_int_equal(world.reported, SPINE_OK);
    world_close(&world);

    /* Backpressure: the level's merge has to be done first. */
    world_open(&world, &narrow, 8, 4);
    for (unsigned i = 0; i < 12; i++)
        assert_int_equal(insert(&world, LARGE_ROWS), SPINE_OK);
    assert_true(stats_of(&world).backpressure_waits > 0);
    assert_int_equal(spine_get_status(world.spine, NULL), SPINE_OK);
    world_close(&world);
}

static void
a_merge_that_waits_is_not_in_the_way(void **state)
{
    const struct spine_options due = {.only_due_merges = true};
    struct world world;

    (void)state;
    /* A pause has not to wait for it, and resuming tries at once. */
    world_open(&world, &due, 8, FOR_EVER);
    for (unsigned i = 0; i < 12; i++) {
        run(&world);
        sleep_ns(MS);
    }
    spine_pause(world.spine);
    assert_int_equal(spine_wait_idle(world.spine, 0, NULL), SPINE_OK);
    be_short(0);
    assert_int_equal(spine_runtime_run(world.runtime, UINT64_MAX), 0);
    spine_resume(world.spine);
    assert_true(spine_runtime_run(world.runtime, UINT64_MAX) > 7 * LARGE_ROWS);
    assert_int_equal(stats_of(&world).merges, 1);
    world_close(&world);

    /* A compaction takes its batches. */
    world_open(&world, &due, 8, FOR_EVER);
    run(&world);
    be_short(0);
    assert_int_equal(spine_consolidate(world.spine, NULL, NULL), SPINE_OK);
    assert_int_equal(stats_of(&world).levels[1].merges, 0);
    assert_int_equal(stats_of(&world).batches, 1);
    world_close(&world);

    /* A retry does not wait; closing neither. */
    world_open(&world, &due, 8, FOR_EVER);
    for (unsigned i = 0; i < 12; i++) {
        run(&world);
        sleep_ns(MS);
    }
    be_short(0);
    spine_retry(world.spine);
    assert_true(spine_runtime_run(world.runtime, UINT64_MAX) > 7 * LARGE_ROWS);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(insert(&world, LARGE_ROWS), SPINE_OK);
    be_short(FOR_EVER);
    run(&world);
    assert_true(stats_of(&world).merge_retries > 0);
    spine_close(world.spine);
    spine_runtime_close(world.runtime);
    assert_int_equal(spine_allocated_bytes(), 0);
    be_short(0);
    assert_int_equal(spine_set_allocator(NULL), SPINE_OK);
}

/* Nobody runs or waits for anything: the runtime comes back to it by itself. */
static void
every_runtime_tries_again(void **state)
{
    const struct spine_options due = {.only_due_merges = true};

    (void)state;
    for (int kind = 0; kind < HOST_KINDS; kind++) {
        const uint64_t begin_ns = clock_now_ns();
        struct world world = {0};

        assert_int_equal(spine_set_allocator(&allocator), SPINE_OK);
        host_open(&world.host, (enum host_kind)kind, 1);
        assert_int_equal(
            spine_open(world.host.runtime, &numbers, &due, &world.spine, NULL), SPINE_OK);
        spine_pause(world.spine);
        for (unsigned i = 0; i < 8; i++)
            assert_int_equal(insert(&world, LARGE_ROWS), SPINE_OK);
        be_short(4);
        spine_resume(world.spine);
        assert_int_equal(spine_compact(world.spine, on_done, &world, NULL), SPINE_OK);
        while (atomic_load(&world.reports) == 0) {
            assert_true(clock_now_ns() < begin_ns + 20000 * MS);
            uv_sleep(1);
            /* An executor has no clock. */
            if (kind == HOST_EXECUTOR)
                assert_int_equal(spine_get_status(world.spine, NULL), SPINE_OK);
        }
        assert_int_equal(world.reported, SPINE_OK);
        assert_int_equal(spine_get_status(world.spine, NULL), SPINE_OK);
        assert_int_equal(stats_of(&world).merge_retries, 4);
        assert_int_equal(stats_of(&world).batches, 1);
        spine_close(world.spine);
        host_close(&world.host);
        assert_int_equal(spine_allocated_bytes(), 0);
        be_short(0);
        assert_int_equal(spine_set_allocator(NULL), SPINE_OK);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_of_other_levels_do_not_hide_a_failing_one),
        cmocka_unit_test(waits_tell_of_a_shortage_that_lasts),
        cmocka_unit_test(a_merge_ahead_is_not_tried_at_every_insert),
        cmocka_unit_test(a_short_shortage_is_no_error),
        cmocka_unit_test(waits_last_as_long_as_a_shortage),
        cmocka_unit_test(a_merge_that_waits_is_not_in_the_way),
        cmocka_unit_test(every_runtime_tries_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
