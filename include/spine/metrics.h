/* SPDX-License-Identifier: MIT */
#ifndef SPINE_METRICS_H
#define SPINE_METRICS_H

/*
 * What a spine has done and holds, in numbers, and what a runtime holds.
 */

#include "spine/filter.h"
#include "spine/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spine_runtime;

/* Levels of a spine, 0 to SPINE_LEVELS - 1. */
#define SPINE_LEVELS 9

struct spine_level_stats {
    /* Batches that wait at the level, and those that its merge is reading. */
    uint64_t loose_batches;
    uint64_t merging_batches;
    uint64_t rows;
    uint64_t bytes;
    /* Those of the batches that have blocks in files, the rows of these blocks, and the
     * bytes that they would take in memory, which are not in `bytes`. */
    uint64_t storage_batches;
    uint64_t storage_rows;
    uint64_t storage_bytes;
    /* Merges that ended at the level since the spine was opened; a compaction is at
     * none. */
    uint64_t merges;
};

struct spine_stats {
    struct spine_level_stats levels[SPINE_LEVELS];
    /* Sums over the levels. */
    uint64_t batches;
    uint64_t rows;
    uint64_t bytes;
    uint64_t storage_batches;
    uint64_t storage_rows;
    uint64_t storage_bytes;
    /* Inserted so far; a fork counts what it began with. */
    uint64_t inserted_batches;
    uint64_t inserted_rows;
    /* Merges that ended, those of the levels and compactions, rows they read and rows
       they wrote or took over. Write amplification is (inserted_rows + merge_rows_out -
       merge_rows_shared) / inserted_rows; of a fork, since it began. */
    uint64_t merges;
    uint64_t merge_rows_in;
    uint64_t merge_rows_out;
    /* Those of them that began before they were due, and the rows they wrote. */
    uint64_t ahead_merges;
    uint64_t ahead_rows_out;
    /* Those of these that began because a reader had skipped many rows which cancel: they
     * merge the stretch where it did. */
    uint64_t skip_merges;
    /* Merges that failed or were given up for a compaction, and about as many rows as
     * they had read: work that was lost. */
    uint64_t given_up_merges;
    uint64_t given_up_rows_in;
    /* Times that a merge failed for want of memory, or of a file, and was to be tried
     * again after a delay. */
    uint64_t merge_retries;
    /* Times that a merge under way handed over what it had written, so that the memory of
     * what it had read could go. */
    uint64_t merge_splits;
    /* Blocks that merges took over without reading them, and their rows (also in
     * merge_rows_in and _out). */
    uint64_t merge_blocks_shared;
    uint64_t merge_rows_shared;
    /* Rows that retention filters dropped in merges that ended, and the names of the
     * filters. */
    uint64_t retain_rows_dropped;
    char key_filter[SPINE_FILTER_NAME_MAX + 1];
    char value_filter[SPINE_FILTER_NAME_MAX + 1];
    /* Time in merge slices, in all threads; the longest slice. */
    uint64_t merge_ns;
    uint64_t slice_ns_max;
    /* Slices that an inserting thread ran, and the time it spent in them. */
    uint64_t help_slices;
    uint64_t help_ns;
    /* Calls of spine_insert() and spine_insert_wait() that found no room, and how long
     * they waited in all and at most. */
    uint64_t backpressure_waits;
    uint64_t backpressure_ns;
    uint64_t backpressure_ns_max;
    /* Lookup filters of the batches there are, in bytes; not in `bytes`. */
    uint64_t filter_bytes;
    /*
     * What probes and exact seeks in snapshots of the spine asked, each of a key in a
     * batch. Cursors tell when they are closed.
     *
     *     lookups                    all
     *     lookup_range_rejections    the key is outside the batch's least and greatest
     *     lookup_filter_rejections   the filter ruled it out
     *     lookup_filter_passes       the filter did not
     *     lookup_filter_errors       it did not, and the key was absent all the same
     */
    uint64_t lookups;
    uint64_t lookup_range_rejections;
    uint64_t lookup_filter_rejections;
    uint64_t lookup_filter_passes;
    uint64_t lookup_filter_errors;
};

/* How near a runtime is to its memory limit (spine_runtime_options). */
enum spine_pressure {
    SPINE_PRESSURE_NONE = 0,
    /* From 85 %: outputs of 1 MiB go to files, inserted batches of min_storage_bytes. */
    SPINE_PRESSURE_MODERATE,
    /* From 90 %: all do; what is in memory is merged into files, the cache shrinks. */
    SPINE_PRESSURE_HIGH,
    /* From 95 %: merges begin one at a time unless they surely fit. */
    SPINE_PRESSURE_CRITICAL,
    /* Inserts wait. */
    SPINE_PRESSURE_FULL
};
#define SPINE_PRESSURES 5

/* What a runtime holds, in bytes of memory. A level of pressure ends 5 % below where it
 * begins. */
struct spine_runtime_stats {
    /* 0: there is no limit. */
    uint64_t memory_limit_bytes;
    /* The sum of those that follow: what counts for the limit. */
    uint64_t memory_bytes;
    /* Blocks of batches: of spines, of outputs under way, and those that only snapshots
     * hold. */
    uint64_t block_bytes;
    /* What is known of blocks without a look into them. */
    uint64_t fence_bytes;
    /* Lookup filters. */
    uint64_t filter_bytes;
    /* All else that merges under way use. */
    uint64_t merge_bytes;
    /* Of the store, with all its runtimes: its cache, buffers, open files. */
    uint64_t store_bytes;
    enum spine_pressure pressure;
    /* Time at each level. */
    uint64_t pressure_ns[SPINE_PRESSURES];
};

/* Fills `*out`, with zeros for no runtime. Each number is exact; together they may be of
 * different moments. Any thread. */
SPINE_API void
spine_runtime_get_stats(struct spine_runtime *runtime, struct spine_runtime_stats *out);

#ifdef __cplusplus
}
#endif

#endif
