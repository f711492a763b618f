/* SPDX-License-Identifier: MIT */

/* The caller's columns of tuples, checked before anything is made of them: their memory,
 * offsets, nulls and sizes. */

#include "tuple/tuple_codec.h"

#include "base/assert.h"
#include "base/error.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* A column, as messages name it. */
struct column_check {
    const char *what;
    size_t index;
    const struct spine_column *column;
    const struct spine_column_data *data;
    /* The tuple that the column is in; NULL outside. */
    const struct column_check *around;
    struct spine_error *error;
};

static enum spine_status check_level(const struct tuple_source *source,
                                     const struct column_check *around,
                                     struct spine_error *error);
static enum spine_status check_data(const struct column_check *check,
                                    const struct spine_column_data *data, size_t rows);
static enum spine_status check_strings(const struct column_check *check,
                                       const struct spine_column_data *data, size_t rows);
static enum spine_status check_nulls(const struct column_check *check,
                                     const struct spine_column_data *data, size_t rows);
static bool is_null(const struct column_check *check, size_t i);
static bool is_inside_null(const struct column_check *check, size_t i);
static enum spine_status fail_column(const struct column_check *check, const char *format,
                                     ...) __attribute__((format(printf, 2, 3)));

enum spine_status
check_columns(const struct tuple_source *source, struct spine_error *error)
{
    assert(source->count <= source->type->count);
    return check_level(source, NULL, error);
}

static enum spine_status
check_level(const struct tuple_source *source, const struct column_check *around,
            struct spine_error *error)
{
    const size_t rows = source->rows;

    for (size_t i = 0; i < source->count && rows > 0; i++) {
        const struct spine_column *const column = &source->type->columns[i];
        const struct spine_column_data *const data = &source->columns[i];
        const struct column_check check = {source->what, i, column, data, around, error};

        TRY_RETURN(check_data(&check, data, rows));
        TRY_RETURN(check_nulls(&check, data, rows));
        if (column->kind == SPINE_COLUMN_TUPLE)
            TRY_RETURN(check_level(&(struct tuple_source){source->what, column->tuple,
                                                          column->tuple->count,
                                                          data->columns, rows},
                                   &check, error));
    }
    return SPINE_OK;
}

static enum spine_status
check_data(const struct column_check *check, const struct spine_column_data *data,
           size_t rows)
{
    if (check->column->kind == SPINE_COLUMN_TUPLE)
        return data->columns != NULL ? SPINE_OK : fail_column(check, "columns is NULL");
    if (!tuple_column_is_fixed(check->column))
        return check_strings(check, data, rows);
    return data->values != NULL ? SPINE_OK : fail_column(check, "values is NULL");
}

static enum spine_status
check_strings(const struct column_check *check, const struct spine_column_data *data,
              size_t rows)
{
    const uint64_t *const offsets = data->offsets;
    bool is_sound;

    if (offsets == NULL)
        return fail_column(check, "offsets is NULL");
    is_sound = offsets_within(offsets, rows, SPINE_BYTES_MAX);
    for (size_t i = 0; i < rows && !is_sound; i++)
        if (offsets[i] > offsets[i + 1] || offsets[i + 1] - offsets[i] > SPINE_BYTES_MAX)
            return fail_column(check,
                               "row %zu goes from %" PRIu64 " to %" PRIu64
                               "; the most is %u bytes",
                               i, offsets[i], offsets[i + 1], SPINE_BYTES_MAX);
    if (data->values == NULL && offsets[0] != offsets[rows])
        return fail_column(check, "values is NULL");
    return SPINE_OK;
}

static enum spine_status
check_nulls(const struct column_check *check, const struct spine_column_data *data,
            size_t rows)
{
    if (check->column->nullable || data->valid == NULL)
        return SPINE_OK;
    for (size_t i = 0; i < rows; i++)
        if (is_null(check, i) && !is_inside_null(check, i))
            return fail_column(check, "row %zu is null, which it may not be", i);
    return SPINE_OK;
}

static bool
is_null(const struct column_check *check, size_t i)
{
    const struct spine_column_data *const data = check->data;
    const size_t bit = data->valid_offset + i;

    return data->valid != NULL && (data->valid[bit / 8] >> bit % 8 & 1) == 0;
}

/* In a null tuple everything is null. */
static bool
is_inside_null(const struct column_check *check, size_t i)
{
    for (const struct column_check *at = check->around; at != NULL; at = at->around)
        if (is_null(at, i))
            return true;
    return false;
}

/* Such as "key, column 1 (price): values is NULL". */
static enum spine_status
fail_column(const struct column_check *check, const char *format, ...)
{
    const char *const name = check->column->name;
    char why[128];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    if (name == NULL)
        return spine_fail(check->error, SPINE_INVALID, "%s, column %zu: %s", check->what,
                          check->index, why);
    return spine_fail(check->error, SPINE_INVALID, "%s, column %zu (%.60s): %s",
                      check->what, check->index, name, why);
}
