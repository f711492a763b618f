/* SPDX-License-Identifier: MIT */

/*
 * Cursors and probes with a filter of keys: what they hide that merges have not dropped,
 * and who owns the filter. What they show: property/filter_law_test.
 */

#include "harness/property.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct spine_schema schema = {.key = {SPINE_U64, 0}};

struct keeper {
    uint64_t from;
    unsigned released;
};

static bool
on_key(void *context, union spine_datum key)
{
    return key.u64 >= ((const struct keeper *)context)->from;
}

static void
on_release(void *context)
{
    ((struct keeper *)context)->released++;
}

static void
put(struct spine *spine, uint64_t key, int64_t weight)
{
    const struct spine_columns columns = {.rows = 1, .keys = &key, .weights = &weight};
    struct spine_batch *batch;

    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
}

/* The sum of the weights of key 1, as a filtered cursor and probe see them. */
static int64_t
seen_of_one(struct spine *spine, const struct spine_key_filter *filter)
{
    const struct spine_probe_options options = {.filter = filter};
    const uint64_t keys[] = {1};
    const struct spine_columns columns = {.rows = 1, .keys = keys};
    struct spine_snapshot *snapshot;
    struct spine_probe_rows rows;
    struct spine_cursor *cursor;
    struct spine_probe *probe;
    int64_t seen = 0;

    assert_int_equal(spine_take_snapshot(spine, &snapshot, NULL), SPINE_OK);
    assert_int_equal(spine_snapshot_cursor(snapshot, &cursor, NULL), SPINE_OK);
    spine_cursor_set_filter(cursor, filter);
    if (spine_cursor_seek_key_exact(cursor, spine_u64(1)))
        seen += spine_cursor_weight(cursor);
    for (spine_cursor_rewind(cursor); spine_cursor_key_valid(cursor);
         spine_cursor_step_key(cursor))
        if (spine_cursor_key(cursor).u64 == 1)
            seen += spine_cursor_weight(cursor);
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    spine_cursor_close(cursor);
    assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);
    assert_int_equal(
        spine_snapshot_probe(snapshot, probe, &columns, &options, &rows, NULL), SPINE_OK);
    for (size_t i = 0; i < rows.columns.rows; i++)
        seen += rows.columns.weights[i];
    spine_probe_free(probe);
    spine_snapshot_unref(snapshot);
    return seen;
}

/* Key 1 comes and is taken back; a merge drops one half of that. */
static void
a_half_that_was_dropped_is_not_seen(void **state)
{
    const struct spine_runtime_options manual = {.manual = true};
    const struct spine_options options = {.only_due_merges = true,
                                          .help_batches = UINT32_MAX};
    struct keeper keeper = {.from = 100};
    const struct spine_key_filter filter = {
        .context = &keeper, .on_key = on_key, .on_release = on_release};
    struct spine_runtime *runtime;
    struct spine *spine;

    (void)state;
    assert_int_equal(spine_runtime_open(&manual, &runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(runtime, &schema, &options, &spine, NULL), SPINE_OK);
    assert_int_equal(spine_retain_keys(spine, &filter, NULL), SPINE_OK);
    put(spine, 1, 1);
    for (uint64_t key = 100; key < 107; key++)
        put(spine, key, 1);
    put(spine, 1, -1);
    (void)spine_runtime_run(runtime, UINT64_MAX);
    /* Inherent in dropping by merge. */
    assert_int_equal(seen_of_one(spine, NULL), -3);
    assert_int_equal(seen_of_one(spine, &filter), 0);
    assert_int_equal(keeper.released, 1);
    assert_int_equal(spine_consolidate(spine, NULL, NULL), SPINE_OK);
    assert_int_equal(seen_of_one(spine, NULL), 0);
    spine_close(spine);
    spine_runtime_close(runtime);
    assert_int_equal(keeper.released, 2);
}

static struct spine_cursor *
open_cursor(uint64_t keys_count)
{
    static uint64_t keys[20000];
    const struct spine_columns columns = {.rows = keys_count, .keys = keys};
    struct spine_cursor *cursor;
    struct spine_batch *batch;

    for (uint64_t i = 0; i < keys_count; i++)
        keys[i] = i;
    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    assert_int_equal(spine_batch_cursor(batch, &cursor, NULL), SPINE_OK);
    spine_batch_unref(batch);
    return cursor;
}

static void
hidden_rows_are_passed_over(void **state)
{
    struct keeper keeper = {.from = 19990};
    const struct spine_key_filter filter = {
        .context = &keeper, .on_key = on_key, .on_release = on_release};
    struct spine_cursor *cursor = open_cursor(20000);
    uint64_t keys[40];
    int64_t weights[40];
    const struct spine_column_buffers buffers = {
        .rows = 40, .keys = keys, .weights = weights};

    (void)state;
    spine_cursor_set_filter(cursor, &filter);
    assert_true(spine_cursor_key_valid(cursor));
    assert_int_equal(spine_cursor_key(cursor).u64, 19990);
    assert_int_equal(spine_cursor_rows_skipped(cursor), 0);
    spine_cursor_step_key_reverse(cursor);
    assert_false(spine_cursor_key_valid(cursor));
    spine_cursor_rewind(cursor);
    assert_int_equal(spine_cursor_read(cursor, &buffers), 10);
    assert_int_equal(keys[0], 19990);
    spine_cursor_set_filter(cursor, NULL);
    assert_int_equal(keeper.released, 1);
    assert_int_equal(spine_cursor_key(cursor).u64, 0);
    spine_cursor_close(cursor);
}

static void
a_filter_is_released_once_whatever_happens(void **state)
{
    struct keeper keeper = {0};
    const struct spine_key_filter filter = {
        .context = &keeper, .on_key = on_key, .on_release = on_release};
    const struct spine_key_filter broken = {.context = &keeper, .on_release = on_release};
    struct spine_cursor *cursor = open_cursor(10);
    struct spine_error error;

    (void)state;
    spine_cursor_set_filter(NULL, &filter);
    assert_int_equal(keeper.released, 1);
    spine_cursor_set_filter(cursor, &filter);
    spine_cursor_set_filter(cursor, &filter);
    assert_int_equal(keeper.released, 2);
    spine_cursor_set_filter(cursor, &broken);
    assert_int_equal(keeper.released, 3);
    assert_int_equal(spine_cursor_error(cursor, &error), SPINE_INVALID);
    assert_non_null(strstr(error.message, "on_key"));
    spine_cursor_set_filter(cursor, &filter);
    assert_int_equal(keeper.released, 4);
    spine_cursor_close(cursor);
    assert_int_equal(keeper.released, 5);
}

static void
a_probe_wants_a_callback(void **state)
{
    const struct spine_key_filter broken = {0};
    const struct spine_probe_options options = {.filter = &broken};
    const uint64_t key = 1;
    const struct spine_columns columns = {.rows = 1, .keys = &key};
    struct spine_snapshot *snapshot;
    struct spine_probe_rows rows;
    struct spine_probe *probe;
    struct spine_error error;

    (void)state;
    assert_int_equal(spine_snapshot_of_batches(&schema, NULL, 0, &snapshot, NULL),
                     SPINE_OK);
    assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);
    assert_int_equal(
        spine_snapshot_probe(snapshot, probe, &columns, &options, &rows, &error),
        SPINE_INVALID);
    assert_non_null(strstr(error.message, "on_key"));
    spine_probe_free(probe);
    spine_snapshot_unref(snapshot);
}

/* Says every second time what it did not say before. */
static bool
contradicts_itself(void *context, union spine_datum key)
{
    unsigned *calls = context;

    (void)key;
    return ++*calls % 3 != 0;
}

static void
a_filter_that_contradicts_itself_does_no_harm(void **state)
{
    unsigned calls = 0;
    const struct spine_key_filter filter = {.context = &calls,
                                            .on_key = contradicts_itself};
    struct spine_cursor *cursor = open_cursor(3000);

    (void)state;
    spine_cursor_set_filter(cursor, &filter);
    for (unsigned i = 0; i < 3000; i++) {
        spine_cursor_seek_key(cursor, spine_u64(i * 7 % 3000));
        if (spine_cursor_key_valid(cursor)) {
            spine_cursor_fast_forward_vals(cursor);
            if (spine_cursor_key_valid(cursor))
                spine_cursor_rewind_vals(cursor);
        }
        if (spine_cursor_key_valid(cursor))
            spine_cursor_step_key_reverse(cursor);
        else
            spine_cursor_fast_forward(cursor);
        (void)spine_cursor_seek_key_exact(cursor, spine_u64(i));
        if (i % 5 == 0)
            spine_cursor_rewind(cursor);
    }
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    spine_cursor_close(cursor);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_half_that_was_dropped_is_not_seen),
        cmocka_unit_test(hidden_rows_are_passed_over),
        cmocka_unit_test(a_filter_is_released_once_whatever_happens),
        cmocka_unit_test(a_probe_wants_a_callback),
        cmocka_unit_test(a_filter_that_contradicts_itself_does_no_harm),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
