/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct spine_schema numbers = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_U64, 0}};

static struct spine_runtime *
manual_runtime(void)
{
    const struct spine_runtime_options options = {.manual = true};
    struct spine_runtime *runtime;

    assert_int_equal(spine_runtime_open(&options, &runtime, NULL), SPINE_OK);
    return runtime;
}

static struct spine *
open_spine(struct spine_runtime *runtime, const struct spine_options *options)
{
    struct spine *spine;

    assert_int_equal(spine_open(runtime, &numbers, options, &spine, NULL), SPINE_OK);
    return spine;
}

/* Rows (key + i, key + i, weight) for i below `rows`. */
static struct spine_batch *
batch_of(uint64_t key, size_t rows, int64_t weight)
{
    struct spine_builder *builder;
    struct spine_batch *batch;

    assert_int_equal(spine_builder_new(&numbers, &builder, NULL), SPINE_OK);
    for (size_t i = 0; i < rows; i++) {
        const struct spine_row row = {
            .key = spine_u64(key + i), .value = spine_u64(key + i), .weight = weight};

        assert_int_equal(spine_builder_add(builder, &row, NULL), SPINE_OK);
    }
    assert_int_equal(spine_builder_seal(builder, &batch, NULL), SPINE_OK);
    spine_builder_free(builder);
    return batch;
}

static enum spine_status
insert(struct spine *spine, uint64_t key, size_t rows, int64_t weight)
{
    struct spine_batch *batch = batch_of(key, rows, weight);
    const enum spine_status st = spine_insert(spine, batch, NULL);

    spine_batch_unref(batch);
    return st;
}

static enum spine_status
try_insert(struct spine *spine, uint64_t key, size_t rows, int64_t weight)
{
    struct spine_batch *batch = batch_of(key, rows, weight);
    const enum spine_status st = spine_try_insert(spine, batch, NULL);

    spine_batch_unref(batch);
    return st;
}

/* Rows and the sum of their weights, as a cursor sees them. */
struct seen {
    uint64_t rows;
    int64_t weights;
};

static struct seen
see_cursor(struct spine_cursor *cursor)
{
    struct seen seen = {0};

    for (spine_cursor_rewind(cursor); spine_cursor_key_valid(cursor);
         spine_cursor_step_key(cursor))
        for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor)) {
            seen.rows++;
            seen.weights += spine_cursor_weight(cursor);
        }
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    return seen;
}

static struct seen
see(struct spine *spine)
{
    struct spine_cursor *cursor;
    struct seen seen;

    assert_int_equal(spine_cursor_open(spine, &cursor, NULL), SPINE_OK);
    seen = see_cursor(cursor);
    spine_cursor_close(cursor);
    return seen;
}

static struct spine_stats
stats_of(struct spine *spine)
{
    struct spine_stats stats;

    spine_get_stats(spine, &stats);
    return stats;
}

static void
a_level_merges_at_its_minimum(void **state)
{
    const struct spine_options options = {.only_due_merges = true};
    struct spine_runtime *runtime = manual_runtime();
    struct spine *spine = open_spine(runtime, &options);

    (void)state;
    for (uint64_t i = 0; i < 7; i++)
        assert_int_equal(insert(spine, i * 100, 10, 1), SPINE_OK);
    assert_int_equal(spine_runtime_run(runtime, UINT64_MAX), 0);
    assert_int_equal(stats_of(spine).levels[0].loose_batches, 7);
    assert_int_equal(insert(spine, 700, 10, 1), SPINE_OK);
    assert_int_equal(stats_of(spine).levels[0].merging_batches, 8);
    assert_int_equal(see(spine).rows, 80);
    assert_true(spine_runtime_run(runtime, UINT64_MAX) >= 1);
    assert_int_equal(stats_of(spine).batches, 1);
    assert_int_equal(stats_of(spine).merges, 1);
    assert_int_equal(stats_of(spine).levels[0].merges, 1);
    assert_int_equal(see(spine).rows, 80);
    assert_int_equal(spine_check(spine, NULL), SPINE_OK);
    spine_close(spine);
    spine_runtime_close(runtime);
}

static void
what_cancels_leaves_nothing(void **state)
{
    struct spine_runtime *runtime = manual_runtime();
    struct spine *spine = open_spine(runtime, NULL);

    (void)state;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(insert(spine, 5, 1000, 1), SPINE_OK);
        assert_int_equal(insert(spine, 5, 1000, -1), SPINE_OK);
        assert_int_equal(see(spine).rows, 0);
    }
    assert_int_equal(spine_wait_idle(spine, 0, NULL), SPINE_TIMEOUT);
    assert_int_equal(spine_wait_idle(spine, UINT64_MAX, NULL), SPINE_OK);
    assert_int_equal(stats_of(spine).batches, 0);
    assert_int_equal(stats_of(spine).merge_rows_in, 8000);
    assert_int_equal(stats_of(spine).merge_rows_out, 0);
    spine_close(spine);
    spine_runtime_close(runtime);
}

static void
backpressure_refuses_or_merges(void **state)
{
    const struct spine_options options = {.backpressure_batches = 16,
                                          .help_batches = UINT32_MAX};
    struct spine_runtime *runtime = manual_runtime();
    struct spine *spine = open_spine(runtime, &options);
    unsigned taken = 0;

    (void)state;
    while (try_insert(spine, taken, 10, 1) == SPINE_OK)
        taken++;
    /* Eight are being merged, sixteen wait. */
    assert_int_equal(taken, 24);
    assert_int_equal(stats_of(spine).batches, 24);
    assert_int_equal(spine_insert_wait(spine, 0, NULL), SPINE_TIMEOUT);
    /* Without threads, the insert itself makes room. */
    assert_int_equal(insert(spine, 0, 10, 1), SPINE_OK);
    assert_true(stats_of(spine).merges >= 1);
    assert_true(stats_of(spine).backpressure_waits >= 1);
    assert_int_equal(see(spine).weights, 250);
    spine_close(spine);
    spine_runtime_close(runtime);
}

static void
inserts_help_from_the_soft_limit(void **state)
{
    const struct spine_options options = {.help_batches = 10};
    struct spine_runtime *runtime = manual_runtime();
    struct spine *spine = open_spine(runtime, &options);

    (void)state;
    for (uint64_t i = 0; i < 200; i++) {
        assert_int_equal(insert(spine, i, 10, 1), SPINE_OK);
        assert_in_range(stats_of(spine).batches, 1, 12);
    }
    assert_true(stats_of(spine).help_slices > 0);
    assert_int_equal(stats_of(spine).backpressure_waits, 0);
    assert_int_equal(see(spine).weights, 2000);
    spine_close(spine);
    spine_runtime_close(runtime);
}

static void
a_pause_stops_merging_and_waiting(void **state)
{
    const struct spine_options options = {.backpressure_batches = 10,
                                          .help_batches = UINT32_MAX};
    struct spine_runtime *runtime = manual_runtime();
    struct spine *spine = open_spine(runtime, &options);

    (void)state;
    for (uint64_t i = 0; i < 8; i++)
        assert_int_equal(insert(spine, i, 10, 1), SPINE_OK);
    spine_pause(spine);
    spine_pause(spine);
    assert_int_equal(spine_runtime_run(runtime, UINT64_MAX), 0);
    for (uint64_t i = 0; i < 40; i++)
        assert_int_equal(try_insert(spine, i, 10, 1), SPINE_OK);
    assert_int_equal(spine_wait_idle(spine, 0, NULL), SPINE_OK);
    assert_int_equal(spine_consolidate(spine, NULL, NULL), SPINE_BUSY);
    assert_int_equal(stats_of(spine).batches, 48);
    spine_resume(spine);
    assert_int_equal(spine_runtime_run(runtime, UINT64_MAX), 0);
    spine_resume(spine);
    spine_resume(spine);
    assert_int_equal(spine_wait_idle(spine, UINT64_MAX, NULL), SPINE_OK);
    assert_in_range(stats_of(spine).batches, 1, 8);
    assert_int_equal(see(spine).weights, 480);
    assert_int_equal(spine_check(spine, NULL), SPINE_OK);
    spine_close(spine);
    spine_runtime_close(runtime);
}

static void
consolidate_takes_what_was_there(void **state)
{
    struct spine_runtime *runtime = manual_runtime();
    struct spine *spine = open_spine(runtime, NULL);
    struct spine_batch *batch = (struct spine_batch *)spine;
    struct spine_batch_info info;

    (void)state;
    assert_int_equal(spine_consolidate(spine, &batch, NULL), SPINE_OK);
    assert_null(batch);
    for (uint64_t i = 0; i < 20; i++)
        assert_int_equal(insert(spine, i, 10, 1), SPINE_OK);
    assert_int_equal(spine_consolidate(spine, &batch, NULL), SPINE_OK);
    spine_batch_get_info(batch, &info);
    assert_int_equal(info.rows, 29);
    assert_int_equal(stats_of(spine).batches, 1);
    spine_batch_unref(batch);
    /* A single batch is its own consolidation. */
    assert_int_equal(spine_consolidate(spine, NULL, NULL), SPINE_OK);
    assert_int_equal(stats_of(spine).batches, 1);
    assert_int_equal(see(spine).weights, 200);
    assert_int_equal(spine_check(spine, NULL), SPINE_OK);
    spine_close(spine);
    spine_runtime_close(runtime);
}

struct report {
    unsigned calls;
    enum spine_status status;
};

static void
on_done(void *context, enum spine_status status)
{
    struct report *report = context;

    report->calls++;
    report->status = status;
}

static void
a_compaction_reports_once_under_inserts(void **state)
{
    struct spine_runtime *runtime = manual_runtime();
    struct spine *spine = open_spine(runtime, NULL);
    struct report reports[2] = {0};
    uint64_t i;

    (void)state;
    for (i = 0; i < 100; i++)
        assert_int_equal(insert(spine, i * 1000, 1000, 1), SPINE_OK);
    /* A merge is under way, which the compaction gives up. */
    (void)spine_runtime_run(runtime, 100);
    assert_int_equal(spine_compact(spine, on_done, &reports[0], NULL), SPINE_OK);
    assert_int_equal(spine_compact(spine, on_done, &reports[1], NULL), SPINE_OK);
    assert_int_equal(reports[0].calls, 0);
    for (; i < 200 && reports[0].calls == 0; i++) {
        assert_int_equal(insert(spine, i * 1000, 1000, 1), SPINE_OK);
        (void)spine_runtime_run(runtime, 5000);
        assert_int_equal(spine_check(spine, NULL), SPINE_OK);
    }
    assert_int_equal(spine_wait_idle(spine, UINT64_MAX, NULL), SPINE_OK);
    assert_int_equal(reports[0].calls, 1);
    assert_int_equal(reports[0].status, SPINE_OK);
    assert_int_equal(reports[1].calls, 1);
    assert_int_equal(see(spine).rows, i * 1000);
    spine_close(spine);
    spine_runtime_close(runtime);
}

static void
closing_cancels_compactions(void **state)
{
    struct spine_runtime *runtime = manual_runtime();
    struct spine *spine = open_spine(runtime, NULL);
    struct report reports[2] = {0};

    (void)state;
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(insert(spine, i, 10, 1), SPINE_OK);
    assert_int_equal(spine_compact(spine, on_done, &reports[0], NULL), SPINE_OK);
    assert_int_equal(spine_compact(spine, on_done, &reports[1], NULL), SPINE_OK);
    spine_close(spine);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(reports[i].calls, 1);
        assert_int_equal(reports[i].status, SPINE_CANCELLED);
    }
    spine_runtime_close(runtime);
}

static void
a_fork_goes_its_own_way(void **state)
{
    struct spine_runtime *runtime = manual_runtime();
    struct spine *spine = open_spine(runtime, NULL);
    struct spine *fork;

    (void)state;
    for (uint64_t i = 0; i < 9; i++)
        assert_int_equal(insert(spine, i * 10, 10, 1), SPINE_OK);
    assert_int_equal(spine_fork(spine, &fork, NULL), SPINE_OK);
    assert_true(spine_is_dirty(fork));
    assert_int_equal(stats_of(fork).inserted_rows, 90);
    assert_int_equal(stats_of(fork).inserted_batches, stats_of(fork).batches);
    assert_int_equal(insert(fork, 0, 90, -1), SPINE_OK);
    assert_int_equal(see(fork).rows, 0);
    assert_int_equal(see(spine).rows, 90);
    spine_close(spine);
    assert_int_equal(spine_consolidate(fork, NULL, NULL), SPINE_OK);
    assert_int_equal(stats_of(fork).batches, 0);
    spine_close(fork);
    spine_runtime_close(runtime);
}

static void
a_snapshot_does_not_change(void **state)
{
    struct spine_runtime *runtime = manual_runtime();
    struct spine *spine = open_spine(runtime, NULL);
    struct spine_snapshot *snapshot;
    struct spine_snapshot *again;
    struct spine_cursor *cursor;
    struct seen before;

    (void)state;
    assert_int_equal(insert(spine, 0, 100, 1), SPINE_OK);
    assert_int_equal(insert(spine, 50, 100, 2), SPINE_OK);
    assert_int_equal(spine_take_snapshot(spine, &snapshot, NULL), SPINE_OK);
    assert_int_equal(spine_take_snapshot(spine, &again, NULL), SPINE_OK);
    assert_ptr_equal(snapshot, again);
    spine_snapshot_unref(again);
    assert_int_equal(spine_snapshot_cursor(snapshot, &cursor, NULL), SPINE_OK);
    before = see_cursor(cursor);
    assert_int_equal(before.rows, 150);
    assert_int_equal(insert(spine, 0, 150, -1), SPINE_OK);
    assert_int_equal(spine_consolidate(spine, NULL, NULL), SPINE_OK);
    assert_int_equal(see_cursor(cursor).weights, before.weights);
    assert_int_equal(spine_snapshot_rows(snapshot), 200);
    assert_int_equal(spine_snapshot_batch_count(snapshot), 2);
    assert_null(spine_snapshot_batch(snapshot, 2));
    spine_snapshot_unref(snapshot);
    spine_close(spine);
    spine_runtime_close(runtime);
    assert_int_equal(see_cursor(cursor).weights, before.weights);
    spine_cursor_close(cursor);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
overflow_is_sticky_and_loses_nothing(void **state)
{
    struct spine_runtime *runtime = manual_runtime();
    struct spine *spine = open_spine(runtime, NULL);
    struct spine_snapshot *snapshot;
    struct spine_cursor *cursor;
    struct spine_error error = {0};
    struct spine *fork;

    (void)state;
    assert_int_equal(insert(spine, 1, 1, INT64_MAX), SPINE_OK);
    assert_int_equal(insert(spine, 1, 1, INT64_MAX), SPINE_OK);
    assert_int_equal(spine_cursor_open(spine, &cursor, NULL), SPINE_OK);
    assert_false(spine_cursor_key_valid(cursor));
    assert_int_equal(spine_cursor_status(cursor), SPINE_OVERFLOW);
    spine_cursor_close(cursor);
    for (uint64_t i = 0; i < 6; i++)
        assert_int_equal(insert(spine, 10 + i, 1, 1), SPINE_OK);
    (void)spine_runtime_run(runtime, UINT64_MAX);
    assert_int_equal(spine_get_status(spine, &error), SPINE_OVERFLOW);
    assert_int_equal(error.status, SPINE_OVERFLOW);
    assert_int_equal(insert(spine, 99, 1, 1), SPINE_OVERFLOW);
    assert_int_equal(try_insert(spine, 99, 1, 1), SPINE_OVERFLOW);
    assert_int_equal(spine_take_snapshot(spine, &snapshot, NULL), SPINE_OVERFLOW);
    assert_int_equal(spine_wait_idle(spine, 0, NULL), SPINE_OVERFLOW);
    assert_int_equal(spine_consolidate(spine, NULL, NULL), SPINE_OVERFLOW);
    assert_int_equal(stats_of(spine).batches, 8);
    assert_int_equal(spine_check(spine, NULL), SPINE_OK);
    /* A fork has the rows, and not the error. */
    assert_int_equal(spine_fork(spine, &fork, NULL), SPINE_OK);
    assert_int_equal(spine_get_status(fork, NULL), SPINE_OK);
    spine_pause(fork);
    assert_int_equal(insert(fork, 1, 1, -INT64_MAX), SPINE_OK);
    assert_int_equal(stats_of(fork).batches, 9);
    spine_close(fork);
    /* Taking the rows back mends it. */
    spine_pause(spine);
    spine_retry(spine);
    assert_int_equal(insert(spine, 1, 1, -INT64_MAX), SPINE_OK);
    assert_int_equal(insert(spine, 1, 1, -INT64_MAX), SPINE_OK);
    assert_int_equal(stats_of(spine).batches, 10);
    spine_resume(spine);
    spine_close(spine);
    spine_runtime_close(runtime);
}

static void
frontiers_only_advance(void **state)
{
    const struct spine_schema timed = {
        .key = {SPINE_U64, 0}, .value = {SPINE_NONE, 0}, .time = SPINE_TIME_PAIR};
    struct spine_runtime *runtime = manual_runtime();
    struct spine *untimed = open_spine(runtime, NULL);
    struct spine_error error = {0};
    struct spine *spine;

    (void)state;
    assert_int_equal(spine_set_frontier(untimed, 1, &error), SPINE_INVALID);
    assert_int_equal(spine_open(runtime, &timed, NULL, &spine, NULL), SPINE_OK);
    assert_int_equal(spine_set_frontier(spine, spine_time_pair(2, 3), NULL), SPINE_OK);
    assert_int_equal(spine_set_frontier(spine, spine_time_pair(2, 3), NULL), SPINE_OK);
    assert_int_equal(spine_set_frontier(spine, spine_time_pair(3, 2), &error),
                     SPINE_INVALID);
    assert_int_equal(spine_set_frontier(spine, spine_time_pair(3, 3), NULL), SPINE_OK);
    spine_close(spine);
    spine_close(untimed);
    spine_runtime_close(runtime);
}

static void
dirt_comes_with_rows(void **state)
{
    struct spine_runtime *runtime = manual_runtime();
    struct spine *spine = open_spine(runtime, NULL);

    (void)state;
    assert_false(spine_is_dirty(spine));
    assert_int_equal(insert(spine, 0, 0, 1), SPINE_OK);
    assert_false(spine_is_dirty(spine));
    assert_int_equal(stats_of(spine).batches, 0);
    assert_int_equal(insert(spine, 0, 1, 1), SPINE_OK);
    assert_true(spine_is_dirty(spine));
    spine_clear_dirty(spine);
    assert_false(spine_is_dirty(spine));
    spine_close(spine);
    spine_runtime_close(runtime);
}

static void
bad_options_are_named(void **state)
{
    static const struct {
        struct spine_options options;
        const char *culprit;
    } cases[] = {
        {{.level0_rows = 100000}, "level0_rows"},
    };
    const struct spine_schema set = {.key = {SPINE_U64, 0}};
    struct spine_runtime *runtime = manual_runtime();
    struct spine_error error;
    struct spine *spine;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        spine = (struct spine *)&error;
        assert_int_equal(spine_open(runtime, &numbers, &cases[i].options, &spine, &error),
                         SPINE_INVALID);
        assert_null(spine);
        assert_non_null(strstr(error.message, cases[i].culprit));
    }
    assert_int_equal(spine_open(NULL, &numbers, NULL, &spine, &error), SPINE_INVALID);
    assert_int_equal(spine_open(runtime, &set, NULL, &spine, NULL), SPINE_OK);
    assert_int_equal(insert(spine, 0, 1, 1), SPINE_INVALID);
    spine_close(spine);
    spine_runtime_close(runtime);
}

static void
a_closed_runtime_leaves_spines_readable(void **state)
{
    const struct spine_options options = {.backpressure_batches = 8,
                                          .help_batches = UINT32_MAX};
    struct spine_runtime *runtime = manual_runtime();
    struct spine *spine = open_spine(runtime, &options);
    uint64_t i = 0;

    (void)state;
    for (; i < 8; i++)
        assert_int_equal(insert(spine, i, 1, 1), SPINE_OK);
    spine_runtime_close(runtime);
    for (; i < 15; i++)
        assert_int_equal(insert(spine, i, 1, 1), SPINE_OK);
    /* The last that is taken: nobody will make room. */
    assert_int_equal(insert(spine, i++, 1, 1), SPINE_OK);
    for (int again = 0; again < 3; again++) {
        assert_int_equal(insert(spine, i, 1, 1), SPINE_CANCELLED);
        assert_int_equal(try_insert(spine, i, 1, 1), SPINE_CANCELLED);
    }
    assert_int_equal(stats_of(spine).inserted_batches, 16);
    assert_int_equal(spine_insert_wait(spine, UINT64_MAX, NULL), SPINE_CANCELLED);
    assert_int_equal(spine_wait_idle(spine, UINT64_MAX, NULL), SPINE_CANCELLED);
    assert_int_equal(spine_consolidate(spine, NULL, NULL), SPINE_CANCELLED);
    assert_int_equal(see(spine).rows, 16);
    spine_close(spine);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* Why a wait came to nothing, after the batch was taken, is for the next call to tell. */
static void
an_insert_that_succeeds_tells_no_error(void **state)
{
    const struct spine_options options = {.backpressure_batches = 8,
                                          .help_batches = UINT32_MAX};
    struct spine_runtime *runtime = manual_runtime();
    struct spine *spine = open_spine(runtime, &options);
    struct spine_batch *batch = batch_of(1, 1, 1);
    struct spine_error error = {.status = SPINE_OK};

    (void)state;
    spine_runtime_close(runtime);
    for (int i = 0; i < 16; i++)
        assert_int_equal(spine_insert(spine, batch, &error), SPINE_OK);
    assert_int_equal(error.status, SPINE_OK);
    assert_string_equal(error.message, "");
    assert_int_equal(spine_insert(spine, batch, &error), SPINE_CANCELLED);
    assert_int_equal(error.status, SPINE_CANCELLED);
    spine_batch_unref(batch);
    spine_close(spine);
}

static void
an_idle_spine_is_small(void **state)
{
    enum { SPINES = 1000 };
    static struct spine *spines[SPINES];
    struct spine_runtime *runtime = manual_runtime();
    const size_t before = spine_allocated_bytes();

    (void)state;
    for (int i = 0; i < SPINES; i++)
        spines[i] = open_spine(runtime, NULL);
    assert_true((spine_allocated_bytes() - before) / SPINES <= 4096);
    for (int i = 0; i < SPINES; i++)
        spine_close(spines[i]);
    assert_int_equal(spine_allocated_bytes(), before);
    spine_runtime_close(runtime);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_level_merges_at_its_minimum),
        cmocka_unit_test(what_cancels_leaves_nothing),
        cmocka_unit_test(backpressure_refuses_or_merges),
        cmocka_unit_test(inserts_help_from_the_soft_limit),
        cmocka_unit_test(a_pause_stops_merging_and_waiting),
        cmocka_unit_test(consolidate_takes_what_was_there),
        cmocka_unit_test(a_compaction_reports_once_under_inserts),
        cmocka_unit_test(closing_cancels_compactions),
        cmocka_unit_test(a_fork_goes_its_own_way),
        cmocka_unit_test(a_snapshot_does_not_change),
        cmocka_unit_test(overflow_is_sticky_and_loses_nothing),
        cmocka_unit_test(frontiers_only_advance),
        cmocka_unit_test(dirt_comes_with_rows),
        cmocka_unit_test(bad_options_are_named),
        cmocka_unit_test(a_closed_runtime_leaves_spines_readable),
        cmocka_unit_test(an_insert_that_succeeds_tells_no_error),
        cmocka_unit_test(an_idle_spine_is_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
