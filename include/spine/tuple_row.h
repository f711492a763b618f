/* SPDX-License-Identifier: MIT */
#ifndef SPINE_TUPLE_ROW_H
#define SPINE_TUPLE_ROW_H

/*
 * Tuples as bytes whose memcmp order is the order of the tuples: composite, nullable and
 * descending keys for SPINE_BYTES columns.
 *
 *     spine_tuple_clear(writer);
 *     spine_tuple_put_u64(writer, tenant, SPINE_ASCENDING);
 *     spine_tuple_put_string(writer, name, strlen(name), SPINE_DESCENDING);
 *     if (spine_tuple_writer_status(writer, &error) == SPINE_OK)
 *         row.key.bytes = spine_tuple_bytes(writer);
 *
 * Every element says what it is, so bytes are read without a schema. In ascending order:
 *
 *     tag        what follows                            example
 *     02         nothing: null, nulls first              null             02
 *     04 05      nothing: false, true                    true             05
 *     10 - n     i64 < 0: the low n bytes, big-endian    -1               10
 *                                                        -2               0f fe
 *                                                        -257             0e fe ff
 *     11 + n     i64 >= 0: the same                      0                11
 *                                                        256              13 01 00
 *     20 + n     u64: the same                           0                20
 *                                                        5                21 05
 *     30         f64: 8 bytes, big-endian; sign bit      1.0              30 bf f0 00 ...
 *                flipped, all bits of negatives          -1.0             30 40 0f ff ...
 *     40         string: its bytes, 00 as 00 ff, then    "hi"             40 68 69 00 00
 *                00 00                                   "a\0"            40 61 00 ff 00
 *     41         bytes: the same                         empty            41 00 00
 *     42         tuple: its elements, then 00            (5u, null)       42 21 05 02 00
 *     7e         nothing: null, nulls last               null             7e
 *
 * Tags are hexadecimal; n is the least number of bytes, 0 to 8, that leaves out leading
 * ones of negative and leading zeros of other numbers. A descending element has every bit
 * flipped: 5u is de fa, a null that comes last fd. In a descending tuple all of its
 * elements are flipped, once more. No element begins with 00, 01 or ff.
 *
 * What comes first at one position: the end of the tuple, null (nulls first), false,
 * true, i64, u64, f64, string, bytes, tuple, null (nulls last); descending the reverse,
 * after all that is ascending. i64 and u64 are different kinds, not one line of numbers.
 * Doubles order as SPINE_F64. Strings order by their bytes, which for UTF-8 is by code
 * point; they are not checked. A tuple comes before those that begin with it, and its
 * bytes begin theirs: spine_cursor_seek_key() with (a) finds the first (a, ...).
 */

#include "spine/tuple.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What an element is. */
enum spine_tuple_kind {
    SPINE_TUPLE_NULL = 0,
    SPINE_TUPLE_BOOL,
    SPINE_TUPLE_I64,
    SPINE_TUPLE_U64,
    SPINE_TUPLE_F64,
    SPINE_TUPLE_STRING,
    SPINE_TUPLE_BYTES,
    /* A nested tuple begins: its elements follow, then its SPINE_TUPLE_END. */
    SPINE_TUPLE_BEGIN,
    SPINE_TUPLE_END
};

/* One element: what it is. */
struct spine_tuple_element {
    enum spine_tuple_kind kind;
    /* As read: where nulls are is known of nulls only. Without meaning at
     * SPINE_TUPLE_END. */
    enum spine_tuple_order order;
    union {
        bool truth;
        int64_t i64;
        uint64_t u64;
        double f64;
        /* SPINE_TUPLE_STRING and SPINE_TUPLE_BYTES. */
        struct spine_bytes bytes;
    } as;
};

/*
 * A writer of one tuple after the other, in the caller's memory; the fields are the
 * library's. Failures are sticky: what is put after one is ignored. One thread at a time.
 */
struct spine_tuple_writer {
    uint8_t *data;
    size_t size;
    size_t capacity;
    /* One bit per open tuple, the innermost lowest: are its bytes flipped? */
    uint32_t flips;
    unsigned depth;
    enum spine_status status;
    const char *reason;
};

/* An empty tuple; allocates nothing. */
SPINE_API void spine_tuple_writer_init(struct spine_tuple_writer *writer);
/* Gives its memory back and leaves it as spine_tuple_writer_init() does. */
SPINE_API void spine_tuple_writer_release(struct spine_tuple_writer *writer);
/* Back to the empty tuple, without its failure, keeping its memory. */
SPINE_API void spine_tuple_clear(struct spine_tuple_writer *writer);

/* The next element. `data` may be NULL when `size` is 0, and must not be the writer's. */
SPINE_API void
spine_tuple_put_null(struct spine_tuple_writer *writer, enum spine_tuple_order order);
SPINE_API void spine_tuple_put_bool(struct spine_tuple_writer *writer, bool truth,
                                    enum spine_tuple_order order);
SPINE_API void spine_tuple_put_i64(struct spine_tuple_writer *writer, int64_t number,
                                   enum spine_tuple_order order);
SPINE_API void spine_tuple_put_u64(struct spine_tuple_writer *writer, uint64_t number,
                                   enum spine_tuple_order order);
SPINE_API void spine_tuple_put_f64(struct spine_tuple_writer *writer, double number,
                                   enum spine_tuple_order order);
SPINE_API void spine_tuple_put_string(struct spine_tuple_writer *writer, const char *data,
                                      size_t size, enum spine_tuple_order order);
SPINE_API void spine_tuple_put_bytes(struct spine_tuple_writer *writer, const void *data,
                                     size_t size, enum spine_tuple_order order);
/* What is put from here to the matching spine_tuple_end() is a nested tuple. */
SPINE_API void
spine_tuple_begin(struct spine_tuple_writer *writer, enum spine_tuple_order order);
SPINE_API void spine_tuple_end(struct spine_tuple_writer *writer);
/* Whatever `element` is, as spine_tuple_next() gave it. */
SPINE_API void spine_tuple_put(struct spine_tuple_writer *writer,
                               const struct spine_tuple_element *element);

/*
 * SPINE_OK, or the first failure: SPINE_NOMEM; SPINE_INVALID for an order or kind that
 * does not exist, more than SPINE_BYTES_MAX bytes, bytes or an element at NULL, or too
 * deep a nesting; SPINE_MISUSE for an end without a beginning and, until it is ended, a
 * beginning without an end.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_tuple_writer_status(const struct spine_tuple_writer *writer,
                          struct spine_error *error);

/* The tuple, valid until the writer is used again; no bytes unless the status is
 * SPINE_OK. */
SPINE_API struct spine_bytes spine_tuple_bytes(const struct spine_tuple_writer *writer);

/* A reader in the caller's memory; the fields are the library's. One thread at a time. */
struct spine_tuple_reader {
    const uint8_t *data;
    size_t size;
    size_t at;
    uint32_t flips;
    unsigned depth;
    enum spine_status status;
    const char *reason;
    /* Strings and bytes that are not in `data` as they were put. */
    uint8_t *buffer;
    size_t buffer_bytes;
};

/* Stands before the first element of `tuple`, which must stay as it is while it is read;
 * allocates nothing. */
SPINE_API void
spine_tuple_reader_init(struct spine_tuple_reader *reader, struct spine_bytes tuple);
/* The same for a reader that was used before, keeping its memory. */
SPINE_API void
spine_tuple_reader_restart(struct spine_tuple_reader *reader, struct spine_bytes tuple);
/* Gives its memory back; the reader is then one of the empty tuple. */
SPINE_API void spine_tuple_reader_release(struct spine_tuple_reader *reader);

/* Reads the next element; its bytes are valid until the next call. False at the end, and
 * for good after a failure. */
SPINE_API bool
spine_tuple_next(struct spine_tuple_reader *reader, struct spine_tuple_element *out);

/*
 * SPINE_OK, SPINE_NOMEM, SPINE_INVALID for bytes or an element at NULL, or SPINE_CORRUPT
 * for bytes that no writer gives, with their offset. All that is read without
 * SPINE_CORRUPT are the very bytes that spine_tuple_put() of the elements gives.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_tuple_reader_status(const struct spine_tuple_reader *reader,
                          struct spine_error *error);

#ifdef __cplusplus
}
#endif

#endif
