/* SPDX-License-Identifier: MIT */

/*
 * bench_report -- reads what bench_macro wrote.
 *
 *     bench_report table FILE       spine beside its peers
 *     bench_report bar FILE         the bar, line by line; status 1: not all reached
 *     bench_report compare A B      what changed from A to B
 *     bench_report plot FILE DIR    gnuplot scripts in DIR
 */

#include "report/results.h"

#include <string.h>

int
main(int count, char **arguments)
{
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
    report_fail("usage: bench_report table|bar FILE, compare A B, plot FILE DIR");
}
