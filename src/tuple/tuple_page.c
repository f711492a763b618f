/* SPDX-License-Identifier: MIT */

/*
 * Pages: the memory of some rows of tuples. One side is the keys, the other the values;
 * each has room for cells and for columns. Encoding goes from the caller's columns to the
 * cells of the page, decoding from cells to the columns of the page, and a side without a
 * tuple type has one plain column, which is its cells.
 */

#include "tuple/tuple_codec.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

/* Room for the bytes of a piece, at first. */
#define PIECE_BYTES (256u * 1024)

/* Keys or values. */
struct page_side {
    struct cell_store encoded;
    /* NULL without a tuple type. */
    struct tuple_store *decoded;
    /* The one column when there is no type. */
    struct spine_column_data plain;
    /* Cells as a cursor gives them: of one piece when they are decoded, otherwise of all
     * rows, with the bytes that they have. */
    struct cell_store read;
    size_t read_bytes;
    /* Of all pieces. */
    uint64_t bytes;
};

struct spine_tuple_page {
    struct page_side keys;
    struct page_side values;
    uint64_t *times;
    size_t times_capacity;
    int64_t *weights;
    size_t weights_capacity;
    /* Room for the bytes of a piece, of keys and of values. */
    size_t piece_bytes;
    /* The page is full when its rows have as many bytes of cells. */
    uint64_t bytes_max;
    /* The cells of prefixes, and their bounds. */
    struct cell_store bounds;
    struct range_stores ranges;
};

static enum spine_status check_prefix(const struct spine_tuple_type *type, size_t count,
                                      struct spine_error *error);
static enum spine_status use_type(struct page_side *side,
                                  const struct spine_tuple_type *type,
                                  struct spine_error *error);
static enum spine_status encode_side(struct page_side *side, const char *what,
                                     const struct spine_tuple_type *type,
                                     const struct spine_column_data *columns, size_t rows,
                                     struct spine_error *error);
static enum spine_status encode_plain(const char *what,
                                      const struct spine_column_data *column, size_t rows,
                                      struct spine_error *error);
static enum spine_status decode_side(struct page_side *side,
                                     const struct spine_columns *cells, bool keys,
                                     struct spine_error *error);
static const struct spine_column_data *side_show(struct page_side *side);
static bool side_room(struct page_side *side, struct spine_type type, size_t at,
                      size_t rows, size_t bytes);
static enum spine_status side_take(struct page_side *side, struct spine_type type,
                                   size_t at, size_t rows, struct spine_error *error);
static void side_piece(struct page_side *side, struct spine_type type, size_t at,
                       void **cells, uint64_t **offsets);
static void side_is_read(struct page_side *side);
static size_t cell_bytes(struct spine_type type);
static void side_release(struct page_side *side);

enum spine_status
spine_tuple_page_new(struct spine_tuple_page **out, struct spine_error *error)
{
    if (out == NULL)
        return fail_null(error, "spine_tuple_page_new", "out");
    *out = mem_zalloc(sizeof **out);
    if (*out == NULL)
        return fail_nomem(error, "a page of tuples", sizeof **out);
    (*out)->piece_bytes = PIECE_BYTES;
    (*out)->bytes_max = UINT64_MAX;
    return SPINE_OK;
}

void
spine_tuple_page_free(struct spine_tuple_page *page)
{
    if (page == NULL)
        return;
    side_release(&page->keys);
    side_release(&page->values);
    mem_free(page->times, page->times_capacity * sizeof *page->times);
    mem_free(page->weights, page->weights_capacity * sizeof *page->weights);
    cell_store_release(&page->bounds);
    cell_store_release(&page->ranges.lower);
    cell_store_release(&page->ranges.upper);
    mem_free(page, sizeof *page);
}

enum spine_status
spine_tuple_encode(struct spine_tuple_page *page, const struct spine_schema *schema,
                   const struct spine_tuple_rows *rows, struct spine_columns *out,
                   struct spine_error *error)
{
    const struct spine_column_data *keys, *values;

    if (page == NULL || schema == NULL || rows == NULL || out == NULL)
        return fail_null(error, "spine_tuple_encode",
                         page == NULL     ? "page"
                         : schema == NULL ? "schema"
                         : rows == NULL   ? "rows"
                                          : "out");
    keys = rows->keys;
    values = rows->values;
    *out = (struct spine_columns){
        .rows = rows->rows, .times = rows->times, .weights = rows->weights};
    if (keys != NULL && schema->key_tuple != NULL) {
        TRY_RETURN(
            encode_side(&page->keys, "key", schema->key_tuple, keys, rows->rows, error));
        out->keys = page->keys.encoded.cells;
        out->key_offsets = page->keys.encoded.offsets;
    } else if (keys != NULL) {
        TRY_RETURN(encode_plain("key", keys, rows->rows, error));
        out->keys = keys->values;
        out->key_offsets = keys->offsets;
    }
    if (values != NULL && schema->value_tuple != NULL) {
        TRY_RETURN(encode_side(&page->values, "value", schema->value_tuple, values,
                               rows->rows, error));
        out->values = page->values.encoded.cells;
        out->value_offsets = page->values.encoded.offsets;
    } else if (values != NULL) {
        TRY_RETURN(encode_plain("value", values, rows->rows, error));
        out->values = values->values;
        out->value_offsets = values->offsets;
    }
    return SPINE_OK;
}

enum spine_status
spine_tuple_decode(struct spine_tuple_page *page, const struct spine_schema *schema,
                   const struct spine_columns *cells, struct spine_tuple_rows *out,
                   struct spine_error *error)
{
    if (page == NULL || schema == NULL || cells == NULL || out == NULL)
        return fail_null(error, "spine_tuple_decode",
                         page == NULL     ? "page"
                         : schema == NULL ? "schema"
                         : cells == NULL  ? "cells"
                                          : "out");
    TRY_RETURN(page_begin(page, schema, error));
    TRY_RETURN(decode_side(&page->keys, cells, true, error));
    TRY_RETURN(decode_side(&page->values, cells, false, error));
    *out = (struct spine_tuple_rows){
        .rows = cells->rows, .times = cells->times, .weights = cells->weights};
    if (cells->keys != NULL)
        out->keys = side_show(&page->keys);
    if (cells->values != NULL)
        out->values = side_show(&page->values);
    return SPINE_OK;
}

union spine_datum
spine_tuple_datum(const struct spine_tuple_type *type, const void *cells,
                  const uint64_t *offsets, size_t index)
{
    const uint8_t *const bytes = cells;
    uint64_t word;

    if (type == NULL || cells == NULL ||
        (type->cell.kind == SPINE_BYTES && offsets == NULL))
        return (union spine_datum){{0, 0}};
    if (type->cell.kind == SPINE_BYTES)
        return spine_data(bytes + offsets[index], offsets[index + 1] - offsets[index]);
    if (type->cell.kind == SPINE_FIXED)
        return spine_data(bytes + index * type->cell.size, type->cell.size);
    memcpy(&word, bytes + index * sizeof word, sizeof word);
    return spine_u64(word);
}

enum spine_status
spine_tuple_prefix_bounds(struct spine_tuple_page *page,
                          const struct spine_tuple_type *type,
                          const struct spine_column_data *columns, size_t count,
                          struct spine_tuple_bounds *out, struct spine_error *error)
{
    if (page == NULL || type == NULL || columns == NULL || out == NULL)
        return fail_null(error, "spine_tuple_prefix_bounds",
                         page == NULL      ? "page"
                         : type == NULL    ? "type"
                         : columns == NULL ? "columns"
                                           : "out");
    *out = (struct spine_tuple_bounds){{{0, 0}}, {{0, 0}}, false};
    TRY_RETURN(check_prefix(type, count, error));
    TRY_RETURN(encode_columns(
        &page->bounds, &(struct tuple_source){"prefix", type, count, columns, 1}, error));
    TRY_RETURN(bounds_of_prefix(&page->bounds, type, count, out, error));
    return SPINE_OK;
}

enum spine_status
spine_tuple_prefix_ranges(struct spine_tuple_page *page,
                          const struct spine_tuple_type *type,
                          const struct spine_tuple_prefixes *prefixes,
                          struct spine_key_ranges *out, struct spine_error *error)
{
    struct tuple_source source;

    if (page == NULL || type == NULL || prefixes == NULL || out == NULL)
        return fail_null(error, "spine_tuple_prefix_ranges",
                         page == NULL       ? "page"
                         : type == NULL     ? "type"
                         : prefixes == NULL ? "prefixes"
                                            : "out");
    *out = (struct spine_key_ranges){0};
    if (prefixes->columns == NULL)
        return spine_fail(error, SPINE_INVALID, "the columns of prefixes are NULL");
    TRY_RETURN(check_prefix(type, prefixes->count, error));
    source = (struct tuple_source){"prefix", type, prefixes->count, prefixes->columns,
                                   prefixes->rows};
    TRY_RETURN(encode_columns(&page->bounds, &source, error));
    TRY_RETURN(ranges_of_prefixes(&page->bounds, &source, &page->ranges, out, error));
    return SPINE_OK;
}

static enum spine_status
check_prefix(const struct spine_tuple_type *type, size_t count, struct spine_error *error)
{
    if (count > 0 && count <= type->count)
        return SPINE_OK;
    return spine_fail(error, SPINE_INVALID, "a prefix of %zu columns, of a tuple of %zu",
                      count, type->count);
}

/* ---- Pieces ---- */

enum spine_status
page_begin(struct spine_tuple_page *page, const struct spine_schema *schema,
           struct spine_error *error)
{
    TRY_RETURN(use_type(&page->keys, schema->key_tuple, error));
    TRY_RETURN(use_type(&page->values, schema->value_tuple, error));
    return SPINE_OK;
}

enum spine_status
page_room(struct spine_tuple_page *page, const struct spine_schema *schema, size_t at,
          struct spine_column_buffers *piece, struct spine_error *error)
{
    const size_t rows = piece->rows, width = schema->weight_count;
    struct page_side *const keys = &page->keys, *const values = &page->values;

    assert(rows > 0 && width > 0 && page->piece_bytes > 0);
    if (!side_room(keys, schema->key, at, rows, page->piece_bytes) ||
        !side_room(values, schema->value, at, rows, page->piece_bytes) ||
        !array_reserve(&page->weights, &page->weights_capacity, sizeof *page->weights,
                       (at + rows) * width) ||
        (schema->time != SPINE_UNTIMED &&
         !array_reserve(&page->times, &page->times_capacity, sizeof *page->times,
                        at + rows)))
        return fail_nomem(error, "the columns of tuples", rows);
    side_piece(keys, schema->key, at, &piece->keys, &piece->key_offsets);
    side_piece(values, schema->value, at, &piece->values, &piece->value_offsets);
    piece->key_bytes = piece->value_bytes = page->piece_bytes;
    piece->weights = page->weights + at * width;
    piece->times = schema->time != SPINE_UNTIMED ? page->times + at : NULL;
    return SPINE_OK;
}

enum spine_status
page_take(struct spine_tuple_page *page, const struct spine_schema *schema, size_t at,
          size_t rows, struct spine_error *error)
{
    assert(page->weights_capacity >= (at + rows) * schema->weight_count);
    TRY_RETURN(side_take(&page->keys, schema->key, at, rows, error));
    TRY_RETURN(side_take(&page->values, schema->value, at, rows, error));
    return SPINE_OK;
}

bool
page_widen(struct spine_tuple_page *page, const struct spine_schema *schema)
{
    if ((schema->key.kind != SPINE_BYTES && schema->value.kind != SPINE_BYTES) ||
        page->piece_bytes >= SPINE_BYTES_MAX)
        return false;
    page->piece_bytes *= 4;
    return true;
}

void
page_limit(struct spine_tuple_page *page, uint64_t bytes_max)
{
    assert(bytes_max > 0);
    page->bytes_max = bytes_max;
}

bool
page_is_full(const struct spine_tuple_page *page)
{
    return page->keys.bytes + page->values.bytes >= page->bytes_max;
}

void
page_show(struct spine_tuple_page *page, const struct spine_schema *schema, size_t rows,
          struct spine_tuple_rows *out)
{
    assert(page->weights_capacity >= rows * schema->weight_count);
    side_is_read(&page->keys);
    side_is_read(&page->values);
    *out = (struct spine_tuple_rows){
        .rows = rows,
        .keys = schema->key.kind != SPINE_NONE ? side_show(&page->keys) : NULL,
        .values = schema->value.kind != SPINE_NONE ? side_show(&page->values) : NULL,
        .times = schema->time != SPINE_UNTIMED ? page->times : NULL,
        .weights = page->weights,
    };
}

/* ---- Sides ---- */

/* Drops the rows of a side, whose columns are of `type` from now on. */
static enum spine_status
use_type(struct page_side *side, const struct spine_tuple_type *type,
         struct spine_error *error)
{
    side->read_bytes = 0;
    side->bytes = 0;
    if (side->decoded != NULL && spine_tuple_type_equal(side->decoded->type, type)) {
        tuple_store_clear(side->decoded);
        return SPINE_OK;
    }
    tuple_store_free(side->decoded);
    side->decoded = NULL;
    if (type == NULL)
        return SPINE_OK;
    side->decoded = tuple_store_new(type);
    if (side->decoded == NULL)
        return fail_nomem(error, "the columns of tuples", type->count);
    return SPINE_OK;
}

static enum spine_status
encode_side(struct page_side *side, const char *what, const struct spine_tuple_type *type,
            const struct spine_column_data *columns, size_t rows,
            struct spine_error *error)
{
    const struct tuple_source source = {what, type, type->count, columns, rows};

    return encode_columns(&side->encoded, &source, error);
}

static enum spine_status
encode_plain(const char *what, const struct spine_column_data *column, size_t rows,
             struct spine_error *error)
{
    for (size_t i = 0; column->valid != NULL && i < rows; i++) {
        const size_t bit = column->valid_offset + i;

        if ((column->valid[bit / 8] >> bit % 8 & 1) == 0)
            return spine_fail(error, SPINE_INVALID,
                              "%s: row %zu is null, which it may not be", what, i);
    }
    return SPINE_OK;
}

static enum spine_status
decode_side(struct page_side *side, const struct spine_columns *cells, bool keys,
            struct spine_error *error)
{
    const void *const data = keys ? cells->keys : cells->values;
    const uint64_t *const offsets = keys ? cells->key_offsets : cells->value_offsets;

    side->plain = (struct spine_column_data){.values = data, .offsets = offsets};
    if (side->decoded == NULL || data == NULL)
        return SPINE_OK;
    if (side->decoded->type->cell.kind == SPINE_BYTES && offsets == NULL)
        return spine_fail(error, SPINE_INVALID, "the offsets of %s are NULL",
                          keys ? "keys" : "values");
    return tuple_store_append(side->decoded, data, offsets, cells->rows, 0, error);
}

static const struct spine_column_data *
side_show(struct page_side *side)
{
    return side->decoded != NULL ? tuple_store_show(side->decoded) : &side->plain;
}

/* Makes room for cells that are read: for those of a piece, or behind the ones that are
 * there. */
static bool
side_room(struct page_side *side, struct spine_type type, size_t at, size_t rows,
          size_t bytes)
{
    struct cell_store *const read = &side->read;
    const size_t first = side->decoded != NULL ? 0 : at;

    if (type.kind == SPINE_NONE)
        return true;
    if (type.kind != SPINE_BYTES)
        return array_reserve(&read->cells, &read->cells_capacity, 1,
                             (first + rows) * cell_bytes(type));
    return array_reserve(&read->cells, &read->cells_capacity, 1,
                         side->read_bytes + bytes) &&
           array_reserve(&read->offsets, &read->offsets_capacity, sizeof *read->offsets,
                         first + rows + 1);
}

/* Where the next piece goes. */
static void
side_piece(struct page_side *side, struct spine_type type, size_t at, void **cells,
           uint64_t **offsets)
{
    const size_t first = side->decoded != NULL ? 0 : at;

    if (type.kind == SPINE_NONE)
        return;
    *cells = side->read.cells +
             (type.kind == SPINE_BYTES ? side->read_bytes : first * cell_bytes(type));
    *offsets = type.kind == SPINE_BYTES ? side->read.offsets + first : NULL;
}

/* The piece is read: its cells are decoded, or stay behind those before. */
static enum spine_status
side_take(struct page_side *side, struct spine_type type, size_t at, size_t rows,
          struct spine_error *error)
{
    const size_t first = side->decoded != NULL ? 0 : at;
    uint64_t *offsets;

    if (rows == 0 || type.kind == SPINE_NONE)
        return SPINE_OK;
    side->bytes += type.kind == SPINE_BYTES ? side->read.offsets[first + rows]
                                            : rows * cell_bytes(type);
    if (side->decoded != NULL)
        return tuple_store_append(side->decoded, side->read.cells, side->read.offsets,
                                  rows, at, error);
    if (type.kind != SPINE_BYTES)
        return SPINE_OK;
    offsets = side->read.offsets + at;
    for (size_t i = 0; i <= rows; i++)
        offsets[i] += side->read_bytes;
    side->read_bytes = (size_t)offsets[rows];
    return SPINE_OK;
}

/* Makes the cells that were read the plain column of a side. */
static void
side_is_read(struct page_side *side)
{
    side->plain = (struct spine_column_data){
        .values = side->read.cells,
        .offsets = side->read.offsets,
    };
}

static void
side_release(struct page_side *side)
{
    cell_store_release(&side->encoded);
    cell_store_release(&side->read);
    tuple_store_free(side->decoded);
}

static size_t
cell_bytes(struct spine_type type)
{
    return type.kind == SPINE_FIXED                           ? type.size
           : type.kind == SPINE_U32 || type.kind == SPINE_I32 ? 4
                                                              : 8;
}
