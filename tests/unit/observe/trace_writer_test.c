/* SPDX-License-Identifier: MIT */
#include "spine/trace.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct sink {
    char text[8000];
    size_t bytes;
    enum spine_status answer;
};

static enum spine_status
take(void *context, const char *text, size_t text_bytes)
{
    struct sink *sink = context;

    assert_true(sink->bytes + text_bytes < sizeof sink->text);
    memcpy(sink->text + sink->bytes, text, text_bytes);
    sink->bytes += text_bytes;
    sink->text[sink->bytes] = '\0';
    return sink->answer;
}

/* The text of `count` events. */
static const char *
written(struct sink *sink, const struct spine_event *events, size_t count)
{
    struct spine_trace_writer *writer;
    struct spine_trace trace;

    *sink = (struct sink){.answer = SPINE_OK};
    assert_int_equal(spine_trace_writer_open(take, sink, &writer, NULL), SPINE_OK);
    trace = spine_trace_of_writer(writer);
    for (size_t i = 0; i < count; i++)
        trace.on_event(trace.context, &events[i]);
    assert_int_equal(spine_trace_writer_close(writer, NULL), SPINE_OK);
    return sink->text;
}

static void
nothing_is_a_trace(void **state)
{
    struct sink sink;

    (void)state;
    assert_string_equal(written(&sink, NULL, 0), "[\n]\n");
}

static void
inserts_and_inputs_are_joined_by_arrows(void **state)
{
    const struct spine_event events[] = {
        {.kind = SPINE_EVENT_INSERT,
         .spine = "a\"b",
         .spine_number = 2,
         .thread = 7,
         .begin_ns = 1500,
         .end_ns = 4001,
         .sequence = 3,
         .rows = 10},
        {.kind = SPINE_EVENT_MERGE_INPUT,
         .spine = "a\"b",
         .spine_number = 2,
         .thread = 7,
         .begin_ns = 5000,
         .end_ns = 5000,
         .merge = 1,
         .sequence = 3},
    };
    struct sink sink;

    (void)state;
    assert_string_equal(
        written(&sink, events, 2),
        "[\n{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":1,\"tid\":7,\"args\":{"
        "\"name\":"
        "\"inserts 7\"}},\n"
        "{\"ph\":\"X\",\"cat\":\"spine\",\"pid\":1,\"tid\":7,\"ts\":1.500,\"dur\":2.501,"
        "\"name\":\"insert\",\"args\":{\"spine\":\"a\\\"b\",\"batch\":3,\"rows\":10}},\n"
        "{\"ph\":\"s\",\"cat\":\"batch\",\"pid\":1,\"tid\":7,\"ts\":1.500,"
        "\"id\":\"0x20000000003\",\"name\":\"batch\",\"args\":{\"spine\":\"a\\\"b\","
        "\"batch\":3,\"rows\":10}},\n"
        "{\"ph\":\"t\",\"cat\":\"batch\",\"pid\":1,\"tid\":7,\"ts\":5.000,"
        "\"id\":\"0x20000000003\",\"bp\":\"e\",\"name\":\"batch\",\"args\":{\"spine\":"
        "\"a\\\"b\",\"merge\":1,\"batch\":3}}\n]\n");
}

static void
a_stall_says_why(void **state)
{
    const struct spine_event stall = {.kind = SPINE_EVENT_STALL,
                                      .cause = SPINE_CAUSE_BATCHES,
                                      .spine = "a",
                                      .thread = 1,
                                      .begin_ns = 1000,
                                      .end_ns = 2000,
                                      .level = 2,
                                      .merge = 9};
    const struct spine_event end = {.kind = SPINE_EVENT_MERGE_END,
                                    .cause = SPINE_CAUSE_GIVEN_UP,
                                    .spine = "a",
                                    .thread = 1,
                                    .begin_ns = 1000,
                                    .end_ns = 1000,
                                    .level = SPINE_LEVELS,
                                    .merge = 9};
    struct sink sink;

    (void)state;
    assert_non_null(strstr(
        written(&sink, &stall, 1),
        "\"dur\":1.000,\"cname\":\"terrible\",\"name\":\"STALL level 2\",\"args\":{"
        "\"spine\":\"a\",\"cause\":\"batches\",\"merge\":9}}"));
    assert_non_null(strstr(written(&sink, &end, 1),
                           "{\"ph\":\"e\",\"cat\":\"merge\",\"pid\":1,\"tid\":1,"
                           "\"ts\":1.000,\"id\":\"0x9\",\"name\":\"merge compaction\","
                           "\"args\":{\"spine\":\"a\",\"cause\":\"given up\""));
}

static void
what_the_host_answers_is_told_at_the_end(void **state)
{
    struct sink sink = {.answer = SPINE_IO};
    struct spine_trace_writer *writer;
    struct spine_error error;

    (void)state;
    assert_int_equal(spine_trace_writer_open(take, &sink, &writer, NULL), SPINE_OK);
    assert_int_equal(spine_trace_writer_close(writer, &error), SPINE_IO);
    assert_int_equal(error.status, SPINE_IO);
    assert_null(spine_trace_of_writer(NULL).on_event);
    assert_int_equal(spine_trace_writer_close(NULL, NULL), SPINE_OK);
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_a_trace),
        cmocka_unit_test(inserts_and_inputs_are_joined_by_arrows),
        cmocka_unit_test(a_stall_says_why),
        cmocka_unit_test(what_the_host_answers_is_told_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
