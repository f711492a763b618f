/* SPDX-License-Identifier: MIT */

#include "unit/store/backend_fixture.h"

struct plan {
    enum spine_operation operation;
    struct spine_fault fault;
    unsigned calls;
};

static void
planned(void *argument, enum spine_operation operation, const char *name, uint64_t offset,
        size_t size, struct spine_fault *fault)
{
    struct plan *plan = argument;

    (void)offset;
    (void)size;
    if (operation != SPINE_OPERATION_SYNC_NAMES && operation != SPINE_OPERATION_LIST)
        assert_true(spine_name_is_valid(name));
    if (operation == plan->operation) {
        *fault = plan->fault;
        plan->calls++;
    }
}

static void
every_operation_fails_when_it_is_told_to(void **state)
{
    (void)state;
    for (unsigned operation = 0; operation <= SPINE_OPERATION_LIST; operation++) {
        for (unsigned variant = 0; variant < 4; variant++) {
            struct plan plan = {.operation = operation};
            struct spine_backend inner, backend;
            struct spine_error error = {0};
            enum spine_status st;

            if (variant < 2)
                plan.fault = (struct spine_fault){.status = SPINE_IO,
                                                  .message = "pulled the plug",
                                                  .after = variant == 1,
                                                  .bytes = variant};
            if (variant == 2)
                plan.fault.delay_ns = 1000;
            if (variant == 3)
                plan.fault.flip_bit = 10;
            assert_int_equal(spine_memory_backend(&inner, &error), SPINE_OK);
            assert_int_equal(
                spine_fault_backend(&inner, planned, &plan, &backend, &error), SPINE_OK);
            st = run_all(&backend, &error);
            assert_int_equal(plan.calls, 1);
            if (variant < 2) {
                assert_int_equal(st, SPINE_IO);
                assert_non_null(strstr(error.message, "pulled the plug"));
            } else if (variant == 3 && (operation == SPINE_OPERATION_WRITE ||
                                        operation == SPINE_OPERATION_READ_AT))
                assert_int_equal(st, SPINE_CORRUPT);
            else
                assert_int_equal(st, SPINE_OK);
            close_kind(FAULTS, &backend);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_fails_when_it_is_told_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
