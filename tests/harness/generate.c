/* SPDX-License-Identifier: MIT */
#include "harness/generate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum pool_style { POOL_DENSE, POOL_EXTREME, POOL_RANDOM, POOL_STRIDE, POOL_STYLES };

static union spine_datum *
pool_new(struct generator *generator, const struct spine_type *type, size_t count);
static uint64_t
pool_word(struct rng *rng, enum pool_style style, size_t index, uint64_t base);
static union spine_datum datum_of_word(const struct spine_type *type, uint64_t word);
static union spine_datum pool_bytes(struct generator *generator,
                                    const struct spine_type *type, size_t index,
                                    const uint8_t *prefix, size_t common);
static union spine_datum near_cell(struct rng *rng, const struct spine_type *type,
                                   union spine_datum cell, uint8_t *scratch);
static int order_cells(const void *a, const void *b);
static union spine_datum keep_cell(struct generator *generator,
                                   const struct spine_type *type, union spine_datum cell);

/* qsort() hands its comparison no context. */
static _Thread_local enum spine_kind sorted_kind;

#define PREFIX_BYTES 64u
#define SCRATCH_BYTES 64u

void
generate_schema(struct rng *rng, struct spine_schema *out)
{
    *out = (struct spine_schema){0};
    do {
        out->key = generate_type(rng, true);
        out->value = generate_type(rng, true);
    } while (out->key.kind == SPINE_NONE && out->value.kind == SPINE_NONE &&
             rng_chance(rng, 90));
    if (rng_chance(rng, 60))
        out->weight_count = (unsigned)rng_below(rng, 2);
    else
        out->weight_count = 2 + (unsigned)rng_below(rng, SPINE_WEIGHTS_MAX - 1);
    if (rng_chance(rng, 50))
        out->time = SPINE_UNTIMED;
    else
        out->time = rng_chance(rng, 50) ? SPINE_TIME_U64 : SPINE_TIME_PAIR;
}

struct spine_type
generate_type(struct rng *rng, bool allow_none)
{
    static const uint32_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 20, 32, 48};
    struct spine_type type = {SPINE_NONE, 0};

    if (allow_none && rng_chance(rng, 12))
        return type;
    type.kind = (enum spine_kind)(SPINE_U64 + rng_below(rng, 7));
    if (type.kind == SPINE_FIXED)
        type.size = sizes[rng_index(rng, sizeof sizes / sizeof sizes[0])];
    return type;
}

void
generator_init(struct generator *generator, struct rng *rng,
               const struct spine_schema *schema, const struct generate_options *options)
{
    *generator = (struct generator){.rng = rng, .schema = *schema};
    generator->weight_count = schema->weight_count == 0 ? 1 : schema->weight_count;
    model_init(&generator->pool, schema);

    struct generate_options *drawn = &generator->options;
    if (options != NULL)
        *drawn = *options;
    else
        drawn->cancel_percent = GENERATE_DRAWN;
    if (drawn->keys == 0)
        drawn->keys = rng_magnitude(rng, 2000);
    if (drawn->values == 0)
        drawn->values = rng_magnitude(rng, 500);
    if (drawn->times == 0)
        drawn->times = rng_magnitude(rng, 30);
    if (drawn->bytes_max == 0)
        drawn->bytes_max = rng_magnitude(rng, 40);
    if (drawn->cancel_percent == GENERATE_DRAWN)
        drawn->cancel_percent = rng_chance(rng, 30) ? 0 : rng_index(rng, 60);
    if (drawn->weight_max == 0)
        drawn->weight_max = rng_chance(rng, 40)
                                ? 1
                                : (int64_t)1
                                      << rng_below(rng, rng_chance(rng, 50) ? 8 : 40);
    generator->keys = pool_new(generator, &schema->key, drawn->keys);
    generator->values = pool_new(generator, &schema->value, drawn->values);
    sorted_kind = schema->key.kind;
    qsort(generator->keys, drawn->keys, sizeof *generator->keys, order_cells);
    generator->key_end = drawn->keys;
}

void
generator_release(struct generator *generator)
{
    free(generator->keys);
    free(generator->values);
    generator->keys = generator->values = NULL;
    model_release(&generator->pool);
}

void
generator_narrow(struct generator *generator)
{
    const size_t keys = generator->options.keys;

    generator->key_begin = rng_index(generator->rng, keys);
    generator->key_end =
        generator->key_begin + 1 + rng_index(generator->rng, keys - generator->key_begin);
}

union spine_datum
generate_key(struct generator *generator)
{
    const size_t count = generator->key_end - generator->key_begin;

    return generator->keys[generator->key_begin + rng_index(generator->rng, count)];
}

union spine_datum
generate_value(struct generator *generator)
{
    return generator->values[rng_index(generator->rng, generator->options.values)];
}

union spine_datum
generate_key_near(struct generator *generator, uint8_t *scratch)
{
    return near_cell(generator->rng, &generator->schema.key, generate_key(generator),
                     scratch);
}

union spine_datum
generate_value_near(struct generator *generator, uint8_t *scratch)
{
    return near_cell(generator->rng, &generator->schema.value, generate_value(generator),
                     scratch);
}

uint64_t
generate_time(struct generator *generator)
{
    const uint64_t times = generator->options.times;
    const uint64_t begin = generator->time_begin;

    if (generator->schema.time == SPINE_TIME_U64)
        return begin + rng_below(generator->rng, times);
    if (generator->schema.time == SPINE_TIME_PAIR)
        return spine_time_pair(
            (uint32_t)((begin >> 32) + rng_below(generator->rng, times / 4 + 1)),
            (uint32_t)((begin & UINT32_MAX) + rng_below(generator->rng, times / 2 + 1)));
    return 0;
}

void
generate_row(struct generator *generator, struct model_row *out)
{
    struct rng *rng = generator->rng;
    const size_t slots = sizeof generator->recent / sizeof generator->recent[0];

    if (generator->recent_count > 0 &&
        rng_chance(rng, (unsigned)generator->options.cancel_percent)) {
        const size_t known =
            generator->recent_count < slots ? generator->recent_count : slots;
        *out = generator->recent[rng_index(rng, known)];
        for (unsigned i = 0; i < generator->weight_count; i++)
            out->weights[i] = -out->weights[i];
        if (out->time < generator->time_begin)
            out->time = generate_time(generator);
        return;
    }
    *out = (struct model_row){.key = generate_key(generator),
                              .value = generate_value(generator),
                              .time = generate_time(generator)};
    for (unsigned i = 0; i < generator->weight_count; i++) {
        const uint64_t size = rng_below(rng, (uint64_t)generator->options.weight_max) + 1;
        out->weights[i] = rng_chance(rng, 75) ? (int64_t)size : -(int64_t)size;
        if (generator->weight_count > 1 && rng_chance(rng, 30))
            out->weights[i] = 0;
    }
    generator->recent[generator->recent_count++ % slots] = *out;
}

void
generate_rows(struct generator *generator, size_t count, struct model *out)
{
    for (size_t i = 0; i < count; i++) {
        struct model_row row;
        generate_row(generator, &row);
        model_add(out, &row);
    }
}

void
generate_cancelled(struct generator *generator, size_t count, struct model *out,
                   struct model *back)
{
    for (size_t i = 0; i < count; i++) {
        struct model_row row;
        generate_row(generator, &row);
        model_add(out, &row);
        model_add_times(back, &row, -1);
    }
}

static union spine_datum *
pool_new(struct generator *generator, const struct spine_type *type, size_t count)
{
    union spine_datum *pool = calloc(count, sizeof *pool);
    struct rng *rng = generator->rng;
    const enum pool_style style = (enum pool_style)rng_below(rng, POOL_STYLES);
    const uint64_t base = rng_next(rng);
    const size_t common = rng_chance(rng, 50) ? 0 : rng_index(rng, PREFIX_BYTES + 1);
    uint8_t prefix[PREFIX_BYTES];

    if (pool == NULL)
        abort();
    for (size_t i = 0; i < PREFIX_BYTES; i++)
        prefix[i] = (uint8_t)(rng_chance(rng, 30) ? 0 : rng_next(rng));
    for (size_t i = 0; i < count; i++) {
        if (type->kind == SPINE_FIXED || type->kind == SPINE_BYTES)
            pool[i] = pool_bytes(generator, type, i, prefix, common);
        else
            pool[i] = datum_of_word(type, pool_word(rng, style, i, base));
    }
    return pool;
}

static int
order_cells(const void *a, const void *b)
{
    return model_cell_compare(sorted_kind, *(const union spine_datum *)a,
                              *(const union spine_datum *)b);
}

static uint64_t
pool_word(struct rng *rng, enum pool_style style, size_t index, uint64_t base)
{
    static const uint64_t extremes[] = {
        0,
        1,
        UINT64_MAX,
        UINT64_MAX - 1,
        UINT64_C(1) << 63,
        (UINT64_C(1) << 63) - 1,
        UINT32_MAX,
        UINT64_C(1) << 32,
        UINT64_C(1) << 31,
        (UINT64_C(1) << 31) - 1,
        UINT64_C(0x7ff0000000000000),
        UINT64_C(0xfff0000000000000),
        UINT64_C(0x7ff8000000000000),
        UINT64_C(0xfff8000000000001),
    };
    const size_t extreme_count = sizeof extremes / sizeof extremes[0];

    switch (style) {
    case POOL_DENSE:
        return index;
    case POOL_EXTREME:
        return index < extreme_count ? extremes[index] : rng_next(rng);
    case POOL_STRIDE:
        return base + index * UINT64_C(0x10001);
    case POOL_RANDOM:
    case POOL_STYLES:
        break;
    }
    return rng_next(rng);
}

static union spine_datum
datum_of_word(const struct spine_type *type, uint64_t word)
{
    double number;

    switch (type->kind) {
    case SPINE_U64:
        return spine_u64(word);
    case SPINE_I64:
        return spine_i64((int64_t)word);
    case SPINE_U32:
        return spine_u32((uint32_t)word);
    case SPINE_I32:
        return spine_i32((int32_t)(uint32_t)word);
    case SPINE_F64:
        /* Small words would all be denormal: those are counted as whole numbers. */
        if (word > 1 && word < 100000)
            return spine_f64((double)word / 2 - 100);
        memcpy(&number, &word, sizeof number);
        return spine_f64(number);
    case SPINE_NONE:
    case SPINE_FIXED:
    case SPINE_BYTES:
        break;
    }
    return (union spine_datum){0};
}

/* A part of the prefix, `common` bytes of it in nearly all cells, then few different
 * bytes: many ties, and cells that begin one another. */
static union spine_datum
pool_bytes(struct generator *generator, const struct spine_type *type, size_t index,
           const uint8_t *prefix, size_t common)
{
    struct rng *rng = generator->rng;
    uint8_t cell[4096];
    size_t size = type->size;

    if (type->kind == SPINE_BYTES)
        size = rng_chance(rng, 5)
                   ? 0
                   : common + rng_magnitude(rng, generator->options.bytes_max);
    if (size > sizeof cell)
        size = sizeof cell;
    const size_t shared = common + rng_index(rng, PREFIX_BYTES + 1 - common);
    for (size_t i = 0; i < size; i++) {
        if (i < shared)
            cell[i] = prefix[i];
        else
            cell[i] =
                rng_chance(rng, 70) ? (uint8_t)rng_below(rng, 3) : (uint8_t)rng_next(rng);
    }
    if (size > 0 && rng_chance(rng, 50))
        cell[size - 1] = (uint8_t)index;
    return keep_cell(generator, type, spine_data(cell, size));
}

/* The model copies the bytes; the row itself is of no use. */
static union spine_datum
keep_cell(struct generator *generator, const struct spine_type *type,
          union spine_datum cell)
{
    struct model *pool = &generator->pool;
    struct model_row row = {.key = cell, .value = cell};

    pool->schema.key = *type;
    pool->schema.value = (struct spine_type){SPINE_NONE, 0};
    pool->count = 0;
    model_add(pool, &row);
    return pool->rows[0].key;
}

/* The cell itself, or one just before or after it, or anything. */
static union spine_datum
near_cell(struct rng *rng, const struct spine_type *type, union spine_datum cell,
          uint8_t *scratch)
{
    const bool up = rng_chance(rng, 50);

    if (rng_chance(rng, 50) || type->kind == SPINE_NONE)
        return cell;
    if (type->kind != SPINE_FIXED && type->kind != SPINE_BYTES) {
        if (rng_chance(rng, 10))
            return datum_of_word(type, rng_next(rng));
        if (type->kind == SPINE_F64)
            return spine_f64(nextafter(cell.f64, up ? INFINITY : -INFINITY));
        return datum_of_word(type, up ? cell.u64 + 1 : cell.u64 - 1);
    }
    size_t size = cell.bytes.size < SCRATCH_BYTES ? cell.bytes.size : SCRATCH_BYTES;
    if (type->kind == SPINE_FIXED && cell.bytes.size > SCRATCH_BYTES)
        return cell;
    if (size > 0)
        memcpy(scratch, cell.bytes.data, size);
    if (type->kind == SPINE_BYTES && rng_chance(rng, 40)) {
        if (up && size < SCRATCH_BYTES)
            scratch[size++] = 0;
        else if (!up && size > 0)
            size--;
    } else if (size > 0) {
        scratch[size - 1] = (uint8_t)(up ? scratch[size - 1] + 1 : scratch[size - 1] - 1);
    }
    return spine_data(scratch, size);
}
