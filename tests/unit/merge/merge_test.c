/* SPDX-License-Identifier: MIT */
#include "merge/merge.h"

#include "harness/fault_alloc.h"
#include "unit/merge/merge_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define LAW(name, cases_, steps_)                                                        \
    static void test_##name(void **state)                                                \
    {                                                                                    \
        const struct property property = {#name, name, cases_, steps_};                  \
                                                                                         \
        (void)state;                                                                     \
        assert_true(property_holds(&property));                                          \
    }

enum fuel { FUEL_ALL, FUEL_SMALL, FUEL_DRAWN, FUELS };

/* Merges to the end with slices of the given kind. */
static enum spine_status
run_merge(struct merge *merge, struct rng *rng, enum fuel kind)
{
    while (!merge_done(merge)) {
        const uint64_t left = merge_rows_left(merge);
        uint64_t fuel_rows = kind == FUEL_ALL     ? UINT64_MAX
                             : kind == FUEL_SMALL ? 1
                                                  : rng_magnitude(rng, 50000);
        const uint64_t before = fuel_rows;
        const enum spine_status st = merge_step(merge, &fuel_rows, NULL);

        if (st != SPINE_OK)
            return st;
        if (fuel_rows >= before || merge_rows_left(merge) >= left)
            abort();
        if (!merge_done(merge) && fuel_rows > 0)
            abort();
    }
    return SPINE_OK;
}

static bool
merged_equals(struct merge *merge, const struct model *expected)
{
    struct spine_batch *batch;
    struct merge_counts counts;
    struct model rows;
    uint64_t rows_out;

    HOLDS_EQUAL(0, merge_rows_left(merge));
    merge_counts(merge, &counts);
    rows_out = counts.rows_out;
    HOLDS_OK(fixture_seal(merge, &batch));
    model_init(&rows, &expected->schema);
    HOLDS(fixture_rows(batch, &rows));
    HOLDS_EQUAL(expected->count, batch->info.rows);
    HOLDS_EQUAL(expected->count, rows_out);
    HOLDS_EQUAL(model_key_count(expected), batch->info.keys);
    HOLDS_EQUAL(model_negative_count(expected), batch->info.negative_rows);
    const bool same = model_equal(expected, &rows, "the merged batch");
    model_release(&rows);
    spine_batch_unref(batch);
    return same;
}

/* Any batches, any schedule of fuel: the sum of the batches. */
static bool
merge_is_the_sum(struct rng *rng, size_t steps)
{
    struct spine_schema schema;
    struct fixture fixture;
    bool same = true;

    generate_schema(rng, &schema);
    fixture_init(&fixture, rng, &schema, NULL, 1 + rng_magnitude(rng, 15), steps);
    for (enum fuel fuel = 0; fuel < FUELS && same; fuel++) {
        const struct merge_options options = {.encode_rows = rng_below(rng, 2)};
        struct merge *merge;

        HOLDS_OK(merge_new(&merge, fixture.batches, fixture.batch_count, &options, NULL));
        HOLDS_OK(run_merge(merge, rng, fuel));
        same = merged_equals(merge, &fixture.sum);
        merge_free(merge);
    }
    fixture_release(&fixture);
    return same;
}
LAW(merge_is_the_sum, 80, 4000)

/* So many inputs that they are merged by a heap, and opened slice by slice. Some are
 * large enough for blocks to be taken over. */
static bool
many_inputs_merge_alike(struct rng *rng, size_t steps)
{
    struct spine_schema schema;
    static struct fixture fixture;
    bool same = true;

    generate_schema(rng, &schema);
    fixture_init(&fixture, rng, &schema, NULL, 65 + rng_magnitude(rng, 1500), steps);
    for (enum fuel fuel = FUEL_ALL; fuel < FUELS && same; fuel += 2) {
        struct merge *merge;

        HOLDS_OK(merge_new(&merge, fixture.batches, fixture.batch_count, NULL, NULL));
        while (!merge_done(merge)) {
            uint64_t fuel_rows =
                fuel == FUEL_ALL ? UINT64_MAX : 1 + rng_magnitude(rng, 10000);

            HOLDS_OK(merge_step(merge, &fuel_rows, NULL));
        }
        same = merged_equals(merge, &fixture.sum);
        merge_free(merge);
    }
    fixture_release(&fixture);
    return same;
}
LAW(many_inputs_merge_alike, 12, 100)

/* Times below the frontier become one. */
static bool
merge_advances_times(struct rng *rng, size_t steps)
{
    struct spine_schema schema;
    struct merge_options options = {.advance_times = true,
                                    .encode_rows = rng_below(rng, 2)};
    struct fixture fixture;
    struct merge *merge;

    generate_schema(rng, &schema);
    schema.time = rng_chance(rng, 50) ? SPINE_TIME_U64 : SPINE_TIME_PAIR;
    fixture_init(&fixture, rng, &schema, NULL, 1 + rng_magnitude(rng, 8), steps);
    options.frontier = generate_time(&fixture.generator);
    HOLDS_OK(merge_new(&merge, fixture.batches, fixture.batch_count, &options, NULL));
    HOLDS_OK(run_merge(merge, rng, FUEL_DRAWN));
    model_advance(&fixture.sum, options.frontier);
    const bool same = merged_equals(merge, &fixture.sum);
    merge_free(merge);
    fixture_release(&fixture);
    return same;
}
LAW(merge_advances_times, 50, 3000)

/* What a merge that is split has written and has yet to read add up to all there was. */
static bool
halves_are_the_sum(const struct spine_batch *written, struct spine_batch *const *rests,
                   size_t count, const struct merge_options *options,
                   const struct model *expected)
{
    struct model rows;

    model_init(&rows, &expected->schema);
    HOLDS(fixture_rows(written, &rows));
    HOLDS_OK(spine_batch_check(written, NULL));
    for (size_t i = 0; i < count; i++)
        if (rests[i] != NULL) {
            HOLDS(rests[i]->info.rows > 0);
            HOLDS_OK(spine_batch_check(rests[i], NULL));
            HOLDS(fixture_rows(rests[i], &rows));
        }
    if (options->advance_times)
        model_advance(&rows, options->frontier);
    else
        model_consolidate(&rows);
    const bool same = model_equal(expected, &rows, "both halves");
    model_release(&rows);
    return same;
}

/* A merge, split again and again, and its fixture's batches, which it uses up. */
struct split_merge {
    struct fixture *fixture;
    struct merge *merge;
    struct merge_options options;
    struct spine_batch *written;
};

/* Splits the merge, unless that needs the memory that is not there: then it goes on. */
static bool
split_once(struct split_merge *split, struct rng *rng)
{
    struct fixture *fixture = split->fixture;
    struct spine_batch *rests[FIXTURE_BATCHES_MAX], *written;
    const size_t count = fixture->batch_count;

    enum spine_status st;

    HOLDS(merge_may_split(split->merge));
    fault_alloc_arm(FAULT_ONCE, 1 + rng_below(rng, 40));
    do {
        uint64_t fuel_rows = 1 + rng_below(rng, 5);

        st = merge_split(split->merge, &fuel_rows, &written, rests, NULL);
    } while (st == SPINE_OK && written == NULL && !rng_chance(rng, 3));
    const bool fired = fault_alloc_disarm();
    HOLDS_EQUAL(fired ? SPINE_NOMEM : SPINE_OK, st);
    HOLDS_EQUAL(st == SPINE_OK && written == NULL, merge_is_splitting(split->merge));
    if (written == NULL) {
        merge_split_abort(split->merge);
        return true;
    }
    HOLDS(halves_are_the_sum(written, rests, count, &split->options, &fixture->sum));
    merge_free(split->merge);
    split->merge = NULL;
    spine_batch_unref(split->written);
    split->written = written;
    split->options.written = written;
    fixture->batch_count = 0;
    for (size_t i = 0; i < count; i++) {
        spine_batch_unref(fixture->batches[i]);
        if (rests[i] != NULL)
            fixture->batches[fixture->batch_count++] = rests[i];
    }
    return true;
}

static bool
merge_goes_on_when_split(struct rng *rng, size_t steps)
{
    struct spine_schema schema;
    struct fixture fixture;
    struct split_merge split = {.fixture = &fixture,
                                .options.encode_rows = rng_magnitude(rng, 8000)};

    fault_alloc_install();
    generate_schema(rng, &schema);
    fixture_init(&fixture, rng, &schema, NULL, 1 + rng_magnitude(rng, 8), steps);
    split.options.advance_times = schema.time != SPINE_UNTIMED && rng_chance(rng, 50);
    if (split.options.advance_times) {
        split.options.frontier = generate_time(&fixture.generator);
        model_advance(&fixture.sum, split.options.frontier);
    }
    for (bool done = false; !done;) {
        uint64_t fuel_rows = 1 + rng_below(rng, 4000);

        if (split.merge == NULL)
            HOLDS_OK(merge_new(&split.merge, fixture.batches, fixture.batch_count,
                               &split.options, NULL));
        HOLDS_OK(merge_step(split.merge, &fuel_rows, NULL));
        done = merge_done(split.merge);
        if (!done && rng_chance(rng, 70))
            HOLDS(split_once(&split, rng));
    }
    const bool same = merged_equals(split.merge, &fixture.sum);
    merge_free(split.merge);
    spine_batch_unref(split.written);
    fixture_release(&fixture);
    fault_alloc_remove();
    return same;
}
LAW(merge_goes_on_when_split, 60, 8000)

/* A batch and its opposite leave nothing. */
static bool
merge_cancels(struct rng *rng, size_t steps)
{
    struct spine_schema schema;
    struct fixture fixture;
    struct model opposite, empty;
    struct merge *merge;

    generate_schema(rng, &schema);
    fixture_init(&fixture, rng, &schema, NULL, 3, steps);
    model_init(&opposite, &schema);
    model_init(&empty, &schema);
    for (size_t i = 0; i < fixture.sum.count; i++)
        model_add_times(&opposite, &fixture.sum.rows[i], -1);
    model_consolidate(&opposite);
    fixture.batches[fixture.batch_count++] = fixture_batch(&fixture.layout, &opposite, 0);
    HOLDS_OK(merge_new(&merge, fixture.batches, fixture.batch_count, NULL, NULL));
    HOLDS_OK(run_merge(merge, rng, FUEL_DRAWN));
    const bool same = merged_equals(merge, &empty);
    merge_free(merge);
    model_release(&opposite);
    model_release(&empty);
    fixture_release(&fixture);
    return same;
}
LAW(merge_cancels, 30, 4000)

/* A batch of `rows` rows with keys from `begin` on. */
static struct spine_batch *
run_of_keys(const struct layout *layout, uint64_t begin, size_t rows, struct model *sum)
{
    struct spine_batch *batch;
    struct model model;

    model_init(&model, &layout->schema);
    for (size_t i = 0; i < rows; i++) {
        const struct model_row row = {.key = spine_u64(begin + i), .weights = {1}};

        model_add(&model, &row);
    }
    model_add_rows(sum, model.rows, model.count);
    batch = fixture_batch(layout, &model, 0);
    model_release(&model);
    return batch;
}

/* Runs of keys that meet, overlap or keep apart at their ends: most blocks are taken
 * over, and none of the output's is small for no reason. */
static bool
merge_shares_blocks(struct rng *rng, size_t steps)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};
    const struct merge_options options = {.encode_rows = UINT64_MAX};
    struct spine_batch *batches[6];
    struct merge_counts counts;
    struct layout layout;
    struct merge *merge;
    struct model sum;
    uint64_t begin = 1000;
    size_t blocks = 0;

    (void)steps;
    HOLDS_OK(layout_init(&layout, &schema, NULL));
    model_init(&sum, &schema);
    for (size_t i = 0; i < 6; i++) {
        const size_t rows = BLOCK_ROWS * (12 + rng_index(rng, 5)) + rng_index(rng, 4000);

        batches[5 - i] = run_of_keys(&layout, begin, rows, &sum);
        blocks += batches[5 - i]->block_count;
        begin += rows - rng_index(rng, 2) * rng_index(rng, 300) + rng_index(rng, 2);
    }
    model_consolidate(&sum);
    HOLDS_OK(merge_new(&merge, batches, 6, &options, NULL));
    HOLDS_OK(run_merge(merge, rng, (enum fuel)rng_below(rng, FUELS)));
    merge_counts(merge, &counts);
    HOLDS(counts.blocks_shared >= blocks / 2);
    HOLDS(counts.rows_shared <= counts.rows_in && counts.rows_shared >= 10 * BLOCK_ROWS);
    const bool same = merged_equals(merge, &sum);
    merge_free(merge);
    model_release(&sum);
    for (size_t i = 0; i < 6; i++)
        spine_batch_unref(batches[i]);
    return same;
}
LAW(merge_shares_blocks, 8, 1)

/* Merges two batches to the end; returns how many blocks were taken over. */
static uint64_t
shared_by_merge(struct spine_batch *const *batches, const struct merge_options *options,
                struct spine_batch **out)
{
    uint64_t fuel_rows = UINT64_MAX;
    struct merge_counts counts;
    struct merge *merge;

    assert_int_equal(merge_new(&merge, batches, 2, options, NULL), SPINE_OK);
    assert_int_equal(merge_step(merge, &fuel_rows, NULL), SPINE_OK);
    merge_counts(merge, &counts);
    assert_int_equal(fixture_seal(merge, out), SPINE_OK);
    merge_free(merge);
    return counts.blocks_shared;
}

/* Blocks that would be smaller are packed anew once, and taken over from then on. */
static void
test_blocks_are_encoded_once(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}};
    const struct merge_options options = {.encode_rows = 10 * BLOCK_ROWS};
    struct spine_batch *batches[2], *small, *all;
    struct layout layout;
    struct model sum;

    (void)state;
    assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
    model_init(&sum, &schema);
    fixture_turn = 0;
    batches[0] = run_of_keys(&layout, 0, 5 * BLOCK_ROWS, &sum);
    fixture_turn = 0;
    batches[1] = run_of_keys(&layout, 10 * BLOCK_ROWS, 5 * BLOCK_ROWS, &sum);
    assert_int_equal(shared_by_merge(batches, &options, &small), 0);
    assert_true(small->info.bytes < batches[0]->info.bytes);
    spine_batch_unref(batches[0]);
    spine_batch_unref(batches[1]);

    batches[0] = small;
    fixture_turn = 0;
    batches[1] = run_of_keys(&layout, 20 * BLOCK_ROWS, 5 * BLOCK_ROWS, &sum);
    /* Those of the second batch are plain. */
    assert_int_equal(shared_by_merge(batches, &options, &all), 10);
    assert_int_equal(spine_batch_check(all, NULL), SPINE_OK);
    spine_batch_unref(all);
    spine_batch_unref(batches[0]);
    spine_batch_unref(batches[1]);
    model_release(&sum);
}

static void
test_shared_blocks_cost_one_row_of_fuel(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}};
    struct spine_batch *batches[2];
    struct merge_counts counts;
    struct layout layout;
    struct merge *merge;
    struct model sum;
    uint64_t fuel_rows = 4;

    (void)state;
    assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
    model_init(&sum, &schema);
    batches[0] = run_of_keys(&layout, 0, 10 * BLOCK_ROWS, &sum);
    batches[1] = run_of_keys(&layout, 1u << 20, 10 * BLOCK_ROWS, &sum);
    assert_int_equal(merge_new(&merge, batches, 2, NULL, NULL), SPINE_OK);
    assert_int_equal(merge_rows_left(merge), 20 * BLOCK_ROWS);
    assert_int_equal(merge_step(merge, &fuel_rows, NULL), SPINE_OK);
    assert_int_equal(fuel_rows, 0);
    assert_false(merge_done(merge));
    assert_int_equal(merge_rows_left(merge), 16 * BLOCK_ROWS);
    fuel_rows = 100;
    assert_int_equal(merge_step(merge, &fuel_rows, NULL), SPINE_OK);
    assert_int_equal(fuel_rows, 84);
    assert_true(merge_done(merge));
    merge_counts(merge, &counts);
    assert_int_equal(counts.blocks_shared, 20);
    assert_int_equal(counts.rows_shared, 20 * BLOCK_ROWS);
    assert_true(merged_equals(merge, &sum));
    merge_free(merge);
    model_release(&sum);
    spine_batch_unref(batches[0]);
    spine_batch_unref(batches[1]);
}

/* However many inputs there are, a slice does what its fuel allows, and all slices
 * together do not do much more per row. */
static void
test_slices_of_many_inputs_are_short(void **state)
{
    enum { INPUTS = 5000, FUEL = 1000 };
    static struct spine_batch *batches[INPUTS];
    const struct spine_schema schema = {.key = {SPINE_U64, 0}};
    struct spine_batch *out;
    struct merge *merge;
    size_t steps = 0;

    (void)state;
    for (uint64_t i = 0; i < INPUTS; i++) {
        const uint64_t key = i * 3001 % INPUTS;
        const struct spine_columns columns = {.rows = 1, .keys = &key};

        assert_int_equal(spine_batch_from_columns(&schema, &columns, &batches[i], NULL),
                         SPINE_OK);
    }
    assert_int_equal(merge_new(&merge, batches, INPUTS, NULL, NULL), SPINE_OK);
    for (; !merge_done(merge); steps++) {
        const uint64_t left = merge_rows_left(merge);
        uint64_t fuel_rows = FUEL;

        assert_int_equal(merge_step(merge, &fuel_rows, NULL), SPINE_OK);
        assert_true(left - merge_rows_left(merge) <= FUEL / 4);
    }
    /* Opening, a look or two, and eight for a row. */
    assert_in_range(steps, 9 * INPUTS / FUEL, 14 * INPUTS / FUEL);
    assert_int_equal(fixture_seal(merge, &out), SPINE_OK);
    assert_int_equal(out->info.rows, INPUTS);
    spine_batch_unref(out);
    merge_free(merge);
    for (size_t i = 0; i < INPUTS; i++)
        spine_batch_unref(batches[i]);
}

static void
test_overflow_is_an_error(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}};
    const struct model_row row = {.key = spine_u64(7), .weights = {INT64_MAX}};
    struct spine_batch *batches[2];
    struct spine_error error = {0};
    struct layout layout;
    struct merge *merge;
    struct model model;
    uint64_t fuel_rows = 100;

    (void)state;
    assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
    model_init(&model, &schema);
    model_add(&model, &row);
    batches[0] = fixture_batch(&layout, &model, 0);
    batches[1] = spine_batch_ref(batches[0]);
    assert_int_equal(merge_new(&merge, batches, 2, NULL, NULL), SPINE_OK);
    assert_int_equal(merge_step(merge, &fuel_rows, &error), SPINE_OVERFLOW);
    assert_int_equal(error.status, SPINE_OVERFLOW);
    assert_true(error.message[0] != '\0');
    merge_free(merge);
    merge_free(NULL);
    model_release(&model);
    spine_batch_unref(batches[0]);
    spine_batch_unref(batches[1]);
}

/* Merges all; SPINE_NOMEM wherever memory ended. */
static enum spine_status
try_merge(const struct fixture *fixture, struct spine_batch **out)
{
    struct merge *merge;
    enum spine_status st;

    st = merge_new(&merge, fixture->batches, fixture->batch_count, NULL, NULL);
    if (st != SPINE_OK)
        return st;
    st = run_merge(merge, fixture->generator.rng, FUEL_ALL);
    if (st == SPINE_OK)
        st = fixture_seal(merge, out);
    /* Sealing may be tried again. */
    if (st == SPINE_NOMEM && merge_done(merge) && fault_alloc_disarm())
        st = fixture_seal(merge, out) == SPINE_OK ? SPINE_NOMEM : SPINE_CORRUPT;
    else if (st == SPINE_NOMEM)
        *out = NULL;
    merge_free(merge);
    return st;
}

static bool
is_the_sum(const struct spine_batch *batch, const struct fixture *fixture)
{
    struct model rows;

    model_init(&rows, &fixture->schema);
    assert_true(fixture_rows(batch, &rows));
    const bool same = model_equal(&fixture->sum, &rows, "what was sealed");
    model_release(&rows);
    return same;
}

/* Every allocation fails once: an error, nothing lost, nothing leaked. */
static void
test_no_memory_is_an_error(void **state)
{
    struct rng rng = {.state = 42};

    (void)state;
    fault_alloc_install();
    for (unsigned round = 0; round < 4; round++) {
        struct spine_schema schema;
        struct fixture fixture;
        bool fired = true;

        generate_schema(&rng, &schema);
        fixture_init(&fixture, &rng, &schema, NULL, 4, 5000);
        for (uint64_t nth = 1; fired; nth++) {
            const size_t live = fault_alloc_live_blocks();
            struct spine_batch *batch = NULL;
            enum spine_status st;

            fault_alloc_arm(FAULT_ONCE, nth);
            st = try_merge(&fixture, &batch);
            fired = fault_alloc_fired();
            (void)fault_alloc_disarm();
            assert_int_equal(st, fired ? SPINE_NOMEM : SPINE_OK);
            /* Also what was sealed the second time is all of it. */
            assert_true(batch == NULL || is_the_sum(batch, &fixture));
            spine_batch_unref(batch);
            assert_int_equal(fault_alloc_live_blocks(), live);
        }
        fixture_release(&fixture);
    }
    fault_alloc_remove();
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merge_is_the_sum),
        cmocka_unit_test(test_many_inputs_merge_alike),
        cmocka_unit_test(test_slices_of_many_inputs_are_short),
        cmocka_unit_test(test_merge_advances_times),
        cmocka_unit_test(test_merge_goes_on_when_split),
        cmocka_unit_test(test_merge_cancels),
        cmocka_unit_test(test_merge_shares_blocks),
        cmocka_unit_test(test_blocks_are_encoded_once),
        cmocka_unit_test(test_shared_blocks_cost_one_row_of_fuel),
        cmocka_unit_test(test_overflow_is_an_error),
        cmocka_unit_test(test_no_memory_is_an_error),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
