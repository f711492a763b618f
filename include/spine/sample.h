/* SPDX-License-Identifier: MIT */
#ifndef SPINE_SAMPLE_H
#define SPINE_SAMPLE_H

/*
 * Samples and partitions of the keys of a snapshot. A key is *live* when a cursor of
 * the snapshot shows it: with times, when some row of it has a time whose weights do not
 * sum to zero.
 *
 * Keys come as a batch: the snapshot's key type, no value, untimed, weight 1; read it
 * with a cursor. The same seed on the same batches gives the same keys.
 */

#include "spine/batch.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spine_snapshot;

/*
 * Exactly min(count, live keys) different live keys, every set of that many being equally
 * likely. Few keys of many cost some seeks each; otherwise, or when most keys turn out
 * not to be live, two scans.
 *
 * The caller owns the reference in `*out`. SPINE_NOMEM, SPINE_OVERFLOW, and SPINE_IO or
 * SPINE_CORRUPT of a batch that cannot be read. Any thread.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_snapshot_sample(struct spine_snapshot *snapshot, uint64_t count, uint64_t seed,
                      struct spine_batch **out, struct spine_error *error);

/*
 * `parts - 1` ascending live keys that split the live keys into `parts` ranges, each from
 * its key up to the next one, of nearly the same size (a few per cent, from a sample of
 * some hundred keys a part; exact when there are no more keys than that). Fewer when
 * there are fewer than `parts` live keys: each is then a boundary, but for the first.
 * `parts` of 0 is SPINE_INVALID.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_snapshot_partition(struct spine_snapshot *snapshot, uint64_t parts, uint64_t seed,
                         struct spine_batch **out, struct spine_error *error);

#ifdef __cplusplus
}
#endif

#endif
