/* SPDX-License-Identifier: MIT */

/* What a fork has of its spine, and what not. */

#include "harness/fault_alloc.h"
#include "spine/filter.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct spine_schema schema = {
    .key = {SPINE_U64, 0}, .value = {SPINE_NONE, 0}, .time = SPINE_TIME_U64};

static struct spine_runtime *runtime;
static unsigned releases;

static int
set_up(void **state)
{
    const struct spine_runtime_options manual = {.manual = true};

    (void)state;
    return spine_runtime_open(&manual, &runtime, NULL) == SPINE_OK ? 0 : 1;
}

static int
tear_down(void **state)
{
    (void)state;
    spine_runtime_close(runtime);
    return fault_alloc_live_bytes() == 0 ? 0 : 1;
}

static struct spine *
open_spine(void)
{
    const struct spine_options options = {.only_due_merges = true, .retry_ms = 1};
    struct spine *spine;

    assert_int_equal(spine_open(runtime, &schema, &options, &spine, NULL), SPINE_OK);
    return spine;
}

static void
insert(struct spine *spine, uint64_t key, uint64_t time, int64_t weight)
{
    const struct spine_columns columns = {
        .rows = 1, .keys = &key, .times = &time, .weights = &weight};
    struct spine_batch *batch;

    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
}

static struct spine *
fork_of(struct spine *spine)
{
    struct spine *fork;

    assert_int_equal(spine_fork(spine, &fork, NULL), SPINE_OK);
    return fork;
}

static uint64_t
keys_of(struct spine *spine)
{
    struct spine_cursor *cursor;
    uint64_t keys = 0;

    assert_int_equal(spine_cursor_open(spine, &cursor, NULL), SPINE_OK);
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor))
        keys++;
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    spine_cursor_close(cursor);
    return keys;
}

static void
count_release(void *context)
{
    (void)context;
    releases++;
}

static bool
is_even(void *context, union spine_datum key)
{
    (void)context;
    return key.u64 % 2 == 0;
}

/* Options, frontier, filters and the dirty flag are the fork's, too. */
static void
settings_go_along(void **state)
{
    const struct spine_key_filter even = {
        .name = "even", .on_key = is_even, .on_release = count_release};
    struct spine *spine = open_spine(), *fork;
    struct spine_stats stats;

    (void)state;
    releases = 0;
    for (uint64_t i = 0; i < 6; i++)
        insert(spine, i, 1 + i % 2, 1);
    assert_int_equal(spine_set_frontier(spine, 5, NULL), SPINE_OK);
    assert_int_equal(spine_retain_keys(spine, &even, NULL), SPINE_OK);
    fork = fork_of(spine);
    spine_clear_dirty(spine);
    assert_true(spine_is_dirty(fork));
    assert_int_equal(spine_set_frontier(fork, 4, NULL), SPINE_INVALID);
    spine_get_stats(fork, &stats);
    assert_string_equal(stats.key_filter, "even");
    /* They share the filter, which goes with the last of them. */
    spine_close(spine);
    assert_int_equal(releases, 0);
    assert_int_equal(spine_consolidate(fork, NULL, NULL), SPINE_OK);
    assert_int_equal(keys_of(fork), 3);
    spine_close(fork);
    assert_int_equal(releases, 1);
}

/* A fork of a fork, and of an empty spine; each goes its own way. */
static void
forks_are_independent(void **state)
{
    struct spine *spine = open_spine(), *forks[3];

    (void)state;
    forks[0] = fork_of(spine);
    assert_false(spine_is_dirty(forks[0]));
    insert(spine, 1, 1, 1);
    forks[1] = fork_of(spine);
    forks[2] = fork_of(forks[1]);
    insert(forks[1], 2, 1, 1);
    insert(forks[2], 1, 1, -1);
    assert_int_equal(keys_of(forks[0]), 0);
    assert_int_equal(keys_of(spine), 1);
    assert_int_equal(keys_of(forks[1]), 2);
    assert_int_equal(keys_of(forks[2]), 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(spine_consolidate(forks[i], NULL, NULL), SPINE_OK);
        assert_int_equal(spine_check(forks[i], NULL), SPINE_OK);
        spine_close(forks[i]);
    }
    assert_int_equal(keys_of(spine), 1);
    spine_close(spine);
}

static void
count_report(void *context, enum spine_status status)
{
    unsigned *reports = context;

    (void)status;
    ++*reports;
}

/* Pauses, compactions and statistics are not the fork's. */
static void
what_is_under_way_stays(void **state)
{
    struct spine *spine = open_spine(), *fork;
    struct spine_stats stats;
    unsigned reports = 0;

    (void)state;
    for (uint64_t i = 0; i < 20; i++)
        insert(spine, i, 1, 1);
    assert_int_equal(spine_consolidate(spine, NULL, NULL), SPINE_OK);
    for (uint64_t i = 0; i < 3; i++)
        insert(spine, 100 + i, 1, 1);
    spine_pause(spine);
    assert_int_equal(spine_compact(spine, count_report, &reports, NULL), SPINE_OK);
    fork = fork_of(spine);
    spine_get_stats(fork, &stats);
    assert_int_equal(stats.merges, 0);
    assert_int_equal(stats.inserted_batches, 4);
    assert_int_equal(stats.inserted_rows, 23);
    assert_int_equal(spine_consolidate(fork, NULL, NULL), SPINE_OK);
    spine_get_stats(fork, &stats);
    assert_int_equal(stats.batches, 1);
    assert_int_equal(reports, 0);
    spine_close(fork);
    assert_int_equal(reports, 0);
    spine_close(spine);
    assert_int_equal(reports, 1);
}

/* A sticky error is not: the fork takes rows, and its merges meet it or not. */
static void
a_sticky_error_stays(void **state)
{
    struct spine *spine = open_spine(), *fork;

    (void)state;
    for (uint64_t i = 0; i < 4; i++)
        insert(spine, i, 1, 1);
    /* There is memory to ask for the merge, but none to do it. */
    fault_alloc_arm(FAULT_FOREVER, 2);
    assert_int_equal(spine_consolidate(spine, NULL, NULL), SPINE_NOMEM);
    fault_alloc_disarm();
    assert_int_equal(spine_get_status(spine, NULL), SPINE_NOMEM);
    fork = fork_of(spine);
    assert_int_equal(spine_get_status(fork, NULL), SPINE_OK);
    insert(fork, 50, 1, 1);
    assert_int_equal(spine_consolidate(fork, NULL, NULL), SPINE_OK);
    assert_int_equal(keys_of(fork), 5);
    assert_int_equal(spine_get_status(spine, NULL), SPINE_NOMEM);
    spine_close(fork);
    spine_close(spine);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_go_along),
        cmocka_unit_test(forks_are_independent),
        cmocka_unit_test(what_is_under_way_stays),
        cmocka_unit_test(a_sticky_error_stays),
    };

    fault_alloc_install();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
