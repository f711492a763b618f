/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_BATCH_RANDOM_COLUMNS_H
#define TESTS_UNIT_BATCH_RANDOM_COLUMNS_H

/*
 * Random columns of any schema.
 */

#include "spine/batch.h"

#include <stdlib.h>
#include <string.h>

struct random {
    uint64_t state;
};

static inline uint64_t
random_next(struct random *random)
{
    uint64_t word = random->state += UINT64_C(0x9e3779b97f4a7c15);

    word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
    return word ^ (word >> 31);
}

static inline uint64_t
random_below(struct random *random, uint64_t bound)
{
    return random_next(random) % bound;
}

/* The types a column may have; those with a size of each stored shape. */
static const struct spine_type all_types[] = {
    {SPINE_NONE, 0},  {SPINE_U64, 0},    {SPINE_I64, 0},    {SPINE_U32, 0},
    {SPINE_I32, 0},   {SPINE_F64, 0},    {SPINE_FIXED, 3},  {SPINE_FIXED, 8},
    {SPINE_FIXED, 9}, {SPINE_FIXED, 12}, {SPINE_FIXED, 16}, {SPINE_FIXED, 40},
    {SPINE_BYTES, 0},
};
#define TYPE_COUNT (sizeof all_types / sizeof *all_types)

/* How the rows are drawn. */
struct draw {
    size_t rows;
    uint64_t keys;
    uint64_t values;
    uint64_t times;
    /* Weights are 1, or from -magnitude to magnitude. */
    int64_t magnitude;
    /* SPINE_BYTES cells have up to so many bytes; 0 means 20. */
    size_t cell_bytes;
};

/* The caller's columns, owned. */
struct owned_columns {
    struct spine_columns columns;
    uint8_t *cells[2];
    uint64_t *offsets[2];
    uint64_t *times;
    int64_t *weights;
};

/* Cell `id` of the type, at `to`; returns its bytes. Different ids may be equal. */
static inline size_t
write_cell(struct spine_type type, uint64_t id, size_t bytes_max, uint8_t *to)
{
    struct random random = {id};
    const uint64_t word = random_next(&random);
    const double real = (double)(int64_t)word / 1e10;
    size_t size = type.size;

    switch (type.kind) {
    case SPINE_NONE:
        return 0;
    case SPINE_U64:
    case SPINE_I64:
        memcpy(to, &word, 8);
        return 8;
    case SPINE_F64:
        memcpy(to, &real, 8);
        return 8;
    case SPINE_U32:
    case SPINE_I32:
        memcpy(to, &word, 4);
        return 4;
    case SPINE_FIXED:
    case SPINE_BYTES:
        break;
    }
    if (type.kind == SPINE_BYTES)
        size = random_below(&random, bytes_max + 1);
    /* Few letters and common beginnings, so that prefixes tie. */
    for (size_t i = 0; i < size; i++)
        to[i] = word % 2 == 0 && i < 10 ? 'x' : (uint8_t)(random_next(&random) % 3 * 127);
    return size;
}

/* Column 0 is the keys, 1 the values. */
static inline void
draw_cells(struct random *random, struct spine_type type, const struct draw *draw,
           int column, struct owned_columns *out)
{
    const uint64_t ids = column == 0 ? draw->keys : draw->values;
    const size_t bytes_max = draw->cell_bytes > 0 ? draw->cell_bytes : 20;
    const size_t room = type.kind == SPINE_BYTES   ? bytes_max
                        : type.kind == SPINE_FIXED ? type.size
                                                   : 8;
    size_t at = 0;

    out->cells[column] = malloc(draw->rows * room + 1);
    out->offsets[column] = malloc((draw->rows + 1) * sizeof(uint64_t));
    out->offsets[column][0] = 0;
    for (size_t i = 0; i < draw->rows; i++) {
        const uint64_t id = random_below(random, ids) * 2 + (uint64_t)column;

        at += write_cell(type, id, bytes_max, out->cells[column] + at);
        out->offsets[column][i + 1] = at;
    }
}

static inline struct owned_columns
columns_draw(const struct spine_schema *schema, const struct draw *draw,
             struct random *random)
{
    const unsigned width = schema->weight_count > 0 ? schema->weight_count : 1;
    struct owned_columns out = {0};

    draw_cells(random, schema->key, draw, 0, &out);
    draw_cells(random, schema->value, draw, 1, &out);
    out.times = malloc(draw->rows * sizeof(uint64_t) + 1);
    out.weights = malloc(draw->rows * width * sizeof(int64_t) + 1);
    for (size_t i = 0; i < draw->rows; i++)
        out.times[i] = random_below(random, draw->times > 0 ? draw->times : 1);
    for (size_t i = 0; i < draw->rows * width; i++)
        out.weights[i] =
            draw->magnitude == 0
                ? 1
                : (int64_t)random_below(random, 2 * (uint64_t)draw->magnitude + 1) -
                      draw->magnitude;
    out.columns = (struct spine_columns){
        .rows = draw->rows,
        .keys = schema->key.kind != SPINE_NONE ? out.cells[0] : NULL,
        .key_offsets = schema->key.kind == SPINE_BYTES ? out.offsets[0] : NULL,
        .values = schema->value.kind != SPINE_NONE ? out.cells[1] : NULL,
        .value_offsets = schema->value.kind == SPINE_BYTES ? out.offsets[1] : NULL,
        .times = schema->time != SPINE_UNTIMED ? out.times : NULL,
        .weights = out.weights};
    return out;
}

static inline void
columns_free(struct owned_columns *columns)
{
    for (int column = 0; column < 2; column++) {
        free(columns->cells[column]);
        free(columns->offsets[column]);
    }
    free(columns->times);
    free(columns->weights);
}

/* Bytes of a cell in the caller's columns; none for SPINE_BYTES. */
static inline size_t
cell_bytes(struct spine_type type)
{
    switch (type.kind) {
    case SPINE_U64:
    case SPINE_I64:
    case SPINE_F64:
        return 8;
    case SPINE_U32:
    case SPINE_I32:
        return 4;
    case SPINE_FIXED:
        return type.size;
    case SPINE_NONE:
    case SPINE_BYTES:
        break;
    }
    return 0;
}

/* Cell `at` of a column as one datum; it borrows from the column. */
static inline union spine_datum
datum_of_cells(struct spine_type type, const uint8_t *cells, const uint64_t *offsets,
               size_t at)
{
    union spine_datum datum = {0};

    if (type.kind == SPINE_BYTES)
        datum = spine_data(cells + offsets[at], (size_t)(offsets[at + 1] - offsets[at]));
    else if (type.kind == SPINE_FIXED)
        datum = spine_data(cells + at * type.size, type.size);
    else if (type.kind != SPINE_NONE)
        memcpy(&datum, cells + at * cell_bytes(type), cell_bytes(type));
    return datum;
}

static inline struct spine_row
row_of_columns(const struct spine_schema *schema, const struct spine_columns *columns,
               size_t at)
{
    const unsigned width = schema->weight_count > 0 ? schema->weight_count : 1;

    return (struct spine_row){
        .key = datum_of_cells(schema->key, columns->keys, columns->key_offsets, at),
        .value =
            datum_of_cells(schema->value, columns->values, columns->value_offsets, at),
        .time = columns->times != NULL ? columns->times[at] : 77,
        .weight = columns->weights[at * width],
        .weights = &columns->weights[at * width]};
}

/* `rows` rows of `columns` from row `begin` on. */
static inline struct spine_columns
columns_part(const struct spine_schema *schema, const struct spine_columns *columns,
             size_t begin, size_t rows)
{
    const unsigned width = schema->weight_count > 0 ? schema->weight_count : 1;
    struct spine_columns part = *columns;

    part.rows = rows;
    if (schema->key.kind == SPINE_BYTES)
        part.key_offsets += begin;
    else if (schema->key.kind != SPINE_NONE)
        part.keys = (const uint8_t *)part.keys + begin * cell_bytes(schema->key);
    if (schema->value.kind == SPINE_BYTES)
        part.value_offsets += begin;
    else if (schema->value.kind != SPINE_NONE)
        part.values = (const uint8_t *)part.values + begin * cell_bytes(schema->value);
    if (part.times != NULL)
        part.times += begin;
    part.weights += begin * width;
    return part;
}

#endif
