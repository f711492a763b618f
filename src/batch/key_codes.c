/* SPDX-License-Identifier: MIT */

/* The keys of a block as lookup filters want them: words, or hashes of bytes. */

#include "batch/key_codes.h"

/* Keys that are hashed at once. */
#define PIECE 512u

static uint64_t
hash_of(const struct cell_layout *layout, const struct column *column, size_t at)
{
    const struct span span = column_span(layout, column, at);
    struct cell key = {.span = span};

    if (layout->shape == SHAPE_FIXED && layout->bytes <= 16) {
        key.word = bytes_prefix(span.data, span.size);
        key.rest = bytes_prefix(span.data + 8, span.size - 8);
    }
    return lookup_hash(layout, &key);
}

/* Keys with fronts, made whole some at once. */
static bool
hashes_of_fronted(const struct cell_layout *layout, const struct column *keys,
                  size_t begin, size_t end, uint64_t *codes)
{
    struct span spans[COLUMN_SPANS_MAX];
    struct arena cells = {0};
    bool whole = true;

    for (size_t at = begin, stop; whole && at < end; at = stop) {
        stop = end - at < COLUMN_SPANS_MAX ? end : at + COLUMN_SPANS_MAX;
        arena_reset(&cells);
        whole = column_cells(keys, at, stop, &cells, spans);
        for (size_t i = at; whole && i < stop; i++)
            *codes++ = lookup_hash(layout, &(struct cell){.span = spans[i - at]});
    }
    arena_release(&cells);
    return whole;
}

bool
key_codes(const struct cell_layout *layout, const struct column *keys, size_t begin,
          size_t end, uint64_t *codes)
{
    if (keys->fronts != NULL)
        return hashes_of_fronted(layout, keys, begin, end, codes);
    switch (layout->shape) {
    case SHAPE_NONE:
        memset(codes, 0, (end - begin) * sizeof *codes);
        break;
    case SHAPE_WORD4:
    case SHAPE_WORD8:
        column_words(layout, keys, begin, end, codes);
        break;
    case SHAPE_FIXED:
    case SHAPE_BYTES:
        for (size_t at = begin; at < end; at++)
            codes[at - begin] = hash_of(layout, keys, at);
        break;
    }
    return true;
}

void
key_codes_add(const struct cell_layout *layout, const uint64_t *codes, size_t count,
              struct lookup *lookup)
{
    uint64_t hashes[PIECE];

    if (!key_codes_are_words(layout)) {
        lookup_add(lookup, codes, codes, count);
        return;
    }
    for (size_t at = 0, end; at < count; at = end) {
        end = count - at < PIECE ? count : at + PIECE;
        lookup_mix_all(codes + at, end - at, hashes);
        lookup_add(lookup, codes + at, hashes, end - at);
    }
}
