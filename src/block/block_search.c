/* SPDX-License-Identifier: MIT */

/* Places in a block: of a key, or of a value of it. */

#include "block/block.h"

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
