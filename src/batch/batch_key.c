/* SPDX-License-Identifier: MIT */
#include "batch/edges.h"
#include "batch/marks.h"

/*
 * Exact keys: what joins ask for most. In a large batch the time goes into waiting for
 * memory, so the guess is made from marks and fence alone, and the block itself is
 * fetched at the same time as the words around the guess, and the value that is there.
 */

/*
 * The first key of the granule, which is the word's, that is not less than the word:
 * there is one. Is it the word?
 */
static inline __attribute__((always_inline)) uint32_t
find_in_granule(const void *cells, size_t bytes, const struct granule *granule,
                size_t guess, uint64_t word, bool *equal)
{
    const size_t at =
        search_around(cells, bytes, granule->begin, granule->end, guess, word);

    *equal = word_at(cells, bytes, at) == word;
    return (uint32_t)at;
}

static uint32_t
find_word(const struct reader *reader, const struct image *image, uint64_t word,
          bool *equal)
{
    const struct spine_batch *batch = reader->batch;
    const struct granule granule = marks_granule(batch, reader->granule);
    const uint8_t *cells = image_key_words(image);
    const size_t guess = marks_guess(batch->marks, reader->granule, &granule, word);

    if (granule.fence->key_framed)
        return find_in_granule(&image->key_frame, FRAMED, &granule, guess, word, equal);
    if (batch->layout.key.bytes == 4)
        return find_in_granule(cells, 4, &granule, guess, word, equal);
    return find_in_granule(cells, 8, &granule, guess, word, equal);
}

/* The place of the key, if it is among the cells of one width that the block has;
 * otherwise any. */
static uint32_t
find_fixed(const struct reader *reader, const struct column *keys, size_t count,
           const struct cell *key, bool *equal)
{
    const struct cell_layout *layout = &reader->batch->layout.key;
    const size_t shared = reader->batch->spreads[reader->block].shared;
    const struct fixed_cells fixed = fixed_cells_of(keys->cells, layout->bytes, shared);
    uint8_t scratch[FIXED_PAIR_BYTES];
    const struct span bytes = cell_as_span(layout, key, scratch);
    size_t at = fixed_search(&fixed, 0, count, fixed_words_of(bytes, shared));

    at = fixed_settle(&fixed, at, count, bytes);
    *equal =
        at < count && memcmp(fixed_span(&fixed, at).data, bytes.data, bytes.size) == 0;
    return (uint32_t)at;
}

static uint32_t
find_cell(const struct reader *reader, const struct image *image, const struct cell *key,
          bool *equal)
{
    const struct cell_layout *layout = &reader->batch->layout.key;
    const struct column keys = image_keys(image);
    size_t at;

    if (keys.anchors != NULL)
        return (uint32_t)column_find(&keys, image->key_count, key->span, equal);
    if (layout->shape == SHAPE_FIXED) {
        at = find_fixed(reader, &keys, image->key_count, key, equal);
        if (*equal)
            return (uint32_t)at;
    }
    at = column_search(layout, &keys, 0, image->key_count, key, false);
    *equal = at < image->key_count && column_equals(layout, &keys, at, key);
    return (uint32_t)at;
}

void
batch_find_key(const struct reader *reader, const struct image *image,
               const struct cell *key, uint32_t *begin, uint32_t *end)
{
    const struct spine_batch *batch = reader->batch;
    uint32_t at;
    bool equal;

    image_prefetch(image);
    at = batch->marks != NULL ? find_word(reader, image, key->word, &equal)
                              : find_cell(reader, image, key, &equal);
    if (at == image->key_count) {
        *begin = *end = image->row_count;
        return;
    }
    image_key_rows(image, at, begin, end);
    if (!equal)
        *end = *begin;
}

void
batch_prefetch_key(const struct reader *reader, const struct cell *key)
{
    const struct spine_batch *batch = reader->batch;
    const struct fence *fence = &batch->fences[reader->block];
    const size_t bits =
        fence->key_framed ? fence->key_width : 8 * batch->layout.key.bytes;
    const size_t reach = GUESS_REACH * bits / 8;
    const struct image *image;

    if (fence->block == NULL)
        return;
    image = block_image(fence->block);
    image_prefetch(image);
    if (batch->marks == NULL)
        return;

    const struct granule keys = marks_granule(batch, reader->granule);
    const size_t guess = marks_guess(batch->marks, reader->granule, &keys, key->word);
    /* Lines that are not of the block are not read, only asked for. */
    const uintptr_t at = (uintptr_t)image_key_words(image) + guess * bits / 8;

    __builtin_prefetch((const void *)(at - reach));
    __builtin_prefetch((const void *)at);
    __builtin_prefetch((const void *)(at + reach));
    if (fence->value_width > 0)
        __builtin_prefetch((const uint8_t *)image + fence->values_at +
                           guess * fence->value_width / 8);
}
