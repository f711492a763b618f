/* SPDX-License-Identifier: MIT */

/*
 * Queues, windows, ascending and scattered keys on top of a large batch: whatever merges
 * with what, and however little of it is read, the rows are the model's.
 */

#include "harness/check.h"
#include "harness/fault_alloc.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Merges that readers asked for, in all cases. */
static uint64_t skip_merges;

static const struct spine_runtime_options manual = {.manual = true};

/* Numbers from `begin` to before `end` are live where nothing else was done to them. */
struct world {
    struct rng *rng;
    struct spine_schema schema;
    struct spine_runtime *runtime;
    struct spine *spine;
    struct model model;
    uint64_t begin;
    uint64_t end;
};

/* Adds a row to the next batch. Bytes are big-endian, so that they have the order of
 * numbers, with something behind them. */
static void
add(struct world *world, struct model *part, uint64_t number, int64_t weight)
{
    uint8_t bytes[11] = "........row";
    struct model_row row = {.key.u64 = number,
                            .value.u64 = number % 7,
                            /* Equal rows have equal times. */
                            .time = number % 3,
                            .weights = {weight}};

    if (world->schema.key.kind == SPINE_BYTES) {
        for (int i = 0; i < 8; i++)
            bytes[i] = (uint8_t)(number >> (8 * (7 - i)));
        row.key.bytes.data = bytes;
        row.key.bytes.size = sizeof bytes - number % 3;
    }
    model_add(part, &row);
}

static void
fill(struct world *world, struct model *part, size_t rows)
{
    switch (rng_below(world->rng, 4)) {
    case 0: /* a queue */
        for (size_t i = 0; i < rows; i++) {
            if (world->begin < world->end)
                add(world, part, world->begin++, -1);
            add(world, part, world->end++, 1);
        }
        break;
    case 1: /* ascending */
        for (size_t i = 0; i < rows; i++)
            add(world, part, world->end++, 1);
        break;
    case 2: /* a stretch somewhere, there and back */
        for (uint64_t i = 0, at = rng_below(world->rng, world->end); i < rows; i++)
            add(world, part, at + i, rng_chance(world->rng, 50) ? 1 : -1);
        break;
    default: /* anywhere */
        for (size_t i = 0; i < rows; i++)
            add(world, part, rng_below(world->rng, world->end), 1);
    }
}

static bool
insert(struct world *world, size_t rows, bool first)
{
    struct spine_batch *batch;
    struct model part;

    model_init(&part, &world->schema);
    if (first)
        for (size_t i = 0; i < rows; i++)
            add(world, &part, world->end++, 1);
    else
        fill(world, &part, rows);
    batch = batch_of_rows(&part);
    HOLDS_OK(spine_insert(world->spine, batch, NULL));
    spine_batch_unref(batch);
    model_add_rows(&world->model, part.rows, part.count);
    model_release(&part);
    return true;
}

/* Reads some keys from an end, or from somewhere, and skips what cancels. */
static bool
read_some(struct world *world)
{
    struct rng *rng = world->rng;
    const bool backward = rng_chance(rng, 50);
    struct spine_cursor *cursor;

    HOLDS_OK(spine_cursor_open(world->spine, &cursor, NULL));
    if (backward)
        spine_cursor_fast_forward(cursor);
    else if (rng_chance(rng, 50) && world->schema.key.kind != SPINE_BYTES)
        spine_cursor_seek_key(cursor, spine_u64(rng_below(rng, world->end)));
    for (size_t i = 0; i < 3000 && spine_cursor_key_valid(cursor); i++)
        if (backward)
            spine_cursor_step_key_reverse(cursor);
        else
            spine_cursor_step_key(cursor);
    HOLDS_OK(spine_cursor_error(cursor, NULL));
    spine_cursor_close(cursor);
    return true;
}

static bool
content_is_that_of_the_model(struct rng *rng, size_t steps)
{
    static const struct spine_schema schemas[] = {
        {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}},
        {.key = {SPINE_U32, 0}},
        {.key = {SPINE_BYTES, 0}, .value = {SPINE_U32, 0}},
        {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}, .time = SPINE_TIME_U64},
    };
    const struct spine_options options = {
        .level0_rows = (uint32_t)rng_magnitude(rng, 2000),
        .only_due_merges = rng_chance(rng, 30),
        .encode_rows = rng_chance(rng, 30) ? UINT32_MAX : 0,
        .negative_weight_multiplier = rng_chance(rng, 30) ? 10 : 0,
    };
    struct world world = {
        .rng = rng, .schema = schemas[rng_index(rng, 4)], .begin = 1000, .end = 1000};
    struct spine_stats stats;

    model_init(&world.model, &world.schema);
    HOLDS_OK(spine_runtime_open(&manual, &world.runtime, NULL));
    HOLDS_OK(spine_open(world.runtime, &world.schema, &options, &world.spine, NULL));
    HOLDS(insert(&world, 20000 + rng_index(rng, 20000), true));
    for (size_t i = 0; i < steps; i++) {
        HOLDS(insert(&world, rng_magnitude(rng, 3000), false));
        if (rng_chance(rng, 80))
            (void)spine_runtime_run(world.runtime, rng_magnitude(rng, 60000));
        if (rng_chance(rng, 60))
            HOLDS(read_some(&world));
        if (rng_chance(rng, 3))
            HOLDS_OK(spine_compact(world.spine, NULL, NULL, NULL));
        if (rng_chance(rng, 10)) {
            spine_pause(world.spine);
            spine_resume(world.spine);
        }
    }
    model_consolidate(&world.model);
    HOLDS(check_spine_quickly(world.spine, &world.model, "under way"));
    while (spine_runtime_run(world.runtime, UINT64_MAX) > 0)
        continue;
    HOLDS_OK(spine_check(world.spine, NULL));
    HOLDS(check_spine_quickly(world.spine, &world.model, "at rest"));
    spine_get_stats(world.spine, &stats);
    HOLDS(stats.merge_rows_shared <= stats.merge_rows_out);
    skip_merges += stats.skip_merges;
    spine_close(world.spine);
    spine_runtime_close(world.runtime);
    model_release(&world.model);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

static void
test_content_is_that_of_the_model(void **state)
{
    const struct property law = {"test_content_is_that_of_the_model",
                                 content_is_that_of_the_model, 40, 60};

    (void)state;
    skip_merges = 0;
    assert_true(property_holds(&law));
    printf("%" PRIu64 " merges of what was skipped\n", skip_merges);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_content_is_that_of_the_model),
    };

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
