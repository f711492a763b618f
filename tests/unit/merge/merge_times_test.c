/* SPDX-License-Identifier: MIT */

/*
 * Merges that may keep times although a frontier moved them: a reader at the frontier
 * sees the same rows, and blocks are read where rows would add up in them.
 */

#include "unit/merge/merge_fixture.h"

#include "merge/merge.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct spine_schema timed = {
    .key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}, .time = SPINE_TIME_U64};

/* Merges the batches in slices of so much fuel. */
static enum spine_status
merge_all(struct spine_batch *const *batches, size_t count,
          const struct merge_options *options, uint64_t fuel, struct merge_counts *counts,
          struct spine_batch **out)
{
    struct merge *merge;
    enum spine_status st = merge_new(&merge, batches, count, options, NULL);

    while (st == SPINE_OK && !merge_done(merge)) {
        uint64_t fuel_rows = fuel;

        st = merge_step(merge, &fuel_rows, NULL);
    }
    if (st == SPINE_OK) {
        merge_counts(merge, counts);
        st = fixture_seal(merge, out);
    }
    merge_free(merge);
    return st;
}

static bool
readers_at_the_frontier_see_the_sum(struct rng *rng, size_t steps)
{
    struct spine_schema schema;
    struct merge_options options = {
        .advance_times = true, .may_keep_times = true, .encode_rows = rng_below(rng, 2)};
    struct merge_counts counts;
    struct fixture fixture;
    struct spine_batch *batch;
    struct model rows;

    generate_schema(rng, &schema);
    schema.time = rng_chance(rng, 50) ? SPINE_TIME_U64 : SPINE_TIME_PAIR;
    fixture_init(&fixture, rng, &schema, NULL, 1 + rng_magnitude(rng, 8), steps);
    options.frontier = generate_time(&fixture.generator);
    HOLDS_OK(merge_all(fixture.batches, fixture.batch_count, &options,
                       1 + rng_magnitude(rng, 50000), &counts, &batch));
    HOLDS_OK(spine_batch_check(batch, NULL));
    model_init(&rows, &schema);
    HOLDS(fixture_rows(batch, &rows));
    model_advance(&rows, options.frontier);
    model_advance(&fixture.sum, options.frontier);
    const bool same = model_equal(&fixture.sum, &rows, "as of the frontier");
    model_release(&rows);
    spine_batch_unref(batch);
    fixture_release(&fixture);
    return same;
}

static void
test_readers_at_the_frontier_see_the_sum(void **state)
{
    const struct property law = {"test_readers_at_the_frontier_see_the_sum",
                                 readers_at_the_frontier_see_the_sum, 60, 6000};

    (void)state;
    assert_true(property_holds(&law));
}

/* Keys [0, keys), and so many times of key `many` instead of one. */
static struct spine_batch *
batch_of(size_t keys, size_t many, size_t times)
{
    struct spine_batch *batch;
    struct layout layout;
    struct model rows;

    assert_int_equal(layout_init(&layout, &timed, NULL), SPINE_OK);
    model_init(&rows, &timed);
    for (size_t key = 0; key < keys; key++)
        for (size_t time = 0; time < (key == many ? times : 1); time++)
            model_add(&rows, &(struct model_row){
                                 .key = spine_u64(key), .time = time, .weights = {1}});
    batch = fixture_batch(&layout, &rows, 0);
    assert_non_null(batch);
    model_release(&rows);
    return batch;
}

/* The batch, and one with a key behind it, behind a frontier. */
static struct merge_counts
merge_with_next(struct spine_batch *large, size_t key, bool may_keep_times,
                uint64_t *rows_out)
{
    const struct merge_options options = {.advance_times = true,
                                          .may_keep_times = may_keep_times,
                                          .frontier = 1000000,
                                          .encode_rows = UINT64_MAX};
    struct spine_batch *batches[2] = {large, NULL};
    struct spine_batch *out;
    struct merge_counts counts;
    struct layout layout;
    struct model rows;

    assert_int_equal(layout_init(&layout, &timed, NULL), SPINE_OK);
    model_init(&rows, &timed);
    model_add(&rows, &(struct model_row){.key = spine_u64(key), .weights = {1}});
    batches[1] = fixture_batch(&layout, &rows, 0);
    assert_int_equal(merge_all(batches, 2, &options, UINT64_MAX, &counts, &out),
                     SPINE_OK);
    assert_int_equal(spine_batch_check(out, NULL), SPINE_OK);
    *rows_out = out->info.rows;
    spine_batch_unref(out);
    spine_batch_unref(batches[1]);
    model_release(&rows);
    return counts;
}

static void
test_blocks_with_one_time_of_each_value_are_taken_over(void **state)
{
    enum { BLOCKS = 30, KEYS = BLOCKS * BLOCK_ROWS };
    /* Times of a key in the middle, and how many blocks are read for them at most, since
     * windows end inside blocks: with very many a value goes on from block to block. */
    static const struct {
        size_t times;
        uint64_t blocks_read;
    } plans[] = {{1, 0}, {2, 6}, {3 * BLOCK_ROWS, 9}};
    const struct judged_by nobody = {0};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct spine_batch *large = batch_of(KEYS, KEYS / 2 + 100, plans[i].times);
        const uint64_t rows_to_read = batch_rows_to_read(large, &nobody, true);
        struct merge_counts counts;
        uint64_t rows_out;

        assert_int_equal(batch_rows_to_read(large, &nobody, false), 0);
        assert_in_range(rows_to_read, plans[i].times > 1 ? plans[i].times : 0,
                        plans[i].times > 1 ? plans[i].times + 3 * BLOCK_ROWS : 0);
        counts = merge_with_next(large, KEYS, false, &rows_out);
        assert_int_equal(counts.blocks_shared, 0);
        assert_int_equal(rows_out, KEYS + 1);
        counts = merge_with_next(large, KEYS, true, &rows_out);
        assert_in_range(counts.blocks_shared,
                        large->block_count - 1 - plans[i].blocks_read,
                        large->block_count);
        /* All times of the key became one. */
        assert_int_equal(rows_out, KEYS + 1);
        spine_batch_unref(large);
    }
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readers_at_the_frontier_see_the_sum),
        cmocka_unit_test(test_blocks_with_one_time_of_each_value_are_taken_over),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
