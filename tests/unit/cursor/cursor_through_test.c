/* SPDX-License-Identifier: MIT */

/* Views through a time, case by case; that they are right everywhere is a law. */

#include "harness/fault_alloc.h"
#include "spine/probe.h"
#include "spine/spine.h"
#include "spine/view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS_MAX 16u

static const struct spine_schema timed = {
    .key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}, .time = SPINE_TIME_U64};
static const struct spine_schema paired = {
    .key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}, .time = SPINE_TIME_PAIR};

struct timed_row {
    uint64_t key;
    uint64_t value;
    uint64_t time;
    int64_t weight;
};

static struct spine_batch *
batch_of(const struct spine_schema *schema, const struct timed_row *rows, size_t count)
{
    uint64_t keys[ROWS_MAX], values[ROWS_MAX], times[ROWS_MAX];
    int64_t weights[ROWS_MAX];
    const struct spine_columns columns = {.rows = count,
                                          .keys = keys,
                                          .values = values,
                                          .times = times,
                                          .weights = weights};
    struct spine_batch *batch;

    assert_true(count <= ROWS_MAX);
    for (size_t i = 0; i < count; i++) {
        keys[i] = rows[i].key;
        values[i] = rows[i].value;
        times[i] = rows[i].time;
        weights[i] = rows[i].weight;
    }
    assert_int_equal(spine_batch_from_columns(schema, &columns, &batch, NULL), SPINE_OK);
    return batch;
}

/* A snapshot of one batch for each row: what sums up does so in reads. */
static struct spine_snapshot *
snapshot_of(const struct spine_schema *schema, const struct timed_row *rows, size_t count)
{
    struct spine_batch *batches[ROWS_MAX];
    struct spine_snapshot *snapshot;

    for (size_t i = 0; i < count; i++)
        batches[i] = batch_of(schema, &rows[i], 1);
    assert_int_equal(spine_snapshot_of_batches(schema, batches, count, &snapshot, NULL),
                     SPINE_OK);
    for (size_t i = 0; i < count; i++)
        spine_batch_unref(batches[i]);
    return snapshot;
}

static struct spine_cursor *
cursor_of(struct spine_snapshot *snapshot)
{
    struct spine_cursor *cursor;

    assert_int_equal(spine_snapshot_cursor(snapshot, &cursor, NULL), SPINE_OK);
    return cursor;
}

/* All rows at once, or those of one batch. */
static void
rows_overflow(struct spine_cursor *cursor, uint64_t through, enum spine_status status,
              int64_t weight)
{
    spine_cursor_set_through(cursor, through);
    if (spine_cursor_key_valid(cursor))
        assert_int_equal(spine_cursor_weight(cursor), weight);
    assert_int_equal(spine_cursor_status(cursor), status);
    spine_cursor_close(cursor);
}

static void
probe_overflows(struct spine_snapshot *snapshot, uint64_t through,
                enum spine_status status, int64_t weight)
{
    const struct spine_probe_options options = {.has_through = true, .through = through};
    const uint64_t key = 1;
    const struct spine_columns keys = {.rows = 1, .keys = &key};
    struct spine_probe_rows rows;
    struct spine_probe *probe;

    assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);
    assert_int_equal(spine_snapshot_probe(snapshot, probe, &keys, &options, &rows, NULL),
                     status);
    if (status == SPINE_OK) {
        assert_int_equal(rows.columns.rows, 1);
        assert_null(rows.columns.times);
        assert_int_equal(rows.columns.weights[0], weight);
    }
    spine_probe_free(probe);
}

/* What is summed decides, not what lies after the time, nor what sums are on the way. */
static void
test_overflow(void **state)
{
    static const struct timed_row rows[] = {{1, 2, 10, INT64_MAX},
                                            {1, 2, 20, INT64_MAX},
                                            {1, 2, 30, -INT64_MAX},
                                            {1, 2, 40, INT64_MIN}};
    static const struct {
        uint64_t through;
        enum spine_status status;
        int64_t weight;
    } cases[] = {{10, SPINE_OK, INT64_MAX},
                 {20, SPINE_OVERFLOW, 0},
                 {30, SPINE_OK, INT64_MAX},
                 {40, SPINE_OK, -1},
                 {UINT64_MAX, SPINE_OK, -1}};
    struct spine_snapshot *snapshot = snapshot_of(&timed, rows, 4);
    struct spine_batch *batch = batch_of(&timed, rows, 4);
    struct spine_snapshot *alone;

    (void)state;
    assert_int_equal(spine_snapshot_of_batches(&timed, &batch, 1, &alone, NULL),
                     SPINE_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rows_overflow(cursor_of(snapshot), cases[i].through, cases[i].status,
                      cases[i].weight);
        rows_overflow(cursor_of(alone), cases[i].through, cases[i].status,
                      cases[i].weight);
        probe_overflows(snapshot, cases[i].through, cases[i].status, cases[i].weight);
        probe_overflows(alone, cases[i].through, cases[i].status, cases[i].weight);
    }
    spine_batch_unref(batch);
    spine_snapshot_unref(alone);
    spine_snapshot_unref(snapshot);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

/* INT64_MIN cannot be negated; after the time it need not be. */
static void
test_negated(void **state)
{
    static const struct timed_row rows[] = {{1, 2, 10, 5}, {1, 2, 20, INT64_MIN}};
    struct spine_snapshot *snapshot = snapshot_of(&timed, rows, 2);
    const struct spine_cursor_source source = {.snapshot = snapshot, .negated = true};
    struct spine_cursor *cursor;

    (void)state;
    assert_int_equal(spine_cursor_open_sources(&source, 1, &cursor, NULL), SPINE_OK);
    rows_overflow(cursor, 19, SPINE_OK, -5);
    assert_int_equal(spine_cursor_open_sources(&source, 1, &cursor, NULL), SPINE_OK);
    rows_overflow(cursor, 20, SPINE_OVERFLOW, 0);
    spine_snapshot_unref(snapshot);
}

/* A timed cursor shows a row that some time has; a view shows one that there is. */
static void
test_weights_of_all_times(void **state)
{
    static const struct timed_row rows[] = {{1, 2, 0, 1}, {1, 2, 1, -1}, {3, 4, 1, 1}};
    struct spine_snapshot *snapshot = snapshot_of(&timed, rows, 3);
    struct spine_cursor *cursor = cursor_of(snapshot);

    (void)state;
    assert_true(spine_cursor_seek_key_exact(cursor, spine_u64(1)));
    assert_int_equal(spine_cursor_weight(cursor), 0);
    spine_cursor_set_through(cursor, 0);
    assert_true(spine_cursor_seek_key_exact(cursor, spine_u64(1)));
    assert_int_equal(spine_cursor_weight(cursor), 1);
    assert_false(spine_cursor_seek_key_exact(cursor, spine_u64(3)));
    spine_cursor_set_through(cursor, 1);
    assert_int_equal(spine_cursor_key(cursor).u64, 3);
    assert_false(spine_cursor_seek_key_exact(cursor, spine_u64(1)));
    spine_cursor_set_default(cursor, spine_u64(7));
    assert_true(spine_cursor_seek_key_exact(cursor, spine_u64(1)));
    assert_int_equal(spine_cursor_val(cursor).u64, 7);
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    spine_cursor_close(cursor);
    spine_snapshot_unref(snapshot);
}

/* Neither of two pairs need be the lesser one. */
static void
test_pairs(void **state)
{
    const struct timed_row rows[] = {{1, 2, spine_time_pair(0, 1), 1},
                                     {1, 2, spine_time_pair(1, 0), 10},
                                     {1, 2, spine_time_pair(1, 1), 100}};
    static const struct {
        uint32_t outer;
        uint32_t inner;
        int64_t weight;
    } cases[] = {{0, 0, 0},  {0, 1, 1},   {0, 9, 1},  {1, 0, 10},
                 {9, 0, 10}, {1, 1, 111}, {9, 9, 111}};
    struct spine_snapshot *snapshot = snapshot_of(&paired, rows, 3);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint64_t through = spine_time_pair(cases[i].outer, cases[i].inner);
        struct spine_cursor *cursor = cursor_of(snapshot);

        spine_cursor_set_through(cursor, through);
        assert_int_equal(spine_cursor_key_valid(cursor), cases[i].weight != 0);
        rows_overflow(cursor, through, SPINE_OK, cases[i].weight);
    }
    spine_snapshot_unref(snapshot);
}

/* It means nothing then, but it is a move. */
static void
test_untimed(void **state)
{
    static const struct spine_schema untimed = {.key = {SPINE_U64, 0},
                                                .value = {SPINE_U64, 0}};
    static const struct timed_row rows[] = {{1, 2, 0, 1}, {3, 4, 0, 1}};
    struct spine_snapshot *snapshot = snapshot_of(&untimed, rows, 2);
    struct spine_cursor *cursor = cursor_of(snapshot);

    (void)state;
    spine_cursor_fast_forward(cursor);
    spine_cursor_set_through(cursor, 0);
    assert_int_equal(spine_cursor_key(cursor).u64, 1);
    spine_cursor_set_default(cursor, spine_u64(9));
    assert_true(spine_cursor_seek_key_exact(cursor, spine_u64(2)));
    spine_cursor_set_through(cursor, 5);
    assert_int_equal(spine_cursor_key(cursor).u64, 1);
    spine_cursor_step_key(cursor);
    assert_int_equal(spine_cursor_key(cursor).u64, 3);
    spine_cursor_step_val(cursor);
    assert_int_equal(spine_cursor_val(cursor).u64, 0);
    assert_int_equal(spine_cursor_status(cursor), SPINE_MISUSE);
    spine_cursor_set_through(cursor, 0);
    assert_false(spine_cursor_key_valid(cursor));
    assert_int_equal(spine_cursor_status(cursor), SPINE_MISUSE);
    spine_cursor_close(cursor);
    spine_snapshot_unref(snapshot);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_negated),
        cmocka_unit_test(test_weights_of_all_times),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_untimed),
    };

    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
