/* SPDX-License-Identifier: MIT */
#ifndef BENCH_MACRO_MACRO_H
#define BENCH_MACRO_MACRO_H

/*
 * macro/ -- the workloads. Each runs one engine once, from nothing, checks what the
 * engine answers against what the generator knows, and puts its figures into the sample.
 */

#include "harness/measure.h"
#include "harness/source.h"

void
run_ingest(const struct bench *bench, const struct engine *engine, struct sample *sample);
void run_ascending(const struct bench *bench, const struct engine *engine,
                   struct sample *sample);
void
run_churn(const struct bench *bench, const struct engine *engine, struct sample *sample);
void
run_window(const struct bench *bench, const struct engine *engine, struct sample *sample);
void
run_queue(const struct bench *bench, const struct engine *engine, struct sample *sample);
void run_window_retain(const struct bench *bench, const struct engine *engine,
                       struct sample *sample);
void
run_growth(const struct bench *bench, const struct engine *engine, struct sample *sample);
/* The join of run_growth(). */
void run_growing_join(const struct bench *bench, const struct engine *engine,
                      struct sample *sample);
void
run_upsert(const struct bench *bench, const struct engine *engine, struct sample *sample);
void
run_join(const struct bench *bench, const struct engine *engine, struct sample *sample);
void
run_scan(const struct bench *bench, const struct engine *engine, struct sample *sample);
void run_scan_apart(const struct bench *bench, const struct engine *engine,
                    struct sample *sample);
void
run_point(const struct bench *bench, const struct engine *engine, struct sample *sample);
void
run_groups(const struct bench *bench, const struct engine *engine, struct sample *sample);
void run_latency(const struct bench *bench, const struct engine *engine,
                 struct sample *sample);
void
run_fleet(const struct bench *bench, const struct engine *engine, struct sample *sample);
void
run_bytes(const struct bench *bench, const struct engine *engine, struct sample *sample);
void run_columns(const struct bench *bench, const struct engine *engine,
                 struct sample *sample);
void
run_timed(const struct bench *bench, const struct engine *engine, struct sample *sample);

void run_checkpoint(const struct bench *bench, const struct engine *engine,
                    struct sample *sample);
/* The parts of it that only spines have. */
void run_checkpoint_of_spines(const struct bench *bench, struct sample *sample);
void
run_merge(const struct bench *bench, const struct engine *engine, struct sample *sample);

/* Time and memory of rows that go in. */
struct intake {
    uint64_t memory;
    uint64_t peak;
    double began;
    double inserted;
};

/* Before the engine is opened; before the first insert; after the last. */
void intake_open(struct intake *intake);
void intake_begin(struct intake *intake);
void intake_end(struct intake *intake);
/* Once the engine has settled: puts rates of `rows`, and what came into memory since
   intake_open() for each of `live` rows. */
void intake_put(const struct intake *intake, struct sample *sample, const char *name,
                uint64_t rows, double live);

/* How often rows were written, if the engine says. */
void written_put(struct sample *sample, const char *name, uint64_t rows,
                 const struct engine *engine, void *state);
/* What is in files for each of `live` rows, if there are any. */
void disk_put(struct sample *sample, const char *name, uint64_t rows,
              const struct bench *bench, double live);

/* The most memory that the process had, over what the engine may have: its limit, a tenth
 * of that and 16 MB. Puts nothing for an engine without a limit. */
void limit_put(struct sample *sample, const char *name, uint64_t rows,
               const struct engine *engine, void *state, uint64_t peak_before);

/* Rows that are live in a workload that keeps a fifth of them. */
static inline uint64_t
live_rows(uint64_t n)
{
    return n / 5 > 2 * BATCH_ROWS ? n / 5 : 2 * BATCH_ROWS;
}

/* An engine with rows 0 to n - 1 of distinct random keys; the tally of them. */
void *filled_open(const struct bench *bench, const struct engine *engine, uint64_t n,
                  struct tally *expected);

#endif
