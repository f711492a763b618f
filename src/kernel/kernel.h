/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

/*
 * kernel/ -- sorting and merging of rows, specialised by their kind.
 *
 * The main kernel is kway_fill(): the next rows of k sorted inputs, merged, equal rows
 * added up, zeros dropped. Merges, cursors and the batcher are loops around it.
 * rows_consolidate() sorts rows that come in no order.
 *
 * Kernels lock nothing, and dispatch by kind once per call, never per row. Any thread;
 * a struct belongs to one thread at a time.
 *
 * Which method merges the rows of one fill:
 *
 *     rows                     when                                method
 *     any                      fewer than 128 rows are wanted,     heap
 *                              or there are more than 512 inputs
 *     any                      a value of many times is open       heap (open_value.h)
 *     one or two words         a window of one input               its rows are copied
 *     one or two words         few passes: merge_tree_suits()      merges of two runs
 *                                                                  (merge_tree.h)
 *     one or two words         otherwise                           buckets
 *                                                                  (bucket_template.h)
 *     wide, ascending                                              handles sorted
 *                                                                  (wide_order.h)
 *     wide, descending                                             heap
 *
 * and which one merges two runs, a short one of s rows and a long one of n:
 *
 *     n <= 3 s      row by row, from both ends at once (merge_template.h)
 *     n <= 48 s     the same, but that 8 rows of the long run may be copied at once
 *     otherwise     all rows of the long run between two of the short one are copied
 *                   (sparse_template.h)
 *
 * A window is all rows of all inputs up to a bound, which is chosen such that they are
 * staged, and about as many as are wanted (window_template.h). Example, three inputs of
 * codes, of which 12 rows are wanted (the 128 above left aside):
 *
 *     a   2 5 9 14 ...       share 4; its row 5 has weight -1, all others have 1
 *     b   1 3 5 8 20 ...     share 4
 *     c   4 6 7 30 ...       share 4
 *
 *     bound        min(14, 8, 30) = 8, the least last row of a share
 *     window       a: 2 5    b: 1 3 5 8    c: 4 6 7
 *     merged       the two shortest first, a and c: 2 4 5 6 7
 *                  then b: 1 2 3 4 5 5 6 7 8
 *     added up     1 2 3 4 6 7 8
 *
 * No input has another row up to 8, so equal rows are never in two windows. The next fill
 * begins with 9.
 */

#include "rows/rows.h"

/*
 * Sorts all of `rows`, adds up equal ones, drops zeros. `scratch` is any rows of the
 * layout, overwritten; it may be swapped with `rows`. Best at 2,000 to 16,000 rows;
 * 2^32 rows and more are SPINE_INVALID.
 * SPINE_OVERFLOW when the sum of equal rows, in whatever order they come, is not in
 * int64_t: all others are sorted and added up, and those are side by side. SPINE_NOMEM
 * leaves rows in any order.
 */
enum spine_status
rows_consolidate(const struct layout *layout, struct rows *rows, struct rows *scratch);

#include "kernel/kway.h"

#endif
