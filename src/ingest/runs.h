/* SPDX-License-Identifier: MIT */
#ifndef INGEST_RUNS_H
#define INGEST_RUNS_H

/*
 * ingest/runs -- unordered rows on their way to a batch.
 *
 * Rows gather in `buffer`. A full buffer is sorted and added up, and becomes a *run*: a
 * batch of its own. Runs of about the same size are merged when there are RUN_FAN_IN of
 * them; all runs are merged when the smaller ones together are twice the largest. So a
 * row is merged a few times only, and the runs are at most about three times as large as
 * what is different in them. Sums of a buffer that are not in int64_t, or not yet, leave
 * their carries in other runs (ingest/carries.h).
 */

#include "batch/batch.h"

/* Rows of a full buffer: what sorts best. */
#define RUN_ROWS 16384u
#define RUN_FAN_IN 32u

/* Runs in descending order of size. */
struct run_list {
    struct spine_batch **batches;
    size_t count;
    size_t capacity;
    /* Runs from here on were added by a call that may still fail; when it does, they are
     * dropped. */
    size_t floor;
    /* The sum of some was not in int64_t: no merge until all are merged, which may bring
     * it back. */
    bool apart;
};

struct runs {
    struct layout layout;
    /* In any order; spans borrow from the caller that added the rows. */
    struct rows buffer;
    struct rows scratch;
    struct run_list list;
    struct run_list carries;
};

void runs_init(struct runs *runs, const struct layout *layout);
/* Frees all. Twice is harmless. */
void runs_release(struct runs *runs);
/* Forgets all rows; keeps the memory of the buffer. */
void runs_clear(struct runs *runs);

/* Makes a run of the buffer, which is empty afterwards. SPINE_NOMEM: nothing is lost, but
 * rows may have been added up. */
enum spine_status runs_close_buffer(struct runs *runs, struct spine_error *error);
/* Makes runs of all rows of checked `columns`; the buffer is empty before and after. On
 * failure the runs are what they were. */
enum spine_status runs_add_columns(struct runs *runs, const struct spine_columns *columns,
                                   struct spine_error *error);
/* Merges what is to be merged. SPINE_NOMEM: nothing is lost. */
enum spine_status runs_merge_due(struct runs *runs, struct spine_error *error);
/* The batch of all runs; none are left. The buffer must be empty. On failure the rows of
 * the runs are what they were. SPINE_OVERFLOW: a sum of all rows is not in int64_t. */
enum spine_status
runs_seal(struct runs *runs, struct spine_batch **out, struct spine_error *error);

#endif
