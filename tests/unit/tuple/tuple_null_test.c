/* SPDX-License-Identifier: MIT */
#include "harness/nulls.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
types(void **state)
{
    const struct spine_column column = {.kind = SPINE_COLUMN_U8};
    struct spine_tuple_type *type;

    (void)state;
    REFUSES(spine_tuple_type_new, columns, (NULL, 1, &type, error));
    REFUSES(spine_tuple_type_new, out, (&column, 1, NULL, error));
    assert_int_equal(spine_tuple_type_new(&column, 1, &type, NULL), SPINE_OK);
    TOLERATES(spine_tuple_type_ref, type, spine_tuple_type_ref(NULL) == NULL);
    TOLERATES(spine_tuple_type_unref, type, (spine_tuple_type_unref(NULL), true));
    TOLERATES(spine_tuple_type_count, type, spine_tuple_type_count(NULL) == 0);
    TOLERATES(spine_tuple_type_column, type, spine_tuple_type_column(NULL, 0) == NULL);
    TOLERATES(spine_tuple_type_cell, type,
              spine_tuple_type_cell(NULL).kind == SPINE_NONE);
    TOLERATES(spine_tuple_type_equal, a, !spine_tuple_type_equal(NULL, type));
    TOLERATES(spine_tuple_type_equal, b, !spine_tuple_type_equal(type, NULL));
    spine_tuple_type_unref(type);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
