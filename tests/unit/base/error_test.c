/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include "spine/version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void
every_status_has_a_name_of_its_own(void **state)
{
    (void)state;
    assert_string_equal(spine_status_name(SPINE_OK), "SPINE_OK");
    assert_string_equal(spine_status_name(SPINE_NOMEM), "SPINE_NOMEM");
    for (int a = SPINE_EXISTS; a <= SPINE_OK; a++) {
        const char *name = spine_status_name((enum spine_status)a);
        assert_memory_equal(name, "SPINE_", 6);
        for (int b = SPINE_EXISTS; b < a; b++)
            assert_string_not_equal(name, spine_status_name((enum spine_status)b));
    }
    assert_string_equal(spine_status_name((enum spine_status)1), "unknown status");
    assert_string_equal(spine_status_name((enum spine_status) - 100), "unknown status");
}

static void
an_error_tells_status_and_message(void **state)
{
    (void)state;
    struct spine_error error;

    assert_int_equal(spine_fail(&error, SPINE_INVALID, "field %s is %d", "size", 7),
                     SPINE_INVALID);
    assert_int_equal(error.status, SPINE_INVALID);
    assert_string_equal(error.message, "field size is 7");

    assert_int_equal(fail_nomem(&error, "a heap", 4096), SPINE_NOMEM);
    assert_int_equal(error.status, SPINE_NOMEM);
    assert_string_equal(error.message, "no memory for 4096 bytes of a heap");
}

static void
nobody_has_to_listen(void **state)
{
    (void)state;
    assert_int_equal(spine_fail(NULL, SPINE_BUSY, "field %s", "x"), SPINE_BUSY);
    assert_int_equal(fail_nomem(NULL, "a heap", 1), SPINE_NOMEM);
}

static void
long_messages_are_cut(void **state)
{
    (void)state;
    struct {
        struct spine_error error;
        unsigned char canary[16];
    } guarded;
    memset(&guarded, 0xee, sizeof guarded);

    assert_int_equal(spine_fail(&guarded.error, SPINE_IO, "%0*d", 1000, 0), SPINE_IO);
    assert_int_equal(strlen(guarded.error.message), sizeof guarded.error.message - 1);
    for (size_t i = 0; i < sizeof guarded.canary; i++)
        assert_int_equal(guarded.canary[i], 0xee);
}

static enum spine_status
fails_at(int step, int *steps_done)
{
    enum spine_status st;

    *steps_done = 0;
    TRY(step == 0 ? SPINE_IO : SPINE_OK);
    *steps_done = 1;
    TRY(step == 1 ? SPINE_BUSY : SPINE_OK);
    *steps_done = 2;
    st = SPINE_OK;
out:
    return st;
}

static void
try_leaves_at_the_first_failure(void **state)
{
    (void)state;
    int steps_done;

    assert_int_equal(fails_at(0, &steps_done), SPINE_IO);
    assert_int_equal(steps_done, 0);
    assert_int_equal(fails_at(1, &steps_done), SPINE_BUSY);
    assert_int_equal(steps_done, 1);
    assert_int_equal(fails_at(2, &steps_done), SPINE_OK);
    assert_int_equal(steps_done, 2);
}

static void
the_version_string_is_made_of_its_numbers(void **state)
{
    (void)state;
    char numbers[32];

    (void)snprintf(numbers, sizeof numbers, "%d.%d.%d", SPINE_VERSION_MAJOR,
                   SPINE_VERSION_MINOR, SPINE_VERSION_PATCH);
    assert_string_equal(SPINE_VERSION_STRING, numbers);
    assert_string_equal(spine_version(), SPINE_VERSION_STRING);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_a_name_of_its_own),
        cmocka_unit_test(an_error_tells_status_and_message),
        cmocka_unit_test(nobody_has_to_listen),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(try_leaves_at_the_first_failure),
        cmocka_unit_test(the_version_string_is_made_of_its_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
