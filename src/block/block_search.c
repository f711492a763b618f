/* SPDX-License-Identifier: MIT */

/* Places in a block: of a key, or of a value of it. */

#include "block/block.h"

uint32_t
image_search(const struct layout *layout, const struct image *image,
             const struct bound *bound)
{
    const bool after_key = bound->after && bound->value == NULL;
    const struct column keys = image_keys(image), values = image_values(image);
    const size_t key =
        column_search(&layout->key, &keys, 0, image->key_count, bound->key, after_key);
    const uint32_t value_begin = image_value_begin(image, (uint32_t)key);
    size_t value;

    if (bound->value == NULL || key == image->key_count ||
        !column_equals(&layout->key, &keys, key, bound->key))
        return image_row_begin(image, value_begin);
    value =
        column_search(&layout->value, &values, value_begin,
                      image_value_end(image, (uint32_t)key), bound->value, bound->after);
    return image_row_begin(image, (uint32_t)value);
}
