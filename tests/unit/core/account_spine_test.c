/* SPDX-License-Identifier: MIT */

/*
 * Each spine has an account, part of that of its runtime: what its batches, its merges
 * and those who hold its snapshots have in memory, and which snapshots there are.
 */

#include "base/thread.h"
#include "harness/rng.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#define ROWS 20000u
#define SPINES 3u

static const struct spine_runtime_options manual = {.manual = true};
static const struct spine_options options = {.level0_rows = 1000,
                                             .only_due_merges = true};
static const struct spine_schema pairs = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};

static void
insert(struct spine *spine, struct rng *rng)
{
    static uint64_t keys[ROWS], values[ROWS];
    const struct spine_columns columns = {.rows = ROWS, .keys = keys, .values = values};
    struct spine_batch *batch;

    for (size_t i = 0; i < ROWS; i++) {
        keys[i] = rng_next(rng);
        values[i] = i;
    }
    assert_int_equal(spine_batch_from_columns(&pairs, &columns, &batch, NULL), SPINE_OK);
    assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
}

static struct spine_stats
stats_of(struct spine *spine)
{
    struct spine_stats stats;

    spine_get_stats(spine, &stats);
    return stats;
}

static struct spine_runtime_stats
all_of(struct spine_runtime *runtime)
{
    struct spine_runtime_stats stats;

    spine_runtime_get_stats(runtime, &stats);
    return stats;
}

static void
accounts_of_spines_are_all_of_the_runtime(void **state)
{
    struct spine *spines[SPINES];
    struct spine_runtime *runtime;
    uint64_t outputs = 0;
    struct rng rng;

    (void)state;
    rng_init(&rng, 1);
    assert_int_equal(spine_runtime_open(&manual, &runtime, NULL), SPINE_OK);
    for (unsigned i = 0; i < SPINES; i++)
        assert_int_equal(spine_open(runtime, &pairs, &options, &spines[i], NULL),
                         SPINE_OK);
    for (unsigned step = 0; step < 60; step++) {
        const struct spine_runtime_stats before = all_of(runtime);
        uint64_t memory = 0, output = 0, merge = 0;

        for (unsigned i = 0; i < SPINES; i++) {
            const struct spine_stats stats = stats_of(spines[i]);

            assert_int_equal(stats.snapshots, 0);
            assert_int_equal(stats.snapshot_bytes, 0);
            assert_int_equal(stats.memory_bytes,
                             stats.bytes + stats.output_bytes + stats.merge_bytes);
            memory += stats.memory_bytes;
            output += stats.output_bytes;
            merge += stats.merge_bytes;
        }
        assert_int_equal(memory, before.memory_bytes);
        assert_int_equal(output, before.output_bytes);
        assert_int_equal(merge, before.merge_bytes);
        outputs += output > 0;
        if (step % 3 == 0)
            insert(spines[rng_index(&rng, SPINES)], &rng);
        (void)spine_runtime_run(runtime, 20000);
    }
    printf("outputs were under way at %llu looks\n", (unsigned long long)outputs);
    assert_true(outputs > 5);
    for (unsigned i = 0; i < SPINES; i++)
        spine_close(spines[i]);
    assert_int_equal(all_of(runtime).memory_bytes, 0);
    spine_runtime_close(runtime);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* Batches that the spine has replaced are those of who holds them, to the byte. */
static void
what_only_snapshots_hold_is_told(void **state)
{
    const struct timespec short_while = {.tv_nsec = 3000000};
    struct spine_snapshot *old, *young, *again;
    struct spine_runtime *runtime;
    struct spine_stats stats;
    struct spine *spine;
    uint64_t bytes;
    struct rng rng;

    (void)state;
    rng_init(&rng, 2);
    assert_int_equal(spine_runtime_open(&manual, &runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(runtime, &pairs, &options, &spine, NULL), SPINE_OK);
    insert(spine, &rng);
    assert_int_equal(spine_take_snapshot(spine, &old, NULL), SPINE_OK);
    bytes = stats_of(spine).bytes;
    assert_int_equal(stats_of(spine).snapshots, 1);
    assert_int_equal(stats_of(spine).snapshot_bytes, 0);
    (void)nanosleep(&short_while, NULL);
    insert(spine, &rng);
    assert_int_equal(spine_take_snapshot(spine, &young, NULL), SPINE_OK);
    assert_int_equal(spine_take_snapshot(spine, &again, NULL), SPINE_OK);
    stats = stats_of(spine);
    assert_int_equal(stats.snapshots, 2);
    assert_true(stats.snapshot_age_ns_max >= 3000000);

    assert_int_equal(spine_consolidate(spine, NULL, NULL), SPINE_OK);
    stats = stats_of(spine);
    assert_int_equal(stats.snapshots, 2);
    assert_true(stats.snapshot_bytes > bytes * 3 / 2);
    assert_int_equal(stats.memory_bytes, stats.bytes + stats.snapshot_bytes);
    spine_snapshot_unref(young);
    spine_snapshot_unref(again);
    assert_int_equal(stats_of(spine).snapshots, 1);
    assert_int_equal(stats_of(spine).snapshot_bytes, bytes);
    spine_snapshot_unref(old);
    stats = stats_of(spine);
    assert_int_equal(stats.snapshots, 0);
    assert_int_equal(stats.snapshot_age_ns_max, 0);
    assert_int_equal(stats.snapshot_bytes, 0);

    /* One that the spine keeps for the next reader is as old as its last reader. */
    assert_int_equal(spine_take_snapshot(spine, &old, NULL), SPINE_OK);
    spine_snapshot_unref(old);
    assert_int_equal(stats_of(spine).snapshots, 0);
    (void)nanosleep(&short_while, NULL);
    const uint64_t begin_ns = clock_now_ns();
    assert_int_equal(spine_take_snapshot(spine, &old, NULL), SPINE_OK);
    stats = stats_of(spine);
    assert_true(stats.snapshot_age_ns_max <= clock_now_ns() - begin_ns);
    assert_int_equal(stats.snapshots, 1);
    spine_close(spine);
    spine_snapshot_unref(old);
    assert_int_equal(all_of(runtime).memory_bytes, 0);
    spine_runtime_close(runtime);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* Looks a few keys up in a snapshot. */
static void
probe_some(struct spine_snapshot *snapshot, struct spine_probe *probe)
{
    static const uint64_t keys[] = {1, 2, 3};
    const struct spine_columns columns = {.rows = 3, .keys = keys};
    struct spine_probe_rows rows;

    assert_int_equal(spine_snapshot_probe(snapshot, probe, &columns, NULL, &rows, NULL),
                     SPINE_OK);
    assert_int_equal(rows.columns.rows, 3);
}

/* Begins a join that holds on to the batch. */
static void
begin_join(struct spine_snapshot *snapshot, struct spine_probe *probe,
           struct spine_batch *batch)
{
    const struct spine_probe_options half = {.rows_max = ROWS / 2};
    struct spine_probe_matches matches;

    assert_int_equal(
        spine_snapshot_probe_batch(snapshot, probe, batch, &half, &matches, NULL),
        SPINE_OK);
    assert_true(matches.found.more);
}

/* A probe that comes from no account brings memory along, and may give it back while it
 * is on one; it goes to none again with what it took meanwhile. */
static void
readers_come_from_no_account_and_go(void **state)
{
    static uint64_t keys[ROWS], values[ROWS];
    const struct spine_columns columns = {.rows = ROWS, .keys = keys, .values = values};
    struct spine_snapshot *of_batch, *of_spine;
    struct spine_runtime *runtime;
    struct spine_probe *probe;
    struct spine_batch *batch;
    struct spine *spine;

    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        keys[i] = i;
    assert_int_equal(spine_runtime_open(&manual, &runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(runtime, &pairs, &options, &spine, NULL), SPINE_OK);
    assert_int_equal(spine_batch_from_columns(&pairs, &columns, &batch, NULL), SPINE_OK);
    assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
    assert_int_equal(spine_snapshot_of_batches(&pairs, &batch, 1, &of_batch, NULL),
                     SPINE_OK);
    assert_int_equal(spine_take_snapshot(spine, &of_spine, NULL), SPINE_OK);
    assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);
    for (size_t round = 0; round < 4; round++) {
        begin_join(of_batch, probe, batch);
        assert_int_equal(stats_of(spine).reader_bytes, 0);
        assert_int_equal(all_of(runtime).reader_bytes, 0);
        if (round > 1)
            begin_join(of_spine, probe, batch);
        else
            probe_some(of_spine, probe);
        assert_true(stats_of(spine).reader_bytes > 0);
        assert_true(stats_of(spine).reader_bytes <= spine_allocated_bytes());
        assert_int_equal(all_of(runtime).reader_bytes, stats_of(spine).reader_bytes);
    }
    spine_probe_free(probe);
    assert_int_equal(stats_of(spine).reader_bytes, 0);
    spine_snapshot_unref(of_batch);
    spine_snapshot_unref(of_spine);
    spine_batch_unref(batch);
    spine_close(spine);
    spine_runtime_close(runtime);
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accounts_of_spines_are_all_of_the_runtime),
        cmocka_unit_test(what_only_snapshots_hold_is_told),
        cmocka_unit_test(readers_come_from_no_account_and_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
