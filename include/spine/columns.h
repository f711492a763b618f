/* SPDX-License-Identifier: MIT */
#ifndef SPINE_COLUMNS_H
#define SPINE_COLUMNS_H

/*
 * Rows as columns: what goes into batches and probes, and what cursors fill.
 */

#include "spine/schema.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Rows as columns, borrowed for the call. The arrays by kind of the schema:
 *
 *     SPINE_NONE         cells NULL
 *     numbers            cells of `rows` numbers of the kind's C type
 *     SPINE_FIXED        cells of `rows * size` bytes
 *     SPINE_BYTES        cells are the bytes end to end, offsets of `rows + 1`
 *                        numbers: row i is [offsets[i], offsets[i + 1])
 */
struct spine_columns {
    size_t rows;
    const void *keys;
    const uint64_t *key_offsets;
    const void *values;
    const uint64_t *value_offsets;
    /* `rows` times; NULL when untimed. */
    const uint64_t *times;
    /* `rows * weight_count` weights, those of a row side by side; NULL: all are 1. */
    const int64_t *weights;
};

/*
 * Memory of the caller that spine_cursor_read() fills; the shapes are those of
 * struct spine_columns. A NULL array is a column that the caller does not want;
 * `keys` and `values` are not wanted in schemas without them.
 */
struct spine_column_buffers {
    /* Room, in rows, of every array. */
    size_t rows;
    /* The keys; when they are SPINE_BYTES, `rows + 1` offsets, too, and the room of
     * `keys` in bytes. */
    void *keys;
    uint64_t *key_offsets;
    size_t key_bytes;
    /* The same for values. */
    void *values;
    uint64_t *value_offsets;
    size_t value_bytes;
    /* A time for each row, and `rows * weight_count` weights. */
    uint64_t *times;
    int64_t *weights;
};

#ifdef __cplusplus
}
#endif

#endif
