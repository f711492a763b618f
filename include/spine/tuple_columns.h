/* SPDX-License-Identifier: MIT */
#ifndef SPINE_TUPLE_COLUMNS_H
#define SPINE_TUPLE_COLUMNS_H

/*
 * Rows of several columns, column by column: in, out, and as bounds.
 *
 *     const struct spine_column_data keys[] = {{.values = customers}, {.values = days}};
 *     const struct spine_column_data values[] = {{.values = prices}};
 *     const struct spine_tuple_rows rows = {
 *         .rows = 1000, .keys = keys, .values = values};
 *
 *     spine_batch_from_tuples(&schema, &rows, &batch, error);
 *
 * To probe or to seek, cells are made by spine_tuple_encode(); columns of cells, such as
 * the rows of a probe, are read by spine_tuple_decode(). Both go by whole columns, and
 * take memory that a page keeps from call to call.
 *
 * A key or value without a tuple type has one column, its cells, as struct spine_columns
 * has it.
 */

#include "spine/batch.h"
#include "spine/cursor.h"
#include "spine/range.h"
#include "spine/tuple.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A column of rows. */
struct spine_column_data {
    /* A value of the kind's C type for each row, also where it is null; of strings and
     * binaries the bytes end to end. NULL for tuples. Aligned or not. */
    const void *values;
    /* Strings and binaries, `rows + 1` numbers: row i is [offsets[i], offsets[i + 1]). */
    const uint64_t *offsets;
    /* Bit `valid_offset + i`, the lowest one of a byte first, is 0 where row i is null.
     * NULL: none is. What is inside of a null tuple is null, whatever this says. */
    const uint8_t *valid;
    size_t valid_offset;
    /* Tuples: their columns, as many as the type has. */
    const struct spine_column_data *columns;
};

/* Is a row of a column null? It is less than the rows of it. */
static inline bool
spine_column_is_null(const struct spine_column_data *column, size_t row)
{
    const size_t bit = column->valid_offset + row;

    return column->valid && (column->valid[bit / 8] >> bit % 8 & 1) == 0;
}

/* A row of a column of strings or binaries; they are where the column has them. */
static inline struct spine_bytes
spine_column_bytes(const struct spine_column_data *column, size_t row)
{
    const uint64_t begin = column->offsets[row], end = column->offsets[row + 1];
#ifdef __cplusplus
    const char *const values = static_cast<const char *>(column->values);
#else
    const char *const values = column->values;
#endif
    struct spine_bytes bytes;

    bytes.data = values;
    if (end > begin)
        bytes.data = values + begin;
    bytes.size = end - begin;
    return bytes;
}

/* Rows as columns: how many there are. */
struct spine_tuple_rows {
    size_t rows;
    /* As many columns as the type of the key, of the value has; NULL where there is
     * none. */
    const struct spine_column_data *keys;
    const struct spine_column_data *values;
    /* As in struct spine_columns. */
    const uint64_t *times;
    const int64_t *weights;
};

/*
 * spine_batch_from_columns() of the cells of `rows`. Also SPINE_INVALID, naming the
 * column, for a null where there may be none, falling offsets, and too long tuples.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_batch_from_tuples(const struct spine_schema *schema,
                        const struct spine_tuple_rows *rows, struct spine_batch **out,
                        struct spine_error *error);

/* The same for spine_batcher_add_columns(). */
SPINE_API SPINE_CHECKED enum spine_status
spine_batcher_add_tuples(struct spine_batcher *batcher,
                         const struct spine_tuple_rows *rows, struct spine_error *error);

/* The memory of some rows: of their cells, and of their columns. One thread at a time. */
struct spine_tuple_page;

/* On success the caller owns `*out` and ends it with spine_tuple_page_free(). */
SPINE_API SPINE_CHECKED enum spine_status
spine_tuple_page_new(struct spine_tuple_page **out, struct spine_error *error);
/* NULL is allowed. */
SPINE_API void spine_tuple_page_free(struct spine_tuple_page *page);

/*
 * The cells of `rows`: keys, and values, as far as `rows` has them. They are the page's,
 * until the next spine_tuple_encode() with it; what needs no encoding is borrowed from
 * `rows`. SPINE_INVALID as above, SPINE_NOMEM.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_tuple_encode(struct spine_tuple_page *page, const struct spine_schema *schema,
                   const struct spine_tuple_rows *rows, struct spine_columns *out,
                   struct spine_error *error);

/*
 * The columns of cells, keys and values as far as `cells` has them. They are the page's
 * until it decodes or reads again; what needs no decoding is borrowed from `cells`.
 * SPINE_CORRUPT for cells that no tuple of the type has, SPINE_NOMEM.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_tuple_decode(struct spine_tuple_page *page, const struct spine_schema *schema,
                   const struct spine_columns *cells, struct spine_tuple_rows *out,
                   struct spine_error *error);

/*
 * spine_cursor_read() of at most `rows_max` rows, as columns of the cursor's schema,
 * which are the page's until it decodes or reads again. Returns how many there are. Fails
 * as spine_cursor_read() does; no row is too long for it. Weights are always there, times
 * where the schema has some.
 */
SPINE_API size_t spine_cursor_read_tuples(struct spine_cursor *cursor,
                                          struct spine_tuple_page *page, size_t rows_max,
                                          struct spine_tuple_rows *out);

/* The datum of cell `index` of a column of cells of `type`, such as the `keys` and
 * `key_offsets` of struct spine_columns; it points into them. */
SPINE_API union spine_datum spine_tuple_datum(const struct spine_tuple_type *type,
                                              const void *cells, const uint64_t *offsets,
                                              size_t index);

/* All tuples that begin with some values: from `lower` on and before `upper`, as
 * spine_cursor_set_bounds() takes them. */
struct spine_tuple_bounds {
    union spine_datum lower;
    union spine_datum upper;
    /* Otherwise nothing comes after them, and `upper` means nothing. */
    bool has_upper;
};

/*
 * The bounds of the tuples of `type` whose first `count` columns, one at least, have the
 * values in row 0 of `columns`. What they point to is the page's, until the next
 * spine_tuple_encode() or call of this with it. SPINE_INVALID, SPINE_NOMEM.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_tuple_prefix_bounds(struct spine_tuple_page *page,
                          const struct spine_tuple_type *type,
                          const struct spine_column_data *columns, size_t count,
                          struct spine_tuple_bounds *out, struct spine_error *error);

/* What many tuples begin with: the values of their first `count` columns, one at least,
 * row by row. */
struct spine_tuple_prefixes {
    size_t rows;
    size_t count;
    const struct spine_column_data *columns;
};

/*
 * The ranges of all tuples of `type` that begin with each of `prefixes`, which ascend as
 * tuples do and differ, for spine_snapshot_probe_ranges(). They are the page's, until the
 * next spine_tuple_encode() or bounds with it. SPINE_INVALID, SPINE_NOMEM.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_tuple_prefix_ranges(struct spine_tuple_page *page,
                          const struct spine_tuple_type *type,
                          const struct spine_tuple_prefixes *prefixes,
                          struct spine_key_ranges *out, struct spine_error *error);

#ifdef __cplusplus
}
#endif

#endif
