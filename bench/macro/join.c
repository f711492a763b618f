/* SPDX-License-Identifier: MIT */

/*
 * macro/join -- join and upsert: every batch reads before it writes.
 */

#include "macro/macro.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* So many batches of new keys go before the first that has old ones, at least a
       hundredth of all: a key has about a hundred rows at most. */
    JOIN_WARM = 10,
    UPSERT_KEYS = 1000000
};

struct join {
    const char *name;
    /* What it is called when it is asked for alone. */
    const char *variant;
    /* Keys of a batch that are there already. */
    unsigned percent;
    bool by_lookup;
    /* Keys are of a tenth of the range, which moves from its begin to its end. */
    bool moves;
    /* One of several sizes: fewer figures. */
    bool grows;
};

static void join_run(const struct bench *bench, const struct engine *engine,
                     struct sample *sample, const struct join *join);
static void growing_put(struct sample *sample, uint64_t n, const struct engine *engine,
                        void *state, double seconds);
static void reading_put(struct sample *sample, const struct join *join, uint64_t n,
                        const struct bench *bench, const struct engine *engine,
                        void *state);
static uint64_t join_key(const struct bench *bench, const struct join *join,
                         uint64_t number, uint64_t fresh_end);
static struct tally join_expect(const struct bench *bench, const struct join *join,
                                const uint64_t *numbers, uint64_t n, uint64_t fresh_end);
static uint64_t *join_numbers(const struct bench *bench, const struct join *join,
                              uint64_t *n, uint64_t *fresh_end);
static void sort_keys(uint64_t *keys, size_t count, uint64_t *spare);

void
run_join(const struct bench *bench, const struct engine *engine, struct sample *sample)
{
    static const struct join joins[] = {
        {"join", "50", 50, .by_lookup = false},
        {"join.0", "0", 0, .by_lookup = false},
        {"join.100", "100", 100, .by_lookup = false},
        {"join.moving", "moving", 50, .moves = true},
        {"join.seek", "seek", 50, .by_lookup = true},
    };
    const size_t count = engine->abilities & ENGINE_PROBE ? 5 : 4;

    for (size_t i = 0; i < count; i++)
        if (bench->variant == NULL || strcmp(bench->variant, joins[i].variant) == 0)
            join_run(bench, engine, sample, &joins[i]);
}

void
run_growing_join(const struct bench *bench, const struct engine *engine,
                 struct sample *sample)
{
    join_run(bench, engine, sample,
             &(struct join){.name = "growth", .percent = 50, .grows = true});
}

/*
 * Batch b has the rows (key of numbers[i], i); its keys, sorted, are probed first. What
 * the probes must find is known from the numbers: all earlier rows of the same number.
 */
static void
join_run(const struct bench *bench, const struct engine *engine, struct sample *sample,
         const struct join *join)
{
    uint64_t n, fresh_end, runs = 0;
    uint64_t *const numbers = join_numbers(bench, join, &n, &fresh_end);
    struct source *const source = source_new();
    uint64_t *const keys = bench_alloc(2 * BATCH_ROWS, sizeof *keys);
    struct tally found = {0};
    double probe_seconds = 0;
    void *const state = engine->open(&(struct engine_setup){
        .schema = &schema_u64, .directory = bench->directory, .rows_max = n});

    const double began = seconds_now();
    for (uint64_t at = 0; at < n;) {
        source_begin(source);
        for (unsigned i = 0; i < BATCH_ROWS; i++, at++)
            source_add(source, join_key(bench, join, numbers[at], fresh_end), at, 1);
        memcpy(keys, source->keys, BATCH_ROWS * sizeof *keys);
        const double probe_began = seconds_now();
        sort_keys(keys, BATCH_ROWS, keys + BATCH_ROWS);
        if (join->by_lookup)
            engine_lookup(engine, state, keys, BATCH_ROWS, &found);
        else
            engine->probe(state, keys, BATCH_ROWS, NULL, &found);
        probe_seconds += seconds_now() - probe_began;
        runs += engine->runs != NULL ? engine->runs(state) : 0;
        engine->insert(state, &source->columns);
    }
    const double inserted = seconds_now();
    engine->settle(state);
    const double settled = seconds_now();
    if (runs > 0)
        sample_put(sample, join->name, "runs_per_probe", n,
                   (double)runs * BATCH_ROWS / (double)n);
    if (join->grows)
        growing_put(sample, n, engine, state, inserted - began);
    else {
        sample_put(sample, join->name, "rows_per_s", n, (double)n / (inserted - began));
        sample_put(sample, join->name, "settled_rows_per_s", n,
                   (double)n / (settled - began));
        sample_put(sample, join->name, "probes_per_s", n, (double)n / probe_seconds);
        written_put(sample, join->name, n, engine, state);
        reading_put(sample, join, n, bench, engine, state);
    }
    engine->close(state);

    const struct tally expected = join_expect(bench, join, numbers, n, fresh_end);
    tally_check(join->name, &expected, &found);
    free(numbers);
    free(keys);
    source_free(source);
}

/* Rows per second if it took no longer than to read in order what was read. */
static void
reading_put(struct sample *sample, const struct join *join, uint64_t n,
            const struct bench *bench, const struct engine *engine, void *state)
{
    const uint64_t bytes = engine->read_bytes != NULL ? engine->read_bytes(state) : 0;
    const double rate = bytes > 0 ? directory_read_rate(bench->directory) : 0;

    if (rate > 0)
        sample_put(sample, join->name, "reading_bound_rows_per_s", n,
                   (double)n * rate / (double)bytes);
}

/* Of numbers that follow one another the tenth of the range moves on. */
static uint64_t
join_key(const struct bench *bench, const struct join *join, uint64_t number,
         uint64_t fresh_end)
{
    const uint64_t key = key_of(bench->seed, number);
    const double place = 0.9 * (double)number / (double)fresh_end;

    return join->moves ? (uint64_t)(place * 0x1p64) + key / 10 : key;
}

/* By names that the ingest of the same workload leaves free. */
static void
growing_put(struct sample *sample, uint64_t n, const struct engine *engine, void *state,
            double seconds)
{
    sample_put(sample, "growth", "join_rows_per_s", n, (double)n / seconds);
    if (engine->written != NULL)
        sample_put(sample, "growth", "join_write_amplification", n,
                   engine->written(state));
}

/* What all probes must find together. */
static struct tally
join_expect(const struct bench *bench, const struct join *join, const uint64_t *numbers,
            uint64_t n, uint64_t fresh_end)
{
    struct tally *const before = bench_alloc(fresh_end, sizeof *before);
    struct tally expected = {0};

    memset(before, 0, fresh_end * sizeof *before);
    for (uint64_t begin = 0; begin < n; begin += BATCH_ROWS) {
        for (uint64_t at = begin; at < begin + BATCH_ROWS; at++) {
            const struct tally *const rows = &before[numbers[at]];
            expected.rows += rows->rows;
            expected.weight += rows->weight;
            expected.checksum += rows->checksum;
        }
        for (uint64_t at = begin; at < begin + BATCH_ROWS; at++)
            tally_add(&before[numbers[at]], join_key(bench, join, numbers[at], fresh_end),
                      at, 1);
    }
    free(before);
    return expected;
}

/* About `percent` of the keys of a batch were there before it, the others are new; a
   batch has each key once. Where keys move, old ones are of the last tenth. */
static uint64_t *
join_numbers(const struct bench *bench, const struct join *join, uint64_t *n,
             uint64_t *fresh_end)
{
    uint64_t fresh = 0, at = 0, random = bench->seed + 2;
    const uint64_t hundredth = bench->n / BATCH_ROWS / 100;
    const uint64_t warm = hundredth > JOIN_WARM ? hundredth : JOIN_WARM;

    *n = (bench->n + BATCH_ROWS - 1) / BATCH_ROWS * BATCH_ROWS;
    uint64_t *const numbers = bench_alloc(*n, sizeof *numbers);
    unsigned *const used = bench_alloc(*n, sizeof *used); /* the last batch of a number */
    memset(used, 0, *n * sizeof *used);
    for (unsigned batch = 0; at < *n; batch++) {
        const uint64_t before = fresh;
        const uint64_t tenth = before / 10 > 4 * BATCH_ROWS ? before / 10 : before;
        const uint64_t lately = join->moves ? tenth : before;
        for (unsigned i = 0; i < BATCH_ROWS; i++) {
            uint64_t number = before;
            if (batch >= warm && i % 100 < join->percent)
                number = before - 1 - random_below(&random, lately);
            if (number == before || used[number] == batch)
                number = fresh++;
            used[number] = batch;
            numbers[at++] = number;
        }
    }
    free(used);
    *fresh_end = fresh;
    return numbers;
}

/* By digits of eight bits: what a probe costs must not drown in a slow sort. */
static void
sort_keys(uint64_t *keys, size_t count, uint64_t *spare)
{
    for (unsigned shift = 0; shift < 64; shift += 8) {
        size_t places[257] = {0};
        for (size_t i = 0; i < count; i++)
            places[(keys[i] >> shift & 255) + 1]++;
        for (unsigned digit = 0; digit < 256; digit++)
            places[digit + 1] += places[digit];
        for (size_t i = 0; i < count; i++)
            spare[places[keys[i] >> shift & 255]++] = keys[i];
        uint64_t *const swap = keys;
        keys = spare;
        spare = swap;
    }
}

/* One row per key: (key, number of its last upsert). */
struct upserts {
    const uint32_t *draws;
    uint64_t n;
    uint64_t seed;
    /* The number of the last batch that had the key, plus one; its place in the batch. */
    uint32_t *seen;
};

/* The keys of a batch, each once, ascending. */
static size_t
upsert_keys(const struct upserts *upserts, uint64_t begin, uint64_t *keys)
{
    size_t count = 0;

    for (uint64_t at = begin; at < begin + BATCH_ROWS && at < upserts->n; at++) {
        const uint32_t batch = (uint32_t)(begin / BATCH_ROWS) + 1;
        if (upserts->seen[upserts->draws[at]] == batch)
            continue;
        upserts->seen[upserts->draws[at]] = batch;
        keys[count++] = key_of(upserts->seed, upserts->draws[at]);
    }
    sort_keys(keys, count, keys + BATCH_ROWS);
    return count;
}

static double
upsert_all(const struct upserts *upserts, const struct engine *engine, void *state)
{
    uint64_t *const keys = bench_alloc(2 * BATCH_ROWS, sizeof *keys);
    uint64_t *const old = bench_alloc(BATCH_ROWS, sizeof *old);
    struct source *const source = source_new();
    uint64_t *const both = bench_alloc(4 * BATCH_ROWS, sizeof *both);
    int64_t *const weights = bench_alloc(2 * BATCH_ROWS, sizeof *weights);
    const double began = seconds_now();

    for (uint64_t begin = 0; begin < upserts->n; begin += BATCH_ROWS) {
        struct tally found = {0};
        const size_t count = upsert_keys(upserts, begin, keys);
        uint64_t *const values = both + 2 * BATCH_ROWS;
        size_t rows = 0;

        engine->probe(state, keys, count, old, &found);
        for (size_t i = 0; i < count; i++) {
            if (old[i] != NO_VALUE) {
                both[rows] = keys[i];
                values[rows] = old[i];
                weights[rows++] = -1;
            }
            both[rows] = keys[i];
            values[rows] = begin;
            weights[rows++] = 1;
        }
        engine->insert(
            state, &(struct spine_columns){
                       .rows = rows, .keys = both, .values = values, .weights = weights});
    }
    engine->settle(state);
    const double seconds = seconds_now() - began;
    free(keys);
    free(old);
    free(both);
    free(weights);
    source_free(source);
    return seconds;
}

void
run_upsert(const struct bench *bench, const struct engine *engine, struct sample *sample)
{
    uint32_t *const draws = zipf_new(bench->seed, bench->n, UPSERT_KEYS);
    struct upserts upserts = {.draws = draws, .n = bench->n, .seed = bench->seed};
    struct tally found = {0}, expected = {0};
    void *const state = engine->open(&(struct engine_setup){
        .schema = &schema_u64, .directory = bench->directory, .rows_max = 2 * bench->n});

    upserts.seen = bench_alloc(UPSERT_KEYS, sizeof *upserts.seen);
    memset(upserts.seen, 0, UPSERT_KEYS * sizeof *upserts.seen);
    const double seconds = upsert_all(&upserts, engine, state);
    sample_put(sample, "upsert", "settled_rows_per_s", bench->n,
               (double)bench->n / seconds);

    for (uint32_t number = 0; number < UPSERT_KEYS; number++)
        if (upserts.seen[number] > 0)
            tally_add(&expected, key_of(bench->seed, number),
                      (uint64_t)(upserts.seen[number] - 1) * BATCH_ROWS, 1);
    engine->scan(state, engine->abilities & ENGINE_BULK ? SCAN_BULK : SCAN_ROWS, &found);
    tally_check("upsert", &expected, &found);
    engine->close(state);
    free(upserts.seen);
    free(draws);
}
