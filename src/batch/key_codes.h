/* SPDX-License-Identifier: MIT */
#ifndef BATCH_KEY_CODES_H
#define BATCH_KEY_CODES_H

/*
 * batch/key_codes -- keys of blocks as lookup filters take them: the code of a key that
 * is a word is that word, of any other its hash.
 */

#include "batch/fence.h"

static inline bool
key_codes_are_words(const struct cell_layout *layout)
{
    return layout->shape != SHAPE_FIXED && layout->shape != SHAPE_BYTES;
}

/* Writes the codes of keys [begin, end), at least one. False without memory. */
bool key_codes(const struct cell_layout *layout, const struct column *keys, size_t begin,
               size_t end, uint64_t *codes);
/* Adds them to a filter. */
void key_codes_add(const struct cell_layout *layout, const uint64_t *codes, size_t count,
                   struct lookup *lookup);

#endif
