/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "base/assert.h"
#include "kernel/bucket.h"
#include "kernel/order.h"
#include "kernel/row_order.h"
#include "kernel/row_weights.h"

/*
 * rows_consolidate() for ROW_WIDE. Row numbers are sorted by prefix, ties by the whole
 * rows; equal rows are added up; at last the rows that are left move, once.
 */

enum { TIES_BY_INSERTION = 12 };

static bool sorted_and_different(const struct layout *layout, const struct rows *rows);
static bool
sort_numbers(const struct layout *layout, const struct rows *rows, uint64_t *numbers);
static bool sort_ties(const struct layout *layout, const struct rows *rows,
                      uint64_t *numbers, size_t count);
static void sort_by_rows(const struct layout *layout, const struct rows *rows,
                         uint64_t *numbers, size_t count, uint64_t *scratch);
static enum spine_status add_up(const struct layout *layout, const struct rows *rows,
                                uint64_t *numbers, size_t *count);
static void gather(const struct layout *layout, const struct rows *from,
                   const uint64_t *numbers, size_t count, struct rows *to);

enum spine_status
wide_consolidate(const struct layout *layout, struct rows *rows, struct rows *scratch)
{
    size_t count = rows->count;
    uint64_t *numbers;
    enum spine_status st;

    if (count == 0 || sorted_and_different(layout, rows))
        return SPINE_OK;
    numbers = mem_alloc_array(count, sizeof *numbers);
    st = SPINE_NOMEM;
    scratch->count = 0;
    if (numbers == NULL || !rows_reserve(layout, scratch, count) ||
        !sort_numbers(layout, rows, numbers))
        goto out;
    TRY(add_up(layout, rows, numbers, &count));
    gather(layout, rows, numbers, count, scratch);

    const struct rows sorted = *scratch;
    mem_free(numbers, rows->count * sizeof *numbers);
    numbers = NULL;
    *scratch = *rows;
    *rows = sorted;
    st = SPINE_OK;
out:
    mem_free(numbers, rows->count * sizeof *numbers);
    return st;
}

static bool
sorted_and_different(const struct layout *layout, const struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        if (weights_are_zero(layout, rows, i) ||
            (i > 0 && rows_compare(layout, rows, i - 1, rows, i) >= 0))
            return false;
    return true;
}

/* The numbers of all rows, in the order of the rows. */
static bool
sort_numbers(const struct layout *layout, const struct rows *rows, uint64_t *numbers)
{
    struct order order = {0};
    bool sorted = order_begin(&order, rows->count);

    if (sorted) {
        memcpy(order.pairs.hi, rows->hi, rows->count * sizeof *rows->hi);
        for (size_t i = 0; i < rows->count; i++)
            order.pairs.lo[i] = i;
        sorted = order_sort(&order);
    }
    if (sorted)
        memcpy(numbers, order.pairs.lo, rows->count * sizeof *numbers);
    for (size_t begin = 0, end; sorted && begin < rows->count; begin = end) {
        end = begin + 1;
        while (end < rows->count && order.pairs.hi[end] == order.pairs.hi[begin])
            end++;
        sorted = sort_ties(layout, rows, numbers + begin, end - begin);
    }
    order_release(&order);
    return sorted;
}

/* `numbers` of rows with the same hi. Where that is the whole key, many of them are
 * sorted by lo before rows are compared. */
static bool
sort_ties(const struct layout *layout, const struct rows *rows, uint64_t *numbers,
          size_t count)
{
    struct order order = {0};

    if (count == 1)
        return true;
    if (count <= TIES_BY_INSERTION) {
        sort_by_rows(layout, rows, numbers, count, NULL);
        return true;
    }
    bool sorted = order_begin(&order, count);

    for (size_t i = 0; sorted && i < count; i++) {
        order.pairs.hi[i] = layout->key.spans ? 0 : rows->lo[numbers[i]];
        order.pairs.lo[i] = numbers[i];
    }
    if (!layout->key.spans)
        sorted = sorted && order_sort(&order);
    for (size_t begin = 0, end; sorted && begin < count; begin = end) {
        end = begin + 1;
        while (end < count && order.pairs.hi[end] == order.pairs.hi[begin])
            end++;
        memcpy(numbers + begin, order.pairs.lo + begin, (end - begin) * sizeof *numbers);
        sort_by_rows(layout, rows, numbers + begin, end - begin, order.pairs.lo + begin);
    }
    order_release(&order);
    return sorted;
}

/* Merge sort; `scratch` of `count` numbers is needed above TIES_BY_INSERTION. */
static void
sort_by_rows(const struct layout *layout, const struct rows *rows, uint64_t *numbers,
             size_t count, uint64_t *scratch)
{
    if (count <= TIES_BY_INSERTION) {
        for (size_t i = 1; i < count; i++) {
            const uint64_t number = numbers[i];
            size_t hole = i;

            for (; hole > 0 &&
                   rows_compare(layout, rows, numbers[hole - 1], rows, number) > 0;
                 hole--)
                numbers[hole] = numbers[hole - 1];
            numbers[hole] = number;
        }
        return;
    }
    const size_t half = count / 2;
    size_t left = 0, right = half, at = 0;

    sort_by_rows(layout, rows, numbers, half, scratch);
    sort_by_rows(layout, rows, numbers + half, count - half, scratch);
    if (rows_compare(layout, rows, numbers[half - 1], rows, numbers[half]) <= 0)
        return;
    memcpy(scratch, numbers, half * sizeof *numbers);
    while (left < half) {
        const bool take_right = right < count && rows_compare(layout, rows, scratch[left],
                                                              rows, numbers[right]) > 0;

        numbers[at++] = take_right ? numbers[right++] : scratch[left++];
    }
}

/* Adds the weights of equal rows into the first of them, and drops the numbers of the
 * others and of rows that weigh nothing. */
static enum spine_status
add_up(const struct layout *layout, const struct rows *rows, uint64_t *numbers,
       size_t *count)
{
    enum spine_status st = SPINE_OK;
    size_t kept = 0;

    for (size_t i = 0; i < *count; i++) {
        const size_t number = numbers[i], last = kept > 0 ? numbers[kept - 1] : 0;

        if (kept > 0 && rows->hi[number] == rows->hi[last] &&
            rows_compare(layout, rows, last, rows, number) == 0) {
            TRY(weights_add(layout, rows, last, number));
            continue;
        }
        if (kept > 0 && weights_are_zero(layout, rows, last))
            kept--;
        numbers[kept++] = number;
    }
    if (kept > 0 && weights_are_zero(layout, rows, numbers[kept - 1]))
        kept--;
    *count = kept;
out:
    return st;
}

static void
gather_words(const uint64_t *from, const uint64_t *numbers, size_t count, uint64_t *to)
{
    for (size_t i = 0; i < count; i++)
        to[i] = from[numbers[i]];
}

static void
gather_spans(const struct span *from, const uint64_t *numbers, size_t count,
             struct span *to)
{
    for (size_t i = 0; i < count; i++)
        to[i] = from[numbers[i]];
}

static void
gather(const struct layout *layout, const struct rows *from, const uint64_t *numbers,
       size_t count, struct rows *to)
{
    const size_t weights = layout->weight_count;

    gather_words(from->hi, numbers, count, to->hi);
    gather_words(from->lo, numbers, count, to->lo);
    if (layout->timed)
        gather_words(from->time, numbers, count, to->time);
    if (layout->key.spans)
        gather_spans(from->key, numbers, count, to->key);
    if (layout->value.spans)
        gather_spans(from->value, numbers, count, to->value);
    for (size_t i = 0; i < count; i++)
        for (unsigned c = 0; c < weights; c++)
            to->weight[i * weights + c] = from->weight[numbers[i] * weights + c];
    to->count = count;
}
