/* SPDX-License-Identifier: MIT */

/* Types of tuples: checked and copied when they are made, then shared and compared. */

#include "tuple/tuple.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

#include <inttypes.h>
#include <string.h>

#define NAME_BYTES_MAX 65535u
#define DECIMAL_DIGITS_MAX 38

static enum spine_status check_type_column(const struct spine_column *column,
                                           size_t index, struct spine_error *error);
static enum spine_status
check_kind(const struct spine_column *column, size_t index, struct spine_error *error);
static enum spine_status
check_size(const struct spine_column *column, size_t index, struct spine_error *error);
static enum spine_status check_column_texts(const struct spine_column *column,
                                            size_t index, struct spine_error *error);
static enum spine_status
check_whole(const struct spine_tuple_type *type, struct spine_error *error);
static struct spine_tuple_type *
type_new(const struct spine_column *columns, size_t count);
static bool type_copy(struct spine_tuple_type *type, const struct spine_column *columns,
                      size_t count);
static size_t text_bytes(const char *text);
static const char *append_text(const char *text, char **to);
static void type_measure(struct spine_tuple_type *type);
static struct spine_type cell_of_tuples(const struct spine_tuple_type *type);

enum spine_status
spine_tuple_type_new(const struct spine_column *columns, size_t count,
                     struct spine_tuple_type **out, struct spine_error *error)
{
    struct spine_tuple_type *type = NULL;
    enum spine_status st;

    if (out == NULL)
        return fail_null(error, "spine_tuple_type_new", "out");
    *out = NULL;
    if (columns == NULL)
        return fail_null(error, "spine_tuple_type_new", "columns");
    if (count == 0 || count > SPINE_TUPLE_COLUMNS_MAX)
        return spine_fail(error, SPINE_INVALID, "a tuple of %zu columns; 1 to %d, please",
                          count, SPINE_TUPLE_COLUMNS_MAX);
    for (size_t i = 0; i < count; i++)
        TRY(check_type_column(&columns[i], i, error));

    type = type_new(columns, count);
    if (type == NULL)
        return fail_nomem(error, "a tuple type", count * sizeof *columns);
    TRY(check_whole(type, error));
    assert(type->count == count && type->columns_total >= count);
    assert(type->cell.kind != SPINE_FIXED || type->cell.size == type->bytes);
    *out = type;
    type = NULL;
out:
    spine_tuple_type_unref(type);
    return st;
}

struct spine_tuple_type *
spine_tuple_type_ref(const struct spine_tuple_type *type)
{
    /* What is counted is no part of what is immutable. */
    struct spine_tuple_type *const counted = (void *)(uintptr_t)type;

    if (counted != NULL)
        ref_take(&counted->ref);
    return counted;
}

void
spine_tuple_type_unref(const struct spine_tuple_type *type)
{
    struct spine_tuple_type *const counted = (void *)(uintptr_t)type;

    if (counted == NULL || !ref_drop(&counted->ref))
        return;

    /* The thread that drops the last reference is not the one whose memory this was. */
    const int64_t apart = mem_apart_begin();

    for (size_t i = 0; i < counted->count; i++)
        spine_tuple_type_unref(counted->columns[i].tuple);
    mem_free(counted->columns, counted->count * sizeof *counted->columns);
    mem_free(counted->text, counted->text_bytes);
    mem_free(counted, sizeof *counted);
    mem_apart_end(apart);
}

void
schema_ref(const struct spine_schema *schema)
{
    (void)spine_tuple_type_ref(schema->key_tuple);
    (void)spine_tuple_type_ref(schema->value_tuple);
}

void
schema_unref(const struct spine_schema *schema)
{
    spine_tuple_type_unref(schema->key_tuple);
    spine_tuple_type_unref(schema->value_tuple);
}

size_t
spine_tuple_type_count(const struct spine_tuple_type *type)
{
    return type != NULL ? type->count : 0;
}

const struct spine_column *
spine_tuple_type_column(const struct spine_tuple_type *type, size_t index)
{
    return type != NULL && index < type->count ? &type->columns[index] : NULL;
}

struct spine_type
spine_tuple_type_cell(const struct spine_tuple_type *type)
{
    return type != NULL ? type->cell : (struct spine_type){SPINE_NONE, 0};
}

bool
spine_tuple_type_equal(const struct spine_tuple_type *a, const struct spine_tuple_type *b)
{
    if (a == b || a == NULL || b == NULL)
        return a == b;
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!tuple_column_equal(&a->columns[i], &b->columns[i]))
            return false;
    return true;
}

bool
tuple_column_is_fixed(const struct spine_column *column)
{
    assert((column->kind == SPINE_COLUMN_TUPLE) == (column->tuple != NULL));
    if (column->kind == SPINE_COLUMN_TUPLE)
        return column->tuple->is_fixed;
    return column->kind != SPINE_COLUMN_STRING && column->kind != SPINE_COLUMN_BINARY;
}

uint64_t
tuple_column_bytes(const struct spine_column *column)
{
    assert((column->kind == SPINE_COLUMN_TUPLE) == (column->tuple != NULL));
    if (column->kind == SPINE_COLUMN_TUPLE)
        return column->tuple->bytes;
    return tuple_native_bytes(column);
}

size_t
tuple_native_bytes(const struct spine_column *column)
{
    switch (column->kind) {
    case SPINE_COLUMN_BOOL:
    case SPINE_COLUMN_I8:
    case SPINE_COLUMN_U8:
        return 1;
    case SPINE_COLUMN_I16:
    case SPINE_COLUMN_U16:
        return 2;
    case SPINE_COLUMN_I32:
    case SPINE_COLUMN_U32:
    case SPINE_COLUMN_F32:
    case SPINE_COLUMN_DATE32:
        return 4;
    case SPINE_COLUMN_I64:
    case SPINE_COLUMN_U64:
    case SPINE_COLUMN_F64:
    case SPINE_COLUMN_TIMESTAMP:
        return 8;
    case SPINE_COLUMN_TIME:
        return column->unit <= SPINE_MILLISECONDS ? 4 : 8;
    case SPINE_COLUMN_DECIMAL128:
        return 16;
    case SPINE_COLUMN_FIXED:
        return column->size;
    case SPINE_COLUMN_STRING:
    case SPINE_COLUMN_BINARY:
    case SPINE_COLUMN_TUPLE:
        break;
    }
    return 0;
}

static enum spine_status
check_type_column(const struct spine_column *column, size_t index,
                  struct spine_error *error)
{
    TRY_RETURN(check_kind(column, index, error));
    TRY_RETURN(check_size(column, index, error));
    return check_column_texts(column, index, error);
}

static enum spine_status
check_kind(const struct spine_column *column, size_t index, struct spine_error *error)
{
    const unsigned orders = TUPLE_ORDER_DESCENDING | TUPLE_ORDER_NULLS_LAST;

    if ((int)column->kind < SPINE_COLUMN_BOOL || column->kind > SPINE_COLUMN_TUPLE)
        return spine_fail(error, SPINE_INVALID,
                          "column %zu: kind is %d, which is no spine_column_kind", index,
                          (int)column->kind);
    if (((unsigned)column->order & ~orders) != 0)
        return spine_fail(error, SPINE_INVALID,
                          "column %zu: order is %d, which is no spine_tuple_order", index,
                          (int)column->order);
    if ((column->kind == SPINE_COLUMN_TUPLE) != (column->tuple != NULL))
        return spine_fail(error, SPINE_INVALID, "column %zu: tuple %s", index,
                          column->tuple == NULL ? "is NULL"
                                                : "means nothing to this kind");
    return SPINE_OK;
}

static enum spine_status
check_size(const struct spine_column *column, size_t index, struct spine_error *error)
{
    const bool is_fixed = column->kind == SPINE_COLUMN_FIXED;
    const bool is_decimal = column->kind == SPINE_COLUMN_DECIMAL128;
    const bool is_time =
        column->kind == SPINE_COLUMN_TIME || column->kind == SPINE_COLUMN_TIMESTAMP;

    if (is_fixed ? column->size < 1 || column->size > SPINE_FIXED_MAX : column->size != 0)
        return spine_fail(error, SPINE_INVALID,
                          "column %zu: size is %" PRIu32 "; SPINE_COLUMN_FIXED takes 1 "
                          "to %u, others 0",
                          index, column->size, SPINE_FIXED_MAX);
    if (is_decimal ? column->precision < 1 || column->precision > DECIMAL_DIGITS_MAX
                   : column->precision != 0 || column->scale != 0)
        return spine_fail(error, SPINE_INVALID,
                          "column %zu: precision is %u; SPINE_COLUMN_DECIMAL128 takes 1 "
                          "to %d, others 0, without a scale",
                          index, column->precision, DECIMAL_DIGITS_MAX);
    if ((int)column->unit < 0 ||
        column->unit > (is_time ? SPINE_NANOSECONDS : SPINE_SECONDS))
        return spine_fail(error, SPINE_INVALID,
                          "column %zu: unit is %d; times and timestamps take a "
                          "spine_time_unit, others 0",
                          index, (int)column->unit);
    return SPINE_OK;
}

static enum spine_status
check_column_texts(const struct spine_column *column, size_t index,
                   struct spine_error *error)
{
    if (column->zone != NULL && column->kind != SPINE_COLUMN_TIMESTAMP)
        return spine_fail(error, SPINE_INVALID, "column %zu: only timestamps have a zone",
                          index);
    if (text_bytes(column->name) > NAME_BYTES_MAX + 1 ||
        text_bytes(column->zone) > NAME_BYTES_MAX + 1)
        return spine_fail(error, SPINE_INVALID,
                          "column %zu: a name is longer than %u bytes", index,
                          NAME_BYTES_MAX);
    return SPINE_OK;
}

static enum spine_status
check_whole(const struct spine_tuple_type *type, struct spine_error *error)
{
    if (type->depth > SPINE_TUPLE_DEPTH_MAX)
        return spine_fail(error, SPINE_INVALID,
                          "tuples are nested %u deep; the most is %d", type->depth,
                          SPINE_TUPLE_DEPTH_MAX);
    if (type->columns_total > SPINE_TUPLE_COLUMNS_MAX)
        return spine_fail(error, SPINE_INVALID,
                          "%zu columns with nested ones; the most is %d",
                          type->columns_total, SPINE_TUPLE_COLUMNS_MAX);
    if (type->bytes > SPINE_BYTES_MAX)
        return spine_fail(error, SPINE_INVALID,
                          "a tuple of at least %" PRIu64 " bytes; the most is %u",
                          type->bytes, SPINE_BYTES_MAX);
    return SPINE_OK;
}

static struct spine_tuple_type *
type_new(const struct spine_column *columns, size_t count)
{
    const int64_t apart = mem_apart_begin();
    struct spine_tuple_type *type = mem_zalloc(sizeof *type);

    if (type != NULL)
        ref_init(&type->ref);
    if (type != NULL && type_copy(type, columns, count)) {
        type_measure(type);
    } else {
        spine_tuple_type_unref(type);
        type = NULL;
    }
    mem_apart_end(apart);
    return type;
}

/* False without memory, with what there is to be freed by spine_tuple_type_unref(). */
static bool
type_copy(struct spine_tuple_type *type, const struct spine_column *columns, size_t count)
{
    size_t bytes = 1;
    char *to;

    for (size_t i = 0; i < count; i++)
        bytes += text_bytes(columns[i].name) + text_bytes(columns[i].zone);
    type->columns = mem_alloc_array(count, sizeof *columns);
    type->text = to = mem_alloc(bytes);
    type->text_bytes = bytes;
    if (type->columns == NULL || type->text == NULL) {
        mem_free(type->columns, count * sizeof *columns);
        type->columns = NULL;
        return false;
    }
    type->count = count;
    for (size_t i = 0; i < count; i++) {
        type->columns[i] = columns[i];
        type->columns[i].name = append_text(columns[i].name, &to);
        type->columns[i].zone = append_text(columns[i].zone, &to);
        (void)spine_tuple_type_ref(columns[i].tuple);
    }
    return true;
}

/* With its zero. */
static size_t
text_bytes(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

static const char *
append_text(const char *text, char **to)
{
    char *const copy = *to;
    const size_t bytes = text_bytes(text);

    if (text == NULL)
        return NULL;
    memcpy(copy, text, bytes);
    *to += bytes;
    return copy;
}

static void
type_measure(struct spine_tuple_type *type)
{
    type->is_fixed = true;
    type->depth = 1;
    for (size_t i = 0; i < type->count; i++) {
        const struct spine_column *column = &type->columns[i];

        type->is_fixed = type->is_fixed && tuple_column_is_fixed(column);
        type->bytes += tuple_column_bytes(column) + column->nullable;
        type->columns_total++;
        if (column->tuple == NULL)
            continue;
        type->columns_total += column->tuple->columns_total;
        if (type->depth <= column->tuple->depth)
            type->depth = column->tuple->depth + 1;
    }
    type->cell = cell_of_tuples(type);
}

static struct spine_type
cell_of_tuples(const struct spine_tuple_type *type)
{
    if (!type->is_fixed || type->bytes > SPINE_FIXED_MAX)
        return (struct spine_type){SPINE_BYTES, 0};
    if (type->bytes > 8)
        return (struct spine_type){SPINE_FIXED, (uint32_t)type->bytes};
    return (struct spine_type){SPINE_U64, 0};
}

bool
tuple_column_equal(const struct spine_column *a, const struct spine_column *b)
{
    return a->kind == b->kind && a->order == b->order && a->nullable == b->nullable &&
           a->unit == b->unit && a->size == b->size && a->precision == b->precision &&
           a->scale == b->scale && spine_tuple_type_equal(a->tuple, b->tuple);
}
