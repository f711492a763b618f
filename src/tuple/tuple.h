/* SPDX-License-Identifier: MIT */
#ifndef TUPLE_TUPLE_H
#define TUPLE_TUPLE_H

/*
 * tuple/ -- tuples of columns as cells in their order.
 *
 * Types and their bytes are in spine/tuple.h. A type is a tree: a column that is a tuple
 * has a type of its own. Nothing is compiled beyond widths: to encode or decode is one
 * walk down that tree per some hundred rows, with one loop over these rows per column.
 *
 * Types are immutable and counted. A schema that is kept keeps a reference to its types:
 * schema_ref(), schema_unref().
 *
 * Why the bytes are as they are. Fixed widths let columns be written and read by strides,
 * and make a row of numbers no longer than its numbers. Strings end with two bytes: with
 * a single zero, told from an escaped one by the byte after it, what follows the string
 * could make it go on. The last column needs no end where the cell has one, unless it
 * descends: there a string has to come after what it begins. A null's bytes are zeros, so
 * that equal tuples are equal bytes.
 */

#include "base/ref.h"
#include "spine/schema.h"
#include "spine/tuple_columns.h"

/* The bits of an order. */
#define TUPLE_ORDER_DESCENDING 1u
#define TUPLE_ORDER_NULLS_LAST 2u

struct spine_tuple_type {
    struct ref ref;
    struct spine_column *columns;
    size_t count;
    /* The names of columns and zones. */
    char *text;
    size_t text_bytes;
    /* Columns of all depths, and how deep they are: 1 without nested ones. */
    size_t columns_total;
    unsigned depth;
    /* Is no column a string or binary? */
    bool is_fixed;
    /* Of a tuple; the least when it is not fixed. */
    uint64_t bytes;
    struct spine_type cell;
};

/* Takes, gives back, references to the types of a schema, which may be NULL. */
void schema_ref(const struct spine_schema *schema);
void schema_unref(const struct spine_schema *schema);

/* Is a column of this kind a string or binary, or a tuple with one? */
bool tuple_column_is_fixed(const struct spine_column *column);

/* Do values of both mean the same? Names and zones do not matter. */
bool tuple_column_equal(const struct spine_column *a, const struct spine_column *b);

/* The bytes of a column's value: their number when it is fixed, else the least. Without
 * the byte of a nullable one. */
uint64_t tuple_column_bytes(const struct spine_column *column);

/* Bytes of one value as the caller has it; 0 for strings, binaries and tuples. */
size_t tuple_native_bytes(const struct spine_column *column);

/*
 * A page that a cursor fills piece by piece, of rows of `schema`, whose weight_count is
 * resolved:
 *
 *     page_begin(page, &schema, error);
 *     page_room(page, &schema, at, &piece, error);   piece.rows says for how many
 *     page_take(page, &schema, at, rows, error);     as many were read
 *     page_show(page, &schema, at, &rows);
 */
enum spine_status page_begin(struct spine_tuple_page *page,
                             const struct spine_schema *schema,
                             struct spine_error *error);
/* Memory for a piece behind the `at` rows that there are. */
enum spine_status
page_room(struct spine_tuple_page *page, const struct spine_schema *schema, size_t at,
          struct spine_column_buffers *piece, struct spine_error *error);
enum spine_status page_take(struct spine_tuple_page *page,
                            const struct spine_schema *schema, size_t at, size_t rows,
                            struct spine_error *error);
/* Makes room for more bytes of the next piece; false when it is not bytes that are
 * missing. */
bool page_widen(struct spine_tuple_page *page, const struct spine_schema *schema);
/* Once its rows have `bytes_max` > 0 bytes of cells the page is full, and gets no more
 * pieces. */
void page_limit(struct spine_tuple_page *page, uint64_t bytes_max);
bool page_is_full(const struct spine_tuple_page *page);
void page_show(struct spine_tuple_page *page, const struct spine_schema *schema,
               size_t rows, struct spine_tuple_rows *out);

#endif
