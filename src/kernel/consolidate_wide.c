/* SPDX-License-Identifier: MIT */
#include "base/error.h"
#include "kernel/bucket.h"
#include "kernel/wide_order.h"
#include "rows/row_weights.h"

/*
 * rows_consolidate() for ROW_WIDE. Handles of rows are sorted; then the rows that are
 * left move, once.
 */

static bool sorted_and_different(const struct layout *layout, const struct rows *rows);
static bool any_is_zero(const struct layout *layout, const struct rows *rows);

enum spine_status
wide_consolidate(const struct layout *layout, struct rows *rows, struct rows *scratch)
{
    const bool zeros = any_is_zero(layout, rows);
    const struct history_rule rule = {0};
    struct wide_order wide = {0};
    enum spine_status st;

    /* Handles count rows in 32 bits. */
    if (rows->count > UINT32_MAX)
        return SPINE_INVALID;
    if (!zeros && sorted_and_different(layout, rows))
        return SPINE_OK;
    scratch->count = 0;
    st = SPINE_NOMEM;
    if (!wide_order_begin(&wide, layout, 1, rows->count) ||
        !rows_reserve(layout, scratch, rows->count))
        goto out;
    wide_order_add(&wide, rows, 0, rows->count);
    if (!wide_order_sort(&wide, 0))
        goto out;
    st = wide_order_write(&wide, &rule, zeros, scratch);
    if (st != SPINE_OK && st != SPINE_OVERFLOW)
        goto out;

    const struct rows sorted = *scratch;

    *scratch = *rows;
    *rows = sorted;
out:
    wide_order_release(&wide);
    return st;
}

static bool
sorted_and_different(const struct layout *layout, const struct rows *rows)
{
    for (size_t i = 1; i < rows->count; i++)
        if (rows_compare(layout, rows, i - 1, rows, i) >= 0)
            return false;
    return true;
}

static bool
any_is_zero(const struct layout *layout, const struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        if (weights_are_zero(layout->weight_count,
                             rows->weight + i * layout->weight_count))
            return true;
    return false;
}
