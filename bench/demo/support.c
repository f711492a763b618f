/* SPDX-License-Identifier: MIT */
#include "demo/support.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

void
fail(const char *format, ...)
{
    va_list arguments;

    fflush(stdout);
    fputs("ontology: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

void
must(enum spine_status status, const struct spine_error *error, const char *what)
{
    if (status != SPINE_OK)
        fail("%s: %s: %s", what, spine_status_name(status), error->message);
}

void *
grow(void *memory, size_t count, size_t size)
{
    void *more = realloc(memory, count * size);
    if (more == NULL && count * size > 0)
        fail("no memory for %zu bytes", count * size);
    return more;
}

void
numbers_grow(struct numbers *numbers)
{
    numbers->capacity = numbers->capacity * 2 + 64;
    numbers->cells = grow(numbers->cells, numbers->capacity, sizeof *numbers->cells);
}

size_t
numbers_lower_bound(const struct numbers *numbers, uint32_t number)
{
    size_t begin = 0, end = numbers->count;

    while (begin < end) {
        const size_t middle = begin + (end - begin) / 2;
        if (numbers->cells[middle] < number)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

void
numbers_drop(struct numbers *numbers, uint32_t number)
{
    const size_t at = numbers_lower_bound(numbers, number);

    if (at < numbers->count && numbers->cells[at] == number) {
        numbers->count--;
        memmove(numbers->cells + at, numbers->cells + at + 1,
                (numbers->count - at) * sizeof *numbers->cells);
    }
}

void
numbers_release(struct numbers *numbers)
{
    free(numbers->cells);
    *numbers = (struct numbers){0};
}

double
seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double
processor_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

uint64_t
memory_peak(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_maxrss << 10;
}
