/* SPDX-License-Identifier: MIT */

/* Rows, datums and types in words, for messages of errors. */

#include "rows/describe.h"

#include "base/assert.h"
#include "base/error.h"
#include "rows/rows.h"
#include "tuple/tuple.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* Bytes of a cell that are shown; each takes up to four characters. */
#define SHOWN_BYTES 12u

/* A text that grows at its end. */
struct line {
    char *to;
    size_t room;
    size_t used;
};

static void describe_bytes(struct spine_bytes bytes, struct line *text);
static void add_columns(struct line *text, const char *of,
                        const struct spine_tuple_type *given,
                        const struct spine_tuple_type *wanted);
static void add_difference(struct line *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static const char *time_name(enum spine_time time);
static void line_add(struct line *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void add_list(struct line *text, const char *format, va_list arguments);

const char *
kind_name(enum spine_kind kind)
{
    switch (kind) {
    case SPINE_NONE:
        return "SPINE_NONE";
    case SPINE_U64:
        return "SPINE_U64";
    case SPINE_I64:
        return "SPINE_I64";
    case SPINE_U32:
        return "SPINE_U32";
    case SPINE_I32:
        return "SPINE_I32";
    case SPINE_F64:
        return "SPINE_F64";
    case SPINE_FIXED:
        return "SPINE_FIXED";
    case SPINE_BYTES:
        return "SPINE_BYTES";
    }
    return "no spine_kind";
}

enum spine_kind
kind_of_stamp(uint64_t stamp)
{
    if (stamp < SPINE_STAMP(SPINE_U64) || stamp > SPINE_STAMP(SPINE_F64))
        return SPINE_NONE;
    return (enum spine_kind)(stamp - SPINE_STAMP(SPINE_NONE));
}

const char *
describe_type(struct spine_type type, char *text)
{
    if (type.kind == SPINE_FIXED)
        (void)snprintf(text, DESCRIBED_BYTES, "SPINE_FIXED of %" PRIu32, type.size);
    else
        (void)snprintf(text, DESCRIBED_BYTES, "%s", kind_name(type.kind));
    return text;
}

const char *
describe_datum(enum spine_kind kind, union spine_datum datum, char *text)
{
    struct line to = {.to = text, .room = DESCRIBED_BYTES};

    line_add(&to, "%s", "");
    switch (kind) {
    case SPINE_NONE:
        break;
    case SPINE_U64:
        line_add(&to, "%" PRIu64, datum.u64);
        break;
    case SPINE_I64:
        line_add(&to, "%" PRId64, datum.i64);
        break;
    case SPINE_U32:
        line_add(&to, "%" PRIu32, datum.u32);
        break;
    case SPINE_I32:
        line_add(&to, "%" PRId32, datum.i32);
        break;
    case SPINE_F64:
        line_add(&to, "%.17g", datum.f64);
        break;
    case SPINE_FIXED:
    case SPINE_BYTES:
        describe_bytes(datum.bytes, &to);
        break;
    }
    return text;
}

static void
describe_bytes(struct spine_bytes bytes, struct line *text)
{
    const uint8_t *const data = bytes.data;

    line_add(text, "\"");
    for (size_t i = 0; i < bytes.size && i < SHOWN_BYTES; i++)
        if (data[i] >= ' ' && data[i] <= '~' && data[i] != '"' && data[i] != '\\')
            line_add(text, "%c", data[i]);
        else
            line_add(text, "\\x%02x", data[i]);
    if (bytes.size > SHOWN_BYTES)
        line_add(text, "...\" of %zu bytes", bytes.size);
    else
        line_add(text, "\"");
}

const char *
describe_time(enum spine_time time, uint64_t number, char *text)
{
    if (time == SPINE_TIME_PAIR)
        (void)snprintf(text, DESCRIBED_BYTES, "(%" PRIu32 ", %" PRIu32 ")",
                       (uint32_t)(number >> 32), (uint32_t)number);
    else
        (void)snprintf(text, DESCRIBED_BYTES, "%" PRIu64, number);
    return text;
}

const char *
describe_row(const struct layout *layout, const struct rows *rows, size_t at, bool turned,
             char *text)
{
    const uint64_t flip = turned ? UINT64_MAX : 0;
    uint64_t hi = rows->hi[at] ^ flip, lo = rows->lo != NULL ? rows->lo[at] ^ flip : 0;
    const struct rows row = {.hi = &hi,
                             .lo = rows->lo != NULL ? &lo : NULL,
                             .key = rows->key != NULL ? rows->key + at : NULL,
                             .value = rows->value != NULL ? rows->value + at : NULL,
                             .count = 1};
    struct line to = {.to = text, .room = DESCRIBED_ROW_BYTES};
    char part[DESCRIBED_BYTES];
    uint8_t scratch[16];

    line_add(&to, "%s", "");
    if (layout->key.kind != SPINE_NONE)
        line_add(&to, "key %s",
                 describe_datum(layout->key.kind,
                                rows_key_datum(layout, &row, 0, scratch), part));
    if (layout->value.kind != SPINE_NONE)
        line_add(&to, "%svalue %s", to.used > 0 ? ", " : "",
                 describe_datum(layout->value.kind,
                                rows_value_datum(layout, &row, 0, scratch), part));
    if (layout->timed && rows->time != NULL)
        line_add(&to, "%stime %s", to.used > 0 ? ", " : "",
                 describe_time(layout->schema.time, rows->time[at], part));
    if (to.used == 0)
        line_add(&to, "the only row");
    return text;
}

enum spine_status
fail_schema(struct spine_error *error, const char *what, const struct spine_schema *given,
            const struct spine_schema *wanted)
{
    const unsigned weights = given->weight_count > 0 ? given->weight_count : 1;
    const unsigned weights_wanted = wanted->weight_count > 0 ? wanted->weight_count : 1;
    char differences[200], one[DESCRIBED_BYTES], other[DESCRIBED_BYTES];
    struct line to = {.to = differences, .room = sizeof differences};

    assert(!spine_schema_equal(given, wanted));
    if (given->key.kind != wanted->key.kind || given->key.size != wanted->key.size)
        add_difference(&to, "key %s, not %s", describe_type(given->key, one),
                       describe_type(wanted->key, other));
    if (given->value.kind != wanted->value.kind ||
        given->value.size != wanted->value.size)
        add_difference(&to, "value %s, not %s", describe_type(given->value, one),
                       describe_type(wanted->value, other));
    add_columns(&to, "keys", given->key_tuple, wanted->key_tuple);
    add_columns(&to, "values", given->value_tuple, wanted->value_tuple);
    if (given->time != wanted->time)
        add_difference(&to, "time %s, not %s", time_name(given->time),
                       time_name(wanted->time));
    if (weights != weights_wanted)
        add_difference(&to, "%u weights, not %u", weights, weights_wanted);
    return spine_fail(error, SPINE_INVALID, "%s has another schema: %s", what,
                      differences);
}

enum spine_status
spine_schema_compare(const struct spine_schema *given, const struct spine_schema *wanted,
                     struct spine_error *error)
{
    if (given == NULL || wanted == NULL)
        return fail_null(error, "spine_schema_compare",
                         given == NULL ? "given" : "wanted");
    if (spine_schema_equal(given, wanted))
        return SPINE_OK;
    return fail_schema(error, "what is given", given, wanted);
}

/* The first column in which two types differ, or how many each has. */
static void
add_columns(struct line *text, const char *of, const struct spine_tuple_type *given,
            const struct spine_tuple_type *wanted)
{
    const size_t count = given != NULL ? given->count : 0;
    const size_t count_wanted = wanted != NULL ? wanted->count : 0;
    size_t at = 0;

    if (spine_tuple_type_equal(given, wanted))
        return;
    if (count != count_wanted) {
        add_difference(text, "other columns of %s: %zu, not %zu", of, count,
                       count_wanted);
        return;
    }
    while (at < count && tuple_column_equal(&given->columns[at], &wanted->columns[at]))
        at++;
    assert(at < count);
    add_difference(text, "other columns of %s: column %zu (%.40s) is another", of, at,
                   wanted->columns[at].name != NULL ? wanted->columns[at].name : "");
}

static void
add_difference(struct line *text, const char *format, ...)
{
    va_list arguments;

    if (text->used > 0)
        line_add(text, "; ");
    va_start(arguments, format);
    add_list(text, format, arguments);
    va_end(arguments);
}

static const char *
time_name(enum spine_time time)
{
    return time == SPINE_TIME_U64    ? "SPINE_TIME_U64"
           : time == SPINE_TIME_PAIR ? "SPINE_TIME_PAIR"
                                     : "SPINE_UNTIMED";
}

enum spine_status
fail_overflow(struct spine_error *error, const struct layout *layout,
              const struct rows *rows, size_t at, bool turned)
{
    char row[DESCRIBED_ROW_BYTES];

    if (error == NULL)
        return SPINE_OVERFLOW;
    return spine_fail(error, SPINE_OVERFLOW, "the sum of weights is not in int64_t: %s",
                      describe_row(layout, rows, at, turned, row));
}

enum spine_status
fail_overflow_in(struct spine_error *error, const struct layout *layout,
                 const struct rows *rows, bool turned)
{
    size_t at = 0;

    assert(rows->count > 0);
    while (at + 1 < rows->count && rows_compare(layout, rows, at, rows, at + 1) != 0)
        at++;
    return fail_overflow(error, layout, rows, at, turned);
}

static void
line_add(struct line *text, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add_list(text, format, arguments);
    va_end(arguments);
}

/* What does not fit is cut. */
static void
add_list(struct line *text, const char *format, va_list arguments)
{
    const int count =
        vsnprintf(text->to + text->used, text->room - text->used, format, arguments);

    if (count > 0)
        text->used += (size_t)count;
    if (text->used >= text->room)
        text->used = text->room - 1;
}
