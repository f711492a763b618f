/* SPDX-License-Identifier: MIT */
#ifndef SPINE_SCHEMA_H
#define SPINE_SCHEMA_H

/*
 * What the rows of a batch and of a spine look like.
 *
 * A row is (key, value, time, weight). Rows are ordered by key, then value,
 * then time; rows equal in all three are one row whose weights are added, and a
 * row whose weight is zero does not exist.
 */

#include "spine/types.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The longest SPINE_BYTES cell. */
#define SPINE_BYTES_MAX 268435456u
/* The largest `size` of SPINE_FIXED. */
#define SPINE_FIXED_MAX 65535u
/* The largest number of weights in a row. */
#define SPINE_WEIGHTS_MAX 8u

struct spine_tuple_type;

/* What a key or a value is: its kind. */
struct spine_type {
    enum spine_kind kind;
    /* Bytes of a SPINE_FIXED cell, 1 to SPINE_FIXED_MAX; 0 for every other kind. */
    uint32_t size;
};

/* What times rows have. */
enum spine_time {
    /* Rows have no time; whatever a call passes as time is ignored. */
    SPINE_UNTIMED = 0,
    /* One number in total order. */
    SPINE_TIME_U64,
    /* Two numbers in product order, made by spine_time_pair(). */
    SPINE_TIME_PAIR
};

/* What the rows of batches and spines look like: types of their keys and values. */
struct spine_schema {
    struct spine_type key;
    struct spine_type value;
    /* Weights per row, added component by component: 1 to SPINE_WEIGHTS_MAX;
     * 0 means 1. */
    unsigned weight_count;
    /* What times they have. */
    enum spine_time time;
    /*
     * What keys and values are made of (spine/tuple.h), for the code that writes and
     * reads them, and for files. `key` and `value` are then the cells of these types.
     * NULL: nothing is known beyond the cell. What keeps a schema keeps references to
     * them.
     */
    const struct spine_tuple_type *key_tuple;
    const struct spine_tuple_type *value_tuple;
};

/* SPINE_OK, or SPINE_INVALID with a message that names the field. Any thread. */
SPINE_API SPINE_CHECKED enum spine_status
spine_schema_check(const struct spine_schema *schema, struct spine_error *error);

/* True when rows of `a` and of `b` look the same. Names of columns do not matter, but
 * whether there are columns does. */
SPINE_API bool
spine_schema_equal(const struct spine_schema *a, const struct spine_schema *b);

/* SPINE_OK when they are equal; otherwise SPINE_INVALID, and the message says in what
 * `given` differs from `wanted`: of what was restored, say. Any thread. */
SPINE_API SPINE_CHECKED enum spine_status
spine_schema_compare(const struct spine_schema *given, const struct spine_schema *wanted,
                     struct spine_error *error);

/* The SPINE_TIME_PAIR time (outer, inner). */
static inline uint64_t
spine_time_pair(uint32_t outer, uint32_t inner)
{
    const uint64_t high = outer;

    return high << 32 | inner;
}

/* True when `a` is less than or equal to `b` in the order of `time`.
 * True when untimed. */
SPINE_API bool spine_time_less_equal(enum spine_time time, uint64_t a, uint64_t b);

/* The least time not before `a` nor before `b`. */
SPINE_API uint64_t spine_time_join(enum spine_time time, uint64_t a, uint64_t b);

/* The greatest time not after `a` nor after `b`. */
SPINE_API uint64_t spine_time_meet(enum spine_time time, uint64_t a, uint64_t b);

#ifdef __cplusplus
}
#endif

#endif
