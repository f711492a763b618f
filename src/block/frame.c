/* SPDX-License-Identifier: MIT */

/* Packing and unpacking of frames: words less a line, in as many bits as the largest
 * difference takes, eight words at a time where the processor has AVX2. */

#include "block/frame.h"

#include "base/assert.h"

#include <stdbool.h>

/* Eight words take a whole number of bytes, and are unpacked together, each in a lane. */
#define LANES 8u
#define HALF_LANES (LANES / 2)
/* Wider distances have 64 bits. */

#define INLINE_ALWAYS static inline __attribute__((always_inline))

/* What processors with AVX2 shift at once, each word by another number. */
typedef uint64_t half_lanes __attribute__((vector_size(HALF_LANES * sizeof(uint64_t))));

static void
pack_lanes(const struct frame *frame, const uint64_t *words, size_t count, uint8_t *to);
static void pack_rest(const struct frame *frame, const uint64_t *words, size_t begin,
                      size_t end, uint8_t *to);
static void unpack_lanes(const struct frame *frame, size_t begin, size_t end,
                         uint64_t *words, bool below, unsigned above_shift);

size_t
frame_bytes(const struct frame *frame, size_t count)
{
    return (count * frame->width + 7) / 8 + FRAME_SLACK;
}

static inline void
store_bits(uint8_t *to, uint64_t word)
{
    memcpy(to, &word, sizeof word);
}

void
frame_pack(struct frame *frame, const uint64_t *words, size_t count, uint8_t *bits)
{
    size_t whole = 0;

    assert(bits > (uint8_t *)frame && bits - (uint8_t *)frame <= UINT32_MAX);
    frame->bits_at = (uint32_t)(bits - (uint8_t *)frame);
    assert(frame->width <= FRAME_WIDTH_MAX || frame->width == 64);
    if (frame->width <= FRAME_WIDTH_MAX)
        whole = count / LANES * LANES;
    pack_lanes(frame, words, whole, bits);
    pack_rest(frame, words, whole, count, bits + whole / LANES * frame->width);
}

/* Words [begin, end), the first one in whole bytes. `open` has the bits of the byte in
 * which the next distance begins: no step has a branch that depends on the width. */
static void
pack_rest(const struct frame *frame, const uint64_t *words, size_t begin, size_t end,
          uint8_t *to)
{
    const uint64_t base = frame->base, slope = frame->slope;
    const unsigned width = frame->width, slope_shift = frame->slope_shift;
    uint64_t open = 0, rise = slope * begin;
    unsigned filled = 0;

    for (size_t i = begin; i < end; i++, rise += slope) {
        unsigned whole;

        open |= (words[i] - base - (rise >> slope_shift)) << filled;
        store_bits(to, open);
        filled += width;
        whole = filled & ~7u;
        to += whole / 8;
        /* All 64 bits may be whole. */
        open = open >> whole / 2 >> whole / 2;
        filled &= 7;
    }
    store_bits(to, open);
}

void
frame_unpack(const struct frame *frame, size_t begin, size_t end, uint64_t *words)
{
    size_t whole;

    for (; begin < end && begin % LANES > 0; begin++)
        *words++ = frame_word(frame, begin);
    whole = (end - begin) / LANES * LANES;
    if (whole > 0)
        unpack_lanes(frame, begin, begin + whole, words, false, 0);
    for (words += whole, begin += whole; begin < end; begin++)
        *words++ = frame_word(frame, begin);
}

void
frame_unpack_below(const struct frame *frame, size_t begin, size_t end, unsigned shift,
                   uint64_t *words)
{
    size_t whole;

    for (; begin < end && begin % LANES > 0; begin++, words++)
        *words = (*words << shift) + frame_word(frame, begin);
    whole = (end - begin) / LANES * LANES;
    if (whole > 0)
        unpack_lanes(frame, begin, begin + whole, words, true, shift);
    for (words += whole, begin += whole; begin < end; begin++, words++)
        *words = (*words << shift) + frame_word(frame, begin);
}

/* Where the distance of each lane begins, and the slope times the number of its word. */
struct lanes {
    size_t bytes[LANES];
    half_lanes shifts[2];
    half_lanes rises[2];
};

INLINE_ALWAYS void
lanes_init(struct lanes *lanes, const struct frame *frame, size_t begin)
{
    for (unsigned i = 0; i < LANES; i++) {
        const size_t position = (size_t)i * frame->width;

        lanes->bytes[i] = position / 8;
        lanes->shifts[i / HALF_LANES][i % HALF_LANES] = position % 8;
        lanes->rises[i / HALF_LANES][i % HALF_LANES] = frame->slope * (begin + i);
    }
}

/* Distances of at least a byte: each begins in a byte whose lower bits are the end of the
 * one before it, and nothing else. */
INLINE_ALWAYS void
store_wide(uint8_t *to, unsigned width, const struct lanes *lanes, const half_lanes *low,
           const half_lanes *high)
{
    const half_lanes low_before = __builtin_shufflevector(*low, *low, 0, 0, 1, 2);
    const half_lanes high_before = __builtin_shufflevector(*low, *high, 3, 4, 5, 6);
    /* The first distance begins in a byte of its own: shifted by all its width. */
    const half_lanes low_words =
        *low << lanes->shifts[0] | low_before >> (width - lanes->shifts[0]);
    const half_lanes high_words =
        *high << lanes->shifts[1] | high_before >> (width - lanes->shifts[1]);

    for (unsigned j = 0; j < HALF_LANES; j++)
        store_bits(to + lanes->bytes[j], low_words[j]);
    for (unsigned j = 0; j < HALF_LANES; j++)
        store_bits(to + lanes->bytes[HALF_LANES + j], high_words[j]);
}

/* Distances of less than a byte: all of them are in one word. */
INLINE_ALWAYS void
store_narrow(uint8_t *to, unsigned width, const half_lanes *low, const half_lanes *high)
{
    const half_lanes numbers = {0, 1, 2, 3};
    const half_lanes all = (*low | *high << HALF_LANES * width) << numbers * width;

    store_bits(to, all[0] | all[1] | all[2] | all[3]);
}

/* A multiple of LANES words. */
INLINE_ALWAYS void
pack_all(const struct frame *frame, const uint64_t *words, size_t count, uint8_t *to,
         bool sloped, bool narrow)
{
    const uint64_t base = frame->base, step = frame->slope * LANES;
    const unsigned width = frame->width, slope_shift = frame->slope_shift;
    half_lanes low, high;
    struct lanes lanes;

    lanes_init(&lanes, frame, 0);
    for (size_t i = 0; i < count; i += LANES, words += LANES, to += width) {
        memcpy(&low, words, sizeof low);
        memcpy(&high, words + HALF_LANES, sizeof high);
        low -= base;
        high -= base;
        if (sloped) {
            low -= lanes.rises[0] >> slope_shift;
            high -= lanes.rises[1] >> slope_shift;
            lanes.rises[0] += step;
            lanes.rises[1] += step;
        }
        if (narrow)
            store_narrow(to, width, &low, &high);
        else
            store_wide(to, width, &lanes, &low, &high);
    }
}

INLINE_ALWAYS void
pack_any(const struct frame *frame, const uint64_t *words, size_t count, uint8_t *to)
{
    if (frame->slope != 0 && frame->width < 8)
        pack_all(frame, words, count, to, true, true);
    else if (frame->slope != 0)
        pack_all(frame, words, count, to, true, false);
    else if (frame->width < 8)
        pack_all(frame, words, count, to, false, true);
    else
        pack_all(frame, words, count, to, false, false);
}

/* The words that have the distances of the next four lanes. They are equally far from
 * the first lane in every eight words. */
INLINE_ALWAYS void
load_half(const uint8_t *bits, const size_t *bytes, half_lanes *out)
{
    *out = (half_lanes){frame_load(bits + bytes[0]), frame_load(bits + bytes[1]),
                        frame_load(bits + bytes[2]), frame_load(bits + bytes[3])};
}

/* A multiple of LANES words; with `below`, `words` are shifted left and added to. */
INLINE_ALWAYS void
unpack_all(const struct frame *frame, size_t begin, size_t end, uint64_t *words,
           bool sloped, bool below, unsigned above_shift)
{
    const uint64_t mask = frame->mask, base = frame->base;
    const uint64_t step = frame->slope * LANES;
    const unsigned width = frame->width, slope_shift = frame->slope_shift;
    const uint8_t *bits = frame_bits(frame) + begin / LANES * width;
    struct lanes lanes;

    lanes_init(&lanes, frame, begin);
    for (; begin < end; begin += LANES, bits += width, words += LANES) {
        half_lanes low, high, above;

        load_half(bits, lanes.bytes, &low);
        load_half(bits, lanes.bytes + HALF_LANES, &high);
        low = (low >> lanes.shifts[0] & mask) + base;
        high = (high >> lanes.shifts[1] & mask) + base;
        if (sloped) {
            low += lanes.rises[0] >> slope_shift;
            high += lanes.rises[1] >> slope_shift;
            lanes.rises[0] += step;
            lanes.rises[1] += step;
        }
        if (below) {
            memcpy(&above, words, sizeof above);
            low += above << above_shift;
            memcpy(&above, words + HALF_LANES, sizeof above);
            high += above << above_shift;
        }
        memcpy(words, &low, sizeof low);
        memcpy(words + HALF_LANES, &high, sizeof high);
    }
}

INLINE_ALWAYS void
unpack_any(const struct frame *frame, size_t begin, size_t end, uint64_t *words,
           bool below, unsigned above_shift)
{
    if (frame->slope != 0 && below)
        unpack_all(frame, begin, end, words, true, true, above_shift);
    else if (frame->slope != 0)
        unpack_all(frame, begin, end, words, true, false, 0);
    else if (below)
        unpack_all(frame, begin, end, words, false, true, above_shift);
    else
        unpack_all(frame, begin, end, words, false, false, 0);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void
pack_avx2(const struct frame *frame, const uint64_t *words, size_t count, uint8_t *to)
{
    pack_any(frame, words, count, to);
}
__attribute__((target("avx2"))) static void
unpack_avx2(const struct frame *frame, size_t begin, size_t end, uint64_t *words,
            bool below, unsigned above_shift)
{
    unpack_any(frame, begin, end, words, below, above_shift);
}
#define HAVE_AVX2 __builtin_cpu_supports("avx2")
#else
#define pack_avx2 pack_any
#define unpack_avx2 unpack_any
#define HAVE_AVX2 0
#endif

static void
pack_lanes(const struct frame *frame, const uint64_t *words, size_t count, uint8_t *to)
{
    if (HAVE_AVX2)
        pack_avx2(frame, words, count, to);
    else
        pack_any(frame, words, count, to);
}

static void
unpack_lanes(const struct frame *frame, size_t begin, size_t end, uint64_t *words,
             bool below, unsigned above_shift)
{
    if (HAVE_AVX2)
        unpack_avx2(frame, begin, end, words, below, above_shift);
    else
        unpack_any(frame, begin, end, words, below, above_shift);
}
