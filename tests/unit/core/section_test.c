/* SPDX-License-Identifier: MIT */

/*
 * Critical sections are short however many batches there are: no call, and no end of a
 * slice, takes more than two thousand steps under the lock of its spine.
 */

#include "base/assert.h"
#include "base/steps.h"
#include "harness/sanitized.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#ifdef NDEBUG

int
main(void)
{
    puts("steps are counted in Debug builds only");
    return 0;
}

#else

/* As many as a long pause leaves; blocks elsewhere, in Debug, have all of them. */
#define BATCHES ALL_OR_SOME(100000u, 25000u)
/* At some ten nanoseconds a step: well below 100 microseconds. */
#define STEPS_MAX 2000u
/* The steps of a walk along all batches would be more by an order of magnitude. */
static_assert(BATCHES > 10 * STEPS_MAX, "a walk along all batches would not be noticed");

static const struct spine_schema numbers = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_NONE, 0}};

struct world {
    struct spine_runtime *runtime;
    struct spine *spine;
    uint64_t rows;
};

static struct spine_batch *
batch_of_next(struct world *world)
{
    const uint64_t key = world->rows++ * UINT64_C(0x9E3779B97F4A7C15);
    const struct spine_columns columns = {.rows = 1, .keys = &key};
    struct spine_batch *batch;

    assert_int_equal(spine_batch_from_columns(&numbers, &columns, &batch, NULL),
                     SPINE_OK);
    return batch;
}

static void
insert(struct world *world)
{
    struct spine_batch *batch = batch_of_next(world);

    assert_int_equal(spine_insert(world->spine, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
}

/* What was done since the last call took few steps at a time. */
static void
expect_short_sections(const char *what)
{
    const uint64_t steps = steps_take_most();

    if (steps > STEPS_MAX)
        fail_msg("%s: %llu steps in a critical section", what, (unsigned long long)steps);
}

/* A paused spine of very many batches. */
static void
world_open(struct world *world)
{
    const struct spine_runtime_options manual = {.manual = true};

    *world = (struct world){0};
    assert_int_equal(spine_runtime_open(&manual, &world->runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(world->runtime, &numbers, NULL, &world->spine, NULL),
                     SPINE_OK);
    (void)steps_take_most();
    spine_pause(world->spine);
    expect_short_sections("pause");
    for (unsigned i = 0; i < BATCHES; i++)
        insert(world);
    expect_short_sections("insert while paused");
}

static void
world_close(struct world *world)
{
    (void)steps_take_most();
    spine_close(world->spine);
    expect_short_sections("close");
    spine_runtime_close(world->runtime);
}

static void
expect_rows(struct world *world)
{
    struct spine_stats stats;

    spine_get_stats(world->spine, &stats);
    assert_int_equal(stats.rows, world->rows);
    (void)steps_take_most();
    assert_int_equal(spine_check(world->spine, NULL), SPINE_OK);
    expect_short_sections("check");
}

static void
do_try_insert(struct world *world)
{
    struct spine_batch *batch = batch_of_next(world);

    if (spine_try_insert(world->spine, batch, NULL) != SPINE_OK)
        world->rows--;
    spine_batch_unref(batch);
}

static void
do_snapshot(struct world *world)
{
    struct spine_snapshot *snapshot;

    assert_int_equal(spine_take_snapshot(world->spine, &snapshot, NULL), SPINE_OK);
    assert_int_equal(spine_snapshot_rows(snapshot), world->rows);
    spine_snapshot_unref(snapshot);
}

static void
do_stats(struct world *world)
{
    struct spine_stats stats;

    spine_get_stats(world->spine, &stats);
    assert_int_equal(stats.rows, world->rows);
}

static void
do_check(struct world *world)
{
    assert_int_equal(spine_check(world->spine, NULL), SPINE_OK);
}

static void
do_fork(struct world *world)
{
    struct spine *fork;
    struct spine_stats stats;

    assert_int_equal(spine_fork(world->spine, &fork, NULL), SPINE_OK);
    spine_get_stats(fork, &stats);
    assert_int_equal(stats.rows, world->rows);
    spine_close(fork);
}

static void
do_cursor(struct world *world)
{
    struct spine_cursor *cursor;

    assert_int_equal(spine_cursor_open(world->spine, &cursor, NULL), SPINE_OK);
    spine_cursor_close(cursor);
}

static void
do_status(struct world *world)
{
    assert_int_equal(spine_get_status(world->spine, NULL), SPINE_OK);
    assert_true(spine_is_dirty(world->spine));
    spine_retry(world->spine);
}

static void
do_filters(struct world *world)
{
    assert_int_equal(spine_retain_keys(world->spine, NULL, NULL), SPINE_OK);
    assert_int_equal(spine_retain_values(world->spine, NULL, NULL), SPINE_OK);
}

static void
do_waits(struct world *world)
{
    const enum spine_status room = spine_insert_wait(world->spine, 0, NULL);
    const enum spine_status idle = spine_wait_idle(world->spine, 0, NULL);

    assert_true(room == SPINE_OK || room == SPINE_TIMEOUT);
    assert_true(idle == SPINE_OK || idle == SPINE_TIMEOUT);
}

static void
do_pause_and_resume(struct world *world)
{
    spine_pause(world->spine);
    spine_resume(world->spine);
}

/* Calls that neither merge much nor wait. */
static const struct {
    const char *name;
    void (*call)(struct world *world);
} calls[] = {
    {"try_insert", do_try_insert},
    {"take_snapshot, of a change", do_snapshot},
    {"take_snapshot, again", do_snapshot},
    {"get_stats", do_stats},
    {"check", do_check},
    {"fork", do_fork},
    {"cursor_open", do_cursor},
    {"get_status, retry", do_status},
    {"retain_keys, retain_values", do_filters},
    {"insert_wait, wait_idle", do_waits},
    {"pause, resume", do_pause_and_resume},
};

static void
expect_short_calls(struct world *world)
{
    (void)steps_take_most();
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        calls[i].call(world);
        expect_short_sections(calls[i].name);
    }
}

/* Runs slices, all of them or so many. */
static void
expect_short_slices(struct world *world, unsigned slices_max)
{
    (void)steps_take_most();
    for (unsigned i = 0; i < slices_max; i++)
        if (spine_runtime_run(world->runtime, 1) == 0)
            break;
    expect_short_sections("slices");
}

static void
calls_and_merges_after_a_long_pause(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    expect_short_calls(&world);
    (void)steps_take_most();
    spine_resume(world.spine);
    expect_short_sections("resume");
    expect_short_slices(&world, 10);
    expect_short_calls(&world);
    expect_rows(&world);
    insert(&world);
    expect_short_sections("insert, which waits for room");
    expect_rows(&world);
    expect_short_slices(&world, UINT32_MAX);
    expect_rows(&world);
    world_close(&world);
}

static void
a_compaction_of_everything(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    spine_resume(world.spine);
    (void)steps_take_most();
    assert_int_equal(spine_compact(world.spine, NULL, NULL, NULL), SPINE_OK);
    expect_short_sections("compact");
    expect_short_slices(&world, 20);
    expect_short_calls(&world);
    expect_rows(&world);
    expect_short_slices(&world, UINT32_MAX);
    expect_rows(&world);
    world_close(&world);
}

static void
a_compaction_that_is_given_up(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    spine_resume(world.spine);
    assert_int_equal(spine_compact(world.spine, NULL, NULL, NULL), SPINE_OK);
    expect_short_slices(&world, 20);
    world_close(&world);
}

/* What was asked for before half of the batches came must not read these. */
static void
compactions_of_some(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    assert_int_equal(spine_compact(world.spine, NULL, NULL, NULL), SPINE_OK);
    for (unsigned i = 0; i < BATCHES; i++)
        insert(&world);
    expect_short_sections("insert after a request");
    assert_int_equal(spine_compact(world.spine, NULL, NULL, NULL), SPINE_OK);
    insert(&world);
    spine_resume(world.spine);
    expect_short_sections("resume");
    expect_short_slices(&world, 20);
    expect_short_calls(&world);
    expect_rows(&world);
    expect_short_slices(&world, UINT32_MAX);
    expect_rows(&world);
    world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_and_merges_after_a_long_pause),
        cmocka_unit_test(a_compaction_of_everything),
        cmocka_unit_test(a_compaction_that_is_given_up),
        cmocka_unit_test(compactions_of_some),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
