/* SPDX-License-Identifier: MIT */

/*
 * Queues, windows, ascending and scattered keys on top of a large batch: whatever merges
 * with what, and however little of it is read, the rows are the model's; also while a
 * frontier moves, and but for those that the filters of the spine reject.
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

/* What the spine retains. Each key has one value, so that the last kind keeps all. */
enum filters { NONE, KEYS, VALUES, TOP_VALUES, FILTERS };

/* Numbers from `begin` to before `end` are live where nothing else was done to them. */
struct world {
    struct rng *rng;
    struct spine_schema schema;
    struct spine_runtime *runtime;
    struct spine *spine;
    struct model model;
    uint64_t begin;
    uint64_t end;
    enum filters filters;
    /* Of batches that come in; what the frontier is. */
    uint32_t clock;
    uint64_t frontier;
};

static uint64_t
number_of(union spine_datum datum, enum spine_kind kind)
{
    uint64_t number = 0;

    if (kind != SPINE_BYTES)
        return kind == SPINE_U32 ? datum.u32 : datum.u64;
    for (int i = 0; i < 8; i++)
        number = number << 8 | ((const uint8_t *)datum.bytes.data)[i];
    return number;
}

static bool
keeps_key(void *context, union spine_datum key)
{
    const struct world *world = context;

    return number_of(key, world->schema.key.kind) % 5 != 0;
}

static bool
keeps_value(void *context, union spine_datum key, union spine_datum value)
{
    const struct world *world = context;

    (void)key;
    return number_of(value, world->schema.value.kind) != 3;
}

static bool
set_filters(struct world *world)
{
    const struct spine_key_filter keys = {.context = world, .on_key = keeps_key};
    const struct spine_value_filter values = {
        .context = world,
        .on_value = keeps_value,
        .retain = world->filters == TOP_VALUES ? SPINE_RETAIN_TOP : SPINE_RETAIN_SIMPLE,
        .count = 1};

    if (world->filters == KEYS)
        HOLDS_OK(spine_retain_keys(world->spine, &keys, NULL));
    if (world->filters == VALUES || world->filters == TOP_VALUES)
        HOLDS_OK(spine_retain_values(world->spine, &values, NULL));
    return true;
}

/* As a reader at the frontier sees it that does not look at rejected rows. */
static void
reduce(struct world *world, struct model *model)
{
    size_t count = 0;

    for (size_t i = 0; i < model->count; i++) {
        const struct model_row row = model->rows[i];

        if ((world->filters != KEYS || keeps_key(world, row.key)) &&
            (world->filters != VALUES || keeps_value(world, row.key, row.value)))
            model->rows[count++] = row;
    }
    model->count = count;
    if (world->schema.time != SPINE_UNTIMED)
        model_advance(model, world->frontier);
    model_consolidate(model);
}

static bool
check(struct world *world, const char *what)
{
    struct spine_cursor *cursor;
    struct model expected, observed;
    bool same;

    HOLDS_OK(spine_cursor_open(world->spine, &cursor, NULL));
    model_init(&expected, &world->schema);
    model_init(&observed, &world->schema);
    model_copy(&expected, &world->model);
    same = observe_forward(cursor, &observed);
    reduce(world, &expected);
    reduce(world, &observed);
    same = same && model_equal(&expected, &observed, what);
    model_release(&expected);
    model_release(&observed);
    spine_cursor_close(cursor);
    return same;
}

/* A time that is not long past. */
static uint64_t
draw_time(const struct world *world)
{
    const uint32_t past =
        (uint32_t)rng_below(world->rng, world->clock < 3 ? world->clock + 1 : 4);

    if (world->schema.time == SPINE_TIME_PAIR)
        return spine_time_pair(world->clock - past, (uint32_t)rng_below(world->rng, 3));
    return world->clock - past;
}

static bool
move_frontier(struct world *world)
{
    const uint32_t lag =
        (uint32_t)rng_below(world->rng, world->clock < 9 ? world->clock + 1 : 10);
    const uint32_t most = world->clock - lag;
    const bool is_pair = world->schema.time == SPINE_TIME_PAIR;
    const uint64_t frontier = is_pair ? spine_time_pair(most, 1) : most;

    if (world->schema.time == SPINE_UNTIMED || frontier <= world->frontier)
        return true;
    world->frontier = frontier;
    HOLDS_OK(spine_set_frontier(world->spine, frontier, NULL));
    return true;
}

/* Adds a row to the next batch. Bytes are big-endian, so that they have the order of
 * numbers, with something behind them. */
static void
add(struct world *world, struct model *part, uint64_t number, int64_t weight)
{
    uint8_t bytes[11] = "........row";
    struct model_row row = {.key = spine_u64(number),
                            .value = spine_u64(number % 7),
                            .time = draw_time(world),
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

/* Keys are words. */
static void
seek_number(const struct world *world, struct spine_cursor *cursor, uint64_t number)
{
    if (world->schema.key.kind == SPINE_U32)
        spine_cursor_seek_key(cursor, spine_u32((uint32_t)number));
    else
        spine_cursor_seek_key(cursor, spine_u64(number));
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
        seek_number(world, cursor, rng_below(rng, world->end));
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
        {.key = {SPINE_U32, 0}, .value = {SPINE_U32, 0}, .time = SPINE_TIME_PAIR},
        {.key = {SPINE_BYTES, 0}, .value = {SPINE_U64, 0}, .time = SPINE_TIME_U64},
    };
    const struct spine_options options = {
        .level0_rows = (uint32_t)rng_magnitude(rng, 2000),
        .only_due_merges = rng_chance(rng, 30),
        .encode_rows = rng_chance(rng, 30) ? UINT32_MAX : 0,
        .negative_weight_multiplier = rng_chance(rng, 30) ? 10 : 0,
    };
    struct world world = {
        .rng = rng, .schema = schemas[rng_index(rng, 6)], .begin = 1000, .end = 1000};
    struct spine_stats stats;

    model_init(&world.model, &world.schema);
    HOLDS_OK(spine_runtime_open(&manual, &world.runtime, NULL));
    HOLDS_OK(spine_open(world.runtime, &world.schema, &options, &world.spine, NULL));
    if (rng_chance(rng, 50) && world.schema.value.kind != SPINE_NONE)
        world.filters = (enum filters)rng_index(rng, FILTERS);
    HOLDS(set_filters(&world));
    HOLDS(insert(&world, 20000 + rng_index(rng, 20000), true));
    for (size_t i = 0; i < steps; i++) {
        world.clock += rng_chance(rng, 70);
        if (rng_chance(rng, 30))
            HOLDS(move_frontier(&world));
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
    HOLDS(check(&world, "under way"));
    while (spine_runtime_run(world.runtime, UINT64_MAX) > 0)
        continue;
    HOLDS_OK(spine_check(world.spine, NULL));
    HOLDS(check(&world, "at rest"));
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
