/* SPDX-License-Identifier: MIT */

/*
 * The batch whose keys a probe looks up: its rows are read by a cursor, some thousand at
 * a time, and each read leaves its rows, and the keys that they add:
 *
 *     rows read     (1, a) (1, b) | (1, c) (4, a)
 *     keys, ends    1: 2            1: 3, 4: 4      key 4 may have more rows
 */

#include "probe/probe_own.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "cursor/cursor.h"
#include "rows/row_order.h"

/* Rows of one read, and what their bytes take at first, per row. */
#define READ_ROWS 8192u
#define READ_BYTES 16u

static void drop_asked(struct probe_own *own);
static enum spine_status read_some(struct probe_own *own, struct spine_error *error);
static bool read_into(struct probe_own *own, size_t rows, size_t bytes, size_t *count);
static bool push_keys(struct probe_own *own, size_t count);
static void push_cells(struct probe_own *own, size_t count);
static void push_bytes(struct probe_own *own, size_t count);

static bool
reserve(struct probe_array *array, size_t bytes)
{
    return array_reserve(&array->data, &array->room, 1, bytes);
}

static void
release(struct probe_array *array)
{
    mem_free(array->data, array->room);
    *array = (struct probe_array){0};
}

/* Drops the first of `count` items of `bytes` bytes. */
static void
drop_front(struct probe_array *array, size_t dropped, size_t count, size_t bytes)
{
    if (dropped > 0 && count > dropped && bytes > 0)
        memmove(array->data, (uint8_t *)array->data + dropped * bytes,
                (count - dropped) * bytes);
}

/* The same of cells of bytes; `offsets` are one more. */
static void
drop_front_bytes(struct probe_array *cells, uint64_t *offsets, size_t dropped,
                 size_t count)
{
    const uint64_t begin = offsets[dropped];

    if (offsets[count] > begin)
        memmove(cells->data, (uint8_t *)cells->data + begin, offsets[count] - begin);
    for (size_t i = dropped; i <= count; i++)
        offsets[i - dropped] = offsets[i] - begin;
}

enum spine_status
probe_own_begin(struct probe_own *own, struct spine_batch *batch, size_t rows_max,
                struct spine_error *error)
{
    const struct layout *const layout = &batch->layout;

    assert(own->cursor == NULL);
    TRY_RETURN(cursor_new(&own->cursor, layout, &batch, batch->info.rows > 0, error));
    own->key = layout->key;
    own->value = layout->value;
    own->weight_count = layout->weight_count;
    own->timed = layout->timed;
    own->at_end = false;
    own->want = rows_max > 0 ? rows_max : SIZE_MAX;
    own->keys_before = own->keys_asked = 0;
    own->row_count = own->key_count = 0;
    return SPINE_OK;
}

void
probe_own_end(struct probe_own *own)
{
    spine_cursor_close(own->cursor);
    own->cursor = NULL;
}

void
probe_own_release(struct probe_own *own)
{
    assert(own->cursor == NULL);
    release(&own->values);
    release(&own->value_offsets);
    release(&own->times);
    release(&own->weights);
    release(&own->read_keys);
    release(&own->read_offsets);
    release(&own->keys);
    release(&own->key_offsets);
    release(&own->ends);
    release(&own->given_ends);
}

enum spine_status
probe_own_read(struct probe_own *own, struct spine_error *error)
{
    assert(own->cursor != NULL);
    drop_asked(own);
    while (!own->at_end && (own->row_count < own->want || own->key_count < 2))
        TRY_RETURN(read_some(own, error));
    own->keys_asked = own->at_end ? own->key_count : own->key_count - 1;
    return SPINE_OK;
}

/* What is left belongs to one key at most. */
static void
drop_asked(struct probe_own *own)
{
    const size_t asked = own->keys_asked, keys = own->key_count, rows = own->row_count;
    uint64_t *const ends = own->ends.data;
    size_t dropped;

    if (asked == 0)
        return;
    dropped = (size_t)ends[asked - 1];
    if (own->value.kind == SPINE_BYTES)
        drop_front_bytes(&own->values, own->value_offsets.data, dropped, rows);
    else
        drop_front(&own->values, dropped, rows, own->value.native_bytes);
    if (own->timed)
        drop_front(&own->times, dropped, rows, sizeof(uint64_t));
    drop_front(&own->weights, dropped, rows, own->weight_count * sizeof(int64_t));
    if (own->key.kind == SPINE_BYTES)
        drop_front_bytes(&own->keys, own->key_offsets.data, asked, keys);
    else
        drop_front(&own->keys, asked, keys, own->key.native_bytes);
    for (size_t i = asked; i < keys; i++)
        ends[i - asked] = ends[i] - dropped;
    own->keys_before += asked;
    own->keys_asked = 0;
    own->key_count -= asked;
    own->row_count -= dropped;
}

/* Reads at least one row, if there is one. */
static enum spine_status
read_some(struct probe_own *own, struct spine_error *error)
{
    const size_t left =
        own->want > own->row_count ? own->want - own->row_count : SIZE_MAX;
    size_t rows = left < READ_ROWS ? left : READ_ROWS;
    size_t bytes = rows * READ_BYTES, count;

    for (;;) {
        if (!read_into(own, rows, bytes, &count))
            return fail_nomem(error, "the rows of a batch for a probe", bytes);
        if (count > 0 || !spine_cursor_key_valid(own->cursor))
            break;
        /* The next row has more bytes, or the next value more times. */
        rows *= 2;
        bytes *= 2;
    }
    if (!push_keys(own, count))
        return fail_nomem(error, "the keys of a batch for a probe", bytes);
    own->row_count += count;
    own->at_end = !spine_cursor_key_valid(own->cursor);
    return own->at_end ? spine_cursor_error(own->cursor, error) : SPINE_OK;
}

/* Reads up to `rows` rows behind those that are here, and up to `bytes` bytes of their
 * keys and of their values. False without memory. */
static bool
read_into(struct probe_own *own, size_t rows, size_t bytes, size_t *count)
{
    const bool key_bytes = own->key.kind == SPINE_BYTES;
    const bool value_bytes = own->value.kind == SPINE_BYTES;
    const size_t before = own->row_count, end = before + rows;
    const size_t weight_bytes = own->weight_count * sizeof(int64_t);
    uint64_t *offsets = own->value_offsets.data;
    const size_t used = value_bytes && before > 0 ? (size_t)offsets[before] : 0;
    struct spine_column_buffers buffers = {
        .rows = rows, .key_bytes = bytes, .value_bytes = bytes};

    if (!reserve(&own->read_keys, key_bytes ? bytes : rows * own->key.native_bytes) ||
        (key_bytes && !reserve(&own->read_offsets, (rows + 1) * sizeof *offsets)) ||
        !reserve(&own->values,
                 value_bytes ? used + bytes : end * own->value.native_bytes) ||
        (value_bytes && !reserve(&own->value_offsets, (end + 1) * sizeof *offsets)) ||
        (own->timed && !reserve(&own->times, end * sizeof(uint64_t))) ||
        !reserve(&own->weights, end * weight_bytes))
        return false;
    if (own->key.kind != SPINE_NONE)
        buffers.keys = own->read_keys.data;
    if (key_bytes)
        buffers.key_offsets = own->read_offsets.data;
    if (own->value.kind != SPINE_NONE)
        buffers.values = (uint8_t *)own->values.data +
                         (value_bytes ? used : before * own->value.native_bytes);
    offsets = own->value_offsets.data;
    if (value_bytes)
        buffers.value_offsets = offsets + before;
    if (own->timed)
        buffers.times = (uint64_t *)own->times.data + before;
    buffers.weights = (int64_t *)own->weights.data + before * own->weight_count;
    *count = spine_cursor_read(own->cursor, &buffers);
    if (value_bytes) {
        offsets[before] = used;
        for (size_t i = before + 1; i <= before + *count; i++)
            offsets[i] += used;
    }
    return true;
}

/* Adds the keys of the last read, of `count` rows. False without memory. */
static bool
push_keys(struct probe_own *own, size_t count)
{
    const size_t keys = own->key_count + count;

    if (count == 0)
        return true;
    if (!reserve(&own->ends, keys * sizeof(uint64_t)))
        return false;
    if (own->key.kind == SPINE_NONE) {
        own->key_count = 1;
        *(uint64_t *)own->ends.data = own->row_count + count;
        return true;
    }
    if (own->key.kind == SPINE_BYTES) {
        const uint64_t *const read = own->read_offsets.data, *const old =
                                                                 own->key_offsets.data;
        const size_t used = own->key_count > 0 ? (size_t)old[own->key_count] : 0;

        if (!reserve(&own->key_offsets, (keys + 1) * sizeof(uint64_t)) ||
            !reserve(&own->keys, used + (size_t)read[count] + 1))
            return false;
        push_bytes(own, count);
        return true;
    }
    if (!reserve(&own->keys, keys * own->key.native_bytes))
        return false;
    push_cells(own, count);
    return true;
}

INLINE_ALWAYS void
push_cells_of(struct probe_own *own, size_t count, size_t width)
{
    const uint8_t *const read = own->read_keys.data;
    uint8_t *const keys = own->keys.data;
    uint64_t *const ends = own->ends.data;
    size_t at = own->key_count;

    for (size_t i = 0; i < count; i++) {
        const uint8_t *const key = read + i * width;

        if (at == 0 || memcmp(key, keys + (at - 1) * width, width) != 0)
            memcpy(keys + at++ * width, key, width);
        ends[at - 1] = own->row_count + i + 1;
    }
    own->key_count = at;
}

/* One loop for each width of a word. */
static void
push_cells(struct probe_own *own, size_t count)
{
    switch (own->key.native_bytes) {
    case sizeof(uint32_t):
        push_cells_of(own, count, sizeof(uint32_t));
        return;
    case sizeof(uint64_t):
        push_cells_of(own, count, sizeof(uint64_t));
        return;
    default:
        push_cells_of(own, count, own->key.native_bytes);
    }
}

static void
push_bytes(struct probe_own *own, size_t count)
{
    const uint8_t *const read = own->read_keys.data;
    const uint64_t *const from = own->read_offsets.data;
    uint8_t *const keys = own->keys.data;
    uint64_t *const offsets = own->key_offsets.data, *const ends = own->ends.data;
    size_t at = own->key_count;

    offsets[0] = 0;
    for (size_t i = 0; i < count; i++) {
        const struct span key = {read + from[i], (size_t)(from[i + 1] - from[i])};
        const struct span last = {at > 0 ? keys + offsets[at - 1] : keys,
                                  at > 0 ? (size_t)(offsets[at] - offsets[at - 1]) : 0};

        if (at == 0 || span_compare(key, last) != 0) {
            memcpy(keys + offsets[at], key.data, key.size);
            offsets[at + 1] = offsets[at] + key.size;
            at++;
        }
        ends[at - 1] = own->row_count + i + 1;
    }
    own->key_count = at;
}
