/* SPDX-License-Identifier: MIT */

/*
 * Laws of spine/view.h: bounds, sums and differences of sources, groups and clones are
 * cursors like any other, so random walks over them follow the model of what they show;
 * seeks by predicate go where the seek of the predicate's bound goes.
 */

#include "harness/fault_alloc.h"
#include "property/sides_fixture.h"

#include <string.h>

static bool
walk_over_sources(struct rng *rng, size_t steps)
{
    const bool negated[SIDES] = {rng_chance(rng, 50), rng_chance(rng, 50)};
    struct spine_cursor_source sources[SIDES];
    struct spine_cursor *cursor;
    struct model expected;
    struct sides world;

    HOLDS(sides_init(&world, rng, NULL));
    model_init(&expected, &world.schema);
    for (unsigned side = 0; side < SIDES; side++) {
        sources[side] =
            (struct spine_cursor_source){world.snapshots[side], negated[side]};
        for (size_t i = 0; i < world.rows[side].count; i++)
            model_add_times(&expected, &world.rows[side].rows[i], negated[side] ? -1 : 1);
    }
    model_consolidate(&expected);
    HOLDS_OK(spine_cursor_open_sources(sources, SIDES, &cursor, NULL));
    HOLDS(check_cursor(cursor, &expected, "sources"));
    HOLDS(check_walk(cursor, &expected, &world.generator, steps));
    spine_cursor_close(cursor);
    model_release(&expected);
    sides_release(&world);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

static bool
walk_within_bounds(struct rng *rng, size_t steps)
{
    uint8_t scratch[2][64];
    union spine_datum bounds[2];
    struct spine_cursor *cursor;
    struct model expected;
    struct sides world;

    HOLDS(sides_init(&world, rng, NULL));
    HOLDS_OK(spine_snapshot_cursor(world.snapshots[0], &cursor, NULL));
    for (unsigned round = 0; round < 4; round++) {
        const bool has_lower = rng_chance(rng, 80), has_upper = rng_chance(rng, 80);
        const enum spine_kind kind = world.schema.key.kind;
        uint64_t offset, total;

        for (unsigned i = 0; i < 2; i++)
            bounds[i] = generate_key_near(&world.generator, scratch[i]);
        model_init(&expected, &world.schema);
        for (size_t i = 0; i < world.rows[0].count; i++) {
            const struct model_row *row = &world.rows[0].rows[i];

            if ((!has_lower || model_cell_compare(kind, row->key, bounds[0]) >= 0) &&
                (!has_upper || model_cell_compare(kind, row->key, bounds[1]) < 0))
                model_add(&expected, row);
        }
        model_consolidate(&expected);
        spine_cursor_set_bounds(cursor, has_lower ? &bounds[0] : NULL,
                                has_upper ? &bounds[1] : NULL);
        HOLDS(check_walk(cursor, &expected, &world.generator, steps / 4));
        HOLDS(check_cursor(cursor, &expected, "bounds"));
        spine_cursor_rewind(cursor);
        HOLDS_OK(spine_cursor_position(cursor, &offset, &total));
        HOLDS(expected.count == 0 || offset < total);
        HOLDS(total >= expected.count);
        model_release(&expected);
    }
    spine_cursor_close(cursor);
    sides_release(&world);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

/* Do two cursors over the same rows stand on the same row? */
static bool
same_position(struct spine_cursor *a, struct spine_cursor *b,
              const struct spine_schema *schema)
{
    HOLDS_OK(spine_cursor_status(a));
    HOLDS_OK(spine_cursor_status(b));
    HOLDS_EQUAL(spine_cursor_key_valid(a), spine_cursor_key_valid(b));
    if (!spine_cursor_key_valid(a))
        return true;
    HOLDS(model_cell_compare(schema->key.kind, spine_cursor_key(a),
                             spine_cursor_key(b)) == 0);
    HOLDS_EQUAL(spine_cursor_val_valid(a), spine_cursor_val_valid(b));
    if (!spine_cursor_val_valid(a))
        return true;
    HOLDS(model_cell_compare(schema->value.kind, spine_cursor_val(a),
                             spine_cursor_val(b)) == 0);
    HOLDS_EQUAL(spine_cursor_weight(a), spine_cursor_weight(b));
    return true;
}

/* One cursor seeks by predicate, the other by cell. */
static void
seek_both(struct rng *rng, struct generator *generator, struct spine_cursor *by_predicate,
          struct spine_cursor *by_cell)
{
    uint8_t scratch[64];
    const bool values = rng_chance(rng, 50) && spine_cursor_key_valid(by_cell);
    struct predicate_bound bound = {.backward = rng_chance(rng, 50)};

    bound.kind = values ? generator->schema.value.kind : generator->schema.key.kind;
    bound.cell = values ? generate_value_near(generator, scratch)
                        : generate_key_near(generator, scratch);
    if (values && bound.backward) {
        spine_cursor_seek_val_with_reverse(by_predicate, is_beyond, &bound);
        spine_cursor_seek_val_reverse(by_cell, bound.cell);
    } else if (values) {
        spine_cursor_seek_val_with(by_predicate, is_beyond, &bound);
        spine_cursor_seek_val(by_cell, bound.cell);
    } else if (bound.backward) {
        spine_cursor_seek_key_with_reverse(by_predicate, is_beyond, &bound);
        spine_cursor_seek_key_reverse(by_cell, bound.cell);
    } else {
        spine_cursor_seek_key_with(by_predicate, is_beyond, &bound);
        spine_cursor_seek_key(by_cell, bound.cell);
    }
}

static void
move_both(struct rng *rng, struct generator *generator, struct spine_cursor *a,
          struct spine_cursor *b)
{
    const union spine_datum key = generate_key(generator);

    switch (rng_below(rng, 6)) {
    case 0:
        spine_cursor_rewind(a);
        spine_cursor_rewind(b);
        break;
    case 1:
        spine_cursor_fast_forward(a);
        spine_cursor_fast_forward(b);
        break;
    case 2:
        (void)spine_cursor_seek_key_exact(a, key);
        (void)spine_cursor_seek_key_exact(b, key);
        break;
    case 3:
        if (spine_cursor_key_valid(a) && spine_cursor_key_valid(b)) {
            spine_cursor_fast_forward_vals(a);
            spine_cursor_fast_forward_vals(b);
        }
        break;
    default:
        seek_both(rng, generator, a, b);
        break;
    }
}

static bool
predicates_and_clones(struct rng *rng, size_t steps)
{
    struct spine_cursor *cursors[2];
    struct sides world;

    HOLDS(sides_init(&world, rng, NULL));
    for (unsigned i = 0; i < 2; i++)
        HOLDS_OK(spine_snapshot_cursor(world.snapshots[0], &cursors[i], NULL));
    for (size_t i = 0; i < steps; i++) {
        move_both(rng, &world.generator, cursors[0], cursors[1]);
        HOLDS(same_position(cursors[0], cursors[1], &world.schema));
        if (rng_chance(rng, 10)) {
            struct spine_cursor *clone;

            HOLDS_OK(spine_cursor_clone(cursors[0], &clone, NULL));
            HOLDS(same_position(clone, cursors[1], &world.schema));
            spine_cursor_close(cursors[0]);
            cursors[0] = clone;
        }
    }
    HOLDS(check_walk(cursors[0], &world.rows[0], &world.generator, 20));
    for (unsigned i = 0; i < 2; i++)
        spine_cursor_close(cursors[i]);
    sides_release(&world);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

/* The group of a key through a time, from the definition. */
static void
model_group(const struct model *rows, union spine_datum key, uint64_t through,
            struct model *group)
{
    for (size_t i = 0; i < rows->count; i++) {
        const struct model_row *row = &rows->rows[i];
        struct model_row member = *row;

        if (model_cell_compare(rows->schema.key.kind, row->key, key) != 0 ||
            !spine_time_less_equal(rows->schema.time, row->time, through))
            continue;
        member.key = row->value;
        model_add(group, &member);
    }
    model_consolidate(group);
}

static bool
groups_and_times(struct rng *rng, size_t steps)
{
    struct spine_cursor *cursor;
    struct sides world;

    HOLDS(sides_init(&world, rng, NULL));
    HOLDS_OK(spine_snapshot_cursor(world.snapshots[0], &cursor, NULL));
    for (size_t i = 0; i < steps && spine_cursor_key_valid(cursor); i++) {
        const struct spine_schema schema = {.key = world.schema.value,
                                            .weight_count = world.schema.weight_count};
        const uint64_t through = generate_time(&world.generator);
        struct spine_cursor *group;
        struct generator generator;
        struct model expected;

        model_init(&expected, &schema);
        generator_init(&generator, rng, &schema, NULL);
        model_group(&world.rows[0], spine_cursor_key(cursor), through, &expected);
        HOLDS_OK(spine_cursor_group(cursor, through, &group, NULL));
        HOLDS(check_cursor(group, &expected, "group"));
        HOLDS(check_walk(group, &expected, &generator, 50));
        spine_cursor_close(group);
        generator_release(&generator);
        model_release(&expected);
        spine_cursor_step_key(cursor);
    }
    HOLDS_OK(spine_cursor_status(cursor));
    spine_cursor_close(cursor);
    sides_release(&world);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

/* The row (key, value) with weight 1 and whatever `plain` has after the key are read. */
static bool
read_on(struct spine_cursor *cursor, struct spine_cursor *plain, struct rng *rng,
        const struct model_row *absent, const struct spine_schema *schema)
{
    struct buffers buffers;
    struct model expected, read;
    size_t rows;

    model_init(&expected, schema);
    model_init(&read, schema);
    /* Untimed: any room; otherwise more than a value has times. */
    buffers_init(&buffers, schema, 2000, 256);
    if (schema->time == SPINE_UNTIMED)
        buffers.view.rows = 1 + rng_magnitude(rng, 1999);
    rows = spine_cursor_read(cursor, &buffers.view);
    HOLDS(rows > 0);
    buffers_rows(&buffers, rows, &read);
    model_add(&expected, absent);
    spine_cursor_rewind(plain);
    spine_cursor_seek_key(plain, absent->key);
    buffers.view.rows = rows - 1;
    if (rows > 1)
        HOLDS_EQUAL(rows - 1, spine_cursor_read(plain, &buffers.view));
    buffers_rows(&buffers, rows - 1, &expected);
    HOLDS(model_equal(&expected, &read, "the default and what follows"));
    buffers_release(&buffers);
    model_release(&expected);
    model_release(&read);
    HOLDS(same_position(cursor, plain, schema));
    if (spine_cursor_key_valid(cursor)) {
        spine_cursor_step_key_reverse(cursor);
        spine_cursor_step_key_reverse(plain);
    }
    return same_position(cursor, plain, schema);
}

/* Absent keys show the default, and moves from there go where moves from that key go; so
 * do keys out of bounds. */
static bool
defaults(struct rng *rng, size_t steps)
{
    struct spine_cursor *cursor, *plain;
    union spine_datum value;
    struct sides world;
    uint8_t scratch[64], upper_scratch[64];

    HOLDS(sides_init(&world, rng, NULL));
    HOLDS_OK(spine_snapshot_cursor(world.snapshots[0], &cursor, NULL));
    HOLDS_OK(spine_snapshot_cursor(world.snapshots[0], &plain, NULL));
    value = generate_value(&world.generator);
    spine_cursor_set_default(cursor, value);
    if (rng_chance(rng, 50)) {
        const union spine_datum lower = generate_key_near(&world.generator, scratch);
        const union spine_datum upper =
            generate_key_near(&world.generator, upper_scratch);

        spine_cursor_set_bounds(cursor, &lower, &upper);
        spine_cursor_set_bounds(plain, &lower, &upper);
    }
    for (size_t i = 0; i < steps; i++) {
        const union spine_datum key = generate_key_near(&world.generator, scratch);
        const bool found = spine_cursor_seek_key_exact(plain, key);

        HOLDS(spine_cursor_seek_key_exact(cursor, key));
        if (found) {
            HOLDS(same_position(cursor, plain, &world.schema));
            continue;
        }
        HOLDS(model_cell_compare(world.schema.key.kind, spine_cursor_key(cursor), key) ==
              0);
        HOLDS(model_cell_compare(world.schema.value.kind, spine_cursor_val(cursor),
                                 value) == 0);
        HOLDS_EQUAL(1, spine_cursor_weight(cursor));
        spine_cursor_step_val(cursor);
        HOLDS(!spine_cursor_val_valid(cursor));
        spine_cursor_rewind_vals(cursor);
        HOLDS(spine_cursor_val_valid(cursor));
        if (rng_chance(rng, 30)) {
            const struct model_row absent = {
                .key = key, .value = value, .weights = {1, 1, 1, 1, 1, 1, 1, 1}};

            HOLDS(read_on(cursor, plain, rng, &absent, &world.schema));
            continue;
        }
        if (rng_chance(rng, 50)) {
            spine_cursor_rewind(plain);
            spine_cursor_seek_key(plain, key);
            spine_cursor_step_key(cursor);
        } else {
            spine_cursor_fast_forward(plain);
            spine_cursor_seek_key_reverse(plain, key);
            spine_cursor_step_key_reverse(cursor);
        }
        HOLDS(same_position(cursor, plain, &world.schema));
    }
    spine_cursor_close(cursor);
    spine_cursor_close(plain);
    sides_release(&world);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

static void
test_walk_over_sources(void **state)
{
    const struct property law = {"test_walk_over_sources", walk_over_sources, 200, 300};

    (void)state;
    assert_true(property_holds(&law));
}

static void
test_walk_within_bounds(void **state)
{
    const struct property law = {"test_walk_within_bounds", walk_within_bounds, 150, 400};

    (void)state;
    assert_true(property_holds(&law));
}

static void
test_predicates_and_clones(void **state)
{
    const struct property law = {"test_predicates_and_clones", predicates_and_clones, 300,
                                 300};

    (void)state;
    assert_true(property_holds(&law));
}

static void
test_groups_and_times(void **state)
{
    const struct property law = {"test_groups_and_times", groups_and_times, 150, 10};

    (void)state;
    assert_true(property_holds(&law));
}

static void
test_defaults(void **state)
{
    const struct property law = {"test_defaults", defaults, 200, 100};

    (void)state;
    assert_true(property_holds(&law));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk_over_sources),
        cmocka_unit_test(test_walk_within_bounds),
        cmocka_unit_test(test_predicates_and_clones),
        cmocka_unit_test(test_groups_and_times),
        cmocka_unit_test(test_defaults),
    };

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
