/* SPDX-License-Identifier: MIT */

/*
 * Hashes of many keys at once, the same as those of lookup_hash(): the code of XXH3 is
 * part of the loop here, since a call for each key costs as much as hashing a short one.
 */

#define XXH_INLINE_ALL
#include "lookup/lookup.h"

/* Sizes of keys that are hashed without a branch. */
#define PLAIN_MIN 17u
#define PLAIN_MAX 64u

/*
 * XXH3_64bits() of PLAIN_MIN to PLAIN_MAX bytes. It takes two pieces of up to 32 bytes,
 * and four of more, which nobody can guess of strings that have some 32 bytes: here the
 * last two are taken always, and added where they count.
 */
static inline uint64_t
hash_plain(const uint8_t *data, size_t size)
{
    const uint64_t is_long = 0 - (uint64_t)(size > 32);
    const size_t inner = 16 & (size_t)is_long;
    uint64_t hash = size * XXH_PRIME64_1, more;

    assert(size >= PLAIN_MIN && size <= PLAIN_MAX);
    more = XXH3_mix16B(data + inner, XXH3_kSecret + 32, 0) +
           XXH3_mix16B(data + size - 16 - inner, XXH3_kSecret + 48, 0);
    hash += more & is_long;
    hash += XXH3_mix16B(data, XXH3_kSecret, 0);
    hash += XXH3_mix16B(data + size - 16, XXH3_kSecret + 16, 0);
    return XXH3_avalanche(hash);
}

void
lookup_hash_all(const struct cell_layout *column, const struct cell *keys, size_t count,
                uint64_t *hashes)
{
    if (column->shape == SHAPE_FIXED && column->bytes <= 16) {
        for (size_t i = 0; i < count; i++)
            hashes[i] = lookup_mix(keys[i].word ^ lookup_mix(keys[i].rest + 1));
        return;
    }
    assert(column->shape == SHAPE_FIXED || column->shape == SHAPE_BYTES);
    for (size_t i = 0; i < count; i++) {
        const struct span key = keys[i].span;

        if (column->shape == SHAPE_FIXED)
            hashes[i] = XXH3_64bits(key.data, key.size);
        else
            hashes[i] = key.size - PLAIN_MIN <= PLAIN_MAX - PLAIN_MIN
                            ? hash_plain(key.data, key.size)
                            : XXH3_64bits(key.data, key.size);
    }
}
