/* SPDX-License-Identifier: MIT */

/* The search for many keys that are bytes: its first and its last steps, and how bundles
 * go through all of them. */

#include "batch/cell_bundle.h"

#include "base/assert.h"

#define STEPS 8u

/* The bundles that are at some step. */
struct turns {
    struct word_gaps gaps;
    struct cell_bundle bundles[STEPS];
    /* Where what is given begins. */
    struct hit *to;
};

/* What is done in turn `turn` once its first bundle is located; returns how many it has
 * written to `to`. */
typedef size_t
turn_fn(struct probe_find *find, struct turns *turns, size_t turn, struct hit *to);

static size_t go_through(struct probe_find *find, struct hit *to, turn_fn *on_turn);
static turn_fn find_guided;
static turn_fn find_held;
static turn_fn place_cells;
static inline size_t give_found(const struct probe_find *find, struct turns *turns,
                                size_t turn, struct hit *to);
static void narrow_cells(const struct probe_find *find, struct turns *turns, size_t turn);
static void
cells_locate(struct probe_find *find, size_t begin, struct cell_bundle *bundle);
static void cells_find_blocks(struct probe_find *find, struct cell_bundle *bundle);
static void cells_guess(const struct probe_find *find, struct word_gaps *gaps,
                        struct cell_bundle *bundle);
static void cells_finish(const struct probe_find *find, struct cell_bundle *bundle);
static size_t
cells_give(const struct probe_find *find, struct cell_bundle *bundle, struct hit *to);
static size_t begin_places(const struct cell_bundle *bundle, struct hit *places);

/* The bundle that was located `age` turns ago. */
WORD_SEARCH struct cell_bundle *
bundle_at(struct turns *turns, size_t turn, size_t age)
{
    return &turns->bundles[(turn + STEPS - age) % STEPS];
}

WORD_SEARCH void
cells_reach(const struct probe_find *find, struct cell_bundle *bundle)
{
    struct cell_lines lines[BUNDLE_KEYS];
    size_t count = 0;

    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct block_view *const view = bundle_view(bundle, i);

        /* Rows of values with several times are somewhere near. */
        if (view->image->at[PART_ENDS_OF_TIMES] == 0)
            lines[count++] =
                value_lines(&find->batch->layout.value, &view->values, bundle->at[i]);
    }
    prefetch_lines(lines, count);
}

size_t
batch_find_cells(struct probe_find *find, struct hit *hits)
{
    return go_through(find, hits, find->held == NULL ? find_guided : find_held);
}

size_t
batch_place_cells(struct probe_find *find, struct hit *places)
{
    return go_through(find, places, place_cells);
}

/* Returns how many `on_turn` has given. */
static size_t
go_through(struct probe_find *find, struct hit *to, turn_fn *on_turn)
{
    const size_t count = find->count;
    struct turns turns;
    size_t given = 0;

    if (count == 0)
        return 0;
    turns.to = to;
    if (find->batch->layout.key.shape == SHAPE_FIXED && on_turn != find_guided)
        word_gaps_init(&turns.gaps, find->batch, count);
    for (size_t i = 0; i < STEPS; i++)
        turns.bundles[i].count = turns.bundles[i].view_count = 0;
    /* After the last bundle come empty ones that push it through the steps. */
    for (size_t turn = 0; turn * BUNDLE_KEYS < count + (STEPS - 1) * BUNDLE_KEYS;
         turn++) {
        cells_locate(find, turn * BUNDLE_KEYS, bundle_at(&turns, turn, 0));
        given += on_turn(find, &turns, turn, to + given);
    }
    assert(given <= count);
    return given;
}

static size_t
find_guided(struct probe_find *find, struct turns *turns, size_t turn, struct hit *to)
{
    cells_view(find, bundle_at(turns, turn, 1));
    cells_guide(find, bundle_at(turns, turn, 2));
    cells_match(find, bundle_at(turns, turn, 3));
    cells_reach_guided(find, bundle_at(turns, turn, 5));
    return cells_find_guided(find, bundle_at(turns, turn, 4), to);
}

static size_t
find_held(struct probe_find *find, struct turns *turns, size_t turn, struct hit *to)
{
    narrow_cells(find, turns, turn);
    if (find->batch->layout.key.shape == SHAPE_FIXED)
        cells_find_fixed(find, bundle_at(turns, turn, 5));
    else
        cells_find_grouped(find, bundle_at(turns, turn, 5));
    return give_found(find, turns, turn, to);
}

/* The last steps of keys that were found. */
static inline size_t
give_found(const struct probe_find *find, struct turns *turns, size_t turn,
           struct hit *to)
{
    size_t given;

    cells_finish(find, bundle_at(turns, turn, 5));
    given = cells_give(find, bundle_at(turns, turn, 6), to);
    cells_reach(find, bundle_at(turns, turn, 7));
    return given;
}

static size_t
place_cells(struct probe_find *find, struct turns *turns, size_t turn, struct hit *to)
{
    struct cell_bundle *const last = bundle_at(turns, turn, 5);
    const size_t placed = begin_places(bundle_at(turns, turn, 0), to);

    narrow_cells(find, turns, turn);
    if (find->batch->layout.key.shape == SHAPE_FIXED)
        cells_place_fixed(find, last);
    else
        cells_place_grouped(find, last);
    for (uint32_t i = 0; i < last->count; i++)
        turns->to[last->key[i] - find->candidates[0]].begin = (uint16_t)last->at[i];
    last->count = 0;
    return placed;
}

/* The steps that narrow down where keys are, without guides. */
static void
narrow_cells(const struct probe_find *find, struct turns *turns, size_t turn)
{
    cells_guess(find, &turns->gaps, bundle_at(turns, turn, 1));
    if (find->batch->layout.key.shape == SHAPE_FIXED) {
        cells_narrow_fixed(bundle_at(turns, turn, 2));
        cells_open_fixed(bundle_at(turns, turn, 3));
    } else {
        cells_narrow_anchors(bundle_at(turns, turn, 2));
        cells_choose_groups(bundle_at(turns, turn, 3));
        cells_open_groups(bundle_at(turns, turn, 4));
    }
}

/* Each located key is before all of its block, unless a later step says otherwise: keys
 * that are so are left out by some of the steps. */
static size_t
begin_places(const struct cell_bundle *bundle, struct hit *places)
{
    for (uint32_t i = 0; i < bundle->count; i++)
        places[i] = (struct hit){.key = bundle->key[i], .block = bundle->view[i]};
    return bundle->count;
}

/* Takes the candidates from `begin` on in, which begin like all keys of the batch; those
 * that are greater than all of them are left out. */
static void
cells_locate(struct probe_find *find, size_t begin, struct cell_bundle *bundle)
{
    const struct spine_batch *batch = find->batch;
    const size_t left = begin < find->count ? find->count - begin : 0;

    bundle->count = left < BUNDLE_KEYS ? (uint32_t)left : BUNDLE_KEYS;
    if (find->near == batch->block_count)
        bundle->count = 0;
    if (bundle->count == 0)
        return;
    for (uint32_t i = 0; i < bundle->count; i++) {
        bundle->key[i] = find->candidates[begin + i];
        bundle->words[i].high =
            word_behind(bundle_cell(find, bundle, i)->span, batch->shared_bytes);
    }
    cells_find_blocks(find, bundle);
    while (bundle->count > 0 && bundle->view[bundle->count - 1] == batch->block_count)
        bundle->count--;
    for (uint32_t i = 0; i < bundle->count; i++) {
        __builtin_prefetch(&batch->fences[bundle->view[i]]);
        __builtin_prefetch(&batch->spreads[bundle->view[i]]);
    }
}

/* The block of each key: the first one whose last key is not less. As find_granules() of
 * batch_find.c, where edges tell. */
static void
cells_find_blocks(struct probe_find *find, struct cell_bundle *bundle)
{
    const uint64_t *edges = find->batch->edges;
    const size_t count = find->batch->block_count;
    const uint64_t greatest = bundle->words[bundle->count - 1].high;
    const size_t low = find->near;
    size_t step = 1, length;

    /* Block `low + step - 1` is the first looked at that reaches the greatest. */
    while (low + step - 1 < count && edges[low + step - 1] < greatest)
        step *= 2;
    length = low + step < count ? step : count - low;
    memset(bundle->view, 0, sizeof bundle->view);
    for (edges += low; length > 1; length -= length / 2) {
        const uint32_t half = (uint32_t)length / 2;

        for (uint32_t i = 0; i < bundle->count; i++) {
            const uint32_t less =
                edges[bundle->view[i] + half - 1] < bundle->words[i].high;

            bundle->view[i] += half & (0 - less);
        }
    }
    for (uint32_t i = 0; i < bundle->count; i++) {
        const uint64_t word = bundle->words[i].high;
        const size_t at = bundle->view[i] + (edges[bundle->view[i]] < word);

        bundle->view[i] = (uint32_t)(low + at);
        if (low + at < count && edges[at] == word)
            bundle->view[i] = (uint32_t)edges_settle(find->batch, low + at, word,
                                                     bundle_cell(find, bundle, i));
    }
    find->near = bundle->view[bundle->count - 1];
}

/* Asks for the pivots of a block, which all of its keys look at. */
WORD_SEARCH void
prefetch_pivots(const struct block_view *view)
{
    for (size_t at = view->step; at < view->end; at += view->step)
        __builtin_prefetch(&view->anchors[at]);
}

/* Adds the view of a block, and asks for what is looked at first. */
static void
view_block(const struct probe_find *find, struct word_gaps *gaps,
           struct cell_bundle *bundle, uint32_t block)
{
    const struct spine_batch *const batch = find->batch;
    const struct cell_layout *const layout = &batch->layout.key;
    const struct spread *const spread = &batch->spreads[block];
    const struct fence *const fence = &batch->fences[block];
    struct block_view *const view = &bundle->views[bundle->view_count++];
    const uint8_t *arrays;

    view->image = find_image(find, fence);
    image_prefetch(view->image);
    view->block = block;
    view->shared = spread->shared;
    arrays = (const uint8_t *)view->image + IMAGE_HEAD_BYTES;
    if (layout->shape == SHAPE_FIXED) {
        view->end = fence->keys;
        view->gap = word_gap_of(gaps, batch, spread->shared);
        view->first = gap_close(view->gap, spread->first);
        view->last = gap_close(view->gap, spread->last);
        view->fixed = fixed_cells_of(arrays, layout->bytes, spread->shared);
        return;
    }
    view->end = (fence->keys + ANCHOR_STEP - 1) / ANCHOR_STEP;
    view->begin = batch->edges[block];
    view->begin_mask = fixed_mask(spread->shared - batch->shared_bytes);
    view->anchors = (const uint64_t *)arrays;
    view->step = (view->end + PIVOT_PIECES - 1) / PIVOT_PIECES;
    prefetch_pivots(view);
}

/* Guesses among cells of one width, and returns where that is. */
WORD_SEARCH uintptr_t
guess_cell(const struct block_view *view, struct cell_bundle *bundle, uint32_t i,
           struct span key)
{
    bundle->words[i] = fixed_words_of(key, view->shared);
    bundle->dense[i] = gap_close(view->gap, bundle->words[i].high);
    bundle->ends[i] = (struct fixed_ends){
        .high = view->end - 1, .low_word = view->first, .high_word = view->last};
    bundle->at[i] =
        (uint32_t)interpolate(view->first, view->last, 0, view->end, bundle->dense[i]);
    return (uintptr_t)view->fixed.behind + bundle->at[i] * view->fixed.width;
}

/* Leaves out keys that do not begin like those of their block, unless all are of one
 * width. */
static void
cells_guess(const struct probe_find *find, struct word_gaps *gaps,
            struct cell_bundle *bundle)
{
    const bool fixed = find->batch->layout.key.shape == SHAPE_FIXED;
    uintptr_t cells[BUNDLE_KEYS];
    uint32_t kept = 0;

    bundle->view_count = 0;
    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct span key = bundle_cell(find, bundle, i)->span;
        const uint32_t block = bundle->view[i];
        const struct block_view *view;

        if (bundle->view_count == 0 ||
            bundle->views[bundle->view_count - 1].block != block)
            view_block(find, gaps, bundle, block);
        view = &bundle->views[bundle->view_count - 1];
        if (!fixed && !begins_like(find->batch, view, key, bundle->words[i].high))
            continue;
        bundle->key[kept] = bundle->key[i];
        bundle->view[kept] = bundle->view_count - 1;
        if (fixed)
            cells[kept] = guess_cell(view, bundle, kept, key);
        else
            bundle->words[kept].high = word_behind(key, view->shared);
        kept++;
    }
    bundle->count = kept;
    for (uint32_t i = 0; fixed && i < kept; i++)
        __builtin_prefetch((const void *)cells[i]);
}

/* Leaves only the keys that are there. */
static void
cells_finish(const struct probe_find *find, struct cell_bundle *bundle)
{
    const bool bytes = find->batch->layout.value.shape == SHAPE_BYTES;
    uint32_t kept = 0;

    for (uint32_t v = 0; v < bundle->view_count; v++)
        bundle->views[v].values = image_values(bundle->views[v].image);
    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct block_view *const view = bundle_view(bundle, i);
        const struct image *const image = view->image;
        const uint32_t at = bundle->at[i];

        if (at == HIT_NONE)
            continue;
        bundle->key[kept] = bundle->key[i];
        bundle->view[kept] = bundle->view[i];
        bundle->at[kept++] = at;
        if (image->at[PART_ENDS_OF_VALUES] != 0)
            __builtin_prefetch((const uint8_t *)image + image->at[PART_ENDS_OF_VALUES] +
                               at * sizeof(uint16_t));
        else if (bytes)
            prefetch_value_end(&view->values, at);
    }
    bundle->count = kept;
}

/* Leaves the first row of each. */
static size_t
cells_give(const struct probe_find *find, struct cell_bundle *bundle, struct hit *to)
{
    const bool bytes = find->batch->layout.value.shape == SHAPE_BYTES;

    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct block_view *const view = bundle_view(bundle, i);
        const struct image *const image = view->image;
        uint32_t begin, end;

        if (bytes && image->at[PART_ENDS_OF_VALUES] != 0)
            prefetch_value_end(&view->values, image_value_begin(image, bundle->at[i]));
        image_key_rows(image, bundle->at[i], &begin, &end);
        to[i] = (struct hit){.key = bundle->key[i],
                             .block = view->block,
                             .begin = (uint16_t)begin,
                             .end = (uint16_t)end,
                             .staged = HIT_NONE};
        bundle->at[i] = begin;
    }
    return bundle->count;
}
