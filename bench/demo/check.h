/* SPDX-License-Identifier: MIT */
#ifndef DEMO_CHECK_H
#define DEMO_CHECK_H

/*
 * demo/check -- is the result right? The rules evaluated once more, in another way and
 * without the library: one fact at a time, with hash sets and lists.
 */

#include "demo/facts.h"

/* What a set of rows (a, b) comes to, in any order. */
struct summary {
    uint64_t rows;
    uint64_t checksum;
};

static inline void
summary_add(struct summary *summary, uint32_t a, uint32_t b)
{
    summary->rows++;
    summary->checksum += mix((uint64_t)a << 32 | b);
}

static inline bool
summary_equal(const struct summary *a, const struct summary *b)
{
    return a->rows == b->rows && a->checksum == b->checksum;
}

/* All p(x, z) as (x, z), and all q(x, r, z) as (x, (r, z)). */
struct answer {
    struct summary p;
    struct summary q;
};

/* Takes memory and time as a plain program does, several times those of the spines. */
void check_evaluate(const struct facts *facts, struct answer *answer);

#endif
