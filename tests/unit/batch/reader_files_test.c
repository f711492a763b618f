/* SPDX-License-Identifier: MIT */

/*
 * Keys that are looked up again and again in blocks of files: their rows are kept when
 * the blocks are not, and are the same rows, wherever the cursor goes on from there.
 */

#include "batch/fence.h"
#include "harness/property.h"
#include "unit/batch/stored_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#define HOT_KEYS 24u
#define ROWS 150000u

/* What the store of a test reads. */
struct disk {
    atomic_uint_least64_t reads, read_bytes;
    /* Reads give a wrong bit in the middle. */
    bool flips;
};

static void
count_reads(void *argument, enum spine_operation operation, const char *name,
            uint64_t offset, size_t size, struct spine_fault *fault)
{
    struct disk *disk = argument;

    (void)name;
    (void)offset;
    if (operation != SPINE_OPERATION_READ_AT)
        return;
    disk->reads++;
    disk->read_bytes += size;
    if (disk->flips)
        fault->flip_bit = 8 * (size / 2);
}

static struct spine_cursor *
open_cursor(struct spine_batch *batch)
{
    struct spine_cursor *cursor;

    assert_int_equal(spine_batch_cursor(batch, &cursor, NULL), SPINE_OK);
    return cursor;
}

/* Are the values of the key that was sought, and of others from there on, those of the
 * model? */
static bool
key_is_right(struct spine_cursor *cursor, const struct model *rows, union spine_datum key)
{
    const struct spine_schema *schema = &rows->schema;
    struct model_cursor model;

    model_cursor_init(&model, rows);
    HOLDS_EQUAL(model_cursor_seek_key_exact(&model, key),
                spine_cursor_seek_key_exact(cursor, key));
    for (unsigned keys = 0; keys < 2 && model_cursor_key_valid(&model); keys++) {
        HOLDS(spine_cursor_key_valid(cursor));
        for (; model_cursor_val_valid(&model); model_cursor_step_val(&model)) {
            const struct model_row *row = &rows->rows[model.val];

            HOLDS(spine_cursor_val_valid(cursor));
            HOLDS_EQUAL(0, model_cell_compare(schema->value.kind, row->value,
                                              spine_cursor_val(cursor)));
            if (schema->time == SPINE_UNTIMED && rows->weight_count == 1)
                HOLDS_EQUAL(row->weights[0], spine_cursor_weight(cursor));
            spine_cursor_step_val(cursor);
        }
        HOLDS(!spine_cursor_val_valid(cursor));
        model_cursor_step_key(&model);
        spine_cursor_step_key(cursor);
    }
    HOLDS_EQUAL(model_cursor_key_valid(&model), spine_cursor_key_valid(cursor));
    return true;
}

static bool
found_rows_are_right(struct rng *rng, size_t steps)
{
    /* In a shard of the cache there is room for some rows, hardly for a block. */
    const size_t cache_bytes = 300000;
    struct spine_cursor *cursor;
    struct spine_batch *copy;
    struct stored stored;
    struct disk disk = {0};

    stored_init(&stored, rng, rng_magnitude(rng, steps), cache_bytes, count_reads, &disk);
    HOLDS_EQUAL(SPINE_OK, batch_to_file(stored.batch, stored.store, &copy, NULL));
    store_cache_set_bytes(stored.store, 1);
    cursor = open_cursor(copy);
    for (unsigned i = 0; i < 200 && stored.rows.count > 0; i++) {
        if (i % 50 == 1)
            store_cache_set_bytes(stored.store, cache_bytes);
        const size_t hot = rng_below(rng, HOT_KEYS) * 7919 % stored.rows.count;

        HOLDS(key_is_right(cursor, &stored.rows, stored.rows.rows[hot].key));
        if (rng_chance(rng, 10))
            HOLDS(check_walk(cursor, &stored.rows, &stored.generator, 3));
    }
    spine_cursor_close(cursor);
    spine_batch_unref(copy);
    stored_release(&stored);
    HOLDS_EQUAL(0, spine_allocated_bytes());
    return true;
}

static void
test_found_rows_are_right(void **state)
{
    const struct property law = {"test_found_rows_are_right", found_rows_are_right, 60,
                                 30000};

    (void)state;
    assert_true(property_holds(&law));
}

/* Rows u64 -> i64 in a file, read through hardly any cache. */
struct file_world {
    struct spine_store *store;
    struct spine_batch *batch;
    struct spine_cursor *cursor;
    struct disk disk;
};

static void
world_init(struct file_world *world, const struct spine_columns *columns)
{
    static const struct spine_schema schema = {.key = {SPINE_U64, 0},
                                               .value = {SPINE_I64, 0}};
    const struct spine_store_options options = {.cache_bytes = 300000};
    struct spine_backend memory, backend;
    struct spine_batch *batch;

    *world = (struct file_world){0};
    assert_int_equal(spine_memory_backend(&memory, NULL), SPINE_OK);
    assert_int_equal(
        spine_fault_backend(&memory, count_reads, &world->disk, &backend, NULL),
        SPINE_OK);
    assert_int_equal(spine_store_open(&backend, &options, &world->store, NULL), SPINE_OK);
    assert_int_equal(spine_batch_from_columns(&schema, columns, &batch, NULL), SPINE_OK);
    assert_int_equal(batch_to_file(batch, world->store, &world->batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
    world->cursor = open_cursor(world->batch);
}

static void
world_release(struct file_world *world)
{
    spine_cursor_close(world->cursor);
    spine_batch_unref(world->batch);
    spine_store_close(world->store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* Keys without neighbours that are asked for: once all were asked for twice they cost no
 * read, though no block stays. */
static void
hot_keys_cost_no_reads(void **state)
{
    static uint64_t keys[ROWS], values[ROWS];
    const struct spine_columns columns = {.rows = ROWS, .keys = keys, .values = values};
    struct file_world world;
    uint64_t cold = 0;

    (void)state;
    for (uint64_t i = 0; i < ROWS; i++) {
        keys[i] = i * UINT64_C(0x9e3779b97f4a7c15);
        values[i] = ~i;
    }
    world_init(&world, &columns);
    for (unsigned round = 0; round < 8; round++) {
        world.disk.reads = 0;
        for (uint64_t hot = 0; hot < 64; hot++) {
            const uint64_t at = hot * 2309;

            assert_true(spine_cursor_seek_key_exact(world.cursor, spine_u64(keys[at])));
            assert_int_equal(spine_cursor_val(world.cursor).i64, (int64_t)values[at]);
            assert_int_equal(spine_cursor_weight(world.cursor), 1);
        }
        cold = round == 0 ? world.disk.reads : cold;
    }
    assert_in_range(cold, 40, 80);
    assert_in_range(world.disk.reads, 0, 16);
    world_release(&world);
}

/* The first of four rows of a key ends a block: it is not all there is. */
static void
a_key_that_goes_on_is_whole(void **state)
{
    static uint64_t keys[3 * BLOCK_ROWS], values[3 * BLOCK_ROWS];
    const uint64_t split = BLOCK_ROWS - 1;
    const struct spine_columns columns = {
        .rows = 3 * BLOCK_ROWS, .keys = keys, .values = values};
    struct file_world world;

    (void)state;
    for (uint64_t i = 0; i < 3 * BLOCK_ROWS; i++) {
        keys[i] = i > split && i < split + 4 ? split : i;
        values[i] = i;
    }
    world_init(&world, &columns);
    assert_int_equal(world.batch->fences[0].rows, BLOCK_ROWS);
    assert_true(world.batch->fences[1].continues);
    for (unsigned round = 0; round < 8; round++) {
        uint64_t rows = 0;

        for (uint64_t other = 100; other < 3 * BLOCK_ROWS; other += BLOCK_ROWS / 2)
            assert_true(spine_cursor_seek_key_exact(world.cursor, spine_u64(other)));
        assert_true(spine_cursor_seek_key_exact(world.cursor, spine_u64(split)));
        for (; spine_cursor_val_valid(world.cursor); rows++)
            spine_cursor_step_val(world.cursor);
        assert_int_equal(rows, 4);
    }
    world_release(&world);
}

/* Keys that are asked for once, in blocks that were read once: a page or two are read of
 * the block, whether the key is there or not. A wrong bit of these is said. */
static void
a_key_costs_little_of_its_block(void **state)
{
    static uint64_t keys[ROWS], values[ROWS];
    const struct spine_columns columns = {.rows = ROWS, .keys = keys, .values = values};
    struct file_world world;
    uint64_t corrupt = 0;

    (void)state;
    for (uint64_t i = 0; i < ROWS; i++) {
        keys[i] = i * 1000 + i * i % 999;
        values[i] = i * UINT64_C(0x9e3779b97f4a7c15) >> 20;
    }
    world_init(&world, &columns);
    while (spine_cursor_key_valid(world.cursor))
        spine_cursor_step_key(world.cursor);
    world.disk.reads = world.disk.read_bytes = 0;
    for (uint64_t i = 0; i < 400; i++) {
        const uint64_t at = (i * 39119 + 5) % (36 * BLOCK_ROWS);

        assert_true(spine_cursor_seek_key_exact(world.cursor, spine_u64(keys[at])));
        assert_int_equal(spine_cursor_val(world.cursor).i64, (int64_t)values[at]);
        assert_int_equal(spine_cursor_weight(world.cursor), 1);
    }
    /* A few blocks are asked for again so soon that they are read as a whole. */
    assert_in_range(world.disk.reads, 300, 440);
    assert_true(world.disk.read_bytes < 400 * STRIP_PAGES_BYTES);
    for (uint64_t i = 0; i < 400; i++)
        assert_false(spine_cursor_seek_key_exact(
            world.cursor, spine_u64(keys[i * 39119 % (36 * BLOCK_ROWS)] + 1)));

    for (uint64_t i = 0; i < 40; i++) {
        world.disk.flips = i % 2 == 1;
        (void)spine_cursor_seek_key_exact(world.cursor, spine_u64(keys[i * 3719 % ROWS]));
        corrupt += spine_cursor_status(world.cursor) == SPINE_CORRUPT;
        spine_cursor_close(world.cursor);
        world.cursor = open_cursor(world.batch);
    }
    assert_in_range(corrupt, 5, 20);
    world_release(&world);
}

/* A thread that looks keys up in the batch of the others. */
struct seeker {
    pthread_t thread;
    const struct file_world *world;
    uint64_t seed;
    uint64_t wrong;
};

static void *
seek_keys(void *argument)
{
    struct seeker *seeker = argument;
    struct spine_cursor *cursor;
    struct rng rng;

    rng_init(&rng, seeker->seed);
    seeker->wrong = spine_batch_cursor(seeker->world->batch, &cursor, NULL) != SPINE_OK;
    for (unsigned i = 0; seeker->wrong == 0 && i < 1500; i++) {
        const uint64_t key = rng_below(&rng, 6 * BLOCK_ROWS);
        const bool found = spine_cursor_seek_key_exact(cursor, spine_u64(key * 3));

        seeker->wrong = !found || spine_cursor_val(cursor).i64 != (int64_t)(key % 1021) ||
                        spine_cursor_seek_key_exact(cursor, spine_u64(key * 3 + 1));
    }
    spine_cursor_close(cursor);
    return NULL;
}

/* Threads learn of the same blocks, and read them and their strips, at the same time. */
static void
threads_look_up_together(void **state)
{
    static uint64_t keys[6 * BLOCK_ROWS], values[6 * BLOCK_ROWS];
    const struct spine_columns columns = {
        .rows = 6 * BLOCK_ROWS, .keys = keys, .values = values};
    struct seeker seekers[4] = {0};
    struct file_world world;

    (void)state;
    for (uint64_t i = 0; i < 6 * BLOCK_ROWS; i++) {
        keys[i] = i * 3;
        values[i] = i % 1021;
    }
    world_init(&world, &columns);
    for (unsigned i = 0; i < 4; i++) {
        seekers[i].world = &world;
        seekers[i].seed = i;
        assert_int_equal(pthread_create(&seekers[i].thread, NULL, seek_keys, &seekers[i]),
                         0);
    }
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(seekers[i].thread, NULL), 0);
        assert_int_equal(seekers[i].wrong, 0);
    }
    world_release(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_rows_are_right),
        cmocka_unit_test(hot_keys_cost_no_reads),
        cmocka_unit_test(a_key_that_goes_on_is_whole),
        cmocka_unit_test(a_key_costs_little_of_its_block),
        cmocka_unit_test(threads_look_up_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
