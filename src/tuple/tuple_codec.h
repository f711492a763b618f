/* SPDX-License-Identifier: MIT */
#ifndef TUPLE_TUPLE_CODEC_H
#define TUPLE_TUPLE_CODEC_H

/*
 * tuple/tuple_codec -- columns of values into cells, and back.
 *
 * Rows are taken TUPLE_CHUNK at a time, so that what is between the columns stays in the
 * nearest cache. In each chunk every column is one loop over the rows. Rows of a fixed
 * width are a stride apart; where strings make them differ, a column of pointers says
 * where each row has got to.
 */

#include "base/bytes.h"
#include "spine/tuple_columns.h"
#include "tuple/tuple.h"

#define TUPLE_CHUNK 512u

/* The byte before a nullable value. */
enum tuple_marker { MARKER_NULL_FIRST = 0, MARKER_THERE = 1, MARKER_NULL_LAST = 2 };

static inline uint8_t
null_marker(const struct spine_column *column)
{
    return ((unsigned)column->order & TUPLE_ORDER_NULLS_LAST) != 0 ? MARKER_NULL_LAST
                                                                   : MARKER_NULL_FIRST;
}

/* 0xff where a column descends. */
static inline uint8_t
order_flip(const struct spine_column *column)
{
    return ((unsigned)column->order & TUPLE_ORDER_DESCENDING) != 0 ? 0xff : 0;
}

/* How numbers are normalised. */
enum number_rule { RULE_BOOL, RULE_UNSIGNED, RULE_SIGNED, RULE_FLOATING };

enum number_rule number_rule_of(enum spine_column_kind kind);

/* The sign bit of a number of `bytes` bytes. */
static inline uint64_t
number_sign(unsigned bytes)
{
    return UINT64_C(1) << (8 * bytes - 1);
}

/* A string or binary that is the last column of a tuple that is not nested lies in it as
 * it is, unless it descends. */
static inline bool
column_is_tail(const struct spine_tuple_type *type, size_t index, bool nested)
{
    return !nested && index + 1 == type->count &&
           (type->columns[index].kind == SPINE_COLUMN_STRING ||
            type->columns[index].kind == SPINE_COLUMN_BINARY) &&
           order_flip(&type->columns[index]) == 0;
}

/* Cells, in memory that grows. Zero at first. */
struct cell_store {
    uint8_t *cells;
    size_t cells_capacity;
    uint64_t *offsets;
    size_t offsets_capacity;
};

void cell_store_release(struct cell_store *store);

/* What is encoded: the first `count` columns of `type`. */
struct tuple_source {
    /* "key" or "value", for messages. */
    const char *what;
    const struct spine_tuple_type *type;
    size_t count;
    const struct spine_column_data *columns;
    size_t rows;
};

/* Makes `store` the cells of the tuples. Words are as a SPINE_U64 column has them, unless
 * there are fewer columns than the type has. */
enum spine_status encode_columns(struct cell_store *store,
                                 const struct tuple_source *source,
                                 struct spine_error *error);

/* Checks what encode_columns() relies on. */
enum spine_status
check_columns(const struct tuple_source *source, struct spine_error *error);

/* The bounds of one row, whose first `count` columns `store` has; they point into the
 * memory of `store`. */
enum spine_status
bounds_of_prefix(struct cell_store *store, const struct spine_tuple_type *type,
                 size_t count, struct spine_tuple_bounds *out, struct spine_error *error);

/* The ranges of tuples that begin with each row of `source`, which `store` has the cells
 * of; they point into all three stores. SPINE_INVALID where nothing can come after a
 * prefix, and something does. */
struct range_stores {
    struct cell_store lower;
    struct cell_store upper;
};
enum spine_status
ranges_of_prefixes(const struct cell_store *store, const struct tuple_source *source,
                   struct range_stores *stores, struct spine_key_ranges *out,
                   struct spine_error *error);

/* A decoded column, in memory that grows. */
struct column_store {
    uint8_t *values;
    size_t values_capacity;
    /* Of strings: bytes in `values`. */
    size_t values_bytes;
    uint64_t *offsets;
    size_t offsets_capacity;
    uint8_t *valid;
    size_t valid_capacity;
    bool has_null;
    /* Of a tuple. */
    struct tuple_store *columns;
};

/* The decoded columns of a type. */
struct tuple_store {
    struct spine_tuple_type *type;
    struct column_store *columns;
    /* What is shown of them. */
    struct spine_column_data *views;
};

struct tuple_store *tuple_store_new(const struct spine_tuple_type *type);
void tuple_store_free(struct tuple_store *store);
/* Drops the rows, and keeps the memory. */
void tuple_store_clear(struct tuple_store *store);
/* Appends `rows` cells behind the `at` that the store has. SPINE_CORRUPT, SPINE_NOMEM. */
enum spine_status tuple_store_append(struct tuple_store *store, const void *cells,
                                     const uint64_t *offsets, size_t rows, size_t at,
                                     struct spine_error *error);
/* Sets the views. */
const struct spine_column_data *tuple_store_show(struct tuple_store *store);

#endif
