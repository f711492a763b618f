/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_BUCKET_H
#define KERNEL_BUCKET_H

/*
 * The bucket sort behind rows_consolidate() and kway_fill(): see bucket_template.h.
 */

#include "base/error.h"
#include "base/wide_sum.h"
#include "kernel/kernel.h"

/* Rows somewhere, as columns. */
struct segment {
    const uint64_t *hi;
    const uint64_t *lo;
    const int64_t *weight;
    size_t count;
};

/* Which bucket a row belongs to; rows of a later bucket are greater. */
struct bucket_map {
    /*
     * BY_HI    (hi - least_hi) >> shift
     * BY_LO    (lo - least_lo) >> shift, when all rows have the same hi
     * BY_BOTH  (hi - least_hi) * stride + ((lo - least_lo) >> shift), when rows have few
     *          different hi; in ROW_ONE the halves of the word stand for hi and lo
     */
    enum { BY_HI, BY_LO, BY_BOTH } by;
    unsigned shift;
    uint64_t least_hi;
    uint64_t least_lo;
    uint64_t stride;
    size_t buckets;
};

/* Rows [begin, begin + count) of the output that one bucket left unsorted. */
struct unsorted {
    size_t begin;
    size_t count;
};

/* Zero at first; kept from sort to sort. */
struct bucket_work {
    struct segment *segments;
    size_t segment_capacity;
    size_t segment_count;
    /* Rows of a bucket, then where its next row goes, then where it ends. */
    uint32_t *counts;
    size_t count_capacity;
    struct unsorted *pieces;
    size_t piece_capacity;
    size_t piece_count;
    /* The most rows that a bucket of the last pass had. */
    size_t fullest;
    struct rows scratch;
};

void bucket_release(const struct layout *layout, struct bucket_work *work);

/* How many buckets suit `count` rows: a power of two. */
size_t bucket_target(size_t count);

/* Zeroed counters for `map`. */
bool bucket_begin(struct bucket_work *work, const struct bucket_map *map);
/* Turns counts into beginnings. */
void bucket_sum(struct bucket_work *work, const struct bucket_map *map);
/* Remembers the buckets that have too many rows; they begin at `begin`. */
bool bucket_collect(struct bucket_work *work, const struct bucket_map *map, size_t begin);

/* A shift by which `range` falls below `buckets`, a power of two. */
static inline unsigned
bucket_shift(uint64_t range, uint64_t buckets)
{
    const int range_bits = 64 - __builtin_clzll(range | 1);
    const int bucket_bits = 63 - __builtin_clzll(buckets);

    return range_bits > bucket_bits ? (unsigned)(range_bits - bucket_bits) : 0;
}

enum {
    /* Buckets of up to this many rows are left to the insertion pass. */
    BUCKET_ROWS_MAX = 20,
    /* So few rows are sorted without buckets. */
    CONSOLIDATE_BY_INSERTION = 48
};

/* What an insertion pass leaves to be done. */
enum {
    /* Some rows weigh nothing. */
    LEFT_ZEROS = 1,
    /* Some rows are equal, side by side: their sum is not in int64_t, or not yet. */
    LEFT_EQUALS = 2
};

/*
 * rows_consolidate() of codes, which come to be in `rows`, or in `scratch` (`*moved`),
 * which is as large then; also without memory.
 */
enum spine_status one_sort(const struct layout *layout, struct lent_rows *rows,
                           struct rows *scratch, bool *moved);
enum spine_status two_sort(const struct layout *layout, struct lent_rows *rows,
                           struct rows *scratch, bool *moved);
/* rows_consolidate() of codes, and of other rows. SPINE_INVALID: too many rows. */
enum spine_status
codes_consolidate(const struct layout *layout, struct rows *rows, struct rows *scratch);
enum spine_status
wide_consolidate(const struct layout *layout, struct rows *rows, struct rows *scratch);

#endif
