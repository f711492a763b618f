/* SPDX-License-Identifier: MIT */

/*
 * Spines whose merges write to files: when an output goes there, how it is written, what
 * is left in memory, and what becomes of writes that fail.
 */

#include "unit/core/spill_fixture.h"

static uint64_t
count_of(const struct spine_histogram *histogram)
{
    uint64_t count = 0;

    for (unsigned i = 0; i < SPINE_BUCKETS; i++)
        count += histogram->counts[i];
    return count;
}

static void
test_large_outputs_go_to_files(void **state)
{
    struct spine_store_stats store;
    struct spine_stats stats;
    struct world world;

    (void)state;
    world_init(&world, BYTES_OF_FILES, 0);
    for (uint64_t i = 0; i < 8; i++)
        insert(&world, i, 8);
    assert_int_equal(world.disk.files_begun, 0);
    assert_int_equal(spine_consolidate(world.spine, NULL, NULL), SPINE_OK);
    assert_int_equal(world.disk.files_begun, 1);
    assert_int_equal(files_in(&world), 1);
    assert_int_equal(world.disk.syncs, 0);
    assert_int_equal(world.disk.small_writes, 0);
    spine_get_stats(world.spine, &stats);
    assert_int_equal(stats.rows, 8 * ROWS);
    /* Fences and marks. */
    assert_true(stats.bytes < stats.rows / 2);
    assert_int_equal(stats.storage_batches, 1);
    assert_int_equal(stats.storage_rows, stats.rows);
    assert_true(stats.storage_bytes > 8 * stats.rows);
    assert_int_equal(stats.levels[2].storage_rows, stats.rows);
    assert_int_equal(atomic_load(&runtime_placement(world.runtime)->outputs_bytes), 0);
    spine_store_get_stats(world.store, &store);
    assert_int_equal(store.files, 1);
    assert_true(store.writes >= 2 && store.write_bytes == store.file_bytes);
    assert_true(store.write_times.sum_ns > 0 && store.files_written >= 1);
    assert_int_equal(count_of(&store.write_times), store.writes);
    assert_true(store.cache_limit_bytes <= 1);
    expect_keys(&world, 8 * ROWS);
    spine_store_get_stats(world.store, &store);
    assert_true(store.reads > 0 && store.read_bytes >= store.file_bytes / 2);
    assert_true(store.cache_misses > 0 && count_of(&store.read_times) <= store.reads);
    world_release(&world);
}

/* What is read of files counts for the spine that has them: for its readers, or for its
 * merges. Of a fork it does not count. */
static void
test_reads_count_for_their_spine(void **state)
{
    const struct spine_options options = {.only_due_merges = true};
    struct spine_stats stats, before;
    struct spine_store_stats store;
    struct spine *other;
    struct world world;

    (void)state;
    world_init(&world, BYTES_OF_FILES, 0);
    assert_int_equal(spine_open(world.runtime, &schema, &options, &other, NULL),
                     SPINE_OK);
    for (uint64_t i = 0; i < 8; i++)
        insert(&world, i, 8);
    assert_int_equal(spine_consolidate(world.spine, NULL, NULL), SPINE_OK);
    spine_get_stats(world.spine, &stats);
    assert_int_equal(stats.cache_hits + stats.cache_misses + stats.read_bytes, 0);
    assert_int_equal(stats.merge_cache_misses + stats.merge_read_bytes, 0);

    expect_scan(&world, 8 * ROWS);
    spine_get_stats(world.spine, &stats);
    spine_store_get_stats(world.store, &store);
    assert_true(stats.cache_misses > 0 && stats.read_ns > 0);
    assert_int_equal(stats.cache_hits, store.cache_hits);
    assert_int_equal(stats.cache_misses, store.cache_misses);
    assert_in_range(stats.read_bytes, store.read_bytes / 2, 2 * store.read_bytes);
    assert_int_equal(stats.merge_cache_misses + stats.merge_read_bytes, 0);

    /* A merge that reads all of it. */
    before = stats;
    insert(&world, 4, 8);
    assert_int_equal(spine_consolidate(world.spine, NULL, NULL), SPINE_OK);
    spine_get_stats(world.spine, &stats);
    assert_int_equal(stats.cache_misses, before.cache_misses);
    assert_int_equal(stats.read_bytes, before.read_bytes);
    assert_true(stats.merge_cache_misses > 0 && stats.merge_read_ns > 0);
    assert_in_range(stats.merge_read_bytes, before.read_bytes / 2, 2 * before.read_bytes);
    spine_get_stats(other, &stats);
    assert_int_equal(stats.cache_misses + stats.merge_cache_misses, 0);
    spine_close(other);
    world_release(&world);
}

/* A row that is found in the cache without its block is a hit, too. */
static void
test_found_rows_are_hits_of_their_spine(void **state)
{
    struct spine_cursor *cursor;
    struct spine_store_stats store;
    struct spine_stats stats;
    struct world world;
    uint64_t reads = 0;

    (void)state;
    world_init(&world, BYTES_OF_FILES, 0);
    for (uint64_t i = 0; i < 8; i++)
        insert(&world, i, 8);
    assert_int_equal(spine_consolidate(world.spine, NULL, NULL), SPINE_OK);
    /* In a shard there is room for rows, hardly for a block. */
    store_cache_set_bytes(world.store, 300000);
    assert_int_equal(spine_cursor_open(world.spine, &cursor, NULL), SPINE_OK);
    for (unsigned round = 0; round < 8; round++) {
        reads = world.disk.reads;
        for (uint64_t key = 0; key < 8 * ROWS; key += 2 * 4096 + 1)
            assert_true(spine_cursor_seek_key_exact(cursor, spine_u64(key)));
    }
    spine_cursor_close(cursor);
    assert_in_range(world.disk.reads - reads, 0, 5);
    spine_get_stats(world.spine, &stats);
    spine_store_get_stats(world.store, &store);
    assert_true(stats.cache_hits >= 20);
    assert_int_equal(stats.cache_hits, store.cache_hits);
    world_release(&world);
}

static void
test_small_outputs_stay(void **state)
{
    struct world world;

    (void)state;
    world_init(&world, 0, 0);
    for (uint64_t i = 0; i < 8; i++)
        insert(&world, i, 8);
    assert_int_equal(spine_consolidate(world.spine, NULL, NULL), SPINE_OK);
    assert_int_equal(world.disk.files_begun, 0);
    expect_keys(&world, 8 * ROWS);
    world_release(&world);
}

/* An output that shares blocks of memory and of files. */
static void
test_outputs_take_blocks_over(void **state)
{
    struct spine_stats stats;
    struct world world;

    (void)state;
    world_init(&world, BYTES_OF_FILES, 0);
    for (uint64_t i = 0; i < 12; i++) {
        insert(&world, i * ROWS, 1);
        assert_int_equal(spine_consolidate(world.spine, NULL, NULL), SPINE_OK);
    }
    assert_true(files_in(&world) > 0);
    spine_get_stats(world.spine, &stats);
    assert_true(stats.merge_blocks_shared > 0);
    expect_keys(&world, 12 * ROWS);
    world_release(&world);
}

/* Keys [first, first + ROWS) go. */
static void
retract(struct world *world, uint64_t first)
{
    static uint64_t keys[ROWS], values[ROWS];
    static int64_t weights[ROWS];
    const struct spine_columns columns = {
        .rows = ROWS, .keys = keys, .values = values, .weights = weights};
    struct spine_batch *batch;

    for (size_t i = 0; i < ROWS; i++) {
        keys[i] = first + i;
        values[i] = keys[i] * UINT64_C(0x9e3779b97f4a7c15);
        weights[i] = -1;
    }
    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    assert_int_equal(spine_insert(world->spine, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
}

/* A few blocks that are taken over and over do not keep a large file for ever. */
static void
test_what_is_left_of_a_file_moves(void **state)
{
    struct spine_store_stats store;
    struct world world;
    uint64_t large_bytes;

    (void)state;
    world_init(&world, BYTES_OF_FILES, 0);
    for (uint64_t i = 0; i < 12; i++)
        insert(&world, i, 12);
    assert_int_equal(spine_consolidate(world.spine, NULL, NULL), SPINE_OK);
    spine_store_get_stats(world.store, &store);
    large_bytes = store.file_bytes;
    assert_int_equal(store.files, 1);
    for (uint64_t i = 1; i < 12; i++)
        retract(&world, i * ROWS);
    assert_int_equal(spine_consolidate(world.spine, NULL, NULL), SPINE_OK);
    expect_keys(&world, ROWS);
    /* Far behind. */
    insert(&world, UINT64_C(1) << 40, 1);
    assert_int_equal(spine_consolidate(world.spine, NULL, NULL), SPINE_OK);
    (void)spine_runtime_run(world.runtime, 100);
    spine_store_get_stats(world.store, &store);
    assert_true(store.file_bytes < large_bytes / 4);
    /* Each file that went was written once. */
    assert_true(store.files_removed > 0);
    assert_int_equal(store.files_written - store.files_removed, store.files);
    world_release(&world);
}

static void
test_inserts_go_to_files_when_asked(void **state)
{
    struct world world;

    (void)state;
    world_init(&world, 0, 0);
    atomic_store(&runtime_placement(world.runtime)->insert_bytes_min, 100000);
    for (uint64_t i = 0; i < 3; i++)
        insert(&world, i, 3);
    assert_int_equal(files_in(&world), 3);
    expect_keys(&world, 3 * ROWS);

    /* One that cannot be written is not taken. */
    world.disk.operation = SPINE_OPERATION_WRITE;
    world.disk.times = 1;
    {
        const uint64_t key = 1;
        const struct spine_columns columns = {.rows = 1, .keys = &key, .values = &key};
        struct spine_error error;
        struct spine_batch *batch;

        atomic_store(&runtime_placement(world.runtime)->insert_bytes_min, 0);
        assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL),
                         SPINE_OK);
        assert_int_equal(spine_insert(world.spine, batch, &error), SPINE_IO);
        assert_non_null(strstr(error.message, "No space left"));
        spine_batch_unref(batch);
    }
    assert_int_equal(files_in(&world), 3);
    expect_keys(&world, 3 * ROWS);
    world_release(&world);
}

static const enum spine_operation written[] = {
    SPINE_OPERATION_CREATE, SPINE_OPERATION_WRITE, SPINE_OPERATION_FINISH,
    SPINE_OPERATION_OPEN};

/* A write that fails once is tried again, and nothing of the first try is left. */
static void
test_failed_writes_are_tried_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof written / sizeof written[0]; i++) {
        struct spine_stats stats;
        struct world world;

        world_init(&world, BYTES_OF_FILES, 0);
        for (uint64_t k = 0; k < 8; k++)
            insert(&world, k, 8);
        world.disk.operation = written[i];
        world.disk.times = 3;
        assert_int_equal(spine_consolidate(world.spine, NULL, NULL), SPINE_OK);
        assert_int_equal(world.disk.times, 0);
        spine_get_stats(world.spine, &stats);
        assert_int_equal(stats.merge_retries, 3);
        assert_int_equal(files_in(&world), 1);
        expect_keys(&world, 8 * ROWS);
        world_release(&world);
    }
}

/* One that lasts is a sticky error, which leaves everything readable, and goes on. */
static void
test_lasting_failures_are_sticky(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof written / sizeof written[0]; i++) {
        struct spine_error error = {0};
        struct world world;

        world_init(&world, BYTES_OF_FILES, 20);
        for (uint64_t k = 0; k < 8; k++)
            insert(&world, k, 8);
        world.disk.operation = written[i];
        world.disk.times = UINT32_MAX;
        assert_int_equal(spine_consolidate(world.spine, NULL, &error), SPINE_IO);
        assert_non_null(strstr(error.message, "No space left"));
        assert_int_equal(spine_get_status(world.spine, NULL), SPINE_IO);
        assert_int_equal(files_in(&world), 0);
        expect_keys(&world, 8 * ROWS);

        world.disk.times = 0;
        spine_retry(world.spine);
        assert_int_equal(spine_consolidate(world.spine, NULL, &error), SPINE_OK);
        assert_int_equal(files_in(&world), 1);
        expect_keys(&world, 8 * ROWS);
        world_release(&world);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_large_outputs_go_to_files),
        cmocka_unit_test(test_reads_count_for_their_spine),
        cmocka_unit_test(test_found_rows_are_hits_of_their_spine),
        cmocka_unit_test(test_small_outputs_stay),
        cmocka_unit_test(test_outputs_take_blocks_over),
        cmocka_unit_test(test_what_is_left_of_a_file_moves),
        cmocka_unit_test(test_inserts_go_to_files_when_asked),
        cmocka_unit_test(test_failed_writes_are_tried_again),
        cmocka_unit_test(test_lasting_failures_are_sticky),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
