/* SPDX-License-Identifier: MIT */

/* How a block will be packed: which of its columns become frames and of what widths, and
 * so where each part lies in the image and how large that is. Nothing is written yet. */

#include "block/block_plan.h"

#include "block/block_starts.h"

static void plan_columns(struct plan *plan);
static void plan_keys(struct plan *plan);
static void plan_values(struct plan *plan);
static void plan_weights(struct plan *plan);
static size_t source_bytes(const struct column_source *source);
static size_t plain_bytes(const struct column_source *source);
static void plan_fronts(struct plan *plan);
static void plan_frames(struct plan *plan, const struct column_source *key,
                        const struct column_source *value, bool encode);
static void plan_list(struct plan *plan, const struct column_source *value);
static void
fit_column(struct framed *framed, const struct column_source *source, bool sorted);
static struct frame_source
words_of_source(const struct column_source *source, bool sorted);
static void
plan_column(struct plan *plan, const struct column_source *source, bool is_key);
static size_t
listed_cell_bytes(const struct plan *plan, const struct column_source *value);
static void plan_parts(struct plan *plan, const struct column_source *key,
                       const struct column_source *value);

void
plan_rows(struct plan *plan, const struct layout *layout, const struct rows *rows,
          size_t begin, size_t end, bool encode)
{
    assert(begin < end && end <= rows->count && end - begin <= BLOCK_ROWS);
    plan->layout = layout;
    plan->rows = rows;
    plan->begin = begin;
    plan->row_count = (uint32_t)(end - begin);
    plan->encode = encode;
    plan_keys(plan);
    plan_values(plan);
    plan_weights(plan);
    plan_columns(plan);
}

void
plan_words(struct plan *plan, const struct layout *layout, const struct rows *rows)
{
    assert(layout->row_kind == ROW_TWO && !layout->timed && layout->weight_count == 1);
    plan->layout = layout;
    plan->rows = rows;
    plan->begin = 0;
    plan->row_count = plan->key_count = plan->value_count = (uint32_t)rows->count;
    plan->negative_rows = 0;
    plan->weight_bytes = 0;
    plan->encode = true;
    plan_columns(plan);
}

static void
plan_columns(struct plan *plan)
{
    struct column_source key, value;

    plan->has_fronts = false;
    if (plan->encode && plan->layout->key.shape == SHAPE_BYTES)
        plan_fronts(plan);
    key = plan_key_source(plan);
    value = plan_value_source(plan);
    plan_frames(plan, &key, &value, plan->encode);
    plan_parts(plan, &key, &value);
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
    plan->weight_bytes = weight_bytes_of(not_one, magnitude);
}

struct column_source
plan_key_source(const struct plan *plan)
{
    const struct layout *layout = plan->layout;
    const struct rows *rows = plan->rows;
    const bool one_per_row = plan->key_count == plan->row_count;
    struct column_source source = {.layout = &layout->key,
                                   .words = rows->hi + plan->begin,
                                   .count = plan->key_count};

    if (layout->row_kind == ROW_ONE && layout->key_shift < 64)
        source.shift = layout->key_shift;
    if (plan->has_fronts)
        source.fronts = plan->bytes->fronts;
    if (layout->key.spans)
        source.spans = rows->key + plan->begin;
    else if (layout->key.shape == SHAPE_FIXED)
        source.low_words = rows->lo + plan->begin;
    source.rows = one_per_row ? NULL : plan->key_rows;
    return source;
}

struct column_source
plan_value_source(const struct plan *plan)
{
    const struct layout *layout = plan->layout;
    const struct rows *rows = plan->rows;
    const bool one_per_row = plan->value_count == plan->row_count;
    struct column_source source = {.layout = &layout->value, .count = plan->value_count};

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
plan_fronts(struct plan *plan)
{
    const struct column_source key = plan_key_source(plan);
    const struct front_source source = {key.spans, key.rows, key.count};

    plan->front_bytes = fronts_plan(&source, plan->bytes->fronts);
    plan->has_fronts = plan->front_bytes != UINT32_MAX;
}

static void
plan_frames(struct plan *plan, const struct column_source *key,
            const struct column_source *value, bool encode)
{
    const struct layout *layout = plan->layout;
    struct framed *const framed = plan->framed;
    const struct frame_source row_words = {.mask = UINT64_MAX, .count = plan->row_count};

    for (int part = 0; part < FRAME_COUNT; part++)
        framed[part].pays = false;
    plan->listed = 0;
    if (!encode)
        return;
    fit_column(&framed[FRAME_KEY], key, true);
    fit_column(&framed[FRAME_VALUE], value, false);
    if (layout->value.shape == SHAPE_BYTES)
        plan_list(plan, value);
    if (layout->timed) {
        framed[FRAME_TIMES].source = row_words;
        framed[FRAME_TIMES].source.words = plan->rows->time + plan->begin;
        framed_fit(&framed[FRAME_TIMES], plan->row_count * sizeof(uint64_t),
                   sizeof(struct frame));
    }
    /* Several weights of a row have little in common. */
    if (layout->weight_count == 1) {
        framed[FRAME_WEIGHTS].source = row_words;
        /* Where all are 1 there may be none. */
        if (plan->rows->weight != NULL)
            framed[FRAME_WEIGHTS].source.words =
                (const uint64_t *)plan->rows->weight + plan->begin;
        framed[FRAME_WEIGHTS].source.flip = word_of_i64(0);
        framed_fit(&framed[FRAME_WEIGHTS], (size_t)plan->row_count * plan->weight_bytes,
                   sizeof(struct frame));
    }
}

/* Words, or ends of bytes. */
static void
fit_column(struct framed *framed, const struct column_source *source, bool sorted)
{
    const enum shape shape = source->layout->shape;

    if (shape != SHAPE_WORD4 && shape != SHAPE_WORD8 && shape != SHAPE_BYTES)
        return;
    framed->source = words_of_source(source, sorted || shape == SHAPE_BYTES);
    framed_fit(framed, plain_bytes(source), 0);
}

/* Lists the values where that saves an eighth of their cells and ends. */
static void
plan_list(struct plan *plan, const struct column_source *value)
{
    struct value_list *const list = &plan->bytes->list;
    struct framed *const framed = &plan->framed[FRAME_VALUE];
    const struct framed ends = *framed;
    const size_t bytes = (size_t)ends.last + CELL_SLACK +
                         (ends.pays ? framed_bytes(&ends) : plain_bytes(value));

    list_fill(list, value->spans, value->rows, value->count);
    if (list->count == 0)
        return;
    framed->source = (struct frame_source){.picks = list->picks, .count = value->count};
    framed_fit(framed, bytes, 0);
    framed->pays = listed_cell_bytes(plan, value) + LIST_HEAD_BYTES(list->count) +
                       framed_bytes(framed) <=
                   bytes - bytes / 8;
    if (framed->pays)
        plan->listed = list->count;
    else
        *framed = ends;
}

static struct frame_source
words_of_source(const struct column_source *source, bool sorted)
{
    if (source->layout->shape == SHAPE_BYTES)
        return (struct frame_source){.spans = source->spans,
                                     .fronts = source->fronts,
                                     .rows = source->rows,
                                     .count = source->count,
                                     .sorted = sorted};
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
source_bytes(const struct column_source *source)
{
    size_t bytes = 0;

    if (source->layout->shape == SHAPE_WORD4 || source->layout->shape == SHAPE_WORD8)
        return (size_t)source->count * source->layout->bytes;
    if (source->layout->shape == SHAPE_FIXED)
        return (size_t)source->count * source->layout->bytes + CELL_SLACK;
    if (source->layout->shape == SHAPE_NONE)
        return 0;
    for (uint32_t i = 0; i < source->count; i++)
        bytes += source_span(source, i).size;
    return bytes + CELL_SLACK;
}

/* Bytes of what may be a frame instead: of words, or of the ends of bytes. */
static size_t
plain_bytes(const struct column_source *source)
{
    return source->layout->shape == SHAPE_BYTES ? source->count * sizeof(uint32_t)
                                                : source_bytes(source);
}

/* Bytes of the cells of keys or values, and of their ends. */
static void
plan_column(struct plan *plan, const struct column_source *source, bool is_key)
{
    const struct framed *framed = &plan->framed[is_key ? FRAME_KEY : FRAME_VALUE];
    size_t *const cells = &plan->part_bytes[is_key ? PART_KEY_CELLS : PART_VALUE_CELLS];
    size_t *const ends = &plan->part_bytes[is_key ? PART_KEY_ENDS : PART_VALUE_ENDS];
    const size_t bytes = framed->pays ? framed_bytes(framed) : plain_bytes(source);

    if (source->layout->shape != SHAPE_BYTES) {
        *cells = bytes;
    } else if (is_key || plan->listed == 0) {
        *ends = bytes;
        *cells = plan->encode ? (size_t)framed->last + CELL_SLACK : source_bytes(source);
    } else {
        *ends = LIST_HEAD_BYTES(plan->listed) + bytes;
        *cells = listed_cell_bytes(plan, source);
    }
}

/* Each once. */
static size_t
listed_cell_bytes(const struct plan *plan, const struct column_source *value)
{
    const struct value_list *list = &plan->bytes->list;
    size_t bytes = CELL_SLACK;

    for (uint32_t i = 0; i < list->count; i++)
        bytes += source_span(value, list->firsts[i]).size;
    return bytes;
}

static void
plan_parts(struct plan *plan, const struct column_source *key,
           const struct column_source *value)
{
    const struct layout *layout = plan->layout;
    const struct framed *framed = plan->framed;
    const size_t anchors = (key->count + ANCHOR_STEP - 1) / ANCHOR_STEP;
    size_t *const bytes = plan->part_bytes;

    memset(bytes, 0, sizeof plan->part_bytes);
    if (layout->key.shape == SHAPE_BYTES)
        bytes[PART_KEY_ANCHORS] = anchors * sizeof(uint64_t);
    if (plan->has_fronts)
        bytes[PART_KEY_ANCHORS] += anchors * sizeof(uint32_t) + plan->front_bytes;
    plan_column(plan, key, true);
    plan_column(plan, value, false);
    if (plan->key_count < plan->value_count)
        bytes[PART_ENDS_OF_VALUES] = plan->key_count * sizeof(uint16_t);
    if (plan->value_count < plan->row_count)
        bytes[PART_ENDS_OF_TIMES] = plan->value_count * sizeof(uint16_t);
    if (layout->timed)
        bytes[PART_TIMES] = plan->row_count * sizeof(uint64_t);
    bytes[PART_WEIGHTS] =
        (size_t)plan->row_count * layout->weight_count * plan->weight_bytes;
    if (framed[FRAME_TIMES].pays)
        bytes[PART_TIMES] = sizeof(struct frame) + framed_bytes(&framed[FRAME_TIMES]);
    if (framed[FRAME_WEIGHTS].pays)
        bytes[PART_WEIGHTS] = sizeof(struct frame) + framed_bytes(&framed[FRAME_WEIGHTS]);
}
