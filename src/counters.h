/* SPDX-License-Identifier: MIT */
#ifndef COUNTERS_H
#define COUNTERS_H

/*
 * counters -- what a spine counts while it works. Part of core.h.
 */

#include <stdint.h>

/* What a spine counts on the way, each by its name in spine_stats; the rest of that is
 * filled in by spine_get_stats(). */
#define SPINE_COUNTERS(COUNTER)                                                          \
    COUNTER(inserted_batches)                                                            \
    COUNTER(inserted_rows)                                                               \
    COUNTER(ahead_merges)                                                                \
    COUNTER(ahead_rows_out)                                                              \
    COUNTER(given_up_merges)                                                             \
    COUNTER(given_up_rows_in)                                                            \
    COUNTER(merge_retries)                                                               \
    COUNTER(merge_splits)                                                                \
    COUNTER(merge_blocks_shared)                                                         \
    COUNTER(merge_rows_shared)                                                           \
    COUNTER(skip_merges)                                                                 \
    COUNTER(retain_rows_dropped)                                                         \
    COUNTER(slice_ns_max)                                                                \
    COUNTER(help_slices)                                                                 \
    COUNTER(help_ns)                                                                     \
    COUNTER(backpressure_waits)                                                          \
    COUNTER(backpressure_ns)                                                             \
    COUNTER(backpressure_ns_max)

/* What each task counts; for a level by their names in spine_level_stats. Those of a
 * spine are the sums over all tasks. */
#define TASK_COUNTERS(COUNTER)                                                           \
    COUNTER(merges)                                                                      \
    COUNTER(merged_batches)                                                              \
    COUNTER(merge_rows_in)                                                               \
    COUNTER(merge_rows_out)                                                              \
    COUNTER(merge_slices)                                                                \
    COUNTER(merge_ns)                                                                    \
    COUNTER(merge_cpu_ns)

#define COUNTER_FIELD(name) uint64_t name;
struct spine_counters {
    SPINE_COUNTERS(COUNTER_FIELD)
};
struct task_counters {
    TASK_COUNTERS(COUNTER_FIELD)
};
#undef COUNTER_FIELD

#endif
