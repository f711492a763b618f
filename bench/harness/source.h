/* SPDX-License-Identifier: MIT */
#ifndef BENCH_HARNESS_SOURCE_H
#define BENCH_HARNESS_SOURCE_H

/*
 * Where rows come from: batches of BATCH_ROWS rows u64 -> u64 as columns, and the tally
 * of all rows so far, which is what a right answer adds up to. The same seed gives the
 * same rows, whoever asks.
 */

#include "harness/engine.h"
#include "harness/mix.h"

#define BATCH_ROWS 10000u

/* The key of row `number`; `seed` must be below 2^24, `number` below 2^40. */
static inline uint64_t
key_of(uint64_t seed, uint64_t number)
{
    return mix(seed << 40 ^ number);
}

/* The schema u64 -> u64. */
extern const struct spine_schema schema_u64;

struct source {
    uint64_t keys[BATCH_ROWS];
    uint64_t values[BATCH_ROWS];
    int64_t weights[BATCH_ROWS];
    /* The arrays above, and how many rows they have. */
    struct spine_columns columns;
    /* All rows so far. `rows` is for the workload to set: it knows what cancels. */
    struct tally expected;
};

struct source *source_new(void);
void source_free(struct source *source);

/* Empty again; then rows one by one. */
static inline void
source_begin(struct source *source)
{
    source->columns.rows = 0;
}

static inline void
source_add(struct source *source, uint64_t key, uint64_t value, int64_t weight)
{
    const size_t at = source->columns.rows++;

    source->keys[at] = key;
    source->values[at] = value;
    source->weights[at] = weight;
    source->expected.weight += weight;
    source->expected.checksum += (uint64_t)weight * row_hash(key, value);
}

/* Random numbers of their own. */
static inline uint64_t
random_next(uint64_t *state)
{
    return mix(*state += UINT64_C(0x632be59bd9b4e019));
}

/* Below `end`, which must be below 2^32. */
static inline uint64_t
random_below(uint64_t *state, uint64_t end)
{
    return (random_next(state) >> 32) * end >> 32;
}

/* `count` numbers below `end`, number i as often as 1 / (i + 1)^0.99. */
uint32_t *zipf_new(uint64_t seed, size_t count, uint32_t end);

#endif
