/* SPDX-License-Identifier: MIT */
#ifndef BLOCK_BLOCK_H
#define BLOCK_BLOCK_H

/*
 * block/ -- one block: packed from flat rows, expanded into them, searched.
 *
 * A block is a small columnar trie of at most BLOCK_ROWS rows:
 *
 *     keys            k0   k1        k2          one cell per key
 *     value_ends      1    3         4           per key; absent when every key has one
 *     values          v0   v1  v2    v3          one cell per value
 *     time_ends       1    2   4     5           per value; absent when each has one time
 *     times           t0   t1  t2 t3 t4          absent when untimed
 *     weights         w0   w1  w2 w3 w4          absent when all are 1
 *
 * Weights are as narrow as fits.
 *
 * A block is a single allocation: this struct, then its arrays. Nothing in it changes
 * after block_pack(), so any number of batches and threads share it by its reference
 * count. Only batch/ and this folder look inside.
 */

#include "base/assert.h"
#include "base/ref.h"
#include "block/frame.h"
#include "block/word_search.h"
#include "kernel/kernel.h"

/* The most rows of a block. */
#define BLOCK_ROWS 4096u
/* A block is closed early when its cells' bytes pass this. */
#define BLOCK_BYTES (256u << 10)

/* Every SAMPLE_STEP-th SPINE_BYTES key has a word in `samples`. */
#define SAMPLE_STEP 8u
/* Bytes after the last cell that may be read (and, while packing, written). */
#define CELL_SLACK 8u

struct column {
    /* Words of an encoded column, in the block; NULL: they are in `cells`. */
    const struct frame *frame;
    /* uint32_t or uint64_t words; SHAPE_FIXED and SHAPE_BYTES: the bytes end to end. */
    void *cells;
    /* SHAPE_BYTES: where each cell ends in `cells`. */
    uint32_t *ends;
    /* SHAPE_BYTES keys: words of cells 0, SAMPLE_STEP, ..., taken behind the bytes that
     * all cells begin with. */
    uint64_t *samples;
    uint32_t shared_bytes;
};

/* What a search for a key looks at comes first, in BLOCK_HEAD_BYTES. */
struct block {
    struct ref refs;
    uint32_t row_count;
    uint32_t value_count;
    uint32_t key_count;
    uint32_t negative_rows;
    /* Bytes of a weight: 1, 2, 4 or 8; 0 when all are 1, or in a frame. */
    uint8_t weight_bytes;
    /* Packed to be encoded, whether that paid or not. */
    bool encoded : 1;
    /* Which of the two below is a frame. */
    bool times_framed : 1;
    bool weights_framed : 1;
    /* Per key, where its values end; NULL when every key has one value. */
    uint16_t *value_ends;
    /* Those of words, if they are frames; only encoded blocks have something here. */
    struct frame key_frame;
    struct frame value_frame;
    union {
        void *weights;
        struct frame *weight_frame;
    };
    struct column value;
    /* Per value, where its rows end; NULL when every value has one row. */
    uint16_t *time_ends;
    union {
        uint64_t *times;
        struct frame *time_frame;
    };
    struct column key;
    /* Of the whole allocation. */
    size_t bytes;
};

#define BLOCK_HEAD_BYTES 128u
static_assert(offsetof(struct block, value.ends) <= BLOCK_HEAD_BYTES,
              "where values and weights are is in the head");

/* Where the cells of keys that are words begin: right behind the block, so that they are
 * found without waiting for it. */
#define BLOCK_KEY_WORDS ((sizeof(struct block) + 7) & ~(size_t)7)

static_assert(BLOCK_ROWS <= UINT16_MAX, "ends of values and times are 16 bits");

/*
 * Packs rows [begin, end), at most BLOCK_ROWS and at least one, sorted and consolidated.
 * With `encode`, words, times and weights are frames (block/frame.h) where that saves an
 * eighth. SPINE_NOMEM.
 */
enum spine_status block_pack(const struct layout *layout, const struct rows *rows,
                             size_t begin, size_t end, bool encode, struct block **out);
/* One reference less; the last one frees. */
void block_unref(struct block *block);

/* Appends rows [begin, end) of the block to `out`, which has room. */
void block_stage(const struct layout *layout, const struct block *block, uint32_t begin,
                 uint32_t end, struct rows *out);
/* The same of codes. */
void block_stage_lent(const struct layout *layout, const struct block *block,
                      uint32_t begin, uint32_t end, struct lent_rows *out);

/* The same of rows that all have the key `key`, without a look at keys. Untimed rows of
 * one weight, whose key is a word. */
void block_stage_key(const struct layout *layout, const struct block *block, uint64_t key,
                     uint32_t begin, uint32_t end, struct rows *out);

/* Writes cells [begin, end) of a column of SHAPE_WORD4 or SHAPE_WORD8 to `words`. */
void column_words(const struct cell_layout *layout, const struct column *column,
                  size_t begin, size_t end, uint64_t *words);
/* The bytes of cell `at`, when the column is SHAPE_FIXED or SHAPE_BYTES. */
struct span
column_span(const struct cell_layout *layout, const struct column *column, size_t at);

/* What is searched for: (key), or (key, value) when `has_value`. */
struct target {
    /* The code; without a value the least code of the key, or the greatest (`after`). */
    uint64_t hi, lo;
    struct cell key, value;
    bool has_value;
    /* The first row greater than the target; otherwise the first not less. */
    bool after;
};

struct target target_of(const struct layout *layout, const struct cell *key,
                        const struct cell *value, bool after);
/* The first row of the block at or behind that place; row_count if none. */
uint32_t block_search(const struct layout *layout, const struct block *block,
                      const struct target *target);

/* The first cell in [begin, end) of a column not less than `cell`, or greater (`after`).
 */
size_t column_search(const struct cell_layout *layout, const struct column *column,
                     size_t begin, size_t end, const struct cell *cell, bool after);
/* The same among all cells of a column with samples. */
size_t column_search_samples(const struct column *column, size_t count,
                             const struct cell *cell, bool after);
/* Of a column that is no frame. */
bool column_equals(const struct cell_layout *layout, const struct column *column,
                   size_t at, const struct cell *cell);
/* Is any column a frame? */
static inline bool
block_has_frames(const struct block *block)
{
    return block->key.frame != NULL || block->value.frame != NULL ||
           block->times_framed || block->weights_framed;
}

/* Where the values of a key and the rows of a value lie in the block. */
static inline uint32_t
block_value_end(const struct block *block, uint32_t key)
{
    return block->value_ends != NULL ? block->value_ends[key] : key + 1;
}

static inline uint32_t
block_row_end(const struct block *block, uint32_t value)
{
    return block->time_ends != NULL ? block->time_ends[value] : value + 1;
}

static inline uint32_t
block_value_begin(const struct block *block, uint32_t key)
{
    return key == 0 ? 0 : block_value_end(block, key - 1);
}

static inline uint32_t
block_row_begin(const struct block *block, uint32_t value)
{
    return value == 0 ? 0 : block_row_end(block, value - 1);
}

/* Eight bytes at `data`, big-endian; they are there. */
static inline uint64_t
load_big(const uint8_t *data)
{
    uint64_t word;

    memcpy(&word, data, sizeof word);
    return __builtin_bswap64(word);
}

/* bytes_prefix() of a cell that has CELL_SLACK readable bytes behind it. */
static inline uint64_t
cell_prefix(const uint8_t *data, size_t size)
{
    const uint64_t word = load_big(data);

    return size >= 8 ? word : word & ~(UINT64_MAX >> (8 * size));
}

#endif
