/* SPDX-License-Identifier: MIT */
#include "base/copy_cell.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Whatever the size, a cell is copied, and not a byte beside it is written. */

enum { ROOM = 400, SIZE_MAX_TRIED = 300, MARGIN = 40 };

static void
check_copy(const uint8_t *from, size_t size, size_t pieces)
{
    uint8_t to[ROOM];

    memset(to, 0xee, sizeof to);
    if (pieces == COPY_FEW_PIECES)
        copy_cell(to + MARGIN, from, size, COPY_FEW_PIECES);
    else
        copy_cell(to + MARGIN, from, size, COPY_MANY_PIECES);
    assert_memory_equal(to + MARGIN, from, size);
    for (size_t i = 0; i < MARGIN; i++) {
        assert_int_equal(to[i], 0xee);
        assert_int_equal(to[MARGIN + size + i], 0xee);
    }
}

static void
cells_of_every_size_are_copied(void **state)
{
    (void)state;
    for (size_t size = 0; size <= SIZE_MAX_TRIED; size++) {
        /* Of exactly that size, for whoever watches reads. */
        uint8_t *const from = test_malloc(size > 0 ? size : 1);

        for (size_t i = 0; i < size; i++)
            from[i] = (uint8_t)(i * 7 + size);
        check_copy(from, size, COPY_FEW_PIECES);
        check_copy(from, size, COPY_MANY_PIECES);
        test_free(from);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_of_every_size_are_copied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
