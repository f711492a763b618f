/* SPDX-License-Identifier: MIT */
#ifndef BATCH_BATCH_H
#define BATCH_BATCH_H

/*
 * batch/ -- batches and how they are made and read.
 *
 * A batch is an array of immutable, reference-counted blocks (block/block.h) and what is
 * known of them without reading them. Rows of one key may go on in the next block
 * (`continues`); rows of one value never do, unless there are more than BLOCK_ROWS times.
 *
 * Written by output_*, in order, from flat rows (kernel/kernel.h); read by reader_*, into
 * flat rows again.
 */

#include "base/ref.h"
#include "block/block.h"
#include "filter/filter.h"
#include "lookup/lookup.h"

/* So many stretches the keys of a block are divided into, when they are words. */
#define BLOCK_MARKS 32u

/* Batches of so many rows are encoded. */
#define ENCODE_ROWS 100000u

struct fence; /* private to batch/ */

struct spine_batch {
    struct ref refs;
    struct layout layout;
    /* What is known of each block without a look into it. */
    struct fence *fences;
    size_t block_count;
    /* Of keys that are words: the first one, then the last one of every stretch of every
     * block (batch/marks.h), side by side. Otherwise NULL. */
    uint64_t *marks;
    /* Keys of some blocks are frames. */
    bool has_frames;
    /* All blocks are judged. */
    bool judged;
    struct judged_by judged_by;
    struct spine_batch_info info;
    /* NULL until a reader has built it; never changes then. */
    _Atomic(struct lookup *) lookup;
    /* Searches in vain that a filter would have saved. */
    atomic_uint_least64_t searches_in_vain;
    /* Where key_min and key_max of short fixed keys live. */
    uint8_t key_scratch[2][16];
};

struct reader;

/* ---- Writing ---- */

/*
 * The output of a merge, a builder, a batcher: rows appended in order come out as a
 * batch. `pending` is where rows are written: append to it (kway_fill does), then call
 * output_flush().
 */
struct output {
    struct layout layout;
    /*
     * A batch of so many rows gets encoded blocks, which have less bytes and take a
     * little longer to write and to read. ENCODE_ROWS unless the owner of a new output
     * says otherwise; UINT64_MAX: never.
     */
    uint64_t encode_rows;
    /* The most rows that will come, if known: their blocks are encoded at once, not only
     * when there are enough of them, and the last one is no small one. The owner sets it,
     * before the first rows. */
    uint64_t rows_expected;
    struct rows pending;
    /* What judges the rows, set by the owner, and the end of the pending ones that it may
     * yet reject: the blocks of those are not marked as judged. */
    struct judged_by judged_by;
    size_t doubtful_end;
    struct fence *fences;
    size_t block_count;
    size_t fence_capacity;
    /* Those of the fences, but for the first one. */
    uint64_t *marks;
    size_t mark_capacity;
    uint64_t rows;
    uint64_t keys;
    uint64_t negative_rows;
    uint64_t bytes;
};

void output_init(struct output *output, const struct layout *layout);
/* Frees everything that was not sealed. Twice is harmless. */
void output_release(struct output *output);
/* Turns as many whole blocks of `pending` as there are into blocks; with `all`, the rest
 * too. SPINE_NOMEM: nothing is lost, try again. */
enum spine_status output_flush(struct output *output, bool all);
/* Appends the block at the position of `reader`, which stands before its first row, by
 * reference, after flushing what is pending; moves the reader behind it. */
enum spine_status output_share_block(struct output *output, struct reader *reader);
/* The same of all blocks of `batch`. */
enum spine_status
output_share_batch(struct output *output, const struct spine_batch *batch);
/* What is left of `batch` from row `begin` on: its blocks by reference, but for the one
 * that begins before that row, of which it copies the rest. */
enum spine_status batch_rest(const struct spine_batch *batch, uint64_t begin,
                             struct spine_batch **out, struct spine_error *error);
/* Would the rows of the block at the position become smaller if they were appended, not
 * shared? They never do twice. */
bool output_encodes_block(const struct output *output, const struct reader *reader);
/* The batch of all that was appended; a batch of no rows is a batch. The output is empty
   afterwards; after SPINE_NOMEM it is as it was. */
enum spine_status
output_seal(struct output *output, struct spine_batch **out, struct spine_error *error);

/* ---- Reading ---- */

/*
 * A position between two rows of a batch, and the staging of the rows on either side. The
 * batch is borrowed. Staged spans borrow from the batch.
 */
struct reader {
    const struct spine_batch *batch;
    /* The block, batch->block_count at the end. */
    size_t block;
    /* The row in it. */
    uint32_t row;
    /* Where the next exact seek begins to look among the marks, or any number; since
     * one, the stretch of its key. */
    size_t stretch;
};

void reader_init(struct reader *reader,
                 const struct spine_batch *batch); /* before the first row */
void reader_to_end(struct reader *reader);
/* Rows before the position. */
uint64_t reader_offset(const struct reader *reader);
/* To the given offset, 0..rows. */
void reader_to_offset(struct reader *reader, uint64_t offset);
/* Before the first row not less than (key) or, unless `value` is NULL, (key, value):
 * anywhere in the batch; quick when that is near. After a failure of this and of what
 * else looks into blocks the position is anywhere. */
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
/* Appends up to `want` rows after the position to `out` and moves past them; less at the
 * end of a block. 0: end, or no memory (*st). */
size_t
reader_stage(struct reader *reader, struct rows *out, size_t want, enum spine_status *st);
/* reader_stage() of codes into columns that are lent, as far as they have room. */
SPINE_CHECKED enum spine_status
reader_stage_lent(struct reader *reader, struct lent_rows *out, size_t want);
/* Appends up to `want` rows before the position, nearest first, hi and lo complemented,
 * and moves before them. */
size_t reader_stage_reverse(struct reader *reader, struct rows *out, size_t want,
                            enum spine_status *st);

/* ---- What is known of blocks without a look into them ---- */

/* A row as a bound. Spans are borrowed. */
struct row_code {
    uint64_t hi;
    uint64_t lo;
    struct span key;
    struct span value;
};

/* <0, 0, >0 by (key, value). */
int row_code_compare(const struct layout *layout, const struct row_code *a,
                     const struct row_code *b);
bool row_code_same_key(const struct layout *layout, const struct row_code *a,
                       const struct row_code *b);

/* Is the position before the first row of a block? */
bool reader_at_block_start(const struct reader *reader);
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
/* Have `filters` judged the block at the position; the blocks of rows [begin, end)? The
 * second adds to `*looks` how many it looked at. */
bool reader_block_is_judged(const struct reader *reader, const struct judged_by *filters);
bool batch_rows_are_judged(const struct spine_batch *batch, uint64_t begin, uint64_t end,
                           const struct judged_by *filters, uint64_t *looks);
/* The first key of the block, in the caller's type; as rows_key_datum(). */
union spine_datum
batch_block_key(const struct spine_batch *batch, size_t block, uint8_t *scratch);
/* Keys that begin in the block: not the first one if the block before has it, too. */
uint32_t batch_keys_begun(const struct spine_batch *batch, size_t block);

/* ---- Lookup filters ---- */

/*
 * Filters are built by readers, for batches that they search in vain: so batches that are
 * only written, merged or scanned never pay for one. Any thread.
 */

/* The filter, or NULL when there is none. */
static inline const struct lookup *
batch_lookup(const struct spine_batch *batch)
{
    return atomic_load_explicit(&batch->lookup, memory_order_acquire);
}

/*
 * Tells that `count` searches of a batch without filter found nothing. Builds the filter
 * when that has cost as much as building does: one thread does, the others go on without;
 * so do all without memory, until as much has been lost again.
 */
void batch_search_failed(struct spine_batch *batch, const struct lookup_options *options,
                         uint64_t count);
/* Memory of the filter, 0 without one. */
size_t batch_lookup_bytes(const struct spine_batch *batch);

/* ---- Searching many keys ---- */

/* Keys of one column, strictly ascending. */
struct probe_keys {
    const struct cell_layout *column;
    size_t count;
    /* Every key's word. */
    const uint64_t *words;
    /* SHAPE_FIXED and SHAPE_BYTES: every key, with its span; otherwise NULL. */
    const struct cell *cells;
};

/* No place of a hit, or of its rows. */
#define HIT_NONE UINT32_MAX
/* Hits of more rows are not staged with others. */
#define HIT_ROWS_MAX 16u

/* Rows [begin, end) of `block` are those of key `key`; it may go on in the next block. */
struct hit {
    uint32_t key;
    uint32_t block;
    uint16_t begin;
    uint16_t end;
    /* Where batch_stage_hits() put the rows, or HIT_NONE. */
    uint32_t staged;
    /* The caller's. */
    uint32_t batch;
    uint32_t next;
};

/* The keys in [*begin, *end) are within the least and the greatest of the batch. */
void batch_probe_range(const struct spine_batch *batch, const struct probe_keys *keys,
                       size_t *begin, size_t *end);
/*
 * Searches the batch for the keys that `candidates`, ascending indexes, name. Writes a
 * hit for each that is there, in order; `*hit_count` is how many.
 */
SPINE_CHECKED enum spine_status batch_probe(const struct spine_batch *batch,
                                            const struct probe_keys *keys,
                                            const uint32_t *candidates, size_t count,
                                            struct hit *hits, size_t *hit_count);
/*
 * Appends the rows of hits of `keys` to `out`, unless they are more than HIT_ROWS_MAX or
 * go on in the next block, while `out` has less than `rows_max`. Quick when the batch was
 * just searched. SPINE_NOMEM.
 */
enum spine_status batch_stage_hits(const struct spine_batch *batch,
                                   const struct probe_keys *keys, struct hit *hits,
                                   size_t count, struct rows *out, size_t rows_max);
/* Appends the first `count` rows of a hit to `out`, which has room. Spans borrow from the
 * batch. With `keys`, which are those that were searched for, the rows are untimed and of
 * one weight: keys that are words are not looked at. */
SPINE_CHECKED enum spine_status
batch_stage_hit(const struct spine_batch *batch, const struct probe_keys *keys,
                const struct hit *hit, size_t count, struct rows *out);
/* Moves a hit of which no row is left to the rows of its key in the next block; it stays
 * empty when the key does not go on there. */
SPINE_CHECKED enum spine_status
batch_hit_next(const struct spine_batch *batch, struct hit *hit);

#endif
