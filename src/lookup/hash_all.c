/* SPDX-License-Identifier: MIT */

/*
 * Hashes of many keys at once, the same as those of lookup_hash(): the code of XXH3 is
 * part of the loop here, since a call for each key costs as much as hashing a short one.
 */

#define XXH_INLINE_ALL
#include "lookup/lookup.h"

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
    for (size_t i = 0; i < count; i++)
        hashes[i] = XXH3_64bits(keys[i].span.data, keys[i].span.size);
}
