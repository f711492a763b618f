/* SPDX-License-Identifier: MIT */

/* Keys of blocks in memory, found by guides and fingerprints (batch/cell_bundle.h). */

#include "batch/cell_bundle.h"

#include "base/equal_cell.h"

#define LINE_GUIDES (LINE_BYTES / sizeof(uint64_t))

static void
view_guides(const struct probe_find *find, struct cell_bundle *bundle, uint32_t block);
static uint32_t find_matching(const struct block_view *view, bool is_fixed,
                              const struct cell_bundle *bundle, uint32_t i,
                              struct span key);
static uint32_t find_tied(const struct block_view *view, bool is_fixed, struct span key);

static inline bool
keys_are_fixed(const struct probe_find *find)
{
    return find->batch->layout.key.shape == SHAPE_FIXED;
}

void
cells_view(const struct probe_find *find, struct cell_bundle *bundle)
{
    const bool is_fixed = keys_are_fixed(find);
    uint32_t kept = 0;

    bundle->view_count = 0;
    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct span key = bundle_cell(find, bundle, i)->span;
        const uint32_t block = bundle->view[i];
        const struct block_view *view;

        if (bundle->view_count == 0 ||
            bundle->views[bundle->view_count - 1].block != block)
            view_guides(find, bundle, block);
        view = &bundle->views[bundle->view_count - 1];
        if (!is_fixed && !begins_like(find->batch, view, key, bundle->words[i].high))
            continue;
        bundle->key[kept] = bundle->key[i];
        bundle->view[kept] = bundle->view_count - 1;
        kept++;
    }
    bundle->count = kept;
}

/* Adds the view of a block, and asks for what is looked at first. */
static void
view_guides(const struct probe_find *find, struct cell_bundle *bundle, uint32_t block)
{
    const struct spine_batch *const batch = find->batch;
    const struct fence *const fence = &batch->fences[block];
    const size_t count = guide_count(&batch->layout.key, fence->keys);
    struct block_view *const view = &bundle->views[bundle->view_count++];

    assert(fence->block != NULL);
    view->image = block_image(fence->block);
    image_prefetch(view->image);
    view->block = block;
    view->shared = batch->spreads[block].shared;
    view->key_count = fence->keys;
    view->guide_count = (uint32_t)count;
    view->leap = block_leap(fence->block, count);
    view->guides = block_guides(fence->block, count);
    view->fingerprints = block_fingerprints(fence->block, count);
    __builtin_prefetch(view->leap);
    for (size_t at = 0; at < count; at += LINE_GUIDES)
        __builtin_prefetch(view->guides + at);
    if (keys_are_fixed(find)) {
        view->fixed = fixed_cells_of((const uint8_t *)view->image + IMAGE_HEAD_BYTES,
                                     batch->layout.key.bytes, view->shared);
        return;
    }
    view->begin = batch->edges[block];
    view->begin_mask = fixed_mask(view->shared - batch->shared_bytes);
}

/* Asks for where the keys of a guide end. The end of the key before is where the first
 * one begins. */
WORD_SEARCH void
prefetch_ends(const struct column *keys, size_t at)
{
    const struct frame *const frame = keys->frame;
    const uint8_t *const ends = frame != NULL ? frame_bits(frame) + at * frame->width / 8
                                              : (const uint8_t *)(keys->ends + at);
    const size_t bytes =
        frame != NULL ? GUIDE_STEP * frame->width / 8 : GUIDE_STEP * sizeof *keys->ends;

    __builtin_prefetch(ends - sizeof *keys->ends);
    __builtin_prefetch(ends + bytes);
}

/*
 * A key is among those of the last guide whose word is less. Where a guide is equal it
 * may be among those of any guide that is, or at the end of those before; mostly it is
 * the key of the first one.
 */
void
cells_guide(const struct probe_find *find, struct cell_bundle *bundle)
{
    const bool is_fixed = keys_are_fixed(find);
    uint32_t kept = 0;

    for (uint32_t v = 0; !is_fixed && v < bundle->view_count; v++)
        bundle->views[v].keys = image_keys(bundle->views[v].image);
    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct block_view *const view = bundle_view(bundle, i);
        const uint32_t count = view->guide_count;
        const uint64_t word =
            guide_word(bundle_cell(find, bundle, i)->span, view->shared, *view->leap);
        const uint32_t guide = (uint32_t)search_halves(view->guides, 8, 0, count, word);
        const bool is_tied = guide < count && view->guides[guide] == word;
        uint32_t at;

        if (guide == 0 && !is_tied)
            continue;
        at = (guide - !is_tied) * GUIDE_STEP;
        bundle->key[kept] = bundle->key[i];
        bundle->view[kept] = bundle->view[i];
        bundle->words[kept].high = word;
        bundle->is_tied[kept] = is_tied;
        bundle->at[kept++] = at;
        __builtin_prefetch(view->fingerprints + at);
        if (!is_fixed)
            prefetch_ends(&view->keys, at);
    }
    bundle->count = kept;
}

/* Which of the fingerprints of a guide are `wanted`: a bit of each. */
#if defined(__x86_64__)
typedef char byte_lanes __attribute__((vector_size(16)));

WORD_SEARCH uint32_t
matching_bytes(const uint8_t *fingerprints, uint8_t wanted)
{
    const byte_lanes all_wanted = (char)wanted - (byte_lanes){0};
    byte_lanes lanes[GUIDE_STEP / sizeof(byte_lanes)];

    static_assert(GUIDE_STEP == 2 * sizeof(byte_lanes), "two halves of 32 bits");
    memcpy(lanes, fingerprints, sizeof lanes);
    return (uint32_t)__builtin_ia32_pmovmskb128((byte_lanes)(lanes[0] == all_wanted)) |
           (uint32_t)__builtin_ia32_pmovmskb128((byte_lanes)(lanes[1] == all_wanted))
               << 16;
}
#else
WORD_SEARCH uint32_t
matching_bytes(const uint8_t *fingerprints, uint8_t wanted)
{
    uint32_t matching = 0;

    static_assert(GUIDE_STEP == 32, "32 bits");
    for (unsigned i = 0; i < GUIDE_STEP; i++)
        matching |= (uint32_t)(fingerprints[i] == wanted) << i;
    return matching;
}
#endif

/* Where the cell of key `at` is; of one with a front what follows that. */
WORD_SEARCH struct cell_lines
cell_of_key(const struct block_view *view, bool is_fixed, size_t at)
{
    const uintptr_t cells =
        is_fixed ? (uintptr_t)view->fixed.cells : (uintptr_t)view->keys.cells;

    if (is_fixed)
        return (struct cell_lines){cells + at * view->fixed.width,
                                   cells + (at + 1) * view->fixed.width};
    return (struct cell_lines){cells + (at > 0 ? column_end(&view->keys, at - 1) : 0),
                               cells + column_end(&view->keys, at)};
}

WORD_SEARCH uint32_t
lowest_bit(uint32_t bits)
{
    return (uint32_t)__builtin_ctz(bits);
}

void
cells_match(const struct probe_find *find, struct cell_bundle *bundle)
{
    const bool is_fixed = keys_are_fixed(find);
    uint32_t kept = 0;

    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct block_view *const view = bundle_view(bundle, i);
        const struct span key = bundle_cell(find, bundle, i)->span;
        const uint32_t begin = bundle->at[i], left = view->key_count - begin;
        const bool is_tied = bundle->is_tied[i];
        uint32_t matching =
            matching_bytes(view->fingerprints + begin, fingerprint_of(key));
        uint32_t at;

        assert(begin < view->key_count);
        if (left < GUIDE_STEP)
            matching &= (UINT32_C(1) << left) - 1;
        if (matching == 0 && !is_tied)
            continue;
        at = begin + (matching != 0 ? lowest_bit(matching) : 0);
        bundle->key[kept] = bundle->key[i];
        bundle->view[kept] = bundle->view[i];
        bundle->words[kept].high = bundle->words[i].high;
        bundle->is_tied[kept] = is_tied;
        bundle->at[kept] = begin;
        bundle->matching[kept] = matching;
        bundle->cell[kept++] = cell_of_key(view, is_fixed, at);
        if (!is_fixed && view->keys.fronts != NULL) {
            __builtin_prefetch(view->keys.fronts + at / ANCHOR_STEP);
            __builtin_prefetch(view->keys.anchors + at / ANCHOR_STEP);
        }
    }
    bundle->count = kept;
    prefetch_lines(bundle->cell, kept);
}

void
cells_find_guided(const struct probe_find *find, struct cell_bundle *bundle)
{
    const bool is_fixed = keys_are_fixed(find);

    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct block_view *const view = bundle_view(bundle, i);
        const struct span key = bundle_cell(find, bundle, i)->span;
        uint32_t at = find_matching(view, is_fixed, bundle, i, key);

        if (at == HIT_NONE && bundle->is_tied[i])
            at = find_tied(view, is_fixed, key);
        bundle->at[i] = at;
    }
}

/* Does the key, which has `word` behind what all keys of the block begin with, begin with
 * the front of key `at`? */
WORD_SEARCH bool
has_front(const struct column *column, size_t at, struct span key, uint64_t word)
{
    const struct span front = column_front(column, at);
    const size_t more = front.size - column->shared_bytes;

    if (front.size > key.size)
        return false;
    if (more <= sizeof word)
        return ((column->anchors[at / ANCHOR_STEP] ^ word) & fixed_mask(more)) == 0;
    return memcmp(front.data, key.data, front.size) == 0;
}

/* Is key `at`, whose cell that is, the key? */
WORD_SEARCH bool
is_key(const struct block_view *view, bool is_fixed, uint32_t at, struct cell_lines cell,
       struct span key, uint64_t word)
{
    const uint8_t *const data = (const uint8_t *)cell.begin;
    struct span rest = key;

    if (is_fixed)
        return cell_equals(data, key.data, key.size);
    if (view->keys.fronts != NULL) {
        if (!has_front(&view->keys, at, key, word))
            return false;
        rest = span_behind(key, front_size(view->keys.fronts[at / ANCHOR_STEP]));
    }
    return cell.end - cell.begin == rest.size && cell_equals(data, rest.data, rest.size);
}

static inline uint32_t
find_matching(const struct block_view *view, bool is_fixed,
              const struct cell_bundle *bundle, uint32_t i, struct span key)
{
    struct cell_lines cell = bundle->cell[i];
    uint32_t matching = bundle->matching[i];

    while (matching != 0) {
        const uint32_t at = bundle->at[i] + lowest_bit(matching);

        if (is_key(view, is_fixed, at, cell, key, bundle->words[i].high))
            return at;
        matching &= matching - 1;
        if (matching != 0)
            cell = cell_of_key(view, is_fixed, bundle->at[i] + lowest_bit(matching));
    }
    return HIT_NONE;
}

/* Anywhere in the block. */
static uint32_t
find_tied(const struct block_view *view, bool is_fixed, struct span key)
{
    const struct fixed_cells *const fixed = &view->fixed;
    const uint32_t keys = view->key_count;
    bool is_equal = false;
    size_t at;

    if (is_fixed) {
        at = fixed_search(fixed, 0, keys, fixed_words_of(key, view->shared));
        at = fixed_settle(fixed, at, keys, key);
        is_equal =
            at < keys && cell_equals(fixed_span(fixed, at).data, key.data, key.size);
    } else {
        at = column_find(&view->keys, keys, key, &is_equal);
    }
    return is_equal ? (uint32_t)at : HIT_NONE;
}
