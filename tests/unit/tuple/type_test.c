/* SPDX-License-Identifier: MIT */
#include "harness/fault_alloc.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct spine_error told;

static struct spine_tuple_type *
type_of(const struct spine_column *columns, size_t count)
{
    struct spine_tuple_type *type;

    assert_int_equal(spine_tuple_type_new(columns, count, &type, &told), SPINE_OK);
    return type;
}

static void
expect_cell(const struct spine_column *columns, size_t count, enum spine_kind kind,
            uint32_t size)
{
    struct spine_tuple_type *const type = type_of(columns, count);
    const struct spine_type cell = spine_tuple_type_cell(type);

    assert_int_equal(cell.kind, kind);
    assert_int_equal(cell.size, size);
    spine_tuple_type_unref(type);
}

static void
cells_are_the_narrowest(void **state)
{
    (void)state;
    static const struct {
        enum spine_column_kind kind;
        uint32_t bytes;
    } widths[] = {
        {SPINE_COLUMN_BOOL, 1}, {SPINE_COLUMN_I8, 1},        {SPINE_COLUMN_U8, 1},
        {SPINE_COLUMN_I16, 2},  {SPINE_COLUMN_U16, 2},       {SPINE_COLUMN_I32, 4},
        {SPINE_COLUMN_U32, 4},  {SPINE_COLUMN_F32, 4},       {SPINE_COLUMN_DATE32, 4},
        {SPINE_COLUMN_I64, 8},  {SPINE_COLUMN_U64, 8},       {SPINE_COLUMN_F64, 8},
        {SPINE_COLUMN_TIME, 4}, {SPINE_COLUMN_TIMESTAMP, 8},
    };

    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        struct spine_column columns[] = {{.kind = widths[i].kind},
                                         {.kind = SPINE_COLUMN_U64}};
        const uint32_t bytes = widths[i].bytes + 8;

        expect_cell(columns, 1, SPINE_U64, 0);
        expect_cell(columns, 2, SPINE_FIXED, bytes);
        columns[0].nullable = true;
        columns[0].order = SPINE_DESCENDING;
        expect_cell(columns, 2, SPINE_FIXED, bytes + 1);
        expect_cell(columns, 1, widths[i].bytes == 8 ? SPINE_FIXED : SPINE_U64,
                    widths[i].bytes == 8 ? 9 : 0);
    }

    const struct spine_column micro = {
        .kind = SPINE_COLUMN_TIME, .unit = SPINE_MICROSECONDS, .nullable = true};
    const struct spine_column decimal = {
        .kind = SPINE_COLUMN_DECIMAL128, .precision = 38, .scale = -2};
    const struct spine_column fixed[] = {{.kind = SPINE_COLUMN_FIXED, .size = 65535},
                                         {.kind = SPINE_COLUMN_BOOL}};
    const struct spine_column string = {.kind = SPINE_COLUMN_STRING};

    expect_cell(&micro, 1, SPINE_FIXED, 9);
    expect_cell(&decimal, 1, SPINE_FIXED, 16);
    expect_cell(fixed, 1, SPINE_FIXED, 65535);
    expect_cell(fixed, 2, SPINE_BYTES, 0);
    expect_cell(&string, 1, SPINE_BYTES, 0);
}

static void
nested_tuples_are_as_wide_as_their_columns(void **state)
{
    (void)state;
    const struct spine_column in[] = {{.kind = SPINE_COLUMN_U16, .nullable = true},
                                      {.kind = SPINE_COLUMN_STRING}};
    struct spine_tuple_type *const fixed = type_of(in, 1), *const varying =
                                                               type_of(in, 2);
    const struct spine_column out[] = {
        {.kind = SPINE_COLUMN_TUPLE, .tuple = fixed, .nullable = true},
        {.kind = SPINE_COLUMN_U32},
        {.kind = SPINE_COLUMN_TUPLE, .tuple = varying}};

    expect_cell(out, 2, SPINE_U64, 0);
    expect_cell(out, 3, SPINE_BYTES, 0);
    spine_tuple_type_unref(fixed);
    spine_tuple_type_unref(varying);
}

static void
columns_are_copied(void **state)
{
    (void)state;
    char name[] = "price", zone[] = "Europe/Berlin";
    const struct spine_column columns[] = {
        {.name = name, .kind = SPINE_COLUMN_I32},
        {.kind = SPINE_COLUMN_TIMESTAMP, .unit = SPINE_NANOSECONDS, .zone = zone}};
    struct spine_tuple_type *const type = type_of(columns, 2);

    name[0] = zone[0] = 'x';
    assert_int_equal(spine_tuple_type_count(type), 2);
    assert_string_equal(spine_tuple_type_column(type, 0)->name, "price");
    assert_null(spine_tuple_type_column(type, 0)->zone);
    assert_null(spine_tuple_type_column(type, 1)->name);
    assert_string_equal(spine_tuple_type_column(type, 1)->zone, "Europe/Berlin");
    assert_null(spine_tuple_type_column(type, 2));
    assert_ptr_equal(spine_tuple_type_ref(type), type);
    spine_tuple_type_unref(type);
    assert_int_equal(spine_tuple_type_count(type), 2);
    spine_tuple_type_unref(type);
}

static void
refuse(struct spine_column column, const char *message)
{
    struct spine_tuple_type *type;

    assert_int_equal(spine_tuple_type_new(&column, 1, &type, &told), SPINE_INVALID);
    assert_null(type);
    assert_string_equal(told.message, message);
}

static void
columns_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    struct spine_tuple_type *type;

    refuse((struct spine_column){0},
           "column 0: kind is 0, which is no spine_column_kind");
    refuse((struct spine_column){.kind = 20},
           "column 0: kind is 20, which is no spine_column_kind");
    refuse((struct spine_column){.kind = SPINE_COLUMN_I8, .order = 4},
           "column 0: order is 4, which is no spine_tuple_order");
    refuse((struct spine_column){.kind = SPINE_COLUMN_TUPLE}, "column 0: tuple is NULL");
    refuse((struct spine_column){.kind = SPINE_COLUMN_FIXED},
           "column 0: size is 0; SPINE_COLUMN_FIXED takes 1 to 65535, others 0");
    refuse((struct spine_column){.kind = SPINE_COLUMN_I8, .size = 1},
           "column 0: size is 1; SPINE_COLUMN_FIXED takes 1 to 65535, others 0");
    refuse((struct spine_column){.kind = SPINE_COLUMN_DECIMAL128, .precision = 39},
           "column 0: precision is 39; SPINE_COLUMN_DECIMAL128 takes 1 to 38, others 0, "
           "without a scale");
    refuse((struct spine_column){.kind = SPINE_COLUMN_F64, .scale = 1},
           "column 0: precision is 0; SPINE_COLUMN_DECIMAL128 takes 1 to 38, others 0, "
           "without a scale");
    refuse((struct spine_column){.kind = SPINE_COLUMN_DATE32, .unit = SPINE_NANOSECONDS},
           "column 0: unit is 3; times and timestamps take a spine_time_unit, others 0");
    refuse((struct spine_column){.kind = SPINE_COLUMN_TIME, .zone = "UTC"},
           "column 0: only timestamps have a zone");
    assert_int_equal(spine_tuple_type_new(&(struct spine_column){0}, 0, &type, &told),
                     SPINE_INVALID);
    assert_string_equal(told.message, "a tuple of 0 columns; 1 to 4096, please");
}

static void
nesting_has_an_end(void **state)
{
    (void)state;
    struct spine_column column = {.kind = SPINE_COLUMN_STRING};
    struct spine_tuple_type *type = type_of(&column, 1), *outer;

    for (int depth = 1; depth < SPINE_TUPLE_DEPTH_MAX; depth++) {
        column = (struct spine_column){.kind = SPINE_COLUMN_TUPLE, .tuple = type};
        outer = type_of(&column, 1);
        spine_tuple_type_unref(type);
        type = outer;
    }
    column.tuple = type;
    assert_int_equal(spine_tuple_type_new(&column, 1, &outer, &told), SPINE_INVALID);
    assert_string_equal(told.message, "tuples are nested 33 deep; the most is 32");
    spine_tuple_type_unref(type);
}

static void
kinds_count_and_names_do_not(void **state)
{
    (void)state;
    const struct spine_column a = {.name = "a", .kind = SPINE_COLUMN_I64},
                              b = {.name = "b", .kind = SPINE_COLUMN_I64},
                              c = {.name = "a", .kind = SPINE_COLUMN_U64},
                              d = {.name = "a",
                                   .kind = SPINE_COLUMN_I64,
                                   .order = SPINE_DESCENDING};
    struct spine_tuple_type *const types[] = {type_of(&a, 1), type_of(&b, 1),
                                              type_of(&c, 1), type_of(&d, 1)};
    struct spine_schema schemas[5] = {{.key = {SPINE_U64, 0}}};
    const char *other = "other columns of keys";

    for (size_t i = 0; i < 4; i++) {
        schemas[i + 1] = schemas[0];
        schemas[i + 1].key_tuple = types[i];
        assert_int_equal(spine_schema_check(&schemas[i + 1], &told), SPINE_OK);
    }
    for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j < 5; j++) {
            const bool equal = spine_schema_equal(&schemas[i], &schemas[j]);

            assert_int_equal(equal, i == j || (i + j == 3 && i > 0 && j > 0));
            assert_int_equal(spine_schema_compare(&schemas[i], &schemas[j], &told),
                             equal ? SPINE_OK : SPINE_INVALID);
        }
    assert_int_equal(spine_schema_compare(&schemas[0], &schemas[1], &told),
                     SPINE_INVALID);
    assert_string_equal(told.message, "what is given has another schema: other columns "
                                      "of keys: 0, not 1");

    /* A batch of one does not go into a snapshot of the other. */
    struct spine_columns none = {0};
    struct spine_batch *batch;
    struct spine_snapshot *snapshot;

    assert_int_equal(spine_batch_from_columns(&schemas[1], &none, &batch, &told),
                     SPINE_OK);
    assert_int_equal(spine_snapshot_of_batches(&schemas[2], &batch, 1, &snapshot, &told),
                     SPINE_OK);
    spine_snapshot_unref(snapshot);
    assert_int_equal(spine_snapshot_of_batches(&schemas[3], &batch, 1, &snapshot, &told),
                     SPINE_INVALID);
    assert_non_null(strstr(told.message, other));
    assert_non_null(strstr(told.message, "column 0 (a) is another"));
    for (size_t i = 0; i < 4; i++)
        spine_tuple_type_unref(types[i]);
    assert_string_equal(
        spine_tuple_type_column(spine_batch_schema(batch)->key_tuple, 0)->name, "a");
    spine_batch_unref(batch);
}

static void
a_schema_has_the_cells_of_its_tuples(void **state)
{
    (void)state;
    const struct spine_column column = {.kind = SPINE_COLUMN_DECIMAL128, .precision = 1};
    struct spine_tuple_type *const type = type_of(&column, 1);
    const struct spine_schema schema = {.key = {SPINE_U64, 0}, .value_tuple = type};

    assert_int_equal(spine_schema_check(&schema, &told), SPINE_INVALID);
    assert_string_equal(
        told.message, "value is SPINE_NONE; a cell of value_tuple is SPINE_FIXED of 16");
    spine_tuple_type_unref(type);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_are_the_narrowest),
        cmocka_unit_test(nested_tuples_are_as_wide_as_their_columns),
        cmocka_unit_test(columns_are_copied),
        cmocka_unit_test(columns_that_make_no_sense_are_refused),
        cmocka_unit_test(nesting_has_an_end),
        cmocka_unit_test(kinds_count_and_names_do_not),
        cmocka_unit_test(a_schema_has_the_cells_of_its_tuples),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
