/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_WIDE_KEYS_H
#define TESTS_UNIT_WIDE_KEYS_H

/*
 * Ascending keys that are bytes, which lie as searches by words may not expect.
 */

#include "../batch/batch_fixture.h"

#define WIDE_BYTES_MAX 48u

enum lie {
    /* All but the last bytes are equal. */
    ENDS_COUNT,
    /* Drawn at random. */
    DRAWN,
    /* Crowded at the least, far apart at the greatest. */
    CUBED,
    /* Many keys that differ in the last two bytes, behind few beginnings. */
    ENDS_TIE,
    /* Counted ones that begin alike, one far below, one far above. */
    OUTLIERS,
    /* Letters, of which there are sixteen. */
    LETTERS,
    /* Two small numbers of eight bytes each, and a byte. */
    COLUMNS,
    /* Counted ones that are alike at the beginning, in the middle and at the end, if they
     * have the room. */
    INSIDES,
    /* Of any size: each begins with others, the empty one is there. */
    NESTED,
    LIES
};

struct wide_key {
    uint8_t bytes[WIDE_BYTES_MAX];
    size_t size;
};

static inline void
put_big(uint8_t *to, uint64_t word, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        to[i] = (uint8_t)(word >> 8 * (bytes - 1 - i));
}

static inline struct span
wide_span(const struct wide_key *key)
{
    return (struct span){key->bytes, key->size};
}

static inline int
compare_wide(const void *a, const void *b)
{
    return span_compare(wide_span(a), wide_span(b));
}

/* Key number `i` of `count`, of `size` bytes where it has no size of its own. */
static inline struct wide_key
wide_key(enum lie lie, uint64_t i, uint64_t count, size_t size)
{
    struct random random = {i};
    struct wide_key key = {.size = size};

    switch (lie) {
    case OUTLIERS:
        memset(key.bytes, i == 0 ? 0 : i + 1 == count ? 0xff : 'k', size);
        if (i > 0 && i + 1 < count)
            put_big(key.bytes + size - 4, i, 4);
        break;
    case DRAWN:
        for (size_t at = 0; at < size; at++)
            key.bytes[at] = (uint8_t)random_next(&random);
        break;
    case CUBED:
        put_big(key.bytes, i * i * i, 8);
        break;
    case ENDS_TIE:
        put_big(key.bytes, i / 700, 4);
        put_big(key.bytes + size - 2, i % 700, 2);
        break;
    case COLUMNS:
        put_big(key.bytes, i / 900, 8);
        put_big(key.bytes + 8, random_next(&random) >> 34, 8);
        key.bytes[16] = (uint8_t)i;
        break;
    case INSIDES:
        memset(key.bytes, 'k', size);
        put_big(key.bytes + (size >= 40 ? 10 : size - 4), i, 4);
        break;
    case LETTERS:
        for (size_t at = 0; at < size; at++)
            key.bytes[at] = (uint8_t)('a' + random_next(&random) % 16);
        break;
    case NESTED:
        key.size = i % (WIDE_BYTES_MAX + 1);
        memset(key.bytes, 'n', key.size);
        for (size_t at = key.size / 2; i > WIDE_BYTES_MAX && at < key.size; at++)
            key.bytes[at] = (uint8_t)(random_next(&random) % 3 * 55);
        break;
    default:
        memset(key.bytes, 'k', size);
        put_big(key.bytes + size - 4, i, 4);
        break;
    }
    return key;
}

/* Ascending and all different; returns how many. */
static inline size_t
wide_keys_draw(enum lie lie, size_t size, struct wide_key *keys, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        keys[i] = wide_key(lie, i, count, size);
    qsort(keys, count, sizeof *keys, compare_wide);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || compare_wide(&keys[kept - 1], &keys[i]) != 0)
            keys[kept++] = keys[i];
    return kept;
}

#endif
