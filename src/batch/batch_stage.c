/* SPDX-License-Identifier: MIT */

/*
 * The rows of keys that were found in a batch: those of hits that have few as soon as
 * these are found, those of others later, block by block.
 */

#include "batch/marks.h"

#include "base/assert.h"
#include "base/copy_cell.h"
#include "base/error.h"
#include "batch/probe_find.h"

static inline bool goes_on(const struct spine_batch *batch, const struct hit *hit);
static inline enum spine_status
probe_keep_cells(const struct layout *layout, const struct pin *pin,
                 const struct probe_keys *keys, struct rows *out, size_t begin);

static inline const struct image *
hit_image(const struct fence *fence, const struct held_blocks *held, uint32_t block)
{
    return fence->block != NULL ? block_image(fence->block) : held_image(held, block);
}

/* Are rows two words of eight bytes? */
static bool
rows_are_pairs(const struct layout *layout)
{
    return layout->row_kind == ROW_TWO && layout->key.shape == SHAPE_WORD8 &&
           layout->value.shape == SHAPE_WORD8;
}

/*
 * Rows of one key that are pairs: what image_stage() would do, without asking. Every row
 * has a value of its own. False, and nothing done, for rare weights.
 */
static inline bool
stage_pairs(const struct image *image, uint64_t key, const struct hit *hit,
            struct rows *out)
{
    const size_t to = out->count, count = (size_t)(hit->end - hit->begin);
    const uint64_t *values = image_array(image, PART_VALUE_CELLS);
    const int8_t *weights = image_array(image, PART_WEIGHTS);
    const bool framed = image_has(image, IMAGE_VALUES_FRAMED);

    if (image->weight_bytes > 1 || image_has(image, IMAGE_WEIGHTS_FRAMED))
        return false;
    for (size_t i = 0; i < count; i++) {
        out->hi[to + i] = key;
        out->lo[to + i] = framed ? frame_word(&image->value_frame, hit->begin + i)
                                 : values[hit->begin + i];
        out->weight[to + i] = image->weight_bytes == 0 ? 1 : weights[hit->begin + i];
    }
    out->count += count;
    return true;
}

/* Values of up to this many bytes are copied while they are near. */
#define COPY_BYTES_MAX 256u

/* Are rows wide ones of a value that is bytes, one weight and no time? */
static bool
rows_are_plain_bytes(const struct layout *layout)
{
    return layout->row_kind == ROW_WIDE && layout->value.spans && !layout->timed &&
           layout->weight_count == 1;
}

/* A block that hits are in, when rows are as rows_are_plain_bytes() says. */
struct plain_block {
    uint32_t block;
    /* A key whose rows end here may go on in the next block. */
    uint32_t rows;
    struct column values;
    /* NULL: all are 1. */
    const int8_t *weights;
};

/* False: values may have several rows, or weights are rare ones. */
static bool
plain_block_init(struct plain_block *plain, const struct spine_batch *batch,
                 const struct held_blocks *held, uint32_t block)
{
    const struct fence *const fence = &batch->fences[block];
    const struct image *const image = hit_image(fence, held, block);

    *plain = (struct plain_block){
        .block = block, .rows = fence->rows, .values = image_values(image)};
    if (image->weight_bytes > 0)
        plain->weights = image_array(image, PART_WEIGHTS);
    return image->at[PART_ENDS_OF_TIMES] == 0 && image->weight_bytes <= 1 &&
           !image_has(image, IMAGE_WEIGHTS_FRAMED);
}

/*
 * The hits [begin, end), as long as each is the only row of its key: what
 * image_stage_hit() would do, without asking. Returns where it stops: at what is rare, or
 * has no memory yet. There is room for the rows.
 */
static size_t
stage_plain_bytes(const struct spine_batch *batch, const struct probe_keys *keys,
                  const struct held_blocks *held, const struct found_hits *found,
                  size_t begin, size_t end)
{
    const struct cell_layout *const layout = &batch->layout.value;
    struct plain_block plain = {.block = HIT_NONE};
    /* What is written may be anything, as far as compilers know. */
    const struct rows to = *found->staged;
    const struct cell *const cells = keys->cells;
    const bool key_spans = batch->layout.key.spans;
    uint8_t *copy = keys->arena->at;
    size_t left = keys->arena->left, row = to.count, i;

    for (i = begin; i < end; i++, row++) {
        struct hit *const hit = &found->hits[i];
        const size_t at = hit->begin;
        struct span value;

        if (hit->block != plain.block &&
            !plain_block_init(&plain, batch, held, hit->block))
            break;
        if (held == NULL)
            value = (struct span){(const uint8_t *)plain.values.cells + hit->value_begin,
                                  hit->value_size};
        else
            value = column_span(layout, &plain.values, at);
        if (hit->end != at + 1 || hit->end == plain.rows ||
            value.size - 1 >= COPY_BYTES_MAX || value.size > left)
            break;
        /* What is not held was found by guides, which told where. */
        assert(value.data == column_span(layout, &plain.values, at).data);
        to.hi[row] = cells[hit->key].word;
        if (key_spans)
            to.key[row] = cells[hit->key].span;
        to.lo[row] = cell_prefix(value.data, value.size);
        to.value[row] = (struct span){copy, value.size};
        copy_cell(copy, value.data, value.size, COPY_FEW_PIECES);
        copy += value.size;
        left -= value.size;
        to.weight[row] = plain.weights == NULL ? 1 : plain.weights[at];
        hit->staged = (uint32_t)row;
    }
    found->staged->count = row;
    if (left < keys->arena->left)
        arena_take(keys->arena, keys->arena->left - left);
    return i;
}

static inline enum spine_status
stage_wide_hit(const struct image *image, const struct probe_keys *keys,
               const struct hit *hit, bool stays, struct rows *out,
               const struct layout *layout)
{
    const struct cell word = {.word = keys->words[hit->key]};
    const struct hit_rows rows = {.key = keys->cells != NULL ? &keys->cells[hit->key]
                                                             : &word,
                                  .begin = hit->begin,
                                  .end = hit->end,
                                  .copy_max = stays ? COPY_BYTES_MAX : SIZE_MAX};

    return image_stage_hit(layout, image, &rows, keys->arena, out);
}

enum spine_status
batch_stage_hits(const struct spine_batch *batch, const struct probe_keys *keys,
                 const struct held_blocks *held, size_t first,
                 const struct found_hits *found)
{
    const struct layout *layout = &batch->layout;
    const bool pairs = rows_are_pairs(layout);
    const bool wide = layout->row_kind == ROW_WIDE;
    const bool plain_bytes = rows_are_plain_bytes(layout) && keys->cells != NULL;
    struct rows *const out = found->staged;

    if (out == NULL)
        return SPINE_OK;
    if (keys->ends != NULL)
        return batch_stage_ranges(batch, keys, held, first, found);
    for (size_t i = first; i < found->count && out->count < found->staged_max; i++) {
        struct hit *const hit = &found->hits[i];
        const struct fence *fence = &batch->fences[hit->block];
        const struct image *image;
        enum spine_status st;

        if (hit->end - hit->begin > (int)HIT_ROWS_MAX || goes_on(batch, hit))
            continue;
        if (out->capacity - out->count < HIT_ROWS_MAX &&
            !rows_reserve(layout, out, out->count + HIT_ROWS_MAX))
            return SPINE_NOMEM;
        if (plain_bytes && hit->end == hit->begin + 1) {
            const size_t most =
                out->capacity < found->staged_max ? out->capacity : found->staged_max;
            const size_t left = found->count - i, room = most - out->count;
            const size_t stop = stage_plain_bytes(batch, keys, held, found, i,
                                                  i + (left < room ? left : room));

            if (stop > i) {
                i = stop - 1;
                continue;
            }
        }
        image = hit_image(fence, held, hit->block);
        hit->staged = (uint32_t)out->count;
        if (pairs && stage_pairs(image, keys->words[hit->key], hit, out))
            continue;
        st = wide ? stage_wide_hit(image, keys, hit, fence->block != NULL, out, layout)
                  : image_stage(layout, image, hit->begin, hit->end, keys->arena, out);
        if (st != SPINE_OK)
            return fail_nomem(keys->error, "the cells of a probe", keys->arena->bytes);
    }
    return SPINE_OK;
}

enum spine_status
batch_stage_hit(const struct spine_batch *batch, const struct probe_keys *keys,
                const struct hit *hit, size_t count, struct rows *out)
{
    const struct layout *layout = &batch->layout;
    const uint32_t end = hit->begin + (uint32_t)count;
    const size_t before = out->count;
    struct pin pin;
    enum spine_status st = SPINE_OK;

    assert(end <= hit->end);
    TRY_RETURN(fence_pin(&batch->fences[hit->block], PIN_TO_MERGE, &pin, keys->error));
    if (keys->plain && layout_has_marks(layout))
        image_stage_key(layout, pin.image, keys->words[hit->key], hit->begin, end, out);
    else if (image_stage(layout, pin.image, hit->begin, end, keys->arena, out) !=
             SPINE_OK)
        TRY(fail_nomem(keys->error, "the cells of a probe", keys->arena->bytes));
    st = probe_keep_cells(layout, &pin, keys, out, before);
out:
    pin_release(&pin);
    return st;
}

enum spine_status
batch_hit_next(const struct spine_batch *batch, const struct probe_keys *keys,
               struct hit *hit)
{
    struct pin pin;
    uint32_t begin, end;

    if (keys->ends != NULL)
        return batch_range_next(batch, keys, hit);
    if (!goes_on(batch, hit))
        return SPINE_OK;
    TRY_RETURN(fence_pin(&batch->fences[hit->block + 1], PIN_TO_READ, &pin, keys->error));
    hit->block++;
    hit->begin = 0;
    image_key_rows(pin.image, 0, &begin, &end);
    hit->end = (uint16_t)end;
    pin_release(&pin);
    return SPINE_OK;
}

/* Has the hit's key rows in the next block, too? */
static inline bool
goes_on(const struct spine_batch *batch, const struct hit *hit)
{
    const struct fence *fence = &batch->fences[hit->block];

    return hit->end == fence->rows && hit->block + 1 < batch->block_count &&
           fence[1].continues;
}

/* Rows from `begin` on, of a block that does not stay, get cells of their own. */
static inline enum spine_status
probe_keep_cells(const struct layout *layout, const struct pin *pin,
                 const struct probe_keys *keys, struct rows *out, size_t begin)
{
    if (pin->keeper == NULL || arena_copy_rows(keys->arena, layout, out, begin))
        return SPINE_OK;
    return fail_nomem(keys->error, "the cells of a probe", keys->arena->bytes);
}
