/* SPDX-License-Identifier: MIT */
#ifndef ROWS_THROUGH_H
#define ROWS_THROUGH_H

/*
 * rows/through -- rows as they are seen through a time: those whose times are less than
 * or equal to it, as if they had none. Rows of one value are alike then, and a kway whose
 * `inputs_repeat` adds them up.
 */

#include <stddef.h>
#include <stdint.h>

struct layout;
struct rows;

/* Of timed rows from `begin` on, drops those whose time is not less than or equal to
 * `through`, and gives the others the time 0. */
void rows_keep_through(const struct layout *layout, struct rows *rows, size_t begin,
                       uint64_t through);

#endif
