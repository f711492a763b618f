/* SPDX-License-Identifier: MIT */

/*
 * Readers: seeks, steps and staging over the blocks of one batch.
 *
 * A seek decides by fences and marks which block has its bound, near the present one
 * first, and only then asks for the image of that block, which may have to be read from a
 * file. An exact seek asks the lookup filter of that file before.
 *
 *     fences    | .. d | .. k | .. p | .. z |     bound m: the third block
 *     image                   |l m n p|           between l and m
 */

#include "batch/edges.h"
#include "batch/marks.h"

#include "base/error.h"
#include "batch/reader_files.h"

/* A bound in more distant blocks is looked for among all. */
#define NEAR_BLOCKS 4u
/* With fewer blocks it is not worth it to guess which one. */
#define GUESS_BLOCKS_MIN 16u

static enum spine_status reader_image(struct reader *reader, const struct image **image);
static enum spine_status hold_image(struct reader *reader, const struct image **image);
static enum spine_status bring(struct reader *reader, enum pin_use *use);
static enum spine_status reader_let_go(struct reader *reader);
static void note_lent(struct reader *reader);
static bool is_in_block(const struct reader *reader, const struct cell *key);
static enum spine_status seek_behind_word(struct reader *reader, uint64_t word);
static size_t find_block_around(const struct spine_batch *batch, size_t near,
                                const struct bound *bound);
static size_t
find_bound_block(const struct spine_batch *batch, size_t near, const struct bound *bound);
static size_t rows_ahead(const struct reader *reader, size_t want);
static void pass(struct reader *reader, size_t rows);

void
reader_init(struct reader *reader, const struct spine_batch *batch)
{
    *reader = (struct reader){.batch = batch};
}

void
reader_release(struct reader *reader)
{
    if (reader->lends && reader->pins != NULL)
        reader->pins->lent--;
    reader->lends = false;
    pin_release(&reader->pin);
    arena_release(&reader->cells);
}

void
reader_take_back(struct reader *reader)
{
    const struct kway_input *staged = reader->staged;

    if (!reader->lends || (staged != NULL && staged->at < staged->rows.count))
        return;
    if (reader->pins != NULL)
        reader->pins->lent--;
    reader->lends = false;
    arena_reset(&reader->cells);
}

struct reader
reader_copy(const struct reader *reader)
{
    return (struct reader){.batch = reader->batch,
                           .block = reader->block,
                           .row = reader->row,
                           .granule = reader->granule,
                           .error = reader->error,
                           .fetch = reader->fetch,
                           .use = reader->use};
}

/* The image of the block at the position, which stays until the next look. */
static inline enum spine_status
reader_image(struct reader *reader, const struct image **image)
{
    const struct spine_batch *batch = reader->batch;

    if (batch->is_held)
        return hold_image(reader, image);
    *image = block_image(batch->fences[reader->block].block);
    return SPINE_OK;
}

/* Some blocks are elsewhere, or their keys are copied. Others are pinned, too: pins are
 * in the order of the blocks that rows borrow from. */
static __attribute__((noinline)) enum spine_status
hold_image(struct reader *reader, const struct image **image)
{
    const struct fence *fence = &reader->batch->fences[reader->block];

    if (!reader->batch->elsewhere && !reader->lends) {
        reader->pin = (struct pin){.image = block_image(fence->block)};
        reader->pinned = reader->block;
    } else if (reader->pin.image == NULL || reader->pinned != reader->block) {
        enum pin_use use = reader->use;

        TRY_RETURN(bring(reader, &use));
        TRY_RETURN(reader_let_go(reader));
        TRY_RETURN(fence_pin(fence, use, &reader->pin, reader->error));
        reader->pinned = reader->block;
    }
    *image = reader->pin.image;
    return SPINE_OK;
}

/* Reads the block, and those behind it, if this one follows the one before. */
static enum spine_status
bring(struct reader *reader, enum pin_use *use)
{
    const bool follows = reader->pin.image != NULL && reader->pinned + 1 == reader->block;

    if (!reader->batch->elsewhere)
        return SPINE_OK;
    if (reader->fetch != NULL)
        return fetch_block(reader->fetch, reader->batch, reader->block, reader->error);
    if (reader->ahead == NULL)
        return SPINE_OK;
    if (!follows && !reader->ahead->transient) {
        read_ahead_release(reader->ahead);
        return SPINE_OK;
    }
    TRY_RETURN(
        read_ahead_bring(reader->ahead, reader->batch, reader->block, reader->error));
    *use = PIN_TO_MERGE;
    return SPINE_OK;
}

/* Leaves what the reader holds to the rows that borrow from it. */
static enum spine_status
reader_let_go(struct reader *reader)
{
    enum spine_status st;

    if (reader->lends && reader->pins != NULL) {
        st = pins_keep(reader->pins, reader);
        if (st != SPINE_OK)
            return spine_fail(reader->error, st, "no memory for the pin of a block");
    }
    pin_release(&reader->pin);
    reader->lends = false;
    if (reader->cells.bytes > 0)
        arena_reset(&reader->cells);
    return SPINE_OK;
}

/* Stages rows [begin, end) of the image. */
static inline enum spine_status
stage_image(struct reader *reader, const struct image *image, uint32_t begin,
            uint32_t end, struct rows *out)
{
    if (image_has(image, IMAGE_KEYS_FRONTED) && reader->cells.chunks == NULL &&
        reader->pins != NULL) {
        reader->cells = reader->pins->unused;
        reader->pins->unused = (struct arena){0};
    }
    TRY_RETURN(
        image_stage(&reader->batch->layout, image, begin, end, &reader->cells, out));
    note_lent(reader);
    return SPINE_OK;
}

/* Rows of the block that was looked into were staged. */
static inline void
note_lent(struct reader *reader)
{
    const struct layout *layout = &reader->batch->layout;

    if (reader->pin.image == NULL || reader->lends ||
        (!layout->key.spans && !layout->value.spans))
        return;
    reader->lends = true;
    if (reader->pins != NULL)
        reader->pins->lent++;
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

    assert(reader->block <= batch->block_count);
    assert(reader->block < batch->block_count || reader->row == 0);
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
    const struct image *image;

    assert(block < reader->batch->block_count && key < fence->keys);
    reader->block = block;
    reader->row = 0;
    if (key > 0) {
        TRY_RETURN(reader_image(reader, &image));
        reader->row = image_row_end(image, image_value_end(image, key - 1) - 1);
    }
    return SPINE_OK;
}

enum spine_status
reader_seek(struct reader *reader, const struct cell *key, const struct cell *value)
{
    const struct bound bound = bound_of(&reader->batch->layout, key, value, false);

    return reader_seek_bound(reader, &bound);
}

void
reader_prefetch(struct reader *reader, const struct cell *key)
{
    if (reader_to_block_of(reader, key))
        batch_prefetch_key(reader, key);
}

enum spine_status
reader_seek_exact(struct reader *reader, const struct cell *key, size_t *rows)
{
    const struct image *image;
    bool is_answered;
    uint32_t end;

    *rows = 0;
    reader->file_answer = FILE_NOT_ASKED;
    reader->found.is_single = false;
    if (!reader_to_block_of(reader, key))
        return SPINE_OK;
    if (reader->batch->in_files) {
        if (reader_find_kept(reader, key->word)) {
            *rows = 1;
            return SPINE_OK;
        }
        TRY_RETURN(reader_ask_file(reader, key));
        if (reader->file_answer == FILE_RULES_OUT)
            return SPINE_OK;
        TRY_RETURN(reader_ask_strip(reader, key->word, &is_answered, rows));
        if (is_answered)
            return SPINE_OK;
    }
    TRY_RETURN(reader_image(reader, &image));
    batch_find_key(reader, image, key, &reader->row, &end);
    *rows = end - reader->row;
    if (reader->batch->in_files) {
        reader_tell_file(reader, *rows > 0);
        reader_note_found(reader, *rows);
    }
    return SPINE_OK;
}

bool
reader_to_block_of(struct reader *reader, const struct cell *key)
{
    const struct spine_batch *batch = reader->batch;

    if (batch->marks != NULL) {
        reader->granule = marks_find(batch, reader->granule, key->word);
        reader->block = reader->granule / BLOCK_MARKS;
    } else if (!is_in_block(reader, key)) {
        const struct bound bound = bound_of(&batch->layout, key, NULL, false);

        reader->block = batch->edges != NULL
                            ? edges_find(batch, reader->block, &bound)
                            : find_bound_block(batch, reader->block, &bound);
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
    const struct bound bound = bound_of(&reader->batch->layout, key, value, true);

    return reader_seek_bound(reader, &bound);
}

enum spine_status
reader_seek_bound(struct reader *reader, const struct bound *bound)
{
    const struct spine_batch *batch = reader->batch;
    const struct image *image;

    assert(bound->key != NULL);
    if (batch->marks != NULL && bound->after && bound->value == NULL)
        return seek_behind_word(reader, bound->key->word);
    reader->block = batch->edges != NULL ? edges_find(batch, reader->block, bound)
                                         : find_bound_block(batch, reader->block, bound);
    reader->row = 0;
    if (reader->block < batch->block_count) {
        TRY_RETURN(reader_image(reader, &image));
        reader->row = image_search(&batch->layout, image, bound);
    }
    return SPINE_OK;
}

/* Before the first greater key: marks lead there, from where the reader is. */
static enum spine_status
seek_behind_word(struct reader *reader, uint64_t word)
{
    const struct spine_batch *batch = reader->batch;
    const struct cell next = {.word = word + 1};
    const struct image *image;
    size_t near = reader->granule;
    uint32_t end;

    reader->row = 0;
    if (word == UINT64_MAX) {
        reader_to_end(reader);
        return SPINE_OK;
    }
    /* The end of all blocks is that of all granules. */
    if (near / BLOCK_MARKS != reader->block)
        near = reader->block * BLOCK_MARKS;
    reader->granule = marks_find_around(batch, near, next.word);
    reader->block = reader->granule / BLOCK_MARKS;
    if (reader->block == batch->block_count)
        return SPINE_OK;
    TRY_RETURN(reader_image(reader, &image));
    batch_find_key(reader, image, &next, &reader->row, &end);
    return SPINE_OK;
}

/*
 * The first block that reaches the bound: `near`, or the one after it, or one near where
 * it is if first codes are spread evenly.
 */
static size_t
find_bound_block(const struct spine_batch *batch, size_t near, const struct bound *bound)
{
    const struct layout *layout = &batch->layout;
    const struct fence *fences = batch->fences;
    const size_t count = batch->block_count;

    if (count < GUESS_BLOCKS_MIN)
        return find_block_around(batch, near, bound);
    if (near < count && !fence_reaches(layout, &fences[near], bound)) {
        near++;
        if (near == count || fence_reaches(layout, &fences[near], bound))
            return near;
    } else if (near == 0 || !fence_reaches(layout, &fences[near - 1], bound)) {
        return near;
    }
    near = interpolate(fences[0].last_hi, fences[count - 1].last_hi, 0, count, bound->hi);
    return find_block_around(batch, near, bound);
}

/*
 * Doubles its steps away from `near`, on the side where the bound is, as long as that is
 * cheaper than to start from all blocks; then halves what is left: begin - 1 does not
 * reach it, end does or is behind the last.
 */
static size_t
find_block_around(const struct spine_batch *batch, size_t near, const struct bound *bound)
{
    const struct layout *layout = &batch->layout;
    const struct fence *fences = batch->fences;
    const size_t count = batch->block_count;
    size_t begin = 0, end = count;

    if (near < count && !fence_reaches(layout, &fences[near], bound)) {
        begin = near + 1;
        for (size_t step = 1; step <= NEAR_BLOCKS && begin + step < end; step *= 2) {
            if (fence_reaches(layout, &fences[begin + step - 1], bound))
                end = begin + step - 1;
            else
                begin += step;
        }
    } else {
        end = near;
        for (size_t step = 1; step <= NEAR_BLOCKS && begin + step <= end; step *= 2) {
            if (fence_reaches(layout, &fences[end - step], bound))
                end -= step;
            else
                begin = end - step + 1;
        }
    }
    while (begin < end) {
        const size_t middle = begin + (end - begin) / 2;

        if (fence_reaches(layout, &fences[middle], bound))
            end = middle;
        else
            begin = middle + 1;
    }
    return begin;
}

bool
reader_at_end(const struct reader *reader)
{
    return reader->block == reader->batch->block_count;
}

enum spine_status
reader_stage(struct reader *reader, struct rows *out, size_t want)
{
    const struct layout *layout = &reader->batch->layout;
    const size_t rows = rows_ahead(reader, want);
    const struct image *image;

    if (rows == 0)
        return SPINE_OK;
    if (!rows_reserve(layout, out, out->count + rows))
        return SPINE_NOMEM;
    TRY_RETURN(reader_image(reader, &image));
    TRY_RETURN(
        stage_image(reader, image, reader->row, reader->row + (uint32_t)rows, out));
    pass(reader, rows);
    return SPINE_OK;
}

enum spine_status
reader_stage_key(struct reader *reader, struct rows *out, size_t want, uint64_t word)
{
    const struct layout *layout = &reader->batch->layout;
    const size_t rows = rows_ahead(reader, want);
    const struct image *image;

    if (rows == 0)
        return SPINE_OK;
    if (!rows_reserve(layout, out, out->count + rows))
        return SPINE_NOMEM;
    if (rows == 1 && reader_is_at_found(reader) && reader->found.is_known) {
        reader_give_found(reader, word, out);
        pass(reader, 1);
        return SPINE_OK;
    }
    TRY_RETURN(reader_image(reader, &image));
    image_stage_key(layout, image, word, reader->row, reader->row + (uint32_t)rows, out);
    if (rows == 1 && reader_is_at_found(reader))
        reader_keep_found(reader, word, out);
    pass(reader, rows);
    return SPINE_OK;
}

void
reader_step_back(struct reader *reader, uint32_t rows)
{
    if (reader->row == 0) {
        reader->block--;
        reader->row = reader->batch->fences[reader->block].rows;
    }
    assert(rows <= reader->row);
    reader->row -= rows;
}

enum spine_status
reader_peek(struct reader *reader, struct rows *out, size_t want)
{
    const size_t block = reader->block;
    const uint32_t row = reader->row;
    const enum spine_status st = reader_stage(reader, out, want);

    reader->block = block;
    reader->row = row;
    return st;
}

enum spine_status
reader_stage_lent(struct reader *reader, struct lent_rows *out, size_t want)
{
    const size_t room = lent_rows_room(out);
    const size_t rows = rows_ahead(reader, want < room ? want : room);
    const struct image *image;

    assert(reader->batch->layout.row_kind != ROW_WIDE);
    if (rows == 0)
        return SPINE_OK;
    TRY_RETURN(reader_image(reader, &image));
    image_stage_lent(&reader->batch->layout, image, reader->row,
                     reader->row + (uint32_t)rows, out);
    pass(reader, rows);
    return SPINE_OK;
}

/* Of `want` rows those that are left in the block. */
static size_t
rows_ahead(const struct reader *reader, size_t want)
{
    const struct spine_batch *batch = reader->batch;
    size_t rows;

    assert(reader->block <= batch->block_count);
    if (reader->block == batch->block_count)
        return 0;
    rows = batch->fences[reader->block].rows - reader->row;
    return rows < want ? rows : want;
}

/* Moves past rows of the block. */
static void
pass(struct reader *reader, size_t rows)
{
    assert(reader->block < reader->batch->block_count);
    assert(rows <= reader->batch->fences[reader->block].rows - reader->row);
    reader->row += (uint32_t)rows;
    if (reader->row == reader->batch->fences[reader->block].rows) {
        reader->block++;
        reader->row = 0;
    }
}

enum spine_status
reader_stage_reverse(struct reader *reader, struct rows *out, size_t want)
{
    const struct layout *layout = &reader->batch->layout;
    const struct fence *fences = reader->batch->fences;
    const size_t at = out->count;
    const uint32_t there = reader->row > 0     ? reader->row
                           : reader->block > 0 ? fences[reader->block - 1].rows
                                               : 0;
    const size_t rows = there < want ? there : want;
    const struct image *image;

    if (rows == 0)
        return SPINE_OK;
    if (!rows_reserve(layout, out, at + rows))
        return SPINE_NOMEM;
    if (reader->row == 0) {
        reader->block--;
        reader->row = there;
    }
    TRY_RETURN(reader_image(reader, &image));
    TRY_RETURN(
        stage_image(reader, image, reader->row - (uint32_t)rows, reader->row, out));
    reader->row -= (uint32_t)rows;
    rows_turn_round(layout, out, at);
    return SPINE_OK;
}
