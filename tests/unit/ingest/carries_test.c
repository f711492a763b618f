/* SPDX-License-Identifier: MIT */
#include "ingest/carries.h"

#include "base/wide_sum.h"
#include "batch/fence.h"
#include "harness/fault_alloc.h"
#include "harness/rng.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ROWS 40000u

static const struct spine_schema numbers = {
    .key = {SPINE_U64, 0}, .value = {SPINE_NONE, 0}, .weight_count = 2};

static void
append(const struct layout *layout, struct rows *rows, uint64_t key, int64_t first,
       int64_t second)
{
    const int64_t weights[] = {first, second};
    const struct spine_row row = {.key = spine_u64(key), .weights = weights};

    assert_true(rows_reserve(layout, rows, rows->count + 1));
    assert_int_equal(rows_append_row(layout, rows, &row, NULL), SPINE_OK);
}

/* Carries and rests are the rows again; only what is there more than once has any. */
static void
sums_are_carries_and_rests(void **state)
{
    struct layout layout;
    struct rows rows = {0}, carries = {0};

    (void)state;
    assert_int_equal(layout_init(&layout, &numbers, NULL), SPINE_OK);
    append(&layout, &rows, 1, INT64_MAX, 5);
    for (unsigned i = 0; i < 3; i++)
        append(&layout, &rows, 2, INT64_MAX, -1);
    append(&layout, &rows, 3, INT64_MIN, 0);
    append(&layout, &rows, 3, INT64_MIN, 0);
    assert_true(carries_of_rows(&layout, &rows, &carries));
    assert_int_equal(rows.count, 6);
    carries_leave_rests(&layout, &rows);
    assert_int_equal(carries.count, 2);
    assert_int_equal(carries.weight[0], 5);
    assert_int_equal(carries.weight[1], 0);
    assert_int_equal(carries.weight[2], -4);
    assert_int_equal(carries.weight[3], 0);
    assert_int_equal(rows.count, 2);
    assert_true(rows.weight[0] == INT64_MAX && rows.weight[1] == 5);
    assert_true((wide_sum)rows.weight[2] + 5 * (wide_sum)CARRY_WEIGHT ==
                3 * (wide_sum)INT64_MAX);
    assert_int_equal(rows.weight[3], -3);
    rows_release(&layout, &rows);
    rows_release(&layout, &carries);
}

static void
layers_are_the_carries(void **state)
{
    struct layout layout;
    struct rows rows = {0};
    struct spine_batch *carries, *layer, *rest;
    uint64_t layers = 0;
    int64_t sums[3][2] = {{0}};

    (void)state;
    assert_int_equal(layout_init(&layout, &numbers, NULL), SPINE_OK);
    append(&layout, &rows, 0, 3, 0);
    append(&layout, &rows, 1, -1, 2);
    append(&layout, &rows, 2, 0, -4);
    assert_int_equal(batch_of_sorted(&layout, &rows, &carries, NULL), SPINE_OK);
    assert_int_equal(carries_count_layers(carries, &layers), SPINE_OK);
    assert_int_equal(layers, 4);
    for (uint64_t i = 0; i < layers; i++) {
        struct reader reader;

        assert_non_null(carries);
        assert_int_equal(carries_take_layer(carries, &layer, &rest), SPINE_OK);
        reader_init(&reader, layer);
        rows.count = 0;
        assert_int_equal(reader_stage(&reader, &rows, 10), SPINE_OK);
        assert_true(rows.count > 0);
        for (size_t at = 0; at < rows.count; at++)
            for (unsigned c = 0; c < 2; c++)
                sums[rows.hi[at]][c] += rows.weight[2 * at + c] / CARRY_WEIGHT;
        spine_batch_unref(layer);
        spine_batch_unref(carries);
        carries = rest;
    }
    assert_null(carries);
    assert_true(sums[0][0] == 3 && sums[0][1] == 0);
    assert_true(sums[1][0] == -1 && sums[1][1] == 2);
    assert_true(sums[2][0] == 0 && sums[2][1] == -4);
    rows_release(&layout, &rows);
}

/* Many rows of few keys, by turns too much and too little; in all each key has weight 7
 * and 0. */
static int64_t
heavy_weight(size_t at)
{
    return at < 100 ? (at < 70 ? 0 : 1) : at % 20000 < 10000 ? INT64_MAX : -INT64_MAX;
}

/* An allocation fails once: nothing is lost, nothing leaks. */
static bool
make_once(uint64_t nth)
{
    struct spine_batcher *batcher;
    struct spine_batch *batch = NULL;
    struct spine_batch_info info;
    enum spine_status st;

    assert_int_equal(spine_batcher_new(&numbers, &batcher, NULL), SPINE_OK);
    fault_alloc_arm(FAULT_ONCE, nth);
    for (size_t i = 0; i < ROWS + 100; i++) {
        const int64_t weights[] = {heavy_weight(i), 0};
        const struct spine_row row = {.key = spine_u64(i % 4), .weights = weights};

        st = spine_batcher_add(batcher, &row, NULL);
        if (st == SPINE_NOMEM && fault_alloc_fired())
            st = spine_batcher_add(batcher, &row, NULL);
        assert_int_equal(st, SPINE_OK);
    }
    st = spine_batcher_seal(batcher, &batch, NULL);
    if (st == SPINE_NOMEM && fault_alloc_fired())
        st = spine_batcher_seal(batcher, &batch, NULL);
    assert_int_equal(st, SPINE_OK);
    const bool fired = fault_alloc_disarm();
    spine_batch_get_info(batch, &info);
    assert_int_equal(info.rows, 4);
    spine_batch_unref(batch);
    spine_batcher_free(batcher);
    assert_int_equal(fault_alloc_live_bytes(), 0);
    return fired;
}

static void
a_want_of_memory_loses_no_carry(void **state)
{
    uint64_t points = 0;

    (void)state;
    fault_alloc_install();
    while (make_once(points + 1))
        points++;
    assert_true(points > 20);
    fault_alloc_remove();
}

/* A call that fails leaves the batcher as it was, carries included. */
static void
columns_that_are_refused_leave_no_carry(void **state)
{
    static uint64_t keys[ROWS];
    static int64_t weights[2 * ROWS];
    const struct spine_columns columns = {.rows = ROWS, .keys = keys, .weights = weights};

    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        weights[2 * i] = INT64_MAX;
    fault_alloc_install();
    for (uint64_t nth = 1;; nth++) {
        const int64_t one[] = {1, 1};
        const struct spine_row row = {.key = spine_u64(0), .weights = one};
        struct spine_batcher *batcher;
        struct spine_batch *batch;
        enum spine_status st;

        assert_int_equal(spine_batcher_new(&numbers, &batcher, NULL), SPINE_OK);
        assert_int_equal(spine_batcher_add(batcher, &row, NULL), SPINE_OK);
        fault_alloc_arm(FAULT_ONCE, nth);
        st = spine_batcher_add_columns(batcher, &columns, NULL);
        (void)fault_alloc_disarm();
        assert_int_equal(spine_batcher_seal(batcher, &batch, NULL),
                         st == SPINE_OK ? SPINE_OVERFLOW : SPINE_OK);
        if (st != SPINE_OK)
            spine_batch_unref(batch);
        spine_batcher_free(batcher);
        assert_int_equal(fault_alloc_live_bytes(), 0);
        if (st == SPINE_OK)
            break;
        assert_int_equal(st, SPINE_NOMEM);
    }
    fault_alloc_remove();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_carries_and_rests),
        cmocka_unit_test(layers_are_the_carries),
        cmocka_unit_test(a_want_of_memory_loses_no_carry),
        cmocka_unit_test(columns_that_are_refused_leave_no_carry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
