/* SPDX-License-Identifier: MIT */

/*
 * What merges hold at their worst: little more than what is there before, whatever
 * filters are set, whoever searches the batches or holds a snapshot; by the account of
 * the runtime.
 */

#include "harness/check.h"
#include "harness/lanes.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define BATCHES 4u
#define BATCH_ROWS 300000u
/* Rows of a key where there are groups. */
#define GROUP_ROWS 6u

static const struct spine_runtime_options manual = {.manual = true};
static const struct spine_options options = {.level0_rows = 5000,
                                             .only_due_merges = true};
static const struct spine_schema pairs = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};

struct world {
    struct spine_runtime *runtime;
    struct spine *spine;
};

/* What a case does to the spine before its merge begins; a snapshot is let go of at the
 * end. */
typedef void prepare_fn(struct world *world, struct spine_snapshot **snapshot);

static uint64_t
mixed(uint64_t number)
{
    number = (number ^ number >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    return number ^ number >> 27;
}

/* Keys of `group_rows` values each, no two rows alike, in no order over all batches. */
static void
world_open(struct world *world, uint64_t group_rows)
{
    uint64_t *keys = malloc(BATCH_ROWS * sizeof *keys);
    uint64_t *values = malloc(BATCH_ROWS * sizeof *values);

    assert_non_null(keys);
    assert_non_null(values);
    assert_int_equal(spine_runtime_open(&manual, &world->runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(world->runtime, &pairs, &options, &world->spine, NULL),
                     SPINE_OK);
    spine_pause(world->spine);
    for (uint64_t i = 0; i < BATCHES; i++) {
        const struct spine_columns columns = {
            .rows = BATCH_ROWS, .keys = keys, .values = values};
        struct spine_batch *batch;

        for (uint64_t row = 0; row < BATCH_ROWS; row++) {
            keys[row] = mixed((row * BATCHES + i) / group_rows + 1);
            values[row] = mixed(row * BATCHES + i);
        }
        assert_int_equal(spine_batch_from_columns(&pairs, &columns, &batch, NULL),
                         SPINE_OK);
        assert_int_equal(spine_insert(world->spine, batch, NULL), SPINE_OK);
        spine_batch_unref(batch);
    }
    free(keys);
    free(values);
}

static uint64_t
memory_of(const struct world *world)
{
    struct spine_runtime_stats stats;

    spine_runtime_get_stats(world->runtime, &stats);
    return stats.memory_bytes;
}

/*
 * The most memory while the merge runs, in hundredths of what was there before; without
 * what a snapshot holds, which is all that was there before.
 */
static unsigned
peak_of(const char *name, prepare_fn *prepare, uint64_t group_rows)
{
    struct spine_snapshot *snapshot = NULL;
    struct spine_stats stats;
    struct world world;
    uint64_t before, held, peak;

    world_open(&world, group_rows);
    prepare(&world, &snapshot);
    peak = before = memory_of(&world);
    held = snapshot != NULL ? before : 0;
    spine_resume(world.spine);
    while (spine_runtime_run(world.runtime, 1) > 0)
        if (memory_of(&world) - held > peak)
            peak = memory_of(&world) - held;
    spine_get_stats(world.spine, &stats);
    assert_int_equal(stats.batches, 1);
    assert_int_equal(stats.merge_rows_in, BATCHES * BATCH_ROWS);
    assert_int_equal(stats.merge_rows_out + stats.retain_rows_dropped,
                     BATCHES * BATCH_ROWS);
    assert_int_equal(spine_check(world.spine, NULL), SPINE_OK);
    printf("%s: %llu bytes, at most %llu, %llu splits\n", name,
           (unsigned long long)before, (unsigned long long)peak,
           (unsigned long long)stats.merge_splits);
    spine_snapshot_unref(snapshot);
    spine_close(world.spine);
    spine_runtime_close(world.runtime);
    assert_int_equal(spine_allocated_bytes(), 0);
    return (unsigned)(peak * 100 / before);
}

static void
nothing(struct world *world, struct spine_snapshot **snapshot)
{
    (void)world;
    (void)snapshot;
}

static void
hold_snapshot(struct world *world, struct spine_snapshot **snapshot)
{
    assert_int_equal(spine_take_snapshot(world->spine, snapshot, NULL), SPINE_OK);
}

static bool
keep_key(void *context, union spine_datum key)
{
    (void)context;
    return key.u64 != 1; /* which there is not */
}

/* Nine in ten. */
static bool
keep_value(void *context, union spine_datum key, union spine_datum value)
{
    (void)context;
    (void)key;
    return value.u64 % 10 != 0;
}

static void
filter_keys(struct world *world, struct spine_snapshot **snapshot)
{
    const struct spine_key_filter filter = {.name = "all", .on_key = keep_key};

    (void)snapshot;
    assert_int_equal(spine_retain_keys(world->spine, &filter, NULL), SPINE_OK);
}

static void
filter_values_by(struct world *world, enum spine_retain retain)
{
    const struct spine_value_filter filter = {
        .name = "most", .retain = retain, .count = 1, .on_value = keep_value};

    assert_int_equal(spine_retain_values(world->spine, &filter, NULL), SPINE_OK);
}

static void
filter_values(struct world *world, struct spine_snapshot **snapshot)
{
    (void)snapshot;
    filter_values_by(world, SPINE_RETAIN_SIMPLE);
}

static void
filter_groups(struct world *world, struct spine_snapshot **snapshot)
{
    (void)snapshot;
    filter_values_by(world, SPINE_RETAIN_TOP);
}

static void
take_two_lanes(struct world *world, struct spine_snapshot **snapshot)
{
    (void)snapshot;
    lanes_force(world->spine, true);
}

static void
filter_groups_in_lanes(struct world *world, struct spine_snapshot **snapshot)
{
    take_two_lanes(world, snapshot);
    filter_values_by(world, SPINE_RETAIN_TOP);
}

/* Keys that are in none of them, until each batch has its lookup filter. */
static void
search_all(struct world *world, struct spine_snapshot **snapshot)
{
    struct spine_cursor *cursor;
    struct spine_stats stats;
    uint64_t key = 0;

    (void)snapshot;
    do {
        assert_int_equal(spine_cursor_open(world->spine, &cursor, NULL), SPINE_OK);
        for (unsigned i = 0; i < 10000; i++)
            (void)spine_cursor_seek_key_exact(cursor, spine_u64(key += UINT64_MAX / 97));
        assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
        spine_cursor_close(cursor);
        spine_get_stats(world->spine, &stats);
    } while (stats.lookup_filter_rejections < 10000);
}

static void
a_merge_holds_little_twice(void **state)
{
    (void)state;
    assert_in_range(peak_of("plain", nothing, 1), 0, 120);
    assert_in_range(peak_of("snapshot held", hold_snapshot, 1), 0, 120);
    assert_in_range(peak_of("key filter", filter_keys, 1), 0, 120);
    assert_in_range(peak_of("value filter", filter_values, 1), 0, 120);
    assert_in_range(peak_of("groups, small", filter_groups, GROUP_ROWS), 0, 120);
    assert_in_range(peak_of("groups, large", filter_groups, 10000), 0, 120);
    assert_in_range(peak_of("lookup filters", search_all, 1), 0, 120);
    assert_in_range(peak_of("two lanes", take_two_lanes, 1), 0, 120);
    assert_in_range(peak_of("two lanes of groups", filter_groups_in_lanes, GROUP_ROWS), 0,
                    120);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_merge_holds_little_twice)};

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
