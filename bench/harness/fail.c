/* SPDX-License-Identifier: MIT */
#include "harness/fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* Without what exit() runs: the process may be a child of one that will do so, too. */
void
bench_fail(const char *format, ...)
{
    va_list arguments;

    fflush(stdout);
    fputs("error: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    _exit(2);
}
