/* SPDX-License-Identifier: MIT */
#include "tuple/tuple.h"

#include "tuple_fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define UP SPINE_ASCENDING
#define DOWN SPINE_DESCENDING
#define UP_LAST SPINE_ASCENDING_NULLS_LAST
#define DOWN_LAST SPINE_DESCENDING_NULLS_LAST

/* The tuple in `writer` is `hex`; leaves the writer empty. */
#define expect_bytes(writer, hex) check_bytes(writer, hex, __FILE__, __LINE__)

static void
check_bytes(struct spine_tuple_writer *writer, const char *hex, const char *file,
            int line)
{
    uint8_t expected[256];
    const size_t expected_size = bytes_of_hex(hex, expected, sizeof expected);
    const struct spine_bytes bytes = spine_tuple_bytes(writer);
    char observed[1024] = "";

    for (size_t i = 0; i < bytes.size && i < 256; i++)
        (void)snprintf(observed + 3 * i, 4, "%02x ", ((const uint8_t *)bytes.data)[i]);
    if (spine_tuple_writer_status(writer, NULL) != SPINE_OK ||
        bytes.size != expected_size ||
        (bytes.size > 0 && memcmp(bytes.data, expected, bytes.size) != 0)) {
        print_error("expected %s\nobserved %s\n", hex, observed);
        _fail(file, line);
    }
    spine_tuple_clear(writer);
}

static void
nulls_and_truths_are_tags(void **state)
{
    struct spine_tuple_writer *const w = *state;

    expect_bytes(w, "");
    spine_tuple_put_null(w, UP);
    expect_bytes(w, "02");
    spine_tuple_put_null(w, UP_LAST);
    expect_bytes(w, "7e");
    spine_tuple_put_null(w, DOWN);
    expect_bytes(w, "81");
    spine_tuple_put_null(w, DOWN_LAST);
    expect_bytes(w, "fd");
    spine_tuple_put_bool(w, false, UP);
    spine_tuple_put_bool(w, true, UP);
    spine_tuple_put_bool(w, false, DOWN);
    spine_tuple_put_bool(w, true, DOWN_LAST);
    expect_bytes(w, "04 05 fb fa");
}

static void
integers_take_the_bytes_they_need(void **state)
{
    static const struct {
        int64_t number;
        const char *hex;
    } signed_numbers[] = {
        {0, "11"},
        {1, "12 01"},
        {255, "12 ff"},
        {256, "13 01 00"},
        {INT64_C(0x7fffffff), "15 7f ff ff ff"},
        {INT64_MAX, "19 7f ff ff ff ff ff ff ff"},
        {-1, "10"},
        {-2, "0f fe"},
        {-256, "0f 00"},
        {-257, "0e fe ff"},
        {INT64_MIN, "08 80 00 00 00 00 00 00 00"},
    };
    static const struct {
        uint64_t number;
        const char *hex;
    } unsigned_numbers[] = {
        {0, "20"},
        {5, "21 05"},
        {256, "22 01 00"},
        {UINT64_C(0x0102030405), "25 01 02 03 04 05"},
        {UINT64_MAX, "28 ff ff ff ff ff ff ff ff"},
    };
    struct spine_tuple_writer *const w = *state;

    for (size_t i = 0; i < sizeof signed_numbers / sizeof signed_numbers[0]; i++) {
        spine_tuple_put_i64(w, signed_numbers[i].number, UP);
        expect_bytes(w, signed_numbers[i].hex);
    }
    for (size_t i = 0; i < sizeof unsigned_numbers / sizeof unsigned_numbers[0]; i++) {
        spine_tuple_put_u64(w, unsigned_numbers[i].number, UP_LAST);
        expect_bytes(w, unsigned_numbers[i].hex);
    }
    spine_tuple_put_u64(w, 5, DOWN);
    spine_tuple_put_i64(w, -2, DOWN);
    expect_bytes(w, "de fa f0 01");
}

static void
doubles_are_words_of_their_order(void **state)
{
    struct spine_tuple_writer *const w = *state;

    spine_tuple_put_f64(w, 1.0, UP);
    expect_bytes(w, "30 bf f0 00 00 00 00 00 00");
    spine_tuple_put_f64(w, -1.0, UP);
    expect_bytes(w, "30 40 0f ff ff ff ff ff ff");
    spine_tuple_put_f64(w, 0.0, UP);
    expect_bytes(w, "30 80 00 00 00 00 00 00 00");
    spine_tuple_put_f64(w, -0.0, UP);
    expect_bytes(w, "30 7f ff ff ff ff ff ff ff");
    spine_tuple_put_f64(w, (double)INFINITY, UP);
    expect_bytes(w, "30 ff f0 00 00 00 00 00 00");
    spine_tuple_put_f64(w, 1.0, DOWN);
    expect_bytes(w, "cf 40 0f ff ff ff ff ff ff");
}

static void
zeros_in_strings_are_escaped(void **state)
{
    struct spine_tuple_writer *const w = *state;

    spine_tuple_put_string(w, "hi", 2, UP);
    expect_bytes(w, "40 68 69 00 00");
    spine_tuple_put_string(w, "a\0", 2, UP);
    expect_bytes(w, "40 61 00 ff 00 00");
    spine_tuple_put_string(w, "\0\0b\xff", 4, UP);
    expect_bytes(w, "40 00 ff 00 ff 62 ff 00 00");
    spine_tuple_put_string(w, NULL, 0, UP);
    expect_bytes(w, "40 00 00");
    spine_tuple_put_bytes(w, NULL, 0, UP);
    expect_bytes(w, "41 00 00");
    spine_tuple_put_bytes(w, "a\0", 2, DOWN);
    expect_bytes(w, "be 9e ff 00 ff ff");
}

static void
nested_tuples_flip_what_they_hold(void **state)
{
    struct spine_tuple_writer *const w = *state;

    spine_tuple_begin(w, UP);
    spine_tuple_put_u64(w, 5, UP);
    spine_tuple_put_null(w, UP);
    spine_tuple_end(w);
    expect_bytes(w, "42 21 05 02 00");

    spine_tuple_begin(w, DOWN);
    spine_tuple_put_u64(w, 5, UP);
    spine_tuple_put_u64(w, 5, DOWN);
    spine_tuple_begin(w, DOWN);
    spine_tuple_put_bool(w, true, UP);
    spine_tuple_end(w);
    spine_tuple_put_null(w, DOWN_LAST);
    spine_tuple_end(w);
    spine_tuple_put_bool(w, true, UP);
    expect_bytes(w, "bd de fa 21 05 42 05 00 02 ff 05");

    spine_tuple_begin(w, UP);
    spine_tuple_put_string(w, "a", 1, DOWN);
    spine_tuple_end(w);
    expect_bytes(w, "42 bf 9e ff ff 00");
}

static void
elements_are_put_whatever_they_are(void **state)
{
    struct spine_tuple_writer *const w = *state;
    struct spine_tuple_element element = {.kind = SPINE_TUPLE_BEGIN, .order = DOWN};

    spine_tuple_put(w, &element);
    element = (struct spine_tuple_element){.kind = SPINE_TUPLE_I64, .as.i64 = -2};
    spine_tuple_put(w, &element);
    element = (struct spine_tuple_element){.kind = SPINE_TUPLE_END};
    spine_tuple_put(w, &element);
    element = (struct spine_tuple_element){.kind = SPINE_TUPLE_STRING};
    element.as.bytes = (struct spine_bytes){"hi", 2};
    spine_tuple_put(w, &element);
    expect_bytes(w, "bd f0 01 ff 40 68 69 00 00");

    element.kind = (enum spine_tuple_kind)77;
    spine_tuple_put(w, &element);
    assert_int_equal(spine_tuple_writer_status(w, NULL), SPINE_INVALID);
}

static void
the_first_failure_sticks(void **state)
{
    struct spine_tuple_writer *const w = *state;
    struct spine_error error = {SPINE_OK, ""};

    spine_tuple_put_u64(w, 5, UP);
    spine_tuple_end(w);
    spine_tuple_put_u64(w, 6, (enum spine_tuple_order)4);
    assert_int_equal(spine_tuple_writer_status(w, &error), SPINE_MISUSE);
    assert_string_equal(error.message,
                        "tuple, at byte 2: a nested tuple ends that has not begun");
    assert_int_equal(spine_tuple_bytes(w).size, 0);
    spine_tuple_clear(w);
    assert_int_equal(spine_tuple_writer_status(w, NULL), SPINE_OK);

    spine_tuple_put_u64(w, 6, (enum spine_tuple_order)4);
    assert_int_equal(spine_tuple_writer_status(w, NULL), SPINE_INVALID);
    spine_tuple_clear(w);

    spine_tuple_put_bytes(w, &error, (size_t)SPINE_BYTES_MAX + 1, UP);
    assert_int_equal(spine_tuple_writer_status(w, NULL), SPINE_INVALID);
    spine_tuple_clear(w);
    spine_tuple_put_bytes(w, &error, SIZE_MAX, UP);
    assert_int_equal(spine_tuple_writer_status(w, NULL), SPINE_INVALID);
}

static void
a_beginning_needs_an_end(void **state)
{
    struct spine_tuple_writer *const w = *state;

    for (unsigned i = 0; i < SPINE_TUPLE_DEPTH_MAX; i++) {
        spine_tuple_begin(w, DOWN);
        assert_int_equal(spine_tuple_writer_status(w, NULL), SPINE_MISUSE);
        assert_int_equal(spine_tuple_bytes(w).size, 0);
    }
    for (unsigned i = 0; i < SPINE_TUPLE_DEPTH_MAX; i++)
        spine_tuple_end(w);
    assert_int_equal(spine_tuple_writer_status(w, NULL), SPINE_OK);
    assert_int_equal(spine_tuple_bytes(w).size, 2 * SPINE_TUPLE_DEPTH_MAX);
    spine_tuple_clear(w);

    for (unsigned i = 0; i <= SPINE_TUPLE_DEPTH_MAX; i++)
        spine_tuple_begin(w, UP);
    assert_int_equal(spine_tuple_writer_status(w, NULL), SPINE_INVALID);
}

static int
set_up(void **state)
{
    static struct spine_tuple_writer writer;

    spine_tuple_writer_init(&writer);
    *state = &writer;
    return 0;
}

static int
tear_down(void **state)
{
    spine_tuple_writer_release(*state);
    spine_tuple_writer_release(*state);
    return spine_allocated_bytes() == 0 ? 0 : -1;
}

#define WRITER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WRITER_TEST(nulls_and_truths_are_tags),
        WRITER_TEST(integers_take_the_bytes_they_need),
        WRITER_TEST(doubles_are_words_of_their_order),
        WRITER_TEST(zeros_in_strings_are_escaped),
        WRITER_TEST(nested_tuples_flip_what_they_hold),
        WRITER_TEST(elements_are_put_whatever_they_are),
        WRITER_TEST(the_first_failure_sticks),
        WRITER_TEST(a_beginning_needs_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
