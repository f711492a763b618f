/* SPDX-License-Identifier: MIT */

/* Sorts places of wide rows by words of their cells, tie after tie (wide_order.h). */

#include "kernel/wide_order.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "rows/row_order.h"

enum {
    TIES_BY_INSERTION = 8,
    /* So few rows are written one by one. */
    WRITE_BY_ROWS = 8,
    /* What is not settled after so many words is settled by comparing. */
    DEPTH_MAX = 32
};

/* Which column rows are being sorted by; they are equal in those before it. */
enum by { BY_KEY, BY_VALUE };

/* Places [begin, begin + count), equal in the first `shared` bytes of the column. */
struct ties {
    size_t begin;
    size_t count;
    enum by by;
    size_t shared;
    unsigned depth;
};

static bool sort_and_split(struct wide_order *wide, struct ties ties);
static bool sort_ties(struct wide_order *wide, struct ties ties);
static bool extend_shared(const struct wide_order *wide, struct ties *ties);
static void load_words(struct wide_order *wide, const struct ties *ties);
static void sort_by_rows(const struct wide_order *wide, uint64_t *places, size_t count,
                         uint64_t *scratch);
static void mark_same(struct wide_order *wide, size_t begin, size_t count);
static void
write_rows(struct wide_order *wide, size_t begin, size_t end, struct rows *out);
static void
write_columns(struct wide_order *wide, size_t begin, size_t end, struct rows *out);
static void
write_weights(const struct wide_order *wide, size_t begin, size_t end, struct rows *out);

static inline const struct rows *
place_rows(const struct wide_order *wide, uint64_t place)
{
    return wide->inputs[place >> 32];
}

static inline int
places_compare(const struct wide_order *wide, uint64_t a, uint64_t b)
{
    return row_compare(wide->layout, ROW_WIDE, false, place_rows(wide, a), (uint32_t)a,
                       place_rows(wide, b), (uint32_t)b);
}

void
wide_order_release(struct wide_order *wide)
{
    mem_free(wide->inputs, wide->input_capacity * sizeof *wide->inputs);
    mem_free(wide->columns, wide->column_capacity * sizeof *wide->columns);
    mem_free(wide->same, wide->same_capacity * sizeof *wide->same);
    order_release(&wide->order);
    *wide = (struct wide_order){0};
}

bool
wide_order_begin(struct wide_order *wide, const struct layout *layout, size_t input_count,
                 size_t rows)
{
    wide->layout = layout;
    wide->input_count = 0;
    wide->count = 0;
    return array_reserve(&wide->inputs, &wide->input_capacity, sizeof *wide->inputs,
                         input_count) &&
           array_reserve(&wide->columns, &wide->column_capacity, sizeof *wide->columns,
                         input_count) &&
           array_reserve(&wide->same, &wide->same_capacity, sizeof *wide->same,
                         rows + 1) &&
           order_begin(&wide->order, rows);
}

void
wide_order_add(struct wide_order *wide, const struct rows *rows, size_t begin, size_t end)
{
    const uint64_t input = wide->input_count;
    uint64_t *places = wide->order.pairs.lo + wide->count;

    assert(input < wide->input_capacity && end <= UINT32_MAX);
    assert(wide->count + end - begin <= wide->order.pairs.capacity);
    wide->inputs[wide->input_count++] = rows;
    for (size_t i = 0; i < end - begin; i++)
        places[i] = input << 32 | (begin + i);
    wide->count += end - begin;
}

bool
wide_order_sort(struct wide_order *wide, size_t shared)
{
    assert(wide->count == wide->order.pairs.count);
    memset(wide->same, 0, (wide->count + 1) * sizeof *wide->same);
    return sort_and_split(
        wide, (struct ties){.count = wide->count, .by = BY_KEY, .shared = shared});
}

/* Sorts rows by their words, then those with the same word. */
static bool
sort_and_split(struct wide_order *wide, struct ties ties)
{
    const uint64_t *words = wide->order.pairs.hi;
    const size_t end = ties.begin + ties.count;

    load_words(wide, &ties);
    if (!order_sort_part(&wide->order, ties.begin, ties.count))
        return false;
    for (size_t at = ties.begin, next; at < end; at = next) {
        next = at + 1;
        while (next < end && words[next] == words[at])
            next++;
        if (next - at > 1 && !sort_ties(wide, (struct ties){at, next - at, ties.by,
                                                            ties.shared, ties.depth}))
            return false;
    }
    return true;
}

/* Sorts rows with the same word. */
static bool
sort_ties(struct wide_order *wide, struct ties ties)
{
    uint64_t *places = wide->order.pairs.lo + ties.begin;

    if (ties.count > TIES_BY_INSERTION && ++ties.depth <= DEPTH_MAX) {
        if (extend_shared(wide, &ties))
            return sort_and_split(wide, ties);
        if (ties.by == BY_KEY) {
            ties.by = BY_VALUE;
            ties.shared = 0;
            return sort_and_split(wide, ties);
        }
        memset(wide->same + ties.begin + 1, true, ties.count - 1);
        return true;
    }
    if (ties.count > TIES_BY_INSERTION &&
        !rows_reserve(&order_layout, &wide->order.scratch, ties.count))
        return false;
    sort_by_rows(wide, places, ties.count, wide->order.scratch.hi);
    mark_same(wide, ties.begin, ties.count);
    return true;
}

static inline struct span
column_of(const struct wide_order *wide, enum by by, uint64_t place)
{
    const struct rows *rows = place_rows(wide, place);

    return by == BY_KEY ? rows->key[(uint32_t)place] : rows->value[(uint32_t)place];
}

/* How many bytes all of the column have in common. False when that is all there are: the
 * rows are equal in it. */
static bool
extend_shared(const struct wide_order *wide, struct ties *ties)
{
    const uint64_t *places = wide->order.pairs.lo + ties->begin;
    const bool spans =
        ties->by == BY_KEY ? wide->layout->key.spans : wide->layout->value.spans;

    if (!spans)
        return false;
    const struct span first =
        span_behind(column_of(wide, ties->by, places[0]), ties->shared);
    size_t shared = first.size;
    bool differ = false;

    for (size_t i = 1; i < ties->count; i++) {
        const struct span span =
            span_behind(column_of(wide, ties->by, places[i]), ties->shared);

        shared = span_shared((struct span){first.data, shared}, span);
        differ |= span.size != first.size;
    }
    differ |= shared < first.size;
    ties->shared += shared;
    return differ;
}

/* The word of each row behind the shared bytes. */
static void
load_words(struct wide_order *wide, const struct ties *ties)
{
    const struct rows *pairs = &wide->order.pairs;
    const uint64_t *places = pairs->lo + ties->begin;
    uint64_t *words = pairs->hi + ties->begin;

    if (ties->shared > 0)
        for (size_t i = 0; i < ties->count; i++) {
            const struct span span =
                span_behind(column_of(wide, ties->by, places[i]), ties->shared);

            words[i] = bytes_prefix(span.data, span.size);
        }
    else if (ties->by == BY_KEY)
        for (size_t i = 0; i < ties->count; i++)
            words[i] = place_rows(wide, places[i])->hi[(uint32_t)places[i]];
    else
        for (size_t i = 0; i < ties->count; i++)
            words[i] = place_rows(wide, places[i])->lo[(uint32_t)places[i]];
}

/* By insertion, or merge sort with `scratch` for as many places. */
static void
sort_by_rows(const struct wide_order *wide, uint64_t *places, size_t count,
             uint64_t *scratch)
{
    const size_t half = count / 2;
    size_t left = 0, right = half, at = 0;

    if (count <= TIES_BY_INSERTION) {
        for (size_t i = 1; i < count; i++) {
            const uint64_t place = places[i];
            size_t hole = i;

            for (; hole > 0 && places_compare(wide, places[hole - 1], place) > 0; hole--)
                places[hole] = places[hole - 1];
            places[hole] = place;
        }
        return;
    }
    sort_by_rows(wide, places, half, scratch);
    sort_by_rows(wide, places + half, count - half, scratch);
    memcpy(scratch, places, half * sizeof *places);
    while (left < half) {
        const bool take_right =
            right < count && places_compare(wide, scratch[left], places[right]) > 0;

        places[at++] = take_right ? places[right++] : scratch[left++];
    }
}

static void
mark_same(struct wide_order *wide, size_t begin, size_t count)
{
    const uint64_t *places = wide->order.pairs.lo + begin;

    for (size_t i = 1; i < count; i++) {
        const uint64_t a = places[i - 1], b = places[i];

        wide->same[begin + i] = row_equal(wide->layout, ROW_WIDE, place_rows(wide, a),
                                          (uint32_t)a, place_rows(wide, b), (uint32_t)b);
    }
}

enum spine_status
wide_order_write(struct wide_order *wide, const struct group_rule *rule, bool each_row,
                 struct rows *out)
{
    const bool *same = wide->same;
    enum spine_status st = SPINE_OK, sums = SPINE_OK;

    for (size_t at = 0, end; at < wide->count; at = end) {
        const size_t begin = out->count;

        end = at;
        while (!each_row && end < wide->count && !same[end + 1])
            end++;
        if (end > at) {
            write_rows(wide, at, end, out);
            continue;
        }
        do
            end++;
        while (same[end]);
        write_rows(wide, at, end, out);
        st = group_finish(wide->layout, rule, out, begin);
        if (st == SPINE_OVERFLOW)
            sums = st;
        else if (st != SPINE_OK)
            return st;
    }
    return sums;
}

/* Appends the rows at places [begin, end). */
static void
write_rows(struct wide_order *wide, size_t begin, size_t end, struct rows *out)
{
    const struct layout *layout = wide->layout;
    const uint64_t *places = wide->order.pairs.lo;

    assert(out->capacity - out->count >= end - begin);
    if (end - begin <= WRITE_BY_ROWS) {
        for (size_t i = begin; i < end; i++)
            rows_append(layout, out, place_rows(wide, places[i]), (uint32_t)places[i],
                        (uint32_t)places[i] + 1);
        return;
    }
    write_columns(wide, begin, end, out);
    write_weights(wide, begin, end, out);
    out->count += end - begin;
}

#define WRITE_COLUMN(type, field)                                                        \
    do {                                                                                 \
        type *to = out->field + out->count;                                              \
                                                                                         \
        for (size_t i = 0; i < wide->input_count; i++)                                   \
            wide->columns[i] = wide->inputs[i]->field;                                   \
        for (size_t i = begin; i < end; i++)                                             \
            *to++ = ((const type *)columns[places[i] >> 32])[(uint32_t)places[i]];       \
    } while (0)

static void
write_columns(struct wide_order *wide, size_t begin, size_t end, struct rows *out)
{
    const struct layout *layout = wide->layout;
    const uint64_t *places = wide->order.pairs.lo;
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
    const uint64_t *places = wide->order.pairs.lo;
    const size_t weights = wide->layout->weight_count;
    int64_t *to = out->weight + out->count * weights;

    for (size_t i = begin; i < end; i++) {
        const int64_t *from =
            place_rows(wide, places[i])->weight + (uint32_t)places[i] * weights;

        for (size_t c = 0; c < weights; c++)
            *to++ = from[c];
    }
}
