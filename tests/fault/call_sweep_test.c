/* SPDX-License-Identifier: MIT */

/*
 * Every public call that may allocate or read, with its first, second, third ...
 * allocation failing until it has none left, once and from then on, and where blocks are
 * elsewhere its pins: it answers the status of the fault and what failed, having changed
 * nothing, or succeeds; called again without the fault it succeeds; nothing leaks.
 */

#include "harness/check.h"
#include "harness/fault_sweep.h"
#include "harness/transcript.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define PARTS 6u

/* What every call finds. Made without faults. */
struct fixture {
    struct spine_schema schema;
    struct rng rng;
    struct generator generator;
    /* The rows of each batch, as they came; and of all, consolidated. */
    struct model parts[PARTS];
    struct model all;
    struct columns columns[PARTS];
    struct spine_batch *batches[PARTS];
    struct spine_runtime *runtime;
    struct spine *spine;
    /* What the spine must hold. */
    struct model content;
    /* The error of the call. */
    struct spine_error error;
};

typedef bool call_fn(struct fixture *at);

/* A call that may be refused once, and must then succeed. */
#define ATTEMPT(call)                                                                    \
    do {                                                                                 \
        enum spine_status attempt_status = (call);                                       \
        if (attempt_status == fault_status() && fault_fired()) {                         \
            HOLDS(fault_explains(attempt_status, &at->error));                           \
            fault_disarm();                                                              \
            attempt_status = (call);                                                     \
        }                                                                                \
        if (!property_ok(__FILE__, __LINE__, attempt_status, NULL))                      \
            return false;                                                                \
    } while (0)

static void
fixture_init(struct fixture *at, const struct spine_schema *schema, uint64_t seed)
{
    const struct spine_runtime_options manual = {.manual = true};
    const struct spine_options options = {.retry_ms = 1,
                                          .level0_rows = 60,
                                          .backpressure_batches = 4,
                                          .help_batches = 2,
                                          .encode_rows = 100};
    const struct generate_options rows = {
        .keys = 30, .values = 8, .times = 4, .bytes_max = 30, .cancel_percent = 20};

    *at = (struct fixture){.schema = *schema};
    rng_init(&at->rng, seed);
    generator_init(&at->generator, &at->rng, schema, &rows);
    model_init(&at->all, schema);
    model_init(&at->content, schema);
    for (unsigned i = 0; i < PARTS; i++) {
        model_init(&at->parts[i], schema);
        generate_rows(&at->generator, 40, &at->parts[i]);
        model_add_rows(&at->all, at->parts[i].rows, at->parts[i].count);
        columns_init(&at->columns[i], &at->parts[i]);
        at->batches[i] = batch_of_rows(&at->parts[i]);
    }
    model_consolidate(&at->all);
    if (spine_runtime_open(&manual, &at->runtime, NULL) != SPINE_OK ||
        spine_open(at->runtime, schema, &options, &at->spine, NULL) != SPINE_OK)
        abort();
    /* Enough for a merge to be due, the last batches being left for the calls. */
    for (unsigned i = 0; i < PARTS / 2; i++) {
        if (spine_try_insert(at->spine, at->batches[i], NULL) != SPINE_OK)
            abort();
        model_add_rows(&at->content, at->parts[i].rows, at->parts[i].count);
    }
    model_consolidate(&at->content);
}

static void
fixture_release(struct fixture *at)
{
    spine_close(at->spine);
    spine_runtime_close(at->runtime);
    for (unsigned i = 0; i < PARTS; i++) {
        spine_batch_unref(at->batches[i]);
        columns_release(&at->columns[i]);
        model_release(&at->parts[i]);
    }
    model_release(&at->all);
    model_release(&at->content);
    generator_release(&at->generator);
}

/* ---- The calls ---- */

static bool
call_runtime_open(struct fixture *at)
{
    const struct spine_runtime_options manual = {.manual = true};
    struct spine_runtime *runtime = NULL;

    (void)at;
    ATTEMPT(spine_runtime_open(&manual, &runtime, &at->error));
    spine_runtime_close(runtime);
    return true;
}

static bool
call_runtime_open_default(struct fixture *at)
{
    struct spine_runtime *runtime = NULL;

    (void)at;
    ATTEMPT(spine_runtime_open(NULL, &runtime, &at->error));
    spine_runtime_close(runtime);
    return true;
}

static bool
call_open(struct fixture *at)
{
    struct spine *spine = NULL;

    ATTEMPT(spine_open(at->runtime, &at->schema, NULL, &spine, &at->error));
    spine_close(spine);
    return true;
}

static bool
call_from_columns(struct fixture *at)
{
    struct spine_batch *batch = NULL;
    struct model expected;

    ATTEMPT(
        spine_batch_from_columns(&at->schema, &at->columns[0].view, &batch, &at->error));
    fault_disarm();
    model_init(&expected, &at->schema);
    model_copy(&expected, &at->parts[0]);
    model_consolidate(&expected);
    HOLDS(check_batch(batch, &expected, "from columns"));
    model_release(&expected);
    spine_batch_unref(batch);
    return true;
}

static bool
call_builder(struct fixture *at)
{
    struct spine_builder *builder = NULL;
    struct spine_batch *batch = NULL;

    ATTEMPT(spine_builder_new(&at->schema, &builder, &at->error));
    for (size_t i = 0; i < at->all.count; i++) {
        const struct spine_row row = row_of_model(&at->all.rows[i]);
        ATTEMPT(spine_builder_add(builder, &row, &at->error));
    }
    ATTEMPT(spine_builder_seal(builder, &batch, &at->error));
    fault_disarm();
    HOLDS(check_batch(batch, &at->all, "builder"));
    spine_batch_unref(batch);
    spine_builder_free(builder);
    return true;
}

static bool
call_batcher(struct fixture *at)
{
    struct spine_batcher *batcher = NULL;
    struct spine_batch *batch = NULL;

    ATTEMPT(spine_batcher_new(&at->schema, &batcher, &at->error));
    for (size_t i = 0; i < at->parts[0].count; i++) {
        const struct spine_row row = row_of_model(&at->parts[0].rows[i]);
        ATTEMPT(spine_batcher_add(batcher, &row, &at->error));
    }
    for (unsigned i = 1; i < PARTS; i++)
        ATTEMPT(spine_batcher_add_columns(batcher, &at->columns[i].view, &at->error));
    ATTEMPT(spine_batcher_seal(batcher, &batch, &at->error));
    fault_disarm();
    HOLDS(check_batch(batch, &at->all, "batcher"));
    spine_batch_unref(batch);
    spine_batcher_free(batcher);
    return true;
}

/* Goes over all rows, or to each seventh, one of four ways. */
static void
read_all(const struct fixture *at, struct spine_cursor *cursor, unsigned way,
         struct transcript *out)
{
    if (way == 0)
        for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor))
            for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor))
                transcript_note_position(out, &at->schema, cursor);
    else if (way == 1)
        for (spine_cursor_fast_forward(cursor); spine_cursor_key_valid(cursor);
             spine_cursor_step_key_reverse(cursor))
            transcript_note_position(out, &at->schema, cursor);
    else
        for (size_t i = 0; i < at->content.count; i += 7) {
            if (way == 2)
                (void)spine_cursor_seek_key_exact(cursor, at->content.rows[i].key);
            else
                spine_cursor_seek_key(cursor, at->content.rows[i].key);
            transcript_note_position(out, &at->schema, cursor);
        }
}

/* What a reader sees that no fault strikes. */
static bool
read_soundly(struct fixture *at, unsigned way, struct transcript *out)
{
    struct spine_cursor *cursor;

    fault_pause();
    HOLDS_OK(spine_cursor_open(at->spine, &cursor, NULL));
    read_all(at, cursor, way, out);
    HOLDS_OK(spine_cursor_status(cursor));
    spine_cursor_close(cursor);
    fault_resume();
    return true;
}

/* A cursor that failed says so for good, whatever is done with it. */
static bool
stays_failed(struct fixture *at, struct spine_cursor *cursor)
{
    struct spine_cursor *clone;

    HOLDS(fault_explains(spine_cursor_error(cursor, &at->error), &at->error));
    HOLDS(!spine_cursor_key_valid(cursor) && !spine_cursor_val_valid(cursor));
    fault_disarm();
    spine_cursor_rewind(cursor);
    HOLDS(!spine_cursor_key_valid(cursor));
    HOLDS(!spine_cursor_seek_key_exact(cursor, at->content.rows[0].key));
    spine_cursor_fast_forward(cursor);
    spine_cursor_step_key(cursor);
    HOLDS(!spine_cursor_key_valid(cursor) && !spine_cursor_val_valid(cursor));
    HOLDS_STATUS(fault_status(), spine_cursor_clone(cursor, &clone, NULL));
    HOLDS_STATUS(fault_status(), spine_cursor_status(cursor));
    return true;
}

static bool
call_cursor(struct fixture *at, unsigned way)
{
    struct transcript whole = {0}, seen = {0};
    struct spine_cursor *cursor = NULL;
    bool done;

    HOLDS(read_soundly(at, way, &whole));
    ATTEMPT(spine_cursor_open(at->spine, &cursor, &at->error));
    read_all(at, cursor, way, &seen);
    done = spine_cursor_status(cursor) == SPINE_OK;
    HOLDS(transcript_agrees(&whole, &seen, done));
    HOLDS(done || stays_failed(at, cursor));
    fault_disarm();
    spine_cursor_close(cursor);
    transcript_release(&whole);
    transcript_release(&seen);
    return true;
}

static bool
call_cursor_forward(struct fixture *at)
{
    return call_cursor(at, 0);
}

static bool
call_cursor_reverse(struct fixture *at)
{
    return call_cursor(at, 1);
}

static bool
call_cursor_exact(struct fixture *at)
{
    return call_cursor(at, 2);
}

static bool
call_cursor_seek(struct fixture *at)
{
    return call_cursor(at, 3);
}

static bool
call_batch_cursor(struct fixture *at)
{
    struct spine_cursor *cursor = NULL;

    ATTEMPT(spine_batch_cursor(at->batches[0], &cursor, &at->error));
    spine_cursor_close(cursor);
    return true;
}

static bool
call_snapshot(struct fixture *at)
{
    struct spine_snapshot *snapshot = NULL;
    struct spine_cursor *cursor = NULL;

    ATTEMPT(spine_take_snapshot(at->spine, &snapshot, &at->error));
    ATTEMPT(spine_snapshot_cursor(snapshot, &cursor, &at->error));
    fault_disarm();
    spine_cursor_close(cursor);
    HOLDS(check_snapshot(snapshot, &at->content, "snapshot"));
    spine_snapshot_unref(snapshot);
    return true;
}

static bool
call_snapshot_of_batches(struct fixture *at)
{
    struct spine_snapshot *snapshot = NULL;

    ATTEMPT(spine_snapshot_of_batches(&at->schema, at->batches, PARTS, &snapshot,
                                      &at->error));
    fault_disarm();
    HOLDS(check_snapshot(snapshot, &at->all, "snapshot"));
    spine_snapshot_unref(snapshot);
    return true;
}

static bool
insert_rest(struct fixture *at, bool wait)
{
    for (unsigned i = PARTS / 2; i < PARTS; i++) {
        enum spine_status st;

        for (unsigned tries = 0;; tries++) {
            st = wait ? spine_insert(at->spine, at->batches[i], &at->error)
                      : spine_try_insert(at->spine, at->batches[i], &at->error);
            if (st == SPINE_OK || (st != fault_status() && st != SPINE_BUSY))
                break;
            HOLDS(tries < 10);
            if (st == fault_status()) {
                HOLDS(fault_explains(st, &at->error));
                fault_disarm();
                /* Nothing was taken: not by a refusal, not by the sticky error. */
                HOLDS(check_spine_quickly(at->spine, &at->content, "refused insert"));
                spine_retry(at->spine);
            } else {
                (void)spine_runtime_run(at->runtime, UINT64_MAX);
            }
        }
        HOLDS_OK(st);
        model_add_rows(&at->content, at->parts[i].rows, at->parts[i].count);
        model_consolidate(&at->content);
    }
    return true;
}

static bool
call_insert(struct fixture *at)
{
    return insert_rest(at, true);
}

static bool
call_try_insert(struct fixture *at)
{
    return insert_rest(at, false);
}

/* A merge that fails leaves its inputs; it is tried again. */
static bool
call_runtime_run(struct fixture *at)
{
    HOLDS(insert_rest(at, false));
    while (spine_runtime_run(at->runtime, 50) > 0)
        ;
    const enum spine_status st = spine_get_status(at->spine, &at->error);
    HOLDS(st == SPINE_OK || fault_explains(st, &at->error));
    return true;
}

static bool
call_consolidate(struct fixture *at)
{
    struct spine_batch *batch = NULL;
    enum spine_status st = spine_consolidate(at->spine, &batch, &at->error);

    if (st == fault_status()) {
        HOLDS(fault_explains(st, &at->error) && batch == NULL);
        fault_disarm();
        HOLDS(check_spine_quickly(at->spine, &at->content, "refused consolidate"));
        spine_retry(at->spine);
        st = spine_consolidate(at->spine, &batch, NULL);
    }
    fault_disarm();
    HOLDS_OK(st);
    HOLDS(check_batch(batch, &at->content, "consolidated"));
    spine_batch_unref(batch);
    return true;
}

struct compaction_report {
    unsigned calls;
    enum spine_status status;
};

static void
on_compacted(void *context, enum spine_status status)
{
    struct compaction_report *report = context;

    report->calls++;
    report->status = status;
}

static bool
call_compact(struct fixture *at)
{
    struct compaction_report report = {0};

    ATTEMPT(spine_compact(at->spine, on_compacted, &report, &at->error));
    while (spine_runtime_run(at->runtime, 50) > 0)
        ;
    /* What failed once is tried again. */
    const enum spine_status st = spine_wait_idle(at->spine, UINT64_MAX, &at->error);
    HOLDS(st == SPINE_OK || fault_explains(st, &at->error));
    fault_disarm();
    HOLDS_STATUS(st, spine_get_status(at->spine, NULL));
    while (spine_runtime_run(at->runtime, 50) > 0)
        ;
    HOLDS_EQUAL(1, report.calls);
    HOLDS(report.status == SPINE_OK || report.status == fault_status());
    return true;
}

static bool
call_fork(struct fixture *at)
{
    struct spine *fork = NULL;

    ATTEMPT(spine_fork(at->spine, &fork, &at->error));
    fault_disarm();
    HOLDS(check_spine_quickly(fork, &at->content, "fork"));
    HOLDS_OK(spine_check(fork, NULL));
    spine_close(fork);
    return true;
}

static bool
call_check(struct fixture *at)
{
    ATTEMPT(spine_check(at->spine, &at->error));
    ATTEMPT(spine_batch_check(at->batches[0], &at->error));
    return true;
}

static const struct {
    const char *name;
    call_fn *on_call;
} calls[] = {
    {"spine_runtime_open", call_runtime_open},
    {"spine_runtime_open, default", call_runtime_open_default},
    {"spine_open", call_open},
    {"spine_batch_from_columns", call_from_columns},
    {"spine_builder_*", call_builder},
    {"spine_batcher_*", call_batcher},
    {"spine_cursor_*, forward", call_cursor_forward},
    {"spine_cursor_*, reverse", call_cursor_reverse},
    {"spine_cursor_*, exact", call_cursor_exact},
    {"spine_cursor_*, seek", call_cursor_seek},
    {"spine_batch_cursor", call_batch_cursor},
    {"spine_take_snapshot", call_snapshot},
    {"spine_snapshot_of_batches", call_snapshot_of_batches},
    {"spine_insert", call_insert},
    {"spine_try_insert", call_try_insert},
    {"spine_runtime_run", call_runtime_run},
    {"spine_consolidate", call_consolidate},
    {"spine_compact", call_compact},
    {"spine_fork", call_fork},
    {"spine_check", call_check},
};

/* ---- The sweep ---- */

static bool
one_point(const struct spine_schema *schema, size_t call, enum fault_mode mode,
          uint64_t nth, bool *fired)
{
    struct fixture at;

    fixture_init(&at, schema, harness_seed());
    fault_arm(mode, nth);
    const bool sound = calls[call].on_call(&at);
    fault_disarm();
    *fired = fault_fired();
    HOLDS(sound);
    spine_retry(at.spine);
    HOLDS_OK(spine_check(at.spine, NULL));
    HOLDS(check_spine_quickly(at.spine, &at.content, "after the call"));
    fixture_release(&at);
    HOLDS_EQUAL(0, fault_alloc_live_blocks());
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

static const char *
call_name(size_t call)
{
    return calls[call].name;
}

static const struct fault_sweep sweep = {
    .call_count = sizeof calls / sizeof calls[0],
    .on_name = call_name,
    .on_point = one_point,
};

static void
test_sweep_one_word(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_U32, 0}, .value = {SPINE_I32, 0}};

    (void)state;
    assert_true(fault_sweep(&sweep, &schema, "u32 -> i32"));
}

static void
test_sweep_two_words(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .value = {SPINE_F64, 0}};

    (void)state;
    assert_true(fault_sweep(&sweep, &schema, "u64 -> f64"));
}

static void
test_sweep_bytes(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_BYTES, 0},
                                        .value = {SPINE_FIXED, 20}};

    (void)state;
    assert_true(fault_sweep(&sweep, &schema, "bytes -> fixed 20"));
}

static void
test_sweep_timed(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_I64, 0},
                                        .value = {SPINE_BYTES, 0},
                                        .weight_count = 3,
                                        .time = SPINE_TIME_PAIR};

    (void)state;
    assert_true(fault_sweep(&sweep, &schema, "i64 -> bytes, three weights, times"));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sweep_one_word),
        cmocka_unit_test(test_sweep_two_words),
        cmocka_unit_test(test_sweep_bytes),
        cmocka_unit_test(test_sweep_timed),
    };

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
