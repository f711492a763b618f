/* SPDX-License-Identifier: MIT */

/*
 * Readers of many batches, and merges of them: what equal rows add up to decides, not
 * what their sum is on the way.
 */

#include "property/sum_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define BATCHES_MAX 700u

/* One row per batch. */
static void
make_batches(const struct world *world, struct spine_batch **batches)
{
    for (size_t i = 0; i < world->count; i++)
        if (spine_batch_from_columns(world->schema, columns_of(world, i, i + 1),
                                     &batches[i], NULL) != SPINE_OK)
            abort();
}

/* Cursors both ways, in bulk, and probes. */
static bool
readers_hold(const struct world *world, struct spine_batch **batches)
{
    wide sums[GROUPS][WIDTH_MAX];
    struct spine_snapshot *snapshot;
    struct spine_cursor *cursor;
    struct spine_probe *probe;
    struct spine_probe_rows found;
    size_t rows = 0;

    memcpy(sums, world->sums, sizeof sums);
    HOLDS_OK(
        spine_snapshot_of_batches(world->schema, batches, world->count, &snapshot, NULL));
    for (int forward = 0; forward < 2; forward++) {
        HOLDS_OK(spine_snapshot_cursor(snapshot, &cursor, NULL));
        HOLDS(shows(world, cursor, sums, forward == 1));
        spine_cursor_close(cursor);
    }
    for (unsigned group = 0; group < world->groups; group++) {
        bool zero = true;

        for (unsigned c = 0; c < world->width; c++)
            zero = zero && sums[group][c] == 0;
        rows += !zero;
    }
    uint64_t keys[KEYS] = {0, 1, 2};
    uint32_t half_keys[KEYS] = {0, 1, 2};
    static const uint64_t offsets[] = {0, 1, 2, 3};
    const struct spine_columns wanted = {
        .rows = KEYS,
        .keys = world->schema->key.kind == SPINE_BYTES ? (const void *)"abc"
                : world->schema->key.kind == SPINE_U32 ? (const void *)half_keys
                                                       : (const void *)keys,
        .key_offsets = world->schema->key.kind == SPINE_BYTES ? offsets : NULL};
    HOLDS_OK(spine_probe_new(&probe, NULL));
    HOLDS_OK(spine_snapshot_probe(snapshot, probe, &wanted, NULL, &found, NULL));
    HOLDS_EQUAL(rows, found.columns.rows);
    spine_probe_free(probe);
    spine_snapshot_unref(snapshot);
    return true;
}

static bool
keep_value(void *context, union spine_datum key, union spine_datum value)
{
    (void)context;
    (void)key;
    (void)value;
    return true;
}

/* What a frontier leaves of the times. */
static void
collapse(const struct world *world, uint64_t frontier, wide out[GROUPS][WIDTH_MAX])
{
    memset(out, 0, sizeof(wide[GROUPS][WIDTH_MAX]));
    for (unsigned group = 0; group < world->groups; group++) {
        unsigned key, value, time, joined = 0;

        group_cells(world, group, &key, &value, &time);
        const uint64_t moved =
            spine_time_join(world->schema->time, time_of(world, time), frontier);
        while (time_of(world, joined) != moved)
            joined++;
        for (unsigned c = 0; c < world->width; c++)
            out[group_of(world, key, value, joined)][c] += world->sums[group][c];
    }
}

/* A spine that merges a little at a time while they come, with a filter that needs
 * groups, and a frontier in the end. */
static bool
merges_hold(const struct world *world, struct spine_batch **batches)
{
    const struct spine_runtime_options manual = {.manual = true};
    const struct spine_value_filter all = {
        .retain = SPINE_RETAIN_TOP, .count = 5, .on_value = keep_value};
    struct spine_runtime *runtime;
    struct spine *spine;
    struct spine_cursor *cursor;
    struct spine_batch *batch;
    struct spine_error error;
    wide sums[GROUPS][WIDTH_MAX];
    const bool waits = rng_chance(world->rng, 50);

    HOLDS_OK(spine_runtime_open(&manual, &runtime, NULL));
    HOLDS_OK(spine_open(runtime, world->schema, NULL, &spine, NULL));
    if (world->schema->value.kind != SPINE_NONE && rng_chance(world->rng, 50))
        HOLDS_OK(spine_retain_values(spine, &all, NULL));
    /* All of them are there before a verdict. */
    if (waits)
        spine_pause(spine);
    for (size_t i = 0; i < world->count; i++) {
        enum spine_status st = spine_try_insert(spine, batches[i], NULL);

        while (st == SPINE_OVERFLOW) {
            /* What was there did overflow; go on to what does not. */
            spine_pause(spine);
            spine_retry(spine);
            st = spine_try_insert(spine, batches[i], NULL);
        }
        if (st == SPINE_BUSY) {
            spine_pause(spine);
            st = spine_try_insert(spine, batches[i], NULL);
        }
        HOLDS_OK(st);
        (void)spine_runtime_run(runtime, 1);
    }
    memcpy(sums, world->sums, sizeof sums);
    if (world->schema->time != SPINE_UNTIMED) {
        HOLDS_OK(spine_set_frontier(spine, time_of(world, 1), NULL));
        collapse(world, time_of(world, 1), sums);
    }
    for (size_t i = 0; i <= world->count; i++)
        spine_resume(spine);
    spine_retry(spine);
    const enum spine_status st = spine_consolidate(spine, &batch, &error);
    bool all_fit = true;
    for (unsigned group = 0; group < world->groups; group++)
        all_fit = all_fit && fits(world, sums[group]);
    HOLDS_STATUS(all_fit ? SPINE_OK : SPINE_OVERFLOW, st);
    if (st != SPINE_OK)
        HOLDS(names_overflow(world, sums, error.message));
    if (batch != NULL) {
        HOLDS_OK(spine_batch_cursor(batch, &cursor, NULL));
        HOLDS(shows(world, cursor, sums, true));
        spine_cursor_close(cursor);
        spine_batch_unref(batch);
    }
    spine_close(spine);
    spine_runtime_close(runtime);
    return true;
}

static bool
partial_sums_do_not_matter_to_readers_and_merges(struct rng *rng, size_t steps)
{
    static struct spine_batch *batches[BATCHES_MAX];
    struct world world;

    world_init(&world, rng, rng_magnitude(rng, steps));
    bring_back(&world);
    if (world.count > BATCHES_MAX) {
        world_release(&world);
        return true;
    }
    if (rng_chance(rng, 50))
        shuffle(&world);
    make_batches(&world, batches);
    HOLDS(readers_hold(&world, batches));
    HOLDS(merges_hold(&world, batches));
    for (size_t i = 0; i < world.count; i++)
        spine_batch_unref(batches[i]);
    world_release(&world);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

static void
test_readers_and_merges(void **state)
{
    const struct property law = {"test_readers_and_merges",
                                 partial_sums_do_not_matter_to_readers_and_merges, 150,
                                 400};

    (void)state;
    assert_true(property_holds(&law));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readers_and_merges),
    };

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
