/* SPDX-License-Identifier: MIT */

/* A caller's datum as a cell, if it is one of the column's type. */

#include "rows/rows.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdio.h>

static enum spine_status check_bytes(const struct cell_layout *column,
                                     union spine_datum datum, struct spine_error *error);
static enum spine_status fail_size(const struct cell_layout *column,
                                   union spine_datum datum, struct spine_error *error);
static enum spine_status fail_kind(const struct cell_layout *column,
                                   union spine_datum datum, struct spine_error *error);

enum spine_status
cell_of_datum(const struct cell_layout *column, union spine_datum datum, struct cell *out,
              struct spine_error *error)
{
    const uint8_t *data = datum.bytes.data;

    *out = (struct cell){0};
    if (column->kind <= SPINE_F64 && datum.number.stamp != column->stamp &&
        datum.number.stamp != 0)
        return fail_kind(column, datum, error);
    switch (column->kind) {
    case SPINE_NONE:
        break;
    case SPINE_U64:
        out->word = datum.u64;
        break;
    case SPINE_I64:
        out->word = word_of_i64(datum.i64);
        break;
    case SPINE_U32:
        out->word = datum.u32;
        break;
    case SPINE_I32:
        out->word = word_of_i32(datum.i32);
        break;
    case SPINE_F64:
        out->word = word_of_f64(datum.f64);
        break;
    case SPINE_FIXED:
    case SPINE_BYTES:
        TRY_RETURN(check_bytes(column, datum, error));
        out->word = bytes_prefix(data, datum.bytes.size);
        if (column->shape == SHAPE_WORD4)
            out->word >>= 32;
        if (column->kind == SPINE_FIXED && column->native_bytes > 8)
            out->rest = bytes_prefix(data + 8, datum.bytes.size - 8);
        out->span = (struct span){data, datum.bytes.size};
        break;
    }
    return SPINE_OK;
}

static enum spine_status
check_bytes(const struct cell_layout *column, union spine_datum datum,
            struct spine_error *error)
{
    const struct spine_bytes bytes = datum.bytes;
    const size_t least = column->kind == SPINE_FIXED ? column->native_bytes : 0;
    const size_t most = column->kind == SPINE_FIXED ? least : SPINE_BYTES_MAX;

    if (bytes.size < least || bytes.size > most)
        return fail_size(column, datum, error);
    if (bytes.data == NULL && bytes.size > 0)
        return spine_fail(error, SPINE_INVALID, "the %s has %zu bytes at NULL",
                          column->name, bytes.size);
    return SPINE_OK;
}

static enum spine_status
fail_size(const struct cell_layout *column, union spine_datum datum,
          struct spine_error *error)
{
    if (kind_of_stamp(datum.number.stamp) != SPINE_NONE)
        return fail_kind(column, datum, error);
    if (column->kind == SPINE_FIXED)
        return spine_fail(error, SPINE_INVALID,
                          "the %s has %zu bytes; the schema says SPINE_FIXED of %u",
                          column->name, datum.bytes.size, column->native_bytes);
    return spine_fail(error, SPINE_INVALID, "the %s has %zu bytes; the most is %u",
                      column->name, datum.bytes.size, SPINE_BYTES_MAX);
}

static enum spine_status
fail_kind(const struct cell_layout *column, union spine_datum datum,
          struct spine_error *error)
{
    char given[DESCRIBED_BYTES], wanted[DESCRIBED_BYTES];
    const enum spine_kind kind = kind_of_stamp(datum.number.stamp);
    const struct spine_type type = {column->kind, column->native_bytes};

    if (kind != SPINE_NONE)
        (void)snprintf(given, sizeof given, "%s", kind_name(kind));
    else if (datum.bytes.size <= SPINE_BYTES_MAX)
        (void)snprintf(given, sizeof given, "%zu bytes", datum.bytes.size);
    else
        (void)snprintf(given, sizeof given, "a datum that was not zero before");
    return spine_fail(error, SPINE_INVALID, "the %s is %s; the schema says %s",
                      column->name, given, describe_type(type, wanted));
}
