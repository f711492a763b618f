/* SPDX-License-Identifier: MIT */
#ifndef DEMO_LOOKUP_H
#define DEMO_LOOKUP_H

/*
 * demo/lookup -- a given relation that never grows, as arrays: the pairs of each number.
 */

#include "demo/facts.h"

struct pair {
    uint32_t first;
    uint32_t second;
};

struct lookup {
    /* The pairs of number i are [begins[i], begins[i + 1]). */
    uint32_t *begins;
    struct pair *pairs;
};

/* The columns of a table that make number, first and second. */
struct lookup_columns {
    unsigned number;
    unsigned first;
    unsigned second;
};

/* The pairs of the numbers 0 to count - 1, ascending, each once.
 * Sorted by the library. */
void lookup_init(struct lookup *lookup, const struct table *table,
                 struct lookup_columns columns, uint32_t count);
void lookup_release(struct lookup *lookup);

static inline const struct pair *
lookup_begin(const struct lookup *lookup, uint32_t number)
{
    return lookup->pairs + lookup->begins[number];
}

static inline const struct pair *
lookup_end(const struct lookup *lookup, uint32_t number)
{
    return lookup->pairs + lookup->begins[number + 1];
}

#endif
