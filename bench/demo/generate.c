/* SPDX-License-Identifier: MIT */
#include "demo/facts.h"

/*
 * An ontology as classifiers get it after normalisation. Base concepts form a forest and
 * have some roles to each other. A definition says that a concept d is exactly "an a that
 * has role r to some f": d is an a, d has r to f, d is an m, where m is whatever has r to
 * some f, and what is both an a and an m is a d. So new rows of q make new rows of p, and
 * the other way round, over many rounds.
 */

#define ROLES 60u
/* Every so many roles one is transitive. */
#define ROLES_PER_TRANSITIVE 12u

struct generator {
    struct facts *facts;
    uint64_t state;
    /* Base concepts are 0 to base - 1; the next new concept. */
    uint32_t base;
    uint32_t next;
};

static void add_roles(struct generator *generator);
static void add_base_concept(struct generator *generator, uint32_t concept);
static void add_definition(struct generator *generator);
static void add2(struct table *table, uint32_t first, uint32_t second);
static void add3(struct table *table, uint32_t first, uint32_t second, uint32_t third);
static uint32_t random_below(struct generator *generator, uint32_t end);
static uint32_t random_general(struct generator *generator, uint32_t end);

void
facts_generate(struct facts *facts, uint64_t seed, uint32_t scale)
{
    struct generator generator = {.facts = facts, .state = seed};

    facts_init(facts);
    generator.base = 400 * scale;
    generator.next = generator.base;
    add_roles(&generator);
    for (uint32_t concept = 0; concept < generator.base; concept ++)
        add_base_concept(&generator, concept);
    for (uint32_t count = 300 * scale; count > 0; count--)
        add_definition(&generator);
    facts_number(facts);
}

/* A forest of roles, some of which are transitive, and chains into those. */
static void
add_roles(struct generator *generator)
{
    struct facts *const facts = generator->facts;

    for (uint32_t role = 4; role < ROLES; role++)
        add2(&facts->s, role, role / 4);
    for (uint32_t role = ROLES_PER_TRANSITIVE; role < ROLES;
         role += ROLES_PER_TRANSITIVE) {
        add3(&facts->r, role, role, role);
        for (uint32_t count = 3; count > 0; count--) {
            const uint32_t before = random_below(generator, ROLES);
            add3(&facts->r, before, role, before);
        }
    }
}

static void
add_base_concept(struct generator *generator, uint32_t concept)
{
    struct facts *const facts = generator->facts;

    add2(&facts->p, concept, concept);
    if (concept < 8)
        return;
    add2(&facts->p, concept, concept / 4 + random_below(generator, concept / 8 + 1));
    if (random_below(generator, 10) == 0)
        add2(&facts->p, concept, random_general(generator, concept));
    if (random_below(generator, 10) < 7)
        add3(&facts->q, concept, random_below(generator, ROLES),
             random_below(generator, concept));
}

static void
add_definition(struct generator *generator)
{
    struct facts *const facts = generator->facts;
    const uint32_t d = generator->next++, m = generator->next++;
    const uint32_t f = random_general(generator, generator->base);
    const uint32_t r = random_below(generator, ROLES);

    /* Some base concept is a d. That a is more general than it keeps p free of cycles. */
    const uint32_t special = 8 + random_below(generator, generator->base - 8);
    const uint32_t a = random_general(generator, special);

    add2(&facts->p, d, d);
    add2(&facts->p, m, m);
    add2(&facts->p, d, a);
    add2(&facts->p, d, m);
    add2(&facts->p, special, d);
    add3(&facts->q, d, r, f);
    add3(&facts->u, f, r, m);
    add3(&facts->c, a, m, d);
}

static void
add2(struct table *table, uint32_t first, uint32_t second)
{
    table_add(table, (uint32_t[]){first, second});
}

static void
add3(struct table *table, uint32_t first, uint32_t second, uint32_t third)
{
    table_add(table, (uint32_t[]){first, second, third});
}

/* splitmix64, cut to [0, end). */
static uint32_t
random_below(struct generator *generator, uint32_t end)
{
    const uint64_t number = mix(generator->state);

    generator->state += 0x9E3779B97F4A7C15u;
    return (uint32_t)((number >> 32) * end >> 32);
}

/* The same, but small numbers, which are general concepts, more often. */
static uint32_t
random_general(struct generator *generator, uint32_t end)
{
    return random_below(generator, random_below(generator, end) + 1);
}
