/* SPDX-License-Identifier: MIT */
#include "unit/cursor/cursor_fixture.h"

static const struct pair pairs[] = {{10, 1}, {10, 2}, {20, 1}, {30, 5}};
#define PAIRS (sizeof pairs / sizeof pairs[0])

/* An absent key has one row; other moves leave it for keys that are there. */
static void
an_absent_key_has_one_row(void **state)
{
    struct spine_cursor *cursor = cursor_of_pairs(pairs, PAIRS);
    const uint64_t *times;
    const int64_t *weights;

    (void)state;
    spine_cursor_set_default(cursor, spine_u64(99));
    assert_true(spine_cursor_seek_key_exact(cursor, spine_u64(15)));
    expect_on(cursor, 15, 99);
    assert_int_equal(spine_cursor_weight(cursor), 1);
    assert_int_equal(spine_cursor_times(cursor, &times, &weights), 1);
    assert_int_equal(times[0], 0);
    spine_cursor_step_val(cursor);
    assert_false(spine_cursor_val_valid(cursor));
    spine_cursor_rewind_vals(cursor);
    expect_on(cursor, 15, 99);
    spine_cursor_step_key(cursor);
    expect_on(cursor, 20, 1);

    assert_true(spine_cursor_seek_key_exact(cursor, spine_u64(15)));
    spine_cursor_step_key_reverse(cursor);
    expect_on(cursor, 10, 1);
    /* Before all keys, and behind them. */
    assert_true(spine_cursor_seek_key_exact(cursor, spine_u64(0)));
    expect_on(cursor, 0, 99);
    spine_cursor_step_key(cursor);
    expect_on(cursor, 10, 1);
    assert_true(spine_cursor_seek_key_exact(cursor, spine_u64(UINT64_MAX)));
    expect_on(cursor, UINT64_MAX, 99);
    spine_cursor_step_key(cursor);
    assert_false(spine_cursor_key_valid(cursor));
    /* A key that is there has its own rows. */
    assert_true(spine_cursor_seek_key_exact(cursor, spine_u64(30)));
    expect_on(cursor, 30, 5);
    close_sound(cursor);
}

/* No other move shows it. */
static void
only_exact_seeks_show_it(void **state)
{
    struct spine_cursor *cursor = cursor_of_pairs(pairs, PAIRS);

    (void)state;
    spine_cursor_set_default(cursor, spine_u64(99));
    spine_cursor_seek_key(cursor, spine_u64(15));
    expect_on(cursor, 20, 1);
    spine_cursor_fast_forward(cursor);
    spine_cursor_seek_key_reverse(cursor, spine_u64(15));
    expect_on(cursor, 10, 1);
    close_sound(cursor);
}

/* A row that is shown keeps its value, whatever default comes. */
static void
a_new_default_is_for_later_seeks(void **state)
{
    struct spine_cursor *cursor = cursor_of_pairs(pairs, PAIRS);

    (void)state;
    spine_cursor_set_default(cursor, spine_u64(1));
    assert_true(spine_cursor_seek_key_exact(cursor, spine_u64(15)));
    spine_cursor_set_default(cursor, spine_u64(2));
    expect_on(cursor, 15, 1);
    spine_cursor_rewind_vals(cursor);
    expect_on(cursor, 15, 1);
    assert_true(spine_cursor_seek_key_exact(cursor, spine_u64(16)));
    expect_on(cursor, 16, 2);
    close_sound(cursor);
}

/* Bytes of the default and of the key are the cursor's own. */
static void
bytes_are_copied(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_BYTES, 0},
                                        .value = {SPINE_BYTES, 0}};
    char value[] = "a value of more than eight bytes";
    char key[] = "a key of more than eight bytes";
    struct spine_builder *builder;
    struct spine_cursor *cursor;
    struct spine_batch *batch;
    union spine_datum shown;

    (void)state;
    assert_int_equal(spine_builder_new(&schema, &builder, NULL), SPINE_OK);
    assert_int_equal(spine_builder_seal(builder, &batch, NULL), SPINE_OK);
    assert_int_equal(spine_batch_cursor(batch, &cursor, NULL), SPINE_OK);
    spine_cursor_set_default(cursor, spine_data(value, strlen(value)));
    memset(value, 'x', strlen(value));
    assert_true(spine_cursor_seek_key_exact(cursor, spine_data(key, strlen(key))));
    memset(key, 'x', strlen(key));
    shown = spine_cursor_key(cursor);
    assert_memory_equal(shown.bytes.data, "a key of more than eight bytes",
                        sizeof key - 1);
    /* What was given out stays until the next move. */
    shown = spine_cursor_val(cursor);
    spine_cursor_set_default(cursor, spine_data("another", 7));
    assert_int_equal(shown.bytes.size, sizeof value - 1);
    assert_memory_equal(shown.bytes.data, "a value of more than eight bytes",
                        sizeof value - 1);
    spine_cursor_close(cursor);
    spine_batch_unref(batch);
    spine_builder_free(builder);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

/* Keys outside of the bounds, and hidden ones, are absent. */
static bool
is_not_20(void *context, union spine_datum key)
{
    (void)context;
    return key.u64 != 20;
}

static void
what_is_not_shown_is_absent(void **state)
{
    const struct spine_key_filter filter = {.on_key = is_not_20};
    const union spine_datum lower = spine_u64(15);
    struct spine_cursor *cursor = cursor_of_pairs(pairs, PAIRS);

    (void)state;
    spine_cursor_set_default(cursor, spine_u64(99));
    spine_cursor_set_bounds(cursor, &lower, NULL);
    assert_true(spine_cursor_seek_key_exact(cursor, spine_u64(10)));
    expect_on(cursor, 10, 99);
    spine_cursor_step_key(cursor);
    expect_on(cursor, 20, 1);
    spine_cursor_set_filter(cursor, &filter);
    assert_true(spine_cursor_seek_key_exact(cursor, spine_u64(20)));
    expect_on(cursor, 20, 99);
    close_sound(cursor);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_absent_key_has_one_row),
        cmocka_unit_test(only_exact_seeks_show_it),
        cmocka_unit_test(a_new_default_is_for_later_seeks),
        cmocka_unit_test(bytes_are_copied),
        cmocka_unit_test(what_is_not_shown_is_absent),
    };

    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
