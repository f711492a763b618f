/* SPDX-License-Identifier: MIT */

/*
 * An output that goes to a file while it is being built: its blocks are written as they
 * come and leave memory, their fences and marks stay.
 */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "batch/batch_writer.h"
#include "batch/marks.h"
#include "batch/twin.h"
#include "runtime/runtime.h"

static enum spine_status move_block(struct output *output, struct fence *fence);
static enum spine_status
write_made_block(struct output *output, const struct fence *fence);
static bool is_in_file(const struct fence *fence);
static struct spine_batch *part_of_output(const struct output *output);

enum spine_status
output_keep_placed(struct output *output)
{
    const struct batch_writer_options options = {.lookup = output->lookup,
                                                 .waiter = output->waiter};
    enum spine_status st = SPINE_OK;

    /* The output was to be sealed, and went on: what comes now is for the next file. */
    if (output->file_is_whole) {
        if (output->placed == output->block_count)
            return SPINE_OK;
        TRY(output_finish_file(output));
    }
    if (output->writer == NULL) {
        if (!placement_moves_output(output->placement, output->bytes)) {
            output_count(output, output->bytes);
            return SPINE_OK;
        }
        output->placed = 0;
        TRY(batch_writer_new(output->placement->store, &output->layout, &options,
                             &output->writer, output->error));
    }
    for (; output->placed < output->block_count; output->placed++)
        TRY(move_block(output, &output->fences[output->placed]));
out:
    output_count(output, output->bytes);
    /* Until that file is written, blocks are in memory. */
    return st == SPINE_BUSY ? SPINE_OK : st;
}

void
output_count(struct output *output, uint64_t bytes)
{
    if (output->placement == NULL)
        return;
    placement_count_output(output->placement, output->bytes_counted, bytes);
    output->bytes_counted = bytes;
}

void
output_count_made(struct output *output, size_t bytes)
{
    account_output(output->account, output->bytes_made, bytes);
    output->bytes_made = bytes;
}

static enum spine_status
move_block(struct output *output, struct fence *fence)
{
    const struct file_twin *twin;
    enum spine_status st;

    if (fence->block == NULL)
        return SPINE_OK;
    twin = twin_in_store(fence, output->placement->store);
    if (twin == NULL)
        TRY(write_made_block(output, fence));
    output->bytes -= fence->bytes;
    if (fence->made)
        output_count_made(output, output->bytes_made - fence->bytes);
    fence->made = false;
    output->has_files = true;
    if (twin != NULL) {
        /* A checkpoint has written it. */
        fence_move_to_twin(fence, twin);
        return SPINE_OK;
    }
    block_unref(fence->block);
    fence->block = NULL;
    fence->number = (uint32_t)output->blocks_in_file++;
out:
    if (st != SPINE_OK) {
        output_drop_file(output);
        output->is_lost = true;
    }
    return st;
}

static enum spine_status
write_made_block(struct output *output, const struct fence *fence)
{
    const struct image *image = block_image(fence->block);
    unsigned wanted = 0;

    TRY_RETURN(batch_writer_block(output->writer, image, output->error));
    if (output->on_wanted != NULL) {
        const struct row_code first = fence_first(fence), last = fence_last(fence);

        wanted = output->on_wanted(output->wanted_context, &first, &last);
    }
    if (wanted > 0)
        batch_writer_keep(output->writer, image, wanted);
    return SPINE_OK;
}

enum spine_status
output_finish_file(struct output *output)
{
    struct block_keeper *keeper;
    struct spine_batch *part;
    enum spine_status st = SPINE_OK;

    if (output->writer == NULL)
        return SPINE_OK;
    if (output->file_is_whole && !batch_writer_has_ended(output->writer))
        return SPINE_BUSY;
    assert(output->file_is_whole || output->placed == output->block_count);
    part = part_of_output(output);
    if (part == NULL)
        return SPINE_NOMEM;
    if (!output->file_is_whole)
        st = batch_writer_end(output->writer, part, output->error);
    if (st != SPINE_OK) {
        batch_part_free(part);
        output_drop_file(output);
        output->is_lost = true;
        return st;
    }
    output->file_is_whole = true;
    if (!batch_writer_has_ended(output->writer)) {
        batch_part_free(part);
        return SPINE_BUSY;
    }
    st = batch_writer_finish(output->writer, part, &keeper, output->error);
    batch_part_free(part);
    output->writer = NULL;
    output->file_is_whole = false;
    if (st != SPINE_OK) {
        output->is_lost = true;
        return st;
    }
    for (size_t i = 0; i < output->block_count; i++) {
        struct fence *fence = &output->fences[i];

        if (is_in_file(fence))
            fence_move(fence, keeper, fence->number);
    }
    output->blocks_in_file = 0;
    block_keeper_unref(keeper);
    return SPINE_OK;
}

void
output_drop_file(struct output *output)
{
    batch_writer_abort(output->writer);
    output->writer = NULL;
    output->file_is_whole = false;
}

bool
output_awaits(const struct output *output)
{
    if (output->writer == NULL)
        return false;
    return output->file_is_whole ? !batch_writer_has_ended(output->writer)
                                 : batch_writer_is_behind(output->writer);
}

static bool
is_in_file(const struct fence *fence)
{
    return fence->block == NULL && fence->keeper == NULL;
}

/* The blocks in the file, as a batch of its own. */
static struct spine_batch *
part_of_output(const struct output *output)
{
    struct spine_batch *part = batch_part_new(&output->layout, output->blocks_in_file);

    for (size_t i = 0; part != NULL && i < output->block_count; i++)
        if (is_in_file(&output->fences[i]))
            batch_part_push(part, &output->fences[i],
                            output->marks != NULL ? output->marks + i * BLOCK_MARKS
                                                  : NULL);
    return part;
}
