/* SPDX-License-Identifier: MIT */

/* The values of a key as the keys of another cursor. */

#include "base/error.h"
#include "cursor/cursor_state.h"
#include "rows/row_weights.h"
#include "spine/view.h"

static enum spine_status group_add(struct spine_cursor *cursor, uint64_t through,
                                   struct spine_builder *builder,
                                   struct spine_error *error);

enum spine_status
spine_cursor_group(struct spine_cursor *cursor, uint64_t through,
                   struct spine_cursor **out, struct spine_error *error)
{
    struct spine_schema schema = {0};
    struct spine_builder *builder = NULL;
    struct spine_batch *batch = NULL;
    enum spine_status st;

    if (out == NULL)
        return fail_null(error, "spine_cursor_group", "out");
    *out = NULL;
    if (cursor == NULL)
        return fail_null(error, "spine_cursor_group", "cursor");
    schema.key = cursor->layout.schema.value;
    schema.key_tuple = cursor->layout.schema.value_tuple;
    schema.weight_count = cursor->layout.weight_count;
    if (!cursor_on_key(cursor))
        cursor_misuse(cursor, "spine_cursor_group", "key");
    TRY(spine_cursor_error(cursor, error));
    TRY(spine_builder_new(&schema, &builder, error));
    spine_cursor_rewind_vals(cursor);
    for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor))
        TRY(group_add(cursor, through, builder, error));
    TRY(spine_cursor_error(cursor, error));
    spine_cursor_rewind_vals(cursor);
    TRY(spine_cursor_error(cursor, error));
    TRY(spine_builder_seal(builder, &batch, error));
    TRY(spine_batch_cursor(batch, out, error));
out:
    spine_batch_unref(batch);
    spine_builder_free(builder);
    return st;
}

/* Adds the present value unless its weights through that time are zero. */
static enum spine_status
group_add(struct spine_cursor *cursor, uint64_t through, struct spine_builder *builder,
          struct spine_error *error)
{
    const unsigned width = cursor->layout.weight_count;
    int64_t sums[SPINE_WEIGHTS_MAX] = {0};
    struct spine_row row = {.key = spine_cursor_val(cursor), .weights = sums};
    const uint64_t *times;
    const int64_t *weights;
    const size_t count = spine_cursor_times_through(cursor, through, &times, &weights);

    if (count > 0 && !weights_sum(width, weights, weights + width, count - 1, sums))
        return cursor_name_sum(cursor, error);
    row.weight = sums[0];
    return weights_are_zero(width, sums) ? spine_cursor_error(cursor, error)
                                         : spine_builder_add(builder, &row, error);
}
