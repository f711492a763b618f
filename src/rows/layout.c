/* SPDX-License-Identifier: MIT */

/* A schema, checked and compiled: which kind its rows are, and how keys and values become
 * words. */

#include "rows/rows.h"

#include "base/error.h"

#include <inttypes.h>

static enum spine_status
check_type(const char *field, struct spine_type type, struct spine_error *error);
static enum spine_status check_tuple(const char *field, struct spine_type type,
                                     const struct spine_tuple_type *tuple,
                                     struct spine_error *error);
static struct cell_layout cell_layout_of(const char *name, struct spine_type type);
static enum row_kind row_kind_of(const struct layout *layout);
static unsigned key_shift_of(const struct layout *layout);

enum spine_status
spine_schema_check(const struct spine_schema *schema, struct spine_error *error)
{
    if (schema == NULL)
        return fail_null(error, "spine_schema_check", "schema");
    TRY_RETURN(check_type("key", schema->key, error));
    TRY_RETURN(check_type("value", schema->value, error));
    TRY_RETURN(check_tuple("key", schema->key, schema->key_tuple, error));
    TRY_RETURN(check_tuple("value", schema->value, schema->value_tuple, error));
    if (schema->weight_count > SPINE_WEIGHTS_MAX)
        return spine_fail(error, SPINE_INVALID, "weight_count is %u; the most is %u",
                          schema->weight_count, SPINE_WEIGHTS_MAX);
    if (schema->time != SPINE_UNTIMED && schema->time != SPINE_TIME_U64 &&
        schema->time != SPINE_TIME_PAIR)
        return spine_fail(error, SPINE_INVALID, "time is %d, which is no spine_time",
                          (int)schema->time);
    return SPINE_OK;
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

static enum spine_status
check_tuple(const char *field, struct spine_type type,
            const struct spine_tuple_type *tuple, struct spine_error *error)
{
    const struct spine_type cell = spine_tuple_type_cell(tuple);
    char given[DESCRIBED_BYTES], wanted[DESCRIBED_BYTES];

    if (tuple == NULL || (cell.kind == type.kind && cell.size == type.size))
        return SPINE_OK;
    return spine_fail(error, SPINE_INVALID, "%s is %s; a cell of %s_tuple is %s", field,
                      describe_type(type, given), field, describe_type(cell, wanted));
}

enum spine_status
layout_init(struct layout *layout, const struct spine_schema *schema,
            struct spine_error *error)
{
    TRY_RETURN(spine_schema_check(schema, error));
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
    return SPINE_OK;
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
