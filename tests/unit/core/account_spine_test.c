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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accounts_of_spines_are_all_of_the_runtime),
        cmocka_unit_test(what_only_snapshots_hold_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
