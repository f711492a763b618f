/* SPDX-License-Identifier: MIT */
#include "harness/check.h"

#include <stdlib.h>
#include <string.h>

static bool observe_value(struct spine_cursor *cursor, struct model *out);
static void reverse_rows(struct model *model);
static bool cursor_is_sound(struct spine_cursor *cursor);

bool
observe_forward(struct spine_cursor *cursor, struct model *out)
{
    for (spine_cursor_rewind(cursor); spine_cursor_key_valid(cursor);
         spine_cursor_step_key(cursor)) {
        if (!spine_cursor_val_valid(cursor))
            return property_fail(__FILE__, __LINE__, "a key without values");
        for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor))
            if (!observe_value(cursor, out))
                return false;
    }
    return cursor_is_sound(cursor);
}

bool
observe_reverse(struct spine_cursor *cursor, struct model *out)
{
    for (spine_cursor_fast_forward(cursor); spine_cursor_key_valid(cursor);
         spine_cursor_step_key_reverse(cursor))
        for (spine_cursor_fast_forward_vals(cursor); spine_cursor_val_valid(cursor);
             spine_cursor_step_val_reverse(cursor)) {
            const size_t begin = out->count;
            if (!observe_value(cursor, out))
                return false;
            /* Times ascend also on the way back; reverse_rows() turns all round. */
            for (size_t i = begin, j = out->count - 1; i < j; i++, j--) {
                const struct model_row row = out->rows[i];
                out->rows[i] = out->rows[j];
                out->rows[j] = row;
            }
        }
    reverse_rows(out);
    return cursor_is_sound(cursor);
}

bool
observe_bulk(struct spine_cursor *cursor, size_t rows_max, struct model *out)
{
    struct buffers buffers;
    size_t rows;

    buffers_init(&buffers, &out->schema, rows_max, 256);
    spine_cursor_rewind(cursor);
    while ((rows = spine_cursor_read(cursor, &buffers.view)) > 0) {
        if (rows > rows_max)
            return property_fail(__FILE__, __LINE__, "%zu rows read into room for %zu",
                                 rows, rows_max);
        buffers_rows(&buffers, rows, out);
    }
    buffers_release(&buffers);
    if (spine_cursor_key_valid(cursor))
        return property_fail(__FILE__, __LINE__, "nothing read, but a key is left");
    return cursor_is_sound(cursor);
}

bool
check_cursor(struct spine_cursor *cursor, const struct model *expected, const char *what)
{
    /* The first two are more than any number of times that the generator draws for one
     * value; untimed rows are read into a room of any size, too. */
    const size_t read_rows[] = {2000, 257, 1 + expected->count % 1009};
    const size_t reads = expected->schema.time == SPINE_UNTIMED ? 3 : 2;
    struct model observed;
    bool same;

    model_init(&observed, &expected->schema);
    same = observe_forward(cursor, &observed) && model_equal(expected, &observed, what);
    observed.count = 0;
    same = same && observe_reverse(cursor, &observed) &&
           model_equal(expected, &observed, what);
    for (size_t i = 0; i < reads && same; i++) {
        observed.count = 0;
        same = observe_bulk(cursor, read_rows[i], &observed) &&
               model_equal(expected, &observed, what);
    }
    model_release(&observed);
    return same;
}

bool
check_batch(struct spine_batch *batch, const struct model *expected, const char *what)
{
    struct spine_cursor *cursor;
    struct spine_batch_info info;
    struct spine_error error;

    if (!property_ok(what, __LINE__, spine_batch_check(batch, &error), &error))
        return false;
    if (!property_ok(what, __LINE__, spine_batch_cursor(batch, &cursor, &error), &error))
        return false;
    const bool same = check_cursor(cursor, expected, what);
    spine_cursor_close(cursor);
    if (!same)
        return false;

    spine_batch_get_info(batch, &info);
    HOLDS_EQUAL(expected->count, info.rows);
    HOLDS_EQUAL(model_key_count(expected), info.keys);
    HOLDS_EQUAL(model_negative_count(expected), info.negative_rows);
    if (expected->count == 0)
        return true;
    const enum spine_kind kind = expected->schema.key.kind;
    const struct model_row *last = &expected->rows[expected->count - 1];
    HOLDS(model_cell_compare(kind, info.key_min, expected->rows[0].key) == 0);
    HOLDS(model_cell_compare(kind, info.key_max, last->key) == 0);
    return true;
}

bool
check_snapshot(struct spine_snapshot *snapshot, const struct model *expected,
               const char *what)
{
    struct spine_cursor *cursor;
    struct spine_error error;

    if (!property_ok(what, __LINE__, spine_snapshot_cursor(snapshot, &cursor, &error),
                     &error))
        return false;
    const bool same = check_cursor(cursor, expected, what);
    spine_cursor_close(cursor);
    return same;
}

bool
check_spine(struct spine *spine, const struct model *expected, const char *what)
{
    struct spine_snapshot *snapshot;
    struct spine_error error;

    if (!property_ok(what, __LINE__, spine_take_snapshot(spine, &snapshot, &error),
                     &error))
        return false;
    const bool same = check_snapshot(snapshot, expected, what);
    spine_snapshot_unref(snapshot);
    return same;
}

bool
check_spine_quickly(struct spine *spine, const struct model *expected, const char *what)
{
    struct spine_cursor *cursor;
    struct spine_error error;
    struct model observed;

    if (!property_ok(what, __LINE__, spine_cursor_open(spine, &cursor, &error), &error))
        return false;
    model_init(&observed, &expected->schema);
    const bool same =
        observe_forward(cursor, &observed) && model_equal(expected, &observed, what);
    model_release(&observed);
    spine_cursor_close(cursor);
    return same;
}

bool
check_spine_since(struct spine *spine, const struct model *expected, uint64_t frontier,
                  const char *what)
{
    struct spine_snapshot *snapshot;
    struct spine_error error;

    if (!property_ok(what, __LINE__, spine_take_snapshot(spine, &snapshot, &error),
                     &error))
        return false;
    const bool same = check_snapshot_since(snapshot, expected, frontier, what);
    spine_snapshot_unref(snapshot);
    return same;
}

bool
check_snapshot_since(struct spine_snapshot *snapshot, const struct model *expected,
                     uint64_t frontier, const char *what)
{
    struct spine_cursor *cursor;
    struct spine_error error;
    struct model advanced, observed;

    if (!property_ok(what, __LINE__, spine_snapshot_cursor(snapshot, &cursor, &error),
                     &error))
        return false;
    model_init(&advanced, &expected->schema);
    model_copy(&advanced, expected);
    model_advance(&advanced, frontier);
    model_init(&observed, &expected->schema);
    bool same = observe_forward(cursor, &observed);
    model_advance(&observed, frontier);
    same = same && model_equal(&advanced, &observed, what);
    model_release(&advanced);
    model_release(&observed);
    spine_cursor_close(cursor);
    return same;
}

/* All times of the value, with their weights, and that they add up to what the cursor
 * says. */
static bool
observe_value(struct spine_cursor *cursor, struct model *out)
{
    const uint64_t *times;
    const int64_t *weights;
    struct model_row row = {.key = spine_cursor_key(cursor),
                            .value = spine_cursor_val(cursor)};
    int64_t sum[SPINE_WEIGHTS_MAX] = {0};
    const size_t count = spine_cursor_times(cursor, &times, &weights);

    HOLDS(count > 0);
    for (size_t at = 0; at < count; at++) {
        HOLDS(at == 0 || times[at - 1] < times[at]);
        row.time = times[at];
        for (unsigned i = 0; i < out->weight_count; i++) {
            row.weights[i] = weights[at * out->weight_count + i];
            sum[i] += row.weights[i];
        }
        HOLDS(out->schema.time != SPINE_UNTIMED || (count == 1 && row.time == 0));
        model_add(out, &row);
    }
    const int64_t *totals = spine_cursor_weights(cursor);
    for (unsigned i = 0; i < out->weight_count; i++)
        HOLDS_EQUAL(sum[i], totals[i]);
    HOLDS_EQUAL(sum[0], spine_cursor_weight(cursor));
    return true;
}

static void
reverse_rows(struct model *model)
{
    for (size_t i = 0, j = model->count; i + 1 < j; i++) {
        const struct model_row row = model->rows[--j];
        model->rows[j] = model->rows[i];
        model->rows[i] = row;
    }
}

static bool
cursor_is_sound(struct spine_cursor *cursor)
{
    struct spine_error error = {0};

    return property_ok(__FILE__, __LINE__, spine_cursor_error(cursor, &error), &error);
}
