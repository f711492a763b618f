/* SPDX-License-Identifier: MIT */

/*
 * The sweep of alloc_sweep_test.c for views, bulk reads, samples, retention and probes:
 * every allocation fails once, and for good from there. A call answers SPINE_NOMEM, or a
 * cursor has it as its status; with memory the same succeeds; nothing leaks and the spine
 * holds what it held.
 */

#include "harness/check.h"
#include "harness/fault_sweep.h"
#include "spine/probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

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
};

/* Tries a thing from its beginning to its end: SPINE_OK, or why it was not done. */
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
    model_release(&at->content);
    generator_release(&at->generator);
}

/* ---- The calls ---- */

static bool
accept_none(void *context, union spine_datum cell)
{
    (void)cell;
    return context != NULL;
}

/* Walks all keys and closes the cursor. */
static enum spine_status
walk_and_close(struct spine_cursor *cursor)
{
    enum spine_status st;

    for (spine_cursor_rewind(cursor); spine_cursor_key_valid(cursor);
         spine_cursor_step_key(cursor))
        ;
    st = spine_cursor_status(cursor);
    spine_cursor_close(cursor);
    return st;
}

static enum spine_status
call_predicates_and_bounds(struct fixture *at)
{
    const union spine_datum bound = generate_key(&at->generator);
    struct spine_cursor *cursor;
    enum spine_status st = spine_snapshot_cursor(at->snapshot, &cursor, NULL);

    if (st != SPINE_OK)
        return st;
    spine_cursor_seek_key_with(cursor, accept_none, NULL);
    spine_cursor_rewind(cursor);
    if (spine_cursor_key_valid(cursor))
        spine_cursor_seek_val_with(cursor, accept_none, NULL);
    spine_cursor_fast_forward(cursor);
    spine_cursor_seek_key_with_reverse(cursor, accept_none, NULL);
    spine_cursor_set_bounds(cursor, &bound, NULL);
    return walk_and_close(cursor);
}

static enum spine_status
call_clone_and_default(struct fixture *at)
{
    struct spine_cursor *cursor;
    struct spine_cursor *clone;
    uint8_t scratch[64];
    enum spine_status st = spine_snapshot_cursor(at->snapshot, &cursor, NULL);

    if (st != SPINE_OK)
        return st;
    spine_cursor_set_default(cursor, generate_value(&at->generator));
    (void)spine_cursor_seek_key_exact(cursor, generate_key_near(&at->generator, scratch));
    st = spine_cursor_clone(cursor, &clone, NULL);
    if (st == SPINE_OK)
        st = walk_and_close(clone);
    spine_cursor_close(cursor);
    return st;
}

static enum spine_status
call_sources_and_groups(struct fixture *at)
{
    const struct spine_cursor_source sources[] = {{at->snapshot, false},
                                                  {at->snapshot, true}};
    struct spine_cursor *cursor;
    struct spine_cursor *group;
    enum spine_status st = spine_cursor_open_sources(sources, 2, &cursor, NULL);

    if (st == SPINE_OK)
        st = walk_and_close(cursor);
    if (st == SPINE_OK)
        st = spine_cursor_open_sources(sources, 1, &cursor, NULL);
    if (st != SPINE_OK)
        return st;
    if (spine_cursor_key_valid(cursor)) {
        st = spine_cursor_group(cursor, UINT64_MAX, &group, NULL);
        if (st == SPINE_OK)
            st = walk_and_close(group);
    }
    if (st == SPINE_OK)
        st = spine_cursor_status(cursor);
    spine_cursor_close(cursor);
    return st;
}

static bool
keeps_all(void *context, union spine_datum key)
{
    (void)context;
    (void)key;
    return true;
}

/* Views through a time and what comes of them; untimed: of everything. */
static enum spine_status
call_through(struct fixture *at)
{
    const struct spine_key_filter filter = {.on_key = keeps_all};
    const union spine_datum value = generate_value(&at->generator);
    struct spine_cursor *cursor;
    struct spine_cursor *clone;
    struct spine_cursor *group = NULL;
    uint8_t scratch[64];
    enum spine_status st = spine_snapshot_cursor(at->snapshot, &cursor, NULL);

    if (st != SPINE_OK)
        return st;
    spine_cursor_fast_forward(cursor);
    spine_cursor_set_filter(cursor, &filter);
    spine_cursor_set_through(cursor, generate_time(&at->generator));
    spine_cursor_set_default(cursor, value);
    (void)spine_cursor_seek_key_exact(cursor, generate_key_near(&at->generator, scratch));
    spine_cursor_fast_forward(cursor);
    st = spine_cursor_clone(cursor, &clone, NULL);
    if (st == SPINE_OK) {
        if (spine_cursor_key_valid(clone))
            st = spine_cursor_group(clone, 0, &group, NULL);
        else
            st = spine_cursor_error(clone, NULL);
        if (st == SPINE_OK && group != NULL)
            st = walk_and_close(group);
        spine_cursor_close(clone);
    }
    if (st == SPINE_OK)
        return walk_and_close(cursor);
    spine_cursor_close(cursor);
    return st;
}

/* Into rooms that hold what several batches have, and into one that does not. */
static enum spine_status
call_reads(struct fixture *at)
{
    static const size_t rooms[] = {200, 20};
    struct spine_cursor *cursor;
    enum spine_status st = spine_snapshot_cursor(at->snapshot, &cursor, NULL);

    if (st != SPINE_OK)
        return st;
    for (unsigned i = 0; i < 2; i++) {
        struct buffers buffers;

        buffers_init(&buffers, &at->schema, rooms[i], 64);
        spine_cursor_rewind(cursor);
        while (spine_cursor_read(cursor, &buffers.view) > 0)
            ;
        buffers_release(&buffers);
    }
    st = spine_cursor_status(cursor);
    spine_cursor_close(cursor);
    return st;
}

static enum spine_status
call_samples(struct fixture *at)
{
    static const uint64_t counts[] = {1, 5, 1000};
    struct spine_batch *batch;
    enum spine_status st = SPINE_OK;

    for (unsigned i = 0; i < 3 && st == SPINE_OK; i++) {
        st = spine_snapshot_sample(at->snapshot, counts[i], 1, &batch, NULL);
        spine_batch_unref(batch);
    }
    if (st == SPINE_OK) {
        st = spine_snapshot_partition(at->snapshot, 4, 1, &batch, NULL);
        spine_batch_unref(batch);
    }
    return st;
}

static bool
keep_value(void *context, union spine_datum key, union spine_datum value)
{
    (void)context;
    (void)key;
    (void)value;
    return false;
}

static bool
keep_key(void *context, union spine_datum key)
{
    (void)context;
    (void)key;
    return true;
}

/* All values are among the thousand greatest, so nothing may go. */
static enum spine_status
call_retention(struct fixture *at)
{
    const struct spine_key_filter keys = {.name = "all", .on_key = keep_key};
    const struct spine_value_filter values = {
        .retain = SPINE_RETAIN_TOP, .count = 1000, .on_value = keep_value};
    enum spine_status st = spine_retain_keys(at->spine, &keys, NULL);

    if (st == SPINE_OK)
        st = spine_retain_values(at->spine, &values, NULL);
    return st == SPINE_OK ? spine_consolidate(at->spine, NULL, NULL) : st;
}

static enum spine_status
call_probe(struct fixture *at)
{
    struct spine_probe_options options = {.rows_max = 7};
    struct spine_probe_rows rows = {.more = false};
    struct spine_probe *probe;
    struct columns columns;
    struct model keys;
    size_t kept = 0;
    enum spine_status st = spine_probe_new(&probe, NULL);

    if (st != SPINE_OK)
        return st;
    model_init(&keys, &at->schema);
    model_copy(&keys, &at->content);
    for (size_t i = 0; i < keys.count; i++)
        if (kept == 0 || model_cell_compare(at->schema.key.kind, keys.rows[kept - 1].key,
                                            keys.rows[i].key) < 0)
            keys.rows[kept++] = keys.rows[i];
    keys.count = kept;
    columns_init(&columns, &keys);
    st = spine_snapshot_probe(at->snapshot, probe, &columns.view, &options, &rows, NULL);
    while (st == SPINE_OK && rows.more)
        st = spine_probe_next(probe, &rows, NULL);
    options.has_through = true;
    options.through = generate_time(&at->generator);
    if (st == SPINE_OK)
        st = spine_snapshot_probe(at->snapshot, probe, &columns.view, &options, &rows,
                                  NULL);
    while (st == SPINE_OK && rows.more)
        st = spine_probe_next(probe, &rows, NULL);
    columns_release(&columns);
    model_release(&keys);
    spine_probe_free(probe);
    return st;
}

static const struct {
    const char *name;
    call_fn *on_call;
} calls[] = {
    {"predicates and bounds", call_predicates_and_bounds},
    {"clone and default", call_clone_and_default},
    {"sources and groups", call_sources_and_groups},
    {"through a time", call_through},
    {"bulk reads", call_reads},
    {"sample and partition", call_samples},
    {"retention", call_retention},
    {"probe", call_probe},
};

/* ---- The sweep ---- */

static bool
one_point(const struct spine_schema *schema, size_t call, enum fault_mode mode,
          uint64_t nth, bool *fired)
{
    struct fixture at;
    enum spine_status st;

    HOLDS(fixture_init(&at, schema));
    fault_alloc_arm(mode, nth);
    st = calls[call].on_call(&at);
    *fired = fault_alloc_fired();
    fault_alloc_disarm();
    /* Without memory a filter is not built and a merge is tried again: it may succeed. */
    HOLDS(st == SPINE_OK || (*fired && st == SPINE_NOMEM));
    spine_retry(at.spine);
    HOLDS_OK(calls[call].on_call(&at));
    HOLDS_OK(spine_check(at.spine, NULL));
    HOLDS(check_spine_quickly(at.spine, &at.content, calls[call].name));
    fixture_release(&at);
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
test_sweep_words(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .value = {SPINE_U32, 0}};

    (void)state;
    assert_true(fault_sweep(&sweep, &schema, "u64 -> u32"));
}

static void
test_sweep_bytes(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_BYTES, 0},
                                        .value = {SPINE_FIXED, 5}};

    (void)state;
    assert_true(fault_sweep(&sweep, &schema, "bytes -> fixed 5"));
}

static void
test_sweep_timed(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_I32, 0},
                                        .value = {SPINE_BYTES, 0},
                                        .weight_count = 2,
                                        .time = SPINE_TIME_U64};

    (void)state;
    assert_true(fault_sweep(&sweep, &schema, "i32 -> bytes, two weights, times"));
}

int
main(int argc, char **argv)
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
