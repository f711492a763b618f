/* SPDX-License-Identifier: MIT */

/*
 * Large merges run in two lanes where the runtime has threads of its own.
 */

#include "harness/check.h"
#include "harness/lanes.h"
#include "unit/core/manual_fixture.h"

#define BATCHES 8u
#define BATCH_ROWS 90000u

struct world {
    struct spine_runtime *runtime;
    struct spine *spine;
};

static const struct spine_schema numbers = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_NONE, 0}};

/* A thread that waits is one that has nothing to do. */
static void
waiting_threads_take_a_lane(void **state)
{
    const struct spine_options tiny = {.level0_rows = 100, .only_due_merges = true};
    struct world world;
    uint64_t next = 0;

    (void)state;
    assert_int_equal(spine_runtime_open(NULL, &world.runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(world.runtime, &numbers, &tiny, &world.spine, NULL),
                     SPINE_OK);
    for (unsigned tries = 0; tries < 20 && lanes_begun(world.spine) == 0; tries++) {
        spine_pause(world.spine);
        for (unsigned i = 0; i < BATCHES; i++)
            insert_spread(world.spine, BATCH_ROWS, &next);
        spine_resume(world.spine);
        assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
    }
    assert_true(lanes_begun(world.spine) > 0);
    assert_int_equal(spine_consolidate(world.spine, NULL, NULL), SPINE_OK);
    assert_int_equal(spine_stats_of(world.spine).rows, next);
    manual_close(world.runtime, world.spine);
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiting_threads_take_a_lane),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
