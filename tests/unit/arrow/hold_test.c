/* SPDX-License-Identifier: MIT */

/*
 * Memory of a hold is zeroed, aligned for numbers of all kinds, and goes as a whole: with
 * its last reference, or for the next use.
 */

#include "arrow/hold.h"

#include "harness/fault_alloc.h"
#include "spine/tuple.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
test_memory_is_zeroed_and_aligned(void **state)
{
    struct hold hold = {0};

    (void)state;
    for (size_t bytes = 0; bytes < 100; bytes++) {
        static const uint8_t zeros[100];
        uint8_t *memory = hold_take(&hold, bytes);

        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % 16, 0);
        assert_memory_equal(memory, zeros, bytes);
        /* All of it is there. */
        memset(memory, 0xff, bytes);
    }
    assert_non_null(hold_take_array(&hold, 0, 8));
    hold_release(&hold);
    hold_release(&hold);
    assert_int_equal(fault_alloc_live_blocks(), 0);
}

static void
test_too_much_is_none(void **state)
{
    struct hold hold = {0};

    (void)state;
    assert_null(hold_take(&hold, SIZE_MAX));
    assert_null(hold_take_array(&hold, SIZE_MAX / 8 + 1, 8));
    assert_null(hold_take_array(&hold, 3, SIZE_MAX / 2));
    fault_alloc_arm(FAULT_ONCE, 1);
    assert_null(hold_take(&hold, 1));
    assert_true(fault_alloc_disarm());
    fault_alloc_arm(FAULT_ONCE, 1);
    assert_null(hold_copy(&hold, "text"));
    assert_true(fault_alloc_disarm());
    fault_alloc_arm(FAULT_ONCE, 1);
    assert_null(hold_new());
    assert_true(fault_alloc_disarm());
    hold_release(&hold);
    assert_int_equal(fault_alloc_live_blocks(), 0);
}

static void
test_texts_are_copied(void **state)
{
    struct hold hold = {0};
    char text[] = "text";
    char *copy = hold_copy(&hold, text);

    (void)state;
    text[0] = 'n';
    assert_string_equal(copy, "text");
    assert_string_equal(hold_copy(&hold, NULL), "");
    assert_string_equal(hold_copy(&hold, ""), "");
    hold_release(&hold);
}

/* What structures share lives as long as one of them; the next use keeps the page. */
static void
test_references(void **state)
{
    struct hold *hold = hold_new();
    struct spine_tuple_page *page;
    size_t live;

    (void)state;
    assert_true(hold_is_alone(hold));
    assert_int_equal(spine_tuple_page_new(&hold->page, NULL), SPINE_OK);
    page = hold->page;
    live = fault_alloc_live_blocks();
    assert_non_null(hold_take(hold, 100));
    ref_take(&hold->ref);
    assert_false(hold_is_alone(hold));
    hold_unref(hold);
    assert_true(hold_is_alone(hold));
    hold_clear(hold);
    assert_ptr_equal(hold->page, page);
    assert_int_equal(fault_alloc_live_blocks(), live);
    assert_non_null(hold_take(hold, 100));
    hold_unref(hold);
    hold_unref(NULL);
    assert_int_equal(fault_alloc_live_blocks(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_zeroed_and_aligned),
        cmocka_unit_test(test_too_much_is_none),
        cmocka_unit_test(test_texts_are_copied),
        cmocka_unit_test(test_references),
    };
    int failed;

    fault_alloc_install();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    fault_alloc_remove();
    return failed;
}
