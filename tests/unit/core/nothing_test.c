/* SPDX-License-Identifier: MIT */

/*
 * Nothing is a value: no rows, no keys, no batches, no bytes, and NULL where something
 * would be. Sanitizers see whether a pointer to nothing is moved or copied from.
 */

#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* One of each way in which columns are kept. */
static const struct spine_schema schemas[] = {
    {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}},
    {.key = {SPINE_U32, 0}, .value = {SPINE_U32, 0}},
    {.key = {SPINE_NONE, 0}, .value = {SPINE_I64, 0}},
    {.key = {SPINE_F64, 0}, .value = {SPINE_NONE, 0}, .time = SPINE_TIME_U64},
    {.key = {SPINE_FIXED, 3}, .value = {SPINE_FIXED, 5}},
    {.key = {SPINE_FIXED, 16}, .value = {SPINE_NONE, 0}},
    {.key = {SPINE_NONE, 0}, .value = {SPINE_FIXED, 16}},
    {.key = {SPINE_FIXED, 40}, .value = {SPINE_U64, 0}, .time = SPINE_TIME_PAIR},
    {.key = {SPINE_BYTES, 0}, .value = {SPINE_BYTES, 0}},
    {.key = {SPINE_BYTES, 0}, .value = {SPINE_NONE, 0}, .weight_count = 3},
    {.key = {SPINE_NONE, 0}, .value = {SPINE_BYTES, 0}, .time = SPINE_TIME_U64},
};
#define SCHEMAS (sizeof schemas / sizeof schemas[0])

/* Columns of no rows, buffers for none. */
static const struct spine_columns no_columns;
static const struct spine_column_buffers no_buffers;

static struct spine_batch *
batch_of(const struct spine_schema *schema, const struct spine_columns *columns)
{
    struct spine_batch *batch;

    assert_int_equal(spine_batch_from_columns(schema, columns, &batch, NULL), SPINE_OK);
    assert_int_equal(spine_batch_check(batch, NULL), SPINE_OK);
    return batch;
}

/* `rows` rows of the least cells: zeros of as many bytes as the schema wants, or no bytes
 * at all, which are nowhere. */
static struct spine_batch *
least_batch(const struct spine_schema *schema, size_t rows)
{
    static const _Alignas(8) uint8_t zeros[256];
    static const uint64_t offsets[4], times[3];
    const struct spine_columns columns = {
        .rows = rows,
        .keys = schema->key.kind == SPINE_BYTES ? NULL : zeros,
        .key_offsets = offsets,
        .values = schema->value.kind == SPINE_BYTES ? NULL : zeros,
        .value_offsets = offsets,
        .times = times,
    };

    return batch_of(schema, &columns);
}

static struct spine_snapshot *
snapshot_of(const struct spine_schema *schema, struct spine_batch **batches, size_t count)
{
    struct spine_snapshot *snapshot;

    assert_int_equal(spine_snapshot_of_batches(schema, batches, count, &snapshot, NULL),
                     SPINE_OK);
    return snapshot;
}

static void
probe_nothing(const struct spine_schema *schema, struct spine_snapshot *snapshot)
{
    static const _Alignas(8) uint8_t zeros[64];
    static const uint64_t offsets[2];
    const bool bytes = schema->key.kind == SPINE_BYTES;
    const struct spine_columns keys = {
        .rows = 1, .keys = bytes ? NULL : zeros, .key_offsets = offsets};
    struct spine_probe *probe;
    struct spine_probe_rows rows;

    assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);
    assert_int_equal(
        spine_snapshot_probe(snapshot, probe, &no_columns, NULL, &rows, NULL), SPINE_OK);
    assert_int_equal(rows.keys, 0);
    assert_int_equal(spine_snapshot_probe(snapshot, probe, &keys, NULL, &rows, NULL),
                     SPINE_OK);
    assert_int_equal(rows.keys, 1);
    spine_probe_free(probe);
}

/* Every move, and a read of nothing; the cursor ends where `any` says that there is. */
static void
walk(const struct spine_schema *schema, struct spine_snapshot *snapshot, bool any)
{
    const bool bytes = schema->key.kind == SPINE_BYTES || schema->key.kind == SPINE_FIXED;
    static const _Alignas(8) uint8_t zeros[64];
    const union spine_datum key =
        bytes ? spine_data(schema->key.size > 0 ? zeros : NULL, schema->key.size)
              : (union spine_datum){0};
    struct spine_cursor *cursor;

    assert_int_equal(spine_snapshot_cursor(snapshot, &cursor, NULL), SPINE_OK);
    assert_int_equal(spine_cursor_read(cursor, &no_buffers), 0);
    spine_cursor_fast_forward(cursor);
    assert_true(spine_cursor_key_valid(cursor) == any);
    spine_cursor_rewind(cursor);
    assert_true(spine_cursor_key_valid(cursor) == any);
    assert_true(spine_cursor_seek_key_exact(cursor, key) == any);
    spine_cursor_rewind(cursor);
    spine_cursor_seek_key(cursor, key);
    assert_true(spine_cursor_key_valid(cursor) == any);
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    spine_cursor_close(cursor);
}

static void
sample_nothing(struct spine_snapshot *snapshot)
{
    struct spine_batch *batch;

    assert_int_equal(spine_snapshot_sample(snapshot, 0, 1, &batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
    assert_int_equal(spine_snapshot_sample(snapshot, 5, 1, &batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
    assert_int_equal(spine_snapshot_partition(snapshot, 3, 1, &batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
}

/* Snapshots of no batches, of empty ones, and of rows of nothing. */
static void
test_snapshots(void **state)
{
    (void)state;
    for (size_t s = 0; s < SCHEMAS; s++) {
        const struct spine_schema *schema = &schemas[s];
        struct spine_batch *batches[] = {batch_of(schema, &no_columns),
                                         batch_of(schema, &no_columns),
                                         least_batch(schema, 1), least_batch(schema, 3)};

        for (size_t count = 0; count <= 4; count++) {
            struct spine_snapshot *snapshot =
                snapshot_of(schema, count > 0 ? batches : NULL, count);

            walk(schema, snapshot, count > 2);
            sample_nothing(snapshot);
            if (schema->key.kind != SPINE_NONE && schema->key.kind != SPINE_F64)
                probe_nothing(schema, snapshot);
            spine_snapshot_unref(snapshot);
        }
        for (size_t b = 0; b < 4; b++)
            spine_batch_unref(batches[b]);
    }
}

static void
test_batchers_and_builders(void **state)
{
    (void)state;
    for (size_t s = 0; s < SCHEMAS; s++) {
        struct spine_batcher *batcher;
        struct spine_builder *builder;
        struct spine_batch *batch;

        assert_int_equal(spine_batcher_new(&schemas[s], &batcher, NULL), SPINE_OK);
        assert_int_equal(spine_batcher_add_columns(batcher, &no_columns, NULL), SPINE_OK);
        assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), SPINE_OK);
        spine_batch_unref(batch);
        spine_batcher_clear(batcher);
        spine_batcher_free(batcher);
        assert_int_equal(spine_builder_new(&schemas[s], &builder, NULL), SPINE_OK);
        assert_int_equal(spine_builder_seal(builder, &batch, NULL), SPINE_OK);
        spine_batch_unref(batch);
        spine_builder_free(builder);
    }
}

static void
test_spines(void **state)
{
    struct spine_runtime *runtime;

    (void)state;
    assert_int_equal(spine_runtime_open(NULL, &runtime, NULL), SPINE_OK);
    for (size_t s = 0; s < SCHEMAS; s++) {
        struct spine *spine;

        assert_int_equal(spine_open(runtime, &schemas[s], NULL, &spine, NULL), SPINE_OK);
        for (unsigned i = 0; i < 20; i++) {
            struct spine_batch *batch = i % 2 == 0 ? batch_of(&schemas[s], &no_columns)
                                                   : least_batch(&schemas[s], 1 + i % 3);

            assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
            spine_batch_unref(batch);
        }
        assert_int_equal(spine_consolidate(spine, NULL, NULL), SPINE_OK);
        assert_int_equal(spine_check(spine, NULL), SPINE_OK);
        spine_close(spine);
    }
    spine_runtime_close(runtime);
}

/* Strings of no bytes, at NULL. */
static void
test_tuples(void **state)
{
    const struct spine_column columns[] = {{.kind = SPINE_COLUMN_STRING},
                                           {.kind = SPINE_COLUMN_BINARY}};
    const struct spine_tuple_value *values;
    struct spine_tuple_writer *writer;
    struct spine_tuple_reader *reader;
    struct spine_tuple_type *type;
    union spine_datum cell;

    (void)state;
    for (size_t count = 1; count <= 2; count++) {
        assert_int_equal(spine_tuple_type_new(columns, count, &type, NULL), SPINE_OK);
        assert_int_equal(spine_tuple_writer_new(type, &writer, NULL), SPINE_OK);
        assert_int_equal(spine_tuple_reader_new(type, &reader, NULL), SPINE_OK);
        for (size_t i = 0; i < count; i++)
            spine_tuple_put_bytes(writer, NULL, 0);
        assert_int_equal(spine_tuple_finish(writer, &cell, NULL), SPINE_OK);
        assert_int_equal(cell.bytes.size, 2 * (count - 1));
        if (count == 1)
            cell = spine_data(NULL, 0);
        assert_int_equal(spine_tuple_read(reader, cell, &values, NULL), SPINE_OK);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(values[i].as.bytes.size, 0);
        spine_tuple_reader_free(reader);
        spine_tuple_writer_free(writer);
        spine_tuple_type_unref(type);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_snapshots),
        cmocka_unit_test(test_batchers_and_builders),
        cmocka_unit_test(test_spines),
        cmocka_unit_test(test_tuples),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
