/* SPDX-License-Identifier: MIT */

/*
 * Arrays of Arrow as columns of tuples. Most are borrowed as they are; bits of bools and
 * offsets of 32 bits are copied, and so is what lies where its type may not.
 *
 * What an array says of itself is checked before it is believed: lengths, offsets, how
 * many buffers and children there are, that these are there. That buffers are as long as
 * they have to be cannot be checked.
 */

#include "arrow/arrow.h"

#include "base/assert.h"
#include "base/error.h"

#include <string.h>

static enum spine_status intake_column(const struct intake *in,
                                       const struct arrow_field *field,
                                       const struct ArrowArray *array, size_t begin,
                                       struct spine_column_data *out);
static enum spine_status intake_check_array(const struct intake *in,
                                            const struct arrow_field *field,
                                            const struct ArrowArray *array, size_t begin);
static enum spine_status
intake_values(const struct intake *in, const struct arrow_field *field,
              const struct ArrowArray *array, size_t at, struct spine_column_data *out);
static enum spine_status intake_bits(const struct intake *in, const uint8_t *bits,
                                     size_t at, struct spine_column_data *out);
static enum spine_status
intake_strings(const struct intake *in, const struct arrow_field *field,
               const struct ArrowArray *array, size_t at, struct spine_column_data *out);
static enum spine_status
intake_struct(const struct intake *in, const struct arrow_field *field,
              const struct ArrowArray *array, size_t at, struct spine_column_data *out);
static enum spine_status
intake_rows(const struct intake *in, const struct spine_arrow_mapping *mapping,
            const struct ArrowArray *array, struct spine_tuple_rows *out);
static enum spine_status
check_records(const struct intake *in, const struct ArrowArray *array);
static void intake_weights(const struct intake *in, const struct arrow_field *field,
                           const struct spine_column_data *data, size_t width,
                           int64_t *weights);
static enum spine_status intake_dictionary(const struct intake *in,
                                           const struct arrow_field *field,
                                           const struct ArrowArray *array, size_t begin,
                                           struct spine_column_data *out);
static enum spine_status
fail_released(const struct intake *in, const struct arrow_field *field);
static enum spine_status fail_intake(const struct intake *in);

/* A column without rows. */
static const uint64_t no_offsets[1];

enum spine_status
spine_batch_from_arrow(const struct spine_arrow_mapping *mapping,
                       const struct ArrowArray *array, struct spine_batch **out,
                       struct spine_error *error)
{
    struct spine_tuple_rows rows;
    struct hold hold = {0};
    struct intake in = {.hold = &hold, .error = error};
    enum spine_status st;

    if (out == NULL)
        return fail_null(error, "spine_batch_from_arrow", "out");
    *out = NULL;
    if (mapping == NULL || array == NULL)
        return fail_null(error, "spine_batch_from_arrow",
                         mapping == NULL ? "mapping" : "array");
    TRY(intake_rows(&in, mapping, array, &rows));
    TRY(spine_batch_from_tuples(&mapping->schema, &rows, out, error));
out:
    hold_release(&hold);
    return st;
}

/* The rows of a struct array. */
static enum spine_status
intake_rows(const struct intake *in, const struct spine_arrow_mapping *mapping,
            const struct ArrowArray *array, struct spine_tuple_rows *out)
{
    const struct arrow_field whole = {
        .name = "(all)", .layout = ARROW_STRUCT, .child_count = mapping->count_in};
    const size_t width = mapping->schema.weight_count;
    struct intake inner = *in;
    struct spine_column_data *keys, *values;
    int64_t *weights = NULL;

    inner.rows = array->length > 0 ? (size_t)array->length : 0;
    TRY_RETURN(intake_check_array(&inner, &whole, array, 0));
    keys = hold_take_array(in->hold, mapping->key_count, sizeof *keys);
    values = hold_take_array(in->hold, mapping->value_count, sizeof *values);
    if (width > 1)
        weights = hold_take_array(in->hold, inner.rows, width * sizeof *weights);
    if (keys == NULL || values == NULL || (width > 1 && weights == NULL))
        return fail_intake(&inner);
    TRY_RETURN(check_records(&inner, array));
    *out = (struct spine_tuple_rows){
        .rows = inner.rows,
        .keys = mapping->key_count > 0 ? keys : NULL,
        .values = mapping->value_count > 0 ? values : NULL,
        .weights = weights,
    };
    for (size_t i = 0; i < mapping->count_in; i++) {
        const struct arrow_field *const field = &mapping->fields[i];
        struct spine_column_data data;

        TRY_RETURN(intake_column(&inner, field, array->children[i], (size_t)array->offset,
                                 &data));
        if (field->role == ARROW_KEY)
            keys[field->index] = data;
        else if (field->role == ARROW_VALUE)
            values[field->index] = data;
        else if (field->role == ARROW_TIME)
            out->times = data.values;
        else if (width == 1)
            out->weights = data.values;
        else
            intake_weights(&inner, field, &data, width, weights);
    }
    return SPINE_OK;
}

enum spine_status
intake_keys(const struct intake *in, const struct spine_arrow_mapping *mapping,
            const struct ArrowArray *array, struct spine_tuple_rows *out)
{
    const struct arrow_field whole = {
        .name = "(all)", .layout = ARROW_STRUCT, .child_count = mapping->key_count};
    struct spine_column_data *const keys =
        hold_take_array(in->hold, mapping->key_count, sizeof *keys);
    struct intake inner = *in;

    assert(mapping->key_count <= mapping->count);
    inner.rows = array->length > 0 ? (size_t)array->length : 0;
    if (keys == NULL)
        return fail_intake(&inner);
    TRY_RETURN(intake_check_array(&inner, &whole, array, 0));
    TRY_RETURN(check_records(&inner, array));
    for (size_t i = 0; i < mapping->count; i++) {
        const struct arrow_field *const field = &mapping->fields[i];

        if (field->role == ARROW_KEY)
            TRY_RETURN(intake_column(&inner, field, array->children[field->index],
                                     (size_t)array->offset, &keys[field->index]));
    }
    *out = (struct spine_tuple_rows){.rows = inner.rows, .keys = keys};
    return SPINE_OK;
}

/* Checks that no record is null. */
static enum spine_status
check_records(const struct intake *in, const struct ArrowArray *array)
{
    const struct spine_column_data all = {
        .valid = array->null_count != 0 ? array->buffers[0] : NULL,
        .valid_offset = (size_t)array->offset};

    for (size_t i = 0; all.valid != NULL && i < in->rows; i++)
        if (!data_is_valid(&all, i))
            return spine_fail(in->error, SPINE_INVALID, "record %zu is null", i);
    return SPINE_OK;
}

/* Copies the weights of a field to their places among the `width` ones of each row. */
static void
intake_weights(const struct intake *in, const struct arrow_field *field,
               const struct spine_column_data *data, size_t width, int64_t *weights)
{
    const int64_t *const from = data->values;

    for (size_t i = 0; i < in->rows; i++)
        weights[i * width + field->index] = from[i];
}

/* The rows from `begin` on as a column, borrowed or in the hold. */
static enum spine_status
intake_column(const struct intake *in, const struct arrow_field *field,
              const struct ArrowArray *array, size_t begin, struct spine_column_data *out)
{
    size_t at;

    *out = (struct spine_column_data){.values = "", .offsets = no_offsets};
    if (field->index_bytes > 0)
        return intake_dictionary(in, field, array, begin, out);
    TRY_RETURN(intake_check_array(in, field, array, begin));
    at = begin + (size_t)array->offset;
    if (array->null_count != 0) {
        out->valid = array->buffers[0];
        out->valid_offset = at;
    }
    if (field->role == ARROW_TIME || field->role == ARROW_WEIGHT)
        for (size_t i = 0; i < in->rows; i++)
            if (!data_is_valid(out, i))
                return fail_field(in->error, field, "a weight or time is null");
    if (field->layout == ARROW_STRUCT)
        return intake_struct(in, field, array, at, out);
    if (in->rows == 0)
        return SPINE_OK;
    return intake_values(in, field, array, at, out);
}

/* Checks that the array looks as the field says, and has the rows from `begin` on. */
static enum spine_status
intake_check_array(const struct intake *in, const struct arrow_field *field,
                   const struct ArrowArray *array, size_t begin)
{
    const bool is_struct = field->layout == ARROW_STRUCT;
    const bool is_string =
        field->layout == ARROW_STRINGS || field->layout == ARROW_LARGE_STRINGS;
    /* Of views at least. */
    const int64_t buffers = is_struct                                   ? 1
                            : field->layout == ARROW_VIEWS || is_string ? 3
                                                                        : 2;
    const bool is_whole =
        array != NULL && (size_t)array->n_children == field->child_count;

    if (array == NULL || array->release == NULL)
        return fail_released(in, field);
    if (array->length < 0 || array->offset < 0 ||
        array->offset > INT64_MAX - array->length || (size_t)array->length < begin ||
        (size_t)array->length - begin < in->rows)
        return spine_fail(in->error, SPINE_INVALID,
                          "column %.100s: length %lld, offset %lld; it takes %zu rows "
                          "from %zu on",
                          field->name, (long long)array->length, (long long)array->offset,
                          in->rows, begin);
    if (!is_whole || (is_struct && array->children == NULL && field->child_count > 0))
        return spine_fail(in->error, SPINE_INVALID,
                          "column %.100s: %lld children; it takes %zu", field->name,
                          (long long)array->n_children, field->child_count);
    if (array->buffers == NULL || array->n_buffers < buffers ||
        (array->n_buffers > buffers && field->layout != ARROW_VIEWS))
        return spine_fail(in->error, SPINE_INVALID,
                          "column %.100s: %lld buffers; it takes %lld", field->name,
                          (long long)array->n_buffers, (long long)buffers);
    if (array->null_count > 0 && array->buffers[0] == NULL && in->rows > 0)
        return fail_field(in->error, field, "it has nulls, and no bitmap of them");
    if (array->dictionary != NULL && field->index_bytes == 0)
        return fail_field(in->error, field, "it has a dictionary");
    return SPINE_OK;
}

static enum spine_status
intake_values(const struct intake *in, const struct arrow_field *field,
              const struct ArrowArray *array, size_t at, struct spine_column_data *out)
{
    const uint8_t *const bytes = array->buffers[1];
    const size_t width = plain_bytes(field->column);
    void *copy;

    if (bytes == NULL)
        return fail_field(in->error, field, "a buffer is NULL");
    if (field->layout == ARROW_BITS)
        return intake_bits(in, bytes, at, out);
    if (field->layout == ARROW_STRINGS || field->layout == ARROW_LARGE_STRINGS)
        return intake_strings(in, field, array, at, out);
    if (field->layout == ARROW_VIEWS)
        return gather_views(in, field, array, at, out);
    out->values = bytes + at * width;
    /* Columns of tuples may lie anywhere, others may not. */
    if ((uintptr_t)out->values % sizeof(uint64_t) == 0 || field->column != &field->own)
        return SPINE_OK;
    copy = hold_take_array(in->hold, in->rows, width);
    if (copy == NULL)
        return fail_intake(in);
    out->values = memcpy(copy, out->values, in->rows * width);
    return SPINE_OK;
}

static enum spine_status
intake_bits(const struct intake *in, const uint8_t *bits, size_t at,
            struct spine_column_data *out)
{
    uint8_t *const values = hold_take(in->hold, in->rows);

    if (values == NULL)
        return fail_intake(in);
    for (size_t i = 0; i < in->rows; i++)
        values[i] = bits[(at + i) / 8] >> (at + i) % 8 & 1;
    out->values = values;
    return SPINE_OK;
}

/* Offsets that fall, or are too far apart, are found when they are encoded; so the first
 * one says whether there are any below zero. */
static enum spine_status
intake_strings(const struct intake *in, const struct arrow_field *field,
               const struct ArrowArray *array, size_t at, struct spine_column_data *out)
{
    const bool is_large = field->layout == ARROW_LARGE_STRINGS;
    const size_t width = is_large ? sizeof(int64_t) : sizeof(int32_t);
    const uint8_t *const from = (const uint8_t *)array->buffers[1] + at * width;
    int64_t *offsets = NULL, first;
    int32_t narrow;

    out->values = array->buffers[2] != NULL ? array->buffers[2] : "";
    if (is_large && (uintptr_t)from % sizeof *offsets == 0) {
        out->offsets = (const uint64_t *)(const void *)from;
    } else {
        offsets = hold_take_array(in->hold, in->rows + 1, sizeof *offsets);
        if (offsets == NULL)
            return fail_intake(in);
        out->offsets = (const uint64_t *)offsets;
    }
    if (offsets != NULL && is_large)
        memcpy(offsets, from, (in->rows + 1) * width);
    for (size_t i = 0; offsets != NULL && !is_large && i <= in->rows; i++) {
        memcpy(&narrow, from + i * width, width);
        offsets[i] = narrow;
    }
    memcpy(&first, out->offsets, sizeof first);
    if (first < 0)
        return fail_field(in->error, field, "an offset is below zero");
    for (size_t i = 0; array->buffers[2] == NULL && i < in->rows; i++)
        if (out->offsets[i] != out->offsets[i + 1])
            return fail_field(in->error, field, "a buffer is NULL");
    return SPINE_OK;
}

static enum spine_status
intake_struct(const struct intake *in, const struct arrow_field *field,
              const struct ArrowArray *array, size_t at, struct spine_column_data *out)
{
    struct spine_column_data *const columns =
        hold_take_array(in->hold, field->child_count, sizeof *columns);

    if (columns == NULL)
        return fail_intake(in);
    for (size_t i = 0; i < field->child_count; i++)
        TRY_RETURN(
            intake_column(in, &field->children[i], array->children[i], at, &columns[i]));
    out->columns = columns;
    return SPINE_OK;
}

static enum spine_status
intake_dictionary(const struct intake *in, const struct arrow_field *field,
                  const struct ArrowArray *array, size_t begin,
                  struct spine_column_data *out)
{
    const struct spine_column index = {.kind =
                                           field->index_bytes == 1   ? SPINE_COLUMN_U8
                                           : field->index_bytes == 2 ? SPINE_COLUMN_U16
                                           : field->index_bytes == 4 ? SPINE_COLUMN_U32
                                                                     : SPINE_COLUMN_U64};
    const struct arrow_field index_field = {.name = field->name, .column = &index};
    struct arrow_field value_field = *field;
    struct spine_column_data indexes;
    struct dictionary dictionary;
    struct intake all = *in;
    struct ArrowArray plain;

    if (array == NULL || array->release == NULL || array->dictionary == NULL)
        return fail_released(in, field);
    plain = *array;
    plain.dictionary = NULL;
    TRY_RETURN(intake_column(in, &index_field, &plain, begin, &indexes));
    value_field.index_bytes = 0;
    all.rows = array->dictionary->length > 0 ? (size_t)array->dictionary->length : 0;
    dictionary.count = all.rows;
    TRY_RETURN(
        intake_column(&all, &value_field, array->dictionary, 0, &dictionary.values));
    if (in->rows == 0)
        return SPINE_OK;
    return gather_dictionary(in, field, &indexes, &dictionary, out);
}

static enum spine_status
fail_released(const struct intake *in, const struct arrow_field *field)
{
    return spine_fail(in->error, SPINE_MISUSE,
                      "column %.100s: the array has been released", field->name);
}

static enum spine_status
fail_intake(const struct intake *in)
{
    return fail_nomem(in->error, "columns of records", in->rows);
}
