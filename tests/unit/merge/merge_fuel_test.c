/* SPDX-License-Identifier: MIT */

/*
 * A step of a merge does not do more than its fuel, and a window, say: neither of a value
 * of very many times, nor of what the frontier brings out of order in one.
 */

#include "merge/merge.h"

#include "unit/merge/merge_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* The most rows that a step of one row's fuel may take in or give out: a window. */
#define STEP_ROWS_MAX 4096u

enum { INPUTS = 4, TIMES = 60000 };

static struct model
draw_input(const struct spine_schema *schema, struct rng *rng)
{
    struct model model;

    model_init(&model, schema);
    for (uint64_t i = 0; i < TIMES; i++) {
        /* Some other values around the long one. */
        const uint64_t value = i % 100 != 0 ? 5 : rng_below(rng, 10);
        const struct model_row row = {
            .key = spine_u64(1),
            .value = spine_u64(value),
            .time = schema->time == SPINE_TIME_U64
                        ? rng_below(rng, 4 * TIMES)
                        : spine_time_pair((uint32_t)rng_below(rng, 10),
                                          (uint32_t)rng_below(rng, TIMES)),
            .weights = {rng_chance(rng, 40) ? -1 : 1}};

        model_add(&model, &row);
    }
    model_consolidate(&model);
    return model;
}

/* Merges with one row's fuel at a time. */
static struct spine_batch *
merge_slowly(struct spine_batch *const *batches, const struct merge_options *options)
{
    struct spine_batch *out;
    struct merge_counts before = {0};
    struct merge *merge;

    assert_int_equal(merge_new(&merge, batches, INPUTS, options, NULL), SPINE_OK);
    while (!merge_done(merge)) {
        const uint64_t left = merge_rows_left(merge);
        struct merge_counts counts;
        uint64_t fuel_rows = 1;

        assert_int_equal(merge_step(merge, &fuel_rows, NULL), SPINE_OK);
        assert_int_equal(fuel_rows, 0);
        merge_counts(merge, &counts);
        assert_true(counts.rows_in - before.rows_in <= STEP_ROWS_MAX);
        assert_true(counts.rows_out - before.rows_out <= STEP_ROWS_MAX);
        assert_true(merge_rows_left(merge) < left);
        before = counts;
    }
    assert_int_equal(fixture_seal(merge, &out), SPINE_OK);
    merge_free(merge);
    return out;
}

/* A copy of what is in the batch. */
static void
expect_rows(struct spine_batch *batch, const struct model *expected)
{
    struct model rows;

    model_init(&rows, &expected->schema);
    assert_int_equal(spine_batch_check(batch, NULL), SPINE_OK);
    assert_true(fixture_rows(batch, &rows));
    assert_true(model_equal(expected, &rows, "a merge by little fuel"));
    model_release(&rows);
}

static void
a_value_of_many_times_takes_many_steps(void **state)
{
    struct rng rng;

    (void)state;
    rng_init(&rng, 7);
    for (unsigned kind = 0; kind < 4; kind++) {
        const bool pairs = kind & 1;
        const struct spine_schema schema = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_U64, 0},
                                            .time =
                                                pairs ? SPINE_TIME_PAIR : SPINE_TIME_U64};
        const struct merge_options options = {
            .advance_times = kind & 2,
            .frontier = pairs ? spine_time_pair(8, TIMES / 2) : TIMES};
        struct spine_batch *batches[INPUTS], *merged;
        struct layout layout;
        struct model sum;

        assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
        model_init(&sum, &schema);
        for (unsigned i = 0; i < INPUTS; i++) {
            struct model model = draw_input(&schema, &rng);

            batches[i] = fixture_batch(&layout, &model, 0);
            model_add_rows(&sum, model.rows, model.count);
            model_release(&model);
        }
        merged = merge_slowly(batches, &options);
        if (options.advance_times)
            model_advance(&sum, options.frontier);
        else
            model_consolidate(&sum);
        expect_rows(merged, &sum);

        spine_batch_unref(merged);
        for (unsigned i = 0; i < INPUTS; i++)
            spine_batch_unref(batches[i]);
        model_release(&sum);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_of_many_times_takes_many_steps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
