/* SPDX-License-Identifier: MIT */

/*
 * Keys that are looked up again and again in blocks of files: their rows are kept when
 * the blocks are not, and are the same rows, wherever the cursor goes on from there.
 */

#include "batch/fence.h"
#include "harness/property.h"
#include "unit/batch/stored_fixture.h"

#define HOT_KEYS 24u
#define ROWS 150000u

static void
count_reads(void *argument, enum spine_operation operation, const char *name,
            uint64_t offset, size_t size, struct spine_fault *fault)
{
    uint64_t *reads = argument;

    (void)name;
    (void)offset;
    (void)size;
    (void)fault;
    *reads += operation == SPINE_OPERATION_READ_AT;
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
    uint64_t reads = 0;

    stored_init(&stored, rng, rng_magnitude(rng, steps), cache_bytes, count_reads,
                &reads);
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
    uint64_t reads;
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
        spine_fault_backend(&memory, count_reads, &world->reads, &backend, NULL),
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
        world.reads = 0;
        for (uint64_t hot = 0; hot < 64; hot++) {
            const uint64_t at = hot * 2309;

            assert_true(spine_cursor_seek_key_exact(world.cursor, spine_u64(keys[at])));
            assert_int_equal(spine_cursor_val(world.cursor).i64, (int64_t)values[at]);
            assert_int_equal(spine_cursor_weight(world.cursor), 1);
        }
        cold = round == 0 ? world.reads : cold;
    }
    assert_in_range(cold, 40, 80);
    assert_in_range(world.reads, 0, 16);
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_rows_are_right),
        cmocka_unit_test(hot_keys_cost_no_reads),
        cmocka_unit_test(a_key_that_goes_on_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
