/* SPDX-License-Identifier: MIT */

/*
 * One tuple, column by column. The writer keeps what is put as columns of one row, nested
 * as its type is, of which encode_columns() makes the cell: so the bytes are those of
 * columns, and are checked in one place. It keeps its first failure up to the end of the
 * tuple.
 */

#include "spine/tuple_row.h"
#include "tuple/tuple_codec.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct row_level;

/* The value of one column. */
struct row_value {
    /* A number in the first bytes. */
    uint64_t number;
    /* Anything longer, and strings; grows. */
    uint8_t *bytes;
    size_t capacity;
    uint64_t offsets[2];
    /* Bit 0: is it not null? */
    uint8_t valid;
    /* Of a tuple. */
    struct row_level *columns;
};

/* The columns of a type. */
struct row_level {
    const struct spine_tuple_type *type;
    struct row_value *values;
    /* How the encoder sees them. */
    struct spine_column_data *views;
};

struct spine_tuple_writer {
    struct spine_tuple_type *type;
    struct row_level *row;
    /* The tuples that have begun and not ended, the innermost last, and the next column
     * of each. */
    struct row_level *open[SPINE_TUPLE_DEPTH_MAX + 1];
    size_t next[SPINE_TUPLE_DEPTH_MAX + 1];
    unsigned depth;
    struct spine_error failure;
    struct cell_store cells;
};

static struct row_level *level_new(const struct spine_tuple_type *type);
static bool level_has_memory(struct row_level *level);
static void level_free(struct row_level *level);
static const struct spine_column *next_column(struct spine_tuple_writer *writer);
static bool is_signed_integer(enum spine_column_kind kind);
static struct row_value *take_column(struct spine_tuple_writer *writer);
static void put_number(struct spine_tuple_writer *writer, const void *number);
static void writer_fail(struct spine_tuple_writer *writer, enum spine_status status,
                        const char *format, ...) __attribute__((format(printf, 3, 4)));

enum spine_status
spine_tuple_writer_new(const struct spine_tuple_type *type,
                       struct spine_tuple_writer **out, struct spine_error *error)
{
    struct spine_tuple_writer *writer;

    if (out != NULL)
        *out = NULL;
    if (type == NULL || out == NULL)
        return fail_null(error, "spine_tuple_writer_new", type == NULL ? "type" : "out");
    assert(type->depth <= SPINE_TUPLE_DEPTH_MAX + 1);
    writer = mem_zalloc(sizeof *writer);
    if (writer == NULL)
        return fail_nomem(error, "a writer of tuples", sizeof *writer);
    writer->type = spine_tuple_type_ref(type);
    writer->row = level_new(type);
    if (writer->row == NULL) {
        spine_tuple_writer_free(writer);
        return fail_nomem(error, "a writer of tuples", type->columns_total);
    }
    spine_tuple_clear(writer);
    *out = writer;
    return SPINE_OK;
}

void
spine_tuple_writer_free(struct spine_tuple_writer *writer)
{
    if (writer == NULL)
        return;
    level_free(writer->row);
    cell_store_release(&writer->cells);
    spine_tuple_type_unref(writer->type);
    mem_free(writer, sizeof *writer);
}

void
spine_tuple_clear(struct spine_tuple_writer *writer)
{
    if (writer == NULL)
        return;
    writer->open[0] = writer->row;
    writer->next[0] = 0;
    writer->depth = 0;
    writer->failure.status = SPINE_OK;
}

void
spine_tuple_put_null(struct spine_tuple_writer *writer)
{
    const struct spine_column *const column = next_column(writer);

    if (column == NULL)
        return;
    if (!column->nullable)
        writer_fail(writer, SPINE_INVALID, "is null, which it may not be");
    else
        take_column(writer)->valid = 0;
}

void
spine_tuple_put_bool(struct spine_tuple_writer *writer, bool truth)
{
    const struct spine_column *const column = next_column(writer);
    const uint64_t number = truth;

    if (column == NULL)
        return;
    if (column->kind != SPINE_COLUMN_BOOL)
        writer_fail(writer, SPINE_INVALID, "takes no bool");
    else
        put_number(writer, &number);
}

void
spine_tuple_put_i64(struct spine_tuple_writer *writer, int64_t number)
{
    const struct spine_column *const column = next_column(writer);
    uint64_t magnitude, room;

    if (column == NULL)
        return;
    if (!is_signed_integer(column->kind)) {
        writer_fail(writer, SPINE_INVALID, "takes no signed integer");
        return;
    }
    /* -128 and 127 take 7 bits and a sign. */
    magnitude = number < 0 ? ~(uint64_t)number : (uint64_t)number;
    room = number_sign((unsigned)tuple_native_bytes(column)) - 1;
    if (magnitude > room)
        writer_fail(writer, SPINE_INVALID, "cannot hold %" PRId64, number);
    else
        put_number(writer, &number);
}

void
spine_tuple_put_u64(struct spine_tuple_writer *writer, uint64_t number)
{
    const struct spine_column *const column = next_column(writer);

    if (column == NULL)
        return;
    if (number_rule_of(column->kind) != RULE_UNSIGNED)
        writer_fail(writer, SPINE_INVALID, "takes no unsigned integer");
    else if ((number_sign((unsigned)tuple_native_bytes(column)) - 1) < number >> 1)
        writer_fail(writer, SPINE_INVALID, "cannot hold %" PRIu64, number);
    else
        put_number(writer, &number);
}

void
spine_tuple_put_f32(struct spine_tuple_writer *writer, float number)
{
    const struct spine_column *const column = next_column(writer);
    uint64_t word = 0;

    if (column == NULL)
        return;
    memcpy(&word, &number, sizeof number);
    if (column->kind != SPINE_COLUMN_F32)
        writer_fail(writer, SPINE_INVALID, "takes no float");
    else
        put_number(writer, &word);
}

void
spine_tuple_put_f64(struct spine_tuple_writer *writer, double number)
{
    const struct spine_column *const column = next_column(writer);

    if (column == NULL)
        return;
    if (column->kind != SPINE_COLUMN_F64)
        writer_fail(writer, SPINE_INVALID, "takes no double");
    else
        put_number(writer, &number);
}

void
spine_tuple_put_bytes(struct spine_tuple_writer *writer, const void *data, size_t size)
{
    const struct spine_column *const column = next_column(writer);
    struct row_level *level;
    struct row_value *value;
    size_t at;

    if (column == NULL)
        return;
    level = writer->open[writer->depth];
    at = writer->next[writer->depth];
    value = &level->values[at];
    if (column->kind < SPINE_COLUMN_DECIMAL128 || column->kind > SPINE_COLUMN_BINARY)
        writer_fail(writer, SPINE_INVALID, "takes no bytes");
    else if (data == NULL && size > 0)
        writer_fail(writer, SPINE_INVALID, "gets %zu bytes, but data is NULL", size);
    else if (tuple_column_is_fixed(column) && size != tuple_native_bytes(column))
        writer_fail(writer, SPINE_INVALID, "has %zu bytes, not %zu",
                    tuple_native_bytes(column), size);
    else if (size > SPINE_BYTES_MAX)
        writer_fail(writer, SPINE_INVALID, "cannot hold %zu bytes; the most is %u", size,
                    SPINE_BYTES_MAX);
    else if (!array_reserve(&value->bytes, &value->capacity, 1, size + 1))
        writer_fail(writer, SPINE_NOMEM, "gets no memory for %zu bytes", size);
    if (writer->failure.status != SPINE_OK)
        return;
    if (size > 0)
        memcpy(value->bytes, data, size);
    level->views[at].values = value->bytes;
    value->offsets[1] = size;
    (void)take_column(writer);
}

void
spine_tuple_begin(struct spine_tuple_writer *writer)
{
    const struct spine_column *const column = next_column(writer);

    if (column == NULL)
        return;
    if (column->kind != SPINE_COLUMN_TUPLE) {
        writer_fail(writer, SPINE_INVALID, "is no tuple");
        return;
    }
    struct row_level *const columns = take_column(writer)->columns;

    assert(writer->depth < SPINE_TUPLE_DEPTH_MAX);
    writer->depth++;
    writer->open[writer->depth] = columns;
    writer->next[writer->depth] = 0;
}

void
spine_tuple_end(struct spine_tuple_writer *writer)
{
    if (writer == NULL || writer->failure.status != SPINE_OK)
        return;
    if (writer->depth == 0)
        writer_fail(writer, SPINE_MISUSE, "is no end of a tuple: none has begun");
    else if (writer->next[writer->depth] < writer->open[writer->depth]->type->count)
        writer_fail(writer, SPINE_MISUSE, "is missing at the end of its tuple");
    else
        writer->depth--;
}

enum spine_status
spine_tuple_finish(struct spine_tuple_writer *writer, union spine_datum *out,
                   struct spine_error *error)
{
    enum spine_status st;

    if (out != NULL)
        *out = (union spine_datum){{0, 0}};
    if (writer == NULL || out == NULL)
        return fail_null(error, "spine_tuple_finish", writer == NULL ? "writer" : "out");
    if (writer->failure.status == SPINE_OK && writer->depth > 0)
        writer_fail(writer, SPINE_MISUSE, "is in a tuple that has not ended");
    else if (writer->failure.status == SPINE_OK && writer->next[0] < writer->type->count)
        writer_fail(writer, SPINE_MISUSE, "is missing");
    st = writer->failure.status;
    if (st != SPINE_OK) {
        st = spine_fail(error, st, "%s", writer->failure.message);
    } else {
        const struct tuple_source source = {"tuple", writer->type, writer->type->count,
                                            writer->row->views, 1};

        st = encode_columns(&writer->cells, &source, error);
        if (st == SPINE_OK)
            *out = spine_tuple_datum(writer->type, writer->cells.cells,
                                     writer->cells.offsets, 0);
    }
    spine_tuple_clear(writer);
    return st;
}

static struct row_level *
level_new(const struct spine_tuple_type *type)
{
    struct row_level *const level = mem_zalloc(sizeof *level);

    if (level == NULL)
        return NULL;
    level->type = type;
    level->values = mem_zalloc(type->count * sizeof *level->values);
    level->views = mem_zalloc(type->count * sizeof *level->views);
    if (level->values == NULL || level->views == NULL || !level_has_memory(level)) {
        level_free(level);
        return NULL;
    }
    return level;
}

/* Gives tuples their columns, and all columns their views; false without memory. */
static bool
level_has_memory(struct row_level *level)
{
    for (size_t i = 0; i < level->type->count; i++) {
        const struct spine_column *const column = &level->type->columns[i];
        struct row_value *const value = &level->values[i];
        struct spine_column_data *const view = &level->views[i];

        if (column->nullable)
            view->valid = &value->valid;
        if (column->kind == SPINE_COLUMN_TUPLE) {
            value->columns = level_new(column->tuple);
            if (value->columns == NULL)
                return false;
            view->columns = value->columns->views;
            continue;
        }
        /* What is not there is encoded from memory, too. */
        view->values = &value->number;
        view->offsets = value->offsets;
        if (tuple_native_bytes(column) > sizeof value->number) {
            if (!array_reserve(&value->bytes, &value->capacity, 1,
                               tuple_native_bytes(column)))
                return false;
            memset(value->bytes, 0, value->capacity);
            view->values = value->bytes;
        }
    }
    return true;
}

static void
level_free(struct row_level *level)
{
    if (level == NULL)
        return;
    for (size_t i = 0; level->values != NULL && i < level->type->count; i++) {
        mem_free(level->values[i].bytes, level->values[i].capacity);
        level_free(level->values[i].columns);
    }
    mem_free(level->values, level->type->count * sizeof *level->values);
    mem_free(level->views, level->type->count * sizeof *level->views);
    mem_free(level, sizeof *level);
}

/* The column whose value comes next; NULL after a failure, and when there is none. */
static const struct spine_column *
next_column(struct spine_tuple_writer *writer)
{
    if (writer == NULL || writer->failure.status != SPINE_OK)
        return NULL;
    const struct spine_tuple_type *const type = writer->open[writer->depth]->type;

    if (writer->next[writer->depth] < type->count)
        return &type->columns[writer->next[writer->depth]];
    writer_fail(writer, SPINE_MISUSE, "is one too many");
    return NULL;
}

static bool
is_signed_integer(enum spine_column_kind kind)
{
    return (kind >= SPINE_COLUMN_I8 && kind <= SPINE_COLUMN_I64) ||
           (kind >= SPINE_COLUMN_DATE32 && kind <= SPINE_COLUMN_TIMESTAMP);
}

/* Goes on behind the next column, which is there. */
static struct row_value *
take_column(struct spine_tuple_writer *writer)
{
    struct row_level *const level = writer->open[writer->depth];
    struct row_value *const value = &level->values[writer->next[writer->depth]++];

    assert(writer->next[writer->depth] <= level->type->count);
    value->valid = 1;
    return value;
}

/* The number's first bytes are as the column has them. */
static void
put_number(struct spine_tuple_writer *writer, const void *number)
{
    struct row_value *const value = take_column(writer);

    memcpy(&value->number, number, sizeof value->number);
}

/* Such as "column 1 (price) takes no bool". */
static void
writer_fail(struct spine_tuple_writer *writer, enum spine_status status,
            const char *format, ...)
{
    const struct spine_tuple_type *const type = writer->open[writer->depth]->type;
    const size_t at = writer->next[writer->depth];
    const char *const name = at < type->count ? type->columns[at].name : NULL;
    char why[128];
    va_list arguments;

    assert(writer->failure.status == SPINE_OK);
    va_start(arguments, format);
    (void)vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    if (name != NULL)
        (void)spine_fail(&writer->failure, status, "column %zu (%.60s) %s", at, name,
                         why);
    else
        (void)spine_fail(&writer->failure, status, "column %zu %s", at, why);
}
