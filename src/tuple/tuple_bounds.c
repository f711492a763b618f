/* SPDX-License-Identifier: MIT */

/*
 * Bounds of a prefix: the cells before and behind all tuples that begin with some
 * columns. They are made of one prefix, for a cursor, or of many, for a probe.
 *
 *     (u8, string) that begin with 7       07          08
 *     (u8, u8, u16) that begin with 7, ff  07 ff 00 00 08 00 00 00
 */

#include "tuple/tuple_codec.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

static size_t fixed_prefix_bytes(const struct spine_tuple_type *type, size_t count);
static void bounds_of_words(const uint8_t *prefix, size_t bytes,
                            const struct spine_tuple_type *type,
                            struct spine_tuple_bounds *out);
static size_t successor(uint8_t *bytes, size_t size);
static enum spine_status
word_ranges(const struct cell_store *store, const struct tuple_source *source,
            struct range_stores *stores, struct spine_error *error, bool *is_open);
static enum spine_status
fixed_ranges(const struct cell_store *store, const struct tuple_source *source,
             struct range_stores *stores, struct spine_error *error, bool *is_open);
static enum spine_status
byte_ranges(const struct cell_store *store, const struct tuple_source *source,
            struct range_stores *stores, struct spine_error *error, bool *is_open);
static enum spine_status note_open(const struct tuple_source *source, size_t row,
                                   struct spine_error *error, bool *is_open);

/* A prefix of a word that has all columns is in the order of words already. */
enum spine_status
bounds_of_prefix(struct cell_store *store, const struct spine_tuple_type *type,
                 size_t count, struct spine_tuple_bounds *out, struct spine_error *error)
{
    const size_t bytes = type->cell.kind == SPINE_BYTES ? (size_t)store->offsets[1]
                                                        : fixed_prefix_bytes(type, count);
    const size_t room = type->cell.kind == SPINE_FIXED ? type->cell.size : bytes + 1;
    uint8_t *lower, *upper;
    size_t upper_bytes;

    assert(count > 0 && count <= type->count && bytes <= room);
    if (!array_reserve(&store->cells, &store->cells_capacity, 1, 2 * room + 8))
        return fail_nomem(error, "the bounds of a prefix", 2 * room);
    lower = store->cells;
    upper = lower + room;
    if (type->cell.kind == SPINE_U64) {
        bounds_of_words(lower, bytes, type, out);
        return SPINE_OK;
    }
    memset(lower + bytes, 0, room - bytes);
    memcpy(upper, lower, room);
    if (type->cell.kind == SPINE_FIXED) {
        out->has_upper = successor(upper, bytes) > 0;
        out->lower = spine_data(lower, room);
        out->upper = spine_data(upper, room);
        return SPINE_OK;
    }
    /* The next cell behind a whole tuple is the same one with a zero at its end. */
    upper_bytes = count == type->count ? bytes + 1 : successor(upper, bytes);
    out->has_upper = upper_bytes > 0;
    out->lower = spine_data(lower, bytes);
    out->upper = spine_data(upper, upper_bytes);
    return SPINE_OK;
}

/* The bytes of the first columns where cells have a fixed width. */
static size_t
fixed_prefix_bytes(const struct spine_tuple_type *type, size_t count)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes += tuple_column_bytes(&type->columns[i]) + type->columns[i].nullable;
    return (size_t)bytes;
}

static void
bounds_of_words(const uint8_t *prefix, size_t bytes, const struct spine_tuple_type *type,
                struct spine_tuple_bounds *out)
{
    const unsigned rest = 8 * (unsigned)(type->bytes - bytes);
    const uint64_t most = rest > 0 ? (UINT64_C(1) << rest) - 1 : 0;
    uint64_t word = 0;

    if (rest == 0)
        memcpy(&word, prefix, sizeof word);
    for (size_t i = 0; rest > 0 && i < bytes; i++)
        word = word << 8 | prefix[i];
    word <<= rest;
    out->lower = spine_u64(word);
    out->has_upper = (word | most) != UINT64_MAX;
    out->upper = spine_u64((word | most) + 1);
}

/* Makes `bytes`, of `size`, the least ones that come after all bytes that begin with
 * them: the last byte that is not ff grows by one, and those behind it become zeros.
 * Returns how many are left without these zeros, 0 when nothing comes after. */
static size_t
successor(uint8_t *bytes, size_t size)
{
    while (size > 0 && bytes[size - 1] == 0xff)
        bytes[--size] = 0;
    if (size > 0)
        bytes[size - 1]++;
    return size;
}

/* ---- Of many ---- */

enum spine_status
ranges_of_prefixes(const struct cell_store *store, const struct tuple_source *source,
                   struct range_stores *stores, struct spine_key_ranges *out,
                   struct spine_error *error)
{
    const enum spine_kind kind = source->type->cell.kind;
    bool is_open = false;

    assert(source->count > 0 && source->count <= source->type->count);
    if (kind == SPINE_U64)
        TRY_RETURN(word_ranges(store, source, stores, error, &is_open));
    else if (kind == SPINE_FIXED)
        TRY_RETURN(fixed_ranges(store, source, stores, error, &is_open));
    else
        TRY_RETURN(byte_ranges(store, source, stores, error, &is_open));
    *out = (struct spine_key_ranges){.ranges = source->rows,
                                     .lower = stores->lower.cells,
                                     .upper = stores->upper.cells,
                                     .last_is_open = is_open};
    if (kind == SPINE_BYTES) {
        out->lower = store->cells;
        out->lower_offsets = store->offsets;
        out->upper_offsets = stores->upper.offsets;
    }
    return SPINE_OK;
}

/* Room for the cells of both ends of all ranges, of `width` bytes each. */
static enum spine_status
reserve_ranges(struct range_stores *stores, size_t rows, size_t width,
               struct spine_error *error)
{
    if (rows > SIZE_MAX / width ||
        !array_reserve(&stores->lower.cells, &stores->lower.cells_capacity, 1,
                       rows * width) ||
        !array_reserve(&stores->upper.cells, &stores->upper.cells_capacity, 1,
                       rows * width))
        return fail_nomem(error, "the ranges of prefixes", rows);
    return SPINE_OK;
}

static enum spine_status
word_ranges(const struct cell_store *store, const struct tuple_source *source,
            struct range_stores *stores, struct spine_error *error, bool *is_open)
{
    const struct spine_tuple_type *const type = source->type;
    const size_t bytes = fixed_prefix_bytes(type, source->count);
    const size_t stride = source->count == type->count ? sizeof(uint64_t) : bytes;

    TRY_RETURN(reserve_ranges(stores, source->rows, sizeof(uint64_t), error));
    for (size_t i = 0; i < source->rows; i++) {
        struct spine_tuple_bounds bounds;

        bounds_of_words(store->cells + i * stride, bytes, type, &bounds);
        memcpy(stores->lower.cells + 8 * i, &bounds.lower.u64, sizeof(uint64_t));
        memcpy(stores->upper.cells + 8 * i, &bounds.upper.u64, sizeof(uint64_t));
        if (!bounds.has_upper)
            TRY_RETURN(note_open(source, i, error, is_open));
    }
    return SPINE_OK;
}

static enum spine_status
fixed_ranges(const struct cell_store *store, const struct tuple_source *source,
             struct range_stores *stores, struct spine_error *error, bool *is_open)
{
    const size_t bytes = fixed_prefix_bytes(source->type, source->count);
    const size_t width = source->type->cell.size;

    assert(bytes <= width);
    TRY_RETURN(reserve_ranges(stores, source->rows, width, error));
    for (size_t i = 0; i < source->rows; i++) {
        uint8_t *const lower = stores->lower.cells + i * width;
        uint8_t *const upper = stores->upper.cells + i * width;

        memcpy(lower, store->cells + i * bytes, bytes);
        memset(lower + bytes, 0, width - bytes);
        memcpy(upper, lower, width);
        if (successor(upper, bytes) == 0)
            TRY_RETURN(note_open(source, i, error, is_open));
    }
    return SPINE_OK;
}

/* The lower ends are the prefixes themselves, and the upper ones have a byte more at
 * most. */
static enum spine_status
byte_ranges(const struct cell_store *store, const struct tuple_source *source,
            struct range_stores *stores, struct spine_error *error, bool *is_open)
{
    struct cell_store *const upper = &stores->upper;
    const uint64_t *const offsets = store->offsets;
    const size_t rows = source->rows;
    const bool is_whole = source->count == source->type->count;
    size_t used = 0;

    if (!array_reserve(&upper->cells, &upper->cells_capacity, 1,
                       (size_t)offsets[rows] + rows + 1) ||
        !array_reserve(&upper->offsets, &upper->offsets_capacity, sizeof *upper->offsets,
                       rows + 1))
        return fail_nomem(error, "the ranges of prefixes", rows);
    upper->offsets[0] = 0;
    for (size_t i = 0; i < rows; i++) {
        const size_t bytes = (size_t)(offsets[i + 1] - offsets[i]);
        uint8_t *const to = upper->cells + used;

        if (bytes > 0)
            memcpy(to, store->cells + offsets[i], bytes);
        to[bytes] = 0;
        used += is_whole ? bytes + 1 : successor(to, bytes);
        upper->offsets[i + 1] = used;
        if (used == upper->offsets[i])
            TRY_RETURN(note_open(source, i, error, is_open));
    }
    return SPINE_OK;
}

/* Nothing comes after tuples that begin with prefix `row`. */
static enum spine_status
note_open(const struct tuple_source *source, size_t row, struct spine_error *error,
          bool *is_open)
{
    *is_open = true;
    if (row + 1 == source->rows)
        return SPINE_OK;
    return spine_fail(error, SPINE_INVALID,
                      "prefix %zu is not greater than the one before", row + 1);
}
