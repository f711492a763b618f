/* SPDX-License-Identifier: MIT */
#ifndef BENCH_MICRO_MICRO_H
#define BENCH_MICRO_MICRO_H

/*
 * What the benches of merges and cursors share: a clock, samples, and batches of rows
 * u64 -> u64 of weight 1.
 */

#include "batch/batch.h"
#include "harness/mix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAMPLES_MAX 64u

struct samples {
    double rates[SAMPLES_MAX];
    unsigned count;
};

static inline int
compare_rates(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

/* Time of this thread's processor, not of the clock: others may use the machine. */
static inline uint64_t
now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static inline void
samples_add(struct samples *samples, uint64_t operations, uint64_t began_ns)
{
    const uint64_t ns = now_ns() - began_ns;

    if (samples->count < SAMPLES_MAX)
        samples->rates[samples->count++] = (double)operations * 1e3 / (double)ns;
}

/* One line: millions per second, median, least and most. */
static inline void
samples_print(struct samples *samples, const char *name)
{
    qsort(samples->rates, samples->count, sizeof *samples->rates, compare_rates);
    printf("%-40s %9.2f  %9.2f  %9.2f  M/s\n", name, samples->rates[samples->count / 2],
           samples->rates[0], samples->rates[samples->count - 1]);
    fflush(stdout);
}

/* What must not fail in a bench. */
static inline void
require(bool held, const char *what)
{
    if (held)
        return;
    fprintf(stderr, "wrong: %s\n", what);
    exit(1);
}

/* A batch of the given keys with their values. */
static inline struct spine_batch *
batch_of_keys(const uint64_t *keys, const uint64_t *values, size_t rows)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};
    const struct spine_columns columns = {.rows = rows, .keys = keys, .values = values};
    struct spine_batch *batch;

    require(spine_batch_from_columns(&schema, &columns, &batch, NULL) == SPINE_OK,
            "a batch of columns");
    return batch;
}

/*
 * `rows` rows in `count` batches. Random keys all over the place, or (`clustered`) each
 * batch a run of keys of its own. `per_key` rows have the same key.
 */
static inline void
batches_new(struct spine_batch **batches, size_t count, size_t rows, size_t per_key,
            bool clustered)
{
    const size_t each = rows / count;
    uint64_t *keys = malloc(each * sizeof *keys), *values = malloc(each * sizeof *values);

    require(keys != NULL && values != NULL, "memory");
    for (size_t b = 0; b < count; b++) {
        for (size_t i = 0; i < each; i++) {
            const uint64_t number = (b * each + i) / per_key;

            keys[i] = clustered ? number : mix(number);
            values[i] = i;
        }
        batches[b] = batch_of_keys(keys, values, each);
    }
    free(keys);
    free(values);
}

static inline void
batches_free(struct spine_batch **batches, size_t count)
{
    for (size_t b = 0; b < count; b++)
        spine_batch_unref(batches[b]);
}

#endif
