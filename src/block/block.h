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
 * Weights are as narrow as fits. That is its *image*: bytes that are the same in memory
 * and in a file (block/image.h). In memory an image lies in a struct block, which counts
 * its users. Only batch/ and this folder look inside.
 *
 *     block_pack()       rows into an image
 *     image_stage()      an image into rows
 *     image_search()     the place of a key and a value in an image
 */

#include "base/account.h"
#include "block/column.h"
#include "block/fixed_search.h"
#include "block/guides.h"
#include "block/image_strips.h"
#include "block/word_search.h"
#include "rows/bound.h"

/* The most rows of a block; few where tests read small batches as if they were large. */
#ifdef SPINE_BLOCKS_ELSEWHERE
#define BLOCK_ROWS 24u
#else
#define BLOCK_ROWS 4096u
#endif
/* A block is closed early when its cells' bytes pass this. */
#define BLOCK_BYTES (256u << 10)

static_assert(BLOCK_ROWS <= UINT16_MAX, "ends of values and times are 16 bits");

/* Where the image of a block is as well, in a file for instance. Part of a struct of its
 * owner. */
struct block_twin {
    /* The block is freed, and its twins one by one. */
    void (*on_free)(struct block_twin *twin);
    /* In a list. */
    struct block_twin *next;
};

/* Newest first; it only grows. Zero at first. */
typedef _Atomic(struct block_twin *) twin_list;

/* NULL: there is none. They stay as long as the list. */
static inline struct block_twin *
twins_first(const twin_list *list)
{
    return atomic_load_explicit(list, memory_order_acquire);
}

/* The list takes it over. Any thread. */
static inline void
twins_add(twin_list *list, struct block_twin *twin)
{
    twin->next = twins_first(list);
    while (!atomic_compare_exchange_weak_explicit(
        list, &twin->next, twin, memory_order_acq_rel, memory_order_acquire))
        continue;
}

static inline void
twins_free(const twin_list *list)
{
    struct block_twin *twin = twins_first(list);

    while (twin != NULL) {
        struct block_twin *next = twin->next;

        twin->on_free(twin);
        twin = next;
    }
}

struct arena;

/* An image in memory. Many batches and threads share it by its references, since nothing
 * in it changes. */
struct block {
    _Alignas(max_align_t) struct ref refs;
    /* What was allocated: guides, this struct, and the image right behind it. */
    void *memory;
    size_t bytes;
    account_payer payer;
    twin_list twins;
};

static inline const struct image *
block_image(const struct block *block)
{
    return (const struct image *)(const void *)(block + 1);
}

/*
 * Packs rows [begin, end), at most BLOCK_ROWS and at least one, sorted and consolidated.
 * With `encode`, words, times, weights and ends of bytes are frames (block/frame.h),
 * bytes of keys have fronts and those of values are a list, where that saves an eighth.
 * SPINE_NOMEM.
 */
enum spine_status block_pack(const struct layout *layout, const struct rows *rows,
                             size_t begin, size_t end, bool encode, struct block **out);
/* The block of the same rows, encoded. The image is not; its rows may be staged in
 * `scratch`. SPINE_NOMEM. */
enum spine_status block_encode(const struct layout *layout, const struct image *image,
                               struct rows *scratch, struct block **out);
/* One reference less; the last one frees. */
void block_unref(struct block *block);

/*
 * Are these `size` bytes, at a multiple of eight, an image of the layout? Looks at every
 * place, count, end and row, and at the bytes between; trusts nothing, and reads nothing
 * else whatever they are. SPINE_CORRUPT says what is wrong; SPINE_NOMEM.
 */
enum spine_status image_check(const struct layout *layout, const void *bytes, size_t size,
                              struct spine_error *error);
/* The same without a look at cells: after SPINE_OK whatever reads or searches the image
 * stays within its bytes. */
enum spine_status image_check_shape(const struct layout *layout, const void *bytes,
                                    size_t size, struct spine_error *error);

/*
 * Appends rows [begin, end) of the block to `out`, which has room. Spans borrow from the
 * image. Keys that have fronts are copied to `cells`, which may be NULL when there are
 * none, and borrow from there. SPINE_NOMEM, for these.
 */
SPINE_CHECKED enum spine_status
image_stage(const struct layout *layout, const struct image *image, uint32_t begin,
            uint32_t end, struct arena *cells, struct rows *out);

/* The same of codes. */
void image_stage_lent(const struct layout *layout, const struct image *image,
                      uint32_t begin, uint32_t end, struct lent_rows *out);

/* The same of rows that all have the key `key`, without a look at keys. Untimed rows of
 * one weight, whose key is a word. */
void image_stage_key(const struct layout *layout, const struct image *image, uint64_t key,
                     uint32_t begin, uint32_t end, struct rows *out);

/*
 * Appends the few rows [begin, end) of a key, whose span they borrow. Values of up to
 * `copy_max` bytes are copied to `copies`, so that who reads them later need not wait for
 * the block again. ROW_WIDE; SPINE_NOMEM, for these.
 */
struct hit_rows {
    const struct cell *key;
    uint32_t begin;
    uint32_t end;
    size_t copy_max;
};
SPINE_CHECKED enum spine_status
image_stage_hit(const struct layout *layout, const struct image *image,
                const struct hit_rows *hit, struct arena *copies, struct rows *out);

/* Writes cells [begin, end) of a column of SHAPE_WORD4 or SHAPE_WORD8 to `words`. */
void column_words(const struct cell_layout *layout, const struct column *column,
                  size_t begin, size_t end, uint64_t *words);
/* The bytes of cells [begin, end) of a SHAPE_BYTES column, some at once: of keys with
 * fronts what follows these. */
#define COLUMN_SPANS_MAX 64u
void
column_spans(const struct column *column, size_t begin, size_t end, struct span *spans);
/* The same of whole cells: keys with fronts are copied to `cells`, which may be NULL when
 * there are none. False without memory. */
bool column_cells(const struct column *column, size_t begin, size_t end,
                  struct arena *cells, struct span *spans);
/* The same of one key with a front. */
bool column_copy(const struct column *column, size_t at, struct arena *cells,
                 struct span *out);

/* The first row of the block behind `bound`; row_count if none. */
uint32_t image_search(const struct layout *layout, const struct image *image,
                      const struct bound *bound);

/* The first cell in [begin, end) of a column not less than `cell`, or greater
 * (`after`). */
size_t column_search(const struct cell_layout *layout, const struct column *column,
                     size_t begin, size_t end, const struct cell *cell, bool after);
/* The first of all cells of a column with anchors, which differ, that is not less than
 * `key`; is it that? */
size_t
column_find(const struct column *column, size_t count, struct span key, bool *equal);
/* The same when it is neither before `begin` nor behind `end`: quick when these are near
 * each other. */
size_t column_find_between(const struct column *column, struct span key, size_t begin,
                           size_t end);
/* Is cell `at` that one? */
bool column_equals(const struct cell_layout *layout, const struct column *column,
                   size_t at, const struct cell *cell);

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
