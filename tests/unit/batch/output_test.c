/* SPDX-License-Identifier: MIT */
#include "batch_fixture.h"

#include "batch/fence.h"

/* Draws rows, makes a batch of them, reads it, and compares. */
static void
expect_round_trip(const struct spine_schema *schema, const struct draw *draw,
                  uint64_t seed)
{
    struct random random = {seed};
    struct owned_columns columns = columns_draw(schema, draw, &random);
    struct layout layout;
    struct spine_batch *batch;
    struct rows rows, read;
    uint64_t keys = 0, negative = 0;

    assert_int_equal(layout_init(&layout, schema, NULL), SPINE_OK);
    rows = rows_of_columns(&layout, &columns.columns);
    batch = batch_of_rows(&layout, &rows, 1 + random_below(&random, 6000));
    read = rows_of_batch(batch, 1 + random_below(&random, 5000));
    assert_int_equal(read.count, rows.count);
    expect_rows_equal(&layout, &read, 0, &rows, 0, rows.count);

    for (size_t i = 0; i < rows.count; i = rows_key_end(&layout, &rows, i, rows.count))
        keys++;
    for (size_t i = 0; i < rows.count; i++) {
        bool below = false;

        for (unsigned w = 0; w < layout.weight_count; w++)
            below = below || rows.weight[i * layout.weight_count + w] < 0;
        negative += below;
    }
    assert_int_equal(batch->info.rows, rows.count);
    assert_int_equal(batch->info.keys, keys);
    assert_int_equal(batch->info.negative_rows, negative);

    rows_release(&layout, &rows);
    rows_release(&layout, &read);
    pins_release(&rows_pins);
    assert_int_equal(batch->info.bytes, spine_allocated_bytes());
    spine_batch_unref(batch);
    columns_free(&columns);
    expect_no_leak();
}

static void
every_schema_comes_back(void **state)
{
    (void)state;
    uint64_t seed = 1;

    for (size_t k = 0; k < TYPE_COUNT; k++)
        for (size_t v = 0; v < TYPE_COUNT; v++)
            for (unsigned variant = 0; variant < 4; variant++, seed++) {
                const struct spine_schema schema = {
                    .key = all_types[k],
                    .value = all_types[v],
                    .weight_count = variant % 2 == 0 ? 1 : 3,
                    .time = variant < 2 ? SPINE_UNTIMED : SPINE_TIME_U64};
                struct draw draw = {.rows = 300,
                                    .keys = 40,
                                    .values = 10,
                                    .times = 4,
                                    .magnitude = (int64_t)1 << (seed % 5 * 10)};

                expect_round_trip(&schema, &draw, seed);
                draw = (struct draw){.rows = 9000, .keys = 3000, .values = 3, .times = 9};
                expect_round_trip(&schema, &draw, seed);
            }
}

static void
weights_of_every_width_come_back(void **state)
{
    (void)state;
    const struct spine_schema schema = {.key = {SPINE_U32, 0}, .value = {SPINE_U32, 0}};

    for (unsigned bits = 0; bits < 62; bits++) {
        const struct draw draw = {
            .rows = 50, .keys = 100, .values = 100, .magnitude = (int64_t)1 << bits};

        expect_round_trip(&schema, &draw, bits);
    }
}

/* One key with many values, and one value with many times, go on in later blocks. */
static void
keys_and_values_span_blocks(void **state)
{
    (void)state;
    const struct spine_schema timed = {
        .key = {SPINE_U64, 0}, .value = {SPINE_U32, 0}, .time = SPINE_TIME_U64};
    const struct spine_schema untimed = {.key = {SPINE_U64, 0}, .value = {SPINE_U32, 0}};
    const struct spine_schema bytes = {.key = {SPINE_BYTES, 0}, .value = {SPINE_U32, 0}};
    const struct draw many_values = {.rows = 30000, .keys = 2, .values = 100000};
    const struct draw many_times = {
        .rows = 30000, .keys = 2, .values = 2, .times = 100000};

    expect_round_trip(&untimed, &many_values, 1);
    expect_round_trip(&bytes, &many_values, 2);
    expect_round_trip(&timed, &many_values, 3);
    expect_round_trip(&timed, &many_times, 4);
}

/* However many rows there are, and in whatever pieces they come, only a batch of one
 * block has a small one, if it was known how many there are. */
static void
no_block_is_small(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .value = {SPINE_NONE, 0}};
    static const size_t counts[] = {
        BLOCK_ROWS,
        BLOCK_ROWS + 1,
        BLOCK_ROWS + BLOCK_ROWS / 2 - 1,
        BLOCK_ROWS + BLOCK_ROWS / 2,
        2 * BLOCK_ROWS,
        2 * BLOCK_ROWS + 1,
        3 * BLOCK_ROWS + 100,
    };
    struct layout layout;

    (void)state;
    assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        for (size_t piece = 1000; piece <= 16000; piece *= 4) {
            struct spine_batch *batch;
            struct output output;

            output_init(&output, &layout);
            output.rows_expected = counts[i];
            for (size_t row = 0; row < counts[i]; row++) {
                struct rows *to = &output.pending;

                assert_true(rows_reserve(&layout, to, to->count + 1));
                to->hi[to->count] = row;
                to->weight[to->count++] = 1;
                if (row % piece == 0)
                    assert_int_equal(output_flush(&output, false), SPINE_OK);
            }
            assert_int_equal(output_seal(&output, &batch, NULL), SPINE_OK);
            output_release(&output);
            assert_int_equal(batch->info.rows, counts[i]);
            assert_int_equal(batch->block_count,
                             (counts[i] + BLOCK_ROWS - 1) / BLOCK_ROWS);
            for (size_t block = 0; block < batch->block_count; block++)
                assert_in_range(batch->fences[block].rows, BLOCK_ROWS / 2, BLOCK_ROWS);
            spine_batch_unref(batch);
        }
    expect_no_leak();
}

/* The times of a value stay in one block as long as they fit. */
static void
times_stay_together(void **state)
{
    (void)state;
    const struct spine_schema schema = {
        .key = {SPINE_U64, 0}, .value = {SPINE_NONE, 0}, .time = SPINE_TIME_U64};
    const struct draw draw = {.rows = 40000, .keys = 100, .values = 1, .times = 700};
    struct random random = {7};
    struct owned_columns columns = columns_draw(&schema, &draw, &random);
    struct layout layout;
    struct spine_batch *batch;
    struct rows rows;

    assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
    rows = rows_of_columns(&layout, &columns.columns);
    for (size_t piece = 100; piece < 50000; piece *= 5) {
        batch = batch_of_rows(&layout, &rows, piece);
        for (size_t i = 0; i < batch->block_count; i++) {
            assert_false(batch->fences[i].continues);
            if (i + 1 < batch->block_count)
                assert_in_range(batch->fences[i].rows, BLOCK_ROWS - 700, BLOCK_ROWS);
        }
        spine_batch_unref(batch);
    }
    rows_release(&layout, &rows);
    columns_free(&columns);
    expect_no_leak();
}

static void
blocks_of_long_cells_are_closed_early(void **state)
{
    (void)state;
    const struct spine_type types[] = {{SPINE_BYTES, 0}, {SPINE_FIXED, 3000}};

    for (size_t t = 0; t < 2; t++) {
        const struct spine_schema schema = {.key = {SPINE_U64, 0}, .value = types[t]};
        const struct draw draw = {
            .rows = 1000, .keys = 1000, .values = 1000, .cell_bytes = 6000};
        struct random random = {t};
        struct owned_columns columns = columns_draw(&schema, &draw, &random);
        struct layout layout;
        struct spine_batch *batch;
        struct rows rows, read;

        assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
        rows = rows_of_columns(&layout, &columns.columns);
        batch = batch_of_rows(&layout, &rows, 128);
        for (size_t i = 0; i < batch->block_count; i++)
            assert_true(batch->fences[i].block->bytes < BLOCK_BYTES + 8000);
        assert_in_range(batch->block_count, 10, 20);
        read = rows_of_batch(batch, 1000);
        expect_rows_equal(&layout, &read, 0, &rows, 0, rows.count);
        rows_release(&layout, &read);
        spine_batch_unref(batch);
        rows_release(&layout, &rows);
        columns_free(&columns);
        expect_no_leak();
    }
}

/* Ten thousand rows of u64 -> u64, all of weight 1, cost 17 bytes each at most. */
static void
plain_rows_are_small(void **state)
{
    (void)state;
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};
    const struct draw draw = {.rows = 10000, .keys = UINT64_MAX, .values = UINT64_MAX};
    struct random random = {3};
    struct owned_columns columns = columns_draw(&schema, &draw, &random);
    struct layout layout;
    struct spine_batch *batch;
    struct rows rows;

    assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
    rows = rows_of_columns(&layout, &columns.columns);
    batch = batch_of_rows(&layout, &rows, 10000);
    rows_release(&layout, &rows);
    assert_int_equal(batch->info.bytes, spine_allocated_bytes());
    assert_true(batch->info.bytes <= 17 * batch->info.rows);
    spine_batch_unref(batch);
    columns_free(&columns);
}

static void
no_rows_are_a_batch(void **state)
{
    (void)state;
    const struct spine_schema schema = {.key = {SPINE_BYTES, 0}};
    struct spine_batch_info info;
    struct layout layout;
    struct spine_batch *batch;
    struct rows rows = {0};

    assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
    batch = batch_of_rows(&layout, &rows, 1);
    spine_batch_get_info(batch, &info);
    assert_int_equal(info.rows, 0);
    assert_int_equal(info.keys, 0);
    assert_int_equal(info.bytes, spine_allocated_bytes());
    rows = rows_of_batch(batch, 1);
    assert_int_equal(rows.count, 0);
    spine_batch_unref(batch);
    expect_no_leak();
}

/* Blocks go by reference into another batch, between rows, and outlive their first. */
static void
shared_blocks_are_read_in_both(void **state)
{
    (void)state;
    const struct spine_schema schema = {.key = {SPINE_BYTES, 0}, .value = {SPINE_U32, 0}};
    const struct draw draw = {.rows = 20000, .keys = 9, .values = 100000, .magnitude = 3};
    struct random random = {5};
    struct owned_columns columns = columns_draw(&schema, &draw, &random);
    struct layout layout;
    struct spine_batch *first, *second;
    struct output output;
    struct reader reader;
    struct rows rows, read;

    assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
    rows = rows_of_columns(&layout, &columns.columns);
    first = batch_of_rows(&layout, &rows, 10000);
    output_init(&output, &layout);
    reader_init(&reader, first);
    for (size_t i = 0; i < first->block_count; i++) {
        const struct fence *fence = &first->fences[i];

        if (i % 3 != 1) {
            assert_int_equal(output_share_block(&output, &reader), SPINE_OK);
            continue;
        }
        reader_to_offset(&reader, fence->row_begin + fence->rows);
        assert_true(rows_reserve(&layout, &output.pending, fence->rows));
        rows_append(&layout, &output.pending, &rows, fence->row_begin,
                    fence->row_begin + fence->rows);
    }
    assert_int_equal(output_seal(&output, &second, NULL), SPINE_OK);
    output_release(&output);
    assert_int_equal(second->info.keys, first->info.keys);
    assert_int_equal(second->info.negative_rows, first->info.negative_rows);
    spine_batch_unref(first);
    read = rows_of_batch(second, 3000);
    assert_int_equal(read.count, rows.count);
    expect_rows_equal(&layout, &read, 0, &rows, 0, rows.count);
    rows_release(&layout, &read);
    rows_release(&layout, &rows);
    spine_batch_unref(second);
    columns_free(&columns);
    expect_no_leak();
}

/* Has `block` the bytes of `span`? */
static bool
lies_in(const struct block *block, struct span span)
{
    const uintptr_t begin = (uintptr_t)block, at = (uintptr_t)span.data;

    return span.size > 0 && at >= begin && at < begin + block->bytes;
}

/* The rest of a batch from row `begin` on, by `fuel_rows` a slice. */
static enum spine_status
rest_of(const struct spine_batch *batch, uint64_t begin, uint64_t fuel_rows,
        struct spine_batch **out)
{
    struct output output;
    struct reader reader;
    uint64_t fuel_left = fuel_rows;
    enum spine_status st;

    *out = NULL;
    output_init(&output, &batch->layout);
    reader_init(&reader, batch);
    reader_to_offset(&reader, begin);
    for (st = output_begin_rest(&output, &reader, &fuel_left);
         st == SPINE_OK && *out == NULL; fuel_left = fuel_rows) {
        st = output_share_rest(&output, &reader, &fuel_left);
        if (st == SPINE_OK && fuel_left > 0)
            st = output_seal_step(&output, &fuel_left, out, NULL);
    }
    output_release(&output);
    reader_release(&reader);
    return st;
}

/* What fences and the batch say of keys and values needs no block, here and in a batch
 * that shares its blocks. */
static void
fences_own_their_cells(void **state)
{
    (void)state;
    const struct spine_schema schema = {.key = {SPINE_BYTES, 0},
                                        .value = {SPINE_BYTES, 0}};
    const struct draw draw = {
        .rows = 9000, .keys = 5000, .values = 5000, .cell_bytes = 40};
    struct random random = {11};
    struct owned_columns columns = columns_draw(&schema, &draw, &random);
    struct spine_batch *batches[2];
    struct layout layout;
    struct rows rows;

    assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
    rows = rows_of_columns(&layout, &columns.columns);
    batches[0] = batch_of_rows(&layout, &rows, 3000);
    assert_int_equal(rest_of(batches[0], 100, 1, &batches[1]), SPINE_OK);
    for (size_t b = 0; b < 2; b++)
        for (size_t i = 0; i < batches[b]->block_count; i++) {
            const struct fence *fence = &batches[b]->fences[i];

            assert_false(lies_in(fence->block, fence->cells->first_key));
            assert_false(lies_in(fence->block, fence->cells->last_key));
            assert_false(lies_in(fence->block, fence->cells->first_value));
            assert_false(lies_in(fence->block, fence->cells->last_value));
            assert_ptr_not_equal(batches[0]->fences[i].cells,
                                 batches[1]->fences[i].cells);
        }
    spine_batch_unref(batches[0]);
    assert_int_equal(spine_batch_check(batches[1], NULL), SPINE_OK);
    rows_release(&layout, &rows);
    assert_int_equal(batches[1]->info.bytes, spine_allocated_bytes());
    spine_batch_unref(batches[1]);
    columns_free(&columns);
    expect_no_leak();
}

/* It has the rows from `begin` on, in blocks of the batch but for one. */
static void
expect_rest(const struct layout *layout, const struct spine_batch *batch,
            const struct rows *rows, uint64_t begin)
{
    struct rows left = {0};
    struct spine_batch *rest;
    size_t from_batch = 0;

    assert_int_equal(rest_of(batch, begin, 1 + begin % 5000, &rest), SPINE_OK);
    assert_true(rows_reserve(layout, &left, rows->count + 1));
    rows_append(layout, &left, rows, begin, rows->count);
    expect_batch(layout, rest, &left);
    for (size_t i = 0; i < rest->block_count; i++)
        for (size_t k = 0; k < batch->block_count; k++)
            from_batch += rest->fences[i].block == batch->fences[k].block;
    assert_true(from_batch + 1 >= rest->block_count);
    rows_release(layout, &left);
    spine_batch_unref(rest);
}

/* What was cut out of a batch, and what is left, are its rows. */
static void
expect_cut(const struct layout *layout, const struct spine_batch *batch,
           const struct rows *rows, uint64_t begin, uint64_t end)
{
    struct spine_batch *inner, *outer;
    struct rows cut = {0};

    if (begin >= end || end - begin == rows->count)
        return;
    assert_int_equal(batch_cut(batch, begin, end, NULL, &inner, &outer), SPINE_OK);
    assert_int_equal(spine_batch_check(inner, NULL), SPINE_OK);
    assert_int_equal(spine_batch_check(outer, NULL), SPINE_OK);
    assert_int_equal(inner->info.rows, end - begin);
    assert_int_equal(outer->info.rows, rows->count - (end - begin));
    assert_true(rows_reserve(layout, &cut, rows->count));
    rows_append(layout, &cut, rows, begin, end);
    expect_batch(layout, inner, &cut);
    cut.count = 0;
    rows_append(layout, &cut, rows, 0, begin);
    rows_append(layout, &cut, rows, end, rows->count);
    expect_batch(layout, outer, &cut);
    rows_release(layout, &cut);
    spine_batch_unref(inner);
    spine_batch_unref(outer);
}

static void
rests_and_cuts_are_what_is_left(void **state)
{
    static const struct spine_schema schemas[] = {
        {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}},
        {.key = {SPINE_BYTES, 0}, .value = {SPINE_U32, 0}},
        {.key = {SPINE_U32, 0}, .value = {SPINE_BYTES, 0}, .weight_count = 3},
        {.key = {SPINE_I64, 0}, .value = {SPINE_U32, 0}, .time = SPINE_TIME_U64}};
    const struct draw draw = {
        .rows = 20000, .keys = 900, .values = 100000, .magnitude = 3};
    struct random random = {6};

    (void)state;
    for (size_t i = 0; i < 4 * BLOCKS_COUNT; i++) {
        const struct spine_schema *schema = &schemas[i / BLOCKS_COUNT];
        struct owned_columns columns = columns_draw(schema, &draw, &random);
        struct spine_batch *batch;
        struct layout layout;
        struct rows rows;

        assert_int_equal(layout_init(&layout, schema, NULL), SPINE_OK);
        rows = rows_of_columns(&layout, &columns.columns);
        batch = batch_of_rows(&layout, &rows, 5000);
        assert_true(batch->block_count > 1);
        const uint64_t begins[] = {0,
                                   1,
                                   batch->fences[1].row_begin - 1,
                                   batch->fences[1].row_begin,
                                   batch->fences[1].row_begin + 1,
                                   random_below(&random, rows.count),
                                   rows.count - 1,
                                   rows.count};

        for (size_t k = 0; k < sizeof begins / sizeof *begins; k++)
            expect_rest(&layout, batch, &rows, begins[k]);
        for (size_t k = 0; k < sizeof begins / sizeof *begins; k++)
            for (size_t l = 0; l < sizeof begins / sizeof *begins; l++)
                expect_cut(&layout, batch, &rows, begins[k], begins[l]);
        rows_release(&layout, &rows);
        spine_batch_unref(batch);
        columns_free(&columns);
    }
    expect_no_leak();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_schema_comes_back),
        cmocka_unit_test(weights_of_every_width_come_back),
        cmocka_unit_test(keys_and_values_span_blocks),
        cmocka_unit_test(no_block_is_small),
        cmocka_unit_test(times_stay_together),
        cmocka_unit_test(blocks_of_long_cells_are_closed_early),
        cmocka_unit_test(plain_rows_are_small),
        cmocka_unit_test(no_rows_are_a_batch),
        cmocka_unit_test(shared_blocks_are_read_in_both),
        cmocka_unit_test(fences_own_their_cells),
        cmocka_unit_test(rests_and_cuts_are_what_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
