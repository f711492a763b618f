/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_MODEL_H
#define KERNEL_MODEL_H

/*
 * The obviously right kernel: rows as numbers, sorted by qsort and added up one by one.
 * Numbers become cells of any kind in the same order.
 */

#include "kernel/kernel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MODEL_CELL_BYTES = 32 };

struct model_row {
    uint64_t key;
    uint64_t value;
    uint64_t time;
    int64_t weights[2];
};

struct model_rows {
    struct model_row *rows;
    size_t count;
};

/* How numbers are drawn. */
enum model_draw {
    DRAW_UNIFORM,
    DRAW_DENSE,
    DRAW_FEW,
    DRAW_POWERS,
    DRAW_EQUAL,
    DRAW_COUNT
};

static inline uint64_t
model_random(uint64_t *seed)
{
    uint64_t word = (*seed += UINT64_C(0x9e3779b97f4a7c15));

    word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
    return word ^ (word >> 31);
}

static inline uint64_t
model_below(uint64_t *seed, uint64_t end)
{
    return model_random(seed) % end;
}

/* The greatest number that a cell of `type` can hold. */
static inline uint64_t
model_number_max(struct spine_type type)
{
    if (type.kind == SPINE_NONE)
        return 0;
    if (type.kind == SPINE_U32 || type.kind == SPINE_I32)
        return UINT32_MAX;
    if (type.kind == SPINE_FIXED && type.size < 8)
        return (UINT64_C(1) << (8 * type.size)) - 1;
    return UINT64_MAX;
}

static inline uint64_t
model_number(uint64_t *seed, enum model_draw draw, struct spine_type type, size_t rows)
{
    const uint64_t max = model_number_max(type);

    switch (draw) {
    case DRAW_UNIFORM:
        return model_random(seed) & max;
    case DRAW_DENSE:
        return model_below(seed, rows) & max;
    case DRAW_FEW:
        return (model_below(seed, 4) * UINT64_C(0x0123456789abcdef)) & max;
    case DRAW_POWERS:
        return (UINT64_C(1) << model_below(seed, 64)) & max;
    case DRAW_EQUAL:
    case DRAW_COUNT:
        break;
    }
    return 7 & max;
}

/*
 * The cell of `number`, in `cell` if it needs bytes. BYTES: trailing zeros are dropped,
 * which keeps the order, after a prefix that makes most cells longer than a word.
 */
static inline union spine_datum
model_datum(struct spine_type type, uint64_t number, uint8_t *cell)
{
    const uint64_t swapped = __builtin_bswap64(number);
    size_t size = 8;

    switch (type.kind) {
    case SPINE_NONE:
        break;
    case SPINE_U64:
        return spine_u64(number);
    case SPINE_I64:
        return spine_i64(i64_of_word(number));
    case SPINE_U32:
        return spine_u32((uint32_t)number);
    case SPINE_I32:
        return spine_i32(i32_of_word((uint32_t)number));
    case SPINE_F64:
        return spine_f64(f64_of_word(number));
    case SPINE_FIXED:
        memset(cell, 'p', MODEL_CELL_BYTES);
        if (type.size >= 8)
            memcpy(cell + type.size - 8, &swapped, 8);
        else
            memcpy(cell, (const uint8_t *)&swapped + 8 - type.size, type.size);
        return spine_data(cell, type.size);
    case SPINE_BYTES:
        memcpy(cell, "pre", 3);
        memcpy(cell + 3, &swapped, 8);
        while (size > 0 && cell[3 + size - 1] == 0)
            size--;
        return spine_data(cell, size + 3);
    }
    return (union spine_datum){0};
}

static inline int
model_compare(const void *left, const void *right)
{
    const struct model_row *a = left, *b = right;

    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    if (a->value != b->value)
        return a->value < b->value ? -1 : 1;
    return (a->time > b->time) - (a->time < b->time);
}

/* Random rows; weights in -2..2, often cancelling. */
static inline struct model_rows
model_draw_rows(const struct layout *layout, size_t count, enum model_draw keys,
                enum model_draw values, uint64_t *seed)
{
    struct model_rows model = {test_calloc(count + 1, sizeof *model.rows), count};

    for (size_t i = 0; i < count; i++) {
        struct model_row *row = &model.rows[i];

        row->key = model_number(seed, keys, layout->schema.key, count);
        row->value = model_number(seed, values, layout->schema.value, count);
        if (layout->timed)
            row->time = spine_time_pair((uint32_t)model_below(seed, 5),
                                        (uint32_t)model_below(seed, 5));
        for (unsigned c = 0; c < layout->weight_count && c < 2; c++)
            row->weights[c] = (int64_t)model_below(seed, 5) - 2;
    }
    return model;
}

/* Sorts, adds up, drops zeros. */
static inline void
model_consolidate(const struct layout *layout, struct model_rows *model)
{
    size_t kept = 0;

    if (!layout->timed)
        for (size_t i = 0; i < model->count; i++)
            model->rows[i].time = 0;
    qsort(model->rows, model->count, sizeof *model->rows, model_compare);
    for (size_t i = 0; i < model->count; i++) {
        if (kept > 0 && model_compare(&model->rows[kept - 1], &model->rows[i]) == 0) {
            /* A sum on the way may leave int64_t, and comes back. */
            for (unsigned c = 0; c < 2; c++)
                model->rows[kept - 1].weights[c] =
                    (int64_t)((uint64_t)model->rows[kept - 1].weights[c] +
                              (uint64_t)model->rows[i].weights[c]);
        } else {
            if (kept > 0 && model->rows[kept - 1].weights[0] == 0 &&
                model->rows[kept - 1].weights[1] == 0)
                kept--;
            model->rows[kept++] = model->rows[i];
        }
    }
    if (kept > 0 && model->rows[kept - 1].weights[0] == 0 &&
        model->rows[kept - 1].weights[1] == 0)
        kept--;
    model->count = kept;
}

/* Rows whose bytes live in `cells`, 2 * MODEL_CELL_BYTES for each row. */
static inline void
model_to_rows(const struct layout *layout, const struct model_rows *model,
              struct rows *rows, uint8_t **cells)
{
    *cells = test_calloc(model->count + 1, 2 * MODEL_CELL_BYTES);
    assert_true(rows_reserve(layout, rows, model->count));
    for (size_t i = 0; i < model->count; i++) {
        const struct model_row *from = &model->rows[i];
        uint8_t *cell = *cells + i * 2 * MODEL_CELL_BYTES;
        int64_t weights[SPINE_WEIGHTS_MAX] = {from->weights[0], from->weights[1]};
        const struct spine_row row = {
            .key = model_datum(layout->schema.key, from->key, cell),
            .value =
                model_datum(layout->schema.value, from->value, cell + MODEL_CELL_BYTES),
            .time = from->time,
            .weight = from->weights[0],
            .weights = weights,
        };

        assert_int_equal(rows_append_row(layout, rows, &row, NULL), SPINE_OK);
    }
}

static inline void
expect_same_rows(const struct layout *layout, const struct rows *got,
                 const struct rows *expected)
{
    const size_t weights = layout->weight_count;

    for (size_t i = 0; i < got->count && i < expected->count; i++) {
        if (rows_compare(layout, got, i, expected, i) != 0)
            fail_msg("row %zu of %zu is %016llx, not %016llx", i, got->count,
                     (unsigned long long)got->hi[i], (unsigned long long)expected->hi[i]);
        if (memcmp(got->weight + i * weights, expected->weight + i * weights,
                   weights * sizeof *got->weight) != 0)
            fail_msg("row %zu of %zu weighs %lld, not %lld", i, got->count,
                     (long long)got->weight[i * weights],
                     (long long)expected->weight[i * weights]);
    }
    assert_int_equal(got->count, expected->count);
}

/* An allocator that refuses the allocation after `left` others, and all that follow. */
struct scarce {
    size_t left;
    bool refused;
};

static inline void *
scarce_alloc(void *context, size_t bytes)
{
    struct scarce *scarce = context;

    if (scarce->left == 0) {
        scarce->refused = true;
        return NULL;
    }
    scarce->left--;
    return malloc(bytes);
}

static inline void
scarce_free(void *context, void *memory, size_t bytes)
{
    (void)context;
    (void)bytes;
    free(memory);
}

static inline void
scarce_begin(struct scarce *scarce)
{
    const struct spine_allocator allocator = {scarce, scarce_alloc, scarce_free};

    *scarce = (struct scarce){.left = SIZE_MAX};
    assert_int_equal(spine_set_allocator(&allocator), SPINE_OK);
}

/* One schema of every sort that kernels tell apart. */
static inline size_t
model_schemas(struct spine_schema *out)
{
    const struct spine_type none = {SPINE_NONE, 0}, u64 = {SPINE_U64, 0},
                            u32 = {SPINE_U32, 0}, i32 = {SPINE_I32, 0},
                            f64 = {SPINE_F64, 0}, bytes = {SPINE_BYTES, 0};
    const struct spine_schema schemas[] = {
        {.key = u64, .value = u64},
        {.key = u32, .value = i32},
        {.key = u64},
        {.value = f64},
        {.key = {SPINE_FIXED, 3}, .value = {SPINE_FIXED, 2}},
        {.key = {SPINE_FIXED, 16}},
        {.value = {SPINE_FIXED, 11}},
        {.key = u32, .value = u64},
        {.key = bytes, .value = u64},
        {.key = u64, .value = bytes},
        {.key = {SPINE_FIXED, 20}, .value = {SPINE_FIXED, 9}},
        {.key = bytes, .value = bytes, .time = SPINE_TIME_PAIR, .weight_count = 2},
        {.key = u64, .value = u64, .time = SPINE_TIME_U64},
        {.key = u32, .value = u32, .time = SPINE_TIME_PAIR},
        {.key = u64, .value = u32, .weight_count = 2},
        {.key = none, .value = none, .time = SPINE_TIME_U64},
    };

    memcpy(out, schemas, sizeof schemas);
    return sizeof schemas / sizeof *schemas;
}

enum { MODEL_SCHEMAS_MAX = 32 };

#endif
