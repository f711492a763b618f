/* SPDX-License-Identifier: MIT */

/*
 * The laws hold while allocations and pins fail, once or from some point on: whatever a
 * cursor, a probe or a merge gives until then is right, it says what it stumbled over,
 * and stays there; afterwards others find everything.
 */

#include "harness/check.h"
#include "harness/elsewhere.h"
#include "harness/fault.h"
#include "harness/transcript.h"
#include "spine/probe.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BATCHES_MAX 8u

struct world {
    struct spine_schema schema;
    struct generator generator;
    struct model rows;
    struct spine_runtime *runtime;
    struct spine *spine;
    struct spine_snapshot *snapshot;
    struct spine_error error;
};

static bool
world_init(struct world *world, struct rng *rng, size_t rows_max)
{
    const struct spine_runtime_options manual = {.manual = true};
    const struct spine_options options = {.retry_ms = 1,
                                          .filter_rows_min = rng_chance(rng, 50) ? 1 : 0,
                                          .encode_rows = rng_chance(rng, 50) ? 1 : 0};
    const size_t batches = 1 + rng_index(rng, BATCHES_MAX);

    *world = (struct world){0};
    generate_schema(rng, &world->schema);
    generator_init(&world->generator, rng, &world->schema, NULL);
    model_init(&world->rows, &world->schema);
    HOLDS_OK(spine_runtime_open(&manual, &world->runtime, NULL));
    HOLDS_OK(spine_open(world->runtime, &world->schema, &options, &world->spine, NULL));
    for (size_t i = 0; i < batches; i++) {
        struct spine_batch *batch;
        struct model rows;

        model_init(&rows, &world->schema);
        if (rng_chance(rng, 40))
            generator_narrow(&world->generator);
        generate_rows(&world->generator, rng_magnitude(rng, rows_max), &rows);
        model_add_rows(&world->rows, rows.rows, rows.count);
        batch = batch_of_rows(&rows);
        model_release(&rows);
        HOLDS_OK(spine_insert(world->spine, batch, NULL));
        spine_batch_unref(batch);
        (void)spine_runtime_run(world->runtime, rng_magnitude(rng, 500));
    }
    model_consolidate(&world->rows);
    world->generator.key_begin = 0;
    world->generator.key_end = world->generator.options.keys;
    HOLDS_OK(spine_take_snapshot(world->spine, &world->snapshot, NULL));
    return true;
}

/* Everything is there. */
static bool
world_end(struct world *world)
{
    HOLDS(check_snapshot(world->snapshot, &world->rows, "after the trouble"));
    HOLDS_OK(spine_check(world->spine, NULL));
    spine_snapshot_unref(world->snapshot);
    spine_close(world->spine);
    spine_runtime_close(world->runtime);
    model_release(&world->rows);
    generator_release(&world->generator);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    HOLDS_EQUAL(0, elsewhere_pinned());
    return true;
}

/* A point from now on fails, by any kind of fault. */
static void
make_trouble(struct rng *rng, uint64_t points_max)
{
    fault_use(rng_index(rng, fault_kinds()));
    fault_arm(rng_chance(rng, 50) ? FAULT_ONCE : FAULT_FOREVER,
              1 + rng_magnitude(rng, points_max));
}

static bool
walk_in_trouble(struct rng *rng, size_t steps)
{
    struct world world;

    HOLDS(world_init(&world, rng, rng_chance(rng, 10) ? 3000 : 200));
    for (unsigned walk = 0; walk < 10; walk++) {
        struct spine_cursor *cursor;
        enum spine_status st;

        HOLDS_OK(spine_snapshot_cursor(world.snapshot, &cursor, NULL));
        make_trouble(rng, 300);
        HOLDS(check_walk(cursor, &world.rows, &world.generator, steps));
        st = spine_cursor_status(cursor);
        fault_disarm();
        if (st != SPINE_OK) {
            spine_cursor_rewind(cursor);
            HOLDS_STATUS(st, spine_cursor_error(cursor, &world.error));
            HOLDS(fault_explains(st, &world.error));
        }
        spine_cursor_close(cursor);
    }
    return world_end(&world);
}

/* The keys of the rows, each once, and some that are not there. */
static void
draw_keys(struct world *world, struct rng *rng, struct model *keys)
{
    uint8_t scratch[64];

    for (unsigned i = 0; i < 100; i++) {
        const struct model_row row = {
            .key = rng_chance(rng, 60) ? generate_key(&world->generator)
                                       : generate_key_near(&world->generator, scratch),
            .weights = {1}};

        model_add(keys, &row);
    }
    model_consolidate(keys);
    model_keep_keys(keys);
}

static enum spine_status
probe_all(struct world *world, struct spine_probe *probe,
          const struct spine_columns *keys, const struct spine_probe_options *options,
          struct transcript *out)
{
    const size_t width = world->rows.weight_count;
    struct spine_probe_rows rows;
    enum spine_status st =
        spine_snapshot_probe(world->snapshot, probe, keys, options, &rows, &world->error);

    while (st == SPINE_OK) {
        for (size_t i = 0; i < rows.keys; i++)
            transcript_note(out, rows.ends[i]);
        for (size_t i = 0; options->want == SPINE_PROBE_ROWS && i < rows.columns.rows;
             i++) {
            transcript_note_cell(out, world->schema.value.kind,
                                 column_cell(&world->schema.value, rows.columns.values,
                                             rows.columns.value_offsets, i));
            transcript_note_bytes(out, rows.columns.weights + i * width,
                                  width * sizeof(int64_t));
        }
        if (!rows.more)
            break;
        st = spine_probe_next(probe, &rows, &world->error);
    }
    return st;
}

static bool
probe_in_trouble(struct rng *rng, size_t steps)
{
    struct spine_probe *probe;
    struct world world;

    HOLDS(world_init(&world, rng, rng_chance(rng, 10) ? 3000 : 400));
    HOLDS_OK(spine_probe_new(&probe, NULL));
    for (size_t i = 0; i < steps; i++) {
        const struct spine_probe_options options = {
            .want = rng_chance(rng, 20) ? SPINE_PROBE_COUNTS : SPINE_PROBE_ROWS,
            .rows_max = rng_chance(rng, 50) ? rng_magnitude(rng, 300) : 0,
            .has_through = rng_chance(rng, 40),
            .through = generate_time(&world.generator)};
        struct transcript whole = {0}, seen = {0};
        struct columns columns;
        struct model keys;
        enum spine_status st;

        model_init(&keys, &world.schema);
        draw_keys(&world, rng, &keys);
        columns_init(&columns, &keys);
        HOLDS_OK(probe_all(&world, probe, &columns.view, &options, &whole));
        make_trouble(rng, 100);
        st = probe_all(&world, probe, &columns.view, &options, &seen);
        HOLDS(st == SPINE_OK || fault_explains(st, &world.error));
        fault_disarm();
        HOLDS(transcript_agrees(&whole, &seen, st == SPINE_OK));
        seen.count = 0;
        HOLDS_OK(probe_all(&world, probe, &columns.view, &options, &seen));
        HOLDS(transcript_agrees(&whole, &seen, true));
        columns_release(&columns);
        model_release(&keys);
        transcript_release(&whole);
        transcript_release(&seen);
    }
    spine_probe_free(probe);
    return world_end(&world);
}

static bool
reject(void *context, union spine_datum key, union spine_datum value)
{
    (void)context;
    (void)key;
    (void)value;
    return false;
}

/* Everything of a fork, of which the filter lets `count` values of each key stay; in
 * trouble it is tried until it succeeds. */
static bool
consolidate(struct world *world, struct rng *rng, const struct spine_value_filter *filter,
            bool in_trouble, struct transcript *out)
{
    struct spine_batch *batch = NULL;
    struct spine_cursor *cursor;
    struct spine *fork;

    HOLDS_OK(spine_fork(world->spine, &fork, NULL));
    if (filter->count > 0)
        HOLDS_OK(spine_retain_values(fork, filter, NULL));
    for (unsigned tries = 0; in_trouble && tries < 3; tries++) {
        make_trouble(rng, 300);
        if (rng_chance(rng, 50))
            (void)spine_runtime_run(world->runtime, rng_magnitude(rng, 5000));
        const enum spine_status st = spine_consolidate(fork, NULL, &world->error);
        HOLDS(st == SPINE_OK || fault_explains(st, &world->error));
        fault_disarm();
        spine_retry(fork);
        HOLDS_OK(spine_check(fork, NULL));
        if (filter->count == 0)
            HOLDS(check_spine_quickly(fork, &world->rows, "after a failed merge"));
    }
    HOLDS_OK(spine_consolidate(fork, &batch, NULL));
    if (batch != NULL) {
        HOLDS_OK(spine_batch_cursor(batch, &cursor, NULL));
        for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor))
            for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor))
                transcript_note_position(out, &world->schema, cursor);
        HOLDS_OK(spine_cursor_status(cursor));
        spine_cursor_close(cursor);
        spine_batch_unref(batch);
    }
    spine_close(fork);
    return true;
}

static bool
merge_in_trouble(struct rng *rng, size_t steps)
{
    struct world world;

    HOLDS(world_init(&world, rng, rng_chance(rng, 10) ? 3000 : 400));
    for (size_t i = 0; i < steps; i++) {
        const struct spine_value_filter filter = {
            .name = "reject",
            .on_value = reject,
            .retain = (enum spine_retain)rng_below(rng, 4),
            .count = rng_magnitude(rng, 40)};
        struct transcript whole = {0}, seen = {0};

        HOLDS(consolidate(&world, rng, &filter, false, &whole));
        HOLDS(consolidate(&world, rng, &filter, true, &seen));
        HOLDS(transcript_agrees(&whole, &seen, true));
        transcript_release(&whole);
        transcript_release(&seen);
    }
    return world_end(&world);
}

static void
test_walk_in_trouble(void **state)
{
    const struct property law = {"test_walk_in_trouble", walk_in_trouble, 150, 300};

    (void)state;
    assert_true(property_holds(&law));
}

static void
test_probe_in_trouble(void **state)
{
    const struct property law = {"test_probe_in_trouble", probe_in_trouble, 150, 12};

    (void)state;
    assert_true(property_holds(&law));
}

static void
test_merge_in_trouble(void **state)
{
    const struct property law = {"test_merge_in_trouble", merge_in_trouble, 150, 6};

    (void)state;
    assert_true(property_holds(&law));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk_in_trouble),
        cmocka_unit_test(test_probe_in_trouble),
        cmocka_unit_test(test_merge_in_trouble),
    };

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
