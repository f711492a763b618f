/* SPDX-License-Identifier: MIT */

/* One cell back into the values of its columns: decoded as columns of one row, and shown
 * as values, nested as the type is. */

#include "spine/tuple_row.h"
#include "tuple/tuple_codec.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

#include <inttypes.h>

struct spine_tuple_reader {
    struct tuple_store *store;
    /* Of the columns of all depths: those of a tuple side by side. */
    struct spine_tuple_value *values;
    size_t values_count;
};

static enum spine_status check_cell(const struct spine_tuple_type *type,
                                    union spine_datum cell, struct spine_error *error);
static struct spine_tuple_value *show_values(const struct spine_tuple_type *type,
                                             const struct spine_column_data *columns,
                                             struct spine_tuple_value *values);
static void show_value(const struct spine_column *column,
                       const struct spine_column_data *data,
                       struct spine_tuple_value *out);

enum spine_status
spine_tuple_reader_new(const struct spine_tuple_type *type,
                       struct spine_tuple_reader **out, struct spine_error *error)
{
    struct spine_tuple_reader *reader;

    if (out != NULL)
        *out = NULL;
    if (type == NULL || out == NULL)
        return fail_null(error, "spine_tuple_reader_new", type == NULL ? "type" : "out");
    reader = mem_zalloc(sizeof *reader);
    if (reader == NULL)
        return fail_nomem(error, "a reader of tuples", sizeof *reader);
    reader->values_count = type->columns_total;
    reader->values = mem_zalloc(reader->values_count * sizeof *reader->values);
    reader->store = tuple_store_new(type);
    if (reader->values == NULL || reader->store == NULL) {
        spine_tuple_reader_free(reader);
        return fail_nomem(error, "a reader of tuples", type->columns_total);
    }
    *out = reader;
    return SPINE_OK;
}

void
spine_tuple_reader_free(struct spine_tuple_reader *reader)
{
    if (reader == NULL)
        return;
    tuple_store_free(reader->store);
    mem_free(reader->values, reader->values_count * sizeof *reader->values);
    mem_free(reader, sizeof *reader);
}

enum spine_status
spine_tuple_read(struct spine_tuple_reader *reader, union spine_datum cell,
                 const struct spine_tuple_value **out, struct spine_error *error)
{
    static const uint8_t none;
    const struct spine_tuple_type *type;
    const struct spine_tuple_value *end;
    const void *bytes = &cell.u64;
    uint64_t offsets[2] = {0, 0};

    if (out != NULL)
        *out = NULL;
    if (reader == NULL || out == NULL)
        return fail_null(error, "spine_tuple_read", reader == NULL ? "reader" : "out");
    type = reader->store->type;
    TRY_RETURN(check_cell(type, cell, error));
    if (type->cell.kind != SPINE_U64) {
        bytes = cell.bytes.size > 0 ? cell.bytes.data : &none;
        offsets[1] = cell.bytes.size;
    }
    tuple_store_clear(reader->store);
    TRY_RETURN(tuple_store_append(reader->store, bytes, offsets, 1, 0, error));
    end = show_values(type, tuple_store_show(reader->store), reader->values);
    assert(end == reader->values + reader->values_count);
    (void)end;
    *out = reader->values;
    return SPINE_OK;
}

/* Could the datum be a cell of the type? */
static enum spine_status
check_cell(const struct spine_tuple_type *type, union spine_datum cell,
           struct spine_error *error)
{
    if (type->cell.kind == SPINE_U64) {
        if (cell.number.stamp != 0 && cell.number.stamp != SPINE_STAMP(SPINE_U64))
            return spine_fail(error, SPINE_INVALID, "the cell of a tuple is a SPINE_U64");
        if (type->bytes < 8 && cell.u64 >> (8 * type->bytes) != 0)
            return spine_fail(error, SPINE_CORRUPT,
                              "the cell is no tuple: %016" PRIx64
                              " has more than %" PRIu64 " bytes",
                              cell.u64, type->bytes);
        return SPINE_OK;
    }
    if (cell.bytes.size > SPINE_BYTES_MAX ||
        (type->cell.kind == SPINE_FIXED && cell.bytes.size != type->cell.size))
        return spine_fail(error, SPINE_INVALID,
                          "the cell of a tuple is bytes, as many as its type says");
    if (cell.bytes.data == NULL && cell.bytes.size > 0)
        return spine_fail(error, SPINE_INVALID, "the cell has bytes, but data is NULL");
    return SPINE_OK;
}

/* The columns of a tuple at `values`, with those of its tuples behind them; returns where
 * these end. */
static struct spine_tuple_value *
show_values(const struct spine_tuple_type *type, const struct spine_column_data *columns,
            struct spine_tuple_value *values)
{
    struct spine_tuple_value *end = values + type->count;

    for (size_t i = 0; i < type->count; i++) {
        const struct spine_column *const column = &type->columns[i];

        show_value(column, &columns[i], &values[i]);
        if (column->kind != SPINE_COLUMN_TUPLE)
            continue;
        if (!values[i].is_null)
            values[i].as.columns = end;
        end = show_values(column->tuple, columns[i].columns, end);
    }
    return end;
}

static void
show_value(const struct spine_column *column, const struct spine_column_data *data,
           struct spine_tuple_value *out)
{
    const size_t bytes = tuple_native_bytes(column);
    uint64_t word = 0;

    *out = (struct spine_tuple_value){.kind = column->kind};
    out->is_null = data->valid != NULL && (data->valid[0] & 1) == 0;
    if (out->is_null || column->kind == SPINE_COLUMN_TUPLE)
        return;
    if (!tuple_column_is_fixed(column)) {
        out->as.bytes = (struct spine_bytes){data->values, (size_t)data->offsets[1]};
    } else if (column->kind == SPINE_COLUMN_FIXED ||
               column->kind == SPINE_COLUMN_DECIMAL128) {
        out->as.bytes = (struct spine_bytes){data->values, bytes};
    } else if (column->kind == SPINE_COLUMN_BOOL) {
        out->as.truth = *(const uint8_t *)data->values != 0;
    } else {
        memcpy(&word, data->values, bytes);
        /* Signed ones get longer. */
        if (number_rule_of(column->kind) == RULE_SIGNED)
            word = (word ^ number_sign((unsigned)bytes)) - number_sign((unsigned)bytes);
        memcpy(&out->as, &word, sizeof word);
    }
}
