/* SPDX-License-Identifier: MIT */
#include "batch/block.h"
#include "batch/word_search.h"

/*
 * Exact keys: what joins ask for most. In a large batch the time goes into waiting for
 * memory, so the guess is made from the fence alone, and the block itself is fetched at
 * the same time as the words around the guess.
 */

/* Keys [begin, end) of a block are in doubt; words from `first` to `last`. */
struct doubt {
    const uint8_t *cells;
    size_t begin, end;
    uint64_t first, last;
};

static bool has_words(const struct layout *layout);
static struct doubt doubt_of(const struct layout *layout, const struct fence *fence,
                             uint64_t word, uint32_t hint);
static size_t find_word(const struct layout *layout, const struct fence *fence,
                        uint64_t word, uint32_t hint);

void
block_find_key(const struct layout *layout, const struct fence *fence,
               const struct cell *key, uint32_t *hint, uint32_t *begin, uint32_t *end)
{
    const struct block *block = fence->block;
    uint32_t at;

    __builtin_prefetch(block);
    __builtin_prefetch(&block->value_ends);
    at = (uint32_t)(has_words(layout) ? find_word(layout, fence, key->word, *hint)
                                      : column_search(&layout->key, &block->key, 0,
                                                      fence->keys, key, false));
    *hint = at;
    *begin = *end = block_row_begin(block, block_value_begin(block, at));
    if (at < fence->keys && column_equals(&layout->key, &block->key, at, key))
        *end = block_row_begin(block, block_value_end(block, at));
}

void
block_prefetch_key(const struct layout *layout, const struct fence *fence,
                   const struct cell *key, uint32_t hint)
{
    const size_t bytes = layout->key.bytes;
    struct doubt doubt;
    size_t guess;

    __builtin_prefetch(fence->block);
    __builtin_prefetch(&fence->block->value_ends);
    if (!has_words(layout))
        return;
    doubt = doubt_of(layout, fence, key->word, hint);
    if (doubt.begin == doubt.end)
        return;
    guess = guess_place(doubt.first, doubt.last, doubt.begin, doubt.end, key->word);
    for (size_t at = guess > GUESS_REACH ? guess - GUESS_REACH : 0;
         at < doubt.end && at <= guess + GUESS_REACH; at += 64 / bytes)
        __builtin_prefetch(doubt.cells + at * bytes);
}

static bool
has_words(const struct layout *layout)
{
    return layout->key.shape == SHAPE_WORD4 || layout->key.shape == SHAPE_WORD8;
}

/* All keys of the block, or those on one side of key `hint` unless that is 0. */
static struct doubt
doubt_of(const struct layout *layout, const struct fence *fence, uint64_t word,
         uint32_t hint)
{
    const unsigned shift = layout->row_kind == ROW_ONE ? layout->key_shift : 0;
    struct doubt doubt = {.cells = (const uint8_t *)fence->block + BLOCK_KEY_WORDS,
                          .end = fence->keys,
                          .first = fence->first_hi >> shift,
                          .last = fence->last_hi >> shift};
    uint64_t at_hint;

    if (hint == 0 || hint >= fence->keys)
        return doubt;
    at_hint = layout->key.bytes == 4 ? word_at(doubt.cells, 4, hint)
                                     : word_at(doubt.cells, 8, hint);
    if (at_hint < word) {
        doubt.begin = hint + 1;
        doubt.first = at_hint;
    } else {
        doubt.end = hint;
        doubt.last = at_hint;
    }
    return doubt;
}

/* The first key not less than `word`. */
static size_t
find_word(const struct layout *layout, const struct fence *fence, uint64_t word,
          uint32_t hint)
{
    const struct doubt doubt = doubt_of(layout, fence, word, hint);
    size_t guess = doubt.begin;

    if (doubt.begin < doubt.end)
        guess = guess_place(doubt.first, doubt.last, doubt.begin, doubt.end, word);
    if (layout->key.bytes == 4)
        return search_around(doubt.cells, 4, doubt.begin, doubt.end, guess, word);
    return search_around(doubt.cells, 8, doubt.begin, doubt.end, guess, word);
}
