/* SPDX-License-Identifier: MIT */

/*
 * What was written of a batch once is known: it is not written again, leaves memory
 * without being written, and comes back as any ranges of blocks. What may have been lost
 * is written elsewhere.
 */

#include "batch/batch_sections.h"

#include "batch/twin.h"
#include "unit/batch/stored_fixture.h"

struct world {
    struct stored stored;
    bool sync_fails;
    /* Blocks are encoded when they are written. */
    bool encode;
    /* With the next write this block of the batch gets a twin; NULL: none does. */
    struct block_keeper *other;
};

static void
on_operation(void *argument, enum spine_operation operation, const char *name,
             uint64_t offset, size_t size, struct spine_fault *fault)
{
    struct world *world = argument;

    (void)name;
    (void)offset;
    (void)size;
    if (operation == SPINE_OPERATION_SYNC && world->sync_fails)
        fault->status = SPINE_IO;
    if (operation == SPINE_OPERATION_WRITE && world->other != NULL) {
        struct block_keeper *keeper = world->other;

        world->other = NULL;
        twin_remember(&world->stored.batch->fences[world->stored.batch->block_count / 2],
                      keeper, (uint32_t)(world->stored.batch->block_count / 2));
    }
}

static void
world_init(struct world *world, struct rng *rng, size_t rows_max)
{
    world->sync_fails = false;
    world->encode = rng_below(rng, 2) == 0;
    world->other = NULL;
    stored_init(&world->stored, rng, 1 + rng_magnitude(rng, rows_max), 0, on_operation,
                world);
}

/* Writes what is nowhere yet; how many blocks that was. */
static size_t
write_batch(struct world *world, struct spine_batch *batch, struct batch_places **out)
{
    const struct batch_places_options how = {.encode = world->encode};
    size_t missing;

    assert_int_equal(batch_places_new(batch, world->stored.store, out, NULL), SPINE_OK);
    missing = (*out)->missing;
    if (missing > 0) {
        assert_true((*out)->missing_bytes > 0);
        assert_int_equal(batch_places_write(*out, world->stored.store, &how, NULL),
                         SPINE_OK);
        assert_int_equal(batch_places_finish(*out, NULL), SPINE_OK);
    }
    assert_int_equal((*out)->missing, 0);
    batch_places_remember(*out);
    return missing;
}

static bool
nothing_is_written_twice(struct rng *rng, size_t steps)
{
    struct batch_places *first, *second, *third;
    const uint64_t seed = rng_next(rng);
    struct spine_batch *mixed, *moved;
    struct spine_error error = {0};
    struct world world;
    size_t missing;
    uint64_t files;

    world_init(&world, rng, steps);
    mixed = batch_copy(world.stored.batch);
    HOLDS_EQUAL(SPINE_OK,
                batch_move_to_file(mixed, world.stored.store,
                                   (struct batch_moves){is_chosen, &seed}, NULL, &error));
    missing = write_batch(&world, mixed, &first);
    HOLDS(missing <= mixed->block_count);
    files = stored_files(&world.stored);
    HOLDS_EQUAL(0, write_batch(&world, mixed, &second));
    /* The blocks that two batches share. */
    HOLDS_EQUAL(mixed->block_count - missing,
                write_batch(&world, world.stored.batch, &third));
    HOLDS(stored_files(&world.stored) <= files + 1);

    files = stored_files(&world.stored);
    HOLDS_EQUAL(SPINE_OK,
                batch_to_file(world.stored.batch, world.stored.store, &moved, &error));
    HOLDS_EQUAL(files, stored_files(&world.stored));
    HOLDS_EQUAL(moved->info.rows, moved->rows_elsewhere);
    HOLDS(check_batch(moved, &world.stored.rows, "moved"));
    batch_places_free(first);
    batch_places_free(second);
    batch_places_free(third);
    spine_batch_unref(mixed);
    spine_batch_unref(world.stored.batch);
    world.stored.batch = NULL;
    HOLDS(check_batch(moved, &world.stored.rows, "alone"));
    spine_batch_unref(moved);
    HOLDS_EQUAL(0, stored_files(&world.stored));
    stored_release(&world.stored);
    HOLDS_EQUAL(0, spine_allocated_bytes());
    return true;
}

static void
test_nothing_is_written_twice(void **state)
{
    const struct property law = {"test_nothing_is_written_twice",
                                 nothing_is_written_twice, 60, 30000};

    (void)state;
    assert_true(property_holds(&law));
}

static bool
ranges_are_a_batch(struct rng *rng, size_t steps)
{
    struct spine_batch *copy, *whole = NULL;
    struct batch_range ranges[8];
    struct spine_error error = {0};
    struct world world;
    size_t count = 0, first = 0;

    world_init(&world, rng, steps);
    copy = batch_copy(world.stored.batch);
    while (first < copy->block_count) {
        const size_t left = copy->block_count - first;

        ranges[count] = (struct batch_range){
            .batch = copy,
            .first = first,
            .count = count == 7 ? left : 1 + (size_t)rng_below(rng, left)};
        first += ranges[count++].count;
    }
    HOLDS_EQUAL(SPINE_OK, batch_of_ranges(&copy->layout, ranges, count, &whole, &error));
    HOLDS(check_batch(whole, &world.stored.rows, "of ranges"));
    HOLDS_EQUAL(world.stored.batch->info.keys, whole->info.keys);
    spine_batch_unref(whole);
    if (count > 1) {
        const struct batch_range swap = ranges[0];

        ranges[0] = ranges[1];
        ranges[1] = swap;
        HOLDS_EQUAL(SPINE_CORRUPT,
                    batch_of_ranges(&copy->layout, ranges, count, &whole, &error));
        HOLDS(whole == NULL && strstr(error.message, "out of order") != NULL);
    }
    if (count > 0) {
        ranges[0].first = copy->block_count - 1;
        ranges[0].count = 2;
        HOLDS_EQUAL(SPINE_CORRUPT,
                    batch_of_ranges(&copy->layout, ranges, 1, &whole, &error));
    }
    spine_batch_unref(copy);
    stored_release(&world.stored);
    HOLDS_EQUAL(0, spine_allocated_bytes());
    return true;
}

static void
test_ranges_are_a_batch(void **state)
{
    const struct property law = {"test_ranges_are_a_batch", ranges_are_a_batch, 60,
                                 60000};

    (void)state;
    assert_true(property_holds(&law));
}

static bool
suspect_files_are_not_relied_on(struct rng *rng, size_t steps)
{
    struct batch_places *first, *second;
    struct spine_batch *moved;
    struct world world;
    uint32_t number;

    world_init(&world, rng, steps);
    HOLDS_EQUAL(SPINE_OK,
                batch_to_file(world.stored.batch, world.stored.store, &moved, NULL));
    if (moved->block_count > 0) {
        HOLDS_EQUAL(0, write_batch(&world, moved, &first));
        world.sync_fails = true;
        HOLDS_EQUAL(SPINE_IO,
                    store_object_sync(batch_place(first, 0, &number)->object, NULL));
        world.sync_fails = false;
        HOLDS_EQUAL(moved->block_count, write_batch(&world, moved, &second));
        HOLDS(batch_place(first, 0, &number)->object !=
              batch_place(second, 0, &number)->object);
        batch_places_free(first);
        batch_places_free(second);
        /* Not once more, whether the blocks are in memory or in that file. */
        HOLDS_EQUAL(0, write_batch(&world, moved, &first));
        HOLDS_EQUAL(moved->block_count, write_batch(&world, world.stored.batch, &second));
        batch_places_free(second);
        HOLDS_EQUAL(0, write_batch(&world, world.stored.batch, &second));
        batch_places_free(first);
        batch_places_free(second);
    }
    HOLDS(check_batch(moved, &world.stored.rows, "still there"));
    spine_batch_unref(moved);
    stored_release(&world.stored);
    HOLDS_EQUAL(0, spine_allocated_bytes());
    return true;
}

static void
test_suspect_files_are_not_relied_on(void **state)
{
    const struct property law = {"test_suspect_files_are_not_relied_on",
                                 suspect_files_are_not_relied_on, 30, 20000};

    (void)state;
    assert_true(property_holds(&law));
}

/* Another thread may write a block while the batch is written. */
static bool
twins_may_come_at_any_time(struct rng *rng, size_t steps)
{
    struct spine_batch *copy, *other;
    struct spine_error error = {0};
    struct world world;

    world_init(&world, rng, steps);
    /* As what that thread has written. */
    HOLDS_EQUAL(SPINE_OK,
                batch_to_file(world.stored.batch, world.stored.store, &other, &error));
    copy = batch_copy(world.stored.batch);
    if (other->block_count > 0)
        world.other = other->fences[0].keeper;
    HOLDS_EQUAL(SPINE_OK,
                batch_move_to_file(copy, world.stored.store,
                                   (struct batch_moves){NULL, NULL}, NULL, &error));
    HOLDS(world.other == NULL);
    HOLDS(check_batch(copy, &world.stored.rows, "moved meanwhile"));
    spine_batch_unref(copy);
    spine_batch_unref(other);
    stored_release(&world.stored);
    HOLDS_EQUAL(0, spine_allocated_bytes());
    return true;
}

static void
test_twins_may_come_at_any_time(void **state)
{
    const struct property law = {"test_twins_may_come_at_any_time",
                                 twins_may_come_at_any_time, 40, 30000};

    (void)state;
    assert_true(property_holds(&law));
}

/* What lies in files of one store is copied to another once. */
static bool
copies_are_known(struct rng *rng, size_t steps)
{
    struct batch_places *first, *second;
    struct spine_store *own;
    struct spine_batch *moved;
    struct spine_backend memory;
    struct world world;

    world_init(&world, rng, steps);
    HOLDS_EQUAL(SPINE_OK, spine_memory_backend(&memory, NULL));
    HOLDS_EQUAL(SPINE_OK, spine_store_open(&memory, NULL, &own, NULL));
    HOLDS_EQUAL(SPINE_OK, batch_to_file(world.stored.batch, own, &moved, NULL));
    HOLDS_EQUAL(moved->block_count, write_batch(&world, moved, &first));
    HOLDS_EQUAL(0, write_batch(&world, moved, &second));
    batch_places_free(first);
    batch_places_free(second);
    spine_batch_unref(moved);
    HOLDS_EQUAL(0, stored_files(&world.stored));
    spine_store_close(own);
    stored_release(&world.stored);
    HOLDS_EQUAL(0, spine_allocated_bytes());
    return true;
}

static void
test_copies_are_known(void **state)
{
    const struct property law = {"test_copies_are_known", copies_are_known, 30, 20000};

    (void)state;
    assert_true(property_holds(&law));
}

/* `count` rows of words, one per key. */
static struct spine_batch *
batch_of_words(size_t count)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};
    struct spine_builder *builder;
    struct spine_batch *batch;

    assert_int_equal(spine_builder_new(&schema, &builder, NULL), SPINE_OK);
    for (size_t i = 0; i < count; i++) {
        const struct spine_row row = {
            .key = spine_u64(1000 + 3 * i), .value = spine_u64(i % 100), .weight = 1};

        assert_int_equal(spine_builder_add(builder, &row, NULL), SPINE_OK);
    }
    assert_int_equal(spine_builder_seal(builder, &batch, NULL), SPINE_OK);
    spine_builder_free(builder);
    return batch;
}

static void
words_open(struct world *world, size_t count)
{
    struct rng rng;

    rng_init(&rng, 1);
    world_init(world, &rng, 1);
    spine_batch_unref(world->stored.batch);
    world->stored.batch = batch_of_words(count);
}

/* Blocks of few rows are plain in memory and encoded in the file, also for a batch whose
 * blocks leave memory for their twins. */
static void
words_are_encoded_in_files(void **state)
{
    const size_t rows = 20000;

    (void)state;
    for (int encode = 0; encode < 2; encode++) {
        struct batch_places *places;
        struct spine_batch *moved;
        struct world world;
        uint64_t bytes;

        words_open(&world, rows);
        world.encode = encode != 0;
        assert_true(write_batch(&world, world.stored.batch, &places) > 1);
        bytes = places->written->footer.file_bytes;
        assert_true(encode ? bytes < 2 * rows : bytes > 16 * rows);
        assert_false(world.stored.batch->fences[0].encoded);
        assert_int_equal(spine_batch_check(world.stored.batch, NULL), SPINE_OK);

        assert_int_equal(
            batch_to_file(world.stored.batch, world.stored.store, &moved, NULL),
            SPINE_OK);
        assert_int_equal(stored_files(&world.stored), 1);
        assert_int_equal(moved->rows_elsewhere, rows);
        assert_true(moved->bytes_elsewhere < bytes);
        assert_int_equal(moved->has_frames, encode);
        for (size_t i = 0; i < moved->block_count; i++)
            assert_int_equal(moved->fences[i].encoded, encode);
        assert_int_equal(spine_batch_check(moved, NULL), SPINE_OK);
        spine_batch_unref(moved);
        batch_places_free(places);
        stored_release(&world.stored);
    }
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* Of a large batch that lies in one file no block is asked where it is, unless the file
 * is not to be relied on. */
static void
large_batches_are_known_as_a_whole(void **state)
{
    struct batch_places *first, *second;
    const struct file_twin *whole;
    struct world world;

    (void)state;
    words_open(&world, (size_t)80 * BLOCK_ROWS);
    assert_null(batch_twin_in_store(world.stored.batch, world.stored.store));
    assert_int_equal(write_batch(&world, world.stored.batch, &first),
                     world.stored.batch->block_count);
    whole = batch_twin_in_store(world.stored.batch, world.stored.store);
    assert_non_null(whole);
    assert_ptr_equal(whole->keeper->file, first->written);
    assert_int_equal(write_batch(&world, world.stored.batch, &second), 0);
    for (size_t i = 0; i < second->count; i++) {
        uint32_t number;

        assert_ptr_equal(batch_place(second, i, &number), first->written);
        assert_int_equal(number, i);
    }
    batch_places_free(second);

    world.sync_fails = true;
    assert_int_equal(store_object_sync(first->written->object, NULL), SPINE_IO);
    world.sync_fails = false;
    assert_null(batch_twin_in_store(world.stored.batch, world.stored.store));
    assert_int_equal(write_batch(&world, world.stored.batch, &second),
                     world.stored.batch->block_count);
    batch_places_free(first);
    batch_places_free(second);
    stored_release(&world.stored);
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_written_twice),
        cmocka_unit_test(test_ranges_are_a_batch),
        cmocka_unit_test(test_suspect_files_are_not_relied_on),
        cmocka_unit_test(test_twins_may_come_at_any_time),
        cmocka_unit_test(test_copies_are_known),
        cmocka_unit_test(words_are_encoded_in_files),
        cmocka_unit_test(large_batches_are_known_as_a_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
