/* SPDX-License-Identifier: MIT */

/*
 * Cells back into columns: tuple_encode.c the other way round. Every column is one loop
 * over the rows of a chunk, which takes its part of each cell and leaves behind it where
 * the next column begins. Nothing of a cell is trusted: what does not end where the type
 * says makes the call fail.
 */

#include "tuple/tuple_codec.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/copy_cell.h"
#include "base/error.h"

/* Some rows on their way. */
struct decoding {
    /* The cells become rows [begin, begin + rows) of the columns. */
    size_t begin;
    size_t rows;
    /* Where the next byte of row i is: base + i * stride, or at[i] unless that is NULL;
     * then the row ends at end[i]. */
    const uint8_t *base;
    size_t stride;
    const uint8_t **at;
    const uint8_t *const *end;
    /* All bytes of the rows. */
    size_t bytes;
    /* Are they those of short cells? */
    bool is_short;
    /* Inside a tuple of the tuple. */
    bool nested;
    /* What is wrong, and in which row. */
    const char *reason;
    size_t bad_row;
    bool has_no_memory;
};

/* A column, and where it goes. */
struct column_target {
    const struct spine_column *column;
    struct column_store *store;
    /* A byte for each row: are the tuples around it there? NULL: all are. */
    const uint8_t *there;
    /* What flips the column as a whole, and with its own order. */
    uint8_t outer;
    uint8_t inner;
    bool is_tail;
    /* The bytes of the columns that follow, if that is known: not inside of a tuple, nor
     * before a string. */
    size_t behind;
};

/* No such number. */
#define BEHIND_UNKNOWN SIZE_MAX

static enum spine_status
decode_fixed(struct tuple_store *store, const uint8_t *cells, struct decoding *decoding);
static enum spine_status decode_varying(struct tuple_store *store, const uint8_t *cells,
                                        const uint64_t *offsets,
                                        struct decoding *decoding);
static void get_columns(struct decoding *decoding, struct tuple_store *store,
                        const uint8_t *there, uint8_t flip);
static void get_column(struct decoding *decoding, struct column_target target);
static bool
reserve_column(const struct decoding *decoding, const struct column_target *target);
static bool reserve_valid(struct column_store *store, size_t rows);
static void
get_markers(struct decoding *decoding, const struct column_target *target, uint8_t *own);
static bool has_bytes(struct decoding *decoding, size_t bytes);
static void get_fixed(struct decoding *decoding, const struct column_target *target);
static void check_bools(struct decoding *decoding, const struct column_target *target);
static void
get_fixed_bytes(struct decoding *decoding, const struct column_target *target);
static size_t bytes_behind(const struct decoding *decoding,
                           const struct spine_tuple_type *type, size_t index);
static void get_strings(struct decoding *decoding, const struct column_target *target);
static size_t get_plain_strings(struct decoding *decoding,
                                const struct column_target *target, size_t begin);
static bool
get_string(struct decoding *decoding, const struct column_target *target, size_t i);
static void fail_row(struct decoding *decoding, size_t row, const char *reason);
static enum spine_status
decoding_status(const struct decoding *decoding, struct spine_error *error);

enum spine_status
tuple_store_append(struct tuple_store *store, const void *cells, const uint64_t *offsets,
                   size_t rows, size_t at, struct spine_error *error)
{
    const struct spine_tuple_type *const type = store->type;
    const size_t stride = type->cell.kind == SPINE_U64 ? 8 : (size_t)type->bytes;
    const uint8_t *const bytes = cells;
    struct decoding decoding = {0};
    enum spine_status st = SPINE_OK;

    assert(cells != NULL || rows == 0);
    assert(offsets != NULL || type->cell.kind != SPINE_BYTES || rows == 0);
    for (size_t i = 0; i < rows && st == SPINE_OK; i += decoding.rows) {
        decoding = (struct decoding){.begin = at + i, .stride = stride};
        decoding.rows = rows - i < TUPLE_CHUNK ? rows - i : TUPLE_CHUNK;
        if (type->cell.kind == SPINE_BYTES)
            st = decode_varying(store, bytes, offsets + i, &decoding);
        else
            st = decode_fixed(store, bytes + i * stride, &decoding);
    }
    if (st != SPINE_OK)
        return decoding_status(&decoding, error);
    return SPINE_OK;
}

static enum spine_status
decode_fixed(struct tuple_store *store, const uint8_t *cells, struct decoding *decoding)
{
    uint64_t words[TUPLE_CHUNK];

    assert(decoding->rows <= TUPLE_CHUNK);
    decoding->base = cells;
    if (store->type->cell.kind == SPINE_U64) {
        memcpy(words, cells, decoding->rows * sizeof words[0]);
        for (size_t i = 0; i < decoding->rows; i++)
            words[i] = __builtin_bswap64(words[i]);
        decoding->base = (const uint8_t *)words + (8 - (size_t)store->type->bytes);
    }
    get_columns(decoding, store, NULL, 0);
    return decoding_status(decoding, NULL);
}

static enum spine_status
decode_varying(struct tuple_store *store, const uint8_t *cells, const uint64_t *offsets,
               struct decoding *decoding)
{
    const uint8_t *at[TUPLE_CHUNK], *end[TUPLE_CHUNK];

    for (size_t i = 0; i < decoding->rows; i++) {
        at[i] = cells + offsets[i];
        end[i] = cells + offsets[i + 1];
    }
    decoding->at = at;
    decoding->end = end;
    decoding->bytes = (size_t)(offsets[decoding->rows] - offsets[0]);
    decoding->is_short = copy_cell_is_short(decoding->rows, decoding->bytes);
    get_columns(decoding, store, NULL, 0);
    for (size_t i = 0; i < decoding->rows && decoding->reason == NULL; i++)
        if (at[i] != end[i])
            fail_row(decoding, i, "there are bytes behind the last column");
    return decoding_status(decoding, NULL);
}

static void
get_columns(struct decoding *decoding, struct tuple_store *store, const uint8_t *there,
            uint8_t flip)
{
    const struct spine_tuple_type *const type = store->type;

    for (size_t i = 0; i < type->count && decoding->reason == NULL; i++) {
        struct column_target target = {
            .column = &type->columns[i],
            .store = &store->columns[i],
            .there = there,
            .outer = flip,
            .inner = flip ^ order_flip(&type->columns[i]),
            .is_tail = column_is_tail(type, i, decoding->nested),
            .behind = BEHIND_UNKNOWN,
        };

        if (!tuple_column_is_fixed(target.column))
            target.behind = bytes_behind(decoding, type, i);

        if (!reserve_column(decoding, &target)) {
            decoding->has_no_memory = true;
            decoding->reason = "no memory";
        } else {
            get_column(decoding, target);
        }
    }
}

static void
get_column(struct decoding *decoding, struct column_target target)
{
    const struct spine_column *const column = target.column;
    uint8_t own[TUPLE_CHUNK];

    assert(target.column != NULL);
    if (column->nullable) {
        get_markers(decoding, &target, own);
        target.there = own;
    }
    if (decoding->reason != NULL)
        return;
    if (column->kind == SPINE_COLUMN_TUPLE) {
        const bool nested = decoding->nested;

        decoding->nested = true;
        get_columns(decoding, target.store->columns, target.there, target.inner);
        decoding->nested = nested;
    } else if (!tuple_column_is_fixed(column)) {
        get_strings(decoding, &target);
    } else if (column->kind == SPINE_COLUMN_FIXED ||
               column->kind == SPINE_COLUMN_DECIMAL128) {
        get_fixed_bytes(decoding, &target);
    } else {
        get_fixed(decoding, &target);
    }
}

/* Room for the rows; of strings no more bytes than the rows have. */
static bool
reserve_column(const struct decoding *decoding, const struct column_target *target)
{
    struct column_store *const store = target->store;
    const size_t rows = decoding->begin + decoding->rows;
    const size_t bytes = tuple_native_bytes(target->column);

    if (target->column->nullable && !reserve_valid(store, rows))
        return false;
    if (target->column->kind == SPINE_COLUMN_TUPLE)
        return true;
    if (bytes > 0)
        return array_reserve(&store->values, &store->values_capacity, 1, rows * bytes);
    return array_reserve(&store->values, &store->values_capacity, 1,
                         store->values_bytes + decoding->bytes + 1) &&
           array_reserve(&store->offsets, &store->offsets_capacity, sizeof(uint64_t),
                         rows + 1);
}

/* Bits of new rows are set one by one, so what is new is zero. */
static bool
reserve_valid(struct column_store *store, size_t rows)
{
    const size_t before = store->valid_capacity;

    if (!array_reserve(&store->valid, &store->valid_capacity, 1, (rows + 7) / 8))
        return false;
    memset(store->valid + before, 0, store->valid_capacity - before);
    return true;
}

/* The place of the next `bytes` bytes of row i; moves behind them. */
static inline const uint8_t *
next_bytes(const struct decoding *decoding, size_t i, size_t bytes)
{
    const uint8_t *from;

    if (decoding->at == NULL)
        return decoding->base + i * decoding->stride;
    from = decoding->at[i];
    decoding->at[i] = from + bytes;
    return from;
}

static inline void
given(struct decoding *decoding, size_t bytes)
{
    if (decoding->at == NULL)
        decoding->base += bytes;
}

static void
get_markers(struct decoding *decoding, const struct column_target *target, uint8_t *own)
{
    const uint8_t null = null_marker(target->column);
    struct column_store *const store = target->store;

    if (!has_bytes(decoding, 1))
        return;
    for (size_t i = 0; i < decoding->rows; i++) {
        const uint8_t marker = *next_bytes(decoding, i, 1) ^ target->outer;
        const size_t row = decoding->begin + i;
        const bool may_be = target->there == NULL || target->there[i] != 0;

        own[i] = marker == MARKER_THERE;
        if (marker != null && (marker != MARKER_THERE || !may_be))
            fail_row(decoding, i, "what says whether a value is null is neither");
        store->valid[row / 8] |= (uint8_t)(own[i] << row % 8);
        store->has_null = store->has_null || own[i] == 0;
    }
    given(decoding, 1);
}

/* Has every row `bytes` bytes left? If not, decoding has failed. */
static bool
has_bytes(struct decoding *decoding, size_t bytes)
{
    for (size_t i = 0; decoding->at != NULL && i < decoding->rows; i++)
        if ((size_t)(decoding->end[i] - decoding->at[i]) < bytes) {
            fail_row(decoding, i, "it ends inside a column");
            return false;
        }
    return decoding->reason == NULL;
}

static inline uint64_t
restore(uint64_t word, unsigned bytes, enum number_rule rule)
{
    const uint64_t sign = number_sign(bytes);

    if (rule == RULE_FLOATING)
        return word ^ ((word & sign) != 0 ? sign : UINT64_MAX);
    return word;
}

/* `bytes` and `rule` are constants where this is inlined. */
static inline __attribute__((always_inline)) void
get_numbers(const struct decoding *decoding, const struct column_target *target,
            unsigned bytes, enum number_rule rule)
{
    uint8_t *to = target->store->values + decoding->begin * bytes;
    const uint64_t sign =
        number_rule_of(target->column->kind) == RULE_SIGNED ? number_sign(bytes) : 0;
    const uint64_t flip = (target->inner != 0 ? UINT64_MAX : 0) ^ sign;
    const uint8_t *const there = target->there;
    const size_t rows = decoding->rows, stride = decoding->stride;
    const bool is_plain = there == NULL && decoding->at == NULL;
    const uint8_t *from = decoding->base;

    /* Most columns, in fewer instructions. */
    for (size_t i = 0; is_plain && i < rows; i++) {
        uint64_t word = 0;

        memcpy(&word, from, bytes);
        word = __builtin_bswap64(word) >> (64 - 8 * bytes) ^ flip;
        word = restore(word, bytes, rule);
        memcpy(to, &word, bytes);
        from += stride;
        to += bytes;
    }
    for (size_t i = 0; !is_plain && i < rows; i++) {
        uint64_t word = 0;

        memcpy(&word, next_bytes(decoding, i, bytes), bytes);
        word = __builtin_bswap64(word) >> (64 - 8 * bytes) ^ flip;
        word = restore(word, bytes, rule);
        if (there != NULL)
            word &= 0 - (uint64_t)there[i];
        memcpy(to, &word, bytes);
        to += bytes;
    }
}

static void
get_fixed(struct decoding *decoding, const struct column_target *target)
{
    const enum number_rule rule = number_rule_of(target->column->kind);
    const size_t bytes = tuple_native_bytes(target->column);

    if (!has_bytes(decoding, bytes))
        return;
    if (rule == RULE_FLOATING && bytes == 4)
        get_numbers(decoding, target, 4, RULE_FLOATING);
    else if (rule == RULE_FLOATING)
        get_numbers(decoding, target, 8, RULE_FLOATING);
    else if (bytes == 1)
        get_numbers(decoding, target, 1, RULE_UNSIGNED);
    else if (bytes == 2)
        get_numbers(decoding, target, 2, RULE_UNSIGNED);
    else if (bytes == 4)
        get_numbers(decoding, target, 4, RULE_UNSIGNED);
    else
        get_numbers(decoding, target, 8, RULE_UNSIGNED);
    if (target->column->kind == SPINE_COLUMN_BOOL)
        check_bools(decoding, target);
    given(decoding, bytes);
}

/* A bool of C that is another byte than these would be undefined to read. */
static void
check_bools(struct decoding *decoding, const struct column_target *target)
{
    const uint8_t *const values = target->store->values + decoding->begin;

    assert(tuple_native_bytes(target->column) == 1);
    for (size_t i = 0; i < decoding->rows; i++)
        if (values[i] > 1)
            fail_row(decoding, i, "a bool is neither 0 nor 1");
}

static void
get_fixed_bytes(struct decoding *decoding, const struct column_target *target)
{
    const bool is_decimal = target->column->kind == SPINE_COLUMN_DECIMAL128;
    const size_t bytes = tuple_native_bytes(target->column);
    uint8_t *to = target->store->values + decoding->begin * bytes;

    if (!has_bytes(decoding, bytes))
        return;
    for (size_t i = 0; i < decoding->rows; i++, to += bytes) {
        const uint8_t *const from = next_bytes(decoding, i, bytes);

        if (target->there != NULL && target->there[i] == 0) {
            memset(to, 0, bytes);
            continue;
        }
        for (size_t b = 0; b < bytes; b++)
            to[is_decimal ? bytes - 1 - b : b] = from[b] ^ target->inner;
        if (is_decimal)
            to[bytes - 1] ^= 0x80;
    }
    given(decoding, bytes);
}

static size_t
bytes_behind(const struct decoding *decoding, const struct spine_tuple_type *type,
             size_t index)
{
    uint64_t bytes = 0;

    for (size_t i = index + 1; i < type->count; i++) {
        const struct spine_column *const column = &type->columns[i];

        if (!tuple_column_is_fixed(column))
            return BEHIND_UNKNOWN;
        bytes += tuple_column_bytes(column) + column->nullable;
    }
    return decoding->nested ? BEHIND_UNKNOWN : (size_t)bytes;
}

static void
get_strings(struct decoding *decoding, const struct column_target *target)
{
    struct column_store *const store = target->store;
    const bool is_plain = target->behind != BEHIND_UNKNOWN && target->there == NULL &&
                          target->inner == 0 && decoding->is_short;

    if (decoding->begin == 0)
        store->offsets[0] = 0;
    for (size_t i = 0; i < decoding->rows; i++) {
        const bool is_there = target->there == NULL || target->there[i] != 0;

        if (is_plain)
            i = get_plain_strings(decoding, target, i);
        if (i == decoding->rows)
            return;

        if ((is_there || !target->column->nullable) && !get_string(decoding, target, i))
            return;
        store->offsets[decoding->begin + i + 1] = store->values_bytes;
    }
}

/* Copies `size` bytes, at least one piece and at most COPY_FEW_PIECES. Is none of them
 * zero? */
static inline bool
copy_without_zero(uint8_t *to, const uint8_t *from, size_t size)
{
    typedef uint8_t piece __attribute__((vector_size(COPY_PIECE_BYTES)));
    const size_t last = size - COPY_PIECE_BYTES;
    piece zeros = {0};
    uint64_t halves[2];

    for (size_t i = 0; i < COPY_FEW_PIECES; i++) {
        const size_t at = i * COPY_PIECE_BYTES < last ? i * COPY_PIECE_BYTES : last;
        piece bytes;

        memcpy(&bytes, from + at, sizeof bytes);
        memcpy(to + at, &bytes, sizeof bytes);
        zeros |= (piece)(bytes == 0);
    }
    memcpy(halves, &zeros, sizeof halves);
    return (halves[0] | halves[1]) == 0;
}

/* Appends the strings of rows from `begin` on that end where the columns behind begin, as
 * all do, as long as they are short and have no zeros, as most have not. Returns the
 * first row of which that is not so, if it is a tuple at all. */
static size_t
get_plain_strings(struct decoding *decoding, const struct column_target *target,
                  size_t begin)
{
    struct column_store *const store = target->store;
    const size_t end_bytes = target->is_tail ? 0 : 2;
    const size_t behind = end_bytes + target->behind;
    const uint8_t **const at = decoding->at;
    const uint8_t *const *const end = decoding->end;
    uint64_t *const offsets = store->offsets + decoding->begin + 1;
    uint8_t *const values = store->values, *to = values + store->values_bytes;
    size_t i;

    for (i = begin; i < decoding->rows; i++) {
        const uint8_t *const from = at[i];
        const size_t size = (size_t)(end[i] - from) - behind;

        /* Also less than nothing is too much. */
        if (size - COPY_PIECE_BYTES > (COPY_FEW_PIECES - 1) * COPY_PIECE_BYTES ||
            (!copy_without_zero(to, from, size) && !target->is_tail) ||
            (!target->is_tail && (from[size] | from[size + 1]) != 0))
            break;
        to += size;
        at[i] = from + size + end_bytes;
        offsets[i] = (uint64_t)(to - values);
    }
    store->values_bytes = (size_t)(to - values);
    return i;
}

/* Appends the content of row i's string. */
static bool
get_string(struct decoding *decoding, const struct column_target *target, size_t i)
{
    struct column_store *const store = target->store;
    const uint8_t flip = target->inner;
    const uint8_t *from = decoding->at[i];
    const uint8_t *const end = decoding->end[i];
    uint8_t *to = store->values + store->values_bytes;
    const uint8_t *zero = end;
    bool ends = target->is_tail;

    for (; from < end; from = zero + 2) {
        zero = target->is_tail ? end : memchr(from, flip, (size_t)(end - from));
        if (zero == NULL || (!target->is_tail && end - zero < 2))
            break;
        copy_cell_of(to, from, (size_t)(zero - from), decoding->is_short);
        for (size_t b = 0; flip != 0 && b < (size_t)(zero - from); b++)
            to[b] ^= flip;
        to += zero - from;
        if (target->is_tail)
            break;
        ends = (zero[1] ^ flip) == 0;
        if (ends || (zero[1] ^ flip) != 0xff)
            break;
        *to++ = 0;
    }
    if (!ends) {
        fail_row(decoding, i, "a string has no end");
        return false;
    }
    decoding->at[i] = target->is_tail ? end : zero + 2;
    store->values_bytes = (size_t)(to - store->values);
    return true;
}

/* Notes what is wrong with a row; the first mistake counts. */
static void
fail_row(struct decoding *decoding, size_t row, const char *reason)
{
    if (decoding->reason != NULL)
        return;
    decoding->reason = reason;
    decoding->bad_row = row;
}

static enum spine_status
decoding_status(const struct decoding *decoding, struct spine_error *error)
{
    if (decoding->reason == NULL)
        return SPINE_OK;
    if (decoding->has_no_memory)
        return fail_nomem(error, "the columns of tuples", decoding->bytes);
    return spine_fail(error, SPINE_CORRUPT, "the cell of row %zu is no tuple: %s",
                      decoding->begin + decoding->bad_row, decoding->reason);
}
