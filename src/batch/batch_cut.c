/* SPDX-License-Identifier: MIT */
#include "batch/fence.h"

#include "base/assert.h"
#include "base/error.h"

static enum spine_status
append_range(struct output *output, struct reader *reader, uint64_t begin, uint64_t end);

enum spine_status
batch_cut(const struct spine_batch *batch, uint64_t begin, uint64_t end,
          struct spine_batch **inner, struct spine_batch **outer)
{
    struct output output;
    struct reader reader;
    /* Of copied rows, until they are packed. */
    struct pins pins = {0};
    enum spine_status st;

    assert(begin < end && end <= batch->info.rows && end - begin < batch->info.rows);
    *inner = NULL;
    *outer = NULL;
    output_init(&output, &batch->layout);
    output.judged_by = batch->judged_by;
    output.encode_rows = UINT64_MAX;
    reader_init(&reader, batch);
    reader.pins = &pins;
    TRY(append_range(&output, &reader, begin, end));
    TRY(output_seal(&output, inner, NULL));
    output.encode_rows = UINT64_MAX;
    TRY(append_range(&output, &reader, 0, begin));
    TRY(append_range(&output, &reader, end, batch->info.rows));
    TRY(output_seal(&output, outer, NULL));
out:
    output_release(&output);
    pins_release(&pins);
    reader_release(&reader);
    if (st != SPINE_OK) {
        spine_batch_unref(*inner);
        *inner = NULL;
    }
    return st;
}

/* Appends rows [begin, end) of the reader's batch. A copy is encoded if its block is, and
 * judged if that is. */
static enum spine_status
append_range(struct output *output, struct reader *reader, uint64_t begin, uint64_t end)
{
    reader_to_offset(reader, begin);
    while (reader_offset(reader) < end) {
        const struct fence *fence = &reader->batch->fences[reader->block];
        const uint64_t left = end - reader_offset(reader);

        if (reader_at_block_start(reader) && reader_block_rows(reader) <= left) {
            TRY_RETURN(output_share_block(output, reader));
            continue;
        }
        if (fence->encoded)
            output->encode_rows = 1;
        TRY_RETURN(reader_stage(reader, &output->pending,
                                left < BLOCK_ROWS ? (size_t)left : BLOCK_ROWS));
        if (!fence->judged)
            output->doubtful_end = output->pending.count;
    }
    return SPINE_OK;
}
