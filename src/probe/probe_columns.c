/* SPDX-License-Identifier: MIT */

/* The rows that a probe gives as the caller's columns: lent where rows have them in the
 * caller's type, otherwise copied. */

#include "base/alloc.h"
#include "base/assert.h"
#include "probe/probe_state.h"

static bool lend_keys(const struct spine_probe *probe, struct spine_columns *out);
static bool lend_values(const struct spine_probe *probe, struct spine_columns *out);
static bool room_for_keys(struct spine_probe *probe, struct spine_column_buffers *out);
static bool room_for_values(struct spine_probe *probe, struct spine_column_buffers *out);

void
probe_columns_release(struct spine_probe *probe)
{
    mem_free(probe->value_cells, probe->value_capacity);
    mem_free(probe->value_offsets, probe->offset_capacity * sizeof *probe->value_offsets);
    mem_free(probe->key_cells, probe->key_cell_capacity);
    mem_free(probe->key_offsets, probe->key_offset_capacity * sizeof *probe->key_offsets);
}

enum spine_status
probe_columns(struct spine_probe *probe, struct spine_columns *out)
{
    const struct layout *const layout = &probe->layout;
    const struct rows *const rows = &probe->rows;
    struct spine_column_buffers buffers = {.rows = rows->count};
    bool is_lent = true;

    assert(rows->count == probe->row_count);
    out->weights = rows->weight;
    out->times = layout->timed && !probe->has_through ? rows->time : NULL;
    if (rows->count == 0)
        return SPINE_OK;
    if (probe->ranges && !lend_keys(probe, out)) {
        if (!room_for_keys(probe, &buffers))
            return SPINE_NOMEM;
        out->keys = buffers.keys;
        out->key_offsets = buffers.key_offsets;
        is_lent = false;
    }
    if (layout->value.kind != SPINE_NONE && !lend_values(probe, out)) {
        if (!room_for_values(probe, &buffers))
            return SPINE_NOMEM;
        out->values = buffers.values;
        out->value_offsets = buffers.value_offsets;
        is_lent = false;
    }
    if (!is_lent)
        rows_read(layout, rows, 0, rows->count, &buffers, 0);
    return SPINE_OK;
}

/* Words of eight bytes without a sign are kept as the caller has them. */
static bool
lend_keys(const struct spine_probe *probe, struct spine_columns *out)
{
    if (probe->layout.key.kind != SPINE_U64)
        return false;
    out->keys = probe->rows.hi;
    return true;
}

static bool
lend_values(const struct spine_probe *probe, struct spine_columns *out)
{
    if (probe->layout.value.kind != SPINE_U64)
        return false;
    out->values = probe->layout.row_kind == ROW_ONE ? probe->rows.hi : probe->rows.lo;
    return true;
}

static size_t
bytes_of(const struct span *spans, size_t count)
{
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes += spans[i].size;
    return bytes;
}

static bool
room_for_keys(struct spine_probe *probe, struct spine_column_buffers *out)
{
    const struct cell_layout *const key = &probe->layout.key;
    const size_t rows = probe->rows.count;

    out->key_bytes = rows * key->native_bytes;
    if (key->kind == SPINE_BYTES) {
        out->key_bytes = bytes_of(probe->rows.key, rows);
        if (!array_reserve(&probe->key_offsets, &probe->key_offset_capacity,
                           sizeof *probe->key_offsets, rows + 1))
            return false;
        out->key_offsets = probe->key_offsets;
    }
    /* One more, so that there is a place even for no bytes at all. */
    if (!array_reserve(&probe->key_cells, &probe->key_cell_capacity, 1,
                       out->key_bytes + 1))
        return false;
    out->keys = probe->key_cells;
    return true;
}

static bool
room_for_values(struct spine_probe *probe, struct spine_column_buffers *out)
{
    const struct cell_layout *const value = &probe->layout.value;
    const size_t rows = probe->rows.count;

    out->value_bytes = rows * value->native_bytes;
    if (value->kind == SPINE_BYTES) {
        out->value_bytes = bytes_of(probe->rows.value, rows);
        if (!array_reserve(&probe->value_offsets, &probe->offset_capacity,
                           sizeof *probe->value_offsets, rows + 1))
            return false;
        out->value_offsets = probe->value_offsets;
    }
    if (!array_reserve(&probe->value_cells, &probe->value_capacity, 1,
                       out->value_bytes + 1))
        return false;
    out->values = probe->value_cells;
    return true;
}
