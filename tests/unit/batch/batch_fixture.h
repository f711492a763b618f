/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_BATCH_FIXTURE_H
#define TESTS_UNIT_BATCH_FIXTURE_H

/*
 * What random columns should become, made the obvious way.
 */

#include "batch/batch.h"
#include "random_columns.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct layout *sort_layout;
static const struct rows *sort_rows;

static inline int
compare_numbers(const void *a, const void *b)
{
    const size_t at_a = *(const size_t *)a, at_b = *(const size_t *)b;
    const int order = rows_compare(sort_layout, sort_rows, at_a, sort_rows, at_b);

    return order != 0 ? order : (at_a > at_b) - (at_a < at_b);
}

/* The rows of `columns` sorted, added up and without zeros.
 * Spans borrow from `columns`. */
static inline struct rows
rows_of_columns(const struct layout *layout, const struct spine_columns *columns)
{
    const unsigned width = layout->weight_count;
    struct rows rows = {0}, sorted = {0};
    size_t *order = malloc(columns->rows * sizeof *order + 1);

    assert_true(rows_reserve(layout, &rows, columns->rows + 1));
    assert_true(rows_reserve(layout, &sorted, columns->rows + 1));
    rows_append_columns(layout, &rows, columns, 0, columns->rows);
    for (size_t i = 0; i < rows.count; i++)
        order[i] = i;
    sort_layout = layout;
    sort_rows = &rows;
    qsort(order, rows.count, sizeof *order, compare_numbers);
    for (size_t i = 0; i < rows.count;) {
        size_t begin = i;
        bool zero = true;

        rows_append(layout, &sorted, &rows, order[i], order[i] + 1);
        for (i++; i < rows.count &&
                  rows_compare(layout, &rows, order[begin], &rows, order[i]) == 0;
             i++)
            for (unsigned w = 0; w < width; w++)
                sorted.weight[(sorted.count - 1) * width + w] +=
                    rows.weight[order[i] * width + w];
        for (unsigned w = 0; w < width; w++)
            zero = zero && sorted.weight[(sorted.count - 1) * width + w] == 0;
        sorted.count -= zero;
    }
    rows_release(layout, &rows);
    free(order);
    return sorted;
}

/* Rows [begin, ...) of `a` are those of `b` from its row `b_begin` on. */
static inline void
expect_rows_equal(const struct layout *layout, const struct rows *a, size_t a_begin,
                  const struct rows *b, size_t b_begin, size_t count)
{
    const unsigned width = layout->weight_count;

    assert_true(a_begin + count <= a->count && b_begin + count <= b->count);
    for (size_t i = 0; i < count; i++) {
        if (rows_compare(layout, a, a_begin + i, b, b_begin + i) != 0)
            fail_msg("rows %zu and %zu differ", a_begin + i, b_begin + i);
        for (unsigned w = 0; w < width; w++)
            if (a->weight[(a_begin + i) * width + w] !=
                b->weight[(b_begin + i) * width + w])
                fail_msg("weights of rows %zu and %zu differ", a_begin + i, b_begin + i);
    }
}

/* Which blocks of a batch are encoded: none, all, those with every second piece, or all
 * once half of the rows are there. */
enum blocks { BLOCKS_PLAIN, BLOCKS_ENCODED, BLOCKS_MIXED, BLOCKS_LATE };
#define BLOCKS_COUNT 4

/* What batch_of_rows() makes next: all kinds in turn. */
static enum blocks next_blocks = BLOCKS_PLAIN;

/* The batch of sorted `rows`, through an output, appended in pieces. */
static inline struct spine_batch *
batch_of_rows(const struct layout *layout, const struct rows *rows, size_t piece)
{
    const enum blocks blocks = next_blocks;
    struct spine_batch *batch;
    struct output output;

    next_blocks = (enum blocks)((blocks + 1) % BLOCKS_COUNT);
    output_init(&output, layout);
    output.encode_rows = blocks == BLOCKS_ENCODED ? 1 : UINT64_MAX;
    if (blocks == BLOCKS_LATE)
        output.encode_rows = rows->count / 2 + 1;
    for (size_t at = 0; at < rows->count; at += piece) {
        const size_t end = at + piece < rows->count ? at + piece : rows->count;

        if (blocks == BLOCKS_MIXED)
            output.encode_rows = output.encode_rows == 1 ? UINT64_MAX : 1;
        assert_true(
            rows_reserve(layout, &output.pending, output.pending.count + (end - at)));
        rows_append(layout, &output.pending, rows, at, end);
        assert_int_equal(output_flush(&output, false), SPINE_OK);
    }
    /* What is encoded stays as it is. */
    if (blocks == BLOCKS_MIXED)
        output.encode_rows = UINT64_MAX;
    assert_int_equal(output_seal(&output, &batch, NULL), SPINE_OK);
    output_release(&output);
    return batch;
}

/* Seeks that succeed. */
static inline void
seek(struct reader *reader, const struct cell *key, const struct cell *value)
{
    assert_int_equal(reader_seek(reader, key, value), SPINE_OK);
}

static inline void
seek_after(struct reader *reader, const struct cell *key, const struct cell *value)
{
    assert_int_equal(reader_seek_after(reader, key, value), SPINE_OK);
}

static inline size_t
seek_exact(struct reader *reader, const struct cell *key)
{
    size_t rows = 0;

    assert_int_equal(reader_seek_exact(reader, key, &rows), SPINE_OK);
    return rows;
}

/* What the rows of rows_of_batch() borrow from, until expect_no_leak(). */
static struct pins rows_pins;

/* All rows of the batch, by its reader, in pieces. */
static inline struct rows
rows_of_batch(const struct spine_batch *batch, size_t want)
{
    struct rows rows = {0};
    struct reader reader;

    reader_init(&reader, batch);
    reader.pins = &rows_pins;
    while (!reader_at_end(&reader))
        assert_int_equal(reader_stage(&reader, &rows, want), SPINE_OK);
    assert_int_equal(rows.count, batch->info.rows);
    if (reader.pin.image != NULL)
        assert_int_equal(pins_keep(&rows_pins, &reader), SPINE_OK);
    return rows;
}

/* Row `at` of sorted `rows` as the caller gives it. */
static inline struct spine_row
row_of_rows(const struct layout *layout, const struct rows *rows, size_t at,
            uint8_t scratch[2][16])
{
    return (struct spine_row){.key = rows_key_datum(layout, rows, at, scratch[0]),
                              .value = rows_value_datum(layout, rows, at, scratch[1]),
                              .time = rows->time != NULL ? rows->time[at] : 0,
                              .weight = rows->weight[at * layout->weight_count],
                              .weights = &rows->weight[at * layout->weight_count]};
}

/* Makes the batch anew as batch_of_rows() does. */
static inline void
rebuild_batch(struct spine_batch **batch)
{
    struct rows rows = rows_of_batch(*batch, 3000);
    struct spine_batch *copy = batch_of_rows(&(*batch)->layout, &rows, 5000);

    rows_release(&(*batch)->layout, &rows);
    spine_batch_unref(*batch);
    *batch = copy;
}

/* Nothing of the library's memory is out. */
static inline void
expect_no_leak(void)
{
    pins_release(&rows_pins);
    if (spine_allocated_bytes() != 0)
        fail_msg("%zu bytes leaked", spine_allocated_bytes());
}

/* `batch` is exactly `rows`, and sound. */
static inline void
expect_batch(const struct layout *layout, const struct spine_batch *batch,
             const struct rows *rows)
{
    struct spine_error error = {0};
    struct rows read = rows_of_batch(batch, 3000);

    assert_int_equal(read.count, rows->count);
    expect_rows_equal(layout, &read, 0, rows, 0, rows->count);
    rows_release(layout, &read);
    if (spine_batch_check(batch, &error) != SPINE_OK)
        fail_msg("%s", error.message);
}

#endif
