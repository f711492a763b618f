/* SPDX-License-Identifier: MIT */
#ifndef ROWS_ROW_ORDER_H
#define ROWS_ROW_ORDER_H

/*
 * How two rows compare. Inlined into loops with a constant `kind`, so that what a kind
 * does not have costs nothing.
 */

#include "rows/rows.h"

#define INLINE_ALWAYS static inline __attribute__((always_inline))

/* Branch-free once inlined. */
INLINE_ALWAYS int
word_compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* For spans whose first eight bytes are known to be equal, padding included. */
INLINE_ALWAYS bool
span_equal(struct span a, struct span b)
{
    return a.size == b.size &&
           (a.size <= 8 || memcmp(a.data + 8, b.data + 8, a.size - 8) == 0);
}

/* Rows of one order, by key only. */
INLINE_ALWAYS bool
row_key_equal(const struct layout *layout, enum row_kind kind, const struct rows *a,
              size_t at_a, const struct rows *b, size_t at_b)
{
    if (layout->key.shape == SHAPE_NONE)
        return true;
    if (kind == ROW_ONE)
        return a->hi[at_a] >> layout->key_shift == b->hi[at_b] >> layout->key_shift;
    if (a->hi[at_a] != b->hi[at_b])
        return false;
    if (kind == ROW_TWO)
        return layout->key.shape != SHAPE_FIXED || a->lo[at_a] == b->lo[at_b];
    return !layout->key.spans || span_equal(a->key[at_a], b->key[at_b]);
}

/* By key and value. */
INLINE_ALWAYS bool
row_equal(const struct layout *layout, enum row_kind kind, const struct rows *a,
          size_t at_a, const struct rows *b, size_t at_b)
{
    if (a->hi[at_a] != b->hi[at_b])
        return false;
    if (kind == ROW_ONE)
        return true;
    if (a->lo[at_a] != b->lo[at_b])
        return false;
    if (kind == ROW_TWO)
        return true;
    return (!layout->key.spans || span_equal(a->key[at_a], b->key[at_b])) &&
           (!layout->value.spans || span_equal(a->value[at_a], b->value[at_b]));
}

/* <0, 0, >0 by key and value; `descending`: words are complemented, spans are not. */
INLINE_ALWAYS int
row_compare(const struct layout *layout, enum row_kind kind, bool descending,
            const struct rows *a, size_t at_a, const struct rows *b, size_t at_b)
{
    int order = word_compare(a->hi[at_a], b->hi[at_b]);

    if (order != 0 || kind == ROW_ONE)
        return order;
    if (kind == ROW_WIDE && layout->key.spans) {
        order = span_compare(a->key[at_a], b->key[at_b]);
        if (order != 0)
            return descending ? -order : order;
    }
    order = word_compare(a->lo[at_a], b->lo[at_b]);
    if (order != 0 || kind == ROW_TWO || !layout->value.spans)
        return order;
    order = span_compare(a->value[at_a], b->value[at_b]);
    return descending ? -order : order;
}

#endif
