/* SPDX-License-Identifier: MIT */

/*
 * Template: the steps of a search that look at keys. The file that includes it defines
 *
 *     FIND_NAME(step)        the functions
 *     FIND_KEYS              what has the keys of a block
 *     FIND_KEYS_OF(image)    that of an image; without waiting for it
 *     FIND_WORD(keys, at)    one of them
 *     FIND_BITS(fence)       bits of each
 */

/* Asks for the keys around key `at`. Compilers leave out calls of functions that do
 * nothing but prefetch: none is made. */
static inline __attribute__((always_inline)) void
FIND_NAME(prefetch)(const struct fence *fence, const struct image *image, uint32_t at)
{
    (void)fence; /* not every kind asks it */
    const size_t bits = FIND_BITS(fence), reach = GUESS_REACH * bits / 8;
    const uintptr_t middle = (uintptr_t)image_key_words(image) + at * bits / 8;

    /* They need not be ours. */
    __builtin_prefetch((const void *)(middle - reach));
    __builtin_prefetch((const void *)middle);
    __builtin_prefetch((const void *)(middle + reach));
}

/* The first of the keys [begin, begin + count) not less than `word`. */
static inline uint32_t
FIND_NAME(halve)(FIND_KEYS keys, uint32_t begin, uint32_t count, uint64_t word)
{
    for (; count > 1; count -= count / 2) {
        const uint32_t less = FIND_WORD(keys, begin + count / 2 - 1) < word;

        begin += count / 2 & (0 - less);
    }
    return begin + (FIND_WORD(keys, begin) < word);
}

/*
 * Looks around the guess, or when that does not enclose the word at all that is on its
 * side of the granule. The key that is equal, or HIT_NONE.
 */
static inline uint32_t
FIND_NAME(find)(const struct granule *granule, const struct image *image, uint32_t guess,
                uint64_t word)
{
    FIND_KEYS keys = FIND_KEYS_OF(image);
    const uint32_t begin = granule->begin, end = granule->end;
    const uint32_t low = guess - begin > GUESS_REACH ? guess - GUESS_REACH : begin;
    const uint32_t high = end - guess > GUESS_REACH ? guess + GUESS_REACH : end;
    uint32_t at = FIND_NAME(halve)(keys, low, high - low, word);

    if (at == high && high < end)
        at = FIND_NAME(halve)(keys, high, end - high, word);
    else if (at == low && low > begin)
        at = FIND_NAME(halve)(keys, begin, low + 1 - begin, word);
    /* There is a key: the last one of the granule is not less. */
    return FIND_WORD(keys, at) == word ? at : HIT_NONE;
}

#undef FIND_NAME
#undef FIND_KEYS
#undef FIND_WORD
#undef FIND_KEYS_OF
#undef FIND_BITS
