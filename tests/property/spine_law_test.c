/* SPDX-License-Identifier: MIT */
#include "harness/check.h"
#include "harness/fault_alloc.h"
#include "harness/script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct spine_runtime_options manual = {.manual = true};

/* Whatever is called in whatever order, all spines and all that is held is the
 * models'. */
static bool
scripts_agree(struct rng *rng, size_t steps)
{
    const struct script_options options = {.batch_rows = rng_magnitude(rng, 1500)};
    struct script script;

    HOLDS(script_init(&script, rng, &options));
    for (size_t i = 0; i < steps; i++)
        if (!script_step(&script))
            return property_fail(__FILE__, __LINE__, "step %zu, %s", i, script.step);
    HOLDS(script_finish(&script));
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    HOLDS_EQUAL(0, fault_alloc_live_blocks());
    return true;
}

static void
test_scripts_agree(void **state)
{
    const struct property law = {"test_scripts_agree", scripts_agree, 150, 150};

    (void)state;
    assert_true(property_holds(&law));
}

static void
test_long_scripts_agree(void **state)
{
    const struct property law = {"test_long_scripts_agree", scripts_agree, 4, 3000};

    (void)state;
    assert_true(property_holds(&law));
}

/* Inserts `rows` random rows into the spine, and the model. */
static bool
insert_some(struct generator *generator, size_t rows, struct spine *spine,
            struct model *model)
{
    struct model part;

    model_init(&part, &generator->schema);
    generate_rows(generator, rows, &part);
    struct spine_batch *batch = batch_of_rows(&part);
    HOLDS_OK(spine_insert(spine, batch, NULL));
    spine_batch_unref(batch);
    model_add_rows(model, part.rows, part.count);
    model_consolidate(model);
    model_release(&part);
    return true;
}

/* What a fork gets, its parent does not, and the other way round; either may go first. */
static bool
forks_are_independent(struct rng *rng, size_t steps)
{
    const struct spine_options options = {.level0_rows =
                                              (uint32_t)rng_magnitude(rng, 500)};
    struct spine_schema schema;
    struct generator generator;
    struct model models[2];
    struct spine_runtime *runtime;
    struct spine *spines[2];

    generate_schema(rng, &schema);
    generator_init(&generator, rng, &schema, NULL);
    model_init(&models[0], &schema);
    model_init(&models[1], &schema);
    HOLDS_OK(spine_runtime_open(&manual, &runtime, NULL));
    HOLDS_OK(spine_open(runtime, &schema, &options, &spines[0], NULL));
    for (size_t i = 0; i < steps; i++) {
        HOLDS(insert_some(&generator, rng_magnitude(rng, 300), spines[0], &models[0]));
        if (rng_chance(rng, 50))
            (void)spine_runtime_run(runtime, rng_magnitude(rng, 500));
    }
    HOLDS_OK(spine_fork(spines[0], &spines[1], NULL));
    model_copy(&models[1], &models[0]);
    HOLDS(check_spine_quickly(spines[1], &models[1], "new fork"));
    for (size_t i = 0; i < steps; i++) {
        const size_t who = rng_index(rng, 2);
        HOLDS(
            insert_some(&generator, rng_magnitude(rng, 300), spines[who], &models[who]));
        (void)spine_runtime_run(runtime, rng_magnitude(rng, 500));
    }
    HOLDS(check_spine_quickly(spines[0], &models[0], "parent"));
    HOLDS(check_spine_quickly(spines[1], &models[1], "fork"));
    const size_t first = rng_index(rng, 2), last = 1 - first;
    spine_close(spines[first]);
    (void)spine_runtime_run(runtime, UINT64_MAX);
    HOLDS_OK(spine_check(spines[last], NULL));
    HOLDS(check_spine(spines[last], &models[last], "survivor"));
    spine_close(spines[last]);
    spine_runtime_close(runtime);
    model_release(&models[0]);
    model_release(&models[1]);
    generator_release(&generator);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

static void
test_forks_are_independent(void **state)
{
    const struct property law = {"test_forks_are_independent", forks_are_independent, 80,
                                 20};

    (void)state;
    assert_true(property_holds(&law));
}

/* Sums of weights are what was inserted, whatever merges and frontiers do. */
static bool
sums_are_preserved(struct rng *rng, size_t steps)
{
    const struct spine_options options = {
        .level0_rows = (uint32_t)rng_magnitude(rng, 500),
        .backpressure_batches = 8,
    };
    struct spine_schema schema;
    struct generator generator;
    struct model inserted, observed;
    struct spine_runtime *runtime;
    struct spine *spine;
    int64_t expected[SPINE_WEIGHTS_MAX], sum[SPINE_WEIGHTS_MAX];

    generate_schema(rng, &schema);
    generator_init(&generator, rng, &schema, NULL);
    model_init(&inserted, &schema);
    HOLDS_OK(spine_runtime_open(&manual, &runtime, NULL));
    HOLDS_OK(spine_open(runtime, &schema, &options, &spine, NULL));
    for (size_t i = 0; i < steps; i++) {
        struct spine_cursor *cursor;
        HOLDS(insert_some(&generator, rng_magnitude(rng, 200), spine, &inserted));
        (void)spine_runtime_run(runtime, rng_magnitude(rng, 1000));
        if (schema.time != SPINE_UNTIMED && rng_chance(rng, 20))
            HOLDS_OK(spine_set_frontier(spine, spine_time_pair((uint32_t)i, 3), NULL));
        if (!rng_chance(rng, 20))
            continue;
        model_init(&observed, &schema);
        HOLDS_OK(spine_cursor_open(spine, &cursor, NULL));
        HOLDS(rng_chance(rng, 50) ? observe_forward(cursor, &observed)
                                  : observe_reverse(cursor, &observed));
        spine_cursor_close(cursor);
        model_sum(&inserted, expected);
        model_sum(&observed, sum);
        for (unsigned j = 0; j < observed.weight_count; j++)
            HOLDS_EQUAL(expected[j], sum[j]);
        model_release(&observed);
    }
    spine_close(spine);
    spine_runtime_close(runtime);
    model_release(&inserted);
    generator_release(&generator);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

static void
test_sums_are_preserved(void **state)
{
    const struct property law = {"test_sums_are_preserved", sums_are_preserved, 80, 60};

    (void)state;
    assert_true(property_holds(&law));
}

/* A compaction that nothing is inserted after leaves at most one batch. */
static bool
compaction_leaves_one(struct rng *rng, size_t steps)
{
    struct spine_schema schema;
    struct generator generator;
    struct model model;
    struct spine_runtime *runtime;
    struct spine_stats stats;
    struct spine *spine;
    const struct spine_options options = {.level0_rows =
                                              (uint32_t)rng_magnitude(rng, 500)};

    generate_schema(rng, &schema);
    generator_init(&generator, rng, &schema, NULL);
    model_init(&model, &schema);
    HOLDS_OK(spine_runtime_open(&manual, &runtime, NULL));
    HOLDS_OK(spine_open(runtime, &schema, &options, &spine, NULL));
    for (size_t i = 0; i < steps; i++) {
        HOLDS(insert_some(&generator, rng_magnitude(rng, 300), spine, &model));
        (void)spine_runtime_run(runtime, rng_magnitude(rng, 500));
    }
    HOLDS_OK(spine_compact(spine, NULL, NULL, NULL));
    for (size_t i = 0; spine_runtime_run(runtime, 1 + rng_below(rng, 500)) > 0; i++)
        HOLDS(i < 1000000);
    spine_get_stats(spine, &stats);
    HOLDS_EQUAL(model.count == 0 ? 0 : 1, stats.batches);
    HOLDS_EQUAL(model.count, stats.rows);
    HOLDS(check_spine_quickly(spine, &model, "compacted"));
    spine_close(spine);
    spine_runtime_close(runtime);
    model_release(&model);
    generator_release(&generator);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

static void
test_compaction_leaves_one(void **state)
{
    const struct property law = {"test_compaction_leaves_one", compaction_leaves_one, 80,
                                 30};

    (void)state;
    assert_true(property_holds(&law));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scripts_agree),
        cmocka_unit_test(test_long_scripts_agree),
        cmocka_unit_test(test_forks_are_independent),
        cmocka_unit_test(test_sums_are_preserved),
        cmocka_unit_test(test_compaction_leaves_one),
    };

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
