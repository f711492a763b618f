/* SPDX-License-Identifier: MIT */
#ifndef BATCH_CELL_BUNDLE_H
#define BATCH_CELL_BUNDLE_H

/*
 * batch/cell_bundle -- ascending keys that are bytes, searched together.
 *
 * They are searched as words are (batch/batch_find.c): in bundles, each of which goes
 * through steps while other bundles are at other steps, so that what a step asks for is
 * there when the next one begins. The first one is
 *
 *     locate   edges      the block of each key; asks for its fence and its spread
 *
 * For keys that are equal, in blocks in memory, those of find_guided.c follow,
 *
 *     view     spread     asks for the head of the image, and for the guides
 *     guide    guides     the keys from a guide up to the next one; asks for their
 *                         fingerprints, and where they end
 *     match    fingerprints  the key that may be equal; asks for its cell, and for where
 *                         its values end
 *     find     cell       whether it is, and its rows; asks for where the bytes of values
 *                         of keys end that may have several
 *     reach    ends       asks for the values
 *
 * For other blocks, which have no guides, and for places,
 *
 *     guess    spread     asks for the head of the image, and for the cell where the key
 *                         would be, or for the pivots of the block
 *
 * then, for cells of one width, those of find_fixed.c,
 *
 *     narrow   cells      guesses again, between that cell and the end on its other side
 *     open     cells      and again; asks for the cells around
 *     find     cells      the key that is equal, if any
 *
 * for others, those of find_groups.c,
 *
 *     narrow   pivots     asks for the anchors between two pivots
 *     choose   anchors    the group: the eight keys from an anchor up to the next one;
 *                         asks for their ends, and for their front
 *     open     ends       asks for what the keys of the group have behind the front
 *     find     cells      the key that is equal, if any
 *
 * and for all of these
 *
 *     finish              asks for the ends of the key's values
 *     give     ends       its rows; asks for the ends of the values' bytes
 *     reach    ends       asks for the values
 *
 * What is guessed of cells of one width is guessed by words without their gaps
 * (batch/word_gap.h). Words are compared; whole keys only where words are equal, which is
 * where a key is found. Keys that follow one another are mostly in the same block, so
 * what a search needs of a block is taken once for all of them: the *view* of the block.
 */

#include "batch/cell_lines.h"
#include "batch/probe_find.h"
#include "batch/word_gap.h"

#define BUNDLE_KEYS 16u
/* Pivots part the anchors of a block into this many pieces of one length. */
#define PIVOT_PIECES 8u

/* A block, as those keys of a bundle see it that are looked for in it. */
struct block_view {
    const struct image *image;
    uint32_t block;
    /* Keys, or groups, of the block. */
    uint32_t end;
    /* Bytes that all keys of the block begin with. */
    size_t shared;

    /* Of a block in memory whose guides are asked. */
    const struct guide_leap *leap;
    const uint64_t *guides;
    const uint8_t *fingerprints;
    uint32_t guide_count;
    uint32_t key_count;

    /* Of cells of one width: these, the gap of their words, and the words of the first
     * and of the last one without it. */
    struct fixed_cells fixed;
    struct word_gap gap;
    uint64_t first;
    uint64_t last;

    /* Of others: what all keys of the block have behind what all of the batch begin with,
     * as far as it is part of a word: the bits of `begin` that `begin_mask` has. */
    uint64_t begin;
    uint64_t begin_mask;
    const uint64_t *anchors;
    /* Every how many of these there is a pivot. */
    size_t step;
    /* Known when groups are opened, or guides asked. */
    struct column keys;
    /* Known when keys are found. */
    struct column values;
};

/* Between which cells a key lies, by their numbers, and their words without gaps. */
struct fixed_ends {
    uint32_t low;
    uint32_t high;
    uint64_t low_word;
    uint64_t high_word;
};

/* A key in a block that has guides, and what is known of it so far. */
struct guided_key {
    struct span key;
    const struct block_view *view;
    /* Behind what all keys of the block begin with. */
    uint64_t word;
    /* Where the cell of the first matching key is; then the first value. */
    struct cell_lines cell;
    struct hit *hit;
    /* Among the keys of the probe. */
    uint32_t number;
    /* The key of a guide; then the first row. */
    uint32_t at;
    /* Which of the GUIDE_STEP keys from the one `at` on have the key's fingerprint: a bit
     * of each. */
    uint32_t matching;
    /* May the key be elsewhere in the block? */
    bool is_tied;
};

/* A bundle of ascending keys, and what is known of each so far. */
struct cell_bundle {
    uint32_t count;
    uint32_t view_count;
    uint32_t key[BUNDLE_KEYS];
    /* Its block; then the number of the view. */
    uint32_t view[BUNDLE_KEYS];
    /* Behind what all keys of the batch begin with; then of the block. */
    struct fixed_words words[BUNDLE_KEYS];
    /* A guess, or the key of a guide; then the group; then the number of the key in the
     * block, or HIT_NONE. */
    uint32_t at[BUNDLE_KEYS];
    /* Without guides, of cells of one width: the key's high word without the gap. */
    uint64_t dense[BUNDLE_KEYS];
    struct fixed_ends ends[BUNDLE_KEYS];
    /* With guides: from the step on that views blocks. */
    struct guided_key guided[BUNDLE_KEYS];
    /* Not more than there are keys. */
    struct block_view views[BUNDLE_KEYS];
};

WORD_SEARCH const struct cell *
bundle_cell(const struct probe_find *find, const struct cell_bundle *bundle, uint32_t i)
{
    return &find->keys->cells[bundle->key[i]];
}

WORD_SEARCH struct block_view *
bundle_view(struct cell_bundle *bundle, uint32_t i)
{
    return &bundle->views[bundle->view[i]];
}

/* Does the key, which begins like all keys of the batch and has `word` behind that, begin
 * like all keys of the block? */
WORD_SEARCH bool
begins_like(const struct spine_batch *batch, const struct block_view *view,
            struct span key, uint64_t word)
{
    if (key.size < view->shared || ((view->begin ^ word) & view->begin_mask) != 0)
        return false;
    return view->shared - batch->shared_bytes <= sizeof word ||
           memcmp(batch->fences[view->block].cells->last_key.data, key.data,
                  view->shared) == 0;
}

/* ---- find_guided.c ---- */

/* Leaves out keys that do not begin like those of their block, unless all are of one
 * width. */
void cells_view(const struct probe_find *find, struct cell_bundle *bundle);
/* Leaves out keys that are less than all of their block. */
void cells_guide(const struct probe_find *find, struct cell_bundle *bundle);
/* Leaves out keys that no other has the fingerprint of. */
void cells_match(const struct probe_find *find, struct cell_bundle *bundle);
/* Leaves only the keys that are there. Returns how many. */
size_t cells_find_guided(const struct probe_find *find, struct cell_bundle *bundle,
                         struct hit *to);
/* Asks for the values of keys that were found, and tells their hits where these lie. */
void cells_reach_guided(const struct probe_find *find, struct cell_bundle *bundle);

/* ---- find_fixed.c ---- */

void cells_narrow_fixed(struct cell_bundle *bundle);
void cells_open_fixed(struct cell_bundle *bundle);
/* The key of each in its block, or HIT_NONE. */
void cells_find_fixed(const struct probe_find *find, struct cell_bundle *bundle);
/* The first key of its block that is not less, of each. */
void cells_place_fixed(const struct probe_find *find, struct cell_bundle *bundle);

/* ---- find_groups.c ---- */

void cells_narrow_anchors(struct cell_bundle *bundle);
/* Leaves out keys that are less than all of their block. */
void cells_choose_groups(struct cell_bundle *bundle);
void cells_open_groups(struct cell_bundle *bundle);
/* The key of each in its block, or HIT_NONE. */
void cells_find_grouped(const struct probe_find *find, struct cell_bundle *bundle);
/* As cells_place_fixed(). */
void cells_place_grouped(const struct probe_find *find, struct cell_bundle *bundle);

#endif
