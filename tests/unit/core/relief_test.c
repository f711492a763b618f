/* SPDX-License-Identifier: MIT */

/*
 * Inserts into a runtime that is at its memory limit: what counts of them, and what they
 * wait for.
 */

#include "harness/watchdog.h"
#include "relief.h"
#include "unit/core/pressure_world.h"

/* A batch that is refused is the host's alone, as before. */
static void
test_what_is_refused_does_not_count(void **state)
{
    const struct spine_options options = {
        .only_due_merges = true, .backpressure_batches = 4, .help_batches = UINT32_MAX};
    enum spine_status st = SPINE_OK;
    struct spine_batch *batch;
    struct world world;
    uint64_t count = 0, before;

    (void)state;
    world_init(&world, true, false);
    spine_close(world.spine);
    assert_int_equal(spine_open(world.runtime, &numbers, &options, &world.spine, NULL),
                     SPINE_OK);
    while (st == SPINE_OK) {
        batch = batch_of(count, 1);
        before = memory_of(world.runtime);
        st = spine_try_insert(world.spine, batch, NULL);
        assert_true(st != SPINE_OK || memory_of(world.runtime) > before);
        count += st == SPINE_OK;
        spine_batch_unref(batch);
    }
    assert_int_equal(st, SPINE_BUSY);
    assert_true(count >= 8);
    batch = batch_of(count, 1);
    before = memory_of(world.runtime);
    assert_int_equal(spine_try_insert(world.spine, batch, NULL), SPINE_BUSY);
    assert_int_equal(memory_of(world.runtime), before);

    spine_close(world.spine);
    assert_int_equal(spine_open(world.runtime, &numbers, NULL, &world.spine, NULL),
                     SPINE_OK);
    for (count = 0; insert(&world, count, 1, NULL) == SPINE_OK; count++)
        ;
    before = memory_of(world.runtime);
    assert_int_equal(spine_try_insert(world.spine, batch, NULL), SPINE_NOMEM);
    assert_int_equal(memory_of(world.runtime), before);
    assert_int_equal(spine_insert(world.spine, batch, NULL), SPINE_NOMEM);
    assert_int_equal(memory_of(world.runtime), before);
    spine_batch_unref(batch);
    world_release(&world);
}

/* Inserted when memory seems to be short, but is not any more, a batch counts. */
static void
test_what_comes_after_pressure_counts(void **state)
{
    struct spine *others[64];
    struct spine_runtime_stats stats;
    struct world world;
    size_t count = 0;

    (void)state;
    world_init(&world, true, true);
    for (uint64_t i = 0; memory_of(world.runtime) < LIMIT / 100 * 92; i++) {
        struct spine_batch *batch = batch_of(i, 1);

        if (i % 5 == 0)
            assert_int_equal(
                spine_open(world.runtime, &numbers, NULL, &others[count++], NULL),
                SPINE_OK);
        assert_true(count < 64);
        assert_int_equal(spine_try_insert(others[count - 1], batch, NULL), SPINE_OK);
        spine_batch_unref(batch);
    }
    while (count > 0)
        spine_close(others[--count]);
    spine_runtime_get_stats(world.runtime, &stats);
    assert_int_equal(stats.pressure, SPINE_PRESSURE_HIGH);
    assert_int_equal(stats.block_bytes + stats.fence_bytes, 0);
    assert_int_equal(insert(&world, 0, 1, NULL), SPINE_OK);
    spine_runtime_get_stats(world.runtime, &stats);
    assert_int_equal(stats.pressure, SPINE_PRESSURE_NONE);
    assert_true(stats.fence_bytes > 0);
    world_release(&world);
}

struct note {
    struct world *world;
    unsigned calls;
    enum spine_status status;
};

static void
insert_when_done(void *context, enum spine_status status)
{
    struct note *note = context;

    assert_int_equal(status, SPINE_OK);
    note->calls++;
    note->status = insert(note->world, BATCHES, 1, NULL);
}

/* A callback of a slice inserts when it is full: nothing but this slice runs, and it does
 * not wait for itself. */
static void
test_callbacks_do_not_wait_for_their_slice(void **state)
{
    struct spine_snapshot *snapshot;
    struct world world;
    struct note note = {.world = &world, .status = SPINE_OK};
    uint64_t count = 0;

    (void)state;
    watchdog_start("an insert in on_done", 60);
    world_init(&world, true, false);
    while (insert(&world, count, 1, NULL) == SPINE_OK)
        count++;
    /* What a compaction replaces stays. */
    assert_int_equal(spine_take_snapshot(world.spine, &snapshot, NULL), SPINE_OK);
    assert_int_equal(spine_compact(world.spine, insert_when_done, &note, NULL), SPINE_OK);
    while (spine_runtime_run(world.runtime, 1000000) > 0)
        ;
    assert_int_equal(note.calls, 1);
    assert_int_equal(note.status, SPINE_NOMEM);
    spine_snapshot_unref(snapshot);
    world_release(&world);
    watchdog_stop();
}

static size_t
batches_of(struct spine *spine)
{
    struct spine_stats stats;

    spine_get_stats(spine, &stats);
    return stats.batches;
}

/* Who waits for memory runs merges of all spines, but no callbacks of other hosts. */
static void
test_waits_run_merges_and_no_callbacks(void **state)
{
    struct spine_snapshot *snapshot;
    struct world world;
    struct note note = {.world = &world, .status = SPINE_OK};
    struct spine *other;
    uint64_t count = 0;

    (void)state;
    watchdog_start("an insert at the limit", 60);
    world_init(&world, true, false);
    assert_int_equal(spine_open(world.runtime, &numbers, NULL, &other, NULL), SPINE_OK);
    for (uint64_t i = 0; i < 4; i++) {
        struct spine_batch *batch = batch_of(i, 1);

        assert_int_equal(spine_insert(other, batch, NULL), SPINE_OK);
        spine_batch_unref(batch);
    }
    /* Its end is to be reported, and nobody does. */
    assert_int_equal(spine_compact(other, insert_when_done, &note, NULL), SPINE_OK);
    while (batches_of(other) > 1)
        assert_true(spine_runtime_run(world.runtime, 1) > 0);
    assert_int_equal(note.calls, 0);
    while (insert(&world, count, 1, NULL) == SPINE_OK)
        count++;
    assert_int_equal(note.calls, 0);
    assert_true(count > 0);

    /* The other spine has what cancels in merges that are ready. */
    assert_int_equal(spine_take_snapshot(world.spine, &snapshot, NULL), SPINE_OK);
    spine_close(world.spine);
    spine_snapshot_unref(snapshot);
    assert_int_equal(spine_open(world.runtime, &numbers, NULL, &world.spine, NULL),
                     SPINE_OK);
    for (enum spine_status st = SPINE_OK; st == SPINE_OK; count++) {
        struct spine_batch *batch = batch_of(4, count % 2 == 0 ? 1 : -1);

        st = spine_try_insert(other, batch, NULL);
        assert_true(st == SPINE_OK || st == SPINE_NOMEM);
        spine_batch_unref(batch);
    }
    assert_true(batches_of(other) > 8);
    assert_int_equal(insert(&world, 0, 1, NULL), SPINE_OK);
    assert_int_equal(note.calls, 0);
    while (spine_runtime_run(world.runtime, 1000000) > 0)
        ;
    assert_int_equal(note.calls, 1);
    assert_int_equal(note.status, SPINE_OK);
    spine_close(other);
    world_release(&world);
    watchdog_stop();
}

/* What a wait for memory finds when it ends is looked at, even if there is room. */
static void
test_waits_for_memory_end_with_the_spine(void **state)
{
    struct stall stall = {0};
    struct spine_error error = {0};
    struct world world;

    (void)state;
    world_init(&world, true, false);
    mutex_lock(&world.spine->mutex);
    spine_enter_locked(world.spine);
    assert_int_equal(relief_wait_locked(world.spine, &stall, &error), SPINE_OK);
    world.spine->locked.closing = true;
    assert_int_equal(relief_wait_locked(world.spine, &stall, &error), SPINE_CANCELLED);
    world.spine->locked.closing = false;
    world.spine->locked.error.status = world.spine->locked.status = SPINE_IO;
    assert_int_equal(relief_wait_locked(world.spine, &stall, &error), SPINE_IO);
    world.spine->locked.status = SPINE_OK;
    spine_leave_and_unlock(world.spine);
    world_release(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_refused_does_not_count),
        cmocka_unit_test(test_what_comes_after_pressure_counts),
        cmocka_unit_test(test_callbacks_do_not_wait_for_their_slice),
        cmocka_unit_test(test_waits_run_merges_and_no_callbacks),
        cmocka_unit_test(test_waits_for_memory_end_with_the_spine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
