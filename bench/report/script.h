/* SPDX-License-Identifier: MIT */
#ifndef BENCH_REPORT_SCRIPT_H
#define BENCH_REPORT_SCRIPT_H

/*
 * report/script -- scripts of gnuplot, each of which writes the SVG of its name.
 */

#include "report/results.h"

#include <stdio.h>

/* DIRECTORY/NAME.gp, which draws DIRECTORY/NAME.svg on white. Ends the process when it
   cannot be written. */
FILE *
script_open(const char *directory, const char *name, const char *title, const char *y);

/* The number of rows along the axis below, by powers of ten. */
void script_rows_axis(FILE *script);

void script_close(FILE *script);

#endif
