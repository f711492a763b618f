/* SPDX-License-Identifier: MIT */

/*
 * The law of joins: what a probe of a batch gives, whole or in pieces, is every key of
 * the batch with all its rows there and all its rows in the snapshot, whatever the two
 * schemas are that have the key in common.
 */

#include "harness/check.h"
#include "harness/fault_alloc.h"
#include "spine/probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BATCHES_MAX 6u
#define ROWS_MAX 400u

/* One side: rows as the model has them, and what generates more of them. */
struct side {
    struct spine_schema schema;
    struct generator generator;
    struct model rows;
};

struct world {
    struct side there;
    struct side own;
    struct spine_snapshot *snapshot;
    struct spine_probe *probe;
};

/* What a probe has given so far. */
struct given {
    /* The keys of the batch, each once. */
    const struct model *keys;
    size_t keys_given;
    /* Rows of the batch that the last of these keys has. */
    size_t own_rows;
    struct model own;
    struct model found;
};

static void
side_init(struct side *side, struct rng *rng, const struct spine_type *key)
{
    generate_schema(rng, &side->schema);
    if (key != NULL)
        side->schema.key = *key;
    if (side->schema.key.kind == SPINE_NONE && side->schema.value.kind == SPINE_NONE)
        side->schema.value.kind = SPINE_U32;
    generator_init(&side->generator, rng, &side->schema, NULL);
    model_init(&side->rows, &side->schema);
}

static void
side_release(struct side *side)
{
    model_release(&side->rows);
    generator_release(&side->generator);
}

static bool
world_init(struct world *world, struct rng *rng)
{
    const size_t count = rng_index(rng, BATCHES_MAX + 1);
    struct spine_batch *batches[BATCHES_MAX];

    *world = (struct world){0};
    side_init(&world->there, rng, NULL);
    for (size_t i = 0; i < count; i++) {
        struct model rows;

        model_init(&rows, &world->there.schema);
        generate_rows(&world->there.generator, rng_magnitude(rng, ROWS_MAX), &rows);
        model_add_rows(&world->there.rows, rows.rows, rows.count);
        batches[i] = batch_of_rows(&rows);
        model_release(&rows);
    }
    model_consolidate(&world->there.rows);
    HOLDS_OK(spine_snapshot_of_batches(&world->there.schema, batches, count,
                                       &world->snapshot, NULL));
    for (size_t i = 0; i < count; i++)
        spine_batch_unref(batches[i]);
    HOLDS_OK(spine_probe_new(&world->probe, NULL));
    return true;
}

static void
world_release(struct world *world)
{
    spine_probe_free(world->probe);
    spine_snapshot_unref(world->snapshot);
    side_release(&world->there);
}

/* A batch of which most keys may be there. */
static struct spine_batch *
draw_batch(struct world *world, struct rng *rng)
{
    struct side *const own = &world->own;
    struct model drawn;
    struct spine_batch *batch;

    side_init(own, rng, &world->there.schema.key);
    model_init(&drawn, &own->schema);
    generate_rows(&own->generator, rng_magnitude(rng, ROWS_MAX), &drawn);
    for (size_t i = 0; i < drawn.count; i++) {
        struct model_row row = drawn.rows[i];

        if (rng_chance(rng, 70))
            row.key = generate_key(&world->there.generator);
        model_add(&own->rows, &row);
    }
    model_release(&drawn);
    batch = batch_of_rows(&own->rows);
    model_consolidate(&own->rows);
    return batch;
}

/* Row `at` of columns, of key `key`, goes to the model. */
static void
note_row(struct model *out, union spine_datum key, const struct spine_columns *columns,
         size_t at)
{
    struct model_row row = {.key = key};

    row.value =
        column_cell(&out->schema.value, columns->values, columns->value_offsets, at);
    row.time = columns->times != NULL ? columns->times[at] : 0;
    memcpy(row.weights, columns->weights + at * out->weight_count,
           out->weight_count * sizeof *row.weights);
    model_add(out, &row);
}

static bool
take_matches(struct given *given, const struct spine_probe_matches *matches)
{
    const struct spine_type type = given->keys->schema.key;
    size_t own = 0, row = 0, found = 0;

    HOLDS_EQUAL(matches->keys.rows, matches->found.keys);
    for (size_t k = 0; k < matches->keys.rows; k++) {
        const size_t number = matches->found.first_key + k;
        const bool again = k == 0 && number + 1 == given->keys_given;
        const union spine_datum key =
            column_cell(&type, matches->keys.keys, matches->keys.key_offsets, k);
        const size_t own_begin = own, row_begin = row;

        HOLDS(again || number == given->keys_given);
        HOLDS(number < given->keys->count);
        HOLDS(model_cell_compare(type.kind, key, given->keys->rows[number].key) == 0);
        for (; own < matches->own_ends[k]; own++)
            if (!again)
                note_row(&given->own, key, &matches->own, own);
        for (; row < matches->found.ends[k]; row++)
            note_row(&given->found, key, &matches->found.columns, row);
        HOLDS(own > own_begin);
        HOLDS(!again || own - own_begin == given->own_rows);
        found += row > row_begin;
        given->own_rows = own - own_begin;
        given->keys_given = number + 1;
    }
    HOLDS_EQUAL(found, matches->found.found);
    HOLDS_EQUAL(own, matches->own.rows);
    HOLDS_EQUAL(row, matches->found.columns.rows);
    return true;
}

/* The rows of the snapshot whose key the batch has. */
static void
expect_found(const struct world *world, const struct model *keys,
             const struct spine_probe_options *options, struct model *expected)
{
    const enum spine_kind kind = world->there.schema.key.kind;

    for (size_t k = 0; k < keys->count; k++)
        for (size_t r = 0; r < world->there.rows.count; r++)
            if (model_cell_compare(kind, keys->rows[k].key,
                                   world->there.rows.rows[r].key) == 0)
                model_add(expected, &world->there.rows.rows[r]);
    model_consolidate(expected);
    if (options->has_through)
        model_through(expected, options->through);
}

static bool
joins_with(struct world *world, struct rng *rng, struct spine_batch *batch)
{
    const struct spine_probe_options options = {
        .rows_max = rng_chance(rng, 50) ? rng_magnitude(rng, 300) : 0,
        .has_through = rng_chance(rng, 30),
        .through = generate_time(&world->there.generator)};
    struct spine_probe_matches matches;
    struct spine_probe_rows rows;
    struct given given = {0};
    struct model keys, expected;

    model_init(&keys, &world->own.schema);
    model_copy(&keys, &world->own.rows);
    model_keep_keys(&keys);
    given.keys = &keys;
    model_init(&given.own, &world->own.schema);
    model_init(&given.found, &world->there.schema);
    model_init(&expected, &world->there.schema);
    HOLDS_OK(spine_snapshot_probe_batch(world->snapshot, world->probe, batch, &options,
                                        &matches, NULL));
    for (;;) {
        HOLDS(take_matches(&given, &matches));
        if (!matches.found.more)
            break;
        HOLDS(options.rows_max > 0);
        HOLDS_STATUS(SPINE_MISUSE, spine_probe_next(world->probe, &rows, NULL));
        HOLDS_OK(spine_probe_next_matches(world->probe, &matches, NULL));
    }
    HOLDS_EQUAL(keys.count, given.keys_given);
    HOLDS_STATUS(SPINE_MISUSE, spine_probe_next_matches(world->probe, &matches, NULL));
    HOLDS_STATUS(SPINE_MISUSE, spine_probe_next(world->probe, &rows, NULL));
    model_consolidate(&given.own);
    model_consolidate(&given.found);
    expect_found(world, &keys, &options, &expected);
    HOLDS(model_equal(&world->own.rows, &given.own, "rows of the batch"));
    HOLDS(model_equal(&expected, &given.found, "rows found"));
    model_release(&keys);
    model_release(&expected);
    model_release(&given.own);
    model_release(&given.found);
    return true;
}

static bool
joins(struct rng *rng, size_t steps)
{
    struct world world;

    HOLDS(world_init(&world, rng));
    for (size_t i = 0; i < steps; i++) {
        struct spine_batch *const batch = draw_batch(&world, rng);

        HOLDS(joins_with(&world, rng, batch));
        spine_batch_unref(batch);
        side_release(&world.own);
    }
    world_release(&world);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

static void
test_joins(void **state)
{
    const struct property law = {"test_joins", joins, 200, 12};

    (void)state;
    assert_true(property_holds(&law));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_joins)};

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
