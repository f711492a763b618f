/* SPDX-License-Identifier: MIT */

/* The line of a frame and the bits of its distances: by all words, or by some where that
 * tells as much. */

#include "block/frame.h"

#include "base/assert.h"

#include <stdbool.h>

/* Wider distances have 64 bits. */
/* The most fractional bits of a slope. */
#define SLOPE_SHIFT_MAX 32u
/* Of words in no order, a slope is tried on this many before it is tried on all. */
#define TRIAL_WORDS 16u
/* Of sorted words, one in this many is looked at where that tells as much as all. */
#define COARSE_STEP 8u

#define INLINE_ALWAYS static inline __attribute__((always_inline))

/* The least and the greatest signed distance from a line through the first word. */
struct reach {
    int64_t least;
    int64_t most;
};

static void spread(const uint64_t *words, size_t count, uint64_t *least, uint64_t *most);
static struct frame fit_line(const uint64_t *words, size_t count, uint64_t range);
static struct reach
reach_of_line(const uint64_t *words, size_t count, size_t step, const struct frame *line);
static bool fit_coarsely(const uint64_t *words, size_t count, struct frame *line);
static void set_width(struct frame *frame, unsigned width);
static unsigned bits_of(uint64_t number);

struct frame
frame_fit(const uint64_t *words, size_t count, bool sorted)
{
    struct frame level = {0};
    struct frame line;
    struct reach reach;
    uint64_t least = words[0], most = words[count - 1], range;

    assert(count > 0);
    if (!sorted)
        spread(words, count, &least, &most);
    level.base = least;
    range = most - least;
    set_width(&level, bits_of(range));
    /* Distances from a line are signed. */
    if (bits_of(range) == 64 || words[count - 1] <= words[0])
        return level;

    line = fit_line(words, count, words[count - 1] - words[0]);
    if (!sorted && count > 2 * TRIAL_WORDS) {
        reach = reach_of_line(words, count, count / TRIAL_WORDS, &line);
        if (bits_of((uint64_t)reach.most - (uint64_t)reach.least) + 1 >= level.width)
            return level;
    }
    if (sorted && count >= 8 * COARSE_STEP && level.width <= FRAME_WIDTH_MAX &&
        fit_coarsely(words, count, &line))
        return line.width < level.width ? line : level;
    reach = reach_of_line(words, count, 1, &line);
    set_width(&line, bits_of((uint64_t)reach.most - (uint64_t)reach.least));
    line.base += (uint64_t)reach.least;
    return line.width < level.width ? line : level;
}

INLINE_ALWAYS void
spread_any(const uint64_t *words, size_t count, uint64_t *least, uint64_t *most)
{
    uint64_t low = words[0], high = words[0];

    for (size_t i = 1; i < count; i++) {
        low = words[i] < low ? words[i] : low;
        high = words[i] > high ? words[i] : high;
    }
    *least = low;
    *most = high;
}

/* The line from the first to the last word, which is `range` above it, as exact as its
 * products stay in 64 bits. */
static struct frame
fit_line(const uint64_t *words, size_t count, uint64_t range)
{
    const unsigned room = 64 - bits_of(range);
    const unsigned shift = room < SLOPE_SHIFT_MAX ? room : SLOPE_SHIFT_MAX;

    return (struct frame){.base = words[0],
                          .slope = (range << shift) / (count - 1),
                          .slope_shift = (uint8_t)shift};
}

/*
 * Sorted words between two that were looked at are no further away from the line than it
 * rises between these. False when that would take another bit.
 */
static bool
fit_coarsely(const uint64_t *words, size_t count, struct frame *line)
{
    const struct reach reach = reach_of_line(words, count, COARSE_STEP, line);
    const uint64_t rise = (line->slope * COARSE_STEP >> line->slope_shift) + 1;
    const uint64_t last =
        words[count - 1] - line->base - (line->slope * (count - 1) >> line->slope_shift);
    /* The line does not pass the last word. */
    const uint64_t most = (int64_t)last > reach.most ? last : (uint64_t)reach.most;
    const uint64_t range = most - (uint64_t)reach.least;

    if (bits_of(range + 2 * rise) > bits_of(range))
        return false;
    set_width(line, bits_of(range + 2 * rise));
    line->base += (uint64_t)reach.least - rise;
    return true;
}

/* Of every `step`-th word. */
INLINE_ALWAYS struct reach
reach_any(const uint64_t *words, size_t count, size_t step, const struct frame *line)
{
    const uint64_t base = line->base, slope = line->slope * step;
    const unsigned shift = line->slope_shift;
    const size_t steps = (count - 1) / step + 1;
    int64_t least = 0, most = 0;

    for (size_t i = 0; i < steps; i++) {
        const int64_t distance = (int64_t)(words[i * step] - base - (slope * i >> shift));

        least = distance < least ? distance : least;
        most = distance > most ? distance : most;
    }
    return (struct reach){least, most};
}

static void
set_width(struct frame *frame, unsigned width)
{
    width = width > FRAME_WIDTH_MAX ? 64 : width;
    frame->width = (uint8_t)width;
    frame->mask = width == 0 ? 0 : UINT64_MAX >> (64 - width);
}

static unsigned
bits_of(uint64_t number)
{
    return number == 0 ? 0 : 64 - (unsigned)__builtin_clzll(number);
}

/* Processors that compare four words at once take a quarter of the time. */
#if defined(__x86_64__)
__attribute__((target("avx2"))) static void
spread_avx2(const uint64_t *words, size_t count, uint64_t *least, uint64_t *most)
{
    spread_any(words, count, least, most);
}
__attribute__((target("avx2"))) static struct reach
reach_avx2(const uint64_t *words, size_t count, const struct frame *line)
{
    return reach_any(words, count, 1, line);
}
#define HAVE_AVX2 __builtin_cpu_supports("avx2")
#else
#define spread_avx2 spread_any
#define reach_avx2(words, count, line) reach_any(words, count, 1, line)
#define HAVE_AVX2 0
#endif

static void
spread(const uint64_t *words, size_t count, uint64_t *least, uint64_t *most)
{
    if (HAVE_AVX2)
        spread_avx2(words, count, least, most);
    else
        spread_any(words, count, least, most);
}

static struct reach
reach_of_line(const uint64_t *words, size_t count, size_t step, const struct frame *line)
{
    if (step == 1 && HAVE_AVX2)
        return reach_avx2(words, count, line);
    return reach_any(words, count, step, line);
}
