/* SPDX-License-Identifier: MIT */
#include "rows/rows.h"

#include "base/error.h"

#include <inttypes.h>
#include <stdio.h>

static enum spine_status
check_type(const char *field, struct spine_type type, struct spine_error *error);
static struct cell_layout cell_layout_of(const char *name, struct spine_type type);
static enum row_kind row_kind_of(const struct layout *layout);
static unsigned key_shift_of(const struct layout *layout);
static enum spine_status check_bytes(const struct cell_layout *column,
                                     union spine_datum datum, struct spine_error *error);
static enum spine_status fail_size(const struct cell_layout *column,
                                   union spine_datum datum, struct spine_error *error);
static enum spine_status fail_kind(const struct cell_layout *column,
                                   union spine_datum datum, struct spine_error *error);

enum spine_status
spine_schema_check(const struct spine_schema *schema, struct spine_error *error)
{
    enum spine_status st;

    if (schema == NULL)
        return fail_null(error, "spine_schema_check", "schema");
    TRY(check_type("key", schema->key, error));
    TRY(check_type("value", schema->value, error));
    if (schema->weight_count > SPINE_WEIGHTS_MAX)
        return spine_fail(error, SPINE_INVALID, "weight_count is %u; the most is %u",
                          schema->weight_count, SPINE_WEIGHTS_MAX);
    if (schema->time != SPINE_UNTIMED && schema->time != SPINE_TIME_U64 &&
        schema->time != SPINE_TIME_PAIR)
        return spine_fail(error, SPINE_INVALID, "time is %d, which is no spine_time",
                          (int)schema->time);
out:
    return st;
}

static enum spine_status
check_type(const char *field, struct spine_type type, struct spine_error *error)
{
    switch (type.kind) {
    case SPINE_FIXED:
        if (type.size >= 1 && type.size <= SPINE_FIXED_MAX)
            return SPINE_OK;
        return spine_fail(error, SPINE_INVALID,
                          "%s.size is %" PRIu32 "; SPINE_FIXED takes 1 to %u", field,
                          type.size, SPINE_FIXED_MAX);
    case SPINE_NONE:
    case SPINE_U64:
    case SPINE_I64:
    case SPINE_U32:
    case SPINE_I32:
    case SPINE_F64:
    case SPINE_BYTES:
        if (type.size == 0)
            return SPINE_OK;
        return spine_fail(error, SPINE_INVALID,
                          "%s.size is %" PRIu32 "; only SPINE_FIXED has a size", field,
                          type.size);
    }
    return spine_fail(error, SPINE_INVALID, "%s.kind is %d, which is no spine_kind",
                      field, (int)type.kind);
}

bool
spine_schema_equal(const struct spine_schema *a, const struct spine_schema *b)
{
    if (a == NULL || b == NULL)
        return false;

    const unsigned a_weights = a->weight_count > 0 ? a->weight_count : 1;
    const unsigned b_weights = b->weight_count > 0 ? b->weight_count : 1;

    return a->key.kind == b->key.kind && a->key.size == b->key.size &&
           a->value.kind == b->value.kind && a->value.size == b->value.size &&
           a_weights == b_weights && a->time == b->time;
}

enum spine_status
layout_init(struct layout *layout, const struct spine_schema *schema,
            struct spine_error *error)
{
    enum spine_status st;

    TRY(spine_schema_check(schema, error));
    *layout = (struct layout){.schema = *schema,
                              .key = cell_layout_of("key", schema->key),
                              .value = cell_layout_of("value", schema->value),
                              .weight_count =
                                  schema->weight_count > 0 ? schema->weight_count : 1,
                              .timed = schema->time != SPINE_UNTIMED};
    layout->schema.weight_count = layout->weight_count;
    layout->row_kind = row_kind_of(layout);
    layout->key_shift = key_shift_of(layout);
    if (layout->row_kind == ROW_WIDE) {
        layout->key.spans =
            layout->key.shape == SHAPE_FIXED || layout->key.shape == SHAPE_BYTES;
        layout->value.spans =
            layout->value.shape == SHAPE_FIXED || layout->value.shape == SHAPE_BYTES;
    }
out:
    return st;
}

static struct cell_layout
cell_layout_of(const char *name, struct spine_type type)
{
    struct cell_layout cell = {.name = name, .kind = type.kind};

    switch (type.kind) {
    case SPINE_NONE:
        cell.shape = SHAPE_NONE;
        break;
    case SPINE_U64:
    case SPINE_I64:
    case SPINE_F64:
        cell.shape = SHAPE_WORD8;
        cell.native_bytes = 8;
        break;
    case SPINE_U32:
    case SPINE_I32:
        cell.shape = SHAPE_WORD4;
        cell.native_bytes = 4;
        break;
    case SPINE_FIXED:
        cell.shape = type.size <= 4   ? SHAPE_WORD4
                     : type.size <= 8 ? SHAPE_WORD8
                                      : SHAPE_FIXED;
        cell.native_bytes = type.size;
        break;
    case SPINE_BYTES:
        cell.shape = SHAPE_BYTES;
        break;
    }
    if (type.kind >= SPINE_U64 && type.kind <= SPINE_F64)
        cell.stamp = SPINE_STAMP(type.kind);
    cell.bytes = cell.shape == SHAPE_WORD4   ? 4
                 : cell.shape == SHAPE_WORD8 ? 8
                                             : cell.native_bytes;
    return cell;
}

static enum row_kind
row_kind_of(const struct layout *layout)
{
    const struct cell_layout *key = &layout->key, *value = &layout->value;
    const bool words = (key->shape <= SHAPE_WORD8) && (value->shape <= SHAPE_WORD8);

    if (layout->timed || layout->weight_count > 1)
        return ROW_WIDE;
    if (words)
        return key->bytes + value->bytes <= 8 ? ROW_ONE : ROW_TWO;
    if (key->shape == SHAPE_FIXED && value->shape == SHAPE_NONE && key->bytes <= 16)
        return ROW_TWO;
    if (value->shape == SHAPE_FIXED && key->shape == SHAPE_NONE && value->bytes <= 16)
        return ROW_TWO;
    return ROW_WIDE;
}

static unsigned
key_shift_of(const struct layout *layout)
{
    if (layout->row_kind != ROW_ONE)
        return 0;
    if (layout->key.shape == SHAPE_NONE)
        return 64;
    return layout->value.shape == SHAPE_NONE ? 0 : 32;
}

enum spine_status
cell_of_datum(const struct cell_layout *column, union spine_datum datum, struct cell *out,
              struct spine_error *error)
{
    enum spine_status st = SPINE_OK;
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
        TRY(check_bytes(column, datum, error));
        out->word = bytes_prefix(data, datum.bytes.size);
        if (column->shape == SHAPE_WORD4)
            out->word >>= 32;
        if (column->kind == SPINE_FIXED && column->native_bytes > 8)
            out->rest = bytes_prefix(data + 8, datum.bytes.size - 8);
        out->span = (struct span){data, datum.bytes.size};
        break;
    }
out:
    return st;
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
