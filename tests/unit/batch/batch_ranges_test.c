/* SPDX-License-Identifier: MIT */

/*
 * Ranges of keys in large batches, whose blocks are full and encoded, for each shape of
 * keys. The rows of a range follow from the numbers that its keys are made of.
 */

#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 120000, STEP = 3, RANGES = 3000, KEY_MOST = 40 };

static uint64_t seed = 20261201;

static uint64_t
draw(uint64_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (seed >> 33) % below;
}

/* Cells of one column. */
struct cells {
    uint8_t *data;
    uint64_t *offsets;
    size_t count;
    size_t bytes;
};

static void
cells_new(struct cells *cells, size_t count)
{
    *cells = (struct cells){.data = malloc(count * KEY_MOST + 1),
                            .offsets = malloc((count + 1) * sizeof(uint64_t))};
    assert_true(cells->data != NULL && cells->offsets != NULL);
    cells->offsets[0] = 0;
}

static void
cells_free(struct cells *cells)
{
    free(cells->data);
    free(cells->offsets);
}

/* The key that is number `number`, in the order of numbers; some begin with much that is
 * the same, and bytes differ in their sizes. */
static void
cells_push(struct cells *cells, struct spine_type type, uint64_t number)
{
    uint8_t *const to = cells->data + cells->bytes;
    const uint64_t word = __builtin_bswap64(number * 1000003);
    const uint32_t small = (uint32_t)number;
    size_t size = type.size;

    if (type.kind == SPINE_U64) {
        size = sizeof number;
        memcpy(to, &number, size);
    } else if (type.kind == SPINE_U32) {
        size = sizeof small;
        memcpy(to, &small, size);
    } else if (type.kind == SPINE_FIXED) {
        memset(to, 'x', size);
        memcpy(to + size / 3, &word, sizeof word);
    } else {
        size = (size_t)sprintf((char *)to, "customer/%08u%s", (unsigned)number,
                               number % 7 == 0 ? "/and more" : "");
    }
    cells->bytes += size;
    cells->offsets[++cells->count] = cells->bytes;
}

/* Rows with keys 0, STEP, 2 * STEP, ...: every second one in each of two batches. */
static struct spine_snapshot *
snapshot_of(const struct spine_schema *schema, size_t batch_count)
{
    static uint64_t values[ROWS];
    struct spine_batch *batches[2];
    struct spine_snapshot *snapshot;

    for (size_t b = 0; b < batch_count; b++) {
        struct spine_columns rows = {.values = values};
        struct cells keys;

        cells_new(&keys, ROWS);
        for (uint64_t i = b; i < ROWS; i += batch_count) {
            values[keys.count] = i;
            cells_push(&keys, schema->key, i * STEP);
        }
        rows.rows = keys.count;
        rows.keys = keys.data;
        rows.key_offsets = keys.offsets;
        assert_int_equal(spine_batch_from_columns(schema, &rows, &batches[b], NULL),
                         SPINE_OK);
        cells_free(&keys);
    }
    assert_int_equal(
        spine_snapshot_of_batches(schema, batches, batch_count, &snapshot, NULL),
        SPINE_OK);
    for (size_t b = 0; b < batch_count; b++)
        spine_batch_unref(batches[b]);
    return snapshot;
}

/* The first row whose key is not less than that of `number`. */
static uint64_t
row_of(uint64_t number)
{
    const uint64_t row = (number + STEP - 1) / STEP;

    return row < ROWS ? row : ROWS;
}

static void
probe_ranges(const struct spine_schema *schema, struct spine_snapshot *snapshot,
             uint64_t length_most)
{
    static uint64_t bounds[2 * RANGES];
    struct spine_key_ranges ranges = {0};
    struct spine_probe_rows found;
    struct cells lower, upper;
    struct spine_probe *probe;
    uint64_t number = 0;

    cells_new(&lower, RANGES);
    cells_new(&upper, RANGES);
    for (; ranges.ranges < RANGES && number < (ROWS + 9) * STEP; ranges.ranges++) {
        bounds[2 * ranges.ranges] = number += draw(4) * draw(100);
        cells_push(&lower, schema->key, number);
        bounds[2 * ranges.ranges + 1] = number += draw(length_most);
        cells_push(&upper, schema->key, number);
    }
    ranges.lower = lower.data;
    ranges.lower_offsets = lower.offsets;
    ranges.upper = upper.data;
    ranges.upper_offsets = upper.offsets;
    assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);
    assert_int_equal(
        spine_snapshot_probe_ranges(snapshot, probe, &ranges, NULL, &found, NULL),
        SPINE_OK);
    assert_int_equal(found.keys, ranges.ranges);
    for (size_t k = 0, row = 0; k < found.keys; k++) {
        const uint64_t begin = row_of(bounds[2 * k]), end = row_of(bounds[2 * k + 1]);

        assert_int_equal(found.ends[k] - row, end - begin);
        for (uint64_t i = begin; i < end; i++, row++)
            assert_int_equal(((const uint64_t *)found.columns.values)[row], i);
    }
    spine_probe_free(probe);
    cells_free(&lower);
    cells_free(&upper);
}

static void
ranges_of_large_batches(void **state)
{
    static const struct spine_type types[] = {{SPINE_U64, 0},    {SPINE_U32, 0},
                                              {SPINE_FIXED, 12}, {SPINE_FIXED, 24},
                                              {SPINE_FIXED, 33}, {SPINE_BYTES, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        for (size_t batch_count = 1; batch_count <= 2; batch_count++) {
            const struct spine_schema schema = {.key = types[i], .value = {SPINE_U64, 0}};
            struct spine_snapshot *const snapshot = snapshot_of(&schema, batch_count);

            probe_ranges(&schema, snapshot, 20);
            probe_ranges(&schema, snapshot, 1000);
            probe_ranges(&schema, snapshot, 50000);
            spine_snapshot_unref(snapshot);
        }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ranges_of_large_batches)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
