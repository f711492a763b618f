/* SPDX-License-Identifier: MIT */
#include "ingest/runs.h"

#include "harness/fault_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* The first RUN_FAN_IN runs are merged, and two come after them. */
#define RUNS (RUN_FAN_IN + 2)
#define ROWS ((size_t)RUNS * RUN_ROWS)

static const struct spine_schema numbers = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_NONE, 0}};

/* Rows of different keys, but that each run has a row of key 0, which no two of them can
 * add up. */
static struct spine_columns
overflowing(void)
{
    uint64_t *keys = malloc(ROWS * sizeof *keys);
    int64_t *weights = malloc(ROWS * sizeof *weights);

    assert_non_null(keys);
    assert_non_null(weights);
    for (size_t i = 0; i < ROWS; i++) {
        keys[i] = i % RUN_ROWS == 0 ? 0 : i;
        weights[i] = i % RUN_ROWS == 0 ? INT64_MAX : 1;
    }
    return (struct spine_columns){.rows = ROWS, .keys = keys, .weights = weights};
}

/* Runs that cannot be added up are kept apart; not any more when they are gone, because
 * the call that brought them failed, or became a batch. */
static void
runs_are_apart_no_longer_than_they_last(void **state)
{
    const struct spine_columns columns = overflowing();
    const uint64_t one_key = 1;
    const struct spine_columns one_row = {.rows = 1, .keys = &one_key};
    struct spine_batch *batch;
    struct layout layout;
    struct runs runs;
    uint64_t allocations;

    (void)state;
    fault_alloc_install();
    assert_int_equal(layout_init(&layout, &numbers, NULL), SPINE_OK);
    runs_init(&runs, &layout);
    assert_int_equal(runs_add_columns(&runs, &one_row, NULL), SPINE_OK);
    allocations = fault_alloc_count();
    assert_int_equal(runs_add_columns(&runs, &columns, NULL), SPINE_OK);
    allocations = fault_alloc_count() - allocations;
    assert_true(runs.list.apart);
    assert_true(runs.list.count >= RUNS);
    runs_clear(&runs);
    assert_false(runs.list.apart);

    for (uint64_t before_end = 0; before_end < 3; before_end++) {
        runs_release(&runs);
        assert_int_equal(runs_add_columns(&runs, &one_row, NULL), SPINE_OK);
        fault_alloc_arm(FAULT_ONCE, allocations - before_end);
        assert_int_equal(runs_add_columns(&runs, &columns, NULL), SPINE_NOMEM);
        assert_true(fault_alloc_disarm());
        assert_int_equal(runs.list.count, 1);
        assert_false(runs.list.apart);
    }
    runs.list.apart = true;
    assert_int_equal(runs_seal(&runs, &batch, NULL), SPINE_OK);
    assert_false(runs.list.apart);
    spine_batch_unref(batch);
    runs_release(&runs);
    fault_alloc_remove();
    free((void *)(uintptr_t)columns.keys);
    free((void *)(uintptr_t)columns.weights);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_are_apart_no_longer_than_they_last),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
