/* SPDX-License-Identifier: MIT */

/* What is told of a spine, event by event, and in words. */

#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROWS 1000u
#define EVENTS_MAX 4096

static const struct spine_schema pairs = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};

struct told {
    struct spine_event events[EVENTS_MAX];
    size_t count;
};

/* One thread only. */
static void
on_event(void *context, const struct spine_event *event)
{
    struct told *told = context;

    assert_true(told->count < EVENTS_MAX);
    assert_true(event->begin_ns > 0 && event->begin_ns <= event->end_ns);
    assert_true(event->thread > 0);
    told->events[told->count++] = *event;
}

static struct told *
told_new(void)
{
    struct told *told = calloc(1, sizeof *told);

    assert_non_null(told);
    return told;
}

static size_t
count_of(const struct told *told, enum spine_event_kind kind)
{
    size_t count = 0;

    for (size_t i = 0; i < told->count; i++)
        count += told->events[i].kind == kind;
    return count;
}

/* The event of that kind before which there are `before`. */
static const struct spine_event *
event_at(const struct told *told, enum spine_event_kind kind, size_t before)
{
    for (size_t i = 0; i < told->count; i++)
        if (told->events[i].kind == kind && before-- == 0)
            return &told->events[i];
    fail_msg("there is no such event of kind %d", (int)kind);
    return NULL;
}

static struct spine_runtime *
traced_runtime(struct told *told, struct spine_store *store)
{
    const struct spine_trace trace = {.context = told, .on_event = on_event};
    const struct spine_runtime_options options = {
        .manual = true, .trace = &trace, .store = store, .min_storage_bytes = 1};
    struct spine_runtime *runtime;

    assert_int_equal(spine_runtime_open(&options, &runtime, NULL), SPINE_OK);
    return runtime;
}

static struct spine *
open_named(struct spine_runtime *runtime, struct spine_options options)
{
    struct spine *spine;

    options.name = "orders";
    assert_int_equal(spine_open(runtime, &pairs, &options, &spine, NULL), SPINE_OK);
    return spine;
}

static struct spine_batch *
batch_of(uint64_t first)
{
    uint64_t keys[ROWS];
    const struct spine_columns columns = {.rows = ROWS, .keys = keys, .values = keys};
    struct spine_batch *batch;

    for (size_t i = 0; i < ROWS; i++)
        keys[i] = first + i;
    assert_int_equal(spine_batch_from_columns(&pairs, &columns, &batch, NULL), SPINE_OK);
    return batch;
}

static void
insert(struct spine *spine, uint64_t first)
{
    struct spine_batch *batch = batch_of(first);

    assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
}

static void
run_all(struct spine_runtime *runtime)
{
    while (spine_runtime_run(runtime, UINT64_MAX) > 0)
        ;
}

static void
a_merge_is_told_from_insert_to_end(void **state)
{
    struct told *told = told_new();
    struct spine_runtime *runtime = traced_runtime(told, NULL);
    struct spine *spine =
        open_named(runtime, (struct spine_options){.only_due_merges = true});
    const struct spine_event *begin, *end;

    (void)state;
    for (unsigned i = 0; i < 8; i++)
        insert(spine, i * ROWS);
    assert_int_equal(told->count, 8);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(told->events[i].kind, SPINE_EVENT_INSERT);
        assert_int_equal(told->events[i].sequence, i + 1);
        assert_int_equal(told->events[i].rows, ROWS);
        assert_string_equal(told->events[i].spine, "orders");
        assert_true(told->events[i].spine_number > 0);
    }
    run_all(runtime);
    assert_int_equal(count_of(told, SPINE_EVENT_MERGE_BEGIN), 1);
    assert_int_equal(count_of(told, SPINE_EVENT_MERGE_INPUT), 8);
    assert_int_equal(count_of(told, SPINE_EVENT_MERGE_END), 1);
    assert_true(count_of(told, SPINE_EVENT_SLICE) >= 1);
    begin = event_at(told, SPINE_EVENT_MERGE_BEGIN, 0);
    end = event_at(told, SPINE_EVENT_MERGE_END, 0);
    assert_int_equal(begin->cause, SPINE_CAUSE_DUE);
    assert_int_equal(begin->merge, 1);
    assert_int_equal(begin->level, 0);
    assert_int_equal(begin->count, 8);
    assert_int_equal(begin->rows, 8 * ROWS);
    assert_int_equal(end->merge, 1);
    assert_int_equal(end->cause, SPINE_CAUSE_NONE);
    assert_int_equal(end->rows_out, 8 * ROWS);
    assert_true(end->bytes > 0);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(event_at(told, SPINE_EVENT_MERGE_INPUT, i)->sequence, i + 1);

    /* The output has the number of its youngest input. */
    insert(spine, 0);
    assert_int_equal(spine_consolidate(spine, NULL, NULL), SPINE_OK);
    begin = event_at(told, SPINE_EVENT_MERGE_BEGIN, 1);
    assert_int_equal(begin->cause, SPINE_CAUSE_COMPACTION);
    assert_int_equal(begin->level, SPINE_LEVELS);
    assert_int_equal(begin->merge, 2);
    assert_int_equal(event_at(told, SPINE_EVENT_MERGE_INPUT, 8)->sequence, 8);
    assert_int_equal(event_at(told, SPINE_EVENT_MERGE_INPUT, 9)->sequence, 9);
    spine_close(spine);
    spine_runtime_close(runtime);
    free(told);
}

static void
a_stall_names_the_merge_that_holds_it_back(void **state)
{
    struct told *told = told_new();
    struct spine_runtime *runtime = traced_runtime(told, NULL);
    struct spine *spine =
        open_named(runtime, (struct spine_options){.help_batches = UINT32_MAX,
                                                   .backpressure_batches = 9});
    const struct spine_event *stall, *insertion;

    (void)state;
    /* Eight merge, nine wait. */
    for (unsigned i = 0; i < 17; i++)
        insert(spine, i * ROWS);
    assert_int_equal(count_of(told, SPINE_EVENT_STALL), 1);
    stall = event_at(told, SPINE_EVENT_STALL, 0);
    assert_int_equal(stall->cause, SPINE_CAUSE_BATCHES);
    assert_int_equal(stall->level, 0);
    assert_int_equal(stall->merge, 1);
    insertion = event_at(told, SPINE_EVENT_INSERT, 16);
    assert_true(insertion->begin_ns <= stall->begin_ns);
    assert_true(insertion->end_ns >= stall->end_ns);
    /* It was spent in slices of that merge. */
    assert_int_equal(event_at(told, SPINE_EVENT_MERGE_END, 0)->merge, 1);

    for (unsigned i = 17; i < 24; i++)
        insert(spine, i * ROWS);
    spine_close(spine);
    spine_runtime_close(runtime);
    free(told);
}

static void
help_is_told(void **state)
{
    struct told *told = told_new();
    struct spine_runtime *runtime = traced_runtime(told, NULL);
    struct spine *spine = open_named(runtime, (struct spine_options){.help_batches = 8});

    (void)state;
    for (unsigned i = 0; i < 12; i++)
        insert(spine, i * ROWS);
    assert_true(count_of(told, SPINE_EVENT_HELP) >= 1);
    assert_true(event_at(told, SPINE_EVENT_HELP, 0)->count >= 1);
    spine_close(spine);
    spine_runtime_close(runtime);
    free(told);
}

/* A merge that began is given up for a compaction. */
static void
a_merge_that_is_given_up_ends(void **state)
{
    struct told *told = told_new();
    struct spine_runtime *runtime = traced_runtime(told, NULL);
    struct spine *spine = open_named(
        runtime, (struct spine_options){.only_due_merges = true, .level0_rows = 100});
    size_t begun, ended = 0;

    (void)state;
    for (unsigned i = 0; i < 8; i++)
        insert(spine, i * ROWS);
    (void)spine_runtime_run(runtime, 1);
    assert_int_equal(count_of(told, SPINE_EVENT_MERGE_BEGIN), 1);
    assert_int_equal(count_of(told, SPINE_EVENT_MERGE_END), 0);
    assert_int_equal(spine_consolidate(spine, NULL, NULL), SPINE_OK);
    begun = count_of(told, SPINE_EVENT_MERGE_BEGIN);
    assert_int_equal(begun, 2);
    assert_int_equal(count_of(told, SPINE_EVENT_MERGE_END), 2);
    for (size_t i = 0; i < 2; i++)
        ended += event_at(told, SPINE_EVENT_MERGE_END, i)->cause == SPINE_CAUSE_GIVEN_UP;
    assert_int_equal(ended, 1);
    spine_close(spine);
    spine_runtime_close(runtime);
    free(told);
}

static void
files_are_told(void **state)
{
    struct told *told = told_new();
    const struct spine_trace trace = {.context = told, .on_event = on_event};
    const struct spine_store_options options = {.trace = &trace};
    struct spine_backend backend;
    struct spine_cursor *cursor;
    struct spine_store *store;
    struct spine_runtime *runtime;
    struct spine *spine;

    (void)state;
    assert_int_equal(spine_memory_backend(&backend, NULL), SPINE_OK);
    assert_int_equal(spine_store_open(&backend, &options, &store, NULL), SPINE_OK);
    runtime = traced_runtime(told, store);
    spine = open_named(runtime, (struct spine_options){0});
    for (unsigned i = 0; i < 40; i++)
        insert(spine, i * ROWS);
    run_all(runtime);
    assert_true(count_of(told, SPINE_EVENT_SPILL) >= 1);
    assert_true(event_at(told, SPINE_EVENT_SPILL, 0)->bytes > 0);
    assert_true(count_of(told, SPINE_EVENT_WRITE) >= 1);
    assert_true(event_at(told, SPINE_EVENT_WRITE, 0)->bytes > 0);
    assert_int_equal(spine_cursor_open(spine, &cursor, NULL), SPINE_OK);
    while (spine_cursor_key_valid(cursor))
        spine_cursor_step_key(cursor);
    spine_cursor_close(cursor);
    assert_true(count_of(told, SPINE_EVENT_READ) >= 1);
    spine_close(spine);
    spine_runtime_close(runtime);
    spine_store_close(store);
    free(told);
}

/* ---- Words ---- */

struct words {
    enum spine_log_level level;
    char text[600];
    size_t count;
};

static void
on_message(void *context, enum spine_log_level level, const char *message)
{
    struct words *words = context;

    words->level = level;
    words->count++;
    assert_true(strlen(message) < sizeof words->text);
    strcpy(words->text, message);
}

/* A sum beyond int64_t stops the merges of a spine. */
static void
insert_most(struct spine *spine)
{
    const uint64_t key = 1;
    const int64_t weight = INT64_MAX;
    const struct spine_columns columns = {
        .rows = 1, .keys = &key, .values = &key, .weights = &weight};
    struct spine_batch *batch;

    assert_int_equal(spine_batch_from_columns(&pairs, &columns, &batch, NULL), SPINE_OK);
    assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
}

static void
an_operator_is_told_of_errors(void **state)
{
    struct words words = {0};
    struct spine_log log = {.context = &words, .on_message = on_message};
    const struct spine_runtime_options options = {.manual = true, .log = &log};
    struct spine_runtime *runtime;
    struct spine *spine;

    (void)state;
    assert_int_equal(spine_runtime_open(&options, &runtime, NULL), SPINE_OK);
    spine = open_named(runtime, (struct spine_options){0});
    insert_most(spine);
    insert_most(spine);
    assert_int_equal(spine_consolidate(spine, NULL, NULL), SPINE_OVERFLOW);
    assert_int_equal(words.count, 1);
    assert_int_equal(words.level, SPINE_LOG_ERROR);
    assert_non_null(strstr(words.text, "spine \"orders\": merges stand still: "));
    spine_close(spine);
    spine_runtime_close(runtime);
}

/* Until the limit says no. */
static void
insert_too_much(struct spine *spine)
{
    enum spine_status st = SPINE_OK;

    for (unsigned i = 0; i < 100 && st == SPINE_OK; i++) {
        struct spine_batch *batch = batch_of(i * ROWS);

        st = spine_try_insert(spine, batch, NULL);
        spine_batch_unref(batch);
    }
    assert_int_equal(st, SPINE_NOMEM);
}

static void
an_operator_is_told_of_memory(void **state)
{
    struct words words = {0};
    struct spine_log log = {.context = &words, .on_message = on_message};
    struct spine_runtime_options options = {
        .manual = true, .log = &log, .memory_limit_bytes = 200000};
    struct spine_runtime *runtime;
    struct spine *spine;

    (void)state;
    assert_int_equal(spine_runtime_open(&options, &runtime, NULL), SPINE_OK);
    spine = open_named(runtime, (struct spine_options){0});
    insert_too_much(spine);
    assert_true(words.count >= 1);
    assert_non_null(strstr(words.text, "memory"));
    spine_close(spine);
    spine_runtime_close(runtime);

    /* Only what is asked for. */
    words = (struct words){0};
    log.level_max = SPINE_LOG_ERROR;
    assert_int_equal(spine_runtime_open(&options, &runtime, NULL), SPINE_OK);
    spine = open_named(runtime, (struct spine_options){0});
    insert_too_much(spine);
    assert_int_equal(words.count, 0);
    spine_close(spine);
    spine_runtime_close(runtime);
}

static void
callbacks_are_needed(void **state)
{
    const struct spine_trace trace = {0};
    const struct spine_log log = {0};
    struct spine_runtime_options options = {.manual = true, .trace = &trace};
    struct spine_runtime *runtime;
    struct spine_error error;

    (void)state;
    assert_int_equal(spine_runtime_open(&options, &runtime, &error), SPINE_INVALID);
    assert_non_null(strstr(error.message, "trace.on_event"));
    options.trace = NULL;
    options.log = &log;
    assert_int_equal(spine_runtime_open(&options, &runtime, &error), SPINE_INVALID);
    assert_non_null(strstr(error.message, "log.on_message"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_merge_is_told_from_insert_to_end),
        cmocka_unit_test(a_stall_names_the_merge_that_holds_it_back),
        cmocka_unit_test(help_is_told),
        cmocka_unit_test(a_merge_that_is_given_up_ends),
        cmocka_unit_test(files_are_told),
        cmocka_unit_test(an_operator_is_told_of_errors),
        cmocka_unit_test(an_operator_is_told_of_memory),
        cmocka_unit_test(callbacks_are_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
