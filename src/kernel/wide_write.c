/* SPDX-License-Identifier: MIT */

/* Sorted handles become rows: the rows of one key and value one history at a time, all
 * others at once (wide_order.h). */

#include "kernel/wide_order.h"

#include "base/assert.h"
#include "base/error.h"

#include <string.h>

enum {
    /* So few rows are written one by one. */
    WRITE_BY_ROWS = 8
};

static size_t find_same(const struct wide_order *wide, size_t at);
static void
write_rows(struct wide_order *wide, size_t begin, size_t end, struct rows *out);
static void
write_usual(const struct wide_order *wide, size_t begin, size_t end, struct rows *out);
static void
write_columns(struct wide_order *wide, size_t begin, size_t end, struct rows *out);
static void
write_weights(const struct wide_order *wide, size_t begin, size_t end, struct rows *out);

enum spine_status
wide_order_write(struct wide_order *wide, const struct history_rule *rule, bool each_row,
                 struct rows *out)
{
    const bool *same = wide->same;
    enum spine_status st = SPINE_OK, sums = SPINE_OK;

    assert(wide->count <= out->capacity - out->count);
    for (size_t at = 0, end; at < wide->count; at = end) {
        const size_t begin = out->count;

        end = each_row ? at : find_same(wide, at);
        if (end > at) {
            write_rows(wide, at, end, out);
            continue;
        }
        do
            end++;
        while (same[end]);
        write_rows(wide, at, end, out);
        st = history_finish(wide->layout, rule, out, begin);
        if (st == SPINE_OVERFLOW)
            sums = st;
        else if (st != SPINE_OK)
            return st;
    }
    return sums;
}

/* The first row from `at` on that has the key and value of the one after it; the end if
 * none has. */
static size_t
find_same(const struct wide_order *wide, size_t at)
{
    const bool *next = memchr(wide->same + at + 1, true, wide->count - at);

    static_assert(sizeof *next == 1, "a byte");
    return next != NULL ? (size_t)(next - wide->same) - 1 : wide->count;
}

/* Appends the rows at handles [begin, end). */
static void
write_rows(struct wide_order *wide, size_t begin, size_t end, struct rows *out)
{
    const struct layout *layout = wide->layout;
    const uint64_t *handles = wide->order.pairs.lo;

    assert(out->capacity - out->count >= end - begin);
    if (end - begin <= WRITE_BY_ROWS) {
        for (size_t i = begin; i < end; i++)
            rows_append(layout, out, handle_rows(wide, handles[i]), (uint32_t)handles[i],
                        (uint32_t)handles[i] + 1);
        return;
    }
    if (layout->key.spans && layout->value.spans && !layout->timed &&
        layout->weight_count == 1) {
        write_usual(wide, begin, end, out);
    } else {
        write_columns(wide, begin, end, out);
        write_weights(wide, begin, end, out);
    }
    out->count += end - begin;
}

/* Keys and values that are bytes, and nothing else: row by row, as nearly all are. */
static void
write_usual(const struct wide_order *wide, size_t begin, size_t end, struct rows *out)
{
    const uint64_t *handles = wide->order.pairs.lo;
    const struct rows *const *inputs = wide->inputs;
    const struct rows to = *out;
    size_t at = to.count;

    for (size_t i = begin; i < end; i++, at++) {
        const struct rows *from = inputs[handles[i] >> 32];
        const size_t row = (uint32_t)handles[i];

        to.hi[at] = from->hi[row];
        to.lo[at] = from->lo[row];
        to.key[at] = from->key[row];
        to.value[at] = from->value[row];
        to.weight[at] = from->weight[row];
    }
}

#define WRITE_COLUMN(type, field)                                                        \
    do {                                                                                 \
        type *to = out->field + out->count;                                              \
                                                                                         \
        for (size_t i = 0; i < wide->input_count; i++)                                   \
            wide->columns[i] = wide->inputs[i]->field;                                   \
        for (size_t i = begin; i < end; i++)                                             \
            *to++ = ((const type *)columns[handles[i] >> 32])[(uint32_t)handles[i]];     \
    } while (0)

static void
write_columns(struct wide_order *wide, size_t begin, size_t end, struct rows *out)
{
    const struct layout *layout = wide->layout;
    const uint64_t *handles = wide->order.pairs.lo;
    const void *const *columns = wide->columns;

    WRITE_COLUMN(uint64_t, hi);
    WRITE_COLUMN(uint64_t, lo);
    if (layout->key.spans)
        WRITE_COLUMN(struct span, key);
    if (layout->value.spans)
        WRITE_COLUMN(struct span, value);
    if (layout->timed)
        WRITE_COLUMN(uint64_t, time);
}

static void
write_weights(const struct wide_order *wide, size_t begin, size_t end, struct rows *out)
{
    const uint64_t *handles = wide->order.pairs.lo;
    const size_t weights = wide->layout->weight_count;
    int64_t *to = out->weight + out->count * weights;

    for (size_t i = begin; i < end; i++) {
        const int64_t *from =
            handle_rows(wide, handles[i])->weight + (uint32_t)handles[i] * weights;

        for (size_t c = 0; c < weights; c++)
            *to++ = from[c];
    }
}
