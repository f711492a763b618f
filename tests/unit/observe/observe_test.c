/* SPDX-License-Identifier: MIT */
#include "observe/observe.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* What was written, and how many calls are left until one fails. */
struct sink {
    char text[20000];
    size_t bytes;
    size_t calls;
    size_t calls_max;
};

static enum spine_status
take(void *context, const char *text, size_t text_bytes)
{
    struct sink *sink = context;

    if (sink->calls_max > 0 && ++sink->calls > sink->calls_max)
        return SPINE_IO;
    assert_true(text_bytes > 0);
    assert_true(sink->bytes + text_bytes < sizeof sink->text);
    memcpy(sink->text + sink->bytes, text, text_bytes);
    sink->bytes += text_bytes;
    sink->text[sink->bytes] = '\0';
    return SPINE_OK;
}

/* `number` as it is written. */
static const char *
real(struct sink *sink, double number)
{
    struct text_out out;

    *sink = (struct sink){0};
    text_begin(&out, take, sink);
    text_put_real(&out, number);
    assert_int_equal(text_end(&out), SPINE_OK);
    return sink->text;
}

static void
reals_have_no_needless_digits(void **state)
{
    struct sink sink;

    (void)state;
    assert_string_equal(real(&sink, 0), "0");
    assert_string_equal(real(&sink, 1), "1");
    assert_string_equal(real(&sink, 100), "100");
    assert_string_equal(real(&sink, 0.5), "0.5");
    assert_string_equal(real(&sink, -0.25), "-0.25");
    assert_string_equal(real(&sink, 1e-9), "0.000000001");
    assert_string_equal(real(&sink, 12345.678), "12345.678");
}

/* Where the locale of the host has a comma for the point, Prometheus has not. */
static void
reals_know_no_locale(void **state)
{
    struct sink sink;

    (void)state;
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL &&
        setlocale(LC_NUMERIC, "de_DE") == NULL)
        skip();
    assert_string_equal(real(&sink, 0.5), "0.5");
    (void)setlocale(LC_NUMERIC, "C");
}

static void
long_texts_come_in_pieces(void **state)
{
    static char piece[1000];
    struct sink sink = {0};
    struct text_out out;

    (void)state;
    memset(piece, 'x', sizeof piece - 1);
    text_begin(&out, take, &sink);
    for (int i = 0; i < 10; i++)
        text_put(&out, piece);
    text_put_number(&out, UINT64_MAX);
    assert_int_equal(text_end(&out), SPINE_OK);
    assert_int_equal(sink.bytes, 9990 + 20);
    assert_string_equal(sink.text + 9990, "18446744073709551615");

    /* What the first call says is said at the end, and there is no second one. */
    sink = (struct sink){.calls_max = 1};
    text_begin(&out, take, &sink);
    for (int i = 0; i < 20; i++)
        text_put(&out, piece);
    assert_int_equal(text_end(&out), SPINE_IO);
    assert_int_equal(sink.calls, 2);
}

static void
names_are_utf8(void **state)
{
    char longest[] = "0123456789012345678901234567890123456789012345678901234567890123";

    (void)state;
    assert_true(name_is_text("", 63));
    assert_true(name_is_text("orders by customer: \"1\" \\ 2", 63));
    assert_true(name_is_text("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 63)); /* 2, 3, 4 */
    assert_false(name_is_text("a\nb", 63));
    assert_false(name_is_text("\x7f", 63));
    assert_false(name_is_text("\xc2\x85", 63));         /* a control character, too */
    assert_false(name_is_text("\x80", 63));             /* begins in the middle */
    assert_false(name_is_text("\xc3", 63));             /* ends too early */
    assert_false(name_is_text("\xc0\xaf", 63));         /* longer than it need be */
    assert_false(name_is_text("\xe0\x80\xaf", 63));     /* the same */
    assert_false(name_is_text("\xed\xa0\x80", 63));     /* a surrogate */
    assert_false(name_is_text("\xf4\x90\x80\x80", 63)); /* beyond Unicode */
    assert_false(name_is_text(longest, 63));
    longest[63] = '\0';
    assert_true(name_is_text(longest, 63));
    memcpy(longest + 62, "\xc3\xa4", 3);
    assert_false(name_is_text(longest, 63)); /* half a letter too long */
}

static void
names_are_quoted(void **state)
{
    struct sink sink = {0};
    struct text_out out;

    (void)state;
    text_begin(&out, take, &sink);
    text_put_name(&out, "a\"b\\c\n\xc3\xa4\xff");
    assert_int_equal(text_end(&out), SPINE_OK);
    assert_string_equal(sink.text, "a\\\"b\\\\c?\xc3\xa4?");
}

static void
sums_add_up_but_for_the_greatest(void **state)
{
    struct spine_stats a = {.rows = 1, .slice_ns_max = 7, .backpressure_ns_max = 1};
    struct spine_stats b = {.rows = 2, .slice_ns_max = 5, .backpressure_ns_max = 3};

    (void)state;
    strcpy(a.name, "a");
    b.levels[8].merge_ns = 4;
    spine_stats_add(&a, &b);
    assert_int_equal(a.rows, 3);
    assert_int_equal(a.slice_ns_max, 7);
    assert_int_equal(a.backpressure_ns_max, 3);
    assert_int_equal(a.levels[8].merge_ns, 4);
    assert_string_equal(a.name, "a");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reals_have_no_needless_digits),
        cmocka_unit_test(reals_know_no_locale),
        cmocka_unit_test(long_texts_come_in_pieces),
        cmocka_unit_test(names_are_utf8),
        cmocka_unit_test(names_are_quoted),
        cmocka_unit_test(sums_add_up_but_for_the_greatest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
