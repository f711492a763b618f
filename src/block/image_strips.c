/* SPDX-License-Identifier: MIT */

/* Finding a row in part of an image. */

#include "block/block.h"

static bool is_word(const struct cell_layout *layout);
static struct frame frame_of_words(const struct frame *frame, bool is_framed,
                                   const struct cell_layout *layout);

bool
image_strips(const struct layout *layout, const struct image *image,
             struct image_strips *out)
{
    const bool keys_framed = image_has(image, IMAGE_KEYS_FRAMED);
    const bool values_framed = image_has(image, IMAGE_VALUES_FRAMED);
    const bool has_values = layout->value.shape != SHAPE_NONE;

    if (!is_word(&layout->key) || (has_values && !is_word(&layout->value)) ||
        layout->timed || layout->weight_count != 1)
        return false;
    if (image->row_count != BLOCK_ROWS || image->key_count != BLOCK_ROWS ||
        image->weight_bytes != 0 || image_has(image, IMAGE_WEIGHTS_FRAMED))
        return false;
    assert(image->value_count == BLOCK_ROWS && image->at[PART_ENDS_OF_VALUES] == 0);
    *out = (struct image_strips){
        .keys = frame_of_words(&image->key_frame, keys_framed, &layout->key),
        .keys_have_slack = keys_framed,
        .values_have_slack = has_values && values_framed};
    if (has_values)
        out->values = frame_of_words(&image->value_frame, values_framed, &layout->value);
    return out->keys.width + out->values.width > 0;
}

static bool
is_word(const struct cell_layout *layout)
{
    return layout->shape == SHAPE_WORD4 || layout->shape == SHAPE_WORD8;
}

/* Words that are no frame are the distances from a line of zeros. */
static struct frame
frame_of_words(const struct frame *frame, bool is_framed,
               const struct cell_layout *layout)
{
    struct frame words = {.width = (uint8_t)(8 * layout->bytes)};

    words.mask = UINT64_MAX >> (64 - words.width);
    if (is_framed) {
        words = *frame;
        words.bits_at = 0;
    }
    return words;
}

uint32_t
strip_find(const struct image_strips *strips, const uint8_t *bits, uint32_t first,
           uint32_t count, uint64_t word)
{
    const struct frame *const keys = &strips->keys;
    uint32_t begin = 0, left = count;

    while (left > 0) {
        const uint32_t half = left / 2, at = begin + half;
        const size_t position = at * (size_t)keys->width;

        if (frame_word_of(keys, bits, first + at, position) < word) {
            begin = at + 1;
            left -= half + 1;
        } else {
            left = half;
        }
    }
    if (begin < count &&
        frame_word_of(keys, bits, first + begin, begin * (size_t)keys->width) != word)
        return count;
    return begin;
}

uint64_t
strip_value(const struct image_strips *strips, const uint8_t *bits, uint32_t first,
            uint32_t at)
{
    return frame_word_of(&strips->values, bits, first + at,
                         at * (size_t)strips->values.width);
}
