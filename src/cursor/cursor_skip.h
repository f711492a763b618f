/* SPDX-License-Identifier: MIT */
#ifndef CURSOR_CURSOR_SKIP_H
#define CURSOR_CURSOR_SKIP_H

/*
 * cursor/cursor_skip -- where a window skips: rows that cancel across batches are gone
 * once these merge, and the spine may merge just that stretch (src/stretch.h). What was
 * skipped from the beginning, the next reader need not read (src/floor.h).
 */

#include "batch/batch.h"

struct window;

/* A stretch of which more rows were skipped than shown, so far. */
struct skip {
    bool has_edge;
    /* Where it begins; its spans lie in `bytes`. */
    struct row_code edge;
    uint8_t *bytes;
    size_t capacity;
    uint64_t skipped;
    uint64_t shown;
    /* Of these, when the ledger was told the last time. */
    uint64_t told;
};

/* Frees what it owns. Twice is harmless. */
void skip_release(struct skip *skip);
/* The window was emptied: what was skipped lies elsewhere. */
static inline void
skip_reset(struct skip *skip)
{
    skip->has_edge = false;
    skip->skipped = skip->shown = skip->told = 0;
}

/* The sources begin at the floor, if there is one: nothing before it is read again. */
enum spine_status skip_to_floor(struct window *window);
/* The inputs are staged, and what was read last is skipped: from the end of the window
 * on, or from what the inputs have next, unless it goes on already. */
void skip_from_inputs(struct window *window);
/* A fill skipped `skipped` rows, and shows those of `rows` from `begin` on, which are in
 * the window, or will be. */
void
skip_add(struct window *window, uint64_t skipped, const struct rows *rows, size_t begin);

#endif
