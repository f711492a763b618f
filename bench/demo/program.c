/* SPDX-License-Identifier: MIT */
#include "demo/rules.h"

#include <stdlib.h>
#include <string.h>

static void lookups_init(struct program *program);
static void add_given(struct program *program);

void
program_open(struct program *program, const struct facts *facts,
             uint64_t memory_limit_bytes)
{
    *program = (struct program){.facts = facts};
    program->runtime = storage_open(&program->storage, memory_limit_bytes);
    relation_open(&program->p, program->runtime, facts->concept_bits);
    relation_open(&program->q, program->runtime, facts->concept_bits);
    trace_open(&program->t, program->runtime);
    sink_open(&program->t_derived);
    sink_open(&program->q_by_role);
    lookups_init(program);
    add_given(program);
}

void
program_close(struct program *program)
{
    relation_close(&program->p);
    relation_close(&program->q);
    trace_close(&program->t);
    sink_close(&program->t_derived);
    sink_close(&program->q_by_role);
    spine_runtime_close(program->runtime);
    storage_close(&program->storage);
    lookup_release(&program->c_by_w);
    lookup_release(&program->u_by_w);
    lookup_release(&program->s_by_r);
    lookup_release(&program->r_by_y);
    free(program->role_continues);
    free(program->marks);
    *program = (struct program){0};
}

bool
program_advance(struct program *program)
{
    relation_advance(&program->p);
    relation_advance(&program->q);
    return program->p.fresh_rows + program->q.fresh_rows > 0;
}

static void
lookups_init(struct program *program)
{
    const struct facts *const facts = program->facts;
    const struct lookup_columns all = {.number = 0, .first = 1, .second = 2};
    const struct lookup_columns c_by_w = {.number = 1, .first = 0, .second = 2};
    const struct lookup_columns s_by_r = {.number = 0, .first = 1, .second = 1};

    lookup_init(&program->c_by_w, &facts->c, c_by_w, facts->concepts);
    lookup_init(&program->u_by_w, &facts->u, all, facts->concepts);
    lookup_init(&program->s_by_r, &facts->s, s_by_r, facts->roles);
    lookup_init(&program->r_by_y, &facts->r, all, facts->roles);

    program->role_continues = grow(NULL, facts->roles + 1, sizeof(bool));
    memset(program->role_continues, 0, facts->roles * sizeof(bool));
    for (size_t at = 0; at < table_rows(&facts->r); at++)
        program->role_continues[table_row(&facts->r, at)[1]] = true;
    program->marks = grow(NULL, facts->concepts + 1, sizeof *program->marks);
    memset(program->marks, 0, facts->concepts);
}

/* The given p and q, which may repeat themselves, as if a round had derived them. */
static void
add_given(struct program *program)
{
    const struct facts *const facts = program->facts;

    for (size_t at = 0; at < table_rows(&facts->p); at++) {
        const uint32_t *const row = table_row(&facts->p, at);
        relation_add(&program->p, row[0], row[1]);
    }
    for (size_t at = 0; at < table_rows(&facts->q); at++) {
        const uint32_t *const row = table_row(&facts->q, at);
        relation_add(&program->q, row[0], pack(facts, row[1], row[2]));
    }
    relation_absorb(&program->p);
    relation_absorb(&program->q);
}
