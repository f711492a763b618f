/* SPDX-License-Identifier: MIT */

/*
 * Arrays whose values do not lie side by side: they are brought together here.
 *
 * A view is 16 bytes: the size of a string, and up to 12 bytes of it, or else its first
 * four, the number of a buffer and the place there.
 */

#include "arrow/arrow.h"

#include "base/assert.h"
#include "base/error.h"

#include <string.h>

#define VIEW_BYTES 16
#define VIEW_INLINE_MAX 12

struct view {
    int32_t size;
    int32_t prefix;
    int32_t buffer;
    int32_t offset;
};

static const uint8_t *
find_view(const struct ArrowArray *array, const uint8_t *from, const struct view *view);
static enum spine_status read_indexes(const struct intake *in,
                                      const struct arrow_field *field,
                                      const struct spine_column_data *indexes,
                                      const struct dictionary *dictionary, size_t *out);
static enum spine_status
gather_valid(const struct intake *in, const struct spine_column_data *indexes,
             const struct spine_column_data *values, const size_t *places,
             struct spine_column_data *out);
static enum spine_status gather_plain(const struct intake *in, size_t width,
                                      const struct spine_column_data *values,
                                      const size_t *places,
                                      struct spine_column_data *out);
static enum spine_status
gather_strings(const struct intake *in, const struct spine_column_data *values,
               const size_t *places, struct spine_column_data *out);
static enum spine_status fail_gather(const struct intake *in);

enum spine_status
gather_views(const struct intake *in, const struct arrow_field *field,
             const struct ArrowArray *array, size_t at, struct spine_column_data *out)
{
    const uint8_t *const views = (const uint8_t *)array->buffers[1] + at * VIEW_BYTES;
    uint64_t *const offsets = hold_take_array(in->hold, in->rows + 1, sizeof *offsets);
    uint8_t *bytes;
    struct view view;

    assert(field->layout == ARROW_VIEWS && in->rows > 0);
    if (offsets == NULL)
        return fail_gather(in);
    for (size_t i = 0; i < in->rows; i++) {
        memcpy(&view, views + i * VIEW_BYTES, sizeof view);
        if (!data_is_valid(out, i))
            view.size = 0;
        if (view.size < 0 || find_view(array, views + i * VIEW_BYTES, &view) == NULL)
            return fail_field(in->error, field, "a view leads nowhere");
        if ((uint32_t)view.size > SPINE_BYTES_MAX)
            return fail_field(in->error, field, "a value is too long");
        offsets[i + 1] = offsets[i] + (uint64_t)view.size;
    }
    bytes = hold_take(in->hold, (size_t)offsets[in->rows]);
    if (bytes == NULL)
        return fail_gather(in);
    for (size_t i = 0; i < in->rows; i++) {
        const size_t size = (size_t)(offsets[i + 1] - offsets[i]);

        memcpy(&view, views + i * VIEW_BYTES, sizeof view);
        view.size = (int32_t)size;
        memcpy(bytes + offsets[i], find_view(array, views + i * VIEW_BYTES, &view), size);
    }
    out->values = bytes;
    out->offsets = offsets;
    return SPINE_OK;
}

/* Where the bytes of the view at `from` are; NULL when they are not in the array. */
static const uint8_t *
find_view(const struct ArrowArray *array, const uint8_t *from, const struct view *view)
{
    const int64_t buffers = array->n_buffers - 3;
    const uint8_t *const sizes = array->buffers[array->n_buffers - 1];
    const uint8_t *bytes;
    int64_t size;

    if (view->size <= VIEW_INLINE_MAX)
        return from + sizeof view->size;
    if (view->buffer < 0 || view->buffer >= buffers || view->offset < 0 || sizes == NULL)
        return NULL;
    bytes = array->buffers[2 + view->buffer];
    memcpy(&size, sizes + (size_t)view->buffer * sizeof size, sizeof size);
    if (bytes == NULL || (int64_t)view->offset + view->size > size)
        return NULL;
    return bytes + view->offset;
}

enum spine_status
gather_dictionary(const struct intake *in, const struct arrow_field *field,
                  const struct spine_column_data *indexes,
                  const struct dictionary *dictionary, struct spine_column_data *out)
{
    size_t *const places = hold_take_array(in->hold, in->rows, sizeof *places);

    assert(field->index_bytes > 0 && in->rows > 0);
    if (places == NULL)
        return fail_gather(in);
    TRY_RETURN(read_indexes(in, field, indexes, dictionary, places));
    TRY_RETURN(gather_valid(in, indexes, &dictionary->values, places, out));
    if (field->layout == ARROW_PLAIN || field->layout == ARROW_BITS)
        return gather_plain(in, plain_bytes(field->column), &dictionary->values, places,
                            out);
    return gather_strings(in, &dictionary->values, places, out);
}

/* Where each row's value is; SIZE_MAX where there is none. */
static enum spine_status
read_indexes(const struct intake *in, const struct arrow_field *field,
             const struct spine_column_data *indexes, const struct dictionary *dictionary,
             size_t *out)
{
    const unsigned bytes = field->index_bytes;
    const uint8_t *const from = indexes->values;

    for (size_t i = 0; i < in->rows; i++) {
        uint64_t index = 0;

        out[i] = SIZE_MAX;
        if (!data_is_valid(indexes, i))
            continue;
        /* An index below zero becomes a great one, which no dictionary has. */
        memcpy(&index, from + i * bytes, bytes);
        if (field->index_is_signed && (index >> (8 * bytes - 1) & 1) != 0)
            index = UINT64_MAX;
        if (index >= dictionary->count)
            return spine_fail(in->error, SPINE_INVALID,
                              "column %.100s: row %zu is not among the %zu values of the "
                              "dictionary",
                              field->name, i, dictionary->count);
        if (data_is_valid(&dictionary->values, (size_t)index))
            out[i] = (size_t)index;
    }
    return SPINE_OK;
}

static enum spine_status
gather_valid(const struct intake *in, const struct spine_column_data *indexes,
             const struct spine_column_data *values, const size_t *places,
             struct spine_column_data *out)
{
    uint8_t *valid;

    if (indexes->valid == NULL && values->valid == NULL)
        return SPINE_OK;
    valid = hold_take(in->hold, in->rows / 8 + 1);
    if (valid == NULL)
        return fail_gather(in);
    for (size_t i = 0; i < in->rows; i++)
        valid[i / 8] |= (uint8_t)((places[i] != SIZE_MAX) << i % 8);
    out->valid = valid;
    return SPINE_OK;
}

static enum spine_status
gather_plain(const struct intake *in, size_t width,
             const struct spine_column_data *values, const size_t *places,
             struct spine_column_data *out)
{
    const uint8_t *const from = values->values;
    uint8_t *const to = hold_take_array(in->hold, in->rows, width);

    if (to == NULL)
        return fail_gather(in);
    for (size_t i = 0; i < in->rows; i++)
        if (places[i] != SIZE_MAX)
            memcpy(to + i * width, from + places[i] * width, width);
    out->values = to;
    return SPINE_OK;
}

static enum spine_status
gather_strings(const struct intake *in, const struct spine_column_data *values,
               const size_t *places, struct spine_column_data *out)
{
    const uint64_t *const from = values->offsets;
    const uint8_t *const bytes = values->values;
    uint64_t *const offsets = hold_take_array(in->hold, in->rows + 1, sizeof *offsets);
    uint8_t *to;

    if (offsets == NULL)
        return fail_gather(in);
    for (size_t i = 0; i < in->rows; i++) {
        const size_t place = places[i];

        offsets[i + 1] = offsets[i];
        if (place == SIZE_MAX)
            continue;
        if (from[place] > from[place + 1] || from[place + 1] > INT64_MAX ||
            from[place + 1] - from[place] > SPINE_BYTES_MAX)
            return spine_fail(
                in->error, SPINE_INVALID,
                "value %zu of a dictionary has less than none, or more than %u bytes",
                place, SPINE_BYTES_MAX);
        offsets[i + 1] += from[place + 1] - from[place];
    }
    to = hold_take(in->hold, (size_t)offsets[in->rows]);
    if (to == NULL)
        return fail_gather(in);
    for (size_t i = 0; i < in->rows; i++)
        if (places[i] != SIZE_MAX)
            memcpy(to + offsets[i], bytes + from[places[i]],
                   (size_t)(offsets[i + 1] - offsets[i]));
    out->values = to;
    out->offsets = offsets;
    return SPINE_OK;
}

static enum spine_status
fail_gather(const struct intake *in)
{
    return fail_nomem(in->error, "columns of records", in->rows);
}
