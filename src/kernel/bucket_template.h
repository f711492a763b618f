/* SPDX-License-Identifier: MIT */

/*
 * A bucket sort of rows that are codes; insertion_template.h comes before.
 *
 * Rows are counted by bucket, one or two buckets per row, and moved to their bucket's
 * place in the output: that leaves them nearly sorted. A bucket with many rows is sorted
 * the same way again, by its own least and greatest row. The range of its codes is then
 * smaller by the number of buckets, so this ends after a few passes whatever the rows
 * are. At last an insertion pass orders rows inside buckets and adds up equal ones.
 *
 *     range 0..79, shift 3       7 | 12 9 | 23 | ... | 79 72     after moving
 *                                7 | 9 12 | 23 | ... | 72 79     after insertion
 */

INLINE_ALWAYS size_t
KERNEL_FN(bucket_of)(const struct bucket_map *map, int by, uint64_t hi, uint64_t lo)
{
    if (by == BY_HI)
        return (size_t)((hi - map->least_hi) >> map->shift);
    if (by == BY_LO)
        return (size_t)((lo - map->least_lo) >> map->shift);
#if KERNEL_WORDS == 1
    lo = (uint32_t)hi;
    hi >>= 32;
#endif
    return (size_t)((hi - map->least_hi) * map->stride +
                    ((lo - map->least_lo) >> map->shift));
}

INLINE_ALWAYS void
KERNEL_FN(count_by)(struct bucket_work *work, const struct bucket_map *from, int by)
{
    const struct bucket_map map = *from;
    uint32_t *counts = work->counts;

    for (size_t s = 0; s < work->segment_count; s++) {
        const struct segment segment = work->segments[s];

        for (size_t i = 0; i < segment.count; i++)
            counts[KERNEL_FN(bucket_of)(&map, by, segment.hi[i], LO_OF(&segment, i))]++;
    }
}

INLINE_ALWAYS void
KERNEL_FN(scatter_by)(struct bucket_work *work, const struct bucket_map *from, int by,
                      struct lent_rows *to, size_t at)
{
    const struct bucket_map map = *from;
    uint32_t *counts = work->counts;
    uint64_t *to_hi = to->hi + at;
#if KERNEL_WORDS == 2
    uint64_t *to_lo = to->lo + at;
#endif
    int64_t *to_weight = to->weight + at;

    for (size_t s = 0; s < work->segment_count; s++) {
        const struct segment segment = work->segments[s];

        for (size_t i = 0; i < segment.count; i++) {
            const uint64_t hi = segment.hi[i], lo = LO_OF(&segment, i);
            const uint32_t row = counts[KERNEL_FN(bucket_of)(&map, by, hi, lo)]++;

            to_hi[row] = hi;
#if KERNEL_WORDS == 2
            to_lo[row] = lo;
#endif
            to_weight[row] = segment.weight[i];
        }
    }
}

/* Moves the rows of all segments to rows [at, ...) of `to`, by bucket. */
static bool
KERNEL_FN(scatter)(struct bucket_work *work, const struct bucket_map *map,
                   struct lent_rows *to, size_t at)
{
    if (!bucket_begin(work, map))
        return false;
    switch (map->by) {
    case BY_HI:
        KERNEL_FN(count_by)(work, map, BY_HI);
        bucket_sum(work, map);
        KERNEL_FN(scatter_by)(work, map, BY_HI, to, at);
        break;
    case BY_LO:
        KERNEL_FN(count_by)(work, map, BY_LO);
        bucket_sum(work, map);
        KERNEL_FN(scatter_by)(work, map, BY_LO, to, at);
        break;
    case BY_BOTH:
        KERNEL_FN(count_by)(work, map, BY_BOTH);
        bucket_sum(work, map);
        KERNEL_FN(scatter_by)(work, map, BY_BOTH, to, at);
        break;
    }
    return true;
}

/*
 * The least and greatest word of the segments: hi, or what stands for lo. In order where
 * all segments are, so that their ends tell.
 */
static void
KERNEL_FN(word_range)(const struct bucket_work *work, bool of_lo, bool in_order,
                      uint64_t *least, uint64_t *greatest)
{
    const uint64_t mask = of_lo && KERNEL_WORDS == 1 ? UINT32_MAX : UINT64_MAX;
    uint64_t low = UINT64_MAX, high = 0;

    for (size_t s = 0; s < work->segment_count; s++) {
        const struct segment *segment = &work->segments[s];
        const size_t step = in_order && segment->count > 1 ? segment->count - 1 : 1;
        const uint64_t *words = segment->hi;

        if (of_lo && KERNEL_WORDS == 2)
            words = segment->lo;
        for (size_t i = 0; i < segment->count; i += step) {
            const uint64_t word = words[i] & mask;

            low = word < low ? word : low;
            high = word > high ? word : high;
        }
    }
    *least = low;
    *greatest = high;
}

/*
 * Chooses a map for the `count` rows of all segments; `sorted`: each is in order. False
 * when all rows are equal.
 */
static bool
KERNEL_FN(choose_map)(const struct bucket_work *work, const struct layout *layout,
                      size_t count, bool sorted, struct bucket_map *map)
{
    const size_t buckets = bucket_target(count);
    uint64_t least_hi, greatest_hi, greatest_lo;

    KERNEL_FN(word_range)(work, false, sorted, &least_hi, &greatest_hi);
    *map = (struct bucket_map){.least_hi = least_hi};
    if (least_hi == greatest_hi) {
        if (KERNEL_WORDS == 1)
            return false;
        map->by = BY_LO;
        KERNEL_FN(word_range)(work, true, sorted, &map->least_lo, &greatest_lo);
        map->shift = bucket_shift(greatest_lo - map->least_lo, buckets);
        map->buckets = ((greatest_lo - map->least_lo) >> map->shift) + 1;
        return greatest_lo > map->least_lo;
    }
    const unsigned half = KERNEL_WORDS == 1 ? 32 : 0;
    const uint64_t range = (greatest_hi >> half) - (least_hi >> half);

    if (range > 0 && range < buckets / 4 && (half == 0 || layout->key_shift == half)) {
        map->by = BY_BOTH;
        map->least_hi = least_hi >> half;
        KERNEL_FN(word_range)(work, true, false, &map->least_lo, &greatest_lo);
        const uint64_t range_lo = greatest_lo - map->least_lo;
        uint64_t per_hi = 1;

        while (per_hi * 2 * (range + 1) <= buckets)
            per_hi *= 2;
        map->shift = bucket_shift(range_lo, per_hi);
        map->stride = (range_lo >> map->shift) + 1;
        map->buckets = (range + 1) * map->stride;
        return true;
    }
    map->by = BY_HI;
    map->shift = bucket_shift(greatest_hi - least_hi, buckets);
    map->buckets = ((greatest_hi - least_hi) >> map->shift) + 1;
    return true;
}

/* Sorts the pieces left in `work` by buckets of their own, until none is left. `scratch`
 * has room for the largest. */
static bool
KERNEL_FN(refine)(struct bucket_work *work, const struct layout *layout,
                  struct lent_rows *rows, struct lent_rows *scratch)
{
    while (work->piece_count > 0) {
        const struct unsorted piece = work->pieces[--work->piece_count];
        const size_t bytes = piece.count * sizeof(uint64_t);
        struct bucket_map map;

        work->segment_count = 1;
        work->segments[0] = (struct segment){
            .hi = rows->hi + piece.begin,
            .lo = KERNEL_WORDS == 2 ? rows->lo + piece.begin : NULL,
            .weight = rows->weight + piece.begin,
            .count = piece.count,
        };
        if (!KERNEL_FN(choose_map)(work, layout, piece.count, false, &map))
            continue;
        if (!KERNEL_FN(scatter)(work, &map, scratch, 0))
            return false;

        memcpy(rows->hi + piece.begin, scratch->hi, bytes);
        if (KERNEL_WORDS == 2)
            memcpy(rows->lo + piece.begin, scratch->lo, bytes);
        memcpy(rows->weight + piece.begin, scratch->weight, bytes);
        if (work->fullest > BUCKET_ROWS_MAX && !bucket_collect(work, &map, piece.begin))
            return false;
    }
    return true;
}

enum spine_status
KERNEL_FN(sort)(const struct layout *layout, struct lent_rows *rows, struct rows *scratch,
                bool *moved)
{
    struct bucket_work work = {0};
    const size_t count = rows->count;
    struct segment segment = {rows->hi, rows->lo, rows->weight, count};
    struct bucket_map map;
    struct lent_rows to;
    enum spine_status st = SPINE_OK;
    bool zeros = false;
    size_t sorted = 1;

    *moved = false;
    for (size_t i = 0; i < count; i++)
        zeros |= rows->weight[i] == 0;
    while (sorted < count && CODE_BEFORE(rows->hi[sorted - 1], LO_OF(rows, sorted - 1),
                                         rows->hi[sorted], LO_OF(rows, sorted)))
        sorted++;
    work.segments = &segment;
    work.segment_count = 1;
    if (sorted >= count || count <= CONSOLIDATE_BY_INSERTION ||
        !KERNEL_FN(choose_map)(&work, layout, count, false, &map))
        return KERNEL_FN(finish)(rows, 0, zeros);

    st = SPINE_NOMEM;
    if (!rows_reserve(layout, scratch, count))
        goto out;
    to = rows_lend(scratch);
    if (!KERNEL_FN(scatter)(&work, &map, &to, 0))
        goto out;
    *moved = true;
    to.count = count;
    if (work.fullest <= BUCKET_ROWS_MAX ||
        (bucket_collect(&work, &map, 0) && KERNEL_FN(refine)(&work, layout, &to, rows)))
        st = KERNEL_FN(finish)(&to, 0, zeros);
    scratch->count = to.count;
out:
    work.segments = NULL;
    bucket_release(layout, &work);
    return st;
}
