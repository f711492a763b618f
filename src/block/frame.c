/* SPDX-License-Identifier: MIT */

/* Packing and unpacking of frames: words less a line, in as many bits as the largest
 * difference takes, eight words at a time where the processor has AVX2. */

#include "block/frame.h"

#include "base/assert.h"

#include <stdbool.h>

/* So many words take a whole number of bytes, and are unpacked together. */
#define GROUP_WORDS 8u
#define HALF_WORDS (GROUP_WORDS / 2)
/* Wider distances have 64 bits. */

#define INLINE_ALWAYS static inline __attribute__((always_inline))

/* What processors with AVX2 shift at once, each word by another number. */
typedef uint64_t half_group __attribute__((vector_size(HALF_WORDS * sizeof(uint64_t))));

static void
pack_groups(const struct frame *frame, const uint64_t *words, size_t count, uint8_t *to);
static void pack_rest(const struct frame *frame, const uint64_t *words, size_t begin,
                      size_t end, uint8_t *to);
static void unpack_groups(const struct frame *frame, size_t begin, size_t end,
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
        whole = count / GROUP_WORDS * GROUP_WORDS;
    pack_groups(frame, words, whole, bits);
    pack_rest(frame, words, whole, count, bits + whole / GROUP_WORDS * frame->width);
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

    for (; begin < end && begin % GROUP_WORDS > 0; begin++)
        *words++ = frame_word(frame, begin);
    whole = (end - begin) / GROUP_WORDS * GROUP_WORDS;
    if (whole > 0)
        unpack_groups(frame, begin, begin + whole, words, false, 0);
    for (words += whole, begin += whole; begin < end; begin++)
        *words++ = frame_word(frame, begin);
}

void
frame_unpack_below(const struct frame *frame, size_t begin, size_t end, unsigned shift,
                   uint64_t *words)
{
    size_t whole;

    for (; begin < end && begin % GROUP_WORDS > 0; begin++, words++)
        *words = (*words << shift) + frame_word(frame, begin);
    whole = (end - begin) / GROUP_WORDS * GROUP_WORDS;
    if (whole > 0)
        unpack_groups(frame, begin, begin + whole, words, true, shift);
    for (words += whole, begin += whole; begin < end; begin++, words++)
        *words = (*words << shift) + frame_word(frame, begin);
}

/* Where the distances of a group begin, and the slope times the numbers of its words. */
struct lanes {
    size_t bytes[GROUP_WORDS];
    half_group shifts[2];
    half_group rises[2];
};

INLINE_ALWAYS void
lanes_init(struct lanes *places, const struct frame *frame, size_t begin)
{
    for (unsigned i = 0; i < GROUP_WORDS; i++) {
        const size_t position = (size_t)i * frame->width;

        places->bytes[i] = position / 8;
        places->shifts[i / HALF_WORDS][i % HALF_WORDS] = position % 8;
        places->rises[i / HALF_WORDS][i % HALF_WORDS] = frame->slope * (begin + i);
    }
}

/* Distances of at least a byte: each begins in a byte whose lower bits are the end of the
 * one before it, and nothing else. */
INLINE_ALWAYS void
store_wide(uint8_t *to, unsigned width, const struct lanes *places, const half_group *low,
           const half_group *high)
{
    const half_group low_before = __builtin_shufflevector(*low, *low, 0, 0, 1, 2);
    const half_group high_before = __builtin_shufflevector(*low, *high, 3, 4, 5, 6);
    /* The first distance begins in a byte of its own: shifted by all its width. */
    const half_group low_words =
        *low << places->shifts[0] | low_before >> (width - places->shifts[0]);
    const half_group high_words =
        *high << places->shifts[1] | high_before >> (width - places->shifts[1]);

    for (unsigned j = 0; j < HALF_WORDS; j++)
        store_bits(to + places->bytes[j], low_words[j]);
    for (unsigned j = 0; j < HALF_WORDS; j++)
        store_bits(to + places->bytes[HALF_WORDS + j], high_words[j]);
}

/* Distances of less than a byte: all of a group are in one word. */
INLINE_ALWAYS void
store_narrow(uint8_t *to, unsigned width, const half_group *low, const half_group *high)
{
    const half_group numbers = {0, 1, 2, 3};
    const half_group all = (*low | *high << HALF_WORDS * width) << numbers * width;

    store_bits(to, all[0] | all[1] | all[2] | all[3]);
}

/* Whole groups. */
INLINE_ALWAYS void
pack_all(const struct frame *frame, const uint64_t *words, size_t count, uint8_t *to,
         bool sloped, bool narrow)
{
    const uint64_t base = frame->base, step = frame->slope * GROUP_WORDS;
    const unsigned width = frame->width, slope_shift = frame->slope_shift;
    half_group low, high;
    struct lanes places;

    lanes_init(&places, frame, 0);
    for (size_t i = 0; i < count; i += GROUP_WORDS, words += GROUP_WORDS, to += width) {
        memcpy(&low, words, sizeof low);
        memcpy(&high, words + HALF_WORDS, sizeof high);
        low -= base;
        high -= base;
        if (sloped) {
            low -= places.rises[0] >> slope_shift;
            high -= places.rises[1] >> slope_shift;
            places.rises[0] += step;
            places.rises[1] += step;
        }
        if (narrow)
            store_narrow(to, width, &low, &high);
        else
            store_wide(to, width, &places, &low, &high);
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

/* The words that have the next four distances, at places that are the same in each
 * group. */
INLINE_ALWAYS void
load_half(const uint8_t *bits, const size_t *bytes, half_group *out)
{
    *out = (half_group){frame_load(bits + bytes[0]), frame_load(bits + bytes[1]),
                        frame_load(bits + bytes[2]), frame_load(bits + bytes[3])};
}

/* Whole groups; with `below`, `words` are shifted left and added to. */
INLINE_ALWAYS void
unpack_all(const struct frame *frame, size_t begin, size_t end, uint64_t *words,
           bool sloped, bool below, unsigned above_shift)
{
    const uint64_t mask = frame->mask, base = frame->base;
    const uint64_t step = frame->slope * GROUP_WORDS;
    const unsigned width = frame->width, slope_shift = frame->slope_shift;
    const uint8_t *bits = frame_bits(frame) + begin / GROUP_WORDS * width;
    struct lanes places;

    lanes_init(&places, frame, begin);
    for (; begin < end; begin += GROUP_WORDS, bits += width, words += GROUP_WORDS) {
        half_group low, high, above;

        load_half(bits, places.bytes, &low);
        load_half(bits, places.bytes + HALF_WORDS, &high);
        low = (low >> places.shifts[0] & mask) + base;
        high = (high >> places.shifts[1] & mask) + base;
        if (sloped) {
            low += places.rises[0] >> slope_shift;
            high += places.rises[1] >> slope_shift;
            places.rises[0] += step;
            places.rises[1] += step;
        }
        if (below) {
            memcpy(&above, words, sizeof above);
            low += above << above_shift;
            memcpy(&above, words + HALF_WORDS, sizeof above);
            high += above << above_shift;
        }
        memcpy(words, &low, sizeof low);
        memcpy(words + HALF_WORDS, &high, sizeof high);
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
pack_groups(const struct frame *frame, const uint64_t *words, size_t count, uint8_t *to)
{
    if (HAVE_AVX2)
        pack_avx2(frame, words, count, to);
    else
        pack_any(frame, words, count, to);
}

static void
unpack_groups(const struct frame *frame, size_t begin, size_t end, uint64_t *words,
              bool below, unsigned above_shift)
{
    if (HAVE_AVX2)
        unpack_avx2(frame, begin, end, words, below, above_shift);
    else
        unpack_any(frame, begin, end, words, below, above_shift);
}
