/* SPDX-License-Identifier: MIT */
#include "block/block.h"

#include "base/alloc.h"
#include "block/block_frames.h"
#include "block/block_starts.h"

/* The arrays of a block, in the order in which they lie behind it. */
enum part {
    PART_KEY_SAMPLES,
    PART_KEY_ENDS,
    PART_KEY_CELLS,
    PART_VALUE_ENDS,
    PART_VALUE_CELLS,
    PART_ENDS_OF_VALUES,
    PART_ENDS_OF_TIMES,
    PART_TIMES,
    PART_WEIGHTS,
    PART_COUNT
};

/* The columns that may be frames, and where they lie. */
enum frame_part { FRAME_KEY, FRAME_VALUE, FRAME_TIMES, FRAME_WEIGHTS, FRAME_COUNT };
static const enum part part_of_frame[FRAME_COUNT] = {PART_KEY_CELLS, PART_VALUE_CELLS,
                                                     PART_TIMES, PART_WEIGHTS};

/* What the first pass over the rows finds out. */
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
    /* Bytes of all cells. */
    size_t part_bytes[PART_COUNT];
    /* The first row of each key and of each value, unless there is one per row. */
    uint16_t key_rows[BLOCK_ROWS];
    uint16_t value_rows[BLOCK_ROWS];
    /* None pays when the block is not to be encoded. */
    struct framed framed[FRAME_COUNT];
};

/* Where one column comes from. */
struct source {
    const struct cell_layout *layout;
    /* The words are these shifted right. */
    const uint64_t *words;
    unsigned shift;
    /* Bytes of SHAPE_FIXED without spans: `words` has the first eight, this the rest. */
    const uint64_t *low_words;
    const struct span *spans;
    /* Which row has cell i; NULL: row i. */
    const uint16_t *rows;
    uint32_t count;
};

static void plan_keys(struct plan *plan);
static void plan_values(struct plan *plan);
static void plan_weights(struct plan *plan);
static struct source key_source(const struct plan *plan);
static struct source value_source(const struct plan *plan);
static size_t source_bytes(const struct source *source);
static void plan_frames(struct plan *plan, const struct source *key,
                        const struct source *value, bool encode);
static struct frame_source words_of_source(const struct source *source, bool sorted);
static void
plan_parts(struct plan *plan, const struct source *key, const struct source *value);
static struct block *block_alloc(const struct plan *plan);
static void pack_ends(const struct plan *plan, struct block *block);
static void pack_column(const struct source *source, struct column *column);
static void pack_word4(const struct source *source, uint32_t *cells);
static void pack_word8(const struct source *source, uint64_t *cells);
static void pack_fixed(const struct source *source, uint8_t *cells);
static void pack_bytes(const struct source *source, struct column *column);
static void pack_weights(const struct plan *plan, struct block *block);
static void pack_frames(const struct plan *plan, struct block *block);

enum spine_status
block_pack(const struct layout *layout, const struct rows *rows, size_t begin, size_t end,
           bool encode, struct block **out)
{
    struct plan plan;
    struct source key, value;
    struct block *block;

    assert(begin < end && end <= rows->count && end - begin <= BLOCK_ROWS);
    plan.layout = layout;
    plan.rows = rows;
    plan.begin = begin;
    plan.row_count = (uint32_t)(end - begin);
    plan_keys(&plan);
    plan_values(&plan);
    plan_weights(&plan);
    key = key_source(&plan);
    value = value_source(&plan);
    plan_frames(&plan, &key, &value, encode);
    plan_parts(&plan, &key, &value);

    block = block_alloc(&plan);
    if (block == NULL)
        return SPINE_NOMEM;
    pack_ends(&plan, block);
    if (!plan.framed[FRAME_KEY].pays)
        pack_column(&key, &block->key);
    if (!plan.framed[FRAME_VALUE].pays)
        pack_column(&value, &block->value);
    if (layout->timed && !plan.framed[FRAME_TIMES].pays)
        memcpy(block->times, rows->time + begin, plan.row_count * sizeof *block->times);
    if (plan.weight_bytes > 0 && !plan.framed[FRAME_WEIGHTS].pays)
        pack_weights(&plan, block);
    pack_frames(&plan, block);
    block->encoded = encode;
    *out = block;
    return SPINE_OK;
}

void
block_unref(struct block *block)
{
    if (block != NULL && ref_drop(&block->refs))
        mem_free(block, block->bytes);
}

static void
plan_keys(struct plan *plan)
{
    const struct layout *layout = plan->layout;
    const uint64_t *hi = plan->rows->hi + plan->begin;

    plan->key_rows[0] = 0;
    plan->value_rows[0] = 0;
    if (layout->key.shape == SHAPE_NONE)
        plan->key_count = 1;
    else if (layout->row_kind == ROW_WIDE)
        plan->key_count = find_starts_wide(layout, plan->rows, plan->begin,
                                           plan->row_count, false, plan->key_rows);
    else if (layout->key.shape == SHAPE_FIXED)
        plan->key_count = plan->row_count; /* both words are the key */
    else
        plan->key_count =
            find_starts_words(hi, layout->row_kind == ROW_ONE ? layout->key_shift : 0,
                              plan->row_count, plan->key_rows);
}

static void
plan_values(struct plan *plan)
{
    if (plan->layout->timed)
        plan->value_count = find_starts_wide(plan->layout, plan->rows, plan->begin,
                                             plan->row_count, true, plan->value_rows);
    else
        plan->value_count = plan->row_count;
}

/* The narrowest bytes that hold all weights, which is said by the bits that are not
 * copies of the sign. */
static void
plan_weights(struct plan *plan)
{
    const unsigned width = plan->layout->weight_count;
    const int64_t *weights = plan->rows->weight + plan->begin * width;
    const size_t count = (size_t)plan->row_count * width;
    uint64_t not_one = 0, magnitude = 0, negative = 0;

    for (size_t i = 0; i < count; i++) {
        const uint64_t weight = (uint64_t)weights[i];

        not_one |= weight ^ 1;
        magnitude |= weight ^ (0 - (weight >> 63));
        negative += weight >> 63;
    }
    if (width > 1) {
        negative = 0;
        for (size_t i = 0; i < count; i += width) {
            bool below = false;

            for (unsigned w = 0; w < width; w++)
                below = below || weights[i + w] < 0;
            negative += below;
        }
    }
    plan->negative_rows = (uint32_t)negative;
    plan->weight_bytes = not_one == 0           ? 0
                         : magnitude < 1u << 7  ? 1
                         : magnitude < 1u << 15 ? 2
                         : magnitude < 1u << 31 ? 4
                                                : 8;
}

static struct source
key_source(const struct plan *plan)
{
    const struct layout *layout = plan->layout;
    const struct rows *rows = plan->rows;
    const bool one_per_row = plan->key_count == plan->row_count;
    struct source source = {.layout = &layout->key,
                            .words = rows->hi + plan->begin,
                            .count = plan->key_count};

    if (layout->row_kind == ROW_ONE && layout->key_shift < 64)
        source.shift = layout->key_shift;
    if (layout->key.spans)
        source.spans = rows->key + plan->begin;
    else if (layout->key.shape == SHAPE_FIXED)
        source.low_words = rows->lo + plan->begin;
    source.rows = one_per_row ? NULL : plan->key_rows;
    return source;
}

static struct source
value_source(const struct plan *plan)
{
    const struct layout *layout = plan->layout;
    const struct rows *rows = plan->rows;
    const bool one_per_row = plan->value_count == plan->row_count;
    struct source source = {.layout = &layout->value, .count = plan->value_count};

    if (layout->value.spans)
        source.spans = rows->value + plan->begin;
    if (layout->row_kind == ROW_ONE) {
        /* A word of four bytes is the low half of the code. */
        source.words = rows->hi + plan->begin;
    } else if (layout->value.shape == SHAPE_FIXED && !layout->value.spans) {
        source.words = rows->hi + plan->begin;
        source.low_words = rows->lo + plan->begin;
    } else {
        source.words = rows->lo + plan->begin;
    }
    source.rows = one_per_row ? NULL : plan->value_rows;
    return source;
}

static void
plan_frames(struct plan *plan, const struct source *key, const struct source *value,
            bool encode)
{
    const struct layout *layout = plan->layout;
    struct framed *const framed = plan->framed;
    const struct frame_source row_words = {.mask = UINT64_MAX, .count = plan->row_count};

    for (int part = 0; part < FRAME_COUNT; part++)
        framed[part].pays = false;
    if (!encode)
        return;
    if (layout->key.shape == SHAPE_WORD4 || layout->key.shape == SHAPE_WORD8) {
        framed[FRAME_KEY].source = words_of_source(key, true);
        framed_fit(&framed[FRAME_KEY], source_bytes(key), 0);
    }
    if (layout->value.shape == SHAPE_WORD4 || layout->value.shape == SHAPE_WORD8) {
        framed[FRAME_VALUE].source = words_of_source(value, false);
        framed_fit(&framed[FRAME_VALUE], source_bytes(value), 0);
    }
    if (layout->timed) {
        framed[FRAME_TIMES].source = row_words;
        framed[FRAME_TIMES].source.words = plan->rows->time + plan->begin;
        framed_fit(&framed[FRAME_TIMES], plan->row_count * sizeof(uint64_t),
                   sizeof(struct frame));
    }
    /* Several weights of a row have little in common. */
    if (layout->weight_count == 1) {
        framed[FRAME_WEIGHTS].source = row_words;
        framed[FRAME_WEIGHTS].source.words =
            (const uint64_t *)plan->rows->weight + plan->begin;
        framed[FRAME_WEIGHTS].source.flip = word_of_i64(0);
        framed_fit(&framed[FRAME_WEIGHTS], (size_t)plan->row_count * plan->weight_bytes,
                   sizeof(struct frame));
    }
}

static struct frame_source
words_of_source(const struct source *source, bool sorted)
{
    return (struct frame_source){.words = source->words,
                                 .shift = source->shift,
                                 .mask =
                                     source->layout->bytes == 4 ? UINT32_MAX : UINT64_MAX,
                                 .rows = source->rows,
                                 .count = source->count,
                                 .sorted = sorted};
}

/* Bytes of the cells, with the slack that loads and stores of whole words need. */
static size_t
source_bytes(const struct source *source)
{
    size_t bytes = 0;

    if (source->layout->shape == SHAPE_WORD4 || source->layout->shape == SHAPE_WORD8)
        return (size_t)source->count * source->layout->bytes;
    if (source->layout->shape == SHAPE_FIXED)
        return (size_t)source->count * source->layout->bytes + CELL_SLACK;
    if (source->layout->shape == SHAPE_NONE)
        return 0;
    for (uint32_t i = 0; i < source->count; i++)
        bytes += source->spans[source->rows != NULL ? source->rows[i] : i].size;
    return bytes + CELL_SLACK;
}

static void
plan_parts(struct plan *plan, const struct source *key, const struct source *value)
{
    const struct layout *layout = plan->layout;
    size_t *const bytes = plan->part_bytes;

    memset(bytes, 0, sizeof plan->part_bytes);
    if (layout->key.shape == SHAPE_BYTES) {
        bytes[PART_KEY_SAMPLES] =
            (key->count + SAMPLE_STEP - 1) / SAMPLE_STEP * sizeof(uint64_t);
        bytes[PART_KEY_ENDS] = key->count * sizeof(uint32_t);
    }
    bytes[PART_KEY_CELLS] = source_bytes(key);
    if (layout->value.shape == SHAPE_BYTES)
        bytes[PART_VALUE_ENDS] = value->count * sizeof(uint32_t);
    bytes[PART_VALUE_CELLS] = source_bytes(value);
    if (plan->key_count < plan->value_count)
        bytes[PART_ENDS_OF_VALUES] = plan->key_count * sizeof(uint16_t);
    if (plan->value_count < plan->row_count)
        bytes[PART_ENDS_OF_TIMES] = plan->value_count * sizeof(uint16_t);
    if (layout->timed)
        bytes[PART_TIMES] = plan->row_count * sizeof(uint64_t);
    bytes[PART_WEIGHTS] =
        (size_t)plan->row_count * layout->weight_count * plan->weight_bytes;
    for (int part = 0; part < FRAME_COUNT; part++)
        if (plan->framed[part].pays)
            bytes[part_of_frame[part]] = framed_bytes(&plan->framed[part]) +
                                         (part >= FRAME_TIMES ? sizeof(struct frame) : 0);
}

/* The next array, NULL when it is not there. */
static void *
take_part(struct block *block, size_t *at, size_t bytes)
{
    const size_t begin = *at;

    *at += (bytes + 7) & ~(size_t)7;
    return bytes > 0 ? (uint8_t *)block + begin : NULL;
}

static struct block *
block_alloc(const struct plan *plan)
{
    const size_t *const parts = plan->part_bytes;
    size_t at = BLOCK_KEY_WORDS;
    size_t bytes = at;
    struct block *block;

    for (int part = 0; part < PART_COUNT; part++)
        bytes += (parts[part] + 7) & ~(size_t)7;
    block = mem_alloc(bytes);
    if (block == NULL)
        return NULL;
    ref_init(&block->refs);
    block->row_count = plan->row_count;
    block->value_count = plan->value_count;
    block->key_count = plan->key_count;
    block->negative_rows = plan->negative_rows;
    block->weight_bytes = plan->weight_bytes;
    block->bytes = bytes;
    block->key.samples = take_part(block, &at, parts[PART_KEY_SAMPLES]);
    block->key.ends = take_part(block, &at, parts[PART_KEY_ENDS]);
    block->key.cells = take_part(block, &at, parts[PART_KEY_CELLS]);
    assert(block->key.samples != NULL || block->key.ends != NULL ||
           block->key.cells == NULL ||
           (uint8_t *)block->key.cells == (uint8_t *)block + BLOCK_KEY_WORDS);
    block->key.shared_bytes = 0;
    block->value.samples = NULL;
    block->value.shared_bytes = 0;
    block->value.ends = take_part(block, &at, parts[PART_VALUE_ENDS]);
    block->value.cells = take_part(block, &at, parts[PART_VALUE_CELLS]);
    block->value_ends = take_part(block, &at, parts[PART_ENDS_OF_VALUES]);
    block->time_ends = take_part(block, &at, parts[PART_ENDS_OF_TIMES]);
    block->times = take_part(block, &at, parts[PART_TIMES]);
    block->weights = take_part(block, &at, parts[PART_WEIGHTS]);
    assert(at == bytes);
    return block;
}

/* A key ends where the next one starts; its start among values is how many values start
 * before it. */
static void
pack_ends(const struct plan *plan, struct block *block)
{
    if (block->time_ends != NULL) {
        for (uint32_t v = 0; v + 1 < plan->value_count; v++)
            block->time_ends[v] = plan->value_rows[v + 1];
        block->time_ends[plan->value_count - 1] = (uint16_t)plan->row_count;
    }
    if (block->value_ends == NULL)
        return;
    if (block->time_ends == NULL) {
        for (uint32_t k = 0; k + 1 < plan->key_count; k++)
            block->value_ends[k] = plan->key_rows[k + 1];
    } else {
        for (uint32_t k = 0, v = 0; k + 1 < plan->key_count; k++) {
            while (plan->value_rows[v] < plan->key_rows[k + 1])
                v++;
            block->value_ends[k] = (uint16_t)v;
        }
    }
    block->value_ends[plan->key_count - 1] = (uint16_t)plan->value_count;
}

static void
pack_column(const struct source *source, struct column *column)
{
    switch (source->layout->shape) {
    case SHAPE_NONE:
        break;
    case SHAPE_WORD4:
        pack_word4(source, column->cells);
        break;
    case SHAPE_WORD8:
        pack_word8(source, column->cells);
        break;
    case SHAPE_FIXED:
        pack_fixed(source, column->cells);
        break;
    case SHAPE_BYTES:
        pack_bytes(source, column);
        break;
    }
}

static void
pack_word4(const struct source *source, uint32_t *cells)
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
pack_word8(const struct source *source, uint64_t *cells)
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
pack_fixed(const struct source *source, uint8_t *cells)
{
    const size_t size = source->layout->bytes;

    for (uint32_t i = 0; i < source->count; i++, cells += size) {
        const size_t row = source->rows != NULL ? source->rows[i] : i;

        if (source->spans != NULL) {
            memcpy(cells, source->spans[row].data, size);
        } else {
            const uint64_t high = __builtin_bswap64(source->words[row]);
            const uint64_t low = __builtin_bswap64(source->low_words[row]);

            /* Sixteen bytes whatever the size: the next cell overwrites what is
             * too much, and the last one has its slack. */
            memcpy(cells, &high, 8);
            memcpy(cells + 8, &low, 8);
        }
    }
    memset(cells, 0, CELL_SLACK);
}

static void
pack_bytes(const struct source *source, struct column *column)
{
    const uint32_t last = source->count - 1;
    uint8_t *const cells = column->cells;
    size_t at = 0;

    if (column->samples != NULL)
        column->shared_bytes = (uint32_t)span_shared(
            source->spans[0],
            source->spans[source->rows != NULL ? source->rows[last] : last]);
    for (uint32_t i = 0; i < source->count; i++) {
        const struct span span =
            source->spans[source->rows != NULL ? source->rows[i] : i];

        if (column->samples != NULL && i % SAMPLE_STEP == 0)
            column->samples[i / SAMPLE_STEP] = bytes_prefix(
                span.data + column->shared_bytes, span.size - column->shared_bytes);
        if (span.size > 0)
            memcpy(cells + at, span.data, span.size);
        at += span.size;
        column->ends[i] = (uint32_t)at;
    }
    memset(cells + at, 0, CELL_SLACK);
}

static void
pack_weights(const struct plan *plan, struct block *block)
{
    const unsigned width = plan->layout->weight_count;
    const int64_t *weights = plan->rows->weight + plan->begin * width;
    const size_t count = (size_t)plan->row_count * width;

    switch (plan->weight_bytes) {
    case 1:
        for (size_t i = 0; i < count; i++)
            ((int8_t *)block->weights)[i] = (int8_t)weights[i];
        break;
    case 2:
        for (size_t i = 0; i < count; i++)
            ((int16_t *)block->weights)[i] = (int16_t)weights[i];
        break;
    case 4:
        for (size_t i = 0; i < count; i++)
            ((int32_t *)block->weights)[i] = (int32_t)weights[i];
        break;
    default:
        memcpy(block->weights, weights, count * sizeof *weights);
        break;
    }
}

/* The arrays of columns that are frames have their distances; those of times and weights
 * the frame in front. */
static void
pack_frames(const struct plan *plan, struct block *block)
{
    const struct framed *framed = plan->framed;

    block->key.frame = block->value.frame = NULL;
    if (framed[FRAME_KEY].pays) {
        framed_write(&framed[FRAME_KEY], &block->key_frame, block->key.cells);
        block->key.frame = &block->key_frame;
        block->key.cells = NULL;
    }
    if (framed[FRAME_VALUE].pays) {
        framed_write(&framed[FRAME_VALUE], &block->value_frame, block->value.cells);
        block->value.frame = &block->value_frame;
        block->value.cells = NULL;
    }
    block->times_framed = framed[FRAME_TIMES].pays;
    if (block->times_framed)
        framed_write(&framed[FRAME_TIMES], block->time_frame,
                     (uint8_t *)(block->time_frame + 1));
    block->weights_framed = framed[FRAME_WEIGHTS].pays;
    if (block->weights_framed) {
        framed_write(&framed[FRAME_WEIGHTS], block->weight_frame,
                     (uint8_t *)(block->weight_frame + 1));
        block->weight_bytes = 0;
    }
}
