/* SPDX-License-Identifier: MIT */

/*
 * The batcher: rows in any order go to a buffer, and a full buffer becomes a sorted run
 * (ingest/runs.h). What fails with the rows of a caller leaves the batcher as it was; a
 * want of memory is sticky.
 */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "ingest/runs.h"
#include "rows/arena.h"

/* When the cells of a buffer have this many bytes, it becomes a run before it is full. */
#define ARENA_BYTES_MAX (4u << 20)

struct spine_batcher {
    struct runs runs;
    /* The cells of the rows in `runs.buffer`. */
    struct arena arena;
    /* SPINE_OVERFLOW for good once weights could not be added, and which these are. */
    enum spine_status sticky;
    struct spine_error why;
    /* Rows are codes made of numbers: spine_batcher_add() stores those itself whose
     * datums carry their kinds. */
    bool numbers;
    /* Of spine_batcher_add_tuples(), once that was called. */
    struct spine_tuple_page *page;
};

static enum spine_status seal_runs(struct spine_batcher *batcher,
                                   struct spine_batch **out, struct spine_error *error);
static enum spine_status
check_sticky(const struct spine_batcher *batcher, struct spine_error *error);
static enum spine_status
close_buffer(struct spine_batcher *batcher, struct spine_error *error);
static void merge_due_runs(struct spine_batcher *batcher);
static enum spine_status add_to_buffer(struct spine_batcher *batcher,
                                       const struct spine_columns *columns,
                                       struct spine_error *error);
static bool batcher_keep_cells(struct spine_batcher *batcher, size_t begin);

enum spine_status
spine_batcher_new(const struct spine_schema *schema, struct spine_batcher **out,
                  struct spine_error *error)
{
    struct spine_batcher *batcher;
    struct layout layout;

    if (out == NULL)
        return fail_null(error, "spine_batcher_new", "out");
    *out = NULL;
    if (schema == NULL)
        return fail_null(error, "spine_batcher_new", "schema");
    TRY_RETURN(layout_init(&layout, schema, error));
    batcher = mem_zalloc(sizeof *batcher);
    if (batcher == NULL)
        return fail_nomem(error, "a batcher", sizeof *batcher);
    runs_init(&batcher->runs, &layout);
    schema_ref(&layout.schema);
    batcher->numbers = layout.row_kind != ROW_WIDE && layout.key.kind != SPINE_FIXED &&
                       layout.value.kind != SPINE_FIXED;
    *out = batcher;
    return SPINE_OK;
}

static inline uint64_t
word_of_number(enum spine_kind kind, union spine_datum datum)
{
    switch (kind) {
    case SPINE_U64:
        return datum.u64;
    case SPINE_I64:
        return word_of_i64(datum.i64);
    case SPINE_U32:
        return datum.u32;
    case SPINE_I32:
        return word_of_i32(datum.i32);
    case SPINE_F64:
        return word_of_f64(datum.f64);
    case SPINE_NONE:
    case SPINE_FIXED:
    case SPINE_BYTES:
        break;
    }
    return 0;
}

/* rows_append_row() for codes of numbers, which cannot fail. */
static inline void
add_numbers(const struct layout *layout, struct rows *buffer, const struct spine_row *row)
{
    const uint64_t key = word_of_number(layout->key.kind, row->key);
    const uint64_t value = word_of_number(layout->value.kind, row->value);
    const size_t at = buffer->count++;

    if (layout->row_kind == ROW_TWO) {
        buffer->hi[at] = key;
        buffer->lo[at] = value;
    } else {
        /* A shift of 64 goes with no key. */
        buffer->hi[at] = key << (layout->key_shift & 63) | value;
    }
    buffer->weight[at] = row->weight;
}

enum spine_status
spine_batcher_add(struct spine_batcher *batcher, const struct spine_row *row,
                  struct spine_error *error)
{
    const struct layout *layout;
    struct rows *buffer;

    if (batcher == NULL || row == NULL)
        return fail_null(error, "spine_batcher_add", batcher == NULL ? "batcher" : "row");
    layout = &batcher->runs.layout;
    buffer = &batcher->runs.buffer;
    TRY_RETURN(check_sticky(batcher, error));
    if (buffer->count >= RUN_ROWS || batcher->arena.bytes >= ARENA_BYTES_MAX)
        TRY_RETURN(close_buffer(batcher, error));
    if (buffer->count == buffer->capacity &&
        !rows_reserve(layout, buffer, buffer->count + 1))
        TRY_RETURN(fail_nomem(error, "rows of a batcher", buffer->count));
    if (batcher->numbers && row->key.number.stamp == layout->key.stamp &&
        row->value.number.stamp == layout->value.stamp) {
        add_numbers(layout, buffer, row);
        return SPINE_OK;
    }
    TRY_RETURN(rows_append_row(layout, buffer, row, error));
    if (!batcher_keep_cells(batcher, buffer->count - 1)) {
        buffer->count--;
        TRY_RETURN(fail_nomem(error, "the cells of a row", batcher->arena.bytes));
    }
    return SPINE_OK;
}

enum spine_status
spine_batcher_add_columns(struct spine_batcher *batcher,
                          const struct spine_columns *columns, struct spine_error *error)
{
    if (batcher == NULL || columns == NULL)
        return fail_null(error, "spine_batcher_add_columns",
                         batcher == NULL ? "batcher" : "columns");
    TRY_RETURN(check_sticky(batcher, error));
    TRY_RETURN(columns_check(&batcher->runs.layout, columns, error));
    if (columns->rows > RUN_ROWS - batcher->runs.buffer.count ||
        batcher->arena.bytes >= ARENA_BYTES_MAX)
        TRY_RETURN(close_buffer(batcher, error));
    if (columns->rows <= RUN_ROWS)
        return add_to_buffer(batcher, columns, error);
    TRY_RETURN(runs_add_columns(&batcher->runs, columns, error));
    merge_due_runs(batcher);
    return SPINE_OK;
}

enum spine_status
spine_batcher_add_tuples(struct spine_batcher *batcher,
                         const struct spine_tuple_rows *rows, struct spine_error *error)
{
    struct spine_columns columns;

    if (batcher == NULL || rows == NULL)
        return fail_null(error, "spine_batcher_add_tuples",
                         batcher == NULL ? "batcher" : "rows");
    if (batcher->page == NULL)
        TRY_RETURN(spine_tuple_page_new(&batcher->page, error));
    TRY_RETURN(spine_tuple_encode(batcher->page, &batcher->runs.layout.schema, rows,
                                  &columns, error));
    TRY_RETURN(spine_batcher_add_columns(batcher, &columns, error));
    return SPINE_OK;
}

enum spine_status
spine_batcher_seal(struct spine_batcher *batcher, struct spine_batch **out,
                   struct spine_error *error)
{
    if (out == NULL)
        return fail_null(error, "spine_batcher_seal", "out");
    *out = NULL;
    if (batcher == NULL)
        return fail_null(error, "spine_batcher_seal", "batcher");
    TRY_RETURN(check_sticky(batcher, error));
    TRY_RETURN(runs_close_buffer(&batcher->runs, error));
    arena_reset(&batcher->arena);
    return seal_runs(batcher, out, error);
}

/* What it says of a sum that is not in int64_t, it goes on to say. */
static enum spine_status
seal_runs(struct spine_batcher *batcher, struct spine_batch **out,
          struct spine_error *error)
{
    struct spine_error why;
    const enum spine_status st = runs_seal(&batcher->runs, out, &why);

    if (st == SPINE_OVERFLOW) {
        batcher->sticky = st;
        batcher->why = why;
    }
    if (st != SPINE_OK && error != NULL)
        *error = why;
    return st;
}

void
spine_batcher_clear(struct spine_batcher *batcher)
{
    if (batcher == NULL)
        return;
    runs_clear(&batcher->runs);
    arena_reset(&batcher->arena);
    batcher->sticky = SPINE_OK;
}

void
spine_batcher_free(struct spine_batcher *batcher)
{
    if (batcher == NULL)
        return;
    runs_release(&batcher->runs);
    schema_unref(&batcher->runs.layout.schema);
    arena_release(&batcher->arena);
    spine_tuple_page_free(batcher->page);
    mem_free(batcher, sizeof *batcher);
}

static enum spine_status
check_sticky(const struct spine_batcher *batcher, struct spine_error *error)
{
    if (batcher->sticky == SPINE_OK)
        return SPINE_OK;
    return spine_fail(error, batcher->sticky, "clear the batcher: %s",
                      batcher->why.message);
}

/* Makes the buffer empty. */
static enum spine_status
close_buffer(struct spine_batcher *batcher, struct spine_error *error)
{
    TRY_RETURN(runs_close_buffer(&batcher->runs, error));
    arena_reset(&batcher->arena);
    merge_due_runs(batcher);
    return SPINE_OK;
}

/* Runs that there is no memory to merge now are merged later. */
static void
merge_due_runs(struct spine_batcher *batcher)
{
    (void)runs_merge_due(&batcher->runs, NULL); /* fails for want of memory only */
}

/* There is room in the buffer by number of rows. */
static enum spine_status
add_to_buffer(struct spine_batcher *batcher, const struct spine_columns *columns,
              struct spine_error *error)
{
    struct rows *buffer = &batcher->runs.buffer;
    const size_t count = buffer->count;

    if (!rows_reserve(&batcher->runs.layout, buffer, count + columns->rows))
        return fail_nomem(error, "rows of a batcher", columns->rows);
    rows_append_columns(&batcher->runs.layout, buffer, columns, 0, columns->rows);
    if (batcher_keep_cells(batcher, count))
        return SPINE_OK;
    buffer->count = count;
    return fail_nomem(error, "the cells of rows", batcher->arena.bytes);
}

/* Copies the cells of rows from `begin` on, which borrow from the caller. */
static bool
batcher_keep_cells(struct spine_batcher *batcher, size_t begin)
{
    const struct layout *layout = &batcher->runs.layout;

    assert(begin <= batcher->runs.buffer.count);
    return (!layout->key.spans && !layout->value.spans) ||
           arena_copy_rows(&batcher->arena, layout, &batcher->runs.buffer, begin);
}
