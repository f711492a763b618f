/* SPDX-License-Identifier: MIT */

/* What messages call types, cells, times and schemas. */

#include "rows/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "spine/spine.h"

static void
expect_datum(enum spine_kind kind, union spine_datum datum, const char *expected)
{
    char text[DESCRIBED_BYTES];

    assert_string_equal(describe_datum(kind, datum, text), expected);
}

static void
test_cells(void **state)
{
    static const uint8_t other[] = {0, 'a', '"', '\\', 0x7f, 0xff};
    static const char many[] = "\n\n\n\n\n\n\n\n\n\n\n\n\n";

    (void)state;
    expect_datum(SPINE_NONE, (union spine_datum){0}, "");
    expect_datum(SPINE_U64, spine_u64(UINT64_MAX), "18446744073709551615");
    expect_datum(SPINE_I64, spine_i64(INT64_MIN), "-9223372036854775808");
    expect_datum(SPINE_U32, spine_u32(UINT32_MAX), "4294967295");
    expect_datum(SPINE_I32, spine_i32(-7), "-7");
    expect_datum(SPINE_F64, spine_f64(0.5), "0.5");
    expect_datum(SPINE_BYTES, spine_data(NULL, 0), "\"\"");
    expect_datum(SPINE_BYTES, spine_data("ada", 3), "\"ada\"");
    expect_datum(SPINE_FIXED, spine_data("hundred years", 13),
                 "\"hundred year...\" of 13 bytes");
    expect_datum(SPINE_BYTES, spine_data(other, sizeof other),
                 "\"\\x00a\\x22\\x5c\\x7f\\xff\"");
    expect_datum(
        SPINE_BYTES, spine_data(many, 13),
        "\"\\x0a\\x0a\\x0a\\x0a\\x0a\\x0a\\x0a\\x0a\\x0a\\x0a\\x0a\\x0a...\" of 13 "
        "bytes");
}

static void
test_types_and_times(void **state)
{
    char text[DESCRIBED_BYTES];

    (void)state;
    assert_string_equal(describe_type((struct spine_type){SPINE_FIXED, 4}, text),
                        "SPINE_FIXED of 4");
    assert_string_equal(describe_type((struct spine_type){SPINE_I32, 0}, text),
                        "SPINE_I32");
    assert_string_equal(describe_time(SPINE_TIME_U64, UINT64_MAX, text),
                        "18446744073709551615");
    assert_string_equal(
        describe_time(SPINE_TIME_PAIR, spine_time_pair(3, UINT32_MAX), text),
        "(3, 4294967295)");
}

/* ---- Schemas that differ ---- */

static const struct spine_schema wanted = {.key = {SPINE_FIXED, 4},
                                           .value = {SPINE_U64, 0}};

static const struct {
    struct spine_schema schema;
    const char *difference;
} others[] = {
    {{.key = {SPINE_FIXED, 5}, .value = {SPINE_U64, 0}},
     "key SPINE_FIXED of 5, not SPINE_FIXED of 4"},
    {{.key = {SPINE_FIXED, 4}}, "value SPINE_NONE, not SPINE_U64"},
    {{.key = {SPINE_FIXED, 4}, .value = {SPINE_U64, 0}, .time = SPINE_TIME_PAIR},
     "time SPINE_TIME_PAIR, not SPINE_UNTIMED"},
    {{.key = {SPINE_FIXED, 4}, .value = {SPINE_U64, 0}, .weight_count = 2},
     "2 weights, not 1"},
    {{.key = {SPINE_BYTES, 0},
      .value = {SPINE_F64, 0},
      .weight_count = 8,
      .time = SPINE_TIME_U64},
     "key SPINE_BYTES, not SPINE_FIXED of 4; value SPINE_F64, not SPINE_U64; "
     "time SPINE_TIME_U64, not SPINE_UNTIMED; 8 weights, not 1"},
};

static struct spine_batch *
empty_batch(const struct spine_schema *schema)
{
    struct spine_builder *builder;
    struct spine_batch *batch;

    assert_int_equal(spine_builder_new(schema, &builder, NULL), SPINE_OK);
    assert_int_equal(spine_builder_seal(builder, &batch, NULL), SPINE_OK);
    spine_builder_free(builder);
    return batch;
}

static void
expect_message(enum spine_status st, const struct spine_error *error, const char *begin,
               const char *end)
{
    assert_int_equal(st, SPINE_INVALID);
    assert_ptr_equal(strstr(error->message, begin), error->message);
    assert_string_equal(error->message + strlen(begin), end);
}

static void
test_schemas(void **state)
{
    const struct spine_runtime_options manual = {.manual = true};
    struct spine_batch *batches[2] = {empty_batch(&wanted), NULL};
    struct spine_cursor_source sources[2] = {{0}};
    struct spine_runtime *runtime;
    struct spine_snapshot *snapshot;
    struct spine_cursor *cursor;
    struct spine_error error;
    struct spine *spine;

    (void)state;
    assert_int_equal(spine_runtime_open(&manual, &runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(runtime, &wanted, NULL, &spine, NULL), SPINE_OK);
    assert_int_equal(spine_take_snapshot(spine, &sources[0].snapshot, NULL), SPINE_OK);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        batches[1] = empty_batch(&others[i].schema);
        assert_int_equal(spine_snapshot_of_batches(&others[i].schema, batches + 1, 1,
                                                   &sources[1].snapshot, NULL),
                         SPINE_OK);
        expect_message(
            spine_insert(spine, batches[1], &error), &error,
            "spine_insert: the batch has another schema: ", others[i].difference);
        expect_message(
            spine_try_insert(spine, batches[1], &error), &error,
            "spine_try_insert: the batch has another schema: ", others[i].difference);
        expect_message(spine_snapshot_of_batches(&wanted, batches, 2, &snapshot, &error),
                       &error, "spine_snapshot_of_batches: batch 1 has another schema: ",
                       others[i].difference);
        expect_message(spine_cursor_open_sources(sources, 2, &cursor, &error), &error,
                       "spine_cursor_open_sources: source 1 has another schema: ",
                       others[i].difference);
        spine_snapshot_unref(sources[1].snapshot);
        spine_batch_unref(batches[1]);
    }
    spine_snapshot_unref(sources[0].snapshot);
    spine_batch_unref(batches[0]);
    spine_close(spine);
    spine_runtime_close(runtime);
}

/* ---- Frontiers ---- */

static void
expect_frontier(enum spine_time time, uint64_t first, uint64_t second,
                const char *expected)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .time = time};
    const struct spine_runtime_options manual = {.manual = true};
    struct spine_runtime *runtime;
    struct spine_error error;
    struct spine *spine;

    assert_int_equal(spine_runtime_open(&manual, &runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(runtime, &schema, NULL, &spine, NULL), SPINE_OK);
    assert_int_equal(spine_set_frontier(spine, first, NULL), SPINE_OK);
    assert_int_equal(spine_set_frontier(spine, second, &error), SPINE_INVALID);
    assert_string_equal(error.message, expected);
    spine_close(spine);
    spine_runtime_close(runtime);
}

static void
test_frontiers(void **state)
{
    (void)state;
    expect_frontier(SPINE_TIME_U64, 100, 99,
                    "spine_set_frontier: 99 is not at or after the present one, 100");
    expect_frontier(
        SPINE_TIME_PAIR, spine_time_pair(3, 7), spine_time_pair(4, 6),
        "spine_set_frontier: (4, 6) is not at or after the present one, (3, 7)");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells),
        cmocka_unit_test(test_types_and_times),
        cmocka_unit_test(test_schemas),
        cmocka_unit_test(test_frontiers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
