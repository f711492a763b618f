/* SPDX-License-Identifier: MIT */
#ifndef SPINE_CUT_H
#define SPINE_CUT_H

/*
 * Cuts: the whole content of a spine at one moment, to go back to or to make durable
 * (spine/checkpoint.h).
 *
 * A cut has what a snapshot has, the batches, and the frontier, the filters, the options,
 * the dirty flag and the counts of what was inserted, all of the same moment. It is
 * immutable and costs some references; it keeps blocks alive that merges would free.
 * Merges that are not due leave most of what spine_take_cut() found alone until the next
 * cut: what they made of it would have to be written again by the next checkpoint.
 */

#include "spine/datum.h"
#include "spine/types.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct spine;
struct spine_cut;
struct spine_runtime;
struct spine_snapshot;

/* What a spine was when a cut was taken of it. */
struct spine_cut_info {
    /* Its frontier, if there is one. */
    uint64_t frontier;
    bool has_frontier;
    /* Its dirty flag. */
    bool dirty;
    /* Into the spine until then; of a restored spine, those before its checkpoint count,
     * too. */
    uint64_t inserted_batches;
    uint64_t inserted_rows;
};

/* The content of the spine now, whatever its sticky error. The caller owns the reference.
 * SPINE_INVALID, SPINE_NOMEM. Any thread; waits for no merge. */
SPINE_API SPINE_CHECKED enum spine_status
spine_take_cut(struct spine *spine, struct spine_cut **out, struct spine_error *error);

/*
 * A new spine on `runtime` with the content of the cut: what spine_fork() does of the
 * content of now. On success the caller owns `*out` and ends it with spine_close().
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_open_cut(struct spine_runtime *runtime, struct spine_cut *cut, struct spine **out,
               struct spine_error *error);

/*
 * The cut with the keys from `*lower` on and before `*upper` only, NULL meaning no limit:
 * each of its batches by spine_batch_between(), all else as it is. So a spine is split
 * into ranges of keys that share its files: two spines by spine_open_cut(), or two
 * checkpoints. The dirty flag of no spine falls with it.
 *
 * The caller owns the reference in `*out`. Statuses of spine_batch_between().
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_cut_between(const struct spine_cut *cut, const union spine_datum *lower,
                  const union spine_datum *upper, struct spine_cut **out,
                  struct spine_error *error);

/* Clears the dirty flag of the spine, if nothing was inserted since the cut was taken of
 * it; was it so? */
SPINE_API bool spine_clear_dirty_since(struct spine *spine, const struct spine_cut *cut);

/* One more reference. */
SPINE_API struct spine_cut *spine_cut_ref(struct spine_cut *cut);
/* One reference less; NULL is allowed. */
SPINE_API void spine_cut_unref(struct spine_cut *cut);
/* Its batches; borrowed from it. */
SPINE_API struct spine_snapshot *spine_cut_snapshot(const struct spine_cut *cut);
/* What the spine was. */
SPINE_API void
spine_cut_get_info(const struct spine_cut *cut, struct spine_cut_info *out);

#ifdef __cplusplus
}
#endif

#endif
