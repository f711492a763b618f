/* SPDX-License-Identifier: MIT */

/* Packs rows into the image of a block as block_plan.h says, part by part. */

#include "block/block_plan.h"

#include "base/alloc.h"
#include "base/copy_cell.h"
#include "base/error.h"

static bool is_two_arrays(const struct layout *layout, const struct image *image);
static uint64_t *words_of(const struct image *image, enum image_part part);
static enum spine_status pack_plan(const struct plan *plan, struct block **out);
static struct block *block_alloc(size_t front_bytes, size_t image_bytes);
static void pack_head(const struct plan *plan, struct image *image);
static void pack_padding(struct image *image, const size_t *part_bytes);
static void pack_parts(const struct plan *plan, struct image *image);
static void pack_ends(const struct plan *plan, struct image *image);
static void pack_column(const struct column_source *source, const struct framed *framed,
                        struct frame *frame, uint8_t *cells, uint8_t *ends);
static void pack_cells(const struct column_source *source, void *cells);
static void pack_word4(const struct column_source *source, uint32_t *cells);
static void pack_word8(const struct column_source *source, uint64_t *cells);
static void pack_fixed(const struct column_source *source, uint8_t *cells);
static void pack_fixed_spans(const struct column_source *source, uint8_t *cells);
static void
pack_bytes(const struct column_source *source, uint8_t *cells, uint32_t *ends);
static void pack_framed_bytes(const struct column_source *source,
                              const struct framed *framed, struct frame *frame,
                              uint8_t *cells, uint8_t *ends);
static void pack_list(const struct plan *plan, const struct column_source *source,
                      struct image *image);
static void pack_anchors(const struct column_source *source, struct image *image);
static void pack_fronts(const struct column_source *source, uint32_t *fronts);
static void pack_times(const struct plan *plan, uint64_t *times);
static void pack_weights(const struct plan *plan, void *to);

enum spine_status
block_pack(const struct layout *layout, const struct rows *rows, size_t begin, size_t end,
           bool encode, struct block **out)
{
    struct plan plan;
    enum spine_status st;

    plan.bytes = NULL;
    if (plan_encodes_bytes(layout, encode)) {
        plan.bytes = mem_alloc(sizeof *plan.bytes);
        if (plan.bytes == NULL)
            return SPINE_NOMEM;
    }
    plan_rows(&plan, layout, rows, begin, end, encode);
    st = pack_plan(&plan, out);
    mem_free(plan.bytes, sizeof *plan.bytes);
    return st;
}

enum spine_status
block_encode(const struct layout *layout, const struct image *image, struct rows *scratch,
             struct block **out)
{
    assert(!image_has(image, IMAGE_ENCODED));
    if (is_two_arrays(layout, image)) {
        const struct rows rows = {.hi = words_of(image, PART_KEY_CELLS),
                                  .lo = words_of(image, PART_VALUE_CELLS),
                                  .count = image->row_count};
        struct plan plan;

        plan.bytes = NULL;
        plan_words(&plan, layout, &rows);
        return pack_plan(&plan, out);
    }
    scratch->count = 0;
    if (!rows_reserve(layout, scratch, image->row_count))
        return SPINE_NOMEM;
    /* What is not encoded has no fronts. */
    TRY_RETURN(image_stage(layout, image, 0, image->row_count, NULL, scratch));
    return block_pack(layout, scratch, 0, image->row_count, true, out);
}

/* Are the arrays of keys and values those that rows have, and are there no others? */
static bool
is_two_arrays(const struct layout *layout, const struct image *image)
{
    return layout->key.shape == SHAPE_WORD8 && layout->value.shape == SHAPE_WORD8 &&
           !layout->timed && layout->weight_count == 1 &&
           image->key_count == image->row_count && image->weight_bytes == 0;
}

/* Nobody writes to them. */
static uint64_t *
words_of(const struct image *image, enum image_part part)
{
    return (uint64_t *)(uintptr_t)image_array(image, part);
}

static enum spine_status
pack_plan(const struct plan *plan, struct block **out)
{
    uint32_t at[PART_COUNT];
    const size_t bytes = image_place(plan->part_bytes, at);
    const size_t front = guides_bytes(guide_count(&plan->layout->key, plan->key_count));
    struct image *image;
    struct block *block;

    if (bytes > IMAGE_BYTES_MAX)
        return SPINE_INVALID;
    block = block_alloc(front, bytes);
    if (block == NULL)
        return SPINE_NOMEM;
    image = (struct image *)(void *)(block + 1);
    *image = (struct image){.bytes = (uint32_t)bytes, .version = IMAGE_VERSION};
    memcpy(image->at, at, sizeof at);
    pack_head(plan, image);
    pack_padding(image, plan->part_bytes);
    pack_parts(plan, image);
    guides_pack(plan, block);
    *out = block;
    return SPINE_OK;
}

void
block_unref(struct block *block)
{
    if (block == NULL || !ref_drop(&block->refs))
        return;
    twins_free(&block->twins);
    account_free(&block->payer, ACCOUNT_BLOCKS, block->memory, block->bytes);
}

/* With one reference, `front_bytes` in front of it, a multiple of what it is aligned to,
 * and room behind it for an image at a multiple of IMAGE_ALIGNMENT. */
static struct block *
block_alloc(size_t front_bytes, size_t image_bytes)
{
    const size_t bytes = front_bytes + sizeof(struct block) + image_bytes +
                         (IMAGE_ALIGNMENT - _Alignof(max_align_t));
    uint8_t *const memory = mem_alloc_whole(bytes);
    const uintptr_t least = (uintptr_t)memory + front_bytes + sizeof(struct block);
    struct block *block;

    static_assert(sizeof(struct block) % _Alignof(max_align_t) == 0,
                  "what is left of the alignment is enough");
    if (memory == NULL)
        return NULL;
    block =
        (struct block *)(void *)(memory + front_bytes + (0 - least) % IMAGE_ALIGNMENT);
    ref_init(&block->refs);
    block->memory = memory;
    block->bytes = bytes;
    atomic_init(&block->payer, NULL);
    atomic_init(&block->twins, NULL);
    return block;
}

/* A present array. */
static void *
part_of(struct image *image, enum image_part part)
{
    return image->at[part] != 0 ? (uint8_t *)image + image->at[part] : NULL;
}

static void
pack_head(const struct plan *plan, struct image *image)
{
    const struct framed *framed = plan->framed;

    image->row_count = plan->row_count;
    image->value_count = plan->value_count;
    image->key_count = plan->key_count;
    image->negative_rows = plan->negative_rows;
    image->flags = plan->encode ? IMAGE_ENCODED : 0;
    image->flags |= framed[FRAME_KEY].pays ? IMAGE_KEYS_FRAMED : 0;
    image->flags |= plan->has_fronts ? IMAGE_KEYS_FRONTED : 0;
    if (framed[FRAME_VALUE].pays)
        image->flags |= plan->listed > 0 ? IMAGE_VALUES_LISTED : IMAGE_VALUES_FRAMED;
    image->flags |= framed[FRAME_TIMES].pays ? IMAGE_TIMES_FRAMED : 0;
    image->flags |= framed[FRAME_WEIGHTS].pays ? IMAGE_WEIGHTS_FRAMED : 0;
    if (!framed[FRAME_WEIGHTS].pays)
        image->weight_bytes = plan->weight_bytes;
}

/* The last eight bytes of every array are zero before it is packed, so that what it does
 * not fill is. */
static void
pack_padding(struct image *image, const size_t *part_bytes)
{
    for (int part = 0; part < PART_COUNT; part++)
        if (part_bytes[part] > 0)
            memset((uint8_t *)part_of(image, (enum image_part)part) +
                       (part_bytes[part] - 1) / 8 * 8,
                   0, 8);
}

static void
pack_parts(const struct plan *plan, struct image *image)
{
    const struct framed *framed = plan->framed;
    const struct column_source key = plan_key_source(plan),
                               value = plan_value_source(plan);
    uint8_t *const times = part_of(image, PART_TIMES);
    uint8_t *const weights = part_of(image, PART_WEIGHTS);

    pack_ends(plan, image);
    pack_column(&key, &framed[FRAME_KEY], &image->key_frame,
                part_of(image, PART_KEY_CELLS), part_of(image, PART_KEY_ENDS));
    if (image->at[PART_KEY_ANCHORS] != 0)
        pack_anchors(&key, image);
    if (plan->listed > 0)
        pack_list(plan, &value, image);
    else
        pack_column(&value, &framed[FRAME_VALUE], &image->value_frame,
                    part_of(image, PART_VALUE_CELLS), part_of(image, PART_VALUE_ENDS));
    if (framed[FRAME_TIMES].pays)
        framed_write(&framed[FRAME_TIMES], (struct frame *)(void *)times,
                     times + sizeof(struct frame));
    else if (times != NULL)
        pack_times(plan, (uint64_t *)(void *)times);
    if (framed[FRAME_WEIGHTS].pays)
        framed_write(&framed[FRAME_WEIGHTS], (struct frame *)(void *)weights,
                     weights + sizeof(struct frame));
    else if (weights != NULL)
        pack_weights(plan, weights);
}

/* A key ends where the next one starts; its start among values is how many values start
 * before it. */
static void
pack_ends(const struct plan *plan, struct image *image)
{
    uint16_t *const value_ends = part_of(image, PART_ENDS_OF_VALUES);
    uint16_t *const time_ends = part_of(image, PART_ENDS_OF_TIMES);

    if (time_ends != NULL) {
        for (uint32_t v = 0; v + 1 < plan->value_count; v++)
            time_ends[v] = plan->value_rows[v + 1];
        time_ends[plan->value_count - 1] = (uint16_t)plan->row_count;
    }
    if (value_ends == NULL)
        return;
    if (time_ends == NULL) {
        for (uint32_t k = 0; k + 1 < plan->key_count; k++)
            value_ends[k] = plan->key_rows[k + 1];
    } else {
        for (uint32_t k = 0, v = 0; k + 1 < plan->key_count; k++) {
            while (plan->value_rows[v] < plan->key_rows[k + 1])
                v++;
            value_ends[k] = (uint16_t)v;
        }
    }
    value_ends[plan->key_count - 1] = (uint16_t)plan->value_count;
}

/* Where words or ends are a frame, that goes to `frame`. */
static void
pack_column(const struct column_source *source, const struct framed *framed,
            struct frame *frame, uint8_t *cells, uint8_t *ends)
{
    if (source->layout->shape == SHAPE_BYTES && framed->pays)
        pack_framed_bytes(source, framed, frame, cells, ends);
    else if (source->layout->shape == SHAPE_BYTES)
        pack_bytes(source, cells, (uint32_t *)(void *)ends);
    else if (framed->pays)
        framed_write(framed, frame, cells);
    else
        pack_cells(source, cells);
}

static void
pack_cells(const struct column_source *source, void *cells)
{
    switch (source->layout->shape) {
    case SHAPE_NONE:
        break;
    case SHAPE_WORD4:
        pack_word4(source, cells);
        break;
    case SHAPE_WORD8:
        pack_word8(source, cells);
        break;
    case SHAPE_FIXED:
        pack_fixed(source, cells);
        break;
    case SHAPE_BYTES:
        assert(false);
        break;
    }
}

static void
pack_word4(const struct column_source *source, uint32_t *cells)
{
    const uint64_t *words = source->words;
    const unsigned shift = source->shift;

    if (source->rows == NULL)
        for (uint32_t i = 0; i < source->count; i++)
            cells[i] = (uint32_t)(words[i] >> shift);
    else
        for (uint32_t i = 0; i < source->count; i++)
            cells[i] = (uint32_t)(words[source->rows[i]] >> shift);
}

static void
pack_word8(const struct column_source *source, uint64_t *cells)
{
    /* A word of eight bytes is alone in its code word. */
    assert(source->shift == 0);
    if (source->rows == NULL)
        memcpy(cells, source->words, source->count * sizeof *cells);
    else
        for (uint32_t i = 0; i < source->count; i++)
            cells[i] = source->words[source->rows[i]];
}

static void
pack_fixed(const struct column_source *source, uint8_t *cells)
{
    const size_t size = source->layout->bytes;

    if (source->spans != NULL) {
        pack_fixed_spans(source, cells);
        return;
    }
    for (uint32_t i = 0; i < source->count; i++, cells += size) {
        const size_t row = source->rows != NULL ? source->rows[i] : i;
        const uint64_t high = __builtin_bswap64(source->words[row]);
        const uint64_t low = __builtin_bswap64(source->low_words[row]);

        /* Sixteen bytes whatever the size: the next cell overwrites what is too much, and
         * the last one has its slack. */
        memcpy(cells, &high, 8);
        memcpy(cells + 8, &low, 8);
    }
    memset(cells, 0, CELL_SLACK);
}

/* `size` is a constant, or of the layout. */
static inline __attribute__((always_inline)) void
copy_fixed(const struct column_source *source, size_t size, uint8_t *cells)
{
    for (uint32_t i = 0; i < source->count; i++)
        memcpy(cells + i * size, source_span(source, i).data, size);
    memset(cells + source->count * size, 0, CELL_SLACK);
}

/* Numbers of eight bytes, some of which are a tuple's column each, are moved as such. */
static void
pack_fixed_spans(const struct column_source *source, uint8_t *cells)
{
    switch (source->layout->bytes) {
    case 16:
        copy_fixed(source, 16, cells);
        break;
    case 24:
        copy_fixed(source, 24, cells);
        break;
    case 32:
        copy_fixed(source, 32, cells);
        break;
    case 40:
        copy_fixed(source, 40, cells);
        break;
    case 48:
        copy_fixed(source, 48, cells);
        break;
    default:
        copy_fixed(source, source->layout->bytes, cells);
        break;
    }
}

/* The cells end to end, and where each ends: in `ends`, or in `words` where that is not
 * NULL; `pieces` as in copy_cell(). */
static inline __attribute__((always_inline)) size_t
pack_spans(const struct column_source *source, size_t pieces, uint8_t *cells,
           uint32_t *ends, uint64_t *words)
{
    size_t at = 0;

    for (uint32_t i = 0, stop; i < source->count; i = stop) {
        const uint32_t left = source->count - i;
        const uint32_t front =
            source->fronts != NULL ? front_size(source->fronts[i / ANCHOR_STEP]) : 0;

        stop = i + (left < ANCHOR_STEP ? left : ANCHOR_STEP);
        for (uint32_t cell = i; cell < stop; cell++) {
            const struct span span = source_span(source, cell);
            const size_t size = span.size - front;
            /* An empty cell may be NULL, which has no offset, not even 0. */
            const uint8_t *rest = front == 0 ? span.data : span.data + front;

            copy_cell(cells + at, rest, size, pieces);
            at += size;
            if (words != NULL)
                words[cell] = at;
            else
                ends[cell] = (uint32_t)at;
        }
    }
    memset(cells + at, 0, CELL_SLACK);
    return at;
}

static void
pack_bytes(const struct column_source *source, uint8_t *cells, uint32_t *ends)
{
    size_t bytes = 0;

    for (uint32_t i = 0; i < source->count; i++)
        bytes += source_rest(source, i).size;
    if (copy_cell_is_short(source->count, bytes))
        (void)pack_spans(source, COPY_FEW_PIECES, cells, ends, NULL);
    else
        (void)pack_spans(source, COPY_MANY_PIECES, cells, ends, NULL);
}

static void
pack_framed_bytes(const struct column_source *source, const struct framed *framed,
                  struct frame *frame, uint8_t *cells, uint8_t *ends)
{
    uint64_t words[BLOCK_ROWS];

    if (copy_cell_is_short(source->count, (size_t)framed->last))
        (void)pack_spans(source, COPY_FEW_PIECES, cells, NULL, words);
    else
        (void)pack_spans(source, COPY_MANY_PIECES, cells, NULL, words);
    framed_write_words(framed, words, frame, ends);
}

/* How many are listed, where each ends, and the pick of each. */
static void
pack_list(const struct plan *plan, const struct column_source *source,
          struct image *image)
{
    const struct value_list *list = &plan->bytes->list;
    uint32_t *const ends = part_of(image, PART_VALUE_ENDS);
    struct column_source listed = *source;
    uint16_t rows[LIST_VALUES_MAX];

    for (uint32_t i = 0; i < list->count; i++)
        rows[i] = source->rows != NULL ? source->rows[list->firsts[i]] : list->firsts[i];
    listed.rows = rows;
    listed.count = list->count;
    ends[0] = list->count;
    pack_bytes(&listed, part_of(image, PART_VALUE_CELLS), ends + 1);
    framed_write(&plan->framed[FRAME_VALUE], &image->value_frame,
                 (uint8_t *)(ends + 1 + list->count));
}

static void
pack_anchors(const struct column_source *source, struct image *image)
{
    uint64_t *const anchors = part_of(image, PART_KEY_ANCHORS);

    image->shared_bytes = (uint32_t)span_shared(source_span(source, 0),
                                                source_span(source, source->count - 1));
    for (uint32_t i = 0; i < source->count; i += ANCHOR_STEP) {
        const struct span behind =
            span_behind(source_span(source, i), image->shared_bytes);

        anchors[i / ANCHOR_STEP] = bytes_prefix(behind.data, behind.size);
    }
    if (source->fronts != NULL)
        pack_fronts(source, (uint32_t *)(anchors + image_anchor_count(image)));
}

/* Fronts that lie at the same place write the same bytes. */
static void
pack_fronts(const struct column_source *source, uint32_t *fronts)
{
    const uint32_t count = (source->count + ANCHOR_STEP - 1) / ANCHOR_STEP;
    uint8_t *const bytes = (uint8_t *)(fronts + count);

    memcpy(fronts, source->fronts, count * sizeof *fronts);
    for (uint32_t i = 0; i < count; i++)
        if (front_size(fronts[i]) > 0)
            memcpy(bytes + (fronts[i] >> FRONT_SIZE_BITS),
                   source_span(source, i * ANCHOR_STEP).data, front_size(fronts[i]));
}

static void
pack_times(const struct plan *plan, uint64_t *times)
{
    memcpy(times, plan->rows->time + plan->begin, plan->row_count * sizeof *times);
}

static void
pack_weights(const struct plan *plan, void *to)
{
    const unsigned width = plan->layout->weight_count;
    const int64_t *weights = plan->rows->weight + plan->begin * width;
    const size_t count = (size_t)plan->row_count * width;

    switch (plan->weight_bytes) {
    case 1:
        for (size_t i = 0; i < count; i++)
            ((int8_t *)to)[i] = (int8_t)weights[i];
        break;
    case 2:
        for (size_t i = 0; i < count; i++)
            ((int16_t *)to)[i] = (int16_t)weights[i];
        break;
    case 4:
        for (size_t i = 0; i < count; i++)
            ((int32_t *)to)[i] = (int32_t)weights[i];
        break;
    default:
        memcpy(to, weights, count * sizeof *weights);
        break;
    }
}
