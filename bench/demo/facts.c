/* SPDX-License-Identifier: MIT */
#include "demo/facts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Gives numbers to numbers, in the order in which they come. A table of open addressing;
   a slot holds the old number and, plus one, the new one. */
struct numbering {
    struct slot {
        uint32_t from;
        uint32_t to_plus_one;
    } * slots;
    size_t slot_count;
    uint32_t count;
};

static void numbering_init(struct numbering *numbering);
static void numbering_grow(struct numbering *numbering);
static struct slot *numbering_find(const struct numbering *numbering, uint32_t from);
static uint32_t numbering_of(struct numbering *numbering, uint32_t from);
static void table_number(struct table *table, struct numbering *const *numberings);
static unsigned bits_for(uint32_t count);

void
facts_init(struct facts *facts)
{
    *facts = (struct facts){.p.columns = 2,
                            .q.columns = 3,
                            .r.columns = 3,
                            .c.columns = 3,
                            .u.columns = 3,
                            .s.columns = 2};
}

void
facts_release(struct facts *facts)
{
    numbers_release(&facts->p.numbers);
    numbers_release(&facts->q.numbers);
    numbers_release(&facts->r.numbers);
    numbers_release(&facts->c.numbers);
    numbers_release(&facts->u.numbers);
    numbers_release(&facts->s.numbers);
}

void
table_add(struct table *table, const uint32_t *row)
{
    for (unsigned column = 0; column < table->columns; column++)
        numbers_push(&table->numbers, row[column]);
}

void
facts_number(struct facts *facts)
{
    struct numbering concepts, roles;
    struct numbering *const concept = &concepts, *const role = &roles;

    numbering_init(&concepts);
    numbering_init(&roles);
    table_number(&facts->p, (struct numbering *[]){concept, concept});
    table_number(&facts->q, (struct numbering *[]){concept, role, concept});
    table_number(&facts->r, (struct numbering *[]){role, role, role});
    table_number(&facts->c, (struct numbering *[]){concept, concept, concept});
    table_number(&facts->u, (struct numbering *[]){concept, role, concept});
    table_number(&facts->s, (struct numbering *[]){role, role});

    facts->concepts = concepts.count;
    facts->roles = roles.count;
    facts->concept_bits = bits_for(concepts.count);
    if (facts->concept_bits + bits_for(roles.count) > 32)
        fail("%u concepts and %u roles are too many: a pair must fit 32 bits",
             concepts.count, roles.count);
    free(concepts.slots);
    free(roles.slots);
}

static void
numbering_init(struct numbering *numbering)
{
    *numbering = (struct numbering){.slot_count = 1024};
    numbering->slots = grow(NULL, numbering->slot_count, sizeof *numbering->slots);
    memset(numbering->slots, 0, numbering->slot_count * sizeof *numbering->slots);
}

static void
numbering_grow(struct numbering *numbering)
{
    struct numbering larger = {.slot_count = 2 * numbering->slot_count,
                               .count = numbering->count};

    larger.slots = grow(NULL, larger.slot_count, sizeof *larger.slots);
    memset(larger.slots, 0, larger.slot_count * sizeof *larger.slots);
    for (size_t at = 0; at < numbering->slot_count; at++)
        if (numbering->slots[at].to_plus_one != 0)
            *numbering_find(&larger, numbering->slots[at].from) = numbering->slots[at];
    free(numbering->slots);
    *numbering = larger;
}

/* The slot of `from`, or the free one where it belongs. */
static struct slot *
numbering_find(const struct numbering *numbering, uint32_t from)
{
    size_t at = mix(from) & (numbering->slot_count - 1);

    while (numbering->slots[at].to_plus_one != 0 && numbering->slots[at].from != from)
        at = (at + 1) & (numbering->slot_count - 1);
    return &numbering->slots[at];
}

static uint32_t
numbering_of(struct numbering *numbering, uint32_t from)
{
    struct slot *slot = numbering_find(numbering, from);

    if (slot->to_plus_one == 0) {
        *slot = (struct slot){.from = from, .to_plus_one = ++numbering->count};
        const uint32_t to = numbering->count - 1;
        if ((size_t)numbering->count * 2 > numbering->slot_count)
            numbering_grow(numbering);
        return to;
    }
    return slot->to_plus_one - 1;
}

static void
table_number(struct table *table, struct numbering *const *numberings)
{
    uint32_t *cell = table->numbers.cells;

    assert(table->numbers.count % table->columns == 0);
    for (size_t row = table_rows(table); row > 0; row--)
        for (unsigned column = 0; column < table->columns; column++, cell++)
            *cell = numbering_of(numberings[column], *cell);
}

/* The bits of the numbers 0 to count - 1. */
static unsigned
bits_for(uint32_t count)
{
    unsigned bits = 1;

    while (bits < 32 && count > 1u << bits)
        bits++;
    return bits;
}
