/* SPDX-License-Identifier: MIT */

/*
 * Groups of long values, many blocks long, judged while nothing of them stays in memory.
 */

#include "harness/elsewhere.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BATCHES 20u
#define ROWS 200u
#define KEPT 700u
#define VALUES (BATCHES * ROWS)

static bool
reject(void *context, union spine_datum key, union spine_datum value)
{
    (void)context;
    (void)key;
    (void)value;
    return false;
}

static size_t
value_of(uint64_t number, char *out)
{
    return (size_t)sprintf(out, "a value that is longer than its prefix: %08llu",
                           (unsigned long long)number);
}

/* Every BATCHES-th value. */
static void
insert(struct spine *spine, uint64_t first)
{
    struct spine_schema schema = *spine_get_schema(spine);
    struct spine_batcher *batcher;
    struct spine_batch *batch;

    assert_int_equal(spine_batcher_new(&schema, &batcher, NULL), SPINE_OK);
    for (uint64_t i = 0; i < ROWS; i++) {
        char value[80];
        struct spine_row row = {.key = spine_u64(7), .weight = 1};

        row.value = spine_data(value, value_of(first + i * BATCHES, value));
        assert_int_equal(spine_batcher_add(batcher, &row, NULL), SPINE_OK);
    }
    assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), SPINE_OK);
    spine_batcher_free(batcher);
    assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
}

/* The values of `spine` are `count` in order from number `first` on. */
static void
expect_values(struct spine *spine, uint64_t first, uint64_t count)
{
    struct spine_snapshot *snapshot;
    struct spine_cursor *cursor;
    uint64_t number = first;

    assert_int_equal(spine_take_snapshot(spine, &snapshot, NULL), SPINE_OK);
    assert_int_equal(spine_snapshot_cursor(snapshot, &cursor, NULL), SPINE_OK);
    for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor), number++) {
        const union spine_datum value = spine_cursor_val(cursor);
        char expected[80];

        assert_int_equal(value.bytes.size, value_of(number, expected));
        assert_memory_equal(value.bytes.data, expected, value.bytes.size);
    }
    assert_int_equal(number, first + count);
    spine_cursor_close(cursor);
    spine_snapshot_unref(snapshot);
}

static void
long_groups_are_judged(void **state)
{
    (void)state;
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .value = {SPINE_BYTES, 0}};
    const struct spine_runtime_options manual = {.manual = true};
    const enum spine_retain kinds[] = {SPINE_RETAIN_LAST, SPINE_RETAIN_TOP,
                                       SPINE_RETAIN_BOTTOM};

    for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
        const struct spine_value_filter filter = {
            .name = "reject", .on_value = reject, .retain = kinds[kind], .count = KEPT};
        struct spine_runtime *runtime;
        struct spine *spine;

        assert_int_equal(spine_runtime_open(&manual, &runtime, NULL), SPINE_OK);
        assert_int_equal(spine_open(runtime, &schema, NULL, &spine, NULL), SPINE_OK);
        assert_int_equal(spine_retain_values(spine, &filter, NULL), SPINE_OK);
        for (uint64_t i = 0; i < BATCHES; i++) {
            insert(spine, i * 7 % BATCHES);
            assert_int_equal(spine_wait_idle(spine, UINT64_MAX, NULL), SPINE_OK);
        }
        assert_int_equal(spine_consolidate(spine, NULL, NULL), SPINE_OK);
        expect_values(spine, kinds[kind] == SPINE_RETAIN_BOTTOM ? 0 : VALUES - KEPT,
                      KEPT);
        spine_close(spine);
        spine_runtime_close(runtime);
    }
    assert_int_equal(spine_allocated_bytes(), 0);
    assert_int_equal(elsewhere_pinned(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_groups_are_judged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
