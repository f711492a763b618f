/* SPDX-License-Identifier: MIT */
#include "unit/cursor/cursor_fixture.h"

static const struct pair pairs[] = {{10, 1}, {10, 2}, {10, 3}, {20, 1}, {30, 5}};
#define PAIRS (sizeof pairs / sizeof pairs[0])

static struct spine_cursor *
clone_of(struct spine_cursor *cursor)
{
    struct spine_cursor *clone;

    assert_int_equal(spine_cursor_clone(cursor, &clone, NULL), SPINE_OK);
    return clone;
}

/* Wherever a cursor may stand, its clone stands, and goes on from there by itself. */
static void
a_clone_stands_where_its_cursor_does(void **state)
{
    struct spine_cursor *cursor = cursor_of_pairs(pairs, PAIRS);
    struct spine_cursor *clone;

    (void)state;
    /* New: on the first row, once it is asked. */
    clone = clone_of(cursor);
    expect_on(clone, 10, 1);
    spine_cursor_close(clone);
    /* On a value in the middle. */
    spine_cursor_step_val(cursor);
    clone = clone_of(cursor);
    expect_on(clone, 10, 2);
    spine_cursor_step_val_reverse(clone);
    expect_on(clone, 10, 1);
    expect_on(cursor, 10, 2);
    spine_cursor_close(clone);
    /* Before the values of a key, and behind them. */
    spine_cursor_step_val_reverse(cursor);
    spine_cursor_step_val_reverse(cursor);
    clone = clone_of(cursor);
    assert_true(spine_cursor_key_valid(clone));
    assert_false(spine_cursor_val_valid(clone));
    spine_cursor_seek_val(clone, spine_u64(0));
    expect_on(clone, 10, 1);
    spine_cursor_close(clone);
    spine_cursor_fast_forward_vals(cursor);
    spine_cursor_step_val(cursor);
    clone = clone_of(cursor);
    assert_false(spine_cursor_val_valid(clone));
    spine_cursor_seek_val_reverse(clone, spine_u64(UINT64_MAX));
    expect_on(clone, 10, 3);
    spine_cursor_close(clone);
    /* Behind all keys, and before them. */
    spine_cursor_fast_forward(cursor);
    spine_cursor_step_key(cursor);
    clone = clone_of(cursor);
    assert_false(spine_cursor_key_valid(clone));
    spine_cursor_seek_key_reverse(clone, spine_u64(25));
    expect_on(clone, 20, 1);
    spine_cursor_close(clone);
    close_sound(cursor);
}

/* Bounds, the default and the row of an absent key go along; later ones do not. */
static void
views_go_along(void **state)
{
    const union spine_datum upper = spine_u64(30);
    struct spine_cursor *cursor = cursor_of_pairs(pairs, PAIRS);
    struct spine_cursor *clone;

    (void)state;
    spine_cursor_set_default(cursor, spine_u64(7));
    spine_cursor_set_bounds(cursor, NULL, &upper);
    assert_true(spine_cursor_seek_key_exact(cursor, spine_u64(15)));
    spine_cursor_set_default(cursor, spine_u64(8));
    clone = clone_of(cursor);
    /* The row that is shown has the default of then. */
    expect_on(clone, 15, 7);
    assert_true(spine_cursor_seek_key_exact(clone, spine_u64(16)));
    expect_on(clone, 16, 8);
    spine_cursor_set_default(cursor, spine_u64(9));
    assert_true(spine_cursor_seek_key_exact(clone, spine_u64(17)));
    expect_on(clone, 17, 8);
    spine_cursor_fast_forward(clone);
    expect_on(clone, 20, 1);
    /* It outlives what it was made of. */
    spine_cursor_close(cursor);
    spine_cursor_rewind(clone);
    expect_on(clone, 10, 1);
    close_sound(clone);
}

/* A failed cursor has no clone, and says why; without memory there is none, and the
 * cursor is as it was. */
static void
refusals_leave_the_cursor(void **state)
{
    struct spine_cursor *cursor = cursor_of_pairs(pairs, PAIRS);
    struct spine_cursor *clone = cursor;
    struct spine_error error = {0};

    (void)state;
    spine_cursor_step_val(cursor);
    for (uint64_t nth = 1;; nth++) {
        fault_alloc_arm(FAULT_ONCE, nth);
        const enum spine_status st = spine_cursor_clone(cursor, &clone, &error);
        if (!fault_alloc_disarm()) {
            assert_int_equal(st, SPINE_OK);
            break;
        }
        assert_int_equal(st, SPINE_NOMEM);
        assert_int_equal(error.status, SPINE_NOMEM);
        assert_null(clone);
        expect_on(cursor, 10, 2);
    }
    spine_cursor_close(clone);
    spine_cursor_fast_forward(cursor);
    spine_cursor_step_key(cursor);
    spine_cursor_step_key(cursor);
    assert_int_equal(spine_cursor_clone(cursor, &clone, &error), SPINE_MISUSE);
    assert_non_null(strstr(error.message, "spine_cursor_step_key"));
    assert_null(clone);
    spine_cursor_close(cursor);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clone_stands_where_its_cursor_does),
        cmocka_unit_test(views_go_along),
        cmocka_unit_test(refusals_leave_the_cursor),
    };

    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
