/* SPDX-License-Identifier: MIT */
#include "demo/check.h"

#include <stdlib.h>
#include <string.h>

/* Distinct rows, in the order in which they came, by open addressing. */
struct set {
    uint64_t *rows;
    size_t count;
    size_t capacity;
    /* Where a row is in `rows`, plus one; 0 is free. */
    uint32_t *slots;
    size_t slot_count;
};

/*
 * A fact is *found* when it is put in the set of its relation, and *joined*, later and
 * once, with itself and with all facts that were joined before. So every pair of facts
 * meets.
 */
struct check {
    const struct facts *facts;
    struct set p, q;
    /* Of joined facts: p(x, z) as z per x and as x per z; q(x, r, z) as (r, z) per x and
       as (r, x) per z. */
    struct numbers *p_up, *p_down, *q_up, *q_down;
    /* Given: two numbers each, per the first (c: the second) column. */
    struct numbers *c, *u, *s;
};

static void check_init(struct check *check, const struct facts *facts);
static void check_release(struct check *check);
static void join_p(struct check *check, uint32_t a, uint32_t b);
static void join_q(struct check *check, uint32_t a, uint32_t role, uint32_t b);
static void join_q_chains(struct check *check, uint32_t a, uint32_t role, uint32_t b);
static void find_p(struct check *check, uint32_t x, uint32_t z);
static void find_q(struct check *check, uint32_t x, uint32_t role, uint32_t z);
static bool set_has(const struct set *set, uint64_t row);
static void set_add(struct set *set, uint64_t row);
static uint32_t *set_slot(const struct set *set, uint64_t row);
static void set_grow(struct set *set);
static struct numbers *lists_new(uint32_t count);
static void lists_free(struct numbers *lists, uint32_t count);

void
check_evaluate(const struct facts *facts, struct answer *answer)
{
    struct check check;

    check_init(&check, facts);
    for (size_t p = 0, q = 0; p < check.p.count || q < check.q.count;) {
        for (; p < check.p.count; p++)
            join_p(&check, (uint32_t)(check.p.rows[p] >> 32), (uint32_t)check.p.rows[p]);
        for (; q < check.q.count; q++) {
            const uint32_t rz = (uint32_t)check.q.rows[q];
            join_q(&check, (uint32_t)(check.q.rows[q] >> 32), role_of(facts, rz),
                   concept_of(facts, rz));
        }
    }

    *answer = (struct answer){0};
    for (size_t p = 0; p < check.p.count; p++)
        summary_add(&answer->p, (uint32_t)(check.p.rows[p] >> 32),
                    (uint32_t)check.p.rows[p]);
    for (size_t q = 0; q < check.q.count; q++)
        summary_add(&answer->q, (uint32_t)(check.q.rows[q] >> 32),
                    (uint32_t)check.q.rows[q]);
    check_release(&check);
}

static void
check_init(struct check *check, const struct facts *facts)
{
    *check = (struct check){.facts = facts};
    check->p_up = lists_new(facts->concepts);
    check->p_down = lists_new(facts->concepts);
    check->q_up = lists_new(facts->concepts);
    check->q_down = lists_new(facts->concepts);
    check->c = lists_new(facts->concepts);
    check->u = lists_new(facts->concepts);
    check->s = lists_new(facts->roles);

    for (size_t at = 0; at < table_rows(&facts->c); at++) {
        const uint32_t *const row = table_row(&facts->c, at);
        numbers_push(&check->c[row[1]], row[0]);
        numbers_push(&check->c[row[1]], row[2]);
    }
    for (size_t at = 0; at < table_rows(&facts->u); at++) {
        const uint32_t *const row = table_row(&facts->u, at);
        numbers_push(&check->u[row[0]], row[1]);
        numbers_push(&check->u[row[0]], row[2]);
    }
    for (size_t at = 0; at < table_rows(&facts->s); at++)
        numbers_push(&check->s[table_row(&facts->s, at)[0]], table_row(&facts->s, at)[1]);
    for (size_t at = 0; at < table_rows(&facts->p); at++)
        find_p(check, table_row(&facts->p, at)[0], table_row(&facts->p, at)[1]);
    for (size_t at = 0; at < table_rows(&facts->q); at++) {
        const uint32_t *const row = table_row(&facts->q, at);
        find_q(check, row[0], row[1], row[2]);
    }
}

static void
check_release(struct check *check)
{
    const uint32_t concepts = check->facts->concepts;

    free(check->p.rows);
    free(check->p.slots);
    free(check->q.rows);
    free(check->q.slots);
    lists_free(check->p_up, concepts);
    lists_free(check->p_down, concepts);
    lists_free(check->q_up, concepts);
    lists_free(check->q_down, concepts);
    lists_free(check->c, concepts);
    lists_free(check->u, concepts);
    lists_free(check->s, check->facts->roles);
}

/* Joins p(a, b): rules 1 to 4, wherever it is a premise. */
static void
join_p(struct check *check, uint32_t a, uint32_t b)
{
    const struct facts *const facts = check->facts;
    const struct numbers *const up_a = &check->p_up[a], *const up_b = &check->p_up[b];
    const struct numbers *const down_a = &check->p_down[a], *const q_a =
                                                                &check->q_down[a];
    const struct numbers *const c_b = &check->c[b], *const u_b = &check->u[b];

    numbers_push(&check->p_up[a], b);
    numbers_push(&check->p_down[b], a);

    for (size_t i = 0; i < up_b->count; i++)
        find_p(check, a, up_b->cells[i]);
    for (size_t i = 0; i < down_a->count; i++)
        find_p(check, down_a->cells[i], b);

    for (size_t i = 0; i < u_b->count; i += 2)
        for (size_t j = 0; j < q_a->count; j++)
            if (role_of(facts, q_a->cells[j]) == u_b->cells[i])
                find_p(check, concept_of(facts, q_a->cells[j]), u_b->cells[i + 1]);

    for (size_t i = 0; i < c_b->count; i += 2)
        if (set_has(&check->p, (uint64_t)a << 32 | c_b->cells[i]))
            find_p(check, a, c_b->cells[i + 1]);
    for (size_t i = 0; i < up_a->count; i++) {
        const struct numbers *const c = &check->c[up_a->cells[i]];
        for (size_t j = 0; j < c->count; j += 2)
            if (c->cells[j] == b)
                find_p(check, a, c->cells[j + 1]);
    }

    for (size_t i = 0; i < check->q_up[b].count; i++) {
        const uint32_t rz = check->q_up[b].cells[i];
        find_q(check, a, role_of(facts, rz), concept_of(facts, rz));
    }
}

/* Joins q(a, role, b): rules 2, 4 and 5, and those of join_q_chains(). */
static void
join_q(struct check *check, uint32_t a, uint32_t role, uint32_t b)
{
    const struct numbers *const up_b = &check->p_up[b];
    const struct numbers *const down_a = &check->p_down[a];
    const struct numbers *const s = &check->s[role];

    numbers_push(&check->q_up[a], pack(check->facts, role, b));
    numbers_push(&check->q_down[b], pack(check->facts, role, a));

    for (size_t i = 0; i < up_b->count; i++) {
        const struct numbers *const u = &check->u[up_b->cells[i]];
        for (size_t j = 0; j < u->count; j += 2)
            if (u->cells[j] == role)
                find_p(check, a, u->cells[j + 1]);
    }
    for (size_t i = 0; i < down_a->count; i++)
        find_q(check, down_a->cells[i], role, b);
    for (size_t i = 0; i < s->count; i++)
        find_q(check, a, s->cells[i], b);
    join_q_chains(check, a, role, b);
}

/* Joins q(a, role, b) by rule 6, as either premise. */
static void
join_q_chains(struct check *check, uint32_t a, uint32_t role, uint32_t b)
{
    const struct facts *const facts = check->facts;
    const struct numbers *const up_b = &check->q_up[b];
    const struct numbers *const down_a = &check->q_down[a];

    for (size_t at = 0; at < table_rows(&facts->r); at++) {
        const uint32_t *const r = table_row(&facts->r, at);
        for (size_t i = 0; r[0] == role && i < up_b->count; i++)
            if (role_of(facts, up_b->cells[i]) == r[1])
                find_q(check, a, r[2], concept_of(facts, up_b->cells[i]));
        for (size_t i = 0; r[1] == role && i < down_a->count; i++)
            if (role_of(facts, down_a->cells[i]) == r[0])
                find_q(check, concept_of(facts, down_a->cells[i]), r[2], b);
    }
}

static void
find_p(struct check *check, uint32_t x, uint32_t z)
{
    set_add(&check->p, (uint64_t)x << 32 | z);
}

static void
find_q(struct check *check, uint32_t x, uint32_t role, uint32_t z)
{
    set_add(&check->q, (uint64_t)x << 32 | pack(check->facts, role, z));
}

/* The slot of `row`, or the free one where it belongs. */
static uint32_t *
set_slot(const struct set *set, uint64_t row)
{
    size_t at = mix(row) & (set->slot_count - 1);

    while (set->slots[at] != 0 && set->rows[set->slots[at] - 1] != row)
        at = (at + 1) & (set->slot_count - 1);
    return &set->slots[at];
}

static bool
set_has(const struct set *set, uint64_t row)
{
    return set->slot_count > 0 && *set_slot(set, row) != 0;
}

/* Adds `row` unless it is there. */
static void
set_add(struct set *set, uint64_t row)
{
    if (set->count == set->capacity)
        set_grow(set);
    uint32_t *const slot = set_slot(set, row);
    if (*slot == 0) {
        set->rows[set->count++] = row;
        *slot = (uint32_t)set->count;
    }
}

static void
set_grow(struct set *set)
{
    if (set->count >= UINT32_MAX / 2)
        fail("too many rows to check");
    set->capacity = set->capacity * 2 + 1024;
    set->rows = grow(set->rows, set->capacity, sizeof *set->rows);
    set->slot_count = 1024;
    while (set->slot_count < 2 * set->capacity)
        set->slot_count *= 2;
    free(set->slots);
    set->slots = grow(NULL, set->slot_count, sizeof *set->slots);
    memset(set->slots, 0, set->slot_count * sizeof *set->slots);
    for (size_t at = 0; at < set->count; at++)
        *set_slot(set, set->rows[at]) = (uint32_t)at + 1;
}

static struct numbers *
lists_new(uint32_t count)
{
    struct numbers *const lists = grow(NULL, (size_t)count + 1, sizeof *lists);

    memset(lists, 0, ((size_t)count + 1) * sizeof *lists);
    return lists;
}

static void
lists_free(struct numbers *lists, uint32_t count)
{
    for (uint32_t at = 0; at < count; at++)
        numbers_release(&lists[at]);
    free(lists);
}
