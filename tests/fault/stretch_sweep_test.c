/* SPDX-License-Identifier: MIT */

/*
 * A reader tells what it skipped, and that is merged, while every allocation fails once,
 * and for good from there: at worst nothing is merged.
 */

#include "harness/check.h"
#include "harness/fault_sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Small blocks cost more each, and every allocation is one of many. */
#ifdef SPINE_BLOCKS_ELSEWHERE
#define ROWS 2000u
#define RETRACTIONS 800u
#else
#define ROWS 16000u
#define RETRACTIONS 3000u
#endif

struct fixture {
    struct spine_schema schema;
    struct model content;
    struct spine_runtime *runtime;
    struct spine *spine;
};

static void
row_of(const struct fixture *at, uint64_t number, uint8_t *bytes, int64_t weight,
       struct model_row *out)
{
    *out = (struct model_row){
        .key = spine_u64(number), .value = spine_u64(1), .weights = {weight}};
    if (at->schema.key.kind != SPINE_BYTES)
        return;
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(number >> (8 * (7 - i)));
    out->key.bytes.data = bytes;
    out->key.bytes.size = 8;
}

static bool
insert(struct fixture *at, uint64_t begin, uint64_t end, uint64_t step, int64_t weight,
       struct model *part)
{
    (void)at;
    for (uint64_t number = begin; number < end; number += step) {
        struct model_row row;
        uint8_t bytes[8];

        row_of(at, number, bytes, weight, &row);
        model_add(part, &row);
    }
    return true;
}

static bool
insert_batch(struct fixture *at, struct model *part)
{
    struct spine_batch *batch = batch_of_rows(part);

    HOLDS_OK(spine_insert(at->spine, batch, NULL));
    spine_batch_unref(batch);
    model_add_rows(&at->content, part->rows, part->count);
    model_release(part);
    return true;
}

/* A large batch, one that retracts a stretch of it and has rows elsewhere, and a small
 * one in the stretch. */
static bool
fixture_init(struct fixture *at, const struct spine_schema *schema)
{
    const struct spine_runtime_options manual = {.manual = true};
    struct model part;

    *at = (struct fixture){.schema = *schema};
    model_init(&at->content, schema);
    HOLDS_OK(spine_runtime_open(&manual, &at->runtime, NULL));
    HOLDS_OK(spine_open(at->runtime, schema, NULL, &at->spine, NULL));
    model_init(&part, schema);
    HOLDS(insert(at, 0, ROWS, 1, 1, &part));
    HOLDS(insert_batch(at, &part));
    model_init(&part, schema);
    HOLDS(insert(at, 0, RETRACTIONS, 1, -1, &part));
    HOLDS(insert(at, 2 * ROWS, 3 * ROWS, 50, 1, &part));
    HOLDS(insert(at, RETRACTIONS, ROWS, 100, 1, &part));
    HOLDS(insert_batch(at, &part));
    model_init(&part, schema);
    HOLDS(insert(at, 10, 20, 1, 1, &part));
    HOLDS(insert_batch(at, &part));
    model_consolidate(&at->content);
    return true;
}

static bool
fixture_release(struct fixture *at)
{
    HOLDS_OK(spine_check(at->spine, NULL));
    HOLDS(check_spine_quickly(at->spine, &at->content, "after the sweep"));
    spine_close(at->spine);
    spine_runtime_close(at->runtime);
    model_release(&at->content);
    return true;
}

/* Reads over the retractions, takes a snapshot, which has them merged, and merges. */
static enum spine_status
read_and_merge(struct fixture *at)
{
    for (int round = 0; round < 2; round++) {
        struct spine_cursor *cursor;
        enum spine_status st = spine_cursor_open(at->spine, &cursor, NULL);

        if (st != SPINE_OK)
            return st;
        for (int i = 0; i < 20 && spine_cursor_key_valid(cursor); i++)
            spine_cursor_step_key(cursor);
        st = spine_cursor_error(cursor, NULL);
        spine_cursor_close(cursor);
        if (st != SPINE_OK)
            return st;
    }
    while (spine_runtime_run(at->runtime, UINT64_MAX) > 0)
        continue;
    return spine_get_status(at->spine, NULL);
}

static const char *
name_of(size_t call)
{
    (void)call;
    return "read and merge";
}

/* A stretch whose blocks are in files, not in memory, waits for a merge that is due. */
static bool
may_wait(void)
{
    const char *elsewhere = getenv("SPINE_ELSEWHERE");

    return elsewhere != NULL && strcmp(elsewhere, "copies") != 0;
}

static bool
sweep_point(const struct spine_schema *schema, size_t call, enum fault_mode mode,
            uint64_t nth, bool *fired)
{
    struct fixture at;
    struct spine_stats stats;
    enum spine_status st;

    (void)call;
    HOLDS(fixture_init(&at, schema));
    fault_alloc_arm(mode, nth);
    st = read_and_merge(&at);
    *fired = fault_alloc_disarm();
    HOLDS(st == SPINE_OK || (st == SPINE_NOMEM && *fired));
    spine_get_stats(at.spine, &stats);
    HOLDS(*fired || stats.skip_merges == 1 || may_wait());
    HOLDS(fixture_release(&at));
    HOLDS_EQUAL(0, fault_alloc_live_bytes());
    return true;
}

static const struct fault_sweep sweep = {1, name_of, sweep_point};

static void
test_sweep_words(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};

    (void)state;
    assert_true(fault_sweep(&sweep, &schema, "u64 -> u64"));
}

static void
test_sweep_bytes(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_BYTES, 0}, .value = {SPINE_U32, 0}};

    (void)state;
    assert_true(fault_sweep(&sweep, &schema, "bytes -> u32"));
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sweep_words),
        cmocka_unit_test(test_sweep_bytes),
    };

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
