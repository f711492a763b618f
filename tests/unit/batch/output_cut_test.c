/* SPDX-License-Identifier: MIT */
#include "batch_fixture.h"

#include "batch/fence.h"

/* Where blocks of cells that are bytes end: behind the last row with which keys, each
 * once, and values are not more than BLOCK_BYTES. */

enum { ROWS = 5000, CELL_MAX = 400 };

static size_t
model_end(const struct rows *rows, size_t begin, size_t end)
{
    size_t bytes = 0;

    for (size_t i = begin; i < end; i++) {
        if (i == begin || span_compare(rows->key[i - 1], rows->key[i]) != 0)
            bytes += rows->key[i].size;
        bytes += rows->value != NULL ? rows->value[i].size : 0;
        if (bytes > BLOCK_BYTES && i > begin)
            return i;
    }
    return end;
}

/* Key `number` of `size` bytes, the first `shared` of which are the same in all. */
static struct span
draw_key(uint8_t *out, uint32_t number, size_t shared, size_t size)
{
    memset(out, 'k', size);
    for (size_t i = 0; i < 4; i++)
        out[shared + i] = (uint8_t)(number >> (24 - 8 * i));
    return (struct span){out, size};
}

/* A `part`-th of the keys are that of the row before; none when it is 0. */
static void
check_ends(struct spine_type value, uint64_t part, size_t shared, uint64_t seed)
{
    static uint8_t keys[ROWS][CELL_MAX], bytes[CELL_MAX];
    const struct spine_schema schema = {.key = {SPINE_BYTES, 0}, .value = value};
    struct random random = {seed};
    struct output output;
    struct rows rows = {0};
    struct layout layout;

    assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
    assert_true(rows_reserve(&layout, &rows, ROWS));
    output_init(&output, &layout);
    for (size_t i = 0; i < ROWS; i++) {
        const size_t size =
            value.kind == SPINE_FIXED ? value.size : random_below(&random, CELL_MAX);

        if (i > 0 && part > 0 && random_below(&random, part) == 0)
            rows.key[i] = rows.key[i - 1];
        else
            rows.key[i] =
                draw_key(keys[i], (uint32_t)i, shared,
                         shared + 4 + random_below(&random, CELL_MAX - shared - 4));
        rows.hi[i] = bytes_prefix(rows.key[i].data, rows.key[i].size);
        if (rows.value != NULL)
            rows.value[i] = (struct span){bytes, size};
    }
    rows.count = ROWS;
    for (size_t begin = 0; begin + BLOCK_ROWS < ROWS; begin += 97)
        assert_int_equal(output_block_end(&output, &rows, begin, false),
                         model_end(&rows, begin, begin + BLOCK_ROWS));
    rows_release(&layout, &rows);
    output_release(&output);
}

static void
blocks_end_where_bytes_are_too_many(void **state)
{
    static const struct spine_type values[] = {
        {SPINE_BYTES, 0}, {SPINE_FIXED, 24}, {SPINE_FIXED, 70}, {SPINE_U64, 0}};

    (void)state;
    for (size_t v = 0; v < sizeof values / sizeof *values; v++)
        for (uint64_t seed = 1; seed <= 4; seed++) {
            check_ends(values[v], 0, 0, seed);
            check_ends(values[v], 2, 0, seed);
            check_ends(values[v], 1000, 20, seed);
            check_ends(values[v], 0, 20, seed);
        }
}

/* A cell that is larger than a block, at its begin or not. */
static void
huge_cells_have_blocks_of_their_own(void **state)
{
    static uint8_t huge[BLOCK_BYTES + 10], keys[ROWS][4];
    const struct spine_schema schema = {.key = {SPINE_BYTES, 0}, .value = {SPINE_U64, 0}};
    struct output output;
    struct rows rows = {0};
    struct layout layout;

    (void)state;
    assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
    assert_true(rows_reserve(&layout, &rows, ROWS));
    output_init(&output, &layout);
    for (size_t i = 0; i < ROWS; i++) {
        rows.key[i] = i < 3   ? (struct span){huge, i}
                      : i < 5 ? (struct span){huge, BLOCK_BYTES + i}
                              : draw_key(keys[i], 1u << 24 | (uint32_t)i, 0, 4);
        rows.hi[i] = bytes_prefix(rows.key[i].data, rows.key[i].size);
    }
    rows.count = ROWS;
    for (size_t begin = 0; begin < 6; begin++)
        assert_int_equal(output_block_end(&output, &rows, begin, false),
                         model_end(&rows, begin, begin + BLOCK_ROWS));
    assert_int_equal(output_block_end(&output, &rows, 0, false), 3);
    assert_int_equal(output_block_end(&output, &rows, 3, false), 4);
    rows_release(&layout, &rows);
    output_release(&output);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_end_where_bytes_are_too_many),
        cmocka_unit_test(huge_cells_have_blocks_of_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
