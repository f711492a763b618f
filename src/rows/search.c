/* SPDX-License-Identifier: MIT */

/* Comparing and searching in sorted rows: where a key or a value ends, by steps that
 * double, and bounds by halving. */

#include "rows/bound.h"

#include "base/assert.h"
#include "rows/row_order.h"

static size_t find_bound(const struct layout *layout, const struct rows *rows,
                         size_t begin, size_t end, const struct bound *bound);

int
rows_compare(const struct layout *layout, const struct rows *a, size_t at_a,
             const struct rows *b, size_t at_b)
{
    const int order = row_compare(layout, layout->row_kind, false, a, at_a, b, at_b);

    if (order != 0 || !layout->timed)
        return order;
    return word_compare(a->time[at_a], b->time[at_b]);
}

/* The first row in (at, end) that is not like row `at`: steps double, then halve. */
INLINE_ALWAYS size_t
gallop_equal(const struct layout *layout, enum row_kind kind, bool with_value,
             const struct rows *rows, size_t at, size_t end)
{
    size_t low = at, step = 1; /* row `low` is like row `at` */

    assert(at < end && end <= rows->count);
    while (step < end - low &&
           (with_value ? row_equal(layout, kind, rows, at, rows, low + step)
                       : row_key_equal(layout, kind, rows, at, rows, low + step))) {
        low += step;
        step *= 2;
    }
    size_t high = step < end - low ? low + step : end;

    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;

        if (with_value ? row_equal(layout, kind, rows, at, rows, middle)
                       : row_key_equal(layout, kind, rows, at, rows, middle))
            low = middle;
        else
            high = middle;
    }
    return high;
}

size_t
rows_key_end(const struct layout *layout, const struct rows *rows, size_t at, size_t end)
{
    switch (layout->row_kind) {
    case ROW_ONE:
        return gallop_equal(layout, ROW_ONE, false, rows, at, end);
    case ROW_TWO:
        return gallop_equal(layout, ROW_TWO, false, rows, at, end);
    case ROW_WIDE:
        break;
    }
    return gallop_equal(layout, ROW_WIDE, false, rows, at, end);
}

size_t
rows_value_end(const struct layout *layout, const struct rows *rows, size_t at,
               size_t end)
{
    if (layout->row_kind == ROW_WIDE)
        return gallop_equal(layout, ROW_WIDE, true, rows, at, end);
    if (layout->row_kind == ROW_TWO)
        return gallop_equal(layout, ROW_TWO, true, rows, at, end);
    return gallop_equal(layout, ROW_ONE, true, rows, at, end);
}

size_t
rows_lower_bound(const struct layout *layout, const struct rows *rows, size_t begin,
                 size_t end, const struct cell *key, const struct cell *value)
{
    const struct bound bound = bound_of(layout, key, value, false);

    return find_bound(layout, rows, begin, end, &bound);
}

size_t
rows_upper_bound(const struct layout *layout, const struct rows *rows, size_t begin,
                 size_t end, const struct cell *key, const struct cell *value)
{
    const struct bound bound = bound_of(layout, key, value, true);

    return find_bound(layout, rows, begin, end, &bound);
}

/*
 * For codes a missing value is the least or the greatest one. A column without cells has
 * word 0 in every row; without a key, a bound by key alone is before or after all.
 */
struct bound
bound_of(const struct layout *layout, const struct cell *key, const struct cell *value,
         bool after)
{
    const uint64_t rest = after ? UINT64_MAX : 0;
    struct bound bound = {.key = key, .value = value, .after = after};

    if (layout->row_kind == ROW_ONE) {
        const unsigned shift = layout->key_shift;

        bound.hi = shift < 64 ? key->word << shift : 0;
        if (shift > 0)
            bound.hi |= value != NULL ? value->word : rest >> (64 - shift);
    } else if (layout->row_kind == ROW_TWO && layout->key.shape == SHAPE_FIXED) {
        bound.hi = key->word;
        bound.lo = key->rest;
    } else if (layout->row_kind == ROW_TWO && layout->value.shape == SHAPE_FIXED) {
        bound.hi = value != NULL ? value->word : rest;
        bound.lo = value != NULL ? value->rest : rest;
    } else {
        bound.hi = key->word;
        bound.lo = value != NULL ? value->word : rest;
    }
    return bound;
}

INLINE_ALWAYS bool
row_before(const struct layout *layout, enum row_kind kind, const struct rows *rows,
           size_t at, const struct bound *bound)
{
    int order = word_compare(rows->hi[at], bound->hi);

    if (kind != ROW_ONE && order == 0) {
        if (kind == ROW_WIDE && layout->key.spans)
            order = span_compare(rows->key[at], bound->key->span);
        if (order == 0)
            order = word_compare(rows->lo[at], bound->lo);
        if (order == 0 && kind == ROW_WIDE && layout->value.spans && bound->value != NULL)
            order = span_compare(rows->value[at], bound->value->span);
    }
    return bound->after ? order <= 0 : order < 0;
}

INLINE_ALWAYS size_t
gallop_bound(const struct layout *layout, enum row_kind kind, const struct rows *rows,
             size_t begin, size_t end, const struct bound *bound)
{
    size_t low = begin, step = 1; /* rows in [begin, low) are before the bound */

    while (step <= end - low && row_before(layout, kind, rows, low + step - 1, bound)) {
        low += step;
        step *= 2;
    }
    size_t count = step <= end - low ? step - 1 : end - low;

    while (count > 0) {
        const size_t half = count / 2;

        if (row_before(layout, kind, rows, low + half, bound)) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return low;
}

static size_t
find_bound(const struct layout *layout, const struct rows *rows, size_t begin, size_t end,
           const struct bound *bound)
{
    assert(begin <= end && end <= rows->count);
    switch (layout->row_kind) {
    case ROW_ONE:
        return gallop_bound(layout, ROW_ONE, rows, begin, end, bound);
    case ROW_TWO:
        return gallop_bound(layout, ROW_TWO, rows, begin, end, bound);
    case ROW_WIDE:
        break;
    }
    return gallop_bound(layout, ROW_WIDE, rows, begin, end, bound);
}
