/* SPDX-License-Identifier: MIT */
#ifndef ROWS_DESCRIBE_H
#define ROWS_DESCRIBE_H

/*
 * rows/describe -- types, cells, times and rows as messages name them.
 *
 * Each function writes to `text`, which has as many bytes as its comment says, and
 * returns it. Any thread.
 */

#include "spine/schema.h"

struct layout;
struct rows;

enum { DESCRIBED_BYTES = 80, DESCRIBED_ROW_BYTES = 200 };

/* Such as "SPINE_U64". */
const char *kind_name(enum spine_kind kind);

/* The kind of number that has this stamp; SPINE_NONE when none has. */
enum spine_kind kind_of_stamp(uint64_t stamp);

/* Such as "SPINE_FIXED of 4". `size` means nothing to other kinds. DESCRIBED_BYTES. */
const char *describe_type(struct spine_type type, char *text);

/* Such as "-7", "0.5" or "\"ada\""; of long bytes the first ones, and how many they are.
 * DESCRIBED_BYTES. */
const char *describe_datum(enum spine_kind kind, union spine_datum datum, char *text);

/* Such as "7" or, of a SPINE_TIME_PAIR, "(1, 2)". DESCRIBED_BYTES. */
const char *describe_time(enum spine_time time, uint64_t number, char *text);

/* Such as "key 7, value \"ada\", time 3": what row `at` has of these. `turned` rows are
 * complemented, as descending ones are. DESCRIBED_ROW_BYTES. */
const char *describe_row(const struct layout *layout, const struct rows *rows, size_t at,
                         bool turned, char *text);

/* Fails with SPINE_INVALID: `given` is not the schema `wanted`. The message begins with
 * `what`, the name of what has the schema `given`, and says what differs. */
enum spine_status fail_schema(struct spine_error *error, const char *what,
                              const struct spine_schema *given,
                              const struct spine_schema *wanted);

/* Fails with SPINE_OVERFLOW and names row `at`. */
enum spine_status fail_overflow(struct spine_error *error, const struct layout *layout,
                                const struct rows *rows, size_t at, bool turned);

/* The same for the row that kway_fill() or rows_consolidate() left in `rows` when a sum
 * was not in int64_t: the first one that equals the next one, or else the last one. */
enum spine_status fail_overflow_in(struct spine_error *error, const struct layout *layout,
                                   const struct rows *rows, bool turned);

#endif
