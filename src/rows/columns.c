/* SPDX-License-Identifier: MIT */
#include "rows/rows.h"

#include "base/assert.h"
#include "base/error.h"

#include <inttypes.h>

/*
 * The caller's columns into rows. A column of cells becomes a column of words by one loop
 * per kind; in ROW_ONE the value's word is pushed in behind the key's.
 */

/* One column of the caller's cells. */
struct cells {
    const uint8_t *data;
    const uint64_t *offsets;
};

static enum spine_status
check_column_cells(const char *field, const struct cell_layout *column,
                   struct cells cells, size_t rows, struct spine_error *error);
static void append_words(const struct cell_layout *column, struct cells cells,
                         size_t begin, size_t count, uint64_t *to, bool behind);
static void append_bytes(const struct cell_layout *column, struct cells cells,
                         size_t begin, size_t count, uint64_t *to, struct span *spans);
static void append_pairs(const struct cell_layout *column, struct cells cells,
                         size_t begin, size_t count, uint64_t *hi, uint64_t *lo);
static void append_weights(const struct layout *layout, struct rows *rows,
                           const struct spine_columns *columns, size_t begin,
                           size_t count);

enum spine_status
columns_check(const struct layout *layout, const struct spine_columns *columns,
              struct spine_error *error)
{
    TRY_RETURN(check_column_cells("key", &layout->key,
                                  (struct cells){columns->keys, columns->key_offsets},
                                  columns->rows, error));
    TRY_RETURN(check_column_cells("value", &layout->value,
                                  (struct cells){columns->values, columns->value_offsets},
                                  columns->rows, error));
    if (layout->timed && columns->times == NULL && columns->rows > 0)
        return spine_fail(error, SPINE_INVALID, "times is NULL");
    return SPINE_OK;
}

static enum spine_status
check_column_cells(const char *field, const struct cell_layout *column,
                   struct cells cells, size_t rows, struct spine_error *error)
{
    bool is_sound;

    if (rows == 0 || column->kind == SPINE_NONE)
        return SPINE_OK;
    if (column->kind != SPINE_BYTES) {
        if (cells.data != NULL)
            return SPINE_OK;
        return spine_fail(error, SPINE_INVALID, "%ss is NULL", field);
    }
    if (cells.offsets == NULL)
        return spine_fail(error, SPINE_INVALID, "%s_offsets is NULL", field);
    is_sound = offsets_within(cells.offsets, rows, SPINE_BYTES_MAX);
    for (size_t i = 0; i < rows && !is_sound; i++) {
        const uint64_t begin = cells.offsets[i], end = cells.offsets[i + 1];

        if (end < begin)
            return spine_fail(error, SPINE_INVALID,
                              "%s_offsets falls from %" PRIu64 " to %" PRIu64
                              " at row %zu",
                              field, begin, end, i);
        if (end - begin > SPINE_BYTES_MAX)
            return spine_fail(error, SPINE_INVALID,
                              "%s of row %zu has %" PRIu64 " bytes; the most is %u",
                              field, i, end - begin, SPINE_BYTES_MAX);
    }
    if (cells.data == NULL && cells.offsets[rows] > cells.offsets[0])
        return spine_fail(error, SPINE_INVALID, "%ss is NULL", field);
    return SPINE_OK;
}

void
rows_append_columns(const struct layout *layout, struct rows *rows,
                    const struct spine_columns *columns, size_t begin, size_t end)
{
    const struct cells keys = {columns->keys, columns->key_offsets};
    const struct cells values = {columns->values, columns->value_offsets};
    const size_t at = rows->count, count = end - begin;
    const bool one = layout->row_kind == ROW_ONE;

    assert(begin <= end);
    assert(end - begin <= rows->capacity - rows->count);
    assert(begin <= end && end <= columns->rows);
    assert(count <= rows->capacity - at);
    if (count == 0)
        return;
    if (layout->row_kind == ROW_TWO && layout->key.shape == SHAPE_FIXED) {
        append_pairs(&layout->key, keys, begin, count, rows->hi + at, rows->lo + at);
    } else if (layout->row_kind == ROW_TWO && layout->value.shape == SHAPE_FIXED) {
        append_pairs(&layout->value, values, begin, count, rows->hi + at, rows->lo + at);
    } else {
        if (layout->key.spans)
            append_bytes(&layout->key, keys, begin, count, rows->hi + at, rows->key + at);
        else
            append_words(&layout->key, keys, begin, count, rows->hi + at, false);
        if (layout->value.spans)
            append_bytes(&layout->value, values, begin, count, rows->lo + at,
                         rows->value + at);
        else if (!one || layout->value.shape != SHAPE_NONE)
            append_words(&layout->value, values, begin, count,
                         (one ? rows->hi : rows->lo) + at,
                         one && layout->key.shape != SHAPE_NONE);
    }
    if (layout->timed)
        memcpy(rows->time + at, columns->times + begin, count * sizeof *rows->time);
    append_weights(layout, rows, columns, begin, count);
    rows->count += count;
}

/* The word of a short SPINE_FIXED cell: big-endian in `stored` bytes, zeros behind. */
static uint64_t
load_short(const uint8_t *cell, size_t native_bytes, size_t stored)
{
    return bytes_prefix(cell, native_bytes) >> (64 - 8 * stored);
}

/* `behind`: to[i] holds a word of four bytes already, which moves up. */
static inline void
put_word(uint64_t *to, uint64_t word, bool behind)
{
    *to = behind ? *to << 32 | word : word;
}

/* One loop for each kind of number and either use of `behind`. */
#define APPEND_NUMBERS(type, expression)                                                 \
    for (size_t i = 0; i < count; i++) {                                                 \
        type number;                                                                     \
        memcpy(&number, cells.data + (begin + i) * sizeof number, sizeof number);        \
        put_word(&to[i], (expression), behind);                                          \
    }

static inline __attribute__((always_inline)) void
append_words_as(const struct cell_layout *column, struct cells cells, size_t begin,
                size_t count, uint64_t *to, bool behind)
{
    const size_t bytes = column->native_bytes;

    switch (column->kind) {
    case SPINE_U64:
        APPEND_NUMBERS(uint64_t, number)
        break;
    case SPINE_I64:
        APPEND_NUMBERS(int64_t, word_of_i64(number))
        break;
    case SPINE_F64:
        APPEND_NUMBERS(double, word_of_f64(number))
        break;
    case SPINE_U32:
        APPEND_NUMBERS(uint32_t, number)
        break;
    case SPINE_I32:
        APPEND_NUMBERS(int32_t, word_of_i32(number))
        break;
    case SPINE_FIXED:
        for (size_t i = 0; i < count; i++)
            put_word(&to[i],
                     load_short(cells.data + (begin + i) * bytes, bytes, column->bytes),
                     behind);
        break;
    case SPINE_NONE:
        for (size_t i = 0; i < count; i++)
            put_word(&to[i], 0, behind);
        break;
    case SPINE_BYTES: /* has spans */
        assert(false);
    }
}

static void
append_words(const struct cell_layout *column, struct cells cells, size_t begin,
             size_t count, uint64_t *to, bool behind)
{
    if (behind)
        append_words_as(column, cells, begin, count, to, true);
    else
        append_words_as(column, cells, begin, count, to, false);
}

static void
append_bytes(const struct cell_layout *column, struct cells cells, size_t begin,
             size_t count, uint64_t *to, struct span *spans)
{
    for (size_t i = 0; i < count; i++) {
        const size_t row = begin + i;

        if (column->shape == SHAPE_FIXED)
            spans[i] = (struct span){cells.data + row * column->native_bytes,
                                     column->native_bytes};
        else if (cells.offsets[row] < cells.offsets[row + 1])
            spans[i] =
                (struct span){cells.data + cells.offsets[row],
                              (size_t)(cells.offsets[row + 1] - cells.offsets[row])};
        else
            spans[i] = (struct span){0};
        to[i] = bytes_prefix(spans[i].data, spans[i].size);
    }
}

/* SPINE_FIXED of 9 to 16 bytes in two words. */
static void
append_pairs(const struct cell_layout *column, struct cells cells, size_t begin,
             size_t count, uint64_t *hi, uint64_t *lo)
{
    const size_t bytes = column->native_bytes;

    for (size_t i = 0; i < count; i++) {
        const uint8_t *cell = cells.data + (begin + i) * bytes;

        hi[i] = bytes_prefix(cell, 8);
        lo[i] = bytes_prefix(cell + 8, bytes - 8);
    }
}

static void
append_weights(const struct layout *layout, struct rows *rows,
               const struct spine_columns *columns, size_t begin, size_t count)
{
    const size_t weights = layout->weight_count;
    int64_t *to = rows->weight + rows->count * weights;

    if (columns->weights != NULL) {
        memcpy(to, columns->weights + begin * weights, count * weights * sizeof *to);
        return;
    }
    for (size_t i = 0; i < count * weights; i++)
        to[i] = 1;
}

enum spine_status
rows_append_row(const struct layout *layout, struct rows *rows,
                const struct spine_row *row, struct spine_error *error)
{
    const size_t at = rows->count;
    struct cell key, value;

    assert(at < rows->capacity);
    TRY_RETURN(cell_of_datum(&layout->key, row->key, &key, error));
    TRY_RETURN(cell_of_datum(&layout->value, row->value, &value, error));
    if (layout->weight_count > 1 && row->weights == NULL)
        return spine_fail(error, SPINE_INVALID, "weights is NULL");

    rows->hi[at] = key.word;
    if (layout->row_kind == ROW_ONE) {
        if (layout->key_shift > 0)
            rows->hi[at] = key.word << 32 | value.word;
    } else if (layout->row_kind == ROW_TWO && layout->key.shape == SHAPE_FIXED) {
        rows->lo[at] = key.rest;
    } else if (layout->row_kind == ROW_TWO && layout->value.shape == SHAPE_FIXED) {
        rows->hi[at] = value.word;
        rows->lo[at] = value.rest;
    } else {
        rows->lo[at] = value.word;
    }
    if (layout->key.spans)
        rows->key[at] = key.span;
    if (layout->value.spans)
        rows->value[at] = value.span;
    if (layout->timed)
        rows->time[at] = row->time;
    if (layout->weight_count == 1)
        rows->weight[at] = row->weight;
    else
        memcpy(rows->weight + at * layout->weight_count, row->weights,
               layout->weight_count * sizeof *rows->weight);
    rows->count++;
    return SPINE_OK;
}
