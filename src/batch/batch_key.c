/* SPDX-License-Identifier: MIT */
#include "batch/marks.h"

/*
 * Exact keys: what joins ask for most. In a large batch the time goes into waiting for
 * memory, so the guess is made from marks and fence alone, and the block itself is
 * fetched at the same time as the words around the guess, and the value that is there.
 */

static size_t find_word(const struct spine_batch *batch, size_t number, uint64_t word);

static inline __attribute__((always_inline)) void
prefetch_head(const struct image *image)
{
    __builtin_prefetch(image);
    __builtin_prefetch((const uint8_t *)image + IMAGE_HEAD_BYTES / 2);
}

/* Is key `at` of the fence's block that key? */
static bool
key_equals(const struct spine_batch *batch, const struct fence *fence, size_t at,
           const struct cell *key)
{
    const struct image *image = block_image(fence->block);

    if (batch->marks == NULL) {
        const struct column keys = image_keys(image);

        return column_equals(&batch->layout.key, &keys, at, key);
    }
    if (fence->key_framed)
        return frame_word(&image->key_frame, at) == key->word;
    return word_at(image_key_words(image), batch->layout.key.bytes, at) == key->word;
}

void
batch_find_key(const struct spine_batch *batch, size_t block, size_t stretch,
               const struct cell *key, uint32_t *begin, uint32_t *end)
{
    const struct fence *fence = &batch->fences[block];
    const struct image *image = block_image(fence->block);
    uint32_t at;

    prefetch_head(image);
    if (batch->marks != NULL) {
        at = (uint32_t)find_word(batch, stretch, key->word);
    } else {
        const struct column keys = image_keys(image);

        at = (uint32_t)column_search(&batch->layout.key, &keys, 0, fence->keys, key,
                                     false);
    }
    *begin = *end = image_row_begin(image, image_value_begin(image, at));
    if (at < fence->keys && key_equals(batch, fence, at, key))
        *end = image_row_begin(image, image_value_end(image, at));
}

void
batch_prefetch_key(const struct spine_batch *batch, size_t block, size_t stretch,
                   const struct cell *key)
{
    const struct fence *fence = &batch->fences[block];
    const size_t bits =
        fence->key_framed ? fence->key_width : 8 * batch->layout.key.bytes;
    const size_t reach = GUESS_REACH * bits / 8;
    const struct image *image = block_image(fence->block);

    prefetch_head(image);
    if (batch->marks == NULL)
        return;

    const struct stretch keys = marks_stretch(batch, stretch);
    const size_t guess = marks_guess(batch->marks, stretch, &keys, key->word);
    /* The lines around it need not be ours. */
    const uintptr_t at = (uintptr_t)image_key_words(image) + guess * bits / 8;

    __builtin_prefetch((const void *)(at - reach));
    __builtin_prefetch((const void *)at);
    __builtin_prefetch((const void *)(at + reach));
    if (fence->value_width > 0)
        __builtin_prefetch((const uint8_t *)image + fence->values_at +
                           guess * fence->value_width / 8);
}

/* The first key of the stretch, which is the word's, that is not less. */
static size_t
find_word(const struct spine_batch *batch, size_t number, uint64_t word)
{
    const struct stretch stretch = marks_stretch(batch, number);
    const struct image *image = block_image(stretch.fence->block);
    const uint8_t *cells = image_key_words(image);
    const size_t guess = marks_guess(batch->marks, number, &stretch, word);

    if (stretch.fence->key_framed)
        return search_around(&image->key_frame, FRAMED, stretch.begin, stretch.end, guess,
                             word);
    if (batch->layout.key.bytes == 4)
        return search_around(cells, 4, stretch.begin, stretch.end, guess, word);
    return search_around(cells, 8, stretch.begin, stretch.end, guess, word);
}
