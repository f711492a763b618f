/* SPDX-License-Identifier: MIT */
#include "base/pointer_index.h"

#include "harness/fault_alloc.h"
#include "spine/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define THINGS 5000u

/* Neighbours, as what is allocated one after the other. */
static char things[THINGS * 48];

static void
things_are_found(void **state)
{
    struct pointer_index index = {0};
    size_t number;

    (void)state;
    assert_false(pointer_index_find(&index, things, &number));
    for (size_t i = 0; i < THINGS; i++) {
        assert_true(pointer_index_add(&index, &things[i * 48], 3 * i));
        assert_false(pointer_index_find(&index, &things[i * 48] + 16, &number));
    }
    for (size_t i = 0; i < THINGS; i++) {
        assert_true(pointer_index_find(&index, &things[i * 48], &number));
        assert_int_equal(number, 3 * i);
    }
    pointer_index_release(&index);
    pointer_index_release(&index);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* What is there stays when there is no memory for more. */
static void
memory_may_run_out(void **state)
{
    struct pointer_index index = {0};
    size_t count = 0, number;

    (void)state;
    fault_alloc_install();
    while (count < 40)
        if (pointer_index_add(&index, &things[count * 48], count))
            count++;
        else
            fail();
    fault_alloc_arm(FAULT_FOREVER, 1);
    while (pointer_index_add(&index, &things[count * 48], count))
        count++;
    assert_true(fault_alloc_disarm());
    for (size_t i = 0; i < count; i++)
        assert_true(pointer_index_find(&index, &things[i * 48], &number));
    assert_false(pointer_index_find(&index, &things[count * 48], &number));
    assert_true(pointer_index_add(&index, &things[count * 48], count));
    pointer_index_release(&index);
    fault_alloc_remove();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(things_are_found),
        cmocka_unit_test(memory_may_run_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
