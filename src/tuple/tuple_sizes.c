/* SPDX-License-Identifier: MIT */

/* How many bytes tuples with strings have, added up column by column. */

#include "tuple/tuple_encoding.h"

#include "base/error.h"

#include <inttypes.h>

static bool add_plain_offsets(const struct encoded_rows *encoding,
                              const struct tuple_source *source, uint64_t head,
                              uint64_t *offsets);
static size_t lone_string(const struct tuple_source *source);
static void add_sizes(const struct encoded_rows *encoding,
                      const struct spine_tuple_type *type, size_t count,
                      const struct spine_column_data *columns, const uint8_t *there,
                      uint64_t *sizes);
static void add_string_sizes(const struct encoded_rows *encoding,
                             const struct spine_column_data *data, const uint8_t *there,
                             bool may_be_missing, bool is_tail, uint64_t *sizes);

enum spine_status
encode_offsets(const struct encoded_rows *encoding, const struct tuple_source *source,
               uint64_t head, uint64_t *offsets, struct spine_error *error)
{
    uint64_t sizes[TUPLE_CHUNK];

    if (add_plain_offsets(encoding, source, head, offsets))
        return SPINE_OK;
    for (size_t i = 0; i < encoding->rows; i++)
        sizes[i] = head;
    add_sizes(encoding, source->type, source->count, source->columns, NULL, sizes);
    for (size_t i = 0; i < encoding->rows; i++) {
        if (sizes[i] > SPINE_BYTES_MAX)
            return spine_fail(
                error, SPINE_INVALID,
                "%s: the tuple of row %zu has %" PRIu64 " bytes; the most is %u",
                source->what, encoding->begin + i, sizes[i], SPINE_BYTES_MAX);
        offsets[i + 1] = offsets[i] + sizes[i];
    }
    return SPINE_OK;
}

/* The same of most tuples, in fewer instructions: of those that have one column that is a
 * string, if all of these lie in them as they are. Otherwise false. */
static bool
add_plain_offsets(const struct encoded_rows *encoding, const struct tuple_source *source,
                  uint64_t head, uint64_t *offsets)
{
    const size_t rows = encoding->rows, lone = lone_string(source);
    const uint64_t *ends;
    struct span all;
    uint64_t before;

    if (lone == source->count || source->columns[lone].valid != NULL)
        return false;
    ends = source->columns[lone].offsets + encoding->begin;
    all = string_bytes(&source->columns[lone], ends[0], ends[rows]);
    if (!column_is_tail(source->type, lone, false)) {
        head += 2;
        if (has_zero(all))
            return false;
    }
    if (all.size + head > SPINE_BYTES_MAX)
        return false;
    before = offsets[0] - ends[0];
    for (size_t i = 1; i <= rows; i++)
        offsets[i] = before + ends[i] + i * head;
    return true;
}

/* The only column of tuples that is not of a fixed width, if that is a string. Otherwise
 * there is no such column. */
static size_t
lone_string(const struct tuple_source *source)
{
    size_t lone = source->count;

    for (size_t i = 0; i < source->count; i++) {
        const struct spine_column *const column = &source->type->columns[i];

        if (tuple_column_is_fixed(column))
            continue;
        if (lone < source->count || column->kind == SPINE_COLUMN_TUPLE)
            return source->count;
        lone = i;
    }
    return lone;
}

/* What strings add to the sizes of their rows. `there` is NULL where no tuple around is
 * null. */
static void
add_sizes(const struct encoded_rows *encoding, const struct spine_tuple_type *type,
          size_t count, const struct spine_column_data *columns, const uint8_t *there,
          uint64_t *sizes)
{
    uint8_t own[TUPLE_CHUNK];

    for (size_t i = 0; i < count; i++) {
        const struct spine_column *const column = &type->columns[i];
        const uint8_t *const here = there_of(encoding, &columns[i], there, own);

        if (tuple_column_is_fixed(column))
            continue;
        if (column->kind == SPINE_COLUMN_TUPLE) {
            struct encoded_rows inner = *encoding;

            inner.nested = true;
            add_sizes(&inner, column->tuple, column->tuple->count, columns[i].columns,
                      here, sizes);
        } else {
            add_string_sizes(encoding, &columns[i], here, column->nullable,
                             column_is_tail(type, i, encoding->nested), sizes);
        }
    }
}

static void
add_string_sizes(const struct encoded_rows *encoding,
                 const struct spine_column_data *data, const uint8_t *there,
                 bool may_be_missing, bool is_tail, uint64_t *sizes)
{
    const uint64_t *const offsets = data->offsets + encoding->begin;
    const uint8_t *const values = data->values;
    const struct span all = string_bytes(data, offsets[0], offsets[encoding->rows]);
    const bool zeros = !is_tail && has_zero(all);

    /* Most columns, in fewer instructions. */
    if (there == NULL && !zeros) {
        for (size_t i = 0; i < encoding->rows; i++)
            sizes[i] += offsets[i + 1] - offsets[i] + (is_tail ? 0 : 2);
        return;
    }
    for (size_t i = 0; i < encoding->rows; i++) {
        const bool is_there = there == NULL || there[i] != 0;

        if (is_there)
            sizes[i] += offsets[i + 1] - offsets[i];
        for (uint64_t at = offsets[i]; zeros && is_there && at < offsets[i + 1]; at++)
            sizes[i] += values[at] == 0;
        if (!is_tail && (is_there || !may_be_missing))
            sizes[i] += 2;
    }
}
