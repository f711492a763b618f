/* SPDX-License-Identifier: MIT */

/*
 * Merges that wait for more batches while a flood lasts, and what ends it.
 */

#include "core.h"
#include "harness/flood.h"
#include "unit/core/manual_fixture.h"

static const struct spine_schema numbers = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_NONE, 0}};

struct world {
    struct spine_runtime *runtime;
    struct spine *spine;
    uint64_t rows;
};

static void
world_open(struct world *world, const struct spine_options *options)
{
    *world = (struct world){0};
    manual_open(&numbers, options, &world->runtime, &world->spine);
    flood_force(world->spine, true);
}

/* The spine is as it should be, and goes. */
static void
world_close(struct world *world)
{
    assert_int_equal(spine_stats_of(world->spine).rows, world->rows);
    manual_close(world->runtime, world->spine);
}

/* So many batches of `rows` new keys each. */
static void
insert(struct world *world, unsigned batches, size_t rows)
{
    for (unsigned i = 0; i < batches; i++)
        insert_spread(world->spine, rows, &world->rows);
}

static void
assert_batches(const struct world *world, size_t merging, size_t all)
{
    const struct spine_stats stats = spine_stats_of(world->spine);

    assert_int_equal(stats.merging_batches, merging);
    assert_int_equal(stats.batches, all);
}

static void
merges_wait_for_more(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, NULL);
    insert(&world, 31, 10);
    assert_batches(&world, 0, 31);
    insert(&world, 1, 10);
    assert_batches(&world, 32, 32);
    /* Another one begins beside it, and takes no more than that, either. */
    insert(&world, 31, 10);
    assert_batches(&world, 32, 63);
    insert(&world, 1, 10);
    assert_batches(&world, 64, 64);
    insert(&world, 40, 10);
    assert_batches(&world, 64, 104);
    (void)spine_runtime_run(world.runtime, 320);
    assert_batches(&world, 64, 73);
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
    world_close(&world);
}

/* Two jobs of one spine: the thread that inserts helps by one that no other has. */
static void
half_of_what_inserts_wait_for_does_not_wait(void **state)
{
    const struct spine_options options = {.backpressure_batches = 32};
    struct world world;

    (void)state;
    world_open(&world, &options);
    insert(&world, 15, 10);
    assert_batches(&world, 0, 15);
    insert(&world, 1, 10);
    assert_true(spine_stats_of(world.spine).merging_batches == 16 ||
                spine_stats_of(world.spine).merges == 1);
    /* It never stands still. */
    insert(&world, 200, 10);
    world_close(&world);
}

static void
a_snapshot_ends_it(void **state)
{
    struct world world;
    struct spine_snapshot *snapshot;

    (void)state;
    world_open(&world, NULL);
    insert(&world, 8, 10);
    assert_true(flood_lasts(world.spine));
    flood_force(world.spine, false);
    assert_int_equal(spine_take_snapshot(world.spine, &snapshot, NULL), SPINE_OK);
    spine_snapshot_unref(snapshot);
    assert_false(flood_lasts(world.spine));
    assert_batches(&world, 0, 8);
    insert(&world, 1, 10);
    assert_batches(&world, 9, 9);
    world_close(&world);
}

static void
who_waits_for_merges_ends_it(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, NULL);
    insert(&world, 9, 10);
    assert_batches(&world, 0, 9);
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
    assert_batches(&world, 0, 1);
    assert_int_equal(spine_stats_of(world.spine).merges, 1);
    world_close(&world);
}

/* It looks twice, some milliseconds apart. */
static void
the_scout_ends_it_when_nothing_comes_in(void **state)
{
    const uint64_t begin_ns = clock_now_ns();
    struct world world;

    (void)state;
    world_open(&world, NULL);
    insert(&world, 9, 10);
    while (spine_stats_of(world.spine).merges == 0) {
        (void)spine_runtime_run(world.runtime, UINT64_MAX);
        assert_true(clock_now_ns() - begin_ns < UINT64_C(60000000000));
    }
    assert_batches(&world, 0, 1);
    assert_false(flood_lasts(world.spine));
    /* It was due. */
    assert_int_equal(spine_stats_of(world.spine).ahead_merges, 0);
    world_close(&world);
}

static bool
keep(void *context, union spine_datum key)
{
    (void)context;
    (void)key;
    return true;
}

static void
what_cancels_or_is_rejected_ends_it(void **state)
{
    static const uint64_t key = 7;
    static const int64_t minus = -1;
    const struct spine_columns retraction = {.rows = 1, .keys = &key, .weights = &minus};
    const struct spine_key_filter all = {.on_key = keep};
    struct world world;

    (void)state;
    world_open(&world, NULL);
    insert(&world, 8, 10);
    assert_true(flood_lasts(world.spine));
    insert_columns(world.spine, &retraction);
    world.rows++;
    assert_false(flood_lasts(world.spine));
    assert_batches(&world, 9, 9);
    insert(&world, 1, 10);
    assert_true(flood_lasts(world.spine));
    assert_int_equal(spine_retain_keys(world.spine, &all, NULL), SPINE_OK);
    insert(&world, 1, 10);
    assert_false(flood_lasts(world.spine));
    world_close(&world);
}

static void
what_has_no_scout_has_no_flood(void **state)
{
    const struct spine_options options = {.only_due_merges = true};
    struct world world;

    (void)state;
    world_open(&world, &options);
    insert(&world, 8, 10);
    assert_batches(&world, 8, 8);
    (void)spine_runtime_run(world.runtime, UINT64_MAX);
    world_close(&world);
}

/* Eight batches would become the third of level 2. */
static void
levels_that_become_due_merge_with_the_one_below(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, NULL);
    insert(&world, 2, 100000);
    insert(&world, 1, 20000);
    insert(&world, 8, 13000);
    assert_batches(&world, 0, 11);
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
    assert_batches(&world, 0, 1);
    assert_int_equal(spine_stats_of(world.spine).merges, 1);
    assert_int_equal(spine_stats_of(world.spine).levels[2].merges, 1);
    /* Level 2 has one, so this does not. */
    insert(&world, 8, 13000);
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
    assert_batches(&world, 0, 2);
    assert_int_equal(spine_stats_of(world.spine).levels[0].merges, 1);
    world_close(&world);
}

static void
a_spine_may_close_in_a_flood(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, NULL);
    insert(&world, 9, 10);
    /* The scout waits. */
    (void)spine_runtime_run(world.runtime, UINT64_MAX);
    world_close(&world);
}

/* Nothing is forced; a thread merges. */
static void
world_open_measured(struct world *world)
{
    const struct spine_runtime_options one = {.slices_max = 1};

    *world = (struct world){0};
    assert_int_equal(spine_runtime_open(&one, &world->runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(world->runtime, &numbers, NULL, &world->spine, NULL),
                     SPINE_OK);
}

static void
more_than_a_thread_can_merge_is_a_flood(void **state)
{
    struct world world;
    bool was_on = false;

    (void)state;
    world_open_measured(&world);
    for (unsigned i = 0; i < 2000 && !was_on; i++) {
        insert(&world, 1, 10000);
        was_on = flood_lasts(world.spine);
    }
    assert_true(was_on);
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
    world_close(&world);
}

/* What 65,536 inserts before these had, which is as many as are counted. */
static void
few_rows_are_forgotten(void **state)
{
    struct world world;

    (void)state;
    world_open_measured(&world);
    mutex_lock(&world.spine->mutex);
    world.spine->locked.flood.rows = 200000;
    flood_insert_locked(world.spine, &(struct spine_batch_info){.rows = 10});
    assert_int_equal(world.spine->locked.flood.rows, 10);
    mutex_unlock(&world.spine->mutex);
    world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_wait_for_more),
        cmocka_unit_test(half_of_what_inserts_wait_for_does_not_wait),
        cmocka_unit_test(a_snapshot_ends_it),
        cmocka_unit_test(who_waits_for_merges_ends_it),
        cmocka_unit_test(the_scout_ends_it_when_nothing_comes_in),
        cmocka_unit_test(what_cancels_or_is_rejected_ends_it),
        cmocka_unit_test(what_has_no_scout_has_no_flood),
        cmocka_unit_test(levels_that_become_due_merge_with_the_one_below),
        cmocka_unit_test(a_spine_may_close_in_a_flood),
        cmocka_unit_test(more_than_a_thread_can_merge_is_a_flood),
        cmocka_unit_test(few_rows_are_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
