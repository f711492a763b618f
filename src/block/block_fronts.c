/* SPDX-License-Identifier: MIT */

/* Which fronts the keys of a block have, and keys made whole again. */

#include "block/block_fronts.h"

#include "base/copy_cell.h"
#include "block/block.h"
#include "rows/arena.h"

/* Bytes that are copied at once, and may be copied too much. */
#define COPY_BYTES 8u

/* The same of fronts. */
#define FRONT_COPY_BYTES 16u

static_assert(COPY_BYTES <= CELL_SLACK, "they are there behind the last cell");
static_assert(FRONT_COPY_BYTES <= 8 + CELL_SLACK, "an array of ends, and cells, follow");

bool
front_add(struct front_bytes *bytes, struct span front, uint32_t *at)
{
    const size_t shared = span_shared(bytes->tail, front);

    if (shared < front.size && shared < bytes->tail.size) {
        bytes->tail_at = bytes->count;
        bytes->tail = front;
        bytes->count += (uint32_t)front.size;
    } else if (front.size > bytes->tail.size) {
        bytes->count += (uint32_t)(front.size - bytes->tail.size);
        bytes->tail = front;
    }
    *at = bytes->tail_at;
    return *at <= FRONT_AT_MAX;
}

/* Where the keys from `at` on that have its front end, or before, at `end`. */
static inline size_t
group_end(size_t at, size_t end)
{
    const size_t stop = (at / ANCHOR_STEP + 1) * ANCHOR_STEP;

    return stop < end ? stop : end;
}

static inline struct span
source_key(const struct front_source *keys, uint32_t at)
{
    return keys->spans[keys->rows != NULL ? keys->rows[at] : at];
}

uint32_t
fronts_plan(const struct front_source *keys, uint32_t *fronts)
{
    struct front_bytes bytes = {0};
    size_t all = 0, saved = 0;
    uint32_t number = 0;

    /* What all keys begin with is part of every front. */
    if (span_shared(source_key(keys, 0), source_key(keys, keys->count - 1)) >
        FRONT_SIZE_MAX)
        return UINT32_MAX;
    for (uint32_t i = 0; i < keys->count; i += ANCHOR_STEP, number++) {
        const uint32_t left = keys->count - i;
        const uint32_t end = i + (left < ANCHOR_STEP ? left : ANCHOR_STEP);
        const struct span first = source_key(keys, i);
        const uint32_t size = front_size_of(first, source_key(keys, end - 1));
        uint32_t at;

        if (!front_add(&bytes, (struct span){first.data, size}, &at))
            return UINT32_MAX;
        fronts[number] = at << FRONT_SIZE_BITS | size;
        saved += (size_t)size * (end - i);
    }
    if (keys->rows == NULL)
        for (uint32_t i = 0; i < keys->count; i++)
            all += keys->spans[i].size;
    else
        for (uint32_t i = 0; i < keys->count; i++)
            all += keys->spans[keys->rows[i]].size;
    if (saved < bytes.count + number * sizeof *fronts + all / 8)
        return UINT32_MAX;
    return bytes.count;
}

/* Copies `size` bytes; some behind them, here and there, may be read and written. */
static inline uint8_t *
copy_rest(uint8_t *to, const uint8_t *from, size_t size)
{
    size_t at = 0;

    if (size >= COPY_PIECE_BYTES) {
        copy_cell(to, from, size, COPY_FEW_PIECES);
        return to + size;
    }
    do {
        memcpy(to + at, from + at, COPY_BYTES);
        at += COPY_BYTES;
    } while (at < size);
    return to + size;
}

/* The same of a front, behind whose bytes lie the ends and the cells of keys. */
static inline uint8_t *
copy_front(uint8_t *to, struct span front)
{
    memcpy(to, front.data, FRONT_COPY_BYTES);
    if (front.size > FRONT_COPY_BYTES)
        memcpy(to, front.data, front.size);
    return to + front.size;
}

bool
column_copy(const struct column *column, size_t at, struct arena *cells, struct span *out)
{
    const size_t end = column_end(column, at);
    const size_t begin = at > 0 ? column_end(column, at - 1) : 0;
    const struct span front = column_front(column, at);
    const size_t size = front.size + end - begin;

    assert(cells != NULL);
    if (!arena_reserve(cells, size + FRONT_COPY_BYTES))
        return false;
    *out = (struct span){cells->at, size};
    (void)copy_rest(copy_front(cells->at, front), (const uint8_t *)column->cells + begin,
                    end - begin);
    arena_take(cells, size);
    return true;
}

bool
column_cells(const struct column *column, size_t begin, size_t end, struct arena *cells,
             struct span *spans)
{
    const size_t first = begin;
    size_t bytes;
    uint8_t *to;

    column_spans(column, begin, end, spans);
    if (column->fronts == NULL)
        return true;
    assert(cells != NULL);
    bytes = (size_t)(spans[end - 1 - first].data - spans[0].data) +
            spans[end - 1 - first].size + FRONT_COPY_BYTES;
    for (size_t at = begin, stop; at < end; at = stop) {
        stop = group_end(at, end);
        bytes += (stop - at) * column_front(column, at).size;
    }
    if (!arena_reserve(cells, bytes))
        return false;
    to = cells->at;
    for (size_t stop; begin < end; begin = stop) {
        const struct span front = column_front(column, begin);

        stop = group_end(begin, end);
        for (size_t i = begin - first; i < stop - first; i++) {
            uint8_t *const whole = to;

            to = copy_front(to, front);
            to = copy_rest(to, spans[i].data, spans[i].size);
            spans[i] = (struct span){whole, (size_t)(to - whole)};
        }
    }
    arena_take(cells, (size_t)(to - cells->at));
    return true;
}
