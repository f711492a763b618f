/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_CHECK_H
#define HARNESS_CHECK_H

/*
 * harness/check -- rows into the library and out of it again, every way there is, and
 * compared with the model. All functions that return bool print what was wrong.
 */

#include "harness/generate.h"
#include "harness/model.h"
#include "harness/property.h"
#include "spine/spine.h"

/* Columns of rows, with memory of their own. */
struct columns {
    struct spine_columns view;
    void *keys;
    uint64_t *key_offsets;
    void *values;
    uint64_t *value_offsets;
    uint64_t *times;
    int64_t *weights;
};

void columns_init(struct columns *columns, const struct model *rows);
void columns_release(struct columns *columns);

/* Cell `at` of a column; borrows from it. */
union spine_datum column_cell(const struct spine_type *type, const void *cells,
                              const uint64_t *offsets, size_t at);

/* Room for `rows` rows of at most `cell_bytes` bytes a cell. */
struct buffers {
    struct spine_column_buffers view;
};
void buffers_init(struct buffers *buffers, const struct spine_schema *schema, size_t rows,
                  size_t cell_bytes);
void buffers_release(struct buffers *buffers);
/* Appends the first `rows` rows of `buffers` to `out`. */
void buffers_rows(const struct buffers *buffers, size_t rows, struct model *out);

/* The row as the library takes it; borrows from `row`. */
struct spine_row row_of_model(const struct model_row *row);

/* A batch of the rows of `rows`, which need not be consolidated. Fails the process when
 * the library does not make one. */
struct spine_batch *batch_of_rows(const struct model *rows);

/*
 * Reads all rows into `out`, initialised with the schema and empty: step by step from the
 * front, step by step from the back (`out` is in order all the same), and in bulk, at
 * most `rows_max` rows at a time.
 */
bool observe_forward(struct spine_cursor *cursor, struct model *out);
bool observe_reverse(struct spine_cursor *cursor, struct model *out);
bool observe_bulk(struct spine_cursor *cursor, size_t rows_max, struct model *out);

/* Reads `cursor` forward, backward and in bulk: each time the rows of `expected`. */
bool
check_cursor(struct spine_cursor *cursor, const struct model *expected, const char *what);
/* The same of a new cursor, with spine_batch_check() and spine_batch_get_info(). */
bool
check_batch(struct spine_batch *batch, const struct model *expected, const char *what);
bool check_snapshot(struct spine_snapshot *snapshot, const struct model *expected,
                    const char *what);
bool check_spine(struct spine *spine, const struct model *expected, const char *what);
/* check_spine() forward only. */
bool
check_spine_quickly(struct spine *spine, const struct model *expected, const char *what);
/*
 * The same content for a reader at `frontier`: both sides are advanced and consolidated
 * before they are compared.
 */
bool check_spine_since(struct spine *spine, const struct model *expected,
                       uint64_t frontier, const char *what);
bool check_snapshot_since(struct spine_snapshot *snapshot, const struct model *expected,
                          uint64_t frontier, const char *what);

/* Moves `cursor`, new or anywhere, and a cursor of the model `moves` times at random,
 * comparing all that can be read after each; ends early when a fault (harness/fault.h)
 * made the cursor fail as it should. */
bool check_walk(struct spine_cursor *cursor, const struct model *expected,
                struct generator *generator, size_t moves);

#endif
