/* SPDX-License-Identifier: MIT */
#include "harness/check.h"
#include "harness/fault_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define BATCHES_MAX 20u

/* A sum of random batches, and the batches. */
struct world {
    struct spine_schema schema;
    struct generator generator;
    struct model expected;
    /* The last two may take each other back. */
    struct spine_batch *batches[BATCHES_MAX + 2];
    size_t batch_count;
};

/* Two more batches that are nothing together: more rows than any window holds. */
static void
add_cancelled(struct world *world, struct rng *rng)
{
    struct model parts[2];

    for (unsigned i = 0; i < 2; i++)
        model_init(&parts[i], &world->schema);
    generator_narrow(&world->generator);
    generate_cancelled(&world->generator, rng_magnitude(rng, 12000), &parts[0],
                       &parts[1]);
    for (unsigned i = 0; i < 2; i++) {
        world->batches[world->batch_count++] = batch_of_rows(&parts[i]);
        model_release(&parts[i]);
    }
}

static void
world_init(struct world *world, struct rng *rng, size_t batches_max, size_t rows_max)
{
    struct model rows;

    generate_schema(rng, &world->schema);
    generator_init(&world->generator, rng, &world->schema, NULL);
    model_init(&world->expected, &world->schema);
    model_init(&rows, &world->schema);
    world->batch_count = rng_magnitude(rng, batches_max);
    for (size_t i = 0; i < world->batch_count; i++) {
        rows.count = 0;
        if (rng_chance(rng, 40))
            generator_narrow(&world->generator);
        generate_rows(&world->generator, rng_magnitude(rng, rows_max), &rows);
        world->batches[i] = batch_of_rows(&rows);
        model_add_rows(&world->expected, rows.rows, rows.count);
    }
    if (batches_max > 1 && rng_chance(rng, 20))
        add_cancelled(world, rng);
    model_consolidate(&world->expected);
    model_release(&rows);
    /* Cursors are asked for all keys. */
    world->generator.key_begin = 0;
    world->generator.key_end = world->generator.options.keys;
}

static void
world_release(struct world *world)
{
    for (size_t i = 0; i < world->batch_count; i++)
        spine_batch_unref(world->batches[i]);
    model_release(&world->expected);
    generator_release(&world->generator);
}

static bool
walk_over_batch(struct rng *rng, size_t steps)
{
    struct world world;
    struct spine_cursor *cursor;

    world_init(&world, rng, 1, rng_chance(rng, 3) ? 30000 : 1000);
    HOLDS_OK(spine_batch_cursor(world.batches[0], &cursor, NULL));
    HOLDS(check_walk(cursor, &world.expected, &world.generator, steps));
    world_release(&world);
    spine_cursor_close(cursor);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

static bool
walk_over_batches(struct rng *rng, size_t steps)
{
    struct world world;
    struct spine_snapshot *snapshot;
    struct spine_cursor *cursor;

    world_init(&world, rng, BATCHES_MAX, rng_chance(rng, 3) ? 15000 : 300);
    HOLDS_OK(spine_snapshot_of_batches(&world.schema, world.batches, world.batch_count,
                                       &snapshot, NULL));
    HOLDS_OK(spine_snapshot_cursor(snapshot, &cursor, NULL));
    spine_snapshot_unref(snapshot);
    HOLDS(check_walk(cursor, &world.expected, &world.generator, steps));
    world_release(&world);
    spine_cursor_close(cursor);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

/* The spine is somewhere in the middle of its merges, and goes on during the walk. */
static bool
walk_over_spine(struct rng *rng, size_t steps)
{
    const struct spine_runtime_options manual = {.manual = true};
    const struct spine_options options = {
        .level0_rows = (uint32_t)rng_magnitude(rng, 1000),
    };
    struct world world;
    struct spine_runtime *runtime;
    struct spine_cursor *cursor;
    struct spine *spine;

    world_init(&world, rng, BATCHES_MAX, 300);
    HOLDS_OK(spine_runtime_open(&manual, &runtime, NULL));
    HOLDS_OK(spine_open(runtime, &world.schema, &options, &spine, NULL));
    for (size_t i = 0; i < world.batch_count; i++) {
        HOLDS_OK(spine_insert(spine, world.batches[i], NULL));
        (void)spine_runtime_run(runtime, rng_magnitude(rng, 500));
    }
    HOLDS_OK(spine_cursor_open(spine, &cursor, NULL));
    HOLDS(check_walk(cursor, &world.expected, &world.generator, steps / 2));
    (void)spine_runtime_run(runtime, UINT64_MAX);
    HOLDS(check_walk(cursor, &world.expected, &world.generator, steps / 2));
    spine_close(spine);
    spine_runtime_close(runtime);
    HOLDS(check_cursor(cursor, &world.expected, "after close"));
    world_release(&world);
    spine_cursor_close(cursor);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

/* Every exact seek answers what the model knows, ascending, descending and at random. */
static bool
exact_seeks(struct rng *rng, size_t steps)
{
    struct world world;
    struct model_cursor model;
    struct spine_snapshot *snapshot;
    struct spine_cursor *cursor;
    uint8_t scratch[64];

    world_init(&world, rng, BATCHES_MAX, 300);
    HOLDS_OK(spine_snapshot_of_batches(&world.schema, world.batches, world.batch_count,
                                       &snapshot, NULL));
    HOLDS_OK(spine_snapshot_cursor(snapshot, &cursor, NULL));
    for (size_t i = 0; i < world.expected.count; i++) {
        HOLDS(spine_cursor_seek_key_exact(cursor, world.expected.rows[i].key));
        HOLDS(spine_cursor_val_valid(cursor));
    }
    for (size_t i = world.expected.count; i-- > 0;)
        HOLDS(spine_cursor_seek_key_exact(cursor, world.expected.rows[i].key));
    model_cursor_init(&model, &world.expected);
    for (size_t i = 0; i < steps; i++) {
        const union spine_datum key = generate_key_near(&world.generator, scratch);
        HOLDS_EQUAL(model_cursor_seek_key_exact(&model, key),
                    spine_cursor_seek_key_exact(cursor, key));
    }
    HOLDS_OK(spine_cursor_status(cursor));
    world_release(&world);
    spine_cursor_close(cursor);
    spine_snapshot_unref(snapshot);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

static void
test_walk_over_batch(void **state)
{
    const struct property law = {"test_walk_over_batch", walk_over_batch, 300, 1000};

    (void)state;
    assert_true(property_holds(&law));
}

static void
test_walk_over_batches(void **state)
{
    const struct property law = {"test_walk_over_batches", walk_over_batches, 300, 1000};

    (void)state;
    assert_true(property_holds(&law));
}

static void
test_walk_over_spine(void **state)
{
    const struct property law = {"test_walk_over_spine", walk_over_spine, 100, 1000};

    (void)state;
    assert_true(property_holds(&law));
}

static void
test_exact_seeks(void **state)
{
    const struct property law = {"test_exact_seeks", exact_seeks, 100, 300};

    (void)state;
    assert_true(property_holds(&law));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk_over_batch),
        cmocka_unit_test(test_walk_over_batches),
        cmocka_unit_test(test_walk_over_spine),
        cmocka_unit_test(test_exact_seeks),
    };

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
