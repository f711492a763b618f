/* SPDX-License-Identifier: MIT */

/* Each key and value of a full block is found in its strip alone, encoded or not. */

#include "block/block.h"

#include "base/alloc.h"
#include "harness/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* The parts that an image is cut into here. */
#define PARTS 32u
#define PART_ROWS (BLOCK_ROWS / PARTS)

static uint64_t keys[BLOCK_ROWS + 1], values[BLOCK_ROWS];

/* Ascending keys, each with a value, that are about `key_step` and `value_max` apart. */
static struct block *
pack(const struct layout *layout, uint64_t key_step, uint64_t value_max, bool encode)
{
    struct rows rows = {0};
    struct block *block;
    uint64_t key = 0;
    struct rng rng;

    rng_init(&rng, key_step);
    assert_true(rows_reserve(layout, &rows, BLOCK_ROWS));
    for (size_t i = 0; i < BLOCK_ROWS; i++) {
        key += 2 + rng_below(&rng, key_step);
        keys[i] = key;
        values[i] = layout->value.shape == SHAPE_NONE ? 0 : rng_below(&rng, value_max);
        rows.hi[i] = key;
        if (layout->row_kind == ROW_ONE && layout->key_shift < 64)
            rows.hi[i] = key << layout->key_shift | values[i];
        if (rows.lo != NULL)
            rows.lo[i] = values[i];
        rows.weight[i] = 1;
        rows.count++;
    }
    assert_int_equal(block_pack(layout, &rows, 0, BLOCK_ROWS, encode, &block), SPINE_OK);
    rows_release(layout, &rows);
    return block;
}

/* Copies part `number` of an array to where nothing follows that may be looked at. */
static const uint8_t *
part_of(const struct frame *frame, const void *array, uint32_t number, uint8_t *room)
{
    const size_t bytes = PART_ROWS * frame->width / 8;

    memset(room, 0xff, PART_ROWS * 8 + FRAME_SLACK);
    if (bytes > 0)
        memcpy(room, (const uint8_t *)array + number * bytes, bytes);
    return room;
}

static void
expect_found(const struct layout *layout, const struct image *image)
{
    uint8_t key_room[PART_ROWS * 8 + FRAME_SLACK], value_room[sizeof key_room];
    struct image_strips strips;

    assert_true(image_strips(layout, image, &strips));
    for (uint32_t i = 0; i < PARTS; i++) {
        const uint32_t first = i * PART_ROWS;
        const uint8_t *key_bits =
            part_of(&strips.keys, image_part(image, PART_KEY_CELLS), i, key_room);
        const uint8_t *value_bits =
            part_of(&strips.values, image_part(image, PART_VALUE_CELLS), i, value_room);

        for (uint32_t k = 0; k < PART_ROWS; k++) {
            const uint64_t key = keys[first + k];

            assert_int_equal(strip_find(&strips, key_bits, first, PART_ROWS, key), k);
            assert_int_equal(strip_find(&strips, key_bits, first, PART_ROWS, key + 1),
                             PART_ROWS);
            assert_int_equal(strip_value(&strips, value_bits, first, k),
                             values[first + k]);
        }
        assert_int_equal(strip_find(&strips, key_bits, first, PART_ROWS, 0), PART_ROWS);
    }
}

static void
keys_are_found_in_their_strips(void **state)
{
    static const struct spine_schema schemas[] = {
        {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}},
        {.key = {SPINE_U64, 0}, .value = {SPINE_NONE, 0}},
        {.key = {SPINE_U32, 0}, .value = {SPINE_U32, 0}},
        {.key = {SPINE_U32, 0}, .value = {SPINE_U64, 0}},
        {.key = {SPINE_U32, 0}, .value = {SPINE_NONE, 0}}};
    static const uint64_t steps[] = {2, 1000, 1000000};

    (void)state;
    for (size_t s = 0; s < sizeof schemas / sizeof *schemas; s++)
        for (size_t i = 0; i < 2 * sizeof steps / sizeof *steps; i++) {
            struct layout layout;
            struct block *block;

            assert_int_equal(layout_init(&layout, &schemas[s], NULL), SPINE_OK);
            block = pack(&layout, steps[i / 2], i < 2 ? 1 : UINT32_MAX, i % 2 > 0);
            expect_found(&layout, block_image(block));
            block_unref(block);
        }
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* Is the image of a block of such rows one that is cut? */
static bool
is_cut(const struct spine_schema *schema, size_t row_count, int64_t weight,
       uint64_t rows_of_key)
{
    struct image_strips strips;
    struct layout layout;
    struct rows rows = {0};
    struct block *block;
    bool is;

    assert_int_equal(layout_init(&layout, schema, NULL), SPINE_OK);
    assert_true(rows_reserve(&layout, &rows, row_count));
    for (size_t i = 0; i < row_count; i++) {
        rows.hi[i] = i / rows_of_key;
        rows.lo[i] = i * 7919 % 1000 + i % rows_of_key * 1000;
        for (unsigned w = 0; w < layout.weight_count; w++)
            rows.weight[i * layout.weight_count + w] = i == 77 ? weight : 1;
        if (layout.timed)
            rows.time[i] = 5;
        rows.count++;
    }
    assert_int_equal(block_pack(&layout, &rows, 0, row_count, true, &block), SPINE_OK);
    is = image_strips(&layout, block_image(block), &strips);
    rows_release(&layout, &rows);
    block_unref(block);
    return is;
}

static void
other_images_are_not_cut(void **state)
{
    struct spine_schema schema = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};

    (void)state;
    assert_true(is_cut(&schema, BLOCK_ROWS, 1, 1));
    assert_false(is_cut(&schema, BLOCK_ROWS - 1, 1, 1));
    assert_false(is_cut(&schema, BLOCK_ROWS, 2, 1));
    assert_false(is_cut(&schema, BLOCK_ROWS, 1, 2));
    schema.weight_count = 2;
    assert_false(is_cut(&schema, BLOCK_ROWS, 1, 1));
    schema.weight_count = 1;
    schema.time = SPINE_TIME_U64;
    assert_false(is_cut(&schema, BLOCK_ROWS, 1, 1));
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_found_in_their_strips),
        cmocka_unit_test(other_images_are_not_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
