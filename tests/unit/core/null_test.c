/* SPDX-License-Identifier: MIT */

/* NULL for every pointer that public functions take. */

#include "spine/fault.h"
#include "spine/spine.h"
#include "spine/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "harness/nulls.h"

static const struct spine_schema pairs = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};

/* One row (1, 2), weight 3. */
static struct spine_batch *
one_row(void)
{
    const uint64_t key = 1, value = 2;
    const int64_t weight = 3;
    const struct spine_columns columns = {
        .rows = 1, .keys = &key, .values = &value, .weights = &weight};
    struct spine_batch *batch;

    assert_int_equal(spine_batch_from_columns(&pairs, &columns, &batch, NULL), SPINE_OK);
    return batch;
}

/* Something of every kind, over the one row. */
struct world {
    struct spine_runtime *runtime;
    struct spine *spine;
    struct spine_batch *batch;
    struct spine_snapshot *snapshot;
    struct spine_probe *probe;
    struct spine_batcher *batcher;
    struct spine_builder *builder;
};

static void
world_open(struct world *world)
{
    const struct spine_runtime_options manual = {.manual = true};

    assert_int_equal(spine_runtime_open(&manual, &world->runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(world->runtime, &pairs, NULL, &world->spine, NULL),
                     SPINE_OK);
    world->batch = one_row();
    assert_int_equal(spine_insert(world->spine, world->batch, NULL), SPINE_OK);
    assert_int_equal(spine_take_snapshot(world->spine, &world->snapshot, NULL), SPINE_OK);
    assert_int_equal(spine_probe_new(&world->probe, NULL), SPINE_OK);
    assert_int_equal(spine_batcher_new(&pairs, &world->batcher, NULL), SPINE_OK);
    assert_int_equal(spine_builder_new(&pairs, &world->builder, NULL), SPINE_OK);
}

static void
world_close(struct world *world)
{
    spine_builder_free(world->builder);
    spine_batcher_free(world->batcher);
    spine_probe_free(world->probe);
    spine_snapshot_unref(world->snapshot);
    spine_batch_unref(world->batch);
    spine_close(world->spine);
    spine_runtime_close(world->runtime);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
schemas_and_batches(void **state)
{
    const struct spine_columns columns = {.rows = 0};
    struct spine_batch_info info;
    struct spine_batch *batch;
    struct world world;

    (void)state;
    world_open(&world);
    REFUSES(spine_schema_check, schema, (NULL, error));
    REFUSES(spine_schema_compare, given, (NULL, &pairs, error));
    REFUSES(spine_schema_compare, wanted, (&pairs, NULL, error));
    TOLERATES(spine_schema_equal, a, !spine_schema_equal(NULL, &pairs));
    TOLERATES(spine_schema_equal, b, !spine_schema_equal(&pairs, NULL));
    assert_false(spine_schema_equal(NULL, NULL));
    TOLERATES(spine_set_allocator, allocator, spine_set_allocator(NULL) == SPINE_MISUSE);

    REFUSES(spine_batch_from_columns, schema, (NULL, &columns, &batch, error));
    assert_null(batch);
    REFUSES(spine_batch_from_columns, columns, (&pairs, NULL, &batch, error));
    REFUSES(spine_batch_from_columns, out, (&pairs, &columns, NULL, error));
    TOLERATES(spine_batch_ref, batch, spine_batch_ref(NULL) == NULL);
    TOLERATES(spine_batch_unref, batch, (spine_batch_unref(NULL), true));
    TOLERATES(spine_batch_get_info, batch,
              (spine_batch_get_info(NULL, &info), info.rows == 0 && info.bytes == 0));
    TOLERATES(spine_batch_get_info, out, (spine_batch_get_info(world.batch, NULL), true));
    TOLERATES(spine_batch_schema, batch, spine_batch_schema(NULL) == NULL);
    REFUSES(spine_batch_check, batch, (NULL, error));
    world_close(&world);
}

static void
builders_and_batchers(void **state)
{
    const struct spine_row row = {.key = spine_u64(1), .weight = 1};
    const struct spine_columns columns = {.rows = 0};
    struct spine_builder *builder;
    struct spine_batcher *batcher;
    struct spine_batch *batch;
    struct world world;

    (void)state;
    world_open(&world);
    REFUSES(spine_builder_new, schema, (NULL, &builder, error));
    assert_null(builder);
    REFUSES(spine_builder_new, out, (&pairs, NULL, error));
    REFUSES(spine_builder_add, builder, (NULL, &row, error));
    REFUSES(spine_builder_add, row, (world.builder, NULL, error));
    REFUSES(spine_builder_seal, builder, (NULL, &batch, error));
    REFUSES(spine_builder_seal, out, (world.builder, NULL, error));
    TOLERATES(spine_builder_free, builder, (spine_builder_free(NULL), true));

    REFUSES(spine_batcher_new, schema, (NULL, &batcher, error));
    assert_null(batcher);
    REFUSES(spine_batcher_new, out, (&pairs, NULL, error));
    REFUSES(spine_batcher_add, batcher, (NULL, &row, error));
    REFUSES(spine_batcher_add, row, (world.batcher, NULL, error));
    REFUSES(spine_batcher_add_columns, batcher, (NULL, &columns, error));
    REFUSES(spine_batcher_add_columns, columns, (world.batcher, NULL, error));
    REFUSES(spine_batcher_seal, batcher, (NULL, &batch, error));
    REFUSES(spine_batcher_seal, out, (world.batcher, NULL, error));
    TOLERATES(spine_batcher_clear, batcher, (spine_batcher_clear(NULL), true));
    TOLERATES(spine_batcher_free, batcher, (spine_batcher_free(NULL), true));

    /* Nothing was taken, and nothing was lost. */
    assert_int_equal(spine_batcher_add(world.batcher, &row, NULL), SPINE_OK);
    REFUSES(spine_batcher_seal, out, (world.batcher, NULL, error));
    assert_int_equal(spine_batcher_seal(world.batcher, &batch, NULL), SPINE_OK);
    spine_batch_get_info(batch, &(struct spine_batch_info){0});
    spine_batch_unref(batch);
    world_close(&world);
}

static void
range_probes(void **state)
{
    const struct spine_key_ranges ranges = {.ranges = 0};
    struct spine_probe_rows rows;
    struct world world;

    (void)state;
    world_open(&world);
    REFUSES(spine_snapshot_probe_ranges, snapshot,
            (NULL, world.probe, &ranges, NULL, &rows, error));
    assert_null(rows.ends);
    REFUSES(spine_snapshot_probe_ranges, probe,
            (world.snapshot, NULL, &ranges, NULL, &rows, error));
    REFUSES(spine_snapshot_probe_ranges, ranges,
            (world.snapshot, world.probe, NULL, NULL, &rows, error));
    REFUSES(spine_snapshot_probe_ranges, out,
            (world.snapshot, world.probe, &ranges, NULL, NULL, error));
    TOLERATES(spine_snapshot_probe_ranges, options,
              spine_snapshot_probe_ranges(world.snapshot, world.probe, &ranges, NULL,
                                          &rows, NULL) == SPINE_OK);
    world_close(&world);
}

static void
snapshots(void **state)
{
    const struct spine_columns keys = {.rows = 0};
    const struct spine_cursor_source source = {.snapshot = NULL};
    struct spine_snapshot *snapshot;
    struct spine_probe_matches matches;
    struct spine_probe_rows rows;
    struct spine_cursor *cursor;
    struct spine_batch *batch;
    struct world world;

    (void)state;
    world_open(&world);
    REFUSES(spine_snapshot_of_batches, schema, (NULL, &batch, 0, &snapshot, error));
    assert_null(snapshot);
    REFUSES(spine_snapshot_of_batches, batches, (&pairs, NULL, 1, &snapshot, error));
    REFUSES(spine_snapshot_of_batches, out, (&pairs, &world.batch, 1, NULL, error));
    TOLERATES(spine_snapshot_ref, snapshot, spine_snapshot_ref(NULL) == NULL);
    TOLERATES(spine_snapshot_unref, snapshot, (spine_snapshot_unref(NULL), true));
    TOLERATES(spine_snapshot_batch_count, snapshot,
              spine_snapshot_batch_count(NULL) == 0);
    TOLERATES(spine_snapshot_batch, snapshot, spine_snapshot_batch(NULL, 0) == NULL);
    TOLERATES(spine_snapshot_rows, snapshot, spine_snapshot_rows(NULL) == 0);
    TOLERATES(spine_snapshot_bytes, snapshot, spine_snapshot_bytes(NULL) == 0);
    REFUSES(spine_snapshot_cursor, snapshot, (NULL, &cursor, error));
    assert_null(cursor);
    REFUSES(spine_snapshot_cursor, out, (world.snapshot, NULL, error));
    REFUSES(spine_snapshot_sample, snapshot, (NULL, 1, 1, &batch, error));
    assert_null(batch);
    REFUSES(spine_snapshot_sample, out, (world.snapshot, 1, 1, NULL, error));
    REFUSES(spine_snapshot_partition, snapshot, (NULL, 1, 1, &batch, error));
    REFUSES(spine_snapshot_partition, out, (world.snapshot, 1, 1, NULL, error));
    REFUSES(spine_cursor_open_sources, sources, (NULL, 1, &cursor, error));
    REFUSES(spine_cursor_open_sources, out, (&source, 1, NULL, error));
    assert_int_equal(spine_cursor_open_sources(&source, 1, &cursor, error),
                     SPINE_INVALID);
    assert_non_null(strstr(told.message, "the snapshot of source 0 is NULL"));

    REFUSES(spine_probe_new, out, (NULL, error));
    TOLERATES(spine_probe_free, probe, (spine_probe_free(NULL), true));
    REFUSES(spine_snapshot_probe, snapshot,
            (NULL, world.probe, &keys, NULL, &rows, error));
    assert_null(rows.ends);
    REFUSES(spine_snapshot_probe, probe,
            (world.snapshot, NULL, &keys, NULL, &rows, error));
    REFUSES(spine_snapshot_probe, keys,
            (world.snapshot, world.probe, NULL, NULL, &rows, error));
    REFUSES(spine_snapshot_probe, out,
            (world.snapshot, world.probe, &keys, NULL, NULL, error));
    TOLERATES(spine_snapshot_probe, options,
              spine_snapshot_probe(world.snapshot, world.probe, &keys, NULL, &rows,
                                   NULL) == SPINE_OK);
    REFUSES(spine_probe_next, probe, (NULL, &rows, error));
    REFUSES(spine_probe_next, out, (world.probe, NULL, error));
    REFUSES(spine_snapshot_probe_batch, snapshot,
            (NULL, world.probe, world.batch, NULL, &matches, error));
    assert_null(matches.own_ends);
    REFUSES(spine_snapshot_probe_batch, probe,
            (world.snapshot, NULL, world.batch, NULL, &matches, error));
    REFUSES(spine_snapshot_probe_batch, batch,
            (world.snapshot, world.probe, NULL, NULL, &matches, error));
    REFUSES(spine_snapshot_probe_batch, out,
            (world.snapshot, world.probe, world.batch, NULL, NULL, error));
    TOLERATES(spine_snapshot_probe_batch, options,
              spine_snapshot_probe_batch(world.snapshot, world.probe, world.batch, NULL,
                                         &matches, NULL) == SPINE_OK);
    REFUSES(spine_probe_next_matches, probe, (NULL, &matches, error));
    REFUSES(spine_probe_next_matches, out, (world.probe, NULL, error));
    world_close(&world);
}

static enum spine_status
take_text(void *context, const char *text, size_t text_bytes)
{
    (void)context;
    (void)text;
    (void)text_bytes;
    return SPINE_OK;
}

static void
runtimes(void **state)
{
    const struct spine_runtime_options manual = {.manual = true};
    struct spine_runtime_stats runtime_stats;
    struct spine_trace_writer *writer;
    struct spine_runtime *runtime;

    (void)state;
    TOLERATES(spine_runtime_open, options,
              spine_runtime_open(NULL, &runtime, NULL) == SPINE_OK);
    REFUSES(spine_trace_writer_open, write, (NULL, NULL, &writer, error));
    assert_null(writer);
    REFUSES(spine_trace_writer_open, out, (take_text, NULL, NULL, error));
    TOLERATES(spine_trace_of_writer, writer,
              spine_trace_of_writer(NULL).on_event == NULL);
    TOLERATES(spine_trace_writer_close, writer,
              spine_trace_writer_close(NULL, NULL) == SPINE_OK);
    REFUSES(spine_metrics_prometheus, runtime, (NULL, take_text, NULL, error));
    REFUSES(spine_metrics_prometheus, write, (runtime, NULL, NULL, error));
    REFUSES(spine_metrics_json, runtime, (NULL, take_text, NULL, error));
    REFUSES(spine_metrics_json, write, (runtime, NULL, NULL, error));
    spine_runtime_close(runtime);
    REFUSES(spine_runtime_open, out, (&manual, NULL, error));
    TOLERATES(spine_runtime_close, runtime, (spine_runtime_close(NULL), true));
    TOLERATES(spine_runtime_run, runtime, spine_runtime_run(NULL, 1) == 0);
    spine_runtime_get_stats(NULL, &runtime_stats);
    TOLERATES(spine_runtime_get_stats, runtime, runtime_stats.memory_bytes == 0);
    spine_runtime_get_stats(NULL, NULL);
    TOLERATES(spine_runtime_get_stats, out, true);
}

static void
spines(void **state)
{
    struct spine_snapshot *snapshot;
    struct spine_cursor *cursor;
    struct spine_stats stats;
    struct spine *spine;
    struct world world;

    (void)state;
    world_open(&world);
    REFUSES(spine_open, runtime, (NULL, &pairs, NULL, &spine, error));
    assert_null(spine);
    REFUSES(spine_open, schema, (world.runtime, NULL, NULL, &spine, error));
    REFUSES(spine_open, out, (world.runtime, &pairs, NULL, NULL, error));
    TOLERATES(spine_open, options,
              spine_open(world.runtime, &pairs, NULL, &spine, NULL) == SPINE_OK);
    spine_close(spine);
    TOLERATES(spine_close, spine, (spine_close(NULL), true));
    TOLERATES(spine_get_schema, spine, spine_get_schema(NULL) == NULL);
    REFUSES(spine_insert, spine, (NULL, world.batch, error));
    REFUSES(spine_insert, batch, (world.spine, NULL, error));
    REFUSES(spine_try_insert, spine, (NULL, world.batch, error));
    REFUSES(spine_try_insert, batch, (world.spine, NULL, error));
    REFUSES(spine_insert_wait, spine, (NULL, 0, error));
    REFUSES(spine_wait_idle, spine, (NULL, 0, error));
    REFUSES(spine_get_status, spine, (NULL, error));
    TOLERATES(spine_retry, spine, (spine_retry(NULL), true));
    TOLERATES(spine_is_dirty, spine, !spine_is_dirty(NULL));
    TOLERATES(spine_clear_dirty, spine, (spine_clear_dirty(NULL), true));
    REFUSES(spine_set_frontier, spine, (NULL, 1, error));
    TOLERATES(spine_pause, spine, (spine_pause(NULL), true));
    TOLERATES(spine_resume, spine, (spine_resume(NULL), true));
    REFUSES(spine_consolidate, spine, (NULL, NULL, error));
    TOLERATES(spine_consolidate, out,
              spine_consolidate(world.spine, NULL, NULL) == SPINE_OK);
    REFUSES(spine_compact, spine, (NULL, NULL, NULL, error));
    TOLERATES(spine_compact, on_done,
              spine_compact(world.spine, NULL, NULL, NULL) == SPINE_OK);
    REFUSES(spine_fork, spine, (NULL, &spine, error));
    assert_null(spine);
    REFUSES(spine_fork, out, (world.spine, NULL, error));
    TOLERATES(spine_get_stats, spine,
              (spine_get_stats(NULL, &stats), stats.rows == 0 && stats.merges == 0));
    TOLERATES(spine_get_stats, out, (spine_get_stats(world.spine, NULL), true));
    REFUSES(spine_check, spine, (NULL, error));
    REFUSES(spine_take_snapshot, spine, (NULL, &snapshot, error));
    assert_null(snapshot);
    REFUSES(spine_take_snapshot, out, (world.spine, NULL, error));
    REFUSES(spine_cursor_open, spine, (NULL, &cursor, error));
    assert_null(cursor);
    REFUSES(spine_cursor_open, out, (world.spine, NULL, error));
    REFUSES(spine_retain_keys, spine, (NULL, NULL, error));
    TOLERATES(spine_retain_keys, filter,
              spine_retain_keys(world.spine, NULL, NULL) == SPINE_OK);
    REFUSES(spine_retain_values, spine, (NULL, NULL, error));
    TOLERATES(spine_retain_values, filter,
              spine_retain_values(world.spine, NULL, NULL) == SPINE_OK);
    world_close(&world);
}

static struct spine_tuple_type *
type_of(enum spine_column_kind kind)
{
    const struct spine_column column = {.kind = kind};
    struct spine_tuple_type *type;

    assert_int_equal(spine_tuple_type_new(&column, 1, &type, NULL), SPINE_OK);
    return type;
}

static void
tuple_writers(void **state)
{
    struct spine_tuple_type *const type = type_of(SPINE_COLUMN_BINARY);
    struct spine_tuple_writer *const none = NULL;
    struct spine_tuple_writer *writer;
    union spine_datum cell;

    (void)state;
    REFUSES(spine_tuple_writer_new, type, (NULL, &writer, error));
    assert_null(writer);
    REFUSES(spine_tuple_writer_new, out, (type, NULL, error));
    TOLERATES(spine_tuple_writer_free, writer, (spine_tuple_writer_free(none), true));
    TOLERATES(spine_tuple_clear, writer, (spine_tuple_clear(none), true));
    TOLERATES(spine_tuple_put_null, writer, (spine_tuple_put_null(none), true));
    TOLERATES(spine_tuple_put_bool, writer, (spine_tuple_put_bool(none, true), true));
    TOLERATES(spine_tuple_put_i64, writer, (spine_tuple_put_i64(none, 1), true));
    TOLERATES(spine_tuple_put_u64, writer, (spine_tuple_put_u64(none, 1), true));
    TOLERATES(spine_tuple_put_f32, writer, (spine_tuple_put_f32(none, 1), true));
    TOLERATES(spine_tuple_put_f64, writer, (spine_tuple_put_f64(none, 1), true));
    TOLERATES(spine_tuple_put_bytes, writer, (spine_tuple_put_bytes(none, "a", 1), true));
    TOLERATES(spine_tuple_begin, writer, (spine_tuple_begin(none), true));
    TOLERATES(spine_tuple_end, writer, (spine_tuple_end(none), true));
    REFUSES(spine_tuple_finish, writer, (none, &cell, error));
    assert_int_equal(spine_tuple_writer_new(type, &writer, NULL), SPINE_OK);
    REFUSES(spine_tuple_finish, out, (writer, NULL, error));
    TOLERATES(spine_tuple_put_bytes, data,
              (spine_tuple_put_bytes(writer, NULL, 3), true));
    assert_int_equal(spine_tuple_finish(writer, &cell, &told), SPINE_INVALID);
    assert_non_null(strstr(told.message, "data is NULL"));
    spine_tuple_writer_free(writer);
    spine_tuple_type_unref(type);
}

static void
tuple_readers(void **state)
{
    struct spine_tuple_type *const type = type_of(SPINE_COLUMN_BINARY);
    const union spine_datum cell = spine_data("a", 1), nowhere = spine_data(NULL, 1);
    struct spine_tuple_reader *const none = NULL;
    const struct spine_tuple_value *values;
    struct spine_tuple_reader *reader;

    (void)state;
    REFUSES(spine_tuple_reader_new, type, (NULL, &reader, error));
    assert_null(reader);
    REFUSES(spine_tuple_reader_new, out, (type, NULL, error));
    TOLERATES(spine_tuple_reader_free, reader, (spine_tuple_reader_free(none), true));
    REFUSES(spine_tuple_read, reader, (none, cell, &values, error));
    assert_null(values);
    assert_int_equal(spine_tuple_reader_new(type, &reader, NULL), SPINE_OK);
    REFUSES(spine_tuple_read, out, (reader, cell, NULL, error));
    assert_int_equal(spine_tuple_read(reader, nowhere, &values, &told), SPINE_INVALID);
    assert_non_null(strstr(told.message, "data is NULL"));
    spine_tuple_reader_free(reader);
    spine_tuple_type_unref(type);
}

static void
on_operation(void *argument, enum spine_operation operation, const char *name,
             uint64_t offset, size_t size, struct spine_fault *fault)
{
    (void)argument, (void)operation, (void)name, (void)offset, (void)size, (void)fault;
}

static void
stores(void **state)
{
    struct spine_backend backend, other = {0};
    struct spine_store *store;

    (void)state;
    REFUSES(spine_memory_backend, out, (NULL, error));
    assert_int_equal(spine_memory_backend(&backend, NULL), SPINE_OK);
    TOLERATES(spine_name_is_valid, name, !spine_name_is_valid(NULL));
    TOLERATES(spine_backend_release, backend, (spine_backend_release(NULL), true));
    TOLERATES(spine_memory_backend_is_durable, backend,
              !spine_memory_backend_is_durable(NULL, "a"));
    TOLERATES(spine_memory_backend_is_durable, name,
              !spine_memory_backend_is_durable(&backend, NULL));
    TOLERATES(spine_memory_backend_crash, backend,
              spine_memory_backend_crash(NULL, SPINE_CRASH_KEEPS_ALL, 1, &told) ==
                  SPINE_INVALID);
    REFUSES(spine_directory_backend, path, (NULL, NULL, &other, error));
    REFUSES(spine_directory_backend, out, (".", NULL, NULL, error));
    TOLERATES(spine_directory_backend, options,
              spine_directory_backend("", NULL, &other, &told) == SPINE_INVALID);
    assert_non_null(strstr(told.message, "path is empty"));
    REFUSES(spine_fault_backend, inner, (NULL, on_operation, NULL, &other, error));
    REFUSES(spine_fault_backend, on_operation, (&backend, NULL, NULL, &other, error));
    REFUSES(spine_fault_backend, out, (&backend, on_operation, NULL, NULL, error));
    REFUSES(spine_store_open, backend, (NULL, NULL, &store, error));
    REFUSES(spine_store_open, out, (&backend, NULL, NULL, error));
    TOLERATES(spine_store_open, options,
              spine_store_open(&backend, NULL, &store, NULL) == SPINE_OK);
    TOLERATES(spine_store_get_stats, store,
              (spine_store_get_stats(NULL, &(struct spine_store_stats){0}), true));
    TOLERATES(spine_store_get_stats, out, (spine_store_get_stats(store, NULL), true));
    spine_store_close(store);
    TOLERATES(spine_store_close, store, (spine_store_close(NULL), true));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schemas_and_batches),
        cmocka_unit_test(builders_and_batchers),
        cmocka_unit_test(snapshots),
        cmocka_unit_test(range_probes),
        cmocka_unit_test(runtimes),
        cmocka_unit_test(spines),
        cmocka_unit_test(tuple_writers),
        cmocka_unit_test(tuple_readers),
        cmocka_unit_test(stores),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
