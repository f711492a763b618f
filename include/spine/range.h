/* SPDX-License-Identifier: MIT */
#ifndef SPINE_RANGE_H
#define SPINE_RANGE_H

/*
 * Probes of ranges: the rows of many ranges of keys at once, such as all keys that begin
 * with one of many prefixes. It is what a join by the first columns of a key needs, and
 * quicker than to move a cursor from range to range.
 *
 *     const struct spine_column_data customers[] = {{.values = numbers}};
 *     const struct spine_tuple_prefixes prefixes = {
 *         .rows = 1000, .count = 1, .columns = customers};
 *
 *     spine_tuple_prefix_ranges(page, schema.key_tuple, &prefixes, &ranges, error);
 *     spine_snapshot_probe_ranges(snapshot, probe, &ranges, NULL, &rows, error);
 *     spine_tuple_decode(other_page, &schema, &rows.columns, &columns, error);
 *     for (size_t k = 0, row = 0; k < rows.keys; k++)
 *         for (; row < rows.ends[k]; row++)
 *             use(numbers[k], columns.keys, columns.values, columns.weights[row]);
 */

#include "spine/probe.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Ranges of keys in order, none of which overlaps another: each has the keys from its
 * lower one on and before its upper one, which is the next one's lower one at most. Both
 * are columns of cells, as struct spine_columns has those of keys.
 */
struct spine_key_ranges {
    size_t ranges;
    const void *lower;
    const uint64_t *lower_offsets;
    const void *upper;
    const uint64_t *upper_offsets;
    /* The last range has no upper key, and `upper` no cell for it. */
    bool last_is_open;
};

/*
 * spine_snapshot_probe() of ranges: `out->keys`, `first_key`, `found` and `ends` are
 * about ranges, and `out->columns` has the keys of the rows, too. Rows are in the order
 * of (key, value, time). The ranges are borrowed for the call; with `rows_max`, until
 * `out->more` is false. What is left comes with spine_probe_next().
 *
 * SPINE_INVALID for ranges that overlap or are not in order, for a schema without keys
 * and for a filter in `options`; otherwise as spine_snapshot_probe().
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_snapshot_probe_ranges(struct spine_snapshot *snapshot, struct spine_probe *probe,
                            const struct spine_key_ranges *ranges,
                            const struct spine_probe_options *options,
                            struct spine_probe_rows *out, struct spine_error *error);

#ifdef __cplusplus
}
#endif

#endif
