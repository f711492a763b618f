/* SPDX-License-Identifier: MIT */

/*
 * Rows as arrays of Arrow. The rows live in a page of tuples, and so do most of the
 * arrays' buffers: these are the page's columns. All arrays of a record batch share its
 * hold, which has the page, and each has a reference.
 *
 * Where not all rows of the page are given at once, arrays have offsets.
 */

#include "arrow/arrow.h"

#include "base/assert.h"

#include <string.h>

static size_t fit_field(const struct outlet *outlet, const struct arrow_field *field,
                        const struct spine_column_data *data, size_t end,
                        uint64_t bytes_max);
static const struct spine_column_data *data_of(const struct outlet *outlet,
                                               const struct arrow_field *field,
                                               struct spine_column_data *number);
static bool give_field(const struct outlet *outlet, const struct arrow_field *field,
                       const struct spine_column_data *data, bool is_nested,
                       struct ArrowArray *out);
static bool begin_array(const struct outlet *outlet, size_t buffers, size_t children,
                        struct ArrowArray *out);
static const void *
give_bits(const struct outlet *outlet, const struct spine_column_data *data);
static const void *give_offsets(const struct outlet *outlet,
                                const struct spine_column_data *data, const void **bytes);
static const void *
give_weights(const struct outlet *outlet, const struct arrow_field *field);
static void release_array(struct ArrowArray *array);

static bool
has_short_offsets(const struct arrow_field *field)
{
    return field->layout == ARROW_STRINGS || field->layout == ARROW_VIEWS;
}

size_t
outlet_fit(const struct outlet *outlet, size_t rows_max, uint64_t bytes_max)
{
    const struct spine_arrow_mapping *const mapping = outlet->mapping;
    const size_t rows = outlet->rows.rows - outlet->begin;
    size_t end = outlet->begin + (rows < rows_max ? rows : rows_max);

    assert(outlet->begin < outlet->rows.rows && rows_max > 0);
    for (size_t i = 0; i < mapping->count; i++) {
        const struct arrow_field *const field = &mapping->fields[i];
        struct spine_column_data number;

        end = fit_field(outlet, field, data_of(outlet, field, &number), end, bytes_max);
    }
    assert(end > outlet->begin);
    return end - outlet->begin;
}

/* Where the rows end that fit, at most `end`. */
static size_t
fit_field(const struct outlet *outlet, const struct arrow_field *field,
          const struct spine_column_data *data, size_t end, uint64_t bytes_max)
{
    const size_t begin = outlet->begin;

    for (size_t i = 0; i < field->child_count; i++)
        end = fit_field(outlet, &field->children[i], &data->columns[i], end, bytes_max);
    if (!has_short_offsets(field))
        return end;
    while (end > begin + 1 && data->offsets[end] - data->offsets[begin] > bytes_max)
        end = begin + (end - begin) / 2;
    return end;
}

bool
outlet_give(const struct outlet *outlet, struct ArrowArray *out)
{
    const struct spine_arrow_mapping *const mapping = outlet->mapping;

    assert(outlet->begin < outlet->end && outlet->end <= outlet->rows.rows);
    bool is_given;

    *out = (struct ArrowArray){0};
    is_given = begin_array(outlet, 1, mapping->count, out);
    out->length = (int64_t)(outlet->end - outlet->begin);
    for (size_t i = 0; i < mapping->count && is_given; i++) {
        const struct arrow_field *const field = &mapping->fields[i];
        struct spine_column_data number;
        const struct spine_column_data *const data = data_of(outlet, field, &number);

        if (data == &number && number.values == NULL)
            number.values = give_weights(outlet, field);
        is_given = (data != &number || number.values != NULL) &&
                   give_field(outlet, field, data, false, out->children[i]);
    }
    if (!is_given)
        out->release(out);
    return is_given;
}

/* The column of a field; `number` serves for times and weights, which have no values yet
 * where they have to be brought together. */
static const struct spine_column_data *
data_of(const struct outlet *outlet, const struct arrow_field *field,
        struct spine_column_data *number)
{
    const struct spine_tuple_rows *const rows = &outlet->rows;

    *number = (struct spine_column_data){0};
    if (field->role == ARROW_KEY)
        return &rows->keys[field->index];
    if (field->role == ARROW_VALUE)
        return &rows->values[field->index];
    if (field->role == ARROW_TIME)
        number->values = rows->times;
    else if (outlet->mapping->schema.weight_count == 1)
        number->values = rows->weights;
    return number;
}

/* An array of a field. What it is in has its own offset. On failure it is released with
 * that. */
static bool
give_field(const struct outlet *outlet, const struct arrow_field *field,
           const struct spine_column_data *data, bool is_nested, struct ArrowArray *out)
{
    const bool is_string =
        has_short_offsets(field) || field->layout == ARROW_LARGE_STRINGS;
    const size_t buffers = field->layout == ARROW_STRUCT ? 1 : is_string ? 3 : 2;

    if (!begin_array(outlet, buffers, field->child_count, out))
        return false;
    out->offset = is_nested ? 0 : (int64_t)outlet->begin;
    out->length = (int64_t)outlet->end - out->offset;
    out->null_count = data->valid != NULL ? -1 : 0;
    out->buffers[0] = data->valid;
    for (size_t i = 0; i < field->child_count; i++)
        if (!give_field(outlet, &field->children[i], &data->columns[i], true,
                        out->children[i]))
            return false;
    if (field->layout == ARROW_STRUCT)
        return true;
    out->buffers[1] = data->values;
    if (field->layout == ARROW_BITS)
        out->buffers[1] = give_bits(outlet, data);
    if (is_string) {
        out->buffers[1] = data->offsets;
        out->buffers[2] = data->values != NULL ? data->values : "";
    }
    if (has_short_offsets(field))
        out->buffers[1] = give_offsets(outlet, data, &out->buffers[2]);
    return out->buffers[1] != NULL;
}

/* An array without anything in its buffers and children, to be released. */
static bool
begin_array(const struct outlet *outlet, size_t buffers, size_t children,
            struct ArrowArray *out)
{
    struct hold *const hold = outlet->hold;
    struct ArrowArray *arrays;

    ref_take(&hold->ref);
    out->private_data = hold;
    out->release = release_array;
    out->n_buffers = (int64_t)buffers;
    out->buffers = hold_take_array(hold, buffers, sizeof *out->buffers);
    if (children > 0) {
        arrays = hold_take_array(hold, children, sizeof *arrays);
        out->children = hold_take_array(hold, children, sizeof(struct ArrowArray *));
        if (arrays == NULL || out->children == NULL)
            return false;
        for (size_t i = 0; i < children; i++)
            out->children[i] = &arrays[i];
        out->n_children = (int64_t)children;
    }
    return out->buffers != NULL;
}

/* Bools as bits. NULL without memory, as below. */
static const void *
give_bits(const struct outlet *outlet, const struct spine_column_data *data)
{
    const uint8_t *const from = data->values;
    uint8_t *const bits = hold_take(outlet->hold, outlet->end / 8 + 1);

    for (size_t i = outlet->begin; bits != NULL && i < outlet->end; i++)
        bits[i / 8] |= (uint8_t)((from[i] != 0) << i % 8);
    return bits;
}

/* Offsets of 32 bits into the bytes from where they begin. */
static const void *
give_offsets(const struct outlet *outlet, const struct spine_column_data *data,
             const void **bytes)
{
    const uint64_t base = data->offsets[outlet->begin];
    int32_t *const offsets =
        hold_take_array(outlet->hold, outlet->end + 1, sizeof *offsets);

    for (size_t i = outlet->begin; offsets != NULL && i <= outlet->end; i++)
        offsets[i] = (int32_t)(data->offsets[i] - base);
    *bytes = (const uint8_t *)*bytes + base;
    return offsets;
}

/* One of several weights of each row. */
static const void *
give_weights(const struct outlet *outlet, const struct arrow_field *field)
{
    const size_t width = outlet->mapping->schema.weight_count;
    int64_t *const weights = hold_take_array(outlet->hold, outlet->end, sizeof *weights);

    for (size_t i = outlet->begin; weights != NULL && i < outlet->end; i++)
        weights[i] = outlet->rows.weights[i * width + field->index];
    return weights;
}

/* Children may have been moved elsewhere, which then have their own references. */
static void
release_array(struct ArrowArray *array)
{
    struct hold *const hold = array->private_data;

    for (int64_t i = 0; i < array->n_children; i++)
        if (array->children[i]->release != NULL)
            array->children[i]->release(array->children[i]);
    array->release = NULL;
    hold_unref(hold);
}
