/* SPDX-License-Identifier: MIT */
#ifndef BLOCK_FIXED_SEARCH_H
#define BLOCK_FIXED_SEARCH_H

/*
 * block/fixed_search -- searching sorted cells of one width above eight bytes.
 *
 * Cells are compared as two words, the sixteen bytes behind what all of them begin with,
 * without a branch and without a call. Of longer cells that are equal there, bytes are
 * compared.
 */

#include "block/word_search.h"
#include "rows/rows.h"

/* So far from a guess is looked at once, and so few cells are halved alone. */
#define FIXED_REACH 6u
#define FIXED_GUESS_MIN 32u

/* Cells of `width` bytes, the first of them at `cells`, as what follows `skip` bytes. */
struct fixed_cells {
    const uint8_t *cells;
    size_t width;
    size_t skip;
    /* The first cell behind these. */
    const uint8_t *behind;
    /* The bits of words that are of the cell. */
    uint64_t high_mask;
    uint64_t low_mask;
    /* From where the low word is read: from anywhere, if it is masked. */
    size_t low_at;
};

struct fixed_words {
    uint64_t high;
    uint64_t low;
};

/* The bits of a word of which `bytes` bytes are of a cell. */
static inline uint64_t
fixed_mask(size_t bytes)
{
    return bytes >= 8 ? UINT64_MAX : ~(UINT64_MAX >> 8 * bytes);
}

static inline struct fixed_cells
fixed_cells_of(const uint8_t *cells, size_t width, size_t skip)
{
    const size_t bytes = width - skip;

    assert(skip <= width);
    return (struct fixed_cells){.cells = cells,
                                .width = width,
                                .skip = skip,
                                .behind = cells + skip,
                                .high_mask = fixed_mask(bytes),
                                .low_mask = bytes > 8 ? fixed_mask(bytes - 8) : 0,
                                .low_at = bytes > 8 ? 8 : 0};
}

WORD_SEARCH uint64_t
fixed_load(const uint8_t *data)
{
    uint64_t word;

    memcpy(&word, data, sizeof word);
    return __builtin_bswap64(word);
}

/* Behind the last cell CELL_SLACK bytes can be read. */
WORD_SEARCH struct fixed_words
fixed_at(const struct fixed_cells *fixed, size_t at)
{
    const uint8_t *const cell = fixed->behind + at * fixed->width;

    return (struct fixed_words){fixed_load(cell) & fixed->high_mask,
                                fixed_load(cell + fixed->low_at) & fixed->low_mask};
}

/* The words of a key of that width. */
static inline struct fixed_words
fixed_words_of(struct span key, size_t skip)
{
    const struct span behind = span_behind(key, skip);
    struct fixed_words words = {.high = bytes_prefix(behind.data, behind.size)};

    if (behind.size > 8)
        words.low = bytes_prefix(behind.data + 8, behind.size - 8);
    return words;
}

/* Both words as one number, which is compared in fewer instructions. */
__extension__ typedef unsigned __int128 fixed_number;

WORD_SEARCH size_t
fixed_less(struct fixed_words a, struct fixed_words b)
{
    return ((fixed_number)a.high << 64 | a.low) < ((fixed_number)b.high << 64 | b.low);
}

WORD_SEARCH bool
fixed_equals(const struct fixed_cells *fixed, size_t at, struct fixed_words key)
{
    const struct fixed_words words = fixed_at(fixed, at);

    return words.high == key.high && words.low == key.low;
}

/* As search_halves(). */
WORD_SEARCH size_t
fixed_halves(const struct fixed_cells *fixed, size_t begin, size_t count,
             struct fixed_words key)
{
    while (count > 1) {
        const size_t half = count / 2;
        const size_t less = fixed_less(fixed_at(fixed, begin + half - 1), key);

        begin += half & (0 - less);
        count -= half;
    }
    return begin + fixed_less(fixed_at(fixed, begin), key);
}

/* Guesses again where `word` is, of which `guess` was told that it is `found`, between
 * the ends whose words are `first` and `last`. */
static inline size_t
fixed_guess(size_t begin, size_t end, size_t guess, const uint64_t *words)
{
    const uint64_t first = words[0], last = words[1], found = words[2], word = words[3];

    if (word < found)
        return interpolate(first, found, begin, guess + 1, word);
    return interpolate(found, last, guess, end, word);
}

/* The first of the cells [begin, end) of which the words are not less than `key`. */
static inline size_t
fixed_search(const struct fixed_cells *fixed, size_t begin, size_t end,
             struct fixed_words key)
{
    size_t low = begin, high = end, step = FIXED_REACH;

    if (end - begin >= FIXED_GUESS_MIN) {
        uint64_t words[] = {fixed_at(fixed, begin).high, fixed_at(fixed, end - 1).high, 0,
                            key.high};
        size_t guess = interpolate(words[0], words[1], begin, end, key.high);

        words[2] = fixed_at(fixed, guess).high;
        guess = fixed_guess(begin, end, guess, words);
        low = guess - begin > FIXED_REACH ? guess - FIXED_REACH : begin;
        high = end - guess > FIXED_REACH ? guess + FIXED_REACH : end;
    }
    while (low > begin && !fixed_less(fixed_at(fixed, low - 1), key)) {
        high = low - 1;
        low = high - begin > step ? high - step : begin;
        step *= 2;
    }
    while (high < end && fixed_less(fixed_at(fixed, high), key)) {
        low = high + 1;
        high = end - low > step ? low + step : end;
        step *= 2;
    }
    return high > low ? fixed_halves(fixed, low, high - low, key) : low;
}

/* The bytes of a cell, which are written to `scratch`, FIXED_PAIR_BYTES, where it has no
 * span. */
#define FIXED_PAIR_BYTES 16u
static inline struct span
cell_as_span(const struct cell_layout *layout, const struct cell *cell, uint8_t *scratch)
{
    const uint64_t words[] = {__builtin_bswap64(cell->word),
                              __builtin_bswap64(cell->rest)};

    if (layout->spans)
        return cell->span;
    assert(layout->bytes <= FIXED_PAIR_BYTES);
    memcpy(scratch, words, FIXED_PAIR_BYTES);
    return (struct span){scratch, layout->bytes};
}

/* Do words tell cells apart for certain? */
static inline bool
fixed_is_whole(const struct fixed_cells *fixed)
{
    return fixed->width - fixed->skip <= 16;
}

static inline struct span
fixed_span(const struct fixed_cells *fixed, size_t at)
{
    return (struct span){fixed->cells + at * fixed->width, fixed->width};
}

/* Of cells that begin with the same bytes as `key`: the first in [at, end) that is not
 * less, when `at` is the first whose words are not. */
static inline size_t
fixed_settle(const struct fixed_cells *fixed, size_t at, size_t end, struct span key)
{
    const struct span behind = span_behind(key, fixed->skip);
    size_t step = 1, low = at;

    if (fixed_is_whole(fixed))
        return at;
    for (size_t high; low < end; step *= 2) {
        high = end - low > step ? low + step : end;
        if (span_compare(span_behind(fixed_span(fixed, high - 1), fixed->skip), behind) >=
            0) {
            end = high - 1;
            break;
        }
        low = high;
    }
    while (low < end) {
        const size_t middle = low + (end - low) / 2;

        if (span_compare(span_behind(fixed_span(fixed, middle), fixed->skip), behind) < 0)
            low = middle + 1;
        else
            end = middle;
    }
    return low;
}

#endif
