/* SPDX-License-Identifier: MIT */
#ifndef BATCH_READER_H
#define BATCH_READER_H

/*
 * batch/reader -- reading a batch from any place in either direction. Part of
 * batch/batch.h, which includes it.
 */

#include "batch/pin.h"
#include "filter/filter.h"

struct fetch;
struct lookup_counts;
struct spine_batch;

/* What became of a question to the filter of a file (batch/file_lookup.h). */
enum file_answer {
    /* The block is in no file, or its file has no filters, or asking them does not
     * pay. */
    FILE_NOT_ASKED,
    /* The key is not there. */
    FILE_RULES_OUT,
    FILE_SAYS_MAYBE
};

/*
 * A position between two rows of a batch, and the staging of the rows on either side. The
 * batch is borrowed. Staged spans borrow from the block, or from copies of its keys,
 * which stay as long as the reader does not go on to another one, or as `pins` say.
 */
struct reader {
    const struct spine_batch *batch;
    /* The block, batch->block_count at the end. */
    size_t block;
    /* The row in it. */
    uint32_t row;
    /* Where the next exact seek begins to look among the marks, or any number; since
     * one, the granule of its key. */
    size_t granule;

    /* Holds the block that was looked into last, number `pinned`, if the batch is one
     * that has to be held. */
    struct pin pin;
    size_t pinned;
    /* Staged rows borrow from it, or from the keys that were copied of it. */
    bool lends;
    struct arena cells;
    /* Of pins_return(). */
    bool in_use;
    /* Set by the owner, who may leave them NULL: where pins that lend are left, what was
     * staged by this reader, and where it is said what cannot be read. */
    struct pins *pins;
    const struct kway_input *staged;
    struct spine_error *error;
    /* Where blocks are read ahead: for a merge every block, for others the blocks that
     * are read one after the other. NULL: nothing is read ahead. */
    struct read_ahead *ahead;
    /* Where blocks and filters that are not in memory are asked for: what the reader was
     * asked then ends with SPINE_BUSY. NULL: it reads them itself. Not with `ahead`. */
    struct fetch *fetch;
    enum pin_use use;
    /* What the file of the last exact seek's block said, and where that is counted; set
     * by the owner, who may leave it NULL. */
    enum file_answer file_answer;
    struct lookup_counts *counts;
    /* The block of which a strip was read last, plus one: who wants a second key of it
     * wants more of them, and reads all of it. */
    size_t strip_end;
    /* Of the last exact seek: its key has one row in a block of a file, the one at this
     * place. `is_known`: the row was kept, or read of a strip; the block may be
     * elsewhere. */
    struct {
        bool is_single, is_known;
        uint32_t row;
        size_t block;
        uint64_t value;
        int64_t weight;
    } found;
};

/* Before the first row. */
void reader_init(struct reader *reader, const struct spine_batch *batch);
/* Gives back what the reader holds; it is where it was. Twice is harmless. */
void reader_release(struct reader *reader);
/* What rows borrow from the reader goes when its owner has dropped all staged rows that
 * borrow, and has copied the others: unless some are staged still. */
void reader_take_back(struct reader *reader);
/* Another reader of the same batch, at the same place, which holds nothing. */
struct reader reader_copy(const struct reader *reader);
void reader_to_end(struct reader *reader);
/* Rows before the position. */
uint64_t reader_offset(const struct reader *reader);
/* To the given offset, 0..rows. */
void reader_to_offset(struct reader *reader, uint64_t offset);
/* To the bound, anywhere in the batch; quick when that is near. After a failure of this
 * and of what else looks into blocks the position is anywhere. */
SPINE_CHECKED enum spine_status
reader_seek_bound(struct reader *reader, const struct bound *bound);
/* The same to before the first row not less than (key) or, unless `value` is NULL, (key,
 * value). */
SPINE_CHECKED enum spine_status
reader_seek(struct reader *reader, const struct cell *key, const struct cell *value);
/* Asks the processor for the memory that reader_seek_exact() to `key` will look at, so
 * that several batches are waited for together. Moves the position near the key. */
void reader_prefetch(struct reader *reader, const struct cell *key);
/* reader_seek() to `key`; `*rows` is how many rows of exactly that key follow in the
 * block: 0 only when the batch has none. */
SPINE_CHECKED enum spine_status
reader_seek_exact(struct reader *reader, const struct cell *key, size_t *rows);
/* Before the first row of key `number` of those that begin in block `block`. */
SPINE_CHECKED enum spine_status
reader_to_key(struct reader *reader, size_t block, uint32_t number);
/* Before the first row greater than all of (key) or (key, value). */
SPINE_CHECKED enum spine_status reader_seek_after(struct reader *reader,
                                                  const struct cell *key,
                                                  const struct cell *value);
/* Moves before the last `rows` rows of those that are reader_rows_before() it. */
void reader_step_back(struct reader *reader, uint32_t rows);
/* Is the position behind the last row? */
bool reader_at_end(const struct reader *reader);

/* Appends up to `want` rows after the position to `out` and moves past them: fewer when
 * the block has no more, none only at the end of the batch. */
SPINE_CHECKED enum spine_status
reader_stage(struct reader *reader, struct rows *out, size_t want);
/* The same of untimed rows of one weight that all have the key `word`. */
SPINE_CHECKED enum spine_status
reader_stage_key(struct reader *reader, struct rows *out, size_t want, uint64_t word);
/* reader_stage() that leaves the position where it is. */
SPINE_CHECKED enum spine_status
reader_peek(struct reader *reader, struct rows *out, size_t want);
/* reader_stage() of codes into columns that are lent, as far as they have room. */
SPINE_CHECKED enum spine_status
reader_stage_lent(struct reader *reader, struct lent_rows *out, size_t want);
/* Appends up to `want` rows before the position, nearest first, hi and lo complemented,
 * and moves before them. */
SPINE_CHECKED enum spine_status
reader_stage_reverse(struct reader *reader, struct rows *out, size_t want);

/* ---- What is known of blocks without a look into them ---- */

/* <0, 0, >0 by (key, value). */
int row_code_compare(const struct layout *layout, const struct row_code *a,
                     const struct row_code *b);
bool row_code_same_key(const struct layout *layout, const struct row_code *a,
                       const struct row_code *b);

/* Before the first row that is not less, or greater (`after`). */
SPINE_CHECKED enum spine_status
reader_seek_code(struct reader *reader, const struct row_code *code, bool after);

/* Is the position before the first row of a block? */
bool reader_at_block_start(const struct reader *reader);
/* From there to behind the block. */
void reader_pass_block(struct reader *reader);
/* The block at the position, which is not the end: its rows, its bytes, its first row,
 * and the last row of the block that is `ahead` blocks behind it. */
uint32_t reader_block_rows(const struct reader *reader);
size_t reader_block_bytes(const struct reader *reader);
struct row_code reader_block_first(const struct reader *reader);
struct row_code reader_block_last(const struct reader *reader, size_t ahead);
/* Rows before the position that lie in one block with the one right before it. */
uint32_t reader_rows_before(const struct reader *reader);
/* The next `rows` rows, of the block at the position, are of one key: are there more of
 * it in the next block? */
bool reader_key_goes_on(const struct reader *reader, size_t rows);
/* Does the block at the position begin with the key that the one before it ends with? */
bool reader_block_goes_on(const struct reader *reader);
/* Is the block at the position one of few that are left of a file: less than a part of
 * it, or less than `blocks_min`? */
bool reader_block_is_stranded(const struct reader *reader, size_t blocks_min);
/* Have `filters` judged the block at the position; the blocks of rows [begin, end)? The
 * second adds to `*looks` how many it looked at. */
bool reader_block_is_judged(const struct reader *reader, const struct judged_by *filters);
bool batch_rows_are_judged(const struct spine_batch *batch, uint64_t begin, uint64_t end,
                           const struct judged_by *filters, uint64_t *looks);
/* Has each value of the block at the position one time, which is in no other block? */
bool reader_block_has_single_times(const struct reader *reader);
/* The rows of blocks of which `filters` may reject some rows, and, if `times_move`, of
 * blocks with values that have several times. Looks at every block. */
uint64_t batch_rows_to_read(const struct spine_batch *batch,
                            const struct judged_by *filters, bool times_move);
/* The first key of the block, in the caller's type; as rows_key_datum(). */
union spine_datum
batch_block_key(const struct spine_batch *batch, size_t block, uint8_t *scratch);
/* Keys that begin in the block: not the first one if the block before has it, too. */
uint32_t batch_keys_begun(const struct spine_batch *batch, size_t block);

#endif
