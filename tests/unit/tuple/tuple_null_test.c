/* SPDX-License-Identifier: MIT */
#include "harness/nulls.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
types(void **state)
{
    const struct spine_column column = {.kind = SPINE_COLUMN_U8};
    struct spine_tuple_type *type;

    (void)state;
    REFUSES(spine_tuple_type_new, columns, (NULL, 1, &type, error));
    REFUSES(spine_tuple_type_new, out, (&column, 1, NULL, error));
    assert_int_equal(spine_tuple_type_new(&column, 1, &type, NULL), SPINE_OK);
    TOLERATES(spine_tuple_type_ref, type, spine_tuple_type_ref(NULL) == NULL);
    TOLERATES(spine_tuple_type_unref, type, (spine_tuple_type_unref(NULL), true));
    TOLERATES(spine_tuple_type_count, type, spine_tuple_type_count(NULL) == 0);
    TOLERATES(spine_tuple_type_column, type, spine_tuple_type_column(NULL, 0) == NULL);
    TOLERATES(spine_tuple_type_cell, type,
              spine_tuple_type_cell(NULL).kind == SPINE_NONE);
    TOLERATES(spine_tuple_type_equal, a, !spine_tuple_type_equal(NULL, type));
    TOLERATES(spine_tuple_type_equal, b, !spine_tuple_type_equal(type, NULL));
    spine_tuple_type_unref(type);
}

static void
pages(void **state)
{
    const struct spine_column column = {.kind = SPINE_COLUMN_U8};
    const struct spine_column_data none = {0};
    const struct spine_tuple_rows rows = {0};
    struct spine_columns cells = {0};
    struct spine_tuple_bounds bounds;
    struct spine_tuple_prefixes prefixes = {.rows = 1, .count = 1, .columns = &none};
    struct spine_key_ranges ranges;
    struct spine_tuple_rows columns;
    struct spine_tuple_page *page;
    struct spine_tuple_type *type;
    struct spine_batcher *batcher;
    struct spine_cursor *cursor;
    struct spine_batch *batch;

    (void)state;
    assert_int_equal(spine_tuple_type_new(&column, 1, &type, NULL), SPINE_OK);
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .key_tuple = type};

    REFUSES(spine_tuple_page_new, out, (NULL, error));
    assert_int_equal(spine_tuple_page_new(&page, NULL), SPINE_OK);
    TOLERATES(spine_tuple_page_free, page, (spine_tuple_page_free(NULL), true));
    REFUSES(spine_tuple_encode, page, (NULL, &schema, &rows, &cells, error));
    REFUSES(spine_tuple_encode, schema, (page, NULL, &rows, &cells, error));
    REFUSES(spine_tuple_encode, rows, (page, &schema, NULL, &cells, error));
    REFUSES(spine_tuple_encode, out, (page, &schema, &rows, NULL, error));
    REFUSES(spine_tuple_decode, page, (NULL, &schema, &cells, &columns, error));
    REFUSES(spine_tuple_decode, schema, (page, NULL, &cells, &columns, error));
    REFUSES(spine_tuple_decode, cells, (page, &schema, NULL, &columns, error));
    REFUSES(spine_tuple_decode, out, (page, &schema, &cells, NULL, error));
    REFUSES(spine_tuple_prefix_bounds, page, (NULL, type, &none, 1, &bounds, error));
    REFUSES(spine_tuple_prefix_bounds, type, (page, NULL, &none, 1, &bounds, error));
    REFUSES(spine_tuple_prefix_bounds, columns, (page, type, NULL, 1, &bounds, error));
    REFUSES(spine_tuple_prefix_bounds, out, (page, type, &none, 1, NULL, error));
    REFUSES(spine_tuple_prefix_ranges, page, (NULL, type, &prefixes, &ranges, error));
    REFUSES(spine_tuple_prefix_ranges, type, (page, NULL, &prefixes, &ranges, error));
    REFUSES(spine_tuple_prefix_ranges, prefixes, (page, type, NULL, &ranges, error));
    REFUSES(spine_tuple_prefix_ranges, out, (page, type, &prefixes, NULL, error));
    prefixes.columns = NULL;
    assert_int_equal(spine_tuple_prefix_ranges(page, type, &prefixes, &ranges, NULL),
                     SPINE_INVALID);
    TOLERATES(spine_tuple_datum, type, spine_tuple_datum(NULL, "", NULL, 0).u64 == 0);
    TOLERATES(spine_tuple_datum, cells, spine_tuple_datum(type, NULL, NULL, 0).u64 == 0);
    TOLERATES(spine_tuple_datum, offsets,
              spine_tuple_datum(type, "\1\0\0\0\0\0\0", NULL, 0).u64 == 1);

    REFUSES(spine_batch_from_tuples, schema, (NULL, &rows, &batch, error));
    REFUSES(spine_batch_from_tuples, rows, (&schema, NULL, &batch, error));
    REFUSES(spine_batch_from_tuples, out, (&schema, &rows, NULL, error));
    assert_int_equal(spine_batch_from_tuples(&schema, &rows, &batch, NULL), SPINE_OK);
    assert_int_equal(spine_batcher_new(&schema, &batcher, NULL), SPINE_OK);
    REFUSES(spine_batcher_add_tuples, batcher, (NULL, &rows, error));
    REFUSES(spine_batcher_add_tuples, rows, (batcher, NULL, error));

    assert_int_equal(spine_batch_cursor(batch, &cursor, NULL), SPINE_OK);
    TOLERATES(spine_cursor_read_tuples, cursor,
              spine_cursor_read_tuples(NULL, page, 1, &columns) == 0);
    TOLERATES(spine_cursor_read_tuples, page,
              spine_cursor_read_tuples(cursor, NULL, 1, &columns) == 0);
    assert_int_equal(spine_cursor_error(cursor, &told), SPINE_INVALID);
    assert_string_equal(told.message, "spine_cursor_read_tuples: page is NULL");
    TOLERATES(spine_cursor_read_tuples, out,
              spine_cursor_read_tuples(cursor, page, 1, NULL) == 0);
    spine_cursor_close(cursor);
    spine_batcher_free(batcher);
    spine_batch_unref(batch);
    spine_tuple_page_free(page);
    spine_tuple_type_unref(type);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types),
        cmocka_unit_test(pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
