/* SPDX-License-Identifier: MIT */

/*
 * Without memory metrics and traces say so or go without: every allocation of opening a
 * named spine with levels of its own, of both texts and of a trace fails once, and then
 * all from there on.
 */

#include "harness/fault_alloc.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct spine_schema pairs = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};

static enum spine_status
count_bytes(void *context, const char *text, size_t text_bytes)
{
    (void)text;
    *(size_t *)context += text_bytes;
    return SPINE_OK;
}

/* Opens a spine of that name with 500 rows at level 0. */
static enum spine_status
open_spine(struct spine_runtime *runtime, const char *name, struct spine **out)
{
    const struct spine_options options = {.name = name, .level0_rows = 500};
    struct spine_error error;
    const enum spine_status st = spine_open(runtime, &pairs, &options, out, &error);

    assert_true(st == SPINE_OK || (st == SPINE_NOMEM && error.status == SPINE_NOMEM));
    return st;
}

static enum spine_status
write_texts(struct spine_runtime *runtime)
{
    struct spine_error error;
    size_t bytes = 0;
    enum spine_status st = spine_metrics_prometheus(runtime, count_bytes, &bytes, &error);

    if (st == SPINE_OK)
        st = spine_metrics_json(runtime, count_bytes, &bytes, &error);
    assert_true(st == SPINE_OK || (st == SPINE_NOMEM && error.status == SPINE_NOMEM));
    return st;
}

/* A thread that cannot be noted is named again. */
static enum spine_status
write_trace(void)
{
    const struct spine_event event = {
        .kind = SPINE_EVENT_HELP, .spine = "a", .thread = 1, .begin_ns = 1, .end_ns = 2};
    struct spine_trace_writer *writer;
    struct spine_trace trace;
    size_t bytes = 0;
    const enum spine_status st =
        spine_trace_writer_open(count_bytes, &bytes, &writer, NULL);

    if (st != SPINE_OK)
        return st;
    trace = spine_trace_of_writer(writer);
    trace.on_event(trace.context, &event);
    trace.on_event(trace.context, &event);
    assert_int_equal(spine_trace_writer_close(writer, NULL), SPINE_OK);
    assert_true(bytes > 0);
    return SPINE_OK;
}

/* All of it; SPINE_OK or SPINE_NOMEM, and nothing is left either way. */
static enum spine_status
watch(struct spine_runtime *runtime)
{
    struct spine *a = NULL, *b = NULL;
    enum spine_status st = open_spine(runtime, "a", &a);

    if (st == SPINE_OK)
        st = open_spine(runtime, "b", &b);
    if (st == SPINE_OK)
        st = write_texts(runtime);
    if (st == SPINE_OK)
        st = write_trace();
    spine_close(b);
    spine_close(a);
    return st;
}

static void
want_of_memory_is_told(void **state)
{
    static const enum fault_mode modes[] = {FAULT_ONCE, FAULT_FOREVER};
    const struct spine_runtime_options manual = {.manual = true};
    struct spine_runtime *runtime;
    unsigned refused = 0;

    (void)state;
    fault_alloc_install();
    assert_int_equal(spine_runtime_open(&manual, &runtime, NULL), SPINE_OK);
    assert_int_equal(watch(runtime), SPINE_OK);
    const size_t blocks = fault_alloc_live_blocks();
    for (size_t mode = 0; mode < 2; mode++)
        for (uint64_t nth = 1;; nth++) {
            fault_alloc_arm(modes[mode], nth);
            const enum spine_status st = watch(runtime);
            const bool fired = fault_alloc_disarm();

            assert_true(st == SPINE_OK || (st == SPINE_NOMEM && fired));
            assert_int_equal(fault_alloc_live_blocks(), blocks);
            refused += st == SPINE_NOMEM;
            if (!fired)
                break;
        }
    /* Two spines, their names, levels and books, both texts, the writer. */
    assert_true(refused >= 20);
    assert_int_equal(watch(runtime), SPINE_OK);
    spine_runtime_close(runtime);
    assert_int_equal(fault_alloc_live_blocks(), 0);
    fault_alloc_remove();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(want_of_memory_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
