/* SPDX-License-Identifier: MIT */
#include "kernel/frame.h"

#include "base/assert.h"

#include <stdbool.h>
#include <string.h>

#define INLINE_ALWAYS static inline __attribute__((always_inline))

/* Two lanes: what the plainest processors shift at once. */
typedef uint64_t lane_pair __attribute__((vector_size(16)));

/* A word of each lane. Loops over its pairs become straight code. */
#define PAIRS (FRAME_LANES / 2)
#define FOR_PAIRS(pair) for (unsigned pair = 0; pair < PAIRS; pair++)

static void
unpack_groups(const struct frame *frame, size_t begin, size_t end, uint64_t *words);

size_t
frame_bytes(const struct frame *frame, size_t count)
{
    const size_t groups = (count + FRAME_LANES - 1) / FRAME_LANES;

    return (groups * frame->width + 63) / 64 * FRAME_LANES * sizeof *frame->bits;
}

/* The slope times the numbers of the group of words that begins at `at`. */
INLINE_ALWAYS void
rises_at(const struct frame *frame, size_t at, lane_pair *rises)
{
    const lane_pair next = {0, frame->slope};

    FOR_PAIRS(pair)
    rises[pair] = next + frame->slope * (at + 2 * (uint64_t)pair);
}

/* Bits gather in `full` until each lane has 64 of them. */
INLINE_ALWAYS void
pack_lanes(const struct frame *frame, const uint64_t *words, size_t count, uint64_t *bits,
           bool sloped)
{
    const unsigned width = frame->width, slope_shift = frame->slope_shift;
    const uint64_t base = frame->base, step = frame->slope * FRAME_LANES;
    lane_pair rises[PAIRS], group[PAIRS], full[PAIRS] = {{0}};
    unsigned filled = 0;

    rises_at(frame, 0, rises);
    for (size_t at = 0; at < count; at += FRAME_LANES) {
        if (count - at >= FRAME_LANES) {
            memcpy(group, words + at, sizeof group);
        } else {
            /* Lanes without a word may have any bits below `width`. */
            uint64_t last[FRAME_LANES];

            for (size_t lane = 0; lane < FRAME_LANES; lane++)
                last[lane] = at + lane < count
                                 ? words[at + lane]
                                 : base + (frame->slope * (at + lane) >> slope_shift);
            memcpy(group, last, sizeof group);
        }
        FOR_PAIRS(pair)
        group[pair] -= base;
        if (sloped)
            FOR_PAIRS(pair)
            {
                group[pair] -= rises[pair] >> slope_shift;
                rises[pair] += step;
            }
        FOR_PAIRS(pair)
        full[pair] |= group[pair] << filled;
        filled += width;
        if (filled < 64)
            continue;
        memcpy(bits, full, sizeof full);
        bits += FRAME_LANES;
        filled -= 64;
        FOR_PAIRS(pair)
        full[pair] = group[pair] >> 1 >> (width - filled - 1);
    }
    if (filled > 0)
        memcpy(bits, full, sizeof full);
}

void
frame_pack(const struct frame *frame, const uint64_t *words, size_t count, uint64_t *bits)
{
    if (frame->width == 0)
        return;
    if (frame->slope != 0)
        pack_lanes(frame, words, count, bits, true);
    else
        pack_lanes(frame, words, count, bits, false);
}

void
frame_unpack(const struct frame *frame, size_t begin, size_t end, uint64_t *words)
{
    size_t whole;

    for (; begin < end && begin % FRAME_LANES > 0; begin++)
        *words++ = frame_word(frame, begin);
    whole = (end - begin) / FRAME_LANES * FRAME_LANES;
    unpack_groups(frame, begin, begin + whole, words);
    for (words += whole, begin += whole; begin < end; begin++)
        *words++ = frame_word(frame, begin);
}

/* Whole groups; `below` what is in `words`, which is shifted. */
INLINE_ALWAYS void
unpack_lanes(const struct frame *frame, size_t begin, size_t end, uint64_t *words,
             bool sloped, bool below, unsigned above_shift)
{
    const unsigned width = frame->width, slope_shift = frame->slope_shift;
    const uint64_t mask = frame_mask(frame), base = frame->base;
    const uint64_t step = frame->slope * FRAME_LANES;
    size_t position = begin / FRAME_LANES * width;
    lane_pair rises[PAIRS], group[PAIRS], next[PAIRS];

    rises_at(frame, begin, rises);
    for (; begin < end; begin += FRAME_LANES, position += width, words += FRAME_LANES) {
        const uint64_t *const bits = frame->bits + position / 64 * FRAME_LANES;
        const unsigned shift = position % 64;

        memcpy(group, bits, sizeof group);
        FOR_PAIRS(pair)
        group[pair] >>= shift;
        if (shift + width > 64) {
            memcpy(next, bits + FRAME_LANES, sizeof next);
            FOR_PAIRS(pair)
            group[pair] |= next[pair] << (64 - shift);
        }
        FOR_PAIRS(pair)
        group[pair] = (group[pair] & mask) + base;
        if (sloped)
            FOR_PAIRS(pair)
            {
                group[pair] += rises[pair] >> slope_shift;
                rises[pair] += step;
            }
        if (below) {
            memcpy(next, words, sizeof next);
            FOR_PAIRS(pair)
            group[pair] += next[pair] << above_shift;
        }
        memcpy(words, group, sizeof group);
    }
}

static void
unpack_groups(const struct frame *frame, size_t begin, size_t end, uint64_t *words)
{
    if (frame->width == 0)
        for (uint64_t rise = frame->slope * begin; begin < end;
             begin++, rise += frame->slope)
            *words++ = frame->base + (rise >> frame->slope_shift);
    else if (frame->slope != 0)
        unpack_lanes(frame, begin, end, words, true, false, 0);
    else
        unpack_lanes(frame, begin, end, words, false, false, 0);
}

void
frame_unpack_below(const struct frame *frame, size_t begin, size_t end, unsigned shift,
                   uint64_t *words)
{
    size_t whole;

    for (; begin < end && (begin % FRAME_LANES > 0 || frame->width == 0);
         begin++, words++)
        *words = (*words << shift) + frame_word(frame, begin);
    whole = (end - begin) / FRAME_LANES * FRAME_LANES;
    if (whole > 0 && frame->slope != 0)
        unpack_lanes(frame, begin, begin + whole, words, true, true, shift);
    else if (whole > 0)
        unpack_lanes(frame, begin, begin + whole, words, false, true, shift);
    for (words += whole, begin += whole; begin < end; begin++, words++)
        *words = (*words << shift) + frame_word(frame, begin);
}
