/* SPDX-License-Identifier: MIT */
#include "batch/fence.h"

#include "base/error.h"
#include "batch/marks.h"

#include <inttypes.h>

/* A walk over all blocks. */
struct check {
    const struct spine_batch *batch;
    struct spine_error *error;
    /* The block that is looked at. */
    size_t at;
    /* Its rows, behind the last row of the block before. */
    struct rows rows;
    size_t rows_begin;
    uint64_t rows_seen;
    uint64_t keys_seen;
    uint64_t negative_seen;
    uint64_t bytes_seen;
    bool has_frames;
};

static enum spine_status check_ends(const struct check *check, const uint16_t *ends,
                                    uint32_t count, uint32_t total, const char *what);
static enum spine_status check_cells(const struct check *check,
                                     const struct cell_layout *layout,
                                     const struct column *column, uint32_t count);
static enum spine_status
check_frame(const struct check *check, const struct frame *frame, size_t count);
static enum spine_status check_block(const struct check *check);
static enum spine_status check_counts(const struct check *check);
static enum spine_status stage_block(struct check *check);
static enum spine_status check_rows(struct check *check);
static enum spine_status check_fence(struct check *check);
static enum spine_status check_marks(const struct check *check);
static enum spine_status check_info(const struct check *check);
static bool
datum_equals(const struct cell_layout *layout, union spine_datum a, union spine_datum b);

/* One fact about the batch. */
#define EXPECT(fact, ...)                                                                \
    do {                                                                                 \
        if (!(fact))                                                                     \
            return spine_fail(check->error, SPINE_CORRUPT, __VA_ARGS__);                 \
    } while (0)

enum spine_status
spine_batch_check(const struct spine_batch *batch, struct spine_error *error)
{
    struct check check = {.batch = batch, .error = error};
    enum spine_status st = SPINE_OK;

    for (; check.at < batch->fence_count; check.at++) {
        TRY(check_block(&check));
        TRY(stage_block(&check));
        TRY(check_rows(&check));
        TRY(check_marks(&check));
        TRY(check_fence(&check));
    }
    TRY(check_info(&check));
out:
    rows_release(&batch->layout, &check.rows);
    return st;
}

/* Does the fence say where values are, if it says so? */
static bool
values_are_found(const struct fence *fence)
{
    const struct block *block = fence->block;
    const struct frame *frame = block->value.frame;
    const uint8_t *cells = frame != NULL ? frame_bits(frame) : block->value.cells;

    if (fence->value_width == 0)
        return fence->values_at == 0 || frame != NULL;
    return block->value_ends == NULL &&
           cells == (const uint8_t *)block + fence->values_at;
}

/* The counts and ends, before anything is read by them. */
static enum spine_status
check_block(const struct check *check)
{
    const struct layout *layout = &check->batch->layout;
    const struct block *block = check->batch->fences[check->at].block;
    enum spine_status st;

    EXPECT(block->row_count > 0 && block->row_count <= BLOCK_ROWS,
           "block %zu has %" PRIu32 " rows", check->at, block->row_count);
    TRY(check_counts(check));
    EXPECT(check->batch->fences[check->at].key_framed == (block->key.frame != NULL),
           "block %zu: are its keys a frame?", check->at);
    EXPECT(block->key.frame == NULL ||
               (check->batch->fences[check->at].key_width == block->key.frame->width &&
                frame_bits(block->key.frame) == (const uint8_t *)block + BLOCK_KEY_WORDS),
           "block %zu: the frame of its keys", check->at);
    EXPECT(values_are_found(&check->batch->fences[check->at]),
           "block %zu: where its values lie", check->at);
    EXPECT(layout->timed == (block->times != NULL), "block %zu: times", check->at);
    TRY(check_ends(check, block->value_ends, block->key_count, block->value_count,
                   "values"));
    TRY(check_ends(check, block->time_ends, block->value_count, block->row_count,
                   "times"));
    TRY(check_cells(check, &layout->key, &block->key, block->key_count));
    TRY(check_cells(check, &layout->value, &block->value, block->value_count));
    if (block->times_framed)
        TRY(check_frame(check, block->time_frame, block->row_count));
    if (block->weights_framed)
        TRY(check_frame(check, block->weight_frame,
                        (size_t)block->row_count * layout->weight_count));
out:
    return st;
}

/* Does the fence say of the block how much of everything it has? */
static enum spine_status
check_counts(const struct check *check)
{
    const struct fence *fence = &check->batch->fences[check->at];
    const struct block *block = fence->block;
    const struct {
        const char *what;
        uint64_t in_fence;
        uint64_t in_block;
    } counts[] = {
        {"rows", fence->rows, block->row_count},
        {"keys", fence->keys, block->key_count},
        {"values", fence->values, block->value_count},
        {"negative rows", fence->negative_rows, block->negative_rows},
        {"bytes", fence->bytes, block->bytes},
    };

    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        EXPECT(counts[i].in_fence == counts[i].in_block,
               "the fence of block %zu says %" PRIu64 " %s, the block %" PRIu64,
               check->at, counts[i].in_fence, counts[i].what, counts[i].in_block);
    EXPECT(fence->encoded == block->encoded, "block %zu: was it packed to be encoded?",
           check->at);
    return SPINE_OK;
}

/* `count` ends of `total` things; none when each has one. */
static enum spine_status
check_ends(const struct check *check, const uint16_t *ends, uint32_t count,
           uint32_t total, const char *what)
{
    uint32_t before = 0;

    if (ends == NULL) {
        EXPECT(count == total, "block %zu has no ends of its %s", check->at, what);
        return SPINE_OK;
    }
    EXPECT(count < total, "block %zu has ends of its %s, one each", check->at, what);
    for (uint32_t i = 0; i < count; i++) {
        EXPECT(ends[i] > before, "block %zu: ends of %s do not rise at %" PRIu32,
               check->at, what, i);
        before = ends[i];
    }
    EXPECT(before == total, "block %zu: %s end at %" PRIu32 " of %" PRIu32, check->at,
           what, before, total);
    return SPINE_OK;
}

/* The frame of `count` words lies in the block, and its products do not wrap around. */
static enum spine_status
check_frame(const struct check *check, const struct frame *frame, size_t count)
{
    const struct block *block = check->batch->fences[check->at].block;
    const uintptr_t begin = (uintptr_t)block, at = (uintptr_t)frame;

    EXPECT(at > begin && at + sizeof *frame <= begin + block->bytes &&
               frame->bits_at >= sizeof *frame &&
               at + frame->bits_at + frame_bytes(frame, count) <= begin + block->bytes,
           "block %zu: a frame ends behind it", check->at);
    EXPECT(frame->mask == (frame->width == 0 ? 0 : UINT64_MAX >> (64 - frame->width)) &&
               (frame->width <= FRAME_WIDTH_MAX || frame->width == 64) &&
               frame->slope_shift < 64 &&
               (count <= 1 || frame->slope <= UINT64_MAX / (count - 1)),
           "block %zu: a frame of %u bits", check->at, frame->width);
    return SPINE_OK;
}

static enum spine_status
check_cells(const struct check *check, const struct cell_layout *layout,
            const struct column *column, uint32_t count)
{
    const struct block *block = check->batch->fences[check->at].block;

    EXPECT((column->cells == NULL) ==
               (layout->shape == SHAPE_NONE || column->frame != NULL),
           "block %zu: a column of cells", check->at);
    if (column->frame != NULL) {
        EXPECT(layout->shape == SHAPE_WORD4 || layout->shape == SHAPE_WORD8,
               "block %zu: a frame instead of bytes", check->at);
        return check_frame(check, column->frame, count);
    }
    if (layout->shape != SHAPE_BYTES)
        return SPINE_OK;
    for (uint32_t i = 1; i < count; i++)
        EXPECT(column->ends[i - 1] <= column->ends[i],
               "block %zu: ends of cells fall at %" PRIu32, check->at, i);
    EXPECT(column->ends[count - 1] < block->bytes, "block %zu: cells end behind it",
           check->at);
    for (uint32_t i = 0; column->samples != NULL && i < count; i += SAMPLE_STEP) {
        const struct span cell = column_span(layout, column, i);

        EXPECT(span_shared(cell, column_span(layout, column, 0)) >= column->shared_bytes,
               "block %zu: key %" PRIu32 " begins otherwise", check->at, i);
        const struct span behind = span_behind(cell, column->shared_bytes);

        EXPECT(column->samples[i / SAMPLE_STEP] == bytes_prefix(behind.data, behind.size),
               "block %zu: the sample of key %" PRIu32, check->at, i);
    }
    return SPINE_OK;
}

static enum spine_status
stage_block(struct check *check)
{
    const struct layout *layout = &check->batch->layout;
    const struct block *block = check->batch->fences[check->at].block;

    if (check->rows.count > 0)
        rows_drop_front(layout, &check->rows, check->rows.count - 1);
    check->rows_begin = check->rows.count;
    if (!rows_reserve(layout, &check->rows, check->rows.count + block->row_count))
        return fail_nomem(check->error, "the rows of a block", block->row_count);
    block_stage(layout, block, 0, block->row_count, &check->rows);
    return SPINE_OK;
}

static enum spine_status
check_rows(struct check *check)
{
    const struct layout *layout = &check->batch->layout;
    const struct rows *rows = &check->rows;
    const unsigned width = layout->weight_count;

    for (size_t i = check->rows_begin; i < rows->count; i++) {
        const uint64_t number = check->rows_seen + i - check->rows_begin;
        bool zero = true, negative = false;

        for (unsigned w = 0; w < width; w++) {
            zero = zero && rows->weight[i * width + w] == 0;
            negative = negative || rows->weight[i * width + w] < 0;
        }
        EXPECT(!zero, "row %" PRIu64 " has weight 0", number);
        check->negative_seen += negative;
        if (i == 0) {
            check->keys_seen = 1;
            continue;
        }
        EXPECT(rows_compare(layout, rows, i - 1, rows, i) < 0,
               "row %" PRIu64 " is not greater than the one before", number);
        check->keys_seen += rows_key_end(layout, rows, i - 1, i + 1) == i;
    }
    return SPINE_OK;
}

static enum spine_status
check_fence(struct check *check)
{
    const struct layout *layout = &check->batch->layout;
    const struct fence *fence = &check->batch->fences[check->at];
    const struct rows *rows = &check->rows;
    const size_t first = check->rows_begin, last = rows->count - 1;
    const bool continues =
        check->at > 0 && rows_key_end(layout, rows, first - 1, first + 1) > first;
    bool right = fence->first_hi == rows->hi[first] && fence->last_hi == rows->hi[last];

    EXPECT((fence->cells != NULL) == (layout->key.spans || layout->value.spans),
           "the fence of block %zu: has it cells?", check->at);
    if (layout->row_kind != ROW_ONE)
        right = right && fence->first_lo == rows->lo[first] &&
                fence->last_lo == rows->lo[last];
    if (layout->key.spans)
        right = right && span_compare(fence->cells->first_key, rows->key[first]) == 0 &&
                span_compare(fence->cells->last_key, rows->key[last]) == 0;
    if (layout->value.spans)
        right = right &&
                span_compare(fence->cells->first_value, rows->value[first]) == 0 &&
                span_compare(fence->cells->last_value, rows->value[last]) == 0;
    EXPECT(right, "the fence of block %zu is not its first and last row", check->at);
    EXPECT(fence->row_begin == check->rows_seen,
           "the fence of block %zu begins at row"
           " %" PRIu64 " instead of %" PRIu64,
           check->at, fence->row_begin, check->rows_seen);
    EXPECT(fence->continues == continues, "block %zu: does its first key go on?",
           check->at);
    check->has_frames = check->has_frames || fence->key_framed;
    check->rows_seen += fence->rows;
    check->bytes_seen += fence_bytes(fence);
    return SPINE_OK;
}

static enum spine_status
check_marks(const struct check *check)
{
    const struct spine_batch *batch = check->batch;
    const struct block *block = batch->fences[check->at].block;
    const uint64_t *hi = check->rows.hi + check->rows_begin;
    uint64_t marks[BLOCK_MARKS];

    EXPECT((batch->marks != NULL) == layout_has_marks(&batch->layout), "marks");
    if (batch->marks == NULL)
        return SPINE_OK;
    EXPECT(check->at > 0 || batch->marks[0] == marks_word(&batch->layout, hi[0]),
           "the first mark is not the first key");
    marks_of_block(&batch->layout, block, hi, marks);
    EXPECT(memcmp(batch->marks + 1 + check->at * BLOCK_MARKS, marks, sizeof marks) == 0,
           "the marks of block %zu are not its keys", check->at);
    return SPINE_OK;
}

static enum spine_status
check_info(const struct check *check)
{
    const struct spine_batch *batch = check->batch;
    const struct spine_batch_info *info = &batch->info;
    uint8_t scratch[16];

    EXPECT(info->rows == check->rows_seen, "%" PRIu64 " rows; the batch says %" PRIu64,
           check->rows_seen, info->rows);
    EXPECT(info->keys == check->keys_seen, "%" PRIu64 " keys; the batch says %" PRIu64,
           check->keys_seen, info->keys);
    EXPECT(info->negative_rows == check->negative_seen,
           "%" PRIu64 " negative rows; the batch says %" PRIu64, check->negative_seen,
           info->negative_rows);
    EXPECT(info->bytes ==
               check->bytes_seen + batch_bytes(&batch->layout, batch->fence_count),
           "the batch says %" PRIu64 " bytes", info->bytes);
    EXPECT(batch->has_frames == check->has_frames, "are keys of the batch in frames?");
    if (batch->fence_count == 0)
        return SPINE_OK;
    EXPECT(datum_equals(&batch->layout.key, info->key_min, batch_key_min(batch, scratch)),
           "key_min is not the first key");
    EXPECT(datum_equals(&batch->layout.key, info->key_max, batch_key_max(batch, scratch)),
           "key_max is not the last key");
    return SPINE_OK;
}

static bool
datum_equals(const struct cell_layout *layout, union spine_datum a, union spine_datum b)
{
    if (layout->kind != SPINE_FIXED && layout->kind != SPINE_BYTES)
        return layout->native_bytes == 0 || memcmp(&a, &b, layout->native_bytes) == 0;
    return a.bytes.size == b.bytes.size &&
           (a.bytes.size == 0 || memcmp(a.bytes.data, b.bytes.data, a.bytes.size) == 0);
}
