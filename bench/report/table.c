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
    {"runs_per_probe", "batches to look at"},
    {"space_growth", "space, end / begin"},
    {"p50_ms", "ms, median insert"},
    {"p99_ms", "ms, 99 % of inserts"},
    {"p99.9_ms", "ms, 99.9 %"},
    {"max_ms", "ms, slowest insert"},
    {"bytes_per_spine", "bytes, idle spine"},
    {"open_close_us", "us, open and close"},
};

static size_t engines_of(const struct results *results, const char **engines);
static const char *title_of(const char *metric);
static void
cell_print(const struct results *results, const struct result *spine, const char *engine);

void
report_table(const struct results *results)
{
    const char *engines[ENGINES_MAX];
    const size_t engine_count = engines_of(results, engines);
    const char *workload = "";
    char number[24];
    bool noisy = false;

    printf("%-14s %-21s %10s", "workload", "measure", "spine");
    for (size_t e = 0; e < engine_count; e++)
        printf("  %18s", engines[e]);
    printf("\n%-14s %-21s %10s", "", "", "");
    for (size_t e = 0; e < engine_count; e++)
        printf("  %18s", "(spine is)");
    printf("\n");
    for (size_t i = 0; i < results->count; i++) {
        const struct result *const at = &results->list[i];
        if (strcmp(at->engine, "spine") != 0 || title_of(at->metric) == NULL)
            continue;
        const bool same = strcmp(workload, at->workload) == 0;
        printf("%-14s %-21s %10s", same ? "" : at->workload, title_of(at->metric),
               number_text(number, sizeof number, at->median));
        workload = at->workload;
        for (size_t e = 0; e < engine_count; e++)
            cell_print(results, at, engines[e]);
        if (strcmp(at->workload, "growth") == 0)
            printf("  n = %.0e", at->n);
        if (at->noisy_samples > 0)
            printf("  ~");
        noisy = noisy || at->noisy_samples > 0;
        printf("\n");
    }
    printf(
        "\nIn brackets: how many times better spine is; below 1 it is worse. Medians.\n");
    if (noisy)
        printf(
            "~ other processes used more than a tenth of the machine in some samples:\n"
            "  believe only great differences.\n");
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
   and files together. */
static void
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
        return;
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
}
