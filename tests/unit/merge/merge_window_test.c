/* SPDX-License-Identifier: MIT */

/* With a memory limit a window takes about as many bytes as are read ahead, whatever the
 * merge did before it. */

#include "batch/fence.h"
#include "merge/merge.h"
#include "merge/merge_state.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define VALUE_BYTES 2000u
#define LARGE_ROWS 4000u
/* Room for some thirty rows. */
#define AHEAD_BYTES (UINT64_C(64) << 10)

static const struct spine_schema schema = {.key = {SPINE_U64, 0},
                                           .value = {SPINE_BYTES, 0}};

/* The keys first, first + step, ... */
static struct spine_batch *
batch_of(uint64_t first, uint64_t step, size_t rows)
{
    uint64_t *const keys = malloc(rows * sizeof *keys);
    uint64_t *const ends = malloc((rows + 1) * sizeof *ends);
    uint8_t *const values = calloc(rows, VALUE_BYTES);
    const struct spine_columns columns = {
        .rows = rows, .keys = keys, .values = values, .value_offsets = ends};
    struct spine_batch *batch;

    assert_true(keys != NULL && ends != NULL && values != NULL);
    ends[0] = 0;
    for (size_t i = 0; i < rows; i++) {
        keys[i] = first + i * step;
        ends[i + 1] = (i + 1) * VALUE_BYTES;
    }
    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    free(keys);
    free(ends);
    free(values);
    return batch;
}

/* Blocks that are taken over lie before, between and behind windows. */
static void
merge_in_windows(uint64_t untouched_rows)
{
    struct spine_batch *const inputs[] = {batch_of(0, 2, LARGE_ROWS),
                                          batch_of(LARGE_ROWS + 1, 2, 200)};
    const struct merge_options options = {.ahead_bytes = AHEAD_BYTES,
                                          .untouched_rows = untouched_rows,
                                          .encode_rows = UINT64_MAX};
    struct merge_counts counts;
    struct spine_batch *out = NULL;
    struct merge *merge;

    assert_int_equal(merge_new(&merge, inputs, 2, &options, NULL), SPINE_OK);
    assert_in_range(merge->window_rows_max, WINDOW_ROWS_LEAST, 40);
    spine_batch_unref(inputs[0]);
    spine_batch_unref(inputs[1]);
    while (!merge_done(merge)) {
        uint64_t fuel_rows = 1;

        assert_in_range(merge->window_rows, 1, merge->window_rows_max);
        assert_int_equal(merge_step(merge, &fuel_rows, NULL), SPINE_OK);
    }
    while (out == NULL) {
        uint64_t fuel_rows = 10000;

        assert_int_equal(merge_seal(merge, &fuel_rows, &out, NULL), SPINE_OK);
    }
    merge_counts(merge, &counts);
    assert_true(counts.blocks_shared >= 2);
    assert_int_equal(out->info.rows, LARGE_ROWS + 200);
    merge_free(merge);
    spine_batch_unref(out);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
windows_stay_as_small_as_memory_is(void **state)
{
    (void)state;
    merge_in_windows(0);
    merge_in_windows(LARGE_ROWS / 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_stay_as_small_as_memory_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
