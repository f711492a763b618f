/* SPDX-License-Identifier: MIT */

/*
 * macro/timed -- rows with u64 times and a frontier that follows them: each batch has a
 * time of its own, and a third of its rows retract half of those that came eight batches
 * before.
 */

#include "macro/macro.h"

#include <stdlib.h>
#include <string.h>

enum { TIMED_LAG = 8 };

static const struct spine_schema schema_timed = {
    .key = {.kind = SPINE_U64}, .value = {.kind = SPINE_U64}, .time = SPINE_TIME_U64};

/* Batch b brings numbers [b * BATCH_ROWS / 2, (b + 1) * BATCH_ROWS / 2) and takes away
   every second of those that batch b - TIMED_LAG brought. */
static void
timed_fill(struct source *source, uint64_t seed, uint64_t batch)
{
    const uint64_t each = BATCH_ROWS / 2, begin = batch * each;

    source_begin(source);
    for (uint64_t number = begin; number < begin + each; number++) {
        source_add(source, key_of(seed, number), number, 1);
        const uint64_t old = number - TIMED_LAG * each;
        if (batch >= TIMED_LAG && old % 2 == 0)
            source_add(source, key_of(seed, old), old, -1);
    }
}

void
run_timed(const struct bench *bench, const struct engine *engine, struct sample *sample)
{
    struct source *const source = source_new();
    uint64_t *const times = bench_alloc(BATCH_ROWS, sizeof *times);
    const uint64_t batches = bench->n / BATCH_ROWS;
    struct tally found = {0};
    uint64_t handed = 0;
    struct intake intake;

    intake_open(&intake);
    void *const state = engine->open(&(struct engine_setup){
        .schema = &schema_timed, .directory = bench->directory, .rows_max = bench->n});

    intake_begin(&intake);
    for (uint64_t batch = 0; batch < batches; batch++) {
        timed_fill(source, bench->seed, batch);
        for (size_t i = 0; i < source->columns.rows; i++)
            times[i] = batch;
        source->columns.times = times;
        engine->insert(state, &source->columns);
        engine->advance(state, batch);
        handed += source->columns.rows;
    }
    intake_end(&intake);
    engine->settle(state);
    const double live = (double)source->expected.weight;
    intake_put(&intake, sample, "timed", handed, live);
    written_put(sample, "timed", handed, engine, state);

    const double scanning = seconds_now();
    engine->scan(state, SCAN_ROWS, &found);
    sample_put(sample, "timed", "scan_rows_per_s", handed,
               live / (seconds_now() - scanning));
    source->expected.rows = (uint64_t)source->expected.weight;
    tally_check("timed", &source->expected, &found);
    engine->close(state);
    free(times);
    source_free(source);
}
