/* SPDX-License-Identifier: MIT */

/*
 * The law of queues: while rows are taken from the front and others come in anywhere,
 * readers of all moments see the rows of the model, whatever earlier readers have skipped
 * for them.
 */

#include "core.h"
#include "harness/check.h"
#include "harness/fault_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* More than a reader must skip to tell of it. */
#define POPPED_ROWS_MAX 2500u
#define PUSHED_ROWS_MAX 5000u
#define KEPT 3u

/* A snapshot, and what it has. */
struct kept {
    struct spine_snapshot *snapshot;
    struct model rows;
};

struct world {
    struct spine_schema schema;
    struct generator generator;
    struct spine_runtime *runtime;
    struct spine *spine;
    struct model live;
    struct kept kept[KEPT];
};

/* Readers that had a floor. */
static unsigned floors;

static bool
world_init(struct world *world, struct rng *rng)
{
    const struct generate_options options = {.keys = 1500 + rng_index(rng, 6000),
                                             .values = rng_magnitude(rng, 4),
                                             .bytes_max = 24,
                                             .weight_max = 3,
                                             .cancel_percent = 0};
    const struct spine_runtime_options manual = {.manual = true};

    generate_schema(rng, &world->schema);
    generator_init(&world->generator, rng, &world->schema, &options);
    model_init(&world->live, &world->schema);
    for (size_t i = 0; i < KEPT; i++) {
        world->kept[i].snapshot = NULL;
        model_init(&world->kept[i].rows, &world->schema);
    }
    HOLDS_OK(spine_runtime_open(&manual, &world->runtime, NULL));
    HOLDS_OK(spine_open(world->runtime, &world->schema, NULL, &world->spine, NULL));
    return true;
}

static void
world_release(struct world *world)
{
    for (size_t i = 0; i < KEPT; i++) {
        spine_snapshot_unref(world->kept[i].snapshot);
        model_release(&world->kept[i].rows);
    }
    spine_close(world->spine);
    spine_runtime_close(world->runtime);
    model_release(&world->live);
    generator_release(&world->generator);
}

/* Some rows, anywhere or not. */
static bool
push(struct world *world, struct rng *rng)
{
    struct spine_batch *batch;
    struct model rows;

    generator_narrow(&world->generator);
    model_init(&rows, &world->schema);
    generate_rows(&world->generator, rng_magnitude(rng, PUSHED_ROWS_MAX), &rows);
    model_add_rows(&world->live, rows.rows, rows.count);
    model_consolidate(&world->live);
    batch = batch_of_rows(&rows);
    HOLDS_OK(spine_insert(world->spine, batch, NULL));
    spine_batch_unref(batch);
    model_release(&rows);
    return true;
}

/* The first rows go. */
static bool
pop(struct world *world, struct rng *rng)
{
    const size_t most = rng_magnitude(rng, POPPED_ROWS_MAX);
    const size_t count = most < world->live.count ? most : world->live.count;
    struct spine_batch *batch;
    struct model rows;

    model_init(&rows, &world->schema);
    for (size_t i = 0; i < count; i++)
        model_add_times(&rows, &world->live.rows[i], -1);
    model_add_rows(&world->live, rows.rows, rows.count);
    model_consolidate(&world->live);
    batch = batch_of_rows(&rows);
    HOLDS_OK(spine_insert(world->spine, batch, NULL));
    spine_batch_unref(batch);
    model_release(&rows);
    return true;
}

/* Looks for the first rows: what is skipped becomes known. */
static bool
look(struct world *world)
{
    struct spine_cursor *cursor;

    HOLDS_OK(spine_cursor_open(world->spine, &cursor, NULL));
    floors += world->spine->locked.floor != NULL;
    HOLDS(check_walk(cursor, &world->live, &world->generator, 4));
    spine_cursor_close(cursor);
    return true;
}

static bool
keep(struct world *world, struct rng *rng)
{
    struct kept *kept = &world->kept[rng_index(rng, KEPT)];

    if (kept->snapshot != NULL)
        HOLDS(check_snapshot(kept->snapshot, &kept->rows, "a snapshot that was kept"));
    spine_snapshot_unref(kept->snapshot);
    model_release(&kept->rows);
    model_init(&kept->rows, &world->schema);
    model_copy(&kept->rows, &world->live);
    HOLDS_OK(spine_take_snapshot(world->spine, &kept->snapshot, NULL));
    return true;
}

/* An old snapshot is read: nothing of it is true for the spine. */
static bool
look_back(struct world *world, struct rng *rng)
{
    struct kept *kept = &world->kept[rng_index(rng, KEPT)];
    struct spine_cursor *cursor;

    if (kept->snapshot == NULL)
        return true;
    HOLDS_OK(spine_snapshot_cursor(kept->snapshot, &cursor, NULL));
    HOLDS(check_walk(cursor, &kept->rows, &world->generator, 6));
    spine_cursor_close(cursor);
    return true;
}

/* Through a time rows are hidden, or added up to nothing, which others may see. */
static bool
look_through(struct world *world, struct rng *rng)
{
    const uint64_t time = generate_time(&world->generator);
    struct spine_cursor *cursor;
    struct model rows;

    (void)rng;
    if (world->schema.time == SPINE_UNTIMED)
        return true;
    model_init(&rows, &world->schema);
    model_copy(&rows, &world->live);
    model_through(&rows, time);
    HOLDS_OK(spine_cursor_open(world->spine, &cursor, NULL));
    spine_cursor_set_through(cursor, time);
    HOLDS(check_walk(cursor, &rows, &world->generator, 4));
    spine_cursor_close(cursor);
    model_release(&rows);
    return true;
}

static bool
step(struct world *world, struct rng *rng)
{
    const size_t choice = rng_index(rng, 100);

    if (choice < 15)
        return push(world, rng);
    if (choice < 45)
        return pop(world, rng);
    if (choice < 65)
        return look(world);
    if (choice < 75)
        return keep(world, rng);
    if (choice < 80)
        return look_back(world, rng);
    if (choice < 85)
        return look_through(world, rng);
    (void)spine_runtime_run(world->runtime, rng_magnitude(rng, 100000));
    return true;
}

static bool
queues(struct rng *rng, size_t steps)
{
    struct world world;

    HOLDS(world_init(&world, rng));
    for (size_t i = 0; i < 3; i++)
        HOLDS(push(&world, rng));
    for (size_t i = 0; i < steps; i++)
        HOLDS(step(&world, rng));
    HOLDS(check_spine(world.spine, &world.live, "the spine at last"));
    HOLDS_OK(spine_check(world.spine, NULL));
    world_release(&world);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

static void
test_queues(void **state)
{
    const struct property law = {"test_queues", queues, 100, 60};

    (void)state;
    assert_true(property_holds(&law));
    printf("%u readers began at a floor\n", floors);
    assert_true(floors > 0);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_queues)};

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
