/* SPDX-License-Identifier: MIT */
#include "batch_fixture.h"

#include "batch/fence.h"

/* Every kind of damage to a batch in memory is found and named. */

struct world {
    struct layout layout;
    struct owned_columns columns;
    struct spine_batch *batch;
};

static void
world_init(struct world *world)
{
    const struct spine_schema schema = {
        .key = {SPINE_BYTES, 0}, .value = {SPINE_U64, 0}, .time = SPINE_TIME_U64};
    const struct draw draw = {
        .rows = 20000, .keys = 500, .values = 20, .times = 5, .magnitude = 100};
    struct random random = {1};
    struct rows rows;

    assert_int_equal(layout_init(&world->layout, &schema, NULL), SPINE_OK);
    world->columns = columns_draw(&schema, &draw, &random);
    rows = rows_of_columns(&world->layout, &world->columns.columns);
    next_blocks = BLOCKS_PLAIN;
    world->batch = batch_of_rows(&world->layout, &rows, 5000);
    rows_release(&world->layout, &rows);
    assert_int_equal(spine_batch_check(world->batch, NULL), SPINE_OK);
}

static void
world_release(struct world *world)
{
    assert_int_equal(spine_batch_check(world->batch, NULL), SPINE_OK);
    spine_batch_unref(world->batch);
    columns_free(&world->columns);
    expect_no_leak();
}

static void
expect_found(const struct world *world, const char *word)
{
    struct spine_error error = {0};

    assert_int_equal(spine_batch_check(world->batch, &error), SPINE_CORRUPT);
    if (strstr(error.message, word) == NULL)
        fail_msg("'%s' does not say '%s'", error.message, word);
}

/* Changes one lvalue, expects the check to say `word`, and changes it back. */
#define DAMAGE(world, place, damaged, word)                                              \
    do {                                                                                 \
        __typeof__(place) before = (place);                                              \
        (place) = (__typeof__(place))(damaged);                                          \
        expect_found((world), (word));                                                   \
        (place) = before;                                                                \
    } while (0)

static void
damage_to_a_block_is_found(void **state)
{
    (void)state;
    struct world world;
    struct block *block;
    uint64_t *values;

    world_init(&world);
    block = world.batch->fences[2].block;
    values = block->value.cells;
    assert_int_equal(block->weight_bytes, 2);
    DAMAGE(&world, block->row_count, 0, "rows");
    DAMAGE(&world, block->row_count, block->row_count - 1, "the fence of block 2");
    DAMAGE(&world, block->value_count, block->value_count + 1, "values");
    DAMAGE(&world, block->negative_rows, block->negative_rows + 1, "negative rows");
    DAMAGE(&world, block->value_ends[block->key_count - 1], block->value_count + 1,
           "end at");
    DAMAGE(&world, block->value_ends, NULL, "no ends of its values");
    DAMAGE(&world, block->value_ends[3], block->value_ends[2], "values do not rise");
    DAMAGE(&world, block->time_ends[3], block->time_ends[2], "times do not rise");
    DAMAGE(&world, block->key.ends[3], block->key.ends[2] - 1, "ends of cells fall");
    DAMAGE(&world, block->key.samples[1], block->key.samples[1] + 1, "the sample");
    DAMAGE(&world, values[1], values[0], "is not greater");
    DAMAGE(&world, block->times[1], block->times[0] - 100, "is not greater");
    DAMAGE(&world, ((int16_t *)block->weights)[7], 0, "weight 0");
    DAMAGE(&world, ((int16_t *)block->weights)[7], -((int16_t *)block->weights)[7],
           "negative rows");
    DAMAGE(&world, block->bytes, block->bytes + 1, "bytes");
    world_release(&world);
}

static void
damage_to_fences_and_info_is_found(void **state)
{
    (void)state;
    struct spine_batch *batch;
    struct fence *fence;
    struct world world;

    world_init(&world);
    batch = world.batch;
    fence = &batch->fences[1];
    DAMAGE(&world, fence->first_hi, fence->first_hi + 1, "first and last");
    DAMAGE(&world, fence->last_hi, fence->last_hi + 1, "first and last");
    DAMAGE(&world, fence->first_lo, fence->first_lo + 1, "first and last");
    DAMAGE(&world, fence->last_lo, fence->last_lo + 1, "first and last");
    DAMAGE(&world, fence->cells->first_key.size, 0, "first and last");
    DAMAGE(&world, fence->cells->last_key.size, 0, "first and last");
    DAMAGE(&world, fence->row_begin, fence->row_begin + 1, "begins at");
    DAMAGE(&world, fence->keys, fence->keys - 1, "the fence of block 1");
    DAMAGE(&world, fence->values, fence->values + 1, "says");
    DAMAGE(&world, fence->negative_rows, 0, "negative rows");
    DAMAGE(&world, fence->bytes, fence->bytes + 8, "bytes");
    DAMAGE(&world, fence->encoded, !fence->encoded, "to be encoded");
    DAMAGE(&world, fence->continues, !fence->continues, "go on");
    DAMAGE(&world, batch->info.rows, batch->info.rows + 1, " rows;");
    DAMAGE(&world, batch->info.keys, batch->info.keys + 1, "keys");
    DAMAGE(&world, batch->info.negative_rows, 0, "negative rows");
    DAMAGE(&world, batch->info.bytes, batch->info.bytes - 1, "bytes");
    DAMAGE(&world, batch->info.key_min.bytes.size, 77, "key_min");
    DAMAGE(&world, batch->info.key_max.bytes.size, 77, "key_max");
    world_release(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage_to_a_block_is_found),
        cmocka_unit_test(damage_to_fences_and_info_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
