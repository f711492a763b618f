/* SPDX-License-Identifier: MIT */
#include "harness/check.h"

#include <stdlib.h>
#include <string.h>

static void *allocate(size_t bytes);
static size_t number_bytes(enum spine_kind kind);
static void *column_new(const struct model *rows, bool values, uint64_t **offsets);

void
columns_init(struct columns *columns, const struct model *rows)
{
    *columns = (struct columns){.view = {.rows = rows->count}};
    columns->keys = column_new(rows, false, &columns->key_offsets);
    columns->values = column_new(rows, true, &columns->value_offsets);
    columns->weights = allocate(rows->count * rows->weight_count * sizeof(int64_t));
    bool all_one = true;
    for (size_t at = 0; at < rows->count; at++)
        for (unsigned i = 0; i < rows->weight_count; i++) {
            const int64_t weight = rows->rows[at].weights[i];
            columns->weights[at * rows->weight_count + i] = weight;
            all_one = all_one && weight == 1;
        }
    if (rows->schema.time != SPINE_UNTIMED) {
        columns->times = allocate(rows->count * sizeof(uint64_t));
        for (size_t at = 0; at < rows->count; at++)
            columns->times[at] = rows->rows[at].time;
    }
    columns->view.keys = columns->keys;
    columns->view.key_offsets = columns->key_offsets;
    columns->view.values = columns->values;
    columns->view.value_offsets = columns->value_offsets;
    columns->view.times = columns->times;
    columns->view.weights = all_one ? NULL : columns->weights;
}

void
columns_release(struct columns *columns)
{
    free(columns->keys);
    free(columns->key_offsets);
    free(columns->values);
    free(columns->value_offsets);
    free(columns->times);
    free(columns->weights);
    *columns = (struct columns){0};
}

void
buffers_init(struct buffers *buffers, const struct spine_schema *schema, size_t rows,
             size_t cell_bytes)
{
    const struct spine_type *types[2] = {&schema->key, &schema->value};
    void *cells[2] = {NULL, NULL};
    uint64_t *offsets[2] = {NULL, NULL};
    size_t bytes[2] = {0, 0};

    for (int i = 0; i < 2; i++) {
        if (types[i]->kind == SPINE_NONE)
            continue;
        bytes[i] = rows * cell_bytes;
        if (types[i]->kind == SPINE_FIXED)
            bytes[i] = rows * types[i]->size;
        else if (types[i]->kind != SPINE_BYTES)
            bytes[i] = rows * number_bytes(types[i]->kind);
        else
            offsets[i] = allocate((rows + 1) * sizeof(uint64_t));
        cells[i] = allocate(bytes[i]);
    }
    const size_t weight_count = schema->weight_count == 0 ? 1 : schema->weight_count;
    buffers->view = (struct spine_column_buffers){
        .rows = rows,
        .keys = cells[0],
        .key_offsets = offsets[0],
        .key_bytes = bytes[0],
        .values = cells[1],
        .value_offsets = offsets[1],
        .value_bytes = bytes[1],
        .times = schema->time == SPINE_UNTIMED ? NULL : allocate(rows * sizeof(uint64_t)),
        .weights = allocate(rows * weight_count * sizeof(int64_t)),
    };
}

void
buffers_release(struct buffers *buffers)
{
    free(buffers->view.keys);
    free(buffers->view.key_offsets);
    free(buffers->view.values);
    free(buffers->view.value_offsets);
    free(buffers->view.times);
    free(buffers->view.weights);
    *buffers = (struct buffers){0};
}

void
buffers_rows(const struct buffers *buffers, size_t rows, struct model *out)
{
    const struct spine_column_buffers *view = &buffers->view;

    for (size_t at = 0; at < rows; at++) {
        struct model_row row = {
            .key = column_cell(&out->schema.key, view->keys, view->key_offsets, at),
            .value =
                column_cell(&out->schema.value, view->values, view->value_offsets, at),
            .time = view->times == NULL ? 0 : view->times[at],
        };
        memcpy(row.weights, view->weights + at * out->weight_count,
               out->weight_count * sizeof row.weights[0]);
        model_add(out, &row);
    }
}

struct spine_row
row_of_model(const struct model_row *row)
{
    return (struct spine_row){
        .key = row->key,
        .value = row->value,
        .time = row->time,
        .weight = row->weights[0],
        .weights = row->weights,
    };
}

struct spine_batch *
batch_of_rows(const struct model *rows)
{
    struct spine_error error;
    struct spine_batch *batch = NULL;
    struct columns columns;

    columns_init(&columns, rows);
    if (!property_ok(
            __FILE__, __LINE__,
            spine_batch_from_columns(&rows->schema, &columns.view, &batch, &error),
            &error))
        abort();
    columns_release(&columns);
    return batch;
}

/* Never of 0 bytes, so that an empty column is not NULL. */
static void *
allocate(size_t bytes)
{
    void *memory = malloc(bytes > 0 ? bytes : 1);

    if (memory == NULL)
        abort();
    return memory;
}

static size_t
number_bytes(enum spine_kind kind)
{
    return kind == SPINE_U32 || kind == SPINE_I32 ? 4 : 8;
}

static void *
column_new(const struct model *rows, bool values, uint64_t **offsets)
{
    const struct spine_type *type = values ? &rows->schema.value : &rows->schema.key;
    const bool is_bytes = type->kind == SPINE_FIXED || type->kind == SPINE_BYTES;
    size_t bytes = 0, used = 0;

    if (type->kind == SPINE_NONE)
        return NULL;
    if (type->kind == SPINE_BYTES)
        *offsets = allocate((rows->count + 1) * sizeof **offsets);
    for (size_t at = 0; at < rows->count; at++)
        bytes += values ? rows->rows[at].value.bytes.size : rows->rows[at].key.bytes.size;
    if (!is_bytes)
        bytes = rows->count * number_bytes(type->kind);
    uint8_t *cells = allocate(bytes);
    for (size_t at = 0; at < rows->count; at++) {
        const union spine_datum cell = values ? rows->rows[at].value : rows->rows[at].key;
        const size_t size = is_bytes ? cell.bytes.size : number_bytes(type->kind);
        /* Every number begins at the first byte of the union. */
        const void *from = is_bytes ? cell.bytes.data : &cell;
        if (type->kind == SPINE_BYTES)
            (*offsets)[at] = used;
        if (size > 0)
            memcpy(cells + used, from, size);
        used += size;
    }
    if (type->kind == SPINE_BYTES)
        (*offsets)[rows->count] = used;
    return cells;
}

union spine_datum
column_cell(const struct spine_type *type, const void *cells, const uint64_t *offsets,
            size_t at)
{
    const uint8_t *bytes = cells;
    union spine_datum cell = {0};

    if (type->kind == SPINE_NONE)
        return cell;
    if (type->kind == SPINE_FIXED)
        return spine_data(bytes + at * type->size, type->size);
    if (type->kind == SPINE_BYTES)
        return spine_data(bytes + offsets[at], (size_t)(offsets[at + 1] - offsets[at]));
    const size_t size = number_bytes(type->kind);
    memcpy(&cell, bytes + at * size, size);
    return cell;
}
