/* SPDX-License-Identifier: MIT */

/* Sorting pairs of a word and a handle, by the kernel of two words. */

#include "kernel/order.h"

#include "kernel/bucket.h"

const struct layout order_layout = {
    .key = {.kind = SPINE_U64, .shape = SHAPE_WORD8, .bytes = 8, .native_bytes = 8},
    .value = {.kind = SPINE_U64, .shape = SHAPE_WORD8, .bytes = 8, .native_bytes = 8},
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
    return true;
}

/* Rows of weight 0 would be dropped. */
static void
weigh_pairs(struct order *order, size_t begin, size_t count)
{
    for (size_t i = begin; i < begin + count; i++)
        order->pairs.weight[i] = 1;
}

bool
order_sort(struct order *order)
{
    weigh_pairs(order, 0, order->pairs.count);
    return codes_consolidate(&order_layout, &order->pairs, &order->scratch) == SPINE_OK;
}

bool
order_sort_part(struct order *order, size_t begin, size_t count)
{
    const struct rows *sorted = &order->scratch;
    struct lent_rows part = {.hi = order->pairs.hi + begin,
                             .lo = order->pairs.lo + begin,
                             .weight = order->pairs.weight + begin,
                             .count = count,
                             .capacity = count};
    bool moved;

    weigh_pairs(order, begin, count);
    if (two_sort(&order_layout, &part, &order->scratch, &moved) != SPINE_OK)
        return false;
    if (moved) {
        memcpy(part.hi, sorted->hi, count * sizeof *part.hi);
        memcpy(part.lo, sorted->lo, count * sizeof *part.lo);
        memcpy(part.weight, sorted->weight, count * sizeof *part.weight);
    }
    return true;
}
