/* SPDX-License-Identifier: MIT */
#ifndef BLOCK_BLOCK_STARTS_H
#define BLOCK_BLOCK_STARTS_H

/*
 * block/block_starts -- where keys and values begin among sorted rows.
 */

#include "block/block.h"

/* How many different words, shifted right, there are. Writes where each begins, unless
 * all differ. */
uint32_t find_starts_words(const uint64_t *words, unsigned shift, uint32_t count,
                           uint16_t *starts);
/* How many different keys, or (`by_value`) keys and values, rows [begin, begin + count)
 * of ROW_WIDE have. Writes where each begins, counted from `begin`, unless the words of
 * all keys differ. */
uint32_t find_starts_wide(const struct layout *layout, const struct rows *rows,
                          size_t begin, uint32_t count, bool by_value, uint16_t *starts);

#endif
