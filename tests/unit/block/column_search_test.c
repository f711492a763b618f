/* SPDX-License-Identifier: MIT */
#include "block/block.h"

#include "harness/fault_alloc.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define KEYS 700u
#define CELL_BYTES 24u

/* One block of ascending keys, each with one value. */
struct world {
    struct layout layout;
    struct rows rows;
    struct block *block;
    struct column keys;
    uint8_t bytes[KEYS][CELL_BYTES];
};

static void
add_key(struct world *world, union spine_datum datum)
{
    const struct layout *layout = &world->layout;
    struct rows *rows = &world->rows;
    const size_t at = rows->count;
    struct cell cell;

    assert_int_equal(cell_of_datum(&layout->key, datum, &cell, NULL), SPINE_OK);
    assert_true(rows_reserve(layout, rows, at + 1));
    rows->hi[at] =
        layout->row_kind == ROW_ONE ? cell.word << layout->key_shift : cell.word;
    if (rows->lo != NULL)
        rows->lo[at] = layout->row_kind == ROW_TWO ? cell.rest : 0;
    if (layout->key.spans)
        rows->key[at] = cell.span;
    rows->weight[at] = 1;
    rows->count++;
}

static void
world_init(struct world *world, const struct spine_schema *schema)
{
    *world = (struct world){0};
    assert_int_equal(layout_init(&world->layout, schema, NULL), SPINE_OK);
}

static void
world_pack(struct world *world, bool encode)
{
    assert_int_equal(block_pack(&world->layout, &world->rows, 0, world->rows.count,
                                encode, &world->block),
                     SPINE_OK);
    world->keys = image_keys(block_image(world->block));
}

static void
world_release(struct world *world)
{
    block_unref(world->block);
    rows_release(&world->layout, &world->rows);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

/* The first cell of [begin, end) not less than `datum`, or (`after`) greater. */
static size_t
search(const struct world *world, size_t begin, size_t end, union spine_datum datum,
       bool after)
{
    struct cell cell;

    assert_int_equal(cell_of_datum(&world->layout.key, datum, &cell, NULL), SPINE_OK);
    return column_search(&world->layout.key, &world->keys, begin, end, &cell, after);
}

/* The same by looking at each of the rows, which are as the keys. */
static size_t
scan(const struct world *world, size_t begin, size_t end, union spine_datum datum,
     bool after)
{
    struct cell cell;
    size_t at = begin;

    assert_int_equal(cell_of_datum(&world->layout.key, datum, &cell, NULL), SPINE_OK);
    for (; at < end; at++) {
        const struct cell key = rows_key(&world->layout, &world->rows, at);
        int order = (key.word > cell.word) - (key.word < cell.word);

        if (order == 0 && world->layout.key.spans)
            order = span_compare(key.span, cell.span);
        else if (order == 0)
            order = (key.rest > cell.rest) - (key.rest < cell.rest);
        if (after ? order > 0 : order >= 0)
            break;
    }
    return at;
}

static void
expect_search(const struct world *world, size_t begin, size_t end,
              union spine_datum datum)
{
    for (int after = 0; after < 2; after++)
        assert_int_equal(search(world, begin, end, datum, after),
                         scan(world, begin, end, datum, after));
}

/* Words at both ends of their range, in frames or not; nothing is greater than the
 * greatest. */
static void
words_at_their_ends(void **state)
{
    (void)state;
    for (int wide = 0; wide < 2; wide++)
        for (int encode = 0; encode < 2; encode++) {
            const struct spine_schema schema = {.key = {wide ? SPINE_U64 : SPINE_U32, 0}};
            const uint64_t greatest = wide ? UINT64_MAX : UINT32_MAX;
            struct world world;

            world_init(&world, &schema);
            for (uint64_t i = 0; i < KEYS; i++) {
                const uint64_t key = greatest - (KEYS - 1 - i) * 3;

                add_key(&world, wide ? spine_u64(key) : spine_u32((uint32_t)key));
            }
            world_pack(&world, encode);
            for (uint64_t i = 0; i < KEYS * 3; i++) {
                const uint64_t key = greatest - i;

                expect_search(&world, 0, KEYS,
                              wide ? spine_u64(key) : spine_u32((uint32_t)key));
            }
            assert_int_equal(
                search(&world, 0, KEYS, wide ? spine_u64(0) : spine_u32(0), true), 0);
            world_release(&world);
        }
}

/* Parts of a column: the answer lies in them, and is their end when all is less. */
static void
parts_of_a_column(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}};
    struct world world;

    (void)state;
    world_init(&world, &schema);
    for (uint64_t i = 0; i < KEYS; i++)
        add_key(&world, spine_u64(i * i));
    world_pack(&world, false);
    for (size_t begin = 0; begin < KEYS; begin += 37)
        for (size_t end = begin; end <= KEYS; end += 91) {
            expect_search(&world, begin, end, spine_u64(0));
            expect_search(&world, begin, end, spine_u64(begin * begin));
            expect_search(&world, begin, end, spine_u64(end * end));
            expect_search(&world, begin, end, spine_u64(UINT64_MAX));
        }
    world_release(&world);
}

/* Bytes that differ behind the first eight, that begin one another, and that end in
 * zeros. */
static void
bytes_that_share_their_beginning(void **state)
{
    const struct spine_type types[] = {
        {SPINE_FIXED, 9}, {SPINE_FIXED, 16}, {SPINE_FIXED, 19}, {SPINE_BYTES, 0}};

    (void)state;
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
        const struct spine_schema schema = {.key = types[t]};
        const bool fixed = types[t].kind == SPINE_FIXED;
        struct world world;

        world_init(&world, &schema);
        for (size_t i = 0; i < KEYS; i++) {
            uint8_t *bytes = world.bytes[i];
            const size_t size = fixed ? types[t].size : 3 + i % 8;

            /* A number in the last two bytes, or as many zeros more. */
            memset(bytes, 'p', CELL_BYTES);
            if (fixed) {
                bytes[size - 2] = (uint8_t)(i >> 8);
                bytes[size - 1] = (uint8_t)i;
            } else {
                memset(bytes, 0, CELL_BYTES);
                bytes[0] = (uint8_t)(i / 8 >> 8);
                bytes[1] = (uint8_t)(i / 8);
            }
            add_key(&world, spine_data(bytes, size));
        }
        world_pack(&world, false);
        for (size_t i = 0; i < KEYS; i++) {
            uint8_t other[CELL_BYTES];
            const size_t size =
                world.rows.key != NULL ? world.rows.key[i].size : types[t].size;

            expect_search(&world, 0, KEYS, spine_data(world.bytes[i], size));
            memcpy(other, world.bytes[i], sizeof other);
            other[size - 1] ^= 1;
            expect_search(&world, 0, KEYS, spine_data(other, size));
            other[0] = 0xff;
            expect_search(&world, 0, KEYS, spine_data(other, size));
            if (!fixed) {
                expect_search(&world, 0, KEYS, spine_data(world.bytes[i], size - 1));
                expect_search(&world, 0, KEYS, spine_data(world.bytes[i], size + 9));
                expect_search(&world, 0, KEYS, spine_data(NULL, 0));
            }
        }
        world_release(&world);
    }
}

/* A column without cells: all of them are equal. */
static void
cells_of_no_kind_are_equal(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}};
    const struct cell_layout none = {.kind = SPINE_NONE, .shape = SHAPE_NONE};
    const struct cell cell = {0};
    struct world world;

    (void)state;
    world_init(&world, &schema);
    add_key(&world, spine_u64(1));
    world_pack(&world, false);
    assert_int_equal(column_search(&none, &world.keys, 0, 1, &cell, false), 0);
    assert_int_equal(column_search(&none, &world.keys, 0, 1, &cell, true), 1);
    assert_true(column_equals(&none, &world.keys, 0, &cell));
    world_release(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_at_their_ends),
        cmocka_unit_test(parts_of_a_column),
        cmocka_unit_test(bytes_that_share_their_beginning),
        cmocka_unit_test(cells_of_no_kind_are_equal),
    };

    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
