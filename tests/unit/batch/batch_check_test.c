/* SPDX-License-Identifier: MIT */
#include "batch_fixture.h"

#include "batch/edges.h"

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

static void *
array_of(struct image *image, enum image_part part)
{
    assert_true(image->at[part] != 0);
    return (uint8_t *)image + image->at[part];
}

static void
damage_to_a_block_is_found(void **state)
{
    (void)state;
    struct world world;
    struct image *image;
    uint16_t *value_ends, *time_ends;
    uint32_t *key_ends;
    uint64_t *anchors, *values, *times;
    int16_t *weights;

    world_init(&world);
    image = (struct image *)(void *)(world.batch->fences[2].block + 1);
    anchors = array_of(image, PART_KEY_ANCHORS);
    key_ends = array_of(image, PART_KEY_ENDS);
    values = array_of(image, PART_VALUE_CELLS);
    value_ends = array_of(image, PART_ENDS_OF_VALUES);
    time_ends = array_of(image, PART_ENDS_OF_TIMES);
    times = array_of(image, PART_TIMES);
    weights = array_of(image, PART_WEIGHTS);
    assert_int_equal(image->weight_bytes, 2);
    DAMAGE(&world, image->version, 0, "version 0");
    DAMAGE(&world, image->bytes, image->bytes + 8, "bytes");
    DAMAGE(&world, image->row_count, 0, "0 rows");
    DAMAGE(&world, image->row_count, image->row_count - 1, "end at");
    DAMAGE(&world, image->value_count, image->value_count + 1, "array");
    DAMAGE(&world, image->key_count, image->key_count - 1, "array");
    DAMAGE(&world, image->negative_rows, image->negative_rows + 1, "negative rows");
    DAMAGE(&world, image->at[PART_ENDS_OF_VALUES], 0, "array");
    DAMAGE(&world, value_ends[image->key_count - 1], image->value_count + 1, "end at");
    DAMAGE(&world, value_ends[3], value_ends[2], "values do not rise");
    DAMAGE(&world, time_ends[3], time_ends[2], "times do not rise");
    DAMAGE(&world, key_ends[3], key_ends[2] - 1, "ends of cells fall");
    DAMAGE(&world, anchors[1], anchors[1] + 1, "the anchor");
    DAMAGE(&world, values[1], values[0], "is not greater");
    DAMAGE(&world, times[1], times[0] - 100, "is not greater");
    DAMAGE(&world, weights[7], 0, "weight 0");
    DAMAGE(&world, weights[7], -weights[7], "negative rows");
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
    DAMAGE(&world, fence->cells->first_key.size, 0, "cells of the fence");
    DAMAGE(&world, fence->cells->last_key.size, 0, "cells of the fence");
    DAMAGE(&world, fence->row_begin, fence->row_begin + 1, "begins at");
    DAMAGE(&world, fence->keys, fence->keys - 1, "the fence of block 1");
    DAMAGE(&world, fence->values, fence->values + 1, "says");
    DAMAGE(&world, fence->negative_rows, 0, "negative rows");
    DAMAGE(&world, fence->bytes, fence->bytes + 8, "bytes");
    DAMAGE(&world, fence->encoded, !fence->encoded, "encoded");
    DAMAGE(&world, fence->key_framed, true, "framed keys");
    DAMAGE(&world, fence->values_at, 8, "place of values");
    DAMAGE(&world, fence->continues, !fence->continues, "go on");
    DAMAGE(&world, batch->shared_bytes, batch->shared_bytes + 1, "common");
    DAMAGE(&world, batch->edges[1], batch->edges[1] + 1, "the edge of block 1");
    DAMAGE(&world, batch->spreads[1].first, 0, "the edge of block 1");
    DAMAGE(&world, batch->spreads[1].shared, 9, "the edge of block 1");
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
