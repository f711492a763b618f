/* SPDX-License-Identifier: MIT */
#ifndef SPINE_VIEW_H
#define SPINE_VIEW_H

/*
 * More of cursors (spine/cursor.h): seeks by predicate, bounds, views through a time,
 * filters, positions, clones, and cursors derived from others. What is said there of
 * positions, errors and threads holds here.
 */

#include "spine/cursor.h"
#include "spine/filter.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spine_snapshot;

/* True from some cell on, in the direction of the seek; a pure function that does not use
 * the cursor. */
typedef bool spine_predicate_fn(void *context, union spine_datum cell);

/*
 * Forward to the first key that `on_key` accepts, which must accept all later ones;
 * backward to the last one that it accepts, with all earlier ones. From the present
 * position, like spine_cursor_seek_key(): some steps for each doubling of the distance.
 *
 * A predicate that is not monotone takes the cursor forward (backward) to some key or to
 * the end, never elsewhere. A NULL one makes the cursor fail with SPINE_INVALID. All four
 * are moves.
 */
SPINE_API void spine_cursor_seek_key_with(struct spine_cursor *cursor,
                                          spine_predicate_fn *on_key, void *context);
SPINE_API void spine_cursor_seek_key_with_reverse(struct spine_cursor *cursor,
                                                  spine_predicate_fn *on_key,
                                                  void *context);

/* The same for the values of the key; needs key_valid. */
SPINE_API void spine_cursor_seek_val_with(struct spine_cursor *cursor,
                                          spine_predicate_fn *on_val, void *context);
SPINE_API void spine_cursor_seek_val_with_reverse(struct spine_cursor *cursor,
                                                  spine_predicate_fn *on_val,
                                                  void *context);

/*
 * Limits the cursor to the keys from `lower` on and before `upper`, NULL meaning no
 * limit, for every operation; it is as new afterwards, so this is a move. The cells are
 * read during the call only.
 */
SPINE_API void spine_cursor_set_bounds(struct spine_cursor *cursor,
                                       const union spine_datum *lower,
                                       const union spine_datum *upper);

/*
 * A view through a time: from now on the cursor shows the rows as they are at `through`,
 * without times. The weights of each (key, value) are added up over the times less than
 * or equal to it, in the order of the schema's times; values for which that is zero are
 * not there, nor are keys without values; sums that are not in int64_t are
 * SPINE_OVERFLOW. So it is in every operation: a value has one weight, at the time 0
 * where times are given, and to ask for times or groups through another time changes
 * nothing. The cursor is as new afterwards, so this is a move. May be called again with
 * another time. Means nothing when untimed.
 *
 * Rows at times before the frontier may have been moved up to it: what there was at a
 * time is only told when the frontier is less than or equal to that.
 */
SPINE_API void spine_cursor_set_through(struct spine_cursor *cursor, uint64_t through);

/*
 * Hides keys: from now on the cursor shows no key that `filter` rejects, in any
 * operation, whether its rows are there or not; NULL: all keys again. With the filter of
 * the spine's retention the cursor shows what the reader needs, however far merges are
 * (spine/filter.h). The cursor is as new afterwards, so this is a move.
 *
 * on_key is asked, by the threads that use the cursor and its clones, about the keys that
 * come along, as often as they do. What is hidden is read all the same, but for exact
 * seeks: where whole ranges of keys are hidden, bounds are cheaper. A filter that
 * contradicts itself shows or hides a key in each operation as it likes.
 *
 * The filter is copied, and taken: on_release is called once, by the last of this cursor
 * and its clones that is closed or gets another filter; at once when the cursor has
 * failed, or fails now: SPINE_INVALID for a missing on_key, SPINE_NOMEM.
 */
SPINE_API void spine_cursor_set_filter(struct spine_cursor *cursor,
                                       const struct spine_key_filter *filter);

/*
 * How far the cursor is: `*total` is the number of rows of all its batches within its
 * bounds, and `*offset` how many of them lie before the present value. On no value of a
 * key these are the rows before the key, as long as its first value is ahead, and those
 * of the key too, once its last value lies behind. Past the end both numbers are equal;
 * on no key otherwise `*offset` is 0. Rows that cancel or repeat count each time, and
 * those that a filter hides count, too. Either may be NULL. Some searches; legal in every
 * state; no move. When a batch cannot be read the cursor fails as by a move; the status
 * of a failed cursor is returned, and both numbers are 0.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_cursor_position(struct spine_cursor *cursor, uint64_t *offset, uint64_t *total);

/*
 * spine_cursor_times() of those times that are less than or equal to `upper` in the order
 * of the schema's times, of which there may be none; all when untimed, or in a view
 * through a time. No move; but pairs of times are written over by the next call of this
 * function.
 */
SPINE_API size_t spine_cursor_times_through(struct spine_cursor *cursor, uint64_t upper,
                                            const uint64_t **times,
                                            const int64_t **weights);

/*
 * Rows that the cursor read and did not show, so far: they summed to zero, or were added
 * to another row. Where they are many in few rows shown, the spine merges that stretch
 * soon, unless it has only_due_merges; a spine_compact() merges everything.
 * Rows at none of the times of a view do not count, nor do those that a filter hides.
 */
SPINE_API uint64_t spine_cursor_rows_skipped(const struct spine_cursor *cursor);

/*
 * A cursor over the same rows, at the same position, with the same bounds, filter,
 * default and time of a view; then independent. A failed one has no clone: its status. No
 * move of `cursor`.
 */
SPINE_API SPINE_CHECKED enum spine_status spine_cursor_clone(struct spine_cursor *cursor,
                                                             struct spine_cursor **out,
                                                             struct spine_error *error);

/* One of the sources of a cursor. */
struct spine_cursor_source {
    struct spine_snapshot *snapshot;
    /* Its weights count times -1. A weight of INT64_MIN is then SPINE_OVERFLOW. */
    bool negated;
};

/*
 * A cursor over the sum of all sources, of one schema; keeps references. One source is
 * that source, perhaps negated; two are their sum or, one being negated, what differs.
 * Snapshots of several spines: its searches count in the metrics of none.
 * SPINE_INVALID when schemas differ.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_cursor_open_sources(const struct spine_cursor_source *sources, size_t source_count,
                          struct spine_cursor **out, struct spine_error *error);

/*
 * A cursor over the values of the present key as keys, without values and times, each
 * with its weight added up over the times less than or equal to `through` (all when
 * untimed, or in a view through a time); values for which that is zero are not there.
 * Needs key_valid. A move: `cursor` stays on its key and goes to its first value.
 *
 * The group is copied: time and memory follow its number of values.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_cursor_group(struct spine_cursor *cursor, uint64_t through,
                   struct spine_cursor **out, struct spine_error *error);

/*
 * From now on spine_cursor_seek_key_exact() of a key that is not there, not within the
 * bounds or hidden by the filter, shows it with one row: this value, weight 1 (all
 * components), time 0, as an outer join wants it. Other moves leave that row and go on to
 * keys that are there. The value is copied. No move: a row that is shown already keeps
 * the default that it has.
 */
SPINE_API void
spine_cursor_set_default(struct spine_cursor *cursor, union spine_datum value);

#ifdef __cplusplus
}
#endif

#endif
