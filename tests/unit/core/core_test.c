/* SPDX-License-Identifier: MIT */
#include "core.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
every_status_has_its_class(void **state)
{
    (void)state;
    for (int status = SPINE_EXISTS; status < SPINE_OK; status++) {
        const enum error_class class = error_class((enum spine_status)status);

        switch (status) {
        case SPINE_NOMEM:
        case SPINE_IO:
            assert_int_equal(class, ERROR_TRANSIENT);
            break;
        case SPINE_OVERFLOW:
            assert_int_equal(class, ERROR_SETTLING);
            break;
        default:
            assert_int_equal(class, ERROR_PERMANENT);
            break;
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_its_class),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
