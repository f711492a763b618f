/* SPDX-License-Identifier: MIT */
#include "batch/block.h"

/* So few words are searched by halving alone. */
#define GUESS_WORDS_MIN 64u
/* So far from a guess is looked at once. */
#define GUESS_REACH 16u

static size_t search_column(const struct cell_layout *layout, const struct column *column,
                            size_t begin, size_t end, const struct cell *cell,
                            bool after);
static void narrow_by_hint(const struct layout *layout, const struct block *block,
                           const struct cell *key, uint32_t hint, size_t *begin,
                           size_t *end);
static size_t
search_word4(const uint32_t *cells, size_t begin, size_t end, uint64_t word);
static size_t
search_word8(const uint64_t *cells, size_t begin, size_t end, uint64_t word);
static size_t search_bytes(const struct cell_layout *layout, const struct column *column,
                           size_t begin, size_t end, const struct cell *cell, bool after);
static void narrow_by_samples(const struct column *column, uint64_t prefix, size_t *begin,
                              size_t *end);
static bool cell_equals(const struct cell_layout *layout, const struct column *column,
                        size_t at, const struct cell *cell);

static inline __attribute__((always_inline)) uint64_t
word_at(const void *cells, size_t bytes, size_t at)
{
    return bytes == 4 ? ((const uint32_t *)cells)[at] : ((const uint64_t *)cells)[at];
}

/*
 * Where `word` is in [begin, end) if the words there are spread evenly, as hashed and as
 * counted keys are.
 */
static inline __attribute__((always_inline)) size_t
guess_place(const void *cells, size_t bytes, size_t begin, size_t end, uint64_t word)
{
    const uint64_t first = word_at(cells, bytes, begin);
    const uint64_t last = word_at(cells, bytes, end - 1);

    if (word <= first)
        return begin;
    if (word >= last)
        return end - 1;
    return begin + (size_t)((double)(word - first) / (double)(last - first) *
                            (double)(end - 1 - begin));
}

/*
 * The first word in [begin, end) not less than `word`. Looks around the guess first, then
 * in steps that double away from it, so that few lines of memory are touched.
 */
static inline __attribute__((always_inline)) size_t
search_words(const void *cells, size_t bytes, size_t begin, size_t end, uint64_t word)
{
    if (end - begin >= GUESS_WORDS_MIN) {
        const size_t guess = guess_place(cells, bytes, begin, end, word);
        size_t low = guess - begin > GUESS_REACH ? guess - GUESS_REACH : begin;
        size_t high = end - guess > GUESS_REACH ? guess + GUESS_REACH : end;
        size_t step = GUESS_REACH;

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
        begin = low;
        end = high;
    }
    /* The number of steps depends on the size only, and a step has no branch to guess. */
    size_t count = end - begin;

    while (count > 1) {
        const size_t half = count / 2;
        const size_t less = word_at(cells, bytes, begin + half - 1) < word;

        begin += half & (0 - less);
        count -= half;
    }
    return begin + (count == 1 && word_at(cells, bytes, begin) < word);
}

struct span
column_span(const struct cell_layout *layout, const struct column *column, size_t at)
{
    const uint8_t *const cells = column->cells;
    size_t begin, end;

    assert(layout->shape == SHAPE_FIXED || layout->shape == SHAPE_BYTES);
    if (layout->shape == SHAPE_FIXED) {
        begin = at * layout->bytes;
        end = begin + layout->bytes;
    } else {
        begin = at > 0 ? column->ends[at - 1] : 0;
        end = column->ends[at];
    }
    return (struct span){.data = cells + begin, .size = end - begin};
}

struct target
target_of(const struct layout *layout, const struct cell *key, const struct cell *value,
          bool after)
{
    /* Without a value: the bits of the code that are not the key's. */
    const uint64_t rest = after && value == NULL ? UINT64_MAX : 0;
    struct target target = {.key = *key, .has_value = value != NULL, .after = after};

    if (value != NULL)
        target.value = *value;
    target.hi = key->word;
    target.lo = value != NULL ? value->word : rest;
    if (layout->row_kind == ROW_ONE && layout->key_shift > 0) {
        const uint64_t low = layout->key_shift < 64
                                 ? rest & ((UINT64_C(1) << layout->key_shift) - 1)
                                 : rest;

        target.hi = layout->key_shift < 64 ? key->word << layout->key_shift : 0;
        target.hi |= value != NULL ? value->word : low;
        target.lo = 0;
    } else if (layout->row_kind == ROW_ONE) {
        target.lo = 0;
    } else if (layout->row_kind == ROW_TWO && layout->key.shape == SHAPE_FIXED) {
        target.lo = key->rest;
    } else if (layout->row_kind == ROW_TWO && layout->value.shape == SHAPE_FIXED) {
        target.hi = value != NULL ? value->word : rest;
        target.lo = value != NULL ? value->rest : rest;
    }
    return target;
}

/* The sign of (last row of the fence) - (what the target names). */
static int
fence_compare(const struct layout *layout, const struct fence *fence,
              const struct target *target)
{
    int order;

    if (fence->last_hi != target->hi)
        return fence->last_hi < target->hi ? -1 : 1;
    if (layout->row_kind == ROW_ONE)
        return 0;
    if (layout->key.spans) {
        order = span_compare(fence->last_key, target->key.span);
        if (order != 0)
            return order;
    }
    if (layout->row_kind == ROW_WIDE && !target->has_value)
        return 0;
    if (fence->last_lo != target->lo)
        return fence->last_lo < target->lo ? -1 : 1;
    return layout->value.spans ? span_compare(fence->last_value, target->value.span) : 0;
}

bool
fence_reaches(const struct layout *layout, const struct fence *fence,
              const struct target *target)
{
    const int order = fence_compare(layout, fence, target);

    return target->after ? order > 0 : order >= 0;
}

uint32_t
block_search(const struct layout *layout, const struct block *block,
             const struct target *target)
{
    const bool after_key = target->after && !target->has_value;
    const size_t key = search_column(&layout->key, &block->key, 0, block->key_count,
                                     &target->key, after_key);
    const uint32_t value_begin = block_value_begin(block, (uint32_t)key);
    size_t value;

    if (!target->has_value || key == block->key_count ||
        !cell_equals(&layout->key, &block->key, key, &target->key))
        return block_row_begin(block, value_begin);
    value = search_column(&layout->value, &block->value, value_begin,
                          block_value_end(block, (uint32_t)key), &target->value,
                          target->after);
    return block_row_begin(block, (uint32_t)value);
}

void
block_find_key(const struct layout *layout, const struct block *block,
               const struct cell *key, uint32_t *hint, uint32_t *begin, uint32_t *end)
{
    size_t from, to;
    uint32_t at;

    narrow_by_hint(layout, block, key, *hint, &from, &to);
    at = (uint32_t)search_column(&layout->key, &block->key, from, to, key, false);
    *hint = at;
    *begin = *end = block_row_begin(block, block_value_begin(block, at));
    if (at < block->key_count && cell_equals(&layout->key, &block->key, at, key))
        *end = block_row_begin(block, block_value_end(block, at));
}

void
block_prefetch_key(const struct layout *layout, const struct block *block,
                   const struct cell *key, uint32_t hint)
{
    const size_t bytes = layout->key.bytes;
    const uint8_t *const cells = block->key.cells;
    size_t begin, end, guess;

    if (layout->key.shape != SHAPE_WORD4 && layout->key.shape != SHAPE_WORD8)
        return;
    narrow_by_hint(layout, block, key, hint, &begin, &end);
    if (begin == end)
        return;
    guess = bytes == 4 ? guess_place(cells, 4, begin, end, key->word)
                       : guess_place(cells, 8, begin, end, key->word);
    for (size_t at = guess > GUESS_REACH ? guess - GUESS_REACH : 0;
         at < end && at <= guess + GUESS_REACH; at += 64 / bytes)
        __builtin_prefetch(cells + at * bytes);
}

/* Keys [begin, end) of the block are in doubt once key `hint` was compared. */
static void
narrow_by_hint(const struct layout *layout, const struct block *block,
               const struct cell *key, uint32_t hint, size_t *begin, size_t *end)
{
    const bool word4 = layout->key.shape == SHAPE_WORD4;

    *begin = 0;
    *end = block->key_count;
    if (hint >= block->key_count || (!word4 && layout->key.shape != SHAPE_WORD8))
        return;
    if (word_at(block->key.cells, word4 ? 4 : 8, hint) < key->word)
        *begin = hint + 1;
    else
        *end = hint;
}

/* The first cell in [begin, end) not less than `cell`, or (`after`) greater. */
static size_t
search_column(const struct cell_layout *layout, const struct column *column, size_t begin,
              size_t end, const struct cell *cell, bool after)
{
    switch (layout->shape) {
    case SHAPE_NONE:
        break;
    case SHAPE_WORD4:
        if (after && cell->word >= UINT32_MAX)
            return end;
        return search_word4(column->cells, begin, end, cell->word + after);
    case SHAPE_WORD8:
        if (after && cell->word == UINT64_MAX)
            return end;
        return search_word8(column->cells, begin, end, cell->word + after);
    case SHAPE_FIXED:
    case SHAPE_BYTES:
        return search_bytes(layout, column, begin, end, cell, after);
    }
    /* All cells of SPINE_NONE are equal. */
    return after ? end : begin;
}

static size_t
search_word4(const uint32_t *cells, size_t begin, size_t end, uint64_t word)
{
    return search_words(cells, 4, begin, end, word);
}

static size_t
search_word8(const uint64_t *cells, size_t begin, size_t end, uint64_t word)
{
    return search_words(cells, 8, begin, end, word);
}

/* The sign of (cell `at`) - (`cell`) for bytes that a block keeps. */
static int
compare_bytes(const struct cell_layout *layout, const struct column *column, size_t at,
              const struct cell *cell)
{
    const struct span span = column_span(layout, column, at);
    const uint64_t prefix = cell_prefix(span.data, span.size);

    if (prefix != cell->word)
        return prefix < cell->word ? -1 : 1;
    if (!layout->spans) {
        const uint64_t rest = cell_prefix(span.data + 8, span.size - 8);

        return (rest > cell->rest) - (rest < cell->rest);
    }
    return span_compare(span, cell->span);
}

static size_t
search_bytes(const struct cell_layout *layout, const struct column *column, size_t begin,
             size_t end, const struct cell *cell, bool after)
{
    if (column->samples != NULL)
        narrow_by_samples(column, cell->word, &begin, &end);
    while (begin < end) {
        const size_t middle = begin + (end - begin) / 2;
        const int order = compare_bytes(layout, column, middle, cell);

        if (after ? order > 0 : order >= 0)
            end = middle;
        else
            begin = middle + 1;
    }
    return begin;
}

/* Narrows all cells down to those that the prefixes leave in doubt. */
static void
narrow_by_samples(const struct column *column, uint64_t prefix, size_t *begin,
                  size_t *end)
{
    const size_t count = (*end + SAMPLE_STEP - 1) / SAMPLE_STEP;
    const size_t less = search_word8(column->samples, 0, count, prefix);
    size_t above = count;

    assert(*begin == 0);
    if (prefix < UINT64_MAX)
        above = search_word8(column->samples, less, count, prefix + 1);
    if (less > 0)
        *begin = (less - 1) * SAMPLE_STEP + 1;
    if (above < count)
        *end = above * SAMPLE_STEP;
}

static bool
cell_equals(const struct cell_layout *layout, const struct column *column, size_t at,
            const struct cell *cell)
{
    switch (layout->shape) {
    case SHAPE_NONE:
        break;
    case SHAPE_WORD4:
        return ((const uint32_t *)column->cells)[at] == cell->word;
    case SHAPE_WORD8:
        return ((const uint64_t *)column->cells)[at] == cell->word;
    case SHAPE_FIXED:
    case SHAPE_BYTES:
        return compare_bytes(layout, column, at, cell) == 0;
    }
    return true;
}
