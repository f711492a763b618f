/* SPDX-License-Identifier: MIT */

/* The counts of a block, as its image has them and as its fence says: for comparing
 * both. */

#include "batch/block_facts.h"

#include "batch/marks.h"

static bool values_are_found(const struct layout *layout, const struct image *image);

struct block_facts
facts_of_image(const struct layout *layout, const struct image *image)
{
    struct block_facts facts = {.rows = image->row_count,
                                .keys = image->key_count,
                                .values = image->value_count,
                                .negative_rows = image->negative_rows,
                                .encoded = image_has(image, IMAGE_ENCODED)};

    /* Of bytes the frame is that of their ends, which no search needs to know. */
    if (layout->key.shape != SHAPE_BYTES) {
        facts.key_width = image->key_frame.width;
        facts.key_framed = image_has(image, IMAGE_KEYS_FRAMED);
    }

    if (layout_has_marks(layout)) {
        const struct column keys = image_keys(image);

        column_words(&layout->key, &keys, image->key_count - 1, image->key_count,
                     &facts.last_key);
    }
    if (values_are_found(layout, image)) {
        facts.value_width = image_has(image, IMAGE_VALUES_FRAMED)
                                ? image->value_frame.width
                                : (uint8_t)(8 * layout->value.bytes);
        facts.values_at = image->at[PART_VALUE_CELLS];
    }
    return facts;
}

struct block_facts
facts_of_fence(const struct layout *layout, const struct fence *fence)
{
    return (struct block_facts){
        .last_key = layout_has_marks(layout) ? marks_word(layout, fence->last_hi) : 0,
        .rows = fence->rows,
        .keys = fence->keys,
        .values = fence->values,
        .negative_rows = fence->negative_rows,
        .values_at = fence->values_at,
        .key_width = fence->key_width,
        .value_width = fence->value_width,
        .key_framed = fence->key_framed,
        .encoded = fence->encoded};
}

void
facts_to_fence(const struct block_facts *facts, struct fence *fence)
{
    fence->rows = facts->rows;
    fence->keys = facts->keys;
    fence->values = facts->values;
    fence->negative_rows = facts->negative_rows;
    fence->values_at = facts->values_at;
    fence->key_width = facts->key_width;
    fence->value_width = facts->value_width;
    fence->key_framed = facts->key_framed;
    fence->encoded = facts->encoded;
}

/* Values of keys that have one each are found by the number of the key alone. */
static bool
values_are_found(const struct layout *layout, const struct image *image)
{
    return image->key_count == image->value_count &&
           (layout->value.shape == SHAPE_WORD4 || layout->value.shape == SHAPE_WORD8);
}
