/* SPDX-License-Identifier: MIT */

/*
 * Large merges run in two lanes where the runtime has threads of its own.
 */

#include "harness/check.h"
#include "harness/lanes.h"
#include "spine/store.h"
#include "store/store_state.h"
#include "unit/core/manual_fixture.h"

#define BATCHES 8u
#define BATCH_ROWS 90000u

struct world {
    struct spine_runtime *runtime;
    struct spine *spine;
};

static const struct spine_schema numbers = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_NONE, 0}};

/* A thread that waits is one that has nothing to do. `store`: where merges write to, or
 * NULL. */
static void
wait_for_lanes(struct spine_store *store)
{
    const struct spine_runtime_options options = {.store = store, .min_storage_bytes = 1};
    const struct spine_options tiny = {.level0_rows = 100, .only_due_merges = true};
    struct store_counts counts = {.files = 0};
    struct world world;
    uint64_t next = 0;

    assert_int_equal(spine_runtime_open(&options, &world.runtime, NULL), SPINE_OK);
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
    if (store != NULL)
        store_counts(store, &counts);
    assert_int_equal(counts.files > 0, store != NULL);
    manual_close(world.runtime, world.spine);
}

static void
waiting_threads_take_a_lane(void **state)
{
    (void)state;
    wait_for_lanes(NULL);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
waiting_threads_take_a_lane_of_files(void **state)
{
    struct spine_backend backend;
    struct spine_store *store;

    (void)state;
    assert_int_equal(spine_memory_backend(&backend, NULL), SPINE_OK);
    assert_int_equal(spine_store_open(&backend, NULL, &store, NULL), SPINE_OK);
    wait_for_lanes(store);
    spine_store_close(store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiting_threads_take_a_lane),
        cmocka_unit_test(waiting_threads_take_a_lane_of_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
