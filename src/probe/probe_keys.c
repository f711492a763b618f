/* SPDX-License-Identifier: MIT */

/* The keys of a probe: checked, and turned into words or cells. */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "probe/probe_state.h"

#include <inttypes.h>

static enum spine_status take_cells(struct spine_probe *probe,
                                    const struct spine_columns *keys,
                                    struct spine_error *error);
static void
take_fixed(struct cell *cells, size_t bytes, const uint8_t *data, size_t count);
static enum spine_status
check_key_order(const struct spine_probe *probe, struct spine_error *error);
static size_t ascending_words(const uint64_t *words, size_t count);

/* The words come as the code of rows that have nothing but a key. */
enum spine_status
probe_take_keys(struct spine_probe *probe, const struct spine_columns *keys,
                struct spine_error *error)
{
    const struct spine_columns columns = {
        .rows = keys->rows, .keys = keys->keys, .key_offsets = keys->key_offsets};
    const struct layout *layout = &probe->key_layout;

    TRY_RETURN(columns_check(layout, &columns, error));
    probe->key_count = keys->rows;
    probe->key_rows.count = 0;
    if (layout->key.shape == SHAPE_FIXED || layout->key.shape == SHAPE_BYTES) {
        TRY_RETURN(take_cells(probe, &columns, error));
    } else {
        if (!rows_reserve(layout, &probe->key_rows, keys->rows))
            return fail_nomem(error, "the keys of a probe", keys->rows * 16);
        rows_append_columns(layout, &probe->key_rows, &columns, 0, keys->rows);
    }
    return check_key_order(probe, error);
}

static enum spine_status
take_cells(struct spine_probe *probe, const struct spine_columns *keys,
           struct spine_error *error)
{
    const struct cell_layout *column = &probe->key_layout.key;
    const uint8_t *data = keys->keys;

    if (!array_reserve(&probe->cells, &probe->cell_capacity, sizeof *probe->cells,
                       keys->rows))
        return fail_nomem(error, "the keys of a probe", keys->rows * sizeof(struct cell));
    if (column->shape == SHAPE_FIXED) {
        take_fixed(probe->cells, column->bytes, data, keys->rows);
        return SPINE_OK;
    }
    for (size_t i = 0; i < keys->rows; i++) {
        const size_t begin = (size_t)keys->key_offsets[i];
        const size_t size = (size_t)keys->key_offsets[i + 1] - begin;
        const uint8_t *const bytes = data != NULL ? data + begin : NULL;
        struct cell *const cell = &probe->cells[i];

        if (bytes == NULL || size > SPINE_BYTES_MAX)
            TRY_RETURN(cell_of_datum(column, spine_data(bytes, size), cell, error));
        else
            *cell =
                (struct cell){.word = bytes_prefix(bytes, size), .span = {bytes, size}};
    }
    return SPINE_OK;
}

/* Cells of `bytes` bytes each, which are more than eight. */
static void
take_fixed(struct cell *cells, size_t bytes, const uint8_t *data, size_t count)
{
    assert(bytes > sizeof(uint64_t));
    assert(data != NULL || count == 0);
    for (size_t i = 0; i < count; i++, data += bytes)
        cells[i] = (struct cell){.word = bytes_prefix(data, sizeof(uint64_t)),
                                 .rest = bytes_prefix(data + 8, bytes - 8),
                                 .span = {data, bytes}};
}

/* Words that are equal do not tell; nor do the rests, which only cells of one width
 * have. */
static inline bool
is_less(const struct cell *a, const struct cell *b)
{
    if (a->word != b->word)
        return a->word < b->word;
    return a->rest != b->rest ? a->rest < b->rest : span_compare(a->span, b->span) < 0;
}

static enum spine_status
check_key_order(const struct spine_probe *probe, struct spine_error *error)
{
    const size_t count = probe->key_count;
    size_t ascending = count > 0;

    switch (probe->key_layout.key.shape) {
    case SHAPE_NONE:
        break;
    case SHAPE_WORD4:
    case SHAPE_WORD8:
        ascending = ascending_words(probe->key_rows.hi, count);
        break;
    case SHAPE_FIXED:
    case SHAPE_BYTES:
        while (ascending < count &&
               is_less(&probe->cells[ascending - 1], &probe->cells[ascending]))
            ascending++;
        break;
    }
    if (ascending < count)
        return spine_fail(error, SPINE_INVALID,
                          "key %zu of a probe is not greater than the one before",
                          ascending);
    return SPINE_OK;
}

/* How many of the first words ascend. */
static size_t
ascending_words(const uint64_t *words, size_t count)
{
    size_t at = count > 0;

    while (at < count && words[at - 1] < words[at])
        at++;
    return at;
}

struct cell
probe_key(const struct spine_probe *probe, size_t at)
{
    assert(at < probe->key_count);
    if (probe->keys.cells != NULL)
        return probe->keys.cells[at];
    return (struct cell){.word = probe->keys.words[at]};
}
