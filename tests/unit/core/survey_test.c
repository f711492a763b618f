/* SPDX-License-Identifier: MIT */

/*
 * What the filters of a spine mostly reject does not stay: rows held over a window that a
 * filter moves, and after a filter that jumps; and what looking for it costs.
 */

#include "core.h"
#include "harness/property.h"
#include "unit/core/manual_fixture.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

static const struct spine_schema numbers = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_U64, 0}};
static const struct spine_schema names = {.key = {SPINE_BYTES, 0},
                                          .value = {SPINE_U64, 0}};

struct world {
    struct spine_runtime *runtime;
    struct spine *spine;
    uint64_t rows;
};

static void
world_open(struct world *world, const struct spine_schema *schema, bool only_due_merges)
{
    const struct spine_options options = {.only_due_merges = only_due_merges,
                                          .help_batches = UINT32_MAX};

    *world = (struct world){0};
    manual_open(schema, &options, &world->runtime, &world->spine);
}

static void
world_close(struct world *world)
{
    manual_close(world->runtime, world->spine);
}

/* A batch of the next `rows` keys, whose values are the keys times 7 below 1,000. */
static void
insert(struct world *world, size_t rows)
{
    const bool named = spine_get_schema(world->spine)->key.kind == SPINE_BYTES;
    uint64_t *keys = calloc(3 * rows + 1, sizeof *keys);
    uint64_t *values = keys + rows, *offsets = keys + 2 * rows;
    struct spine_columns columns = {.rows = rows, .keys = keys, .values = values};

    for (size_t i = 0; i < rows; i++, world->rows++) {
        keys[i] = named ? __builtin_bswap64(world->rows) : world->rows;
        values[i] = world->rows * 7 % 1000;
        offsets[i + 1] = 8 * (i + 1);
    }
    if (named)
        columns.key_offsets = offsets;
    insert_columns(world->spine, &columns);
    free(keys);
}

static uint64_t calls;

static void
free_bound(void *context)
{
    free(context);
}

static bool
is_from(void *context, union spine_datum key)
{
    calls++;
    return key.u64 >= *(const uint64_t *)context;
}

static bool
is_named_from(void *context, union spine_datum key)
{
    const uint64_t from = __builtin_bswap64(*(const uint64_t *)context);

    calls++;
    return memcmp(key.bytes.data, &from, sizeof from) >= 0;
}

static bool
value_is_from(void *context, union spine_datum key, union spine_datum value)
{
    (void)key;
    calls++;
    return value.u64 >= *(const uint64_t *)context;
}

/* Keys, or values, from `from` on. */
static void
retain(struct world *world, uint64_t from, bool by_value)
{
    const bool named = spine_get_schema(world->spine)->key.kind == SPINE_BYTES;
    uint64_t *bound = malloc(sizeof *bound);
    const struct spine_key_filter keys = {.context = bound,
                                          .on_key = named ? is_named_from : is_from,
                                          .on_release = free_bound};
    const struct spine_value_filter values = {
        .context = bound, .on_value = value_is_from, .on_release = free_bound};

    *bound = from;
    if (by_value)
        assert_int_equal(spine_retain_values(world->spine, &values, NULL), SPINE_OK);
    else
        assert_int_equal(spine_retain_keys(world->spine, &keys, NULL), SPINE_OK);
}

static struct spine_stats
stats_of(const struct world *world)
{
    return spine_stats_of(world->spine);
}

/*
 * A window of `kept` rows moves by 1,000 at a time. With `fuel_rows` for each step, 0:
 * enough; returns the most rows that were held.
 */
static uint64_t
move_window(const struct spine_schema *schema, bool only_due_merges, uint64_t kept,
            uint64_t fuel_rows)
{
    enum { ROWS = 1000 };
    struct world world;
    uint64_t rows_most = 0;

    world_open(&world, schema, only_due_merges);
    for (uint64_t step = 0; step < 20 * kept / ROWS; step++) {
        struct spine_stats stats;

        insert(&world, ROWS);
        retain(&world, world.rows > kept ? world.rows - kept : 0, false);
        if (fuel_rows > 0)
            (void)spine_runtime_run(world.runtime, fuel_rows);
        else
            while (spine_runtime_run(world.runtime, UINT64_MAX) > 0)
                ;
        stats = stats_of(&world);
        if (world.rows <= kept)
            continue;
        assert_true(stats.rows >= kept);
        rows_most = stats.rows > rows_most ? stats.rows : rows_most;
    }
    world_close(&world);
    return rows_most;
}

static void
a_window_that_moves_holds_little_else(void **state)
{
    /* The fuel of a step, and the most rows held for 25,000 that are kept. */
    static const struct {
        uint64_t fuel_rows;
        uint64_t rows_most;
    } plans[] = {{0, 45000}, {10000, 45000}, {4000, 60000}};

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        for (unsigned due = 0; due < 2; due++) {
            const uint64_t fuel_rows = plans[i].fuel_rows;

            assert_in_range(move_window(&numbers, due, 25000, fuel_rows), 25000,
                            plans[i].rows_most);
            assert_in_range(move_window(&names, due, 25000, fuel_rows), 25000,
                            plans[i].rows_most);
        }
    assert_in_range(move_window(&numbers, true, 100000, 0), 100000, 180000);
}

/* Without any more inserts. */
static void
what_a_filter_jumps_over_is_dropped(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 6; kind++) {
        const bool by_value = kind % 3 == 2;
        struct world world;

        world_open(&world, kind % 3 == 1 ? &names : &numbers, kind < 3);
        for (unsigned i = 0; i < 5; i++)
            insert(&world, 40000);
        assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
        retain(&world, by_value ? 900 : 180000, by_value);
        assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
        assert_in_range(stats_of(&world).rows, 20000, 2 * 20000);
        world_close(&world);
    }
}

/* A pause is kept; what is rejected goes after it. So does a fork's. */
static void
a_paused_spine_drops_nothing(void **state)
{
    struct world world;
    struct spine *fork;
    struct spine_stats stats;

    (void)state;
    world_open(&world, &numbers, true);
    insert(&world, 100000);
    spine_pause(world.spine);
    retain(&world, 90000, false);
    while (spine_runtime_run(world.runtime, UINT64_MAX) > 0)
        ;
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
    assert_int_equal(stats_of(&world).rows, 100000);
    assert_int_equal(spine_fork(world.spine, &fork, NULL), SPINE_OK);
    spine_resume(world.spine);
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
    assert_int_equal(stats_of(&world).rows, 10000);
    assert_int_equal(spine_wait_idle(fork, UINT64_MAX, NULL), SPINE_OK);
    spine_get_stats(fork, &stats);
    assert_int_equal(stats.rows, 10000);
    spine_close(fork);
    world_close(&world);
}

/* Rejects the keys that a survey looks at, and hardly any other. */
static bool
misleads(void *context, union spine_datum key)
{
    (void)context;
    calls++;
    return key.u64 % 4096 % 128 != 127 && key.u64 % 4096 != 0;
}

/* A survey that was wrong is not repeated whenever the filter is set. */
static void
a_filter_that_misleads_costs_one_merge(void **state)
{
    const struct spine_key_filter filter = {.on_key = misleads};
    struct world world;
    uint64_t rows_in;

    (void)state;
    world_open(&world, &numbers, true);
    insert(&world, 100000);
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(spine_retain_keys(world.spine, &filter, NULL), SPINE_OK);
        assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
    }
    rows_in = stats_of(&world).merge_rows_in;
    assert_in_range(rows_in, 0, 2 * 100000);
    world_close(&world);
}

/* To look costs some calls for each batch, and none when there is nothing new. */
static void
a_survey_costs_some_calls(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, &numbers, true);
    for (unsigned i = 0; i < 5; i++)
        insert(&world, 40000);
    retain(&world, 10, false);
    calls = 0;
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
    assert_in_range(calls, 1, 5 * 65);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
    assert_in_range(calls, 1, 5 * 65);
    world_close(&world);
}

/* Rejects all keys but those that a survey looks at. */
static bool
hides(void *context, union spine_datum key)
{
    (void)context;
    calls++;
    return key.u64 % 4096 % 128 == 127 || key.u64 % 4096 == 0;
}

/* What no sample shows waits for the merges of the levels, and costs only the sample. */
static void
a_filter_that_hides_what_it_rejects_costs_a_sample(void **state)
{
    const struct spine_key_filter filter = {.on_key = hides};
    struct world world;

    (void)state;
    world_open(&world, &numbers, true);
    insert(&world, 20 * 4096);
    calls = 0;
    for (unsigned i = 1; i <= 50; i++) {
        assert_int_equal(spine_retain_keys(world.spine, &filter, NULL), SPINE_OK);
        assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
        assert_in_range(calls, 1, i * 65);
    }
    assert_int_equal(stats_of(&world).merge_rows_in, 0);
    assert_int_equal(stats_of(&world).rows, 20 * 4096);
    assert_int_equal(spine_compact(world.spine, NULL, NULL, NULL), SPINE_OK);
    assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
    assert_in_range(stats_of(&world).rows, 20 * 32, 20 * 34);
    world_close(&world);
}

/* Is the spine's lock free, as far as this thread can tell? */
static bool
lock_is_free(struct spine *spine)
{
    if (uv_mutex_trylock(&spine->mutex.handle) != 0)
        return false;
    uv_mutex_unlock(&spine->mutex.handle);
    return true;
}

static bool
key_outside_lock(void *context, union spine_datum key)
{
    assert_true(lock_is_free(context));
    calls++;
    return key.u64 % 8 == 0;
}

static bool
value_outside_lock(void *context, union spine_datum key, union spine_datum value)
{
    (void)key;
    assert_true(lock_is_free(context));
    calls++;
    return value.u64 % 2 == 0;
}

/*
 * No slice and no insert calls filters more than 15,000 times beyond its fuel, some 64
 * batches of which 65 keys and rows are looked at, and never with the lock of the spine.
 */
static void
a_slice_calls_filters_a_bounded_number_of_times(void **state)
{
    enum { CALLS_MAX = 15000, HELP_FUEL = 10000 };
    const struct spine_runtime_options manual = {.manual = true};
    const struct spine_options options = {.help_batches = 8};
    struct world world = {0};
    struct spine_key_filter keys = {.on_key = key_outside_lock};
    struct spine_value_filter values = {.on_value = value_outside_lock};
    uint64_t calls_most = 0;

    (void)state;
    assert_int_equal(spine_runtime_open(&manual, &world.runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(world.runtime, &numbers, &options, &world.spine, NULL),
                     SPINE_OK);
    keys.context = values.context = world.spine;
    spine_pause(world.spine);
    for (unsigned i = 0; i < 60; i++)
        insert(&world, 16000);
    calls = 0;
    assert_int_equal(spine_retain_keys(world.spine, &keys, NULL), SPINE_OK);
    assert_int_equal(spine_retain_values(world.spine, &values, NULL), SPINE_OK);
    spine_resume(world.spine);
    assert_int_equal(calls, 0);
    for (unsigned i = 0; i < 60; i++) {
        /* An insert helps by slices of 16 at most. */
        calls = 0;
        insert(&world, 16000);
        assert_in_range(calls, 0, 16 * HELP_FUEL + CALLS_MAX);
    }
    do {
        calls = 0;
        if (spine_runtime_run(world.runtime, 1) == 0)
            break;
        calls_most = calls > calls_most ? calls : calls_most;
        assert_in_range(calls, 0, CALLS_MAX);
    } while (true);
    assert_in_range(calls_most, 65, CALLS_MAX);
    world_close(&world);
}

/* The filter stays; batches come in that it mostly rejects. */
static void
large_batches_that_come_in_are_looked_at(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, &numbers, true);
    retain(&world, 900, true);
    for (unsigned i = 0; i < 2; i++) {
        insert(&world, 200000);
        assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
        assert_int_equal(stats_of(&world).rows, (i + 1) * 20000);
    }
    world_close(&world);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_that_moves_holds_little_else),
        cmocka_unit_test(what_a_filter_jumps_over_is_dropped),
        cmocka_unit_test(a_paused_spine_drops_nothing),
        cmocka_unit_test(a_filter_that_misleads_costs_one_merge),
        cmocka_unit_test(a_survey_costs_some_calls),
        cmocka_unit_test(a_filter_that_hides_what_it_rejects_costs_a_sample),
        cmocka_unit_test(a_slice_calls_filters_a_bounded_number_of_times),
        cmocka_unit_test(large_batches_that_come_in_are_looked_at),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
