/* SPDX-License-Identifier: MIT */
#include "report/results.h"

#include <stdio.h>
#include <string.h>

static bool overlap(const struct result *a, const struct result *b);

/*
 * Only where all samples of one side are above all of the other, and the medians are more
 * than 3 % apart, is it called a difference.
 */
void
report_compare(const struct results *a, const struct results *b)
{
    char left[24], right[24];
    unsigned better = 0, worse = 0, unclear = 0;

    printf("%-14s %-14s %-21s %10s %10s %8s\n", "workload", "engine", "metric", "A", "B",
           "B is");
    for (size_t i = 0; i < a->count; i++) {
        const struct result *const old = &a->list[i];
        const struct result *const new =
            results_find(b, old->workload, old->engine, old->metric, old->n);
        if (new == NULL)
            continue;
        const double ratio = result_ratio(new, old);
        const bool differ =
            !overlap(old, new) && (ratio > 1.03 || ratio < 0.97) && old->samples > 1;
        printf("%-14s %-14s %-21s %10s %10s %7.2fx%s%s\n", old->workload, old->engine,
               old->metric, number_text(left, sizeof left, old->median),
               number_text(right, sizeof right, new->median), ratio,
               !differ       ? ""
               : ratio > 1.0 ? "  better"
                             : "  WORSE",
               old->noisy_samples + new->noisy_samples > 0 ? "  ~" : "");
        better += differ && ratio > 1;
        worse += differ && ratio < 1;
        unclear += !differ;
    }
    if (better + worse + unclear == 0)
        bench_fail("the two have no figure in common");
    printf("\n%u better, %u worse, %u within the noise. ~: other processes were busy.\n",
           better, worse, unclear);
}

static bool
overlap(const struct result *a, const struct result *b)
{
    return a->min <= b->max && b->min <= a->max;
}
