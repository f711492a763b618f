/* SPDX-License-Identifier: MIT */

/* The arrays of an image, one behind the other: each is where it should be, ends in the
 * image, and has nothing behind it. */

#include "block/image_walk.h"

static bool is_zero(const uint8_t *bytes, size_t begin, size_t end);

enum spine_status
walk_frame(const struct image_walk *check, const struct frame *frame, size_t count)
{
    EXPECT((frame->width <= FRAME_WIDTH_MAX || frame->width == 64) &&
               frame->mask ==
                   (frame->width == 0 ? 0 : UINT64_MAX >> (64 - frame->width)) &&
               frame->slope_shift < 64 && frame->zero == 0 &&
               (count <= 1 || frame->slope <= UINT64_MAX / (count - 1)),
           "a block has a frame of %u bits", frame->width);
    return SPINE_OK;
}

enum spine_status
walk_array(struct image_walk *check, enum image_part part, size_t bytes)
{
    return walk_part(check, part, bytes, 8 * bytes);
}

enum spine_status
walk_part(struct image_walk *check, enum image_part part, size_t bytes, size_t bits)
{
    const size_t begin = check->end, padded = (bytes + 7) & ~(size_t)7;
    const uint8_t *const image = (const uint8_t *)check->image;
    size_t used = begin + bits / 8;

    EXPECT(check->image->at[part] == (bytes > 0 ? begin : 0),
           "array %d of a block is at %" PRIu32 " instead of %zu", (int)part,
           check->image->at[part], bytes > 0 ? begin : 0);
    EXPECT(bytes <= check->size && padded <= check->size - begin,
           "array %d of a block ends behind it", (int)part);
    check->end += padded;
    if (bits % 8 > 0) {
        EXPECT(image[used] >> bits % 8 == 0, "bits behind array %d of a block",
               (int)part);
        used++;
    }
    EXPECT(is_zero(image, used, check->end), "bytes behind array %d of a block",
           (int)part);
    return SPINE_OK;
}

static bool
is_zero(const uint8_t *bytes, size_t begin, size_t end)
{
    while (begin < end && bytes[begin] == 0)
        begin++;
    return begin == end;
}
