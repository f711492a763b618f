/* SPDX-License-Identifier: MIT */
#ifndef BLOCK_BLOCK_PLAN_H
#define BLOCK_BLOCK_PLAN_H

/*
 * block/block_plan -- what is found out of rows before they are packed: how many keys and
 * values they have, which columns become frames, and how many bytes each array takes.
 */

#include "block/block_frames.h"
#include "block/block_fronts.h"
#include "block/block_list.h"

/* What may be a frame: words of keys and values, or the ends of their bytes, or the picks
 * of listed values; times and weights. */
enum frame_part { FRAME_KEY, FRAME_VALUE, FRAME_TIMES, FRAME_WEIGHTS, FRAME_COUNT };

/* What the first pass over the rows finds out. */
/* What a plan has of bytes that are encoded: too large for the stack of a small
 * thread. */
struct plan_bytes {
    uint32_t fronts[(BLOCK_ROWS + ANCHOR_STEP - 1) / ANCHOR_STEP];
    struct value_list list;
};

struct plan {
    const struct layout *layout;
    const struct rows *rows;
    /* The first row in `rows`. */
    size_t begin;
    uint32_t row_count;
    uint32_t key_count;
    uint32_t value_count;
    uint32_t negative_rows;
    uint8_t weight_bytes;
    bool encode;
    /* Bytes of all cells. */
    size_t part_bytes[PART_COUNT];
    /* The first row of each key and of each value, unless there is one per row. */
    uint16_t key_rows[BLOCK_ROWS];
    uint16_t value_rows[BLOCK_ROWS];
    /* None pays when the block is not to be encoded. */
    struct framed framed[FRAME_COUNT];
    /* Of keys, and their bytes; none when that does not pay. */
    bool has_fronts;
    uint32_t front_bytes;
    /* Listed values; 0 when there is no list, or it does not pay. */
    uint32_t listed;
    /* The caller's; NULL unless plan_encodes_bytes(). */
    struct plan_bytes *bytes;
};

/* Where one column comes from. */
struct column_source {
    const struct cell_layout *layout;
    /* The words are these shifted right. */
    const uint64_t *words;
    unsigned shift;
    /* Bytes of SHAPE_FIXED without spans: `words` has the first eight, this the rest. */
    const uint64_t *low_words;
    const struct span *spans;
    /* Left away of the spans, or NULL. */
    const uint32_t *fronts;
    /* Which row has cell i; NULL: row i. */
    const uint16_t *rows;
    uint32_t count;
};

/* The bytes of a cell. */
static inline struct span
source_span(const struct column_source *source, uint32_t cell)
{
    return source->spans[source->rows != NULL ? source->rows[cell] : cell];
}

/* What of them is among the cells. */
static inline struct span
source_rest(const struct column_source *source, uint32_t cell)
{
    const struct span span = source_span(source, cell);

    if (source->fronts == NULL)
        return span;
    return span_behind(span, front_size(source->fronts[cell / ANCHOR_STEP]));
}

/* Does a plan need `bytes`? */
static inline bool
plan_encodes_bytes(const struct layout *layout, bool encode)
{
    return encode &&
           (layout->key.shape == SHAPE_BYTES || layout->value.shape == SHAPE_BYTES);
}

/* Plans rows [begin, end); `bytes` is set, all else is not. */
void plan_rows(struct plan *plan, const struct layout *layout, const struct rows *rows,
               size_t begin, size_t end, bool encode);
/* Plans all rows, at most BLOCK_ROWS, encoded: words of keys, all of which differ, and of
 * values, each in a word of its own. Their weights are 1 and are not looked at. */
void plan_words(struct plan *plan, const struct layout *layout, const struct rows *rows);
/* Makes what lies in front of a block (block/guides.h), which is packed, and has the
 * room. */
void guides_pack(const struct plan *plan, struct block *block);
/* Where the cells of the columns come from. */
struct column_source plan_key_source(const struct plan *plan);
struct column_source plan_value_source(const struct plan *plan);

#endif
