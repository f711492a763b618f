/* SPDX-License-Identifier: MIT */
#include "batch/marks.h"

#include "base/assert.h"
#include "base/error.h"

static enum spine_status probe_cells(const struct spine_batch *batch,
                                     const struct probe_keys *keys,
                                     const uint32_t *candidates, size_t count,
                                     struct hit *hits, size_t *hit_count);
static int
key_compare(const struct probe_keys *keys, size_t at, const struct cell *cell)
{
    const uint64_t word = keys->words[at];

    if (word != cell->word || keys->cells == NULL)
        return (word > cell->word) - (word < cell->word);
    return span_compare(keys->cells[at].span, cell->span);
}

/* The first key from `begin` on that is not less than `cell`, or (`after`) is greater. */
static size_t
key_bound(const struct probe_keys *keys, size_t begin, const struct cell *cell,
          bool after)
{
    size_t count = keys->count - begin;

    while (count > 0) {
        const size_t half = count / 2;
        const int order = key_compare(keys, begin + half, cell);

        if (after ? order <= 0 : order < 0) {
            begin += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return begin;
}

void
batch_probe_range(const struct spine_batch *batch, const struct probe_keys *keys,
                  size_t *begin, size_t *end)
{
    struct cell min, max;

    *begin = *end = 0;
    if (batch->info.rows == 0 ||
        cell_of_datum(keys->column, batch->info.key_min, &min, NULL) != SPINE_OK ||
        cell_of_datum(keys->column, batch->info.key_max, &max, NULL) != SPINE_OK)
        return;
    *begin = key_bound(keys, 0, &min, false);
    *end = key_bound(keys, *begin, &max, true);
}

enum spine_status
batch_probe(const struct spine_batch *batch, const struct probe_keys *keys,
            const uint32_t *candidates, size_t count, struct hit *hits, size_t *hit_count)
{
    *hit_count = 0;
    if (batch->info.rows == 0 || count == 0)
        return SPINE_OK;
    switch (keys->column->shape) {
    case SHAPE_NONE:
        break;
    case SHAPE_WORD4:
    case SHAPE_WORD8:
        *hit_count = batch_find_words(batch, keys, candidates, count, hits);
        return SPINE_OK;
    case SHAPE_FIXED:
    case SHAPE_BYTES:
        return probe_cells(batch, keys, candidates, count, hits, hit_count);
    }
    /* Without keys all rows belong to the one there is. */
    hits[0] = (struct hit){.key = candidates[0], .end = (uint16_t)batch->fences[0].rows};
    *hit_count = 1;
    return SPINE_OK;
}

static enum spine_status
probe_cells(const struct spine_batch *batch, const struct probe_keys *keys,
            const uint32_t *candidates, size_t count, struct hit *hits, size_t *hit_count)
{
    struct reader reader;
    enum spine_status st = SPINE_OK;

    reader_init(&reader, batch);
    for (size_t i = 0; i < count; i++) {
        size_t rows;

        TRY(reader_seek_exact(&reader, &keys->cells[candidates[i]], &rows));
        if (rows > 0)
            hits[(*hit_count)++] = (struct hit){.key = candidates[i],
                                                .block = (uint32_t)reader.block,
                                                .begin = (uint16_t)reader.row,
                                                .end = (uint16_t)(reader.row + rows)};
    }
out:
    return st;
}

/*
 * Rows of one key that are two words of eight bytes: what batch_stage() would do, without
 * asking. Every row has a value of its own.
 */
static inline bool
stage_pairs(const struct layout *layout, const struct image *image, uint64_t key,
            const struct hit *hit, struct rows *out)
{
    const size_t to = out->count, count = (size_t)(hit->end - hit->begin);
    const uint64_t *values = image_part(image, PART_VALUE_CELLS);
    const int8_t *weights = image_part(image, PART_WEIGHTS);
    const bool framed = image_has(image, IMAGE_VALUES_FRAMED);

    if (layout->row_kind != ROW_TWO || layout->key.shape != SHAPE_WORD8 ||
        layout->value.shape != SHAPE_WORD8 || image->weight_bytes > 1 ||
        image_has(image, IMAGE_WEIGHTS_FRAMED))
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

enum spine_status
batch_stage_hits(const struct spine_batch *batch, const struct probe_keys *keys,
                 struct hit *hits, size_t count, struct rows *out, size_t rows_max)
{
    const struct layout *layout = &batch->layout;

    for (size_t i = 0; i < count; i++) {
        struct hit *hit = &hits[i];
        const struct fence *fence = &batch->fences[hit->block];
        const struct image *image = block_image(fence->block);
        const size_t next = (size_t)hit->block + 1;

        hit->staged = HIT_NONE;
        if (hit->end - hit->begin > (int)HIT_ROWS_MAX || out->count >= rows_max ||
            (hit->end == fence->rows && next < batch->block_count &&
             batch->fences[next].continues))
            continue;
        if (!rows_reserve(layout, out, out->count + HIT_ROWS_MAX))
            return SPINE_NOMEM;
        hit->staged = (uint32_t)out->count;
        if (!stage_pairs(layout, image, keys->words[hit->key], hit, out))
            image_stage(layout, image, hit->begin, hit->end, out);
    }
    return SPINE_OK;
}

enum spine_status
batch_stage_hit(const struct spine_batch *batch, const struct probe_keys *keys,
                const struct hit *hit, size_t count, struct rows *out)
{
    const struct layout *layout = &batch->layout;
    const struct image *image = block_image(batch->fences[hit->block].block);
    const uint32_t end = hit->begin + (uint32_t)count;

    if (keys != NULL && layout_has_marks(layout))
        image_stage_key(layout, image, keys->words[hit->key], hit->begin, end, out);
    else
        image_stage(layout, image, hit->begin, end, out);
    return SPINE_OK;
}

enum spine_status
batch_hit_next(const struct spine_batch *batch, struct hit *hit)
{
    const size_t next = (size_t)hit->block + 1;
    const struct image *image;

    if (hit->end != batch->fences[hit->block].rows || next == batch->block_count ||
        !batch->fences[next].continues)
        return SPINE_OK;
    image = block_image(batch->fences[next].block);
    hit->block = (uint32_t)next;
    hit->begin = 0;
    hit->end = (uint16_t)image_row_end(image, image_value_end(image, 0) - 1);
    return SPINE_OK;
}
