/* SPDX-License-Identifier: MIT */
#include "kernel/frame.h"

#include "base/assert.h"

#include <stdbool.h>

/* The slope has so many bits behind the point at most. */
#define SLOPE_SHIFT_MAX 32u
/* Of words in no order so many are looked at before a slope is tried on all. */
#define TRIAL_WORDS 16u
/* Of sorted words so many are one to look at, when that is as good as all. */
#define COARSE_STEP 8u
/* So many words are looked at in step, so that none waits for the one before. */
#define STRIDE 4u

/* The least and the greatest signed distance from a line through the first word. */
struct reach {
    int64_t least;
    int64_t most;
};

static uint64_t spread(const uint64_t *words, size_t count, uint64_t *least);
static struct frame fit_line(const uint64_t *words, size_t count, uint64_t range);
static struct reach
reach_of_line(const uint64_t *words, size_t count, size_t step, const struct frame *line);
static bool fit_coarsely(const uint64_t *words, size_t count, struct frame *line);
static unsigned bits_of(uint64_t number);

struct frame
frame_fit(const uint64_t *words, size_t count, bool sorted)
{
    struct frame level = {.base = words[0]};
    struct frame line;
    struct reach reach;
    uint64_t range = words[count - 1] - words[0];

    assert(count > 0);
    if (!sorted)
        range = spread(words, count, &level.base);
    level.width = (uint8_t)bits_of(range);
    /* Distances from a line are signed. */
    if (level.width == 64 || words[count - 1] <= words[0])
        return level;

    line = fit_line(words, count, words[count - 1] - words[0]);
    if (!sorted && count > 2 * TRIAL_WORDS) {
        reach = reach_of_line(words, count, count / TRIAL_WORDS, &line);
        if (bits_of((uint64_t)reach.most - (uint64_t)reach.least) + 1 >= level.width)
            return level;
    }
    if (sorted && count >= 8 * COARSE_STEP && level.width < 60 &&
        fit_coarsely(words, count, &line))
        return line.width < level.width ? line : level;
    reach = reach_of_line(words, count, 1, &line);
    line.width = (uint8_t)bits_of((uint64_t)reach.most - (uint64_t)reach.least);
    line.base += (uint64_t)reach.least;
    return line.width < level.width ? line : level;
}

static uint64_t
spread(const uint64_t *words, size_t count, uint64_t *least)
{
    uint64_t low[STRIDE], high[STRIDE];
    size_t at = 0;

    for (size_t s = 0; s < STRIDE; s++)
        low[s] = high[s] = words[0];
    for (; at + STRIDE <= count; at += STRIDE)
        for (size_t s = 0; s < STRIDE; s++) {
            low[s] = words[at + s] < low[s] ? words[at + s] : low[s];
            high[s] = words[at + s] > high[s] ? words[at + s] : high[s];
        }
    for (; at < count; at++) {
        low[0] = words[at] < low[0] ? words[at] : low[0];
        high[0] = words[at] > high[0] ? words[at] : high[0];
    }
    for (size_t s = 1; s < STRIDE; s++) {
        low[0] = low[s] < low[0] ? low[s] : low[0];
        high[0] = high[s] > high[0] ? high[s] : high[0];
    }
    *least = low[0];
    return high[0] - low[0];
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

    line->width = (uint8_t)bits_of(range + 2 * rise);
    if (line->width > bits_of(range))
        return false;
    line->base += (uint64_t)reach.least - rise;
    return true;
}

/* Of every `step`-th word. */
static struct reach
reach_of_line(const uint64_t *words, size_t count, size_t step, const struct frame *line)
{
    const uint64_t base = line->base, slope = line->slope * step;
    const unsigned shift = line->slope_shift;
    int64_t least[STRIDE] = {0}, most[STRIDE] = {0};
    uint64_t rise = 0;
    size_t at = 0;

    for (; at + (STRIDE - 1) * step < count; at += STRIDE * step, rise += STRIDE * slope)
        for (size_t s = 0; s < STRIDE; s++) {
            const uint64_t height = base + ((rise + s * slope) >> shift);
            const int64_t distance = (int64_t)(words[at + s * step] - height);

            least[s] = distance < least[s] ? distance : least[s];
            most[s] = distance > most[s] ? distance : most[s];
        }
    for (; at < count; at += step, rise += slope) {
        const int64_t distance = (int64_t)(words[at] - base - (rise >> shift));

        least[0] = distance < least[0] ? distance : least[0];
        most[0] = distance > most[0] ? distance : most[0];
    }
    for (size_t s = 1; s < STRIDE; s++) {
        least[0] = least[s] < least[0] ? least[s] : least[0];
        most[0] = most[s] > most[0] ? most[s] : most[0];
    }
    return (struct reach){least[0], most[0]};
}

static unsigned
bits_of(uint64_t number)
{
    return number == 0 ? 0 : 64 - (unsigned)__builtin_clzll(number);
}
