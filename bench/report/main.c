/* SPDX-License-Identifier: MIT */

/*
 * bench_report -- reads what bench_macro wrote.
 *
 *     bench_report table FILE           spine beside its peers
 *     bench_report bar FILE             the bar, line by line; status 1: not all reached
 *     bench_report compare A B          what changed from A to B
 *     bench_report plot FILE DIR        gnuplot scripts in DIR
 *     bench_report policies FILE...     Markdown; each is POLICY.jsonl
 *     bench_report curves DIR FILE...   gnuplot scripts of their growth in DIR
 */

#include "report/results.h"

#include <stdio.h>
#include <string.h>

enum { POLICIES_MAX = 16 };

static size_t policies_read(struct policy_results *policies, int count, char **paths);

int
main(int count, char **arguments)
{
    static struct policy_results policies[POLICIES_MAX];
    struct results a = {0}, b = {0};
    const char *const verb = count > 2 ? arguments[1] : "";

    if (strcmp(verb, "table") == 0 && count == 3) {
        results_read(&a, arguments[2]);
        report_table(&a);
        return 0;
    }
    if (strcmp(verb, "bar") == 0 && count == 3) {
        results_read(&a, arguments[2]);
        return report_bar(&a) ? 0 : 1;
    }
    if (strcmp(verb, "compare") == 0 && count == 4) {
        results_read(&a, arguments[2]);
        results_read(&b, arguments[3]);
        report_compare(&a, &b);
        return 0;
    }
    if (strcmp(verb, "plot") == 0 && count == 4) {
        results_read(&a, arguments[2]);
        report_plots(&a, arguments[3]);
        return 0;
    }
    if (strcmp(verb, "policies") == 0) {
        report_policies(policies, policies_read(policies, count - 2, arguments + 2));
        return 0;
    }
    if (strcmp(verb, "curves") == 0 && count > 3) {
        report_curves(policies, policies_read(policies, count - 3, arguments + 3),
                      arguments[2]);
        return 0;
    }
    bench_fail("usage: bench_report table|bar FILE, compare A B, plot FILE DIR, "
               "policies FILE..., curves DIR FILE...");
}

/* The name of a policy is that of its file without directories and ".jsonl". */
static size_t
policies_read(struct policy_results *policies, int count, char **paths)
{
    if (count > POLICIES_MAX)
        bench_fail("more than %d policies", POLICIES_MAX);
    for (int i = 0; i < count; i++) {
        char *const slash = strrchr(paths[i], '/');
        results_read(&policies[i].results, paths[i]);
        policies[i].name = slash != NULL ? slash + 1 : paths[i];
        char *const dot = strrchr(policies[i].name, '.');
        if (dot != NULL)
            *dot = '\0';
    }
    return (size_t)count;
}
