/* SPDX-License-Identifier: MIT */

/* Keys of blocks in memory, found by guides and fingerprints (batch/cell_bundle.h). */

#include "batch/cell_bundle.h"

#include "base/equal_cell.h"

#define LINE_GUIDES (LINE_BYTES / sizeof(uint64_t))

static void
view_guides(const struct probe_find *find, struct cell_bundle *bundle, uint32_t block);
static uint32_t find_matching(const struct guided_key *sought, bool is_fixed);
static uint32_t find_tied(const struct block_view *view, bool is_fixed, struct span key);

static inline bool
keys_are_fixed(const struct probe_find *find)
{
    return find->batch->layout.key.shape == SHAPE_FIXED;
}

static inline bool
values_are_bytes(const struct probe_find *find)
{
    return find->batch->layout.value.shape == SHAPE_BYTES;
}

void
cells_view(const struct probe_find *find, struct cell_bundle *bundle)
{
    const bool is_fixed = keys_are_fixed(find);
    struct guided_key *to = bundle->guided;

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
        to->key = key;
        to->view = view;
        to->number = bundle->key[i];
        to++;
    }
    bundle->count = (uint32_t)(to - bundle->guided);
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
    const struct guided_key *at = bundle->guided, *const end = at + bundle->count;
    struct guided_key *to = bundle->guided;

    for (uint32_t v = 0; v < bundle->view_count; v++) {
        struct block_view *const view = &bundle->views[v];

        if (!is_fixed)
            view->keys = image_keys(view->image);
        view->values = image_values(view->image);
    }
    for (; at < end; at++) {
        const struct block_view *const view = at->view;
        const uint32_t count = view->guide_count;
        const uint64_t word = guide_word(at->key, view->shared, *view->leap);
        const uint32_t guide = (uint32_t)search_halves(view->guides, 8, 0, count, word);
        const bool is_tied = guide < count && view->guides[guide] == word;

        if (guide == 0 && !is_tied)
            continue;
        if (to < at)
            *to = *at;
        to->word = word;
        to->is_tied = is_tied;
        to->at = (guide - !is_tied) * GUIDE_STEP;
        __builtin_prefetch(view->fingerprints + to->at);
        if (!is_fixed)
            prefetch_ends(&view->keys, to->at);
        to++;
    }
    bundle->count = (uint32_t)(to - bundle->guided);
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

/* As prefetch_lines(): the first line of each cell before all others. */
WORD_SEARCH void
prefetch_cells(const struct cell_bundle *bundle)
{
    for (uint32_t i = 0; i < bundle->count; i++)
        __builtin_prefetch((const void *)bundle->guided[i].cell.begin);
    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct cell_lines cell = bundle->guided[i].cell;

        if (cell.end - cell.begin > LINE_BYTES)
            prefetch_lines(&cell, 1);
        else
            __builtin_prefetch((const uint8_t *)cell.end - 1);
    }
}

/* Asks for where the values of key `at` end, or, where it has one alone, its bytes. */
WORD_SEARCH void
prefetch_values(const struct block_view *view, bool is_bytes, size_t at)
{
    const struct image *const image = view->image;

    if (image->at[PART_ENDS_OF_VALUES] != 0)
        __builtin_prefetch((const uint8_t *)image + image->at[PART_ENDS_OF_VALUES] +
                           at * sizeof(uint16_t));
    else if (is_bytes)
        prefetch_value_end(&view->values, at);
}

WORD_SEARCH uint32_t
lowest_bit(uint32_t bits)
{
    return (uint32_t)__builtin_ctz(bits);
}

void
cells_match(const struct probe_find *find, struct cell_bundle *bundle)
{
    const bool is_fixed = keys_are_fixed(find), value_bytes = values_are_bytes(find);
    const struct guided_key *at = bundle->guided, *const end = at + bundle->count;
    struct guided_key *to = bundle->guided;

    for (; at < end; at++) {
        const struct block_view *const view = at->view;
        const uint32_t left = view->key_count - at->at;
        uint32_t matching =
            matching_bytes(view->fingerprints + at->at, fingerprint_of(at->key));
        uint32_t first;

        assert(at->at < view->key_count);
        if (left < GUIDE_STEP)
            matching &= (UINT32_C(1) << left) - 1;
        if (matching == 0 && !at->is_tied)
            continue;
        first = at->at + (matching != 0 ? lowest_bit(matching) : 0);
        if (to < at)
            *to = *at;
        to->matching = matching;
        to->cell = cell_of_key(view, is_fixed, first);
        prefetch_values(view, value_bytes, first);
        if (!is_fixed && view->keys.fronts != NULL) {
            __builtin_prefetch(view->keys.fronts + first / ANCHOR_STEP);
            __builtin_prefetch(view->keys.anchors + first / ANCHOR_STEP);
        }
        to++;
    }
    bundle->count = (uint32_t)(to - bundle->guided);
    prefetch_cells(bundle);
}

size_t
cells_find_guided(const struct probe_find *find, struct cell_bundle *bundle,
                  struct hit *hits)
{
    const bool is_fixed = keys_are_fixed(find), value_bytes = values_are_bytes(find);
    const struct guided_key *at = bundle->guided, *const end = at + bundle->count;
    struct guided_key *to = bundle->guided;

    for (; at < end; at++) {
        const struct block_view *const view = at->view;
        uint32_t found = find_matching(at, is_fixed), row_begin, row_end;

        if (found == HIT_NONE && at->is_tied)
            found = find_tied(view, is_fixed, at->key);
        if (found == HIT_NONE)
            continue;
        if (value_bytes && view->image->at[PART_ENDS_OF_VALUES] != 0)
            prefetch_value_end(&view->values, image_value_begin(view->image, found));
        image_key_rows(view->image, found, &row_begin, &row_end);
        *hits = (struct hit){.key = at->number,
                             .block = view->block,
                             .begin = (uint16_t)row_begin,
                             .end = (uint16_t)row_end,
                             .staged = HIT_NONE};
        to->view = view;
        to->at = row_begin;
        to->hit = hits++;
        to++;
    }
    bundle->count = (uint32_t)(to - bundle->guided);
    return bundle->count;
}

void
cells_reach_guided(const struct probe_find *find, struct cell_bundle *bundle)
{
    const struct cell_layout *const layout = &find->batch->layout.value;
    struct guided_key *at = bundle->guided, *const end = at + bundle->count, *to = at;

    for (; at < end; at++) {
        const struct block_view *const view = at->view;

        /* Rows of values with several times are somewhere near. */
        if (view->image->at[PART_ENDS_OF_TIMES] != 0)
            continue;
        to->cell = value_lines(layout, &view->values, at->at);
        at->hit->value_begin = (uint32_t)(to->cell.begin - (uintptr_t)view->values.cells);
        at->hit->value_size = (uint32_t)(to->cell.end - to->cell.begin);
        to++;
    }
    bundle->count = (uint32_t)(to - bundle->guided);
    prefetch_cells(bundle);
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
    return cell.end - cell.begin == rest.size &&
           cell_equals_any(data, rest.data, rest.size);
}

static inline uint32_t
find_matching(const struct guided_key *sought, bool is_fixed)
{
    const struct block_view *const view = sought->view;
    struct cell_lines cell = sought->cell;
    uint32_t matching = sought->matching;

    while (matching != 0) {
        const uint32_t at = sought->at + lowest_bit(matching);

        if (is_key(view, is_fixed, at, cell, sought->key, sought->word))
            return at;
        matching &= matching - 1;
        if (matching != 0)
            cell = cell_of_key(view, is_fixed, sought->at + lowest_bit(matching));
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
