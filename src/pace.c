/* SPDX-License-Identifier: MIT */

/* The policy of floods as arithmetic. */

#include "pace.h"

#include "base/assert.h"
#include "slots.h"

/* How often a row is written by merges that do not wait; the part of the time of all
 * threads beyond which that is too much; and the part of rows that may be negative. */
#define USUAL_WRITES 4
#define TIME_PART 0.75
#define NEGATIVE_PART 16u

bool
pace_is_flood(const struct pace *pace)
{
    const double needed_ns = (double)pace->rows * USUAL_WRITES * (double)pace->merge_ns;
    const double given_ns =
        (double)pace->elapsed_us * 1000 * pace->threads * (double)pace->merged_rows;

    return given_ns > 0 && needed_ns > TIME_PART * given_ns;
}

bool
pace_retracts(uint64_t rows, uint64_t negative_rows)
{
    return negative_rows > rows / NEGATIVE_PART;
}

size_t
pace_merge_min(unsigned level)
{
    static const uint8_t merge_min[SPINE_LEVELS] = {32, 16, 16, 8, 8, 8, 4, 4, 4};

    assert(level < SPINE_LEVELS);
    return merge_min[level];
}

size_t
pace_batches_max(size_t backpressure_batches)
{
    return backpressure_batches / 2;
}
