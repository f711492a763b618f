/* SPDX-License-Identifier: MIT */

/* The parts of bucket sorts that do not depend on the kind of rows: how many buckets,
 * where each begins, and which have too many rows. */

#include "kernel/bucket.h"

#include "base/alloc.h"
#include "base/assert.h"

enum {
    BUCKETS_LEAST = 64,
    BUCKETS_MOST = 1 << 14,
    /* Above this many rows, buckets are made for sorting again, each in the cache. */
    ROWS_DIRECT = 1 << 14,
    ROWS_PER_COARSE_BUCKET = 2048
};

void
bucket_release(const struct layout *layout, struct bucket_work *work)
{
    mem_free(work->segments, work->segment_capacity * sizeof *work->segments);
    mem_free(work->counts, work->count_capacity * sizeof *work->counts);
    mem_free(work->pieces, work->piece_capacity * sizeof *work->pieces);
    rows_release(layout, &work->scratch);
    *work = (struct bucket_work){0};
}

size_t
bucket_target(size_t count)
{
    const size_t wanted = count <= ROWS_DIRECT ? count : count / ROWS_PER_COARSE_BUCKET;
    size_t buckets = BUCKETS_LEAST;

    while (buckets < wanted * 3 / 2 && buckets < BUCKETS_MOST)
        buckets *= 2;
    return buckets;
}

bool
bucket_begin(struct bucket_work *work, const struct bucket_map *map)
{
    assert(map->buckets > 0);
    if (!array_reserve(&work->counts, &work->count_capacity, sizeof *work->counts,
                       map->buckets))
        return false;
    memset(work->counts, 0, map->buckets * sizeof *work->counts);
    return true;
}

void
bucket_sum(struct bucket_work *work, const struct bucket_map *map)
{
    uint32_t sum = 0, fullest = 0;

    for (size_t b = 0; b < map->buckets; b++) {
        const uint32_t count = work->counts[b];

        work->counts[b] = sum;
        sum += count;
        fullest = count > fullest ? count : fullest;
    }
    work->fullest = fullest;
}

bool
bucket_collect(struct bucket_work *work, const struct bucket_map *map, size_t begin)
{
    uint32_t bucket_begins = 0;

    assert(map->buckets > 0);
    for (size_t b = 0; b < map->buckets; b++) {
        const uint32_t bucket_ends = work->counts[b];
        const uint32_t count = bucket_ends - bucket_begins;

        if (count > BUCKET_ROWS_MAX) {
            if (!array_reserve(&work->pieces, &work->piece_capacity, sizeof *work->pieces,
                               work->piece_count + 1))
                return false;
            work->pieces[work->piece_count++] =
                (struct unsorted){begin + bucket_begins, count};
        }
        bucket_begins = bucket_ends;
    }
    return true;
}
