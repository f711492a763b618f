/* SPDX-License-Identifier: MIT */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

/*
 * probe/ -- the rows of many keys at once (spine/probe.h).
 *
 * A probe goes batch by batch, each time with all keys (of a chunk of some thousands):
 *
 *     keys --range of the batch--> --its filter--> candidates --search--> hits
 *
 * Each step leaves less for the next, which costs more. Hits are chained by key. A key
 * with one hit is copied from its block. Rows of words that several batches have are
 * merged key by key, where they are given; other rows, and those that come in pieces, of
 * all such keys in one k-way merge, which sees only their rows.
 *
 * The keys are the caller's or those of a batch, some thousand rows at a time, whose rows
 * are then given beside what was found.
 *
 * Ranges go the same way: a key is where one begins, no filter is asked, and the rows of
 * a hit have different keys, which are given, too.
 */

#include "batch/batch.h"
#include "spine/range.h"

struct probe_input {
    const struct layout *layout;
    /* Of the layout; a reference is kept to each until there is no more to give. */
    struct spine_batch *const *batches;
    size_t batch_count;
    /* May be NULL. A reference is kept as long. */
    struct lookup_ledger *ledger;
    const struct spine_columns *keys;
    /* Not NULL: what is asked for instead of keys. */
    const struct spine_key_ranges *ranges;
    /* NULL: the defaults. */
    const struct spine_probe_options *options;
};

/* spine_snapshot_probe(), or spine_snapshot_probe_ranges(), of these batches. */
enum spine_status probe_begin(struct spine_probe *probe, const struct probe_input *input,
                              struct spine_probe_rows *out, struct spine_error *error);
/* spine_snapshot_probe_batch() of these batches; `input->keys` is not read. */
enum spine_status
probe_begin_batch(struct spine_probe *probe, const struct probe_input *input,
                  struct spine_batch *batch, struct spine_probe_matches *out,
                  struct spine_error *error);

#endif
