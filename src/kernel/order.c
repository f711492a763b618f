/* SPDX-License-Identifier: MIT */
#include "kernel/order.h"

#include "kernel/bucket.h"

static const struct layout order_layout = {
    .key = {SPINE_U64, SHAPE_WORD8, 8, 8, false},
    .value = {SPINE_U64, SHAPE_WORD8, 8, 8, false},
    .row_kind = ROW_TWO,
    .weight_count = 1,
};

void
order_release(struct order *order)
{
    rows_release(&order_layout, &order->pairs);
    rows_release(&order_layout, &order->scratch);
}

bool
order_begin(struct order *order, size_t count)
{
    order->pairs.count = 0;
    if (!rows_reserve(&order_layout, &order->pairs, count))
        return false;
    order->pairs.count = count;
    for (size_t i = 0; i < count; i++)
        order->pairs.weight[i] = 1;
    return true;
}

bool
order_sort(struct order *order)
{
    return rows_consolidate(&order_layout, &order->pairs, &order->scratch) == SPINE_OK;
}
