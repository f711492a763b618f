/* SPDX-License-Identifier: MIT */

/*
 * Merges in two lanes whose inputs and outputs are in files: no slice waits for a disk,
 * and a read that fails while inputs are cut, or later, loses nothing.
 */

#include "harness/lanes.h"
#include "harness/sanitized.h"
#include "unit/core/spill_fixture.h"

/* As many batches are merged into a file, and as many files at once. */
#define BATCHES 8u
#define FILES 6u
/* The task of the level of the files. */
#define TASK 2u
#define KEYS (UINT64_C(1) * FILES * BATCHES * ROWS)

/* Files of which a merge is due, in lanes, which has not begun. */
static void
files_init(struct world *world)
{
    world_init(world, 1, UINT32_MAX);
    for (uint64_t i = 0; i < FILES * BATCHES; i++) {
        insert(world, i, FILES * BATCHES);
        while (world->spine->locked.tasks[TASK].state == TASK_IDLE &&
               spine_runtime_run(world->runtime, 1000) > 0)
            ;
    }
    assert_int_equal(world->spine->locked.tasks[TASK].state, TASK_QUEUED);
    lanes_force(world->spine, true);
    world->disk.reads = 0;
}

static void
settle(const struct world *world)
{
    assert_int_equal(spine_wait_idle(world->spine, UINT64_MAX, NULL), SPINE_OK);
}

static void
files_are_merged_in_lanes(void **state)
{
    struct world world;

    (void)state;
    files_init(&world);
    while (lanes_begun(world.spine) == 0)
        assert_true(spine_runtime_run(world.runtime, 1000) > 0);
    /* Nothing of what is far from the seam was read. */
    assert_in_range(world.disk.reads, 1, 2 * FILES);
    assert_int_equal(spine_check(world.spine, NULL), SPINE_OK);
    while (spine_runtime_run(world.runtime, 10000) > 0)
        ;
    settle(&world);
    assert_int_equal(lanes_begun(world.spine), 1);
    assert_true(files_in(&world) >= 2);
    expect_keys(&world, KEYS);
    world_release(&world);
}

/* True: the merge was over before that many reads. */
static bool
a_read_fails_after(unsigned reads)
{
    struct world world;
    bool over;

    files_init(&world);
    world.disk.operation = SPINE_OPERATION_READ_AT;
    world.disk.skips = reads;
    world.disk.times = 1;
    settle(&world);
    over = world.disk.times > 0;
    world.disk.times = 0;
    expect_keys(&world, KEYS);
    world_release(&world);
    return over;
}

/* Of the first ones the inputs are cut, or not, then; of later ones lanes begin anew. */
static void
a_read_that_fails_is_tried_again(void **state)
{
    const unsigned step = ALL_OR_SOME(1, 4);
    unsigned reads = 0;

    (void)state;
    while (reads < 2 * FILES && !a_read_fails_after(reads))
        reads += step;
    assert_true(reads >= 2 * FILES);
    while (reads < 200 && !a_read_fails_after(reads))
        reads += step + reads / 4;
}

/* While a block is awaited at which inputs are cut. */
static void
lanes_are_given_up_while_they_are_cut(void **state)
{
    for (unsigned closes = 0; closes < 2; closes++) {
        struct world world;
        const struct merge_task *task;

        (void)state;
        files_init(&world);
        task = &world.spine->locked.tasks[TASK];
        while (task->lane != LANE_WANTED || !task->lacks)
            assert_true(spine_runtime_run(world.runtime, 1) > 0);
        assert_int_equal(lanes_begun(world.spine), 0);
        if (closes == 0) {
            assert_int_equal(spine_consolidate(world.spine, NULL, NULL), SPINE_OK);
            expect_keys(&world, KEYS);
        }
        world_release(&world);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_merged_in_lanes),
        cmocka_unit_test(a_read_that_fails_is_tried_again),
        cmocka_unit_test(lanes_are_given_up_while_they_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
