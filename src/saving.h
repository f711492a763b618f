/* SPDX-License-Identifier: MIT */
#ifndef SAVING_H
#define SAVING_H

/*
 * saving -- merges ahead beside checkpoints. Part of core.h.
 *
 * A checkpoint writes the batches that no checkpoint has yet. Whatever a merge makes of
 * saved batches is such a batch again, so a merge ahead, of which nobody but readers has
 * anything, may cost the next checkpoint all that it reads. So the batches of a cut are
 * marked as saved, and until the next cut merges ahead read only slot_saved_rows() rows
 * of them: some for readers' sake, and more the more comes in.
 *
 *     cut          insert 1 %     scout                            cut
 *      |--- 0.1 % of the rows -- + 0.5 % -- merges ahead read ------|--- anew ---
 *
 * Merges that are due do not care: without them a spine grows. No cut, nothing is saved,
 * and all of this is without effect.
 */

#include "base/assert.h"
#include "core.h"

/* A cut of the spine was taken, which has these batches: they are saved. A merge ahead of
 * them that has just begun is given up. No lock held; the spine does not close
 * meanwhile. */
void saving_begin(struct spine *spine, const struct spine_snapshot *snapshot);
/* The spine begins with the batches of a cut. */
void saving_open_locked(struct spine *spine);

/* A batch came in. */
static inline void
saving_insert_locked(struct spine *spine, uint64_t rows)
{
    assert(mutex_is_held(&spine->mutex));
    spine->locked.saved_rows_max += slot_saved_rows(0, rows);
}

/* A merge ahead begins that reads `rows` rows of saved batches. */
static inline void
saving_spend_locked(struct spine *spine, uint64_t rows)
{
    assert(mutex_is_held(&spine->mutex));
    spine->locked.saved_rows_max -=
        rows < spine->locked.saved_rows_max ? rows : spine->locked.saved_rows_max;
}

#endif
