/* SPDX-License-Identifier: MIT */
#include "harness/check.h"
#include "harness/fault_alloc.h"
#include "harness/lanes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define BATCHES_MAX 40u

static const struct spine_runtime_options manual = {.manual = true};

/* Blocks that merges took over by reference: they must, or that was not tried. */
static uint64_t blocks_shared;
/* Times that merges of a spine were split, likewise. */
static uint64_t merge_splits;
static uint64_t merge_lanes;

/*
 * Merges through the public calls: the consolidated batch of a spine that got `batches`,
 * NULL when nothing is left. Times are advanced to `frontier` unless it is 0.
 */
static bool
merge(const struct spine_schema *schema, struct spine_batch *const *batches, size_t count,
      uint64_t frontier, struct spine_batch **out)
{
    struct spine_runtime *runtime;
    struct spine_snapshot *snapshot;
    struct spine_stats stats;
    struct spine *spine;

    HOLDS_OK(spine_runtime_open(&manual, &runtime, NULL));
    HOLDS_OK(spine_open(runtime, schema, NULL, &spine, NULL));
    for (size_t i = 0; i < count; i++)
        if (batches[i] != NULL)
            HOLDS_OK(spine_insert(spine, batches[i], NULL));
    if (frontier > 0)
        HOLDS_OK(spine_set_frontier(spine, frontier, NULL));
    HOLDS_OK(spine_consolidate(spine, out, NULL));
    HOLDS_OK(spine_take_snapshot(spine, &snapshot, NULL));
    HOLDS_EQUAL(*out == NULL ? 0 : 1, spine_snapshot_batch_count(snapshot));
    spine_snapshot_unref(snapshot);
    spine_get_stats(spine, &stats);
    blocks_shared += stats.merge_blocks_shared;
    spine_close(spine);
    spine_runtime_close(runtime);
    return true;
}

static bool
same_content(struct spine_batch *batch, const struct model *expected, const char *what)
{
    if (batch == NULL)
        return expected->count == 0 || property_fail(what, __LINE__, "no batch");
    return check_batch(batch, expected, what);
}

/* With many steps there are many keys, in ranges that hardly meet. */
static bool
merging_is_associative(struct rng *rng, size_t steps)
{
    const struct generate_options many = {.keys = steps, .values = 3, .times = 2};
    const bool narrow = steps > 20000 || rng_chance(rng, 40);
    struct spine_schema schema;
    struct generator generator;
    struct model rows, expected;
    struct spine_batch *inputs[3], *pair[2], *left, *right, *all;

    generate_schema(rng, &schema);
    generator_init(&generator, rng, &schema, steps > 20000 ? &many : NULL);
    model_init(&rows, &schema);
    model_init(&expected, &schema);
    for (int i = 0; i < 3; i++) {
        rows.count = 0;
        if (narrow)
            generator_narrow(&generator);
        generate_rows(&generator, steps > 20000 ? steps / 2 : rng_magnitude(rng, steps),
                      &rows);
        inputs[i] = batch_of_rows(&rows);
        model_add_rows(&expected, rows.rows, rows.count);
    }
    model_consolidate(&expected);
    HOLDS(merge(&schema, inputs + 1, 2, 0, &pair[1]));
    pair[0] = inputs[0];
    HOLDS(merge(&schema, pair, 2, 0, &right));
    spine_batch_unref(pair[1]);
    HOLDS(merge(&schema, inputs, 2, 0, &pair[0]));
    pair[1] = inputs[2];
    HOLDS(merge(&schema, pair, 2, 0, &left));
    spine_batch_unref(pair[0]);
    HOLDS(merge(&schema, inputs, 3, 0, &all));
    HOLDS(same_content(left, &expected, "(a + b) + c"));
    HOLDS(same_content(right, &expected, "a + (b + c)"));
    HOLDS(same_content(all, &expected, "a + b + c"));

    spine_batch_unref(left);
    spine_batch_unref(right);
    spine_batch_unref(all);
    for (int i = 0; i < 3; i++)
        spine_batch_unref(inputs[i]);
    model_release(&rows);
    model_release(&expected);
    generator_release(&generator);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

/* Merging at a frontier, all at once or in two steps, is advancing the times. */
static bool
merging_advances_times(struct rng *rng, size_t steps)
{
    struct spine_schema schema;
    struct generator generator;
    struct model rows, expected;
    struct spine_batch *inputs[3] = {NULL}, *pair[2] = {NULL}, *once, *twice;

    generate_schema(rng, &schema);
    schema.time = rng_chance(rng, 50) ? SPINE_TIME_U64 : SPINE_TIME_PAIR;
    generator_init(&generator, rng, &schema, NULL);
    const uint64_t frontier = generate_time(&generator) + 1;
    const uint64_t earlier =
        schema.time == SPINE_TIME_U64
            ? 1 + rng_below(rng, frontier)
            : spine_time_meet(schema.time, frontier, generate_time(&generator));
    model_init(&rows, &schema);
    model_init(&expected, &schema);
    for (int i = 0; i < 3; i++) {
        rows.count = 0;
        if (rng_chance(rng, 40))
            generator_narrow(&generator);
        generate_rows(&generator, rng_magnitude(rng, steps), &rows);
        inputs[i] = batch_of_rows(&rows);
        model_add_rows(&expected, rows.rows, rows.count);
    }
    model_advance(&expected, frontier);
    HOLDS(merge(&schema, inputs, 3, frontier, &once));
    HOLDS(merge(&schema, inputs, 2, earlier, &pair[0]));
    pair[1] = inputs[2];
    HOLDS(merge(&schema, pair, 2, frontier, &twice));
    if (once == NULL || twice == NULL) {
        HOLDS(expected.count == 0);
    } else {
        /* A spine with a single batch has nothing to merge, so its times may be old. */
        struct spine_snapshot *snapshot;
        HOLDS_OK(spine_snapshot_of_batches(&schema, &once, 1, &snapshot, NULL));
        HOLDS(check_snapshot_since(snapshot, &expected, frontier, "once"));
        spine_snapshot_unref(snapshot);
        HOLDS_OK(spine_snapshot_of_batches(&schema, &twice, 1, &snapshot, NULL));
        HOLDS(check_snapshot_since(snapshot, &expected, frontier, "twice"));
        spine_snapshot_unref(snapshot);
    }
    spine_batch_unref(once);
    spine_batch_unref(twice);
    spine_batch_unref(pair[0]);
    for (int i = 0; i < 3; i++)
        spine_batch_unref(inputs[i]);
    model_release(&rows);
    model_release(&expected);
    generator_release(&generator);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

/* However little is merged at a time, whenever: the rows and the sum of weights stay. */
static bool
fuel_does_not_matter(struct rng *rng, size_t steps)
{
    struct spine_schema schema;
    struct generator generator;
    struct model rows, expected;
    struct spine_runtime *runtime;
    struct spine_stats stats;
    struct spine *spine;
    const struct spine_options options = {
        .level0_rows = (uint32_t)rng_magnitude(rng, 20000),
        .help_batches = rng_chance(rng, 50) ? UINT32_MAX : 0,
        .negative_weight_multiplier = (uint32_t)rng_below(rng, 3),
        .encode_rows = (uint32_t)rng_magnitude(rng, 5000),
    };

    generate_schema(rng, &schema);
    generator_init(&generator, rng, &schema, NULL);
    model_init(&rows, &schema);
    model_init(&expected, &schema);
    HOLDS_OK(spine_runtime_open(&manual, &runtime, NULL));
    HOLDS_OK(spine_open(runtime, &schema, &options, &spine, NULL));
    lanes_force(spine, rng_chance(rng, 50));
    const size_t batches = rng_magnitude(rng, BATCHES_MAX);
    const size_t fuel_max = rng_magnitude(rng, 20000);
    for (size_t i = 0; i < batches; i++) {
        rows.count = 0;
        if (rng_chance(rng, 40))
            generator_narrow(&generator);
        generate_rows(&generator, rng_magnitude(rng, steps), &rows);
        struct spine_batch *batch = batch_of_rows(&rows);
        HOLDS_OK(spine_insert(spine, batch, NULL));
        spine_batch_unref(batch);
        model_add_rows(&expected, rows.rows, rows.count);
        for (uint64_t runs = rng_below(rng, 4); runs > 0; runs--)
            (void)spine_runtime_run(runtime, rng_magnitude(rng, fuel_max));
    }
    model_consolidate(&expected);
    HOLDS(check_spine_quickly(spine, &expected, "while merging"));
    while (spine_runtime_run(runtime, rng_magnitude(rng, fuel_max)) > 0)
        ;
    HOLDS_OK(spine_wait_idle(spine, 0, NULL));
    HOLDS_OK(spine_check(spine, NULL));
    HOLDS(check_spine(spine, &expected, "after merging"));
    spine_get_stats(spine, &stats);
    HOLDS_EQUAL(stats.inserted_rows + stats.merge_rows_out,
                stats.rows + stats.merge_rows_in);
    merge_splits += stats.merge_splits;
    merge_lanes += lanes_begun(spine);
    spine_close(spine);
    spine_runtime_close(runtime);
    model_release(&rows);
    model_release(&expected);
    generator_release(&generator);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

static void
test_merging_is_associative(void **state)
{
    const struct property law = {"test_merging_is_associative", merging_is_associative,
                                 150, 2000};

    (void)state;
    assert_true(property_holds(&law));
}

static void
test_merging_is_associative_over_many_blocks(void **state)
{
    const struct property law = {"test_merging_is_associative_over_many_blocks",
                                 merging_is_associative, 20, 40000};

    (void)state;
    blocks_shared = 0;
    assert_true(property_holds(&law));
    printf("%llu blocks were taken over\n", (unsigned long long)blocks_shared);
    if (harness_cases(law.cases) >= law.cases)
        assert_true(blocks_shared > 0);
}

static void
test_merging_advances_times(void **state)
{
    const struct property law = {"test_merging_advances_times", merging_advances_times,
                                 150, 2000};

    (void)state;
    assert_true(property_holds(&law));
}

static void
test_fuel_does_not_matter(void **state)
{
    const struct property law = {"test_fuel_does_not_matter", fuel_does_not_matter, 100,
                                 1500};

    (void)state;
    merge_splits = merge_lanes = 0;
    assert_true(property_holds(&law));
    printf("%llu splits, %llu second lanes\n", (unsigned long long)merge_splits,
           (unsigned long long)merge_lanes);
    if (harness_cases(law.cases) < law.cases)
        return;
    assert_true(merge_splits > 0);
#ifndef SPINE_BLOCKS_ELSEWHERE
    /* Where there is a store all merges have one lane. */
    assert_true(merge_lanes > 0);
#endif
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merging_is_associative),
        cmocka_unit_test(test_merging_is_associative_over_many_blocks),
        cmocka_unit_test(test_merging_advances_times),
        cmocka_unit_test(test_fuel_does_not_matter),
    };

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
