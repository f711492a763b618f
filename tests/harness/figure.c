/* SPDX-License-Identifier: MIT */
#include "harness/figure.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FIGURES_MAX 16u

static struct {
    struct {
        const char *name;
        uint64_t count;
    } of[FIGURES_MAX];
    size_t count;
    /* Children that exit print nothing. */
    pid_t process;
} figures;

static void
print_figures(void)
{
    for (size_t i = 0; i < figures.count && getpid() == figures.process; i++)
        printf("figure: %s: %" PRIu64 "\n", figures.of[i].name, figures.of[i].count);
}

void
figure_add(const char *name, uint64_t count)
{
    size_t at = 0;

    if (figures.count == 0) {
        figures.process = getpid();
        assert_int_equal(atexit(print_figures), 0);
    }
    while (at < figures.count && strcmp(figures.of[at].name, name) != 0)
        at++;
    if (at == figures.count) {
        assert_true(at < FIGURES_MAX);
        figures.of[figures.count++].name = name;
    }
    figures.of[at].count += count;
}
