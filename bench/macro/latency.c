/* SPDX-License-Identifier: MIT */

/*
 * macro/latency -- how long one insert of 10,000 rows keeps its caller.
 *
 * Flat out, that is the time of the call. In an open loop, batches are due at fixed times
 * and the time counts from when the batch was due: a caller who was kept too long is late
 * for the batches behind, and that counts as well.
 */

#include "macro/macro.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

static double latency_pass(const struct bench *bench, const struct engine *engine,
                           double period, double *times);
static void wait_until(double due);
static void latency_put(struct sample *sample, const char *name, uint64_t n,
                        double *times, size_t count);

void
run_latency(const struct bench *bench, const struct engine *engine, struct sample *sample)
{
    const size_t batches = (size_t)(bench->n / BATCH_ROWS);
    double *const times = bench_alloc(batches, sizeof *times);
    const double seconds = latency_pass(bench, engine, 0, times);
    const double period = seconds / (double)batches;

    latency_put(sample, "latency", bench->n, times, batches);
    latency_pass(bench, engine, period / 0.5, times);
    latency_put(sample, "latency.50", bench->n, times, batches);
    latency_pass(bench, engine, period / 0.8, times);
    latency_put(sample, "latency.80", bench->n, times, batches);
    free(times);
}

/* Inserts every `period` seconds, or without pause when it is 0; returns the seconds
   until no work was left. */
static double
latency_pass(const struct bench *bench, const struct engine *engine, double period,
             double *times)
{
    struct source *const source = source_new();
    struct tally found = {0};
    const size_t batches = (size_t)(bench->n / BATCH_ROWS);
    void *const state = engine->open(&(struct engine_setup){
        .schema = &schema_u64, .directory = bench->directory, .rows_max = bench->n});
    const double began = seconds_now();

    for (size_t batch = 0; batch < batches; batch++) {
        source_begin(source);
        for (uint64_t i = 0; i < BATCH_ROWS; i++)
            source_add(source, key_of(bench->seed, batch * BATCH_ROWS + i), i, 1);
        double due = began + (double)batch * period;
        if (period > 0)
            wait_until(due);
        else
            due = seconds_now();
        engine->insert(state, &source->columns);
        times[batch] = seconds_now() - due;
    }
    engine->settle(state);
    const double seconds = seconds_now() - began;
    engine->scan(state, SCAN_ROWS, &found);
    source->expected.rows = batches * BATCH_ROWS;
    tally_check("latency", &source->expected, &found);
    engine->close(state);
    source_free(source);
    return seconds;
}

static void
wait_until(double due)
{
    const double left = due - seconds_now();

    if (left > 0) {
        const time_t seconds = (time_t)left;
        const struct timespec pause = {seconds, (long)((left - (double)seconds) * 1e9)};
        nanosleep(&pause, NULL);
    }
}

static void
latency_put(struct sample *sample, const char *name, uint64_t n, double *times,
            size_t count)
{
    static const struct {
        const char *name;
        double part;
    } parts[] = {{"p50_ms", 0.5},
                 {"p99_ms", 0.99},
                 {"p99.9_ms", 0.999},
                 {"p99.99_ms", 0.9999},
                 {"max_ms", 1}};

    qsort(times, count, sizeof *times, compare_doubles);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const size_t at = (size_t)ceil(parts[i].part * (double)count) - 1;
        sample_put(sample, name, parts[i].name, n, 1e3 * times[at]);
    }
}
