/* SPDX-License-Identifier: MIT */

/*
 * A spine of tuples is one of tuples again when it is restored: with the names of its
 * columns, also when it has no rows.
 */

#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct spine_error told;

static void
insert_row(struct spine *spine)
{
    const struct spine_column_data key[] = {
        {.values = "ada", .offsets = (uint64_t[]){0, 3}}, {.values = &(int32_t){-7}}};
    const struct spine_tuple_rows rows = {.rows = 1, .keys = key};
    struct spine_batch *batch;

    assert_int_equal(
        spine_batch_from_tuples(spine_get_schema(spine), &rows, &batch, &told), SPINE_OK);
    assert_int_equal(spine_insert(spine, batch, &told), SPINE_OK);
    spine_batch_unref(batch);
}

static void
expect_rows(struct spine *spine, size_t count)
{
    struct spine_tuple_page *page;
    struct spine_tuple_rows rows;
    struct spine_cursor *cursor;

    assert_int_equal(spine_tuple_page_new(&page, &told), SPINE_OK);
    assert_int_equal(spine_cursor_open(spine, &cursor, &told), SPINE_OK);
    assert_int_equal(spine_cursor_read_tuples(cursor, page, 10, &rows), count);
    if (count > 0)
        assert_memory_equal(rows.keys[0].values, "ada", 3);
    assert_int_equal(spine_cursor_error(cursor, &told), SPINE_OK);
    spine_cursor_close(cursor);
    spine_tuple_page_free(page);
}

static void
spines_of_tuples_come_back(void **state)
{
    const struct spine_column columns[] = {
        {.name = "name", .kind = SPINE_COLUMN_STRING},
        {.name = "day", .kind = SPINE_COLUMN_DATE32, .order = SPINE_DESCENDING}};
    const struct spine_runtime_options options = {.manual = true};
    struct spine_checkpoint_item items[2] = {{.name = "full"}, {.name = "empty"}};
    struct spine_restored *restored;
    struct spine_tuple_type *type;
    struct spine_runtime *runtime;
    struct spine_backend backend;
    struct spine_store *store;

    (void)state;
    assert_int_equal(spine_memory_backend(&backend, &told), SPINE_OK);
    assert_int_equal(spine_store_open(&backend, NULL, &store, &told), SPINE_OK);
    assert_int_equal(spine_runtime_open(&options, &runtime, &told), SPINE_OK);
    assert_int_equal(spine_tuple_type_new(columns, 2, &type, &told), SPINE_OK);
    const struct spine_schema schema = {.key = spine_tuple_type_cell(type),
                                        .key_tuple = type};

    for (size_t i = 0; i < 2; i++)
        assert_int_equal(spine_open(runtime, &schema, NULL, &items[i].spine, &told),
                         SPINE_OK);
    insert_row(items[0].spine);
    assert_int_equal(spine_checkpoint(store, items, 2, NULL, NULL, &told), SPINE_OK);
    for (size_t i = 0; i < 2; i++)
        spine_close(items[i].spine);
    assert_int_equal(spine_restore(store, 0, runtime, NULL, &restored, &told), SPINE_OK);
    for (size_t i = 0; i < 2; i++) {
        struct spine *const spine = spine_restored_take(restored, items[i].name);
        const struct spine_schema *const found = spine_get_schema(spine);

        assert_true(spine_schema_equal(found, &schema));
        for (size_t c = 0; c < 2; c++)
            assert_string_equal(spine_tuple_type_column(found->key_tuple, c)->name,
                                columns[c].name);
        expect_rows(spine, i == 0 ? 1 : 0);
        insert_row(spine);
        expect_rows(spine, 1);
        spine_close(spine);
    }
    spine_restored_free(restored);
    spine_runtime_close(runtime);
    spine_store_close(store);
    spine_tuple_type_unref(type);
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spines_of_tuples_come_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
