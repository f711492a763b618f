/* SPDX-License-Identifier: MIT */
#ifndef SPINE_TUPLE_H
#define SPINE_TUPLE_H

/*
 * Tuple types: keys and values of several columns.
 *
 *     const struct spine_column columns[] = {
 *         {.name = "customer", .kind = SPINE_COLUMN_U32},
 *         {.name = "day", .kind = SPINE_COLUMN_DATE32, .order = SPINE_DESCENDING},
 *     };
 *     spine_tuple_type_new(columns, 2, &type, error);
 *     schema.key = spine_tuple_type_cell(type);
 *     schema.key_tuple = type;
 *
 * A type is compiled once and says how a tuple lies in a cell, such that the order of the
 * cells is the order of the tuples: by the first column, then the second, and so on. Rows
 * go in and out as columns by spine/tuple_columns.h, one by one by spine/tuple_row.h.
 *
 * The bytes of a tuple are those of its columns end to end. Where all columns have a
 * fixed width, up to 8 bytes are a SPINE_U64, read big-endian, and more are a
 * SPINE_FIXED; all others are SPINE_BYTES. An ascending column is
 *
 *     bool                        00 or 01
 *     unsigned integers           big-endian
 *     signed ones, date32, time,  big-endian, the sign bit flipped
 *     timestamp, decimal128
 *     f32, f64                    big-endian; the sign bit flipped, of negative ones all
 *                                 bits: the order of SPINE_F64
 *     fixed                       its bytes
 *     string, binary              its bytes, 00 as 00 ff, then 00 00; as they are and
 *                                 without an end as the last column of a tuple that is
 *                                 not nested, if it ascends
 *     tuple                       its columns
 *
 * and a descending one has all of these bits flipped. A nullable column has one byte more
 * before them, which its own direction does not flip: 01, or of a null 00 where nulls
 * come first and 02 where they come last. A null's other bytes are 00 as far as its width
 * is fixed; a null string or binary has none. In a null tuple all columns are null, of
 * which those that are not nullable are zeros and empty strings.
 *
 *     (u32 7, i16 -2)                      00 00 00 07 7f fe, as SPINE_U64
 *     (u8 5 descending, nullable i8 null)  fa 00 00
 *     (string "hi", u8 1)                  68 69 00 00 01
 *     (u8 1, string "hi")                  01 68 69
 *
 * Rows of one or two words are sorted and merged by these alone: those whose key and
 * value have up to 8 bytes each, without times and with one weight, and those of up to 16
 * bytes that have no value, or no key. All others, such as a key of 12 bytes with a value
 * of 4, settle at half to two thirds of that speed.
 *
 * Types are immutable. Any thread.
 */

#include "spine/schema.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Tuples in tuples: at most this deep. */
#define SPINE_TUPLE_DEPTH_MAX 32
/* Columns of a type, those of nested ones included. */
#define SPINE_TUPLE_COLUMNS_MAX 4096

/* The order of a column. */
enum spine_tuple_order {
    /* Nulls first. */
    SPINE_ASCENDING = 0,
    /* Nulls first. */
    SPINE_DESCENDING = 1,
    SPINE_ASCENDING_NULLS_LAST = 2,
    SPINE_DESCENDING_NULLS_LAST = 3
};

/* What a column is, and the C type of its values. Numbers are kept in files. */
enum spine_column_kind {
    /* uint8_t: 0 is false, everything else true. */
    SPINE_COLUMN_BOOL = 1,
    SPINE_COLUMN_I8 = 2,
    SPINE_COLUMN_I16 = 3,
    SPINE_COLUMN_I32 = 4,
    SPINE_COLUMN_I64 = 5,
    SPINE_COLUMN_U8 = 6,
    SPINE_COLUMN_U16 = 7,
    SPINE_COLUMN_U32 = 8,
    SPINE_COLUMN_U64 = 9,
    /* float and double. */
    SPINE_COLUMN_F32 = 10,
    SPINE_COLUMN_F64 = 11,
    /* int32_t: days since 1970. */
    SPINE_COLUMN_DATE32 = 12,
    /* The time of a day: int32_t of seconds and milliseconds, otherwise int64_t. */
    SPINE_COLUMN_TIME = 13,
    /* int64_t: `unit`s since 1970. */
    SPINE_COLUMN_TIMESTAMP = 14,
    /* 16 bytes: an integer in two's complement, little-endian. That it has no more digits
     * than its precision says is not checked. */
    SPINE_COLUMN_DECIMAL128 = 15,
    /* `size` bytes. */
    SPINE_COLUMN_FIXED = 16,
    /* Characters, which are not checked; strings are in the order of their bytes. */
    SPINE_COLUMN_STRING = 17,
    SPINE_COLUMN_BINARY = 18,
    /* The columns of `tuple`. */
    SPINE_COLUMN_TUPLE = 19
};

/* What a time or a timestamp counts. */
enum spine_time_unit {
    SPINE_SECONDS = 0,
    SPINE_MILLISECONDS = 1,
    SPINE_MICROSECONDS = 2,
    SPINE_NANOSECONDS = 3
};

/* A column. What its kind has no use for is zero. */
struct spine_column {
    /* What it is called, UTF-8, at most 65,535 bytes; NULL: nothing. */
    const char *name;
    /* What its values are, and how they are ordered. */
    enum spine_column_kind kind;
    enum spine_tuple_order order;
    /* May values be null? */
    bool nullable;
    /* Of times and timestamps. */
    enum spine_time_unit unit;
    /* The name of a timestamp's zone; NULL: none. */
    const char *zone;
    /* SPINE_COLUMN_FIXED: 1 to SPINE_FIXED_MAX bytes. */
    uint32_t size;
    /* SPINE_COLUMN_DECIMAL128: 1 to 38 digits, `scale` of them after the point. */
    uint8_t precision;
    int8_t scale;
    /* SPINE_COLUMN_TUPLE. */
    const struct spine_tuple_type *tuple;
};

/*
 * Compiles `count` > 0 columns; their names are copied. On success the caller owns a
 * reference to `*out`. SPINE_INVALID for a column that makes no sense, with its number,
 * SPINE_NOMEM.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_tuple_type_new(const struct spine_column *columns, size_t count,
                     struct spine_tuple_type **out, struct spine_error *error);

/* One more reference, to `type`, which may be NULL. */
SPINE_API struct spine_tuple_type *
spine_tuple_type_ref(const struct spine_tuple_type *type);
/* One reference less; the last one frees the type. NULL is allowed. */
SPINE_API void spine_tuple_type_unref(const struct spine_tuple_type *type);

/* How many columns it has. */
SPINE_API size_t spine_tuple_type_count(const struct spine_tuple_type *type);
/* Column `index`, which lives as long as the type; NULL when there is none. */
SPINE_API const struct spine_column *
spine_tuple_type_column(const struct spine_tuple_type *type, size_t index);

/* The cell that holds a tuple, for a schema. */
SPINE_API struct spine_type spine_tuple_type_cell(const struct spine_tuple_type *type);

/* True when cells of both mean the same: all of their columns are equal but for names and
 * zones. Two NULLs are equal. */
SPINE_API bool spine_tuple_type_equal(const struct spine_tuple_type *a,
                                      const struct spine_tuple_type *b);

#ifdef __cplusplus
}
#endif

#endif
