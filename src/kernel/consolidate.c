/* SPDX-License-Identifier: MIT */

/* Sorting rows of any kind: which function does it. */

#include "kernel/bucket.h"

enum spine_status
rows_consolidate(const struct layout *layout, struct rows *rows, struct rows *scratch)
{
    return layout->row_kind == ROW_WIDE ? wide_consolidate(layout, rows, scratch)
                                        : codes_consolidate(layout, rows, scratch);
}
