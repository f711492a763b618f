/* SPDX-License-Identifier: MIT */

/*
 * Arguments that make no sense are refused by name, with nothing changed.
 */

#include "harness/check.h"
#include "harness/fault_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct spine_schema number_schema = {.key = {SPINE_U64, 0},
                                                  .value = {SPINE_U64, 0}};
static const struct spine_schema bytes_schema = {
    .key = {SPINE_BYTES, 0}, .value = {SPINE_FIXED, 3}, .time = SPINE_TIME_U64};

/* `status` is `expected`, and `error` says the same in a sentence with `word`. */
static void
refused_as(enum spine_status expected, enum spine_status status,
           const struct spine_error *error, const char *word)
{
    assert_string_equal(spine_status_name(status), spine_status_name(expected));
    assert_int_equal(error->status, expected);
    if (strstr(error->message, word) == NULL)
        fail_msg("\"%s\" does not name %s", error->message, word);
}

static struct spine_batch *
numbers(uint64_t first, size_t count)
{
    uint64_t keys[64], values[64];
    const struct spine_columns columns = {.rows = count, .keys = keys, .values = values};
    struct spine_batch *batch = NULL;

    for (size_t i = 0; i < count; i++)
        keys[i] = values[i] = first + i;
    assert_int_equal(spine_batch_from_columns(&number_schema, &columns, &batch, NULL),
                     SPINE_OK);
    return batch;
}

static void
test_schemas(void **state)
{
    static const struct {
        struct spine_schema schema;
        const char *word;
    } cases[] = {
        {{.key = {(enum spine_kind)77, 0}}, "key"},
        {{.value = {(enum spine_kind)(SPINE_BYTES + 1), 0}}, "value"},
        {{.key = {SPINE_FIXED, 0}}, "key"},
        {{.key = {SPINE_FIXED, SPINE_FIXED_MAX + 1}}, "key"},
        {{.key = {SPINE_U64, 8}}, "key"},
        {{.value = {SPINE_BYTES, 5}}, "value"},
        {{.key = {SPINE_U64, 0}, .weight_count = SPINE_WEIGHTS_MAX + 1}, "weight_count"},
        {{.key = {SPINE_U64, 0}, .time = (enum spine_time)9}, "time"},
    };
    const struct spine_runtime_options manual = {.manual = true};
    struct spine_runtime *runtime;

    (void)state;
    assert_int_equal(spine_runtime_open(&manual, &runtime, NULL), SPINE_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct spine_schema *schema = &cases[i].schema;
        const struct spine_columns none = {0};
        struct spine_error error = {0};
        struct spine_batch *batch;
        struct spine_builder *builder;
        struct spine_batcher *batcher;
        struct spine_snapshot *snapshot;
        struct spine *spine;

        refused_as(SPINE_INVALID, spine_schema_check(schema, &error), &error,
                   cases[i].word);
        assert_int_equal(spine_schema_check(schema, NULL), SPINE_INVALID);
        refused_as(SPINE_INVALID, spine_batch_from_columns(schema, &none, &batch, &error),
                   &error, cases[i].word);
        refused_as(SPINE_INVALID, spine_builder_new(schema, &builder, &error), &error,
                   cases[i].word);
        refused_as(SPINE_INVALID, spine_batcher_new(schema, &batcher, &error), &error,
                   cases[i].word);
        refused_as(SPINE_INVALID, spine_open(runtime, schema, NULL, &spine, &error),
                   &error, cases[i].word);
        refused_as(SPINE_INVALID,
                   spine_snapshot_of_batches(schema, NULL, 0, &snapshot, &error), &error,
                   cases[i].word);
        assert_null(spine);
    }
    spine_runtime_close(runtime);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

static void
test_columns(void **state)
{
    static const uint64_t good[] = {0, 1, 3}, falling[] = {0, 3, 1}, times[] = {7, 8};
    static const uint64_t endless[] = {0, 1, (uint64_t)SPINE_BYTES_MAX + 2};
    const struct spine_columns sound = {.rows = 2,
                                        .keys = "abc",
                                        .key_offsets = good,
                                        .values = "abcdef",
                                        .times = times};
    struct spine_columns columns[5] = {sound, sound, sound, sound, sound};
    static const char *const words[5] = {"key", "key", "value", "time", "key"};
    struct spine_batcher *batcher;
    struct spine_batch *batch;
    struct spine_batch_info info;
    struct spine_error error = {0};

    (void)state;
    columns[0].key_offsets = NULL;
    columns[1].key_offsets = falling;
    columns[2].values = NULL;
    columns[3].times = NULL;
    columns[4].key_offsets = endless;
    assert_int_equal(spine_batcher_new(&bytes_schema, &batcher, NULL), SPINE_OK);
    assert_int_equal(spine_batcher_add_columns(batcher, &sound, NULL), SPINE_OK);
    for (size_t i = 0; i < 5; i++) {
        refused_as(SPINE_INVALID,
                   spine_batch_from_columns(&bytes_schema, &columns[i], &batch, &error),
                   &error, words[i]);
        refused_as(SPINE_INVALID, spine_batcher_add_columns(batcher, &columns[i], &error),
                   &error, words[i]);
    }
    assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), SPINE_OK);
    spine_batch_get_info(batch, &info);
    assert_int_equal(info.rows, 2);
    spine_batch_unref(batch);
    spine_batcher_free(batcher);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

static void
test_cells(void **state)
{
    const struct spine_row sound = {
        .key = spine_data("k", 1), .value = spine_data("abc", 3), .weight = 1};
    struct spine_row wrong = sound, endless = sound;
    struct spine_batcher *batcher;
    struct spine_builder *builder;
    struct spine_batch *batch;
    struct spine_batch_info info;
    struct spine_error error = {0};

    (void)state;
    wrong.value = spine_data("abcd", 4);
    endless.key = spine_data("k", (size_t)SPINE_BYTES_MAX + 1);
    assert_int_equal(spine_batcher_new(&bytes_schema, &batcher, NULL), SPINE_OK);
    assert_int_equal(spine_builder_new(&bytes_schema, &builder, NULL), SPINE_OK);
    for (int i = 0; i < 2; i++) {
        refused_as(SPINE_INVALID, spine_batcher_add(batcher, &wrong, &error), &error, "");
        refused_as(SPINE_INVALID, spine_builder_add(builder, &wrong, &error), &error, "");
        refused_as(SPINE_INVALID, spine_batcher_add(batcher, &endless, &error), &error,
                   "");
        refused_as(SPINE_INVALID, spine_builder_add(builder, &endless, &error), &error,
                   "");
        if (i == 0) {
            assert_int_equal(spine_batcher_add(batcher, &sound, NULL), SPINE_OK);
            assert_int_equal(spine_builder_add(builder, &sound, NULL), SPINE_OK);
        }
    }
    assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), SPINE_OK);
    spine_batch_get_info(batch, &info);
    assert_int_equal(info.rows, 1);
    spine_batch_unref(batch);
    assert_int_equal(spine_builder_seal(builder, &batch, NULL), SPINE_OK);
    spine_batch_get_info(batch, &info);
    assert_int_equal(info.rows, 1);
    spine_batch_unref(batch);
    spine_batcher_free(batcher);
    spine_builder_free(builder);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

static void
test_runtimes_and_options(void **state)
{
    const struct spine_executor nothing = {0};
    const struct spine_runtime_options both = {.manual = true, .executor = &nothing};
    const struct spine_runtime_options deaf = {.executor = &nothing};
    const struct spine_runtime_options manual = {.manual = true};
    const struct spine_options too_many = {.level0_rows = 100000};
    struct spine_runtime *runtime = NULL;
    struct spine_error error = {0};
    struct spine *spine;

    (void)state;
    refused_as(SPINE_INVALID, spine_runtime_open(&both, &runtime, &error), &error,
               "manual");
    assert_null(runtime);
    refused_as(SPINE_INVALID, spine_runtime_open(&deaf, &runtime, &error), &error,
               "on_submit");
    assert_int_equal(spine_runtime_open(&manual, &runtime, &error), SPINE_OK);
    refused_as(SPINE_INVALID,
               spine_open(runtime, &number_schema, &too_many, &spine, &error), &error,
               "level0_rows");
    spine_runtime_close(runtime);
    spine_runtime_close(NULL);
    spine_close(NULL);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

static void
test_strangers_in_a_spine(void **state)
{
    const struct spine_runtime_options manual = {.manual = true};
    const struct spine_columns none = {0};
    const uint64_t no_offsets[] = {0};
    struct spine_columns empty = {.key_offsets = no_offsets};
    struct spine_runtime *runtime;
    struct spine_snapshot *snapshot;
    struct spine_batch *stranger, *mine = numbers(1, 5), *nothing;
    struct spine *spine;
    struct spine_stats stats;
    struct spine_error error = {0};

    (void)state;
    assert_int_equal(spine_runtime_open(&manual, &runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(runtime, &number_schema, NULL, &spine, NULL), SPINE_OK);
    assert_int_equal(spine_batch_from_columns(&bytes_schema, &empty, &stranger, NULL),
                     SPINE_OK);
    assert_int_equal(spine_batch_from_columns(&number_schema, &none, &nothing, NULL),
                     SPINE_OK);
    refused_as(SPINE_INVALID, spine_insert(spine, stranger, &error), &error, "schema");
    refused_as(SPINE_INVALID, spine_try_insert(spine, stranger, &error), &error,
               "schema");
    struct spine_batch *mixed[2] = {mine, stranger};
    refused_as(SPINE_INVALID,
               spine_snapshot_of_batches(&number_schema, mixed, 2, &snapshot, &error),
               &error, "schema");
    refused_as(SPINE_INVALID, spine_set_frontier(spine, 1, &error), &error, "");
    assert_int_equal(spine_insert(spine, nothing, NULL), SPINE_OK);
    assert_false(spine_is_dirty(spine));
    spine_get_stats(spine, &stats);
    assert_int_equal(stats.batches, 0);
    assert_int_equal(stats.inserted_batches, 0);
    assert_int_equal(spine_insert(spine, mine, NULL), SPINE_OK);
    assert_true(spine_is_dirty(spine));
    spine_batch_unref(mine);
    spine_batch_unref(stranger);
    spine_batch_unref(nothing);
    spine_close(spine);
    spine_runtime_close(runtime);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

typedef void misuse_fn(struct spine_cursor *cursor);

static void
misuse_key(struct spine_cursor *cursor)
{
    (void)spine_cursor_key(cursor);
}

static void
misuse_val(struct spine_cursor *cursor)
{
    (void)spine_cursor_val(cursor);
}

static void
misuse_weight(struct spine_cursor *cursor)
{
    (void)spine_cursor_weight(cursor);
}

static void
misuse_times(struct spine_cursor *cursor)
{
    const uint64_t *times;
    const int64_t *weights;

    (void)spine_cursor_times(cursor, &times, &weights);
}

static void
misuse_seek_val(struct spine_cursor *cursor)
{
    spine_cursor_seek_val(cursor, spine_u64(1));
}

static void
misuse_seek_val_reverse(struct spine_cursor *cursor)
{
    spine_cursor_seek_val_reverse(cursor, spine_u64(1));
}

/* Past the last key nothing may be read or stepped: each is misuse, and for good. */
static void
test_misused_cursors(void **state)
{
    static misuse_fn *const misuses[] = {
        misuse_key,
        misuse_val,
        misuse_weight,
        misuse_times,
        misuse_seek_val,
        misuse_seek_val_reverse,
        spine_cursor_step_key,
        spine_cursor_step_key_reverse,
        spine_cursor_step_val,
        spine_cursor_step_val_reverse,
        spine_cursor_rewind_vals,
        spine_cursor_fast_forward_vals,
    };
    struct spine_batch *batch = numbers(1, 5);

    (void)state;
    for (size_t i = 0; i < sizeof misuses / sizeof misuses[0]; i++) {
        struct spine_cursor *cursor;
        struct spine_error error = {0};

        assert_int_equal(spine_batch_cursor(batch, &cursor, NULL), SPINE_OK);
        spine_cursor_fast_forward(cursor);
        spine_cursor_step_key(cursor);
        assert_false(spine_cursor_key_valid(cursor));
        assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
        misuses[i](cursor);
        refused_as(SPINE_MISUSE, spine_cursor_error(cursor, &error), &error, "");
        spine_cursor_rewind(cursor);
        assert_false(spine_cursor_key_valid(cursor));
        assert_false(spine_cursor_val_valid(cursor));
        assert_false(spine_cursor_seek_key_exact(cursor, spine_u64(1)));
        misuses[i](cursor);
        assert_int_equal(spine_cursor_status(cursor), SPINE_MISUSE);
        spine_cursor_close(cursor);
    }
    spine_batch_unref(batch);
    spine_cursor_close(NULL);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

/* Bytes that do not fit are named; so is a value with more times than there is room. */
static void
test_small_buffers(void **state)
{
    const uint64_t offsets[] = {0, 5, 10}, times[] = {1, 2};
    const struct spine_columns columns = {.rows = 2,
                                          .keys = "abcdeabcde",
                                          .key_offsets = offsets,
                                          .values = "xyzxyz",
                                          .times = times};
    char keys[16];
    uint64_t key_offsets[9];
    struct spine_column_buffers buffers = {
        .rows = 8, .keys = keys, .key_offsets = key_offsets, .key_bytes = 4};
    struct spine_batch *batch;
    struct spine_cursor *cursor;
    struct spine_error error = {0};

    (void)state;
    assert_int_equal(spine_batch_from_columns(&bytes_schema, &columns, &batch, NULL),
                     SPINE_OK);
    assert_int_equal(spine_batch_cursor(batch, &cursor, NULL), SPINE_OK);
    assert_int_equal(spine_cursor_read(cursor, &buffers), 0);
    refused_as(SPINE_INVALID, spine_cursor_error(cursor, &error), &error, "10");
    spine_cursor_close(cursor);

    buffers.key_bytes = sizeof keys;
    buffers.rows = 1;
    assert_int_equal(spine_batch_cursor(batch, &cursor, NULL), SPINE_OK);
    assert_int_equal(spine_cursor_read(cursor, &buffers), 0);
    refused_as(SPINE_INVALID, spine_cursor_error(cursor, &error), &error, "2");
    spine_cursor_close(cursor);

    buffers.rows = 2;
    assert_int_equal(spine_batch_cursor(batch, &cursor, NULL), SPINE_OK);
    assert_int_equal(spine_cursor_read(cursor, &buffers), 2);
    assert_int_equal(spine_cursor_read(cursor, &buffers), 0);
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    spine_cursor_close(cursor);
    spine_batch_unref(batch);
    assert_int_equal(fault_alloc_live_bytes(), 0);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schemas),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_cells),
        cmocka_unit_test(test_runtimes_and_options),
        cmocka_unit_test(test_strangers_in_a_spine),
        cmocka_unit_test(test_misused_cursors),
        cmocka_unit_test(test_small_buffers),
    };

    harness_start(argc, argv);
    fault_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
