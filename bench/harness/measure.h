/* SPDX-License-Identifier: MIT */
#ifndef BENCH_HARNESS_MEASURE_H
#define BENCH_HARNESS_MEASURE_H

/*
 * Clock, memory and samples. A sample runs in a process of its own, so that its peak of
 * memory, its allocator and its threads are its own.
 */

#include "harness/engine.h"

#define FIGURES_MAX 64

/* What is asked for. */
struct bench {
    /* Rows. */
    uint64_t n;
    uint64_t seed;
    /* Where engines may put files. */
    const char *directory;
    /* One of the workload's variants; NULL: all of them. */
    const char *variant;
};

/* One number. `workload` may have a suffix, as in "join.50". */
struct figure {
    char workload[32];
    char metric[32];
    uint64_t n;
    double value;
};

struct sample {
    struct figure figures[FIGURES_MAX];
    size_t count;
    /* Part of the machine that other processes used meanwhile, 0 to 1. */
    double others;
};

struct workload {
    const char *name;
    /* One line for the reader. */
    const char *about;
    /* Abilities that an engine needs. */
    unsigned needs;
    /* True: only for spines. */
    bool spine_only;
    /* True: runs at 10^5, 10^6, ... up to the rows that are asked for. */
    bool grows;
    /* Memory that a row takes at the peak, if much more than a hundred bytes: what does
       not fit is left out. */
    unsigned row_bytes;
    /* What may be asked for alone, as NAME.VARIANT, apart by blanks; NULL: nothing. */
    const char *variants;
    void (*run)(const struct bench *bench, const struct engine *engine,
                struct sample *sample);
};

extern const struct workload workloads[];
extern const size_t workload_count;

/* Anonymous memory of the process now, and the most of all memory so far, in bytes. */
uint64_t memory_now(void);
uint64_t memory_peak(void);
/* Bytes that processes may still take. */
uint64_t memory_available(void);
/* Gives what is free back to the system, so that memory_now() counts what is in use. */
void memory_trim(void);

void sample_put(struct sample *sample, const char *workload, const char *metric,
                uint64_t n, double value);

/* Runs the workload in a child. False when it failed; it has said why. */
bool sample_take(const struct workload *workload, const struct bench *bench,
                 const struct engine *engine, struct sample *out);

/* A wrong answer ends the process. */
void
tally_check(const char *what, const struct tally *expected, const struct tally *found);

/* The unit of a metric. */
const char *metric_unit(const char *metric);

int compare_doubles(const void *a, const void *b);

#endif
