/* SPDX-License-Identifier: MIT */
#ifndef FAULT_SWEEP_FIXTURE_H
#define FAULT_SWEEP_FIXTURE_H

/*
 * fault/sweep_fixture -- a sweep of calls that give rows of a spine of four batches.
 *
 * Each call is made while an allocation or, where blocks are elsewhere, a pin fails, once
 * and for good from there. It answers the status of the fault, or a cursor has it as its
 * status, and what was given until then is the beginning of what is given otherwise;
 * without the fault the same succeeds; nothing leaks and the spine holds what it held.
 */

#include "harness/check.h"
#include "harness/fault_sweep.h"
#include "harness/transcript.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BATCHES 4u

struct fixture {
    struct spine_schema schema;
    struct rng rng;
    struct generator generator;
    struct model content;
    struct spine_runtime *runtime;
    struct spine *spine;
    struct spine_snapshot *snapshot;
    /* What the call gave so far. */
    struct transcript seen;
    struct spine_error error;
};

/* Tries a thing from its beginning to its end: SPINE_OK, or why it was not done; then
 * `error` of the fixture says the same. */
typedef enum spine_status call_fn(struct fixture *at);

static bool
fixture_init(struct fixture *at, const struct spine_schema *schema)
{
    const struct generate_options rows = {
        .keys = 12, .values = 8, .times = 3, .bytes_max = 30, .cancel_percent = 20};
    const struct spine_runtime_options manual = {.manual = true};
    const struct spine_options options = {.retry_ms = 1, .filter_rows_min = 1};

    *at = (struct fixture){.schema = *schema};
    rng_init(&at->rng, harness_seed());
    generator_init(&at->generator, &at->rng, schema, &rows);
    model_init(&at->content, schema);
    HOLDS_OK(spine_runtime_open(&manual, &at->runtime, NULL));
    HOLDS_OK(spine_open(at->runtime, schema, &options, &at->spine, NULL));
    for (unsigned i = 0; i < BATCHES; i++) {
        struct spine_batch *batch;
        struct model part;

        model_init(&part, schema);
        generate_rows(&at->generator, 60, &part);
        model_add_rows(&at->content, part.rows, part.count);
        batch = batch_of_rows(&part);
        model_release(&part);
        HOLDS_OK(spine_insert(at->spine, batch, NULL));
        spine_batch_unref(batch);
    }
    model_consolidate(&at->content);
    HOLDS_OK(spine_take_snapshot(at->spine, &at->snapshot, NULL));
    return true;
}

static void
fixture_release(struct fixture *at)
{
    spine_snapshot_unref(at->snapshot);
    spine_close(at->spine);
    spine_runtime_close(at->runtime);
    transcript_release(&at->seen);
    model_release(&at->content);
    generator_release(&at->generator);
}

struct sweep_call {
    const char *name;
    call_fn *on_call;
};

/* What is swept: defined by the test. */
extern const struct sweep_call sweep_calls[];
extern const size_t sweep_call_count;

static enum spine_status
close_cursor(struct fixture *at, struct spine_cursor *cursor)
{
    const enum spine_status st = spine_cursor_error(cursor, &at->error);

    spine_cursor_close(cursor);
    return st;
}

/* Walks all rows and closes the cursor, whose rows are of `schema`. */
static enum spine_status
walk_and_close(struct fixture *at, const struct spine_schema *schema,
               struct spine_cursor *cursor)
{
    for (spine_cursor_rewind(cursor); spine_cursor_key_valid(cursor);
         spine_cursor_step_key(cursor))
        for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor))
            transcript_note_position(&at->seen, schema, cursor);
    return close_cursor(at, cursor);
}

/* The call, as it is always made. */
static enum spine_status
make(struct fixture *at, size_t call)
{
    at->seen.count = 0;
    rng_init(&at->rng, harness_seed());
    return sweep_calls[call].on_call(at);
}

static bool
one_point(const struct spine_schema *schema, size_t call, enum fault_mode mode,
          uint64_t nth, bool *fired)
{
    struct fixture sound, at;
    enum spine_status st;

    HOLDS(fixture_init(&sound, schema));
    HOLDS_OK(make(&sound, call));
    HOLDS(fixture_init(&at, schema));
    fault_arm(mode, nth);
    st = make(&at, call);
    *fired = fault_fired();
    fault_disarm();
    /* Without memory a filter is not built and a merge is tried again: it may succeed. */
    HOLDS(st == SPINE_OK || fault_explains(st, &at.error));
    HOLDS(transcript_agrees(&sound.seen, &at.seen, st == SPINE_OK));
    spine_retry(at.spine);
    HOLDS_OK(make(&at, call));
    HOLDS(transcript_agrees(&sound.seen, &at.seen, true));
    HOLDS_OK(spine_check(at.spine, NULL));
    HOLDS(check_spine_quickly(at.spine, &at.content, sweep_calls[call].name));
    fixture_release(&at);
    fixture_release(&sound);
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

static const char *
call_name(size_t call)
{
    return sweep_calls[call].name;
}

static bool
sweep_schema(const struct spine_schema *schema, const char *schema_name)
{
    const struct fault_sweep sweep = {
        .call_count = sweep_call_count, .on_name = call_name, .on_point = one_point};

    return fault_sweep(&sweep, schema, schema_name);
}

static void
test_sweep_words(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .value = {SPINE_U32, 0}};

    (void)state;
    assert_true(sweep_schema(&schema, "u64 -> u32"));
}

static void
test_sweep_bytes(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_BYTES, 0},
                                        .value = {SPINE_FIXED, 5}};

    (void)state;
    assert_true(sweep_schema(&schema, "bytes -> fixed 5"));
}

static void
test_sweep_timed(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_I32, 0},
                                        .value = {SPINE_BYTES, 0},
                                        .weight_count = 2,
                                        .time = SPINE_TIME_U64};

    (void)state;
    assert_true(sweep_schema(&schema, "i32 -> bytes, two weights, times"));
}

static int
sweep_main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sweep_words),
        cmocka_unit_test(test_sweep_bytes),
        cmocka_unit_test(test_sweep_timed),
    };

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
