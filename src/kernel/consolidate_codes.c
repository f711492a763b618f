/* SPDX-License-Identifier: MIT */

/* rows_consolidate() for codes: sorted in place, or into the scratch rows, which are
 * swapped. */

#include "kernel/bucket.h"

enum spine_status
codes_consolidate(const struct layout *layout, struct rows *rows, struct rows *scratch)
{
    struct lent_rows lent = rows_lend(rows);
    bool moved;
    enum spine_status st;

    /* Buckets count in 32 bits. */
    if (rows->count > UINT32_MAX)
        return SPINE_INVALID;
    st = layout->row_kind == ROW_ONE ? one_sort(layout, &lent, scratch, &moved)
                                     : two_sort(layout, &lent, scratch, &moved);
    if (moved) {
        const struct rows sorted = *scratch;

        *scratch = *rows;
        *rows = sorted;
    } else {
        rows->count = lent.count;
    }
    return st;
}
