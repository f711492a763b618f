/* SPDX-License-Identifier: MIT */

/* Two digits of a radix sort, the lower one first, and then insertion, which has little
 * to do where leading bits differ. */

#include "kernel/word_sort.h"

#include "base/assert.h"

#include <string.h>

enum {
    /* Where words are spread evenly, narrow digits are enough to leave little to
     * insertion, and the caches have room for the ends of all their buckets. */
    NARROW_BITS = 9,
    WIDE_BITS = 11,
    /* Words are spread evenly if the higher digits of SAMPLE_WORDS of them have
     * SAMPLE_DIGITS different values at least. */
    SAMPLE_WORDS = 256,
    SAMPLE_DIGITS = 128,
    /* How far insertion moves a word. */
    MOVE_MAX = 32
};

static bool is_even(const uint64_t *words, size_t count);
static void sum_up(uint32_t *counts, size_t digits);
static bool insert_words(uint64_t *words, size_t count);

/* By two digits of `bits`, a constant. */
static inline __attribute__((always_inline)) void
sort_by_digits(uint64_t *words, uint64_t *scratch, size_t count, unsigned bits)
{
    const unsigned high_shift = 64 - bits, low_shift = 64 - 2 * bits;
    const size_t digits = (size_t)1 << bits;
    uint32_t high[1 << WIDE_BITS], low[1 << WIDE_BITS];

    memset(high, 0, digits * sizeof *high);
    memset(low, 0, digits * sizeof *low);
    for (size_t i = 0; i < count; i++) {
        high[words[i] >> high_shift]++;
        low[words[i] >> low_shift & (digits - 1)]++;
    }
    sum_up(high, digits);
    sum_up(low, digits);
    for (size_t i = 0; i < count; i++)
        scratch[low[words[i] >> low_shift & (digits - 1)]++] = words[i];
    for (size_t i = 0; i < count; i++)
        words[high[scratch[i] >> high_shift]++] = scratch[i];
}

bool
word_sort(uint64_t *words, uint64_t *scratch, size_t count)
{
    assert(count <= UINT32_MAX);
    if (is_even(words, count))
        sort_by_digits(words, scratch, count, NARROW_BITS);
    else
        sort_by_digits(words, scratch, count, WIDE_BITS);
    return insert_words(words, count);
}

static bool
is_even(const uint64_t *words, size_t count)
{
    const size_t step = count / SAMPLE_WORDS;
    bool seen[1 << NARROW_BITS] = {false};
    size_t digits = 0;

    for (size_t i = 0; step > 0 && i < SAMPLE_WORDS; i++) {
        bool *const is_seen = &seen[words[i * step] >> (64 - NARROW_BITS)];

        digits += !*is_seen;
        *is_seen = true;
    }
    return digits >= SAMPLE_DIGITS;
}

/* Counts of digits become where the first word of each goes. */
static void
sum_up(uint32_t *counts, size_t digits)
{
    uint32_t sum = 0;

    for (size_t digit = 0; digit < digits; digit++) {
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
