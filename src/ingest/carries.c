/* SPDX-License-Identifier: MIT */

/*
 * What a buffer's sums are too large by, as rows: a carry is how many times 2^62 the
 * weight is short of the sum. At the end carries become layers of rows that a merge adds
 * up like all others.
 */

#include "ingest/carries.h"

#include "base/assert.h"
#include "base/error.h"
#include "rows/row_weights.h"

/* Rows that are read at once. */
#define WINDOW_ROWS 4096u

static size_t
equals_end(const struct layout *layout, const struct rows *rows, size_t begin);
static void split_sums(const struct layout *layout, const struct rows *rows, size_t begin,
                       size_t end, int64_t *carries, int64_t *rests);
static uint64_t magnitude(int64_t weight);
static bool append_with_weights(struct output *output, const struct rows *rows, size_t at,
                                const int64_t *weights);

bool
carries_of_rows(const struct layout *layout, const struct rows *rows,
                struct rows *carries)
{
    const unsigned width = layout->weight_count;

    assert(carries->count == 0);
    for (size_t at = 0, end; at < rows->count; at = end) {
        int64_t carry[SPINE_WEIGHTS_MAX], rest[SPINE_WEIGHTS_MAX];

        end = equals_end(layout, rows, at);
        if (end == at + 1)
            continue;
        split_sums(layout, rows, at, end, carry, rest);
        if (weights_are_zero(width, carry))
            continue;
        if (!rows_reserve(layout, carries, carries->count + 1)) {
            carries->count = 0;
            return false;
        }
        rows_append(layout, carries, rows, at, at + 1);
        memcpy(carries->weight + (carries->count - 1) * width, carry,
               width * sizeof *carry);
    }
    return true;
}

void
carries_leave_rests(const struct layout *layout, struct rows *rows)
{
    const unsigned width = layout->weight_count;
    size_t kept = 0;

    for (size_t at = 0, end; at < rows->count; at = end) {
        int64_t carry[SPINE_WEIGHTS_MAX], rest[SPINE_WEIGHTS_MAX];

        end = equals_end(layout, rows, at);
        split_sums(layout, rows, at, end, carry, rest);
        if (end > at + 1 && weights_are_zero(width, rest))
            continue;
        rows_move(layout, rows, kept, at, at + 1);
        if (end > at + 1)
            memcpy(rows->weight + kept * width, rest, width * sizeof *rest);
        kept++;
    }
    assert(kept <= rows->count);
    rows->count = kept;
}

/* The end of the rows that equal row `begin`. */
static size_t
equals_end(const struct layout *layout, const struct rows *rows, size_t begin)
{
    size_t end = begin + 1;

    while (end < rows->count && rows_compare(layout, rows, begin, rows, end) == 0)
        end++;
    return end;
}

static void
split_sums(const struct layout *layout, const struct rows *rows, size_t begin, size_t end,
           int64_t *carries, int64_t *rests)
{
    const unsigned width = layout->weight_count;

    assert(begin < end && end <= rows->count);
    for (unsigned c = 0; c < width; c++) {
        wide_sum sum = 0;

        for (size_t at = begin; at < end; at++)
            sum += rows->weight[at * width + c];
        carries[c] = (int64_t)(sum / CARRY_WEIGHT);
        rests[c] = (int64_t)(sum % CARRY_WEIGHT);
    }
}

enum spine_status
carries_count_layers(const struct spine_batch *carries, uint64_t *out)
{
    const struct layout *layout = &carries->layout;
    struct rows rows = {0};
    struct reader reader;
    enum spine_status st = SPINE_OK;

    *out = 0;
    reader_init(&reader, carries);
    while (!reader_at_end(&reader)) {
        TRY(reader_stage(&reader, &rows, WINDOW_ROWS));
        for (size_t i = 0; i < rows.count * layout->weight_count; i++)
            if (magnitude(rows.weight[i]) > *out)
                *out = magnitude(rows.weight[i]);
        rows.count = 0;
    }
out:
    assert(st != SPINE_OK || (*out > 0) == (carries->info.rows > 0));
    reader_release(&reader);
    rows_release(layout, &rows);
    return st;
}

enum spine_status
carries_fail(const struct spine_batch *carries, uint64_t layers,
             struct spine_error *error)
{
    const struct layout *layout = &carries->layout;
    struct rows rows = {0};
    struct reader reader;
    enum spine_status st = SPINE_OK;

    assert(layers > 0);
    reader_init(&reader, carries);
    while (!reader_at_end(&reader)) {
        TRY(reader_stage(&reader, &rows, WINDOW_ROWS));
        for (size_t i = 0; i < rows.count * layout->weight_count; i++)
            if (magnitude(rows.weight[i]) == layers)
                TRY(fail_overflow(error, layout, &rows, i / layout->weight_count, false));
        rows.count = 0;
    }
out:
    reader_release(&reader);
    rows_release(layout, &rows);
    return st;
}

static uint64_t
magnitude(int64_t weight)
{
    return weight < 0 ? -(uint64_t)weight : (uint64_t)weight;
}

enum spine_status
carries_take_layer(const struct spine_batch *carries, struct spine_batch **layer,
                   struct spine_batch **rest)
{
    const struct layout *layout = &carries->layout;
    struct output taken, left;
    struct rows rows = {0};
    /* Rows of all blocks may be pending until the end. */
    struct pins pins = {0};
    struct reader reader;
    enum spine_status st;

    assert(carries->info.rows > 0);
    *layer = NULL;
    *rest = NULL;
    output_init(&taken, layout);
    output_init(&left, layout);
    reader_init(&reader, carries);
    reader.pins = &pins;
    while (!reader_at_end(&reader)) {
        TRY(reader_stage(&reader, &rows, WINDOW_ROWS));
        for (size_t i = 0; i < rows.count; i++) {
            const int64_t *carry = rows.weight + i * layout->weight_count;
            int64_t now[SPINE_WEIGHTS_MAX], later[SPINE_WEIGHTS_MAX];

            for (unsigned c = 0; c < layout->weight_count; c++) {
                const int64_t sign = (carry[c] > 0) - (carry[c] < 0);

                now[c] = sign * CARRY_WEIGHT;
                later[c] = carry[c] - sign;
            }
            if (!append_with_weights(&taken, &rows, i, now) ||
                !append_with_weights(&left, &rows, i, later))
                TRY(SPINE_NOMEM);
        }
        TRY(output_flush(&taken, false));
        TRY(output_flush(&left, false));
        rows.count = 0;
    }
    TRY(output_seal(&taken, layer, NULL));
    if (left.rows + left.pending.count > 0)
        TRY(output_seal(&left, rest, NULL));
out:
    if (st != SPINE_OK) {
        spine_batch_unref(*layer);
        *layer = NULL;
    }
    pins_release(&pins);
    reader_release(&reader);
    output_release(&taken);
    output_release(&left);
    rows_release(layout, &rows);
    return st;
}

/* Appends row `at` with other weights, unless they are zero. False without memory. */
static bool
append_with_weights(struct output *output, const struct rows *rows, size_t at,
                    const int64_t *weights)
{
    const struct layout *layout = &output->layout;
    const unsigned width = layout->weight_count;
    struct rows *pending = &output->pending;

    if (weights_are_zero(width, weights))
        return true;
    if (!rows_reserve(layout, pending, pending->count + 1))
        return false;
    rows_append(layout, pending, rows, at, at + 1);
    memcpy(pending->weight + (pending->count - 1) * width, weights,
           width * sizeof *weights);
    return true;
}
