/* SPDX-License-Identifier: MIT */

/*
 * Columns into cells. A tuple of a fixed width is a cell of that width, or a word. Tuples
 * with strings have sizes of their own, which are added up first, column by column; then
 * every column writes its part of each tuple behind the part of the column before.
 *
 *     columns   region: "eu", "usa"    year: 2024, 2025; 16 bits, signed, nullable
 *     sizes     2 + 2 + 1 + 2 = 7      3 + 2 + 1 + 2 = 8
 *     cells     eu 00 00 01 87 e8      usa 00 00 01 87 e9
 *
 * Two zeros end a string that others follow; 01 says that the year is not null; the sign
 * bit is flipped, so that bytes compare as numbers do.
 */

#include "tuple/tuple_encoding.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/copy_cell.h"
#include "base/error.h"

#include <inttypes.h>

/* The most bytes that are reserved because the first rows have many. */
#define GUESSED_BYTES_MAX ((size_t)16 << 20)

/* A string of at most WIDE_BYTES bytes is copied as WIDE_BYTES bytes. */
#define WIDE_BYTES 48u

static enum spine_status encode_fixed(struct cell_store *store,
                                      const struct tuple_source *source,
                                      struct spine_error *error);
static enum spine_status encode_varying(struct cell_store *store,
                                        const struct tuple_source *source,
                                        struct spine_error *error);
static bool
reserve_cells(struct cell_store *store, uint64_t used, size_t done, size_t rows);
static void encode_varying_chunk(struct cell_store *store,
                                 const struct tuple_source *source,
                                 struct encoded_rows *encoding);
static uint64_t head_bytes(const struct tuple_source *source);
static void put_columns(struct encoded_rows *encoding,
                        const struct spine_tuple_type *type, size_t count,
                        const struct spine_column_data *columns, const uint8_t *there,
                        uint8_t flip);
static void put_column(struct encoded_rows *encoding, const struct spine_column *column,
                       const struct spine_column_data *data, const uint8_t *there,
                       uint8_t flip, bool is_tail);
static void put_markers(struct encoded_rows *encoding, const uint8_t *there, uint8_t null,
                        uint8_t flip);
static void put_fixed(struct encoded_rows *encoding, const struct spine_column *column,
                      const struct spine_column_data *data, const uint8_t *there,
                      uint8_t own, uint8_t outer);
static void put_bytes(struct encoded_rows *encoding, const struct spine_column *column,
                      const struct spine_column_data *data, const uint8_t *there,
                      uint8_t own, uint8_t outer);
static void put_strings(struct encoded_rows *encoding, const struct spine_column *column,
                        const struct spine_column_data *data, const uint8_t *there,
                        uint8_t flip, bool is_tail);
static void put_plain_strings(struct encoded_rows *encoding,
                              const struct spine_column_data *data, bool is_tail);
static size_t rows_before_end(const uint64_t *offsets, size_t rows);
static uint8_t *put_zeros(uint8_t *to, struct span text);

void
cell_store_release(struct cell_store *store)
{
    assert((store->cells != NULL) == (store->cells_capacity > 0));
    mem_free(store->cells, store->cells_capacity);
    mem_free(store->offsets, store->offsets_capacity * sizeof *store->offsets);
    *store = (struct cell_store){0};
}

enum spine_status
encode_columns(struct cell_store *store, const struct tuple_source *source,
               struct spine_error *error)
{
    const struct spine_tuple_type *const type = source->type;

    assert(source->count <= source->type->count);
    TRY_RETURN(check_columns(source, error));
    if (type->is_fixed && type->bytes <= SPINE_FIXED_MAX)
        TRY_RETURN(encode_fixed(store, source, error));
    else
        TRY_RETURN(encode_varying(store, source, error));
    return SPINE_OK;
}

/* The bytes of a tuple but for its strings. */
static uint64_t
head_bytes(const struct tuple_source *source)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < source->count; i++) {
        const struct spine_column *const column = &source->type->columns[i];

        bytes += tuple_column_bytes(column) + column->nullable;
    }
    return bytes;
}

/* Words are made of eight bytes, the last ones of which are the tuple's. */
static enum spine_status
encode_fixed(struct cell_store *store, const struct tuple_source *source,
             struct spine_error *error)
{
    const bool words =
        source->type->cell.kind == SPINE_U64 && source->count == source->type->count;
    const size_t bytes = (size_t)head_bytes(source), rows = source->rows;
    const size_t stride = words ? 8 : bytes;
    struct encoded_rows encoding = {.stride = stride};

    if (rows > SIZE_MAX / stride ||
        !array_reserve(&store->cells, &store->cells_capacity, 1, rows * stride))
        return fail_nomem(error, "the cells of tuples", rows);
    for (size_t at = 0; at < rows; at += encoding.rows) {
        uint8_t *const to = store->cells + at * stride;

        encoding.begin = at;
        encoding.rows = rows - at < TUPLE_CHUNK ? rows - at : TUPLE_CHUNK;
        encoding.base = to + (stride - bytes);
        if (bytes < stride)
            memset(to, 0, encoding.rows * stride);
        put_columns(&encoding, source->type, source->count, source->columns, NULL, 0);
        for (size_t i = 0; words && i < encoding.rows; i++) {
            uint64_t word;

            memcpy(&word, to + 8 * i, sizeof word);
            word = __builtin_bswap64(word);
            memcpy(to + 8 * i, &word, sizeof word);
        }
    }
    return SPINE_OK;
}

static enum spine_status
encode_varying(struct cell_store *store, const struct tuple_source *source,
               struct spine_error *error)
{
    const uint64_t head = head_bytes(source);
    const size_t rows = source->rows;
    uint64_t used = 0;
    struct encoded_rows encoding = {0};

    if (!array_reserve(&store->offsets, &store->offsets_capacity, sizeof *store->offsets,
                       rows + 1))
        return fail_nomem(error, "the offsets of tuples", rows * sizeof *store->offsets);
    store->offsets[0] = 0;
    for (size_t at = 0; at < rows; at += encoding.rows) {
        encoding.begin = at;
        encoding.rows = rows - at < TUPLE_CHUNK ? rows - at : TUPLE_CHUNK;
        TRY_RETURN(encode_offsets(&encoding, source, head, store->offsets + at, error));
        used = store->offsets[at + encoding.rows];
        if (!reserve_cells(store, used, at + encoding.rows, rows))
            return fail_nomem(error, "the cells of tuples", (size_t)used);
        encode_varying_chunk(store, source, &encoding);
    }
    return SPINE_OK;
}

/* Room for the `used` bytes of the first `done` of `rows`, and for the others if they are
 * like these: cells that grow are copied again and again. */
static bool
reserve_cells(struct cell_store *store, uint64_t used, size_t done, size_t rows)
{
    uint64_t mean = used / done + 1;
    size_t bytes = (size_t)used + 1;

    if (used < store->cells_capacity)
        return true;
    mean += mean / 16;
    if (rows <= GUESSED_BYTES_MAX / mean)
        bytes = (size_t)mean * rows;
    return array_reserve(&store->cells, &store->cells_capacity, 1, bytes);
}

static void
encode_varying_chunk(struct cell_store *store, const struct tuple_source *source,
                     struct encoded_rows *encoding)
{
    uint8_t *at[TUPLE_CHUNK];

    for (size_t i = 0; i < encoding->rows; i++)
        at[i] = store->cells + store->offsets[encoding->begin + i];
    encoding->at = at;
    encoding->is_first = true;
    put_columns(encoding, source->type, source->count, source->columns, NULL, 0);
    for (size_t i = 0; i < encoding->rows; i++)
        assert(at[i] == store->cells + store->offsets[encoding->begin + i + 1]);
    encoding->at = NULL;
}

static void
put_columns(struct encoded_rows *encoding, const struct spine_tuple_type *type,
            size_t count, const struct spine_column_data *columns, const uint8_t *there,
            uint8_t flip)
{
    assert(encoding->rows <= TUPLE_CHUNK);
    for (size_t i = 0; i < count; i++)
        put_column(encoding, &type->columns[i], &columns[i], there, flip,
                   column_is_tail(type, i, encoding->nested));
}

static void
put_column(struct encoded_rows *encoding, const struct spine_column *column,
           const struct spine_column_data *data, const uint8_t *there, uint8_t flip,
           bool is_tail)
{
    const uint8_t inner = flip ^ order_flip(column);
    uint8_t own[TUPLE_CHUNK];
    const uint8_t *const here = there_of(encoding, data, there, own);

    if (column->nullable) {
        put_markers(encoding, here, null_marker(column), flip);
        encoding->is_first = false;
    }
    if (column->kind == SPINE_COLUMN_TUPLE) {
        const bool nested = encoding->nested;

        encoding->nested = true;
        put_columns(encoding, column->tuple, column->tuple->count, data->columns, here,
                    inner);
        encoding->nested = nested;
    } else if (!tuple_column_is_fixed(column)) {
        put_strings(encoding, column, data, here, inner, is_tail);
    } else if (column->kind == SPINE_COLUMN_FIXED ||
               column->kind == SPINE_COLUMN_DECIMAL128) {
        put_bytes(encoding, column, data, here, order_flip(column), flip);
    } else {
        put_fixed(encoding, column, data, here, order_flip(column), flip);
    }
    encoding->is_first = false;
}

/* The place of the next `bytes` bytes of row i; moves behind them. */
static inline uint8_t *
take(const struct encoded_rows *encoding, size_t i, size_t bytes)
{
    uint8_t *to;

    if (encoding->at == NULL)
        return encoding->base + i * encoding->stride;
    to = encoding->at[i];
    encoding->at[i] = to + bytes;
    return to;
}

/* A column of that many bytes is done. */
static inline void
taken(struct encoded_rows *encoding, size_t bytes)
{
    if (encoding->at == NULL)
        encoding->base += bytes;
}

static void
put_markers(struct encoded_rows *encoding, const uint8_t *there, uint8_t null,
            uint8_t flip)
{
    for (size_t i = 0; i < encoding->rows; i++)
        *take(encoding, i, 1) =
            (there == NULL || there[i] != 0 ? MARKER_THERE : null) ^ flip;
    taken(encoding, 1);
}

static inline uint64_t
normalise(uint64_t word, unsigned bytes, enum number_rule rule)
{
    const uint64_t sign = number_sign(bytes);

    if (rule == RULE_BOOL)
        return word != 0;
    if (rule == RULE_FLOATING)
        return word ^ ((word & sign) != 0 ? UINT64_MAX : sign);
    return word;
}

/* The bits that a column's order and its sign flip, and those that the tuples around it
 * do. */
struct flips {
    uint64_t own;
    uint64_t outer;
};

/* `bytes` and `rule` are constants where this is inlined. */
static inline __attribute__((always_inline)) void
put_numbers(const struct encoded_rows *encoding, const struct spine_column_data *data,
            const uint8_t *there, struct flips flips, unsigned bytes,
            enum number_rule rule)
{
    const uint8_t *from = (const uint8_t *)data->values + encoding->begin * bytes;
    const size_t rows = encoding->rows, stride = encoding->stride;
    const uint64_t flip = flips.own ^ flips.outer;
    const bool is_plain = there == NULL && encoding->at == NULL;
    uint8_t *to = encoding->base;

    /* Most columns, in fewer instructions. */
    for (size_t i = 0; is_plain && i < rows; i++) {
        uint64_t word = 0;

        memcpy(&word, from, bytes);
        word = normalise(word, bytes, rule) ^ flip;
        word = __builtin_bswap64(word) >> (64 - 8 * bytes);
        memcpy(to, &word, bytes);
        from += bytes;
        to += stride;
    }
    for (size_t i = 0; !is_plain && i < rows; i++) {
        uint64_t word = 0;

        memcpy(&word, from, bytes);
        word = normalise(word, bytes, rule) ^ flips.own;
        if (there != NULL)
            word &= 0 - (uint64_t)there[i];
        word = __builtin_bswap64(word ^ flips.outer) >> (64 - 8 * bytes);
        memcpy(take(encoding, i, bytes), &word, bytes);
        from += bytes;
    }
}

enum number_rule
number_rule_of(enum spine_column_kind kind)
{
    if (kind == SPINE_COLUMN_BOOL)
        return RULE_BOOL;
    if (kind >= SPINE_COLUMN_U8 && kind <= SPINE_COLUMN_U64)
        return RULE_UNSIGNED;
    return kind == SPINE_COLUMN_F32 || kind == SPINE_COLUMN_F64 ? RULE_FLOATING
                                                                : RULE_SIGNED;
}

static void
put_fixed(struct encoded_rows *encoding, const struct spine_column *column,
          const struct spine_column_data *data, const uint8_t *there, uint8_t own,
          uint8_t outer)
{
    const enum number_rule rule = number_rule_of(column->kind);
    const size_t bytes = tuple_native_bytes(column);
    struct flips flips = {own != 0 ? UINT64_MAX : 0, outer != 0 ? UINT64_MAX : 0};

    if (rule == RULE_SIGNED)
        flips.own ^= number_sign((unsigned)bytes);
    if (rule == RULE_BOOL)
        put_numbers(encoding, data, there, flips, 1, RULE_BOOL);
    else if (rule == RULE_FLOATING && bytes == 4)
        put_numbers(encoding, data, there, flips, 4, RULE_FLOATING);
    else if (rule == RULE_FLOATING)
        put_numbers(encoding, data, there, flips, 8, RULE_FLOATING);
    else if (bytes == 1)
        put_numbers(encoding, data, there, flips, 1, RULE_UNSIGNED);
    else if (bytes == 2)
        put_numbers(encoding, data, there, flips, 2, RULE_UNSIGNED);
    else if (bytes == 4)
        put_numbers(encoding, data, there, flips, 4, RULE_UNSIGNED);
    else
        put_numbers(encoding, data, there, flips, 8, RULE_UNSIGNED);
    taken(encoding, bytes);
}

/* Decimals are bytes that lie the other way round. */
static void
put_bytes(struct encoded_rows *encoding, const struct spine_column *column,
          const struct spine_column_data *data, const uint8_t *there, uint8_t own,
          uint8_t outer)
{
    const bool is_decimal = column->kind == SPINE_COLUMN_DECIMAL128;
    const size_t bytes = tuple_native_bytes(column);
    const uint8_t *from = (const uint8_t *)data->values + encoding->begin * bytes;

    for (size_t i = 0; i < encoding->rows; i++, from += bytes) {
        uint8_t *const to = take(encoding, i, bytes);

        if (there != NULL && there[i] == 0) {
            memset(to, outer, bytes);
            continue;
        }
        for (size_t b = 0; b < bytes; b++)
            to[b] = from[is_decimal ? bytes - 1 - b : b] ^ own ^ outer;
        if (is_decimal)
            to[0] ^= 0x80;
    }
    taken(encoding, bytes);
}

static void
put_strings(struct encoded_rows *encoding, const struct spine_column *column,
            const struct spine_column_data *data, const uint8_t *there, uint8_t flip,
            bool is_tail)
{
    const size_t begin = encoding->begin;
    const uint64_t *const offsets = data->offsets + begin;
    const struct span all = string_bytes(data, offsets[0], offsets[encoding->rows]);
    const bool zeros = !is_tail && has_zero(all);
    const bool is_short = copy_cell_is_short(encoding->rows, all.size);

    assert(encoding->at != NULL);
    if (there == NULL && !zeros && flip == 0) {
        put_plain_strings(encoding, data, is_tail);
        return;
    }
    for (size_t i = 0; i < encoding->rows; i++) {
        const bool is_there = there == NULL || there[i] != 0;
        const struct span text = string_bytes(data, offsets[i], offsets[i + 1]);
        uint8_t *const to = encoding->at[i];
        uint8_t *end = to;

        if (is_there && zeros) {
            end = put_zeros(to, text);
        } else if (is_there) {
            copy_cell_of(to, text.data, text.size, is_short);
            end = to + text.size;
        }
        if (!is_tail && (is_there || !column->nullable)) {
            *end++ = 0;
            *end++ = 0;
        }
        for (uint8_t *byte = to; flip != 0 && byte < end; byte++)
            *byte = (uint8_t) ~*byte;
        encoding->at[i] = end;
    }
}

/* How many of the first strings have WIDE_BYTES from where they begin on? The others are
 * the last ones. */
static size_t
rows_before_end(const uint64_t *offsets, size_t rows)
{
    size_t before = rows;

    while (before > 0 && offsets[rows] - offsets[before - 1] < WIDE_BYTES)
        before--;
    return before;
}

/* Of strings that all lie in their tuples as they are: most columns, in fewer
 * instructions. */
static void
put_plain_strings(struct encoded_rows *encoding, const struct spine_column_data *data,
                  bool is_tail)
{
    const uint64_t *const offsets = data->offsets + encoding->begin;
    const size_t rows = encoding->rows;
    const bool is_short = copy_cell_is_short(rows, (size_t)(offsets[rows] - offsets[0]));
    const uint8_t *const values = data->values;
    /* What is copied with a string is overwritten by what follows, if nothing of the
     * tuples behind it is there yet, and nothing behind the last one is touched. */
    const size_t wide_rows = encoding->is_first ? rows_before_end(offsets, rows) : 0;

    for (size_t i = 0; i < rows; i++) {
        const size_t size = (size_t)(offsets[i + 1] - offsets[i]);
        uint8_t *const to = encoding->at[i];

        if (i < wide_rows && size <= WIDE_BYTES)
            memcpy(to, values + offsets[i], WIDE_BYTES);
        else if (size > 0)
            copy_cell_of(to, values + offsets[i], size, is_short);
        if (!is_tail)
            memset(to + size, 0, 2);
        encoding->at[i] = to + size + (is_tail ? 0 : 2);
    }
}

/* With a byte behind each zero. Returns where it ends. */
static uint8_t *
put_zeros(uint8_t *to, struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        *to++ = text.data[i];
        if (text.data[i] == 0)
            *to++ = 0xff;
    }
    return to;
}
