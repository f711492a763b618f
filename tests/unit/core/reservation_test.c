/* SPDX-License-Identifier: MIT */

/*
 * What a merge has reserved of a memory limit is given back, however it ends; one that
 * has no room yet takes in what comes meanwhile.
 */

#include "core.h"
#include "harness/fault_alloc.h"
#include "relief.h"
#include "runtime/pump.h"
#include "unit/core/pressure_world.h"

#include <time.h>

/* The points at which a merge that begins fails, and some of its first slice. */
#define POINTS 60u

/* Without memory at the `nth` allocation of the first slice. */
static bool
run_without_memory(uint64_t nth)
{
    const struct memory_budget *budget;
    struct world world;
    bool fired;

    fault_alloc_install();
    world_init(&world, true, true);
    budget = &world.runtime->budget;
    for (uint64_t i = 0; i < 6; i++)
        assert_int_equal(insert(&world, i, 1, NULL), SPINE_OK);
    /* None of the merges that are due has begun. */
    assert_int_equal(atomic_load(&budget->reserved), 0);
    fault_alloc_arm(FAULT_ONCE, nth);
    assert_true(spine_runtime_run(world.runtime, 1) > 0);
    fired = fault_alloc_disarm();
    spine_close(world.spine);
    assert_int_equal(atomic_load(&budget->reserved), 0);
    assert_int_equal(atomic_load(&budget->freeing), 0);
    spine_runtime_close(world.runtime);
    spine_store_close(world.store);
    assert_int_equal(fault_alloc_live_blocks(), 0);
    fault_alloc_remove();
    return fired;
}

static void
merges_that_fail_give_back(void **state)
{
    uint64_t nth = 1;

    (void)state;
    while (nth <= POINTS && run_without_memory(nth))
        nth++;
    assert_true(nth > 5);
}

static struct merge_task *
queued_task(struct world *world)
{
    for (unsigned level = 0; level < SPINE_LEVELS; level++)
        if (world->spine->locked.tasks[level].state == TASK_QUEUED)
            return &world->spine->locked.tasks[level];
    return NULL;
}

/* Runs what is there to do, and the merge that waits for memory once more. */
static void
run_until_starved(struct world *world, const struct merge_task *task)
{
    struct timespec some = {.tv_nsec = 5000000};

    (void)nanosleep(&some, NULL);
    /* However long that took, others are under way. */
    runtime_note_progress(world->runtime);
    while (spine_runtime_run(world->runtime, 100000) > 0 && !task->starved)
        ;
    assert_true(task->starved);
    assert_null(task->merge);
}

static void
a_merge_without_room_takes_in_more(void **state)
{
    /* Of another merge: nearly all that there is. */
    const struct memory_need need = {.bytes = LIMIT - 4 * MIB, .frees = true};
    struct reservation others;
    struct merge_task *task;
    struct world world;
    struct spine_stats stats;
    uint64_t granted, batches = 0;
    size_t inputs;

    (void)state;
    world_init(&world, true, true);
    assert_true(runtime_reserve(world.runtime, &need, &others, &granted));
    do
        assert_int_equal(insert(&world, batches++, 1, NULL), SPINE_OK);
    while (queued_task(&world) == NULL);
    task = queued_task(&world);
    run_until_starved(&world, task);
    inputs = entry_set_sums(&task->inputs).count;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(insert(&world, batches++, 1, NULL), SPINE_OK);
    run_until_starved(&world, task);
    assert_int_equal(entry_set_sums(&task->inputs).count, inputs + 3);

    runtime_unreserve(&others);
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
    assert_false(task->starved);
    spine_get_stats(world.spine, &stats);
    assert_int_equal(stats.levels[task->level].merges, 1);
    assert_int_equal(stats.levels[task->level].merged_batches, inputs + 3);
    check_all(&world, batches);
    world_release(&world);
}

static void
find_in_file(struct entry *entry, void *context)
{
    const struct entry **const found = context;

    if (entry->batch->elsewhere)
        *found = entry;
}

/* The inputs of a merge are two batches in files and two in memory. When it was split,
 * and one of the former is what it has written, it reads more from memory. */
static void
what_was_written_does_not_hold_back_the_rest(void **state)
{
    const struct memory_need need = {.bytes = LIMIT - MIB};
    struct placement *placement;
    struct reservation others;
    struct merge_budget budget;
    struct merge_task *task;
    struct world world;
    uint64_t granted;

    (void)state;
    world_init(&world, true, true);
    placement = runtime_placement(world.runtime);
    for (uint64_t i = 0; i < 4; i++) {
        atomic_store(&placement->insert_bytes_min, i < 2 ? 1 : UINT64_MAX);
        assert_int_equal(insert(&world, i, 1, NULL), SPINE_OK);
    }
    task = &world.spine->locked.tasks[1];
    assert_int_equal(task->state, TASK_IDLE);
    entry_set_take(&world.spine->locked.loose, entries_all, 64, &task->inputs);
    assert_int_equal(entry_set_sums(&task->inputs).count, 4);
    assert_int_equal(entry_set_sums(&task->inputs).storage_count, 2);

    assert_true(runtime_reserve(world.runtime, &need, &others, &granted));
    assert_false(relief_reserve(task, &budget));
    entry_set_each(&task->inputs, entries_all, find_in_file, &task->written);
    assert_true(relief_reserve(task, &budget));
    assert_true(budget.reservation.frees);

    runtime_unreserve(&budget.reservation);
    runtime_unreserve(&others);
    task->written = NULL;
    entry_set_unite(&world.spine->locked.loose, &task->inputs);
    world_release(&world);
}

/* There is memory for two lanes where two merges fit beside what others have, and instead
 * of the one that is cut. */
static void
two_lanes_need_room_for_two(void **state)
{
    const struct memory_need half = {.bytes = LIMIT / 2, .frees = true};
    const struct memory_need quarter = {.bytes = LIMIT / 4, .frees = true};
    const struct reservation none = {.bytes = 0};
    struct reservation first;
    struct merge_task *task;
    struct world world;
    uint64_t granted;

    (void)state;
    world_init(&world, true, true);
    assert_int_equal(insert(&world, 0, 1, NULL), SPINE_OK);
    task = &world.spine->locked.tasks[1];
    entry_set_take(&world.spine->locked.loose, entries_all, 64, &task->inputs);
    assert_true(relief_has_room(task));
    assert_false(runtime_fits_twice(world.runtime, &half, &none));
    assert_true(runtime_fits_twice(world.runtime, &quarter, &none));
    assert_true(runtime_reserve(world.runtime, &half, &first, &granted));
    assert_false(runtime_fits_twice(world.runtime, &quarter, &none));
    assert_true(runtime_fits_twice(world.runtime, &quarter, &first));
    runtime_unreserve(&first);

    assert_true(runtime_reserve(
        world.runtime, &(struct memory_need){.bytes = LIMIT - MIB}, &first, &granted));
    assert_false(relief_has_room(task));
    runtime_unreserve(&first);
    entry_set_unite(&world.spine->locked.loose, &task->inputs);
    world_release(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_merge_without_room_takes_in_more),
        cmocka_unit_test(what_was_written_does_not_hold_back_the_rest),
        cmocka_unit_test(merges_that_fail_give_back),
        cmocka_unit_test(two_lanes_need_room_for_two),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
