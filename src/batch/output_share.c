/* SPDX-License-Identifier: MIT */

/* Blocks of other batches that an output takes over as they are. */

#include "base/assert.h"
#include "base/error.h"
#include "batch/fence.h"
#include "batch/marks.h"

static enum spine_status
share_block(struct output *output, const struct spine_batch *batch, size_t index);

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
    if (!output_reserve_fence(output))
        return SPINE_NOMEM;
    TRY(fence_copy(&fence, &batch->fences[index]));
    fence.judged =
        fence.judged && judged_by_covers(&batch->judged_by, &output->judged_by);
    if (batch->marks != NULL)
        memcpy(output->marks + output->block_count * BLOCK_MARKS,
               batch->marks + 1 + index * BLOCK_MARKS, BLOCK_MARKS * sizeof(uint64_t));
    output_push_fence(output, &fence);
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
