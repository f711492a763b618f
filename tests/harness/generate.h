/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_GENERATE_H
#define HARNESS_GENERATE_H

/*
 * harness/generate -- random schemas and random rows of them.
 *
 * Keys and values are drawn from two pools made once, so that rows meet: pools of few
 * cells give many values per key and many equal rows. Pools hold the extremes of their
 * kind, dense runs, cells that share a prefix, cells that begin one another.
 */

#include "harness/model.h"
#include "harness/rng.h"

struct generate_options {
    /* Different keys, values and times at most; 0: drawn. */
    size_t keys;
    size_t values;
    size_t times;
    /* The longest SPINE_BYTES cell, behind what most of them begin with; 0: drawn. */
    size_t bytes_max;
    /* How many of 100 rows take back a row drawn shortly before; SIZE_MAX: drawn. */
    size_t cancel_percent;
    /* The largest weight; 0: drawn. */
    int64_t weight_max;
};

/* For fields of struct generate_options where 0 means something. */
#define GENERATE_DRAWN SIZE_MAX

struct generator {
    struct rng *rng;
    struct spine_schema schema;
    unsigned weight_count;
    struct generate_options options;
    /* Keys ascend. */
    union spine_datum *keys;
    union spine_datum *values;
    /* Keys are drawn from [key_begin, key_end) of the pool. */
    size_t key_begin;
    size_t key_end;
    /* Owns the bytes of the pools. */
    struct model pool;
    struct model_row recent[64];
    size_t recent_count;
    /* No pair of rows goes back in time before this. */
    uint64_t time_begin;
};

/* Any schema: all kinds, one to eight weights, all times. */
void generate_schema(struct rng *rng, struct spine_schema *out);
/* A kind with its size. */
struct spine_type generate_type(struct rng *rng, bool allow_none);

/* NULL options: all drawn. */
void generator_init(struct generator *generator, struct rng *rng,
                    const struct spine_schema *schema,
                    const struct generate_options *options);
void generator_release(struct generator *generator);

/* From now on keys come from a part of the pool only, drawn at random; so batches reach
 * into one another here and there instead of everywhere. */
void generator_narrow(struct generator *generator);

/* Cells from the pools. Borrowed from the generator. */
union spine_datum generate_key(struct generator *generator);
union spine_datum generate_value(struct generator *generator);
/* A cell of the type that need not be in the pool; written to `scratch` of 64 bytes if
 * bytes. */
union spine_datum generate_key_near(struct generator *generator, uint8_t *scratch);
union spine_datum generate_value_near(struct generator *generator, uint8_t *scratch);
uint64_t generate_time(struct generator *generator);
void generate_row(struct generator *generator, struct model_row *out);
/* `count` rows, not consolidated, appended to `out`. */
void generate_rows(struct generator *generator, size_t count, struct model *out);
/* The same, and for each row appended to `out` one to `back` that takes it back: both
 * together are nothing. */
void generate_cancelled(struct generator *generator, size_t count, struct model *out,
                        struct model *back);

#endif
