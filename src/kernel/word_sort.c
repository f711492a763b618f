/* SPDX-License-Identifier: MIT */

/* Two digits of a radix sort, the lower one first, and then insertion, which has little
 * to do where leading bits differ. */

#include "kernel/word_sort.h"

#include "base/assert.h"

enum {
    DIGIT_BITS = 11,
    DIGITS = 1 << DIGIT_BITS,
    HIGH_SHIFT = 64 - DIGIT_BITS,
    LOW_SHIFT = 64 - 2 * DIGIT_BITS,
    /* How far insertion moves a word. */
    MOVE_MAX = 32
};

static void sum_up(uint32_t *counts);
static bool insert_words(uint64_t *words, size_t count);

bool
word_sort(uint64_t *words, uint64_t *scratch, size_t count)
{
    uint32_t high[DIGITS] = {0}, low[DIGITS] = {0};

    assert(count <= UINT32_MAX);
    for (size_t i = 0; i < count; i++) {
        high[words[i] >> HIGH_SHIFT]++;
        low[words[i] >> LOW_SHIFT & (DIGITS - 1)]++;
    }
    sum_up(high);
    sum_up(low);
    for (size_t i = 0; i < count; i++)
        scratch[low[words[i] >> LOW_SHIFT & (DIGITS - 1)]++] = words[i];
    for (size_t i = 0; i < count; i++)
        words[high[scratch[i] >> HIGH_SHIFT]++] = scratch[i];
    return insert_words(words, count);
}

/* Counts of digits become where the first word of each goes. */
static void
sum_up(uint32_t *counts)
{
    uint32_t sum = 0;

    for (size_t digit = 0; digit < DIGITS; digit++) {
        const uint32_t count = counts[digit];

        counts[digit] = sum;
        sum += count;
    }
}

static bool
insert_words(uint64_t *words, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const uint64_t word = words[i];
        size_t hole = i;

        for (; hole > 0 && words[hole - 1] > word; hole--)
            words[hole] = words[hole - 1];
        words[hole] = word;
        if (i - hole > MOVE_MAX)
            return false;
    }
    return true;
}
