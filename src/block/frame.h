/* SPDX-License-Identifier: MIT */
#ifndef BLOCK_FRAME_H
#define BLOCK_FRAME_H

/*
 * block/frame -- words in as few bits as they need.
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
 * Distances have `width` bits each and lie end to end somewhere behind the frame, the
 * first in the lowest bits of the first byte. Widths from 58 to 63 are not used: so a
 * distance lies in the eight bytes from the one where it begins, and a word is read
 * without a branch.
 */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes behind the distances that may be read. */
#define FRAME_SLACK 8u
/* The widest distance below 64 bits. */
#define FRAME_WIDTH_MAX 57u

struct frame {
    uint64_t base;
    uint64_t slope;
    /* `width` ones. */
    uint64_t mask;
    /* Where the distances lie, in bytes from here; FRAME_SLACK more can be read. */
    uint32_t bits_at;
    uint8_t slope_shift;
    uint8_t width;
    /* No padding, whose bytes would be anything. */
    uint16_t zero;
};

static inline const uint8_t *
frame_bits(const struct frame *frame)
{
    return (const uint8_t *)frame + frame->bits_at;
}

/* A narrow frame of `count` >= 1 words, without its bits. `sorted`: they do not fall. */
struct frame frame_fit(const uint64_t *words, size_t count, _Bool sorted);
/* Bytes of the distances of `count` words, with FRAME_SLACK. */
size_t frame_bytes(const struct frame *frame, size_t count);
/* Writes the distances of the words that the frame was made for to `bits`, which lies
 * behind it in the same memory. */
void frame_pack(struct frame *frame, const uint64_t *words, size_t count, uint8_t *bits);
/* Writes words [begin, end) to `words`. */
void frame_unpack(const struct frame *frame, size_t begin, size_t end, uint64_t *words);

/* Shifts `words` left by `shift` < 64, and adds words [begin, end) to them. */
void frame_unpack_below(const struct frame *frame, size_t begin, size_t end,
                        unsigned shift, uint64_t *words);

/* Eight bytes at `bits`, the first one lowest as everywhere: see base/bytes.h. */
static inline uint64_t
frame_load(const uint8_t *bits)
{
    uint64_t word;

    memcpy(&word, bits, sizeof word);
    return word;
}

/* Word `at`, whose distance begins at bit `position` of `distances`. */
static inline uint64_t
frame_word_of(const struct frame *frame, const uint8_t *distances, size_t at,
              size_t position)
{
    const uint64_t line = frame->base + (frame->slope * at >> frame->slope_shift);
    const uint64_t bits = frame_load(distances + position / 8) >> position % 8;

    return line + (bits & frame->mask);
}

/* Word `at`. */
static inline uint64_t
frame_word(const struct frame *frame, size_t at)
{
    return frame_word_of(frame, frame_bits(frame), at, at * frame->width);
}

#endif
