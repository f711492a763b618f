/* SPDX-License-Identifier: MIT */
#include "report/results.h"

#include <stdio.h>
#include <string.h>

enum { ENGINES_MAX = 16 };

/* What the metrics are called to a newcomer; those that are not here are left out. */
static const struct {
    const char *metric;
    const char *title;
} titles[] = {
    {"rows_per_s", "rows/s"},
    {"settled_rows_per_s", "rows/s, all merged"},
    {"bulk_rows_per_s", "rows/s, bulk"},
    {"backward_rows_per_s", "rows/s, backward"},
    {"scan_rows_per_s", "rows/s, scan"},
    {"join_rows_per_s", "rows/s, join"},
    {"probes_per_s", "probes/s"},
    {"lookups_per_s", "lookups/s"},
    {"first_per_s", "first values/s"},
    {"last_per_s", "last values/s"},
    {"seek_per_s", "value seeks/s"},
    {"bytes_per_row", "bytes per row"},
    {"peak_bytes_per_row", "bytes per row, peak"},
    {"disk_bytes_per_row", "bytes per row, disk"},
    {"write_amplification", "write amplification"},
    {"join_write_amplification", "the same in a join"},
    {"runs_per_probe", "batches to look at"},
    {"space_growth", "space, end / begin"},
    {"first_p50_us", "us, median first key"},
    {"first_p99_us", "us, 99 % of first keys"},
    {"rows_skipped", "rows skipped to it"},
    {"p50_ms", "ms, median insert"},
    {"p99_ms", "ms, 99 % of inserts"},
    {"p99.9_ms", "ms, 99.9 %"},
    {"max_ms", "ms, slowest insert"},
    {"durable_ms", "ms until durable"},
    {"durable_bytes_per_row", "bytes per row, written"},
    {"over_write", "time / one write of it"},
    {"bytes_part", "bytes / those of all"},
    {"time_part", "time / that of all"},
    {"files", "files"},
    {"syncs", "syncs"},
    {"restore_ms", "ms until ready to read"},
    {"over_cold", "time / cold scan"},
    {"over_quiet", "time / without"},
    {"over_plain", "time / without"},
    {"bytes_per_spine", "bytes, idle spine"},
    {"open_close_us", "us, open and close"},
};

/* What the workloads do, in words that need no manual. */
static const struct {
    const char *workload;
    const char *about;
} abouts[] = {
    {"ingest", "new rows come in, in batches of 10,000 unsorted ones"},
    {"ascending", "the same, in the order of their keys"},
    {"churn", "half of each batch takes earlier rows away"},
    {"upsert", "read the old value of a key, replace it; some keys much more often"},
    {"join", "look up 10,000 keys, half of them there, then insert them; and again"},
    {"join.0", "none of the keys is there"},
    {"join.moving", "half of them there, all of a tenth of the range that moves"},
    {"join.100", "all of the keys are there, each many times"},
    {"join.seek", "half of them, one seek per key instead of a probe of all"},
    {"scan", "read everything, in order"},
    {"scan.1", "read everything, which is one batch"},
    {"scan.8", "the same in 8 batches"},
    {"scan.64", "the same in 64 batches"},
    {"merge.2", "2 batches become one"},
    {"merge.8", "8 batches become one"},
    {"merge.32", "32 batches become one"},
    {"merge.64", "64 batches become one"},
    {"point", "look up single random keys that are there"},
    {"point.zipf", "the same, some much more often than others (Zipf 0.99)"},
    {"point.absent", "look up keys that are not there"},
    {"groups.huge", "first, last, some value of 100 keys with many values each"},
    {"groups.one", "the same of keys with one value"},
    {"latency", "how long an insert of 10,000 rows takes, as many as possible"},
    {"latency.50", "the same at half of the highest rate"},
    {"latency.80", "the same at 80 % of the highest rate"},
    {"window", "new rows come in, as many old ones are taken away"},
    {"window.retain", "a filter says which old rows nobody needs"},
    {"queue", "read and take away the least 1,000 keys, put 1,000 greater ones in"},
    {"bytes", "keys of 8 to 64 bytes, values of 0 to 200"},
    {"columns.fixed", "three columns of numbers as key, two as value, column by column"},
    {"columns.strings", "a string and a number as key, a string and a number as value"},
    {"columns.arrow", "columns of numbers as records of Arrow"},
    {"columns.text_arrow", "columns with strings as records of Arrow"},
    {"columns.tuples", "columns of numbers as C++ tuples, one by one"},
    {"columns.text_tuples", "columns with strings as C++ tuples, one by one"},
    {"timed", "rows with times, a frontier that follows"},
    {"fleet", "1,000 spines share the threads that merge"},
    {"checkpoint", "what is in memory becomes durable"},
    {"checkpoint.more", "again, with a hundredth of new rows"},
    {"checkpoint.many", "1,000 spines of 1,000 rows in one checkpoint"},
    {"checkpoint.restore", "a new process opens it, and reads everything once"},
    {"checkpoint.quiet", "inserts of 1,000 rows"},
    {"checkpoint.during", "the same while checkpoints are made all the time"},
    {"checkpoint.plain", "churn, with the oldest rows taken away"},
    {"checkpoint.churn", "the same with a checkpoint every second"},
    {"growth", "ingest, scan and join at several sizes"},
};

/* What the engines are. */
static const struct {
    const char *engine;
    const char *about;
} engine_abouts[] = {
    {"spine", "this library"},
    {"spill", "this library, with files for what a quarter of its memory does not hold"},
    {"naive", "a good afternoon's work: sorted vectors, merged two at a time"},
    {"sort", "one vector that is sorted once at the end: no reads meanwhile"},
    {"map", "std::map"},
    {"rocksdb", "RocksDB, universal compaction"},
    {"rocksdb-level", "RocksDB, compaction by levels"},
    {"rocksdb-spill", "RocksDB, with the memory of spill"},
    {"leveldb", "LevelDB"},
    {"lmdb", "LMDB"},
    {"dbsp", "the spine of DBSP, a Rust library for incremental computation"},
    {"dbsp-spill", "the same, on files, with the memory of spill for its cache"},
};

static size_t engines_of(const struct results *results, const char **engines);
static void workload_print(const char *workload);
static void engine_print(const char *engine);
static const char *title_of(const char *metric);
static bool
cell_print(const struct results *results, const struct result *spine, const char *engine);

void
report_table(const struct results *results)
{
    const char *engines[ENGINES_MAX];
    const size_t engine_count = engines_of(results, engines);
    const char *workload = "";
    char number[24];
    bool noisy = false;

    engine_print("spine");
    for (size_t e = 0; e < engine_count; e++)
        engine_print(engines[e]);
    printf("Medians; k = 10^3, M = 10^6. In brackets: how many times better spine is.\n"
           "Above 1 it is better, below 1 worse, whether more or less is better.\n\n");
    printf("  %-21s %10s", "", "spine");
    for (size_t e = 0; e < engine_count; e++)
        printf("  %18s", engines[e]);
    printf("\n");
    for (size_t i = 0; i < results->count; i++) {
        const struct result *const at = &results->list[i];
        if (strcmp(at->engine, "spine") != 0 || title_of(at->metric) == NULL)
            continue;
        if (strcmp(workload, at->workload) != 0)
            workload_print(at->workload);
        printf("  %-21s %10s", title_of(at->metric),
               number_text(number, sizeof number, at->median));
        workload = at->workload;
        bool line_noisy = at->noisy_samples > 0;
        for (size_t e = 0; e < engine_count; e++)
            line_noisy = cell_print(results, at, engines[e]) || line_noisy;
        if (strcmp(at->workload, "growth") == 0)
            printf("  n = %.0e", at->n);
        printf("%s\n", line_noisy ? "  ~" : "");
        noisy = noisy || line_noisy;
    }
    if (noisy)
        printf(
            "\n~ other processes used more than a tenth of the machine in some samples:\n"
            "  believe only great differences.\n");
}

static void
workload_print(const char *workload)
{
    const char *about = "";

    for (size_t i = 0; i < sizeof abouts / sizeof abouts[0]; i++)
        if (strcmp(abouts[i].workload, workload) == 0)
            about = abouts[i].about;
    printf("%s: %s\n", workload, about);
}

static void
engine_print(const char *engine)
{
    for (size_t i = 0; i < sizeof engine_abouts / sizeof engine_abouts[0]; i++)
        if (strcmp(engine_abouts[i].engine, engine) == 0)
            printf("%-14s %s\n", engine, engine_abouts[i].about);
}

static size_t
engines_of(const struct results *results, const char **engines)
{
    size_t count = 0;

    for (size_t i = 0; i < results->count; i++) {
        const char *const name = results->list[i].engine;
        bool known = strcmp(name, "spine") == 0;
        for (size_t e = 0; e < count; e++)
            known = known || strcmp(engines[e], name) == 0;
        if (!known && count < ENGINES_MAX)
            engines[count++] = name;
    }
    return count;
}

static const char *
title_of(const char *metric)
{
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++)
        if (strcmp(titles[i].metric, metric) == 0)
            return titles[i].title;
    return NULL;
}

/* Engines without a bulk read are compared by their only one, those with files by memory
   and files together. True: its samples were noisy. */
static bool
cell_print(const struct results *results, const struct result *spine, const char *engine)
{
    char number[24], more[24], cell[80];
    const struct result *other =
        results_find(results, spine->workload, engine, spine->metric, spine->n);
    const struct result *const disk = strcmp(spine->metric, "bytes_per_row") == 0
                                          ? results_find(results, spine->workload, engine,
                                                         "disk_bytes_per_row", spine->n)
                                          : NULL;

    if (other == NULL && strcmp(spine->metric, "bulk_rows_per_s") == 0)
        other = results_find(results, spine->workload, engine, "rows_per_s", spine->n);
    if (other == NULL) {
        printf("  %18s", "");
        return false;
    }
    struct result all = *other;
    number_text(number, sizeof number, other->median);
    more[0] = '\0';
    if (disk != NULL) {
        all.median += disk->median;
        more[0] = '+';
        number_text(more + 1, sizeof more - 1, disk->median);
    }
    const double ratio = result_ratio(spine, &all);
    snprintf(cell, sizeof cell, "%s%s (%.*fx)", number, more, ratio < 10 ? 2 : 0, ratio);
    printf("  %18s", cell);
    return other->noisy_samples > 0;
}
