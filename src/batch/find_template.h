/* SPDX-License-Identifier: MIT */

/*
 * Template: the steps of a search that look at keys. The file that includes it defines
 *
 *     FIND_NAME(step)    the functions
 *     FIND_TYPE          a stored key
 */

/* The keys of the block, which lie behind it: known without waiting for it. */
static inline const FIND_TYPE *
FIND_NAME(cells)(const struct fence *fence)
{
    const void *cells = (const uint8_t *)fence->block + BLOCK_KEY_WORDS;

    return cells;
}

/* Compilers leave out calls of functions that do nothing but prefetch: none is made. */
static inline __attribute__((always_inline)) void
FIND_NAME(prefetch)(const struct group *group)
{
    for (uint32_t i = 0; i < group->count; i++) {
        const uintptr_t at =
            (uintptr_t)(FIND_NAME(cells)(group->fence[i]) + group->at[i]);

        /* They need not be ours. */
        __builtin_prefetch((const void *)(at - GUESS_REACH * sizeof(FIND_TYPE)));
        __builtin_prefetch((const void *)at);
        __builtin_prefetch((const void *)(at + GUESS_REACH * sizeof(FIND_TYPE)));
    }
}

/* The first of the cells [begin, begin + count) not less than `word`. */
static inline uint32_t
FIND_NAME(halve)(const FIND_TYPE *cells, uint32_t begin, uint32_t count, uint64_t word)
{
    for (; count > 1; count -= count / 2) {
        const uint32_t less = cells[begin + count / 2 - 1] < word;

        begin += count / 2 & (0 - less);
    }
    return begin + (cells[begin] < word);
}

/*
 * Looks around the guess, or when that does not enclose the word at all that is on its
 * side of the stretch. Afterwards `at` is the key that is equal, or HIT_NONE.
 */
static void
FIND_NAME(finish)(struct group *group)
{
    for (uint32_t i = 0; i < group->count; i++) {
        const FIND_TYPE *cells = FIND_NAME(cells)(group->fence[i]);
        const uint32_t guess = group->at[i];
        const uint32_t begin = group->stretch[i].begin, end = group->stretch[i].end;
        const uint32_t low = guess - begin > GUESS_REACH ? guess - GUESS_REACH : begin;
        const uint32_t high = end - guess > GUESS_REACH ? guess + GUESS_REACH : end;
        const uint64_t word = group->word[i];
        uint32_t at = FIND_NAME(halve)(cells, low, high - low, word);

        if (at == high && high < end)
            at = FIND_NAME(halve)(cells, high, end - high, word);
        else if (at == low && low > begin)
            at = FIND_NAME(halve)(cells, begin, low + 1 - begin, word);
        /* There is a key: the last one of the stretch is not less. */
        group->at[i] = cells[at] == word ? at : HIT_NONE;
    }
}

#undef FIND_NAME
#undef FIND_TYPE
