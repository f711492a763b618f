/* SPDX-License-Identifier: MIT */
#include "report/results.h"

#include <stdio.h>
#include <string.h>

/*
 * One line of the bar. With `peer`, spine's `metric` must be `goal` times as good as the
 * peer's `peer_metric` (NULL: the same); several peers, apart by blanks: as the best of
 * them; NAME:WORKLOAD is a peer in another workload. Without, spine's figure must be at
 * least `goal` for a rate, at most for others.
 */
struct bar {
    const char *workload;
    const char *metric;
    const char *peer;
    const char *peer_metric;
    double goal;
};

static const char rocksdb[] = "rocksdb rocksdb-level";
static const char fixed[] = "spine:columns.fixed";
static const char everybody[] = "rocksdb rocksdb-level leveldb lmdb map naive dbsp";

/* The goals are for 10 M rows; a workload may have a few less. */
#define ROWS_MIN 9.9e6

/* What a row of `bytes` is: 36 bytes of a key and 100 of a value, in the mean. */
#define BYTES_RAW 136

static const struct bar bars[] = {
    {"ingest", "settled_rows_per_s", rocksdb, NULL, 15},
    {"ingest", "settled_rows_per_s", "naive", NULL, 2},
    {"ingest", "settled_rows_per_s", "sort", NULL, 1.5},
    {"ingest", "settled_rows_per_s", "dbsp", NULL, 5},
    {"ingest", "rows_per_s", "dbsp", NULL, 4},
    {"ingest", "bytes_per_row", NULL, NULL, 20},
    {"ingest", "peak_bytes_per_row", NULL, NULL, 35},
    {"churn", "settled_rows_per_s", rocksdb, NULL, 15},
    {"churn", "settled_rows_per_s", "naive", NULL, 2},
    {"churn", "settled_rows_per_s", "dbsp", NULL, 5},
    {"churn", "bytes_per_row", NULL, NULL, 24},
    {"churn", "peak_bytes_per_row", NULL, NULL, 40},
    {"upsert", "settled_rows_per_s", rocksdb, NULL, 8},
    {"upsert", "settled_rows_per_s", "naive", NULL, 1.5},
    {"upsert", "settled_rows_per_s", "dbsp", NULL, 2},
    {"join", "rows_per_s", rocksdb, NULL, 15},
    {"join", "rows_per_s", "naive", NULL, 4},
    {"join", "rows_per_s", "dbsp", NULL, 5},
    {"scan", "bulk_rows_per_s", NULL, NULL, 120e6},
    {"scan", "bulk_rows_per_s", "naive", "rows_per_s", 2},
    {"scan.1", "bulk_rows_per_s", "dbsp", "rows_per_s", 6},
    {"scan.8", "bulk_rows_per_s", "dbsp", "rows_per_s", 6},
    {"scan.64", "bulk_rows_per_s", "dbsp", "rows_per_s", 6},
    {"scan.1", "rows_per_s", "dbsp", NULL, 2.5},
    {"scan.8", "rows_per_s", "dbsp", NULL, 2.5},
    {"scan.64", "rows_per_s", "dbsp", NULL, 2.5},
    {"point", "lookups_per_s", everybody, NULL, 2},
    {"point.absent", "lookups_per_s", everybody, NULL, 2},
    {"merge.2", "rows_per_s", "dbsp", NULL, 8},
    {"merge.8", "rows_per_s", "dbsp", NULL, 10},
    {"merge.32", "rows_per_s", "dbsp", NULL, 8},
    {"merge.64", "rows_per_s", "dbsp", NULL, 6},
    {"ascending", "write_amplification", NULL, NULL, 2},
    {"window", "write_amplification", NULL, NULL, 2},
    {"window", "space_growth", NULL, NULL, 1.25},
    {"window.retain", "space_growth", NULL, NULL, 1.25},
    {"queue", "first_p99_us", NULL, NULL, 100},
    {"latency", "p50_ms", NULL, NULL, 1},
    {"latency", "p99_ms", NULL, NULL, 3},
    {"latency", "p99.9_ms", NULL, NULL, 8},
    {"latency", "max_ms", NULL, NULL, 15},
    {"latency.80", "p50_ms", NULL, NULL, 1},
    {"latency.80", "p99_ms", NULL, NULL, 2},
    {"latency.80", "p99.9_ms", NULL, NULL, 4},
    {"latency.80", "max_ms", NULL, NULL, 8},
    {"columns.fixed", "settled_rows_per_s", NULL, NULL, 12e6},
    {"columns.fixed", "settled_rows_per_s", "naive", NULL, 4},
    {"columns.fixed", "settled_rows_per_s", "dbsp", NULL, 6},
    {"columns.fixed", "scan_rows_per_s", NULL, NULL, 30e6},
    {"columns.strings", "settled_rows_per_s", "naive", NULL, 8},
    {"columns.strings", "settled_rows_per_s", "dbsp", NULL, 6},
    {"columns.strings", "settled_rows_per_s", "rocksdb", NULL, 10},
    {"columns.tuples", "settled_rows_per_s", fixed, NULL, 0.6},
    {"columns.tuples", "scan_rows_per_s", NULL, NULL, 15e6},
    {"columns.arrow", "settled_rows_per_s", fixed, NULL, 0.8},
    {"columns.arrow", "scan_rows_per_s", fixed, NULL, 0.8},
    {"bytes", "bytes_per_row", NULL, NULL, BYTES_RAW * 0.85},
    {"checkpoint", "over_write", NULL, NULL, 1.43},
    {"checkpoint", "durable_bytes_per_row", NULL, NULL, 15},
    {"checkpoint.more", "bytes_part", NULL, NULL, 0.05},
    {"checkpoint.more", "time_part", NULL, NULL, 0.05},
    {"checkpoint.many", "files", NULL, NULL, 4},
    {"checkpoint.many", "syncs", NULL, NULL, 10},
    {"checkpoint.many", "durable_ms", NULL, NULL, 200},
    {"checkpoint.restore", "restore_ms", NULL, NULL, 50},
    {"checkpoint.restore", "over_cold", NULL, NULL, 1.3},
    {"checkpoint.during", "over_quiet", NULL, NULL, 3},
    {"checkpoint.churn", "over_plain", NULL, NULL, 1.18},
};

/* Of spine with a quarter of the memory that the rows take. */
static const struct bar spill_bars[] = {
    {"ingest", "settled_rows_per_s", "spine", NULL, 0.4},
    {"ingest", "settled_rows_per_s", "rocksdb-spill", NULL, 15},
    {"ingest", "settled_rows_per_s", "dbsp-spill", NULL, 10},
    {"ingest", "disk_bytes_per_row", NULL, NULL, 15},
    {"ingest", "peak_over_limit", NULL, NULL, 1},
    {"churn", "settled_rows_per_s", "spine", NULL, 0.4},
    {"churn", "settled_rows_per_s", "dbsp-spill", NULL, 8},
    {"churn", "peak_over_limit", NULL, NULL, 1},
    {"scan", "bulk_rows_per_s", "spine", NULL, 0.4},
    {"scan", "cold_bulk_rows_per_s", "spill", "files_rows_per_s", 0.7},
    {"scan", "peak_over_limit", NULL, NULL, 1},
    {"join", "rows_per_s", "spill", "reading_bound_rows_per_s", 0.6},
    {"join", "rows_per_s", "rocksdb-spill", NULL, 3},
    {"join", "rows_per_s", "dbsp-spill", NULL, 2},
    {"join.moving", "rows_per_s", "spine", NULL, 0.5},
    {"join.moving", "rows_per_s", "dbsp-spill", NULL, 5},
    {"point", "lookups_per_s", "rocksdb-spill", NULL, 1.2},
    {"point.zipf", "lookups_per_s", "rocksdb-spill", NULL, 1.5},
    {"point.absent", "lookups_per_s", "rocksdb-spill", NULL, 2},
    {"point", "peak_over_limit", NULL, NULL, 1},
};

/* Of spine with a store that it does not need. */
static const struct bar stored_bars[] = {
    {"ingest", "settled_rows_per_s", "spine", NULL, 0.97},
    {"churn", "settled_rows_per_s", "spine", NULL, 0.97},
    {"join", "rows_per_s", "spine", NULL, 0.97},
    {"scan", "bulk_rows_per_s", "spine", NULL, 0.97},
};

enum outcome { UNKNOWN, MISSED, REACHED };

static enum outcome
bar_print(const struct results *results, const char *engine, const struct bar *bar);
static const struct result *
best_peer(const struct results *results, const struct bar *bar, double n);

bool
report_bar(const struct results *results)
{
    unsigned counts[] = {[UNKNOWN] = 0, [MISSED] = 0, [REACHED] = 0};

    printf("%-6s %-18s %-24s %-21s %9s %9s\n", "of", "workload", "metric", "against",
           "goal", "is");
    for (size_t i = 0; i < sizeof bars / sizeof bars[0]; i++)
        counts[bar_print(results, "spine", &bars[i])]++;
    for (size_t i = 0; i < sizeof spill_bars / sizeof spill_bars[0]; i++)
        counts[bar_print(results, "spill", &spill_bars[i])]++;
    for (size_t i = 0; i < sizeof stored_bars / sizeof stored_bars[0]; i++)
        counts[bar_print(results, "stored", &stored_bars[i])]++;
    printf(
        "\n%u reached, %u not reached, %u not measured. ~: other processes were busy.\n",
        counts[REACHED], counts[MISSED], counts[UNKNOWN]);
    return counts[MISSED] == 0 && counts[UNKNOWN] == 0;
}

static enum outcome
bar_print(const struct results *results, const char *engine, const struct bar *bar)
{
    const struct result *const spine =
        results_find(results, bar->workload, engine, bar->metric, 0);
    const struct result *const peer =
        spine != NULL ? best_peer(results, bar, spine->n) : NULL;
    char goal[24], is[24], rows[24];
    double score;

    printf("%-6s %-18s %-24s ", engine, bar->workload, bar->metric);
    if (spine == NULL || (bar->peer != NULL && peer == NULL)) {
        printf("%-21s  not measured\n", bar->peer == everybody ? "the best peer"
                                        : bar->peer != NULL    ? bar->peer
                                                               : "");
        return UNKNOWN;
    }
    if (peer != NULL) {
        const double ratio = result_ratio(spine, peer);
        snprintf(goal, sizeof goal, "%.*fx", bar->goal < 1 ? 2 : 1, bar->goal);
        snprintf(is, sizeof is, "%.2fx", ratio);
        score = ratio / bar->goal;
    } else {
        number_text(goal, sizeof goal, bar->goal);
        number_text(is, sizeof is, spine->median);
        score =
            result_is_rate(spine) ? spine->median / bar->goal : bar->goal / spine->median;
    }
    printf("%-21s %9s %9s  %s: %.0f %% of the goal",
           peer == NULL         ? ""
           : bar->peer == fixed ? fixed
                                : peer->engine,
           goal, is, score >= 1 ? "reached" : "NOT REACHED", 1e2 * score);
    if (spine->n < ROWS_MIN)
        printf(", n = %s only", number_text(rows, sizeof rows, spine->n));
    printf("%s\n", spine->noisy_samples + (peer != NULL ? peer->noisy_samples : 0) > 0
                       ? " ~"
                       : "");
    return score >= 1 ? REACHED : MISSED;
}

static const struct result *
best_peer(const struct results *results, const struct bar *bar, double n)
{
    const struct result *best = NULL;
    char names[128], *rest = names;

    if (bar->peer == NULL)
        return NULL;
    snprintf(names, sizeof names, "%s", bar->peer);
    for (char *name; (name = strtok_r(rest, " ", &rest)) != NULL;) {
        char *const colon = strchr(name, ':');
        if (colon != NULL)
            *colon = '\0';
        const struct result *const found =
            results_find(results, colon != NULL ? colon + 1 : bar->workload, name,
                         bar->peer_metric != NULL ? bar->peer_metric : bar->metric, n);
        if (found != NULL && (best == NULL || result_ratio(found, best) > 1))
            best = found;
    }
    return best;
}
