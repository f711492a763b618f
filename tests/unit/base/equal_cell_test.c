/* SPDX-License-Identifier: MIT */
#include "base/equal_cell.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Whatever the size, cells are equal if all their bytes are, and nothing beside them is
 * read. */

enum { SIZE_MAX_TRIED = 150 };

static void
cells_of_every_size_are_compared(void **state)
{
    (void)state;
    for (size_t size = 0; size <= SIZE_MAX_TRIED; size++) {
        /* Of exactly that size, for whoever watches reads. */
        uint8_t *const a = test_malloc(size > 0 ? size : 1);
        uint8_t *const b = test_malloc(size > 0 ? size : 1);

        for (size_t i = 0; i < size; i++)
            a[i] = b[i] = (uint8_t)(i * 7 + size);
        assert_true(cell_equals(a, b, size));
        assert_true(cell_equals_any(a, b, size));
        for (size_t i = 0; i < size; i++) {
            b[i] ^= (uint8_t)(1u << (i % 8));
            assert_false(cell_equals(a, b, size));
            assert_false(cell_equals_any(a, b, size));
            b[i] = a[i];
        }
        test_free(a);
        test_free(b);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_of_every_size_are_compared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
