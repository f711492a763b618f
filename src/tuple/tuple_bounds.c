/* SPDX-License-Identifier: MIT */

/* Bounds of a prefix: the cells before and behind all tuples that begin with some
 * columns. */

#include "tuple/tuple_codec.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

static size_t prefix_bytes(const struct cell_store *store,
                           const struct spine_tuple_type *type, size_t count);
static void bounds_of_words(const uint8_t *prefix, size_t bytes,
                            const struct spine_tuple_type *type,
                            struct spine_tuple_bounds *out);
static size_t successor(uint8_t *bytes, size_t size);

/* A prefix of a word that has all columns is in the order of words already. */
enum spine_status
bounds_of_prefix(struct cell_store *store, const struct spine_tuple_type *type,
                 size_t count, struct spine_tuple_bounds *out, struct spine_error *error)
{
    const size_t bytes = prefix_bytes(store, type, count);
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

static size_t
prefix_bytes(const struct cell_store *store, const struct spine_tuple_type *type,
             size_t count)
{
    uint64_t bytes = 0;

    if (type->cell.kind == SPINE_BYTES)
        return (size_t)store->offsets[1];
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
