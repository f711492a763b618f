/* SPDX-License-Identifier: MIT */
#include "harness/tuples.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct heap_piece {
    struct heap_piece *next;
    /* Aligned for any type. */
    max_align_t memory[];
};

void *
heap_take(struct heap *heap, size_t bytes)
{
    struct heap_piece *const piece = calloc(1, sizeof *piece + bytes + 1);

    assert_non_null(piece);
    piece->next = heap->pieces;
    heap->pieces = piece;
    return piece->memory;
}

void
heap_release(struct heap *heap)
{
    while (heap->pieces != NULL) {
        struct heap_piece *const next = heap->pieces->next;

        free(heap->pieces);
        heap->pieces = next;
    }
}

struct spine_tuple_type *
tuple_type_draw(struct rng *rng, unsigned depth, bool fixed)
{
    const size_t count = 1 + rng_index(rng, 6);
    struct spine_column columns[6] = {{0}};
    struct spine_tuple_type *type;
    struct spine_error error;

    for (size_t i = 0; i < count; i++) {
        struct spine_column *const column = &columns[i];

        do
            column->kind = (enum spine_column_kind)(1 + rng_below(rng, 19));
        while ((depth == 0 && column->kind == SPINE_COLUMN_TUPLE) ||
               (fixed && (column->kind == SPINE_COLUMN_STRING ||
                          column->kind == SPINE_COLUMN_BINARY)));
        column->order = (enum spine_tuple_order)rng_below(rng, 4);
        column->nullable = rng_chance(rng, 40);
        column->name = rng_chance(rng, 50) ? "name" : NULL;
        if (column->kind == SPINE_COLUMN_FIXED)
            column->size = 1 + (uint32_t)rng_below(rng, 20);
        if (column->kind == SPINE_COLUMN_DECIMAL128)
            column->precision = 38;
        if (column->kind == SPINE_COLUMN_TIME || column->kind == SPINE_COLUMN_TIMESTAMP)
            column->unit = (enum spine_time_unit)rng_below(rng, 4);
        if (column->kind == SPINE_COLUMN_TUPLE)
            column->tuple = tuple_type_draw(rng, depth - 1, fixed);
    }
    assert_int_equal(spine_tuple_type_new(columns, count, &type, &error), SPINE_OK);
    for (size_t i = 0; i < count; i++)
        spine_tuple_type_unref(columns[i].tuple);
    return type;
}

/* Bytes of a value of fixed width, as the caller has it. */
static size_t
native_bytes(const struct spine_column *column)
{
    static const uint8_t bytes[] = {0, 1, 1, 2, 4, 8, 1, 2, 4, 8, 4, 8, 4, 0, 8, 16};

    if (column->kind == SPINE_COLUMN_TIME)
        return column->unit <= SPINE_MILLISECONDS ? 4 : 8;
    if (column->kind == SPINE_COLUMN_FIXED)
        return column->size;
    return column->kind < SPINE_COLUMN_FIXED ? bytes[column->kind] : 0;
}

/* Near the ends and the middle of what the width holds. */
static void
draw_fixed(struct rng *rng, const struct spine_column *column, uint8_t *to)
{
    static const double numbers[] = {0.0, -0.0, 1.5, -1.5, 5e-324, INFINITY, -INFINITY};
    const size_t bytes = native_bytes(column);
    const uint8_t edges[] = {0x00, 0xff, 0x7f, 0x80};

    if (column->kind == SPINE_COLUMN_BOOL) {
        *to = (uint8_t)(rng_chance(rng, 50) ? 1 : 0);
    } else if (column->kind == SPINE_COLUMN_F64 && rng_chance(rng, 80)) {
        memcpy(to, &numbers[rng_index(rng, 7)], bytes);
    } else if (column->kind == SPINE_COLUMN_F32 && rng_chance(rng, 80)) {
        const float number = (float)numbers[rng_index(rng, 7)];

        memcpy(to, &number, bytes);
    } else {
        memset(to, edges[rng_index(rng, 2)], bytes);
        to[bytes - 1] = edges[rng_index(rng, 4)];
        if (rng_chance(rng, 50))
            to[rng_index(rng, bytes)] ^= (uint8_t)rng_below(rng, 3);
        if (rng_chance(rng, 10))
            for (size_t i = 0; i < bytes; i++)
                to[i] = (uint8_t)rng_next(rng);
    }
}

static void
draw_strings(struct rng *rng, struct heap *heap, struct spine_column_data *out,
             size_t rows)
{
    static const uint8_t letters[] = {0x00, 0xff, 'a', 0x01};
    uint64_t *const offsets = heap_take(heap, (rows + 1) * sizeof *offsets);
    uint8_t *values;

    /* Columns that begin in the middle of something are slices. */
    offsets[0] = rng_below(rng, 4);
    for (size_t i = 0; i < rows; i++)
        offsets[i + 1] =
            offsets[i] + (rng_chance(rng, 5) ? rng_below(rng, 40) : rng_below(rng, 4));
    values = heap_take(heap, offsets[rows]);
    for (uint64_t i = 0; i < offsets[rows]; i++)
        values[i] = letters[rng_index(rng, 4)];
    out->values = offsets[rows] > 0 ? values : NULL;
    out->offsets = offsets;
}

const struct spine_column_data *
tuples_draw(struct rng *rng, struct heap *heap, const struct spine_tuple_type *type,
            size_t rows)
{
    const size_t count = spine_tuple_type_count(type);
    struct spine_column_data *const data = heap_take(heap, count * sizeof *data);

    for (size_t i = 0; i < count; i++) {
        const struct spine_column *const column = spine_tuple_type_column(type, i);
        const size_t bytes = native_bytes(column);

        if (column->kind == SPINE_COLUMN_TUPLE) {
            data[i].columns = tuples_draw(rng, heap, column->tuple, rows);
        } else if (bytes == 0) {
            draw_strings(rng, heap, &data[i], rows);
        } else {
            uint8_t *const values = heap_take(heap, rows * bytes);

            for (size_t row = 0; row < rows; row++)
                draw_fixed(rng, column, values + row * bytes);
            data[i].values = values;
        }
        if (column->nullable && rng_chance(rng, 80)) {
            const size_t offset = rng_index(rng, 20);
            uint8_t *const valid = heap_take(heap, (rows + offset) / 8 + 1);

            for (size_t row = 0; row < rows; row++)
                if (rng_chance(rng, 70))
                    valid[(offset + row) / 8] |= (uint8_t)(1u << (offset + row) % 8);
            data[i].valid = valid;
            data[i].valid_offset = offset;
        }
    }
    return data;
}

static bool
is_valid(const struct spine_column_data *data, size_t row)
{
    const size_t bit = data->valid_offset + row;

    return data->valid == NULL || (data->valid[bit / 8] >> bit % 8 & 1) != 0;
}

static int
compare_bytes(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
    for (size_t i = 0; i < a_size && i < b_size; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return (a_size > b_size) - (a_size < b_size);
}

/* Little-endian, signed or not; by its bytes from the last one on. */
static int
compare_integers(const uint8_t *a, const uint8_t *b, size_t bytes, bool is_signed)
{
    for (size_t i = bytes; i-- > 0;) {
        const uint8_t flip = is_signed && i + 1 == bytes ? 0x80 : 0;

        if (a[i] != b[i])
            return (a[i] ^ flip) < (b[i] ^ flip) ? -1 : 1;
    }
    return 0;
}

/* Of two negative numbers the larger magnitude comes first. */
static int
compare_floats(const uint8_t *a, const uint8_t *b, size_t bytes)
{
    const bool a_negative = a[bytes - 1] >= 0x80, b_negative = b[bytes - 1] >= 0x80;
    const int order = compare_integers(a, b, bytes, false);

    if (a_negative != b_negative)
        return a_negative ? -1 : 1;
    return a_negative ? -order : order;
}

/* Byte `at` of `values`, which may be NULL when there are no bytes. */
static const uint8_t *
byte_at(const uint8_t *values, size_t at)
{
    return values != NULL ? values + at : NULL;
}

static int
compare_values(const struct spine_column *column, const struct spine_column_data *a,
               size_t at_a, const struct spine_column_data *b, size_t at_b)
{
    const size_t bytes = native_bytes(column);
    const uint8_t *const of_a = a->values, *const of_b = b->values;

    if (column->kind == SPINE_COLUMN_TUPLE)
        return tuples_compare(column->tuple, spine_tuple_type_count(column->tuple),
                              a->columns, at_a, b->columns, at_b);
    if (bytes == 0)
        return compare_bytes(
            byte_at(of_a, a->offsets[at_a]), a->offsets[at_a + 1] - a->offsets[at_a],
            byte_at(of_b, b->offsets[at_b]), b->offsets[at_b + 1] - b->offsets[at_b]);
    if (column->kind == SPINE_COLUMN_FIXED)
        return compare_bytes(of_a + at_a * bytes, bytes, of_b + at_b * bytes, bytes);
    if (column->kind == SPINE_COLUMN_F32 || column->kind == SPINE_COLUMN_F64)
        return compare_floats(of_a + at_a * bytes, of_b + at_b * bytes, bytes);
    return compare_integers(
        of_a + at_a * bytes, of_b + at_b * bytes, bytes,
        column->kind != SPINE_COLUMN_BOOL &&
            (column->kind < SPINE_COLUMN_U8 || column->kind > SPINE_COLUMN_U64));
}

int
tuples_compare(const struct spine_tuple_type *type, size_t count,
               const struct spine_column_data *a, size_t at_a,
               const struct spine_column_data *b, size_t at_b)
{
    for (size_t i = 0; i < count; i++) {
        const struct spine_column *const column = spine_tuple_type_column(type, i);
        const bool a_there = is_valid(&a[i], at_a), b_there = is_valid(&b[i], at_b);
        const bool last = ((unsigned)column->order & SPINE_ASCENDING_NULLS_LAST) != 0;
        const bool descends = ((unsigned)column->order & SPINE_DESCENDING) != 0;
        int order;

        if (a_there != b_there)
            return a_there == last ? -1 : 1;
        if (!a_there)
            continue;
        order = compare_values(column, &a[i], at_a, &b[i], at_b);
        if (order != 0)
            return descends ? -order : order;
    }
    return 0;
}
