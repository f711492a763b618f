/* SPDX-License-Identifier: MIT */
#include "block/block.h"

static size_t search_bytes(const struct cell_layout *layout, const struct column *column,
                           size_t begin, size_t end, const struct cell *cell, bool after);
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

uint32_t
image_search(const struct layout *layout, const struct image *image,
             const struct target *target)
{
    const bool after_key = target->after && !target->has_value;
    const struct column keys = image_keys(image), values = image_values(image);
    const size_t key =
        column_search(&layout->key, &keys, 0, image->key_count, &target->key, after_key);
    const uint32_t value_begin = image_value_begin(image, (uint32_t)key);
    size_t value;

    if (!target->has_value || key == image->key_count ||
        !column_equals(&layout->key, &keys, key, &target->key))
        return image_row_begin(image, value_begin);
    value = column_search(&layout->value, &values, value_begin,
                          image_value_end(image, (uint32_t)key), &target->value,
                          target->after);
    return image_row_begin(image, (uint32_t)value);
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
    case SHAPE_BYTES:
        if (column->samples != NULL)
            return column_search_samples(column, end, cell, after);
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

bool
column_equals(const struct cell_layout *layout, const struct column *column, size_t at,
              const struct cell *cell)
{
    if (column->frame != NULL)
        return frame_word(column->frame, at) == cell->word;
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
