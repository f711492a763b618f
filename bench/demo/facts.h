/* SPDX-License-Identifier: MIT */
#ifndef DEMO_FACTS_H
#define DEMO_FACTS_H

/*
 * demo/facts -- the six relations that an ontology gives, and where they come from.
 *
 *     p(x, z)      x is a z                      (concepts)
 *     q(x, r, z)   x has role r to some z        (concept, role, concept)
 *     r(y, u, e)   y after u makes e             (roles)
 *     c(y, w, z)   what is a y and a w is a z    (concepts)
 *     u(w, r, z)   role r to some w makes a z    (concept, role, concept)
 *     s(r, q)      role r implies role q         (roles)
 *
 * Concepts and roles are numbered from 0, so that a role and a concept fit one number of
 * 32 bits together: what the rules call (r, z) is one cell in the relations.
 */

#include "demo/support.h"

#include <stdbool.h>

/* A relation as given: `columns` numbers per row, side by side. */
struct table {
    struct numbers numbers;
    unsigned columns;
};

struct facts {
    struct table p, q, r, c, u, s;
    /* Concepts are 0 to concepts - 1, and roles likewise. */
    uint32_t concepts;
    uint32_t roles;
    /* Bits that a concept takes in a packed (role, concept). */
    unsigned concept_bits;
};

/* Reads p.txt, q.txt, r.txt, c.txt, u.txt and s.txt in `directory`: rows of numbers below
   2^32, separated by commas. Fails with file and line of what it cannot read. */
void facts_load(struct facts *facts, const char *directory);

/* Makes an ontology of about 1,000 * `scale` concepts;
 * the same for the same arguments. */
void facts_generate(struct facts *facts, uint64_t seed, uint32_t scale);

void facts_release(struct facts *facts);

static inline size_t
table_rows(const struct table *table)
{
    return table->numbers.count / table->columns;
}

static inline const uint32_t *
table_row(const struct table *table, size_t at)
{
    return table->numbers.cells + at * table->columns;
}

/* A role and a concept in one number, ordered by the role. */
static inline uint32_t
pack(const struct facts *facts, uint32_t role, uint32_t concept)
{
    return role << facts->concept_bits | concept;
}

static inline uint32_t
role_of(const struct facts *facts, uint32_t packed)
{
    return packed >> facts->concept_bits;
}

static inline uint32_t
concept_of(const struct facts *facts, uint32_t packed)
{
    return packed & ((1u << facts->concept_bits) - 1);
}

/* ---- For those who make facts ---- */

/* Zero rows, the columns set. */
void facts_init(struct facts *facts);
void table_add(struct table *table, const uint32_t *row);
/* Numbers concepts and roles anew, in the order in which they first appear. Fails when
   there are so many that packed numbers do not fit. */
void facts_number(struct facts *facts);

#endif
