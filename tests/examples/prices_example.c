/* SPDX-License-Identifier: MIT */

/*
 * A join kept up to date, in C: what was sold, at the prices of today.
 *
 * `sales` has (product, sale) with the quantity as weight, `prices` has (product, price).
 * A step sells, and changes prices: -1 for the old one, +1 for the new one. The change of
 * the join is each side's change with what the other side has, first before and then
 * after the other side's own change; a pair adds quantity times price to the product's
 * weight in `revenue`. After every step that is compared with multiplying two arrays.
 */

#include "example.h"

#define PRODUCTS 50u
#define STEPS 200u

static void
add(struct spine_batcher *batcher, uint32_t product, union spine_datum value,
    int64_t weight)
{
    const struct spine_row row = {
        .key = spine_u32(product), .value = value, .weight = weight};
    struct spine_error error;

    need(spine_batcher_add(batcher, &row, &error), &error);
}

/* The pairs of the rows of `changes`, which it ends, and of those in `other`, by product.
 * One of the values is the price; `own_is_price` says whose. */
static void
join(struct spine_probe *probe, struct spine *other, struct spine_batch *changes,
     bool own_is_price, struct spine_batcher *revenue)
{
    struct spine_snapshot *snapshot;
    struct spine_probe_matches both;
    struct spine_error error;

    need(spine_take_snapshot(other, &snapshot, &error), &error);
    need(spine_snapshot_probe_batch(snapshot, probe, changes, NULL, &both, &error),
         &error);
    const uint32_t *const products = both.keys.keys;
    const struct spine_columns *const found = &both.found.columns;
    const uint64_t *const prices = own_is_price ? both.own.values : found->values;

    for (size_t k = 0, own = 0, first = 0; k < both.keys.rows; k++) {
        for (; own < both.own_ends[k]; own++)
            for (size_t row = first; row < both.found.ends[k]; row++)
                add(revenue, products[k], (union spine_datum){0},
                    both.own.weights[own] * found->weights[row] *
                        (int64_t)prices[own_is_price ? own : row]);
        first = (size_t)both.found.ends[k];
    }
    spine_batch_unref(changes);
    spine_snapshot_unref(snapshot);
}

static bool
is_right(struct spine *revenue, const int64_t *quantities, const int64_t *prices)
{
    struct spine_cursor *cursor;
    struct spine_error error;
    bool right = true;

    need(spine_cursor_open(revenue, &cursor, &error), &error);
    for (uint32_t product = 0; product < PRODUCTS; product++) {
        const bool found = spine_cursor_seek_key_exact(cursor, spine_u32(product));

        right = right && (found ? spine_cursor_weight(cursor) : 0) ==
                             quantities[product] * prices[product];
    }
    need(spine_cursor_error(cursor, &error), &error);
    spine_cursor_close(cursor);
    return right;
}

int
main(void)
{
    const struct spine_schema by_product = {.key = {.kind = SPINE_U32},
                                            .value = {.kind = SPINE_U64}};
    const struct spine_schema sums = {.key = {.kind = SPINE_U32}};
    int64_t quantities[PRODUCTS] = {0}, today[PRODUCTS] = {0};
    struct spine *sales, *prices, *revenue;
    struct spine_runtime *runtime;
    struct spine_probe *probe;
    struct spine_error error;

    need(spine_probe_new(&probe, &error), &error);
    need(spine_runtime_open(NULL, &runtime, &error), &error);
    need(spine_open(runtime, &by_product, NULL, &sales, &error), &error);
    need(spine_open(runtime, &by_product, NULL, &prices, &error), &error);
    need(spine_open(runtime, &sums, NULL, &revenue, &error), &error);
    for (uint64_t step = 0; step < STEPS; step++) {
        struct spine_batcher *const sold = batcher_of(sales);
        struct spine_batcher *const changed = batcher_of(prices);
        struct spine_batcher *const result = batcher_of(revenue);

        for (unsigned i = 0; i < 30; i++) {
            const uint32_t product = draw(PRODUCTS);
            const int64_t quantity = 1 + draw(9);

            add(sold, product, spine_u64(step * 100 + i), quantity);
            quantities[product] += quantity;
        }
        for (unsigned i = 0; i < 5; i++) {
            const uint32_t product = draw(PRODUCTS), price = 1 + draw(999);

            if (today[product] != 0)
                add(changed, product, spine_u64((uint64_t)today[product]), -1);
            add(changed, product, spine_u64(price), 1);
            today[product] = price;
        }
        join(probe, sales, insert_rows(prices, changed), true, result);
        join(probe, prices, insert_rows(sales, sold), false, result);
        spine_batch_unref(insert_rows(revenue, result));
        if (!is_right(revenue, quantities, today)) {
            (void)fprintf(stderr, "step %" PRIu64 " is not what arrays have\n", step);
            return 1;
        }
    }
    (void)printf("%u steps, each as two arrays have it\n", STEPS);
    spine_probe_free(probe);
    spine_close(sales);
    spine_close(prices);
    spine_close(revenue);
    spine_runtime_close(runtime);
    return 0;
}
