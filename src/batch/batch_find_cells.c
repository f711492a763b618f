/* SPDX-License-Identifier: MIT */

/* The search for many keys that are bytes: its first and its last steps, and how bundles
 * go through all of them. */

#include "batch/cell_bundle.h"

#include "base/assert.h"

#define STEPS 8u

static void
cells_locate(struct probe_find *find, size_t begin, struct cell_bundle *bundle);
static void cells_find_blocks(struct probe_find *find, struct cell_bundle *bundle,
                              const uint64_t *words);
static void cells_guess(const struct probe_find *find, struct word_gaps *gaps,
                        struct cell_bundle *bundle);
static void cells_finish(const struct probe_find *find, struct cell_bundle *bundle);
static size_t
cells_give(const struct probe_find *find, struct cell_bundle *bundle, struct hit *to);

/* Where value `at` of an image lies. */
WORD_SEARCH struct cell_lines
value_lines(const struct cell_layout *layout, const struct image *image, size_t at)
{
    const struct column values = image_values(image);
    const uintptr_t cells = (uintptr_t)values.cells;
    uintptr_t begin;

    switch (layout->shape) {
    case SHAPE_NONE:
        break;
    case SHAPE_WORD4:
    case SHAPE_WORD8:
        begin = cells + (values.frame != NULL ? at * values.frame->width / 8
                                              : at * layout->bytes);
        return (struct cell_lines){begin, begin};
    case SHAPE_FIXED:
        begin = cells + at * layout->bytes;
        return (struct cell_lines){begin, begin + layout->bytes};
    case SHAPE_BYTES:
        if (values.picks != NULL)
            at = (size_t)frame_word(values.picks, at);
        return (struct cell_lines){cells + (at > 0 ? column_end(&values, at - 1) : 0),
                                   cells + column_end(&values, at)};
    }
    return (struct cell_lines){cells, cells};
}

WORD_SEARCH void
cells_reach(const struct probe_find *find, const struct cell_bundle *bundle)
{
    struct cell_lines lines[BUNDLE_KEYS];
    size_t count = 0;

    for (uint32_t i = 0; i < bundle->count; i++)
        /* Rows of values with several times are somewhere near. */
        if (bundle->image[i]->at[PART_ENDS_OF_TIMES] == 0)
            lines[count++] =
                value_lines(&find->batch->layout.value, bundle->image[i], bundle->at[i]);
    prefetch_lines(lines, count);
}

size_t
batch_find_cells(struct probe_find *find, struct hit *hits)
{
    const bool fixed = find->batch->layout.key.shape == SHAPE_FIXED;
    const size_t count = find->count;
    struct cell_bundle bundles[STEPS];
    struct word_gaps gaps;
    size_t hit_count = 0;

    if (count == 0)
        return 0;
    if (fixed)
        word_gaps_init(&gaps, find->batch, count);
    for (size_t i = 0; i < STEPS; i++)
        bundles[i].count = 0;
    /* After the last bundle come empty ones that push it through the steps. */
    for (size_t turn = 0; turn * BUNDLE_KEYS < count + (STEPS - 1) * BUNDLE_KEYS;
         turn++) {
        cells_locate(find, turn * BUNDLE_KEYS, &bundles[turn % STEPS]);
        cells_guess(find, &gaps, &bundles[(turn + 7) % STEPS]);
        if (fixed) {
            cells_narrow_fixed(&bundles[(turn + 6) % STEPS]);
            cells_open_fixed(&bundles[(turn + 5) % STEPS]);
            cells_find_fixed(find, &bundles[(turn + 4) % STEPS]);
        } else {
            cells_narrow_anchors(&bundles[(turn + 6) % STEPS]);
            cells_choose_groups(&bundles[(turn + 5) % STEPS]);
            cells_open_groups(&bundles[(turn + 4) % STEPS]);
            cells_find_grouped(find, &bundles[(turn + 3) % STEPS]);
        }
        cells_finish(find, &bundles[(turn + 3) % STEPS]);
        hit_count += cells_give(find, &bundles[(turn + 2) % STEPS], hits + hit_count);
        cells_reach(find, &bundles[(turn + 1) % STEPS]);
    }
    assert(hit_count <= count);
    return hit_count;
}

static inline const struct fence *
bundle_fence(const struct probe_find *find, const struct cell_bundle *bundle, uint32_t i)
{
    return &find->batch->fences[bundle->block[i]];
}

/* Takes the candidates from `begin` on in, which begin like all keys of the batch; those
 * that are greater than all of them are left out. */
static void
cells_locate(struct probe_find *find, size_t begin, struct cell_bundle *bundle)
{
    const struct spine_batch *batch = find->batch;
    const size_t left = begin < find->count ? find->count - begin : 0;
    uint64_t words[BUNDLE_KEYS];

    bundle->count = left < BUNDLE_KEYS ? (uint32_t)left : BUNDLE_KEYS;
    if (find->near == batch->block_count)
        bundle->count = 0;
    if (bundle->count == 0)
        return;
    for (uint32_t i = 0; i < bundle->count; i++) {
        bundle->key[i] = find->candidates[begin + i];
        words[i] = word_behind(bundle_cell(find, bundle, i)->span, batch->shared_bytes);
    }
    cells_find_blocks(find, bundle, words);
    while (bundle->count > 0 && bundle->block[bundle->count - 1] == batch->block_count)
        bundle->count--;
    for (uint32_t i = 0; i < bundle->count; i++) {
        __builtin_prefetch(bundle_fence(find, bundle, i));
        __builtin_prefetch(&batch->spreads[bundle->block[i]]);
    }
}

/* The block of each key: the first one whose last key is not less. As find_granules() of
 * batch_find.c, where edges tell. */
static void
cells_find_blocks(struct probe_find *find, struct cell_bundle *bundle,
                  const uint64_t *words)
{
    const uint64_t *edges = find->batch->edges;
    const size_t count = find->batch->block_count;
    const uint64_t greatest = words[bundle->count - 1];
    const size_t low = find->near;
    size_t step = 1, length;

    /* Block `low + step - 1` is the first looked at that reaches the greatest. */
    while (low + step - 1 < count && edges[low + step - 1] < greatest)
        step *= 2;
    length = low + step < count ? step : count - low;
    memset(bundle->block, 0, sizeof bundle->block);
    for (edges += low; length > 1; length -= length / 2) {
        const uint32_t half = (uint32_t)length / 2;

        for (uint32_t i = 0; i < bundle->count; i++) {
            const uint32_t less = edges[bundle->block[i] + half - 1] < words[i];

            bundle->block[i] += half & (0 - less);
        }
    }
    for (uint32_t i = 0; i < bundle->count; i++) {
        const size_t at = low + bundle->block[i] + (edges[bundle->block[i]] < words[i]);

        bundle->block[i] = (uint32_t)edges_settle(find->batch, at, words[i],
                                                  bundle_cell(find, bundle, i));
    }
    find->near = bundle->block[bundle->count - 1];
}

/* Asks for the pivots of a block, which all of its keys look at. */
WORD_SEARCH void
prefetch_pivots(const uint64_t *anchors, size_t count)
{
    const size_t step = pivot_step(count);

    for (size_t at = step; at < count; at += step)
        __builtin_prefetch(&anchors[at]);
}

/* Leaves out keys that are too short to begin like those of their block. */
static void
cells_guess(const struct probe_find *find, struct word_gaps *gaps,
            struct cell_bundle *bundle)
{
    const struct cell_layout *layout = &find->batch->layout.key;
    const bool fixed = layout->shape == SHAPE_FIXED;
    struct cell_lines lines[BUNDLE_KEYS];
    uint32_t kept = 0;

    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct spread *spread = &find->batch->spreads[bundle->block[i]];
        const struct fence *fence = bundle_fence(find, bundle, i);
        const struct span key = bundle_cell(find, bundle, i)->span;
        const struct image *image;
        uintptr_t arrays;
        size_t at = 0;

        if (key.size < spread->shared)
            continue;
        image = find_image(find, fence);
        image_prefetch(image);
        arrays = (uintptr_t)image + IMAGE_HEAD_BYTES;
        bundle->key[kept] = bundle->key[i];
        bundle->block[kept] = bundle->block[i];
        bundle->image[kept] = image;
        if (fixed) {
            const struct word_gap gap = word_gap_of(gaps, find->batch, spread->shared);
            const uint64_t first = gap_close(gap, spread->first);
            const uint64_t last = gap_close(gap, spread->last);

            bundle->words[kept] = fixed_words_of(key, spread->shared);
            bundle->gap[kept] = gap;
            bundle->dense[kept] = gap_close(gap, bundle->words[kept].high);
            at = interpolate(first, last, 0, fence->keys, bundle->dense[kept]);
            bundle->end[kept] = fence->keys;
            bundle->fixed[kept] =
                fixed_cells_of((const uint8_t *)arrays, layout->bytes, spread->shared);
            bundle->ends[kept] = (struct fixed_ends){
                .high = fence->keys - 1, .low_word = first, .high_word = last};
            arrays += at * layout->bytes + spread->shared;
            lines[kept] = (struct cell_lines){arrays, arrays};
        } else {
            bundle->words[kept].high = word_behind(key, spread->shared);
            bundle->end[kept] = (fence->keys + ANCHOR_STEP - 1) / ANCHOR_STEP;
            bundle->anchors[kept] = (const uint64_t *)arrays;
            if (kept == 0 || bundle->anchors[kept - 1] != bundle->anchors[kept])
                prefetch_pivots(bundle->anchors[kept], bundle->end[kept]);
        }
        bundle->at[kept++] = (uint32_t)at;
    }
    bundle->count = kept;
    if (fixed)
        prefetch_lines(lines, kept);
}

/* Asks for where the bytes of a value end; the end of the one before is next to it. */
WORD_SEARCH void
prefetch_value_end(const struct probe_find *find, const struct image *image, size_t value)
{
    const struct column values = image_values(image);
    const struct frame *const frame = values.picks != NULL ? values.picks : values.frame;

    if (find->batch->layout.value.shape == SHAPE_BYTES)
        __builtin_prefetch(frame != NULL ? frame_bits(frame) + value * frame->width / 8
                                         : (const uint8_t *)(values.ends + value));
}

/* Leaves only the keys that are there. */
static void
cells_finish(const struct probe_find *find, struct cell_bundle *bundle)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct image *image = bundle->image[i];

        if (bundle->at[i] == HIT_NONE)
            continue;
        bundle->key[kept] = bundle->key[i];
        bundle->block[kept] = bundle->block[i];
        bundle->image[kept] = image;
        bundle->at[kept++] = bundle->at[i];
        if (image->at[PART_ENDS_OF_VALUES] != 0)
            __builtin_prefetch((const uint8_t *)image + image->at[PART_ENDS_OF_VALUES] +
                               bundle->at[i] * sizeof(uint16_t));
        else
            prefetch_value_end(find, image, bundle->at[i]);
    }
    bundle->count = kept;
}

/* Leaves the first row of each. */
static size_t
cells_give(const struct probe_find *find, struct cell_bundle *bundle, struct hit *to)
{
    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct image *image = bundle->image[i];
        uint32_t begin, end;

        if (image->at[PART_ENDS_OF_VALUES] != 0)
            prefetch_value_end(find, image, image_value_begin(image, bundle->at[i]));
        image_key_rows(image, bundle->at[i], &begin, &end);
        to[i] = (struct hit){.key = bundle->key[i],
                             .block = bundle->block[i],
                             .begin = (uint16_t)begin,
                             .end = (uint16_t)end,
                             .staged = HIT_NONE};
        bundle->at[i] = begin;
    }
    return bundle->count;
}
