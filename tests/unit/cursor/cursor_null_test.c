/* SPDX-License-Identifier: MIT */

/* NULL for every pointer that functions of cursors take. */

#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "harness/nulls.h"

static const struct spine_schema pairs = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};

/* One row (1, 2), weight 3. */
static struct spine_batch *
one_row(void)
{
    const uint64_t key = 1, value = 2;
    const int64_t weight = 3;
    const struct spine_columns columns = {
        .rows = 1, .keys = &key, .values = &value, .weights = &weight};
    struct spine_batch *batch;

    assert_int_equal(spine_batch_from_columns(&pairs, &columns, &batch, NULL), SPINE_OK);
    return batch;
}

static struct spine_cursor *
open_one_row(void)
{
    struct spine_batch *batch = one_row();
    struct spine_cursor *cursor;

    assert_int_equal(spine_batch_cursor(batch, &cursor, NULL), SPINE_OK);
    spine_batch_unref(batch);
    return cursor;
}

static bool
on_cell(void *context, union spine_datum cell)
{
    (void)context;
    return cell.u64 > 0;
}

/* A NULL cursor is nothing, and moves nowhere. */
static void
no_cursor_is_nothing(void **state)
{
    const union spine_datum one = spine_u64(1);
    const struct spine_column_buffers buffers = {.rows = 0};
    struct spine_cursor *const none = NULL;

    (void)state;
    TOLERATES(spine_cursor_close, cursor, (spine_cursor_close(none), true));
    TOLERATES(spine_cursor_status, cursor, spine_cursor_status(none) == SPINE_INVALID);
    REFUSES(spine_cursor_error, cursor, (none, error));
    TOLERATES(spine_cursor_key_valid, cursor, !spine_cursor_key_valid(none));
    TOLERATES(spine_cursor_val_valid, cursor, !spine_cursor_val_valid(none));
    TOLERATES(spine_cursor_key, cursor, spine_cursor_key(none).bytes.size == 0);
    TOLERATES(spine_cursor_val, cursor, spine_cursor_val(none).bytes.size == 0);
    TOLERATES(spine_cursor_weight, cursor, spine_cursor_weight(none) == 0);
    TOLERATES(spine_cursor_weights, cursor, spine_cursor_weights(none)[7] == 0);
    TOLERATES(spine_cursor_rewind, cursor, (spine_cursor_rewind(none), true));
    TOLERATES(spine_cursor_fast_forward, cursor, (spine_cursor_fast_forward(none), true));
    TOLERATES(spine_cursor_step_key, cursor, (spine_cursor_step_key(none), true));
    TOLERATES(spine_cursor_step_key_reverse, cursor,
              (spine_cursor_step_key_reverse(none), true));
    TOLERATES(spine_cursor_seek_key, cursor, (spine_cursor_seek_key(none, one), true));
    TOLERATES(spine_cursor_seek_key_reverse, cursor,
              (spine_cursor_seek_key_reverse(none, one), true));
    TOLERATES(spine_cursor_seek_key_exact, cursor,
              !spine_cursor_seek_key_exact(none, one));
    TOLERATES(spine_cursor_rewind_vals, cursor, (spine_cursor_rewind_vals(none), true));
    TOLERATES(spine_cursor_fast_forward_vals, cursor,
              (spine_cursor_fast_forward_vals(none), true));
    TOLERATES(spine_cursor_step_val, cursor, (spine_cursor_step_val(none), true));
    TOLERATES(spine_cursor_step_val_reverse, cursor,
              (spine_cursor_step_val_reverse(none), true));
    TOLERATES(spine_cursor_seek_val, cursor, (spine_cursor_seek_val(none, one), true));
    TOLERATES(spine_cursor_seek_val_reverse, cursor,
              (spine_cursor_seek_val_reverse(none, one), true));
    TOLERATES(spine_cursor_read, cursor, spine_cursor_read(none, &buffers) == 0);
}

static void
no_cursor_has_no_views(void **state)
{
    const struct spine_key_filter filter = {.on_key = on_cell};
    struct spine_cursor *const none = NULL;
    struct spine_cursor *cursor;
    const union spine_datum one = spine_u64(1);
    const uint64_t *times;
    const int64_t *weights;
    uint64_t offset = 7, total = 7;

    (void)state;
    TOLERATES(spine_cursor_times, cursor,
              ((void)spine_cursor_times(none, &times, &weights),
               times[0] == 0 && weights[7] == 0));
    TOLERATES(spine_cursor_times_through, cursor,
              ((void)spine_cursor_times_through(none, 1, &times, &weights),
               times[0] == 0 && weights[7] == 0));
    TOLERATES(spine_cursor_seek_key_with, cursor,
              (spine_cursor_seek_key_with(none, on_cell, NULL), true));
    TOLERATES(spine_cursor_seek_key_with_reverse, cursor,
              (spine_cursor_seek_key_with_reverse(none, on_cell, NULL), true));
    TOLERATES(spine_cursor_seek_val_with, cursor,
              (spine_cursor_seek_val_with(none, on_cell, NULL), true));
    TOLERATES(spine_cursor_seek_val_with_reverse, cursor,
              (spine_cursor_seek_val_with_reverse(none, on_cell, NULL), true));
    TOLERATES(spine_cursor_set_through, cursor,
              (spine_cursor_set_through(none, 1), true));
    TOLERATES(spine_cursor_set_filter, cursor,
              (spine_cursor_set_filter(none, &filter), true));
    TOLERATES(spine_cursor_set_bounds, cursor,
              (spine_cursor_set_bounds(none, &one, &one), true));
    TOLERATES(spine_cursor_set_through, cursor,
              (spine_cursor_set_through(none, 1), true));
    TOLERATES(spine_cursor_position, cursor,
              (spine_cursor_position(none, &offset, &total) == SPINE_INVALID &&
               offset == 0 && total == 0));
    TOLERATES(spine_cursor_rows_skipped, cursor, spine_cursor_rows_skipped(none) == 0);
    TOLERATES(spine_cursor_set_default, cursor,
              (spine_cursor_set_default(none, one), true));
    REFUSES(spine_cursor_clone, cursor, (none, &cursor, error));
    REFUSES(spine_cursor_group, cursor, (none, 0, &cursor, error));
}

/* `call` of a new cursor makes it fail, naming `argument`. */
static void
fails_for_good(void (*call)(struct spine_cursor *cursor), const char *message)
{
    struct spine_cursor *cursor = open_one_row();

    call(cursor);
    assert_int_equal(spine_cursor_error(cursor, error), SPINE_INVALID);
    assert_string_equal(told.message, message);
    assert_false(spine_cursor_key_valid(cursor));
    spine_cursor_close(cursor);
}

static void
seek_key_by_nothing(struct spine_cursor *cursor)
{
    TOLERATES(spine_cursor_seek_key_with, on_key,
              (spine_cursor_seek_key_with(cursor, NULL, NULL), true));
}

static void
seek_key_reverse_by_nothing(struct spine_cursor *cursor)
{
    TOLERATES(spine_cursor_seek_key_with_reverse, on_key,
              (spine_cursor_seek_key_with_reverse(cursor, NULL, NULL), true));
}

static void
seek_val_by_nothing(struct spine_cursor *cursor)
{
    TOLERATES(spine_cursor_seek_val_with, on_val,
              (spine_cursor_seek_val_with(cursor, NULL, NULL), true));
}

static void
seek_val_reverse_by_nothing(struct spine_cursor *cursor)
{
    TOLERATES(spine_cursor_seek_val_with_reverse, on_val,
              (spine_cursor_seek_val_with_reverse(cursor, NULL, NULL), true));
}

static void
a_cursor_needs_what_it_is_given(void **state)
{
    struct spine_cursor *cursor = open_one_row();
    struct spine_batch *batch = one_row();
    struct spine_cursor *other;

    (void)state;
    REFUSES(spine_batch_cursor, batch, (NULL, &other, error));
    REFUSES(spine_batch_cursor, out, (batch, NULL, error));
    REFUSES(spine_cursor_clone, out, (cursor, NULL, error));
    REFUSES(spine_cursor_group, out, (cursor, 0, NULL, error));
    fails_for_good(seek_key_by_nothing, "spine_cursor_seek_key_with: on_key is NULL");
    fails_for_good(seek_key_reverse_by_nothing,
                   "spine_cursor_seek_key_with_reverse: on_key is NULL");
    fails_for_good(seek_val_by_nothing, "spine_cursor_seek_val_with: on_val is NULL");
    fails_for_good(seek_val_reverse_by_nothing,
                   "spine_cursor_seek_val_with_reverse: on_val is NULL");
    TOLERATES(spine_cursor_read, buffers,
              spine_cursor_read(cursor, NULL) == 0 &&
                  spine_cursor_error(cursor, error) == SPINE_INVALID);
    assert_string_equal(told.message, "spine_cursor_read: buffers is NULL");
    assert_int_equal(spine_cursor_key(cursor).u64, 1);
    spine_batch_unref(batch);
    spine_cursor_close(cursor);
}

static void
a_cursor_tells_only_what_is_wanted(void **state)
{
    struct spine_cursor *cursor = open_one_row();
    const union spine_datum one = spine_u64(1);
    const uint64_t *times;
    const int64_t *weights;
    uint64_t offset, total;

    (void)state;
    TOLERATES(spine_cursor_times, times,
              ((void)spine_cursor_times(cursor, NULL, &weights), weights[0] == 3));
    TOLERATES(spine_cursor_times, weights,
              ((void)spine_cursor_times(cursor, &times, NULL), times[0] == 0));
    TOLERATES(
        spine_cursor_times_through, times,
        ((void)spine_cursor_times_through(cursor, 0, NULL, &weights), weights[0] == 3));
    TOLERATES(spine_cursor_times_through, weights,
              ((void)spine_cursor_times_through(cursor, 0, &times, NULL), times[0] == 0));
    TOLERATES(spine_cursor_position, offset,
              (spine_cursor_position(cursor, NULL, &total) == SPINE_OK && total == 1));
    TOLERATES(spine_cursor_position, total,
              (spine_cursor_position(cursor, &offset, NULL) == SPINE_OK && offset == 0));
    TOLERATES(
        spine_cursor_set_bounds, lower,
        (spine_cursor_set_bounds(cursor, NULL, &one), !spine_cursor_key_valid(cursor)));
    TOLERATES(
        spine_cursor_set_bounds, upper,
        (spine_cursor_set_bounds(cursor, &one, NULL), spine_cursor_key_valid(cursor)));
    TOLERATES(spine_cursor_set_filter, filter,
              (spine_cursor_set_filter(cursor, NULL), spine_cursor_key_valid(cursor)));
    spine_cursor_close(cursor);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_cursor_is_nothing),
        cmocka_unit_test(no_cursor_has_no_views),
        cmocka_unit_test(a_cursor_needs_what_it_is_given),
        cmocka_unit_test(a_cursor_tells_only_what_is_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
