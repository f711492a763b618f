/* SPDX-License-Identifier: MIT */
#include "unit/batch/batch_fixture.h"

static void
expect_from_columns(const struct spine_schema *schema, const struct draw *draw,
                    uint64_t seed)
{
    struct random random = {seed};
    struct owned_columns columns = columns_draw(schema, draw, &random);
    struct spine_error error = {0};
    struct spine_batch *batch;
    struct layout layout;
    struct rows rows;

    assert_int_equal(layout_init(&layout, schema, NULL), SPINE_OK);
    rows = rows_of_columns(&layout, &columns.columns);
    if (spine_batch_from_columns(schema, &columns.columns, &batch, &error) != SPINE_OK)
        fail_msg("seed %" PRIu64 ": %s", seed, error.message);
    assert_true(spine_schema_equal(spine_batch_schema(batch), schema));
    expect_batch(&layout, batch, &rows);
    rows_release(&layout, &rows);
    spine_batch_unref(batch);
    columns_free(&columns);
    expect_no_leak();
}

static void
every_schema_is_sorted(void **state)
{
    (void)state;
    uint64_t seed = 1;

    for (size_t k = 0; k < TYPE_COUNT; k++)
        for (size_t v = 0; v < TYPE_COUNT; v++, seed++) {
            const struct spine_schema schema = {.key = all_types[k],
                                                .value = all_types[v],
                                                .weight_count = (unsigned)(seed % 3),
                                                .time = (enum spine_time)(seed % 3)};
            const struct draw draw = {.rows = 100 + seed * 7,
                                      .keys = 50,
                                      .values = 5,
                                      .times = 3,
                                      .magnitude = (int64_t)(seed % 4)};

            expect_from_columns(&schema, &draw, seed);
        }
}

/* More rows than are sorted at once, and enough for runs of runs. */
static void
many_rows_are_merged(void **state)
{
    (void)state;
    static const struct spine_schema schemas[] = {
        {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}},
        {.key = {SPINE_U32, 0}, .value = {SPINE_U32, 0}},
        {.key = {SPINE_BYTES, 0}, .value = {SPINE_I32, 0}, .time = SPINE_TIME_U64},
    };
    static const struct draw draws[] = {
        {.rows = 400000, .keys = 1000000, .values = 1000000},
        {.rows = 400000, .keys = 100, .values = 20, .magnitude = 3},
        {.rows = 50000, .keys = 3, .values = 3, .magnitude = 1, .times = 100},
    };

    for (size_t s = 0; s < sizeof schemas / sizeof *schemas; s++)
        for (size_t d = 0; d < sizeof draws / sizeof *draws; d++)
            expect_from_columns(&schemas[s], &draws[d], s * 10 + d);
}

static void
no_rows_give_an_empty_batch(void **state)
{
    (void)state;
    const struct spine_schema schema = {.key = {SPINE_BYTES, 0}};
    const struct spine_columns columns = {0};
    struct spine_batch_info info;
    struct spine_batch *batch;

    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    spine_batch_get_info(batch, &info);
    assert_int_equal(info.rows, 0);
    assert_int_equal(spine_batch_check(batch, NULL), SPINE_OK);
    assert_ptr_equal(spine_batch_ref(batch), batch);
    spine_batch_unref(batch);
    spine_batch_unref(batch);
    spine_batch_unref(NULL);
    expect_no_leak();
}

static void
columns_that_make_no_sense_are_named(void **state)
{
    (void)state;
    struct spine_schema schema = {.key = {SPINE_BYTES, 0}, .value = {SPINE_U64, 0}};
    const uint64_t offsets[] = {0, 3, 2}, values[] = {1, 2};
    struct spine_columns columns = {
        .rows = 2, .keys = "abc", .key_offsets = offsets, .values = values};
    struct spine_error error = {0};
    struct spine_batch *batch = (struct spine_batch *)&error;

    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, &error),
                     SPINE_INVALID);
    assert_null(batch);
    assert_non_null(strstr(error.message, "offsets"));
    columns.rows = 1;
    columns.values = NULL;
    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, &error),
                     SPINE_INVALID);
    assert_non_null(strstr(error.message, "values"));
    schema.weight_count = 99;
    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, &error),
                     SPINE_INVALID);
    expect_no_leak();
}

static void
overflow_is_told(void **state)
{
    (void)state;
    const struct spine_schema schema = {.key = {SPINE_U32, 0}};
    uint32_t *keys = calloc(40000, sizeof *keys);
    int64_t *weights = calloc(40000, sizeof *weights);
    struct spine_columns columns = {.keys = keys, .weights = weights};
    struct spine_error error = {0};
    struct spine_batch *batch;

    /* In one buffer, and in two runs. */
    for (size_t rows = 2; rows <= 40000; rows += 39998) {
        columns.rows = rows;
        for (size_t i = 0; i < rows; i++)
            weights[i] = INT64_MAX / (int64_t)rows;
        weights[rows - 1] = INT64_MAX;
        assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, &error),
                         SPINE_OVERFLOW);
        assert_null(batch);
    }
    free(keys);
    free(weights);
    expect_no_leak();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_schema_is_sorted),
        cmocka_unit_test(many_rows_are_merged),
        cmocka_unit_test(no_rows_give_an_empty_batch),
        cmocka_unit_test(columns_that_make_no_sense_are_named),
        cmocka_unit_test(overflow_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
