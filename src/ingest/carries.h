/* SPDX-License-Identifier: MIT */
#ifndef INGEST_CARRIES_H
#define INGEST_CARRIES_H

/*
 * ingest/carries -- sums of many rows that are not in int64_t, and may come back.
 *
 *     sum of a row's weights = carry * CARRY_WEIGHT + rest      the rest is in int64_t
 *
 * A run has the rests. The carries are runs of their own, whose weights are numbers of
 * CARRY_WEIGHTs, and are merged as others are. When all rows are there, the carries are
 * made into *layers*, batches whose weights are -CARRY_WEIGHT, 0 or CARRY_WEIGHT, and
 * merged with the rests: that adds up in any order.
 *
 *     rows     INT64_MAX, INT64_MAX, INT64_MAX
 *     carry    6                          rest  -3
 *     layers   six of CARRY_WEIGHT each
 *
 * A rest is as much as a few CARRY_WEIGHTs at most, so that more layers than about twice
 * as many as there are runs of rests cannot come back: they are not made.
 */

#include "batch/batch.h"

#define CARRY_WEIGHT (INT64_C(1) << 62)

/*
 * Appends the carries of sorted rows to the empty `carries`, in their order: of each row
 * that has equal ones behind it, as rows_consolidate() leaves them where a sum is not in
 * int64_t. False without memory. Spans are borrowed.
 */
bool carries_of_rows(const struct layout *layout, const struct rows *rows,
                     struct rows *carries);
/* Adds up those equal rows but for their carries, and drops what is zero then. */
void carries_leave_rests(const struct layout *layout, struct rows *rows);

/* The number of layers that a batch of carries is made into. SPINE_NOMEM. */
enum spine_status carries_count_layers(const struct spine_batch *carries, uint64_t *out);
/* Fails with SPINE_OVERFLOW and names the first row that takes `layers` layers; or with
 * SPINE_NOMEM. */
enum spine_status carries_fail(const struct spine_batch *carries, uint64_t layers,
                               struct spine_error *error);
/* Makes a layer of carries; `*rest`, a reference or NULL, is what is left of them.
 * SPINE_NOMEM. */
enum spine_status carries_take_layer(const struct spine_batch *carries,
                                     struct spine_batch **layer,
                                     struct spine_batch **rest);

#endif
