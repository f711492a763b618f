/* SPDX-License-Identifier: MIT */
#ifndef DEMO_SUPPORT_H
#define DEMO_SUPPORT_H

/*
 * demo/support -- what a small program needs: it ends with a message when anything fails,
 * so nothing below has to hand failures on.
 */

#include "spine/types.h"

#include <stddef.h>
#include <stdint.h>

/* Prints "ontology: " and the message, and ends the program with status 1. Any thread. */
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);

/* Fails with the library's message unless `status` is SPINE_OK. */
void must(enum spine_status status, const struct spine_error *error, const char *what);

/* As realloc(memory, count * size), but never NULL. */
void *grow(void *memory, size_t count, size_t size);

/* A growing array of numbers. Zero at first. */
struct numbers {
    uint32_t *cells;
    size_t count;
    size_t capacity;
};

/* Room for one more. */
void numbers_grow(struct numbers *numbers);

static inline void
numbers_push(struct numbers *numbers, uint32_t number)
{
    if (numbers->count == numbers->capacity)
        numbers_grow(numbers);
    numbers->cells[numbers->count++] = number;
}

/* The place of the first of ascending `numbers` that is not less than `number`. */
size_t numbers_lower_bound(const struct numbers *numbers, uint32_t number);

/* Takes `number` out of ascending `numbers`, if it is there. */
void numbers_drop(struct numbers *numbers, uint32_t number);

void numbers_release(struct numbers *numbers);

/* Seconds on a clock that never goes back. */
double seconds_now(void);

/* Seconds of processor time of all threads so far. */
double processor_seconds(void);

/* The most memory that the program has had so far, in bytes. */
uint64_t memory_peak(void);

/* A number that depends on every bit of `number`; a bijection. */
static inline uint64_t
mix(uint64_t number)
{
    number += 0x9E3779B97F4A7C15u;
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9u;
    number = (number ^ number >> 27) * 0x94D049BB133111EBu;
    return number ^ number >> 31;
}

#endif
