/* SPDX-License-Identifier: MIT */

/*
 * Numbers come back as they were put, least byte first; what is not there reads as zero
 * and is noticed, and so is a want of memory.
 */

#include "store/wire.h"

#include "harness/fault_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
test_what_was_put_is_got(void **state)
{
    static const uint8_t expected[] = {0x12, 0x78, 0x56, 0x34, 0x12, 0xf0,
                                       0xde, 0xbc, 0x9a, 0x78, 0x56, 0x34,
                                       0x12, 0,    0,    0,    'a',  'b'};
    struct wire_writer out = {0};
    struct wire_reader in;
    struct span text;

    (void)state;
    wire_put_u8(&out, 0x12);
    wire_put_u32(&out, 0x12345678);
    wire_put_u64(&out, UINT64_C(0x123456789abcdef0));
    wire_put_zeros(&out, 3);
    wire_put(&out, "ab", 2);
    wire_put(&out, NULL, 0);
    assert_false(out.failed);
    assert_int_equal(out.size, sizeof expected);
    assert_memory_equal(out.bytes, expected, sizeof expected);
    in = wire_reader_of(out.bytes, out.size);
    assert_int_equal(wire_get_u8(&in), 0x12);
    assert_int_equal(wire_get_u32(&in), 0x12345678);
    assert_int_equal(wire_get_u64(&in), UINT64_C(0x123456789abcdef0));
    assert_true(wire_get_zeros(&in, 3));
    assert_int_equal(wire_left(&in), 2);
    text = wire_get(&in, 2);
    assert_ptr_equal(text.data, out.bytes + sizeof expected - 2);
    assert_int_equal(wire_left(&in), 0);
    assert_false(in.overrun);
    wire_release(&out);
    wire_release(&out);
    assert_null(out.bytes);
}

/* A reader never leaves its bytes, and after that gives zeros, whatever is asked. */
static void
test_a_reader_that_overruns(void **state)
{
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7};

    (void)state;
    for (size_t size = 0; size <= sizeof bytes; size++) {
        struct wire_reader in = wire_reader_of(bytes, size);

        assert_int_equal(wire_get_u64(&in), 0);
        assert_true(in.overrun);
        /* A byte that would be there. */
        assert_int_equal(wire_get_u8(&in), 0);
        assert_int_equal(wire_get_u32(&in), 0);
        assert_int_equal(wire_get(&in, 1).size, 0);
        assert_false(wire_get_zeros(&in, 0));
    }
    struct wire_reader nothing = wire_reader_of(NULL, 0);

    assert_int_equal(wire_get(&nothing, 0).size, 0);
    assert_true(wire_get_zeros(&nothing, 0));
    assert_false(nothing.overrun);
}

static void
test_zeros_are_zero(void **state)
{
    (void)state;
    for (size_t at = 0; at < 9; at++) {
        uint8_t bytes[8] = {0};
        struct wire_reader in = wire_reader_of(bytes, sizeof bytes);

        if (at < sizeof bytes)
            bytes[at] = 1;
        assert_int_equal(wire_get_zeros(&in, sizeof bytes), at == sizeof bytes);
        assert_false(in.overrun);
    }
}

/* What was put before stays; nothing comes behind a gap. */
static void
test_a_want_of_memory(void **state)
{
    struct wire_writer out = {0};
    size_t size;

    (void)state;
    wire_put_u64(&out, 7);
    size = out.size;
    fault_alloc_arm(FAULT_ONCE, 1);
    while (!out.failed)
        wire_put_u8(&out, 1), size += !out.failed;
    assert_true(fault_alloc_disarm());
    wire_put_u8(&out, 1);
    wire_put_zeros(&out, 64);
    assert_true(out.failed);
    assert_int_equal(out.size, size);
    wire_release(&out);
    assert_false(out.failed);
    assert_int_equal(fault_alloc_live_blocks(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_put_is_got),
        cmocka_unit_test(test_a_reader_that_overruns),
        cmocka_unit_test(test_zeros_are_zero),
        cmocka_unit_test(test_a_want_of_memory),
    };
    int failed;

    fault_alloc_install();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    fault_alloc_remove();
    return failed;
}
