/* SPDX-License-Identifier: MIT */
#ifndef TUPLE_TUPLE_ENCODING_H
#define TUPLE_TUPLE_ENCODING_H

/*
 * tuple/tuple_encoding -- rows on their way from columns into cells: tuple_encode.c
 * writes them, tuple_sizes.c says how many bytes they have.
 */

#include "tuple/tuple_codec.h"

/* Some rows on their way. */
struct encoded_rows {
    /* Rows [begin, begin + rows) of the columns. */
    size_t begin;
    size_t rows;
    /* Where the next byte of row i goes: base + i * stride, or at[i] unless that is
     * NULL. */
    uint8_t *base;
    size_t stride;
    uint8_t **at;
    /* Inside a tuple of the tuple. */
    bool nested;
    /* Has nothing of these rows been written yet? */
    bool is_first;
};

/* A byte for each row: is its value there, and the tuples around it? NULL: all are. */
static inline const uint8_t *
there_of(const struct encoded_rows *encoding, const struct spine_column_data *data,
         const uint8_t *outer, uint8_t *own)
{
    const size_t begin = data->valid_offset + encoding->begin;

    if (data->valid == NULL)
        return outer;
    for (size_t i = 0; i < encoding->rows; i++)
        own[i] = data->valid[(begin + i) / 8] >> (begin + i) % 8 & 1;
    for (size_t i = 0; outer != NULL && i < encoding->rows; i++)
        own[i] &= outer[i];
    return own;
}

static inline bool
has_zero(struct span bytes)
{
    return bytes.size > 0 && memchr(bytes.data, 0, bytes.size) != NULL;
}

/* Bytes [begin, end) of a column of strings, which may be at NULL when there are none. */
static inline struct span
string_bytes(const struct spine_column_data *data, uint64_t begin, uint64_t end)
{
    if (begin == end)
        return (struct span){NULL, 0};
    return (struct span){(const uint8_t *)data->values + begin, end - begin};
}

/* Writes where the rows end, behind `offsets[0]`, when each has `head` bytes beside its
 * strings. SPINE_INVALID: a tuple is too long. */
enum spine_status encode_offsets(const struct encoded_rows *encoding,
                                 const struct tuple_source *source, uint64_t head,
                                 uint64_t *offsets, struct spine_error *error);

#endif
