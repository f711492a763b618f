/* SPDX-License-Identifier: MIT */
#ifndef TUPLE_ELEMENTS_H
#define TUPLE_ELEMENTS_H

/*
 * tuple/elements -- tuples that say themselves what their elements are.
 *
 * The byte table and the calls are in spine/tuple_row.h. Why the bytes are as they are:
 *
 * Tag first. It orders different kinds, lets a reader do without a schema, and keeps what
 * compares equal so far in step: no element's bytes begin another's, so two tuples first
 * differ inside the same position of both.
 *
 * Compact numbers. The count of bytes is in the tag and orders before the bytes do. The
 * library compares SPINE_BYTES by a word of their first eight bytes before memcmp: two or
 * three small numbers fit in there, where fixed width would let one tag and most of one
 * number in.
 *
 * Descending flips every bit, tag included. Tags below 80 are ascending and others
 * descending, which the reader needs and the writer gets for nothing. Flipping an even
 * number of times, by nesting, is not flipping.
 *
 * Strings end with two bytes. With a single zero, told from an escaped one by the byte
 * after it, a descending string (zeros flipped to ff) at the end of an ascending tuple
 * (00) would read as a string that goes on.
 *
 * One encoding for one tuple: the reader refuses numbers with bytes to spare. What it
 * accepts is what the writer gives, and equal tuples are equal bytes.
 *
 * Where this comes from: FoundationDB's tuple layer has tags by kind and by length of
 * integers, zeros escaped by ff, and nested tuples; the memcomparable keys of MyRocks,
 * the key encoding of CockroachDB and the OrderedBytes of HBase complement what descends.
 * A two-byte end, nulls at either side and flips that nest are this library's
 * combination.
 */

#include "spine/schema.h"
#include "spine/tuple_row.h"
#include "tuple/tuple.h"

enum tuple_tag {
    TUPLE_TAG_END = 0x00,
    TUPLE_TAG_NULL_FIRST = 0x02,
    TUPLE_TAG_FALSE = 0x04,
    TUPLE_TAG_TRUE = 0x05,
    /* Minus the number of bytes. */
    TUPLE_TAG_I64_NEGATIVE = 0x10,
    /* Plus the number of bytes; so for u64. */
    TUPLE_TAG_I64 = 0x11,
    TUPLE_TAG_U64 = 0x20,
    TUPLE_TAG_F64 = 0x30,
    TUPLE_TAG_STRING = 0x40,
    TUPLE_TAG_BYTES = 0x41,
    TUPLE_TAG_TUPLE = 0x42,
    TUPLE_TAG_NULL_LAST = 0x7e
};

/* Inside strings and bytes: after a zero that belongs to them, and after the zero that
 * ends them. */
#define TUPLE_ZERO_ESCAPED 0xffu
#define TUPLE_ZERO_ENDS 0x00u

/* The least number of bytes, 0 to 8, that holds `word`. */
static inline unsigned
tuple_word_bytes(uint64_t word)
{
    return word == 0 ? 0 : 8 - (unsigned)__builtin_clzll(word) / 8;
}

#endif
