/* SPDX-License-Identifier: MIT */

/* Keys of one width above eight bytes, found in their blocks (batch/cell_bundle.h). */

#include "batch/cell_bundle.h"

#include "base/equal_cell.h"

/* Cells that are looked at on either side of the third guess. */
#define CELL_REACH 6u
/* Where a key that is not there is looked for next. */
#define CELLS_NEAR 15u

/* A key of a bundle whose place is between cells [begin, begin + count]. */
struct halving {
    uint32_t item;
    uint32_t begin;
    uint32_t count;
};

static void cells_look_around(struct cell_bundle *bundle);
static bool begins_like_block(const struct spine_batch *batch,
                              const struct block_view *view, struct span key);
static void
narrow_halvings(struct cell_bundle *bundle, struct halving *halvings, size_t count);
static void
halve_together(struct cell_bundle *bundle, struct halving *halvings, size_t count);

/* Looks at the guess, and guesses again between the ends that are left. One word does not
 * tell on which side of an equal one the key is. */
WORD_SEARCH void
guess_again(struct cell_bundle *bundle, uint32_t i)
{
    struct fixed_ends *const ends = &bundle->ends[i];
    const struct block_view *const view = bundle_view(bundle, i);
    const uint64_t word = bundle->words[i].high;
    const uint64_t found = fixed_at(&view->fixed, bundle->at[i]).high;
    const uint64_t dense = gap_close(view->gap, found);

    if (found < word) {
        ends->low = bundle->at[i];
        ends->low_word = dense;
    } else if (found > word) {
        ends->high = bundle->at[i];
        ends->high_word = dense;
    } else {
        return;
    }
    bundle->at[i] = (uint32_t)interpolate(ends->low_word, ends->high_word, ends->low,
                                          ends->high + 1, bundle->dense[i]);
}

void
cells_narrow_fixed(struct cell_bundle *bundle)
{
    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct fixed_cells *const fixed = &bundle_view(bundle, i)->fixed;

        guess_again(bundle, i);
        __builtin_prefetch(fixed->behind + bundle->at[i] * fixed->width);
    }
}

void
cells_open_fixed(struct cell_bundle *bundle)
{
    struct cell_lines lines[BUNDLE_KEYS];

    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct fixed_cells *const fixed = &bundle_view(bundle, i)->fixed;
        uintptr_t cell;

        guess_again(bundle, i);
        cell = (uintptr_t)fixed->behind + bundle->at[i] * fixed->width;
        lines[i] = (struct cell_lines){cell - CELL_REACH * fixed->width,
                                       cell + CELL_REACH * fixed->width};
    }
    prefetch_lines(lines, bundle->count);
}

/* Is the cell, with all its bytes, the key? */
WORD_SEARCH bool
fixed_is(const struct fixed_cells *fixed, size_t at, struct span key)
{
    return cell_equals(fixed_span(fixed, at).data, key.data, key.size);
}

void
cells_find_fixed(const struct probe_find *find, struct cell_bundle *bundle)
{
    cells_look_around(bundle);
    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct fixed_cells *const fixed = &bundle_view(bundle, i)->fixed;
        const uint32_t keys = bundle_view(bundle, i)->end;
        const struct span key = bundle_cell(find, bundle, i)->span;
        size_t at = bundle->at[i];
        bool is_equal;

        bundle->at[i] = HIT_NONE;
        if (at == keys || !fixed_equals(fixed, at, bundle->words[i]))
            continue;
        /* Mostly no other cell has these words. */
        is_equal = fixed_is(fixed, at, key);
        if (!is_equal) {
            at = fixed_settle(fixed, at, keys, key);
            is_equal = at < keys && fixed_is(fixed, at, key);
        }
        if (is_equal)
            bundle->at[i] = (uint32_t)at;
    }
}

void
cells_place_fixed(const struct probe_find *find, struct cell_bundle *bundle)
{
    cells_look_around(bundle);
    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct block_view *const view = bundle_view(bundle, i);
        const struct span key = bundle_cell(find, bundle, i)->span;

        /* Words are of what follows the bytes that all keys of the block begin with; a
         * key that does not begin so is less than all of them. */
        if (begins_like_block(find->batch, view, key))
            bundle->at[i] =
                (uint32_t)fixed_settle(&view->fixed, bundle->at[i], view->end, key);
        else
            bundle->at[i] = 0;
    }
}

/* Does a key that begins like all keys of the batch begin like all of the block, too? Its
 * edge has the first bytes of that. */
static bool
begins_like_block(const struct spine_batch *batch, const struct block_view *view,
                  struct span key)
{
    const size_t more = view->shared - batch->shared_bytes;

    assert(view->shared >= batch->shared_bytes);
    if (more <= 8)
        return ((batch->edges[view->block] ^ word_behind(key, batch->shared_bytes)) &
                fixed_mask(more)) == 0;
    return memcmp(fixed_span(&view->fixed, 0).data, key.data, view->shared) == 0;
}

/* Is the cell less than the key? */
WORD_SEARCH size_t
cell_is_less(struct cell_bundle *bundle, uint32_t i, size_t at)
{
    return fixed_less(fixed_at(&bundle_view(bundle, i)->fixed, at), bundle->words[i]);
}

/*
 * Finds the first cell that is not less: around the guess, or on one side of what was
 * looked at.
 */
static void
cells_look_around(struct cell_bundle *bundle)
{
    struct halving halvings[BUNDLE_KEYS];
    size_t count = 0;

    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct fixed_cells fixed = bundle_view(bundle, i)->fixed;
        const struct fixed_words words = bundle->words[i];
        const uint32_t begin = bundle->ends[i].low, end = bundle->ends[i].high + 1;
        const uint32_t at = bundle->at[i];
        const uint32_t low = at - begin > CELL_REACH ? at - CELL_REACH : begin;
        const uint32_t high = end - at > CELL_REACH ? at + CELL_REACH : end;

        if (high < end && fixed_less(fixed_at(&fixed, high - 1), words))
            halvings[count++] = (struct halving){i, high, end - high};
        else if (low > begin && !fixed_less(fixed_at(&fixed, low), words))
            halvings[count++] = (struct halving){i, begin, low - begin};
        else
            bundle->at[i] = (uint32_t)fixed_halves(&fixed, low, high - low, words);
    }
    narrow_halvings(bundle, halvings, count);
    halve_together(bundle, halvings, count);
    for (size_t h = 0; h < count; h++)
        bundle->at[halvings[h].item] = halvings[h].begin;
}

/* Most that are not found at once are near nevertheless. Others halve all cells of their
 * block, since the first middles of these are the same for all keys, and so are near. */
static void
narrow_halvings(struct cell_bundle *bundle, struct halving *halvings, size_t count)
{
    for (size_t h = 0; h < count; h++) {
        struct halving *const halving = &halvings[h];
        const uint32_t i = halving->item, end = halving->begin + halving->count;

        if (halving->count <= CELLS_NEAR)
            continue;
        if (halving->begin > bundle->at[i]) {
            if (!cell_is_less(bundle, i, halving->begin + CELLS_NEAR))
                halving->count = CELLS_NEAR;
        } else if (cell_is_less(bundle, i, end - CELLS_NEAR - 1)) {
            halving->begin = end - CELLS_NEAR;
            halving->count = CELLS_NEAR;
        }
        if (halving->count > CELLS_NEAR) {
            halving->begin = 0;
            halving->count = bundle_view(bundle, i)->end;
        }
    }
}

/*
 * Keys that are not near where they were guessed: halves what is left for all of them
 * together, so that the memory of all is waited for at once. Leaves the first cell that
 * is not less in `begin`.
 */
static void
halve_together(struct cell_bundle *bundle, struct halving *halvings, size_t count)
{
    bool more = count > 0;

    while (more) {
        more = false;
        for (size_t h = 0; h < count; h++) {
            struct halving *const halving = &halvings[h];
            const uint32_t i = halving->item, half = halving->count / 2;
            const uint32_t at = halving->begin + half;
            uint32_t less, middle;

            if (halving->count == 0)
                continue;
            less = (uint32_t)cell_is_less(bundle, i, at);
            /* Of an even number there is one less behind the middle than before it. */
            halving->begin += (half + 1) & (0 - less);
            halving->count = half - (less & ~halving->count & 1);
            middle = halving->begin + halving->count / 2;
            __builtin_prefetch(bundle_view(bundle, i)->fixed.cells +
                               middle * bundle_view(bundle, i)->fixed.width);
            more |= halving->count > 0;
        }
    }
}
