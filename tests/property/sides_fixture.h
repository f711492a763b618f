/* SPDX-License-Identifier: MIT */
#ifndef PROPERTY_SIDES_FIXTURE_H
#define PROPERTY_SIDES_FIXTURE_H

/*
 * Two snapshots of random batches of one schema beside their models, and what is drawn of
 * views over them.
 */

#include "harness/check.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BATCHES_MAX 12u
#define SIDES 2u

struct sides {
    struct rng *rng;
    struct spine_schema schema;
    struct generator generator;
    struct model rows[SIDES];
    struct spine_snapshot *snapshots[SIDES];
};

/* Some schema when `schema` is NULL. */
static inline bool
sides_init(struct sides *sides, struct rng *rng, const struct spine_schema *schema)
{
    struct generate_options options = {.cancel_percent = GENERATE_DRAWN};

    *sides = (struct sides){.rng = rng};
    if (schema != NULL)
        sides->schema = *schema;
    else
        generate_schema(rng, &sides->schema);
    options.keys = rng_chance(rng, 50) ? rng_magnitude(rng, 20) : 0;
    generator_init(&sides->generator, rng, &sides->schema, &options);
    for (unsigned side = 0; side < SIDES; side++) {
        struct spine_batch *batches[BATCHES_MAX];
        const size_t count = rng_index(rng, BATCHES_MAX);
        struct model rows;

        model_init(&sides->rows[side], &sides->schema);
        model_init(&rows, &sides->schema);
        for (size_t i = 0; i < count; i++) {
            rows.count = 0;
            generate_rows(&sides->generator, rng_magnitude(rng, 300), &rows);
            batches[i] = batch_of_rows(&rows);
            model_add_rows(&sides->rows[side], rows.rows, rows.count);
        }
        model_consolidate(&sides->rows[side]);
        model_release(&rows);
        HOLDS_OK(spine_snapshot_of_batches(&sides->schema, batches, count,
                                           &sides->snapshots[side], NULL));
        for (size_t i = 0; i < count; i++)
            spine_batch_unref(batches[i]);
    }
    return true;
}

static inline void
sides_release(struct sides *sides)
{
    for (unsigned side = 0; side < SIDES; side++) {
        spine_snapshot_unref(sides->snapshots[side]);
        model_release(&sides->rows[side]);
    }
    generator_release(&sides->generator);
}

/* A cursor over the first side, or over both, each perhaps negated; and its rows. */
static inline bool
sides_cursor(struct sides *sides, struct spine_cursor **out, struct model *rows)
{
    const unsigned count = rng_chance(sides->rng, 50) ? 1 : SIDES;
    struct spine_cursor_source sources[SIDES];

    for (unsigned side = 0; side < count; side++) {
        const bool negated = count > 1 && rng_chance(sides->rng, 50);

        sources[side] = (struct spine_cursor_source){sides->snapshots[side], negated};
        for (size_t i = 0; i < sides->rows[side].count; i++)
            model_add_times(rows, &sides->rows[side].rows[i], negated ? -1 : 1);
    }
    model_consolidate(rows);
    if (count == 1)
        HOLDS_OK(spine_snapshot_cursor(sides->snapshots[0], out, NULL));
    else
        HOLDS_OK(spine_cursor_open_sources(sources, count, out, NULL));
    return true;
}

/* Limits the cursor and the model alike. */
static inline void
sides_draw_bounds(struct sides *sides, struct spine_cursor *cursor, struct model *rows)
{
    const enum spine_kind kind = sides->schema.key.kind;
    uint8_t scratch[2][64];
    const union spine_datum lower = generate_key_near(&sides->generator, scratch[0]);
    const union spine_datum upper = generate_key_near(&sides->generator, scratch[1]);
    size_t kept = 0;

    for (size_t i = 0; i < rows->count; i++)
        if (model_cell_compare(kind, rows->rows[i].key, lower) >= 0 &&
            model_cell_compare(kind, rows->rows[i].key, upper) < 0)
            rows->rows[kept++] = rows->rows[i];
    rows->count = kept;
    spine_cursor_set_bounds(cursor, &lower, &upper);
}

/* The bound of a predicate: cells from it on, or up to it. */
struct predicate_bound {
    enum spine_kind kind;
    union spine_datum cell;
    bool backward;
};

/* A spine_predicate_fn. */
static inline bool
is_beyond(void *context, union spine_datum cell)
{
    const struct predicate_bound *bound = context;
    const int order = model_cell_compare(bound->kind, cell, bound->cell);

    return bound->backward ? order <= 0 : order >= 0;
}

#endif
