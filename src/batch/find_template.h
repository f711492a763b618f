/* SPDX-License-Identifier: MIT */

/*
 * Template: finds the keys of a group in their blocks, in two steps, so that the memory
 * that the first one guesses is there when the second one begins. The file that includes
 * it defines
 *
 *     FIND_NAME(step)    the functions
 *     FIND_TYPE          a stored key
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
        const FIND_TYPE *cells = fence->block->key.cells;
        const uint64_t first = fence->first_hi >> shift, last = fence->last_hi >> shift;
        const uint64_t word = group->word[i] > first ? group->word[i] : first;
        const double share = (double)(word - first) / ((double)(last - first) + 1);

        group->length[i] = fence->block->key_count;
        group->at[i] = (uint32_t)(share * (group->length[i] - 1));
        assert(group->at[i] < group->length[i]);
        prefetch_around(cells + group->at[i], GUESS_REACH * sizeof *cells);
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
    const FIND_TYPE *cells[GROUP];
    uint32_t longest = 0;

    for (uint32_t i = 0; i < group->count; i++) {
        const uint32_t count = group->length[i], guess = group->at[i];
        const uint32_t low = guess > GUESS_REACH ? guess - GUESS_REACH : 0;
        const uint32_t high = guess + GUESS_REACH < count ? guess + GUESS_REACH : count;
        const uint64_t word = group->word[i];

        cells[i] = batch->fences[group->block[i]].block->key.cells;
        group->at[i] = cells[i][low] < word ? low : 0;
        group->length[i] = (cells[i][high - 1] < word ? count : high) - group->at[i];
        longest = group->length[i] > longest ? group->length[i] : longest;
    }
    for (; longest > 1; longest -= longest / 2)
        for (uint32_t i = 0; i < group->count; i++) {
            const uint32_t half = group->length[i] / 2;

            /* Nothing happens at length 1. */
            group->at[i] += cells[i][group->at[i] + half] < group->word[i] ? half : 0;
            group->length[i] -= half;
        }
    for (uint32_t i = 0; i < group->count; i++)
        group->at[i] += cells[i][group->at[i]] < group->word[i];
}

#undef FIND_NAME
#undef FIND_TYPE
