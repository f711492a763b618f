/* SPDX-License-Identifier: MIT */
#include "rows/rows.h"

#include "base/alloc.h"
#include "base/assert.h"

/*
 * All columns of a struct rows live in one piece of memory that starts at `hi`, so that
 * room is made for all of them or for none. Capacities are odd multiples of eight rows:
 * equal offsets in two columns then fall into different sets of a cache.
 */

enum { ROWS_LEAST = 56 };

static size_t row_bytes(const struct layout *layout);
static void place_columns(const struct layout *layout, struct rows *rows, void *memory,
                          size_t capacity);
static void move_rows(const struct layout *layout, struct rows *to, size_t to_at,
                      const struct rows *from, size_t from_at, size_t count);
static void reverse_words(uint64_t *words, size_t count, uint64_t flip);
static void reverse_spans(struct span *spans, size_t count);
static void reverse_weights(int64_t *weights, size_t count, unsigned weight_count);

bool
rows_reserve(const struct layout *layout, struct rows *rows, size_t needed)
{
    struct rows grown = {.count = rows->count};
    size_t capacity;
    void *memory;

    if (needed <= rows->capacity)
        return true;
    if (needed > SIZE_MAX / 256)
        return false;
    capacity = rows->capacity + rows->capacity / 2;
    if (capacity < needed)
        capacity = needed;
    if (capacity < ROWS_LEAST)
        capacity = ROWS_LEAST;
    capacity = ((capacity + 7) / 8 | 1) * 8;
    memory = mem_alloc_array(capacity, row_bytes(layout));
    if (memory == NULL)
        return false;
    place_columns(layout, &grown, memory, capacity);
    if (rows->count > 0)
        move_rows(layout, &grown, 0, rows, 0, rows->count);
    mem_free(rows->hi, rows->capacity * row_bytes(layout));
    *rows = grown;
    return true;
}

static size_t
row_bytes(const struct layout *layout)
{
    return sizeof(uint64_t) + (layout->row_kind != ROW_ONE ? sizeof(uint64_t) : 0) +
           (layout->key.spans ? sizeof(struct span) : 0) +
           (layout->value.spans ? sizeof(struct span) : 0) +
           (layout->timed ? sizeof(uint64_t) : 0) +
           layout->weight_count * sizeof(int64_t);
}

static void
place_columns(const struct layout *layout, struct rows *rows, void *memory,
              size_t capacity)
{
    static_assert(sizeof(struct span) % sizeof(uint64_t) == 0,
                  "columns follow one another, each aligned");
    unsigned char *at = memory;

    rows->hi = memory;
    at += capacity * sizeof *rows->hi;
    rows->weight = (int64_t *)(void *)at;
    at += capacity * layout->weight_count * sizeof *rows->weight;
    if (layout->row_kind != ROW_ONE) {
        rows->lo = (uint64_t *)(void *)at;
        at += capacity * sizeof *rows->lo;
    }
    if (layout->timed) {
        rows->time = (uint64_t *)(void *)at;
        at += capacity * sizeof *rows->time;
    }
    if (layout->key.spans) {
        rows->key = (struct span *)(void *)at;
        at += capacity * sizeof *rows->key;
    }
    if (layout->value.spans)
        rows->value = (struct span *)(void *)at;
    rows->capacity = capacity;
}

/* Within one struct the two ranges may overlap. */
static void
move_rows(const struct layout *layout, struct rows *to, size_t to_at,
          const struct rows *from, size_t from_at, size_t count)
{
    const size_t weights = layout->weight_count;

    memmove(to->hi + to_at, from->hi + from_at, count * sizeof *to->hi);
    memmove(to->weight + to_at * weights, from->weight + from_at * weights,
            count * weights * sizeof *to->weight);
    if (layout->row_kind != ROW_ONE)
        memmove(to->lo + to_at, from->lo + from_at, count * sizeof *to->lo);
    if (layout->timed)
        memmove(to->time + to_at, from->time + from_at, count * sizeof *to->time);
    if (layout->key.spans)
        memmove(to->key + to_at, from->key + from_at, count * sizeof *to->key);
    if (layout->value.spans)
        memmove(to->value + to_at, from->value + from_at, count * sizeof *to->value);
}

void
rows_release(const struct layout *layout, struct rows *rows)
{
    mem_free(rows->hi, rows->capacity * row_bytes(layout));
    *rows = (struct rows){0};
}

void
rows_append(const struct layout *layout, struct rows *to, const struct rows *from,
            size_t begin, size_t end)
{
    assert(begin <= end && end <= from->count);
    assert(to->capacity - to->count >= end - begin);
    assert(begin <= end && end <= from->count);
    assert(end - begin <= to->capacity - to->count);
    if (begin == end)
        return;
    move_rows(layout, to, to->count, from, begin, end - begin);
    to->count += end - begin;
}

bool
rows_take_repeats(const struct layout *layout, struct rows *rows, struct rows *repeats)
{
    size_t kept = 0;

    if (!rows_reserve(layout, repeats, rows->count))
        return false;
    for (size_t at = 0; at < rows->count; at++)
        if (at > 0 && rows_compare(layout, rows, kept - 1, rows, at) == 0)
            rows_append(layout, repeats, rows, at, at + 1);
        else
            rows_move(layout, rows, kept++, at, at + 1);
    rows->count = kept;
    return true;
}

void
rows_drop_front(const struct layout *layout, struct rows *rows, size_t count)
{
    assert(count <= rows->count);
    if (count > 0 && count < rows->count)
        move_rows(layout, rows, 0, rows, count, rows->count - count);
    rows->count -= count;
}

void
rows_move(const struct layout *layout, struct rows *rows, size_t to, size_t begin,
          size_t end)
{
    assert(to <= begin);
    assert(begin <= end);
    assert(to <= begin && begin <= end && end <= rows->count);
    if (to < begin && begin < end)
        move_rows(layout, rows, to, rows, begin, end - begin);
}

void
rows_turn_round(const struct layout *layout, struct rows *rows, size_t begin)
{
    const size_t count = rows->count - begin;
    const uint64_t flip = UINT64_MAX;

    assert(begin <= rows->count);
    if (count == 0)
        return;
    reverse_words(rows->hi + begin, count, flip);
    reverse_weights(rows->weight + begin * layout->weight_count, count,
                    layout->weight_count);
    if (layout->row_kind != ROW_ONE)
        reverse_words(rows->lo + begin, count, flip);
    if (layout->timed)
        reverse_words(rows->time + begin, count, 0);
    if (layout->key.spans)
        reverse_spans(rows->key + begin, count);
    if (layout->value.spans)
        reverse_spans(rows->value + begin, count);
}

/* Each word becomes another by `flip`, too. */
static void
reverse_words(uint64_t *words, size_t count, uint64_t flip)
{
    uint64_t *restrict const front = words;
    uint64_t *restrict const back = words + count - count / 2;
    const size_t half = count / 2;

    for (size_t i = 0; i < half; i++) {
        const uint64_t word = front[i];

        front[i] = back[half - 1 - i] ^ flip;
        back[half - 1 - i] = word ^ flip;
    }
    if (count % 2 == 1)
        words[half] ^= flip;
}

static void
reverse_spans(struct span *spans, size_t count)
{
    for (size_t i = 0, j = count; i + 1 < j; i++) {
        const struct span span = spans[i];

        spans[i] = spans[--j];
        spans[j] = span;
    }
}

static void
reverse_weights(int64_t *weights, size_t count, unsigned weight_count)
{
    if (weight_count == 1) {
        reverse_words((uint64_t *)weights, count, 0);
        return;
    }
    for (size_t i = 0, j = count; i + 1 < j; i++) {
        j--;
        for (unsigned c = 0; c < weight_count; c++) {
            const int64_t weight = weights[i * weight_count + c];

            weights[i * weight_count + c] = weights[j * weight_count + c];
            weights[j * weight_count + c] = weight;
        }
    }
}
