/* SPDX-License-Identifier: MIT */
#ifndef SPINE_DATUM_H
#define SPINE_DATUM_H

/*
 * Single cells: a key or a value as calls take and give it.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a key or a value is. */
enum spine_kind {
    /* No cell at all: a set (no value), or a bag of values (no key). */
    SPINE_NONE = 0,
    SPINE_U64,
    SPINE_I64,
    SPINE_U32,
    SPINE_I32,
    /* Total order: -NaN < -inf < ... < -0 < +0 < ... < +inf < NaN. */
    SPINE_F64,
    /* Exactly `size` bytes, in memcmp order. */
    SPINE_FIXED,
    /* 0 to SPINE_BYTES_MAX bytes, in memcmp order, a prefix before what it begins. */
    SPINE_BYTES
};

/* Bytes somewhere else. `data` may be NULL when `size` is 0. */
struct spine_bytes {
    const void *data;
    size_t size;
};

/* A number in the first bytes of `word`, and its kind: SPINE_STAMP() of that, or 0 when
 * nobody told. The stamp lies where bytes have their size, and is no legal size. */
struct spine_number {
    uint64_t word;
    uint64_t stamp;
};

/* The stamp of a kind of numbers. */
#define SPINE_STAMP(kind) (UINT64_C(0x80000000) + (kind))

/*
 * One key or one value. Which member holds is said by the schema: `bytes` for
 * SPINE_FIXED and SPINE_BYTES, the member of the type's name for numbers, none
 * for SPINE_NONE; the others are not to be read.
 *
 * A datum that a function below made, or that the library gave out, carries its kind, and
 * no call takes it for a column of another one: SPINE_INVALID, naming the column and both
 * kinds. A number that is filled in by hand carries none; its datum must be zero before:
 *
 *     union spine_datum key = {0};
 *     key.u64 = 7;
 *
 * An initializer of one member, such as {.u64 = 7}, is not enough: compilers may leave
 * the rest of the datum as it is.
 */
union spine_datum {
    /* The first member, which {0} makes zero as a whole. */
    struct spine_number number;
    /* The cell, in the member of its kind. */
    uint64_t u64;
    int64_t i64;
    uint32_t u32;
    int32_t i32;
    double f64;
    struct spine_bytes bytes;
};

/* The datum of a SPINE_U64. */
static inline union spine_datum
spine_u64(uint64_t number)
{
    union spine_datum datum = {{0, SPINE_STAMP(SPINE_U64)}};
    datum.u64 = number;
    return datum;
}

/* The datum of a SPINE_I64. */
static inline union spine_datum
spine_i64(int64_t number)
{
    union spine_datum datum = {{0, SPINE_STAMP(SPINE_I64)}};
    datum.i64 = number;
    return datum;
}

/* The datum of a SPINE_U32. */
static inline union spine_datum
spine_u32(uint32_t number)
{
    union spine_datum datum = {{0, SPINE_STAMP(SPINE_U32)}};
    datum.u32 = number;
    return datum;
}

/* The datum of a SPINE_I32. */
static inline union spine_datum
spine_i32(int32_t number)
{
    union spine_datum datum = {{0, SPINE_STAMP(SPINE_I32)}};
    datum.i32 = number;
    return datum;
}

/* The datum of a SPINE_F64. */
static inline union spine_datum
spine_f64(double number)
{
    union spine_datum datum = {{0, SPINE_STAMP(SPINE_F64)}};
    datum.f64 = number;
    return datum;
}

/* The datum of SPINE_FIXED or SPINE_BYTES, which stay where they are. */
static inline union spine_datum
spine_data(const void *data, size_t size)
{
    union spine_datum datum = {{0, 0}};
    datum.bytes.data = data;
    datum.bytes.size = size;
    return datum;
}

#ifdef __cplusplus
}
#endif

#endif
