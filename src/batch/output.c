/* SPDX-License-Identifier: MIT */

/* Rows that come in order are packed into blocks, and the blocks become a batch. */

#include "batch/fence.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/steps.h"
#include "batch/edges.h"
#include "batch/marks.h"

/* The first blocks of a batch cost no fuel when it is sealed, so that a small merge ends
 * with its rows. */
#define FREE_BLOCKS 16u

/* Rows behind the last whole block: they wait for more, or none come and they become
 * blocks, all of them, or so that one block of them is left. */
enum rest { REST_WAITS, REST_IS_PACKED, REST_IS_ONE_BLOCK };

static enum spine_status push_blocks(struct output *output, const struct rows *rows,
                                     enum rest rest, size_t *packed);
static enum spine_status
push_block(struct output *output, const struct rows *rows, size_t begin, size_t end);
static enum spine_status begin_seal(struct output *output);
static void seal_block(struct output *output);
static struct spine_batch *finish_seal(struct output *output);
static void free_counter(struct output *output);
static void encode_rest(struct output *output);
static bool
encode_fence(struct output *output, struct fence *fence, struct rows *scratch);
static bool charge_block(struct account *account, struct block *block);

void
output_init(struct output *output, const struct layout *layout)
{
    *output = (struct output){.layout = *layout, .encode_rows = ENCODE_ROWS};
}

void
output_release(struct output *output)
{
    const struct layout layout = output->layout;

    output_seal_abort(output);
    output_drop_file(output);
    output_count(output, 0);
    output_count_made(output, 0);
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
    enum spine_status st =
        push_blocks(output, &output->pending, all ? REST_IS_PACKED : REST_WAITS, &packed);

    assert(output->sealing == NULL);
    rows_drop_front(&output->layout, &output->pending, packed);
    output->doubtful_end -= packed < output->doubtful_end ? packed : output->doubtful_end;
    return st == SPINE_OK ? output_keep_placed(output) : st;
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
output_seal(struct output *output, struct spine_batch **out, struct spine_error *error)
{
    uint64_t fuel_rows = UINT64_MAX;

    return output_seal_step(output, &fuel_rows, out, error);
}

enum spine_status
output_seal_step(struct output *output, uint64_t *fuel_rows, struct spine_batch **out,
                 struct spine_error *error)
{
    enum spine_status st = SPINE_OK;

    *out = NULL;
    if (output->sealing == NULL)
        st = begin_seal(output);
    if (st == SPINE_BUSY)
        return SPINE_OK;
    if (st == SPINE_NOMEM)
        return fail_nomem(error, "a batch",
                          batch_bytes(&output->layout, output->block_count));
    TRY(st);
    while (output->sealed < output->block_count &&
           (*fuel_rows > 0 || output->sealed < FREE_BLOCKS)) {
        *fuel_rows -= output->sealed >= FREE_BLOCKS;
        seal_block(output);
    }
    if (output->sealed == output->block_count)
        *out = finish_seal(output);
out:
    if (st != SPINE_OK && error != NULL && output->error != NULL)
        *error = *output->error;
    return st;
}

/* Makes blocks of all that is pending, and room for the batch. SPINE_BUSY: its file is
 * not written yet. */
static enum spine_status
begin_seal(struct output *output)
{
    const struct layout *layout = &output->layout;
    struct spine_batch *batch = NULL;
    size_t packed = 0;
    enum spine_status st;

    assert(output->sealing == NULL);
    /* The last block is taken last, so that a failure leaves it. */
    st = push_blocks(output, &output->pending, REST_IS_ONE_BLOCK, &packed);
    rows_drop_front(layout, &output->pending, packed);
    TRY(st);
    batch = batch_alloc_unset(layout, output->block_count + (output->pending.count > 0));
    if (batch == NULL)
        return SPINE_NOMEM;
    TRY(output_flush(output, true));
    assert(output->block_count == batch->block_count);
    encode_rest(output);
    TRY(output_finish_file(output));
    if (output->has_files) {
        output->files = mem_zalloc(sizeof *output->files);
        if (output->files == NULL) {
            st = SPINE_NOMEM;
            goto out;
        }
    }

    if (batch->marks != NULL)
        batch->marks[0] = marks_word(layout, output->fences[0].first_hi);
    if (batch->edges != NULL && output->block_count > 0)
        edges_begin(batch, &output->fences[0], &output->fences[output->block_count - 1]);
    batch->judged_by = output->judged_by;
    batch->judged = true;
    output->sealing = batch;
    output->sealed = 0;
    batch = NULL;
out:
    batch_discard(batch);
    return st;
}

/* The batch has the next block; it is the output's as long as the batch is not done. */
static void
seal_block(struct output *output)
{
    struct spine_batch *batch = output->sealing;
    const size_t at = output->sealed++;
    struct fence *fence = &batch->fences[at];

    assert(at < output->block_count);
    assert(at < batch->block_count);
    *fence = output->fences[at];
    if (batch->marks != NULL)
        memcpy(batch->marks + 1 + at * BLOCK_MARKS, output->marks + at * BLOCK_MARKS,
               BLOCK_MARKS * sizeof *batch->marks);
    if (batch->edges != NULL)
        edges_set(batch, at);
    batch->has_frames = batch->has_frames || fence->key_framed;
    batch->judged = batch->judged && fence->judged;
    batch_count_place(batch, fence, output->files);
    steps_count();
}

static void
free_counter(struct output *output)
{
    mem_free(output->files, sizeof *output->files);
    output->files = NULL;
}

static struct spine_batch *
finish_seal(struct output *output)
{
    struct spine_batch *batch = output->sealing;

    assert(output->sealed == batch->block_count);
    assert(output->pending.count == 0);
    batch->info.rows = output->rows;
    batch->info.keys = output->keys;
    batch->info.negative_rows = output->negative_rows;
    batch_places_are_counted(batch);
#ifdef SPINE_BLOCKS_ELSEWHERE
    elsewhere_move(batch);
#endif
    output_count(output, 0);
    output_count_made(output, 0);
    free_counter(output);
    output->sealing = NULL;
    output->has_files = false;
    output->block_count = output->sealed = output->placed = 0;
    output->rows = output->keys = output->negative_rows = output->bytes = 0;
    return batch;
}

void
output_seal_abort(struct output *output)
{
    batch_discard(output->sealing);
    free_counter(output);
    output->sealing = NULL;
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

        /* Blocks that are shared with other batches stay. */
        if (fence->encoded || fence->block == NULL || ref_count(&fence->block->refs) > 1)
            continue;
        if (!encode_fence(output, fence, &scratch))
            break;
    }
    rows_release(&output->layout, &scratch);
}

static bool
encode_fence(struct output *output, struct fence *fence, struct rows *scratch)
{
    const struct layout *layout = &output->layout;
    struct block *block;

    if (block_encode(layout, block_image(fence->block), scratch, &block) != SPINE_OK)
        return false;
    if (fence->made)
        output_count_made(output, output->bytes_made - fence->bytes);
    fence->made = charge_block(output->account, block);
    fence_replace_block(fence, layout, block);
    if (fence->made)
        output_count_made(output, output->bytes_made + fence->bytes);
    return true;
}

static bool
charge_block(struct account *account, struct block *block)
{
    return account != NULL &&
           account_charge(&block->payer, account, ACCOUNT_BLOCKS, block->bytes);
}

/* Packs rows from `*packed` on. */
static enum spine_status
push_blocks(struct output *output, const struct rows *rows, enum rest rest,
            size_t *packed)
{
    for (;;) {
        size_t end = output_block_end(output, rows, *packed, rest != REST_WAITS);

        if (end == *packed && rest == REST_IS_PACKED)
            end = rows->count;
        if (end == *packed)
            return SPINE_OK;
        TRY_RETURN(push_block(output, rows, *packed, end));
        *packed = end;
    }
}

static enum spine_status
push_block(struct output *output, const struct rows *rows, size_t begin, size_t end)
{
    const bool encode = output->rows_expected >= output->encode_rows ||
                        output->rows + (end - begin) >= output->encode_rows;
    struct block *block = NULL;
    struct fence fence;
    bool made;
    enum spine_status st;

    assert(begin < end);
    assert(end <= rows->count);
    assert(end - begin <= BLOCK_ROWS);
    TRY(output_reserve_blocks(output, output->block_count + 1));
    TRY(block_pack(&output->layout, rows, begin, end, encode, &block));
    made = charge_block(output->account, block);
    TRY(fence_init(&fence, &output->layout, block, rows, begin, end));
    fence.judged = begin >= output->doubtful_end;
    fence.made = made;
    if (marks_count(&output->layout, 1) > 0)
        marks_of_image(&output->layout, block_image(block), rows->hi + begin,
                       output->marks + output->block_count * BLOCK_MARKS);
    output_push_fence(output, &fence);
    if (made)
        output_count_made(output, output->bytes_made + fence.bytes);
    block = NULL;
out:
    block_unref(block);
    return st;
}

enum spine_status
output_reserve_blocks(struct output *output, size_t blocks)
{
    const bool reserved =
        array_reserve(&output->fences, &output->fence_capacity, sizeof *output->fences,
                      blocks) &&
        array_reserve(&output->marks, &output->mark_capacity, sizeof *output->marks,
                      marks_count(&output->layout, blocks));

    assert(output->sealing == NULL);
    return reserved ? SPINE_OK : SPINE_NOMEM;
}

void
output_push_fence(struct output *output, const struct fence *fence)
{
    struct fence *to = &output->fences[output->block_count];

    assert(output->block_count < output->fence_capacity);
    assert(fence->rows > 0);
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
