/* SPDX-License-Identifier: MIT */

/* Where the arrays of an image begin. */

#include "block/image.h"

size_t
image_place(const size_t *part_bytes, uint32_t *at)
{
    size_t end = IMAGE_HEAD_BYTES;

    for (int part = 0; part < PART_COUNT; part++) {
        at[part] = part_bytes[part] > 0 ? (uint32_t)end : 0;
        end += (part_bytes[part] + 7) & ~(size_t)7;
    }
    return end;
}
