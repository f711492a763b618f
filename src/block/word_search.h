/* SPDX-License-Identifier: MIT */
#ifndef BLOCK_WORD_SEARCH_H
#define BLOCK_WORD_SEARCH_H

/*
 * block/word_search -- searching sorted words of four or eight bytes, or (FRAMED) of a
 * frame, which `cells` then is. `bytes` is a constant wherever these are called.
 */

#include "base/assert.h"
#include "block/frame.h"

#include <stddef.h>
#include <stdint.h>

/* So few words are searched by halving alone. */
#define GUESS_WORDS_MIN 64u
/* So far from a guess is looked at once. */
#define GUESS_REACH 8u

#define FRAMED 0u

#define WORD_SEARCH static inline __attribute__((always_inline))

WORD_SEARCH uint64_t
word_at(const void *cells, size_t bytes, size_t at)
{
    if (bytes == FRAMED)
        return frame_word(cells, at);
    return bytes == 4 ? ((const uint32_t *)cells)[at] : ((const uint64_t *)cells)[at];
}

/* A distance to guess by: half of it is what processors make a double of at once. */
WORD_SEARCH double
half_distance(uint64_t distance)
{
    return (double)(int64_t)(distance >> 1);
}

/*
 * Where `word` is in [begin, end), which is not empty, if the words from `first` to
 * `last` are spread evenly there, as hashed and as counted keys are.
 */
static inline size_t
interpolate(uint64_t first, uint64_t last, size_t begin, size_t end, uint64_t word)
{
    if (word <= first)
        return begin;
    if (word >= last)
        return end - 1;
    return begin +
           (size_t)(int64_t)(half_distance(word - first) / half_distance(last - first) *
                             (double)(int64_t)(end - 1 - begin));
}

/* The first of the words [begin, begin + count), of which there is one, not less than
 * `word`. The number of steps depends on the count only, and a step has no branch to
 * guess. */
WORD_SEARCH size_t
search_halves(const void *cells, size_t bytes, size_t begin, size_t count, uint64_t word)
{
    while (count > 1) {
        const size_t half = count / 2;
        const size_t less = word_at(cells, bytes, begin + half - 1) < word;

        begin += half & (0 - less);
        count -= half;
    }
    return begin + (word_at(cells, bytes, begin) < word);
}

/*
 * The first word in [begin, end) not less than `word`. Looks around `guess` first, then
 * in steps that double away from it, so that few lines of memory are touched.
 */
WORD_SEARCH size_t
search_around(const void *cells, size_t bytes, size_t begin, size_t end, size_t guess,
              uint64_t word)
{
    size_t low = guess - begin > GUESS_REACH ? guess - GUESS_REACH : begin;
    size_t high = end - guess > GUESS_REACH ? guess + GUESS_REACH : end;
    size_t step = GUESS_REACH;

    assert(begin <= guess && guess <= end);
    while (low > begin && word_at(cells, bytes, low - 1) >= word) {
        high = low - 1;
        low = high - begin > step ? high - step : begin;
        step *= 2;
    }
    while (high < end && word_at(cells, bytes, high) < word) {
        low = high + 1;
        high = end - low > step ? low + step : end;
        step *= 2;
    }
    return high > low ? search_halves(cells, bytes, low, high - low, word) : low;
}

/* The same without a guess of the caller's. */
WORD_SEARCH size_t
search_words(const void *cells, size_t bytes, size_t begin, size_t end, uint64_t word)
{
    size_t guess = begin + (end - begin) / 2;

    if (end - begin >= GUESS_WORDS_MIN)
        guess = interpolate(word_at(cells, bytes, begin), word_at(cells, bytes, end - 1),
                            begin, end, word);
    return search_around(cells, bytes, begin, end, guess, word);
}

#endif
