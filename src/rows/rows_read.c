/* SPDX-License-Identifier: MIT */
#include "rows/rows.h"

#include "base/assert.h"
#include "base/copy_cell.h"

/*
 * Rows back into what the caller knows: single cells, and columns, by one loop per kind.
 */

/* One column of the caller's cells, to be written from row `at` on. */
struct cell_buffer {
    uint8_t *data;
    uint64_t *offsets;
    size_t bytes;
};

static struct cell_buffer key_buffer(const struct spine_column_buffers *buffers);
static struct cell_buffer value_buffer(const struct spine_column_buffers *buffers);
static struct cell cell_without_span(uint64_t word, uint64_t rest);
static union spine_datum datum_of_cell(const struct cell_layout *column,
                                       const struct cell *cell, uint8_t *scratch);
static void read_key(const struct layout *layout, const struct rows *rows, size_t begin,
                     size_t end, const struct cell_buffer *buffer, size_t at);
static void read_value(const struct layout *layout, const struct rows *rows, size_t begin,
                       size_t end, const struct cell_buffer *buffer, size_t at);
static size_t spans_fit(const struct span *spans, size_t count,
                        const struct cell_buffer *buffer, size_t at);

struct row_code
rows_code(const struct layout *layout, const struct rows *rows, size_t at)
{
    struct row_code code = {.hi = rows->hi[at]};

    assert(at < rows->count);
    if (layout->row_kind != ROW_ONE)
        code.lo = rows->lo[at];
    if (layout->key.spans)
        code.key = rows->key[at];
    if (layout->value.spans)
        code.value = rows->value[at];
    return code;
}

struct cell
rows_key(const struct layout *layout, const struct rows *rows, size_t at)
{
    struct cell cell;

    assert(at < rows->count);
    if (layout->key.shape == SHAPE_NONE)
        return cell_without_span(0, 0);
    if (layout->row_kind == ROW_ONE)
        return cell_without_span(rows->hi[at] >> layout->key_shift, 0);
    cell = cell_without_span(rows->hi[at], 0);
    if (layout->row_kind == ROW_TWO && layout->key.shape == SHAPE_FIXED)
        cell.rest = rows->lo[at];
    if (layout->key.spans)
        cell.span = rows->key[at];
    return cell;
}

struct cell
rows_value(const struct layout *layout, const struct rows *rows, size_t at)
{
    struct cell cell;

    assert(at < rows->count);
    if (layout->value.shape == SHAPE_NONE)
        return cell_without_span(0, 0);
    if (layout->row_kind == ROW_ONE)
        return cell_without_span(
            layout->key_shift == 64 ? rows->hi[at] : (uint32_t)rows->hi[at], 0);
    if (layout->row_kind == ROW_TWO && layout->value.shape == SHAPE_FIXED)
        return cell_without_span(rows->hi[at], rows->lo[at]);
    cell = cell_without_span(rows->lo[at], 0);
    if (layout->value.spans)
        cell.span = rows->value[at];
    return cell;
}

static struct cell
cell_without_span(uint64_t word, uint64_t rest)
{
    return (struct cell){.word = word, .rest = rest};
}

union spine_datum
rows_key_datum(const struct layout *layout, const struct rows *rows, size_t at,
               uint8_t *scratch)
{
    const struct cell cell = rows_key(layout, rows, at);

    return datum_of_cell(&layout->key, &cell, scratch);
}

union spine_datum
rows_value_datum(const struct layout *layout, const struct rows *rows, size_t at,
                 uint8_t *scratch)
{
    const struct cell cell = rows_value(layout, rows, at);

    return datum_of_cell(&layout->value, &cell, scratch);
}

static void
store_big_endian(uint8_t *to, uint64_t word)
{
    word = __builtin_bswap64(word);
    memcpy(to, &word, sizeof word);
}

static union spine_datum
datum_of_cell(const struct cell_layout *column, const struct cell *cell, uint8_t *scratch)
{
    switch (column->kind) {
    case SPINE_NONE:
        break;
    case SPINE_U64:
        return spine_u64(cell->word);
    case SPINE_I64:
        return spine_i64(i64_of_word(cell->word));
    case SPINE_U32:
        return spine_u32((uint32_t)cell->word);
    case SPINE_I32:
        return spine_i32(i32_of_word((uint32_t)cell->word));
    case SPINE_F64:
        return spine_f64(f64_of_word(cell->word));
    case SPINE_FIXED:
    case SPINE_BYTES:
        if (column->spans)
            return spine_data(cell->span.data, cell->span.size);
        store_big_endian(scratch,
                         column->shape == SHAPE_WORD4 ? cell->word << 32 : cell->word);
        store_big_endian(scratch + 8, cell->rest);
        return spine_data(scratch, column->native_bytes);
    }
    return (union spine_datum){0};
}

void
rows_read(const struct layout *layout, const struct rows *rows, size_t begin, size_t end,
          const struct spine_column_buffers *buffers, size_t at)
{
    const struct cell_buffer keys = key_buffer(buffers), values = value_buffer(buffers);
    const size_t weights = layout->weight_count;

    assert(begin <= end && end <= rows->count);
    assert(end - begin <= buffers->rows - at);
    if (begin == end)
        return;
    if (keys.data != NULL)
        read_key(layout, rows, begin, end, &keys, at);
    if (values.data != NULL)
        read_value(layout, rows, begin, end, &values, at);
    if (layout->timed && buffers->times != NULL)
        memcpy(buffers->times + at, rows->time + begin,
               (end - begin) * sizeof *rows->time);
    if (buffers->weights != NULL)
        memcpy(buffers->weights + at * weights, rows->weight + begin * weights,
               (end - begin) * weights * sizeof *rows->weight);
}

static struct cell_buffer
key_buffer(const struct spine_column_buffers *buffers)
{
    return (struct cell_buffer){buffers->keys, buffers->key_offsets, buffers->key_bytes};
}

static struct cell_buffer
value_buffer(const struct spine_column_buffers *buffers)
{
    return (struct cell_buffer){buffers->values, buffers->value_offsets,
                                buffers->value_bytes};
}

/* One loop for each kind of number; `word` is the row's. */
#define READ_NUMBERS(type, expression)                                                   \
    for (size_t i = 0; i < count; i++) {                                                 \
        const uint64_t word = words[i] >> shift;                                         \
        const type number = (expression);                                                \
        memcpy(to + i * sizeof number, &number, sizeof number);                          \
    }

/* `words` shifted right are the cells' words; the high bits above a WORD4 are ignored. */
static void
read_words(const struct cell_layout *column, const uint64_t *words, unsigned shift,
           size_t count, uint8_t *to)
{
    const size_t bytes = column->native_bytes;

    switch (column->kind) {
    case SPINE_U64:
        assert(shift == 0);
        memcpy(to, words, count * sizeof *words);
        break;
    case SPINE_I64:
        READ_NUMBERS(int64_t, i64_of_word(word))
        break;
    case SPINE_F64:
        READ_NUMBERS(double, f64_of_word(word))
        break;
    case SPINE_U32:
        READ_NUMBERS(uint32_t, (uint32_t)word)
        break;
    case SPINE_I32:
        READ_NUMBERS(int32_t, i32_of_word((uint32_t)word))
        break;
    case SPINE_FIXED:
        for (size_t i = 0; i < count; i++) {
            const uint64_t word = words[i] >> shift;
            const uint64_t stored =
                __builtin_bswap64(column->shape == SHAPE_WORD4 ? word << 32 : word);

            memcpy(to + i * bytes, &stored, bytes);
        }
        break;
    case SPINE_NONE:
    case SPINE_BYTES:
        break;
    }
}

static void
read_pairs(const struct cell_layout *column, const struct rows *rows, size_t begin,
           size_t end, uint8_t *to)
{
    const size_t bytes = column->native_bytes;

    for (size_t i = begin; i < end; i++, to += bytes) {
        const uint64_t stored[2] = {__builtin_bswap64(rows->hi[i]),
                                    __builtin_bswap64(rows->lo[i])};

        memcpy(to, stored, bytes);
    }
}

static bool
spans_are_short(const struct span *spans, size_t count)
{
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes += spans[i].size;
    return copy_cell_is_short(count, bytes);
}

static void
read_spans(const struct cell_layout *column, const struct span *spans, size_t count,
           const struct cell_buffer *buffer, size_t at)
{
    bool is_short;

    if (column->shape == SHAPE_FIXED) {
        for (size_t i = 0; i < count; i++)
            memcpy(buffer->data + (at + i) * column->native_bytes, spans[i].data,
                   column->native_bytes);
        return;
    }
    if (buffer->offsets == NULL)
        return;
    if (at == 0)
        buffer->offsets[0] = 0;
    is_short = spans_are_short(spans, count);
    for (size_t i = 0; i < count; i++) {
        const uint64_t offset = buffer->offsets[at + i];

        copy_cell_of(buffer->data + offset, spans[i].data, spans[i].size, is_short);
        buffer->offsets[at + i + 1] = offset + spans[i].size;
    }
}

static void
read_key(const struct layout *layout, const struct rows *rows, size_t begin, size_t end,
         const struct cell_buffer *buffer, size_t at)
{
    const struct cell_layout *column = &layout->key;
    uint8_t *to = buffer->data + at * column->native_bytes;

    if (column->shape == SHAPE_NONE)
        return;
    if (column->spans)
        read_spans(column, rows->key + begin, end - begin, buffer, at);
    else if (column->shape == SHAPE_FIXED)
        read_pairs(column, rows, begin, end, to);
    else
        read_words(column, rows->hi + begin, layout->key_shift, end - begin, to);
}

static void
read_value(const struct layout *layout, const struct rows *rows, size_t begin, size_t end,
           const struct cell_buffer *buffer, size_t at)
{
    const struct cell_layout *column = &layout->value;
    const uint64_t *words = layout->row_kind == ROW_ONE ? rows->hi : rows->lo;
    uint8_t *to = buffer->data + at * column->native_bytes;

    if (column->shape == SHAPE_NONE)
        return;
    if (column->spans)
        read_spans(column, rows->value + begin, end - begin, buffer, at);
    else if (column->shape == SHAPE_FIXED)
        read_pairs(column, rows, begin, end, to);
    else
        read_words(column, words + begin, 0, end - begin, to);
}

size_t
rows_read_fit(const struct layout *layout, const struct rows *rows, size_t begin,
              size_t end, const struct spine_column_buffers *buffers, size_t at)
{
    const struct cell_buffer keys = key_buffer(buffers), values = value_buffer(buffers);
    size_t count = end - begin;

    assert(begin <= end && end <= rows->count && at <= buffers->rows);
    if (count > buffers->rows - at)
        count = buffers->rows - at;
    if (count == 0)
        return 0;
    if (layout->key.shape == SHAPE_BYTES)
        count = spans_fit(rows->key + begin, count, &keys, at);
    if (layout->value.shape == SHAPE_BYTES)
        count = spans_fit(rows->value + begin, count, &values, at);
    return count;
}

/* How many of the first `count` spans fit. */
static size_t
spans_fit(const struct span *spans, size_t count, const struct cell_buffer *buffer,
          size_t at)
{
    size_t fit = 0;

    if (buffer->data == NULL || buffer->offsets == NULL)
        return count;
    size_t room = buffer->bytes - (at > 0 ? (size_t)buffer->offsets[at] : 0);

    while (fit < count && spans[fit].size <= room)
        room -= spans[fit++].size;
    return fit;
}
