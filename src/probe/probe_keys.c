/* SPDX-License-Identifier: MIT */

/* The keys of a probe, or its ranges: checked, and turned into words or cells. */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "probe/probe_state.h"

#include <inttypes.h>

static enum spine_status take_key_column(struct spine_probe *probe,
                                         const struct spine_columns *keys,
                                         struct spine_error *error);
static enum spine_status take_range_ends(struct spine_probe *probe,
                                         const struct spine_columns *ends,
                                         struct spine_error *error);
static enum spine_status
check_range_order(const struct spine_probe *probe, struct spine_error *error);
static enum spine_status take_cells(const struct cell_layout *column,
                                    const struct spine_columns *keys, struct cell *cells,
                                    struct spine_error *error);
static void take_bytes(struct cell *cells, const uint8_t *data, const uint64_t *offsets,
                       size_t count);
static void
take_fixed(struct cell *cells, size_t bytes, const uint8_t *data, size_t count);
static enum spine_status
check_key_order(const struct spine_probe *probe, struct spine_error *error);
static size_t ascending_words(const uint64_t *words, size_t count);

/* Are keys bytes, and not words? */
static bool
has_cells(const struct spine_probe *probe)
{
    const enum shape shape = probe->key_layout.key.shape;

    return shape == SHAPE_FIXED || shape == SHAPE_BYTES;
}

enum spine_status
probe_take_keys(struct spine_probe *probe, const struct spine_columns *keys,
                struct spine_error *error)
{
    TRY_RETURN(take_key_column(probe, keys, error));
    return check_key_order(probe, error);
}

enum spine_status
probe_take_ranges(struct spine_probe *probe, const struct spine_key_ranges *ranges,
                  struct spine_error *error)
{
    const size_t count = ranges->ranges;
    const struct spine_columns lower = {
        .rows = count, .keys = ranges->lower, .key_offsets = ranges->lower_offsets};
    const struct spine_columns upper = {.rows =
                                            count - (count > 0 && ranges->last_is_open),
                                        .keys = ranges->upper,
                                        .key_offsets = ranges->upper_offsets};

    TRY_RETURN(take_range_ends(probe, &upper, error));
    TRY_RETURN(take_key_column(probe, &lower, error));
    return check_range_order(probe, error);
}

/* Words come as the code of rows that have nothing but a key. */
static enum spine_status
take_key_column(struct spine_probe *probe, const struct spine_columns *keys,
                struct spine_error *error)
{
    const struct spine_columns columns = {
        .rows = keys->rows, .keys = keys->keys, .key_offsets = keys->key_offsets};
    const struct layout *layout = &probe->key_layout;

    TRY_RETURN(columns_check(layout, &columns, error));
    probe->key_count = keys->rows;
    probe->key_rows.count = 0;
    if (has_cells(probe)) {
        if (!array_reserve(&probe->cells, &probe->cell_capacity, sizeof *probe->cells,
                           keys->rows))
            return fail_nomem(error, "the keys of a probe",
                              keys->rows * sizeof(struct cell));
        return take_cells(&layout->key, &columns, probe->cells, error);
    }
    if (!rows_reserve(layout, &probe->key_rows, keys->rows))
        return fail_nomem(error, "the keys of a probe", keys->rows * 16);
    rows_append_columns(layout, &probe->key_rows, &columns, 0, keys->rows);
    return SPINE_OK;
}

/* Ends are cells also where keys are words, which are made as those of keys. */
static enum spine_status
take_range_ends(struct spine_probe *probe, const struct spine_columns *ends,
                struct spine_error *error)
{
    const size_t count = ends->rows;

    /* One at least: where there are ranges there is this array. */
    if (!array_reserve(&probe->range_ends, &probe->range_end_capacity,
                       sizeof *probe->range_ends, count + 1))
        return fail_nomem(error, "the ranges of a probe", count * sizeof(struct cell));
    if (has_cells(probe)) {
        TRY_RETURN(columns_check(&probe->key_layout, ends, error));
        TRY_RETURN(take_cells(&probe->key_layout.key, ends, probe->range_ends, error));
    } else {
        TRY_RETURN(take_key_column(probe, ends, error));
        for (size_t i = 0; i < count; i++)
            probe->range_ends[i] = (struct cell){.word = probe->key_rows.hi[i]};
    }
    probe->range_end_count = count;
    return SPINE_OK;
}

static enum spine_status
take_cells(const struct cell_layout *column, const struct spine_columns *keys,
           struct cell *cells, struct spine_error *error)
{
    const uint8_t *data = keys->keys;

    if (column->shape == SHAPE_FIXED) {
        take_fixed(cells, column->bytes, data, keys->rows);
        return SPINE_OK;
    }
    if (data == NULL) {
        for (size_t i = 0; i < keys->rows; i++)
            TRY_RETURN(cell_of_datum(column, spine_data(NULL, 0), &cells[i], error));
        return SPINE_OK;
    }
    take_bytes(cells, data, keys->key_offsets, keys->rows);
    return SPINE_OK;
}

/* Cells whose sizes columns_check() has checked. */
static void
take_bytes(struct cell *cells, const uint8_t *data, const uint64_t *offsets, size_t count)
{
    size_t begin = count > 0 ? (size_t)offsets[0] : 0;

    for (size_t i = 0; i < count; i++) {
        const size_t end = (size_t)offsets[i + 1], size = end - begin;
        const uint8_t *const bytes = data + begin;

        assert(begin <= end && size <= SPINE_BYTES_MAX);
        cells[i].word = bytes_prefix(bytes, size);
        cells[i].rest = 0;
        cells[i].span = (struct span){bytes, size};
        begin = end;
    }
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

/* Each range begins where the one before ends, or behind that. */
static enum spine_status
check_range_order(const struct spine_probe *probe, struct spine_error *error)
{
    const struct cell *const ends = probe->range_ends;

    for (size_t i = 0; i < probe->key_count; i++) {
        const struct cell begin = has_cells(probe)
                                      ? probe->cells[i]
                                      : (struct cell){.word = probe->key_rows.hi[i]};

        if (i > 0 && is_less(&begin, &ends[i - 1]))
            return spine_fail(error, SPINE_INVALID,
                              "range %zu of a probe begins before range %zu ends", i,
                              i - 1);
        if (i < probe->range_end_count && is_less(&ends[i], &begin))
            return spine_fail(error, SPINE_INVALID,
                              "range %zu of a probe ends before it begins", i);
    }
    return SPINE_OK;
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

const struct cell *
probe_range_end(const struct spine_probe *probe, size_t at)
{
    assert(probe->ranges);
    return at < probe->keys.end_count ? &probe->keys.ends[at] : NULL;
}

struct cell
probe_key(const struct spine_probe *probe, size_t at)
{
    assert(at < probe->key_count);
    if (probe->keys.cells != NULL)
        return probe->keys.cells[at];
    return (struct cell){.word = probe->keys.words[at]};
}
