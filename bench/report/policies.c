/* SPDX-License-Identifier: MIT */

/*
 * report/policies -- spines of several policies beside each other, as Markdown.
 */

#include "report/results.h"

#include <stdio.h>
#include <string.h>

static const struct column {
    const char *metric;
    const char *title;
} columns[] = {
    {"rows_per_s", "rows/s"},
    {"settled_rows_per_s", "settled rows/s"},
    {"join_rows_per_s", "join, rows/s"},
    {"scan_rows_per_s", "scan, rows/s"},
    {"probes_per_s", "probes/s"},
    {"lookups_per_s", "lookups/s"},
    {"write_amplification", "write amplification"},
    {"join_write_amplification", "join, write amplification"},
    {"bytes_per_row", "bytes per live row"},
    {"peak_bytes_per_row", "peak"},
    {"runs_per_probe", "batches per probe"},
    {"space_growth", "space, end / begin"},
    {"p50_ms", "p50 ms"},
    {"p99_ms", "p99 ms"},
    {"p99.9_ms", "p99.9 ms"},
    {"max_ms", "max ms"},
};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

static void
table_print(const struct policy_results *policies, size_t count, const char *workload);
static bool is_measured(const struct policy_results *policies, size_t count,
                        const char *workload, const char *metric);
static void line_print(const struct policy_results *policy, const char *workload,
                       double n, const bool *shown);
static void cell_print(const struct result *result);

/* Workloads in the order of the first file. */
void
report_policies(const struct policy_results *policies, size_t count)
{
    const struct results *const first = &policies[0].results;

    for (size_t i = 0; i < first->count; i++) {
        bool earlier = false;
        for (size_t j = 0; j < i; j++)
            earlier =
                earlier || strcmp(first->list[j].workload, first->list[i].workload) == 0;
        if (!earlier)
            table_print(policies, count, first->list[i].workload);
    }
    printf("Medians, and from the least to the most. ~: other processes were busy.\n");
}

static void
table_print(const struct policy_results *policies, size_t count, const char *workload)
{
    const struct results *const first = &policies[0].results;
    bool shown[COLUMNS];
    double n = 0;

    printf("### `%s`\n\n| rows | policy |", workload);
    for (size_t c = 0; c < COLUMNS; c++) {
        shown[c] = is_measured(policies, count, workload, columns[c].metric);
        if (shown[c])
            printf(" %s |", columns[c].title);
    }
    printf("\n|--:|---|");
    for (size_t c = 0; c < COLUMNS; c++)
        if (shown[c])
            printf("---|");
    printf("\n");
    for (size_t i = 0; i < first->count; i++) {
        const struct result *const at = &first->list[i];
        if (strcmp(at->workload, workload) != 0 || at->n == n)
            continue;
        n = at->n;
        for (size_t p = 0; p < count; p++)
            line_print(&policies[p], workload, n, shown);
    }
    printf("\n");
}

static bool
is_measured(const struct policy_results *policies, size_t count, const char *workload,
            const char *metric)
{
    for (size_t p = 0; p < count; p++)
        if (results_find(&policies[p].results, workload, "spine", metric, 0) != NULL)
            return true;
    return false;
}

static void
line_print(const struct policy_results *policy, const char *workload, double n,
           const bool *shown)
{
    char number[24];
    bool noisy = false;

    for (size_t c = 0; c < COLUMNS; c++) {
        const struct result *const at =
            results_find(&policy->results, workload, "spine", columns[c].metric, n);
        noisy = noisy || (at != NULL && at->noisy_samples > 0);
    }
    printf("| %s | `%s`%s |", number_text(number, sizeof number, n), policy->name,
           noisy ? " ~" : "");
    for (size_t c = 0; c < COLUMNS; c++)
        if (shown[c])
            cell_print(
                results_find(&policy->results, workload, "spine", columns[c].metric, n));
    printf("\n");
}

static void
cell_print(const struct result *result)
{
    char median[24], least[24], most[24];

    if (result == NULL) {
        printf(" |");
        return;
    }
    printf(" %s", number_text(median, sizeof median, result->median));
    if (result->samples > 1)
        printf(" (%s to %s)", number_text(least, sizeof least, result->min),
               number_text(most, sizeof most, result->max));
    printf(" |");
}
