/* SPDX-License-Identifier: MIT */

/*
 * The few rows of a key that a probe has found: one by one, and without a look at keys,
 * which the prober has. What image_stage() would do besides copying the key.
 */

#include "block/block.h"
#include "rows/arena.h"

static uint32_t value_of_row(const struct image *image, uint32_t row);
static inline uint64_t stage_value(const struct cell_layout *layout,
                                   const struct column *values, uint32_t value,
                                   struct span *span);
static inline int64_t weight_at(const struct image *image, const void *stored, size_t at);

enum spine_status
image_stage_hit(const struct layout *layout, const struct image *image,
                const struct hit_rows *hit, struct arena *copies, struct rows *out)
{
    const struct column values = image_values(image);
    const void *const weights = image_part(image, PART_WEIGHTS);
    const void *const times = image_part(image, PART_TIMES);
    const bool several = image->at[PART_ENDS_OF_TIMES] != 0;
    const size_t width = layout->weight_count;
    uint32_t value = several ? value_of_row(image, hit->begin) : hit->begin;
    size_t to = out->count;

    assert(layout->row_kind == ROW_WIDE);
    assert(hit->begin < hit->end && hit->end <= image->row_count);
    assert(out->capacity - out->count >= hit->end - hit->begin);
    for (uint32_t row = hit->begin; row < hit->end; row++, to++) {
        struct span span;

        out->hi[to] = hit->key->word;
        if (out->key != NULL)
            out->key[to] = hit->key->span;
        out->lo[to] = stage_value(&layout->value, &values, value, &span);
        if (span.size > 0 && span.size <= hit->copy_max) {
            if (copies->left < span.size && !arena_reserve(copies, span.size))
                return SPINE_NOMEM;
            arena_copy(copies, &span);
        }
        if (out->value != NULL)
            out->value[to] = span;
        if (layout->timed)
            out->time[to] = image_has(image, IMAGE_TIMES_FRAMED)
                                ? frame_word(times, row)
                                : ((const uint64_t *)times)[row];
        for (size_t w = 0; w < width; w++)
            out->weight[to * width + w] = weight_at(image, weights, row * width + w);
        value += !several || image_row_end(image, value) == row + 1;
    }
    out->count = to;
    return SPINE_OK;
}

/* The value that the row is of, where values have several times. */
static uint32_t
value_of_row(const struct image *image, uint32_t row)
{
    uint32_t begin = 0;

    for (uint32_t count = image->value_count; count > 0;) {
        const uint32_t half = count / 2;
        const bool above = image_row_end(image, begin + half) > row;

        begin = above ? begin : begin + half + 1;
        count = above ? half : count - half - 1;
    }
    return begin;
}

/* The word of a value, and its bytes, if it is bytes. */
static inline uint64_t
stage_value(const struct cell_layout *layout, const struct column *values, uint32_t value,
            struct span *span)
{
    *span = (struct span){0};
    switch (layout->shape) {
    case SHAPE_NONE:
        break;
    case SHAPE_WORD4:
        return values->frame != NULL ? frame_word(values->frame, value)
                                     : ((const uint32_t *)values->cells)[value];
    case SHAPE_WORD8:
        return values->frame != NULL ? frame_word(values->frame, value)
                                     : ((const uint64_t *)values->cells)[value];
    case SHAPE_FIXED:
    case SHAPE_BYTES:
        *span = column_span(layout, values, value);
        return cell_prefix(span->data, span->size);
    }
    return 0;
}

static inline int64_t
weight_at(const struct image *image, const void *stored, size_t at)
{
    if (image_has(image, IMAGE_WEIGHTS_FRAMED))
        return (int64_t)frame_word(stored, at);
    switch (image->weight_bytes) {
    case 0:
        return 1;
    case 1:
        return ((const int8_t *)stored)[at];
    case 2:
        return ((const int16_t *)stored)[at];
    case 4:
        return ((const int32_t *)stored)[at];
    default:
        return ((const int64_t *)stored)[at];
    }
}
