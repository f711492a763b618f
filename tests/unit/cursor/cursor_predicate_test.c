/* SPDX-License-Identifier: MIT */
#include "unit/cursor/cursor_fixture.h"

#include <stdlib.h>

#define MANY 20000u

/* A bound, and how often it was asked about. */
struct bound {
    uint64_t at;
    uint64_t asked;
};

static bool
is_from(void *context, union spine_datum cell)
{
    struct bound *bound = context;

    bound->asked++;
    return cell.u64 >= bound->at;
}

static bool
is_up_to(void *context, union spine_datum cell)
{
    struct bound *bound = context;

    bound->asked++;
    return cell.u64 <= bound->at;
}

static bool
is_odd(void *context, union spine_datum cell)
{
    (void)context;
    return cell.u64 % 2 == 1;
}

/* Every second number, all of them keys or all of them values of key 0. */
static struct spine_cursor *
cursor_of_many(bool as_keys)
{
    struct pair *pairs = malloc(MANY * sizeof *pairs);
    struct spine_cursor *cursor;

    assert_non_null(pairs);
    for (uint64_t i = 0; i < MANY; i++)
        pairs[i] = as_keys ? (struct pair){2 * i, 7} : (struct pair){0, 2 * i};
    cursor = cursor_of_pairs(pairs, MANY);
    free(pairs);
    return cursor;
}

/* From wherever the cursor stands, and no further back; by some questions for each
 * doubling of the distance. */
static void
keys_are_found_by_doubling(void **state)
{
    struct spine_cursor *cursor = cursor_of_many(true);

    (void)state;
    for (uint64_t distance = 1; distance < MANY; distance = distance * 3 + 1) {
        struct bound bound = {.at = 2 * distance - 1};
        uint64_t doublings = 1;

        while (distance >> doublings > 0)
            doublings++;
        spine_cursor_rewind(cursor);
        spine_cursor_seek_key_with(cursor, is_from, &bound);
        expect_on(cursor, 2 * distance, 7);
        assert_true(bound.asked <= 6 * doublings + 16);
        /* It accepts the present key already. */
        bound.at = 0;
        spine_cursor_seek_key_with(cursor, is_from, &bound);
        expect_on(cursor, 2 * distance, 7);
        /* And backward. */
        bound.at = 2 * distance;
        spine_cursor_seek_key_with_reverse(cursor, is_up_to, &bound);
        expect_on(cursor, 2 * distance, 7);
        bound.at = 1;
        spine_cursor_seek_key_with_reverse(cursor, is_up_to, &bound);
        expect_on(cursor, 0, 7);
    }
    close_sound(cursor);
}

static void
values_are_found_within_their_key(void **state)
{
    struct spine_cursor *cursor = cursor_of_many(false);

    (void)state;
    for (uint64_t at = 1; at < 2 * MANY - 2; at = at * 5 + 2) {
        struct bound bound = {.at = at};

        spine_cursor_rewind_vals(cursor);
        spine_cursor_seek_val_with(cursor, is_from, &bound);
        expect_on(cursor, 0, (at + 1) / 2 * 2);
        spine_cursor_fast_forward_vals(cursor);
        spine_cursor_seek_val_with_reverse(cursor, is_up_to, &bound);
        expect_on(cursor, 0, at / 2 * 2);
    }
    close_sound(cursor);
}

/* What nothing satisfies takes the cursor to the end, in either direction. */
static void
no_cell_is_the_end(void **state)
{
    const struct pair pairs[] = {{1, 1}, {1, 3}, {3, 1}, {5, 1}};
    struct spine_cursor *cursor = cursor_of_pairs(pairs, 4);
    struct bound none = {.at = 100}, below = {.at = 0};

    (void)state;
    spine_cursor_seek_key_with(cursor, is_from, &none);
    assert_false(spine_cursor_key_valid(cursor));
    spine_cursor_fast_forward(cursor);
    spine_cursor_seek_key_with_reverse(cursor, is_up_to, &below);
    assert_false(spine_cursor_key_valid(cursor));
    spine_cursor_rewind(cursor);
    spine_cursor_seek_val_with(cursor, is_from, &none);
    assert_true(spine_cursor_key_valid(cursor));
    assert_false(spine_cursor_val_valid(cursor));
    spine_cursor_rewind_vals(cursor);
    expect_on(cursor, 1, 1);
    close_sound(cursor);
}

/* It goes forward to some key or to the end, and is as sound as before. */
static void
a_predicate_that_is_not_monotone_does_no_harm(void **state)
{
    const struct pair pairs[] = {{2, 1}, {3, 1}, {4, 1}, {5, 1}, {6, 1}, {7, 1}, {8, 1}};
    struct spine_cursor *cursor = cursor_of_pairs(pairs, 7);

    (void)state;
    for (uint64_t begin = 2; begin <= 8; begin++) {
        spine_cursor_rewind(cursor);
        spine_cursor_seek_key(cursor, spine_u64(begin));
        spine_cursor_seek_key_with(cursor, is_odd, NULL);
        if (spine_cursor_key_valid(cursor))
            assert_true(spine_cursor_key(cursor).u64 >= begin);
        spine_cursor_rewind(cursor);
        expect_on(cursor, 2, 1);
    }
    close_sound(cursor);
}

/* Missing callbacks and keys are named; the cursor has failed then. */
static void
misuse_is_named(void **state)
{
    const struct pair pairs[] = {{1, 1}};
    struct spine_error error;
    struct spine_cursor *cursor = cursor_of_pairs(pairs, 1);

    (void)state;
    spine_cursor_seek_key_with(cursor, NULL, NULL);
    assert_int_equal(spine_cursor_error(cursor, &error), SPINE_INVALID);
    assert_non_null(strstr(error.message, "spine_cursor_seek_key_with"));
    assert_false(spine_cursor_key_valid(cursor));
    spine_cursor_close(cursor);
    cursor = cursor_of_pairs(pairs, 1);
    spine_cursor_step_key(cursor);
    spine_cursor_seek_val_with(cursor, is_odd, NULL);
    assert_int_equal(spine_cursor_error(cursor, &error), SPINE_MISUSE);
    assert_non_null(strstr(error.message, "spine_cursor_seek_val_with"));
    spine_cursor_close(cursor);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_found_by_doubling),
        cmocka_unit_test(values_are_found_within_their_key),
        cmocka_unit_test(no_cell_is_the_end),
        cmocka_unit_test(a_predicate_that_is_not_monotone_does_no_harm),
        cmocka_unit_test(misuse_is_named),
    };

    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
