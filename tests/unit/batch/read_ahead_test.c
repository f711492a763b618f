/* SPDX-License-Identifier: MIT */

/*
 * Blocks one after the other are read ahead, ever more of them together; a jump begins
 * anew. A read that failed ahead is made again when its blocks are needed, and one that
 * fails then is told, and made again by the next call.
 */

#include "batch/batch.h"

#include "batch/fence.h"
#include "harness/read_disk.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define ROWS 400000u
/* More than an extent takes. */
#define FUEL 1000u

struct world {
    struct spine_store *store;
    /* Reads of the store, when it runs. */
    struct spine_runtime *runtime;
    struct spine_batch *batch;
    struct read_ahead ahead;
    struct read_disk disk;
};

static struct spine_batch *
batch_in_memory(void)
{
    static const struct spine_schema schema = {.key = {.kind = SPINE_U64}};
    static uint64_t keys[ROWS];
    const struct spine_columns columns = {.rows = ROWS, .keys = keys};
    struct spine_batch *batch;

    for (uint64_t i = 0; i < ROWS; i++)
        keys[i] = i * UINT64_C(0x9e3779b97f4a7c15);
    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    return batch;
}

static void
world_init(struct world *world)
{
    struct spine_runtime_options options = {.manual = true};
    struct spine_batch *in_memory;

    *world = (struct world){0};
    world->store = read_disk_open(&world->disk, 0);
    options.store = world->store;
    assert_int_equal(spine_runtime_open(&options, &world->runtime, NULL), SPINE_OK);
    in_memory = batch_in_memory();
    assert_int_equal(batch_to_file(in_memory, world->store, &world->batch, NULL),
                     SPINE_OK);
    spine_batch_unref(in_memory);
    assert_true(world->batch->block_count > 60);
    world->disk.reads = 0;
}

static void
world_release(struct world *world)
{
    read_ahead_release(&world->ahead);
    read_ahead_release(&world->ahead);
    spine_batch_unref(world->batch);
    spine_runtime_close(world->runtime);
    spine_store_close(world->store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static enum spine_status
bring(struct world *world, size_t block)
{
    return read_ahead_bring(&world->ahead, world->batch, block, NULL);
}

/* Brings blocks from 0 on, until extents are on their way behind the one in use; the last
 * block that was brought. */
static size_t
bring_until_ahead(struct world *world)
{
    size_t block = 0;

    assert_int_equal(bring(world, block), SPINE_OK);
    while (world->ahead.extent_count < READ_AHEAD_EXTENTS)
        assert_int_equal(bring(world, ++block), SPINE_OK);
    return block;
}

static void
test_extents_grow(void **state)
{
    struct world world;
    uint64_t reads;
    size_t block;

    (void)state;
    world_init(&world);
    block = bring_until_ahead(&world);
    for (size_t i = 1; i < READ_AHEAD_EXTENTS; i++) {
        const struct ahead_extent *extent = &world.ahead.extents[i];

        assert_int_equal(extent->begin, extent[-1].end);
        assert_true(extent->end - extent->begin > extent[-1].end - extent[-1].begin);
    }
    while (++block < world.batch->block_count)
        assert_int_equal(bring(&world, block), SPINE_OK);
    assert_true(world.disk.reads < world.batch->block_count / 3);
    /* After a jump, one block. */
    reads = world.disk.reads;
    assert_int_equal(bring(&world, 3), SPINE_OK);
    assert_int_equal(world.ahead.extent_count, 1);
    assert_int_equal(world.ahead.extents[0].begin, 3);
    assert_int_equal(world.ahead.extents[0].end, 4);
    assert_true(world.disk.reads <= reads + 1);
    world_release(&world);
}

/* An extent may have no more than one block. A merge, which has reserved what it reads
 * ahead, has the next ones read all the same, from the second in order on. */
static void
test_single_blocks_are_read_ahead_for_merges(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    world.ahead.bytes_max = 1;
    for (size_t block = 0; block < 10; block++) {
        assert_int_equal(bring(&world, block), SPINE_OK);
        assert_int_equal(world.ahead.extent_count, 1);
    }
    read_ahead_release(&world.ahead);
    world.ahead = (struct read_ahead){.transient = true, .bytes_max = 1};
    assert_int_equal(bring(&world, 0), SPINE_OK);
    assert_int_equal(world.ahead.extent_count, 1);
    for (size_t block = 1; block < 10; block++) {
        assert_int_equal(bring(&world, block), SPINE_OK);
        assert_int_equal(world.ahead.extent_count, READ_AHEAD_EXTENTS_TRANSIENT);
        for (size_t i = 0; i < READ_AHEAD_EXTENTS_TRANSIENT; i++) {
            assert_int_equal(world.ahead.extents[i].begin, block + i);
            assert_int_equal(world.ahead.extents[i].end, block + i + 1);
        }
    }
    /* Elsewhere it begins anew. */
    assert_int_equal(bring(&world, 30), SPINE_OK);
    assert_int_equal(world.ahead.extent_count, 1);
    world_release(&world);
}

/* The disk fails while blocks are read ahead, and has recovered when they are needed. */
static void
test_reads_that_failed_ahead_are_made_again(void **state)
{
    struct world world;
    uint64_t reads;
    size_t block;

    (void)state;
    world_init(&world);
    block = bring_until_ahead(&world);
    block = world.ahead.extents[1].begin;
    world.disk.fails = true;
    reads = world.disk.reads;
    while (spine_runtime_run(world.runtime, FUEL) > 0)
        ;
    assert_int_equal(world.disk.reads, reads + READ_AHEAD_EXTENTS - 1);
    for (size_t i = 1; i < READ_AHEAD_EXTENTS; i++)
        assert_true(store_extent_has_ended(world.ahead.extents[i].read));
    world.disk.fails = false;
    for (; block < world.batch->block_count; block++)
        assert_int_equal(bring(&world, block), SPINE_OK);
    world_release(&world);
}

static void
test_reads_that_are_needed_and_fail_are_told(void **state)
{
    struct spine_error error = {0};
    struct world world;
    size_t block;

    (void)state;
    world_init(&world);
    (void)bring_until_ahead(&world);
    block = world.ahead.extents[1].begin;
    world.disk.fails = true;
    while (spine_runtime_run(world.runtime, FUEL) > 0)
        ;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(read_ahead_bring(&world.ahead, world.batch, block, &error),
                         SPINE_IO);
        assert_string_not_equal(error.message, "");
        assert_int_equal(world.ahead.extent_count, 0);
    }
    world.disk.fails = false;
    assert_int_equal(bring(&world, block), SPINE_OK);
    world_release(&world);
}

/* A batch in memory needs nothing brought. */
static void
test_blocks_in_memory_are_there(void **state)
{
    struct spine_batch *batch = batch_in_memory();
    struct read_ahead ahead = {0};

    (void)state;
    for (size_t block = 0; block < batch->block_count; block++) {
        assert_int_equal(read_ahead_bring(&ahead, batch, block, NULL), SPINE_OK);
        assert_int_equal(ahead.extent_count, 0);
        assert_false(read_ahead_awaits(&ahead, block));
    }
    read_ahead_release(&ahead);
    spine_batch_unref(batch);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_extents_grow),
        cmocka_unit_test(test_single_blocks_are_read_ahead_for_merges),
        cmocka_unit_test(test_reads_that_failed_ahead_are_made_again),
        cmocka_unit_test(test_reads_that_are_needed_and_fail_are_told),
        cmocka_unit_test(test_blocks_in_memory_are_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
