/* SPDX-License-Identifier: MIT */

/* Blocks of other batches that an output takes over as they are. */

#include "base/assert.h"
#include "base/error.h"
#include "base/steps.h"
#include "batch/fence.h"
#include "batch/marks.h"

enum spine_status
output_share_block(struct output *output, struct reader *reader)
{
    const struct spine_batch *batch = reader->batch;
    const size_t index = reader->block;
    struct fence fence;

    assert(reader_at_block_start(reader));
    TRY_RETURN(output_flush(output, true));
    TRY_RETURN(output_reserve_blocks(output, output->block_count + 1));
    TRY_RETURN(fence_copy(&fence, &batch->fences[index]));
    steps_count();
    fence.made = false;
    output->has_files |= fence.keeper != NULL && fence.keeper->file != NULL;
    fence.judged =
        fence.judged && judged_by_covers(&batch->judged_by, &output->judged_by);
    if (batch->marks != NULL)
        memcpy(output->marks + output->block_count * BLOCK_MARKS,
               batch->marks + 1 + index * BLOCK_MARKS, BLOCK_MARKS * sizeof(uint64_t));
    output_push_fence(output, &fence);
    reader->block++;
    return output_keep_placed(output);
}

void
output_mark_judged(struct output *output)
{
    assert(output->block_count > 0 && output->pending.count == 0);
    output->fences[output->block_count - 1].judged = true;
}

enum spine_status
output_begin_rest(struct output *output, struct reader *reader, uint64_t *fuel_rows)
{
    const struct fence *fence = &reader->batch->fences[reader->block];
    const size_t before = output->pending.count;
    uint64_t rows;

    output->judged_by = reader->batch->judged_by;
    output->encode_rows = UINT64_MAX;
    if (reader->row == 0)
        return SPINE_OK;
    if (!fence->judged)
        output->doubtful_end = BLOCK_ROWS;
    /* The copy is encoded if the block is. */
    if (fence->encoded)
        output->encode_rows = 0;
    TRY_RETURN(reader_stage(reader, &output->pending, BLOCK_ROWS)); /* all of it */
    rows = output->pending.count - before;
    *fuel_rows -= rows < *fuel_rows ? rows : *fuel_rows;
    return SPINE_OK;
}

enum spine_status
output_share_rest(struct output *output, struct reader *reader, uint64_t *fuel_rows)
{
    while (*fuel_rows > 0 && reader->block < reader->batch->block_count) {
        TRY_RETURN(output_share_block(output, reader));
        --*fuel_rows;
    }
    return SPINE_OK;
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
