/* SPDX-License-Identifier: MIT */
#include "demo/rules.h"

#include "demo/join.h"

/* What rule 3 marks. */
enum { MARK_NONE, MARK_BEFORE, MARK_DELTA };

static void
run_rule(struct program *program, void (*rule)(struct program *), unsigned number);
static void rule1(struct program *program);
static void rule2(struct program *program);
static void rule2_t(struct program *program);
static void rule3(struct program *program);
static void rule3_of(struct program *program, uint32_t x, const struct numbers *all);
static void rule4(struct program *program);
static void rule5(struct program *program);
static void rule6(struct program *program);
static void rule6_delta_first(struct program *program);
static void
rule6_of(struct program *program, const struct join *join, const struct pair *r);
static void rule6_delta_second(struct program *program);
static struct spine_batch *q_delta_by_role_and_a(struct program *program);
static void
add_product(struct relation *relation, const struct numbers *a, const struct numbers *b);

void
program_derive_p(struct program *program)
{
    run_rule(program, rule1, 1);
    run_rule(program, rule2, 2);
    run_rule(program, rule3, 3);
    const double began = seconds_now();
    relation_absorb(&program->p);
    program->absorb_seconds[0] += seconds_now() - began;
}

void
program_derive_q(struct program *program)
{
    run_rule(program, rule4, 4);
    run_rule(program, rule5, 5);
    run_rule(program, rule6, 6);
    const double began = seconds_now();
    relation_absorb(&program->q);
    program->absorb_seconds[1] += seconds_now() - began;
}

static void
run_rule(struct program *program, void (*rule)(struct program *), unsigned number)
{
    const struct relation *const derives = number <= 3 ? &program->p : &program->q;
    const uint64_t rows = relation_derived_rows(derives);
    const double began = seconds_now();

    rule(program);
    program->derivations[number - 1] += relation_derived_rows(derives) - rows;
    program->seconds[number - 1] += seconds_now() - began;
}

/* p(x, z) :- p(x, y), p(y, z). */
static void
rule1(struct program *program)
{
    struct join join;
    struct numbers *const left = &join.left_values, *const right = &join.right_values;

    /* y -> x in the delta, y -> z in all. */
    join_open(&join, program->p.by_b.delta, program->p.by_a.now);
    while (join_next(&join)) {
        join_read(&join);
        numbers_drop(left, join.key);
        numbers_drop(right, join.key);
        add_product(&program->p, left, right);
    }
    join_close(&join);

    /* y -> z in the delta, y -> x before. */
    join_open(&join, program->p.by_a.delta, program->p.by_b.before);
    while (join_next(&join)) {
        join_read(&join);
        numbers_drop(left, join.key);
        numbers_drop(right, join.key);
        add_product(&program->p, right, left);
    }
    join_close(&join);
}

/* p(x, z) :- t(r, y, z), q(x, r, y). */
static void
rule2(struct program *program)
{
    struct join join;

    rule2_t(program);

    /* (r, y) -> z in the delta, (r, y) -> x in all. */
    join_open(&join, program->t.delta, program->q.by_b.now);
    while (join_next(&join)) {
        join_read(&join);
        add_product(&program->p, &join.right_values, &join.left_values);
    }
    join_close(&join);

    /* (r, y) -> x in the delta, (r, y) -> z before. */
    join_open(&join, program->q.by_b.delta, program->t.before);
    while (join_next(&join)) {
        join_read(&join);
        add_product(&program->p, &join.left_values, &join.right_values);
    }
    join_close(&join);
}

/* t(r, y, z) :- p(y, w), u(w, r, z). Its rows are not made distinct: a repeated one would
   only be one more derivation of what rule 2 derives anyway. */
static void
rule2_t(struct program *program)
{
    const struct lookup *const u_by_w = &program->u_by_w;
    struct scan scan;
    uint32_t w, y;

    scan_open(&scan, program->p.by_b.delta);
    while (scan_next(&scan, &w, &y)) {
        const struct pair *const end = lookup_end(u_by_w, w);
        for (const struct pair *u = lookup_begin(u_by_w, w); u < end; u++)
            sink_add(&program->t_derived, pack(program->facts, u->first, y), u->second);
    }
    scan_close(&scan);
    trace_advance(&program->t, sink_seal(&program->t_derived));
}

/* p(x, z) :- c(y, w, z), p(x, w), p(x, y). */
static void
rule3(struct program *program)
{
    struct join join;

    /* x by x: the premises are two rows of one group, of which one is new. */
    join_open(&join, program->p.by_a.delta, program->p.by_a.now);
    while (join_next(&join)) {
        join_read(&join);
        for (size_t at = 0; at < join.right_values.count; at++)
            program->marks[join.right_values.cells[at]] = MARK_BEFORE;
        for (size_t at = 0; at < join.left_values.count; at++)
            program->marks[join.left_values.cells[at]] = MARK_DELTA;

        rule3_of(program, join.key, &join.right_values);

        for (size_t at = 0; at < join.right_values.count; at++)
            program->marks[join.right_values.cells[at]] = MARK_NONE;
    }
    join_close(&join);
}

/* Rule 3 for one x, of which `all` are the z of p(x, z). From w to y: few w have many
   (y, z), but some y have many thousands of (w, z). */
static void
rule3_of(struct program *program, uint32_t x, const struct numbers *all)
{
    const uint8_t *const marks = program->marks;

    for (size_t at = 0; at < all->count; at++) {
        const uint32_t w = all->cells[at];
        const uint8_t needed = marks[w] == MARK_DELTA ? MARK_BEFORE : MARK_DELTA;
        const struct pair *const end = lookup_end(&program->c_by_w, w);
        for (const struct pair *c = lookup_begin(&program->c_by_w, w); c < end; c++)
            if (marks[c->first] >= needed)
                relation_add(&program->p, x, c->second);
    }
}

/* q(x, r, z) :- p(x, y), q(y, r, z). */
static void
rule4(struct program *program)
{
    struct join join;

    /* y -> x in the delta, y -> (r, z) in all. */
    join_open(&join, program->p.by_b.delta, program->q.by_a.now);
    while (join_next(&join)) {
        join_read(&join);
        numbers_drop(&join.left_values, join.key);
        add_product(&program->q, &join.left_values, &join.right_values);
    }
    join_close(&join);

    /* y -> (r, z) in the delta, y -> x before. */
    join_open(&join, program->q.by_a.delta, program->p.by_b.before);
    while (join_next(&join)) {
        join_read(&join);
        numbers_drop(&join.right_values, join.key);
        add_product(&program->q, &join.right_values, &join.left_values);
    }
    join_close(&join);
}

/* q(x, q, z) :- q(x, r, z), s(r, q). */
static void
rule5(struct program *program)
{
    const struct facts *const facts = program->facts;
    const struct lookup *const s_by_r = &program->s_by_r;
    struct scan scan;
    uint32_t x, rz;

    scan_open(&scan, program->q.by_a.delta);
    while (scan_next(&scan, &x, &rz)) {
        const struct pair *const end = lookup_end(s_by_r, role_of(facts, rz));
        for (const struct pair *s = lookup_begin(s_by_r, role_of(facts, rz)); s < end;
             s++)
            relation_add(&program->q, x, pack(facts, s->first, concept_of(facts, rz)));
    }
    scan_close(&scan);
}

/* q(x, e, o) :- q(x, y, z), r(y, u, e), q(z, u, o). */
static void
rule6(struct program *program)
{
    rule6_delta_first(program);
    rule6_delta_second(program);
}

/* For each role y that r has: (y, z) -> x in the delta, z -> (u, o) in all. */
static void
rule6_delta_first(struct program *program)
{
    const struct facts *const facts = program->facts;
    const struct lookup *const r_by_y = &program->r_by_y;
    struct join join;

    join_open(&join, program->q.by_b.delta, program->q.by_a.now);
    for (uint32_t y = 0; y < facts->roles; y++) {
        const struct pair *const end = lookup_end(r_by_y, y);
        if (lookup_begin(r_by_y, y) == end)
            continue;
        join_limit(&join, pack(facts, y, 0), 0, facts->concepts);
        while (join_next(&join)) {
            join_read(&join);
            for (const struct pair *r = lookup_begin(r_by_y, y); r < end; r++)
                rule6_of(program, &join, r);
        }
    }
    join_close(&join);
}

/* Rule 6 for the x of one (y, z), the (u, o) of z, and one (u, e) of y. */
static void
rule6_of(struct program *program, const struct join *join, const struct pair *r)
{
    const struct facts *const facts = program->facts;
    const struct numbers *const uo = &join->right_values, *const x = &join->left_values;

    size_t at = numbers_lower_bound(uo, pack(facts, r->first, 0));
    for (; at < uo->count && role_of(facts, uo->cells[at]) == r->first; at++) {
        const uint32_t eo = pack(facts, r->second, concept_of(facts, uo->cells[at]));
        for (size_t i = 0; i < x->count; i++)
            relation_add(&program->q, x->cells[i], eo);
    }
}

/* For each r(y, u, e): (u, z) -> o in the delta, (y, z) -> x before. */
static void
rule6_delta_second(struct program *program)
{
    const struct facts *const facts = program->facts;
    struct spine_batch *const delta = q_delta_by_role_and_a(program);
    struct join join;

    join_open(&join, delta, program->q.by_b.before);
    for (uint32_t y = 0; y < facts->roles; y++) {
        const struct pair *const end = lookup_end(&program->r_by_y, y);
        const struct pair *r = lookup_begin(&program->r_by_y, y);
        for (; r < end; r++) {
            join_limit(&join, pack(facts, r->first, 0), pack(facts, y, 0),
                       facts->concepts);
            while (join_next(&join)) {
                join_read(&join);
                for (size_t at = 0; at < join.left_values.count; at++)
                    join.left_values.cells[at] =
                        pack(facts, r->second, join.left_values.cells[at]);
                add_product(&program->q, &join.right_values, &join.left_values);
            }
        }
    }
    join_close(&join);
    spine_batch_unref(delta);
}

/* Of the delta of q(z, u, o), the rows (u, z) -> o whose u some r(y, u, e) has. */
static struct spine_batch *
q_delta_by_role_and_a(struct program *program)
{
    const struct facts *const facts = program->facts;
    struct scan scan;
    uint32_t z, uo;

    scan_open(&scan, program->q.by_a.delta);
    while (scan_next(&scan, &z, &uo))
        if (program->role_continues[role_of(facts, uo)])
            sink_add(&program->q_by_role, pack(facts, role_of(facts, uo), z),
                     concept_of(facts, uo));
    scan_close(&scan);
    return sink_seal(&program->q_by_role);
}

/* Derives every a with every b. */
static void
add_product(struct relation *relation, const struct numbers *a, const struct numbers *b)
{
    for (size_t i = 0; i < a->count; i++)
        for (size_t j = 0; j < b->count; j++)
            relation_add(relation, a->cells[i], b->cells[j]);
}
