/* SPDX-License-Identifier: MIT */

/*
 * Formats of Arrow become columns and are written again as they were; what is no format
 * of a column that there is here is refused.
 */

#include "arrow/arrow.h"

#include "spine/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void
expect_round_trip(const char *format)
{
    struct spine_column column = {0};
    struct arrow_field field = {.name = "x", .column = &column};
    struct hold hold = {0};

    if (!format_decode(format, &column, &field.layout))
        fail_msg("%s is refused", format);
    assert_string_equal(format_encode(&field, &hold), format);
    hold_release(&hold);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
test_formats_come_back(void **state)
{
    static const char *const formats[] = {
        "b",       "c",       "s",       "i",
        "l",       "C",       "S",       "I",
        "L",       "f",       "g",       "tdD",
        "u",       "z",       "U",       "Z",
        "+s",      "w:1",     "w:65535", "d:1,0",
        "d:38,38", "d:5,-10", "tts",     "ttm",
        "ttu",     "ttn",     "tss:",    "tsm:",
        "tsu:UTC", "tsn:+01", "d:19,10", "tsn:Europe/Berlin"};

    (void)state;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        expect_round_trip(formats[i]);
}

/* Views go out as strings, and a decimal's bits need not be told. */
static void
test_formats_that_change(void **state)
{
    static const char *const pairs[][2] = {
        {"vu", "u"}, {"vz", "z"}, {"d:19,10,128", "d:19,10"}};

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct spine_column column = {0};
        struct arrow_field field = {.name = "x", .column = &column};
        struct hold hold = {0};

        assert_true(format_decode(pairs[i][0], &column, &field.layout));
        assert_string_equal(format_encode(&field, &hold), pairs[i][1]);
        hold_release(&hold);
    }
}

static void
test_formats_that_are_none(void **state)
{
    static const char *const formats[] = {"",           "x",
                                          "n",          "e",
                                          "bb",         "w",
                                          "w:",         "w:0",
                                          "w:-1",       "w:+1",
                                          "w: 1",       "w:1x",
                                          "d",          "d:",
                                          "d:19",       "d:19,",
                                          "d:0,0",      "d:39,0",
                                          "d:19,128",   "d:1,0,256",
                                          "d:1,0,128,", "tdm",
                                          "tt",         "ttx",
                                          "ttsx",       "ts",
                                          "tss",        "tsx:",
                                          "tDs",        "+l",
                                          "+w:3",       "+m",
                                          "t",          "w:99999999999999999999"};

    (void)state;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        struct spine_column column = {0};
        enum arrow_layout layout;

        if (format_decode(formats[i], &column, &layout))
            fail_msg("%s is taken", formats[i]);
    }
}

static void
test_indexes_are_integers(void **state)
{
    static const char signed_ones[] = "csil", unsigned_ones[] = "CSIL";
    static const char *const others[] = {"", "b", "f", "g", "u", "w:4", "tdD", "ll"};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        const char one[] = {signed_ones[i], '\0'}, other[] = {unsigned_ones[i], '\0'};
        struct arrow_field field = {0};

        assert_true(format_decode_index(one, &field));
        assert_int_equal(field.index_bytes, 1u << i);
        assert_true(field.index_is_signed);
        field = (struct arrow_field){0};
        assert_true(format_decode_index(other, &field));
        assert_int_equal(field.index_bytes, 1u << i);
        assert_false(field.index_is_signed);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(format_decode_index(others[i], &(struct arrow_field){0}));
}

static void
test_layouts_and_sizes(void **state)
{
    static const struct {
        struct spine_column column;
        enum arrow_layout layout;
        size_t bytes;
    } columns[] = {
        {{.kind = SPINE_COLUMN_BOOL}, ARROW_BITS, 1},
        {{.kind = SPINE_COLUMN_I16}, ARROW_PLAIN, 2},
        {{.kind = SPINE_COLUMN_DATE32}, ARROW_PLAIN, 4},
        {{.kind = SPINE_COLUMN_F64}, ARROW_PLAIN, 8},
        {{.kind = SPINE_COLUMN_TIME, .unit = SPINE_MILLISECONDS}, ARROW_PLAIN, 4},
        {{.kind = SPINE_COLUMN_TIME, .unit = SPINE_MICROSECONDS}, ARROW_PLAIN, 8},
        {{.kind = SPINE_COLUMN_TIMESTAMP}, ARROW_PLAIN, 8},
        {{.kind = SPINE_COLUMN_DECIMAL128, .precision = 5}, ARROW_PLAIN, 16},
        {{.kind = SPINE_COLUMN_FIXED, .size = 7}, ARROW_PLAIN, 7},
        {{.kind = SPINE_COLUMN_STRING}, ARROW_LARGE_STRINGS, 0},
        {{.kind = SPINE_COLUMN_BINARY}, ARROW_LARGE_STRINGS, 0},
        {{.kind = SPINE_COLUMN_TUPLE}, ARROW_STRUCT, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        assert_int_equal(layout_of_column(&columns[i].column), columns[i].layout);
        assert_int_equal(plain_bytes(&columns[i].column), columns[i].bytes);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats_come_back),
        cmocka_unit_test(test_formats_that_change),
        cmocka_unit_test(test_formats_that_are_none),
        cmocka_unit_test(test_indexes_are_integers),
        cmocka_unit_test(test_layouts_and_sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
