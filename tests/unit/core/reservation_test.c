/* SPDX-License-Identifier: MIT */

/* What a merge has reserved of a memory limit is given back, however it ends. */

#include "harness/fault_alloc.h"
#include "runtime/pump.h"
#include "unit/core/pressure_world.h"

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_that_fail_give_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
