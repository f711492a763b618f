/* SPDX-License-Identifier: MIT */

/*
 * The law of rejected rows: while a filter moves, a spine holds about as many rejected
 * rows as needed ones at most, beside its small batches and, while merges are behind, the
 * two largest levels that merge. Rows are needed while their rank, a number that each row
 * has, is one that the filter keeps.
 */

#include "harness/property.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROWS_MAX 12000u
/* Batches of a smaller part of the largest are not looked at, nor is a spine that has
 * only batches of level 0. */
#define SMALL_PART 64u
#define LEVEL0_ROWS 14999u
/* With little fuel, so many looks in a row may find too many. */
#define BEHIND_MAX 4u
/* A scattered rank is a number of so many. */
#define RANKS 100u

/* What the ranks of rows are. Those of scattered keys say nothing of their order. */
enum motion { UP, DOWN, SCATTERED, MOTIONS };

struct world {
    struct rng *rng;
    enum motion motion;
    bool by_value;
    struct spine_schema schema;
    struct spine_runtime *runtime;
    struct spine *spine;
    /* Rows that came in, and how many of each scattered rank. */
    uint64_t rows;
    uint64_t rows_of[RANKS];
    /* Rows that a window keeps. */
    uint64_t window;
    /* Lower, scattered ranks are rejected. */
    uint64_t rank_min;
    uint64_t filters;
    uint64_t released;
    /* Looks in a row that found too many rejected rows. */
    unsigned behind;
    unsigned behind_max;
};

struct needed {
    struct world *world;
    enum motion motion;
    uint64_t bound;
};

static uint64_t
scatter(uint64_t number)
{
    number = (number ^ (number >> 31)) * UINT64_C(0x9E3779B97F4A7C15);
    return (number ^ (number >> 29)) * UINT64_C(0xBF58476D1CE4E5B9);
}

static uint64_t
rank_of(enum motion motion, uint64_t number)
{
    return motion == SCATTERED ? scatter(number) % RANKS : number;
}

static bool
is_needed(const struct needed *needed, uint64_t number)
{
    const uint64_t rank = rank_of(needed->motion, number);

    return needed->motion == DOWN ? rank <= needed->bound : rank >= needed->bound;
}

static bool
on_number(void *context, union spine_datum key)
{
    return is_needed(context, key.u64);
}

static bool
on_bytes(void *context, union spine_datum key)
{
    uint64_t number;

    memcpy(&number, key.bytes.data, sizeof number);
    return is_needed(context, __builtin_bswap64(number));
}

static bool
on_value(void *context, union spine_datum key, union spine_datum value)
{
    (void)key;
    return is_needed(context, value.u64);
}

static void
on_release(void *context)
{
    struct needed *needed = context;

    needed->world->released++;
    free(needed);
}

static bool
insert(struct world *world, size_t rows)
{
    static uint64_t keys[ROWS_MAX], values[ROWS_MAX], offsets[ROWS_MAX + 1];
    struct spine_columns columns = {.rows = rows, .keys = keys, .values = values};
    const bool bytes = world->schema.key.kind == SPINE_BYTES;
    struct spine_batch *batch;

    for (size_t i = 0; i < rows; i++, world->rows++) {
        const uint64_t number =
            world->motion == DOWN ? UINT32_MAX - world->rows : world->rows;

        values[i] = number;
        keys[i] =
            world->by_value || world->motion == SCATTERED ? scatter(number) : number;
        if (!world->by_value)
            values[i] = 0;
        world->rows_of[rank_of(SCATTERED, world->by_value ? values[i] : keys[i])]++;
        if (bytes)
            keys[i] = __builtin_bswap64(keys[i]);
        offsets[i + 1] = 8 * (i + 1);
    }
    if (bytes)
        columns.key_offsets = offsets;
    HOLDS_OK(spine_batch_from_columns(&world->schema, &columns, &batch, NULL));
    HOLDS_OK(spine_insert(world->spine, batch, NULL));
    spine_batch_unref(batch);
    return true;
}

/* How many rows the filter keeps that move_filter() sets. */
static uint64_t
rows_needed(const struct world *world)
{
    uint64_t rows = 0;

    if (world->motion != SCATTERED)
        return world->rows < world->window ? world->rows : world->window;
    for (uint64_t rank = world->rank_min; rank < RANKS; rank++)
        rows += world->rows_of[rank];
    return rows;
}

static bool
move_filter(struct world *world)
{
    const bool bytes = world->schema.key.kind == SPINE_BYTES;
    struct needed *needed = malloc(sizeof *needed);
    const struct spine_key_filter keys = {.context = needed,
                                          .on_key = bytes ? on_bytes : on_number,
                                          .on_release = on_release};
    const struct spine_value_filter values = {
        .context = needed, .on_value = on_value, .on_release = on_release};
    const uint64_t past = world->rows - rows_needed(world);

    *needed = (struct needed){world, world->motion, past};
    if (world->motion == SCATTERED)
        needed->bound = world->rank_min;
    if (world->motion == DOWN)
        needed->bound = UINT32_MAX - past;
    world->filters++;
    if (world->by_value)
        HOLDS_OK(spine_retain_values(world->spine, &values, NULL));
    else
        HOLDS_OK(spine_retain_keys(world->spine, &keys, NULL));
    return true;
}

/* Blocks that are elsewhere are not fetched for a sample: only of keys that are words,
 * and of those that are in order, it is a good one. */
static bool
samples_are_good(const struct world *world)
{
#ifdef SPINE_BLOCKS_ELSEWHERE
    return !world->by_value &&
           (world->motion != SCATTERED || world->schema.key.kind == SPINE_U64);
#else
    (void)world;
    return true;
#endif
}

/* The rows of batches that are too small to be looked at. */
static bool
find_small(const struct world *world, uint64_t *small)
{
    struct spine_snapshot *snapshot;
    uint64_t most = 0;
    size_t count;

    HOLDS_OK(spine_take_snapshot(world->spine, &snapshot, NULL));
    count = spine_snapshot_batch_count(snapshot);
    for (size_t i = 0; i < count; i++) {
        struct spine_batch_info info;

        spine_batch_get_info(spine_snapshot_batch(snapshot, i), &info);
        most = info.rows > most ? info.rows : most;
    }
    for (size_t i = 0; i < count; i++) {
        struct spine_batch_info info;

        spine_batch_get_info(spine_snapshot_batch(snapshot, i), &info);
        if (most <= LEVEL0_ROWS || info.rows <= most / SMALL_PART)
            *small += info.rows;
    }
    spine_snapshot_unref(snapshot);
    return true;
}

/* Rows of the two largest levels that have merges under way. */
static uint64_t
two_levels(const struct spine_stats *stats)
{
    uint64_t first = 0, second = 0;

    for (unsigned level = 0; level < SPINE_LEVELS; level++) {
        const uint64_t rows =
            stats->levels[level].merging_batches > 0 ? stats->levels[level].rows : 0;

        if (rows > first) {
            second = first;
            first = rows;
        } else if (rows > second)
            second = rows;
    }
    return first + second;
}

static bool
rejected_rows_are_bounded(struct world *world)
{
    const uint64_t needed = rows_needed(world);
    struct spine_stats stats;
    uint64_t small = 0;

    HOLDS(find_small(world, &small));
    spine_get_stats(world->spine, &stats);
    HOLDS(stats.rows >= needed);
    if (stats.rows - needed <= needed + needed / 2 + small + two_levels(&stats))
        world->behind = 0;
    else if (++world->behind > world->behind_max)
        return property_fail(
            __FILE__, __LINE__,
            "%llu rows are held for %llu: %llu in small batches, %llu in "
            "levels that merge",
            (unsigned long long)stats.rows, (unsigned long long)needed,
            (unsigned long long)small, (unsigned long long)two_levels(&stats));
    return true;
}

static bool
rejected_rows_go(struct rng *rng, size_t steps)
{
    static const struct spine_runtime_options manual = {.manual = true};
    const struct spine_options options = {.only_due_merges = rng_chance(rng, 50),
                                          .help_batches = UINT32_MAX};
    struct world world = {.rng = rng,
                          .motion = (enum motion)rng_index(rng, MOTIONS),
                          .by_value = rng_chance(rng, 30),
                          .window = 2000 + rng_magnitude(rng, 100000),
                          .schema = {.value = {SPINE_U64, 0}}};
    /* Fuel for each row that comes in; 0: enough. */
    const uint64_t fuel = rng_chance(rng, 50) ? 0 : 8 + rng_below(rng, 32);
    const size_t rows_max = 1 + rng_index(rng, ROWS_MAX);

    world.behind_max = fuel > 0 ? BEHIND_MAX : 0;
    world.schema.key.kind = rng_chance(rng, 50) ? SPINE_U64 : SPINE_BYTES;
    HOLDS_OK(spine_runtime_open(&manual, &world.runtime, NULL));
    HOLDS_OK(spine_open(world.runtime, &world.schema, &options, &world.spine, NULL));
    for (size_t step = 0; step < steps; step++) {
        const size_t rows = 1 + rng_index(rng, rows_max);

        HOLDS(insert(&world, rows));
        if (rng_chance(rng, 20))
            world.rank_min += (RANKS - 5 - world.rank_min) * rng_below(rng, 30) / 100;
        if (rng_chance(rng, 50))
            continue;
        HOLDS(move_filter(&world));
        if (fuel > 0)
            (void)spine_runtime_run(world.runtime, fuel * rows_max);
        else
            HOLDS_OK(spine_wait_idle(world.spine, UINT64_MAX, NULL));
        if (samples_are_good(&world))
            HOLDS(rejected_rows_are_bounded(&world));
    }
    HOLDS_OK(spine_check(world.spine, NULL));
    spine_close(world.spine);
    spine_runtime_close(world.runtime);
    HOLDS_EQUAL(world.filters, world.released);
    return true;
}

static void
rejected_rows_are_few(void **state)
{
    const struct property property = {.name = "rejected_rows_are_few",
                                      .on_case = rejected_rows_go,
                                      .cases = 20,
                                      .steps = 60};

    (void)state;
    assert_true(property_holds(&property));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rejected_rows_are_few)};

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
