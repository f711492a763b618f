/* SPDX-License-Identifier: MIT */

/* How waits end: by what they wait for, by time, by an error, or because it never will
 * be. */

#include "base/thread.h"
#include "harness/fault_alloc.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)
#define FULL 4u

static const struct spine_schema schema = {.key = {SPINE_U64, 0}};

/* A spine of a runtime without threads, with room for FULL batches. */
struct world {
    struct spine_runtime *runtime;
    struct spine *spine;
    uint64_t key;
};

static void
world_init(struct world *world)
{
    const struct spine_runtime_options manual = {.manual = true};
    const struct spine_options options = {.level0_rows = 1000,
                                          .backpressure_batches = FULL,
                                          .help_batches = UINT32_MAX,
                                          .only_due_merges = true,
                                          .retry_ms = 1};

    *world = (struct world){0};
    assert_int_equal(spine_runtime_open(&manual, &world->runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(world->runtime, &schema, &options, &world->spine, NULL),
                     SPINE_OK);
}

static enum spine_status
try_insert(struct world *world)
{
    const struct spine_columns columns = {.rows = 1, .keys = &world->key};
    struct spine_batch *batch;
    enum spine_status st;

    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    st = spine_try_insert(world->spine, batch, NULL);
    spine_batch_unref(batch);
    world->key++;
    return st;
}

/* Inserts until there is backpressure. */
static void
fill(struct world *world)
{
    unsigned inserts = 0;

    while (try_insert(world) == SPINE_OK)
        assert_true(++inserts < 1000);
    assert_int_equal(try_insert(world), SPINE_BUSY);
}

static void
world_release(struct world *world)
{
    spine_close(world->spine);
    spine_runtime_close(world->runtime);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

/* What is so already needs no time, and no error is told. */
static void
nothing_to_wait_for_needs_no_time(void **state)
{
    struct spine_error error = {0};
    struct world world;

    (void)state;
    world_init(&world);
    assert_int_equal(spine_insert_wait(world.spine, 0, &error), SPINE_OK);
    assert_int_equal(spine_wait_idle(world.spine, 0, &error), SPINE_OK);
    assert_int_equal(error.status, SPINE_OK);
    assert_int_equal(error.message[0], '\0');
    world_release(&world);
}

/* No time: no merge runs, and the caller is told so. */
static void
no_time_is_a_look(void **state)
{
    struct spine_error error = {0};
    struct world world;
    struct spine_stats stats;

    (void)state;
    world_init(&world);
    fill(&world);
    assert_int_equal(spine_insert_wait(world.spine, 0, &error), SPINE_TIMEOUT);
    assert_int_equal(error.status, SPINE_TIMEOUT);
    assert_true(error.message[0] != '\0');
    assert_int_equal(spine_wait_idle(world.spine, 0, &error), SPINE_TIMEOUT);
    spine_get_stats(world.spine, &stats);
    assert_int_equal(stats.merges, 0);
    world_release(&world);
}

/* A waiting thread merges itself: waits end in a runtime that has no thread. */
static void
waiting_threads_merge(void **state)
{
    struct world world;
    struct spine_stats stats;

    (void)state;
    world_init(&world);
    fill(&world);
    assert_int_equal(spine_insert_wait(world.spine, UINT64_MAX, NULL), SPINE_OK);
    assert_int_equal(try_insert(&world), SPINE_OK);
    fill(&world);
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
    assert_int_equal(spine_wait_idle(world.spine, 0, NULL), SPINE_OK);
    spine_get_stats(world.spine, &stats);
    assert_true(stats.merges > 0);
    assert_true(stats.backpressure_waits > 0);
    world_release(&world);
}

/* While paused nothing runs, so the spine is as idle as it gets; inserts never wait. */
static void
a_paused_spine_is_idle(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    fill(&world);
    spine_pause(world.spine);
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
    assert_int_equal(spine_insert_wait(world.spine, 0, NULL), SPINE_OK);
    assert_int_equal(try_insert(&world), SPINE_OK);
    spine_resume(world.spine);
    assert_int_equal(spine_wait_idle(world.spine, 0, NULL), SPINE_TIMEOUT);
    world_release(&world);
}

/* Once the runtime is closed nothing will ever merge. */
static void
a_closed_runtime_cancels(void **state)
{
    struct spine_error error = {0};
    struct world world;

    (void)state;
    world_init(&world);
    fill(&world);
    spine_runtime_close(world.runtime);
    assert_int_equal(spine_insert_wait(world.spine, UINT64_MAX, &error), SPINE_CANCELLED);
    assert_non_null(strstr(error.message, "runtime"));
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, &error), SPINE_CANCELLED);
    spine_close(world.spine);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

/* A sticky error ends waits with its message until it is cleared. */
static void
a_sticky_error_is_told(void **state)
{
    struct spine_error error = {0};
    struct world world;

    (void)state;
    world_init(&world);
    fill(&world);
    fault_alloc_arm(FAULT_FOREVER, 1);
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, &error), SPINE_NOMEM);
    fault_alloc_disarm();
    assert_non_null(strstr(error.message, "memory"));
    error = (struct spine_error){0};
    assert_int_equal(spine_insert_wait(world.spine, UINT64_MAX, &error), SPINE_NOMEM);
    assert_non_null(strstr(error.message, "memory"));
    spine_retry(world.spine);
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, &error), SPINE_OK);
    world_release(&world);
}

/* Whose merges fail for want of memory waits for the next try, not longer than told. */
static void
a_wait_for_the_next_try_is_bounded(void **state)
{
    const struct spine_runtime_options manual = {.manual = true};
    const struct spine_options options = {
        .level0_rows = 1000, .backpressure_batches = FULL, .only_due_merges = true};
    struct world world = {0};
    uint64_t begin_ns;

    (void)state;
    assert_int_equal(spine_runtime_open(&manual, &world.runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(world.runtime, &schema, &options, &world.spine, NULL),
                     SPINE_OK);
    fill(&world);
    fault_alloc_arm(FAULT_FOREVER, 1);
    begin_ns = clock_now_ns();
    assert_int_equal(spine_wait_idle(world.spine, 20 * MS, NULL), SPINE_TIMEOUT);
    assert_true(clock_now_ns() - begin_ns >= 20 * MS);
    fault_alloc_disarm();
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
    world_release(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_to_wait_for_needs_no_time),
        cmocka_unit_test(no_time_is_a_look),
        cmocka_unit_test(waiting_threads_merge),
        cmocka_unit_test(a_paused_spine_is_idle),
        cmocka_unit_test(a_closed_runtime_cancels),
        cmocka_unit_test(a_sticky_error_is_told),
        cmocka_unit_test(a_wait_for_the_next_try_is_bounded),
    };

    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
