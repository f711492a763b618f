/* SPDX-License-Identifier: MIT */
#include "base/bytes.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct span
span_of(const char *text)
{
    return (struct span){(const uint8_t *)text, strlen(text)};
}

static int
sign(int number)
{
    return (number > 0) - (number < 0);
}

static void
words_of_signed_numbers_keep_their_order(void **state)
{
    (void)state;
    static const int64_t wide[] = {INT64_MIN, INT64_MIN + 1, -256, -1,       0,
                                   1,         255,           256,  INT64_MAX};
    static const int32_t narrow[] = {INT32_MIN, INT32_MIN + 1, -256, -1,       0,
                                     1,         255,           256,  INT32_MAX};

    for (size_t i = 0; i < COUNT(wide); i++) {
        assert_true(i64_of_word(word_of_i64(wide[i])) == wide[i]);
        assert_true(i32_of_word(word_of_i32(narrow[i])) == narrow[i]);
        for (size_t j = 0; j < i; j++) {
            assert_true(word_of_i64(wide[j]) < word_of_i64(wide[i]));
            assert_true(word_of_i32(narrow[j]) < word_of_i32(narrow[i]));
        }
    }
    assert_true(word_of_i64(INT64_MIN) == 0);
    assert_true(word_of_i64(INT64_MAX) == UINT64_MAX);
    assert_true(word_of_i32(INT32_MIN) == 0);
    assert_true(word_of_i32(INT32_MAX) == UINT32_MAX);
}

static uint64_t
bits_of(double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

static void
words_of_doubles_have_a_total_order(void **state)
{
    (void)state;
    const double ascending[] = {
        copysign((double)NAN, -1.0),
        -(double)INFINITY,
        -1.7976931348623157e308,
        -1.5,
        -1.0,
        -2.2250738585072014e-308,
        -5e-324,
        -0.0,
        0.0,
        5e-324,
        2.2250738585072014e-308,
        1.0,
        1.5,
        1.7976931348623157e308,
        (double)INFINITY,
        copysign((double)NAN, 1.0),
    };

    for (size_t i = 0; i < COUNT(ascending); i++) {
        /* Bit for bit, as -0 equals 0 and a NaN equals nothing. */
        const double back = f64_of_word(word_of_f64(ascending[i]));
        assert_true(bits_of(back) == bits_of(ascending[i]));
        for (size_t j = 0; j < i; j++)
            assert_true(word_of_f64(ascending[j]) < word_of_f64(ascending[i]));
    }
}

static void
prefixes_order_as_memcmp_but_for_ties(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",          "a",        "aa", "ab",   "abcdefg", "abcdefgh",
        "abcdefghi", "abcdefgi", "b",  "\x7f", "\x80",    "\xff\xff",
    };

    for (size_t i = 0; i < COUNT(texts); i++) {
        const struct span a = span_of(texts[i]);
        for (size_t j = 0; j < COUNT(texts); j++) {
            const struct span b = span_of(texts[j]);
            const uint64_t prefix_a = bytes_prefix(a.data, a.size);
            const uint64_t prefix_b = bytes_prefix(b.data, b.size);
            const int order = sign(span_compare(a, b));

            assert_int_equal(order, (i > j) - (i < j));
            if (prefix_a != prefix_b)
                assert_int_equal(order, prefix_a < prefix_b ? -1 : 1);
        }
    }
    assert_true(bytes_prefix((const uint8_t *)"abcdefgh", 8) ==
                UINT64_C(0x6162636465666768));
    assert_true(bytes_prefix((const uint8_t *)"ab", 2) == UINT64_C(0x6162) << 48);
    assert_true(bytes_prefix(NULL, 0) == 0);
}

static void
spans_may_be_empty_and_hold_zeros(void **state)
{
    (void)state;
    const struct span nothing = {NULL, 0};
    const struct span zero = {(const uint8_t *)"\0", 1};
    const struct span zeros = {(const uint8_t *)"\0\0", 2};

    assert_int_equal(span_compare(nothing, nothing), 0);
    assert_true(span_compare(nothing, zero) < 0);
    assert_true(span_compare(zero, nothing) > 0);
    assert_true(span_compare(zero, zeros) < 0);
    assert_int_equal(span_compare(zeros, zeros), 0);
}

static void
offsets_that_fall_or_leap_are_seen(void **state)
{
    (void)state;
    uint64_t offsets[] = {7, 7, 12, 20, 20, 28};

    assert_true(offsets_within(offsets, 0, 0));
    assert_true(offsets_within(offsets, 5, 8));
    assert_false(offsets_within(offsets, 5, 7));
    assert_true(offsets_within(offsets, 2, 7));
    offsets[4] = 19;
    assert_false(offsets_within(offsets, 5, 9));
    assert_true(offsets_within(offsets, 3, 9));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_signed_numbers_keep_their_order),
        cmocka_unit_test(words_of_doubles_have_a_total_order),
        cmocka_unit_test(prefixes_order_as_memcmp_but_for_ties),
        cmocka_unit_test(spans_may_be_empty_and_hold_zeros),
        cmocka_unit_test(offsets_that_fall_or_leap_are_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
