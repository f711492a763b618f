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
