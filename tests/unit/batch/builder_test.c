/* SPDX-License-Identifier: MIT */
#include "batch_fixture.h"

static void
build(struct spine_builder *builder, const struct layout *layout, const struct rows *rows,
      struct spine_batch **out)
{
    uint8_t scratch[2][16], copy[2][8192];

    for (size_t i = 0; i < rows->count; i++) {
        struct spine_row row = row_of_rows(layout, rows, i, scratch);

        /* The caller's cells last for the call only. */
        if (layout->key.kind == SPINE_BYTES || layout->key.kind == SPINE_FIXED) {
            if (row.key.bytes.size > 0)
                memcpy(copy[0], row.key.bytes.data, row.key.bytes.size);
            row.key.bytes.data = copy[0];
        }
        if (layout->value.kind == SPINE_BYTES || layout->value.kind == SPINE_FIXED) {
            if (row.value.bytes.size > 0)
                memcpy(copy[1], row.value.bytes.data, row.value.bytes.size);
            row.value.bytes.data = copy[1];
        }
        assert_int_equal(spine_builder_add(builder, &row, NULL), SPINE_OK);
        memset(copy, 0xee, 64);
    }
    assert_int_equal(spine_builder_seal(builder, out, NULL), SPINE_OK);
}

static void
expect_build(const struct spine_schema *schema, const struct draw *draw, uint64_t seed)
{
    struct random random = {seed};
    struct owned_columns columns = columns_draw(schema, draw, &random);
    struct spine_builder *builder;
    struct spine_batch *batch;
    struct layout layout;
    struct rows rows;

    assert_int_equal(layout_init(&layout, schema, NULL), SPINE_OK);
    rows = rows_of_columns(&layout, &columns.columns);
    assert_int_equal(spine_builder_new(schema, &builder, NULL), SPINE_OK);
    /* Twice: sealed, a builder is as new. */
    for (int i = 0; i < 2; i++) {
        build(builder, &layout, &rows, &batch);
        expect_batch(&layout, batch, &rows);
        spine_batch_unref(batch);
    }
    rows_release(&layout, &rows);
    spine_builder_free(builder);
    columns_free(&columns);
    expect_no_leak();
}

static void
every_schema_is_built(void **state)
{
    (void)state;
    uint64_t seed = 1;

    for (size_t k = 0; k < TYPE_COUNT; k++)
        for (size_t v = 0; v < TYPE_COUNT; v++, seed++) {
            const struct spine_schema schema = {.key = all_types[k],
                                                .value = all_types[v],
                                                .weight_count = (unsigned)(seed % 3),
                                                .time = seed % 2 == 0 ? SPINE_UNTIMED
                                                                      : SPINE_TIME_PAIR};
            const struct draw draw = {
                .rows = 6000, .keys = 900, .values = 9, .times = 3, .magnitude = 200};

            expect_build(&schema, &draw, seed);
        }
}

/* Keys, values and cells that are much larger than a block. */
static void
large_things_are_built(void **state)
{
    (void)state;
    const struct spine_schema timed = {
        .key = {SPINE_BYTES, 0}, .value = {SPINE_BYTES, 0}, .time = SPINE_TIME_U64};
    const struct draw many_times = {
        .rows = 30000, .keys = 2, .values = 2, .times = 100000};
    const struct draw many_values = {.rows = 30000, .keys = 2, .values = 10000};
    const struct draw long_cells = {
        .rows = 1000, .keys = 500, .values = 9, .cell_bytes = 8000};

    expect_build(&timed, &many_times, 1);
    expect_build(&timed, &many_values, 2);
    expect_build(&timed, &long_cells, 3);
}

/* What the builder holds follows the blocks, not all cells ever added. */
static void
cells_are_let_go_of(void **state)
{
    (void)state;
    const struct spine_schema schema = {
        .key = {SPINE_BYTES, 0}, .value = {SPINE_NONE, 0}, .time = SPINE_TIME_U64};
    struct spine_builder *builder;
    struct spine_batch *batch;
    uint64_t rows = 0;
    size_t held;
    char key[1000];

    memset(key, 'k', sizeof key);
    assert_int_equal(spine_builder_new(&schema, &builder, NULL), SPINE_OK);
    for (unsigned i = 0; i < 20000; i++)
        for (unsigned t = 0; t < 2; t++, rows++) {
            struct spine_row row = {.time = t, .weight = 1};

            snprintf(key, sizeof key, "%08u", i);
            key[8] = 'k';
            row.key = spine_data(key, sizeof key);
            assert_int_equal(spine_builder_add(builder, &row, NULL), SPINE_OK);
        }
    held = spine_allocated_bytes();
    assert_int_equal(spine_builder_seal(builder, &batch, NULL), SPINE_OK);
    assert_int_equal(batch->info.rows, rows);
    assert_true(held < batch->info.bytes + 2000000);
    spine_batch_unref(batch);
    spine_builder_free(builder);
    expect_no_leak();
}

static void
refuse(struct spine_builder *builder, struct spine_row row, const char *word)
{
    struct spine_error error = {0};

    assert_int_equal(spine_builder_add(builder, &row, &error), SPINE_INVALID);
    if (strstr(error.message, word) == NULL)
        fail_msg("'%s' does not say '%s'", error.message, word);
    assert_int_equal(spine_builder_add(builder, &row, NULL), SPINE_INVALID);
}

static void
bad_rows_are_refused_by_name(void **state)
{
    (void)state;
    const struct spine_schema schema = {
        .key = {SPINE_U64, 0}, .value = {SPINE_FIXED, 9}, .time = SPINE_TIME_U64};
    struct spine_row row = {.time = 5, .weight = 2};
    struct spine_builder *builder;
    struct spine_batch *batch;

    assert_int_equal(spine_builder_new(&schema, &builder, NULL), SPINE_OK);
    row.key = spine_u64(10);
    row.value = spine_data("bbbbbbbbb", 9);
    assert_int_equal(spine_builder_add(builder, &row, NULL), SPINE_OK);

    refuse(builder, row, "row 1 is not in order: it equals");
    row.time = 4;
    refuse(builder, row, "its time is less");
    row.value = spine_data("aaaaaaaaa", 9);
    refuse(builder, row, "its value is less");
    row.key = spine_u64(9);
    refuse(builder, row, "its key is less");
    row.key = spine_u64(11);
    row.weight = 0;
    refuse(builder, row, "row 1 has weight 0");
    row.weight = 1;
    row.value = spine_data("aaaaaaaa", 8);
    refuse(builder, row, "8 bytes");

    row.value = spine_data("aaaaaaaaa", 9);
    assert_int_equal(spine_builder_add(builder, &row, NULL), SPINE_OK);
    assert_int_equal(spine_builder_seal(builder, &batch, NULL), SPINE_OK);
    assert_int_equal(batch->info.rows, 2);
    assert_int_equal(batch->info.key_min.u64, 10);
    assert_int_equal(batch->info.key_max.u64, 11);
    assert_int_equal(spine_batch_check(batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
    spine_builder_free(builder);
    expect_no_leak();
}

/* A row out of order is refused also when all before it are packed away. */
static void
order_holds_across_blocks(void **state)
{
    (void)state;
    const struct spine_schema schema = {.key = {SPINE_U32, 0}};
    struct spine_row row = {.weight = 1};
    struct spine_builder *builder;
    struct spine_batch *batch;

    assert_int_equal(spine_builder_new(&schema, &builder, NULL), SPINE_OK);
    for (uint32_t i = 0; i < 3 * BLOCK_ROWS; i++) {
        row.key = spine_u32(i);
        assert_int_equal(spine_builder_add(builder, &row, NULL), SPINE_OK);
        refuse(builder, row, "it equals");
    }
    assert_int_equal(spine_builder_seal(builder, &batch, NULL), SPINE_OK);
    assert_int_equal(batch->info.rows, 3 * BLOCK_ROWS);
    spine_batch_unref(batch);

    /* Empty again: any row is the first. */
    row.key = spine_u32(0);
    assert_int_equal(spine_builder_add(builder, &row, NULL), SPINE_OK);
    spine_builder_free(builder);
    spine_builder_free(NULL);
    expect_no_leak();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_schema_is_built),
        cmocka_unit_test(large_things_are_built),
        cmocka_unit_test(cells_are_let_go_of),
        cmocka_unit_test(bad_rows_are_refused_by_name),
        cmocka_unit_test(order_holds_across_blocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
