/* SPDX-License-Identifier: MIT */

/* Searching one column of a block, and reading its cells that are bytes. */

#include "block/block.h"

/* So few ends are taken from a frame one by one. */
#define FEW_SPANS 8u

static size_t search_fixed(const struct cell_layout *layout, const struct column *column,
                           size_t begin, size_t end, const struct cell *cell, bool after);
static size_t search_bytes(const struct cell_layout *layout, const struct column *column,
                           size_t begin, size_t end, const struct cell *cell, bool after);

void
column_spans(const struct column *column, size_t begin, size_t end, struct span *spans)
{
    const uint8_t *const cells = column->cells;
    uint64_t words[COLUMN_SPANS_MAX];

    assert(begin < end);
    assert(end - begin <= COLUMN_SPANS_MAX);
    if (column->picks != NULL) {
        frame_unpack(column->picks, begin, end, words);
        for (size_t i = 0; i < end - begin; i++) {
            const size_t cell_begin = words[i] > 0 ? column->ends[words[i] - 1] : 0;

            spans[i] =
                (struct span){cells + cell_begin, column->ends[words[i]] - cell_begin};
        }
        return;
    }
    if (column->frame != NULL && end - begin > FEW_SPANS)
        frame_unpack(column->frame, begin, end, words);
    else
        for (size_t i = begin; i < end; i++)
            words[i - begin] = column_end(column, i);
    for (size_t i = 0, at = begin > 0 ? column_end(column, begin - 1) : 0;
         i < end - begin; i++) {
        spans[i] = (struct span){cells + at, (size_t)words[i] - at};
        at = (size_t)words[i];
    }
}

size_t
column_search(const struct cell_layout *layout, const struct column *column, size_t begin,
              size_t end, const struct cell *cell, bool after)
{
    switch (layout->shape) {
    case SHAPE_NONE:
        break;
    case SHAPE_WORD4:
        if (after && cell->word >= UINT32_MAX)
            return end;
        if (column->frame != NULL)
            return search_words(column->frame, FRAMED, begin, end, cell->word + after);
        return search_words(column->cells, 4, begin, end, cell->word + after);
    case SHAPE_WORD8:
        if (after && cell->word == UINT64_MAX)
            return end;
        if (column->frame != NULL)
            return search_words(column->frame, FRAMED, begin, end, cell->word + after);
        return search_words(column->cells, 8, begin, end, cell->word + after);
    case SHAPE_FIXED:
        return search_fixed(layout, column, begin, end, cell, after);
    case SHAPE_BYTES:
        if (column->anchors != NULL) {
            bool equal;
            const size_t at = column_find(column, end, cell->span, &equal);

            return at + (equal && after);
        }
        return search_bytes(layout, column, begin, end, cell, after);
    }
    /* All cells of SPINE_NONE are equal. */
    return after ? end : begin;
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

/* A key between the first and the last cell begins like all of them. */
static size_t
search_fixed(const struct cell_layout *layout, const struct column *column, size_t begin,
             size_t end, const struct cell *cell, bool after)
{
    uint8_t scratch[FIXED_PAIR_BYTES];
    struct fixed_cells fixed;
    struct span key, last;
    int order;
    size_t at;

    if (end - begin < FIXED_GUESS_MIN)
        return search_bytes(layout, column, begin, end, cell, after);
    key = cell_as_span(layout, cell, scratch);
    fixed = fixed_cells_of(column->cells, layout->bytes, 0);
    order = span_compare(fixed_span(&fixed, begin), key);
    if (order > 0 || (order == 0 && !after))
        return begin;
    last = fixed_span(&fixed, end - 1);
    order = span_compare(last, key);
    if (order < 0 || (order == 0 && after))
        return end;
    fixed = fixed_cells_of(column->cells, layout->bytes,
                           span_shared(fixed_span(&fixed, begin), last));
    at = fixed_search(&fixed, begin, end, fixed_words_of(key, fixed.skip));
    at = fixed_settle(&fixed, at, end, key);
    return at + (after && span_compare(fixed_span(&fixed, at), key) == 0);
}

static size_t
search_bytes(const struct cell_layout *layout, const struct column *column, size_t begin,
             size_t end, const struct cell *cell, bool after)
{
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

/* Is that key `at`, which is a front and a rest? */
static bool
equals_fronted(const struct column *column, size_t at, struct span key)
{
    const struct span front = column_front(column, at);
    struct span rest;

    if (key.size < front.size ||
        (front.size > 0 && memcmp(key.data, front.data, front.size) != 0))
        return false;
    column_spans(column, at, at + 1, &rest);
    return span_compare(rest, span_behind(key, front.size)) == 0;
}

bool
column_equals(const struct cell_layout *layout, const struct column *column, size_t at,
              const struct cell *cell)
{
    switch (layout->shape) {
    case SHAPE_NONE:
        break;
    case SHAPE_WORD4:
        if (column->frame != NULL)
            return frame_word(column->frame, at) == cell->word;
        return ((const uint32_t *)column->cells)[at] == cell->word;
    case SHAPE_WORD8:
        if (column->frame != NULL)
            return frame_word(column->frame, at) == cell->word;
        return ((const uint64_t *)column->cells)[at] == cell->word;
    case SHAPE_FIXED:
    case SHAPE_BYTES:
        if (column->fronts != NULL)
            return equals_fronted(column, at, cell->span);
        return compare_bytes(layout, column, at, cell) == 0;
    }
    return true;
}
