/* SPDX-License-Identifier: MIT */
#ifndef ROWS_ROWS_H
#define ROWS_ROWS_H

/*
 * rows/ -- what a row is inside the library, and flat columns of rows.
 *
 * A row is a *code*: words that compare as (key, value) does. There are three kinds of
 * rows, chosen once per schema by layout_init():
 *
 *     ROW_ONE    key and value fit in 64 bits together     hi
 *     ROW_TWO    they fit in two words                     hi, lo
 *     ROW_WIDE   everything else: bytes, times, several    hi, lo as prefixes,
 *                weights                                   then spans, then time
 *
 * For ROW_ONE and ROW_TWO, untimed and with one weight, the code is the row: kernels
 * compare it and move it, and never look at types. ROW_WIDE rows carry what the prefix
 * cannot decide beside it.
 *
 *     schema u32 -> u32:   hi = key << 32 | value
 *     schema u64 -> u64:   hi = key, lo = value
 *     schema bytes -> u64: hi = prefix of key, lo = value, key[] = the bytes
 *
 * The library works on flat columns (struct rows), one entry per row; batch/ turns blocks
 * into them and back. This folder converts, compares, copies and searches them; kernel/
 * sorts and merges them. Nothing here locks or dispatches per row. Any thread; a struct
 * belongs to one thread at a time.
 *
 * The folder has doors beside this one, for loops that compare or add row by row:
 * row_order.h, row_weights.h, and arena.h for the bytes that rows borrow.
 */

#include "base/bytes.h"
#include "rows/describe.h"
#include "rows/lent_rows.h"
#include "rows/through.h"
#include "spine/batch.h"
#include "spine/cursor.h"
#include "spine/schema.h"
#include "tuple/tuple.h"

#include <stdbool.h>

enum row_kind { ROW_ONE, ROW_TWO, ROW_WIDE };

/* How a column of cells is stored in a block. Words are normalised (base/bytes.h). */
enum shape { SHAPE_NONE, SHAPE_WORD4, SHAPE_WORD8, SHAPE_FIXED, SHAPE_BYTES };

struct cell_layout {
    /* "key" or "value", for messages. */
    const char *name;
    enum spine_kind kind;
    enum shape shape : 8;
    /* Are rows.key (rows.value) spans in use for it? Only in ROW_WIDE, for FIXED and
     * BYTES. */
    bool spans;
    /* Bytes of a stored cell: 0, 4, 8, the size of SHAPE_FIXED; 0 for SHAPE_BYTES. */
    uint32_t bytes;
    /* Bytes of the caller's cell, for SPINE_FIXED its size; 0 for SPINE_BYTES. */
    uint32_t native_bytes;
    /* What a number of this column has as its stamp, if any; 0 for bytes and nothing. */
    uint64_t stamp;
};

/* A schema, compiled. Plain data; copied freely. An owner that keeps a copy longer than
 * the original keeps the tuple types of its schema: schema_ref(), schema_unref() of
 * tuple/. */
struct layout {
    struct spine_schema schema; /* with weight_count resolved */
    enum row_kind row_kind;
    struct cell_layout key;
    struct cell_layout value;
    unsigned weight_count;
    bool timed;
    /* ROW_ONE: two rows have the same key iff hi >> key_shift is equal;
     * 64 means always. */
    unsigned key_shift;
};

/*
 * Short fixed cells (size <= 8) are stored as WORD8, big-endian, padded with zeros (WORD4
 * for size <= 4). SPINE_FIXED of 9..16 bytes with no other cell is SHAPE_FIXED and
 * ROW_TWO: hi, lo hold its bytes big-endian, padded.
 */
enum spine_status layout_init(struct layout *layout, const struct spine_schema *schema,
                              struct spine_error *error);

/* One normalised cell. */
struct cell {
    /* The whole cell, or its first eight bytes. */
    uint64_t word;
    /* SPINE_FIXED of more than eight bytes: the next eight. All of it in ROW_TWO. */
    uint64_t rest;
    /* FIXED and BYTES: all bytes. Only looked at where the column has spans. */
    struct span span;
};

/* `datum` of the column as a cell; SPINE_INVALID when its kind or its size does not fit.
 * Spans borrow. */
enum spine_status cell_of_datum(const struct cell_layout *column, union spine_datum datum,
                                struct cell *out, struct spine_error *error);

/* ---- Rows ---- */

/*
 * Flat rows as columns. Which are in use follows from the layout; the others are NULL.
 * `weight` has weight_count numbers per row. `time` only when timed. Untimed codes of one
 * weight lie in one piece of memory, equally far apart: hi, weight, lo, as rows_reserve()
 * makes them; windows are merged by that.
 */
struct rows {
    uint64_t *hi;
    uint64_t *lo;
    struct span *key;
    struct span *value;
    uint64_t *time;
    int64_t *weight;
    size_t count;
    size_t capacity;
};

/* Columns of codes, lent with all their room. The lender takes the new `count` back. */
static inline struct lent_rows
rows_lend(const struct rows *rows)
{
    return (struct lent_rows){rows->hi, rows->lo, rows->weight, rows->count,
                              rows->capacity};
}

/* Room for `needed` rows in all. False without memory, rows as they were. */
bool rows_reserve(const struct layout *layout, struct rows *rows, size_t needed);
/* Frees the columns; zeroed afterwards, twice is harmless. */
void rows_release(const struct layout *layout, struct rows *rows);
/* Moves rows [begin, end) of `from` behind those of `to`, which has room. Any overlap
 * within one struct. */
void rows_append(const struct layout *layout, struct rows *to, const struct rows *from,
                 size_t begin, size_t end);
/* Drops the first `count` rows, moving the rest to the front. */
void rows_drop_front(const struct layout *layout, struct rows *rows, size_t count);
/* Copies rows [begin, end) down to row `to` <= `begin`; `count` stays. */
void rows_move(const struct layout *layout, struct rows *rows, size_t to, size_t begin,
               size_t end);
/* Reverses the order of the rows from `begin` on and complements `hi` and `lo`: ascending
 * rows become descending ones as struct kway takes them, and the other way round. */
void rows_turn_round(const struct layout *layout, struct rows *rows, size_t begin);

/* Moves every row that equals the one before it from sorted `rows` to the empty
 * `repeats`. False without memory, and nothing is moved. */
bool
rows_take_repeats(const struct layout *layout, struct rows *rows, struct rows *repeats);

/* <0, 0, >0 by (key, value) and, if timed, time. For checks and slow paths. */
int rows_compare(const struct layout *layout, const struct rows *a, size_t at_a,
                 const struct rows *b, size_t at_b);
/* The first row in (at, end) whose key (whose key or value) differs from row `at`'s;
 * `end` if none. Gallops. */
size_t
rows_key_end(const struct layout *layout, const struct rows *rows, size_t at, size_t end);
size_t rows_value_end(const struct layout *layout, const struct rows *rows, size_t at,
                      size_t end);
/* The first row in [begin, end) not before (key), or not before (key, value) unless value
 * is NULL. Gallops from `begin`. */
size_t rows_lower_bound(const struct layout *layout, const struct rows *rows,
                        size_t begin, size_t end, const struct cell *key,
                        const struct cell *value);
/* The first row in [begin, end) after (key), or after (key, value). */
size_t rows_upper_bound(const struct layout *layout, const struct rows *rows,
                        size_t begin, size_t end, const struct cell *key,
                        const struct cell *value);

/* A row without its cells: its code, and its spans where it has some, which are borrowed;
 * enough to compare it. */
struct row_code {
    uint64_t hi;
    uint64_t lo;
    struct span key;
    struct span value;
};

struct row_code
rows_code(const struct layout *layout, const struct rows *rows, size_t at);

/* Row `at`'s key and value as cells, fit for searching. Only columns with spans have
 * their span set; it borrows from where the row's does. */
struct cell rows_key(const struct layout *layout, const struct rows *rows, size_t at);
struct cell rows_value(const struct layout *layout, const struct rows *rows, size_t at);

/*
 * Row `at`'s key or value in the caller's type. Bytes that rows keep as words are written
 * to `scratch`, 16 bytes, and borrowed from there.
 */
union spine_datum rows_key_datum(const struct layout *layout, const struct rows *rows,
                                 size_t at, uint8_t *scratch);
union spine_datum rows_value_datum(const struct layout *layout, const struct rows *rows,
                                   size_t at, uint8_t *scratch);

/* Checks the shape of `columns` (NULL where there must be an array, falling offsets, too
 * long cells). */
enum spine_status columns_check(const struct layout *layout,
                                const struct spine_columns *columns,
                                struct spine_error *error);
/* Appends rows [begin, end) of checked `columns`, normalised; `rows` has room. Spans
 * borrow from the columns. */
void rows_append_columns(const struct layout *layout, struct rows *rows,
                         const struct spine_columns *columns, size_t begin, size_t end);
/* Appends one row; `rows` has room. SPINE_INVALID for a cell that does not fit. Spans
 * borrow from `row`. */
enum spine_status rows_append_row(const struct layout *layout, struct rows *rows,
                                  const struct spine_row *row, struct spine_error *error);
/*
 * Writes rows [begin, end) into the caller's columns starting at row `at` of them
 * (`buffers->key_offsets[at]` is already right when at > 0). There is room; see
 * rows_read_fit().
 */
void rows_read(const struct layout *layout, const struct rows *rows, size_t begin,
               size_t end, const struct spine_column_buffers *buffers, size_t at);
/* How many of rows [begin, end) fit behind row `at` of `buffers`, by rows and by
 * bytes. */
size_t rows_read_fit(const struct layout *layout, const struct rows *rows, size_t begin,
                     size_t end, const struct spine_column_buffers *buffers, size_t at);

#endif
