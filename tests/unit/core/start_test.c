/* SPDX-License-Identifier: MIT */

/*
 * Merges across levels: ahead, when nothing is due, and by the bottom rule.
 */

#include "core.h"
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
}

/* The spine is as it should be, and goes. */
static void
world_close(struct world *world)
{
    struct spine_stats stats;

    spine_get_stats(world->spine, &stats);
    assert_int_equal(stats.rows, world->rows);
    manual_close(world->runtime, world->spine);
}

/* A batch of `rows` new keys. */
static void
insert(struct world *world, size_t rows)
{
    insert_spread(world->spine, rows, &world->rows);
}

static struct spine_stats
stats_of(const struct world *world)
{
    return spine_stats_of(world->spine);
}

static void
a_runtime_without_work_merges_ahead(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, NULL);
    insert(&world, 10);
    assert_int_equal(spine_runtime_run(world.runtime, UINT64_MAX), 0);
    insert(&world, 10);
    assert_int_equal(stats_of(&world).batches, 2);
    assert_int_equal(spine_runtime_run(world.runtime, UINT64_MAX), 20);
    assert_int_equal(spine_runtime_run(world.runtime, UINT64_MAX), 0);
    assert_int_equal(stats_of(&world).batches, 1);
    assert_int_equal(stats_of(&world).merges, 1);
    assert_int_equal(stats_of(&world).ahead_merges, 1);
    assert_int_equal(stats_of(&world).ahead_rows_out, 20);
    /* More than four times as large: it stays. */
    insert(&world, 81);
    assert_int_equal(spine_runtime_run(world.runtime, UINT64_MAX), 0);
    assert_int_equal(stats_of(&world).batches, 2);
    world_close(&world);
}

static void
batches_of_all_levels_merge(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, NULL);
    insert(&world, 200000);
    insert(&world, 50000);
    insert(&world, 20000);
    insert(&world, 5000);
    assert_int_equal(stats_of(&world).levels[0].loose_batches, 1);
    assert_int_equal(stats_of(&world).levels[1].loose_batches, 2);
    assert_int_equal(stats_of(&world).levels[2].loose_batches, 1);
    (void)spine_runtime_run(world.runtime, 30000);
    assert_int_equal(stats_of(&world).batches, 4);
    assert_int_equal(stats_of(&world).levels[0].merging_batches, 1);
    assert_int_equal(stats_of(&world).levels[1].merging_batches, 2);
    assert_int_equal(stats_of(&world).levels[2].merging_batches, 1);
    assert_int_equal(spine_check(world.spine, NULL), SPINE_OK);
    /* A compaction wants them back, each on its level. */
    assert_int_equal(spine_compact(world.spine, NULL, NULL, NULL), SPINE_OK);
    assert_int_equal(stats_of(&world).levels[1].merging_batches, 2);
    (void)spine_runtime_run(world.runtime, UINT64_MAX);
    assert_int_equal(stats_of(&world).batches, 1);
    assert_int_equal(stats_of(&world).ahead_merges, 0);
    world_close(&world);
}

static void
given_back_batches_are_where_they_were(void **state)
{
    struct world world;
    struct spine *fork;

    (void)state;
    world_open(&world, NULL);
    insert(&world, 200000);
    insert(&world, 50000);
    insert(&world, 14000);
    (void)spine_runtime_run(world.runtime, 30000);
    assert_int_equal(stats_of(&world).levels[0].merging_batches, 1);
    /* A paused spine lets its merges rest; a fork of it has all batches. */
    spine_pause(world.spine);
    assert_int_equal(spine_fork(world.spine, &fork, NULL), SPINE_OK);
    assert_true(spine_runtime_run(world.runtime, UINT64_MAX) > 0); /* the fork's */
    assert_int_equal(stats_of(&world).merges, 0);
    spine_close(fork);
    assert_int_equal(spine_compact(world.spine, NULL, NULL, NULL), SPINE_OK);
    spine_resume(world.spine);
    insert(&world, 14000);
    assert_int_equal(stats_of(&world).levels[0].merging_batches, 1);
    assert_int_equal(stats_of(&world).levels[0].loose_batches, 1);
    (void)spine_runtime_run(world.runtime, UINT64_MAX);
    assert_int_equal(stats_of(&world).batches, 2);
    world_close(&world);
}

static void
due_merges_come_first(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, NULL);
    for (int i = 0; i < 7; i++)
        insert(&world, 14000);
    (void)spine_runtime_run(world.runtime, 30000);
    assert_int_equal(stats_of(&world).levels[0].merging_batches, 7);
    /* Eight more are due; they wait for the task, which hurries. */
    for (int i = 0; i < 8; i++)
        insert(&world, 10);
    assert_int_equal(stats_of(&world).levels[0].loose_batches, 8);
    while (stats_of(&world).ahead_merges == 0)
        assert_true(spine_runtime_run(world.runtime, 1) > 0);
    assert_int_equal(stats_of(&world).levels[0].merging_batches, 8);
    (void)spine_runtime_run(world.runtime, UINT64_MAX);
    assert_int_equal(stats_of(&world).merges, 2);
    assert_int_equal(stats_of(&world).ahead_merges, 1);
    assert_int_equal(stats_of(&world).batches, 2);
    world_close(&world);
}

static void
merges_ahead_do_not_hold_back_inserts(void **state)
{
    const struct spine_options options = {.backpressure_batches = 2,
                                          .help_batches = UINT32_MAX};
    struct world world;

    (void)state;
    world_open(&world, &options);
    insert(&world, 14000);
    insert(&world, 14000);
    (void)spine_runtime_run(world.runtime, 10000);
    assert_int_equal(stats_of(&world).levels[0].merging_batches, 2);
    for (int i = 0; i < 3; i++)
        insert(&world, 10);
    assert_int_equal(stats_of(&world).backpressure_waits, 0);
    assert_int_equal(stats_of(&world).merges, 0);
    world_close(&world);
}

static void
only_merges_that_make_room_hold_back_inserts(void **state)
{
    const struct spine_options options = {
        .backpressure_batches = 5, .help_batches = UINT32_MAX, .only_due_merges = true};
    struct world world;

    (void)state;
    world_open(&world, &options);
    insert(&world, 64000);
    insert(&world, 64000);
    assert_int_equal(spine_compact(world.spine, NULL, NULL, NULL), SPINE_OK);
    (void)spine_runtime_run(world.runtime, 1);
    for (int i = 0; i < 7; i++)
        insert(&world, 10);
    assert_int_equal(stats_of(&world).backpressure_waits, 0);
    assert_int_equal(stats_of(&world).merges, 0);
    /* Eight are due, which begin at once; eight more wait for them. */
    for (int i = 0; i < 16; i++)
        insert(&world, 10);
    assert_int_equal(stats_of(&world).backpressure_waits, 1);
    world_close(&world);
}

static void
waiting_for_idleness_ends(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, NULL);
    insert(&world, 14000);
    insert(&world, 14000);
    /* Nothing is due, and nothing starts for him who waits. */
    assert_int_equal(spine_wait_idle(world.spine, 0, NULL), SPINE_OK);
    assert_int_equal(stats_of(&world).batches, 2);
    assert_true(spine_runtime_run(world.runtime, 1) > 0);
    assert_int_equal(stats_of(&world).levels[0].merging_batches, 2);
    /* What runs is waited for. */
    assert_int_equal(spine_wait_idle(world.spine, 0, NULL), SPINE_TIMEOUT);
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
    assert_int_equal(stats_of(&world).batches, 1);
    world_close(&world);
}

static void
only_what_is_due_merges_if_told_so(void **state)
{
    const struct spine_options options = {.only_due_merges = true};
    struct world world;

    (void)state;
    world_open(&world, &options);
    for (int i = 0; i < 7; i++)
        insert(&world, 10);
    assert_int_equal(spine_runtime_run(world.runtime, UINT64_MAX), 0);
    assert_int_equal(stats_of(&world).batches, 7);
    world_close(&world);
}

/* Retracts `rows` rows from the number `first` on. */
static void
retract(struct world *world, uint64_t first, size_t rows)
{
    static uint64_t keys[100000];
    static int64_t weights[100000];
    const struct spine_columns columns = {.rows = rows, .keys = keys, .weights = weights};

    for (size_t i = 0; i < rows; i++) {
        keys[i] = (first + i) * UINT64_C(0x9E3779B97F4A7C15);
        weights[i] = -1;
    }
    insert_columns(world->spine, &columns);
}

static void
retractions_meet_the_largest_batch(void **state)
{
    const struct spine_options options = {.only_due_merges = true};
    struct world world;

    (void)state;
    world_open(&world, &options);
    insert(&world, 64000);
    retract(&world, 0, 8000);
    retract(&world, 8000, 8000);
    insert(&world, 999);
    insert(&world, 1000);
    assert_int_equal(spine_runtime_run(world.runtime, UINT64_MAX), 0);
    /* A merge with the largest batch would leave this out, so it does not count. */
    retract(&world, 16000, 1);
    assert_int_equal(spine_runtime_run(world.runtime, UINT64_MAX), 0);
    retract(&world, 16001, 1000);
    assert_int_equal(stats_of(&world).levels[0].merging_batches, 4);
    assert_int_equal(stats_of(&world).levels[1].merging_batches, 1);
    /* Too small to be worth it. */
    assert_int_equal(stats_of(&world).levels[0].loose_batches, 2);
    assert_int_equal(spine_check(world.spine, NULL), SPINE_OK);
    (void)spine_runtime_run(world.runtime, UINT64_MAX);
    assert_int_equal(stats_of(&world).batches, 3);
    assert_int_equal(stats_of(&world).ahead_merges, 0);
    world.rows = 64000 - 17000 + 1000 + 999 + 1;
    world_close(&world);
}

static void
small_retractions_wait_for_each_other(void **state)
{
    const struct spine_options options = {
        .only_due_merges = true, .backpressure_batches = 100, .help_batches = 100};
    struct world world;

    (void)state;
    world_open(&world, &options);
    insert(&world, 64000);
    /* Eight are to merge; those that wait for them are too small for the largest. */
    for (uint64_t i = 0; i < 25; i++)
        retract(&world, 999 * i, 999);
    assert_int_equal(stats_of(&world).levels[0].merging_batches, 8);
    assert_int_equal(stats_of(&world).levels[0].loose_batches, 17);
    assert_int_equal(stats_of(&world).levels[1].merging_batches, 0);
    (void)spine_runtime_run(world.runtime, UINT64_MAX);
    assert_int_equal(stats_of(&world).levels[1].merges, 1);
    world.rows = 64000 - 25 * 999;
    assert_int_equal(spine_compact(world.spine, NULL, NULL, NULL), SPINE_OK);
    (void)spine_runtime_run(world.runtime, UINT64_MAX);
    world_close(&world);
}

static void
the_bottom_rule_is_in_haste(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, NULL);
    insert(&world, 64000);
    insert(&world, 10);
    retract(&world, 0, 10000);
    retract(&world, 10000, 10000);
    assert_int_equal(stats_of(&world).levels[1].merging_batches, 1);
    for (int i = 0; i < 8; i++)
        insert(&world, 4000);
    assert_int_equal(stats_of(&world).levels[0].merging_batches, 2 + 8);
    while (stats_of(&world).merges == 0)
        assert_true(spine_runtime_run(world.runtime, 1) > 0);
    assert_int_equal(stats_of(&world).levels[1].merges, 1);
    assert_int_equal(stats_of(&world).levels[0].merges, 0);
    (void)spine_runtime_run(world.runtime, UINT64_MAX);
    world.rows = 64000 - 20000 + 10 + 8 * 4000;
    world_close(&world);
}

static void
the_bottom_rule_does_not_wait_for_spare_time(void **state)
{
    struct world world;
    struct world other = {0};

    (void)state;
    world_open(&world, NULL);
    insert(&world, 20000);
    insert(&world, 6000);
    (void)spine_runtime_run(world.runtime, 1);
    assert_int_equal(stats_of(&world).levels[1].merging_batches, 1);
    for (uint64_t i = 0; i < 7; i++)
        retract(&world, 1000 * i, 1000);
    /* Another spine always has something due. */
    other.runtime = world.runtime;
    assert_int_equal(spine_open(world.runtime, &numbers, NULL, &other.spine, NULL),
                     SPINE_OK);
    for (unsigned i = 0; i < 1000 && stats_of(&world).merges < 2; i++) {
        for (unsigned k = 0; k < 8; k++)
            insert(&other, 10);
        (void)spine_runtime_run(world.runtime, 80);
    }
    assert_int_equal(stats_of(&world).merges, 2);
    assert_int_equal(stats_of(&world).batches, 1);
    spine_close(other.spine);
    world.rows = 26000 - 7000;
    world_close(&world);
}

static void
retractions_wait_for_a_compaction_of_the_largest(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, NULL);
    insert(&world, 64000);
    insert(&world, 64000);
    (void)spine_runtime_run(world.runtime, 1);
    assert_int_equal(spine_compact(world.spine, NULL, NULL, NULL), SPINE_OK);
    assert_int_equal(spine_compact(world.spine, NULL, NULL, NULL), SPINE_OK);
    /* The largest batch is being read; they meet what becomes of it. */
    retract(&world, 0, 40000);
    retract(&world, 40000, 40000);
    assert_int_equal(stats_of(&world).levels[1].loose_batches, 2);
    (void)spine_runtime_run(world.runtime, UINT64_MAX);
    assert_int_equal(stats_of(&world).batches, 1);
    world.rows = 128000 - 80000;
    world_close(&world);
}

/*
 * Rows that are held after `rounds` small retractions of a large batch, with merges that
 * are due only, and how many were written.
 */
static uint64_t
rows_held_after_retractions(uint32_t multiplier, uint64_t *written)
{
    const struct spine_options options = {.negative_weight_multiplier = multiplier,
                                          .only_due_merges = true};
    struct world world;
    uint64_t held;

    world_open(&world, &options);
    insert(&world, 120000);
    for (uint64_t i = 0; i < 200; i++) {
        retract(&world, 100 * i, 100);
        (void)spine_runtime_run(world.runtime, UINT64_MAX);
    }
    held = stats_of(&world).rows;
    *written = stats_of(&world).merge_rows_out;
    assert_int_equal(spine_compact(world.spine, NULL, NULL, NULL), SPINE_OK);
    (void)spine_runtime_run(world.runtime, UINT64_MAX);
    world.rows = 100000;
    world_close(&world);
    return held;
}

/* However high retractions rise, they meet what they cancel. */
static void
retractions_do_not_rise_above_the_largest(void **state)
{
    static const uint32_t multipliers[] = {1000, 100000, UINT32_MAX};
    uint64_t written;
    const uint64_t held = rows_held_after_retractions(0, &written);

    (void)state;
    assert_true(held > 130000);
    for (size_t i = 0; i < sizeof multipliers / sizeof multipliers[0]; i++)
        assert_in_range(rows_held_after_retractions(multipliers[i], &written), 100000,
                        105000);
}

/* A merge ahead that is needed now is ready in another way: threads of the runtime must
 * learn that. */
static void
hurried_merges_are_made_known(void **state)
{
    struct merge_task *task = NULL;
    struct aftermath after = {0};
    struct world world;

    (void)state;
    world_open(&world, NULL);
    insert(&world, 200000);
    insert(&world, 150000);
    for (unsigned runs = 0; runs < 10 && task == NULL; runs++) {
        assert_true(spine_runtime_run(world.runtime, 1) > 0);
        for (unsigned i = 0; i < SPINE_LEVELS && task == NULL; i++)
            if (world.spine->locked.tasks[i].state == TASK_QUEUED)
                task = &world.spine->locked.tasks[i];
    }
    assert_non_null(task);
    mutex_lock(&world.spine->mutex);
    assert_true(task->job.spare);
    merge_task_hurry_locked(task, &after);
    assert_false(task->job.spare);
    assert_true(after.kick);
    after.kick = false;
    merge_task_hurry_locked(task, &after);
    assert_false(after.kick);
    mutex_unlock(&world.spine->mutex);
    world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_runtime_without_work_merges_ahead),
        cmocka_unit_test(batches_of_all_levels_merge),
        cmocka_unit_test(given_back_batches_are_where_they_were),
        cmocka_unit_test(due_merges_come_first),
        cmocka_unit_test(merges_ahead_do_not_hold_back_inserts),
        cmocka_unit_test(only_merges_that_make_room_hold_back_inserts),
        cmocka_unit_test(hurried_merges_are_made_known),
        cmocka_unit_test(waiting_for_idleness_ends),
        cmocka_unit_test(only_what_is_due_merges_if_told_so),
        cmocka_unit_test(retractions_meet_the_largest_batch),
        cmocka_unit_test(small_retractions_wait_for_each_other),
        cmocka_unit_test(the_bottom_rule_is_in_haste),
        cmocka_unit_test(the_bottom_rule_does_not_wait_for_spare_time),
        cmocka_unit_test(retractions_wait_for_a_compaction_of_the_largest),
        cmocka_unit_test(retractions_do_not_rise_above_the_largest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
