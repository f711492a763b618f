/* SPDX-License-Identifier: MIT */
#include "unit/kernel/kernel_model.h"

/* Sorted rows of one schema and the model they were made from. */
struct fixture {
    struct layout layout;
    struct model_rows model;
    struct rows rows;
    uint8_t *cells;
};

static void
fixture_setup(struct fixture *fixture, const struct spine_schema *schema, size_t count,
              enum model_draw draw, uint64_t *seed)
{
    memset(fixture, 0, sizeof *fixture);
    assert_int_equal(layout_init(&fixture->layout, schema, NULL), SPINE_OK);
    fixture->model = model_draw_rows(&fixture->layout, count, draw, draw, seed);
    model_consolidate(&fixture->layout, &fixture->model);
    model_to_rows(&fixture->layout, &fixture->model, &fixture->rows, &fixture->cells);
}

static void
fixture_teardown(struct fixture *fixture)
{
    rows_release(&fixture->layout, &fixture->rows);
    test_free(fixture->model.rows);
    test_free(fixture->cells);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* Runs `test` for every schema and way to draw, with few and with many rows. */
static void
for_all_schemas(void (*test)(struct fixture *fixture, uint64_t *seed), uint64_t seed)
{
    struct spine_schema schemas[MODEL_SCHEMAS_MAX];
    const size_t schema_count = model_schemas(schemas);
    const size_t counts[] = {1, 7, 300};

    print_message("seed %llu\n", (unsigned long long)seed);
    for (size_t s = 0; s < schema_count; s++)
        for (int draw = 0; draw < DRAW_COUNT; draw++)
            for (size_t c = 0; c < 3; c++) {
                struct fixture fixture;

                fixture_setup(&fixture, &schemas[s], counts[c], (enum model_draw)draw,
                              &seed);
                test(&fixture, &seed);
                fixture_teardown(&fixture);
            }
}

/* How many model rows are before the probe, or at most equal to it. */
static size_t
model_bound(const struct fixture *fixture, uint64_t key, const uint64_t *value,
            bool after)
{
    size_t at = 0;

    for (; at < fixture->model.count; at++) {
        const struct model_row *row = &fixture->model.rows[at];
        int order = (row->key > key) - (row->key < key);

        if (order == 0 && value != NULL)
            order = (row->value > *value) - (row->value < *value);
        if (after ? order > 0 : order >= 0)
            break;
    }
    return at;
}

static void
expect_bounds(const struct fixture *fixture, uint64_t key, uint64_t value, size_t begin)
{
    const struct layout *layout = &fixture->layout;
    const struct rows *rows = &fixture->rows;
    uint8_t bytes[2][MODEL_CELL_BYTES];
    struct cell cells[2];

    assert_int_equal(cell_of_datum(&layout->key,
                                   model_datum(layout->schema.key, key, bytes[0]),
                                   &cells[0], NULL),
                     SPINE_OK);
    assert_int_equal(cell_of_datum(&layout->value,
                                   model_datum(layout->schema.value, value, bytes[1]),
                                   &cells[1], NULL),
                     SPINE_OK);
    for (int with_value = 0; with_value < 2; with_value++) {
        const struct cell *value_cell = with_value ? &cells[1] : NULL;
        const uint64_t *value_number = with_value ? &value : NULL;
        const size_t low = model_bound(fixture, key, value_number, false);
        const size_t high = model_bound(fixture, key, value_number, true);

        assert_int_equal(
            rows_lower_bound(layout, rows, begin, rows->count, &cells[0], value_cell),
            low > begin ? low : begin);
        assert_int_equal(
            rows_upper_bound(layout, rows, begin, rows->count, &cells[0], value_cell),
            high > begin ? high : begin);
    }
}

static void
bounds_are_where_the_model_has_them(struct fixture *fixture, uint64_t *seed)
{
    const struct spine_schema *schema = &fixture->layout.schema;
    const size_t count = fixture->model.count;

    for (int round = 0; round < 20; round++) {
        const size_t begin = model_below(seed, count + 1);

        expect_bounds(fixture, model_number(seed, DRAW_UNIFORM, schema->key, 9),
                      model_number(seed, DRAW_UNIFORM, schema->value, 9), begin);
        expect_bounds(fixture, 0, 0, begin);
        expect_bounds(fixture, model_number_max(schema->key),
                      model_number_max(schema->value), begin);
        if (count == 0)
            continue;
        const struct model_row *row = &fixture->model.rows[model_below(seed, count)];

        expect_bounds(fixture, row->key, row->value, begin);
        expect_bounds(fixture, row->key,
                      (row->value + 1) & model_number_max(schema->value), 0);
    }
}

static void
ends_are_where_the_model_has_them(struct fixture *fixture, uint64_t *seed)
{
    const struct model_row *rows = fixture->model.rows;

    (void)seed;
    for (size_t at = 0; at < fixture->model.count; at++) {
        size_t end = at + 1;

        while (end < fixture->model.count && rows[end].key == rows[at].key &&
               rows[end].value == rows[at].value)
            end++;
        assert_int_equal(
            rows_value_end(&fixture->layout, &fixture->rows, at, fixture->rows.count),
            end);
        while (end < fixture->model.count && rows[end].key == rows[at].key)
            end++;
        assert_int_equal(
            rows_key_end(&fixture->layout, &fixture->rows, at, fixture->rows.count), end);
        assert_int_equal(rows_key_end(&fixture->layout, &fixture->rows, at, at + 1),
                         at + 1);
    }
}

/* A row's cells find the row, though only columns with spans carry bytes. */
static void
cells_of_rows_find_them(struct fixture *fixture, uint64_t *seed)
{
    const struct layout *layout = &fixture->layout;
    const struct rows *rows = &fixture->rows;

    (void)seed;
    for (size_t at = 0; at < rows->count; at++) {
        const struct cell key = rows_key(layout, rows, at);
        const struct cell value = rows_value(layout, rows, at);

        assert_true((key.span.data != NULL) == layout->key.spans);
        const size_t low = rows_lower_bound(layout, rows, 0, rows->count, &key, &value);
        const size_t high = rows_upper_bound(layout, rows, 0, rows->count, &key, &value);

        assert_true(low <= at && at < high);
        assert_int_equal(rows_value_end(layout, rows, low, rows->count), high);
    }
}

static void
moving_rows_keeps_them(struct fixture *fixture, uint64_t *seed)
{
    const struct layout *layout = &fixture->layout;
    const size_t count = fixture->rows.count;
    const size_t cut = model_below(seed, count + 1);
    struct rows copy = {0}, turned = {0};

    assert_true(rows_reserve(layout, &copy, count));
    rows_append(layout, &copy, &fixture->rows, 0, cut);
    rows_append(layout, &copy, &fixture->rows, cut, count);
    expect_same_rows(layout, &copy, &fixture->rows);

    assert_true(rows_reserve(layout, &turned, count));
    for (size_t i = count; i-- > 0;)
        rows_append(layout, &turned, &fixture->rows, i, i + 1);
    for (size_t i = 0; i < count; i++) {
        turned.hi[i] = ~turned.hi[i];
        if (layout->row_kind != ROW_ONE)
            turned.lo[i] = ~turned.lo[i];
    }
    rows_turn_round(layout, &copy, 0);
    expect_same_rows(layout, &copy, &turned);
    rows_turn_round(layout, &copy, 0);
    expect_same_rows(layout, &copy, &fixture->rows);

    rows_drop_front(layout, &copy, cut);
    assert_int_equal(copy.count, count - cut);
    for (size_t i = cut; i < count; i++)
        assert_int_equal(rows_compare(layout, &copy, i - cut, &fixture->rows, i), 0);
    rows_release(layout, &copy);
    rows_release(layout, &turned);
}

/* The model as the caller's columns. */
struct column_memory {
    uint8_t *cells[2];
    uint64_t *offsets[2];
    uint64_t *times;
    int64_t *weights;
};

static void
column_memory_new(struct column_memory *memory, size_t rows)
{
    for (size_t c = 0; c < 2; c++) {
        memory->cells[c] = test_calloc(rows + 1, MODEL_CELL_BYTES);
        memory->offsets[c] = test_calloc(rows + 1, sizeof(uint64_t));
    }
    memory->times = test_calloc(rows + 1, sizeof(uint64_t));
    memory->weights = test_calloc(rows + 1, SPINE_WEIGHTS_MAX * sizeof(int64_t));
}

static void
column_memory_free(struct column_memory *memory)
{
    for (size_t c = 0; c < 2; c++) {
        test_free(memory->cells[c]);
        test_free(memory->offsets[c]);
    }
    test_free(memory->times);
    test_free(memory->weights);
}

static void
put_cell(struct column_memory *memory, size_t column, struct spine_type type, size_t row,
         uint64_t number)
{
    uint8_t bytes[MODEL_CELL_BYTES];
    const union spine_datum datum = model_datum(type, number, bytes);
    uint64_t *offsets = memory->offsets[column];
    uint8_t *cells = memory->cells[column];

    offsets[row + 1] = offsets[row];
    switch (type.kind) {
    case SPINE_NONE:
        break;
    case SPINE_U32:
    case SPINE_I32:
        memcpy(cells + row * 4, &datum.u32, 4);
        break;
    case SPINE_U64:
    case SPINE_I64:
    case SPINE_F64:
        memcpy(cells + row * 8, &datum.u64, 8);
        break;
    case SPINE_FIXED:
        memcpy(cells + row * type.size, datum.bytes.data, type.size);
        break;
    case SPINE_BYTES:
        memcpy(cells + offsets[row], datum.bytes.data, datum.bytes.size);
        offsets[row + 1] += datum.bytes.size;
        break;
    }
}

static void
columns_round_trip(struct fixture *fixture, uint64_t *seed)
{
    const struct layout *layout = &fixture->layout;
    const size_t count = fixture->model.count, weights = layout->weight_count;
    struct column_memory in, back;
    struct rows rows = {0};

    column_memory_new(&in, count);
    column_memory_new(&back, count);
    for (size_t i = 0; i < count; i++) {
        const struct model_row *row = &fixture->model.rows[i];

        put_cell(&in, 0, layout->schema.key, i, row->key);
        put_cell(&in, 1, layout->schema.value, i, row->value);
        in.times[i] = row->time;
        for (unsigned c = 0; c < weights; c++)
            in.weights[i * weights + c] = row->weights[c];
    }
    const struct spine_columns columns = {
        .rows = count,
        .keys = in.cells[0],
        .key_offsets = in.offsets[0],
        .values = in.cells[1],
        .value_offsets = in.offsets[1],
        .times = in.times,
        .weights = in.weights,
    };
    const size_t cut = model_below(seed, count + 1);

    assert_int_equal(columns_check(layout, &columns, NULL), SPINE_OK);
    assert_true(rows_reserve(layout, &rows, count));
    rows_append_columns(layout, &rows, &columns, 0, cut);
    rows_append_columns(layout, &rows, &columns, cut, count);
    expect_same_rows(layout, &rows, &fixture->rows);

    const struct spine_column_buffers buffers = {
        .rows = count,
        .keys = back.cells[0],
        .key_offsets = back.offsets[0],
        .key_bytes = in.offsets[0][count],
        .values = back.cells[1],
        .value_offsets = back.offsets[1],
        .value_bytes = in.offsets[1][count],
        .times = back.times,
        .weights = back.weights,
    };

    assert_int_equal(rows_read_fit(layout, &rows, 0, cut, &buffers, 0), cut);
    rows_read(layout, &rows, 0, cut, &buffers, 0);
    assert_int_equal(rows_read_fit(layout, &rows, cut, count, &buffers, cut),
                     count - cut);
    rows_read(layout, &rows, cut, count, &buffers, cut);
    for (size_t c = 0; c < 2; c++) {
        const bool bytes =
            (c == 0 ? layout->schema.key : layout->schema.value).kind == SPINE_BYTES;

        assert_memory_equal(back.cells[c], in.cells[c], (count + 1) * MODEL_CELL_BYTES);
        if (bytes)
            assert_memory_equal(back.offsets[c], in.offsets[c],
                                (count + 1) * sizeof(uint64_t));
    }
    if (layout->timed)
        assert_memory_equal(back.times, in.times, count * sizeof(uint64_t));
    assert_memory_equal(back.weights, in.weights, count * weights * sizeof(int64_t));
    rows_release(layout, &rows);
    column_memory_free(&in);
    column_memory_free(&back);
}

static void
bounds_match_the_model(void **state)
{
    (void)state;
    for_all_schemas(bounds_are_where_the_model_has_them, 1);
}

static void
ends_match_the_model(void **state)
{
    (void)state;
    for_all_schemas(ends_are_where_the_model_has_them, 2);
}

static void
cells_find_their_rows(void **state)
{
    (void)state;
    for_all_schemas(cells_of_rows_find_them, 3);
}

static void
rows_survive_moves(void **state)
{
    (void)state;
    for_all_schemas(moving_rows_keeps_them, 4);
}

static void
columns_come_back(void **state)
{
    (void)state;
    for_all_schemas(columns_round_trip, 5);
}

static void
bytes_bound_what_fits(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_BYTES, 0},
                                        .value = {SPINE_BYTES, 0}};
    const struct spine_row row = {
        .key = spine_data("four", 4), .value = spine_data("seven..", 7), .weight = 1};
    uint64_t offsets[8] = {0};
    char bytes[64];
    struct spine_column_buffers buffers = {
        .rows = 7, .keys = bytes, .key_offsets = offsets, .key_bytes = 15};
    struct rows rows = {0};
    struct layout layout;

    (void)state;
    assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
    assert_true(rows_reserve(&layout, &rows, 5));
    for (int i = 0; i < 5; i++)
        assert_int_equal(rows_append_row(&layout, &rows, &row, NULL), SPINE_OK);
    assert_int_equal(rows_read_fit(&layout, &rows, 0, 5, &buffers, 0), 3);
    rows_read(&layout, &rows, 0, 2, &buffers, 0);
    assert_int_equal(offsets[2], 8);
    assert_int_equal(rows_read_fit(&layout, &rows, 2, 5, &buffers, 2), 1);
    buffers.values = bytes + 32;
    buffers.value_offsets = offsets;
    buffers.value_bytes = 6;
    assert_int_equal(rows_read_fit(&layout, &rows, 0, 5, &buffers, 0), 0);
    buffers.values = NULL;
    buffers.rows = 2;
    buffers.key_bytes = 64;
    assert_int_equal(rows_read_fit(&layout, &rows, 0, 5, &buffers, 0), 2);
    rows_release(&layout, &rows);
}

static void
absent_weights_are_one(void **state)
{
    const uint64_t keys[] = {3, 1, 2};
    const struct spine_columns columns = {.rows = 3, .keys = keys};
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .weight_count = 2};
    struct rows rows = {0};
    struct layout layout;

    (void)state;
    assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
    assert_true(rows_reserve(&layout, &rows, 3));
    rows_append_columns(&layout, &rows, &columns, 0, 3);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(rows.weight[i], 1);
    rows_release(&layout, &rows);
}

static void
expect_bad_columns(const struct spine_schema *schema, const struct spine_columns *columns,
                   const char *names)
{
    struct spine_error error = {0};
    struct layout layout;

    assert_int_equal(layout_init(&layout, schema, NULL), SPINE_OK);
    assert_int_equal(columns_check(&layout, columns, &error), SPINE_INVALID);
    if (strstr(error.message, names) == NULL)
        fail_msg("'%s' does not name %s", error.message, names);
}

static void
bad_columns_are_named(void **state)
{
    const struct spine_schema schema = {
        .key = {SPINE_U64, 0}, .value = {SPINE_BYTES, 0}, .time = SPINE_TIME_U64};
    const uint64_t numbers[] = {1, 2, 3}, falling[] = {5, 9, 7};
    const uint64_t long_cell[] = {0, 1, UINT64_C(1) + 1 + SPINE_BYTES_MAX};
    struct spine_columns columns = {
        .rows = 2, .values = "0123456789", .value_offsets = numbers, .times = numbers};

    (void)state;
    expect_bad_columns(&schema, &columns, "keys");
    columns.keys = numbers;
    columns.value_offsets = NULL;
    expect_bad_columns(&schema, &columns, "value_offsets");
    columns.value_offsets = falling;
    expect_bad_columns(&schema, &columns, "value_offsets falls from 9 to 7 at row 1");
    columns.value_offsets = long_cell;
    expect_bad_columns(&schema, &columns, "value of row 1");
    columns.value_offsets = numbers;
    columns.values = NULL;
    expect_bad_columns(&schema, &columns, "values");
    columns.values = "0123456789";
    columns.times = NULL;
    expect_bad_columns(&schema, &columns, "times");
}

static void
rows_without_several_weights_are_refused(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .weight_count = 2};
    const struct spine_row row = {.weight = 1};
    struct rows rows = {0};
    struct layout layout;

    (void)state;
    assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
    assert_true(rows_reserve(&layout, &rows, 1));
    assert_int_equal(rows_append_row(&layout, &rows, &row, NULL), SPINE_INVALID);
    assert_int_equal(rows.count, 0);
    rows_release(&layout, &rows);
}

static void
impossible_room_is_refused(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}};
    struct rows rows = {0};
    struct layout layout;

    (void)state;
    assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
    assert_true(rows_reserve(&layout, &rows, 10));
    const struct rows before = rows;

    assert_false(rows_reserve(&layout, &rows, SIZE_MAX));
    assert_memory_equal(&rows, &before, sizeof rows);
    rows_release(&layout, &rows);
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_match_the_model),
        cmocka_unit_test(ends_match_the_model),
        cmocka_unit_test(cells_find_their_rows),
        cmocka_unit_test(rows_survive_moves),
        cmocka_unit_test(columns_come_back),
        cmocka_unit_test(bytes_bound_what_fits),
        cmocka_unit_test(absent_weights_are_one),
        cmocka_unit_test(bad_columns_are_named),
        cmocka_unit_test(rows_without_several_weights_are_refused),
        cmocka_unit_test(impossible_room_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
