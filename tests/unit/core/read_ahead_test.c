/* SPDX-License-Identifier: MIT */

/*
 * Merges of batches in files read ahead, by other jobs than their own, a megabyte at a
 * time; those of blocks here and there read no others; scans read ahead, and probes read
 * together what they need together.
 */

#include "batch/fence.h"
#include "core.h"
#include "unit/core/spill_fixture.h"

/* Puts `count` batches of interleaving keys into a file each. */
static void
insert_to_files(struct world *world, uint64_t count)
{
    atomic_store(&runtime_placement(world->runtime)->insert_bytes_min, 1);
    for (uint64_t i = 0; i < count; i++)
        insert(world, i, count);
    world->disk.reads = 0;
    world->disk.largest_read = 0;
}

static uint64_t
merge_ns(struct world *world)
{
    struct spine_stats stats;

    spine_get_stats(world->spine, &stats);
    return stats.merge_ns;
}

static void
note_done(void *context, enum spine_status status)
{
    *(enum spine_status *)context = status;
}

/* Runs slice by slice until everything is one batch. No slice of a merge reads. */
static void
compact_by_slices(struct world *world, enum spine_status expected)
{
    enum spine_status status = SPINE_TIMEOUT;
    unsigned merge_slices = 0, reads = 0;

    assert_int_equal(spine_compact(world->spine, note_done, &status, NULL), SPINE_OK);
    while (status == SPINE_TIMEOUT) {
        const unsigned reads_before = world->disk.reads;
        const uint64_t ns_before = merge_ns(world);

        (void)spine_runtime_run(world->runtime, 1);
        if (merge_ns(world) > ns_before) {
            merge_slices++;
            assert_int_equal(world->disk.reads, reads_before);
        }
        reads += world->disk.reads - reads_before;
    }
    assert_int_equal(status, expected);
    assert_true(merge_slices > 3);
    assert_true(reads > 0);
}

static void
test_merges_do_not_read(void **state)
{
    struct store_counts counts;
    struct world world;

    (void)state;
    world_init(&world, BYTES_OF_FILES, 0);
    insert_to_files(&world, 6);
    compact_by_slices(&world, SPINE_OK);
    /* Everything once, in few reads. */
    store_counts(world.store, &counts);
    assert_true(counts.read_bytes < 6 * ROWS * 20);
    assert_true(world.disk.reads <= 6 * 5);
    expect_keys(&world, 6 * ROWS);
    world_release(&world);
}

/* A read that fails is an error of the merge, which is tried again. */
static void
test_failed_reads_are_tried_again(void **state)
{
    struct spine_stats stats;
    struct world world;

    (void)state;
    world_init(&world, BYTES_OF_FILES, 0);
    insert_to_files(&world, 6);
    world.disk.operation = SPINE_OPERATION_READ_AT;
    world.disk.times = 3;
    assert_int_equal(spine_consolidate(world.spine, NULL, NULL), SPINE_OK);
    assert_int_equal(world.disk.times, 0);
    spine_get_stats(world.spine, &stats);
    assert_true(stats.merge_retries > 0);
    expect_keys(&world, 6 * ROWS);
    world_release(&world);
}

/* A spine is closed, and one paused, while its merge waits for a read. */
static void
test_a_waiting_merge_is_given_up_and_parked(void **state)
{
    unsigned waited = 0;

    (void)state;
    for (unsigned runs = 0; runs < 12; runs++) {
        struct world world;

        world_init(&world, BYTES_OF_FILES, 0);
        insert_to_files(&world, 6);
        assert_int_equal(spine_compact(world.spine, NULL, NULL, NULL), SPINE_OK);
        for (unsigned i = 0; i < runs; i++)
            (void)spine_runtime_run(world.runtime, 1);
        /* Some of either. */
        waited |= (unsigned)world.spine->locked.tasks[COMPACTION_TASK].lacks << runs % 2;
        if (runs % 2 == 0) {
            spine_pause(world.spine);
            (void)spine_runtime_run(world.runtime, 100);
            spine_resume(world.spine);
            spine_retry(world.spine);
            assert_int_equal(spine_wait_idle(world.spine, UINT64_MAX, NULL), SPINE_OK);
            expect_keys(&world, 6 * ROWS);
        }
        world_release(&world);
    }
    assert_int_equal(waited, 3);
}

/* Ten rows go from the midst of a large batch in a file, or come there, by a merge. The
 * reads of that. */
static unsigned
reads_of_ten_rows(struct world *world, int64_t weight)
{
    uint64_t keys[10], values[10];
    int64_t weights[10];
    const struct spine_columns columns = {
        .rows = 10, .keys = keys, .values = values, .weights = weights};
    struct spine_batch *batch;

    for (uint64_t i = 0; i < 10; i++) {
        keys[i] = 3 * ROWS + i;
        values[i] = keys[i] * UINT64_C(0x9e3779b97f4a7c15);
        weights[i] = weight;
    }
    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    assert_int_equal(spine_insert(world->spine, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
    world->disk.reads = 0;
    assert_int_equal(spine_consolidate(world->spine, NULL, NULL), SPINE_OK);
    return world->disk.reads;
}

/* The blocks that they reach into are read. */
static void
test_merges_by_overlap_read_little(void **state)
{
    struct spine_stats stats;
    struct world world;

    (void)state;
    world_init(&world, BYTES_OF_FILES, 0);
    insert_to_files(&world, 6);
    assert_int_equal(spine_consolidate(world.spine, NULL, NULL), SPINE_OK);
    atomic_store(&runtime_placement(world.runtime)->insert_bytes_min, UINT64_MAX);
    assert_in_range(reads_of_ten_rows(&world, -1), 1, 4);
    /* These are few, so they have stayed in memory. */
    assert_int_equal(reads_of_ten_rows(&world, 1), 0);
    spine_get_stats(world.spine, &stats);
    assert_int_equal(stats.batches, 1);
    expect_keys(&world, 6 * ROWS);
    world_release(&world);
}

static void
take_batch(struct entry *entry, void *context)
{
    *(struct spine_batch **)context = entry->batch;
}

static void
expect_no_end(void *context)
{
    (void)context;
    fail();
}

/* The waiter's runtime does not read for the store: what it would have read is not on its
 * way, or a merge would wait for it for ever. */
static void
test_nothing_is_on_its_way_that_nobody_reads(void **state)
{
    const struct spine_runtime_options manual = {.manual = true};
    struct read_waiter waiter = {.on_end = expect_no_end};
    struct read_ahead ahead = {.transient = true, .waiter = &waiter};
    struct spine_batch *batch = NULL;
    struct world world;
    unsigned begun = 0;

    (void)state;
    world_init(&world, BYTES_OF_FILES, 0);
    insert_to_files(&world, 6);
    assert_int_equal(spine_consolidate(world.spine, NULL, NULL), SPINE_OK);
    entry_set_each(&world.spine->locked.loose, entries_all, take_batch, &batch);
    assert_non_null(batch);
    assert_int_equal(spine_runtime_open(&manual, &waiter.runtime, NULL), SPINE_OK);
    for (size_t block = 0; block < batch->block_count; block++) {
        assert_int_equal(read_ahead_bring(&ahead, batch, block, NULL), SPINE_OK);
        for (size_t i = 1; i < ahead.extent_count; i++, begun++)
            assert_false(read_ahead_awaits(&ahead, ahead.extents[i].begin));
    }
    assert_true(begun > 0);
    read_ahead_release(&ahead);
    spine_runtime_close(waiter.runtime);
    world_release(&world);
}

/* Far fewer reads than blocks. */
static void
test_scans_read_ahead(void **state)
{
    const unsigned blocks = 6 * ROWS / 4096;
    struct world world;

    (void)state;
    world_init(&world, BYTES_OF_FILES, 0);
    insert_to_files(&world, 6);
    assert_int_equal(spine_consolidate(world.spine, NULL, NULL), SPINE_OK);
    world.disk.reads = 0;
    expect_scan(&world, 6 * ROWS);
    assert_in_range(world.disk.reads, 2, 2 + blocks / 3);
    world_release(&world);
}

/* Little memory is left to the store: reads are of a block or two. */
static void
test_scans_read_little_ahead_when_memory_is_short(void **state)
{
    const uint64_t limit = UINT64_C(1) << 20;
    struct world world;

    (void)state;
    world_init(&world, BYTES_OF_FILES, 0);
    insert_to_files(&world, 6);
    assert_int_equal(spine_consolidate(world.spine, NULL, NULL), SPINE_OK);
    world.disk.largest_read = 0;
    expect_scan(&world, 6 * ROWS);
    assert_true(world.disk.largest_read > limit / 8);

    store_press(world.store, world.runtime,
                &(struct service_room){.limit_bytes = limit, .shift = 0});
    world.disk.largest_read = 0;
    expect_scan(&world, 6 * ROWS);
    assert_in_range(world.disk.largest_read, 1, limit / 16);
    world_release(&world);
}

static void
test_probes_read_together(void **state)
{
    static uint64_t keys[6 * ROWS / 100];
    const struct spine_columns columns = {.rows = sizeof keys / sizeof keys[0],
                                          .keys = keys};
    struct spine_snapshot *snapshot;
    struct spine_probe *probe;
    struct spine_probe_rows rows;
    struct spine_batch *batch = NULL;
    uint32_t filters;
    struct world world;

    (void)state;
    world_init(&world, BYTES_OF_FILES, 0);
    insert_to_files(&world, 6);
    assert_int_equal(spine_consolidate(world.spine, NULL, NULL), SPINE_OK);
    for (size_t i = 0; i < columns.rows; i++)
        keys[i] = i * 100;
    assert_int_equal(spine_take_snapshot(world.spine, &snapshot, NULL), SPINE_OK);
    world.disk.reads = 0;
    assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);
    assert_int_equal(
        spine_snapshot_probe(snapshot, probe, &columns,
                             &(struct spine_probe_options){.want = SPINE_PROBE_COUNTS},
                             &rows, NULL),
        SPINE_OK);
    assert_int_equal(rows.found, columns.rows);
    /* All blocks lie side by side, eight to a read; each filter is a part of its own. */
    entry_set_each(&world.spine->locked.loose, entries_all, take_batch, &batch);
    filters = batch->fences[batch->block_count - 1].keeper->file->table.filter_count;
    assert_in_range(world.disk.reads, 1, batch->block_count / 8 + 2 + filters);
    assert_in_range(batch->block_count, 30, 3000);
    spine_probe_free(probe);
    spine_snapshot_unref(snapshot);
    world_release(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merges_do_not_read),
        cmocka_unit_test(test_failed_reads_are_tried_again),
        cmocka_unit_test(test_a_waiting_merge_is_given_up_and_parked),
        cmocka_unit_test(test_merges_by_overlap_read_little),
        cmocka_unit_test(test_nothing_is_on_its_way_that_nobody_reads),
        cmocka_unit_test(test_scans_read_ahead),
        cmocka_unit_test(test_scans_read_little_ahead_when_memory_is_short),
        cmocka_unit_test(test_probes_read_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
