/* SPDX-License-Identifier: MIT */

/*
 * Merges by overlap under filters and behind frontiers: what these would not change is
 * not read.
 */

#include "harness/sanitized.h"
#include "unit/core/company_world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Of 10,000 rows each. */
#define INSERTS ALL_OR_SOME(200u, 80u)

static bool
is_kept(void *context, union spine_datum key)
{
    const uint64_t *begin = context;

    return key.u64 >= *begin;
}

/* What a filter has not judged must be read: what overlaps little costs as much as
 * what overlaps all. */
static void
nothing_is_taken_over_under_a_filter(void **state)
{
    struct world world;
    const struct spine_key_filter filter = {
        .name = "from", .on_key = is_kept, .context = &world.begin};

    (void)state;
    world_open(&world, false);
    push(&world, 500000);
    insert(&world);
    assert_int_equal(spine_retain_keys(world.spine, &filter, NULL), SPINE_OK);
    push(&world, 1000);
    insert(&world);
    push(&world, 1000);
    insert(&world);
    assert_int_equal(stats_of(&world).batches, 2);
    assert_int_equal(stats_of(&world).merge_rows_shared, 0);
    world_close(&world);
}

static bool
is_odd(void *context, union spine_datum key)
{
    (void)context;
    return key.u64 % 2 == 1;
}

static bool
value_is_odd(void *context, union spine_datum key, union spine_datum value)
{
    (void)context;
    (void)key;
    return value.u64 % 2 == 1;
}

/* A filter that stays has judged what was merged since: that is taken over. */
static void
ascending_keys_under_filters_that_stay(void **state)
{
    const struct spine_key_filter keys = {.on_key = is_odd};

    (void)state;
    for (unsigned kind = 0; kind < 6; kind++) {
        const struct spine_value_filter values = {
            .on_value = value_is_odd,
            .retain = kind / 2 == 1 ? SPINE_RETAIN_SIMPLE : SPINE_RETAIN_TOP,
            .count = 1};
        struct world world;

        world_open(&world, kind % 2 == 0);
        if (kind / 2 == 0)
            assert_int_equal(spine_retain_keys(world.spine, &keys, NULL), SPINE_OK);
        else
            assert_int_equal(spine_retain_values(world.spine, &values, NULL), SPINE_OK);
        for (size_t i = 0; i < INSERTS; i++) {
            push(&world, 10000);
            insert(&world);
        }
        assert_true(written(&world) <= 2.0);
        assert_in_range(stats_of(&world).batches, 1, 12);
        assert_true(stats_of(&world).merge_rows_shared > 0);
        world_close(&world);
    }
}

static void
queues_under_a_filter_that_stays(void **state)
{
    const struct spine_value_filter filter = {
        .on_value = value_is_odd, .retain = SPINE_RETAIN_TOP, .count = 1};
    uint64_t least = 0;
    struct world world;

    (void)state;
    for (unsigned kind = 0; kind < 2; kind++) {
        const struct spine_key_filter keys = {.on_key = is_kept, .context = &least};

        world_open(&world, false);
        if (kind == 0)
            assert_int_equal(spine_retain_keys(world.spine, &keys, NULL), SPINE_OK);
        else
            assert_int_equal(spine_retain_values(world.spine, &filter, NULL), SPINE_OK);
        push(&world, ROWS_MAX);
        insert(&world);
        assert_int_equal(spine_compact(world.spine, NULL, NULL, NULL), SPINE_OK);
        assert_in_range(skipped_in_rounds(&world, 100), 0, 4000);
        assert_in_range(stats_of(&world).rows, ROWS_MAX, ROWS_MAX + 4000);
        assert_true(written(&world) < 4);
        world_close(&world);
    }
}

/* A frontier that follows; every value has one time. */
static void
ascending_keys_behind_a_frontier(void **state)
{
    (void)state;
    for (int only_due = 0; only_due < 2; only_due++) {
        struct world world;

        world_open_with(&world, &timed_pairs, only_due != 0);
        for (size_t i = 0; i < INSERTS; i++) {
            world.time = i;
            push(&world, 10000);
            insert(&world);
            assert_int_equal(spine_set_frontier(world.spine, i, NULL), SPINE_OK);
        }
        assert_true(written(&world) <= 2.0);
        assert_in_range(stats_of(&world).batches, 1, 12);
        assert_int_equal(skipped_to_first(&world), 0);
        world_close(&world);
    }
}

/* What comes and goes, at other times, adds up. */
static void
queues_behind_a_frontier(void **state)
{
    struct world world;

    (void)state;
    world_open_with(&world, &timed_pairs, false);
    push(&world, ROWS_MAX / 2);
    insert(&world);
    for (size_t i = 1; i <= 300; i++) {
        world.time = i;
        pop(&world, 1000);
        push(&world, 1000);
        insert(&world);
        assert_int_equal(spine_set_frontier(world.spine, i, NULL), SPINE_OK);
    }
    assert_in_range(stats_of(&world).rows, ROWS_MAX / 2, ROWS_MAX / 2 + 8000);
    assert_true(written(&world) < 4);
    /* A compaction replaces times that merges kept. */
    assert_int_equal(spine_compact(world.spine, NULL, NULL, NULL), SPINE_OK);
    while (spine_runtime_run(world.runtime, UINT64_MAX) > 0)
        continue;
    assert_int_equal(stats_of(&world).rows, ROWS_MAX / 2);
    world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_taken_over_under_a_filter),
        cmocka_unit_test(ascending_keys_under_filters_that_stay),
        cmocka_unit_test(queues_under_a_filter_that_stays),
        cmocka_unit_test(ascending_keys_behind_a_frontier),
        cmocka_unit_test(queues_behind_a_frontier),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
