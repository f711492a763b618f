/* SPDX-License-Identifier: MIT */

/*
 * The elements of a tuple, one by one, as tuple_writer.c has put them there. Bytes that
 * no writer makes are an error, which the reader keeps.
 */

#include "tuple/elements.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/bytes.h"
#include "base/error.h"

/* The content of a string or of bytes, as it lies in the tuple. */
struct escaped {
    struct span raw;
    /* Escaped zeros in `raw`. */
    size_t zeros;
    bool flipped;
};

static bool read_element(struct spine_tuple_reader *reader, unsigned tag, bool descends,
                         struct spine_tuple_element *out);
static bool read_end(struct spine_tuple_reader *reader, struct spine_tuple_element *out);
static bool read_null(struct spine_tuple_element *out, bool highest, bool descends);
static bool read_begin(struct spine_tuple_reader *reader, bool flips,
                       struct spine_tuple_element *out);
static bool read_number(struct spine_tuple_reader *reader, unsigned tag, bool flips,
                        struct spine_tuple_element *out);
static bool read_negative(struct spine_tuple_reader *reader, unsigned bytes, bool flips,
                          struct spine_tuple_element *out);
static bool
read_word(struct spine_tuple_reader *reader, unsigned bytes, bool flips, uint64_t *out);
static bool read_content(struct spine_tuple_reader *reader, bool flips,
                         struct spine_tuple_element *out);
static bool
find_content(struct spine_tuple_reader *reader, bool flips, struct escaped *out);
static bool
reader_unescape(struct spine_tuple_reader *reader, const struct escaped *escaped);
static bool reader_fail(struct spine_tuple_reader *reader, enum spine_status status,
                        const char *reason);

void
spine_tuple_reader_init(struct spine_tuple_reader *reader, struct spine_bytes tuple)
{
    if (reader == NULL)
        return;
    *reader = (struct spine_tuple_reader){0};
    spine_tuple_reader_restart(reader, tuple);
}

void
spine_tuple_reader_restart(struct spine_tuple_reader *reader, struct spine_bytes tuple)
{
    if (reader == NULL)
        return;
    *reader = (struct spine_tuple_reader){
        .data = tuple.data,
        .size = tuple.size,
        .buffer = reader->buffer,
        .buffer_bytes = reader->buffer_bytes,
    };
    if (tuple.data == NULL && tuple.size > 0)
        (void)reader_fail(reader, SPINE_INVALID, "its data is NULL");
}

void
spine_tuple_reader_release(struct spine_tuple_reader *reader)
{
    if (reader == NULL)
        return;
    mem_free(reader->buffer, reader->buffer_bytes);
    *reader = (struct spine_tuple_reader){0};
}

bool
spine_tuple_next(struct spine_tuple_reader *reader, struct spine_tuple_element *out)
{
    if (reader == NULL || reader->status != SPINE_OK)
        return false;
    if (out == NULL)
        return reader_fail(reader, SPINE_INVALID, "spine_tuple_next: out is NULL");
    if (reader->at == reader->size) {
        if (reader->depth > 0)
            (void)reader_fail(reader, SPINE_CORRUPT, "a nested tuple has no end");
        return false;
    }

    /* The tag as it was before the tuples around it were flipped tells whether the
       element descends; flipped back to ascending it tells the kind. */
    const unsigned outer = (reader->flips & 1u) != 0 ? 0xffu : 0u;
    const unsigned tag = reader->data[reader->at] ^ outer;
    const bool descends = tag >= 0x80u;
    const size_t begin = reader->at++;

    if (read_element(reader, descends ? tag ^ 0xffu : tag, descends, out))
        return true;
    reader->at = begin;
    return false;
}

enum spine_status
spine_tuple_reader_status(const struct spine_tuple_reader *reader,
                          struct spine_error *error)
{
    if (reader == NULL)
        return fail_null(error, "spine_tuple_reader_status", "reader");
    if (reader->status == SPINE_OK)
        return SPINE_OK;
    return spine_fail(error, reader->status, "tuple of %zu bytes, at byte %zu: %s",
                      reader->size, reader->at, reader->reason);
}

/* What follows a tag. A failure may leave the reader anywhere. */
static bool
read_element(struct spine_tuple_reader *reader, unsigned tag, bool descends,
             struct spine_tuple_element *out)
{
    const bool flips = descends != ((reader->flips & 1u) != 0);

    out->order = descends ? SPINE_DESCENDING : SPINE_ASCENDING;
    switch (tag) {
    case TUPLE_TAG_END:
        if (descends)
            break;
        return read_end(reader, out);
    case TUPLE_TAG_NULL_FIRST:
        return read_null(out, false, descends);
    case TUPLE_TAG_NULL_LAST:
        return read_null(out, true, descends);
    case TUPLE_TAG_FALSE:
    case TUPLE_TAG_TRUE:
        out->kind = SPINE_TUPLE_BOOL;
        out->as.truth = tag == TUPLE_TAG_TRUE;
        return true;
    case TUPLE_TAG_STRING:
        out->kind = SPINE_TUPLE_STRING;
        return read_content(reader, flips, out);
    case TUPLE_TAG_BYTES:
        out->kind = SPINE_TUPLE_BYTES;
        return read_content(reader, flips, out);
    case TUPLE_TAG_TUPLE:
        return read_begin(reader, flips, out);
    default:
        return read_number(reader, tag, flips, out);
    }
    return reader_fail(reader, SPINE_CORRUPT, "no element begins with this byte");
}

static bool
read_end(struct spine_tuple_reader *reader, struct spine_tuple_element *out)
{
    if (reader->depth == 0)
        return reader_fail(reader, SPINE_CORRUPT, "no nested tuple ends here");
    reader->flips >>= 1;
    reader->depth--;
    out->kind = SPINE_TUPLE_END;
    return true;
}

/* Flipping has swapped the side that a descending null is on. */
static bool
read_null(struct spine_tuple_element *out, bool highest, bool descends)
{
    const unsigned last = highest != descends ? TUPLE_ORDER_NULLS_LAST : 0u;

    out->kind = SPINE_TUPLE_NULL;
    out->order =
        (enum spine_tuple_order)(last | (descends ? TUPLE_ORDER_DESCENDING : 0u));
    return true;
}

static bool
read_begin(struct spine_tuple_reader *reader, bool flips, struct spine_tuple_element *out)
{
    if (reader->depth == SPINE_TUPLE_DEPTH_MAX)
        return reader_fail(reader, SPINE_CORRUPT, "tuples are nested too deeply");
    reader->flips = reader->flips << 1 | (flips ? 1u : 0u);
    reader->depth++;
    out->kind = SPINE_TUPLE_BEGIN;
    return true;
}

static bool
read_number(struct spine_tuple_reader *reader, unsigned tag, bool flips,
            struct spine_tuple_element *out)
{
    const bool is_i64 = tag >= TUPLE_TAG_I64 && tag <= TUPLE_TAG_I64 + 8;
    const bool is_u64 = tag >= TUPLE_TAG_U64 && tag <= TUPLE_TAG_U64 + 8;
    uint64_t word = 0;

    if (tag >= TUPLE_TAG_I64_NEGATIVE - 8 && tag <= TUPLE_TAG_I64_NEGATIVE)
        return read_negative(reader, TUPLE_TAG_I64_NEGATIVE - tag, flips, out);
    if (tag == TUPLE_TAG_F64) {
        if (!read_word(reader, 8, flips, &word))
            return false;
        out->kind = SPINE_TUPLE_F64;
        out->as.f64 = f64_of_word(word);
        return true;
    }
    if (!is_i64 && !is_u64)
        return reader_fail(reader, SPINE_CORRUPT, "no element begins with this byte");

    const unsigned bytes = tag - (is_i64 ? TUPLE_TAG_I64 : TUPLE_TAG_U64);
    if (!read_word(reader, bytes, flips, &word))
        return false;
    if (tuple_word_bytes(word) != bytes)
        return reader_fail(reader, SPINE_CORRUPT, "a number has bytes to spare");
    if (is_u64) {
        out->kind = SPINE_TUPLE_U64;
        out->as.u64 = word;
        return true;
    }
    if (word > INT64_MAX)
        return reader_fail(reader, SPINE_CORRUPT, "an i64 is too great");
    out->kind = SPINE_TUPLE_I64;
    out->as.i64 = (int64_t)word;
    return true;
}

/* The leading ones that the writer left out come back first. */
static bool
read_negative(struct spine_tuple_reader *reader, unsigned bytes, bool flips,
              struct spine_tuple_element *out)
{
    uint64_t word = 0;

    if (!read_word(reader, bytes, flips, &word))
        return false;
    if (bytes < 8)
        word |= UINT64_MAX << (8 * bytes);
    if (word <= INT64_MAX)
        return reader_fail(reader, SPINE_CORRUPT, "an i64 is too small");
    if (tuple_word_bytes(~word) != bytes)
        return reader_fail(reader, SPINE_CORRUPT, "a number has bytes to spare");
    out->kind = SPINE_TUPLE_I64;
    out->as.i64 = (int64_t)word;
    return true;
}

static bool
read_word(struct spine_tuple_reader *reader, unsigned bytes, bool flips, uint64_t *out)
{
    uint64_t word = 0;

    assert(bytes <= 8);
    assert(reader->at <= reader->size);
    if (bytes > reader->size - reader->at)
        return reader_fail(reader, SPINE_CORRUPT, "the tuple ends inside a number");
    for (unsigned i = 0; i < bytes; i++)
        word = word << 8 | (uint8_t)(reader->data[reader->at++] ^ (flips ? 0xffu : 0u));
    *out = word;
    return true;
}

/* Points into the tuple where that has the content as it was put. */
static bool
read_content(struct spine_tuple_reader *reader, bool flips,
             struct spine_tuple_element *out)
{
    struct escaped escaped = {{NULL, 0}, 0, false};

    if (!find_content(reader, flips, &escaped))
        return false;
    out->as.bytes.data = escaped.raw.data;
    out->as.bytes.size = escaped.raw.size - escaped.zeros;
    if (out->as.bytes.size == 0 || (!escaped.flipped && escaped.zeros == 0))
        return true;
    if (!reader_unescape(reader, &escaped))
        return false;
    out->as.bytes.data = reader->buffer;
    return true;
}

/* Finds where the content ends, and moves there. */
static bool
find_content(struct spine_tuple_reader *reader, bool flips, struct escaped *out)
{
    const uint8_t flip = flips ? 0xff : 0;
    const uint8_t *const begin = reader->data + reader->at;
    const uint8_t *const end = reader->data + reader->size;
    const uint8_t *from = begin;
    size_t zeros = 0;

    while (from < end) {
        const uint8_t *const zero = memchr(from, flip, (size_t)(end - from));

        if (zero == NULL || end - zero < 2)
            break;
        const unsigned after = zero[1] ^ (unsigned)flip;
        from = zero + 2;
        if (after == TUPLE_ZERO_ENDS) {
            out->raw = (struct span){begin, (size_t)(zero - begin)};
            out->zeros = zeros;
            out->flipped = flips;
            reader->at = (size_t)(from - reader->data);
            return true;
        }
        if (after != TUPLE_ZERO_ESCAPED)
            return reader_fail(reader, SPINE_CORRUPT,
                               "a zero in a string or bytes is not escaped");
        zeros++;
    }
    return reader_fail(reader, SPINE_CORRUPT, "a string or bytes have no end");
}

/* Into the reader's buffer, as it was put. */
static bool
reader_unescape(struct spine_tuple_reader *reader, const struct escaped *escaped)
{
    const uint8_t flip = escaped->flipped ? 0xff : 0;
    const uint8_t *from = escaped->raw.data;
    const uint8_t *const end = from + escaped->raw.size;

    if (!array_reserve(&reader->buffer, &reader->buffer_bytes, 1, escaped->raw.size))
        return reader_fail(reader, SPINE_NOMEM, "no memory for a string or bytes");
    for (uint8_t *to = reader->buffer; from < end; to++) {
        *to = *from ^ flip;
        from += *to == 0 ? 2 : 1;
    }
    return true;
}

static bool
reader_fail(struct spine_tuple_reader *reader, enum spine_status status,
            const char *reason)
{
    assert(reader->status == SPINE_OK);
    reader->status = status;
    reader->reason = reason;
    return false;
}
