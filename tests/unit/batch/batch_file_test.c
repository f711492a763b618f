/* SPDX-License-Identifier: MIT */

/*
 * A batch comes out of a file as it went in, without a look at its blocks when it is
 * opened; a block that is not what its fence says is refused when it comes into the
 * cache, and files go with the last batch that has a block of theirs.
 */

#include "batch/batch_writer.h"

#include "batch/block_facts.h"
#include "harness/fault_alloc.h"
#include "unit/batch/stored_fixture.h"

struct world {
    struct stored stored;
    uint64_t block_reads;
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
    const size_t cache_bytes = 1 + (size_t)rng_below(rng, 100000);

    world->block_reads = 0;
    stored_init(&world->stored, rng, rng_magnitude(rng, rows_max), cache_bytes,
                count_reads, world);
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
    HOLDS_EQUAL(SPINE_OK,
                batch_to_file(world.stored.batch, world.stored.store, &copy, &error));
    HOLDS(check_batch(copy, &world.stored.rows, "written"));
    if (copy->block_count == 0) {
        HOLDS_EQUAL(0, stored_files(&world.stored));
    } else {
        HOLDS(copy->elsewhere && copy->rows_elsewhere == copy->info.rows);
        HOLDS(copy->info.bytes < world.stored.batch->info.bytes);
        file = open_only_file(world.stored.store, &world.stored.backend);
        world.block_reads = 0;
        memory = store_memory(world.stored.store);
        HOLDS_EQUAL(SPINE_OK, batch_of_file(file, &opened, &error));
        /* What its blocks must be counts, too. */
        HOLDS(store_memory(world.stored.store) >=
              memory + opened->block_count * sizeof(struct block_facts));
        store_file_unref(file);
        HOLDS_EQUAL(0, world.block_reads);
        HOLDS(check_batch(opened, &world.stored.rows, "opened"));
        HOLDS_EQUAL(world.stored.batch->block_count, opened->block_count);
    }
    spine_batch_unref(copy);
    spine_batch_unref(opened);
    HOLDS_EQUAL(0, stored_files(&world.stored));
    stored_release(&world.stored);
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
    batch = batch_copy(world.stored.batch);
    for (unsigned i = 0; i < 3; i++) {
        const uint64_t seed = rng_next(rng);

        HOLDS_EQUAL(SPINE_OK, batch_move_to_file(batch, world.stored.store,
                                                 (struct batch_moves){is_chosen, &seed},
                                                 &lookup, &error));
        HOLDS(check_batch(batch, &world.stored.rows, "mixed"));
        HOLDS(batch->rows_elsewhere >= moved);
        moved = batch->rows_elsewhere;
    }
    HOLDS(stored_files(&world.stored) <= 3);
    spine_batch_unref(batch);
    HOLDS_EQUAL(0, stored_files(&world.stored));
    stored_release(&world.stored);
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
    batch = batch_copy(world.stored.batch);
    if (batch->block_count > 0) {
        HOLDS_EQUAL(SPINE_OK, batch_writer_new(world.stored.store, &batch->layout,
                                               &options, &writer, NULL));
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
    stored_release(&world.stored);
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
    struct spine_batch *batch = world->stored.batch;
    struct batch_writer *writer;
    enum spine_status st =
        batch_writer_new(world->stored.store, &batch->layout, &options, &writer, error);

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
    batch = batch_copy(world.stored.batch);
    if (batch->block_count > 0) {
        HOLDS(keeper->file->table.filter_count > 0);
        batch_use_keeper(batch, keeper);
    }
    block_keeper_unref(keeper);
    HOLDS_EQUAL(SPINE_OK, spine_batch_check(batch, &error));
    HOLDS(check_batch(batch, &world.stored.rows, "by a thread"));
    spine_batch_unref(batch);
    stored_release(&world.stored);
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
        HOLDS_EQUAL(0, stored_files(&world.stored));
    }
    stored_release(&world.stored);
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
