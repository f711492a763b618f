/* SPDX-License-Identifier: MIT */

/*
 * macro/groups -- the first, the last and some value in between of a key, in few huge
 * groups and in many small ones.
 */

#include "macro/macro.h"

#include <stdio.h>
#include <stdlib.h>

enum { GROUP_QUERIES = 100000 };

struct groups {
    const char *name;
    /* Row i has key i % key_count and value i / key_count. */
    uint64_t key_count;
    uint64_t n;
    uint64_t seed;
};

static void groups_run(const struct bench *bench, const struct engine *engine,
                       struct sample *sample, const struct groups *groups);

void
run_groups(const struct bench *bench, const struct engine *engine, struct sample *sample)
{
    const uint64_t n = bench->n / 100 * 100;

    groups_run(bench, engine, sample,
               &(struct groups){"groups.huge", 100, n, bench->seed});
    groups_run(bench, engine, sample, &(struct groups){"groups.one", n, n, bench->seed});
}

static void
groups_run(const struct bench *bench, const struct engine *engine, struct sample *sample,
           const struct groups *groups)
{
    static const char *const metrics[] = {"first_per_s", "last_per_s", "seek_per_s"};
    struct source *const source = source_new();
    uint64_t *const keys = bench_alloc(GROUP_QUERIES, sizeof *keys);
    uint64_t *const at = bench_alloc(GROUP_QUERIES, sizeof *at);
    const uint64_t size = groups->n / groups->key_count;
    uint64_t random = groups->seed + 3;
    void *const state = engine->open(&(struct engine_setup){
        .schema = &schema_u64, .directory = bench->directory, .rows_max = groups->n});

    for (uint64_t number = 0; number < groups->n;) {
        source_begin(source);
        for (unsigned i = 0; i < BATCH_ROWS && number < groups->n; i++, number++)
            source_add(source, key_of(groups->seed, number % groups->key_count),
                       number / groups->key_count, 1);
        engine->insert(state, &source->columns);
    }
    engine->settle(state);

    for (unsigned what = GROUP_FIRST; what <= GROUP_SEEK; what++) {
        struct tally expected = {0}, found = {0};
        for (size_t i = 0; i < GROUP_QUERIES; i++) {
            keys[i] = key_of(groups->seed, random_below(&random, groups->key_count));
            at[i] = random_below(&random, size);
            tally_add(&expected, keys[i],
                      what == GROUP_FIRST  ? 0
                      : what == GROUP_LAST ? size - 1
                                           : at[i],
                      1);
        }
        const double began = seconds_now();
        engine->group(state, what, keys, at, GROUP_QUERIES, &found);
        const double seconds = seconds_now() - began;
        tally_check(groups->name, &expected, &found);
        sample_put(sample, groups->name, metrics[what], groups->n,
                   (double)GROUP_QUERIES / seconds);
    }
    engine->close(state);
    free(keys);
    free(at);
    source_free(source);
}
