/* SPDX-License-Identifier: MIT */
#ifndef PACE_H
#define PACE_H

/*
 * pace -- the pure policy of floods (flood.h): when there is one, and how many batches
 * merges wait for then.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What came in of late, how long that took, and what merging costs: `merge_ns` for
 * `merged_rows` rows, and there are `threads` threads for it. */
struct pace {
    uint64_t rows;
    uint64_t elapsed_us;
    uint64_t merge_ns;
    uint64_t merged_rows;
    unsigned threads;
};

/*
 * It is a flood when merges that begin as soon as they are due, which write a row four
 * times, would keep the threads at work for more than three quarters of that time.
 *
 *     60 ns a row, one thread:    32,768 rows in 11 ms -> false, in 10 ms -> true
 */
bool pace_is_flood(const struct pace *pace);

/* Are that many of the rows of a batch retractions that there is no flood? More than a
 * sixteenth. */
bool pace_retracts(uint64_t rows, uint64_t negative_rows);

/* The batches of a level that a merge waits for in a flood: 32 16 16 8 8 8 4 4 4. Those
 * of level 0 take no more. */
size_t pace_merge_min(unsigned level);

/* The loose batches in all from which on none waits: half of `backpressure_batches`. */
size_t pace_batches_max(size_t backpressure_batches);

#endif
