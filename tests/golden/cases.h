/* SPDX-License-Identifier: MIT */
#ifndef GOLDEN_CASES_H
#define GOLDEN_CASES_H

/*
 * What golden files have in them: a case for each, and its rows, the same for ever.
 */

#include "harness/rng.h"
#include "spine/batch.h"
#include "spine/store.h"
#include "spine/tuple.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define CELL_BYTES_MAX 700u

/* What a file of the version that is written now has in it. */
struct golden {
    const char *name;
    struct spine_schema schema;
    uint64_t rows;
    /* Keys, values, times are drawn from so many. */
    uint64_t keys, values, times;
    enum spine_compression compression;
    /* The first version, by its index, that has the case. */
    size_t since;
    /* Blocks are packed to be small. */
    bool encoded;
    bool tuples;
    /* Keys that are bytes begin as many others do. */
    bool nested;
    /* Each row has a key of its own and weight 1. */
    bool single;
};

#define NONE SPINE_COMPRESSION_NONE
#define LZ4 SPINE_COMPRESSION_LZ4
#define ZSTD SPINE_COMPRESSION_ZSTD
static const struct golden goldens[] = {
    {.name = "u64_u64",
     .schema = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}},
     .rows = 300,
     .keys = 90,
     .values = 1000,
     .times = 1,
     .compression = NONE},
    {.name = "u64_u64_frames",
     .schema = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}},
     .rows = 4700,
     .keys = 60000,
     .values = 9,
     .times = 1,
     .compression = NONE,
     .encoded = true},
    {.name = "u64_u64_strips",
     .schema = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}},
     .rows = 4096,
     .keys = 9,
     .values = 300,
     .times = 1,
     .compression = NONE,
     .since = 2,
     .encoded = true,
     .single = true},
    {.name = "u32_none_strips",
     .schema = {.key = {SPINE_U32, 0}, .value = {SPINE_NONE, 0}},
     .rows = 4096,
     .keys = 9,
     .values = 1,
     .times = 1,
     .compression = LZ4,
     .since = 2,
     .single = true},
    {.name = "i64_i32_u64",
     .schema = {.key = {SPINE_I64, 0}, .value = {SPINE_I32, 0}, .time = SPINE_TIME_U64},
     .rows = 900,
     .keys = 200,
     .values = 9,
     .times = 5,
     .compression = LZ4,
     .encoded = true},
    {.name = "u32_none_pair_3",
     .schema = {.key = {SPINE_U32, 0},
                .value = {SPINE_NONE, 0},
                .weight_count = 3,
                .time = SPINE_TIME_PAIR},
     .rows = 300,
     .keys = 90,
     .values = 1,
     .times = 9,
     .compression = LZ4},
    {.name = "none_f64",
     .schema = {.key = {SPINE_NONE, 0}, .value = {SPINE_F64, 0}},
     .rows = 100,
     .keys = 1,
     .values = 100,
     .times = 1,
     .compression = LZ4},
    {.name = "f64_u32_8",
     .schema = {.key = {SPINE_F64, 0}, .value = {SPINE_U32, 0}, .weight_count = 8},
     .rows = 100,
     .keys = 50,
     .values = 100,
     .times = 1,
     .compression = NONE,
     .encoded = true},
    {.name = "fixed5_fixed20_u64_2",
     .schema = {.key = {SPINE_FIXED, 5},
                .value = {SPINE_FIXED, 20},
                .weight_count = 2,
                .time = SPINE_TIME_U64},
     .rows = 300,
     .keys = 50,
     .values = 40,
     .times = 3,
     .compression = LZ4,
     .encoded = true},
    {.name = "bytes_bytes_none",
     .schema = {.key = {SPINE_BYTES, 0}, .value = {SPINE_BYTES, 0}},
     .rows = 400,
     .keys = 120,
     .values = 30,
     .times = 1,
     .compression = NONE,
     .encoded = true},
    {.name = "bytes_bytes_lz4",
     .schema = {.key = {SPINE_BYTES, 0}, .value = {SPINE_BYTES, 0}},
     .rows = 400,
     .keys = 120,
     .values = 30,
     .times = 1,
     .compression = LZ4},
    {.name = "bytes_bytes_pair_zstd",
     .schema = {.key = {SPINE_BYTES, 0},
                .value = {SPINE_BYTES, 0},
                .time = SPINE_TIME_PAIR},
     .rows = 400,
     .keys = 120,
     .values = 30,
     .times = 4,
     .compression = ZSTD,
     .encoded = true},
    {.name = "bytes_none_fronts",
     .schema = {.key = {SPINE_BYTES, 0}, .value = {SPINE_NONE, 0}},
     .rows = 900,
     .keys = 700,
     .values = 1,
     .times = 1,
     .compression = NONE,
     .since = 1,
     .encoded = true,
     .nested = true},
    {.name = "fixed16_bytes_2_blocks",
     .schema = {.key = {SPINE_FIXED, 16}, .value = {SPINE_BYTES, 0}, .weight_count = 2},
     .rows = 4700,
     .keys = 3000,
     .values = 60,
     .times = 1,
     .compression = ZSTD,
     .encoded = true},
    {.name = "tuples",
     .schema = {.key = {SPINE_NONE, 0}, .value = {SPINE_NONE, 0}},
     .rows = 200,
     .keys = 60,
     .values = 20,
     .times = 1,
     .compression = LZ4,
     .encoded = true,
     .tuples = true},
};
#define GOLDENS (sizeof goldens / sizeof *goldens)

/* The schema of a case, with tuple types where it has some, which the caller lets go. */
static inline struct spine_schema
schema_of(const struct golden *golden)
{
    static const struct spine_column key_columns[] = {
        {.name = "customer", .kind = SPINE_COLUMN_U32},
        {.name = "day", .kind = SPINE_COLUMN_DATE32, .order = SPINE_DESCENDING}};
    static const struct spine_column value_columns[] = {
        {.name = "amount", .kind = SPINE_COLUMN_I32},
        {.name = "place", .kind = SPINE_COLUMN_U16}};
    struct spine_schema schema = golden->schema;
    struct spine_tuple_type *key, *value;

    if (!golden->tuples)
        return schema;
    assert_int_equal(spine_tuple_type_new(key_columns, 2, &key, NULL), SPINE_OK);
    assert_int_equal(spine_tuple_type_new(value_columns, 2, &value, NULL), SPINE_OK);
    schema.key = spine_tuple_type_cell(key);
    schema.value = spine_tuple_type_cell(value);
    schema.key_tuple = key;
    schema.value_tuple = value;
    return schema;
}

static inline void
schema_release(const struct spine_schema *schema)
{
    spine_tuple_type_unref(schema->key_tuple);
    spine_tuple_type_unref(schema->value_tuple);
}

/* Datum number `number` of a type, made in `bytes`. */
static inline union spine_datum
datum_of(const struct spine_type *type, uint64_t number, uint8_t *bytes)
{
    static const double doubles[] = {-0.0, 1e300, -1e-300, 0.5};
    size_t size = type->size;

    switch (type->kind) {
    case SPINE_NONE:
        return (union spine_datum){0};
    case SPINE_U64:
        return spine_u64(number * UINT64_C(1000003));
    case SPINE_I64:
        return spine_i64((int64_t)number * 77 - 5000);
    case SPINE_U32:
        return spine_u32((uint32_t)number * 65537u);
    case SPINE_I32:
        return spine_i32((int32_t)number - 4);
    case SPINE_F64:
        return spine_f64(number < 4 ? doubles[number] : (double)number * -1.25);
    case SPINE_FIXED:
        memset(bytes, 'f', size);
        break;
    case SPINE_BYTES:
        size = number == 0       ? 0
               : number % 20 > 0 ? (size_t)(8 + number % 13)
                                 : CELL_BYTES_MAX;
        memset(bytes, (int)('a' + number % 3), size);
        break;
    }
    for (size_t i = 0; i < size && i < 4; i++)
        bytes[size > 6 ? 6 - i : size - 1 - i] = (uint8_t)(number >> 8 * i);
    return spine_data(bytes, size);
}

/* Key number `number` of a case whose keys are nested: a word that others have, too, and
 * a number. */
static inline union spine_datum
nested_of(uint64_t number, uint8_t *bytes)
{
    static const char *const words[] = {"", "customer/", "customer/north/",
                                        "customer/north/order/", "item/"};
    const char *const word = words[number % 5];
    const size_t size = strlen(word);

    memcpy(bytes, word, size);
    for (size_t i = 0; i < 3; i++)
        bytes[size + i] = (uint8_t)('0' + (number >> (8 - 4 * i)) % 16);
    return spine_data(bytes, size + 3);
}

static inline struct spine_batch *
batch_of_case(const struct golden *golden, const struct spine_schema *schema)
{
    static uint8_t key[CELL_BYTES_MAX], value[CELL_BYTES_MAX];
    struct spine_batcher *batcher;
    struct spine_batch *batch;
    struct rng rng;

    rng_init(&rng, golden->rows);
    assert_int_equal(spine_batcher_new(schema, &batcher, NULL), SPINE_OK);
    for (uint64_t i = 0; i < golden->rows; i++) {
        const int64_t weight = golden->single         ? 1
                               : rng_chance(&rng, 20) ? -3
                                                      : (int64_t)(i % 5) + 1;
        const int64_t weights[8] = {weight, 1, -1, 1000000, 5, 6, 7, 8};
        const uint64_t number =
            rng_below(&rng, golden->keys) + (golden->single ? i * golden->keys : 0);
        const struct spine_row row = {
            .key = golden->nested ? nested_of(number, key)
                                  : datum_of(&schema->key, number, key),
            .value = datum_of(&schema->value, rng_below(&rng, golden->values), value),
            .time = rng_below(&rng, golden->times),
            .weight = weight,
            .weights = weights};

        assert_int_equal(spine_batcher_add(batcher, &row, NULL), SPINE_OK);
    }
    assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), SPINE_OK);
    spine_batcher_free(batcher);
    return batch;
}

#endif
