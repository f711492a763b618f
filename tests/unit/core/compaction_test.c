/* SPDX-License-Identifier: MIT */

/*
 * Compactions in the background: who is told of their end, when, and in which thread.
 */

#include "unit/core/manual_fixture.h"

static const struct spine_schema numbers = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_NONE, 0}};

struct world {
    struct spine_runtime *runtime;
    struct spine *spine;
    unsigned reports;
    enum spine_status status;
    /* Reports that ask for the next compaction; calls of on_done that are under way, and
     * the most there were. */
    unsigned again;
    unsigned depth;
    unsigned depth_max;
};

static void
world_open(struct world *world)
{
    *world = (struct world){0};
    manual_open(&numbers, NULL, &world->runtime, &world->spine);
}

static void
world_close(struct world *world)
{
    spine_close(world->spine);
    spine_runtime_close(world->runtime);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
insert(struct world *world, uint64_t key)
{
    const struct spine_columns columns = {.rows = 1, .keys = &key};

    insert_columns(world->spine, &columns);
}

static void
on_done(void *context, enum spine_status status)
{
    struct world *world = context;

    world->reports++;
    world->status = status;
    world->depth++;
    if (world->depth > world->depth_max)
        world->depth_max = world->depth;
    if (world->again > 0) {
        world->again--;
        assert_int_equal(spine_compact(world->spine, on_done, world, NULL), SPINE_OK);
    }
    world->depth--;
}

static void
compact(struct world *world)
{
    assert_int_equal(spine_compact(world->spine, on_done, world, NULL), SPINE_OK);
}

/* Runs all there is to run. */
static void
run(struct world *world)
{
    while (spine_runtime_run(world->runtime, UINT64_MAX) > 0)
        ;
}

static void
nothing_to_merge_is_reported_by_the_runtime(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    compact(&world);
    assert_int_equal(world.reports, 0);
    run(&world);
    assert_int_equal(world.reports, 1);
    insert(&world, 1);
    compact(&world);
    assert_int_equal(world.reports, 1);
    run(&world);
    assert_int_equal(world.reports, 2);
    assert_int_equal(world.status, SPINE_OK);
    world_close(&world);
}

/* A compaction of one batch, asked for in a pause, can end in any call. */
static void
no_other_call_reports(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    insert(&world, 1);
    spine_pause(world.spine);
    compact(&world);
    run(&world);
    assert_int_equal(world.reports, 0);
    spine_resume(world.spine);
    spine_retry(world.spine);
    insert(&world, 2);
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
    assert_int_equal(spine_insert_wait(world.spine, UINT64_MAX, NULL), SPINE_OK);
    compact(&world);
    assert_int_equal(spine_consolidate(world.spine, NULL, NULL), SPINE_OK);
    assert_int_equal(world.reports, 0);
    run(&world);
    assert_int_equal(world.reports, 2);
    world_close(&world);
}

static void
a_report_may_ask_again(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    insert(&world, 1);
    world.again = 100000;
    compact(&world);
    assert_int_equal(spine_runtime_run(world.runtime, 10), 10);
    assert_int_equal(world.reports, 10);
    run(&world);
    assert_int_equal(world.reports, 100001);
    assert_int_equal(world.depth_max, 1);
    world_close(&world);
}

static void
closing_reports_what_nobody_ran(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    compact(&world);
    spine_close(world.spine);
    assert_int_equal(world.reports, 1);
    assert_int_equal(world.status, SPINE_OK);
    assert_int_equal(spine_open(world.runtime, &numbers, NULL, &world.spine, NULL),
                     SPINE_OK);
    compact(&world);
    spine_runtime_close(world.runtime);
    world.runtime = NULL;
    assert_int_equal(world.reports, 2);
    world_close(&world);
}

static void
closing_the_runtime_cancels(void **state)
{
    struct world world;
    struct spine_error error = {0};

    (void)state;
    world_open(&world);
    for (uint64_t key = 0; key < 30; key++)
        insert(&world, key);
    /* One is under way, one waits for it. */
    compact(&world);
    assert_int_equal(spine_runtime_run(world.runtime, 1), 1);
    insert(&world, 30);
    compact(&world);
    spine_runtime_close(world.runtime);
    world.runtime = NULL;
    assert_int_equal(world.reports, 2);
    assert_int_equal(world.status, SPINE_CANCELLED);
    assert_int_equal(spine_compact(world.spine, on_done, &world, &error),
                     SPINE_CANCELLED);
    assert_int_equal(error.status, SPINE_CANCELLED);
    assert_int_equal(spine_check(world.spine, NULL), SPINE_OK);
    assert_int_equal(spine_consolidate(world.spine, NULL, NULL), SPINE_CANCELLED);
    spine_close(world.spine);
    world.spine = NULL;
    assert_int_equal(world.reports, 2);
    world_close(&world);
}

static struct spine_stats
stats_of(const struct world *world)
{
    return spine_stats_of(world->spine);
}

static void
requests_share_a_compaction(void **state)
{
    enum { REQUESTS = 40000 };
    struct world world;

    (void)state;
    world_open(&world);
    for (uint64_t key = 0; key < 5; key++)
        insert(&world, key);
    spine_pause(world.spine);
    for (unsigned i = 0; i < REQUESTS; i++)
        compact(&world);
    spine_resume(world.spine);
    assert_int_equal(spine_runtime_run(world.runtime, 5), 5);
    assert_int_equal(stats_of(&world).merges, 1);
    assert_int_equal(stats_of(&world).batches, 1);
    assert_int_equal(world.reports, 0);
    /* Reports are work, too: no slice makes many. */
    for (unsigned i = 1; i <= 10; i++) {
        assert_int_equal(spine_runtime_run(world.runtime, 10), 10);
        assert_int_equal(world.reports, 10 * i);
    }
    run(&world);
    assert_int_equal(world.reports, REQUESTS);
    assert_int_equal(world.status, SPINE_OK);
    assert_int_equal(stats_of(&world).merges, 1);
    world_close(&world);
}

static void
a_request_joins_the_one_that_has_everything(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    for (uint64_t key = 0; key < 5; key++)
        insert(&world, key);
    compact(&world);
    for (unsigned i = 0; i < 100; i++)
        compact(&world);
    /* It has not got this one, which is for the next, whoever asks. */
    insert(&world, 5);
    for (unsigned i = 0; i < 100; i++)
        compact(&world);
    insert(&world, 6);
    for (unsigned i = 0; i < 100; i++)
        compact(&world);
    run(&world);
    assert_int_equal(world.reports, 301);
    assert_int_equal(world.status, SPINE_OK);
    assert_int_equal(stats_of(&world).merges, 2);
    assert_int_equal(stats_of(&world).batches, 1);
    world_close(&world);
}

static bool
key_is_odd(void *context, union spine_datum key)
{
    (void)context;
    return key.u64 % 2 == 1;
}

/* A compaction under way does not do what was asked for since it began. */
static void
a_filter_that_came_later_is_for_the_next(void **state)
{
    const struct spine_key_filter odd = {.name = "odd", .on_key = key_is_odd};
    struct world world;

    (void)state;
    world_open(&world);
    for (uint64_t key = 0; key < 5; key++)
        insert(&world, key);
    compact(&world);
    assert_int_equal(spine_retain_keys(world.spine, &odd, NULL), SPINE_OK);
    compact(&world);
    run(&world);
    assert_int_equal(world.reports, 2);
    assert_int_equal(stats_of(&world).rows, 2);
    world_close(&world);
}

static void
a_frontier_that_came_later_is_for_the_next(void **state)
{
    const struct spine_schema timed = {
        .key = {SPINE_U64, 0}, .value = {SPINE_NONE, 0}, .time = SPINE_TIME_U64};
    struct world world;

    (void)state;
    world_open(&world);
    spine_close(world.spine);
    assert_int_equal(spine_open(world.runtime, &timed, NULL, &world.spine, NULL),
                     SPINE_OK);
    for (uint64_t time = 0; time < 5; time++) {
        const uint64_t key = 1;
        const struct spine_columns columns = {.rows = 1, .keys = &key, .times = &time};
        struct spine_batch *batch;

        assert_int_equal(spine_batch_from_columns(&timed, &columns, &batch, NULL),
                         SPINE_OK);
        assert_int_equal(spine_insert(world.spine, batch, NULL), SPINE_OK);
        spine_batch_unref(batch);
    }
    compact(&world);
    assert_int_equal(spine_set_frontier(world.spine, 3, NULL), SPINE_OK);
    compact(&world);
    run(&world);
    assert_int_equal(world.reports, 2);
    assert_int_equal(stats_of(&world).rows, 2);
    world_close(&world);
}

/* Levels merge whatever came in, however many compactions wait. */
static void
requests_do_not_keep_batches_apart(void **state)
{
    enum { ROWS = 64000, LIMIT = 128 };
    static uint64_t keys[ROWS];
    struct world world;
    uint64_t batches_max = 0;

    (void)state;
    world_open(&world);
    for (uint64_t i = 0; i < 2; i++) {
        const struct spine_columns columns = {.rows = ROWS, .keys = keys};
        struct spine_batch *batch;

        for (uint64_t k = 0; k < ROWS; k++)
            keys[k] = 2 * k + i;
        assert_int_equal(spine_batch_from_columns(&numbers, &columns, &batch, NULL),
                         SPINE_OK);
        assert_int_equal(spine_insert(world.spine, batch, NULL), SPINE_OK);
        spine_batch_unref(batch);
    }
    compact(&world);
    for (uint64_t i = 0; i < 400; i++) {
        insert(&world, 4 * ROWS + i);
        compact(&world);
        if (i % 8 == 7)
            (void)spine_runtime_run(world.runtime, 8);
        if (stats_of(&world).batches > batches_max)
            batches_max = stats_of(&world).batches;
    }
    assert_in_range(batches_max, 3, LIMIT);
    assert_int_equal(spine_check(world.spine, NULL), SPINE_OK);
    run(&world);
    assert_int_equal(world.reports, 401);
    assert_int_equal(stats_of(&world).batches, 1);
    world_close(&world);
}

static void
closing_reports_every_request(void **state)
{
    struct world world;

    (void)state;
    world_open(&world);
    insert(&world, 1);
    insert(&world, 2);
    for (unsigned i = 0; i < 1000; i++)
        compact(&world);
    insert(&world, 3);
    for (unsigned i = 0; i < 1000; i++)
        compact(&world);
    spine_close(world.spine);
    world.spine = NULL;
    assert_int_equal(world.reports, 2000);
    assert_int_equal(world.status, SPINE_CANCELLED);
    world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_to_merge_is_reported_by_the_runtime),
        cmocka_unit_test(no_other_call_reports),
        cmocka_unit_test(a_report_may_ask_again),
        cmocka_unit_test(closing_reports_what_nobody_ran),
        cmocka_unit_test(closing_the_runtime_cancels),
        cmocka_unit_test(requests_share_a_compaction),
        cmocka_unit_test(a_request_joins_the_one_that_has_everything),
        cmocka_unit_test(a_filter_that_came_later_is_for_the_next),
        cmocka_unit_test(a_frontier_that_came_later_is_for_the_next),
        cmocka_unit_test(requests_do_not_keep_batches_apart),
        cmocka_unit_test(closing_reports_every_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
