/* SPDX-License-Identifier: MIT */
#ifndef SPINE_CURSOR_H
#define SPINE_CURSOR_H

/*
 * Cursors: a walk over the consolidated rows of a batch, a snapshot or a spine,
 * forward and backward, by key and by value inside a key.
 *
 *     for (spine_cursor_rewind(c); spine_cursor_key_valid(c); spine_cursor_step_key(c))
 *         for (; spine_cursor_val_valid(c); spine_cursor_step_val(c))
 *             use(spine_cursor_key(c).u64, spine_cursor_val(c).u64,
 *                 spine_cursor_weight(c));
 *     return spine_cursor_status(c);
 *
 * Position. A cursor stands on a key, or on none; on a key it stands on one of
 * the key's values, or on none. A new cursor stands on the first key. Every key
 * move, forward or backward, puts the value position on the key's first value.
 * Only rows whose weights do not sum to zero are seen, and only keys that have
 * such a row. With times, a row (key, value) is seen when the weights of some time
 * do not sum to zero; the sum over all its times may be zero. A cursor that shows
 * what there is at a time: spine_cursor_set_through() in spine/view.h.
 *
 * Errors. Reading at no position and an illegal step set the cursor's sticky
 * status to SPINE_MISUSE and make it invalid; so do SPINE_OVERFLOW, SPINE_NOMEM,
 * SPINE_IO and SPINE_CORRUPT of a batch that cannot be read, and SPINE_INVALID of a key
 * or value of another kind or size than the schema's, with theirs: for good, whatever is
 * done with it. What is read then is nothing: a datum of zeros, whose bytes are of size
 * 0, weight 0, weights that are all 0, no times.
 * spine_cursor_status() tells whether the walk ended at the end.
 * A NULL cursor does nothing, gives nothing and is SPINE_INVALID.
 *
 * Moves. What a cursor gives out (bytes, times, weights) is valid until its next
 * move: rewind, fast_forward, steps and seeks of keys and values, reads in bulk,
 * and what spine/view.h calls a move. Other calls leave it as it is, whether they
 * succeed or fail.
 *
 * A cursor keeps the batches that it reads, whatever happens to the spine.
 * One thread at a time; different cursors in different threads need no lock.
 */

#include "spine/batch.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spine_cursor;

/* A cursor over one batch, of which it keeps a reference. Reads nothing before the first
 * use. */
SPINE_API SPINE_CHECKED enum spine_status spine_batch_cursor(struct spine_batch *batch,
                                                             struct spine_cursor **out,
                                                             struct spine_error *error);
/* NULL is allowed. */
SPINE_API void spine_cursor_close(struct spine_cursor *cursor);

/* What its rows look like, as long as the cursor. */
SPINE_API const struct spine_schema *
spine_cursor_schema(const struct spine_cursor *cursor);

/* SPINE_OK, or why the cursor is invalid for good; after a read that was refused
 * SPINE_INVALID until the next read. */
SPINE_API SPINE_CHECKED enum spine_status
spine_cursor_status(const struct spine_cursor *cursor);

/* The status again, with its message. */
SPINE_API SPINE_CHECKED enum spine_status
spine_cursor_error(const struct spine_cursor *cursor, struct spine_error *error);

/* Does the cursor stand on a key, on a value? */
SPINE_API bool spine_cursor_key_valid(struct spine_cursor *cursor);
SPINE_API bool spine_cursor_val_valid(struct spine_cursor *cursor);

/* The key; needs key_valid. */
SPINE_API union spine_datum spine_cursor_key(struct spine_cursor *cursor);
/* The value; needs val_valid, like all that follows here. */
SPINE_API union spine_datum spine_cursor_val(struct spine_cursor *cursor);
/* The weight of (key, value): with times, the sum over all of them, which may be zero.
   The first one when rows have several weights. */
SPINE_API int64_t spine_cursor_weight(struct spine_cursor *cursor);
/* `weight_count` weights of (key, value), added up over all times. */
SPINE_API const int64_t *spine_cursor_weights(struct spine_cursor *cursor);
/*
 * The times of (key, value) in ascending order (of the number), each once, and their
 * weights (`weight_count` each, side by side). Returns how many there are; untimed: 1,
 * with time 0. Without a value 0, and both point to a zero. Either may be NULL.
 */
SPINE_API size_t spine_cursor_times(struct spine_cursor *cursor, const uint64_t **times,
                                    const int64_t **weights);

/* To the first key; to the last key. Legal in every state but a failed one. */
SPINE_API void spine_cursor_rewind(struct spine_cursor *cursor);
SPINE_API void spine_cursor_fast_forward(struct spine_cursor *cursor);

/* To the next key, to the one before; needs key_valid. */
SPINE_API void spine_cursor_step_key(struct spine_cursor *cursor);
SPINE_API void spine_cursor_step_key_reverse(struct spine_cursor *cursor);

/*
 * Forward to the first key not less than `key`, from the present position: a
 * cursor that stands there or beyond, or past the end, does not move.
 * SPINE_FIXED and SPINE_BYTES keys are read during the call only.
 */
SPINE_API void spine_cursor_seek_key(struct spine_cursor *cursor, union spine_datum key);

/* Backward to the last key not greater than `key`, from the present position. */
SPINE_API void
spine_cursor_seek_key_reverse(struct spine_cursor *cursor, union spine_datum key);

/*
 * To exactly `key`, in any direction. True and on its first value when a row of that
 * key exists; otherwise false, and the cursor stands on no key, where the other seeks
 * leave it (rewind, fast_forward or another exact seek go on from there). Ascending keys
 * are the quick case.
 */
SPINE_API bool
spine_cursor_seek_key_exact(struct spine_cursor *cursor, union spine_datum key);

/* To the first value of the key, to the last one; needs key_valid. */
SPINE_API void spine_cursor_rewind_vals(struct spine_cursor *cursor);
SPINE_API void spine_cursor_fast_forward_vals(struct spine_cursor *cursor);

/* To the next value of the key, to the one before; needs val_valid. */
SPINE_API void spine_cursor_step_val(struct spine_cursor *cursor);
SPINE_API void spine_cursor_step_val_reverse(struct spine_cursor *cursor);

/* Forward to the key's first value not less than `val`; backward to the last one not
   greater. Needs key_valid. Like the seeks of keys, they never turn round. */
SPINE_API void spine_cursor_seek_val(struct spine_cursor *cursor, union spine_datum val);
SPINE_API void
spine_cursor_seek_val_reverse(struct spine_cursor *cursor, union spine_datum val);

/*
 * Reads the next rows (key, value, time) from the present position into
 * `buffers` and moves past them: the cursor stands on the row after the last
 * one read, which may be in the middle of a key. Returns the number of rows; 0
 * at the end, on failure, and when the next row's bytes alone do not fit (the
 * status is then SPINE_INVALID and names the bytes needed; a read with more room goes
 * on).
 *
 * With times, all times of a value are read in one call: a value that has more of them
 * than `rows` is SPINE_INVALID, naming how many. So are NULL `buffers`.
 */
SPINE_API size_t spine_cursor_read(struct spine_cursor *cursor,
                                   const struct spine_column_buffers *buffers);

#ifdef __cplusplus
}
#endif

#endif
