/* SPDX-License-Identifier: MIT */
#include "batch/block.h"

void
fence_of_block(const struct layout *layout, struct block *block, const struct rows *rows,
               size_t begin, size_t end, struct fence *out)
{
    *out = (struct fence){.block = block,
                          .rows = block->row_count,
                          .keys = block->key_count,
                          .key_framed = block->key.frame != NULL};
    if (out->key_framed)
        out->key_width = block->key.frame->width;
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
