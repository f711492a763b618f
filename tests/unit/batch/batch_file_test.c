/* SPDX-License-Identifier: MIT */

/*
 * A batch comes out of a file as it went in, without a look at its blocks when it is
 * opened; a block that is not what its fence says is refused when it comes into the
 * cache, and files go with the last batch that has a block of theirs.
 */

#include "batch/batch_writer.h"

#include "batch/block_facts.h"
#include "harness/check.h"
#include "harness/fault_alloc.h"
#include "spine/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct world {
    struct spine_store *store;
    struct spine_backend backend;
    uint64_t block_reads;
    struct generator generator;
    struct model rows;
    struct spine_batch *batch;
};

/* Reads that are not of the end of the file. */
static void
count_reads(void *argument, enum spine_operation operation, const char *name,
            uint64_t offset, size_t size, struct spine_fault *fault)
{
    struct world *world = argument;

    (void)name;
    (void)size;
    (void)fault;
    if (operation == SPINE_OPERATION_READ_AT && offset == FILE_HEADER_BYTES)
        world->block_reads++;
}

static void
world_init(struct world *world, struct rng *rng, size_t rows_max)
{
    const struct spine_store_options options = {.cache_bytes =
                                                    1 + (size_t)rng_below(rng, 100000)};
    struct spine_backend memory;
    struct spine_schema schema;

    world->block_reads = 0;
    assert_int_equal(spine_memory_backend(&memory, NULL), SPINE_OK);
    assert_int_equal(
        spine_fault_backend(&memory, count_reads, world, &world->backend, NULL),
        SPINE_OK);
    assert_int_equal(spine_store_open(&world->backend, &options, &world->store, NULL),
                     SPINE_OK);
    generate_schema(rng, &schema);
    generator_init(&world->generator, rng, &schema, NULL);
    model_init(&world->rows, &schema);
    generate_rows(&world->generator, rng_magnitude(rng, rows_max), &world->rows);
    world->batch = batch_of_rows(&world->rows);
    model_consolidate(&world->rows);
}

static void
world_release(struct world *world)
{
    spine_batch_unref(world->batch);
    spine_store_close(world->store);
    model_release(&world->rows);
    generator_release(&world->generator);
}

static uint64_t
files_in(const struct world *world)
{
    struct store_counts counts;

    store_counts(world->store, &counts);
    return counts.files;
}

static enum spine_status
note_name(void *argument, const char *name, uint64_t bytes, struct spine_error *error)
{
    (void)bytes;
    (void)error;
    (void)strcpy(argument, name);
    return SPINE_OK;
}

/* A second look at the only file of the store, which goes with the first. */
static struct store_file *
open_only_file(struct world *world)
{
    char name[SPINE_NAME_MAX + 1];
    struct store_file *file;

    assert_int_equal(world->backend.list(world->backend.context, note_name, name, NULL),
                     SPINE_OK);
    assert_int_equal(store_file_open(world->store, name, &file, NULL), SPINE_OK);
    store_object_keep(file->object, false);
    return file;
}

static bool
batch_comes_back(struct rng *rng, size_t steps)
{
    struct spine_error error = {0};
    struct spine_batch *copy, *opened = NULL;
    struct store_file *file;
    uint64_t memory;
    struct world world;

    world_init(&world, rng, steps);
    HOLDS_EQUAL(SPINE_OK, batch_to_file(world.batch, world.store, &copy, &error));
    HOLDS(check_batch(copy, &world.rows, "written"));
    if (copy->block_count == 0) {
        HOLDS_EQUAL(0, files_in(&world));
    } else {
        HOLDS(copy->elsewhere && copy->rows_elsewhere == copy->info.rows);
        HOLDS(copy->info.bytes < world.batch->info.bytes);
        file = open_only_file(&world);
        world.block_reads = 0;
        memory = store_memory(world.store);
        HOLDS_EQUAL(SPINE_OK, batch_of_file(file, &opened, &error));
        /* What its blocks must be counts, too. */
        HOLDS(store_memory(world.store) >=
              memory + opened->block_count * sizeof(struct block_facts));
        store_file_unref(file);
        HOLDS_EQUAL(0, world.block_reads);
        HOLDS(check_batch(opened, &world.rows, "opened"));
        HOLDS_EQUAL(world.batch->block_count, opened->block_count);
    }
    spine_batch_unref(copy);
    spine_batch_unref(opened);
    HOLDS_EQUAL(0, files_in(&world));
    world_release(&world);
    HOLDS_EQUAL(0, spine_allocated_bytes());
    return true;
}

static void
test_batch_comes_back(void **state)
{
    const struct property law = {"test_batch_comes_back", batch_comes_back, 60, 20000};

    (void)state;
    assert_true(property_holds(&law));
}

static bool
is_chosen(const void *context, size_t index)
{
    const uint64_t *seed = context;

    return (*seed >> (index % 64) & 1) != 0;
}

/* Blocks in several files and in memory are a batch, too. */
static bool
batch_may_be_mixed(struct rng *rng, size_t steps)
{
    const struct lookup_options lookup = {0.01, 1};
    struct spine_error error = {0};
    struct spine_batch *batch;
    struct world world;
    uint64_t moved = 0;

    world_init(&world, rng, steps);
    batch = batch_copy(world.batch);
    for (unsigned i = 0; i < 3; i++) {
        const uint64_t seed = rng_next(rng);

        HOLDS_EQUAL(SPINE_OK, batch_move_to_file(batch, world.store,
                                                 (struct batch_moves){is_chosen, &seed},
                                                 &lookup, &error));
        HOLDS(check_batch(batch, &world.rows, "mixed"));
        HOLDS(batch->rows_elsewhere >= moved);
        moved = batch->rows_elsewhere;
    }
    HOLDS(files_in(&world) <= 3);
    spine_batch_unref(batch);
    HOLDS_EQUAL(0, files_in(&world));
    world_release(&world);
    HOLDS_EQUAL(0, spine_allocated_bytes());
    return true;
}

static void
test_batch_may_be_mixed(void **state)
{
    const struct property law = {"test_batch_may_be_mixed", batch_may_be_mixed, 60,
                                 40000};

    (void)state;
    assert_true(property_holds(&law));
}

/* A file whose checksums are right and whose fences tell of other blocks. */
static bool
blocks_are_checked(struct rng *rng, size_t steps)
{
    struct spine_error error = {0};
    const struct batch_writer_options options = {0};
    struct batch_writer *writer;
    struct block_keeper *keeper;
    struct spine_batch *batch;
    struct world world;

    world_init(&world, rng, steps);
    batch = batch_copy(world.batch);
    if (batch->block_count > 0) {
        HOLDS_EQUAL(SPINE_OK, batch_writer_new(world.store, &batch->layout, &options,
                                               &writer, NULL));
        for (size_t i = 0; i < batch->block_count; i++)
            HOLDS_EQUAL(SPINE_OK, batch_writer_block(
                                      writer, block_image(batch->fences[i].block), NULL));
        batch->fences[0].encoded = !batch->fences[0].encoded;
        HOLDS_EQUAL(SPINE_OK, batch_writer_finish(writer, batch, &keeper, NULL));
        batch_use_keeper(batch, keeper);
        block_keeper_unref(keeper);
        HOLDS_EQUAL(SPINE_CORRUPT, spine_batch_check(batch, &error));
        HOLDS(strstr(error.message, ".batch: block 0, at 64: its fence") != NULL);
    }
    spine_batch_unref(batch);
    world_release(&world);
    HOLDS_EQUAL(0, spine_allocated_bytes());
    return true;
}

static void
test_blocks_are_checked(void **state)
{
    const struct property law = {"test_blocks_are_checked", blocks_are_checked, 40, 9000};

    (void)state;
    assert_true(property_holds(&law));
}

/* A file of the blocks of the batch, by a thread of its own. */
static enum spine_status
write_apart(struct world *world, const struct lookup_options *lookup,
            struct block_keeper **out, struct spine_error *error)
{
    static const struct store_waiter own = {.by_own_thread = true};
    const struct batch_writer_options options = {.lookup = lookup, .waiter = &own};
    struct spine_batch *batch = world->batch;
    struct batch_writer *writer;
    enum spine_status st =
        batch_writer_new(world->store, &batch->layout, &options, &writer, error);

    *out = NULL;
    if (st != SPINE_OK)
        return st;
    for (size_t i = 0; st == SPINE_OK && i < batch->block_count; i++)
        st = batch_writer_block(writer, block_image(batch->fences[i].block), error);
    if (st == SPINE_OK)
        return batch_writer_finish(writer, batch, out, error);
    batch_writer_abort(writer);
    return st;
}

/* The check compares each filter with one that is made of the keys of its blocks. */
static bool
threads_make_filters(struct rng *rng, size_t steps)
{
    const struct lookup_options lookup = {0.01, 1};
    struct spine_error error = {0};
    struct block_keeper *keeper;
    struct spine_batch *batch;
    struct world world;

    world_init(&world, rng, steps);
    HOLDS_EQUAL(SPINE_OK, write_apart(&world, &lookup, &keeper, &error));
    batch = batch_copy(world.batch);
    if (batch->block_count > 0) {
        HOLDS(keeper->file->table.filter_count > 0);
        batch_use_keeper(batch, keeper);
    }
    block_keeper_unref(keeper);
    HOLDS_EQUAL(SPINE_OK, spine_batch_check(batch, &error));
    HOLDS(check_batch(batch, &world.rows, "by a thread"));
    spine_batch_unref(batch);
    world_release(&world);
    HOLDS_EQUAL(0, spine_allocated_bytes());
    return true;
}

static void
test_threads_make_filters(void **state)
{
    const struct property law = {"test_threads_make_filters", threads_make_filters, 10,
                                 300000};

    (void)state;
    assert_true(property_holds(&law));
}

static bool
threads_lack_memory(struct rng *rng, size_t steps)
{
    const struct lookup_options lookup = {0.01, 1};
    struct spine_error error = {0};
    struct block_keeper *keeper;
    struct world world;
    bool fired = true;

    world_init(&world, rng, steps);
    for (uint64_t nth = 1; fired; nth++) {
        enum spine_status st;

        fault_alloc_arm(FAULT_ONCE, nth);
        st = write_apart(&world, &lookup, &keeper, &error);
        fired = fault_alloc_disarm();
        HOLDS(st == SPINE_NOMEM || st == SPINE_OK);
        HOLDS(fired || st == SPINE_OK);
        HOLDS((keeper != NULL) == (st == SPINE_OK));
        block_keeper_unref(keeper);
        HOLDS_EQUAL(0, files_in(&world));
    }
    world_release(&world);
    HOLDS_EQUAL(0, spine_allocated_bytes());
    return true;
}

static void
test_threads_lack_memory(void **state)
{
    const struct property law = {"test_threads_lack_memory", threads_lack_memory, 3,
                                 200000};

    (void)state;
    fault_alloc_install();
    assert_true(property_holds(&law));
    fault_alloc_remove();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch_comes_back),
        cmocka_unit_test(test_batch_may_be_mixed),
        cmocka_unit_test(test_blocks_are_checked),
        cmocka_unit_test(test_threads_make_filters),
        cmocka_unit_test(test_threads_lack_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
