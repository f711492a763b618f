/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arrow_fixture.h"
#include "harness/nulls.h"

static void
mappings(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}};
    const struct spine_arrow_columns columns = {0};
    struct ArrowSchema arrow = fake_struct(NULL, 0);
    const void *buffers[1] = {NULL};
    struct ArrowArray array = fake_array(buffers, 1, 0, 0);
    struct spine_arrow_mapping *mapping;
    struct spine_batch *batch;

    (void)state;
    REFUSES(spine_arrow_mapping_new, schema, (NULL, &columns, &mapping, error));
    REFUSES(spine_arrow_mapping_new, columns, (&arrow, NULL, &mapping, error));
    REFUSES(spine_arrow_mapping_new, out, (&arrow, &columns, NULL, error));
    REFUSES(spine_arrow_mapping_of_schema, schema, (NULL, &mapping, error));
    REFUSES(spine_arrow_mapping_of_schema, out, (&schema, NULL, error));
    TOLERATES(spine_arrow_mapping_free, mapping, (spine_arrow_mapping_free(NULL), true));
    TOLERATES(spine_arrow_mapping_schema, mapping,
              spine_arrow_mapping_schema(NULL) == NULL);
    assert_int_equal(spine_arrow_mapping_of_schema(&schema, &mapping, NULL), SPINE_OK);
    REFUSES(spine_arrow_schema, mapping, (NULL, &arrow, error));
    REFUSES(spine_arrow_schema, out, (mapping, NULL, error));
    REFUSES(spine_batch_from_arrow, mapping, (NULL, &array, &batch, error));
    REFUSES(spine_batch_from_arrow, array, (mapping, NULL, &batch, error));
    REFUSES(spine_batch_from_arrow, out, (mapping, &array, NULL, error));
    spine_arrow_mapping_free(mapping);
}

static void
streams(void **state)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}};
    const struct spine_columns columns = {.rows = 0};
    const void *buffers[2] = {NULL, NULL};
    struct ArrowArray column = fake_array(buffers, 2, 0, 0), *list[1] = {&column};
    struct ArrowArray keys = fake_record(list, 1, 0, 0);
    const struct spine_probe_options options = {0};
    struct spine_arrow_mapping *mapping;
    struct spine_snapshot *snapshot;
    struct ArrowArrayStream stream;
    struct spine_cursor *cursor;
    struct spine_batch *batch;

    (void)state;
    assert_int_equal(spine_arrow_mapping_of_schema(&schema, &mapping, NULL), SPINE_OK);
    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    assert_int_equal(spine_snapshot_of_batches(&schema, &batch, 1, &snapshot, NULL),
                     SPINE_OK);
    assert_int_equal(spine_batch_cursor(batch, &cursor, NULL), SPINE_OK);
    TOLERATES(spine_cursor_schema, cursor, spine_cursor_schema(NULL) == NULL);
    assert_true(spine_schema_equal(spine_cursor_schema(cursor), &schema));
    REFUSES(spine_cursor_to_arrow, cursor, (NULL, mapping, &stream, error));
    REFUSES(spine_cursor_to_arrow, out, (cursor, mapping, NULL, error));
    TOLERATES(spine_cursor_to_arrow, mapping,
              spine_cursor_to_arrow(cursor, NULL, &stream, NULL) == SPINE_OK);
    stream.release(&stream);
    REFUSES(spine_snapshot_to_arrow, snapshot, (NULL, mapping, &stream, error));
    REFUSES(spine_snapshot_to_arrow, out, (snapshot, mapping, NULL, error));
    TOLERATES(spine_snapshot_to_arrow, mapping,
              spine_snapshot_to_arrow(snapshot, NULL, &stream, NULL) == SPINE_OK);
    stream.release(&stream);
    REFUSES(spine_snapshot_probe_to_arrow, snapshot,
            (NULL, mapping, &keys, &options, &stream, error));
    REFUSES(spine_snapshot_probe_to_arrow, keys,
            (snapshot, mapping, NULL, &options, &stream, error));
    REFUSES(spine_snapshot_probe_to_arrow, out,
            (snapshot, mapping, &keys, &options, NULL, error));
    TOLERATES(spine_snapshot_probe_to_arrow, mapping,
              spine_snapshot_probe_to_arrow(snapshot, NULL, &keys, &options, &stream,
                                            NULL) == SPINE_OK);
    stream.release(&stream);
    TOLERATES(spine_snapshot_probe_to_arrow, options,
              spine_snapshot_probe_to_arrow(snapshot, mapping, &keys, NULL, &stream,
                                            NULL) == SPINE_OK);
    stream.release(&stream);
    spine_snapshot_unref(snapshot);
    spine_batch_unref(batch);
    spine_arrow_mapping_free(mapping);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mappings),
        cmocka_unit_test(streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
