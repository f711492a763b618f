/* SPDX-License-Identifier: MIT */

/*
 * macro/read -- scan and point: reading what ingest left; merge: batches become one.
 */

#include "macro/macro.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LOOKUPS = 200000 };

void *
filled_open(const struct bench *bench, const struct engine *engine, uint64_t n,
            struct tally *expected)
{
    struct source *const source = source_new();
    void *const state = engine->open(&(struct engine_setup){
        .schema = &schema_u64, .directory = bench->directory, .rows_max = n});

    for (uint64_t number = 0; number < n;) {
        source_begin(source);
        for (unsigned i = 0; i < BATCH_ROWS && number < n; i++, number++)
            source_add(source, key_of(bench->seed, number), number, 1);
        engine->insert(state, &source->columns);
    }
    engine->settle(state);
    *expected = source->expected;
    expected->rows = n;
    source_free(source);
    return state;
}

/* Merges ahead, which begin when nothing else is to be done, have ended when nothing was
 * written for half a second. */
static void
rest_await(const struct engine *engine, void *state)
{
    const struct timespec pause = {.tv_nsec = 500 * 1000 * 1000};
    double before = -1;

    while (engine->written != NULL && engine->written(state) > before) {
        before = engine->written(state);
        nanosleep(&pause, NULL);
    }
}

/* Once to warm up, then once measured. At first an engine with files is *cold*: merges
 * pass its cache by. */
static void
scan_measured(const struct engine *engine, void *state, enum scan_how how,
              const struct tally *expected, struct sample *sample, const char *name)
{
    static const char *const metrics[] = {"rows_per_s", "backward_rows_per_s",
                                          "bulk_rows_per_s"};
    double seconds = 0;

    for (unsigned round = 0; round < 2; round++) {
        struct tally found = {0};
        const double began = seconds_now();
        engine->scan(state, how, &found);
        seconds = seconds_now() - began;
        tally_check(name, expected, &found);
        if (round == 0 && how == SCAN_BULK && engine->memory_limit != NULL)
            sample_put(sample, name, "cold_bulk_rows_per_s", expected->rows,
                       (double)expected->rows / seconds);
    }
    sample_put(sample, name, metrics[how], expected->rows,
               (double)expected->rows / seconds);
}

/* Rows per second if reading the files in order were all. */
static void
files_put(const struct bench *bench, const struct engine *engine, uint64_t rows,
          struct sample *sample)
{
    const double rate = directory_read_rate(bench->directory);

    if (engine->memory_limit != NULL && rate > 0)
        sample_put(sample, "scan", "files_rows_per_s", rows,
                   (double)rows * rate / (double)directory_bytes(bench->directory));
}

void
run_scan(const struct bench *bench, const struct engine *engine, struct sample *sample)
{
    struct tally expected;
    const uint64_t peak = memory_peak();
    void *const state = filled_open(bench, engine, bench->n, &expected);

    rest_await(engine, state);
    if (engine->abilities & ENGINE_BULK)
        scan_measured(engine, state, SCAN_BULK, &expected, sample, "scan");
    files_put(bench, engine, bench->n, sample);
    scan_measured(engine, state, SCAN_ROWS, &expected, sample, "scan");
    if (engine->abilities & ENGINE_GROUPS)
        scan_measured(engine, state, SCAN_ROWS_BACKWARD, &expected, sample, "scan");
    limit_put(sample, "scan", bench->n, engine, state, peak);
    engine->close(state);
}

/* `count` batches of equal size that nobody merges. */
static void *
apart_open(const struct bench *bench, const struct engine *engine, unsigned count,
           struct tally *expected)
{
    const uint64_t each = bench->n / count, n = each * count;
    uint64_t *const keys = bench_alloc(each, sizeof *keys);
    uint64_t *const values = bench_alloc(each, sizeof *values);
    void *const state = engine->open(&(struct engine_setup){.schema = &schema_u64,
                                                            .directory = bench->directory,
                                                            .apart = true,
                                                            .rows_max = n});

    *expected = (struct tally){0};
    for (uint64_t number = 0; number < n; number++) {
        const uint64_t at = number % each;
        keys[at] = key_of(bench->seed, number);
        values[at] = number;
        tally_add(expected, keys[at], values[at], 1);
        if (at + 1 == each)
            engine->insert(state, &(struct spine_columns){
                                      .rows = each, .keys = keys, .values = values});
    }
    free(keys);
    free(values);
    return state;
}

void
run_scan_apart(const struct bench *bench, const struct engine *engine,
               struct sample *sample)
{
    static const unsigned counts[] = {1, 8, 64};

    for (unsigned c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        struct tally expected;
        char name[32];
        void *const state = apart_open(bench, engine, counts[c], &expected);

        snprintf(name, sizeof name, "scan.%u", counts[c]);
        scan_measured(engine, state, SCAN_ROWS, &expected, sample, name);
        if (engine->abilities & ENGINE_BULK)
            scan_measured(engine, state, SCAN_BULK, &expected, sample, name);
        engine->close(state);
    }
}

void
run_merge(const struct bench *bench, const struct engine *engine, struct sample *sample)
{
    static const unsigned counts[] = {2, 8, 32, 64};

    for (unsigned c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        struct tally expected, found = {0};
        char name[32];
        void *const state = apart_open(bench, engine, counts[c], &expected);

        snprintf(name, sizeof name, "merge.%u", counts[c]);
        const double began = seconds_now();
        engine->unite(state);
        sample_put(sample, name, "rows_per_s", expected.rows,
                   (double)expected.rows / (seconds_now() - began));
        engine->scan(state, SCAN_ROWS, &found);
        tally_check(name, &expected, &found);
        engine->close(state);
    }
}

/* Lookups per second of LOOKUPS keys, once to warm up, then once measured. */
static double
lookups_per_s(const struct engine *engine, void *state, const uint64_t *keys,
              const struct tally *expected, const char *name)
{
    double seconds = 0;

    for (unsigned round = 0; round < 2; round++) {
        struct tally found = {0};
        const double began = seconds_now();
        engine_lookup(engine, state, keys, LOOKUPS, &found);
        seconds = seconds_now() - began;
        tally_check(name, expected, &found);
    }
    return (double)LOOKUPS / seconds;
}

/* The same of keys of which few are asked for often. */
static void
run_point_zipf(const struct bench *bench, const struct engine *engine,
               struct sample *sample, void *state, uint64_t *keys)
{
    uint32_t *const draws = zipf_new(bench->seed + 3, LOOKUPS, (uint32_t)bench->n);
    struct tally expected = {.rows = LOOKUPS};

    for (size_t i = 0; i < LOOKUPS; i++) {
        keys[i] = key_of(bench->seed, draws[i]);
        expected.weight++;
        expected.checksum += row_hash(keys[i], draws[i]);
    }
    sample_put(sample, "point.zipf", "lookups_per_s", bench->n,
               lookups_per_s(engine, state, keys, &expected, "point.zipf"));
    free(draws);
}

void
run_point(const struct bench *bench, const struct engine *engine, struct sample *sample)
{
    struct tally all, expected = {.rows = LOOKUPS};
    uint64_t *const keys = bench_alloc(LOOKUPS, sizeof *keys);
    uint64_t random = bench->seed + 1;
    const uint64_t peak = memory_peak();
    void *const state = filled_open(bench, engine, bench->n, &all);

    for (size_t i = 0; i < LOOKUPS; i++) {
        const uint64_t number = random_below(&random, bench->n);
        keys[i] = key_of(bench->seed, number);
        expected.weight++;
        expected.checksum += row_hash(keys[i], number);
    }
    sample_put(sample, "point", "lookups_per_s", bench->n,
               lookups_per_s(engine, state, keys, &expected, "point"));
    run_point_zipf(bench, engine, sample, state, keys);
    for (size_t i = 0; i < LOOKUPS; i++)
        keys[i] = key_of(bench->seed, bench->n + random_below(&random, UINT32_MAX));
    sample_put(sample, "point.absent", "lookups_per_s", bench->n,
               lookups_per_s(engine, state, keys, &(struct tally){0}, "point.absent"));
    limit_put(sample, "point", bench->n, engine, state, peak);
    engine->close(state);
    free(keys);
}
