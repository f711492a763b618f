/* SPDX-License-Identifier: MIT */
#ifndef BENCH_REPORT_RESULTS_H
#define BENCH_REPORT_RESULTS_H

/*
 * report/results -- figures read back from files of JSON lines.
 */

#include "harness/fail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct result {
    char workload[32];
    char engine[32];
    char metric[32];
    char unit[16];
    double n;
    double median;
    double min;
    double max;
    double samples;
    double noisy_samples;
};

struct results {
    struct result *list;
    size_t count;
    size_t capacity;
};

/* Adds the lines of a file. What is in there more than once (a figure of several runs)
   becomes one result: the median of the medians, the extremes of the extremes. Ends the
   process when the file cannot be read. */
void results_read(struct results *results, const char *path);

/* The result, or NULL. `n` of 0 means the greatest there is. */
const struct result *results_find(const struct results *results, const char *workload,
                                  const char *engine, const char *metric, double n);

/* Is more better? */
bool result_is_rate(const struct result *result);

/* How many times as good as `other` is this, whatever is better? */
double result_ratio(const struct result *result, const struct result *other);

/* A number of three digits, with k, M or G: "9.61 M". */
const char *number_text(char *text, size_t size, double number);

/* One table for everybody; what changed from `a` to `b`; each line of the bar (false: not
   reached); plots as gnuplot scripts in a directory. */
void report_table(const struct results *results);
void report_compare(const struct results *a, const struct results *b);
bool report_bar(const struct results *results);
void report_plots(const struct results *results, const char *directory);

/* Results of spines of one policy, or of simulations. */
struct policy_results {
    const char *name;
    struct results results;
};

/* A Markdown table per workload, a line per policy and number of rows. */
void report_policies(const struct policy_results *policies, size_t count);
/* What rows cost as they grow more, and what was predicted and measured of that: scripts
   of growth.svg, written.svg, batches.svg. "simulation" is the name of what was
   predicted. */
void
report_curves(const struct policy_results *policies, size_t count, const char *directory);

#endif
