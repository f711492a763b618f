/* SPDX-License-Identifier: MIT */
#ifndef ROWS_BOUND_H
#define ROWS_BOUND_H

/*
 * rows/bound -- a position between sorted rows: every row is before it or behind it.
 *
 *     rows                  (3, 1)    (5, 2)    (5, 7)    (8, 4)
 *     key 5                        |
 *     key 5, after                                     |
 *     key 5, value 2               |
 *     key 5, value 2, after                  |
 *
 * Seeks and searches everywhere go to a bound: in flat rows (rows_lower_bound()), in an
 * image (image_search()), in a batch (reader_seek_bound()), in a cursor's window
 * (window_seek()). It is made once, and compared by code first.
 */

#include "rows/rows.h"

struct bound {
    /* The code; without a value the least code of the key, or the greatest (`after`). */
    uint64_t hi;
    uint64_t lo;
    /* Borrowed. A value of NULL: rows of the key are all on one side. */
    const struct cell *key;
    const struct cell *value;
    /* Is a row that equals key and value, or has the key, before the bound? */
    bool after;
};

struct bound bound_of(const struct layout *layout, const struct cell *key,
                      const struct cell *value, bool after);

#endif
