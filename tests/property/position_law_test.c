/* SPDX-License-Identifier: MIT */

/*
 * The law of spine_cursor_position(): it counts, in all batches, the rows within the
 * bounds, and those of them that lie before the cursor; so it never goes back on a walk
 * forward.
 */

#include "harness/check.h"
#include "harness/fault_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define BATCHES_MAX 8u

struct world {
    struct spine_schema schema;
    struct generator generator;
    /* The rows of all batches, each consolidated by itself. */
    struct model rows;
    /* What a cursor within the bounds shows. */
    struct model shown;
    struct spine_cursor *cursor;
    bool has_lower;
    bool has_upper;
    union spine_datum lower;
    union spine_datum upper;
    uint8_t scratch[2][64];
};

static bool
is_within(const struct world *world, const struct model_row *row)
{
    const enum spine_kind kind = world->schema.key.kind;

    return (!world->has_lower || model_cell_compare(kind, row->key, world->lower) >= 0) &&
           (!world->has_upper || model_cell_compare(kind, row->key, world->upper) < 0);
}

static bool
world_init(struct world *world, struct rng *rng)
{
    const size_t batch_count = rng_magnitude(rng, BATCHES_MAX);
    struct spine_batch *batches[BATCHES_MAX];
    struct spine_snapshot *snapshot;
    struct model part;

    generate_schema(rng, &world->schema);
    generator_init(&world->generator, rng, &world->schema, NULL);
    model_init(&world->rows, &world->schema);
    model_init(&world->shown, &world->schema);
    model_init(&part, &world->schema);
    world->has_lower = rng_chance(rng, 30);
    world->has_upper = rng_chance(rng, 30);
    world->lower = generate_key_near(&world->generator, world->scratch[0]);
    world->upper = generate_key_near(&world->generator, world->scratch[1]);
    for (size_t i = 0; i < batch_count; i++) {
        part.count = 0;
        generate_rows(&world->generator, rng_magnitude(rng, 200), &part);
        batches[i] = batch_of_rows(&part);
        model_consolidate(&part);
        for (size_t r = 0; r < part.count; r++)
            if (is_within(world, &part.rows[r])) {
                model_add(&world->rows, &part.rows[r]);
                model_add(&world->shown, &part.rows[r]);
            }
    }
    model_consolidate(&world->shown);
    model_release(&part);
    HOLDS_OK(
        spine_snapshot_of_batches(&world->schema, batches, batch_count, &snapshot, NULL));
    HOLDS_OK(spine_snapshot_cursor(snapshot, &world->cursor, NULL));
    spine_snapshot_unref(snapshot);
    for (size_t i = 0; i < batch_count; i++)
        spine_batch_unref(batches[i]);
    if (world->has_lower || world->has_upper)
        spine_cursor_set_bounds(world->cursor, world->has_lower ? &world->lower : NULL,
                                world->has_upper ? &world->upper : NULL);
    return true;
}

static void
world_release(struct world *world)
{
    spine_cursor_close(world->cursor);
    model_release(&world->shown);
    model_release(&world->rows);
    generator_release(&world->generator);
}

/* Does the row lie before the position of the model's cursor? */
static bool
is_before(const struct model_cursor *at, const struct model_row *row)
{
    const struct model *shown = at->model;
    const struct model_row *here;
    int order;

    if (at->key_place != MODEL_ON)
        return at->key_place == MODEL_AFTER;
    here = &shown->rows[at->val_place == MODEL_ON ? at->val : at->key];
    order = model_cell_compare(shown->schema.key.kind, row->key, here->key);
    if (order != 0)
        return order < 0;
    if (at->val_place != MODEL_ON)
        return at->val_place == MODEL_AFTER;
    return model_cell_compare(shown->schema.value.kind, row->value, here->value) < 0;
}

static void
move_both(struct rng *rng, struct world *world, struct model_cursor *model)
{
    struct spine_cursor *cursor = world->cursor;
    const bool on_key = model_cursor_key_valid(model);
    const bool on_value = model_cursor_val_valid(model);
    uint8_t scratch[64];
    union spine_datum cell;

    switch (rng_below(rng, 12)) {
    case 0:
        spine_cursor_rewind(cursor);
        model_cursor_rewind(model);
        break;
    case 1:
        spine_cursor_fast_forward(cursor);
        model_cursor_fast_forward(model);
        break;
    case 2:
        cell = generate_key_near(&world->generator, scratch);
        (void)spine_cursor_seek_key_exact(cursor, cell);
        (void)model_cursor_seek_key_exact(model, cell);
        break;
    case 3:
        if (on_key) {
            spine_cursor_fast_forward_vals(cursor);
            model_cursor_fast_forward_vals(model);
        }
        break;
    case 4:
    case 5:
        if (on_value) {
            spine_cursor_step_val_reverse(cursor);
            model_cursor_step_val_reverse(model);
        }
        break;
    case 6:
        if (on_key) {
            spine_cursor_step_key_reverse(cursor);
            model_cursor_step_key_reverse(model);
        }
        break;
    case 7:
        if (on_key) {
            spine_cursor_step_key(cursor);
            model_cursor_step_key(model);
        }
        break;
    default:
        if (on_value) {
            spine_cursor_step_val(cursor);
            model_cursor_step_val(model);
        }
        break;
    }
}

static bool
positions(struct rng *rng, size_t steps)
{
    struct model_cursor model;
    struct world world;

    HOLDS(world_init(&world, rng));
    model_cursor_init(&model, &world.shown);
    HOLDS_EQUAL(model_cursor_key_valid(&model), spine_cursor_key_valid(world.cursor));
    for (size_t i = 0; i < steps; i++) {
        uint64_t before = 0, offset, total;

        for (size_t r = 0; r < world.rows.count; r++)
            before += is_before(&model, &world.rows.rows[r]);
        HOLDS_OK(spine_cursor_position(world.cursor, &offset, &total));
        HOLDS_EQUAL(world.rows.count, total);
        HOLDS_EQUAL(before, offset);
        move_both(rng, &world, &model);
    }
    HOLDS_OK(spine_cursor_status(world.cursor));
    world_release(&world);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

static void
test_positions(void **state)
{
    const struct property law = {"test_positions", positions, 300, 100};

    (void)state;
    assert_true(property_holds(&law));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_positions)};

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
