/* SPDX-License-Identifier: MIT */

/* Keys with anchors, found in their blocks (batch/cell_bundle.h). */

#include "batch/cell_bundle.h"

#include "base/equal_cell.h"

/* A group that words do not tell from others. */
#define GROUP_UNKNOWN (UINT32_MAX - 1)
#define LINE_WORDS (LINE_BYTES / sizeof(uint64_t))

static bool
front_equals(const struct column *column, size_t group, struct span key, uint64_t word);
static uint32_t find_in_group(const struct column *column, size_t keys, size_t group,
                              struct span key, uint64_t word);

/* The anchors between two pivots. */
void
cells_narrow_anchors(struct cell_bundle *bundle)
{
    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct block_view *const view = bundle_view(bundle, i);
        const uint64_t *const anchors = view->anchors;
        const uint64_t word = bundle->words[i].high;
        const size_t step = view->step;
        size_t begin = 0;

        for (size_t left = (view->end + step - 1) / step; left > 1; left -= left / 2) {
            const size_t half = left / 2 * step;

            begin += half & (0 - (size_t)(anchors[begin + half] < word));
        }
        bundle->at[i] = (uint32_t)begin;
        __builtin_prefetch(anchors + begin);
    }
    /* As prefetch_lines() does, the first line of each before all others. */
    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct block_view *const view = bundle_view(bundle, i);
        const uint64_t *const begin = view->anchors + bundle->at[i];
        const size_t left = view->end - bundle->at[i];
        const uint64_t *const end = begin + (left < view->step ? left : view->step);

        for (const uint64_t *at = begin + LINE_WORDS; at < end; at += LINE_WORDS)
            __builtin_prefetch(at);
    }
}

/* Asks for where the keys of the group end, and for its front, if there are `fronts`. The
 * end of the key before is where the first one begins. */
WORD_SEARCH void
prefetch_group(const struct image *image, const void *fronts, uint32_t group)
{
    const struct frame *const frame = &image->key_frame;
    const size_t at = (size_t)group * ANCHOR_STEP;
    const uint8_t *const ends =
        image_has(image, IMAGE_KEYS_FRAMED)
            ? frame_bits(frame) + at * frame->width / 8
            : (const uint8_t *)image_array(image, PART_KEY_ENDS) + at * sizeof(uint32_t);

    __builtin_prefetch(ends - sizeof(uint32_t));
    if (image_has(image, IMAGE_KEYS_FRONTED))
        __builtin_prefetch((const uint32_t *)fronts + group);
}

void
cells_choose_groups(struct cell_bundle *bundle)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct block_view *const view = bundle_view(bundle, i);
        const size_t count = view->end, step = view->step;
        const uint64_t *const anchors = view->anchors;
        const uint64_t word = bundle->words[i].high;
        const size_t begin = bundle->at[i];
        uint32_t group = (uint32_t)search_halves(
            anchors, 8, begin, count - begin > step ? step : count - begin, word);

        if (group == count || anchors[group] != word) {
            if (group == 0)
                continue;
            group--;
        } else if (group + 1 < count && anchors[group + 1] == word) {
            group = GROUP_UNKNOWN;
        }
        bundle->key[kept] = bundle->key[i];
        bundle->view[kept] = bundle->view[i];
        bundle->words[kept].high = word;
        bundle->at[kept++] = group;
        if (group != GROUP_UNKNOWN)
            prefetch_group(view->image, anchors + count, group);
    }
    bundle->count = kept;
}

/* Is all that the front of a group has behind what all keys of the block begin with part
 * of its anchor? */
WORD_SEARCH bool
front_in_anchor(const struct column *column, size_t group)
{
    return front_size(column->fronts[group]) - column->shared_bytes <= sizeof(uint64_t);
}

void
cells_open_groups(struct cell_bundle *bundle)
{
    struct cell_lines lines[BUNDLE_KEYS];
    size_t count = 0;

    for (uint32_t v = 0; v < bundle->view_count; v++)
        bundle->views[v].keys = image_keys(bundle->views[v].image);
    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct block_view *const view = bundle_view(bundle, i);
        const struct column *const column = &view->keys;
        const uintptr_t cells = (uintptr_t)column->cells;
        const size_t begin = (size_t)bundle->at[i] * ANCHOR_STEP;
        const size_t keys = view->image->key_count;
        const size_t last = keys - begin > ANCHOR_STEP ? begin + ANCHOR_STEP : keys;

        if (bundle->at[i] == GROUP_UNKNOWN)
            continue;
        lines[count++] =
            (struct cell_lines){cells + (begin > 0 ? column_end(column, begin - 1) : 0),
                                cells + column_end(column, last - 1)};
        if (column->fronts != NULL && !front_in_anchor(column, bundle->at[i]))
            __builtin_prefetch(column_front(column, begin).data);
    }
    prefetch_lines(lines, count);
}

void
cells_find_grouped(const struct probe_find *find, struct cell_bundle *bundle)
{
    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct block_view *const view = bundle_view(bundle, i);
        const struct column *const column = &view->keys;
        const struct span key = bundle_cell(find, bundle, i)->span;
        const size_t keys = view->image->key_count;
        const uint64_t word = bundle->words[i].high;
        const uint32_t group = bundle->at[i];
        uint32_t at;
        bool equal;

        if (group == GROUP_UNKNOWN) {
            at = (uint32_t)column_find(column, keys, key, &equal);
            at = equal ? at : HIT_NONE;
        } else {
            at = find_in_group(column, keys, group, key, word);
            /* The anchor does not say on which side of it the key is. */
            if (at == HIT_NONE && group > 0 && view->anchors[group] == word)
                at = find_in_group(column, keys, group - 1, key, word);
        }
        bundle->at[i] = at;
    }
}

/* The place is in the group, or where the next one begins; an anchor that is equal does
 * not say on which side of it. */
void
cells_place_grouped(const struct probe_find *find, struct cell_bundle *bundle)
{
    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct block_view *const view = bundle_view(bundle, i);
        const struct span key = bundle_cell(find, bundle, i)->span;
        const size_t keys = view->image->key_count, group = bundle->at[i];
        size_t begin = group * ANCHOR_STEP, end;
        bool equal;

        if (group == GROUP_UNKNOWN) {
            bundle->at[i] = (uint32_t)column_find(&view->keys, keys, key, &equal);
            continue;
        }
        end = keys - begin > ANCHOR_STEP ? begin + ANCHOR_STEP : keys;
        if (group > 0 && view->anchors[group] == bundle->words[i].high)
            begin -= ANCHOR_STEP;
        bundle->at[i] = (uint32_t)column_find_between(&view->keys, key, begin, end);
    }
}

/* Does the key begin with the front of the group? It begins like all keys of the block,
 * and `word` is what follows. */
static bool
front_equals(const struct column *column, size_t group, struct span key, uint64_t word)
{
    const struct span front = column_front(column, group * ANCHOR_STEP);
    const size_t shared = column->shared_bytes, more = front.size - shared;

    if (key.size < front.size)
        return false;
    if (front_in_anchor(column, group))
        return ((column->anchors[group] ^ word) & fixed_mask(more)) == 0;
    return memcmp(front.data + shared, key.data + shared, more) == 0;
}

/* Cells of a group, which are what keys have behind a front, or whole keys, of which the
 * first `skip` bytes are left out of words. */
struct group_cells {
    const struct column *column;
    size_t begin;
    size_t end;
    size_t skip;
};

WORD_SEARCH struct span
group_cell(const struct group_cells *cells, size_t at)
{
    const size_t begin = at > 0 ? column_end(cells->column, at - 1) : 0;

    return (struct span){(const uint8_t *)cells->column->cells + begin,
                         column_end(cells->column, at) - begin};
}

/*
 * Where a cell with that word is, if words ascend. They are read without a look at where
 * their cells end: those of cells that are shorter have bytes of the next cell, and may
 * not ascend.
 */
WORD_SEARCH size_t
halve_group(const struct group_cells *cells, uint64_t word)
{
    const uint8_t *const data = (const uint8_t *)cells->column->cells + cells->skip;
    size_t at = cells->begin;

    for (size_t count = cells->end - at, half; count > 1; count -= half) {
        half = count / 2;
        /* The cell before it ends where this one begins. */
        const size_t begin = column_end(cells->column, at + half - 1);

        at += half & (0 - (size_t)(load_big(data + begin) <= word));
    }
    return at;
}

/* The cell that is equal, or HIT_NONE, found one after the other. */
static uint32_t
find_in_order(const struct group_cells *cells, struct span rest)
{
    const uint64_t word = word_behind(rest, cells->skip);

    for (size_t at = cells->begin; at < cells->end; at++) {
        const struct span cell = group_cell(cells, at);
        const uint64_t cell_word =
            cell_prefix(cell.data + cells->skip, cell.size - cells->skip);

        if (cell_word > word)
            break;
        if (cell_word == word && cell.size == rest.size &&
            cell_equals(cell.data, rest.data, cell.size))
            return (uint32_t)at;
    }
    return HIT_NONE;
}

/* The key in the group that is equal, or HIT_NONE. The key begins like all keys of the
 * block, and `word` is what follows. */
static uint32_t
find_in_group(const struct column *column, size_t keys, size_t group, struct span key,
              uint64_t word)
{
    const size_t begin = group * ANCHOR_STEP;
    struct group_cells cells = {
        .column = column,
        .begin = begin,
        .end = keys - begin > ANCHOR_STEP ? begin + ANCHOR_STEP : keys,
        .skip = column->shared_bytes,
    };
    struct span rest = key, cell;
    size_t at;

    if (column->fronts != NULL) {
        if (!front_equals(column, group, key, word))
            return HIT_NONE;
        rest = span_behind(key, front_size(column->fronts[group]));
        cells.skip = 0;
        word = word_behind(rest, 0);
    }
    at = halve_group(&cells, word);
    cell = group_cell(&cells, at);
    if (cell.size == rest.size && cell_equals(cell.data, rest.data, cell.size))
        return (uint32_t)at;
    return find_in_order(&cells, rest);
}
