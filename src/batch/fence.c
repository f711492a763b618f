/* SPDX-License-Identifier: MIT */
#include "batch/block.h"

/* Values of keys that have one each are found by the number of the key alone. */
static void
find_values(const struct layout *layout, const struct block *block, struct fence *out)
{
    const struct frame *frame = block->value.frame;
    const uint8_t *cells = frame != NULL ? frame_bits(frame) : block->value.cells;

    if (block->value_ends != NULL ||
        (layout->value.shape != SHAPE_WORD4 && layout->value.shape != SHAPE_WORD8))
        return;
    out->value_width = frame != NULL ? frame->width : (uint8_t)(8 * layout->value.bytes);
    out->values_at = (uint32_t)(cells - (const uint8_t *)block);
}

void
fence_of_block(const struct layout *layout, struct block *block, const struct rows *rows,
               size_t begin, size_t end, struct fence *out)
{
    *out = (struct fence){.block = block,
                          .rows = block->row_count,
                          .keys = block->key_count,
                          .values = block->value_count,
                          .negative_rows = block->negative_rows,
                          .bytes = block->bytes,
                          .encoded = block->encoded,
                          .key_framed = block->key.frame != NULL};
    if (out->key_framed)
        out->key_width = block->key.frame->width;
    find_values(layout, block, out);
    out->first_hi = rows->hi[begin];
    out->last_hi = rows->hi[end - 1];
    if (layout->row_kind != ROW_ONE) {
        out->first_lo = rows->lo[begin];
        out->last_lo = rows->lo[end - 1];
    }
    /* The rows' own spans borrow from elsewhere. */
    if (layout->key.spans) {
        out->first_key = column_span(&layout->key, &block->key, 0);
        out->last_key = column_span(&layout->key, &block->key, block->key_count - 1);
    }
    if (layout->value.spans) {
        out->first_value = column_span(&layout->value, &block->value, 0);
        out->last_value =
            column_span(&layout->value, &block->value, block->value_count - 1);
    }
}

bool
fence_continues(const struct layout *layout, const struct fence *before,
                const struct fence *after)
{
    if (layout->key.shape == SHAPE_NONE)
        return true;
    if (layout->row_kind == ROW_ONE)
        return (before->last_hi ^ after->first_hi) >> layout->key_shift == 0;
    if (before->last_hi != after->first_hi)
        return false;
    if (layout->key.spans)
        return span_compare(before->last_key, after->first_key) == 0;
    return layout->key.shape != SHAPE_FIXED || before->last_lo == after->first_lo;
}
