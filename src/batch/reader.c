/* SPDX-License-Identifier: MIT */
#include "batch/marks.h"

/* A target in more distant blocks is looked for among all. */
#define NEAR_BLOCKS 4u
/* With fewer blocks it is not worth it to guess which one. */
#define GUESS_BLOCKS_MIN 16u

static bool to_block(struct reader *reader, const struct cell *key);
static bool is_in_block(const struct reader *reader, const struct cell *key);
static enum spine_status seek(struct reader *reader, const struct target *target);
static size_t find_block_around(const struct spine_batch *batch, size_t near,
                                const struct target *target);
static size_t
find_block(const struct spine_batch *batch, size_t near, const struct target *target);
static size_t rows_ahead(const struct reader *reader, size_t want);
static void pass(struct reader *reader, size_t rows);

void
reader_init(struct reader *reader, const struct spine_batch *batch)
{
    *reader = (struct reader){.batch = batch};
}

void
reader_to_end(struct reader *reader)
{
    reader->block = reader->batch->block_count;
    reader->row = 0;
}

uint64_t
reader_offset(const struct reader *reader)
{
    const struct spine_batch *batch = reader->batch;

    if (reader->block == batch->block_count)
        return batch->info.rows;
    return batch->fences[reader->block].row_begin + reader->row;
}

void
reader_to_offset(struct reader *reader, uint64_t offset)
{
    const struct spine_batch *batch = reader->batch;
    size_t begin = 0, end = batch->block_count;

    assert(offset <= batch->info.rows);
    if (offset == batch->info.rows) {
        reader_to_end(reader);
        return;
    }
    /* The last block that begins at or before the offset. */
    while (end - begin > 1) {
        const size_t middle = begin + (end - begin) / 2;

        if (batch->fences[middle].row_begin <= offset)
            begin = middle;
        else
            end = middle;
    }
    reader->block = begin;
    reader->row = (uint32_t)(offset - batch->fences[begin].row_begin);
}

enum spine_status
reader_to_key(struct reader *reader, size_t block, uint32_t number)
{
    const struct fence *fence = &reader->batch->fences[block];
    const uint32_t key = number + fence->continues;

    assert(block < reader->batch->block_count && key < fence->keys);
    reader->block = block;
    reader->row = 0;
    if (key > 0) {
        const struct image *image = block_image(fence->block);

        reader->row = image_row_end(image, image_value_end(image, key - 1) - 1);
    }
    return SPINE_OK;
}

enum spine_status
reader_seek(struct reader *reader, const struct cell *key, const struct cell *value)
{
    const struct target target = target_of(&reader->batch->layout, key, value, false);

    return seek(reader, &target);
}

void
reader_prefetch(struct reader *reader, const struct cell *key)
{
    if (to_block(reader, key))
        batch_prefetch_key(reader->batch, reader->block, reader->stretch, key);
}

enum spine_status
reader_seek_exact(struct reader *reader, const struct cell *key, size_t *rows)
{
    uint32_t end;

    *rows = 0;
    if (!to_block(reader, key))
        return SPINE_OK;
    batch_find_key(reader->batch, reader->block, reader->stretch, key, &reader->row,
                   &end);
    *rows = end - reader->row;
    return SPINE_OK;
}

/* To the start of the block that has the place of `key`. False when none has. */
static bool
to_block(struct reader *reader, const struct cell *key)
{
    const struct spine_batch *batch = reader->batch;

    if (batch->marks != NULL) {
        reader->stretch = marks_find(batch, reader->stretch, key->word);
        reader->block = reader->stretch / BLOCK_MARKS;
    } else if (!is_in_block(reader, key)) {
        const struct target target = target_of(&batch->layout, key, NULL, false);

        reader->block = find_block(batch, reader->block, &target);
    }
    reader->row = 0;
    return reader->block < batch->block_count;
}

/* Is the place of `key` certainly in the present block? Compares first words alone. */
static bool
is_in_block(const struct reader *reader, const struct cell *key)
{
    const struct layout *layout = &reader->batch->layout;
    const struct fence *fence = &reader->batch->fences[reader->block];
    uint64_t hi = key->word;

    if (layout->row_kind == ROW_ONE)
        hi = layout->key_shift < 64 ? hi << layout->key_shift : 0;
    return reader->block < reader->batch->block_count && fence->last_hi > hi &&
           (reader->block == 0 || fence[-1].last_hi < hi);
}

enum spine_status
reader_seek_after(struct reader *reader, const struct cell *key, const struct cell *value)
{
    const struct target target = target_of(&reader->batch->layout, key, value, true);

    return seek(reader, &target);
}

static enum spine_status
seek(struct reader *reader, const struct target *target)
{
    const struct spine_batch *batch = reader->batch;

    reader->block = find_block(batch, reader->block, target);
    reader->row = 0;
    if (reader->block < batch->block_count)
        reader->row = image_search(
            &batch->layout, block_image(batch->fences[reader->block].block), target);
    return SPINE_OK;
}

/*
 * The first block that reaches the target: `near`, or the one after it, or one near where
 * it is if first codes are spread evenly.
 */
static size_t
find_block(const struct spine_batch *batch, size_t near, const struct target *target)
{
    const struct layout *layout = &batch->layout;
    const struct fence *fences = batch->fences;
    const size_t count = batch->block_count;

    if (count < GUESS_BLOCKS_MIN)
        return find_block_around(batch, near, target);
    if (near < count && !fence_reaches(layout, &fences[near], target)) {
        near++;
        if (near == count || fence_reaches(layout, &fences[near], target))
            return near;
    } else if (near == 0 || !fence_reaches(layout, &fences[near - 1], target)) {
        return near;
    }
    near =
        guess_place(fences[0].last_hi, fences[count - 1].last_hi, 0, count, target->hi);
    return find_block_around(batch, near, target);
}

/*
 * Doubles its steps away from `near`, on the side where the target is, as long as that is
 * cheaper than to start from all blocks; then halves what is left: begin - 1 does not
 * reach it, end does or is behind the last.
 */
static size_t
find_block_around(const struct spine_batch *batch, size_t near,
                  const struct target *target)
{
    const struct layout *layout = &batch->layout;
    const struct fence *fences = batch->fences;
    const size_t count = batch->block_count;
    size_t begin = 0, end = count;

    if (near < count && !fence_reaches(layout, &fences[near], target)) {
        begin = near + 1;
        for (size_t step = 1; step <= NEAR_BLOCKS && begin + step < end; step *= 2) {
            if (fence_reaches(layout, &fences[begin + step - 1], target))
                end = begin + step - 1;
            else
                begin += step;
        }
    } else {
        end = near;
        for (size_t step = 1; step <= NEAR_BLOCKS && begin + step <= end; step *= 2) {
            if (fence_reaches(layout, &fences[end - step], target))
                end -= step;
            else
                begin = end - step + 1;
        }
    }
    while (begin < end) {
        const size_t middle = begin + (end - begin) / 2;

        if (fence_reaches(layout, &fences[middle], target))
            end = middle;
        else
            begin = middle + 1;
    }
    return begin;
}

size_t
reader_stage(struct reader *reader, struct rows *out, size_t want, enum spine_status *st)
{
    const struct spine_batch *batch = reader->batch;
    const size_t rows = rows_ahead(reader, want);

    *st = SPINE_OK;
    if (rows == 0)
        return 0;
    if (!rows_reserve(&batch->layout, out, out->count + rows)) {
        *st = SPINE_NOMEM;
        return 0;
    }
    image_stage(&batch->layout, block_image(batch->fences[reader->block].block),
                reader->row, reader->row + (uint32_t)rows, out);
    pass(reader, rows);
    return rows;
}

enum spine_status
reader_stage_lent(struct reader *reader, struct lent_rows *out, size_t want)
{
    const struct spine_batch *batch = reader->batch;
    const size_t room = lent_rows_room(out);
    const size_t rows = rows_ahead(reader, want < room ? want : room);

    if (rows == 0)
        return SPINE_OK;
    image_stage_lent(&batch->layout, block_image(batch->fences[reader->block].block),
                     reader->row, reader->row + (uint32_t)rows, out);
    pass(reader, rows);
    return SPINE_OK;
}

/* Of `want` rows those that are left in the block. */
static size_t
rows_ahead(const struct reader *reader, size_t want)
{
    const struct spine_batch *batch = reader->batch;
    size_t rows;

    if (reader->block == batch->block_count)
        return 0;
    rows = batch->fences[reader->block].rows - reader->row;
    return rows < want ? rows : want;
}

/* Moves past rows of the block. */
static void
pass(struct reader *reader, size_t rows)
{
    reader->row += (uint32_t)rows;
    if (reader->row == reader->batch->fences[reader->block].rows) {
        reader->block++;
        reader->row = 0;
    }
}

size_t
reader_stage_reverse(struct reader *reader, struct rows *out, size_t want,
                     enum spine_status *st)
{
    const struct spine_batch *batch = reader->batch;
    const struct layout *layout = &batch->layout;
    const size_t at = out->count;
    size_t rows;

    *st = SPINE_OK;
    if (want == 0 || (reader->block == 0 && reader->row == 0))
        return 0;
    rows = reader->row > 0 ? reader->row : batch->fences[reader->block - 1].rows;
    if (!rows_reserve(layout, out, at + (rows < want ? rows : want))) {
        *st = SPINE_NOMEM;
        return 0;
    }
    if (reader->row == 0) {
        reader->block--;
        reader->row = batch->fences[reader->block].rows;
    }
    rows = rows < want ? rows : want;
    image_stage(layout, block_image(batch->fences[reader->block].block),
                reader->row - (uint32_t)rows, reader->row, out);
    reader->row -= (uint32_t)rows;
    rows_turn_round(layout, out, at);
    return rows;
}
