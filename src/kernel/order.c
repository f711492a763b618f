/* SPDX-License-Identifier: MIT */
#include "kernel/order.h"

#include "kernel/bucket.h"

const struct layout order_layout = {
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

bool
order_sort_part(struct order *order, size_t begin, size_t count)
{
    const struct rows place = {.hi = order->pairs.hi + begin,
                               .lo = order->pairs.lo + begin,
                               .weight = order->pairs.weight + begin,
                               .count = count,
                               .capacity = count};
    struct rows part = place;
    const enum spine_status st = rows_consolidate(&order_layout, &part, &order->scratch);

    /* The two may have been swapped; what is sorted goes back to its place. */
    if (part.hi != place.hi) {
        const struct rows sorted = part;

        memcpy(place.hi, sorted.hi, count * sizeof *place.hi);
        memcpy(place.lo, sorted.lo, count * sizeof *place.lo);
        memcpy(place.weight, sorted.weight, count * sizeof *place.weight);
        order->scratch = sorted;
    }
    return st == SPINE_OK;
}
