/* SPDX-License-Identifier: MIT */

/* What others than batch/ ask of fences. */

#include "batch/fence.h"

/* Blocks of a file are written anew, so that it can go, when less than this part of it is
 * left; unless it had hardly more. */
#define STRANDED_PART 4u
#define STRANDED_BLOCKS_MIN 16u

static const struct fence *fence_at(const struct reader *reader);
static bool has_single_times(const struct spine_batch *batch, size_t block);
static bool value_goes_on(const struct spine_batch *batch, size_t block);

int
row_code_compare(const struct layout *layout, const struct row_code *a,
                 const struct row_code *b)
{
    int order = 0;

    if (a->hi != b->hi)
        return a->hi < b->hi ? -1 : 1;
    if (layout->key.spans)
        order = span_compare(a->key, b->key);
    if (order == 0 && layout->row_kind != ROW_ONE)
        order = (a->lo > b->lo) - (a->lo < b->lo);
    if (order == 0 && layout->value.spans)
        order = span_compare(a->value, b->value);
    return order;
}

bool
row_code_same_key(const struct layout *layout, const struct row_code *a,
                  const struct row_code *b)
{
    if (layout->key.shape == SHAPE_NONE)
        return true;
    if (layout->row_kind == ROW_ONE)
        return (a->hi ^ b->hi) >> layout->key_shift == 0;
    if (a->hi != b->hi)
        return false;
    if (layout->key.spans)
        return span_compare(a->key, b->key) == 0;
    return layout->key.shape != SHAPE_FIXED || a->lo == b->lo;
}

enum spine_status
reader_seek_code(struct reader *reader, const struct row_code *code, bool after)
{
    const struct layout *layout = &reader->batch->layout;
    struct row_code copy = *code;
    const struct rows row = {.hi = &copy.hi,
                             .lo = &copy.lo,
                             .key = &copy.key,
                             .value = &copy.value,
                             .count = 1,
                             .capacity = 1};
    const struct cell key = rows_key(layout, &row, 0);
    const struct cell value = rows_value(layout, &row, 0);

    return after ? reader_seek_after(reader, &key, &value)
                 : reader_seek(reader, &key, &value);
}

bool
reader_at_block_start(const struct reader *reader)
{
    return reader->row == 0 && reader->block < reader->batch->block_count;
}

void
reader_pass_block(struct reader *reader)
{
    assert(reader_at_block_start(reader));
    reader->block++;
}

uint32_t
reader_block_rows(const struct reader *reader)
{
    return fence_at(reader)->rows;
}

size_t
reader_block_bytes(const struct reader *reader)
{
    return fence_at(reader)->bytes;
}

struct row_code
reader_block_first(const struct reader *reader)
{
    return fence_first(fence_at(reader));
}

struct row_code
reader_block_last(const struct reader *reader, size_t ahead)
{
    assert(ahead < reader->batch->block_count - reader->block);
    return fence_last(fence_at(reader) + ahead);
}

uint32_t
reader_rows_before(const struct reader *reader)
{
    assert(reader->block <= reader->batch->block_count);
    if (reader->row > 0)
        return reader->row;
    return reader->block > 0 ? reader->batch->fences[reader->block - 1].rows : 0;
}

bool
reader_key_goes_on(const struct reader *reader, size_t rows)
{
    const struct spine_batch *batch = reader->batch;

    assert(rows > 0);
    assert(reader->row + rows <= fence_at(reader)->rows);
    return reader->row + rows == fence_at(reader)->rows &&
           reader->block + 1 < batch->block_count &&
           batch->fences[reader->block + 1].continues;
}

bool
reader_block_goes_on(const struct reader *reader)
{
    return fence_at(reader)->continues;
}

/* A keeper has a reference for each block of its file that a batch has. */
bool
reader_block_is_stranded(const struct reader *reader, size_t blocks_min)
{
    const struct fence *fence = fence_at(reader);
    size_t blocks, left;

    if (fence->block != NULL || fence->keeper->file == NULL)
        return false;
    blocks = fence->keeper->file->table.block_count;
    left = ref_count(&fence->keeper->refs);
    return left < blocks_min ||
           (blocks >= STRANDED_BLOCKS_MIN && left < blocks / STRANDED_PART);
}

bool
reader_block_is_judged(const struct reader *reader, const struct judged_by *filters)
{
    return fence_at(reader)->judged &&
           judged_by_covers(&reader->batch->judged_by, filters);
}

bool
reader_block_has_single_times(const struct reader *reader)
{
    return has_single_times(reader->batch, reader->block);
}

uint64_t
batch_rows_to_read(const struct spine_batch *batch, const struct judged_by *filters,
                   bool times_move)
{
    const bool has_filters = filters->keys != 0 || filters->values != 0;
    uint64_t rows = 0;

    if (has_filters && !judged_by_covers(&batch->judged_by, filters))
        return batch->info.rows;
    if (!times_move && (!has_filters || batch->judged))
        return 0;
    for (size_t i = 0; i < batch->block_count; i++)
        if ((has_filters && !batch->fences[i].judged) ||
            (times_move && !has_single_times(batch, i)))
            rows += batch->fences[i].rows;
    return rows;
}

static bool
has_single_times(const struct spine_batch *batch, size_t block)
{
    const struct fence *fence = &batch->fences[block];

    assert(block < batch->block_count);
    return fence->values == fence->rows &&
           (block == 0 || !value_goes_on(batch, block - 1)) &&
           (block + 1 == batch->block_count || !value_goes_on(batch, block));
}

/* Does the next block begin with the key and value that this one ends with? */
static bool
value_goes_on(const struct spine_batch *batch, size_t block)
{
    const struct row_code last = fence_last(&batch->fences[block]);
    const struct row_code next = fence_first(&batch->fences[block + 1]);

    assert(block + 1 < batch->block_count);
    return row_code_compare(&batch->layout, &last, &next) == 0;
}

bool
batch_rows_are_judged(const struct spine_batch *batch, uint64_t begin, uint64_t end,
                      const struct judged_by *filters, uint64_t *looks)
{
    struct reader first, last;
    bool judged = judged_by_covers(&batch->judged_by, filters);

    assert(begin < end);
    reader_init(&first, batch);
    reader_to_offset(&first, begin);
    reader_init(&last, batch);
    reader_to_offset(&last, end - 1);
    for (size_t block = first.block; judged && block <= last.block; block++) {
        judged = batch->fences[block].judged;
        ++*looks;
    }
    return judged;
}

uint32_t
batch_keys_begun(const struct spine_batch *batch, size_t block)
{
    assert(block < batch->block_count);
    return batch->fences[block].keys - batch->fences[block].continues;
}

static const struct fence *
fence_at(const struct reader *reader)
{
    assert(reader->block < reader->batch->block_count);
    return &reader->batch->fences[reader->block];
}
