/* SPDX-License-Identifier: MIT */
#ifndef SPINE_TUPLE_ROW_H
#define SPINE_TUPLE_ROW_H

/*
 * One tuple at a time: its columns are put one by one, and are read by their numbers. The
 * cells are those of spine/tuple.h, the same that columns become by
 * spine_tuple_encode(), so rows written like this and columns may be in one batch.
 *
 *     spine_tuple_put_u64(writer, customer);
 *     spine_tuple_put_bytes(writer, name, strlen(name));
 *     if (spine_tuple_finish(writer, &row.key, &error) == SPINE_OK)
 *         ... spine_batcher_add(batcher, &row, &error) ...
 *
 *     if (spine_tuple_read(reader, spine_cursor_key(c), &columns, &error) == SPINE_OK)
 *         use(columns[0].as.u64, columns[1].as.bytes);
 *
 * A row costs a walk down its type. Many rows are quicker as columns
 * (spine/tuple_columns.h).
 */

#include "spine/tuple.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Writes one tuple of its type after the other. One thread at a time. */
struct spine_tuple_writer;

/* A writer of tuples of `type`, of which it keeps a reference. On success the caller owns
 * `*out` and ends it with spine_tuple_writer_free(). SPINE_NOMEM. */
SPINE_API SPINE_CHECKED enum spine_status
spine_tuple_writer_new(const struct spine_tuple_type *type,
                       struct spine_tuple_writer **out, struct spine_error *error);
/* NULL is allowed. */
SPINE_API void spine_tuple_writer_free(struct spine_tuple_writer *writer);

/*
 * The value of the next column. What fails is told by spine_tuple_finish(), and what is
 * put after that is ignored: SPINE_INVALID for a column of another kind, a number that it
 * cannot hold, a null where there may be none, and bytes of another size than a fixed
 * one; SPINE_NOMEM; SPINE_MISUSE for more columns than there are.
 *
 * A null, of any kind; of a tuple all at once.
 */
SPINE_API void spine_tuple_put_null(struct spine_tuple_writer *writer);
/* Of a bool. */
SPINE_API void spine_tuple_put_bool(struct spine_tuple_writer *writer, bool truth);
/* Of i8 to i64, a date32, a time or a timestamp. */
SPINE_API void spine_tuple_put_i64(struct spine_tuple_writer *writer, int64_t number);
/* Of u8 to u64. */
SPINE_API void spine_tuple_put_u64(struct spine_tuple_writer *writer, uint64_t number);
/* Of an f32. */
SPINE_API void spine_tuple_put_f32(struct spine_tuple_writer *writer, float number);
/* Of an f64. */
SPINE_API void spine_tuple_put_f64(struct spine_tuple_writer *writer, double number);
/* Of a string, a binary, a fixed or a decimal128, as spine/tuple.h has their bytes. They
 * are copied; `data` may be NULL when `size` is 0. */
SPINE_API void
spine_tuple_put_bytes(struct spine_tuple_writer *writer, const void *data, size_t size);
/* What follows up to the matching spine_tuple_end() are the columns of the tuple that is
 * the next column. SPINE_MISUSE for an end before the last of them. */
SPINE_API void spine_tuple_begin(struct spine_tuple_writer *writer);
/* Back to the columns around. */
SPINE_API void spine_tuple_end(struct spine_tuple_writer *writer);
/* Forgets what was put, and what failed. */
SPINE_API void spine_tuple_clear(struct spine_tuple_writer *writer);

/*
 * The cell of the tuple, of which all columns have been put; the next tuple begins, also
 * after a failure. What `*out` points to is valid until the next call of this.
 *
 * The first failure of what was put; SPINE_MISUSE when columns are missing; SPINE_INVALID
 * for a tuple of more than SPINE_BYTES_MAX bytes. Then `*out` is zero.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_tuple_finish(struct spine_tuple_writer *writer, union spine_datum *out,
                   struct spine_error *error);

/* Reads one tuple of its type after the other. One thread at a time. */
struct spine_tuple_reader;

/* A reader of tuples of `type`, of which it keeps a reference. On success the caller owns
 * `*out` and ends it with spine_tuple_reader_free(). SPINE_NOMEM. */
SPINE_API SPINE_CHECKED enum spine_status
spine_tuple_reader_new(const struct spine_tuple_type *type,
                       struct spine_tuple_reader **out, struct spine_error *error);
/* NULL is allowed. */
SPINE_API void spine_tuple_reader_free(struct spine_tuple_reader *reader);

/* The value of a column. */
struct spine_tuple_value {
    /* The column's kind. */
    enum spine_column_kind kind;
    /* Then all of `as` is zero, and a tuple has no columns. */
    bool is_null;
    /* By kind: */
    union {
        bool truth;
        /* Signed integers, dates, times and timestamps. */
        int64_t i64;
        /* Unsigned integers. */
        uint64_t u64;
        /* Each of its kind. */
        float f32;
        double f64;
        /* Strings, binaries, fixed ones and decimals. */
        struct spine_bytes bytes;
        /* Tuples: their columns, as many as the type has. */
        const struct spine_tuple_value *columns;
    } as;
};

/*
 * Reads the tuple that `cell` is: `*out` has as many columns as the type. They, and what
 * they point to, are the reader's until it reads again; they do not point to the cell.
 *
 * SPINE_INVALID for a datum of another kind or size than the type's cell, SPINE_CORRUPT
 * for bytes that are no tuple of the type, where a null may have any bytes behind its
 * first; SPINE_NOMEM. Then `*out` is NULL.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_tuple_read(struct spine_tuple_reader *reader, union spine_datum cell,
                 const struct spine_tuple_value **out, struct spine_error *error);

#ifdef __cplusplus
}
#endif

#endif
