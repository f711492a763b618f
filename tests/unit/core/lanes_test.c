/* SPDX-License-Identifier: MIT */

/*
 * Large merges run in two lanes: both end in one batch, whichever ends first, is paused,
 * is given up or fails, and the counts are those of one merge.
 */

#include "harness/check.h"
#include "harness/fault_alloc.h"
#include "harness/lanes.h"
#include "unit/core/manual_fixture.h"

#define BATCHES 8u
#define BATCH_ROWS 90000u
/* The task of their level. */
#define FIRST_TASK 1u
#define ROWS ((uint64_t)BATCHES * BATCH_ROWS)

static const struct spine_schema numbers = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_NONE, 0}};
static const struct spine_options small = {.level0_rows = 5000, .only_due_merges = true};

struct world {
    struct spine_runtime *runtime;
    struct spine *spine;
};

/* Batches of distinct keys, a merge of which is due, in lanes. */
static void
world_open(struct world *world)
{
    uint64_t next = 0;

    manual_open(&numbers, &small, &world->runtime, &world->spine);
    lanes_force(world->spine, true);
    spine_pause(world->spine);
    for (unsigned i = 0; i < BATCHES; i++)
        insert_spread(world->spine, BATCH_ROWS, &next);
    spine_resume(world->spine);
}

static void
world_close(struct world *world)
{
    assert_int_equal(spine_stats_of(world->spine).rows, ROWS);
    manual_close(world->runtime, world->spine);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
run_to_lanes(const struct world *world)
{
    const unsigned before = lanes_begun(world->spine);

    while (lanes_begun(world->spine) == before)
        assert_true(spine_runtime_run(world->runtime, 1) > 0);
}

static struct merge_task *
task_at(const struct world *world, unsigned index)
{
    return spine_task_locked(world->spine, index);
}

/* One slice of this task: no other job of the spine runs. */
static bool
run_task(const struct world *world, unsigned index)
{
    return runtime_run_here(world->runtime, &task_at(world, index)->job);
}

static void
expect_one_batch(const struct world *world)
{
    const struct spine_stats stats = spine_stats_of(world->spine);

    assert_int_equal(stats.batches, 1);
    assert_int_equal(stats.merging_batches, 0);
    assert_int_equal(stats.merges, 1);
    assert_int_equal(stats.merge_rows_in, ROWS);
    assert_int_equal(stats.merge_rows_out, ROWS);
    for (unsigned i = 0; i < spine_task_count_locked(world->spine); i++)
        assert_int_equal(task_at(world, i)->state, TASK_IDLE);
}

static void
lanes_end_in_one_batch(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    run_to_lanes(&world);
    /* Each batch is cut in two. */
    assert_int_equal(spine_stats_of(world.spine).batches, 2 * BATCHES);
    assert_int_equal(spine_check(world.spine, NULL), SPINE_OK);
    while (spine_runtime_run(world.runtime, 10000) > 0)
        assert_int_equal(spine_check(world.spine, NULL), SPINE_OK);
    expect_one_batch(&world);
    assert_int_equal(lanes_begun(world.spine), 1);
    world_close(&world);
}

/* Task `first` of the two of a merge runs until it has ended or waits. */
static void
run_one_first(unsigned first, unsigned last)
{
    struct world world;

    world_open(&world);
    run_to_lanes(&world);
    while (run_task(&world, first))
        ;
    assert_int_equal(spine_check(world.spine, NULL), SPINE_OK);
    assert_int_not_equal(task_at(&world, last)->state, TASK_IDLE);
    /* What is paused, or woken for nothing, goes on as before. */
    spine_pause(world.spine);
    assert_int_equal(spine_runtime_run(world.runtime, UINT64_MAX), 0);
    spine_resume(world.spine);
    spine_retry(world.spine);
    while (run_task(&world, first))
        ;
    while (run_task(&world, last))
        ;
    assert_int_equal(spine_check(world.spine, NULL), SPINE_OK);
    while (spine_runtime_run(world.runtime, 10000) > 0)
        ;
    expect_one_batch(&world);
    world_close(&world);
}

static void
either_lane_may_end_first(void **state)
{
    (void)state;
    run_one_first(FIRST_TASK, LANE_TASK);
    run_one_first(LANE_TASK, FIRST_TASK);
}

/* A compaction takes what both have; closing gives both up. */
static void
lanes_are_given_up(void **state)
{
    for (unsigned ended = 0; ended < 3; ended++) {
        struct world world;

        (void)state;
        world_open(&world);
        run_to_lanes(&world);
        while (ended > 0 && run_task(&world, ended == 1 ? FIRST_TASK : LANE_TASK))
            ;
        assert_int_equal(spine_consolidate(world.spine, NULL, NULL), SPINE_OK);
        assert_int_equal(spine_stats_of(world.spine).batches, 1);
        assert_int_equal(spine_stats_of(world.spine).compactions, 1);
        assert_true(lanes_begun(world.spine) == 2);
        world_close(&world);

        world_open(&world);
        run_to_lanes(&world);
        while (ended > 0 && run_task(&world, ended == 1 ? FIRST_TASK : LANE_TASK))
            ;
        world_close(&world);
    }
}

/* The first lane alone is given up: what the second one makes is a batch of its own. */
static void
a_second_lane_goes_on_alone(void **state)
{
    for (unsigned ended = 0; ended < 2; ended++) {
        struct aftermath after = {0};
        struct world world;

        (void)state;
        world_open(&world);
        run_to_lanes(&world);
        while (ended > 0 && run_task(&world, LANE_TASK))
            ;
        lanes_force(world.spine, false);
        mutex_lock(&world.spine->mutex);
        spine_enter_locked(world.spine);
        merge_task_abandon_locked(task_at(&world, FIRST_TASK), &after);
        spine_finish(world.spine, &after);
        assert_int_equal(spine_check(world.spine, NULL), SPINE_OK);
        while (run_task(&world, LANE_TASK))
            ;
        assert_int_equal(spine_check(world.spine, NULL), SPINE_OK);
        assert_int_equal(task_at(&world, LANE_TASK)->state, TASK_IDLE);
        assert_int_equal(spine_consolidate(world.spine, NULL, NULL), SPINE_OK);
        assert_int_equal(spine_stats_of(world.spine).batches, 1);
        world_close(&world);
    }
}

/* A merge that waits for memory takes in what comes to its level; but each lane has the
 * rows on its side of a seam. */
static void
lanes_take_nothing_in(void **state)
{
    struct world world;
    uint64_t next = 0;

    (void)state;
    world_open(&world);
    run_to_lanes(&world);
    insert_spread(world.spine, BATCH_ROWS, &next);
    mutex_lock(&world.spine->mutex);
    for (unsigned i = 0; i < 2; i++) {
        struct merge_task *task = task_at(&world, i == 0 ? FIRST_TASK : LANE_TASK);
        const size_t count = entry_set_sums(&task->inputs).count;

        merge_task_gather_locked(task);
        assert_int_equal(entry_set_sums(&task->inputs).count, count);
    }
    mutex_unlock(&world.spine->mutex);
    assert_int_equal(spine_consolidate(world.spine, NULL, NULL), SPINE_OK);
    world_close(&world);
}

/* Rows of one key, which no seam divides, merge as they did. */
static void
one_key_has_no_lanes(void **state)
{
    const struct spine_schema pairs = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};
    uint64_t keys[6000] = {0}, values[6000];
    struct world world;

    (void)state;
    manual_open(&pairs, &small, &world.runtime, &world.spine);
    lanes_force(world.spine, true);
    for (uint64_t i = 0; i < BATCHES; i++) {
        const struct spine_columns columns = {
            .rows = 6000, .keys = keys, .values = values};

        for (uint64_t row = 0; row < 6000; row++)
            values[row] = row * BATCHES + i;
        insert_columns(world.spine, &columns);
    }
    while (spine_runtime_run(world.runtime, 10000) > 0)
        ;
    assert_int_equal(lanes_begun(world.spine), 0);
    assert_int_equal(spine_stats_of(world.spine).batches, 1);
    manual_close(world.runtime, world.spine);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* All rows of one lane cancel, of the other, or of both. */
static void
a_lane_may_end_with_no_rows(void **state)
{
    for (unsigned cancelled = 1; cancelled <= 3; cancelled++) {
        static uint64_t keys[20000];
        static int64_t weights[20000];
        struct world world;

        (void)state;
        manual_open(&numbers, &small, &world.runtime, &world.spine);
        lanes_force(world.spine, true);
        spine_pause(world.spine);
        for (unsigned i = 0; i < BATCHES; i++) {
            const struct spine_columns columns = {
                .rows = 20000, .keys = keys, .weights = weights};

            for (uint64_t row = 0; row < 20000; row++) {
                const unsigned side = row < 10000 ? 1 : 2;

                keys[row] = row;
                weights[row] = (cancelled & side) != 0 && i % 2 == 1 ? -1 : 1;
            }
            insert_columns(world.spine, &columns);
        }
        spine_resume(world.spine);
        while (spine_runtime_run(world.runtime, 1000) > 0)
            assert_int_equal(spine_check(world.spine, NULL), SPINE_OK);
        assert_int_equal(lanes_begun(world.spine), 1);
        assert_int_equal(spine_stats_of(world.spine).rows, cancelled == 3 ? 0 : 10000);
        assert_int_equal(spine_stats_of(world.spine).batches, cancelled != 3);
        assert_int_equal(spine_stats_of(world.spine).merges, 1);
        manual_close(world.runtime, world.spine);
        assert_int_equal(spine_allocated_bytes(), 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lanes_end_in_one_batch),
        cmocka_unit_test(either_lane_may_end_first),
        cmocka_unit_test(lanes_are_given_up),
        cmocka_unit_test(a_second_lane_goes_on_alone),
        cmocka_unit_test(lanes_take_nothing_in),
        cmocka_unit_test(one_key_has_no_lanes),
        cmocka_unit_test(a_lane_may_end_with_no_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
