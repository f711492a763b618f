/* SPDX-License-Identifier: MIT */

/* Keys with anchors, found in their blocks (batch/cell_bundle.h). */

#include "batch/cell_bundle.h"

/* A group that words do not tell from others. */
#define GROUP_UNKNOWN (UINT32_MAX - 1)
#define LINE_WORDS (LINE_BYTES / sizeof(uint64_t))

static uint32_t
find_in_group(const struct column *column, size_t keys, size_t group, struct span key);

/* The anchors between two pivots. */
void
cells_narrow_anchors(struct cell_bundle *bundle)
{
    for (uint32_t i = 0; i < bundle->count; i++) {
        const uint64_t *const anchors = bundle->anchors[i];
        const size_t count = bundle->end[i], step = pivot_step(count);
        size_t begin = 0;

        for (size_t left = (count + step - 1) / step; left > 1; left -= left / 2) {
            const size_t half = left / 2 * step;

            begin += half & (0 - (size_t)(anchors[begin + half] < bundle->words[i].high));
        }
        bundle->at[i] = (uint32_t)begin;
        __builtin_prefetch(anchors + begin);
    }
    /* As prefetch_lines() does, the first line of each before all others. */
    for (uint32_t i = 0; i < bundle->count; i++) {
        const uint64_t *const begin = bundle->anchors[i] + bundle->at[i];
        const size_t left = bundle->end[i] - bundle->at[i];
        const size_t step = pivot_step(bundle->end[i]);
        const uint64_t *const end = begin + (left < step ? left : step);

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
        const size_t count = bundle->end[i];
        const uint64_t *const anchors = bundle->anchors[i];
        const uint64_t word = bundle->words[i].high;
        const size_t begin = bundle->at[i], step = pivot_step(count);
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
        bundle->block[kept] = bundle->block[i];
        bundle->image[kept] = bundle->image[i];
        bundle->words[kept] = bundle->words[i];
        bundle->at[kept++] = group;
        if (group != GROUP_UNKNOWN)
            prefetch_group(bundle->image[kept - 1], anchors + count, group);
    }
    bundle->count = kept;
}

void
cells_open_groups(const struct cell_bundle *bundle)
{
    struct cell_lines lines[BUNDLE_KEYS];
    size_t count = 0;

    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct column column = image_keys(bundle->image[i]);
        const uintptr_t cells = (uintptr_t)column.cells;
        const size_t begin = (size_t)bundle->at[i] * ANCHOR_STEP;
        const size_t keys = bundle->image[i]->key_count;
        const size_t last = keys - begin > ANCHOR_STEP ? begin + ANCHOR_STEP : keys;

        if (bundle->at[i] == GROUP_UNKNOWN)
            continue;
        lines[count++] =
            (struct cell_lines){cells + (begin > 0 ? column_end(&column, begin - 1) : 0),
                                cells + column_end(&column, last - 1)};
        if (column.fronts != NULL)
            __builtin_prefetch(column_front(&column, begin).data);
    }
    prefetch_lines(lines, count);
}

void
cells_find_grouped(const struct probe_find *find, struct cell_bundle *bundle)
{
    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct column column = image_keys(bundle->image[i]);
        const struct span key = bundle_cell(find, bundle, i)->span;
        const size_t keys = bundle->image[i]->key_count;
        const uint32_t group = bundle->at[i];
        uint32_t at;
        bool equal;

        if (group == GROUP_UNKNOWN) {
            at = (uint32_t)column_find(&column, keys, key, &equal);
            at = equal ? at : HIT_NONE;
        } else {
            at = find_in_group(&column, keys, group, key);
            /* The anchor does not say on which side of it the key is. */
            if (at == HIT_NONE && group > 0 &&
                column.anchors[group] == bundle->words[i].high)
                at = find_in_group(&column, keys, group - 1, key);
        }
        bundle->at[i] = at;
    }
}

/* The key in the group that is equal, or HIT_NONE. */
static uint32_t
find_in_group(const struct column *column, size_t keys, size_t group, struct span key)
{
    const size_t begin = group * ANCHOR_STEP;
    const size_t end = keys - begin > ANCHOR_STEP ? begin + ANCHOR_STEP : keys;
    size_t cell_begin = begin > 0 ? column_end(column, begin - 1) : 0;
    struct span rest = key;
    size_t skip = column->shared_bytes;
    uint64_t word;

    if (column->fronts != NULL) {
        const struct span front = column_front(column, begin);

        if (key.size < front.size || memcmp(front.data, key.data, front.size) != 0)
            return HIT_NONE;
        rest = span_behind(key, front.size);
        skip = 0;
    } else if (key.size < skip) {
        return HIT_NONE;
    }
    word = word_behind(rest, skip);
    for (size_t i = begin; i < end; i++) {
        const uint8_t *const cell = (const uint8_t *)column->cells + cell_begin;
        const size_t cell_end = column_end(column, i), size = cell_end - cell_begin;
        const uint64_t cell_word = cell_prefix(cell + skip, size - skip);

        if (cell_word > word)
            break;
        if (cell_word == word && size == rest.size &&
            (size == 0 || memcmp(cell, rest.data, size) == 0))
            return (uint32_t)i;
        cell_begin = cell_end;
    }
    return HIT_NONE;
}
