/* SPDX-License-Identifier: MIT */

/*
 * The texts by which Arrow tells the type of a column, such as "l" for 64-bit integers
 * and "tsu:UTC" for timestamps in microseconds.
 */

#include "arrow/arrow.h"

#include "base/assert.h"
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct format {
    const char *text;
    enum spine_column_kind kind;
    enum arrow_layout layout;
    /* Bytes of a value; 0 when they differ. */
    unsigned bytes;
};

/* The formats without parameters. */
static const struct format formats[] = {
    {"b", SPINE_COLUMN_BOOL, ARROW_BITS, 1},
    {"c", SPINE_COLUMN_I8, ARROW_PLAIN, 1},
    {"s", SPINE_COLUMN_I16, ARROW_PLAIN, 2},
    {"i", SPINE_COLUMN_I32, ARROW_PLAIN, 4},
    {"l", SPINE_COLUMN_I64, ARROW_PLAIN, 8},
    {"C", SPINE_COLUMN_U8, ARROW_PLAIN, 1},
    {"S", SPINE_COLUMN_U16, ARROW_PLAIN, 2},
    {"I", SPINE_COLUMN_U32, ARROW_PLAIN, 4},
    {"L", SPINE_COLUMN_U64, ARROW_PLAIN, 8},
    {"f", SPINE_COLUMN_F32, ARROW_PLAIN, 4},
    {"g", SPINE_COLUMN_F64, ARROW_PLAIN, 8},
    {"tdD", SPINE_COLUMN_DATE32, ARROW_PLAIN, 4},
    {"u", SPINE_COLUMN_STRING, ARROW_STRINGS, 0},
    {"z", SPINE_COLUMN_BINARY, ARROW_STRINGS, 0},
    {"U", SPINE_COLUMN_STRING, ARROW_LARGE_STRINGS, 0},
    {"Z", SPINE_COLUMN_BINARY, ARROW_LARGE_STRINGS, 0},
    {"vu", SPINE_COLUMN_STRING, ARROW_VIEWS, 0},
    {"vz", SPINE_COLUMN_BINARY, ARROW_VIEWS, 0},
    {"+s", SPINE_COLUMN_TUPLE, ARROW_STRUCT, 0},
};

#define FORMAT_COUNT (sizeof formats / sizeof formats[0])

/* In the order of enum spine_time_unit. */
static const char units[] = "smun";

static bool decode_fixed_width(const char *text, struct spine_column *column);
static bool decode_decimal(const char *text, struct spine_column *column);
static bool decode_time(const char *text, struct spine_column *column);
static bool decode_number(const char **text, long least, long most, long *out);

bool
format_decode(const char *format, struct spine_column *column, enum arrow_layout *layout)
{
    for (size_t i = 0; i < FORMAT_COUNT; i++)
        if (strcmp(format, formats[i].text) == 0) {
            column->kind = formats[i].kind;
            *layout = formats[i].layout;
            return true;
        }
    *layout = ARROW_PLAIN;
    if (strncmp(format, "w:", 2) == 0)
        return decode_fixed_width(format + 2, column);
    if (strncmp(format, "d:", 2) == 0)
        return decode_decimal(format + 2, column);
    return format[0] == 't' && decode_time(format + 1, column);
}

bool
format_decode_index(const char *format, struct arrow_field *field)
{
    assert(field->index_bytes == 0);
    for (size_t i = 0; i < FORMAT_COUNT; i++)
        if (strcmp(format, formats[i].text) == 0 && formats[i].kind >= SPINE_COLUMN_I8 &&
            formats[i].kind <= SPINE_COLUMN_U64) {
            field->index_bytes = formats[i].bytes;
            field->index_is_signed = formats[i].kind <= SPINE_COLUMN_I64;
            return true;
        }
    return false;
}

const char *
format_encode(const struct arrow_field *field, struct hold *hold)
{
    const struct spine_column *const column = field->column;
    const enum arrow_layout layout =
        field->layout == ARROW_VIEWS ? ARROW_STRINGS : field->layout;
    const char *const zone = column->zone != NULL ? column->zone : "";
    const size_t room = 32 + strlen(zone);
    char *text;

    for (size_t i = 0; i < FORMAT_COUNT; i++)
        if (formats[i].kind == column->kind && formats[i].layout == layout)
            return formats[i].text;
    /* All others are in the table. */
    assert(column->kind == SPINE_COLUMN_FIXED ||
           column->kind == SPINE_COLUMN_DECIMAL128 || column->kind == SPINE_COLUMN_TIME ||
           column->kind == SPINE_COLUMN_TIMESTAMP);
    text = hold_take(hold, room);
    if (text == NULL)
        return NULL;
    if (column->kind == SPINE_COLUMN_FIXED)
        (void)snprintf(text, room, "w:%u", (unsigned)column->size);
    else if (column->kind == SPINE_COLUMN_DECIMAL128)
        (void)snprintf(text, room, "d:%d,%d", column->precision, column->scale);
    else if (column->kind == SPINE_COLUMN_TIME)
        (void)snprintf(text, room, "tt%c", units[column->unit]);
    else
        (void)snprintf(text, room, "ts%c:%s", units[column->unit], zone);
    return text;
}

enum arrow_layout
layout_of_column(const struct spine_column *column)
{
    switch (column->kind) {
    case SPINE_COLUMN_BOOL:
        return ARROW_BITS;
    case SPINE_COLUMN_STRING:
    case SPINE_COLUMN_BINARY:
        return ARROW_LARGE_STRINGS;
    case SPINE_COLUMN_TUPLE:
        return ARROW_STRUCT;
    default:
        return ARROW_PLAIN;
    }
}

size_t
plain_bytes(const struct spine_column *column)
{
    for (size_t i = 0; i < FORMAT_COUNT; i++)
        if (formats[i].kind == column->kind)
            return formats[i].bytes;
    if (column->kind == SPINE_COLUMN_FIXED)
        return column->size;
    if (column->kind == SPINE_COLUMN_DECIMAL128)
        return 16;
    return column->kind == SPINE_COLUMN_TIME && column->unit <= SPINE_MILLISECONDS ? 4
                                                                                   : 8;
}

enum spine_status
fail_field(struct spine_error *error, const struct arrow_field *field, const char *why)
{
    return spine_fail(error, SPINE_INVALID, "column %.100s: %s", field->name, why);
}

/* "16" of "w:16". */
static bool
decode_fixed_width(const char *text, struct spine_column *column)
{
    long size;

    if (!decode_number(&text, 1, SPINE_FIXED_MAX, &size) || *text != '\0')
        return false;
    column->kind = SPINE_COLUMN_FIXED;
    column->size = (uint32_t)size;
    return true;
}

/* "19,10" of "d:19,10", or with the number of bits behind. */
static bool
decode_decimal(const char *text, struct spine_column *column)
{
    long precision, scale, bits;

    if (!decode_number(&text, 1, 38, &precision) || *text++ != ',' ||
        !decode_number(&text, INT8_MIN, INT8_MAX, &scale))
        return false;
    if (*text == ',') {
        text++;
        if (!decode_number(&text, 128, 128, &bits))
            return false;
    }
    column->kind = SPINE_COLUMN_DECIMAL128;
    column->precision = (uint8_t)precision;
    column->scale = (int8_t)scale;
    return *text == '\0';
}

/* "tm" of "ttm", "su:UTC" of "tsu:UTC". */
static bool
decode_time(const char *text, struct spine_column *column)
{
    const char *const unit =
        text[0] != '\0' && text[1] != '\0' ? strchr(units, text[1]) : NULL;

    if (unit == NULL)
        return false;
    column->unit = (enum spine_time_unit)(unit - units);
    if (text[0] == 't') {
        column->kind = SPINE_COLUMN_TIME;
        return text[2] == '\0';
    }
    column->kind = SPINE_COLUMN_TIMESTAMP;
    if (text[0] != 's' || text[2] != ':')
        return false;
    column->zone = text[3] != '\0' ? text + 3 : NULL;
    return true;
}

/* A number at `*text`, which moves behind it. */
static bool
decode_number(const char **text, long least, long most, long *out)
{
    char *end;

    if (**text == ' ' || **text == '+')
        return false;
    *out = strtol(*text, &end, 10);
    if (end == *text || *out < least || *out > most)
        return false;
    *text = end;
    return true;
}
