/* SPDX-License-Identifier: MIT */
#include "unit/batch/batch_fixture.h"

/* Adds rows [begin, end) of `columns`, as a piece of columns or one by one. */
static void
add_piece(struct spine_batcher *batcher, const struct spine_schema *schema,
          const struct spine_columns *columns, size_t begin, size_t end, bool whole)
{
    const struct spine_columns piece = columns_part(schema, columns, begin, end - begin);

    if (whole) {
        assert_int_equal(spine_batcher_add_columns(batcher, &piece, NULL), SPINE_OK);
        return;
    }
    for (size_t i = begin; i < end; i++) {
        const struct spine_row row = row_of_columns(schema, columns, i);

        assert_int_equal(spine_batcher_add(batcher, &row, NULL), SPINE_OK);
    }
}

/* Adds what `draw` draws in random pieces, and expects the batch of all of it. */
static void
expect_batcher(const struct spine_schema *schema, const struct draw *draw, uint64_t seed)
{
    struct random random = {seed};
    struct owned_columns columns = columns_draw(schema, draw, &random);
    struct spine_batcher *batcher;
    struct spine_batch *batch;
    struct layout layout;
    struct rows rows;

    assert_int_equal(layout_init(&layout, schema, NULL), SPINE_OK);
    rows = rows_of_columns(&layout, &columns.columns);
    assert_int_equal(spine_batcher_new(schema, &batcher, NULL), SPINE_OK);
    /* Twice: sealed, a batcher is as new. */
    for (int round = 0; round < 2; round++) {
        for (size_t at = 0, end; at < columns.columns.rows; at = end) {
            const uint64_t longest = (uint64_t)1 << random_below(&random, 17);

            end = at + 1 + random_below(&random, longest);
            if (end > columns.columns.rows)
                end = columns.columns.rows;
            add_piece(batcher, schema, &columns.columns, at, end,
                      random_below(&random, 2) == 0);
        }
        assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), SPINE_OK);
        expect_batch(&layout, batch, &rows);
        spine_batch_unref(batch);
    }
    rows_release(&layout, &rows);
    spine_batcher_free(batcher);
    columns_free(&columns);
    expect_no_leak();
}

static void
every_schema_is_gathered(void **state)
{
    (void)state;
    uint64_t seed = 1;

    for (size_t k = 0; k < TYPE_COUNT; k++)
        for (size_t v = 0; v < TYPE_COUNT; v++, seed++) {
            const struct spine_schema schema = {.key = all_types[k],
                                                .value = all_types[v],
                                                .weight_count = (unsigned)(seed % 3),
                                                .time = (enum spine_time)(seed % 3)};
            const struct draw draw = {.rows = 3000,
                                      .keys = 50,
                                      .values = 5,
                                      .times = 3,
                                      .magnitude = (int64_t)(seed % 4)};

            expect_batcher(&schema, &draw, seed);
        }
}

static void
many_rows_are_gathered(void **state)
{
    (void)state;
    static const struct spine_schema schemas[] = {
        {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}},
        {.key = {SPINE_U32, 0}, .value = {SPINE_U32, 0}},
        {.key = {SPINE_U32, 0}, .value = {SPINE_BYTES, 0}},
    };
    static const struct draw draws[] = {
        {.rows = 500000, .keys = 1000000, .values = 1000000},
        {.rows = 500000, .keys = 100, .values = 20, .magnitude = 3},
        {.rows = 100000, .keys = 3, .values = 3, .magnitude = 1},
    };

    for (size_t s = 0; s < sizeof schemas / sizeof *schemas; s++)
        for (size_t d = 0; d < sizeof draws / sizeof *draws; d++)
            expect_batcher(&schemas[s], &draws[d], s * 10 + d);
}

/* Rows that repeat cost memory once; rows and their negations cost none. */
static void
memory_follows_different_rows(void **state)
{
    (void)state;
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};
    struct spine_batcher *batcher;
    struct spine_batch *batch;
    struct random random = {1};
    struct spine_row row = {.weight = 1};
    size_t held;

    assert_int_equal(spine_batcher_new(&schema, &batcher, NULL), SPINE_OK);
    for (size_t i = 0; i < 3000000; i++) {
        row.key = spine_u64(random_below(&random, 1000));
        row.value = spine_u64(random_below(&random, 100));
        assert_int_equal(spine_batcher_add(batcher, &row, NULL), SPINE_OK);
    }
    held = spine_allocated_bytes();
    assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), SPINE_OK);
    assert_int_equal(batch->info.rows, 100000);
    /* A hundred thousand rows of 17 bytes, and the buffers. */
    if (held > 20 * 17 * 100000)
        fail_msg("%zu bytes for 100,000 rows", held);
    spine_batch_unref(batch);

    for (size_t i = 0; i < 1000000; i++) {
        row.key = spine_u64(i / 2);
        row.weight = i % 2 == 0 ? 5 : -5;
        assert_int_equal(spine_batcher_add(batcher, &row, NULL), SPINE_OK);
    }
    assert_true(spine_allocated_bytes() < 2000000);
    assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), SPINE_OK);
    assert_int_equal(batch->info.rows, 0);
    spine_batch_unref(batch);
    spine_batcher_free(batcher);
    expect_no_leak();
}

static void
long_cells_do_not_pile_up(void **state)
{
    (void)state;
    const struct spine_schema schema = {.key = {SPINE_BYTES, 0}};
    struct spine_row row = {.weight = 1};
    struct spine_batcher *batcher;
    struct spine_batch *batch;
    char *key = calloc(1, 100000);

    assert_int_equal(spine_batcher_new(&schema, &batcher, NULL), SPINE_OK);
    for (int i = 0; i < 5000; i++) {
        key[0] = (char)(i % 10);
        row.key = spine_data(key, 100000);
        assert_int_equal(spine_batcher_add(batcher, &row, NULL), SPINE_OK);
        assert_true(spine_allocated_bytes() < 32000000);
    }
    assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), SPINE_OK);
    assert_int_equal(batch->info.rows, 10);
    spine_batch_unref(batch);
    spine_batcher_free(batcher);
    free(key);
    expect_no_leak();
}

static void
refused_rows_change_nothing(void **state)
{
    (void)state;
    const struct spine_schema schema = {.key = {SPINE_BYTES, 0},
                                        .value = {SPINE_FIXED, 4}};
    const uint64_t offsets[] = {0, 3, 2};
    const struct spine_columns bad = {
        .rows = 2, .keys = "abc", .key_offsets = offsets, .values = "12345678"};
    struct spine_row row = {.weight = 1};
    struct spine_error error = {0};
    struct spine_batcher *batcher;
    struct spine_batch *batch;

    assert_int_equal(spine_batcher_new(&schema, &batcher, NULL), SPINE_OK);
    row.key = spine_data("a", 1);
    row.value = spine_data("12345", 5);
    assert_int_equal(spine_batcher_add(batcher, &row, &error), SPINE_INVALID);
    assert_non_null(strstr(error.message, "5 bytes"));
    assert_int_equal(spine_batcher_add_columns(batcher, &bad, &error), SPINE_INVALID);
    row.value = spine_data("1234", 4);
    assert_int_equal(spine_batcher_add(batcher, &row, NULL), SPINE_OK);
    assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), SPINE_OK);
    assert_int_equal(batch->info.rows, 1);
    spine_batch_unref(batch);
    spine_batcher_free(batcher);
    spine_batcher_free(NULL);
    expect_no_leak();
}

static void
overflow_sticks_until_clear(void **state)
{
    (void)state;
    const struct spine_schema schema = {.key = {SPINE_U32, 0}};
    struct spine_row row = {.weight = INT64_MAX};
    struct spine_batcher *batcher;
    struct spine_batch *batch;

    assert_int_equal(spine_batcher_new(&schema, &batcher, NULL), SPINE_OK);
    assert_int_equal(spine_batcher_add(batcher, &row, NULL), SPINE_OK);
    assert_int_equal(spine_batcher_add(batcher, &row, NULL), SPINE_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), SPINE_OVERFLOW);
        assert_null(batch);
        assert_int_equal(spine_batcher_add(batcher, &row, NULL), SPINE_OVERFLOW);
    }
    spine_batcher_clear(batcher);
    assert_int_equal(spine_batcher_add(batcher, &row, NULL), SPINE_OK);
    assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), SPINE_OK);
    assert_int_equal(batch->info.rows, 1);
    spine_batch_unref(batch);

    /* In different runs. */
    for (uint32_t i = 0; i < 100000; i++) {
        row.key = spine_u32(i % 50000);
        assert_int_equal(spine_batcher_add(batcher, &row, NULL), SPINE_OK);
    }
    assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), SPINE_OVERFLOW);
    assert_int_equal(spine_batcher_add(batcher, &row, NULL), SPINE_OVERFLOW);
    spine_batcher_free(batcher);
    expect_no_leak();
}

/* Weights that cannot be added yet, far from those that make their sum fit: one by one,
 * and as columns. */
static void
sums_may_leave_and_come_back(void **state)
{
    enum { ROWS = 60000 };
    static uint64_t keys[ROWS];
    static int64_t weights[ROWS];
    const struct spine_schema schema = {.key = {SPINE_U64, 0}};
    const struct spine_columns columns = {.rows = ROWS, .keys = keys, .weights = weights};
    struct spine_batcher *batcher;
    struct spine_batch *batch;
    struct spine_cursor *cursor;

    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        keys[i] = i;
        weights[i] = 1;
    }
    for (size_t i = 0; i < 4; i++) {
        keys[1000 * i] = keys[ROWS - 1 - 5000 * i] = 7;
        weights[1000 * i] = INT64_MAX - 1;
        weights[ROWS - 1 - 5000 * i] = -INT64_MAX;
    }
    assert_int_equal(spine_batcher_new(&schema, &batcher, NULL), SPINE_OK);
    for (int way = 0; way < 2; way++) {
        for (size_t i = 0; i < ROWS && way == 0; i++) {
            const struct spine_row row = {.key = spine_u64(keys[i]),
                                          .weight = weights[i]};

            assert_int_equal(spine_batcher_add(batcher, &row, NULL), SPINE_OK);
        }
        if (way == 1)
            assert_int_equal(spine_batcher_add_columns(batcher, &columns, NULL),
                             SPINE_OK);
        assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), SPINE_OK);
        assert_int_equal(batch->info.rows, ROWS - 8);
        assert_int_equal(spine_batch_cursor(batch, &cursor, NULL), SPINE_OK);
        assert_true(spine_cursor_seek_key_exact(cursor, spine_u64(7)));
        assert_true(spine_cursor_weight(cursor) == -3);
        spine_cursor_close(cursor);
        spine_batch_unref(batch);
    }
    spine_batcher_free(batcher);
    expect_no_leak();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_schema_is_gathered),
        cmocka_unit_test(many_rows_are_gathered),
        cmocka_unit_test(memory_follows_different_rows),
        cmocka_unit_test(long_cells_do_not_pile_up),
        cmocka_unit_test(refused_rows_change_nothing),
        cmocka_unit_test(overflow_sticks_until_clear),
        cmocka_unit_test(sums_may_leave_and_come_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
