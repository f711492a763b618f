/* SPDX-License-Identifier: MIT */

/*
 * What filters cost a spine: calls of their callbacks, slice by slice and in all.
 */

#include "harness/property.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* The most calls in a slice of one row's fuel: those of a window and of a group. */
#define SLICE_CALLS_MAX 4096u

static const struct spine_schema schema = {.key = {SPINE_U64, 0},
                                           .value = {SPINE_U64, 0}};

/* Every second value passes; none with `passes_none`. */
struct judge {
    uint64_t calls;
    bool passes_none;
};

static bool
on_value(void *context, union spine_datum key, union spine_datum value)
{
    struct judge *judge = context;

    (void)key;
    judge->calls++;
    return !judge->passes_none && value.u64 % 2 == 0;
}

static void
insert_values(struct spine *spine, uint64_t key, uint64_t begin, uint64_t step,
              size_t count)
{
    uint64_t *keys = calloc(2 * count, sizeof *keys);
    const struct spine_columns columns = {
        .rows = count, .keys = keys, .values = keys + count};
    struct spine_batch *batch;

    for (size_t i = 0; i < count; i++) {
        keys[i] = key;
        keys[count + i] = begin + i * step;
    }
    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
    free(keys);
}

static void
retain(struct spine *spine, struct judge *judge, enum spine_retain kind, uint64_t count)
{
    const struct spine_value_filter filter = {
        .context = judge, .retain = kind, .count = count, .on_value = on_value};

    assert_int_equal(spine_retain_values(spine, &filter, NULL), SPINE_OK);
}

/* Some slices of little fuel; none makes many calls. */
static void
run_slowly(struct spine_runtime *runtime, const struct judge *judge)
{
    bool more = true;

    while (more) {
        const uint64_t calls = judge->calls;

        more = spine_runtime_run(runtime, 1) > 0;
        assert_in_range(judge->calls - calls, 0, SLICE_CALLS_MAX);
    }
}

static void
a_slice_ends_inside_a_group(void **state)
{
    enum { BATCHES = 8, VALUES = 125000 };
    const struct spine_runtime_options manual = {.manual = true};
    struct spine_runtime *runtime;

    (void)state;
    assert_int_equal(spine_runtime_open(&manual, &runtime, NULL), SPINE_OK);
    for (enum spine_retain kind = SPINE_RETAIN_LAST; kind <= SPINE_RETAIN_BOTTOM;
         kind++) {
        struct judge judge = {.passes_none = kind == SPINE_RETAIN_LAST};
        struct spine *spine;

        assert_int_equal(spine_open(runtime, &schema, NULL, &spine, NULL), SPINE_OK);
        spine_pause(spine);
        for (uint64_t i = 0; i < BATCHES; i++)
            insert_values(spine, 1, i, BATCHES, VALUES);
        retain(spine, &judge, kind, BATCHES * VALUES / 2);
        spine_resume(spine);
        run_slowly(runtime, &judge);
        assert_in_range(judge.calls, BATCHES * VALUES, 3 * BATCHES * VALUES);
        spine_close(spine);
    }
    spine_runtime_close(runtime);
}

/* A large group gets some rows in every batch. Each row is judged about as often as it is
 * merged, and what it takes to judge it is in proportion. */
static void
a_growing_group_is_not_judged_for_every_row(void **state)
{
    enum { VALUES = 50000, INSERTS = 400, ROWS = 20 };
    const struct spine_runtime_options manual = {.manual = true};
    struct spine_runtime *runtime;

    (void)state;
    assert_int_equal(spine_runtime_open(&manual, &runtime, NULL), SPINE_OK);
    for (enum spine_retain kind = SPINE_RETAIN_TOP; kind <= SPINE_RETAIN_BOTTOM; kind++) {
        struct judge judge = {0};
        struct spine_stats stats;
        struct spine *spine;

        assert_int_equal(spine_open(runtime, &schema, NULL, &spine, NULL), SPINE_OK);
        retain(spine, &judge, kind, VALUES);
        insert_values(spine, 1, 1000000, 1, VALUES);
        for (uint64_t i = 0; i < INSERTS; i++) {
            insert_values(spine, 1, 2000000 + i * ROWS, 1, ROWS);
            assert_int_equal(spine_wait_idle(spine, UINT64_MAX, NULL), SPINE_OK);
        }
        spine_get_stats(spine, &stats);
        assert_in_range(judge.calls, stats.merge_rows_in, 4 * stats.merge_rows_in);
        assert_true(stats.rows >= VALUES + INSERTS * ROWS);
        spine_close(spine);
    }
    spine_runtime_close(runtime);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slice_ends_inside_a_group),
        cmocka_unit_test(a_growing_group_is_not_judged_for_every_row),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
