/* SPDX-License-Identifier: MIT */

/* Rows as they are seen through a time: later ones go, the others lose their times. */

#include "rows/through.h"

#include "base/assert.h"
#include "rows/rows.h"

void
rows_keep_through(const struct layout *layout, struct rows *rows, size_t begin,
                  uint64_t through)
{
    const enum spine_time order = layout->schema.time;
    const size_t count = rows->count;
    size_t kept = begin;

    assert(layout->timed && begin <= count);
    for (size_t at = begin, end; at < count; at = end + 1) {
        /* Rows [at, end) stay, row `end` does not. */
        end = at;
        while (end < count && spine_time_less_equal(order, rows->time[end], through))
            end++;
        rows_move(layout, rows, kept, at, end);
        kept += end - at;
    }
    rows->count = kept;
    for (size_t at = begin; at < kept; at++)
        rows->time[at] = 0;
}
