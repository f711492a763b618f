/* SPDX-License-Identifier: MIT */

/*
 * Staging: rows [begin, end) of a block become flat rows.
 *
 * A block has each key and each value once, and says where their rows end. Both are laid
 * out per row first, as a part of a column that knows which cell each row has; then there
 * is one loop for each column and each shape of its cells.
 *
 *     keys     a b c      their values end at   2 3 6
 *     values   1 2 1 7 8 9
 *     rows [1, 5)     (a, 2)  (b, 1)  (c, 7)  (c, 8)
 */

#include "block/block.h"

/* Words of a frame that are unpacked at once where they do not go straight to rows. */
#define UNPACK_WORDS 256u
/* So few rows of a key are expanded one by one. */
#define FEW_ROWS 8u

/* Rows [begin, end) of one column: those from `begin` on have cell `cell`, and so on. */
struct column_part {
    const struct cell_layout *layout;
    /* As in struct column. */
    const struct frame *frame;
    const void *cells;
    const uint32_t *ends;
    const struct frame *picks;
    uint32_t cell;
    uint32_t cell_count;
    uint32_t begin;
    uint32_t end;
    /* Where the rows of each cell of the column end; NULL: row i has cell i. */
    const uint16_t *row_ends;
};

static enum spine_status stage_wide(const struct layout *layout,
                                    const struct image *image, uint32_t begin,
                                    uint32_t end, struct arena *cells, struct rows *out);
static void find_cells(const struct image *image, struct column_part *key,
                       struct column_part *value, uint16_t *scratch);
static void stage_one(const struct layout *layout, const struct column_part *key,
                      const struct column_part *value, uint64_t *hi);
static void
add_values(const struct layout *layout, const struct column_part *value, uint64_t *hi);
static void
stage_column(const struct column_part *piece, uint64_t *words, struct span *spans);
static void stage_frame(const struct column_part *piece, uint64_t *words);
static void stage_word4(const struct column_part *piece, uint64_t *words);
static void stage_word8(const struct column_part *piece, uint64_t *words);
static void
stage_spans(const struct column_part *piece, uint64_t *words, struct span *spans);
static bool stage_cells(const struct column_part *piece, const struct column *column,
                        struct arena *copies, uint64_t *words, struct span *spans);
static void stage_pair(const struct column_part *piece, uint64_t *hi, uint64_t *lo);
static void
stage_times(const struct image *image, uint32_t begin, uint32_t end, uint64_t *times);
static void
stage_weights(const struct image *image, size_t begin, size_t count, int64_t *weights);

/* Where the rows of the pieces have their cells. */
static inline __attribute__((always_inline)) void
find_pieces(const struct layout *layout, const struct image *image,
            struct column_part *key, struct column_part *value, uint16_t *scratch)
{
    key->layout = &layout->key;
    key->frame = image_has(image, IMAGE_KEYS_FRAMED) ? &image->key_frame : NULL;
    key->cells = image_array(image, PART_KEY_CELLS);
    key->ends = image_array(image, PART_KEY_ENDS);
    key->cell_count = image->key_count;
    value->layout = &layout->value;
    value->frame = image_has(image, IMAGE_VALUES_FRAMED) ? &image->value_frame : NULL;
    value->cells = image_array(image, PART_VALUE_CELLS);
    value->ends = image_array(image, PART_VALUE_ENDS);
    if (image_has(image, IMAGE_VALUES_LISTED)) {
        value->picks = &image->value_frame;
        value->ends++;
    }
    value->cell_count = image->value_count;
    find_cells(image, key, value, scratch);
}

enum spine_status
image_stage(const struct layout *layout, const struct image *image, uint32_t begin,
            uint32_t end, struct arena *cells, struct rows *out)
{
    struct lent_rows lent;

    if (layout->row_kind == ROW_WIDE)
        return stage_wide(layout, image, begin, end, cells, out);
    lent = rows_lend(out);
    image_stage_lent(layout, image, begin, end, &lent);
    out->count = lent.count;
    return SPINE_OK;
}

void
image_stage_lent(const struct layout *layout, const struct image *image, uint32_t begin,
                 uint32_t end, struct lent_rows *out)
{
    const size_t at = out->count;
    uint16_t scratch[BLOCK_ROWS];
    struct column_part key = {.begin = begin, .end = end}, value = key;

    assert(layout->row_kind != ROW_WIDE);
    assert(begin < end && end <= image->row_count);
    assert(lent_rows_room(out) >= end - begin);
    find_pieces(layout, image, &key, &value, scratch);
    if (layout->row_kind == ROW_ONE) {
        stage_one(layout, &key, &value, out->hi + at);
    } else if (layout->key.shape == SHAPE_FIXED) {
        stage_pair(&key, out->hi + at, out->lo + at);
    } else if (layout->value.shape == SHAPE_FIXED) {
        stage_pair(&value, out->hi + at, out->lo + at);
    } else {
        stage_column(&key, out->hi + at, NULL);
        stage_column(&value, out->lo + at, NULL);
    }
    stage_weights(image, begin, end - begin, out->weight + at);
    out->count += end - begin;
}

static enum spine_status
stage_wide(const struct layout *layout, const struct image *image, uint32_t begin,
           uint32_t end, struct arena *cells, struct rows *out)
{
    const size_t at = out->count;
    const unsigned width = layout->weight_count;
    uint16_t scratch[BLOCK_ROWS];
    struct column_part key = {.begin = begin, .end = end}, value = key;

    assert(begin < end && end <= image->row_count);
    assert(out->capacity - out->count >= end - begin);
    find_pieces(layout, image, &key, &value, scratch);
    if (image_has(image, IMAGE_KEYS_FRONTED)) {
        const struct column keys = image_keys(image);

        if (end - begin > 1) {
            if (!stage_cells(&key, &keys, cells, out->hi + at, out->key + at))
                return SPINE_NOMEM;
        } else {
            if (!column_copy(&keys, key.cell, cells, &out->key[at]))
                return SPINE_NOMEM;
            out->hi[at] = cell_prefix(out->key[at].data, out->key[at].size);
        }
    } else {
        stage_column(&key, out->hi + at, out->key != NULL ? out->key + at : NULL);
    }
    stage_column(&value, out->lo + at, out->value != NULL ? out->value + at : NULL);
    if (layout->timed)
        stage_times(image, begin, end, out->time + at);
    stage_weights(image, (size_t)begin * width, (size_t)(end - begin) * width,
                  out->weight + at * width);
    out->count += end - begin;
    return SPINE_OK;
}

/*
 * Few rows whose values are words of eight bytes and whose weights are narrow: one by
 * one, without asking for every column how it is kept. False, and nothing done, for
 * others.
 */
static inline bool
stage_few(const struct layout *layout, const struct image *image, uint64_t key,
          uint32_t begin, uint32_t end, struct rows *out)
{
    const uint64_t *values = image_array(image, PART_VALUE_CELLS);
    const int8_t *weights = image_array(image, PART_WEIGHTS);
    const bool framed = image_has(image, IMAGE_VALUES_FRAMED);
    size_t to = out->count;

    if (end - begin > FEW_ROWS || layout->row_kind != ROW_TWO ||
        layout->value.shape != SHAPE_WORD8 || image->weight_bytes > 1 ||
        image_has(image, IMAGE_WEIGHTS_FRAMED))
        return false;
    for (uint32_t row = begin; row < end; row++, to++) {
        out->hi[to] = key;
        out->lo[to] = framed ? frame_word(&image->value_frame, row) : values[row];
        out->weight[to] = image->weight_bytes == 0 ? 1 : weights[row];
    }
    out->count = to;
    return true;
}

void
image_stage_key(const struct layout *layout, const struct image *image, uint64_t key,
                uint32_t begin, uint32_t end, struct rows *out)
{
    const size_t at = out->count;
    const uint32_t count = end - begin;
    /* Every row has a value of its own. */
    const struct column values = image_values(image);
    const struct column_part value = {.layout = &layout->value,
                                      .frame = values.frame,
                                      .cells = values.cells,
                                      .cell = begin,
                                      .cell_count = image->value_count,
                                      .begin = begin,
                                      .end = end};

    assert(begin < end && end <= image->row_count);
    assert(out->capacity - out->count >= count);
    assert(layout->row_kind != ROW_WIDE && image->at[PART_ENDS_OF_TIMES] == 0);
    if (stage_few(layout, image, key, begin, end, out))
        return;
    for (uint32_t i = 0; i < count; i++)
        out->hi[at + i] = key;
    if (layout->row_kind == ROW_ONE)
        add_values(layout, &value, out->hi + at);
    else
        stage_column(&value, out->lo + at, NULL);
    stage_weights(image, begin, count, out->weight + at);
    out->count += count;
}

/* The first of `ends` above `at`. */
static uint32_t
find_end(const uint16_t *ends, uint32_t count, uint32_t at)
{
    uint32_t begin = 0;

    while (count > 0) {
        const uint32_t half = count / 2;
        const bool above = ends[begin + half] > at;

        begin = above ? begin : begin + half + 1;
        count = above ? half : count - half - 1;
    }
    return begin;
}

/* Where the cells of the pieces begin, and where their rows end. */
static void
find_cells(const struct image *image, struct column_part *key, struct column_part *value,
           uint16_t *scratch)
{
    const uint16_t *value_ends = image_part(image, PART_ENDS_OF_VALUES);
    const uint16_t *time_ends = image_part(image, PART_ENDS_OF_TIMES);

    value->cell = value->begin;
    value->row_ends = time_ends;
    if (time_ends != NULL)
        value->cell = find_end(time_ends, image->value_count, value->begin);
    key->cell = value->cell;
    key->row_ends = time_ends;
    if (value_ends == NULL)
        return;

    key->cell = find_end(value_ends, image->key_count, value->cell);
    key->row_ends = value_ends;
    if (time_ends == NULL)
        return;
    /* Keys have several values and values several times: only here the rows of a key are
     * two steps away. */
    key->row_ends = scratch;
    for (uint32_t k = key->cell; k < image->key_count; k++) {
        scratch[k] = time_ends[value_ends[k] - 1];
        if (scratch[k] >= key->end)
            break;
    }
}

/* Untimed: every row has a value of its own. */
static void
stage_one(const struct layout *layout, const struct column_part *key,
          const struct column_part *value, uint64_t *hi)
{
    if (layout->key.shape == SHAPE_NONE) {
        stage_column(value, hi, NULL);
        return;
    }
    stage_column(key, hi, NULL);
    add_values(layout, value, hi);
}

/* Puts values below the keys in `hi`. */
static void
add_values(const struct layout *layout, const struct column_part *value, uint64_t *hi)
{
    const uint32_t count = value->end - value->begin;
    const unsigned shift = layout->key_shift;

    if (value->frame != NULL) {
        frame_unpack_below(value->frame, value->cell, value->cell + count, shift, hi);
    } else if (layout->value.shape == SHAPE_WORD4) {
        const uint32_t *values = (const uint32_t *)value->cells + value->cell;

        for (uint32_t i = 0; i < count; i++)
            hi[i] = hi[i] << shift | values[i];
    } else if (shift > 0) {
        for (uint32_t i = 0; i < count; i++)
            hi[i] <<= shift;
    }
}

static void
stage_column(const struct column_part *piece, uint64_t *words, struct span *spans)
{
    if (piece->frame != NULL && spans == NULL) {
        stage_frame(piece, words);
        return;
    }
    switch (piece->layout->shape) {
    case SHAPE_NONE:
        memset(words, 0, (piece->end - piece->begin) * sizeof *words);
        break;
    case SHAPE_WORD4:
        stage_word4(piece, words);
        break;
    case SHAPE_WORD8:
        stage_word8(piece, words);
        break;
    case SHAPE_FIXED:
    case SHAPE_BYTES:
        stage_spans(piece, words, spans);
        break;
    }
}

static inline uint32_t
min_row(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/*
 * Writes `word` `count` times and returns where to go on; `room` words may be written.
 * Short runs of random length are what processors guess wrongly: four words are written
 * whatever the count, for later runs to overwrite.
 */
static inline uint64_t *
put_run(uint64_t *words, uint64_t word, uint32_t count, uint32_t room)
{
    uint32_t done = 0;

    if (room >= 4) {
        words[0] = words[1] = words[2] = words[3] = word;
        done = 4;
    }
    for (; done < count; done++)
        words[done] = word;
    return words + count;
}

void
column_words(const struct cell_layout *layout, const struct column *column, size_t begin,
             size_t end, uint64_t *words)
{
    const struct column_part piece = {.layout = layout,
                                      .frame = column->frame,
                                      .cells = column->cells,
                                      .cell = (uint32_t)begin,
                                      .begin = (uint32_t)begin,
                                      .end = (uint32_t)end};

    assert(layout->shape == SHAPE_WORD4 || layout->shape == SHAPE_WORD8);
    stage_column(&piece, words, NULL);
}

/* Several rows of a cell: unpacked some cells after the others. Every cell has a row, so
 * no more cells are needed than rows are left. */
static void
stage_frame(const struct column_part *piece, uint64_t *words)
{
    const uint32_t end = piece->end;
    uint64_t cells[UNPACK_WORDS];
    uint32_t cell = piece->cell;

    if (piece->row_ends == NULL) {
        frame_unpack(piece->frame, cell, cell + end - piece->begin, words);
        return;
    }
    for (uint32_t at = piece->begin; at < end;) {
        const uint32_t first = cell;
        const uint32_t left = min_row(end - at, piece->cell_count - first);
        const uint32_t stop = first + min_row(UNPACK_WORDS, left);

        frame_unpack(piece->frame, first, stop, cells);
        for (; cell < stop && at < end; cell++) {
            const uint32_t row_end = min_row(piece->row_ends[cell], end);

            words = put_run(words, cells[cell - first], row_end - at, end - at);
            at = row_end;
        }
    }
}

static void
stage_word4(const struct column_part *piece, uint64_t *words)
{
    const uint32_t *cells = (const uint32_t *)piece->cells + piece->cell;
    const uint16_t *ends = piece->row_ends;

    if (ends == NULL) {
        for (uint32_t i = 0; i < piece->end - piece->begin; i++)
            words[i] = cells[i];
        return;
    }
    ends += piece->cell;
    for (uint32_t at = piece->begin, stop; at < piece->end; at = stop) {
        stop = min_row(*ends++, piece->end);
        words = put_run(words, *cells++, stop - at, piece->end - at);
    }
}

static void
stage_word8(const struct column_part *piece, uint64_t *words)
{
    const uint64_t *cells = (const uint64_t *)piece->cells + piece->cell;
    const uint16_t *ends = piece->row_ends;

    if (ends == NULL) {
        memcpy(words, cells, (piece->end - piece->begin) * sizeof *words);
        return;
    }
    ends += piece->cell;
    for (uint32_t at = piece->begin, stop; at < piece->end; at = stop) {
        stop = min_row(*ends++, piece->end);
        words = put_run(words, *cells++, stop - at, piece->end - at);
    }
}

/* Writes a cell to its rows from `at` on, and returns where they end. */
static inline __attribute__((always_inline)) uint32_t
put_cell(const struct column_part *piece, uint32_t cell, struct span span, uint32_t at,
         uint64_t *words, struct span *spans)
{
    const uint16_t *ends = piece->row_ends;
    const uint32_t end = ends != NULL ? min_row(ends[cell], piece->end) : at + 1;
    const uint64_t prefix = cell_prefix(span.data, span.size);

    for (; at < end; at++) {
        words[at - piece->begin] = prefix;
        spans[at - piece->begin] = span;
    }
    return end;
}

/* One cell per row. */
static void
stage_fixed(const uint8_t *data, size_t size, uint32_t count, uint64_t *words,
            struct span *spans)
{
    assert(size >= sizeof *words);
    for (uint32_t i = 0; i < count; i++) {
        words[i] = load_big(data + i * size);
        spans[i] = (struct span){data + i * size, size};
    }
}

static void
stage_spans(const struct column_part *piece, uint64_t *words, struct span *spans)
{
    const struct column column = {.frame = piece->frame,
                                  .cells = piece->cells,
                                  .ends = piece->ends,
                                  .picks = piece->picks};
    const uint32_t rows = piece->end - piece->begin;
    const uint8_t *data = piece->cells;
    uint32_t cell = piece->cell, at = piece->begin;

    if (piece->layout->shape == SHAPE_FIXED && piece->row_ends == NULL) {
        stage_fixed(data + cell * (size_t)piece->layout->bytes, piece->layout->bytes,
                    rows, words, spans);
    } else if (piece->layout->shape == SHAPE_FIXED) {
        const size_t size = piece->layout->bytes;

        for (data += cell * size; at < piece->end; data += size, cell++)
            at = put_cell(piece, cell, (struct span){data, size}, at, words, spans);
    } else if (piece->picks == NULL && (piece->frame == NULL || rows <= FEW_ROWS)) {
        size_t begin = cell > 0 ? column_end(&column, cell - 1) : 0;

        for (; at < piece->end; cell++) {
            const size_t end = column_end(&column, cell);
            const struct span span = {data + begin, end - begin};

            at = put_cell(piece, cell, span, at, words, spans);
            begin = end;
        }
    } else if (rows <= FEW_ROWS) {
        for (; at < piece->end; cell++)
            at = put_cell(piece, cell, column_span(piece->layout, &column, cell), at,
                          words, spans);
    } else {
        (void)stage_cells(piece, &column, NULL, words, spans); /* has no fronts */
    }
}

/* Some cells at once. False without memory. */
static bool
stage_cells(const struct column_part *piece, const struct column *column,
            struct arena *copies, uint64_t *words, struct span *spans)
{
    struct span cells[COLUMN_SPANS_MAX];
    uint32_t cell = piece->cell;

    for (uint32_t at = piece->begin; at < piece->end;) {
        const uint32_t first = cell;
        const uint32_t left = min_row(piece->end - at, piece->cell_count - first);
        const uint32_t stop = first + min_row(COLUMN_SPANS_MAX, left);
        const bool own_rows = piece->row_ends == NULL;
        struct span *const to = own_rows ? spans + (at - piece->begin) : cells;

        if (!column_cells(column, first, stop, copies, to))
            return false;
        if (own_rows) {
            for (; cell < stop; cell++, at++)
                words[at - piece->begin] =
                    cell_prefix(to[cell - first].data, to[cell - first].size);
            continue;
        }
        for (; cell < stop && at < piece->end; cell++)
            at = put_cell(piece, cell, cells[cell - first], at, words, spans);
    }
    return true;
}

/* SHAPE_FIXED as the whole code: one cell per row. */
static void
stage_pair(const struct column_part *piece, uint64_t *hi, uint64_t *lo)
{
    const size_t size = piece->layout->bytes;
    const uint8_t *cells = (const uint8_t *)piece->cells + piece->cell * size;
    const uint64_t mask = size >= 16 ? UINT64_MAX : ~(UINT64_MAX >> (8 * (size - 8)));

    assert(piece->row_ends == NULL);
    for (uint32_t i = 0; i < piece->end - piece->begin; i++, cells += size) {
        hi[i] = load_big(cells);
        lo[i] = load_big(cells + 8) & mask;
    }
}

static void
fill_ones(int64_t *weights, size_t count)
{
    static const int64_t ones[] = {1, 1, 1, 1, 1, 1, 1, 1};
    const size_t step = sizeof ones / sizeof ones[0];

    for (; count >= step; count -= step, weights += step)
        memcpy(weights, ones, sizeof ones);
    for (size_t i = 0; i < count; i++)
        weights[i] = 1;
}

static void
stage_times(const struct image *image, uint32_t begin, uint32_t end, uint64_t *times)
{
    const void *const stored = image_part(image, PART_TIMES);

    if (image_has(image, IMAGE_TIMES_FRAMED))
        frame_unpack(stored, begin, end, times);
    else
        memcpy(times, (const uint64_t *)stored + begin, (end - begin) * sizeof *times);
}

static void
stage_weights(const struct image *image, size_t begin, size_t count, int64_t *weights)
{
    const void *const stored = image_part(image, PART_WEIGHTS);

    if (image_has(image, IMAGE_WEIGHTS_FRAMED)) {
        frame_unpack(stored, begin, begin + count, (uint64_t *)weights);
        return;
    }
    switch (image->weight_bytes) {
    case 0:
        fill_ones(weights, count);
        break;
    case 1:
        for (size_t i = 0; i < count; i++)
            weights[i] = ((const int8_t *)stored)[begin + i];
        break;
    case 2:
        for (size_t i = 0; i < count; i++)
            weights[i] = ((const int16_t *)stored)[begin + i];
        break;
    case 4:
        for (size_t i = 0; i < count; i++)
            weights[i] = ((const int32_t *)stored)[begin + i];
        break;
    default:
        memcpy(weights, (const int64_t *)stored + begin, count * sizeof *weights);
        break;
    }
}
