/* SPDX-License-Identifier: MIT */

/*
 * Tuples that are written one at a time have the bytes that columns have, for every kind,
 * order and null; what is read of them, written again, is the same.
 */

#include "harness/property.h"
#include "harness/tuples.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void put_row(struct spine_tuple_writer *writer,
                    const struct spine_tuple_type *type,
                    const struct spine_column_data *columns, size_t row);

static void
put_integer(struct spine_tuple_writer *writer, const uint8_t *from, size_t bytes,
            bool is_signed)
{
    const uint64_t sign = UINT64_C(1) << (8 * bytes - 1);
    uint64_t word = 0;
    int64_t number;

    memcpy(&word, from, bytes);
    if (!is_signed) {
        spine_tuple_put_u64(writer, word);
        return;
    }
    word = (word ^ sign) - sign;
    memcpy(&number, &word, sizeof number);
    spine_tuple_put_i64(writer, number);
}

/* Row `row` of a column of fixed width. */
static void
put_fixed(struct spine_tuple_writer *writer, const struct spine_column *column,
          const void *values, size_t row)
{
    static const uint8_t widths[] = {0, 1, 1, 2, 4, 8, 1, 2, 4, 8, 4, 8, 4, 0, 8, 16};
    const uint8_t *const bytes = values;
    size_t width =
        column->kind == SPINE_COLUMN_FIXED ? column->size : widths[column->kind];

    if (column->kind == SPINE_COLUMN_TIME)
        width = column->unit <= SPINE_MILLISECONDS ? 4 : 8;
    if (column->kind == SPINE_COLUMN_BOOL)
        spine_tuple_put_bool(writer, bytes[row] != 0);
    else if (column->kind == SPINE_COLUMN_F32)
        spine_tuple_put_f32(writer, ((const float *)values)[row]);
    else if (column->kind == SPINE_COLUMN_F64)
        spine_tuple_put_f64(writer, ((const double *)values)[row]);
    else if (column->kind == SPINE_COLUMN_FIXED ||
             column->kind == SPINE_COLUMN_DECIMAL128)
        spine_tuple_put_bytes(writer, bytes + row * width, width);
    else
        put_integer(writer, bytes + row * width, width,
                    column->kind < SPINE_COLUMN_U8 || column->kind > SPINE_COLUMN_U64);
}

static void
put_column(struct spine_tuple_writer *writer, const struct spine_column *column,
           const struct spine_column_data *data, size_t row)
{
    const size_t bit = data->valid_offset + row;

    if (data->valid != NULL && (data->valid[bit / 8] >> bit % 8 & 1) == 0) {
        spine_tuple_put_null(writer);
    } else if (column->kind == SPINE_COLUMN_TUPLE) {
        spine_tuple_begin(writer);
        put_row(writer, column->tuple, data->columns, row);
        spine_tuple_end(writer);
    } else if (data->offsets != NULL) {
        const uint8_t *const bytes = data->values;

        spine_tuple_put_bytes(writer, bytes != NULL ? bytes + data->offsets[row] : NULL,
                              data->offsets[row + 1] - data->offsets[row]);
    } else {
        put_fixed(writer, column, data->values, row);
    }
}

static void
put_row(struct spine_tuple_writer *writer, const struct spine_tuple_type *type,
        const struct spine_column_data *columns, size_t row)
{
    for (size_t i = 0; i < spine_tuple_type_count(type); i++)
        put_column(writer, spine_tuple_type_column(type, i), &columns[i], row);
}

/* What a reader gave. */
static void
put_values(struct spine_tuple_writer *writer, const struct spine_tuple_type *type,
           const struct spine_tuple_value *values)
{
    for (size_t i = 0; i < spine_tuple_type_count(type); i++) {
        const struct spine_column *const column = spine_tuple_type_column(type, i);
        const struct spine_tuple_value *const value = &values[i];

        assert_int_equal(value->kind, column->kind);
        if (value->is_null) {
            assert_null(value->as.columns);
            spine_tuple_put_null(writer);
        } else if (value->kind == SPINE_COLUMN_TUPLE) {
            spine_tuple_begin(writer);
            put_values(writer, column->tuple, value->as.columns);
            spine_tuple_end(writer);
        } else if (value->kind == SPINE_COLUMN_BOOL) {
            spine_tuple_put_bool(writer, value->as.truth);
        } else if (value->kind == SPINE_COLUMN_F32) {
            spine_tuple_put_f32(writer, value->as.f32);
        } else if (value->kind == SPINE_COLUMN_F64) {
            spine_tuple_put_f64(writer, value->as.f64);
        } else if (value->kind >= SPINE_COLUMN_DECIMAL128) {
            spine_tuple_put_bytes(writer, value->as.bytes.data, value->as.bytes.size);
        } else if (value->kind >= SPINE_COLUMN_U8 && value->kind <= SPINE_COLUMN_U64) {
            spine_tuple_put_u64(writer, value->as.u64);
        } else {
            spine_tuple_put_i64(writer, value->as.i64);
        }
    }
}

static bool
is_cell(struct spine_type type, union spine_datum a, union spine_datum b)
{
    if (type.kind == SPINE_U64)
        return a.u64 == b.u64;
    return a.bytes.size == b.bytes.size &&
           (a.bytes.size == 0 || memcmp(a.bytes.data, b.bytes.data, a.bytes.size) == 0);
}

static bool
rows_are_written_as_columns(struct rng *rng, size_t steps)
{
    struct spine_tuple_type *const type = tuple_type_draw(rng, 2, rng_chance(rng, 50));
    const struct spine_schema schema = {.key = spine_tuple_type_cell(type),
                                        .key_tuple = type};
    struct spine_tuple_writer *writer, *again;
    const struct spine_tuple_value *values;
    struct spine_tuple_reader *reader;
    struct spine_tuple_page *page;
    struct spine_columns cells;
    struct heap heap = {0};
    struct spine_error error;
    union spine_datum cell;
    const struct spine_tuple_rows rows = {.rows = 1 + rng_magnitude(rng, steps),
                                          .keys = NULL};
    struct spine_tuple_rows drawn = rows;

    drawn.keys = tuples_draw(rng, &heap, type, rows.rows);
    HOLDS_OK(spine_tuple_page_new(&page, &error));
    HOLDS_OK(spine_tuple_writer_new(type, &writer, &error));
    HOLDS_OK(spine_tuple_writer_new(type, &again, &error));
    HOLDS_OK(spine_tuple_reader_new(type, &reader, &error));
    HOLDS_OK(spine_tuple_encode(page, &schema, &drawn, &cells, &error));
    for (size_t row = 0; row < rows.rows; row++) {
        const union spine_datum wanted =
            spine_tuple_datum(type, cells.keys, cells.key_offsets, row);

        /* One that is given up leaves nothing. */
        if (rng_chance(rng, 10)) {
            put_column(writer, spine_tuple_type_column(type, 0), drawn.keys, 0);
            spine_tuple_clear(writer);
        }
        put_row(writer, type, drawn.keys, row);
        HOLDS_OK(spine_tuple_finish(writer, &cell, &error));
        HOLDS(is_cell(schema.key, cell, wanted));
        HOLDS_OK(spine_tuple_read(reader, wanted, &values, &error));
        put_values(again, type, values);
        HOLDS_OK(spine_tuple_finish(again, &cell, &error));
        HOLDS(is_cell(schema.key, cell, wanted));
    }
    spine_tuple_reader_free(reader);
    spine_tuple_writer_free(writer);
    spine_tuple_writer_free(again);
    spine_tuple_page_free(page);
    spine_tuple_type_unref(type);
    heap_release(&heap);
    return true;
}

static void
test_rows_are_written_as_columns(void **state)
{
    const struct property property = {"test_rows_are_written_as_columns",
                                      rows_are_written_as_columns, 2000, 100};

    (void)state;
    assert_true(property_holds(&property));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_written_as_columns),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
