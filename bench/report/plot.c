/* SPDX-License-Identifier: MIT */
#include "report/script.h"

#include <stdio.h>
#include <string.h>

static void bars_plot(const struct results *results, size_t first, const char *directory);
static void growth_plots(const struct results *results, const char *directory);

/* One script per figure that more than one engine has, and those of growth; each writes
   the SVG of its name. */
void
report_plots(const struct results *results, const char *directory)
{
    for (size_t i = 0; i < results->count; i++) {
        const struct result *const at = &results->list[i];
        bool first = strcmp(at->workload, "growth") != 0;
        unsigned engines = 0;
        for (size_t j = 0; j < results->count; j++) {
            const struct result *const other = &results->list[j];
            const bool same = strcmp(at->workload, other->workload) == 0 &&
                              strcmp(at->metric, other->metric) == 0;
            first = first && !(same && j < i);
            engines += same;
        }
        if (first && engines > 1)
            bars_plot(results, i, directory);
    }
    growth_plots(results, directory);
}

/* A bar per engine, from the least to the greatest sample a line. */
static void
bars_plot(const struct results *results, size_t first, const char *directory)
{
    const struct result *const at = &results->list[first];
    char name[80], title[80];

    snprintf(name, sizeof name, "%s-%s", at->workload, at->metric);
    snprintf(title, sizeof title, "%s: %s", at->workload, at->metric);
    for (char *c = title; *c != '\0'; c++)
        if (*c == '_')
            *c = ' ';
    FILE *const script = script_open(directory, name, title, at->unit);
    fprintf(script, "set yrange [0:*]\nset xrange [-1:*]\nset boxwidth 0.6\n"
                    "set style fill solid 0.5\nunset key\n$data << EOD\n");
    for (size_t j = first, x = 0; j < results->count; j++) {
        const struct result *const other = &results->list[j];
        if (strcmp(at->workload, other->workload) == 0 &&
            strcmp(at->metric, other->metric) == 0)
            fprintf(script, "%zu \"%s\" %.9g %.9g %.9g\n", x++, other->engine,
                    other->median, other->min, other->max);
    }
    fprintf(script, "EOD\nplot $data using 1:3:xtic(2) with boxes, "
                    "$data using 1:3:4:5 with yerrorbars lc black pt 0\n");
    script_close(script);
}

/* What is plotted against the number of rows; rates as nanoseconds per row, which stay
   flat at best. */
struct growth {
    const char *metric;
    const char *title;
    const char *y;
};

static void
growth_plot(const struct results *results, const struct growth *growth,
            const char *directory)
{
    const char *const metric = growth->metric;
    char name[80], title[80];
    const char *engines[16];
    size_t engine_count = 0;

    for (size_t i = 0; i < results->count; i++) {
        const struct result *const at = &results->list[i];
        bool known = strcmp(at->workload, "growth") != 0 ||
                     strcmp(at->metric, metric) != 0 || engine_count == 16;
        for (size_t e = 0; e < engine_count; e++)
            known = known || strcmp(engines[e], at->engine) == 0;
        if (!known)
            engines[engine_count++] = at->engine;
    }
    if (engine_count == 0)
        return;
    snprintf(name, sizeof name, "growth-%s", metric);
    snprintf(title, sizeof title, "growth: %s", growth->title);
    FILE *const script = script_open(directory, name, title, growth->y);
    fprintf(script, "set yrange [0:*]\n");
    script_rows_axis(script);
    for (size_t e = 0; e < engine_count; e++) {
        fprintf(script, "$data%zu << EOD\n", e);
        for (size_t i = 0; i < results->count; i++) {
            const struct result *const at = &results->list[i];
            if (strcmp(at->workload, "growth") == 0 && strcmp(at->metric, metric) == 0 &&
                strcmp(at->engine, engines[e]) == 0)
                fprintf(script, "%.9g %.9g\n", at->n,
                        result_is_rate(at) ? 1e9 / at->median : at->median);
        }
        fprintf(script, "EOD\n");
    }
    fprintf(script, "plot ");
    for (size_t e = 0; e < engine_count; e++)
        fprintf(script, "%s$data%zu with linespoints title '%s'", e > 0 ? ", " : "", e,
                engines[e]);
    fprintf(script, "\n");
    script_close(script);
}

static void
growth_plots(const struct results *results, const char *directory)
{
    static const struct growth growths[] = {
        {"settled_rows_per_s", "ingest, all merged", "ns per row"},
        {"scan_rows_per_s", "scan", "ns per row"},
        {"join_rows_per_s", "join, half of the keys there", "ns per row"},
        {"runs_per_probe", "what a reader looks at in a join", "batches"},
        {"write_amplification", "write amplification of ingest",
         "rows written per row inserted"},
    };

    for (size_t i = 0; i < sizeof growths / sizeof growths[0]; i++)
        growth_plot(results, &growths[i], directory);
}
