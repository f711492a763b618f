/* SPDX-License-Identifier: MIT */
#ifndef BLOCK_COLUMN_H
#define BLOCK_COLUMN_H

/*
 * block/column -- the keys or the values of an image (block/image.h), as they lie there.
 */

#include "block/image.h"

/* The cells of keys or values. What an image has not is not to be looked at. */
struct column {
    /* Of words, or of ends, that are a frame; otherwise NULL. */
    const struct frame *frame;
    /* uint32_t or uint64_t words; SHAPE_FIXED and SHAPE_BYTES: the bytes end to end. */
    const void *cells;
    /* SHAPE_BYTES: where each cell ends in `cells`, unless that is a frame. */
    const uint32_t *ends;
    /* Of listed values: which cell each has; otherwise NULL. */
    const struct frame *picks;
    /* SHAPE_BYTES keys, otherwise NULL: words of cells 0, ANCHOR_STEP, ..., taken behind
     * the bytes that all cells begin with. */
    const uint64_t *anchors;
    uint32_t shared_bytes;
    /* Of keys with fronts, of which `cells` have the rest: otherwise NULL. */
    const uint32_t *fronts;
    const uint8_t *front_bytes;
};

/* Anchors of SHAPE_BYTES keys. */
static inline size_t
image_anchor_count(const struct image *image)
{
    return (image->key_count + ANCHOR_STEP - 1) / ANCHOR_STEP;
}

static inline struct column
image_keys(const struct image *image)
{
    struct column keys = {.cells = image_array(image, PART_KEY_CELLS),
                          .ends = image_array(image, PART_KEY_ENDS),
                          .anchors = image_part(image, PART_KEY_ANCHORS),
                          .shared_bytes = image->shared_bytes};

    if (image_has(image, IMAGE_KEYS_FRAMED))
        keys.frame = &image->key_frame;
    if (image_has(image, IMAGE_KEYS_FRONTED)) {
        const size_t count = image_anchor_count(image);

        keys.fronts = (const uint32_t *)(keys.anchors + count);
        keys.front_bytes = (const uint8_t *)(keys.fronts + count);
    }
    return keys;
}

static inline struct column
image_values(const struct image *image)
{
    struct column values = {.cells = image_array(image, PART_VALUE_CELLS),
                            .ends = image_array(image, PART_VALUE_ENDS)};

    if (image_has(image, IMAGE_VALUES_FRAMED))
        values.frame = &image->value_frame;
    if (image_has(image, IMAGE_VALUES_LISTED)) {
        values.picks = &image->value_frame;
        values.ends++;
    }
    return values;
}

/* Are bytes encoded: frames of ends, a list, or fronts? */
static inline bool
image_encodes_bytes(const struct layout *layout, const struct image *image)
{
    return image_has(image, IMAGE_KEYS_FRONTED) ||
           (layout->key.shape == SHAPE_BYTES && image_has(image, IMAGE_KEYS_FRAMED)) ||
           (layout->value.shape == SHAPE_BYTES &&
            (image_has(image, IMAGE_VALUES_FRAMED) ||
             image_has(image, IMAGE_VALUES_LISTED)));
}

/* Where cell `at` of a SHAPE_BYTES column ends. */
static inline size_t
column_end(const struct column *column, size_t at)
{
    return column->frame != NULL ? (size_t)frame_word(column->frame, at)
                                 : column->ends[at];
}

/* The bytes of cell `at` of a SHAPE_FIXED column, or of a SHAPE_BYTES one without
 * fronts. */
static inline struct span
column_span(const struct cell_layout *layout, const struct column *column, size_t at)
{
    const uint8_t *const cells = column->cells;
    size_t begin = at * layout->bytes, end = begin + layout->bytes;

    assert(column->fronts == NULL);
    assert(layout->shape == SHAPE_FIXED || layout->shape == SHAPE_BYTES);
    if (layout->shape == SHAPE_BYTES) {
        if (column->picks != NULL)
            at = (size_t)frame_word(column->picks, at);
        end = column_end(column, at);
        begin = at > 0 ? column_end(column, at - 1) : 0;
    }
    return (struct span){.data = cells + begin, .size = end - begin};
}

static inline uint32_t
front_size(uint32_t front)
{
    return front & FRONT_SIZE_MAX;
}

/* The front of key `at`. */
static inline struct span
column_front(const struct column *column, size_t at)
{
    const uint32_t front = column->fronts[at / ANCHOR_STEP];

    return (struct span){column->front_bytes + (front >> FRONT_SIZE_BITS),
                         front_size(front)};
}

#endif
