/* SPDX-License-Identifier: MIT */

/* What a batch file says of a batch besides its blocks, as bytes: counts, fences and
 * marks, encoded and decoded. What is decoded is checked, as a file may say anything. */

#include "batch/batch_sections.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "batch/marks.h"

#include <inttypes.h>

/* Facts of a fence that are bits. */
enum fence_flag { FENCE_CONTINUES = 1, FENCE_KEY_FRAMED = 2, FENCE_ENCODED = 4 };
#define FENCE_FLAGS 7u
/* Bytes of a fence without its cells. */
#define FENCE_BYTES 64u

static void put_span(struct wire_writer *out, struct span span);
static struct span get_span(struct wire_reader *in);
static enum spine_status decode_fence(struct wire_reader *in, struct spine_batch *batch,
                                      size_t index, struct spine_error *error);
static bool decode_cells(struct wire_reader *in, struct fence *fence, bool *no_memory);
static bool fence_is_sound(const struct spine_batch *batch, size_t index);
static bool
span_is_sound(const struct cell_layout *column, struct span span, uint64_t word);
static bool fences_ascend(const struct spine_batch *batch, size_t index);

void
counts_encode(const struct spine_batch *batch, struct wire_writer *out)
{
    wire_put_u64(out, batch->info.rows);
    wire_put_u64(out, batch->info.keys);
    wire_put_u64(out, batch->info.negative_rows);
    wire_put_u64(out, batch->block_count);
}

enum spine_status
counts_decode(struct span bytes, struct spine_batch_info *info, size_t *fence_count,
              struct spine_error *error)
{
    struct wire_reader in = wire_reader_of(bytes.data, bytes.size);

    info->rows = wire_get_u64(&in);
    info->keys = wire_get_u64(&in);
    info->negative_rows = wire_get_u64(&in);
    *fence_count = wire_get_u64(&in);
    if (in.overrun || wire_left(&in) > 0 || info->keys > info->rows ||
        info->negative_rows > info->rows || *fence_count > info->rows ||
        (info->rows > 0) != (*fence_count > 0) || (info->rows > 0) != (info->keys > 0))
        return spine_fail(error, SPINE_CORRUPT, "the counts contradict each other");
    return SPINE_OK;
}

void
fences_encode(const struct spine_batch *batch, struct wire_writer *out)
{
    for (size_t i = 0; i < batch->block_count; i++) {
        const struct fence *fence = &batch->fences[i];
        const size_t begin = out->size;

        wire_put_u64(out, fence->first_hi);
        wire_put_u64(out, fence->first_lo);
        wire_put_u64(out, fence->last_hi);
        wire_put_u64(out, fence->last_lo);
        wire_put_u32(out, fence->rows);
        wire_put_u32(out, fence->keys);
        wire_put_u32(out, fence->values);
        wire_put_u32(out, fence->negative_rows);
        wire_put_u32(out, fence->values_at);
        wire_put_u8(out, fence->key_width);
        wire_put_u8(out, fence->value_width);
        wire_put_u8(out, (uint8_t)((fence->continues ? FENCE_CONTINUES : 0) |
                                   (fence->key_framed ? FENCE_KEY_FRAMED : 0) |
                                   (fence->encoded ? FENCE_ENCODED : 0)));
        wire_put_zeros(out, 9);
        assert(out->failed || out->size - begin == FENCE_BYTES);
        (void)begin;
        if (fence->cells == NULL)
            continue;
        put_span(out, fence->cells->first_key);
        put_span(out, fence->cells->first_value);
        put_span(out, fence->cells->last_key);
        put_span(out, fence->cells->last_value);
    }
}

enum spine_status
fences_decode(struct span bytes, struct spine_batch *batch, struct spine_error *error)
{
    struct wire_reader in = wire_reader_of(bytes.data, bytes.size);
    uint64_t rows = 0, keys = 0, negative_rows = 0;

    for (size_t i = 0; i < batch->block_count; i++) {
        struct fence *fence = &batch->fences[i];

        TRY_RETURN(decode_fence(&in, batch, i, error));
        fence->row_begin = rows;
        rows += fence->rows;
        keys += fence->keys - fence->continues;
        negative_rows += fence->negative_rows;
        batch->has_frames = batch->has_frames || fence->key_framed;
    }
    if (wire_left(&in) > 0 || rows != batch->info.rows || keys != batch->info.keys ||
        negative_rows != batch->info.negative_rows)
        return spine_fail(error, SPINE_CORRUPT, "the fences contradict the counts");
    return SPINE_OK;
}

void
marks_encode(const struct spine_batch *batch, struct wire_writer *out)
{
    const size_t count = marks_count(&batch->layout, batch->block_count);

    wire_put(out, batch->marks, count * sizeof *batch->marks);
}

/* Marks ascend, begin with the first key, and each block's last one is its last key; that
 * of a granule without keys is the one before, so that no key is looked for there. */
enum spine_status
marks_decode(struct span bytes, struct spine_batch *batch, struct spine_error *error)
{
    const size_t count = marks_count(&batch->layout, batch->block_count);

    if (bytes.size != count * sizeof *batch->marks)
        return spine_fail(error, SPINE_CORRUPT, "there are %zu bytes of marks, not %zu",
                          bytes.size, count * sizeof *batch->marks);
    if (count == 0)
        return SPINE_OK;
    memcpy(batch->marks, bytes.data, bytes.size);
    if (batch->marks[0] != marks_word(&batch->layout, batch->fences[0].first_hi))
        return spine_fail(error, SPINE_CORRUPT, "mark 0 is not the first key");
    for (size_t i = 1; i < count; i++) {
        const struct fence *fence = &batch->fences[(i - 1) / BLOCK_MARKS];
        const struct granule granule = marks_granule(batch, i - 1);
        const bool last = i % BLOCK_MARKS == 0;

        if (batch->marks[i] < batch->marks[i - 1] ||
            (granule.begin >= granule.end && batch->marks[i] > batch->marks[i - 1]) ||
            (last && batch->marks[i] != marks_word(&batch->layout, fence->last_hi)))
            return spine_fail(error, SPINE_CORRUPT, "mark %zu is out of order", i);
    }
    return SPINE_OK;
}

static void
put_span(struct wire_writer *out, struct span span)
{
    wire_put_u32(out, (uint32_t)span.size);
    wire_put(out, span.data, span.size);
}

static struct span
get_span(struct wire_reader *in)
{
    const uint32_t size = wire_get_u32(in);

    return wire_get(in, size);
}

static enum spine_status
decode_fence(struct wire_reader *in, struct spine_batch *batch, size_t index,
             struct spine_error *error)
{
    struct fence *fence = &batch->fences[index];
    bool no_memory = false, sound;
    uint8_t flags;

    fence->first_hi = wire_get_u64(in);
    fence->first_lo = wire_get_u64(in);
    fence->last_hi = wire_get_u64(in);
    fence->last_lo = wire_get_u64(in);
    fence->rows = wire_get_u32(in);
    fence->keys = wire_get_u32(in);
    fence->values = wire_get_u32(in);
    fence->negative_rows = wire_get_u32(in);
    fence->values_at = wire_get_u32(in);
    fence->key_width = wire_get_u8(in);
    fence->value_width = wire_get_u8(in);
    flags = wire_get_u8(in);
    fence->continues = (flags & FENCE_CONTINUES) != 0;
    fence->key_framed = (flags & FENCE_KEY_FRAMED) != 0;
    fence->encoded = (flags & FENCE_ENCODED) != 0;
    sound = wire_get_zeros(in, 9) && (flags & ~FENCE_FLAGS) == 0;
    if (sound && (batch->layout.key.spans || batch->layout.value.spans))
        sound = decode_cells(in, fence, &no_memory);
    if (no_memory)
        return fail_nomem(error, "the cells of a fence", wire_left(in));
    if (!sound || !fence_is_sound(batch, index) || !fences_ascend(batch, index))
        return spine_fail(error, SPINE_CORRUPT, "fence %zu is none", index);
    return SPINE_OK;
}

/* Spans that a layout has not are empty. */
static bool
decode_cells(struct wire_reader *in, struct fence *fence, bool *no_memory)
{
    struct row_code first = {0}, last = {0};

    first.key = get_span(in);
    first.value = get_span(in);
    last.key = get_span(in);
    last.value = get_span(in);
    if (in->overrun)
        return false;
    fence->cells = fence_cells_new(&first, &last);
    *no_memory = fence->cells == NULL;
    return !*no_memory;
}

/* What can be said of a fence by itself, and whether it fits the block that the file
 * has. */
static bool
fence_is_sound(const struct spine_batch *batch, size_t index)
{
    const struct layout *layout = &batch->layout;
    const struct fence *fence = &batch->fences[index];

    if (fence->rows == 0 || fence->rows > BLOCK_ROWS || fence->values > fence->rows ||
        fence->keys > fence->values || fence->keys == 0 ||
        fence->negative_rows > fence->rows)
        return false;
    if (fence->key_width > 64 || fence->value_width > 64 ||
        (fence->continues && index == 0))
        return false;
    if (layout->row_kind == ROW_ONE && (fence->first_lo != 0 || fence->last_lo != 0))
        return false;
    return fence->cells == NULL ||
           (span_is_sound(&layout->key, fence->cells->first_key, fence->first_hi) &&
            span_is_sound(&layout->key, fence->cells->last_key, fence->last_hi) &&
            span_is_sound(&layout->value, fence->cells->first_value, fence->first_lo) &&
            span_is_sound(&layout->value, fence->cells->last_value, fence->last_lo));
}

/* Is the span a cell of the column, and `word` what it begins with? */
static bool
span_is_sound(const struct cell_layout *column, struct span span, uint64_t word)
{
    if (!column->spans)
        return span.size == 0;
    return (column->shape == SHAPE_FIXED ? span.size == column->bytes
                                         : span.size <= SPINE_BYTES_MAX) &&
           word == bytes_prefix(span.data, span.size);
}

/* The last row of a block is not before its first one, nor that before the last row of
 * the block before; a key goes on where the fence says so. */
static bool
fences_ascend(const struct spine_batch *batch, size_t index)
{
    const struct layout *layout = &batch->layout;
    const struct fence *fence = &batch->fences[index];
    const struct row_code first = fence_first(fence), last = fence_last(fence);
    struct row_code before;

    if (row_code_compare(layout, &first, &last) > 0)
        return false;
    if (index == 0)
        return true;
    before = fence_last(fence - 1);
    return row_code_compare(layout, &before, &first) <= 0 &&
           fence->continues == fence_continues(layout, fence - 1, fence);
}
