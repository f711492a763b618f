/* SPDX-License-Identifier: MIT */
#ifndef PROBE_PROBE_OWN_H
#define PROBE_PROBE_OWN_H

/*
 * probe/probe_own -- the batch whose keys a probe looks up. Part of probe/probe_state.h,
 * which includes it.
 */

#include "batch/batch.h"

struct spine_cursor;

/* An array with room for `room` bytes. */
struct probe_array {
    void *data;
    size_t room;
};

/*
 * The batch whose keys are looked up: its rows from somewhere on, as columns, and the
 * keys of these rows, each once. The last key may go on in the batch.
 */
struct probe_own {
    /* Over the batch, behind the rows that are here; NULL: the keys are the caller's. */
    struct spine_cursor *cursor;
    struct cell_layout key;
    struct cell_layout value;
    unsigned weight_count;
    bool timed;
    /* Have all rows been read? */
    bool at_end;
    /* Rows after which no more are read before some are given. */
    size_t want;
    /* Keys that were given and are not here any more. */
    size_t keys_before;
    /* How many of the keys here, from the first one on, the probe looks up now. */
    size_t keys_asked;

    size_t row_count;
    struct probe_array values;
    struct probe_array value_offsets;
    struct probe_array times;
    struct probe_array weights;
    /* The keys of the rows of one read. */
    struct probe_array read_keys;
    struct probe_array read_offsets;

    /* The keys, and where the rows of each end. */
    size_t key_count;
    struct probe_array keys;
    struct probe_array key_offsets;
    struct probe_array ends;
    /* The same, from the first row of a call on. */
    struct probe_array given_ends;
};

/* Begins with the batch; some `rows_max` rows are enough for a call, 0: only all are.
 * SPINE_NOMEM. */
enum spine_status probe_own_begin(struct probe_own *own, struct spine_batch *batch,
                                  size_t rows_max, struct spine_error *error);
/* Lets the batch go, but no memory; twice is harmless. */
void probe_own_end(struct probe_own *own);
void probe_own_release(struct probe_own *own);
/* Drops the keys that were asked, and reads on until there are all rows of some key:
 * the keys that are whole are the next to ask. */
enum spine_status probe_own_read(struct probe_own *own, struct spine_error *error);

#endif
