/* SPDX-License-Identifier: MIT */

/* Fences: what is known of a block without its image, with cells of their own when the
 * block is elsewhere. */

#include "batch/fence.h"

#include "base/alloc.h"
#include "batch/block_facts.h"

static void
look_into_block(struct fence *fence, const struct layout *layout, struct block *block);
static struct span append_span(uint8_t **at, struct span span);

enum spine_status
fence_init(struct fence *out, const struct layout *layout, struct block *block,
           const struct rows *rows, size_t begin, size_t end)
{
    struct row_code first = {0}, last = {0};
    const bool keys = layout->key.spans, values = layout->value.spans;

    assert(begin < end);
    assert(end <= rows->count);
    *out = (struct fence){.first_hi = rows->hi[begin], .last_hi = rows->hi[end - 1]};
    if (layout->row_kind != ROW_ONE) {
        out->first_lo = rows->lo[begin];
        out->last_lo = rows->lo[end - 1];
    }
    if (keys || values) {
        if (keys) {
            first.key = rows->key[begin];
            last.key = rows->key[end - 1];
        }
        if (values) {
            first.value = rows->value[begin];
            last.value = rows->value[end - 1];
        }
        out->cells = fence_cells_new(&first, &last);
        if (out->cells == NULL)
            return SPINE_NOMEM;
    }
    look_into_block(out, layout, block);
    return SPINE_OK;
}

enum spine_status
fence_copy(struct fence *out, const struct fence *from)
{
    const struct row_code first = fence_first(from), last = fence_last(from);
    struct fence_cells *copy = NULL;

    if (from->cells != NULL) {
        copy = fence_cells_new(&first, &last);
        if (copy == NULL)
            return SPINE_NOMEM;
    }
    *out = *from;
    out->cells = copy;
    if (out->block != NULL)
        ref_take(&out->block->refs);
    if (out->keeper != NULL)
        block_keeper_ref(out->keeper);
    return SPINE_OK;
}

void
fence_release(struct fence *fence)
{
    block_unref(fence->block);
    block_keeper_unref(fence->keeper);
    mem_free(fence->cells, fence->cells != NULL ? fence->cells->bytes : 0);
}

void
fence_replace_block(struct fence *fence, const struct layout *layout, struct block *block)
{
    assert(block != NULL);
    block_unref(fence->block);
    look_into_block(fence, layout, block);
}

void
fence_move(struct fence *fence, struct block_keeper *keeper, uint32_t number)
{
    block_unref(fence->block);
    block_keeper_unref(fence->keeper);
    fence->block = NULL;
    fence->keeper = block_keeper_ref(keeper);
    fence->number = number;
}

size_t
fence_bytes(const struct fence *fence)
{
    return (fence->block != NULL ? fence->bytes : 0) +
           (fence->cells != NULL ? fence->cells->bytes : 0);
}

/* What is known of a block from the block alone. */
static void
look_into_block(struct fence *fence, const struct layout *layout, struct block *block)
{
    const struct block_facts facts = facts_of_image(layout, block_image(block));

    fence->block = block;
    fence->bytes = block->bytes;
    facts_to_fence(&facts, fence);
    fence->fronted = image_has(block_image(block), IMAGE_KEYS_FRONTED);
}

struct fence_cells *
fence_cells_new(const struct row_code *first, const struct row_code *last)
{
    const size_t bytes = sizeof(struct fence_cells) + first->key.size +
                         first->value.size + last->key.size + last->value.size;
    struct fence_cells *cells = mem_alloc(bytes);
    uint8_t *at;

    if (cells == NULL)
        return NULL;
    at = (uint8_t *)(cells + 1);
    cells->first_key = append_span(&at, first->key);
    cells->first_value = append_span(&at, first->value);
    cells->last_key = append_span(&at, last->key);
    cells->last_value = append_span(&at, last->value);
    cells->bytes = bytes;
    return cells;
}

struct row_code
fence_first(const struct fence *fence)
{
    struct row_code code = {.hi = fence->first_hi, .lo = fence->first_lo};

    if (fence->cells != NULL) {
        code.key = fence->cells->first_key;
        code.value = fence->cells->first_value;
    }
    return code;
}

struct row_code
fence_last(const struct fence *fence)
{
    struct row_code code = {.hi = fence->last_hi, .lo = fence->last_lo};

    if (fence->cells != NULL) {
        code.key = fence->cells->last_key;
        code.value = fence->cells->last_value;
    }
    return code;
}

/* Copies the bytes to `*at` and moves it behind them. */
static struct span
append_span(uint8_t **at, struct span span)
{
    const struct span copy = {.data = *at, .size = span.size};

    if (span.size > 0)
        memcpy(*at, span.data, span.size);
    *at += span.size;
    return copy;
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
        return span_compare(before->cells->last_key, after->cells->first_key) == 0;
    return layout->key.shape != SHAPE_FIXED || before->last_lo == after->first_lo;
}

/* The sign of (last row of the fence) - (what the bound names). */
static int
fence_compare(const struct layout *layout, const struct fence *fence,
              const struct bound *bound)
{
    int order;

    if (fence->last_hi != bound->hi)
        return fence->last_hi < bound->hi ? -1 : 1;
    if (layout->row_kind == ROW_ONE)
        return 0;
    if (layout->key.spans) {
        order = span_compare(fence->cells->last_key, bound->key->span);
        if (order != 0)
            return order;
    }
    if (layout->row_kind == ROW_WIDE && bound->value == NULL)
        return 0;
    if (fence->last_lo != bound->lo)
        return fence->last_lo < bound->lo ? -1 : 1;
    return layout->value.spans
               ? span_compare(fence->cells->last_value, bound->value->span)
               : 0;
}

bool
fence_reaches(const struct layout *layout, const struct fence *fence,
              const struct bound *bound)
{
    const int order = fence_compare(layout, fence, bound);

    return bound->after ? order > 0 : order >= 0;
}
