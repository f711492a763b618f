/* SPDX-License-Identifier: MIT */

/*
 * A schema with the columns of its keys and values is the same after it went through
 * bytes and through a file; bytes that no schema gives are refused.
 */

#include "batch/batch_sections.h"

#include "harness/check.h"
#include "spine/spine.h"
#include "store/store_state.h"
#include "unit/batch/stored_fixture.h"

#include <stdlib.h>

static struct spine_error told;

static struct spine_tuple_type *
type_of(const struct spine_column *columns, size_t count)
{
    struct spine_tuple_type *type;

    assert_int_equal(spine_tuple_type_new(columns, count, &type, &told), SPINE_OK);
    return type;
}

/* Every kind, with everything that a column may have. */
static struct spine_schema
rich_schema(void)
{
    const struct spine_column inner[] = {
        {.name = "", .kind = SPINE_COLUMN_BOOL, .order = SPINE_DESCENDING_NULLS_LAST},
        {.name = "text", .kind = SPINE_COLUMN_STRING, .nullable = true}};
    struct spine_tuple_type *const nested = type_of(inner, 2);
    struct spine_column columns[SPINE_COLUMN_TUPLE] = {{0}};
    struct spine_schema schema = {.weight_count = 1};

    for (int i = 0; i < SPINE_COLUMN_TUPLE; i++) {
        struct spine_column *const column = &columns[i];

        column->kind = (enum spine_column_kind)(i + 1);
        column->name = i % 3 == 0 ? NULL : "column";
        column->nullable = i % 2 == 0;
        column->order = (enum spine_tuple_order)(i % 4);
        if (column->kind == SPINE_COLUMN_TIME || column->kind == SPINE_COLUMN_TIMESTAMP)
            column->unit = SPINE_MICROSECONDS;
        if (column->kind == SPINE_COLUMN_TIMESTAMP)
            column->zone = "UTC";
        if (column->kind == SPINE_COLUMN_FIXED)
            column->size = 300;
        if (column->kind == SPINE_COLUMN_DECIMAL128) {
            column->precision = 20;
            column->scale = -3;
        }
        if (column->kind == SPINE_COLUMN_TUPLE)
            column->tuple = nested;
    }
    schema.key_tuple = type_of(columns, SPINE_COLUMN_TUPLE);
    schema.value_tuple = type_of(inner, 1);
    schema.key = spine_tuple_type_cell(schema.key_tuple);
    schema.value = spine_tuple_type_cell(schema.value_tuple);
    spine_tuple_type_unref(nested);
    return schema;
}

static void
expect_same_names(const struct spine_tuple_type *a, const struct spine_tuple_type *b)
{
    for (size_t i = 0; i < spine_tuple_type_count(a); i++) {
        const struct spine_column *const one = spine_tuple_type_column(a, i);
        const struct spine_column *const other = spine_tuple_type_column(b, i);

        assert_int_equal(one->name == NULL, other->name == NULL);
        assert_int_equal(one->zone == NULL, other->zone == NULL);
        if (one->name != NULL)
            assert_string_equal(one->name, other->name);
        if (one->zone != NULL)
            assert_string_equal(one->zone, other->zone);
        if (one->tuple != NULL)
            expect_same_names(one->tuple, other->tuple);
    }
}

static void
schemas_go_through_bytes(void **state)
{
    (void)state;
    const struct spine_schema schema = rich_schema();
    struct spine_schema parts[4] = {schema, schema, schema, schema};

    parts[1].key_tuple = NULL;
    parts[2].value_tuple = NULL;
    parts[3].key_tuple = parts[3].value_tuple = NULL;
    for (size_t i = 0; i < 4; i++) {
        struct wire_writer bytes = {0};
        struct spine_schema decoded;

        schema_encode(&parts[i], &bytes);
        assert_int_equal(
            schema_decode((struct span){bytes.bytes, bytes.size}, &decoded, &told),
            SPINE_OK);
        assert_true(spine_schema_equal(&parts[i], &decoded));
        expect_same_names(parts[i].key_tuple, decoded.key_tuple);
        expect_same_names(parts[i].value_tuple, decoded.value_tuple);
        if (i == 3)
            assert_int_equal(bytes.size, 16);
        schema_unref(&decoded);
        wire_release(&bytes);
    }
    schema_unref(&schema);
}

/* Whatever the bytes are: a schema that is as good as any, or a status; never more or
 * fewer bytes than those of one. */
static void
damaged_schemas_are_refused(void **state)
{
    (void)state;
    const struct spine_schema schema = rich_schema();
    struct wire_writer bytes = {0};
    struct spine_schema decoded;
    size_t refused = 0;

    schema_encode(&schema, &bytes);
    for (size_t size = 0; size < bytes.size; size++)
        assert_int_equal(schema_decode((struct span){bytes.bytes, size}, &decoded, &told),
                         SPINE_CORRUPT);
    for (size_t at = 0; at < bytes.size; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            bytes.bytes[at] ^= (uint8_t)(1u << bit);
            if (schema_decode((struct span){bytes.bytes, bytes.size}, &decoded, &told) !=
                SPINE_OK)
                refused++;
            schema_unref(&decoded);
            bytes.bytes[at] ^= (uint8_t)(1u << bit);
        }
    assert_true(refused > bytes.size);
    wire_put_u8(&bytes, 0);
    assert_int_equal(
        schema_decode((struct span){bytes.bytes, bytes.size}, &decoded, &told),
        SPINE_CORRUPT);
    wire_release(&bytes);
    schema_unref(&schema);
}

static void
files_keep_columns(void **state)
{
    (void)state;
    const struct spine_column column = {.name = "customer", .kind = SPINE_COLUMN_I64};
    struct spine_tuple_type *const type = type_of(&column, 1);
    const struct spine_schema schemas[] = {{.key = {SPINE_U64, 0}, .key_tuple = type},
                                           {.key = {SPINE_U64, 0}}};
    const uint64_t keys[] = {1, 2, 3};
    const struct spine_columns rows = {.rows = 3, .keys = keys};
    struct spine_store_options options = {0};
    struct spine_backend backend;
    struct spine_store *store;

    assert_int_equal(spine_memory_backend(&backend, &told), SPINE_OK);
    assert_int_equal(spine_store_open(&backend, &options, &store, &told), SPINE_OK);
    for (size_t i = 0; i < 2; i++) {
        struct spine_batch *batch, *filed, *opened;
        struct store_file *file;

        assert_int_equal(spine_batch_from_columns(&schemas[i], &rows, &batch, &told),
                         SPINE_OK);
        assert_int_equal(batch_to_file(batch, store, &filed, &told), SPINE_OK);
        file = open_only_file(store, &store->backend);
        assert_int_equal(file->footer.features, i == 0 ? FILE_FEATURE_TUPLES : 0);
        assert_int_equal(batch_of_file(file, &opened, &told), SPINE_OK);
        assert_true(spine_schema_equal(spine_batch_schema(opened), &schemas[i]));
        expect_same_names(type, i == 0 ? spine_batch_schema(opened)->key_tuple : type);
        store_file_unref(file);
        spine_batch_unref(opened);
        spine_batch_unref(batch);
        spine_batch_unref(filed);
    }
    spine_store_close(store);
    spine_tuple_type_unref(type);
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schemas_go_through_bytes),
        cmocka_unit_test(damaged_schemas_are_refused),
        cmocka_unit_test(files_keep_columns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
