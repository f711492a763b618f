/* SPDX-License-Identifier: MIT */

/* Datums carry their kind: each call takes those of the column's kind and refuses all
 * others, by name. */

#include "rows/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "spine/spine.h"

enum { FIXED_BYTES = 4 };

/* A datum of each kind, and how messages name it. */
static const struct given {
    enum spine_kind kind;
    const char *name;
} givens[] = {
    {SPINE_NONE, NULL},       {SPINE_U64, "SPINE_U64"}, {SPINE_I64, "SPINE_I64"},
    {SPINE_U32, "SPINE_U32"}, {SPINE_I32, "SPINE_I32"}, {SPINE_F64, "SPINE_F64"},
    {SPINE_FIXED, "4 bytes"}, {SPINE_BYTES, "3 bytes"},
};
enum { KINDS = sizeof givens / sizeof givens[0] };

static union spine_datum
datum_of(enum spine_kind kind)
{
    switch (kind) {
    case SPINE_U64:
        return spine_u64(7);
    case SPINE_I64:
        return spine_i64(7);
    case SPINE_U32:
        return spine_u32(7);
    case SPINE_I32:
        return spine_i32(7);
    case SPINE_F64:
        return spine_f64(7);
    case SPINE_FIXED:
        return spine_data("four", FIXED_BYTES);
    case SPINE_BYTES:
        return spine_data("ada", 3);
    case SPINE_NONE:
        break;
    }
    return (union spine_datum){0};
}

static struct spine_type
type_of(enum spine_kind kind)
{
    return (struct spine_type){kind, kind == SPINE_FIXED ? FIXED_BYTES : 0};
}

/* Does a column of `kind` take the datum? One without any stamp or size is every number,
 * no bytes, and nothing at all. */
static bool
takes(enum spine_kind kind, const struct given *given)
{
    if (given->kind == SPINE_NONE)
        return kind != SPINE_FIXED;
    if (kind == SPINE_BYTES)
        return given->kind == SPINE_FIXED || given->kind == SPINE_BYTES;
    return kind == given->kind;
}

/* `st` and `message` say that column `name` of `kind` did not take `given`. */
static void
expect_refused(enum spine_status st, const char *message, const char *name,
               enum spine_kind kind, const struct given *given)
{
    char begin[16];

    assert_int_equal(st, SPINE_INVALID);
    (void)snprintf(begin, sizeof begin, "the %s ", name);
    assert_ptr_equal(strstr(message, begin), message);
    if (given->name != NULL)
        assert_non_null(strstr(message, given->name));
    assert_non_null(strstr(message, kind_name(kind)));
}

/* ---- Rows ---- */

typedef enum spine_status
add_fn(void *writer, const struct spine_row *row, struct spine_error *error);

static enum spine_status
batcher_add(void *writer, const struct spine_row *row, struct spine_error *error)
{
    return spine_batcher_add(writer, row, error);
}

static enum spine_status
builder_add(void *writer, const struct spine_row *row, struct spine_error *error)
{
    return spine_builder_add(writer, row, error);
}

/* A row with each datum as key and as value, then one that fits and must be the only one
 * there is. */
static void
expect_rows(const struct spine_schema *schema, add_fn *on_add, void *writer)
{
    const struct spine_row right = {.key = datum_of(schema->key.kind),
                                    .value = datum_of(schema->value.kind),
                                    .weight = 1};
    struct spine_error error;

    for (size_t i = 0; i < KINDS; i++) {
        struct spine_row row = right;

        row.key = datum_of(givens[i].kind);
        if (!takes(schema->key.kind, &givens[i]))
            expect_refused(on_add(writer, &row, &error), error.message, "key",
                           schema->key.kind, &givens[i]);
        row = right;
        row.value = datum_of(givens[i].kind);
        if (!takes(schema->value.kind, &givens[i]))
            expect_refused(on_add(writer, &row, &error), error.message, "value",
                           schema->value.kind, &givens[i]);
    }
    assert_int_equal(on_add(writer, &right, &error), SPINE_OK);
}

/* ---- Cursors ---- */

/* The calls of a cursor that take a key, and those that take a value. */
static void
set_lower(struct spine_cursor *cursor, union spine_datum key)
{
    spine_cursor_set_bounds(cursor, &key, NULL);
}

static void
set_upper(struct spine_cursor *cursor, union spine_datum key)
{
    spine_cursor_set_bounds(cursor, NULL, &key);
}

static void
seek_exact(struct spine_cursor *cursor, union spine_datum key)
{
    (void)spine_cursor_seek_key_exact(cursor, key);
}

typedef void call_fn(struct spine_cursor *cursor, union spine_datum datum);

static call_fn *const key_calls[] = {spine_cursor_seek_key, spine_cursor_seek_key_reverse,
                                     seek_exact, set_lower, set_upper};
static call_fn *const value_calls[] = {
    spine_cursor_seek_val, spine_cursor_seek_val_reverse, spine_cursor_set_default};

static void
expect_calls(struct spine_batch *batch, const char *name, enum spine_kind kind,
             call_fn *const *calls, size_t call_count)
{
    for (size_t c = 0; c < call_count; c++)
        for (size_t i = 0; i < KINDS; i++) {
            struct spine_error error;
            struct spine_cursor *cursor;

            assert_int_equal(spine_batch_cursor(batch, &cursor, NULL), SPINE_OK);
            calls[c](cursor, datum_of(givens[i].kind));
            if (takes(kind, &givens[i]))
                assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
            else
                expect_refused(spine_cursor_error(cursor, &error), error.message, name,
                               kind, &givens[i]);
            spine_cursor_close(cursor);
        }
}

/* What a cursor gives goes back in everywhere. */
static void
expect_given_back(struct spine_batch *batch, void *batcher)
{
    struct spine_row row = {.weight = 1};
    struct spine_batch_info info;
    struct spine_cursor *cursor;

    assert_int_equal(spine_batch_cursor(batch, &cursor, NULL), SPINE_OK);
    row.key = spine_cursor_key(cursor);
    row.value = spine_cursor_val(cursor);
    assert_int_equal(spine_batcher_add(batcher, &row, NULL), SPINE_OK);
    spine_cursor_seek_val(cursor, spine_cursor_val(cursor));
    spine_cursor_set_default(cursor, spine_cursor_val(cursor));
    assert_true(spine_cursor_seek_key_exact(cursor, spine_cursor_key(cursor)));
    spine_batch_get_info(batch, &info);
    assert_true(spine_cursor_seek_key_exact(cursor, info.key_max));
    spine_cursor_set_bounds(cursor, &info.key_min, NULL);
    assert_true(spine_cursor_key_valid(cursor));
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    spine_cursor_close(cursor);
}

static void
expect_schema(const struct spine_schema *schema)
{
    struct spine_batcher *batcher;
    struct spine_builder *builder;
    struct spine_batch *batch;

    assert_int_equal(spine_builder_new(schema, &builder, NULL), SPINE_OK);
    expect_rows(schema, builder_add, builder);
    spine_builder_free(builder);
    assert_int_equal(spine_batcher_new(schema, &batcher, NULL), SPINE_OK);
    expect_rows(schema, batcher_add, batcher);
    assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), SPINE_OK);
    expect_calls(batch, "key", schema->key.kind, key_calls,
                 sizeof key_calls / sizeof key_calls[0]);
    expect_calls(batch, "value", schema->value.kind, value_calls,
                 sizeof value_calls / sizeof value_calls[0]);
    expect_given_back(batch, batcher);
    spine_batcher_free(batcher);
    spine_batch_unref(batch);
}

static void
test_each_call_takes_the_kind_of_its_column(void **state)
{
    (void)state;
    for (int key = SPINE_NONE; key <= SPINE_BYTES; key++)
        for (int value = SPINE_NONE; value <= SPINE_BYTES; value++)
            for (int time = SPINE_UNTIMED; time <= SPINE_TIME_U64; time++) {
                const struct spine_schema schema = {.key = type_of((enum spine_kind)key),
                                                    .value =
                                                        type_of((enum spine_kind)value),
                                                    .time = (enum spine_time)time};
                expect_schema(&schema);
            }
}

/* A number that is filled in by hand carries no kind; what lay there before, it does. */
static void
test_numbers_filled_in_by_hand(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .value = {SPINE_I32, 0}};
    struct spine_row row = {.weight = 1};
    struct spine_batcher *batcher;
    struct spine_error error;
    struct spine_batch *batch;
    struct spine_cursor *cursor;

    (void)state;
    row.key.u64 = UINT64_MAX;
    row.value.i32 = -5;
    assert_int_equal(spine_batcher_new(&schema, &batcher, NULL), SPINE_OK);
    assert_int_equal(spine_batcher_add(batcher, &row, NULL), SPINE_OK);
    row.key = spine_data("x", 1);
    row.key.u64 = 7;
    assert_int_equal(spine_batcher_add(batcher, &row, &error), SPINE_INVALID);
    assert_string_equal(error.message, "the key is 1 bytes; the schema says SPINE_U64");
    row.key.number.stamp = UINT64_MAX;
    assert_int_equal(spine_batcher_add(batcher, &row, &error), SPINE_INVALID);
    assert_non_null(strstr(error.message, "not zero before"));
    assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), SPINE_OK);
    assert_int_equal(spine_batch_cursor(batch, &cursor, NULL), SPINE_OK);
    assert_true(spine_cursor_key(cursor).u64 == UINT64_MAX);
    assert_int_equal(spine_cursor_val(cursor).i32, -5);
    spine_cursor_step_key(cursor);
    assert_false(spine_cursor_key_valid(cursor));
    spine_cursor_close(cursor);
    spine_batch_unref(batch);
    spine_batcher_free(batcher);
}

/* The size of bytes that are too long is no stamp, next to the stamps. */
static void
test_sizes_near_stamps(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_BYTES, 0}};
    struct spine_row row = {.weight = 1};
    struct spine_batcher *batcher;
    struct spine_error error;

    (void)state;
    assert_int_equal(spine_batcher_new(&schema, &batcher, NULL), SPINE_OK);
    for (uint64_t size = SPINE_STAMP(0); size <= SPINE_STAMP(SPINE_BYTES); size++) {
        const bool is_stamp = size > SPINE_STAMP(0) && size <= SPINE_STAMP(SPINE_F64);

        row.key = spine_data("x", (size_t)size);
        assert_int_equal(spine_batcher_add(batcher, &row, &error), SPINE_INVALID);
        assert_true(is_stamp == (strstr(error.message, "SPINE_BYTES") != NULL));
    }
    row.key = spine_data("x", SIZE_MAX);
    row.value = row.key;
    assert_int_equal(spine_batcher_add(batcher, &row, &error), SPINE_INVALID);
    spine_batcher_free(batcher);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_call_takes_the_kind_of_its_column),
        cmocka_unit_test(test_numbers_filled_in_by_hand),
        cmocka_unit_test(test_sizes_near_stamps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
