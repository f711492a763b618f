/* SPDX-License-Identifier: MIT */

/*
 * The floor of a spine: what a reader from the beginning has skipped nobody skips again,
 * until a batch begins below. Whatever else happens, readers see what there is.
 */

#include "core.h"
#include "unit/core/company_world.h"

#include <stdio.h>

#define QUEUE_ROWS 20000u

/* A queue in one batch, of which 2,000 are popped. Merges wait to be told. */
static void
queue_open(struct world *world)
{
    world_open(world, true);
    push(world, QUEUE_ROWS);
    insert_only(world);
    pop(world, 2000);
    insert_only(world);
}

static bool
has_floor(const struct world *world)
{
    return world->spine->locked.floor != NULL;
}

/* 1,000 are popped and pushed per round, in batches that nobody merges. */
static void
what_was_popped_once_is_skipped_once(void **state)
{
    struct world world;

    (void)state;
    queue_open(&world);
    assert_int_equal(skipped_to_first(&world), 4000);
    for (size_t round = 0; round < 15; round++) {
        pop(&world, 1000);
        push(&world, 1000);
        insert_only(&world);
        assert_true(has_floor(&world));
        assert_in_range(skipped_to_first(&world), 1, 2000);
    }
    /* Nothing has come in: the next one skips nothing. */
    assert_int_equal(skipped_to_first(&world), 0);
    assert_int_equal(stats_of(&world).merge_rows_in, 0);
    insert(&world);
    assert_int_equal(skipped_to_first(&world), 0);
    world_close(&world);
}

/* A batch that begins below the floor, and one that begins at it. */
static void
a_batch_below_is_seen(void **state)
{
    struct world world;

    (void)state;
    queue_open(&world);
    (void)skipped_to_first(&world);
    add(&world, world.begin, 1);
    insert_only(&world);
    assert_true(has_floor(&world));
    assert_int_equal(skipped_to_first(&world), 1);
    add(&world, 7, 1);
    insert_only(&world);
    assert_false(has_floor(&world));
    world.begin = 7;
    (void)skipped_to_first(&world);
    add(&world, 7, -1);
    insert_only(&world);
    world.begin = 2000;
    assert_in_range(skipped_to_first(&world), 4000, 4010);
    /* What is taken away below is a row, too. */
    add(&world, 5, -1);
    insert_only(&world);
    world.begin = 5;
    (void)skipped_to_first(&world);
    world_close(&world);
}

/* A reader tells what it has found in an old snapshot, when the spine has more. */
static void
what_old_snapshots_have_is_no_floor(void **state)
{
    struct spine_snapshot *snapshot;
    struct spine_cursor *cursor;
    struct world world;

    (void)state;
    for (unsigned below = 0; below < 2; below++) {
        queue_open(&world);
        assert_int_equal(spine_take_snapshot(world.spine, &snapshot, NULL), SPINE_OK);
        add(&world, below == 1 ? 7 : world.end, 1);
        insert_only(&world);
        assert_int_equal(spine_snapshot_cursor(snapshot, &cursor, NULL), SPINE_OK);
        assert_true(spine_cursor_key_valid(cursor));
        assert_int_equal(spine_cursor_key(cursor).u64, 2000);
        spine_cursor_close(cursor);
        world.begin = below == 1 ? 7 : 2000;
        (void)skipped_to_first(&world);
        spine_snapshot_unref(snapshot);
        world_close(&world);
    }
}

/* Snapshots keep the floor of their moment, and cursors theirs. */
static void
readers_of_old_snapshots_see_what_they_have(void **state)
{
    struct spine_snapshot *snapshot;
    struct spine_cursor *cursor, *clone;
    struct world world;

    (void)state;
    queue_open(&world);
    (void)skipped_to_first(&world);
    assert_int_equal(spine_take_snapshot(world.spine, &snapshot, NULL), SPINE_OK);
    add(&world, 7, 1);
    insert(&world);
    assert_int_equal(spine_snapshot_cursor(snapshot, &cursor, NULL), SPINE_OK);
    assert_true(spine_cursor_key_valid(cursor));
    assert_int_equal(spine_cursor_key(cursor).u64, 2000);
    assert_int_equal(spine_cursor_rows_skipped(cursor), 0);
    /* Every other way to the beginning. */
    spine_cursor_step_key_reverse(cursor);
    assert_false(spine_cursor_key_valid(cursor));
    spine_cursor_fast_forward(cursor);
    spine_cursor_seek_key_reverse(cursor, spine_u64(2000));
    assert_int_equal(spine_cursor_key(cursor).u64, 2000);
    assert_false(spine_cursor_seek_key_exact(cursor, spine_u64(1999)));
    assert_int_equal(spine_cursor_clone(cursor, &clone, NULL), SPINE_OK);
    spine_cursor_rewind(clone);
    assert_int_equal(spine_cursor_key(clone).u64, 2000);
    spine_cursor_close(clone);
    /* Bounds below and above the floor. */
    for (uint64_t lower = 1000; lower <= 3000; lower += 1000) {
        const union spine_datum from = spine_u64(lower);

        spine_cursor_set_bounds(cursor, &from, NULL);
        spine_cursor_rewind(cursor);
        assert_int_equal(spine_cursor_key(cursor).u64, lower < 2000 ? 2000 : lower);
    }
    spine_cursor_close(cursor);
    spine_snapshot_unref(snapshot);
    world.begin = 7;
    (void)skipped_to_first(&world);
    world_close(&world);
}

/* Bounds hide rows, which are there all the same. */
static void
what_bounds_hide_is_above_no_floor(void **state)
{
    const union spine_datum lower = spine_u64(100);
    struct spine_cursor *cursor;
    struct world world;

    (void)state;
    world_open(&world, true);
    push(&world, QUEUE_ROWS);
    insert_only(&world);
    world.begin = 100;
    pop(&world, 4000);
    insert_only(&world);
    assert_int_equal(spine_cursor_open(world.spine, &cursor, NULL), SPINE_OK);
    spine_cursor_set_bounds(cursor, &lower, NULL);
    spine_cursor_rewind(cursor);
    assert_true(spine_cursor_key_valid(cursor));
    assert_int_equal(spine_cursor_key(cursor).u64, 4100);
    world.begin = 0;
    (void)skipped_to_first(&world);
    assert_false(has_floor(&world));
    /* Without bounds again, but not from the beginning. */
    spine_cursor_set_bounds(cursor, NULL, NULL);
    spine_cursor_seek_key(cursor, lower);
    assert_int_equal(spine_cursor_key(cursor).u64, 4100);
    spine_cursor_close(cursor);
    (void)skipped_to_first(&world);
    assert_false(has_floor(&world));
    world_close(&world);
}

static bool
keep_all(void *context, union spine_datum key)
{
    (void)context;
    (void)key;
    return true;
}

/* A filter may drop a row and leave what took it away. */
static void
under_filters_there_is_no_floor(void **state)
{
    const struct spine_key_filter filter = {.name = "all", .on_key = keep_all};
    struct world world;

    (void)state;
    queue_open(&world);
    (void)skipped_to_first(&world);
    pop(&world, 1);
    insert_only(&world);
    assert_true(has_floor(&world));
    assert_int_equal(spine_retain_keys(world.spine, &filter, NULL), SPINE_OK);
    assert_false(has_floor(&world));
    assert_true(skipped_to_first(&world) > 4000);
    pop(&world, 1);
    insert_only(&world);
    assert_false(has_floor(&world));
    world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_popped_once_is_skipped_once),
        cmocka_unit_test(a_batch_below_is_seen),
        cmocka_unit_test(what_old_snapshots_have_is_no_floor),
        cmocka_unit_test(readers_of_old_snapshots_see_what_they_have),
        cmocka_unit_test(what_bounds_hide_is_above_no_floor),
        cmocka_unit_test(under_filters_there_is_no_floor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
