/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_FRAME_H
#define KERNEL_FRAME_H

/*
 * kernel/frame -- words in as few bits as they need.
 *
 * A frame is a line that runs below the words, and the distance of each word from it:
 *
 *     word i = base + (slope * i >> slope_shift) + distance i          modulo 2^64
 *
 *                        x
 *             x  x     /           words in no order have slope 0; sorted ones lie near
 *         x        / x             a line however far they spread: keys drawn at random
 *       x     x /                  need 2^47 of the 2^53 values between the first and the
 *          /                       last, counted ones none
 *     x /
 *
 * Distances have `width` bits each. Word i is in lane i % FRAME_LANES, behind those of
 * the same lane before it; the lanes' words of 64 bits are interleaved:
 *
 *     bits[0]  bits[1]  ... bits[7]   | bits[8]  ...
 *     lane 0   lane 1       lane 7    | lane 0 goes on
 *
 * so that a loop over the lanes shifts all of them by the same number, and a word is
 * found in one line of memory, or two.
 */

#include <stddef.h>
#include <stdint.h>

#define FRAME_LANES 8u

struct frame {
    /* Of frame_bytes() bytes; not looked at when `width` is 0. */
    const uint64_t *bits;
    uint64_t base;
    uint64_t slope;
    uint8_t slope_shift;
    uint8_t width;
};

/* A narrow frame of `count` >= 1 words, without its bits. `sorted`: they do not fall. */
struct frame frame_fit(const uint64_t *words, size_t count, _Bool sorted);
/* Bytes of the bits of `count` words; a multiple of eight. */
size_t frame_bytes(const struct frame *frame, size_t count);
/* Writes the bits of the words that the frame was made for. */
void frame_pack(const struct frame *frame, const uint64_t *words, size_t count,
                uint64_t *bits);
/* Writes words [begin, end) to `words`. */
void frame_unpack(const struct frame *frame, size_t begin, size_t end, uint64_t *words);

/* Shifts `words` left by `shift` < 64, and adds words [begin, end) to them. */
void frame_unpack_below(const struct frame *frame, size_t begin, size_t end,
                        unsigned shift, uint64_t *words);

/* The bits of `width` ones. */
static inline uint64_t
frame_mask(const struct frame *frame)
{
    return frame->width == 0 ? 0 : UINT64_MAX >> (64 - frame->width);
}

/* Word `at`. */
static inline uint64_t
frame_word(const struct frame *frame, size_t at)
{
    const uint64_t line = frame->base + (frame->slope * at >> frame->slope_shift);
    const size_t position = at / FRAME_LANES * frame->width;
    const unsigned shift = position % 64;
    const uint64_t *bits;
    uint64_t distance;

    if (frame->width == 0)
        return line;
    bits = frame->bits + position / 64 * FRAME_LANES + at % FRAME_LANES;
    distance = *bits >> shift;
    if (shift + frame->width > 64)
        distance |= bits[FRAME_LANES] << (64 - shift);
    return line + (distance & frame_mask(frame));
}

#endif
