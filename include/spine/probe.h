/* SPDX-License-Identifier: MIT */
#ifndef SPINE_PROBE_H
#define SPINE_PROBE_H

/*
 * Probes: the rows of many keys at once, which is what a join needs at each step, and
 * several times quicker per key than spine_cursor_seek_key_exact().
 *
 *     spine_probe_new(&probe, error);
 *     for (each step) {
 *         spine_snapshot_probe(snapshot, probe, &keys, NULL, &rows, error);
 *         for (size_t k = 0, row = 0; k < rows.keys; k++)
 *             for (; row < rows.ends[k]; row++)
 *                 use(keys[k], values[row], rows.columns.weights[row]);
 *     }
 *     spine_probe_free(probe);
 *
 * With a maximum of rows, what is left comes with spine_probe_next():
 *
 *     do { ... } while (rows.more && spine_probe_next(probe, &rows, error) == SPINE_OK);
 *
 * A join has a batch of changes, whose keys are to be looked up in what is there:
 *
 *     spine_snapshot_probe_batch(snapshot, probe, batch, NULL, &both, error);
 *     for (size_t k = 0, own = 0, row = 0; k < both.keys.rows; k++) {
 *         for (size_t first = row; own < both.own_ends[k]; own++)
 *             for (row = first; row < both.found.ends[k]; row++)
 *                 pair(keys[k], own_values[own], values[row]);
 *         row = both.found.ends[k];
 *     }
 */

#include "spine/batch.h"
#include "spine/filter.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct spine_snapshot;
/* The memory of probes, kept from one to the next. One thread at a time. */
struct spine_probe;

/* On success the caller owns `*out` and ends it with spine_probe_free(). */
SPINE_API SPINE_CHECKED enum spine_status
spine_probe_new(struct spine_probe **out, struct spine_error *error);
/* NULL is allowed. */
SPINE_API void spine_probe_free(struct spine_probe *probe);

/* What a probe is to give. */
enum spine_probe_want {
    /* The rows of each key. */
    SPINE_PROBE_ROWS = 0,
    /* Only how many rows each key has: no columns. */
    SPINE_PROBE_COUNTS
};

/* All zero means the defaults. */
struct spine_probe_options {
    enum spine_probe_want want;
    /*
     * The most rows that a call gives; 0: all of them, in one call. Lower: less memory,
     * more calls. Means nothing to SPINE_PROBE_COUNTS. Of batches in files a call may
     * give fewer, so that memory does not grow from call to call.
     */
    size_t rows_max;
    /*
     * The same of the bytes of the cells of these rows; one row is given however large it
     * is. 0: no limit.
     */
    uint64_t bytes_max;
    /*
     * With times: each row's weights added up over the times less than or equal to
     * `through`, in the order of the schema's times; rows for which that is zero are not
     * there, and there are no times. See spine_cursor_set_through().
     */
    bool has_through;
    uint64_t through;
    /*
     * Keys that it rejects are not there, as with spine_cursor_set_filter(); NULL: all
     * are. on_key is called once per key, in the calling thread. Borrowed as long as the
     * keys; on_release is not called.
     */
    const struct spine_key_filter *filter;
};

/* What a call gives; valid until the next call with the same probe. */
struct spine_probe_rows {
    /* This is about `keys` keys, from number `first_key` on. */
    size_t first_key;
    size_t keys;
    /* Those of them that have rows here. */
    size_t found;
    /* Key number first_key + i has the rows [ends[i - 1], ends[i]), the first one from
     * 0. */
    const uint64_t *ends;
    /*
     * The rows, sorted, added up, none of weight zero: values, times and weights, as the
     * schema has them (weights always, no times through a time; keys only where ranges
     * of keys are asked for, see spine/range.h).
     * SPINE_PROBE_COUNTS: `rows` is their number, and there are no arrays.
     */
    struct spine_columns columns;
    /*
     * Is there more to come? Then the last key here may have more rows: the next call
     * begins with it.
     */
    bool more;
};

/*
 * Looks `keys->rows` keys up, strictly ascending, in all batches of the snapshot. Only
 * `keys->keys` and `keys->key_offsets` are read. They are borrowed for the call; with
 * `rows_max`, until `out->more` is false. NULL options mean the defaults.
 *
 * SPINE_INVALID for keys that are not ascending or make no sense, SPINE_OVERFLOW when a
 * sum is not in int64_t, SPINE_NOMEM, and SPINE_IO or SPINE_CORRUPT of a batch that
 * cannot be read. After a failure the probe may be used again.
 * Any thread; the snapshot need not outlive the call.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_snapshot_probe(struct spine_snapshot *snapshot, struct spine_probe *probe,
                     const struct spine_columns *keys,
                     const struct spine_probe_options *options,
                     struct spine_probe_rows *out, struct spine_error *error);

/*
 * The next rows of the probe. SPINE_MISUSE when there are no more; otherwise as
 * spine_snapshot_probe().
 */
SPINE_API SPINE_CHECKED enum spine_status spine_probe_next(struct spine_probe *probe,
                                                           struct spine_probe_rows *out,
                                                           struct spine_error *error);

/*
 * The keys of a batch, and of each its rows in the batch and its rows in a snapshot: the
 * two sides of a join. Valid until the next call with the same probe.
 */
struct spine_probe_matches {
    /* `keys.rows` keys, ascending, each once: its cells and their offsets, nothing else.
     * The first is number `found.first_key` of the batch's keys. */
    struct spine_columns keys;
    /* Key number i has the rows [own_ends[i - 1], own_ends[i]) of the batch, the first
     * one from 0: all of them, whether the snapshot has any or not. */
    const uint64_t *own_ends;
    /* Values, times and weights, as the batch's schema has them; weights always. */
    struct spine_columns own;
    /* What spine_snapshot_probe() gives for the keys; `found.more` is about both. */
    struct spine_probe_rows found;
};

/*
 * Looks the keys of `batch` up in all batches of the snapshot. Both have keys of one
 * type; their values, times and weights may differ. The call keeps references to what it
 * needs until `out->found.more` is false.
 *
 * `options` are about the rows of the snapshot. Keys that the filter rejects have no rows
 * there, and keep those in the batch. With `rows_max` a call also gives few rows of the
 * batch: about as many, in whole keys. When the last key of a call goes on in the next,
 * all its rows of the batch come again, so that each call by itself has whole pairs.
 *
 * The batch is read once, in order, some thousand rows at a time, and nothing is
 * allocated or dispatched row by row.
 *
 * SPINE_INVALID for keys of two types, SPINE_IO or SPINE_CORRUPT when either side cannot
 * be read, and otherwise as spine_snapshot_probe(). After a failure the probe may be used
 * again. Any thread; neither the snapshot nor the batch need outlive the call.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_snapshot_probe_batch(struct spine_snapshot *snapshot, struct spine_probe *probe,
                           struct spine_batch *batch,
                           const struct spine_probe_options *options,
                           struct spine_probe_matches *out, struct spine_error *error);

/*
 * The next keys of the batch. SPINE_MISUSE when there are no more, or the probe is not of
 * a batch, as spine_probe_next() is when it is; otherwise as
 * spine_snapshot_probe_batch().
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_probe_next_matches(struct spine_probe *probe, struct spine_probe_matches *out,
                         struct spine_error *error);

#ifdef __cplusplus
}
#endif

#endif
