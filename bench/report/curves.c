/* SPDX-License-Identifier: MIT */

/*
 * report/curves -- the workload growth of spines of several policies, beside what the
 * simulation of these policies predicts.
 */

#include "report/script.h"

#include <string.h>

enum { CURVES_MAX = 5 };

struct curve {
    const char *title;
    /* Whose results; "simulation" has a workload for each policy. */
    const char *policy;
    const char *workload;
    const char *metric;
    /* How gnuplot draws it. */
    const char *style;
};

struct chart {
    const char *name;
    const char *title;
    const char *y;
    const char *range;
    struct curve curves[CURVES_MAX];
};

#define MEASURED(title, policy, metric, color)                                           \
    {                                                                                    \
        title, policy, "growth", metric,                                                 \
            "with linespoints lw 2 pt 7 ps 0.7 lc rgb '" color "'"                       \
    }
#define PREDICTED(title, policy, metric, color)                                          \
    {                                                                                    \
        title, "simulation", policy, metric, "with lines lw 1.5 dt 2 lc rgb '" color "'" \
    }
#define BLUE "#0060ad"
#define RED "#c0392b"
#define GREEN "#2e8b57"

static const struct chart charts[] = {
    {"growth",
     "what a row costs as there are more of them",
     "ns per row",
     "set logscale y; set yrange [1:*]",
     {MEASURED("join: probe of 10,000 keys, half there, then insert", "decades",
               "join_rows_per_s", RED),
      MEASURED("ingest, until all is merged", "decades", "settled_rows_per_s", BLUE),
      MEASURED("scan in bulk", "decades", "scan_rows_per_s", GREEN)}},
    {"written",
     "how often a row is written",
     "rows written per row inserted",
     "set yrange [0:*]",
     {PREDICTED("merges ahead after every insert, predicted", "decades",
                "write_amplification", RED),
      MEASURED("join with merges ahead, measured", "decades", "join_write_amplification",
               RED),
      PREDICTED("only what is due, predicted", "decades-due", "write_amplification",
                BLUE),
      MEASURED("ingest, only what is due, measured", "decades-due", "write_amplification",
               BLUE),
      MEASURED("ingest with merges ahead, measured", "decades", "write_amplification",
               GREEN)}},
    {"batches",
     "batches that a reader looks at",
     "batches, in the mean",
     "set yrange [0:*]",
     {PREDICTED("only what is due, predicted", "decades-due", "runs_per_probe", BLUE),
      MEASURED("join, only what is due, measured", "decades-due", "runs_per_probe", BLUE),
      PREDICTED("merges ahead after every insert, predicted", "decades", "runs_per_probe",
                RED),
      MEASURED("join with merges ahead, measured", "decades", "runs_per_probe", RED)}},
};

static void chart_write(const struct chart *chart, const struct policy_results *policies,
                        size_t count, const char *directory);
static double rows_most(const struct policy_results *policies, size_t count);
static void curve_data(const struct curve *curve, const struct policy_results *policies,
                       size_t count, FILE *script);

void
report_curves(const struct policy_results *policies, size_t count, const char *directory)
{
    for (size_t i = 0; i < sizeof charts / sizeof charts[0]; i++)
        chart_write(&charts[i], policies, count, directory);
}

static void
chart_write(const struct chart *chart, const struct policy_results *policies,
            size_t count, const char *directory)
{
    FILE *const script = script_open(directory, chart->name, chart->title, chart->y);
    const char *separator = "plot ";

    script_rows_axis(script);
    fprintf(script, "%s\n", chart->range);
    for (size_t c = 0; c < CURVES_MAX && chart->curves[c].title != NULL; c++) {
        fprintf(script, "$data%zu << EOD\n", c);
        curve_data(&chart->curves[c], policies, count, script);
        fprintf(script, "EOD\n");
    }
    for (size_t c = 0; c < CURVES_MAX && chart->curves[c].title != NULL; c++) {
        fprintf(script, "%s$data%zu %s title '%s'", separator, c, chart->curves[c].style,
                chart->curves[c].title);
        separator = ", ";
    }
    fprintf(script, "\n");
    script_close(script);
}

/* Of what was measured. */
static double
rows_most(const struct policy_results *policies, size_t count)
{
    double most = 0;

    for (size_t p = 0; p < count; p++) {
        const struct results *const results = &policies[p].results;
        for (size_t i = 0; i < results->count; i++)
            if (strcmp(results->list[i].workload, "growth") == 0 &&
                results->list[i].n > most)
                most = results->list[i].n;
    }
    return most;
}

/* Rates as nanoseconds per row. Ends the process when there is nothing to draw. */
static void
curve_data(const struct curve *curve, const struct policy_results *policies, size_t count,
           FILE *script)
{
    const double most = rows_most(policies, count);
    unsigned points = 0;

    for (size_t p = 0; p < count; p++) {
        const struct results *const results = &policies[p].results;
        if (strcmp(policies[p].name, curve->policy) != 0)
            continue;
        for (size_t i = 0; i < results->count; i++) {
            const struct result *const at = &results->list[i];
            if (strcmp(at->workload, curve->workload) != 0 ||
                strcmp(at->metric, curve->metric) != 0 || at->n > most)
                continue;
            fprintf(script, "%.9g %.4g\n", at->n,
                    result_is_rate(at) ? 1e9 / at->median : at->median);
            points++;
        }
    }
    if (points == 0)
        bench_fail("%s: no %s of %s to draw", curve->policy, curve->metric,
                   curve->workload);
}
