/* SPDX-License-Identifier: MIT */

/*
 * Keys that are given whole: the rows of a key, which differ in one word alone, are put
 * behind those of the key before, one batch after the other. So they are sorted runs,
 * which are merged where they are:
 *
 *     words    3 5 9 | 12 15 | 13      15 makes room for 13, no other row moves
 *
 * A run is merged with the one before it unless that is twice as long, so that a row
 * moves a few times only. Batches come oldest first: values that grow in time are in
 * order then.
 */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/wide_sum.h"
#include "probe/probe_append.h"

static inline bool give_lone(struct spine_probe *probe, const struct hit *hit);
static enum spine_status give_hits(struct spine_probe *probe, uint32_t head);
static size_t list_hits(struct spine_probe *probe, uint32_t head);
static enum spine_status append_whole(struct spine_probe *probe, struct hit *hit);
static bool
merge_last(struct spine_probe *probe, size_t begin, size_t middle, bool *alike);
static enum spine_status add_up(struct spine_probe *probe, size_t begin);
static enum spine_status fail_sum(struct spine_probe *probe, size_t at);

/* What differs within a key. */
static inline uint64_t *
differing_words(const struct spine_probe *probe, const struct rows *rows)
{
    return probe->layout.row_kind == ROW_ONE ? rows->hi : rows->lo;
}

enum spine_status
probe_give_whole(struct spine_probe *probe)
{
    struct rows *const rows = &probe->rows;

    assert(probe->whole);
    if (!array_reserve(&probe->runs, &probe->run_capacity, sizeof *probe->runs,
                       probe->batch_count))
        return SPINE_NOMEM;
    for (; probe->key < probe->chunk_end; probe->key++) {
        const uint32_t head = probe->heads[probe->key - probe->chunk_begin];

        if (head != HIT_NONE) {
            const size_t before = rows->count;

            if (!give_lone(probe, &probe->hits[head]))
                TRY_RETURN(give_hits(probe, head));
            probe->found += rows->count > before;
        }
        probe->ends[probe->end_count++] = rows->count;
    }
    probe->row_count = rows->count;
    return SPINE_OK;
}

/* Gives the only hit of a key, if it is that, and its few rows have room. */
static inline bool
give_lone(struct spine_probe *probe, const struct hit *hit)
{
    struct rows *const rows = &probe->rows;
    const size_t count = (size_t)(hit->end - hit->begin);

    if (hit->next != HIT_NONE || hit->staged == HIT_NONE ||
        rows->capacity - rows->count < count)
        return false;
    probe_append_words(rows, &probe->staged, hit->staged, hit->staged + count);
    return true;
}

static enum spine_status
give_hits(struct spine_probe *probe, uint32_t head)
{
    const size_t begin = probe->rows.count, hit_count = list_hits(probe, head);
    struct probe_run *const runs = probe->runs;
    size_t depth = 0;
    bool alike = false;

    for (size_t i = 0; i < hit_count; i++) {
        struct hit *const hit = &probe->hits[runs[i].hit];
        size_t end;

        runs[depth++].begin = probe->rows.count;
        TRY_RETURN(append_whole(probe, hit));
        end = probe->rows.count;
        for (; depth > 1; depth--) {
            const size_t last = runs[depth - 1].begin, before = runs[depth - 2].begin;

            if (i + 1 < hit_count && last - before >= 2 * (end - last))
                break;
            if (!merge_last(probe, before, last, &alike))
                return SPINE_NOMEM;
        }
    }
    return alike ? add_up(probe, begin) : SPINE_OK;
}

/* The hits of a key, those of the first batch first. */
static size_t
list_hits(struct spine_probe *probe, uint32_t head)
{
    size_t count = 0, at;

    for (uint32_t hit = head; hit != HIT_NONE; hit = probe->hits[hit].next)
        count++;
    at = count;
    for (uint32_t hit = head; hit != HIT_NONE; hit = probe->hits[hit].next)
        probe->runs[--at].hit = hit;
    return count;
}

/* Appends all rows of a hit, those in further blocks, too. */
static enum spine_status
append_whole(struct spine_probe *probe, struct hit *hit)
{
    struct rows *const rows = &probe->rows;
    size_t count = (size_t)(hit->end - hit->begin);

    do {
        if (!rows_reserve(&probe->layout, rows, rows->count + count))
            return SPINE_NOMEM;
        TRY_RETURN(probe_take_rows(probe, hit, count, rows, &count));
    } while (count > 0);
    return SPINE_OK;
}

/*
 * Merges the last run, from `middle` on, into the one that begins at `begin`; `*alike`
 * when two rows are equal, which are left side by side. False without memory.
 */
static bool
merge_last(struct spine_probe *probe, size_t begin, size_t middle, bool *alike)
{
    const struct rows *const rows = &probe->rows;
    struct rows *const scratch = &probe->merged;
    uint64_t *const words = differing_words(probe, rows);
    int64_t *const weights = rows->weight;
    size_t left = middle, right = rows->count - middle, to = rows->count;
    uint64_t equal = 0;

    assert(begin < middle && middle < rows->count);
    if (words[middle - 1] < words[middle])
        return true;
    if (!rows_reserve(&probe->layout, scratch, right))
        return false;
    memcpy(scratch->hi, words + middle, right * sizeof *words);
    memcpy(scratch->weight, weights + middle, right * sizeof *weights);
    while (left > begin && right > 0) {
        const uint64_t a = words[left - 1], b = scratch->hi[right - 1];
        const int64_t a_weight = weights[left - 1], b_weight = scratch->weight[right - 1];
        const size_t less = b < a;

        to--;
        words[to] = less ? a : b;
        weights[to] = less ? a_weight : b_weight;
        left -= less;
        right -= 1 - less;
        equal |= a == b;
    }
    memcpy(words + begin, scratch->hi, right * sizeof *words);
    memcpy(weights + begin, scratch->weight, right * sizeof *weights);
    *alike |= equal != 0;
    return true;
}

/* Adds up equal rows from `begin` on, and drops zeros. */
static enum spine_status
add_up(struct spine_probe *probe, size_t begin)
{
    struct rows *const rows = &probe->rows;
    uint64_t *const words = differing_words(probe, rows);
    size_t to = begin;

    assert(begin <= rows->count);
    for (size_t at = begin; at < rows->count;) {
        const size_t first = at;
        const uint64_t word = words[at];
        wide_sum sum = rows->weight[at++];

        for (; at < rows->count && words[at] == word; at++)
            sum += rows->weight[at];
        if (!wide_sum_fits(sum))
            return fail_sum(probe, first);
        words[to] = word;
        rows->weight[to] = (int64_t)sum;
        to += sum != 0;
    }
    rows->count = to;
    return SPINE_OK;
}

/* The sum of row `at`, of the present key, is not in int64_t. */
static enum spine_status
fail_sum(struct spine_probe *probe, size_t at)
{
    uint64_t hi = probe->rows.hi[at];
    struct rows row = probe->rows;

    if (probe->layout.row_kind == ROW_TWO)
        hi = probe_key(probe, probe->key).word;
    row.hi = &hi;
    row.lo = probe->layout.row_kind == ROW_TWO ? row.lo + at : NULL;
    return fail_overflow(&probe->failure, &probe->layout, &row, 0, false);
}
