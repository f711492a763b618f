/* SPDX-License-Identifier: MIT */

/*
 * What a merge would read of a large batch, against a look at every row and every block.
 */

#include "merge/merge.h"
#include "merge/merge_inputs.h"

#include "harness/fault_alloc.h"
#include "unit/merge/merge_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NEVER UINT64_MAX

#define LAW(name, cases_, steps_)                                                        \
    static void test_##name(void **state)                                                \
    {                                                                                    \
        const struct property property = {#name, name, cases_, steps_};                  \
                                                                                         \
        (void)state;                                                                     \
        assert_true(property_holds(&property));                                          \
    }

static struct reader
at_block(const struct spine_batch *batch, size_t block)
{
    return (struct reader){.batch = batch, .block = block};
}

/* Does a row of `small` lie between the first and the last row of the block? */
static bool
reaches(const struct spine_batch *small, const struct spine_batch *large, size_t block)
{
    const struct reader reader = at_block(large, block);
    const struct row_code first = reader_block_first(&reader);
    const struct row_code last = reader_block_last(&reader, 0);
    const struct layout *layout = &large->layout;
    struct rows rows = {0};
    struct pins pins = {0};
    struct reader rest;
    bool found = false;

    reader_init(&rest, small);
    rest.pins = &pins;
    while (!reader_at_end(&rest))
        assert_int_equal(reader_stage(&rest, &rows, BLOCK_ROWS), SPINE_OK);
    for (size_t i = 0; i < rows.count && !found; i++) {
        const struct row_code code = {
            .hi = rows.hi[i],
            .lo = rows.lo != NULL ? rows.lo[i] : 0,
            .key = rows.key != NULL ? rows.key[i] : (struct span){0},
            .value = rows.value != NULL ? rows.value[i] : (struct span){0}};

        found = row_code_compare(layout, &code, &first) >= 0 &&
                row_code_compare(layout, &code, &last) <= 0;
    }
    reader_release(&rest);
    pins_release(&pins);
    rows_release(layout, &rows);
    return found;
}

static uint64_t
overlap_of(const struct spine_batch *large, struct spine_batch *const *small,
           size_t count, uint64_t encode_rows, uint64_t rows_max)
{
    return merge_overlap(large, &(struct small_batches){small, count}, encode_rows,
                         rows_max, NULL);
}

/* merge_overlap() without a limit. */
static uint64_t
overlap_by_rows(const struct spine_batch *large, struct spine_batch *const *small,
                size_t count)
{
    uint64_t rows = 0, gap = 0;
    size_t gap_blocks = SHARE_BLOCKS_MIN;

    for (size_t block = 0; block < large->block_count; block++) {
        const struct reader reader = at_block(large, block);
        bool reached = false;

        for (size_t i = 0; i < count && !reached; i++)
            reached = reaches(small[i], large, block);
        if (!reached) {
            gap += reader_block_rows(&reader);
            gap_blocks++;
            continue;
        }
        rows += reader_block_rows(&reader) + (gap_blocks < SHARE_BLOCKS_MIN ? gap : 0);
        gap = 0;
        gap_blocks = 0;
    }
    return rows;
}

/* Of all schemas, with many small blocks and rows anywhere. */
static bool
overlap_is_what_rows_say(struct rng *rng, size_t steps)
{
    struct spine_schema schema;
    struct fixture large, small;

    (void)steps;
    generate_schema(rng, &schema);
    fixture_init(&large, rng, &schema, NULL, 1, 2000);
    fixture_init(&small, rng, &schema, NULL, 1 + rng_index(rng, 4), 30);
    /* Rows that both have, too: a part of the large one. */
    if (rng_chance(rng, 50) && large.sum.count > 0) {
        struct model part;
        const size_t begin = rng_index(rng, large.sum.count);

        model_init(&part, &schema);
        model_add_rows(&part, large.sum.rows + begin,
                       1 + rng_index(rng, large.sum.count - begin));
        model_consolidate(&part);
        spine_batch_unref(small.batches[0]);
        small.batches[0] = fixture_batch(&large.layout, &part, 0);
        model_release(&part);
    }

    const struct spine_batch *batch = large.batches[0];
    const uint64_t expected = overlap_by_rows(batch, small.batches, small.batch_count);
    const uint64_t limit = rng_below(rng, batch->info.rows + 2);
    const uint64_t limited =
        overlap_of(batch, small.batches, small.batch_count, NEVER, limit);

    HOLDS_EQUAL(expected,
                overlap_of(batch, small.batches, small.batch_count, NEVER, UINT64_MAX));
    HOLDS_EQUAL(expected > limit, limited > limit);
    if (expected <= limit)
        HOLDS_EQUAL(expected, limited);
    fixture_release(&large);
    fixture_release(&small);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}
LAW(overlap_is_what_rows_say, 300, 1)

/* Keys `begin`, `begin` + `step`, ... */
static struct spine_batch *
batch_of_keys(uint64_t begin, uint64_t step, size_t rows)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}};
    uint64_t *keys = malloc(rows * sizeof *keys);
    const struct spine_columns columns = {.rows = rows, .keys = keys};
    struct spine_batch *batch;

    for (size_t i = 0; i < rows; i++)
        keys[i] = begin + i * step;
    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    free(keys);
    return batch;
}

/* Merges both to the end; the rows that it read without taking them over. */
static uint64_t
rows_read_by_merge(struct spine_batch *large, struct spine_batch *small)
{
    struct spine_batch *batches[] = {small, large}, *merged;
    const uint64_t overlap = overlap_of(large, &small, 1, NEVER, UINT64_MAX);
    const struct merge_options options = {.encode_rows = NEVER,
                                          .untouched_rows = large->info.rows - overlap};
    uint64_t fuel_rows = UINT64_MAX;
    struct merge_counts counts;
    struct merge *merge;

    assert_int_equal(merge_new(&merge, batches, 2, &options, NULL), SPINE_OK);
    assert_int_equal(merge_step(merge, &fuel_rows, NULL), SPINE_OK);
    merge_counts(merge, &counts);
    assert_int_equal(fixture_seal(merge, &merged), SPINE_OK);
    assert_int_equal(spine_batch_check(merged, NULL), SPINE_OK);
    spine_batch_unref(merged);
    merge_free(merge);
    return counts.rows_in - counts.rows_shared;
}

/* Where a merge leaves an overlap it reads about a block more, and not the rest. */
static void
merges_read_what_overlaps(void **state)
{
    const size_t rows = 100 * BLOCK_ROWS;
    struct spine_batch *large = batch_of_keys(0, 1, rows);
    struct spine_batch *small;

    (void)state;
    /* At one place. */
    for (size_t at = 0; at < rows; at += 7 * BLOCK_ROWS + 100) {
        small = batch_of_keys(at, 1, 500);
        assert_in_range(overlap_of(large, &small, 1, NEVER, UINT64_MAX), BLOCK_ROWS,
                        2 * BLOCK_ROWS);
        assert_in_range(rows_read_by_merge(large, small), 1000, 3 * BLOCK_ROWS);
        spine_batch_unref(small);
    }
    /* At ten places. */
    small = batch_of_keys(5000, 10 * BLOCK_ROWS, 10);
    assert_int_equal(overlap_of(large, &small, 1, NEVER, UINT64_MAX), 10 * BLOCK_ROWS);
    assert_in_range(rows_read_by_merge(large, small), 10, 20 * BLOCK_ROWS);
    spine_batch_unref(small);
    /* Everywhere, and so often that nothing between is worth sharing. */
    small = batch_of_keys(5000, 4 * BLOCK_ROWS, 24);
    assert_in_range(overlap_of(large, &small, 1, NEVER, UINT64_MAX), 93 * BLOCK_ROWS,
                    rows);
    spine_batch_unref(small);
    /* Behind it. */
    small = batch_of_keys(rows, 1, 10000);
    assert_int_equal(overlap_of(large, &small, 1, NEVER, UINT64_MAX), 0);
    assert_int_equal(rows_read_by_merge(large, small), 0);
    spine_batch_unref(small);
    spine_batch_unref(large);
}

/* Unless the blocks are encoded already. */
static void
merges_that_encode_read_all(void **state)
{
    struct spine_batch *plain = batch_of_keys(0, 1, 20 * BLOCK_ROWS);
    struct spine_batch *encoded = batch_of_keys(0, 1, 40 * BLOCK_ROWS);
    struct spine_batch *small = batch_of_keys(0, 1, 1);

    (void)state;
    assert_int_equal(overlap_of(plain, &small, 1, NEVER, UINT64_MAX), BLOCK_ROWS);
    assert_int_equal(overlap_of(plain, &small, 1, 1, UINT64_MAX), 20 * BLOCK_ROWS);
    assert_int_equal(overlap_of(encoded, &small, 1, 1, UINT64_MAX), BLOCK_ROWS);
    spine_batch_unref(plain);
    spine_batch_unref(encoded);
    spine_batch_unref(small);
}

static bool
concatenations_are_known(struct rng *rng, size_t steps)
{
    enum { BATCHES_MAX = 12 };
    struct spine_batch *batches[BATCHES_MAX];
    uint64_t first[BATCHES_MAX], last[BATCHES_MAX], end = 0;
    const size_t count = 1 + rng_index(rng, BATCHES_MAX);
    bool apart = true;

    (void)steps;
    for (size_t i = 0; i < count; i++) {
        const size_t rows = 1 + rng_index(rng, 50);

        first[i] = rng_chance(rng, 90) ? end + rng_below(rng, 2) : rng_below(rng, 300);
        last[i] = first[i] + rows - 1;
        end = last[i] + 1;
        batches[i] = batch_of_keys(first[i], 1, rows);
    }
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            apart = apart && (last[i] < first[j] || last[j] < first[i]);
    for (size_t i = count; i > 1; i--) {
        const size_t other = rng_index(rng, i);
        struct spine_batch *batch = batches[i - 1];

        batches[i - 1] = batches[other];
        batches[other] = batch;
    }
    HOLDS_EQUAL(apart, merge_is_concatenation(batches, count));
    for (size_t i = 0; i < count; i++)
        spine_batch_unref(batches[i]);
    return true;
}
LAW(concatenations_are_known, 500, 1)

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overlap_is_what_rows_say),
        cmocka_unit_test(merges_read_what_overlaps),
        cmocka_unit_test(merges_that_encode_read_all),
        cmocka_unit_test(test_concatenations_are_known),
    };

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
