/* SPDX-License-Identifier: MIT */

/*
 * Template: finds the keys of a group in their blocks, in two steps, so that the memory
 * that the first one guesses is there when the second one begins. The file that includes
 * it defines
 *
 *     FIND_NAME(step)    the functions
 *     FIND_KEYS          a name for the keys of a block
 *     FIND_KEYS_OF(column)
 *     FIND_WORD(keys, at)
 *     FIND_PREFETCH(keys, at)    asks for the memory around a key
 */

/*
 * Guesses where each key is, as if those of its block were spread evenly, which for keys
 * drawn at random, numbered, or taken from a clock is right within some rows.
 */
static void
FIND_NAME(guess)(const struct spine_batch *batch, struct group *group)
{
    const unsigned shift = batch->layout.key_shift;

    for (uint32_t i = 0; i < group->count; i++) {
        const struct fence *fence = &batch->fences[group->block[i]];
        FIND_KEYS keys = FIND_KEYS_OF(&fence->block->key);
        const uint64_t first = fence->first_hi >> shift, last = fence->last_hi >> shift;
        const uint64_t word = group->word[i] > first ? group->word[i] : first;
        const double share = (double)(word - first) / ((double)(last - first) + 1);

        group->length[i] = fence->block->key_count;
        group->at[i] = (uint32_t)(share * (group->length[i] - 1));
        assert(group->at[i] < group->length[i]);
        FIND_PREFETCH(keys, group->at[i]);
    }
}

/*
 * From around the guess, or when that does not enclose the key from all that is on its
 * side, all keys halve their intervals in step. Afterwards `at` is the first key of the
 * block that is not less, key_count if none.
 */
static void
FIND_NAME(finish)(const struct spine_batch *batch, struct group *group)
{
    FIND_KEYS keys[GROUP];
    uint32_t longest = 0;

    for (uint32_t i = 0; i < group->count; i++) {
        const uint32_t count = group->length[i], guess = group->at[i];
        const uint32_t low = guess > GUESS_REACH ? guess - GUESS_REACH : 0;
        const uint32_t high = guess + GUESS_REACH < count ? guess + GUESS_REACH : count;
        const uint64_t word = group->word[i];

        keys[i] = FIND_KEYS_OF(&batch->fences[group->block[i]].block->key);
        group->at[i] = FIND_WORD(keys[i], low) < word ? low : 0;
        group->length[i] =
            (FIND_WORD(keys[i], high - 1) < word ? count : high) - group->at[i];
        longest = group->length[i] > longest ? group->length[i] : longest;
    }
    for (; longest > 1; longest -= longest / 2)
        for (uint32_t i = 0; i < group->count; i++) {
            const uint32_t half = group->length[i] / 2;

            /* Nothing happens at length 1. */
            group->at[i] +=
                FIND_WORD(keys[i], group->at[i] + half) < group->word[i] ? half : 0;
            group->length[i] -= half;
        }
    for (uint32_t i = 0; i < group->count; i++)
        group->at[i] += FIND_WORD(keys[i], group->at[i]) < group->word[i];
}

#undef FIND_NAME
#undef FIND_KEYS
#undef FIND_KEYS_OF
#undef FIND_WORD
#undef FIND_PREFETCH
