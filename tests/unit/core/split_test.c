/* SPDX-License-Identifier: MIT */

/*
 * Large merges are split: memory goes while they run, and nothing else is seen of it.
 */

#include "harness/check.h"
#include "harness/fault_alloc.h"
#include "harness/lanes.h"
#include "unit/core/manual_fixture.h"

#include <stdio.h>

#define BATCHES 8u
#define BATCH_ROWS 90000u

static const struct spine_runtime_options manual = {.manual = true};
static const struct spine_schema numbers = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_NONE, 0}};

/* Times that merges were split in all. */
static uint64_t splits;

struct world {
    struct spine_runtime *runtime;
    struct spine *spine;
};

/* A spine of BATCHES batches of distinct keys, a merge of which is due. */
static void
world_open(struct world *world, const struct spine_options *options)
{
    uint64_t next = 0;

    assert_int_equal(spine_runtime_open(&manual, &world->runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(world->runtime, &numbers, options, &world->spine, NULL),
                     SPINE_OK);
    spine_pause(world->spine);
    for (unsigned i = 0; i < BATCHES; i++)
        insert_spread(world->spine, BATCH_ROWS, &next);
    spine_resume(world->spine);
}

/* Nothing of the library's is left. */
static void
world_close(struct world *world)
{
    struct spine_stats stats;

    spine_get_stats(world->spine, &stats);
    assert_int_equal(stats.rows, BATCHES * BATCH_ROWS);
    manual_close(world->runtime, world->spine);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static struct spine_stats
stats_of(const struct world *world)
{
    return spine_stats_of(world->spine);
}

/* Merges until the first split. */
static void
run_to_split(const struct world *world)
{
    while (stats_of(world).merge_splits == 0)
        assert_true(spine_runtime_run(world->runtime, 10000) > 0);
}

/* The most memory there is until the merge has ended. */
static size_t
peak_of(struct world *world)
{
    size_t peak = 0;

    while (stats_of(world).merges == 0) {
        assert_true(spine_runtime_run(world->runtime, 10000) > 0);
        if (spine_allocated_bytes() > peak)
            peak = spine_allocated_bytes();
    }
    return peak;
}

static void
what_was_read_goes_while_a_merge_runs(void **state)
{
    /* Keys are 8 bytes before and after. */
    const struct spine_options plain = {
        .level0_rows = 5000, .encode_rows = UINT32_MAX, .only_due_merges = true};
    struct spine_snapshot *snapshot;
    struct world world;

    (void)state;
    world_open(&world, &plain);
    const size_t bytes = spine_allocated_bytes();
    const size_t peak = peak_of(&world);
    assert_true(peak < bytes * 3 / 2);
    assert_in_range(stats_of(&world).merge_splits, 4, 8);
    assert_int_equal(stats_of(&world).batches, 1);
    assert_int_equal(stats_of(&world).merge_rows_in, BATCHES * BATCH_ROWS);
    assert_int_equal(stats_of(&world).merge_rows_out, BATCHES * BATCH_ROWS);
    world_close(&world);

    /* A snapshot keeps what it has. */
    world_open(&world, &plain);
    assert_int_equal(spine_take_snapshot(world.spine, &snapshot, NULL), SPINE_OK);
    assert_true(peak_of(&world) > bytes * 9 / 5);
    assert_int_equal(spine_snapshot_batch_count(snapshot), BATCHES);
    spine_snapshot_unref(snapshot);
    world_close(&world);
}

static void
a_merge_given_up_leaves_what_it_has_written(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, NULL);
    run_to_split(&world);
    assert_int_equal(stats_of(&world).batches, BATCHES + 1);
    assert_int_equal(spine_check(world.spine, NULL), SPINE_OK);
    /* The compaction takes the pieces from the merge that was due. */
    assert_int_equal(spine_consolidate(world.spine, NULL, NULL), SPINE_OK);
    assert_int_equal(stats_of(&world).batches, 1);
    assert_int_equal(stats_of(&world).merges, 1);
    world_close(&world);

    world_open(&world, NULL);
    run_to_split(&world);
    world_close(&world);
}

static void
paused_merges_go_on_from_a_split(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, NULL);
    run_to_split(&world);
    spine_pause(world.spine);
    assert_int_equal(spine_runtime_run(world.runtime, UINT64_MAX), 0);
    assert_int_equal(spine_check(world.spine, NULL), SPINE_OK);
    spine_resume(world.spine);
    (void)peak_of(&world);
    assert_int_equal(stats_of(&world).batches, 1);
    world_close(&world);
}

/* What was known of an input's keys is known of what is left of it, and paid for once. */
static void
what_is_left_keeps_its_lookup_filter(void **state)
{
    struct spine_runtime_stats before, after;
    struct spine_cursor *cursor;
    struct world world;

    (void)state;
    world_open(&world, NULL);
    assert_int_equal(spine_cursor_open(world.spine, &cursor, NULL), SPINE_OK);
    for (uint64_t key = 1; key <= BATCH_ROWS; key++)
        (void)spine_cursor_seek_key_exact(cursor, spine_u64(key * (UINT64_MAX / 97)));
    spine_cursor_close(cursor);
    spine_runtime_get_stats(world.runtime, &before);
    assert_int_equal(before.filter_bytes, stats_of(&world).filter_bytes);
    assert_true(before.filter_bytes > BATCHES * (uint64_t)BATCH_ROWS);
    run_to_split(&world);
    spine_runtime_get_stats(world.runtime, &after);
    assert_int_equal(after.filter_bytes, before.filter_bytes);
    assert_int_equal(stats_of(&world).filter_bytes, before.filter_bytes);
    (void)peak_of(&world);
    spine_runtime_get_stats(world.runtime, &after);
    assert_int_equal(after.filter_bytes, 0);
    world_close(&world);
}

/* What a spine is asked to do while merges, split as often as can be, run a little at a
 * time. */
static void
disturb(struct rng *rng, struct spine *spine)
{
    if (rng_chance(rng, 15))
        property_ok(__FILE__, __LINE__, spine_compact(spine, NULL, NULL, NULL), NULL);
    if (rng_chance(rng, 15)) {
        spine_pause(spine);
        spine_resume(spine);
    }
}

static bool
splits_change_nothing(struct rng *rng, size_t steps)
{
    const struct spine_options options = {
        .level0_rows = 1 + (uint32_t)rng_below(rng, 30),
        .help_batches = rng_chance(rng, 50) ? UINT32_MAX : 0,
        .encode_rows = (uint32_t)rng_magnitude(rng, 5000)};
    struct generate_options many = {.keys = 4000, .values = 3, .times = 4};
    struct spine_snapshot *snapshot = NULL;
    struct model rows, expected, then;
    struct spine_schema schema;
    struct generator generator;
    struct spine_runtime *runtime;
    struct spine_stats stats;
    struct spine *spine;
    uint64_t frontier = 0;

    generate_schema(rng, &schema);
    generator_init(&generator, rng, &schema, &many);
    model_init(&rows, &schema);
    model_init(&expected, &schema);
    model_init(&then, &schema);
    HOLDS_OK(spine_runtime_open(&manual, &runtime, NULL));
    HOLDS_OK(spine_open(runtime, &schema, &options, &spine, NULL));
    lanes_force(spine, rng_chance(rng, 50));
    if (schema.time != SPINE_UNTIMED && rng_chance(rng, 50)) {
        frontier = generate_time(&generator);
        HOLDS_OK(spine_set_frontier(spine, frontier, NULL));
    }
    for (size_t i = 0; i < 20; i++) {
        rows.count = 0;
        generate_rows(&generator, rng_below(rng, steps), &rows);
        struct spine_batch *batch = batch_of_rows(&rows);
        HOLDS_OK(spine_insert(spine, batch, NULL));
        spine_batch_unref(batch);
        model_add_rows(&expected, rows.rows, rows.count);
        model_consolidate(&expected);
        if (snapshot == NULL && rng_chance(rng, 20)) {
            HOLDS_OK(spine_take_snapshot(spine, &snapshot, NULL));
            model_copy(&then, &expected);
        }
        for (uint64_t runs = rng_below(rng, 4); runs > 0; runs--) {
            (void)spine_runtime_run(runtime, rng_magnitude(rng, 3000));
            disturb(rng, spine);
            HOLDS_OK(spine_check(spine, NULL));
        }
        if (rng_chance(rng, 30))
            HOLDS(check_spine_since(spine, &expected, frontier, "while merging"));
    }
    if (snapshot != NULL)
        HOLDS(check_snapshot_since(snapshot, &then, frontier, "as it was"));
    spine_snapshot_unref(snapshot);
    HOLDS(check_spine_since(spine, &expected, frontier, "in the end"));
    spine_get_stats(spine, &stats);
    splits += stats.merge_splits;
    spine_close(spine);
    spine_runtime_close(runtime);
    model_release(&rows);
    model_release(&expected);
    model_release(&then);
    generator_release(&generator);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

static void
test_splits_change_nothing(void **state)
{
    const struct property law = {"test_splits_change_nothing", splits_change_nothing, 40,
                                 3000};

    (void)state;
    fault_alloc_install();
    splits = 0;
    assert_true(property_holds(&law));
    printf("%llu splits\n", (unsigned long long)splits);
    if (harness_cases(law.cases) >= law.cases)
        assert_true(splits > 100);
    fault_alloc_remove();
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_read_goes_while_a_merge_runs),
        cmocka_unit_test(a_merge_given_up_leaves_what_it_has_written),
        cmocka_unit_test(paused_merges_go_on_from_a_split),
        cmocka_unit_test(what_is_left_keeps_its_lookup_filter),
        cmocka_unit_test(test_splits_change_nothing),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
