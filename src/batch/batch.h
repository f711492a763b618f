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
#include "lookup/lookup.h"

/* So many stretches the keys of a block are divided into, when they are words. */
#define BLOCK_MARKS 32u

/* Batches of so many rows are encoded. */
#define ENCODE_ROWS 100000u

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
 * codes, and how much of everything it has. What searches for words look at comes first.
 */
struct fence {
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
    /* The keys of the block are a frame of so many bits per key. */
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
    /* Owned; NULL unless rows have spans. */
    struct fence_cells *cells;
};

struct spine_batch {
    struct ref refs;
    struct layout layout;
    struct fence *fences;
    size_t fence_count;
    /* Of keys that are words: the first one, then the last one of every stretch of every
     * block (batch/marks.h), side by side. Otherwise NULL. */
    uint64_t *marks;
    /* Keys of some blocks are frames. */
    bool has_frames;
    struct spine_batch_info info;
    /* NULL until a reader has built it; never changes then. */
    _Atomic(struct lookup *) lookup;
    /* Searches in vain that a filter would have saved. */
    atomic_uint_least64_t searches_in_vain;
    /* Where key_min and key_max of short fixed keys live. */
    uint8_t key_scratch[2][16];
};

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
     * when there are enough of them. The owner sets it, before the first rows. */
    uint64_t rows_expected;
    struct rows pending;
    struct fence *fences;
    size_t fence_count;
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
/* Appends block `index` of `batch` by reference, after flushing what is pending. */
enum spine_status
output_share_block(struct output *output, const struct spine_batch *batch, size_t index);
/* What is left of `batch` from row `begin` on: its blocks by reference, but for the one
 * that begins before that row, of which it copies the rest. */
enum spine_status batch_rest(const struct spine_batch *batch, uint64_t begin,
                             struct spine_batch **out, struct spine_error *error);
/* Would rows of this block become smaller if they were appended, not shared? They never
 * do twice. */
bool output_encodes_block(const struct output *output, const struct spine_batch *batch,
                          size_t index);
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
    size_t block; /* fence_count at the end */
    uint32_t row; /* in the block; flat */
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
 * anywhere in the batch; quick when that is near. */
void reader_seek(struct reader *reader, const struct cell *key, const struct cell *value);
/* Asks the processor for the memory that reader_seek_exact() to `key` will look at, so
 * that several batches are waited for together. Moves the position near the key. */
void reader_prefetch(struct reader *reader, const struct cell *key);
/* reader_seek() to `key`; returns how many rows of exactly that key follow in the block:
 * 0 only when the batch has none. */
size_t reader_seek_exact(struct reader *reader, const struct cell *key);
/* Before the first row of key `key` of block `block`. */
void reader_to_key(struct reader *reader, size_t block, uint32_t key);
/* Before the first row greater than all of (key) or (key, value). */
void reader_seek_after(struct reader *reader, const struct cell *key,
                       const struct cell *value);
/* Appends up to `want` rows after the position to `out` and moves past them; less at the
 * end of a block. 0: end, or no memory (*st). */
size_t
reader_stage(struct reader *reader, struct rows *out, size_t want, enum spine_status *st);
/* reader_stage() of codes into columns that are lent, as far as they have room. */
size_t reader_stage_lent(struct reader *reader, struct lent_rows *out, size_t want);
/* Appends up to `want` rows before the position, nearest first, hi and lo complemented,
 * and moves before them. */
size_t reader_stage_reverse(struct reader *reader, struct rows *out, size_t want,
                            enum spine_status *st);

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
 * hit for each that is there, in order, and returns how many.
 */
size_t batch_probe(const struct spine_batch *batch, const struct probe_keys *keys,
                   const uint32_t *candidates, size_t count, struct hit *hits);
/*
 * Appends the rows of hits of `keys` to `out`, unless they are more than HIT_ROWS_MAX or
 * go on in the next block, while `out` has less than `rows_max`. Quick when the batch was
 * just searched. SPINE_NOMEM.
 */
enum spine_status batch_stage_hits(const struct spine_batch *batch,
                                   const struct probe_keys *keys, struct hit *hits,
                                   size_t count, struct rows *out, size_t rows_max);
/* Appends rows [begin, end) of a block to `out`, which has room. Spans borrow from the
 * batch. */
void batch_stage(const struct spine_batch *batch, uint32_t block, uint32_t begin,
                 uint32_t end, struct rows *out);
/* The same of rows that all have one key, whose word is `key`; untimed and of one weight:
 * without a look at keys where the word is all of it. */
void batch_stage_key(const struct spine_batch *batch, uint32_t block, uint64_t key,
                     uint32_t begin, uint32_t end, struct rows *out);
/* Where the rows of the first key of the block end. */
uint32_t batch_first_key_end(const struct spine_batch *batch, uint32_t block);

#endif
