/* SPDX-License-Identifier: MIT */
#ifndef STRETCH_H
#define STRETCH_H

/*
 * stretch -- what a reader skipped is merged, that stretch and not more. Part of core.h.
 *
 * A reader that reads many rows which cancel across batches tells the ledger of its spine
 * where (lookup/lookup.h). Batches with rows in that stretch are cut, but for the
 * largest:
 *
 *                   the stretch
 *     largest   |aaaabbbb|cccccccccccccc|     stays whole
 *     another   | -a-b-- | d   e  f     |  -> its inner part, and the rest, which stays
 *     another   |  -a    |   g          |     loose
 *
 * The inner parts merge with the largest batch, whose blocks overlap them at that place
 * only: so the merge costs what the stretch has, and taking over the other blocks. It is
 * done when that is in proportion to what the reader skipped.
 */

#include "company.h"

struct stretch;

/* Takes what a reader has told, if anything, and looks for what to merge; NULL when there
 * is nothing, or not now. Worker, no lock held. */
struct stretch *stretch_find(struct spine *spine);
/* Starts the merge, unless something has changed since. Nobody lists the batches. */
void stretch_start_locked(struct spine *spine, struct stretch *stretch,
                          struct aftermath *after);
/* NULL is allowed. No lock held. */
void stretch_free(struct stretch *stretch);

#endif
