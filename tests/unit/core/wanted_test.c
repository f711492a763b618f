/* SPDX-License-Identifier: MIT */

/*
 * Merges whose outputs go to files, and probes: what probes want is in the cache when it
 * is in a file, without being read, and nothing else is.
 */

#include "base/alloc.h"
#include "unit/core/spill_fixture.h"

#define BATCHES 8u
#define KEYS (BATCHES * ROWS)

/* Probes so few keys of all that they are looked for together. */
#define SPARSE 100u

/* Probes the keys begin, begin + step, ... before `end`, all of which are there; the
 * reads that takes. */
static unsigned
reads_of_probe(struct world *world, uint64_t begin, uint64_t end, uint64_t step)
{
    const size_t count = (size_t)((end - begin) / step);
    const size_t bytes = count * sizeof(uint64_t);
    const unsigned before = world->disk.reads;
    uint64_t *keys = mem_alloc(bytes);
    const struct spine_columns columns = {.rows = count, .keys = keys};
    struct spine_snapshot *snapshot;
    struct spine_probe_rows rows;
    struct spine_probe *probe;
    size_t found;

    assert_non_null(keys);
    for (size_t i = 0; i < count; i++)
        keys[i] = begin + i * step;
    assert_int_equal(spine_take_snapshot(world->spine, &snapshot, NULL), SPINE_OK);
    assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);
    assert_int_equal(spine_snapshot_probe(snapshot, probe, &columns, NULL, &rows, NULL),
                     SPINE_OK);
    for (found = rows.found; rows.more; found += rows.found)
        assert_int_equal(spine_probe_next(probe, &rows, NULL), SPINE_OK);
    assert_int_equal(found, count);
    spine_probe_free(probe);
    spine_snapshot_unref(snapshot);
    mem_free(keys, bytes);
    return world->disk.reads - before;
}

/* Merges all there is, and ends the files that nobody needs any more. */
static void
consolidate(struct world *world)
{
    assert_int_equal(spine_consolidate(world->spine, NULL, NULL), SPINE_OK);
    while (spine_runtime_run(world->runtime, 100000) > 0)
        ;
}

static uint64_t
cached_bytes(const struct world *world)
{
    struct store_cache_counts counts;

    store_cache_counts(world->store, &counts);
    return counts.bytes;
}

static void
wanted_init(struct world *world)
{
    world_init(world, BYTES_OF_FILES, 0);
    store_cache_set_bytes(world->store, 64u << 20);
}

static void
insert_all(struct world *world)
{
    for (uint64_t i = 0; i < BATCHES; i++)
        insert(world, i, BATCHES);
}

static void
what_probes_want_is_not_read(void **state)
{
    struct world world;
    uint64_t bytes;

    (void)state;
    wanted_init(&world);
    insert_all(&world);
    /* Twice, which is not by chance. */
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(reads_of_probe(&world, 0, KEYS, 1), 0);
    consolidate(&world);
    assert_int_equal(world.disk.files_begun, 1);
    bytes = cached_bytes(&world);
    assert_true(bytes > 8 * KEYS);
    assert_int_equal(reads_of_probe(&world, 0, KEYS, 1), 0);
    assert_int_equal(reads_of_probe(&world, 0, KEYS, 1), 0);

    /* From file to file. */
    insert_all(&world);
    consolidate(&world);
    assert_int_equal(world.disk.files_begun, 2);
    assert_int_equal(reads_of_probe(&world, 0, KEYS, 1), 0);
    /* What was merged is not there twice. */
    assert_in_range(cached_bytes(&world), bytes / 2, 3 * bytes / 2);
    world_release(&world);
}

static void
only_the_part_that_probes_want_is_there(void **state)
{
    struct world world;
    uint64_t all;

    (void)state;
    wanted_init(&world);
    insert_all(&world);
    consolidate(&world);
    assert_int_equal(cached_bytes(&world), 0);
    assert_true(reads_of_probe(&world, 0, KEYS, SPARSE) > 0);
    all = cached_bytes(&world);
    insert_all(&world);
    consolidate(&world);
    /* Nobody wanted a block again. */
    assert_true(cached_bytes(&world) < all / 2);

    (void)reads_of_probe(&world, 0, KEYS / 4, SPARSE);
    (void)reads_of_probe(&world, 0, KEYS / 4, SPARSE);
    insert_all(&world);
    consolidate(&world);
    assert_int_equal(reads_of_probe(&world, 0, KEYS / 4 - ROWS / 4, SPARSE), 0);
    assert_true(reads_of_probe(&world, KEYS / 2, KEYS, SPARSE) > 0);
    world_release(&world);
}

/* Of batches in memory that are scanned, or hardly looked into, nothing stays. */
static void
scans_want_nothing(void **state)
{
    struct world world;

    (void)state;
    wanted_init(&world);
    insert_all(&world);
    for (unsigned i = 0; i < 4; i++) {
        expect_scan(&world, KEYS);
        assert_int_equal(reads_of_probe(&world, 7, 8, 1), 0);
    }
    consolidate(&world);
    assert_int_equal(world.disk.files_begun, 1);
    assert_int_equal(cached_bytes(&world), 0);
    world_release(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_probes_want_is_not_read),
        cmocka_unit_test(only_the_part_that_probes_want_is_there),
        cmocka_unit_test(scans_want_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
