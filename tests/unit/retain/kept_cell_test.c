/* SPDX-License-Identifier: MIT */
#include "retain/kept_cell.h"

#include "harness/fault_alloc.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct cell_layout
column_of(enum spine_kind kind, uint32_t size)
{
    const struct spine_schema schema = {.key = {kind, size}};
    struct layout layout;

    assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
    return layout.key;
}

/* What is kept outlives what it was copied from, and may be set again, longer or
 * shorter. */
static void
bytes_outlive_their_source(void **state)
{
    const struct cell_layout column = column_of(SPINE_BYTES, 0);
    struct kept_cell kept = {0};
    char text[200];

    (void)state;
    for (size_t size = 0; size < sizeof text; size = size * 2 + 1) {
        memset(text, 'a', sizeof text);
        assert_int_equal(kept_cell_set(&kept, &column, spine_data(text, size), NULL),
                         SPINE_OK);
        memset(text, 'b', sizeof text);
        if (size > 0)
            assert_true(kept_cell_compare(&kept, &column, spine_data(text, size)) > 0);
        memset(text, 'a', sizeof text);
        assert_int_equal(kept_cell_compare(&kept, &column, spine_data(text, size)), 0);
        /* What it begins comes after it. */
        assert_true(kept_cell_compare(&kept, &column, spine_data(text, size + 1)) > 0);
    }
    assert_int_equal(kept_cell_set(&kept, &column, spine_data("", 0), NULL), SPINE_OK);
    assert_int_equal(kept_cell_compare(&kept, &column, spine_data(NULL, 0)), 0);
    kept_cell_release(&kept);
    kept_cell_release(&kept);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

/* Every kind at both ends of its order, and cells that share their first eight bytes. */
static void
comparisons_follow_the_kind(void **state)
{
    const struct {
        enum spine_kind kind;
        uint32_t size;
        union spine_datum less, greater;
    } pairs[] = {
        {SPINE_I64, 0, spine_i64(INT64_MIN), spine_i64(-1)},
        {SPINE_I64, 0, spine_i64(-1), spine_i64(INT64_MAX)},
        {SPINE_I32, 0, spine_i32(INT32_MIN), spine_i32(0)},
        {SPINE_U32, 0, spine_u32(0), spine_u32(UINT32_MAX)},
        {SPINE_U64, 0, spine_u64(INT64_MAX), spine_u64(UINT64_MAX)},
        {SPINE_F64, 0, spine_f64(-1.5), spine_f64(-0.5)},
        {SPINE_F64, 0, spine_f64(-0.5), spine_f64(2.0)},
        {SPINE_FIXED, 9, spine_data("12345678a", 9), spine_data("12345678b", 9)},
        {SPINE_FIXED, 20, spine_data("12345678901234567890", 20),
         spine_data("12345678901234567891", 20)},
        {SPINE_BYTES, 0, spine_data("12345678", 8), spine_data("12345678\0", 9)},
        {SPINE_BYTES, 0, spine_data("\x7f", 1), spine_data("\x80", 1)},
    };

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        const struct cell_layout column = column_of(pairs[i].kind, pairs[i].size);
        struct kept_cell kept = {0};

        assert_int_equal(kept_cell_set(&kept, &column, pairs[i].less, NULL), SPINE_OK);
        assert_int_equal(kept_cell_compare(&kept, &column, pairs[i].less), 0);
        assert_true(kept_cell_compare(&kept, &column, pairs[i].greater) > 0);
        assert_int_equal(kept_cell_set(&kept, &column, pairs[i].greater, NULL), SPINE_OK);
        assert_true(kept_cell_compare(&kept, &column, pairs[i].less) < 0);
        kept_cell_release(&kept);
    }
}

/* A cell of the wrong size is named, and so is a want of memory. */
static void
refusals_say_why(void **state)
{
    const struct cell_layout fixed = column_of(SPINE_FIXED, 20);
    const struct cell_layout bytes = column_of(SPINE_BYTES, 0);
    struct kept_cell kept = {0};
    struct spine_error error = {0};
    char text[100] = {0};

    (void)state;
    assert_int_equal(kept_cell_set(&kept, &fixed, spine_data(text, 19), &error),
                     SPINE_INVALID);
    assert_int_equal(error.status, SPINE_INVALID);
    assert_true(error.message[0] != '\0');
    fault_alloc_arm(FAULT_ONCE, 1);
    assert_int_equal(kept_cell_set(&kept, &bytes, spine_data(text, sizeof text), &error),
                     SPINE_NOMEM);
    fault_alloc_disarm();
    assert_int_equal(error.status, SPINE_NOMEM);
    assert_int_equal(kept_cell_set(&kept, &bytes, spine_data(text, sizeof text), &error),
                     SPINE_OK);
    kept_cell_release(&kept);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_outlive_their_source),
        cmocka_unit_test(comparisons_follow_the_kind),
        cmocka_unit_test(refusals_say_why),
    };

    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
