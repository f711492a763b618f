/* SPDX-License-Identifier: MIT */
#ifndef DEMO_RULES_H
#define DEMO_RULES_H

/*
 * demo/rules -- the six rules, semi-naively.
 *
 *     1   p(x, z)    :- p(x, y), p(y, z).
 *     2   p(x, z)    :- p(y, w), u(w, r, z), q(x, r, y).
 *     3   p(x, z)    :- c(y, w, z), p(x, w), p(x, y).
 *     4   q(x, r, z) :- p(x, y), q(y, r, z).
 *     5   q(x, q, z) :- q(x, r, z), s(r, q).
 *     6   q(x, e, o) :- q(x, y, z), r(y, u, e), q(z, u, o).
 *
 * A rule with two growing premises is two joins: the delta of the first premise with all
 * of the second, and what the first held before with the delta of the second. So no pair
 * of rows meets twice. Rule 2 is cut in two by
 *
 *     2a  t(r, y, z) :- p(y, w), u(w, r, z).
 *     2b  p(x, z)    :- t(r, y, z), q(x, r, y).
 *
 * since t is small, and p(y, w), q(x, r, y) without u is not. t is a trace (r, y) -> z.
 *
 * A derivation whose conclusion is one of its own premises, as p(x, x), p(x, z) give
 * p(x, z), is skipped.
 */

#include "demo/lookup.h"
#include "demo/relation.h"
#include "demo/storage.h"

enum { RULES = 6 };

struct program {
    const struct facts *facts;
    struct storage storage;
    struct spine_runtime *runtime;
    struct relation p;
    struct relation q;
    struct trace t;
    struct sink t_derived;
    /* Rule 6's: a delta of q in a third order. */
    struct sink q_by_role;
    /* The given relations: w -> (y, z), w -> (r, z), r -> (q, 0), y -> (u, e). */
    struct lookup c_by_w;
    struct lookup u_by_w;
    struct lookup s_by_r;
    struct lookup r_by_y;
    /* Per role: is it the u of some r(y, u, e)? */
    bool *role_continues;
    /* Rule 3's: per concept, what p(x, .) of the present x says of it. */
    uint8_t *marks;
    /* Derivations and seconds of each rule so far. */
    uint64_t derivations[RULES];
    uint64_t derivations_reported;
    double seconds[RULES];
    /* The same for relation_absorb() of p and of q. */
    double absorb_seconds[2];
};

/* Opens everything, with a memory limit or 0, and makes the given p and q the first
 * deltas. */
void program_open(struct program *program, const struct facts *facts,
                  uint64_t memory_limit_bytes);
void program_close(struct program *program);

/* What a round derives for p, by rules 1 to 3, and for q, by rules 4 to 6. The two may
   run at the same time. */
void program_derive_p(struct program *program);
void program_derive_q(struct program *program);
/* Ends the round. True when there is something new. */
bool program_advance(struct program *program);

#endif
