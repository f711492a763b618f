/* SPDX-License-Identifier: MIT */

/*
 * Many ranges of keys in one batch: where each begins is found as keys are, many of them
 * together (batch/probe_find.h), and where it ends from there on, in steps that double:
 *
 *     keys of a block    2  3 | 5  5  6 | 9      range [4, 7): begins at 5, ends behind 6
 *
 * What a range has in further blocks is found when its rows before are given. Fences say
 * of which blocks it has all rows; these are not looked into for that.
 */

#include "batch/edges.h"
#include "batch/marks.h"

#include "base/assert.h"
#include "base/error.h"
#include "batch/probe_find.h"

/* Most ranges are short. */
#define NEAR_GROUPS 3u

static size_t place_begins(struct probe_find *find, struct hit *places);
static uint32_t place_from(const struct spine_batch *batch, const struct hit *place,
                           const struct image *image, const struct cell *key);
static uint32_t place_of_word(const struct granule *keys, const struct image *image,
                              size_t key_bytes, uint64_t word);
static uint32_t place_of_fixed(const struct spine_batch *batch, const struct hit *place,
                               const struct image *image, struct span key);
static uint32_t
place_in_groups(const struct column *keys, size_t count, size_t from, struct span key);
static inline size_t fixed_gallop(const struct fixed_cells *fixed, size_t begin,
                                  size_t end, struct fixed_words key);
static bool begins_before(const struct spine_batch *batch, const struct fence *fence,
                          const struct cell *end);

/* Where the range ends; NULL: nowhere. */
static inline const struct cell *
range_end(const struct probe_keys *keys, uint32_t key)
{
    return key < keys->end_count ? &keys->ends[key] : NULL;
}

/* The first row of a key; of one behind all keys, the number of rows. */
static inline uint16_t
first_row(const struct image *image, uint32_t key)
{
    return (uint16_t)image_row_begin(image, image_value_begin(image, key));
}

size_t
batch_find_ranges(struct probe_find *find, struct hit *hits)
{
    const struct spine_batch *const batch = find->batch;
    const size_t placed = place_begins(find, hits);
    size_t hit_count = 0;

    for (size_t i = 0; i < placed; i++) {
        const struct hit place = hits[i];
        const struct cell *const end = range_end(find->keys, place.key);
        const struct image *const image = find_image(find, &batch->fences[place.block]);
        const uint32_t behind =
            end != NULL ? place_from(batch, &place, image, end) : image->key_count;

        if (place.begin < behind)
            hits[hit_count++] = (struct hit){.key = place.key,
                                             .block = place.block,
                                             .begin = first_row(image, place.begin),
                                             .end = first_row(image, behind),
                                             .staged = HIT_NONE};
    }
    assert(hit_count <= find->count);
    return hit_count;
}

/* Where ranges begin: for each the number of a key of a block. */
static size_t
place_begins(struct probe_find *find, struct hit *places)
{
    struct probe_find rest = *find;
    size_t before = 0;

    if (find->keys->cells == NULL)
        return batch_place_words(find, places);
    /* Only the first one may begin before all keys. */
    if (find->count > 0) {
        const uint32_t key = find->candidates[0];

        if (!begins_before(find->batch, find->batch->fences, &find->keys->cells[key])) {
            places[0] = (struct hit){.key = key};
            before = 1;
        }
    }
    rest.candidates += before;
    rest.count -= before;
    return before + batch_place_cells(&rest, places + before);
}

/* The first key of the block of a place that is not less, or the number of keys; it is
 * not before the place. */
static uint32_t
place_from(const struct spine_batch *batch, const struct hit *place,
           const struct image *image, const struct cell *key)
{
    const uint32_t from = place->begin;
    const struct granule all = {
        .fence = &batch->fences[place->block], .begin = from, .end = image->key_count};
    struct column keys;

    assert(from <= image->key_count);
    if (batch->marks != NULL)
        return place_of_word(&all, image, batch->layout.key.bytes, key->word);
    if (batch->layout.key.shape == SHAPE_FIXED)
        return place_of_fixed(batch, place, image, key->span);
    keys = image_keys(image);
    return place_in_groups(&keys, image->key_count, from, key->span);
}

/* Looks in some groups of keys (batch/cell_bundle.h) before it looks in all. */
static uint32_t
place_in_groups(const struct column *keys, size_t count, size_t from, struct span key)
{
    bool equal;

    for (unsigned i = 0; i < NEAR_GROUPS && from < count; i++) {
        const size_t next = (from / ANCHOR_STEP + 1) * ANCHOR_STEP;
        const size_t end = next < count ? next : count;
        const size_t at = column_find_between(keys, key, from, end);

        if (at < end)
            return (uint32_t)at;
        from = end;
    }
    return (uint32_t)(from < count ? column_find(keys, count, key, &equal) : count);
}

static uint32_t
place_of_word(const struct granule *keys, const struct image *image, size_t key_bytes,
              uint64_t word)
{
    const uint8_t *const cells = image_key_words(image);
    const size_t begin = keys->begin, end = keys->end;
    size_t at;

    if (keys->fence->key_framed)
        at = search_around(&image->key_frame, FRAMED, begin, end, begin, word);
    else if (key_bytes == 4)
        at = search_around(cells, 4, begin, end, begin, word);
    else
        at = search_around(cells, 8, begin, end, begin, word);
    return (uint32_t)at;
}

/* Only keys that begin like all of the block are compared by what follows. */
static uint32_t
place_of_fixed(const struct spine_batch *batch, const struct hit *place,
               const struct image *image, struct span key)
{
    const size_t shared = batch->spreads[place->block].shared;
    const uint8_t *const cells = image_keys(image).cells;
    const struct fixed_cells fixed =
        fixed_cells_of(cells, batch->layout.key.bytes, shared);
    const int order = shared > 0 ? memcmp(cells, key.data, shared) : 0;
    const struct fixed_words words = fixed_words_of(key, shared);
    const size_t count = image->key_count;
    size_t at;

    if (order != 0)
        return order < 0 ? (uint32_t)count : 0;
    at = fixed_gallop(&fixed, place->begin, count, words);
    return (uint32_t)fixed_settle(&fixed, at, count, key);
}

/* fixed_search() for a key near the first cell. */
static inline size_t
fixed_gallop(const struct fixed_cells *fixed, size_t begin, size_t end,
             struct fixed_words key)
{
    size_t low = begin, high = begin, step = 1;

    while (high < end && fixed_less(fixed_at(fixed, high), key)) {
        low = high + 1;
        high = end - low > step ? low + step : end;
        step *= 2;
    }
    return high > low ? fixed_halves(fixed, low, high - low, key) : low;
}

bool
batch_range_goes_on(const struct spine_batch *batch, const struct probe_keys *keys,
                    const struct hit *hit)
{
    const struct fence *const fence = &batch->fences[hit->block];
    const struct cell *const end = range_end(keys, hit->key);

    return hit->end == fence->rows && hit->block + 1 < batch->block_count &&
           (end == NULL || begins_before(batch, &fence[1], end));
}

/* Is the first key of a block less than `end`? */
static bool
begins_before(const struct spine_batch *batch, const struct fence *fence,
              const struct cell *end)
{
    if (batch->marks != NULL)
        return marks_word(&batch->layout, fence->first_hi) < end->word;
    if (batch->layout.key.spans)
        return span_compare(fence->cells->first_key, end->span) < 0;
    return fence->first_hi != end->word ? fence->first_hi < end->word
                                        : fence->first_lo < end->rest;
}

enum spine_status
batch_range_next(const struct spine_batch *batch, const struct probe_keys *keys,
                 struct hit *hit)
{
    const struct cell *const end = range_end(keys, hit->key);
    const struct hit next = {.key = hit->key, .block = hit->block + 1};
    const struct fence *fence;
    struct bound bound;
    struct pin pin;
    uint16_t rows;

    if (!batch_range_goes_on(batch, keys, hit))
        return SPINE_OK;
    fence = &batch->fences[next.block];
    rows = (uint16_t)fence->rows;
    if (end != NULL)
        bound = bound_of(&batch->layout, end, NULL, false);
    if (end != NULL && fence_reaches(&batch->layout, fence, &bound)) {
        TRY_RETURN(fence_pin(fence, PIN_TO_READ, &pin, keys->error));
        rows = first_row(pin.image, place_from(batch, &next, pin.image, end));
        pin_release(&pin);
    }
    hit->block = next.block;
    hit->begin = 0;
    hit->end = rows;
    assert(hit->end > 0);
    return SPINE_OK;
}

enum spine_status
batch_stage_ranges(const struct spine_batch *batch, const struct probe_keys *keys,
                   const struct held_blocks *held, size_t first,
                   const struct found_hits *found)
{
    const struct layout *const layout = &batch->layout;
    struct rows *const out = found->staged;

    for (size_t i = first; i < found->count && out->count < found->staged_max; i++) {
        struct hit *const hit = &found->hits[i];
        const struct fence *const fence = &batch->fences[hit->block];
        const bool stays = fence->block != NULL;
        const size_t before = out->count;
        enum spine_status st;

        if (hit->end - hit->begin > (int)HIT_ROWS_MAX ||
            batch_range_goes_on(batch, keys, hit))
            continue;
        if (out->capacity - before < HIT_ROWS_MAX &&
            !rows_reserve(layout, out, before + HIT_ROWS_MAX))
            return SPINE_NOMEM;
        st = image_stage(layout,
                         stays ? block_image(fence->block) : held_image(held, hit->block),
                         hit->begin, hit->end, keys->arena, out);
        if (st != SPINE_OK ||
            (!stays && !arena_copy_rows(keys->arena, layout, out, before)))
            return fail_nomem(keys->error, "the cells of a probe", keys->arena->bytes);
        hit->staged = (uint32_t)before;
    }
    return SPINE_OK;
}
