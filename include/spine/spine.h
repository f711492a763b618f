/* SPDX-License-Identifier: MIT */
#ifndef SPINE_SPINE_H
#define SPINE_SPINE_H

/*
 * Spines: the state of an incremental computation, as batches that merge in the
 * background. Includes every other C header of the library.
 *
 * Threads. Unless a function says otherwise, any thread may call it at any time
 * between spine_open() and spine_close() of the spine.
 */

#include "spine/arrow.h"
#include "spine/backend.h"
#include "spine/batch.h"
#include "spine/checkpoint.h"
#include "spine/cursor.h"
#include "spine/cut.h"
#include "spine/fault.h"
#include "spine/filter.h"
#include "spine/metrics.h"
#include "spine/probe.h"
#include "spine/runtime.h"
#include "spine/sample.h"
#include "spine/schema.h"
#include "spine/store.h"
#include "spine/trace.h"
#include "spine/tuple.h"
#include "spine/tuple_columns.h"
#include "spine/tuple_row.h"
#include "spine/types.h"
#include "spine/version.h"
#include "spine/view.h"

#ifdef __cplusplus
extern "C" {
#endif

/* All zero means the defaults. Copied at open. */
struct spine_options {
    /* What metrics call the spine; several may have one name. UTF-8 of at most
     * SPINE_LABEL_MAX bytes without control characters; copied. Default "". */
    const char *name;
    /* The most rows of a batch at level 0, 1 to 99,999. Default 14,999. Lower: batches of
     * 10,000 rows start at level 1 and are merged less often but in longer merges.
     * Higher: more rows are merged in one go, without pause. */
    uint32_t level0_rows;
    /* Loose batches at which an insert waits, if a level has enough of them for a merge
     * that is held back: the level still merges, or a sum of all batches comes first.
     * Default 128. Higher: fewer waits, slower readers. */
    uint32_t backpressure_batches;
    /* Batches, loose and merging, from which on an insert runs merge slices of its own
     * spine, the more the more there are; in a flood (only_due_merges) loose ones, and
     * not before half of `backpressure_batches`. Default 32; UINT32_MAX: never. Lower:
     * readers see fewer batches, inserts take longer. */
    uint32_t help_batches;
    /*
     * For how long a merge is tried again that fails by an error which may pass,
     * SPINE_NOMEM or SPINE_IO, in milliseconds since it failed first; the delays between
     * grow from 1 ms to a second. After that the error is sticky. Default 10,000;
     * UINT32_MAX: for ever. Lower: hosts learn sooner that merges do not get on. Higher:
     * longer shortages pass without an error; inserts are held back meanwhile, once there
     * are too many batches.
     */
    uint32_t retry_ms;
    /*
     * How often more a row of negative weight counts when a merge output is put on a
     * level, which is at most the highest that holds other batches. Default 0. Higher:
     * retractions meet what they cancel sooner, merges write more.
     */
    uint32_t negative_weight_multiplier;
    /*
     * True: a merge starts only when it is due. Default false: when no merge of any spine
     * of the runtime is due, batches merge ahead, as long as the largest of them costs at
     * most four times the rows of the others: its rows, or those of its blocks that the
     * others reach into and a little for each other block, which is taken over. Readers
     * soon see few batches; more is written, in time that nobody else wants. Where a
     * cursor skipped many rows that cancel, that stretch is merged soon. And in a flood,
     * when more comes in than merges could take in and nobody takes a snapshot, they
     * wait for up to 32 batches of a level, as that hardly makes a row of them dearer.
     */
    bool only_due_merges;
    /*
     * A merge that reads at least this many rows encodes its output: numbers take the
     * bits that they need, not the bytes of their type. While there are many batches a
     * quarter is enough. Default 100,000; UINT32_MAX: never, nor do checkpoints. Lower:
     * small batches, soon merged away, take longer to write. Higher: more memory.
     */
    uint32_t encode_rows;
    /*
     * The fraction of absent keys that the lookup filter of a batch may let pass to a
     * search. Default 0.001, which takes 17 bits per key; from 1 on there are no filters.
     * Filters of files let ten times as many pass, a quarter at most, and take 11 bits:
     * they have to fit the cache. Lower: more memory. Higher: probes and exact seeks
     * search more batches in vain. Filters are built by the first reader that profits; a
     * batch in several spines has one filter.
     */
    double filter_false_positive_rate;
    /* The least rows of a batch that may get a filter. Default 4,096. Lower: memory for
     * filters of batches that are searched quickly anyway, and are merged away soon. */
    uint64_t filter_rows_min;
};

/*
 * Opens an empty spine of `schema` whose merges run on `runtime`. `schema` and
 * `options` are copied; NULL options mean the defaults. On success the caller owns
 * `*out` and ends it with spine_close().
 *
 * SPINE_INVALID names the field that makes no sense. Never blocks.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_open(struct spine_runtime *runtime, const struct spine_schema *schema,
           const struct spine_options *options, struct spine **out,
           struct spine_error *error);

/*
 * Ends a spine: gives up its merges, waits for slices of it that run, wakes the threads
 * that wait in it, with SPINE_CANCELLED, and returns when they have left. Snapshots,
 * cursors and batches live on. Calls that wait may be under way; no call may begin once
 * this one has. NULL is allowed.
 *
 * An `on_done` of spine_compact() may close its spine. The `on_done`s of the spine that
 * are left are then called by this function, inside that one, and some memory is freed
 * only when that one returns.
 */
SPINE_API void spine_close(struct spine *spine);

/* Its schema, as long as the spine. */
SPINE_API const struct spine_schema *spine_get_schema(const struct spine *spine);

/*
 * Adds a batch, of which the spine keeps a reference; a batch without rows is
 * nothing. Then, under backpressure, waits until there is room, running merges of
 * this spine meanwhile.
 *
 * There is backpressure when merges that are due are held back and there are too many
 * batches for them (spine_options), and while the last word is due on a sum beyond
 * int64_t (spine_get_status()): then the wait comes before the batch is taken.
 *
 * SPINE_OK: the batch was taken. SPINE_INVALID when `batch` is NULL or its schema is not
 * the spine's, SPINE_NOMEM, SPINE_IO when it goes to a file that cannot be written, the
 * spine's sticky error, and SPINE_CANCELLED when there is
 * no room and the runtime is closed: nothing was taken. The one exception is a
 * spine_close() during the wait: SPINE_CANCELLED, and the batch went with the spine.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_insert(struct spine *spine, struct spine_batch *batch, struct spine_error *error);

/*
 * Adds a batch, but never waits, merges nor writes it to a file, as spine_insert() may.
 * SPINE_OK: the batch was taken. With any other status nothing was: SPINE_BUSY under
 * backpressure, and those of spine_insert() for the same reasons.
 */
SPINE_API SPINE_CHECKED enum spine_status spine_try_insert(struct spine *spine,
                                                           struct spine_batch *batch,
                                                           struct spine_error *error);

/* Waits until there is no backpressure: SPINE_OK, SPINE_TIMEOUT after `timeout_ns`
   (UINT64_MAX: for ever), SPINE_CANCELLED on close, or the error that is sticky or became
   so during the wait. */
SPINE_API SPINE_CHECKED enum spine_status
spine_insert_wait(struct spine *spine, uint64_t timeout_ns, struct spine_error *error);

/*
 * The sticky error of the spine: SPINE_OK, or why a merge could not be done. Its inputs
 * are as they were. SPINE_NOMEM and SPINE_IO: it was tried again for
 * spine_options.retry_ms. SPINE_OVERFLOW: the sum of a row over all batches was not in
 * int64_t; where it is so over some of them only, they are merged with all others at
 * once. What comes in meanwhile counts, too, up to a point: after two such merges inserts
 * wait for the third.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_get_status(struct spine *spine, struct spine_error *error);

/* Forgets a sticky error and lets merges be tried again. */
SPINE_API void spine_retry(struct spine *spine);

/* Has a batch with rows come in since spine_open() or the last spine_clear_dirty()? */
SPINE_API bool spine_is_dirty(struct spine *spine);
/* As if no batch had come in. */
SPINE_API void spine_clear_dirty(struct spine *spine);

/*
 * The promise that the reader cannot tell t from join(t, frontier): merges that
 * start from now on may replace the one by the other and add up. Frontiers only
 * advance: one that is not >= the present one, or any for an untimed spine, is
 * SPINE_INVALID.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_set_frontier(struct spine *spine, uint64_t frontier, struct spine_error *error);

/*
 * Stops merging: no merge starts or goes on until spine_resume(); returns when no slice
 * runs. The batches are then those of spine_take_snapshot(), and stay so but for inserts,
 * which are taken and never wait while paused. Pauses nest.
 */
SPINE_API void spine_pause(struct spine *spine);
SPINE_API void spine_resume(struct spine *spine);

/*
 * Waits until no merge runs and none is due. SPINE_OK, SPINE_TIMEOUT, SPINE_CANCELLED, or
 * the error that is sticky or became so during the wait, even if it was cleared since.
 * While paused: when no slice runs. No merge ahead starts while somebody waits; after
 * that, one may.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_wait_idle(struct spine *spine, uint64_t timeout_ns, struct spine_error *error);

/*
 * Merges all that is in the spine into one batch, in the calling thread and those of the
 * runtime, and waits for it. Unless `out` is NULL, `*out` is a reference to the batch of
 * exactly what was in the spine at one moment during the call, or NULL when that is
 * empty. Inserts go on meanwhile. Calls at the same time may share one merge. SPINE_BUSY
 * when the spine is paused already; a pause that comes later is waited out. Otherwise
 * SPINE_NOMEM or the statuses of spine_wait_idle().
 */
SPINE_API SPINE_CHECKED enum spine_status spine_consolidate(struct spine *spine,
                                                            struct spine_batch **out,
                                                            struct spine_error *error);

/*
 * Asks for the same in the background; while paused, to begin when resumed. When this
 * answers SPINE_OK, `on_done(context, status)` is called exactly once, otherwise never.
 * SPINE_OK: every batch that was there at the request has been merged into one, maybe
 * with some that came later. However many requests there are, they share two merges at
 * most: the one that runs, if nothing has changed since it began, and the next.
 * SPINE_CANCELLED: the spine or its runtime was closed before; this function answers the
 * same on a closed runtime. Otherwise: why the merge failed.
 *
 * It is called by a thread of the runtime (libuv's pool, the host's executor, the caller
 * of spine_runtime_run()), or by spine_close() or spine_runtime_close(): never inside
 * another call, without locks, one at a time for a spine. It may call the library, this
 * function too, and may close the spine and its runtime (see spine_close()). A NULL
 * `on_done` is allowed.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_compact(struct spine *spine,
              void (*on_done)(void *context, enum spine_status status), void *context,
              struct spine_error *error);

/* An independent spine of the same content, options, frontier, filters and dirty flag;
   costs some references. Not its pauses, compactions, statistics or sticky error, which
   its merges may meet again. */
SPINE_API SPINE_CHECKED enum spine_status
spine_fork(struct spine *spine, struct spine **out, struct spine_error *error);

/* What the spine holds and has done. A short lock; cheap enough to call every second. */
SPINE_API void spine_get_stats(struct spine *spine, struct spine_stats *out);

/*
 * Checks the invariants of the spine and of every batch in it, of which it reads all
 * rows. SPINE_CORRUPT names the first that fails. Sticky errors do not matter to it. Any
 * thread; inserts and reads go on meanwhile, since batches are read without a lock, and
 * their places are looked at some hundred at a time. With more batches than that, merges
 * that end in the meantime wait until all places were looked at.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_check(struct spine *spine, struct spine_error *error);

/*
 * The content of the spine at this moment, immutable, whatever is inserted or merged
 * later. The caller owns the reference. With a sticky SPINE_OVERFLOW: that status.
 */
SPINE_API SPINE_CHECKED enum spine_status spine_take_snapshot(struct spine *spine,
                                                              struct spine_snapshot **out,
                                                              struct spine_error *error);
/* A snapshot of batches of one schema; keeps references. */
SPINE_API SPINE_CHECKED enum spine_status
spine_snapshot_of_batches(const struct spine_schema *schema,
                          struct spine_batch *const *batches, size_t batch_count,
                          struct spine_snapshot **out, struct spine_error *error);
/* One more reference. */
SPINE_API struct spine_snapshot *spine_snapshot_ref(struct spine_snapshot *snapshot);
/* One reference less; NULL is allowed. */
SPINE_API void spine_snapshot_unref(struct spine_snapshot *snapshot);

/* The batches of a snapshot, in no particular order; borrowed from it. NULL when `index`
 * is not less than their number. */
SPINE_API size_t spine_snapshot_batch_count(const struct spine_snapshot *snapshot);
SPINE_API struct spine_batch *
spine_snapshot_batch(const struct spine_snapshot *snapshot, size_t index);
/* Rows and bytes of all batches: rows that cancel or repeat across batches count each
 * time. */
SPINE_API uint64_t spine_snapshot_rows(const struct spine_snapshot *snapshot);
SPINE_API uint64_t spine_snapshot_bytes(const struct spine_snapshot *snapshot);

/* A cursor over a snapshot, of which it keeps a reference; over the spine as it is. */
SPINE_API SPINE_CHECKED enum spine_status
spine_snapshot_cursor(struct spine_snapshot *snapshot, struct spine_cursor **out,
                      struct spine_error *error);
SPINE_API SPINE_CHECKED enum spine_status spine_cursor_open(struct spine *spine,
                                                            struct spine_cursor **out,
                                                            struct spine_error *error);

#ifdef __cplusplus
}
#endif

#endif
