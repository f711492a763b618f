/* SPDX-License-Identifier: MIT */
#ifndef HARNESS_MODEL_H
#define HARNESS_MODEL_H

/*
 * harness/model -- what a batch, a snapshot or a spine holds, written so that it is
 * obviously right: an array of rows, sorted by qsort, and linear searches. Everything is
 * checked against this. Its memory is malloc's; without memory it aborts.
 */

#include "spine/batch.h"
#include "spine/schema.h"

#include <stdbool.h>
#include <stdio.h>

struct model_row {
    union spine_datum key;
    union spine_datum value;
    uint64_t time;
    int64_t weights[SPINE_WEIGHTS_MAX];
};

struct model_chunk;

struct model {
    struct spine_schema schema;
    unsigned weight_count;
    struct model_row *rows;
    size_t count;
    size_t capacity;
    /* Where the bytes of SPINE_FIXED and SPINE_BYTES cells live. */
    struct model_chunk *chunks;
};

/* <0, 0, >0 in the order of the kind. */
int model_cell_compare(enum spine_kind kind, union spine_datum a, union spine_datum b);

void model_init(struct model *model, const struct spine_schema *schema);
void model_release(struct model *model);
/* Makes `to`, already initialised, a copy of `from`. */
void model_copy(struct model *to, const struct model *from);

/* Appends a row, copying its bytes; time and weights that the schema lacks are ignored.
   The model is not consolidated then. */
void model_add(struct model *model, const struct model_row *row);
void model_add_rows(struct model *model, const struct model_row *rows, size_t count);
/* The row with its weights times `factor`. */
void model_add_times(struct model *model, const struct model_row *row, int64_t factor);
/* Sorts, adds up the weights of equal rows and drops rows of weight zero. */
void model_consolidate(struct model *model);
/* Keeps one row of each key of a consolidated model, the first. */
void model_keep_keys(struct model *model);
/* Replaces every time t by join(t, frontier), and consolidates. */
void model_advance(struct model *model, uint64_t frontier);
/* Keeps the rows at times less than or equal to `through`, at the time 0, and
 * consolidates. */
void model_through(struct model *model, uint64_t through);
/* Adds up all weights, component by component. */
void model_sum(const struct model *model, int64_t sum[SPINE_WEIGHTS_MAX]);

size_t model_key_count(const struct model *model);
size_t model_negative_count(const struct model *model);

/* True when both, consolidated, are the same rows. Otherwise prints `what` and the first
 * difference with the rows around it. */
bool
model_equal(const struct model *expected, const struct model *observed, const char *what);
void model_print_cell(FILE *file, const struct spine_type *type, union spine_datum cell);
void model_print_row(FILE *file, const struct model *model, const struct model_row *row);

/*
 * The cursor of spine/cursor.h over a consolidated model. Beside standing on a key (on a
 * value) it can stand before the first, after the last, or nowhere at all.
 */
enum model_place { MODEL_ON, MODEL_BEFORE, MODEL_AFTER, MODEL_NOWHERE };

struct model_cursor {
    const struct model *model;
    enum model_place key_place;
    /* The first row of the key. */
    size_t key;
    enum model_place val_place;
    /* The first row of the value. */
    size_t val;
};

void model_cursor_init(struct model_cursor *cursor, const struct model *model);
bool model_cursor_key_valid(const struct model_cursor *cursor);
bool model_cursor_val_valid(const struct model_cursor *cursor);
/* One past the last row of the key (of the value) that the cursor stands on. */
size_t model_cursor_key_end(const struct model_cursor *cursor);
size_t model_cursor_val_end(const struct model_cursor *cursor);
void model_cursor_rewind(struct model_cursor *cursor);
void model_cursor_fast_forward(struct model_cursor *cursor);
void model_cursor_step_key(struct model_cursor *cursor);
void model_cursor_step_key_reverse(struct model_cursor *cursor);
void model_cursor_seek_key(struct model_cursor *cursor, union spine_datum key);
void model_cursor_seek_key_reverse(struct model_cursor *cursor, union spine_datum key);
bool model_cursor_seek_key_exact(struct model_cursor *cursor, union spine_datum key);
void model_cursor_rewind_vals(struct model_cursor *cursor);
void model_cursor_fast_forward_vals(struct model_cursor *cursor);
void model_cursor_step_val(struct model_cursor *cursor);
void model_cursor_step_val_reverse(struct model_cursor *cursor);
void model_cursor_seek_val(struct model_cursor *cursor, union spine_datum val);
void model_cursor_seek_val_reverse(struct model_cursor *cursor, union spine_datum val);

#endif
