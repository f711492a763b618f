/* SPDX-License-Identifier: MIT */
#include "batch/fence.h"

#include "base/alloc.h"
#include "base/error.h"
#include "batch/marks.h"

/* Rows behind the last whole block: they wait for more, or none come and they become
 * blocks, all of them or so many that one is left. */
enum rest { REST_WAITS, REST_IS_PACKED, REST_IS_ONE_BLOCK };

static enum spine_status push_blocks(struct output *output, const struct rows *rows,
                                     enum rest rest, size_t *packed);
static size_t whole_block_end(const struct output *output, const struct rows *rows,
                              size_t begin, bool is_end);
static size_t end_by_bytes(const struct layout *layout, const struct rows *rows,
                           size_t begin, size_t end);
static size_t end_by_value(const struct layout *layout, const struct rows *rows,
                           size_t begin, size_t end);
static enum spine_status
push_block(struct output *output, const struct rows *rows, size_t begin, size_t end);
static enum spine_status
share_block(struct output *output, const struct spine_batch *batch, size_t index);
static void encode_rest(struct output *output);
static bool
encode_fence(const struct layout *layout, struct fence *fence, struct rows *scratch);
static bool reserve_fence(struct output *output);
static void push_fence(struct output *output, const struct fence *fence);
static void fill_info(const struct output *output, struct spine_batch *batch);

void
output_init(struct output *output, const struct layout *layout)
{
    *output = (struct output){.layout = *layout, .encode_rows = ENCODE_ROWS};
}

void
output_release(struct output *output)
{
    const struct layout layout = output->layout;

    for (size_t i = 0; i < output->block_count; i++)
        fence_release(&output->fences[i]);
    mem_free(output->fences, output->fence_capacity * sizeof *output->fences);
    mem_free(output->marks, output->mark_capacity * sizeof *output->marks);
    rows_release(&output->layout, &output->pending);
    output_init(output, &layout);
}

enum spine_status
output_flush(struct output *output, bool all)
{
    size_t packed = 0;
    const enum spine_status st =
        push_blocks(output, &output->pending, all ? REST_IS_PACKED : REST_WAITS, &packed);

    rows_drop_front(&output->layout, &output->pending, packed);
    output->doubtful_end -= packed < output->doubtful_end ? packed : output->doubtful_end;
    return st;
}

enum spine_status
batch_of_sorted(const struct layout *layout, const struct rows *rows,
                struct spine_batch **out, struct spine_error *error)
{
    struct output output;
    size_t packed = 0;
    enum spine_status st;

    *out = NULL;
    output_init(&output, layout);
    TRY(push_blocks(&output, rows, REST_IS_PACKED, &packed));
    TRY(output_seal(&output, out, NULL));
out:
    output_release(&output);
    if (st != SPINE_OK)
        return spine_fail(error, st, "no memory for a batch of %zu rows", rows->count);
    return st;
}

enum spine_status
output_share_block(struct output *output, struct reader *reader)
{
    enum spine_status st;

    assert(reader_at_block_start(reader));
    TRY(share_block(output, reader->batch, reader->block));
    reader->block++;
out:
    return st;
}

enum spine_status
output_share_batch(struct output *output, const struct spine_batch *batch)
{
    enum spine_status st = SPINE_OK;

    for (size_t i = 0; i < batch->block_count; i++)
        TRY(share_block(output, batch, i));
out:
    return st;
}

static enum spine_status
share_block(struct output *output, const struct spine_batch *batch, size_t index)
{
    struct fence fence;
    enum spine_status st;

    TRY(output_flush(output, true));
    if (!reserve_fence(output))
        return SPINE_NOMEM;
    TRY(fence_copy(&fence, &batch->fences[index]));
    fence.judged =
        fence.judged && judged_by_covers(&batch->judged_by, &output->judged_by);
    if (batch->marks != NULL)
        memcpy(output->marks + output->block_count * BLOCK_MARKS,
               batch->marks + 1 + index * BLOCK_MARKS, BLOCK_MARKS * sizeof(uint64_t));
    push_fence(output, &fence);
out:
    return st;
}

void
output_mark_judged(struct output *output)
{
    assert(output->block_count > 0 && output->pending.count == 0);
    output->fences[output->block_count - 1].judged = true;
}

enum spine_status
batch_rest(const struct spine_batch *batch, uint64_t begin, struct spine_batch **out,
           struct spine_error *error)
{
    struct output output;
    struct reader reader;
    enum spine_status st;

    *out = NULL;
    output_init(&output, &batch->layout);
    output.judged_by = batch->judged_by;
    reader_init(&reader, batch);
    reader.error = error;
    reader_to_offset(&reader, begin);
    if (reader.row > 0) {
        if (!batch->fences[reader.block].judged)
            output.doubtful_end = BLOCK_ROWS;
        /* The copy is encoded if the block is. */
        output.encode_rows = batch->fences[reader.block].encoded ? 0 : UINT64_MAX;
        (void)reader_stage(&reader, &output.pending, BLOCK_ROWS, &st); /* all of it */
        TRY(st);
    }
    while (reader.block < batch->block_count)
        TRY(output_share_block(&output, &reader));
    TRY(output_seal(&output, out, NULL));
out:
    output_release(&output);
    reader_release(&reader);
    if (st == SPINE_NOMEM)
        return spine_fail(error, st, "no memory for what is left of a batch");
    return st;
}

bool
output_encodes_block(const struct output *output, const struct reader *reader)
{
    const struct layout *layout = &output->layout;
    const bool has_numbers = layout->timed || layout->key.shape == SHAPE_WORD4 ||
                             layout->key.shape == SHAPE_WORD8 ||
                             layout->value.shape == SHAPE_WORD4 ||
                             layout->value.shape == SHAPE_WORD8;

    return has_numbers && output->rows_expected >= output->encode_rows &&
           !reader->batch->fences[reader->block].encoded;
}

enum spine_status
output_seal(struct output *output, struct spine_batch **out, struct spine_error *error)
{
    const struct layout *layout = &output->layout;
    struct spine_batch *batch = NULL;
    size_t fences = output->block_count;
    size_t packed = 0;
    enum spine_status st;

    *out = NULL;
    /* The last block is taken last, so that a failure leaves it. */
    st = push_blocks(output, &output->pending, REST_IS_ONE_BLOCK, &packed);
    rows_drop_front(layout, &output->pending, packed);
    TRY(st);
    fences = output->block_count + (output->pending.count > 0);
    batch = batch_alloc(layout, fences);
    if (batch == NULL) {
        st = SPINE_NOMEM;
        goto out;
    }
    TRY(output_flush(output, true));
    assert(output->block_count == fences);
    encode_rest(output);

    if (fences > 0)
        memcpy(batch->fences, output->fences, fences * sizeof *batch->fences);
    if (batch->marks != NULL) {
        batch->marks[0] = marks_word(layout, batch->fences[0].first_hi);
        memcpy(batch->marks + 1, output->marks,
               fences * BLOCK_MARKS * sizeof *batch->marks);
    }
    batch->judged_by = output->judged_by;
    batch->judged = true;
    for (size_t i = 0; i < fences; i++) {
        batch->has_frames = batch->has_frames || batch->fences[i].key_framed;
        batch->judged = batch->judged && batch->fences[i].judged;
    }
    fill_info(output, batch);
#ifdef SPINE_BLOCKS_ELSEWHERE
    elsewhere_move(batch);
#endif
    output->block_count = 0;
    output->rows = output->keys = output->negative_rows = output->bytes = 0;
    *out = batch;
    batch = NULL;
out:
    if (batch != NULL)
        mem_free(batch, batch_bytes(layout, batch->block_count));
    if (st == SPINE_NOMEM)
        return fail_nomem(error, "a batch", batch_bytes(layout, fences));
    return st;
}

/* Encodes the blocks that came before it was known that there would be enough rows, as
 * far as there is memory. */
static void
encode_rest(struct output *output)
{
    struct rows scratch = {0};

    if (output->rows < output->encode_rows ||
        output->rows_expected >= output->encode_rows)
        return;
    for (size_t i = 0; i < output->block_count; i++) {
        struct fence *fence = &output->fences[i];
        const size_t bytes = fence->bytes;

        /* Blocks that are shared with other batches stay. */
        if (fence->encoded || fence->block == NULL || ref_count(&fence->block->refs) > 1)
            continue;
        if (!encode_fence(&output->layout, fence, &scratch))
            break;
        output->bytes -= bytes - fence->bytes;
    }
    rows_release(&output->layout, &scratch);
}

static bool
encode_fence(const struct layout *layout, struct fence *fence, struct rows *scratch)
{
    struct block *block;

    scratch->count = 0;
    if (!rows_reserve(layout, scratch, fence->rows))
        return false;
    image_stage(layout, block_image(fence->block), 0, fence->rows, scratch);
    if (block_pack(layout, scratch, 0, fence->rows, true, &block) != SPINE_OK)
        return false;
    fence_replace_block(fence, layout, block);
    return true;
}

/* Packs rows from `*packed` on. */
static enum spine_status
push_blocks(struct output *output, const struct rows *rows, enum rest rest,
            size_t *packed)
{
    for (;;) {
        enum spine_status st;
        size_t end = whole_block_end(output, rows, *packed, rest != REST_WAITS);

        if (end == *packed && rest == REST_IS_PACKED)
            end = rows->count;
        if (end == *packed)
            return SPINE_OK;
        st = push_block(output, rows, *packed, end);
        if (st != SPINE_OK)
            return st;
        *packed = end;
    }
}

/*
 * Where the block that starts at row `begin` ends; `begin` if later rows could still go
 * into it, or all that is left does. At least one row stays behind a whole block: it
 * shows that the block is whole. The last block should be none that a later merge would
 * rather copy than take over: when no more rows come (`is_end`), the last two share
 * evenly what is less than one and a half; when few more will, these are waited for.
 */
static size_t
whole_block_end(const struct output *output, const struct rows *rows, size_t begin,
                bool is_end)
{
    const struct layout *layout = &output->layout;
    const size_t left = rows->count - begin;
    size_t end = begin + (left < BLOCK_ROWS ? left : BLOCK_ROWS);

    if (left > 0 && (layout->key.spans || layout->value.spans))
        end = end_by_bytes(layout, rows, begin, end);
    if (end == rows->count)
        return begin;

    const size_t half = (end - begin) / 2;

    if (is_end && rows->count - end < half)
        end = begin + (left + 1) / 2;
    if (!is_end && output->rows_expected > output->rows &&
        output->rows_expected - output->rows < end - begin + half)
        return begin;
    return layout->timed ? end_by_value(layout, rows, begin, end) : end;
}

/* Rows [begin, end), or as many of them as fit into BLOCK_BYTES. */
static size_t
end_by_bytes(const struct layout *layout, const struct rows *rows, size_t begin,
             size_t end)
{
    size_t bytes = 0;

    /* Rarely is it too much even if no key and no value had more than one row. */
    for (size_t i = begin; i < end; i++) {
        bytes += layout->key.spans ? rows->key[i].size : 0;
        bytes += layout->value.spans ? rows->value[i].size : 0;
    }
    if (bytes <= BLOCK_BYTES)
        return end;

    bytes = 0;
    for (size_t i = begin, key_end = begin; i < end;) {
        if (i == key_end) {
            key_end = rows_key_end(layout, rows, i, end);
            bytes += layout->key.spans ? rows->key[i].size : 0;
        }
        bytes += layout->value.spans ? rows->value[i].size : 0;
        if (bytes > BLOCK_BYTES && i > begin)
            return i;
        i = layout->timed ? rows_value_end(layout, rows, i, key_end) : i + 1;
    }
    return end;
}

/* Rows [begin, end) without the times of a value that go on behind `end`, unless that
 * leaves nothing. */
static size_t
end_by_value(const struct layout *layout, const struct rows *rows, size_t begin,
             size_t end)
{
    size_t start = end;

    while (start > begin && rows_value_end(layout, rows, start - 1, end + 1) == end + 1)
        start--;
    return start > begin ? start : end;
}

static enum spine_status
push_block(struct output *output, const struct rows *rows, size_t begin, size_t end)
{
    const bool encode = output->rows_expected >= output->encode_rows ||
                        output->rows + (end - begin) >= output->encode_rows;
    struct block *block = NULL;
    struct fence fence;
    enum spine_status st;

    if (!reserve_fence(output))
        return SPINE_NOMEM;
    TRY(block_pack(&output->layout, rows, begin, end, encode, &block));
    TRY(fence_init(&fence, &output->layout, block, rows, begin, end));
    fence.judged = begin >= output->doubtful_end;
    if (marks_count(&output->layout, 1) > 0)
        marks_of_image(&output->layout, block_image(block), rows->hi + begin,
                       output->marks + output->block_count * BLOCK_MARKS);
    push_fence(output, &fence);
    block = NULL;
out:
    block_unref(block);
    return st;
}

/* Room for one more, and its marks. */
static bool
reserve_fence(struct output *output)
{
    const size_t fences = output->block_count + 1;

    return array_reserve(&output->fences, &output->fence_capacity, sizeof *output->fences,
                         fences) &&
           array_reserve(&output->marks, &output->mark_capacity, sizeof *output->marks,
                         marks_count(&output->layout, fences));
}

/* Takes the fence; there is room for it. */
static void
push_fence(struct output *output, const struct fence *fence)
{
    struct fence *to = &output->fences[output->block_count];

    *to = *fence;
    to->row_begin = output->rows;
    to->continues =
        output->block_count > 0 && fence_continues(&output->layout, to - 1, to);
    output->block_count++;
    output->rows += fence->rows;
    output->keys += fence->keys - to->continues;
    output->negative_rows += fence->negative_rows;
    output->bytes += fence_bytes(fence);
}

static void
fill_info(const struct output *output, struct spine_batch *batch)
{
    batch->info.rows = output->rows;
    batch->info.keys = output->keys;
    batch->info.negative_rows = output->negative_rows;
    batch_changed_places(batch);
}
