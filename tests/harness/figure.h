/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_FIGURE_H
#define HARNESS_FIGURE_H

/*
 * harness/figure -- how much a program of tests has tried: "crash states", say. Printed
 * when it exits, as lines that tests/figures finds in the log of a run and adds up over
 * its tests:
 *
 *     figure: crash states: 16000
 */

#include <stdint.h>

/* Counts `count` more of what is called `name`, which stays. For one thread at a time. */
void figure_add(const char *name, uint64_t count);

#endif
