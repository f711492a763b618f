/* SPDX-License-Identifier: MIT */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

/*
 * base/bytes -- order-preserving words and runs of bytes.
 *
 * Every number is normalised to an unsigned word of the same order: signed numbers with
 * their sign bit flipped, doubles by their total order. Bytes are compared by a prefix of
 * eight bytes, read big-endian, before memcmp.
 */

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static_assert(sizeof(void *) == 8, "a 64-bit machine");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a little-endian machine");

/* Bytes somewhere else. */
struct span {
    const uint8_t *data;
    size_t size;
};

/* The first eight bytes as a big-endian word, missing ones as zeros: orders as memcmp
 * does, but for ties. */
static inline uint64_t
bytes_prefix(const uint8_t *data, size_t size)
{
    uint64_t word = 0;

    if (size >= sizeof word)
        memcpy(&word, data, sizeof word);
    else if (size > 0)
        memcpy(&word, data, size);
    return __builtin_bswap64(word);
}

/* Do `count` cells, cell i from offset i to the next one, have `most` bytes each at most?
 * None does that ends before it begins. */
static inline bool
offsets_within(const uint64_t *offsets, size_t count, uint64_t most)
{
    bool beyond = false;

    for (size_t i = 0; i < count; i++)
        beyond |= offsets[i + 1] - offsets[i] > most;
    return !beyond;
}

/* <0, 0, >0 in memcmp order; a prefix comes before what it begins. */
static inline int
span_compare(struct span a, struct span b)
{
    const size_t common = a.size < b.size ? a.size : b.size;
    const int order = common > 0 ? memcmp(a.data, b.data, common) : 0;

    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* How many bytes both begin with. */
static inline size_t
span_shared(struct span a, struct span b)
{
    const size_t common = a.size < b.size ? a.size : b.size;
    size_t at = 0;
    uint64_t word_a, word_b;

    for (; at + sizeof word_a <= common; at += sizeof word_a) {
        memcpy(&word_a, a.data + at, sizeof word_a);
        memcpy(&word_b, b.data + at, sizeof word_b);
        if (word_a != word_b)
            break;
    }
    while (at < common && a.data[at] == b.data[at])
        at++;
    return at;
}

/* What follows the first `bytes` of it. */
static inline struct span
span_behind(struct span span, size_t bytes)
{
    return (struct span){bytes > 0 ? span.data + bytes : span.data, span.size - bytes};
}

/* The word of what follows them, of which there may be nothing. */
static inline uint64_t
word_behind(struct span span, size_t bytes)
{
    const struct span behind = span_behind(span, bytes);

    return bytes_prefix(behind.data, behind.size);
}

static inline uint64_t
word_of_i64(int64_t number)
{
    return (uint64_t)number ^ (UINT64_C(1) << 63);
}

static inline int64_t
i64_of_word(uint64_t word)
{
    return (int64_t)(word ^ (UINT64_C(1) << 63));
}

static inline uint32_t
word_of_i32(int32_t number)
{
    return (uint32_t)number ^ (UINT32_C(1) << 31);
}

static inline int32_t
i32_of_word(uint32_t word)
{
    return (int32_t)(word ^ (UINT32_C(1) << 31));
}

/* Negative doubles have all bits flipped, others the sign bit only. */
static inline uint64_t
word_of_f64(double number)
{
    uint64_t bits;

    memcpy(&bits, &number, sizeof bits);
    return bits ^ ((0 - (bits >> 63)) | UINT64_C(1) << 63);
}

static inline double
f64_of_word(uint64_t word)
{
    const uint64_t bits = word ^ (((word >> 63) - 1) | UINT64_C(1) << 63);
    double number;

    memcpy(&number, &bits, sizeof number);
    return number;
}

#endif
