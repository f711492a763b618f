/* SPDX-License-Identifier: MIT */

/* Edges made of fences, and the block of a bound found among edges. */

#include "batch/edges.h"

static struct span fence_key(const struct layout *layout, const struct fence *fence,
                             bool last, uint8_t *scratch);
static int compare_begin(const struct spine_batch *batch, struct span key);
static size_t
settle(const struct spine_batch *batch, size_t at, const struct bound *bound);

uint32_t
edges_shared(const struct layout *layout, const struct fence *first,
             const struct fence *last)
{
    uint8_t scratch[2][FIXED_PAIR_BYTES];

    return (uint32_t)span_shared(fence_key(layout, first, false, scratch[0]),
                                 fence_key(layout, last, true, scratch[1]));
}

uint64_t
edge_of(const struct layout *layout, const struct fence *fence, uint32_t shared_bytes,
        struct spread *spread)
{
    uint8_t scratch[2][FIXED_PAIR_BYTES];
    const struct span first = fence_key(layout, fence, false, scratch[0]);
    const struct span last = fence_key(layout, fence, true, scratch[1]);
    const size_t shared = span_shared(first, last);

    assert(shared >= shared_bytes);
    *spread = (struct spread){.first = word_behind(first, shared),
                              .last = word_behind(last, shared),
                              .shared = (uint32_t)shared};
    return word_behind(last, shared_bytes);
}

/* The first key of the block, or the last one. Bytes that are no span are written to
 * `scratch`. */
static struct span
fence_key(const struct layout *layout, const struct fence *fence, bool last,
          uint8_t *scratch)
{
    struct cell cell = {.word = last ? fence->last_hi : fence->first_hi,
                        .rest = last ? fence->last_lo : fence->first_lo};

    if (layout->key.spans)
        cell.span = last ? fence->cells->last_key : fence->cells->first_key;
    return cell_as_span(&layout->key, &cell, scratch);
}

size_t
edges_find(const struct spine_batch *batch, size_t near, const struct bound *bound)
{
    const uint64_t *edges = batch->edges;
    const size_t count = batch->block_count;
    uint8_t scratch[FIXED_PAIR_BYTES];
    struct span key;
    uint64_t word;
    int order;

    if (count == 0)
        return 0;
    key = cell_as_span(&batch->layout.key, bound->key, scratch);
    order = compare_begin(batch, key);
    if (order != 0)
        return order < 0 ? 0 : count;
    word = word_behind(key, batch->shared_bytes);
    if (near < count && word < edges[near] && (near == 0 || edges[near - 1] < word))
        return near;
    near = interpolate(edges[0], edges[count - 1], 0, count, word);
    near = search_around(edges, sizeof *edges, 0, count, near, word);
    return near < count && edges[near] == word ? settle(batch, near, bound) : near;
}

size_t
edges_settle(const struct spine_batch *batch, size_t at, uint64_t word,
             const struct cell *key)
{
    struct bound bound;

    if (at == batch->block_count || batch->edges[at] != word)
        return at;
    bound = bound_of(&batch->layout, key, NULL, false);
    return settle(batch, at, &bound);
}

/* The sign of (key) - (what all keys of the batch begin with); 0: it begins so, too. */
static int
compare_begin(const struct spine_batch *batch, struct span key)
{
    const size_t shared = batch->shared_bytes;
    const size_t common = key.size < shared ? key.size : shared;
    uint8_t scratch[FIXED_PAIR_BYTES];
    int order;

    if (shared == 0)
        return 0;
    order = common > 0
                ? memcmp(key.data,
                         fence_key(&batch->layout, batch->fences, false, scratch).data,
                         common)
                : 0;
    return order != 0 ? order : -(key.size < shared);
}

/* The first block from `at` on that reaches the bound, among those of which the edge is
 * that of block `at`, or the one behind these. */
static size_t
settle(const struct spine_batch *batch, size_t at, const struct bound *bound)
{
    const struct layout *layout = &batch->layout;
    const uint64_t word = batch->edges[at];
    size_t begin = at, end = at, step = 1;

    /* Block `end`, if there is one, reaches the bound. */
    while (end < batch->block_count && batch->edges[end] == word &&
           !fence_reaches(layout, &batch->fences[end], bound)) {
        begin = end + 1;
        end += step;
        step *= 2;
    }
    end = end < batch->block_count ? end : batch->block_count;
    while (begin < end) {
        const size_t middle = begin + (end - begin) / 2;

        if (batch->edges[middle] > word ||
            fence_reaches(layout, &batch->fences[middle], bound))
            end = middle;
        else
            begin = middle + 1;
    }
    return begin;
}
