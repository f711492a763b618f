/* SPDX-License-Identifier: MIT */
#include "rows/rows.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct spine_schema
schema_of(enum spine_kind key, uint32_t key_size, enum spine_kind value,
          uint32_t value_size)
{
    return (struct spine_schema){.key = {key, key_size}, .value = {value, value_size}};
}

static void
expect_layout(struct spine_schema schema, enum row_kind kind, enum shape key,
              enum shape value, unsigned key_shift)
{
    struct layout layout;

    assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
    assert_int_equal(layout.row_kind, kind);
    assert_int_equal(layout.key.shape, key);
    assert_int_equal(layout.value.shape, value);
    assert_int_equal(layout.key_shift, key_shift);
    assert_int_equal(layout.weight_count,
                     schema.weight_count > 0 ? schema.weight_count : 1);
    assert_int_equal(layout.key.spans, kind == ROW_WIDE && key >= SHAPE_FIXED);
    assert_int_equal(layout.value.spans, kind == ROW_WIDE && value >= SHAPE_FIXED);
}

static void
row_kinds_follow_from_sizes(void **state)
{
    (void)state;
    const enum spine_kind fixed = SPINE_FIXED, none = SPINE_NONE;

    expect_layout(schema_of(SPINE_U64, 0, none, 0), ROW_ONE, SHAPE_WORD8, SHAPE_NONE, 0);
    expect_layout(schema_of(none, 0, SPINE_F64, 0), ROW_ONE, SHAPE_NONE, SHAPE_WORD8, 64);
    expect_layout(schema_of(none, 0, none, 0), ROW_ONE, SHAPE_NONE, SHAPE_NONE, 64);
    expect_layout(schema_of(SPINE_U32, 0, SPINE_I32, 0), ROW_ONE, SHAPE_WORD4,
                  SHAPE_WORD4, 32);
    expect_layout(schema_of(fixed, 3, fixed, 4), ROW_ONE, SHAPE_WORD4, SHAPE_WORD4, 32);
    expect_layout(schema_of(fixed, 5, none, 0), ROW_ONE, SHAPE_WORD8, SHAPE_NONE, 0);
    expect_layout(schema_of(SPINE_U32, 0, SPINE_U64, 0), ROW_TWO, SHAPE_WORD4,
                  SHAPE_WORD8, 0);
    expect_layout(schema_of(fixed, 8, SPINE_U32, 0), ROW_TWO, SHAPE_WORD8, SHAPE_WORD4,
                  0);
    expect_layout(schema_of(fixed, 16, none, 0), ROW_TWO, SHAPE_FIXED, SHAPE_NONE, 0);
    expect_layout(schema_of(none, 0, fixed, 9), ROW_TWO, SHAPE_NONE, SHAPE_FIXED, 0);
    expect_layout(schema_of(fixed, 17, none, 0), ROW_WIDE, SHAPE_FIXED, SHAPE_NONE, 0);
    expect_layout(schema_of(fixed, 9, SPINE_U32, 0), ROW_WIDE, SHAPE_FIXED, SHAPE_WORD4,
                  0);
    expect_layout(schema_of(SPINE_BYTES, 0, SPINE_U64, 0), ROW_WIDE, SHAPE_BYTES,
                  SHAPE_WORD8, 0);

    struct spine_schema wide = schema_of(SPINE_U32, 0, none, 0);
    wide.time = SPINE_TIME_PAIR;
    expect_layout(wide, ROW_WIDE, SHAPE_WORD4, SHAPE_NONE, 0);
    wide.time = SPINE_UNTIMED;
    wide.weight_count = 8;
    expect_layout(wide, ROW_WIDE, SHAPE_WORD4, SHAPE_NONE, 0);
}

static void
expect_bad(struct spine_schema schema, const char *field)
{
    struct spine_error error = {0};

    assert_int_equal(spine_schema_check(&schema, &error), SPINE_INVALID);
    if (strstr(error.message, field) == NULL)
        fail_msg("'%s' does not name %s", error.message, field);
    assert_int_equal(spine_schema_check(&schema, NULL), SPINE_INVALID);
}

static void
bad_schemas_name_their_field(void **state)
{
    (void)state;
    expect_bad(schema_of((enum spine_kind)99, 0, SPINE_U64, 0), "key.kind");
    expect_bad(schema_of(SPINE_U64, 0, (enum spine_kind)99, 0), "value.kind");
    expect_bad(schema_of(SPINE_FIXED, 0, SPINE_U64, 0), "key.size");
    expect_bad(schema_of(SPINE_U64, 0, SPINE_FIXED, 65536), "value.size");
    expect_bad(schema_of(SPINE_U64, 8, SPINE_U64, 0), "key.size");
    expect_bad((struct spine_schema){.key = {SPINE_U64, 0}, .weight_count = 9},
               "weight_count");
    expect_bad((struct spine_schema){.key = {SPINE_U64, 0}, .time = (enum spine_time)9},
               "time");
}

static void
schemas_are_equal_when_rows_look_the_same(void **state)
{
    (void)state;
    const struct spine_schema a = schema_of(SPINE_FIXED, 3, SPINE_U64, 0);
    struct spine_schema b = a;

    b.weight_count = 1;
    assert_true(spine_schema_equal(&a, &b));
    b.weight_count = 2;
    assert_false(spine_schema_equal(&a, &b));
    b = a;
    b.key.size = 4;
    assert_false(spine_schema_equal(&a, &b));
    b = a;
    b.time = SPINE_TIME_U64;
    assert_false(spine_schema_equal(&a, &b));
    b = a;
    b.value.kind = SPINE_I64;
    assert_false(spine_schema_equal(&a, &b));
}

/* `datums` ascend; their rows must too, and come back as they were. */
static void
expect_ascending(struct spine_type type, const union spine_datum *datums, size_t count)
{
    const struct spine_schema as_key = {.key = type};
    const struct spine_schema as_value = {.key = {SPINE_U32, 0}, .value = type};
    const struct spine_schema timed = {.key = type, .time = SPINE_TIME_U64};
    const struct spine_schema *schemas[] = {&as_key, &as_value, &timed};

    for (size_t s = 0; s < 3; s++) {
        struct layout layout;
        struct rows rows = {0};

        assert_int_equal(layout_init(&layout, schemas[s], NULL), SPINE_OK);
        assert_true(rows_reserve(&layout, &rows, count));
        for (size_t i = 0; i < count; i++) {
            struct spine_row row = {.weight = 1};

            *(s == 1 ? &row.value : &row.key) = datums[i];
            assert_int_equal(rows_append_row(&layout, &rows, &row, NULL), SPINE_OK);
        }
        for (size_t i = 0; i < count; i++) {
            uint8_t scratch[16];
            const union spine_datum back =
                s == 1 ? rows_value_datum(&layout, &rows, i, scratch)
                       : rows_key_datum(&layout, &rows, i, scratch);

            if (type.kind == SPINE_FIXED || type.kind == SPINE_BYTES) {
                assert_int_equal(back.bytes.size, datums[i].bytes.size);
                assert_memory_equal(back.bytes.data, datums[i].bytes.data,
                                    back.bytes.size);
            } else if (type.kind == SPINE_U32 || type.kind == SPINE_I32) {
                assert_int_equal(back.u32, datums[i].u32);
            } else {
                assert_memory_equal(&back, &datums[i], 8);
            }
            for (size_t j = 0; j < count; j++) {
                const int order = rows_compare(&layout, &rows, i, &rows, j);

                assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
            }
        }
        rows_release(&layout, &rows);
        rows_release(&layout, &rows);
    }
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
numbers_keep_their_order(void **state)
{
    (void)state;
    const union spine_datum u64[] = {spine_u64(0), spine_u64(1), spine_u64(UINT64_MAX)};
    const union spine_datum i64[] = {spine_i64(INT64_MIN), spine_i64(-1), spine_i64(0),
                                     spine_i64(1), spine_i64(INT64_MAX)};
    const union spine_datum u32[] = {spine_u32(0), spine_u32(1), spine_u32(UINT32_MAX)};
    const union spine_datum i32[] = {spine_i32(INT32_MIN), spine_i32(-1), spine_i32(0),
                                     spine_i32(1), spine_i32(INT32_MAX)};
    const double nan_number = copysign((double)NAN, 1.0);
    const union spine_datum f64[] = {spine_f64(-nan_number),
                                     spine_f64(-(double)INFINITY),
                                     spine_f64(-1.5),
                                     spine_f64(-5e-324),
                                     spine_f64(-0.0),
                                     spine_f64(0.0),
                                     spine_f64(5e-324),
                                     spine_f64(1.5),
                                     spine_f64((double)INFINITY),
                                     spine_f64(nan_number)};

    expect_ascending((struct spine_type){SPINE_U64, 0}, u64, 3);
    expect_ascending((struct spine_type){SPINE_I64, 0}, i64, 5);
    expect_ascending((struct spine_type){SPINE_U32, 0}, u32, 3);
    expect_ascending((struct spine_type){SPINE_I32, 0}, i32, 5);
    expect_ascending((struct spine_type){SPINE_F64, 0}, f64, 10);
}

static void
bytes_keep_their_order(void **state)
{
    (void)state;
    const union spine_datum bytes[] = {spine_data("", 0),
                                       spine_data("\0", 1),
                                       spine_data("a", 1),
                                       spine_data("a\0", 2),
                                       spine_data("a\0\0\0\0\0\0\0", 8),
                                       spine_data("a\0\0\0\0\0\0\0\0", 9),
                                       spine_data("abcdefgh", 8),
                                       spine_data("abcdefgh\1", 9),
                                       spine_data("abcdefghi", 9),
                                       spine_data("b", 1),
                                       spine_data("\xff", 1)};

    expect_ascending((struct spine_type){SPINE_BYTES, 0}, bytes, 11);

    for (uint32_t size = 1; size <= 40; size++) {
        uint8_t cells[4][40];
        union spine_datum datums[4];

        memset(cells[0], 0, 40);
        memset(cells[1], 0, 40);
        cells[1][size - 1] = 1;
        memset(cells[2], 0x7f, 40);
        cells[2][0] = 0x80;
        memset(cells[3], 0xff, 40);
        for (size_t i = 0; i < 4; i++)
            datums[i] = spine_data(cells[i], size);
        expect_ascending((struct spine_type){SPINE_FIXED, size}, datums, 4);
    }
}

static void
cells_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    const struct spine_schema schema = schema_of(SPINE_FIXED, 12, SPINE_BYTES, 0);
    struct layout layout;
    struct spine_error error;
    struct cell cell;

    assert_int_equal(layout_init(&layout, &schema, NULL), SPINE_OK);
    assert_int_equal(cell_of_datum(&layout.key, spine_data("short", 5), &cell, &error),
                     SPINE_INVALID);
    assert_non_null(strstr(error.message, "5 bytes"));
    assert_int_equal(cell_of_datum(&layout.key, spine_data(NULL, 12), &cell, &error),
                     SPINE_INVALID);
    assert_int_equal(cell_of_datum(&layout.value, spine_data(NULL, 1), &cell, &error),
                     SPINE_INVALID);
    assert_int_equal(cell_of_datum(&layout.value, spine_data(NULL, 0), &cell, &error),
                     SPINE_OK);
    assert_int_equal(cell_of_datum(&layout.value,
                                   spine_data("x", (size_t)SPINE_BYTES_MAX + 1), &cell,
                                   &error),
                     SPINE_INVALID);
}

static void
times_form_a_lattice(void **state)
{
    (void)state;
    const uint64_t a = spine_time_pair(3, 8), b = spine_time_pair(5, 2);

    assert_true(spine_time_less_equal(SPINE_TIME_U64, a, b));
    assert_false(spine_time_less_equal(SPINE_TIME_PAIR, a, b));
    assert_false(spine_time_less_equal(SPINE_TIME_PAIR, b, a));
    assert_true(spine_time_less_equal(SPINE_UNTIMED, b, a));
    assert_int_equal(spine_time_join(SPINE_TIME_U64, a, b), b);
    assert_int_equal(spine_time_meet(SPINE_TIME_U64, a, b), a);
    assert_int_equal(spine_time_join(SPINE_TIME_PAIR, a, b), spine_time_pair(5, 8));
    assert_int_equal(spine_time_meet(SPINE_TIME_PAIR, a, b), spine_time_pair(3, 2));
    assert_true(spine_time_less_equal(SPINE_TIME_PAIR, a, spine_time_pair(5, 8)));
    assert_true(spine_time_less_equal(SPINE_TIME_PAIR, spine_time_pair(3, 2), b));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_kinds_follow_from_sizes),
        cmocka_unit_test(bad_schemas_name_their_field),
        cmocka_unit_test(schemas_are_equal_when_rows_look_the_same),
        cmocka_unit_test(numbers_keep_their_order),
        cmocka_unit_test(bytes_keep_their_order),
        cmocka_unit_test(cells_that_do_not_fit_are_refused),
        cmocka_unit_test(times_form_a_lattice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
