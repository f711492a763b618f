/* SPDX-License-Identifier: MIT */

/*
 * macro/ingest -- ingest, ascending, churn, growth: rows go in, and what is there
 * in the end is read and compared.
 */

#include "macro/macro.h"

#include <stdlib.h>
#include <string.h>

/* What a workload inserts: fills the next batch, false when there is none. Sets the
   number of rows that are live in the end. */
struct ingest {
    struct source *source;
    uint64_t n;
    uint64_t seed;
    bool ascending;
    /* Rows that are live at most; 0: all. */
    uint64_t live_max;
    uint32_t *live;
    uint64_t live_count;
    uint64_t fresh;
    uint64_t handed;
    uint64_t state;
};

static void ingest_run(const struct bench *bench, const struct engine *engine,
                       struct sample *sample, struct ingest *ingest, const char *name);
static bool ingest_fill(struct ingest *ingest);
static void ingest_fresh(struct ingest *ingest);
static void ingest_retract(struct ingest *ingest);

void
run_ingest(const struct bench *bench, const struct engine *engine, struct sample *sample)
{
    ingest_run(bench, engine, sample, &(struct ingest){.n = bench->n}, "ingest");
}

void
run_ascending(const struct bench *bench, const struct engine *engine,
              struct sample *sample)
{
    ingest_run(bench, engine, sample, &(struct ingest){.n = bench->n, .ascending = true},
               "ascending");
}

/* 2 M rows live, of 10 M that come in; a fifth of the rows in shorter runs. */
void
run_churn(const struct bench *bench, const struct engine *engine, struct sample *sample)
{
    ingest_run(bench, engine, sample,
               &(struct ingest){.n = bench->n, .live_max = live_rows(bench->n)}, "churn");
}

void
run_growth(const struct bench *bench, const struct engine *engine, struct sample *sample)
{
    ingest_run(bench, engine, sample, &(struct ingest){.n = bench->n}, "growth");
    if (engine->abilities & ENGINE_LOOKUP)
        run_growing_join(bench, engine, sample);
}

/*
 * `_per_row` counts live rows. Memory is what came on top of what the source holds.
 */
static void
ingest_run(const struct bench *bench, const struct engine *engine, struct sample *sample,
           struct ingest *ingest, const char *name)
{
    struct intake intake;
    struct tally found = {0};

    ingest->source = source_new();
    ingest->seed = ingest->state = bench->seed;
    if (ingest->live_max > 0) {
        ingest->live = bench_alloc(ingest->live_max, sizeof *ingest->live);
        memset(ingest->live, 0, ingest->live_max * sizeof *ingest->live);
    }
    intake_open(&intake);
    void *const state = engine->open(&(struct engine_setup){
        .schema = &schema_u64, .directory = bench->directory, .rows_max = ingest->n});

    intake_begin(&intake);
    while (ingest_fill(ingest))
        engine->insert(state, &ingest->source->columns);
    intake_end(&intake);
    engine->settle(state);
    const double live = (double)ingest->live_count;
    intake_put(&intake, sample, name, ingest->n, live);
    written_put(sample, name, ingest->n, engine, state);
    disk_put(sample, name, ingest->n, bench, live);
    limit_put(sample, name, ingest->n, engine, state, intake.peak);

    const enum scan_how how = engine->abilities & ENGINE_BULK ? SCAN_BULK : SCAN_ROWS;
    engine->scan(state, how, &found);
    if (strcmp(name, "growth") == 0) {
        struct tally again = {0};
        const double scan_began = seconds_now();
        engine->scan(state, how, &again);
        sample_put(sample, "growth", "scan_rows_per_s", ingest->n,
                   (double)ingest->n / (seconds_now() - scan_began));
    }
    ingest->source->expected.rows = ingest->live_count;
    tally_check(name, &ingest->source->expected, &found);
    engine->close(state);
    free(ingest->live);
    source_free(ingest->source);
}

static bool
ingest_fill(struct ingest *ingest)
{
    source_begin(ingest->source);
    for (unsigned i = 0; i < BATCH_ROWS && ingest->handed < ingest->n;
         i++, ingest->handed++)
        if (ingest->live_max > 0 && ingest->live_count >= ingest->live_max - BATCH_ROWS &&
            (i % 2 == 1 || ingest->live_count == ingest->live_max))
            ingest_retract(ingest);
        else
            ingest_fresh(ingest);
    return ingest->source->columns.rows > 0;
}

static uint64_t
ingest_key(const struct ingest *ingest, uint64_t number)
{
    return ingest->ascending ? number : key_of(ingest->seed, number);
}

static void
ingest_fresh(struct ingest *ingest)
{
    if (ingest->live != NULL)
        ingest->live[ingest->live_count] = (uint32_t)ingest->fresh;
    source_add(ingest->source, ingest_key(ingest, ingest->fresh), ingest->fresh, 1);
    ingest->live_count++;
    ingest->fresh++;
}

static void
ingest_retract(struct ingest *ingest)
{
    const uint64_t at = random_below(&ingest->state, ingest->live_count--);
    const uint64_t number = ingest->live[at];

    ingest->live[at] = ingest->live[ingest->live_count];
    source_add(ingest->source, ingest_key(ingest, number), number, -1);
}
