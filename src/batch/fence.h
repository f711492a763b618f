/* SPDX-License-Identifier: MIT */
#ifndef BATCH_FENCE_H
#define BATCH_FENCE_H

/*
 * batch/fence -- what the files of batch/ share: fences, and batches while they are made
 * and searched.
 */

#include "batch/batch.h"
#include "store/store.h"

/*
 * The first and the last key and value of a block of ROW_WIDE rows, where these are
 * spans: copies, which lie behind the struct. Spans of other columns are empty.
 */
struct fence_cells {
    struct span first_key, first_value;
    struct span last_key, last_value;
    /* Of the struct and what lies behind it. */
    size_t bytes;
};

/* What a batch knows of each block without a look into it: its first and last row as
 * codes, and how much of everything it has.
 * What searches for words look at comes first. */
struct fence {
    /* NULL: the block is elsewhere. */
    struct block *block;
    uint64_t first_hi, first_lo;
    uint64_t last_hi, last_lo;
    /* Rows of all blocks before this one. */
    uint64_t row_begin;
    uint32_t rows;
    /* Keys of the block. */
    uint32_t keys;
    /* The first key is the last key of the block before. */
    bool continues;
    /* The keys of the block are a frame, with `key_width` bits per key. */
    bool key_framed;
    uint8_t key_width;
    /* Of values that are words, of keys that have one each: their bits, and where in the
     * block they lie, in bytes; otherwise 0. */
    uint8_t value_width;
    uint32_t values_at;
    /* Bytes of the block. */
    size_t bytes;
    uint32_t values;
    /* Rows of which a weight is negative. */
    uint32_t negative_rows;
    /* Packed to be encoded, whether that paid or not. */
    bool encoded;
    /* The filters of the batch's `judged_by` reject no row of the block, while no other
     * batch has its keys. */
    bool judged;
    /* In memory: keys have fronts, so that their cells are copies. */
    bool fronted;
    /* In an output: the block was made for it and is charged to its account. */
    bool made;
    /* Where the block is if it is elsewhere: its number there. */
    uint32_t number;
    struct block_keeper *keeper;
    /* Owned; NULL unless rows have spans. */
    struct fence_cells *cells;
};

/* ---- batch_file.c ---- */

/* May block `index` move to a file? */
typedef bool batch_moves_fn(const void *context, size_t index);
/* Which blocks do; all of them when `moves` is NULL. */
struct batch_moves {
    batch_moves_fn *moves;
    const void *context;
};
/* Moves the blocks that are in memory and that are chosen to a new file, before anyone
 * else knows the batch. A failure leaves it as it was. Blocks. */
enum spine_status batch_move_to_file(struct spine_batch *batch, struct spine_store *store,
                                     struct batch_moves chosen,
                                     const struct lookup_options *lookup,
                                     struct spine_error *error);

/* ---- output.c ---- */

/* Takes the fence; there is room for it. */
void output_push_fence(struct output *output, const struct fence *fence);

/* ---- output_cut.c ---- */

/*
 * Where the block that starts at row `begin` ends; `begin` if later rows could still go
 * into it, or all that is left does. At least one row stays behind a whole block: it
 * shows that the block is whole. The last block should be none that a later merge would
 * rather copy than take over: when no more rows come (`is_end`), the last two share
 * evenly what is less than one and a half; when few more will, these are waited for.
 */
size_t output_block_end(const struct output *output, const struct rows *rows,
                        size_t begin, bool is_end);

/* Pins the block of the fence. */
SPINE_CHECKED static inline enum spine_status
fence_pin(const struct fence *fence, enum pin_use use, struct pin *out,
          struct spine_error *error)
{
    struct block_keeper *const keeper = fence->keeper;

    if (fence->block == NULL)
        return keeper->calls->on_pin(keeper, fence->number, use, out, error);
    *out = (struct pin){.image = block_image(fence->block)};
    return SPINE_OK;
}

/* Fills `out` but for `row_begin` and `continues`, and takes the reference to `block`,
 * which was packed from rows [begin, end). SPINE_NOMEM. */
enum spine_status fence_init(struct fence *out, const struct layout *layout,
                             struct block *block, const struct rows *rows, size_t begin,
                             size_t end);
/* Makes `out` a fence of the same block, with a reference of its own. SPINE_NOMEM. */
enum spine_status fence_copy(struct fence *out, const struct fence *from);
/* Lets go of the block and frees the cells. */
void fence_release(struct fence *fence);
/* Puts `block`, which has the same rows, in the place of the fence's, and takes the
 * reference. */
void fence_replace_block(struct fence *fence, const struct layout *layout,
                         struct block *block);
/* The block is number `number` of `keeper` from now on, which gets a reference. */
void fence_move(struct fence *fence, struct block_keeper *keeper, uint32_t number);
/* Cells that are copies of these; NULL without memory. */
struct fence_cells *
fence_cells_new(const struct row_code *first, const struct row_code *last);
/* The first and the last row of the block. */
struct row_code fence_first(const struct fence *fence);
struct row_code fence_last(const struct fence *fence);
/* Memory of the block, if it is there, and of the cells. */
size_t fence_bytes(const struct fence *fence);
static inline size_t
fence_cells_bytes(const struct fence *fence)
{
    return fence->cells != NULL ? fence->cells->bytes : 0;
}
/* Is the first key of `after` the last key of `before`? */
bool fence_continues(const struct layout *layout, const struct fence *before,
                     const struct fence *after);
/* Is the last row of `fence` behind `bound`? */
bool fence_reaches(const struct layout *layout, const struct fence *fence,
                   const struct bound *bound);

/* To the start of the block that has the place of `key`; looks at marks and fences only.
 * False, at the end, when no block has. */
bool reader_to_block_of(struct reader *reader, const struct cell *key);

/* The rows of `key` in the reader's block, whose image this is; none, where they would
 * be, if there are none. When the batch has marks, the reader has the key's granule. */
void batch_find_key(const struct reader *reader, const struct image *image,
                    const struct cell *key, uint32_t *begin, uint32_t *end);
/* Asks the processor for the memory that batch_find_key() will probably look at. */
void batch_prefetch_key(const struct reader *reader, const struct cell *key);

/* The batch that will have `block_count` fences, with one reference; NULL without memory.
 * What batch_bytes() says is its size. */
struct spine_batch *batch_alloc(const struct layout *layout, size_t block_count);
/* The same, but fences and marks are yet to be set: they are not even zero. */
struct spine_batch *batch_alloc_unset(const struct layout *layout, size_t block_count);
/* Frees a batch that has no blocks of its own; NULL is allowed. */
void batch_discard(struct spine_batch *batch);
size_t batch_bytes(const struct layout *layout, size_t block_count);
/* A batch of the same blocks, which are not copied; NULL without memory. */
struct spine_batch *batch_copy(const struct spine_batch *batch);
/* Charges the filter to the account that is charged for the batch, if there are both. */
void batch_charge_lookup(struct spine_batch *batch);
/* Counts the files of a batch, up to FILES_COUNTED of them: a set of hashes of keepers,
 * zero at first. */
#define FILES_COUNTED 256u
struct file_counter {
    uint32_t hashes[2 * FILES_COUNTED];
    uint32_t count;
};
/* Counts again what of the batch is in memory and what is elsewhere. */
void batch_changed_places(struct spine_batch *batch);
/* The same of a new batch, block by block, and when all are counted. `files` may be NULL
 * when none is in a file. */
void batch_count_place(struct spine_batch *batch, const struct fence *fence,
                       struct file_counter *files);
void batch_places_are_counted(struct spine_batch *batch);

/* Some blocks of a batch as one of its own, which borrows their fences: empty at first,
 * for `block_count`; NULL without memory. batch_part_free() frees it when it is full. */
struct spine_batch *batch_part_new(const struct layout *layout, size_t block_count);
void batch_part_push(struct spine_batch *part, const struct fence *fence,
                     const uint64_t *marks);
/* NULL is allowed. */
void batch_part_free(struct spine_batch *part);

/* Moves the blocks of an output to its file, if it has one or gets one by now. */
enum spine_status output_keep_placed(struct output *output);
/* Ends that file, in which are all blocks that are not elsewhere. SPINE_BUSY: it is being
 * written. */
enum spine_status output_finish_file(struct output *output);
/* There will be no file. */
void output_drop_file(struct output *output);
/* Tells the output's placement that the output has `bytes` bytes now. */
void output_count(struct output *output, uint64_t bytes);
/* Tells the output's account that `bytes` bytes of the output are blocks made for it. */
void output_count_made(struct output *output, size_t bytes);

#ifdef SPINE_BLOCKS_ELSEWHERE
/* Of tests, which read every batch as if its blocks were in a file. */
void elsewhere_move(struct spine_batch *batch);
#endif
/* The least and the greatest key in the caller's type; as rows_key_datum(). */
union spine_datum batch_key_min(const struct spine_batch *batch, uint8_t *scratch);
union spine_datum batch_key_max(const struct spine_batch *batch, uint8_t *scratch);

#endif
