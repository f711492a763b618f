/* SPDX-License-Identifier: MIT */

/*
 * Weights that cannot be added are never wrapped: whoever adds them says so, and what was
 * there before is still there.
 */

#include "harness/check.h"
#include "harness/fault_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct spine_schema schemas[] = {
    {.key = {SPINE_U32, 0}, .value = {SPINE_U32, 0}},
    {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}},
    {.key = {SPINE_BYTES, 0}, .value = {SPINE_U64, 0}},
    {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}, .weight_count = 2},
    {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}, .time = SPINE_TIME_U64},
};
#define SCHEMAS (sizeof schemas / sizeof schemas[0])

/* One row, the key the smallest of its kind. */
static struct model_row
heavy_row(const struct spine_schema *schema, int64_t weight)
{
    struct model_row row = {.key = spine_u64(0), .value = spine_u64(3), .time = 5};

    if (schema->key.kind == SPINE_BYTES)
        row.key = spine_data("k", 1);
    if (schema->key.kind == SPINE_U32) {
        row.key = spine_u32(0);
        row.value = spine_u32(3);
    }
    row.weights[schema->weight_count > 1 ? 1 : 0] = weight;
    return row;
}

static struct spine_batch *
heavy_batch(const struct spine_schema *schema, int64_t weight)
{
    const struct model_row row = heavy_row(schema, weight);
    struct model model;

    model_init(&model, schema);
    model_add(&model, &row);
    struct spine_batch *batch = batch_of_rows(&model);
    model_release(&model);
    return batch;
}

static void
test_columns_and_batcher(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCHEMAS; i++) {
        const struct model_row most = heavy_row(&schemas[i], INT64_MAX);
        const struct model_row one = heavy_row(&schemas[i], 1);
        const struct spine_row heavy = row_of_model(&most), light = row_of_model(&one);
        struct model model;
        struct columns columns;
        struct spine_batcher *batcher;
        struct spine_batch *batch = NULL;
        struct spine_batch_info info;
        struct spine_error error = {0};

        model_init(&model, &schemas[i]);
        model_add(&model, &most);
        model_add(&model, &one);
        columns_init(&columns, &model);
        assert_int_equal(
            spine_batch_from_columns(&schemas[i], &columns.view, &batch, &error),
            SPINE_OVERFLOW);
        assert_null(batch);
        assert_int_equal(error.status, SPINE_OVERFLOW);

        assert_int_equal(spine_batcher_new(&schemas[i], &batcher, NULL), SPINE_OK);
        assert_int_equal(spine_batcher_add(batcher, &heavy, NULL), SPINE_OK);
        enum spine_status st = spine_batcher_add(batcher, &light, NULL);
        assert_true(st == SPINE_OK || st == SPINE_OVERFLOW);
        assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), SPINE_OVERFLOW);
        assert_int_equal(spine_batcher_add(batcher, &light, NULL), SPINE_OVERFLOW);
        assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), SPINE_OVERFLOW);
        spine_batcher_clear(batcher);
        assert_int_equal(spine_batcher_add(batcher, &heavy, NULL), SPINE_OK);
        assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), SPINE_OK);
        spine_batch_get_info(batch, &info);
        assert_int_equal(info.rows, 1);
        spine_batch_unref(batch);
        spine_batcher_free(batcher);
        columns_release(&columns);
        model_release(&model);
        assert_int_equal(fault_alloc_live_bytes(), 0);
    }
}

/* The least and the greatest weight there are go through everything unharmed. */
static void
test_extremes_are_weights(void **state)
{
    static const int64_t weights[] = {INT64_MAX, INT64_MIN, INT64_MIN + 1};

    (void)state;
    for (size_t i = 0; i < SCHEMAS * 3; i++) {
        const struct spine_schema *schema = &schemas[i / 3];
        const struct model_row row = heavy_row(schema, weights[i % 3]);
        struct spine_batch *batch = heavy_batch(schema, weights[i % 3]);
        struct model model;

        model_init(&model, schema);
        model_add(&model, &row);
        assert_true(check_batch(batch, &model, "extreme"));
        model_release(&model);
        spine_batch_unref(batch);
        assert_int_equal(fault_alloc_live_bytes(), 0);
    }
}

/* A merge that cannot add is given up: the error sticks, the batches stay, readers are
 * told. */
static void
test_spine(void **state)
{
    const struct spine_runtime_options manual = {.manual = true};
    const struct spine_options options = {.backpressure_batches = 100,
                                          .help_batches = UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < SCHEMAS; i++) {
        struct spine_batch *heavy = heavy_batch(&schemas[i], INT64_MAX);
        struct spine_runtime *runtime;
        struct spine_snapshot *snapshot = NULL;
        struct spine_cursor *cursor = NULL;
        struct spine_stats stats;
        struct spine_error error = {0};
        struct spine *spine;

        assert_int_equal(spine_runtime_open(&manual, &runtime, NULL), SPINE_OK);
        assert_int_equal(spine_open(runtime, &schemas[i], &options, &spine, NULL),
                         SPINE_OK);
        for (int j = 0; j < 9; j++)
            assert_int_equal(spine_insert(spine, heavy, NULL), SPINE_OK);
        assert_int_equal(spine_cursor_open(spine, &cursor, NULL), SPINE_OK);
        assert_false(spine_cursor_key_valid(cursor));
        assert_int_equal(spine_cursor_status(cursor), SPINE_OVERFLOW);
        spine_cursor_close(cursor);

        while (spine_runtime_run(runtime, 1000) > 0)
            ;
        assert_int_equal(spine_get_status(spine, &error), SPINE_OVERFLOW);
        assert_int_equal(error.status, SPINE_OVERFLOW);
        assert_int_equal(spine_insert(spine, heavy, NULL), SPINE_OVERFLOW);
        assert_int_equal(spine_try_insert(spine, heavy, NULL), SPINE_OVERFLOW);
        assert_int_equal(spine_wait_idle(spine, UINT64_MAX, NULL), SPINE_OVERFLOW);
        assert_int_equal(spine_consolidate(spine, NULL, NULL), SPINE_OVERFLOW);
        assert_int_equal(spine_take_snapshot(spine, &snapshot, NULL), SPINE_OVERFLOW);
        spine_get_stats(spine, &stats);
        assert_int_equal(stats.batches, 9);
        assert_int_equal(stats.rows, 9);
        spine_close(spine);
        spine_runtime_close(runtime);
        spine_batch_unref(heavy);
        assert_int_equal(fault_alloc_live_bytes(), 0);
    }
}

static struct spine_batch *
batch_with_values(const struct spine_schema *schema, int64_t weight, uint64_t values)
{
    struct model_row row = heavy_row(schema, weight);
    struct model model;

    model_init(&model, schema);
    model_add(&model, &row);
    for (uint64_t i = 1; i < values; i++) {
        row = heavy_row(schema, 1);
        row.value = spine_u64(100 + i);
        model_add(&model, &row);
    }
    struct spine_batch *batch = batch_of_rows(&model);
    model_release(&model);
    return batch;
}

/* What some batches add up to is not in int64_t, what all of them do is: no error comes
 * of it, whichever merges begin. */
static void
test_settled_by_others(void **state)
{
    static const int64_t weights[] = {INT64_MAX, 1, INT64_MAX, 7, 8, 9, -6, -1, -5};
    const struct spine_runtime_options manual = {.manual = true};

    (void)state;
    for (size_t i = 0; i < 2 * SCHEMAS; i++) {
        const struct spine_schema *schema = &schemas[i / 2];
        const struct spine_options options = {.level0_rows = 10,
                                              .only_due_merges = i % 2 == 1};
        const int64_t sum = INT64_MAX - 87;
        struct spine_batch *batch = batch_with_values(schema, -INT64_MAX, 20);
        struct spine_runtime *runtime;
        struct spine_cursor *cursor;
        struct spine_stats stats;
        struct spine *spine;

        assert_int_equal(spine_runtime_open(&manual, &runtime, NULL), SPINE_OK);
        assert_int_equal(spine_open(runtime, schema, &options, &spine, NULL), SPINE_OK);
        assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
        spine_batch_unref(batch);
        batch = heavy_batch(schema, -100);
        assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
        spine_batch_unref(batch);
        for (size_t w = 0; w < sizeof weights / sizeof weights[0]; w++) {
            batch = heavy_batch(schema, weights[w]);
            assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
            spine_batch_unref(batch);
        }
        while (spine_runtime_run(runtime, 1000) > 0)
            ;
        assert_int_equal(spine_get_status(spine, NULL), SPINE_OK);
        spine_get_stats(spine, &stats);
        assert_true(stats.given_up_merges > 0);
        assert_int_equal(spine_cursor_open(spine, &cursor, NULL), SPINE_OK);
        assert_true(spine_cursor_val_valid(cursor));
        assert_true(spine_cursor_weights(cursor)[schema->weight_count > 1] == sum);
        spine_cursor_close(cursor);
        assert_int_equal(spine_consolidate(spine, NULL, NULL), SPINE_OK);
        spine_close(spine);
        spine_runtime_close(runtime);
        assert_int_equal(fault_alloc_live_bytes(), 0);
    }
}

/* The weights of a row's times are fine one by one; their sum is not. */
static void
test_sum_over_times(void **state)
{
    struct model model;
    struct spine_batch *batch;
    struct spine_cursor *cursor;
    const uint64_t *times;
    const int64_t *weights;

    (void)state;
    model_init(&model, &schemas[4]);
    for (uint64_t time = 1; time <= 2; time++) {
        struct model_row row = heavy_row(&schemas[4], INT64_MAX);
        row.time = time;
        model_add(&model, &row);
    }
    batch = batch_of_rows(&model);
    assert_int_equal(spine_batch_cursor(batch, &cursor, NULL), SPINE_OK);
    assert_true(spine_cursor_val_valid(cursor));
    assert_int_equal(spine_cursor_times(cursor, &times, &weights), 2);
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    (void)spine_cursor_weight(cursor);
    assert_int_equal(spine_cursor_status(cursor), SPINE_OVERFLOW);
    assert_false(spine_cursor_key_valid(cursor));
    spine_cursor_close(cursor);
    spine_batch_unref(batch);
    model_release(&model);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

/* Weights of one row, and what they are in all; NULL: what is not in int64_t. */
struct heavy {
    const struct spine_schema *schema;
    const int64_t *weights;
    size_t count;
    const int64_t *sum;
    enum spine_status expected;
};

/* Makers of batches add them up. */
static void
expect_made(const struct heavy *heavy, const struct columns *columns)
{
    struct spine_batcher *batcher;
    struct spine_batch *batch;

    assert_int_equal(spine_batcher_new(heavy->schema, &batcher, NULL), SPINE_OK);
    for (size_t i = 0; i < heavy->count; i++) {
        const struct model_row row = heavy_row(heavy->schema, heavy->weights[i]);
        const struct spine_row added = row_of_model(&row);

        assert_int_equal(spine_batcher_add(batcher, &added, NULL), SPINE_OK);
    }
    assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), heavy->expected);
    spine_batch_unref(batch);
    spine_batcher_free(batcher);
    assert_int_equal(
        spine_batch_from_columns(heavy->schema, &columns->view, &batch, NULL),
        heavy->expected);
    spine_batch_unref(batch);
}

/* Closes the cursor, which should be on the row. */
static void
expect_on_sum(const struct heavy *heavy, struct spine_cursor *cursor)
{
    assert_int_equal(spine_cursor_key_valid(cursor), heavy->sum != NULL);
    assert_int_equal(spine_cursor_status(cursor), heavy->expected);
    if (heavy->sum != NULL)
        assert_true(spine_cursor_weights(cursor)[heavy->schema->weight_count > 1] ==
                    *heavy->sum);
    spine_cursor_close(cursor);
}

static struct spine_cursor *
cursor_of(struct spine_snapshot *snapshot)
{
    struct spine_cursor *cursor;

    assert_int_equal(spine_snapshot_cursor(snapshot, &cursor, NULL), SPINE_OK);
    return cursor;
}

/* Readers of batches with one of them each add them up, one by one and in bulk. */
static void
expect_read(const struct heavy *heavy, struct spine_snapshot *snapshot,
            struct columns *columns)
{
    const bool second = heavy->schema->weight_count > 1;
    struct spine_cursor *cursor = cursor_of(snapshot);
    struct spine_probe *probe;
    struct spine_probe_rows found;
    struct buffers buffers;

    expect_on_sum(heavy, cursor);
    cursor = cursor_of(snapshot);
    spine_cursor_fast_forward(cursor);
    expect_on_sum(heavy, cursor);
    cursor = cursor_of(snapshot);
    (void)spine_cursor_seek_key_exact(cursor, heavy_row(heavy->schema, 1).key);
    expect_on_sum(heavy, cursor);

    buffers_init(&buffers, heavy->schema, 300, 8);
    cursor = cursor_of(snapshot);
    assert_int_equal(spine_cursor_read(cursor, &buffers.view), heavy->sum != NULL);
    assert_int_equal(spine_cursor_status(cursor), heavy->expected);
    if (heavy->sum != NULL)
        assert_true(buffers.view.weights[second] == *heavy->sum);
    spine_cursor_close(cursor);
    buffers_release(&buffers);

    assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);
    columns->view.rows = 1;
    assert_int_equal(
        spine_snapshot_probe(snapshot, probe, &columns->view, NULL, &found, NULL),
        heavy->expected);
    if (heavy->sum != NULL)
        assert_true(found.columns.weights[second] == *heavy->sum);
    spine_probe_free(probe);
}

static void
expect_sum(const struct heavy *heavy)
{
    struct spine_batch *batches[8];
    struct spine_snapshot *snapshot;
    struct columns columns;
    struct model model;

    model_init(&model, heavy->schema);
    for (size_t i = 0; i < heavy->count; i++) {
        const struct model_row row = heavy_row(heavy->schema, heavy->weights[i]);

        batches[i] = heavy_batch(heavy->schema, heavy->weights[i]);
        model_add(&model, &row);
    }
    columns_init(&columns, &model);
    assert_int_equal(
        spine_snapshot_of_batches(heavy->schema, batches, heavy->count, &snapshot, NULL),
        SPINE_OK);
    expect_made(heavy, &columns);
    expect_read(heavy, snapshot, &columns);
    spine_snapshot_unref(snapshot);
    for (size_t i = 0; i < heavy->count; i++)
        spine_batch_unref(batches[i]);
    columns_release(&columns);
    model_release(&model);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

/* In whatever order weights come, their sum is the same, or the same error. */
static void
test_orders(void **state)
{
    static const int64_t weights[][3] = {
        {INT64_MAX, 1, -1}, {INT64_MIN, -1, 1}, {INT64_MAX, INT64_MIN, -1},
        {INT64_MAX, 1, 1},  {INT64_MIN, -5, 4},
    };
    static const int64_t sums[] = {INT64_MAX, INT64_MIN, -2};

    (void)state;
    for (size_t i = 0; i < SCHEMAS; i++)
        for (size_t w = 0; w < sizeof weights / sizeof weights[0]; w++)
            for (unsigned order = 0; order < 6; order++) {
                const unsigned first = order % 3, second = (first + 1 + order / 3) % 3;
                const int64_t ordered[] = {weights[w][first], weights[w][second],
                                           weights[w][3 - first - second]};

                const struct heavy heavy = {&schemas[i], ordered, 3,
                                            w < 3 ? &sums[w] : NULL,
                                            w < 3 ? SPINE_OK : SPINE_OVERFLOW};

                expect_sum(&heavy);
            }
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_and_batcher),
        cmocka_unit_test(test_extremes_are_weights),
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_spine),
        cmocka_unit_test(test_settled_by_others),
        cmocka_unit_test(test_sum_over_times),
    };

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
