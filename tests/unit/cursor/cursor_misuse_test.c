/* SPDX-License-Identifier: MIT */
#include "cursor/cursor.h"

#include "unit/merge/merge_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct spine_schema u64_u64 = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_U64, 0}};

/* A batch of the rows (key, value, time, weight). */
static struct spine_batch *
batch_of(const struct spine_schema *schema, const uint64_t (*rows)[4], size_t count)
{
    struct spine_batch *batch;
    struct layout layout;
    struct model model;

    assert_int_equal(layout_init(&layout, schema, NULL), SPINE_OK);
    model_init(&model, schema);
    for (size_t i = 0; i < count; i++) {
        const struct model_row row = {.key = spine_u64(rows[i][0]),
                                      .value = spine_u64(rows[i][1]),
                                      .time = rows[i][2],
                                      .weights = {(int64_t)rows[i][3]}};

        model_add(&model, &row);
    }
    model_consolidate(&model);
    batch = fixture_batch(&layout, &model, 0);
    assert_non_null(batch);
    model_release(&model);
    return batch;
}

static struct spine_cursor *
cursor_over(const struct spine_schema *schema, struct spine_batch **batches, size_t count)
{
    struct spine_cursor *cursor;
    struct layout layout;

    assert_int_equal(layout_init(&layout, schema, NULL), SPINE_OK);
    assert_int_equal(cursor_new(&cursor, &layout, batches, count, NULL), SPINE_OK);
    return cursor;
}

static void
call_key(struct spine_cursor *cursor)
{
    assert_int_equal(spine_cursor_key(cursor).u64, 0);
}

static void
call_val(struct spine_cursor *cursor)
{
    assert_int_equal(spine_cursor_val(cursor).u64, 0);
}

static void
call_weight(struct spine_cursor *cursor)
{
    assert_int_equal(spine_cursor_weight(cursor), 0);
}

static void
call_weights(struct spine_cursor *cursor)
{
    assert_int_equal(spine_cursor_weights(cursor)[0], 0);
}

static void
call_times(struct spine_cursor *cursor)
{
    const uint64_t *times;
    const int64_t *weights;

    assert_int_equal(spine_cursor_times(cursor, &times, &weights), 0);
    assert_int_equal(times[0], 0);
    assert_int_equal(weights[0], 0);
}

static void
call_seek_val(struct spine_cursor *cursor)
{
    spine_cursor_seek_val(cursor, spine_u64(0));
}

static void
call_seek_val_reverse(struct spine_cursor *cursor)
{
    spine_cursor_seek_val_reverse(cursor, spine_u64(0));
}

typedef void call_fn(struct spine_cursor *cursor);

/* Where a cursor over keys 1 and 2 can stand without a key or a value. */
static void
stand_after_keys(struct spine_cursor *cursor)
{
    spine_cursor_fast_forward(cursor);
    spine_cursor_step_key(cursor);
}

static void
stand_before_keys(struct spine_cursor *cursor)
{
    spine_cursor_step_key_reverse(cursor);
}

static void
stand_nowhere(struct spine_cursor *cursor)
{
    assert_false(spine_cursor_seek_key_exact(cursor, spine_u64(7)));
}

static void
stand_after_values(struct spine_cursor *cursor)
{
    spine_cursor_fast_forward_vals(cursor);
    spine_cursor_step_val(cursor);
}

static void
stand_before_values(struct spine_cursor *cursor)
{
    spine_cursor_step_val_reverse(cursor);
}

static const struct {
    const char *name;
    call_fn *on_call;
    /* Legal on a key without a value. */
    bool needs_key_only;
} calls[] = {
    {"spine_cursor_key", call_key, true},
    {"spine_cursor_val", call_val, false},
    {"spine_cursor_weight", call_weight, false},
    {"spine_cursor_weight", call_weights, false},
    {"spine_cursor_times", call_times, false},
    {"spine_cursor_step_key", spine_cursor_step_key, true},
    {"spine_cursor_step_key_reverse", spine_cursor_step_key_reverse, true},
    {"spine_cursor_rewind_vals", spine_cursor_rewind_vals, true},
    {"spine_cursor_fast_forward_vals", spine_cursor_fast_forward_vals, true},
    {"spine_cursor_step_val", spine_cursor_step_val, false},
    {"spine_cursor_step_val_reverse", spine_cursor_step_val_reverse, false},
    {"spine_cursor_seek_val", call_seek_val, true},
    {"spine_cursor_seek_val_reverse", call_seek_val_reverse, true},
};

static const struct {
    call_fn *on_stand;
    bool on_key;
} stands[] = {
    {stand_after_keys, false},  {stand_before_keys, false},  {stand_nowhere, false},
    {stand_after_values, true}, {stand_before_values, true},
};

/* Nothing moves a cursor that failed, and what it gives out is zero. */
static void
assert_failed(struct spine_cursor *cursor, enum spine_status status, const char *message)
{
    struct spine_error error = {0};
    uint64_t keys[4];
    const struct spine_column_buffers buffers = {.rows = 4, .keys = keys};

    assert_int_equal(spine_cursor_status(cursor), status);
    assert_int_equal(spine_cursor_error(cursor, &error), status);
    assert_int_equal(error.status, status);
    assert_non_null(strstr(error.message, message));
    spine_cursor_rewind(cursor);
    spine_cursor_fast_forward(cursor);
    spine_cursor_seek_key(cursor, spine_u64(1));
    spine_cursor_seek_key_reverse(cursor, spine_u64(2));
    assert_false(spine_cursor_seek_key_exact(cursor, spine_u64(1)));
    assert_int_equal(spine_cursor_read(cursor, &buffers), 0);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        calls[i].on_call(cursor);
    assert_false(spine_cursor_key_valid(cursor));
    assert_false(spine_cursor_val_valid(cursor));
    assert_int_equal(spine_cursor_status(cursor), status);
}

static void
test_misuse_is_sticky(void **state)
{
    const uint64_t rows[][4] = {{1, 10, 0, 1}, {1, 11, 0, 1}, {2, 20, 0, 1}};
    struct spine_batch *batch = batch_of(&u64_u64, rows, 3);

    (void)state;
    for (size_t s = 0; s < sizeof stands / sizeof stands[0]; s++)
        for (size_t c = 0; c < sizeof calls / sizeof calls[0]; c++) {
            struct spine_cursor *cursor = cursor_over(&u64_u64, &batch, 1);

            stands[s].on_stand(cursor);
            assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
            if (stands[s].on_key && calls[c].needs_key_only) {
                if (calls[c].on_call != call_key)
                    calls[c].on_call(cursor);
                assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
            } else {
                calls[c].on_call(cursor);
                assert_failed(cursor, SPINE_MISUSE, calls[c].name);
            }
            spine_cursor_close(cursor);
        }
    spine_batch_unref(batch);
}

/* The first call of a new cursor may be any. */
static void
test_a_new_cursor_stands_on_the_first_row(void **state)
{
    const uint64_t rows[][4] = {{1, 10, 0, 5}, {2, 20, 0, 1}};
    struct spine_batch *batch = batch_of(&u64_u64, rows, 2);
    struct spine_cursor *cursor;

    (void)state;
    cursor = cursor_over(&u64_u64, &batch, 1);
    assert_int_equal(spine_cursor_key(cursor).u64, 1);
    spine_cursor_close(cursor);
    cursor = cursor_over(&u64_u64, &batch, 1);
    assert_int_equal(spine_cursor_val(cursor).u64, 10);
    spine_cursor_close(cursor);
    cursor = cursor_over(&u64_u64, &batch, 1);
    assert_int_equal(spine_cursor_weight(cursor), 5);
    spine_cursor_close(cursor);
    cursor = cursor_over(&u64_u64, &batch, 1);
    spine_cursor_step_key(cursor);
    assert_int_equal(spine_cursor_key(cursor).u64, 2);
    spine_cursor_close(cursor);
    cursor = cursor_over(&u64_u64, &batch, 1);
    spine_cursor_step_val(cursor);
    assert_true(spine_cursor_key_valid(cursor));
    assert_false(spine_cursor_val_valid(cursor));
    spine_cursor_close(cursor);
    cursor = cursor_over(&u64_u64, &batch, 1);
    spine_cursor_seek_key_reverse(cursor, spine_u64(0));
    assert_false(spine_cursor_key_valid(cursor));
    spine_cursor_seek_key(cursor, spine_u64(2));
    assert_int_equal(spine_cursor_key(cursor).u64, 2);
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    spine_cursor_close(cursor);
    spine_batch_unref(batch);
}

static void
test_no_batch_is_an_empty_cursor(void **state)
{
    struct spine_cursor *cursor = cursor_over(&u64_u64, NULL, 0);
    uint64_t keys[4];
    const struct spine_column_buffers buffers = {.rows = 4, .keys = keys};

    (void)state;
    assert_false(spine_cursor_key_valid(cursor));
    assert_false(spine_cursor_val_valid(cursor));
    spine_cursor_seek_key(cursor, spine_u64(1));
    spine_cursor_seek_key_reverse(cursor, spine_u64(1));
    spine_cursor_fast_forward(cursor);
    assert_false(spine_cursor_seek_key_exact(cursor, spine_u64(1)));
    assert_int_equal(spine_cursor_read(cursor, &buffers), 0);
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    spine_cursor_close(cursor);
    spine_cursor_close(NULL);
}

static void
test_sums_that_overflow_are_sticky(void **state)
{
    const uint64_t rows[][4] = {{1, 1, 0, 1}, {2, 1, 0, INT64_MAX}};
    struct spine_batch *batch = batch_of(&u64_u64, rows, 2);
    struct spine_batch *twice[2] = {batch, batch};
    struct spine_cursor *cursor = cursor_over(&u64_u64, twice, 2);

    (void)state;
    spine_cursor_rewind(cursor);
    assert_failed(cursor, SPINE_OVERFLOW, "int64_t");
    spine_cursor_close(cursor);
    spine_batch_unref(batch);
}

/* Times are added up only when somebody asks, and what overflows on the way may
 * return. */
static void
test_sums_over_times_overflow_when_asked_for(void **state)
{
    const struct spine_schema schema = {
        .key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}, .time = SPINE_TIME_U64};
    const uint64_t rows[][4] = {
        {1, 1, 1, INT64_MAX}, {1, 1, 2, INT64_MAX},   {1, 1, 3, (uint64_t)INT64_MIN},
        {1, 1, 4, 1},         {2, 1, 1, INT64_MAX},   {2, 1, 2, 1},
        {3, 1, 1, 1},         {3, 1, 2, (uint64_t)-1}};
    struct spine_batch *batch = batch_of(&schema, rows, 8);
    struct spine_cursor *cursor = cursor_over(&schema, &batch, 1);
    const uint64_t *times;
    const int64_t *weights;

    (void)state;
    assert_true(spine_cursor_weight(cursor) == INT64_MAX);
    spine_cursor_step_key(cursor);
    assert_int_equal(spine_cursor_times(cursor, &times, &weights), 2);
    assert_int_equal(times[1], 2);
    spine_cursor_step_key(cursor);
    /* Zero in all, but not at any time. */
    assert_int_equal(spine_cursor_weight(cursor), 0);
    assert_int_equal(spine_cursor_times(cursor, &times, &weights), 2);
    assert_int_equal(weights[1], -1);
    assert_true(spine_cursor_seek_key_exact(cursor, spine_u64(2)));
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    assert_int_equal(spine_cursor_weight(cursor), 0);
    assert_failed(cursor, SPINE_OVERFLOW, "int64_t");
    spine_cursor_close(cursor);
    spine_batch_unref(batch);
}

static void
test_keys_of_a_wrong_size_are_invalid(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_FIXED, 5}};
    struct spine_cursor *cursor = cursor_over(&schema, NULL, 0);

    (void)state;
    assert_false(spine_cursor_seek_key_exact(cursor, spine_data("four", 4)));
    assert_int_equal(spine_cursor_status(cursor), SPINE_INVALID);
    assert_false(spine_cursor_seek_key_exact(cursor, spine_data("fives", 5)));
    assert_int_equal(spine_cursor_status(cursor), SPINE_INVALID);
    spine_cursor_close(cursor);
}

/* A read that is refused says what it needs, and can be done again with more room. */
static void
test_a_row_too_large_is_refused(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_BYTES, 0}};
    struct spine_batch *batch;
    struct spine_cursor *cursor;
    struct spine_error error;
    struct layout layout;
    struct model model;
    char keys[16];
    uint64_t offsets[3];
    struct spine_column_buffers buffers = {
        .rows = 2, .keys = keys, .key_offsets = offsets, .key_bytes = 4};
    struct model_row row = {.key = spine_data("abc", 3), .weights = {1}};

    (void)state;
    assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
    model_init(&model, &schema);
    model_add(&model, &row);
    row.key = spine_data("bcdefghijk", 10);
    model_add(&model, &row);
    batch = fixture_batch(&layout, &model, 0);
    cursor = cursor_over(&schema, &batch, 1);
    assert_int_equal(spine_cursor_read(cursor, &buffers), 1);
    assert_int_equal(offsets[1], 3);
    assert_int_equal(spine_cursor_read(cursor, &buffers), 0);
    assert_int_equal(spine_cursor_error(cursor, &error), SPINE_INVALID);
    assert_non_null(strstr(error.message, "10 bytes"));
    assert_true(spine_cursor_key_valid(cursor));
    buffers.key_bytes = sizeof keys;
    assert_int_equal(spine_cursor_read(cursor, &buffers), 1);
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    assert_memory_equal(keys, "bcdefghijk", 10);
    assert_int_equal(spine_cursor_read(cursor, &buffers), 0);
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    spine_cursor_close(cursor);
    spine_batch_unref(batch);
    model_release(&model);
}

static void
test_a_value_of_too_many_times_is_refused(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .time = SPINE_TIME_U64};
    const uint64_t rows[][4] = {{1, 0, 1, 1}, {2, 0, 1, 1}, {2, 0, 2, 1}, {2, 0, 3, 1}};
    struct spine_batch *batch = batch_of(&schema, rows, 4);
    struct spine_cursor *cursor = cursor_over(&schema, &batch, 1);
    struct spine_error error;
    uint64_t times[3];
    struct spine_column_buffers buffers = {.rows = 2, .times = times};

    (void)state;
    assert_int_equal(spine_cursor_read(cursor, &buffers), 1);
    assert_int_equal(spine_cursor_read(cursor, &buffers), 0);
    assert_int_equal(spine_cursor_error(cursor, &error), SPINE_INVALID);
    assert_non_null(strstr(error.message, "3 times"));
    buffers.rows = 3;
    assert_int_equal(spine_cursor_read(cursor, &buffers), 3);
    assert_int_equal(times[2], 3);
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    spine_cursor_close(cursor);
    spine_batch_unref(batch);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_misuse_is_sticky),
        cmocka_unit_test(test_a_new_cursor_stands_on_the_first_row),
        cmocka_unit_test(test_no_batch_is_an_empty_cursor),
        cmocka_unit_test(test_sums_that_overflow_are_sticky),
        cmocka_unit_test(test_sums_over_times_overflow_when_asked_for),
        cmocka_unit_test(test_keys_of_a_wrong_size_are_invalid),
        cmocka_unit_test(test_a_row_too_large_is_refused),
        cmocka_unit_test(test_a_value_of_too_many_times_is_refused),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
