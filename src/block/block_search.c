/* SPDX-License-Identifier: MIT */

/* Places in a block: of a key, or of a value of it. */

#include "block/block.h"

uint32_t
image_search(const struct layout *layout, const struct image *image,
             const struct bound *bound)
{
    const struct column keys = image_keys(image), values = image_values(image);
    size_t key, value;
    uint32_t value_begin;
    bool equal;

    if (keys.anchors != NULL) {
        key = column_find(&keys, image->key_count, bound->key->span, &equal);
        key += equal && bound->after && bound->value == NULL;
    } else {
        key = column_search(&layout->key, &keys, 0, image->key_count, bound->key,
                            bound->after && bound->value == NULL);
        equal = bound->value != NULL && key < image->key_count &&
                column_equals(&layout->key, &keys, key, bound->key);
    }
    value_begin = image_value_begin(image, (uint32_t)key);
    if (bound->value == NULL || !equal)
        return image_row_begin(image, value_begin);
    value =
        column_search(&layout->value, &values, value_begin,
                      image_value_end(image, (uint32_t)key), bound->value, bound->after);
    return image_row_begin(image, (uint32_t)value);
}
