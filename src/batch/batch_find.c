/* SPDX-License-Identifier: MIT */
#include "batch/marks.h"
#include "batch/probe_find.h"

#include "base/assert.h"

/*
 * Ascending words are searched in bundles, and every bundle goes through steps
 *
 *     locate   marks          the granule of each word; asks for its fence
 *     guess    fence          where in the granule; asks for the keys around it
 *     finish   keys           the key that is equal, if any; asks for its ends
 *     give     ends           its rows; asks for its values
 *
 * while other bundles are at other steps: so what a step asks for is there when the next
 * one begins, and many cache misses overlap. Among the marks all words of a bundle halve
 * their intervals together, without a branch to guess. The granules of a bundle end where
 * its last word is, found by doubling steps from where the bundle before ended; so words
 * that lie close together cost little.
 */

#define BUNDLE_WORDS 16u
#define STEPS 4u
/* The first steps and the third one, where places are looked for and not only keys that
 * are equal. */
#define PLACE_STEPS 3u

/* A bundle of ascending words, and what is known of each so far. */
struct bundle {
    uint32_t count;
    uint32_t key[BUNDLE_WORDS];
    uint64_t word[BUNDLE_WORDS];
    const struct fence *fence[BUNDLE_WORDS];
    const struct image *image[BUNDLE_WORDS];
    /* The number of its granule; then the number of its key in the block. */
    uint32_t at[BUNDLE_WORDS];
    struct granule granule[BUNDLE_WORDS];
};

static void locate(struct probe_find *find, size_t begin, struct bundle *bundle);
static void find_granules(struct probe_find *find, struct bundle *bundle);
static void guess(const struct probe_find *find, struct bundle *bundle);
static void finish(const struct probe_find *find, struct bundle *bundle);
static void find_mixed(const struct probe_find *find, struct bundle *bundle);
static void give_places(const struct probe_find *find, const struct bundle *bundle,
                        struct hit *places);
static size_t
find_give(const struct probe_find *find, const struct bundle *bundle, struct hit *to);

size_t
batch_find_words(struct probe_find *find, struct hit *hits)
{
    const size_t count = find->count;
    struct bundle bundles[STEPS];
    size_t hit_count = 0;

    if (count == 0)
        return 0;
    for (size_t i = 0; i < STEPS; i++)
        bundles[i].count = 0;
    /* After the last bundle come empty ones that push it through the steps. */
    for (size_t turn = 0; turn * BUNDLE_WORDS < count + (STEPS - 1) * BUNDLE_WORDS;
         turn++) {
        locate(find, turn * BUNDLE_WORDS, &bundles[turn % STEPS]);
        guess(find, &bundles[(turn + 3) % STEPS]);
        finish(find, &bundles[(turn + 2) % STEPS]);
        hit_count += find_give(find, &bundles[(turn + 1) % STEPS], hits + hit_count);
    }
    assert(hit_count <= count);
    return hit_count;
}

size_t
batch_place_words(struct probe_find *find, struct hit *places)
{
    const size_t count = find->count;
    struct bundle bundles[PLACE_STEPS];
    size_t placed = 0;

    for (size_t i = 0; i < PLACE_STEPS; i++)
        bundles[i].count = 0;
    for (size_t turn = 0; turn * BUNDLE_WORDS < count + (PLACE_STEPS - 1) * BUNDLE_WORDS;
         turn++) {
        struct bundle *const last = &bundles[(turn + 1) % PLACE_STEPS];

        locate(find, turn * BUNDLE_WORDS, &bundles[turn % PLACE_STEPS]);
        guess(find, &bundles[(turn + 2) % PLACE_STEPS]);
        give_places(find, last, places + placed);
        placed += last->count;
    }
    assert(placed <= count);
    return placed;
}

/* Takes the candidates from `begin` on in; those that are greater than all keys of the
 * batch are left out. */
static void
locate(struct probe_find *find, size_t begin, struct bundle *bundle)
{
    const struct spine_batch *batch = find->batch;
    const size_t left = begin < find->count ? find->count - begin : 0;

    bundle->count = left < BUNDLE_WORDS ? (uint32_t)left : BUNDLE_WORDS;
    if (find->near == batch->block_count * BLOCK_MARKS)
        bundle->count = 0;
    if (bundle->count == 0)
        return;
    for (uint32_t i = 0; i < bundle->count; i++) {
        bundle->key[i] = find->candidates[begin + i];
        bundle->word[i] = find->keys->words[bundle->key[i]];
    }
    find_granules(find, bundle);
    while (bundle->count > 0 &&
           bundle->at[bundle->count - 1] == batch->block_count * BLOCK_MARKS)
        bundle->count--;
    for (uint32_t i = 0; i < bundle->count; i++) {
        bundle->fence[i] = &batch->fences[bundle->at[i] / BLOCK_MARKS];
        __builtin_prefetch(bundle->fence[i]);
    }
}

/* The granule of each word: the first whose mark is not less. */
static void
find_granules(struct probe_find *find, struct bundle *bundle)
{
    const uint64_t *marks = find->batch->marks + 1;
    const size_t count = find->batch->block_count * BLOCK_MARKS;
    const uint64_t greatest = bundle->word[bundle->count - 1];
    const size_t low = find->near;
    size_t step = 1, length;

    /* Granule `low + step - 1` is the first looked at that reaches the greatest. */
    while (low + step - 1 < count && marks[low + step - 1] < greatest)
        step *= 2;
    length = low + step < count ? step : count - low;
    memset(bundle->at, 0, sizeof bundle->at);
    for (marks += low; length > 1; length -= length / 2) {
        const uint32_t half = (uint32_t)length / 2;

        for (uint32_t i = 0; i < bundle->count; i++) {
            const uint32_t less = marks[bundle->at[i] + half - 1] < bundle->word[i];

            bundle->at[i] += half & (0 - less);
        }
    }
    for (uint32_t i = 0; i < bundle->count; i++)
        bundle->at[i] += (uint32_t)low + (marks[bundle->at[i]] < bundle->word[i]);
    find->near = bundle->at[bundle->count - 1];
}

/* Asks for the keys around key `at`. Compilers leave out calls of functions that do
 * nothing but prefetch: none is made. */
WORD_SEARCH void
prefetch_keys(const struct fence *fence, const struct image *image, size_t bytes,
              uint32_t at)
{
    const size_t bits = bytes == FRAMED ? fence->key_width : 8 * bytes;
    const size_t reach = GUESS_REACH * bits / 8;
    const uintptr_t middle = (uintptr_t)image_key_words(image) + at * bits / 8;

    /* Memory that is not of the block is not read, only asked for. */
    __builtin_prefetch((const void *)(middle - reach));
    __builtin_prefetch((const void *)middle);
    __builtin_prefetch((const void *)(middle + reach));
}

/*
 * Looks around the guess, or when that does not enclose the word at all that is on its
 * side of the granule. The first key that is not less: there is one, the last one of the
 * granule. Unlike search_around(), which goes on in steps that double: the lines around
 * the guess are there, others are not.
 */
WORD_SEARCH uint32_t
place_key(const struct granule *granule, const struct image *image, size_t bytes,
          uint32_t guess, uint64_t word)
{
    const void *keys =
        bytes == FRAMED ? (const void *)&image->key_frame : image_key_words(image);
    const uint32_t begin = granule->begin, end = granule->end;
    const uint32_t low = guess - begin > GUESS_REACH ? guess - GUESS_REACH : begin;
    const uint32_t high = end - guess > GUESS_REACH ? guess + GUESS_REACH : end;
    size_t at = search_halves(keys, bytes, low, high - low, word);

    if (at == high && high < end)
        at = search_halves(keys, bytes, high, end - high, word);
    else if (at == low && low > begin)
        at = search_halves(keys, bytes, begin, low + 1 - begin, word);
    return (uint32_t)at;
}

/* The key that is equal, or HIT_NONE. */
WORD_SEARCH uint32_t
find_key(const struct granule *granule, const struct image *image, size_t bytes,
         uint32_t guess, uint64_t word)
{
    const void *keys =
        bytes == FRAMED ? (const void *)&image->key_frame : image_key_words(image);
    const uint32_t at = place_key(granule, image, bytes, guess, word);

    return word_at(keys, bytes, at) == word ? at : HIT_NONE;
}

/* Keys of some blocks are frames. */
static inline __attribute__((always_inline)) void
prefetch_mixed(const struct probe_find *find, struct bundle *bundle)
{
    const bool word4 = find->batch->layout.key.shape == SHAPE_WORD4;

    for (uint32_t i = 0; i < bundle->count; i++) {
        if (bundle->fence[i]->key_framed) {
            prefetch_keys(bundle->fence[i], bundle->image[i], FRAMED, bundle->at[i]);
        } else if (word4) {
            prefetch_keys(bundle->fence[i], bundle->image[i], 4, bundle->at[i]);
        } else {
            prefetch_keys(bundle->fence[i], bundle->image[i], 8, bundle->at[i]);
        }
    }
}

static void
guess(const struct probe_find *find, struct bundle *bundle)
{
    const struct spine_batch *batch = find->batch;

    for (uint32_t i = 0; i < bundle->count; i++) {
        bundle->granule[i] = marks_granule(batch, bundle->at[i]);
        bundle->at[i] = marks_guess(batch->marks, bundle->at[i], &bundle->granule[i],
                                    bundle->word[i]);
        bundle->image[i] = find_image(find, bundle->fence[i]);
        image_prefetch(bundle->image[i]);
    }
    if (batch->has_frames)
        prefetch_mixed(find, bundle);
    else if (batch->layout.key.shape == SHAPE_WORD4)
        for (uint32_t i = 0; i < bundle->count; i++)
            prefetch_keys(bundle->fence[i], bundle->image[i], 4, bundle->at[i]);
    else
        for (uint32_t i = 0; i < bundle->count; i++)
            prefetch_keys(bundle->fence[i], bundle->image[i], 8, bundle->at[i]);
}

static void
find_mixed(const struct probe_find *find, struct bundle *bundle)
{
    const bool word4 = find->batch->layout.key.shape == SHAPE_WORD4;

    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct granule *granule = &bundle->granule[i];
        const uint64_t word = bundle->word[i];

        if (bundle->fence[i]->key_framed)
            bundle->at[i] =
                find_key(granule, bundle->image[i], FRAMED, bundle->at[i], word);
        else if (word4)
            bundle->at[i] = find_key(granule, bundle->image[i], 4, bundle->at[i], word);
        else
            bundle->at[i] = find_key(granule, bundle->image[i], 8, bundle->at[i], word);
    }
}

/* Leaves only the words that are there. */
static void
finish(const struct probe_find *find, struct bundle *bundle)
{
    uint32_t kept = 0;

    if (find->batch->has_frames)
        find_mixed(find, bundle);
    else if (find->batch->layout.key.shape == SHAPE_WORD4)
        for (uint32_t i = 0; i < bundle->count; i++)
            bundle->at[i] = find_key(&bundle->granule[i], bundle->image[i], 4,
                                     bundle->at[i], bundle->word[i]);
    else
        for (uint32_t i = 0; i < bundle->count; i++)
            bundle->at[i] = find_key(&bundle->granule[i], bundle->image[i], 8,
                                     bundle->at[i], bundle->word[i]);
    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct image *image = bundle->image[i];

        if (bundle->at[i] == HIT_NONE)
            continue;
        bundle->key[kept] = bundle->key[i];
        bundle->fence[kept] = bundle->fence[i];
        bundle->image[kept] = image;
        bundle->at[kept++] = bundle->at[i];
        if (image->at[PART_ENDS_OF_VALUES] != 0)
            __builtin_prefetch((const uint8_t *)image + image->at[PART_ENDS_OF_VALUES] +
                               bundle->at[i] * sizeof(uint16_t));
    }
    bundle->count = kept;
}

static size_t
find_give(const struct probe_find *find, const struct bundle *bundle, struct hit *to)
{
    const struct spine_batch *batch = find->batch;

    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct image *image = bundle->image[i];
        const uint32_t value = image_value_begin(image, bundle->at[i]);
        const size_t bits = image_has(image, IMAGE_VALUES_FRAMED)
                                ? image->value_frame.width
                                : 8 * batch->layout.value.bytes;
        uint32_t begin, end;

        __builtin_prefetch((const uint8_t *)image + image->at[PART_VALUE_CELLS] +
                           value * bits / 8);
        image_key_rows(image, bundle->at[i], &begin, &end);
        to[i] = (struct hit){.key = bundle->key[i],
                             .block = (uint32_t)(bundle->fence[i] - batch->fences),
                             .begin = (uint16_t)begin,
                             .end = (uint16_t)end,
                             .staged = HIT_NONE};
    }
    return bundle->count;
}

/* The first key that is not less, of each word. */
static void
give_places(const struct probe_find *find, const struct bundle *bundle,
            struct hit *places)
{
    const struct spine_batch *batch = find->batch;
    const bool word4 = batch->layout.key.shape == SHAPE_WORD4;

    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct granule *const granule = &bundle->granule[i];
        const struct image *const image = bundle->image[i];
        const uint64_t word = bundle->word[i];
        uint32_t at;

        if (bundle->fence[i]->key_framed)
            at = place_key(granule, image, FRAMED, bundle->at[i], word);
        else if (word4)
            at = place_key(granule, image, 4, bundle->at[i], word);
        else
            at = place_key(granule, image, 8, bundle->at[i], word);
        places[i] = (struct hit){.key = bundle->key[i],
                                 .block = (uint32_t)(bundle->fence[i] - batch->fences),
                                 .begin = (uint16_t)at};
    }
}
