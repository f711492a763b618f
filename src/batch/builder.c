/* SPDX-License-Identifier: MIT */

/* Rows in order, one by one, become a batch: the public builder. */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "batch/batch.h"
#include "rows/arena.h"

#include <inttypes.h>

/* The last row added is always among the pending ones of `output`: flushing leaves it. */
struct spine_builder {
    struct output output;
    /* The cells of pending rows. */
    struct arena arena;
    /* When the arena has this many bytes, the cells of packed rows are freed. */
    size_t arena_bytes_max;
};

static enum spine_status
check_row(const struct spine_builder *builder, struct spine_error *error);
static const char *
what_falls(const struct layout *layout, const struct rows *rows, size_t at);
static bool builder_keep_cells(struct spine_builder *builder);
static enum spine_status
make_room(struct spine_builder *builder, struct spine_error *error);
static void let_go_of_cells(struct spine_builder *builder);

enum spine_status
spine_builder_new(const struct spine_schema *schema, struct spine_builder **out,
                  struct spine_error *error)
{
    struct layout layout;
    struct spine_builder *builder;

    if (out == NULL)
        return fail_null(error, "spine_builder_new", "out");
    *out = NULL;
    if (schema == NULL)
        return fail_null(error, "spine_builder_new", "schema");
    TRY_RETURN(layout_init(&layout, schema, error));
    builder = mem_zalloc(sizeof *builder);
    if (builder == NULL)
        return fail_nomem(error, "a builder", sizeof *builder);
    output_init(&builder->output, &layout);
    schema_ref(&layout.schema);
    builder->arena_bytes_max = BLOCK_BYTES;
    *out = builder;
    return SPINE_OK;
}

enum spine_status
spine_builder_add(struct spine_builder *builder, const struct spine_row *row,
                  struct spine_error *error)
{
    struct rows *pending;
    size_t count = 0;
    enum spine_status st;

    if (builder == NULL || row == NULL)
        return fail_null(error, "spine_builder_add", builder == NULL ? "builder" : "row");
    pending = &builder->output.pending;
    TRY_RETURN(make_room(builder, error));
    count = pending->count;
    TRY(rows_append_row(&builder->output.layout, pending, row, error));
    TRY(check_row(builder, error));
    if (!builder_keep_cells(builder))
        TRY(fail_nomem(error, "the cells of a row", builder->arena.bytes));
out:
    if (st != SPINE_OK)
        pending->count = count;
    return st;
}

enum spine_status
spine_builder_seal(struct spine_builder *builder, struct spine_batch **out,
                   struct spine_error *error)
{
    if (out == NULL)
        return fail_null(error, "spine_builder_seal", "out");
    *out = NULL;
    if (builder == NULL)
        return fail_null(error, "spine_builder_seal", "builder");
    TRY_RETURN(output_seal(&builder->output, out, error));
    arena_reset(&builder->arena);
    builder->arena_bytes_max = BLOCK_BYTES;
    return SPINE_OK;
}

void
spine_builder_free(struct spine_builder *builder)
{
    if (builder == NULL)
        return;
    output_release(&builder->output);
    schema_unref(&builder->output.layout.schema);
    arena_release(&builder->arena);
    mem_free(builder, sizeof *builder);
}

/* Makes room for one more row: packs what has become a whole block. */
static enum spine_status
make_room(struct spine_builder *builder, struct spine_error *error)
{
    struct output *output = &builder->output;
    enum spine_status st;

    if (output->pending.count > BLOCK_ROWS ||
        builder->arena.bytes > builder->arena_bytes_max) {
        st = output_flush(output, false);
        if (st != SPINE_OK)
            return fail_nomem(error, "a block", BLOCK_BYTES);
        let_go_of_cells(builder);
    }
    if (!rows_reserve(&output->layout, &output->pending, output->pending.count + 1))
        return fail_nomem(error, "pending rows", output->pending.count);
    return SPINE_OK;
}

/* Moves the cells that are still pending to an arena of their own. Without memory for it
 * the old one goes on growing until the next try. */
static void
let_go_of_cells(struct spine_builder *builder)
{
    struct output *output = &builder->output;
    struct arena fresh = {0};

    if (arena_copy_rows(&fresh, &output->layout, &output->pending, 0)) {
        arena_release(&builder->arena);
        builder->arena = fresh;
    }
    builder->arena_bytes_max = 2 * builder->arena.bytes + BLOCK_BYTES;
}

/* The last pending row against the one before it. */
static enum spine_status
check_row(const struct spine_builder *builder, struct spine_error *error)
{
    const struct layout *layout = &builder->output.layout;
    const struct rows *rows = &builder->output.pending;
    const size_t at = rows->count - 1;
    const uint64_t number = builder->output.rows + at;
    bool zero = true;

    for (unsigned w = 0; w < layout->weight_count; w++)
        zero = zero && rows->weight[at * layout->weight_count + w] == 0;
    if (zero)
        return spine_fail(error, SPINE_INVALID, "row %" PRIu64 " has weight 0", number);
    if (at > 0 && rows_compare(layout, rows, at - 1, rows, at) >= 0)
        return spine_fail(error, SPINE_INVALID, "row %" PRIu64 " is not in order: %s",
                          number, what_falls(layout, rows, at));
    return SPINE_OK;
}

static const char *
what_falls(const struct layout *layout, const struct rows *rows, size_t at)
{
    if (rows_compare(layout, rows, at - 1, rows, at) == 0)
        return "it equals the row before it";
    if (rows_key_end(layout, rows, at - 1, at + 1) == at)
        return "its key is less than that of the row before it";
    if (rows_value_end(layout, rows, at - 1, at + 1) == at)
        return "its value is less than that of the row before it, which has the same key";
    return "its time is less than that of the row before it, which has the same key and "
           "value";
}

/* Copies the cells of the last row, but for those that it has in common with the row
 * before. */
static bool
builder_keep_cells(struct spine_builder *builder)
{
    const struct layout *layout = &builder->output.layout;
    struct rows *rows = &builder->output.pending;
    const size_t at = rows->count - 1;
    bool same_key, same_value;
    size_t bytes = 0;

    if (!layout->key.spans && !layout->value.spans)
        return true;
    same_key = at > 0 && rows_key_end(layout, rows, at - 1, at + 1) > at;
    same_value = at > 0 && rows_value_end(layout, rows, at - 1, at + 1) > at;
    bytes += layout->key.spans ? rows->key[at].size : 0;
    bytes += layout->value.spans ? rows->value[at].size : 0;
    if (!arena_reserve(&builder->arena, bytes))
        return false;
    if (layout->key.spans && same_key)
        rows->key[at] = rows->key[at - 1];
    else if (layout->key.spans)
        arena_copy(&builder->arena, &rows->key[at]);
    if (layout->value.spans && same_value)
        rows->value[at] = rows->value[at - 1];
    else if (layout->value.spans)
        arena_copy(&builder->arena, &rows->value[at]);
    return true;
}
