/* SPDX-License-Identifier: MIT */

/* The times of a value: advanced, sorted, and their weights added up. */

#include "kernel/history.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/planted.h"
#include "kernel/order.h"
#include "rows/row_order.h"
#include "rows/row_weights.h"

enum { TIMES_BY_INSERTION = 16 };

static bool
sort_times(const struct layout *layout, bool descending, struct rows *rows, size_t begin);
static bool sort_many_times(const struct layout *layout, uint64_t flip, struct rows *rows,
                            size_t begin);
static size_t
find_alike(const struct layout *layout, const struct rows *rows, size_t at, size_t end);
static bool add_rest(const struct layout *layout, struct rows *rows, size_t *kept,
                     size_t *at, size_t end);
static bool add_widely(const struct layout *layout, struct rows *rows, size_t to,
                       size_t begin, size_t end);
static void
move_row(const struct layout *layout, struct rows *rows, size_t to, size_t from);

/* Rows of one history. */
static inline bool
same_time(const struct layout *layout, const struct rows *rows, size_t a, size_t b)
{
    return !layout->timed || rows->time[a] == rows->time[b];
}

void
history_fold(const struct layout *layout, struct rows *rows, size_t begin)
{
    const size_t last = rows->count - 1;

    assert(begin <= last);
    if (last > begin && weights_add(layout, rows, begin, last))
        rows->count = last;
}

enum spine_status
history_finish(const struct layout *layout, const struct history_rule *rule,
               struct rows *rows, size_t begin)
{
    const unsigned width = layout->weight_count;
    const size_t end = rows->count;
    enum spine_status st = SPINE_OK;
    size_t kept = begin;

    assert(begin <= end);
    if (layout->timed && rule->advance_times)
        for (size_t i = begin; i < end; i++)
            rows->time[i] =
                spine_time_join(layout->schema.time, rows->time[i], rule->frontier);
    if (layout->timed && !sort_times(layout, rule->descending, rows, begin))
        return SPINE_NOMEM;
    for (size_t at = begin; at < end; kept++) {
        move_row(layout, rows, kept, at++);
        while (at < end && same_time(layout, rows, kept, at) &&
               weights_add(layout, rows, kept, at))
            at++;
        if (at < end && same_time(layout, rows, kept, at) &&
            !add_rest(layout, rows, &kept, &at, end))
            st = SPINE_OVERFLOW;
        if (weights_are_zero(width, rows->weight + kept * width) &&
            !PLANTED(WEIGHTS_STAY))
            kept--;
    }
    rows->count = kept;
    return st;
}

enum spine_status
histories_finish(const struct layout *layout, const struct history_rule *rule,
                 struct rows *rows, size_t begin)
{
    const size_t count = rows->count;
    enum spine_status sums = SPINE_OK;
    size_t kept = begin;

    assert(begin <= count);
    for (size_t at = begin, end; at < count; at = end) {
        /* Rows [at, alike) are histories of one row; then comes one of several, or the
         * end. */
        const size_t alike = find_alike(layout, rows, at, count);
        enum spine_status st = SPINE_OK;

        end = alike < count ? rows_value_end(layout, rows, alike, count) : count;
        rows_move(layout, rows, kept, at, end);
        rows->count = kept + (end - at);
        if (alike < count)
            st = history_finish(layout, rule, rows, kept + (alike - at));
        kept = rows->count;
        rows->count = count;
        if (st == SPINE_OVERFLOW)
            sums = st;
        else if (st != SPINE_OK)
            return st;
    }
    rows->count = kept;
    return sums;
}

/* The first row in [at, end) that has the key and value of the one after it; `end` if
 * none has. */
static size_t
find_alike(const struct layout *layout, const struct rows *rows, size_t at, size_t end)
{
    for (; at + 1 < end; at++)
        if (row_equal(layout, ROW_WIDE, rows, at, rows, at + 1))
            return at;
    return end;
}

/*
 * Adds up what has the time of row `*kept` but did not fit: rows from `*at` on. Leaves
 * `*at` behind them. False when the sum is not in int64_t: they are kept side by side.
 */
static bool
add_rest(const struct layout *layout, struct rows *rows, size_t *kept, size_t *at,
         size_t end)
{
    const size_t begin = *at;

    while (*at < end && same_time(layout, rows, *kept, *at))
        ++*at;
    if (add_widely(layout, rows, *kept, begin, *at))
        return true;
    for (size_t i = begin; i < *at; i++)
        move_row(layout, rows, ++*kept, i);
    return false;
}

/* Adds the weights of rows [begin, end) to those of row `to`, whatever the sums are on
 * the way. False, and nothing is added, when one is not in int64_t at last. */
static bool
add_widely(const struct layout *layout, struct rows *rows, size_t to, size_t begin,
           size_t end)
{
    const unsigned width = layout->weight_count;
    int64_t sums[SPINE_WEIGHTS_MAX];

    assert(to < begin);
    assert(begin <= end && end <= rows->count);
    if (!weights_sum(width, rows->weight + to * width, rows->weight + begin * width,
                     end - begin, sums))
        return false;
    memcpy(rows->weight + to * width, sums, width * sizeof *sums);
    return true;
}

/* False without memory. */
static bool
sort_times(const struct layout *layout, bool descending, struct rows *rows, size_t begin)
{
    const size_t weights = layout->weight_count;
    const uint64_t flip = descending ? UINT64_MAX : 0;
    size_t at = begin + 1;

    while (at < rows->count && (rows->time[at - 1] ^ flip) <= (rows->time[at] ^ flip))
        at++;
    if (at >= rows->count)
        return true;
    if (rows->count - begin > TIMES_BY_INSERTION)
        return sort_many_times(layout, flip, rows, begin);
    for (; at < rows->count; at++) {
        const uint64_t time = rows->time[at];
        int64_t moved[SPINE_WEIGHTS_MAX];
        size_t hole = at;

        memcpy(moved, rows->weight + at * weights, weights * sizeof *moved);
        for (; hole > begin && (rows->time[hole - 1] ^ flip) > (time ^ flip); hole--)
            move_row(layout, rows, hole, hole - 1);
        rows->time[hole] = time;
        memcpy(rows->weight + hole * weights, moved, weights * sizeof *moved);
    }
    return true;
}

static bool
sort_many_times(const struct layout *layout, uint64_t flip, struct rows *rows,
                size_t begin)
{
    const size_t weights = layout->weight_count, count = rows->count - begin;
    const size_t bytes = count * weights * sizeof *rows->weight;
    int64_t *from = mem_alloc(bytes);
    struct order order = {0};
    bool sorted = from != NULL && order_begin(&order, count);

    for (size_t i = 0; sorted && i < count; i++) {
        order.pairs.hi[i] = rows->time[begin + i] ^ flip;
        order.pairs.lo[i] = i;
    }
    sorted = sorted && order_sort(&order);
    if (sorted)
        memcpy(from, rows->weight + begin * weights, bytes);
    for (size_t i = 0; sorted && i < count; i++) {
        rows->time[begin + i] = order.pairs.hi[i] ^ flip;
        memcpy(rows->weight + (begin + i) * weights, from + order.pairs.lo[i] * weights,
               weights * sizeof *from);
    }
    order_release(&order);
    mem_free(from, bytes);
    return sorted;
}

/* Time and weights only: key and value are the same in the whole history. */
static void
move_row(const struct layout *layout, struct rows *rows, size_t to, size_t from)
{
    if (to == from)
        return;
    if (layout->timed)
        rows->time[to] = rows->time[from];
    for (unsigned c = 0; c < layout->weight_count; c++)
        rows->weight[to * layout->weight_count + c] =
            rows->weight[from * layout->weight_count + c];
}
