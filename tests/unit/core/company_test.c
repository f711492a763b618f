/* SPDX-License-Identifier: MIT */

/*
 * Merges by overlap: what reaches into few blocks of a large batch merges with it soon,
 * since the others are taken over. All is counted in rows, on a runtime that only merges
 * when it is told to.
 */

#include "core.h"
#include "unit/core/company_world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
queues_are_short_at_the_head(void **state)
{
    struct world world;
    struct spine_stats before, after;

    (void)state;
    world_open(&world, false);
    assert_in_range(skipped_in_queue(&world, 300), 0, 4000);
    assert_in_range(stats_of(&world).rows, ROWS_MAX, ROWS_MAX + 4000);
    /* What a round costs does not depend on how many rows there are. */
    before = stats_of(&world);
    for (size_t round = 0; round < 100; round++) {
        pop(&world, 1000);
        push(&world, 1000);
        insert(&world);
    }
    after = stats_of(&world);
    assert_in_range(after.merge_rows_in - after.merge_rows_shared -
                        (before.merge_rows_in - before.merge_rows_shared),
                    100 * 2000, 100 * 6 * 2000);
    assert_true(after.merge_blocks_shared - before.merge_blocks_shared > 100 * 50);
    assert_true(written(&world) < 3);
    world_close(&world);
}

/* A round of a queue whose merges do not run. */
static void
round_only(struct world *world)
{
    pop(world, 1000);
    push(world, 1000);
    insert_only(world);
}

/* Small batches that are due wait for the large one in which they cancel, but not for
 * long. */
static void
small_batches_wait_for_the_large_one(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, false);
    push(&world, ROWS_MAX);
    insert(&world);
    round_only(&world);
    while (stats_of(&world).levels[0].merging_batches == 0)
        assert_true(spine_runtime_run(world.runtime, 1) > 0);
    assert_int_equal(stats_of(&world).levels[0].merging_batches, 1);
    for (size_t round = 0; round < 15; round++)
        round_only(&world);
    assert_int_equal(stats_of(&world).levels[0].loose_batches, 15);
    round_only(&world);
    assert_int_equal(stats_of(&world).levels[0].merging_batches, 17);
    for (size_t round = 0; round < 8; round++)
        round_only(&world);
    assert_int_equal(stats_of(&world).levels[0].loose_batches, 8);
    while (spine_runtime_run(world.runtime, UINT64_MAX) > 0)
        continue;
    assert_int_equal(skipped_to_first(&world), 0);
    assert_int_equal(stats_of(&world).rows, ROWS_MAX);
    world_close(&world);
}

/*
 * What a reader has skipped merges only with the batch in which it cancels: while that is
 * in another merge, the retractions would merge with one another, to no avail.
 */
static void
a_stretch_waits_for_what_it_cancels_in(void **state)
{
    struct world world;
    struct spine_cursor *cursor;

    (void)state;
    world_open(&world, false);
    push(&world, 200000);
    insert(&world);
    push(&world, 200000);
    insert_only(&world);
    while (stats_of(&world).merges == 0 &&
           stats_of(&world).levels[2].merging_batches == 0)
        assert_true(spine_runtime_run(world.runtime, 1) > 0);
    for (size_t i = 0; i < 5; i++) {
        pop(&world, 2000);
        insert_only(&world);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(spine_cursor_open(world.spine, &cursor, NULL), SPINE_OK);
        assert_int_equal(spine_cursor_key(cursor).u64, world.begin);
        assert_int_equal(spine_cursor_rows_skipped(cursor), 20000);
        spine_cursor_close(cursor);
        (void)spine_runtime_run(world.runtime, 1);
    }
    assert_int_equal(stats_of(&world).skip_merges, 0);
    while (spine_runtime_run(world.runtime, UINT64_MAX) > 0)
        continue;
    assert_in_range(skipped_to_first(&world), 0, 100);
    world_close(&world);
}

/* Also when the runtime never has nothing else to do. */
static void
queues_are_short_when_only_due_merges_run(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, true);
    assert_in_range(skipped_in_queue(&world, 300), 0, 40000);
    assert_true(written(&world) < 3);
    world_close(&world);
}

static void
ascending_keys_are_written_twice(void **state)
{
    (void)state;
    for (int only_due = 0; only_due < 2; only_due++) {
        struct world world;

        world_open(&world, only_due != 0);
        for (size_t i = 0; i < 200; i++) {
            push(&world, 10000);
            insert(&world);
        }
        assert_true(written(&world) <= 2.0);
        assert_in_range(stats_of(&world).batches, 1, 12);
        assert_int_equal(skipped_to_first(&world), 0);
        world_close(&world);
    }
}

/* Half of each batch leaves a window of 200,000 rows. */
static void
windows_are_written_twice(void **state)
{
    (void)state;
    for (int only_due = 0; only_due < 2; only_due++) {
        struct world world;

        world_open(&world, only_due != 0);
        for (size_t i = 0; i < 20; i++) {
            push(&world, 10000);
            insert(&world);
        }
        for (size_t i = 0; i < 200; i++) {
            pop(&world, 5000);
            push(&world, 5000);
            insert(&world);
        }
        assert_true(written(&world) <= 2.0);
        assert_in_range(stats_of(&world).rows, 200000, 400000);
        world_close(&world);
    }
}

/* Nothing is shared between batches of random keys, so nothing merges that would not
 * without. */
static void
random_keys_merge_as_ever(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, true);
    for (size_t i = 0; i < 100; i++) {
        for (size_t row = 0; row < 10000; row++)
            add(&world, random_next(&world.random), 1);
        insert(&world);
    }
    /* Twelve merges of eight at level 0, one of eight of these at level 1. */
    assert_int_equal(stats_of(&world).levels[0].merges, 12);
    assert_int_equal(stats_of(&world).levels[1].merges, 1);
    assert_int_equal(stats_of(&world).merges, 13);
    assert_int_equal(stats_of(&world).merge_rows_out, 12 * 80000 + 640000);
    assert_int_equal(stats_of(&world).merge_rows_shared, 0);
    world_close(&world);
}

static void
random_keys_merge_ahead_as_ever(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, false);
    for (size_t i = 0; i < 100; i++) {
        for (size_t row = 0; row < 10000; row++)
            add(&world, random_next(&world.random), 1);
        insert(&world);
    }
    assert_int_equal(stats_of(&world).merge_rows_shared, 0);
    assert_true(written(&world) < 9);
    world_close(&world);
}

/* A cursor on the least key but one: key 0 stays, and every reader steps over it, so that
 * nothing is skipped from the beginning. */
static struct spine_cursor *
open_behind_zero(struct world *world)
{
    struct spine_cursor *cursor;

    assert_int_equal(spine_cursor_open(world->spine, &cursor, NULL), SPINE_OK);
    assert_true(spine_cursor_key_valid(cursor));
    assert_int_equal(spine_cursor_key(cursor).u64, 0);
    spine_cursor_step_key(cursor);
    assert_true(spine_cursor_key_valid(cursor));
    return cursor;
}

/* Rows of the least keys are read and retracted, others come in anywhere behind them. */
static void
pop_least(struct world *world, size_t rows)
{
    struct spine_cursor *cursor = open_behind_zero(world);
    uint64_t last = 0;

    for (size_t i = 0; i < rows; i++, spine_cursor_step_key(cursor)) {
        assert_true(spine_cursor_key_valid(cursor));
        last = spine_cursor_key(cursor).u64;
        assert_true(last >= world->begin);
        add(world, last, -1);
    }
    world->begin = last + 1;
    spine_cursor_close(cursor);
    for (size_t i = 0; i < rows; i++)
        add(world, world->begin + random_below(&world->random, UINT64_MAX / 2), 1);
}

static void
readers_have_merged_what_they_skip(void **state)
{
    struct world world;
    uint64_t most = 0;

    (void)state;
    world_open(&world, false);
    add(&world, 0, 1);
    for (size_t i = 1; i < 500000; i++)
        add(&world, 1 + random_next(&world.random) / 2, 1);
    insert(&world);
    for (size_t round = 0; round < 100; round++) {
        struct spine_cursor *cursor;
        uint64_t skipped;

        pop_least(&world, 1000);
        insert(&world);
        cursor = open_behind_zero(&world);
        skipped = spine_cursor_rows_skipped(cursor);
        most = skipped > most ? skipped : most;
        spine_cursor_close(cursor);
        /* Nothing comes in; who looks next has it done. */
        assert_int_equal(spine_cursor_open(world.spine, &cursor, NULL), SPINE_OK);
        spine_cursor_close(cursor);
        (void)spine_runtime_run(world.runtime, UINT64_MAX);
    }
    assert_true(stats_of(&world).skip_merges >= 10);
    assert_in_range(most, 0, 10000);
    assert_int_equal(stats_of(&world).inserted_rows, 500000 + 100 * 2000);
    assert_true(written(&world) < 4);
    world_close(&world);
}

/* What is skipped because times, sources or filters say so stays, whatever merges. */
static void
differences_of_snapshots_ask_for_nothing(void **state)
{
    struct world world;
    struct spine_snapshot *snapshot;
    struct spine_cursor *cursor;

    (void)state;
    world_open(&world, false);
    push(&world, 20000);
    insert(&world);
    push(&world, 200);
    insert(&world);
    assert_int_equal(spine_take_snapshot(world.spine, &snapshot, NULL), SPINE_OK);
    const struct spine_cursor_source sources[] = {
        {.snapshot = snapshot}, {.snapshot = snapshot, .negated = true}};
    assert_int_equal(spine_cursor_open_sources(sources, 2, &cursor, NULL), SPINE_OK);
    assert_false(spine_cursor_key_valid(cursor));
    assert_true(spine_cursor_rows_skipped(cursor) >= 40000);
    spine_cursor_close(cursor);
    spine_snapshot_unref(snapshot);
    assert_int_equal(spine_cursor_open(world.spine, &cursor, NULL), SPINE_OK);
    spine_cursor_close(cursor);
    assert_int_equal(spine_runtime_run(world.runtime, UINT64_MAX), 0);
    assert_int_equal(stats_of(&world).skip_merges, 0);
    world_close(&world);
}

static void
expect_charged(struct entry *entry, void *context)
{
    (void)context;
    assert_non_null(atomic_load(&entry->batch->payer));
}

/* A batch is cut where readers skip: what lies elsewhere in it stays as it is. */
static void
only_the_stretch_merges(void **state)
{
    struct world world;
    struct spine_stats before, after;
    struct spine_cursor *cursor;

    (void)state;
    world_open(&world, false);
    for (size_t i = 0; i < 800000; i++)
        add(&world, 10 * i, 1);
    insert(&world);
    /* It has 3,000 retractions at one place, and rows in every block. */
    for (uint64_t i = 0; i < 3000; i++)
        add(&world, 10 * (400000 + i), -1);
    for (uint64_t i = 0; i < 20000; i++)
        add(&world, 400 * i + 5, 1);
    insert(&world);
    before = stats_of(&world);
    assert_int_equal(before.batches, 2);
    for (int backward = 0; backward < 2; backward++) {
        assert_int_equal(spine_cursor_open(world.spine, &cursor, NULL), SPINE_OK);
        if (backward)
            spine_cursor_seek_key_reverse(cursor, spine_u64(10 * 402999 + 4));
        else
            spine_cursor_seek_key(cursor, spine_u64(10 * 400000));
        assert_true(spine_cursor_key_valid(cursor));
        /* Some rows of the other kind lie in between: step over them all. */
        while (spine_cursor_key(cursor).u64 % 10 == 5)
            if (backward)
                spine_cursor_step_key_reverse(cursor);
            else
                spine_cursor_step_key(cursor);
        assert_in_range(spine_cursor_rows_skipped(cursor), backward ? 0 : 6000, 6100);
        spine_cursor_close(cursor);
        assert_int_equal(spine_cursor_open(world.spine, &cursor, NULL), SPINE_OK);
        spine_cursor_close(cursor);
        (void)spine_runtime_run(world.runtime, UINT64_MAX);
    }
    after = stats_of(&world);
    assert_int_equal(after.skip_merges, 1);
    /* What was cut from batches is on the account as these were. */
    assert_true(after.batches > 1);
    entry_set_each(&world.spine->locked.loose, entries_all, expect_charged, NULL);
    /* Most of it: a reader tells on the way. */
    assert_in_range(after.rows, before.rows - 6000, before.rows - 4000);
    assert_in_range(after.merge_rows_in - after.merge_rows_shared -
                        (before.merge_rows_in - before.merge_rows_shared),
                    4000, 30000);
    world_close(&world);
}

/* A merge that took a large batch along gives it back. */
static void
company_is_given_back(void **state)
{
    struct world world;

    (void)state;
    world_open(&world, true);
    push(&world, ROWS_MAX);
    insert(&world);
    spine_pause(world.spine);
    for (size_t i = 0; i < 8; i++) {
        for (size_t row = 0; row < 12000; row++)
            add(&world, world.end++, 1);
        insert(&world);
    }
    spine_resume(world.spine);
    assert_int_equal(stats_of(&world).levels[0].merging_batches, 8);
    /* A slice of level 0 runs to its end, unless it is stopped. */
    (void)spine_runtime_run(world.runtime, 1);
    assert_int_equal(stats_of(&world).levels[3].merging_batches, 1);
    assert_int_equal(spine_check(world.spine, NULL), SPINE_OK);
    assert_int_equal(spine_compact(world.spine, NULL, NULL, NULL), SPINE_OK);
    while (spine_runtime_run(world.runtime, 1) > 0)
        continue;
    assert_int_equal(stats_of(&world).batches, 1);
    assert_int_equal(stats_of(&world).rows, ROWS_MAX + 8 * 12000);
    assert_int_equal(skipped_to_first(&world), 0);
    world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queues_are_short_at_the_head),
        cmocka_unit_test(small_batches_wait_for_the_large_one),
        cmocka_unit_test(a_stretch_waits_for_what_it_cancels_in),
        cmocka_unit_test(queues_are_short_when_only_due_merges_run),
        cmocka_unit_test(ascending_keys_are_written_twice),
        cmocka_unit_test(windows_are_written_twice),
        cmocka_unit_test(random_keys_merge_as_ever),
        cmocka_unit_test(random_keys_merge_ahead_as_ever),
        cmocka_unit_test(readers_have_merged_what_they_skip),
        cmocka_unit_test(differences_of_snapshots_ask_for_nothing),
        cmocka_unit_test(only_the_stretch_merges),
        cmocka_unit_test(company_is_given_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
