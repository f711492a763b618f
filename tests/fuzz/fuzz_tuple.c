/* SPDX-License-Identifier: MIT */

/*
 * Bytes as a tuple type and a cell of it: either the cell is refused, or what is read of
 * it is a tuple, whose cell gives the same tuple, and the same bytes, again.
 *
 *     columns    1 byte: 1 to 8
 *     column     3 bytes: kind, order and whether it may be null, size
 *     cell       the rest
 */

#include "fuzz/fuzz.h"

#include "spine/tuple_row.h"

#include <string.h>

enum { COLUMNS_MAX = 8 };

/* A nested tuple is one of the columns so far. */
static struct spine_tuple_type *
type_of(const uint8_t *data, size_t count)
{
    struct spine_column columns[COLUMNS_MAX] = {{0}};
    struct spine_tuple_type *nested[COLUMNS_MAX] = {NULL}, *type = NULL;

    for (size_t i = 0; i < count; i++, data += 3) {
        struct spine_column *const column = &columns[i];

        column->kind = (enum spine_column_kind)(1 + data[0] % 19);
        column->order = (enum spine_tuple_order)(data[1] % 4);
        column->nullable = (data[1] & 4) != 0;
        if (column->kind == SPINE_COLUMN_FIXED)
            column->size = 1 + data[2];
        if (column->kind == SPINE_COLUMN_DECIMAL128)
            column->precision = 38;
        if (column->kind == SPINE_COLUMN_TIME || column->kind == SPINE_COLUMN_TIMESTAMP)
            column->unit = (enum spine_time_unit)(data[2] % 4);
        if (column->kind != SPINE_COLUMN_TUPLE)
            continue;
        if (i == 0)
            column->kind = SPINE_COLUMN_BOOL;
        else if (spine_tuple_type_new(columns, i, &nested[i], NULL) == SPINE_OK)
            column->tuple = nested[i];
    }
    FUZZ_REQUIRE(spine_tuple_type_new(columns, count, &type, NULL) == SPINE_OK);
    for (size_t i = 0; i < count; i++)
        spine_tuple_type_unref(nested[i]);
    return type;
}

static void
put_values(struct spine_tuple_writer *writer, const struct spine_tuple_type *type,
           const struct spine_tuple_value *values)
{
    for (size_t i = 0; i < spine_tuple_type_count(type); i++) {
        const struct spine_tuple_value *const value = &values[i];

        if (value->is_null) {
            spine_tuple_put_null(writer);
        } else if (value->kind == SPINE_COLUMN_TUPLE) {
            spine_tuple_begin(writer);
            put_values(writer, spine_tuple_type_column(type, i)->tuple,
                       value->as.columns);
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

/* The first bytes as a cell of the type; NULL bytes when there are too few. */
static union spine_datum
cell_of(struct spine_type type, const uint8_t *data, size_t size)
{
    uint64_t word = 0;

    if (type.kind == SPINE_BYTES)
        return spine_data(data, size);
    if (type.kind == SPINE_FIXED)
        return spine_data(data, size < type.size ? size : type.size);
    memcpy(&word, data, size < sizeof word ? size : sizeof word);
    return spine_u64(word);
}

/* A cell that a writer gave comes back. */
static void
check_again(const struct spine_tuple_type *type, struct spine_tuple_reader *reader,
            union spine_datum cell)
{
    const struct spine_tuple_value *values;
    struct spine_tuple_writer *writer;
    union spine_datum written;

    FUZZ_REQUIRE(spine_tuple_read(reader, cell, &values, NULL) == SPINE_OK);
    FUZZ_REQUIRE(spine_tuple_writer_new(type, &writer, NULL) == SPINE_OK);
    put_values(writer, type, values);
    FUZZ_REQUIRE(spine_tuple_finish(writer, &written, NULL) == SPINE_OK);
    if (spine_tuple_type_cell(type).kind == SPINE_U64)
        FUZZ_REQUIRE(written.u64 == cell.u64);
    else
        FUZZ_REQUIRE(written.bytes.size == cell.bytes.size &&
                     (cell.bytes.size == 0 ||
                      memcmp(written.bytes.data, cell.bytes.data, cell.bytes.size) == 0));
    spine_tuple_writer_free(writer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const size_t count = size > 0 ? 1 + data[0] % COLUMNS_MAX : 0;
    const struct spine_tuple_value *values;
    struct spine_tuple_writer *writer;
    struct spine_tuple_reader *reader;
    struct spine_tuple_type *type;
    union spine_datum cell, written;
    struct spine_error error = {0};
    struct spine_type of;
    enum spine_status st;

    if (size < 1 + 3 * count || count == 0)
        return 0;
    type = type_of(data + 1, count);
    of = spine_tuple_type_cell(type);
    cell = cell_of(of, data + 1 + 3 * count, size - 1 - 3 * count);
    FUZZ_REQUIRE(spine_tuple_writer_new(type, &writer, NULL) == SPINE_OK);
    FUZZ_REQUIRE(spine_tuple_reader_new(type, &reader, NULL) == SPINE_OK);
    st = spine_tuple_read(reader, cell, &values, &error);
    FUZZ_REQUIRE((st == SPINE_OK) == (values != NULL));
    if (st != SPINE_OK) {
        FUZZ_REQUIRE(st == SPINE_CORRUPT ||
                     (st == SPINE_INVALID && of.kind == SPINE_FIXED));
        FUZZ_REQUIRE(error.status == st && error.message[0] != '\0');
    } else {
        put_values(writer, type, values);
        FUZZ_REQUIRE(spine_tuple_finish(writer, &written, &error) == SPINE_OK);
        check_again(type, reader, written);
    }
    spine_tuple_reader_free(reader);
    spine_tuple_writer_free(writer);
    spine_tuple_type_unref(type);
    FUZZ_REQUIRE(spine_allocated_bytes() == 0);
    return 0;
}
