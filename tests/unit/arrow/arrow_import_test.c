/* SPDX-License-Identifier: MIT */

/*
 * Arrays of Arrow come in: every kind, with nulls and offsets. Nothing that comes in is
 * released.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arrow_fixture.h"

/* Of a column: rows in an array, rows of them that a record has, and where these begin:
 * in the record, which has an offset, and in the column, which has another. */
enum { ALL = 6, ROWS = 3, RECORD_OFFSET = 2, COLUMN_OFFSET = 1, FIRST = 3 };

/* Keys of the rows. Their array has no offset. */
static const uint64_t key_values[ALL] = {0, 0, 1, 2, 3, 0};
/* The second of the rows is null: number FIRST + 1. */
static const uint8_t bitmap[1] = {0x2f};

struct kind_case {
    const char *format;
    struct spine_column column;
    /* Buffers, and the values of all rows as a tuple has them; of strings NULL. */
    const void *buffers[3];
    const void *native;
    size_t native_bytes;
};

static const uint8_t bytes1[ALL] = {1, 2, 3, 0x80, 5, 0xff};
static const uint8_t bits[1] = {0x28};
static const uint8_t bools[ALL] = {0, 0, 0, 1, 0, 1};
static const uint16_t words2[ALL] = {1, 2, 3, 0x8000, 5, 0xffff};
static const uint32_t words4[ALL] = {1, 2, 3, 0x80000000, 5, 0xfffffff};
static const uint64_t words8[ALL] = {1, 2, 3, UINT64_C(1) << 63, 5, UINT64_MAX};
static const float floats[ALL] = {1, 2, 3, -4.5F, 5, 1e30F};
static const double doubles[ALL] = {1, 2, 3, -4.5, 5, 1e300};
static const uint8_t bytes16[ALL * 16 + 1] =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL"
    "MNOPQRSTUVWXYZ.,0123456789abcdefghijklmnopqrstuv";
static const char text[] = "xyzabcde";
static const int32_t offsets32[ALL + 1] = {0, 1, 2, 3, 6, 6, 8};
static const int64_t offsets64[ALL + 1] = {0, 1, 2, 3, 6, 6, 8};

#define NUMBER(text, kind_of, values)                                                    \
    {                                                                                    \
        text, {.kind = kind_of}, {bitmap, values}, values, sizeof values / ALL           \
    }
#define TIMED(text, kind_of, unit_of, zone_of, values)                                   \
    {                                                                                    \
        text, {.kind = kind_of, .unit = unit_of, .zone = zone_of}, {bitmap, values},     \
            values, sizeof values / ALL                                                  \
    }

static const struct kind_case cases[] = {
    {"b", {.kind = SPINE_COLUMN_BOOL}, {bitmap, bits}, bools, 1},
    NUMBER("c", SPINE_COLUMN_I8, bytes1),
    NUMBER("C", SPINE_COLUMN_U8, bytes1),
    NUMBER("s", SPINE_COLUMN_I16, words2),
    NUMBER("S", SPINE_COLUMN_U16, words2),
    NUMBER("i", SPINE_COLUMN_I32, words4),
    NUMBER("I", SPINE_COLUMN_U32, words4),
    NUMBER("l", SPINE_COLUMN_I64, words8),
    NUMBER("L", SPINE_COLUMN_U64, words8),
    NUMBER("f", SPINE_COLUMN_F32, floats),
    NUMBER("g", SPINE_COLUMN_F64, doubles),
    NUMBER("tdD", SPINE_COLUMN_DATE32, words4),
    TIMED("tts", SPINE_COLUMN_TIME, SPINE_SECONDS, NULL, words4),
    TIMED("ttm", SPINE_COLUMN_TIME, SPINE_MILLISECONDS, NULL, words4),
    TIMED("ttu", SPINE_COLUMN_TIME, SPINE_MICROSECONDS, NULL, words8),
    TIMED("ttn", SPINE_COLUMN_TIME, SPINE_NANOSECONDS, NULL, words8),
    TIMED("tss:", SPINE_COLUMN_TIMESTAMP, SPINE_SECONDS, NULL, words8),
    TIMED("tsm:UTC", SPINE_COLUMN_TIMESTAMP, SPINE_MILLISECONDS, "UTC", words8),
    TIMED("tsu:+01:30", SPINE_COLUMN_TIMESTAMP, SPINE_MICROSECONDS, "+01:30", words8),
    TIMED("tsn:Europe/Rome", SPINE_COLUMN_TIMESTAMP, SPINE_NANOSECONDS, "Europe/Rome",
          words8),
    {"d:38,-3",
     {.kind = SPINE_COLUMN_DECIMAL128, .precision = 38, .scale = -3},
     {bitmap, bytes16},
     bytes16,
     16},
    {"d:9,2,128",
     {.kind = SPINE_COLUMN_DECIMAL128, .precision = 9, .scale = 2},
     {bitmap, bytes16},
     bytes16,
     16},
    {"w:16", {.kind = SPINE_COLUMN_FIXED, .size = 16}, {bitmap, bytes16}, bytes16, 16},
    {"u", {.kind = SPINE_COLUMN_STRING}, {bitmap, offsets32, text}, NULL, 0},
    {"z", {.kind = SPINE_COLUMN_BINARY}, {bitmap, offsets32, text}, NULL, 0},
    {"U", {.kind = SPINE_COLUMN_STRING}, {bitmap, offsets64, text}, NULL, 0},
    {"Z", {.kind = SPINE_COLUMN_BINARY}, {bitmap, offsets64, text}, NULL, 0},
};

/* Reads the batch's rows, which live in `page`. */
static void
read_rows(struct spine_batch *batch, struct spine_tuple_page *page,
          struct spine_tuple_rows *rows)
{
    struct spine_cursor *cursor;

    assert_int_equal(spine_batch_cursor(batch, &cursor, NULL), SPINE_OK);
    (void)spine_cursor_read_tuples(cursor, page, 1000, rows);
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    spine_cursor_close(cursor);
}

/* `data` has the ROWS rows from number `first` of the case. */
static void
check_rows(const struct kind_case *kind, const struct spine_column_data *data,
           size_t first, bool has_null)
{
    for (size_t i = 0; i < ROWS; i++) {
        const size_t from = first + i;

        if (has_null) {
            assert_non_null(data->valid);
            assert_int_equal(data->valid[0] >> i & 1, i != 1);
            if (i == 1)
                continue;
        }
        if (kind->native != NULL) {
            assert_memory_equal((const uint8_t *)data->values + i * kind->native_bytes,
                                (const uint8_t *)kind->native + from * kind->native_bytes,
                                kind->native_bytes);
            continue;
        }
        assert_int_equal(data->offsets[i + 1] - data->offsets[i],
                         offsets64[from + 1] - offsets64[from]);
        assert_memory_equal((const char *)data->values + data->offsets[i],
                            text + offsets64[from],
                            data->offsets[i + 1] - data->offsets[i]);
    }
}

/* A column of the kind as the value, with nulls, or in the key, without. */
static void
try_kind(const struct kind_case *kind, bool as_key)
{
    static const size_t both[2] = {0, 1};
    const struct spine_arrow_columns keys = {.key_indexes = both, .key_count = 2};
    struct ArrowSchema fields[2] = {fake_field("L", "key"),
                                    fake_field(kind->format, "x")};
    struct ArrowSchema *field_list[2] = {&fields[0], &fields[1]};
    const struct ArrowSchema schema = fake_struct(field_list, 2);
    const void *key_buffers[2] = {NULL, key_values};
    const void *buffers[3] = {as_key ? NULL : kind->buffers[0], kind->buffers[1],
                              kind->buffers[2]};
    struct ArrowArray arrays[2] = {
        fake_array(key_buffers, 2, ALL, 0),
        fake_array(buffers, kind->native != NULL ? 2 : 3, ALL - 1, COLUMN_OFFSET)};
    struct ArrowArray *array_list[2] = {&arrays[0], &arrays[1]};
    const struct ArrowArray record = fake_record(array_list, 2, ROWS, RECORD_OFFSET);
    struct spine_arrow_mapping *mapping = map_first(&schema);
    const struct spine_column *column;
    struct spine_tuple_page *page;
    struct spine_tuple_rows rows;
    struct spine_error error;
    struct spine_batch *batch;

    if (as_key) {
        spine_arrow_mapping_free(mapping);
        assert_int_equal(spine_arrow_mapping_new(&schema, &keys, &mapping, NULL),
                         SPINE_OK);
    }
    const struct spine_schema *const made = spine_arrow_mapping_schema(mapping);
    column = as_key ? spine_tuple_type_column(made->key_tuple, 1)
                    : spine_tuple_type_column(made->value_tuple, 0);
    assert_int_equal(column->kind, kind->column.kind);
    assert_int_equal(column->unit, kind->column.unit);
    assert_int_equal(column->size, kind->column.size);
    assert_int_equal(column->precision, kind->column.precision);
    assert_int_equal(column->scale, kind->column.scale);
    assert_true(column->nullable);
    assert_string_equal(column->name, "x");
    if (kind->column.zone != NULL)
        assert_string_equal(column->zone, kind->column.zone);
    else
        assert_null(column->zone);

    released = 0;
    assert_int_equal(spine_batch_from_arrow(mapping, &record, &batch, &error), SPINE_OK);
    assert_int_equal(released, 0);
    assert_int_equal(spine_tuple_page_new(&page, NULL), SPINE_OK);
    read_rows(batch, page, &rows);
    assert_int_equal(rows.rows, ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(((const uint64_t *)rows.keys[0].values)[i],
                         key_values[RECORD_OFFSET + i]);
        assert_int_equal(rows.weights[i], 1);
    }
    check_rows(kind, as_key ? &rows.keys[1] : &rows.values[0], FIRST, !as_key);
    spine_tuple_page_free(page);
    spine_batch_unref(batch);
    spine_arrow_mapping_free(mapping);
}

static void
every_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        try_kind(&cases[i], false);
        try_kind(&cases[i], true);
    }
}

/* Views: empty, short, of 12 bytes, longer, null. */
static void
views(void **state)
{
    struct {
        int32_t size;
        char head[4];
        int32_t buffer;
        int32_t offset;
    } slots[5] = {{0, "", 0, 0},
                  {3, "abc", 0, 0},
                  {12, {'a', 'b', 'c', 'd'}, 0, 0},
                  {14, {'l', 'o', 'n', 'g'}, 1, 2},
                  {99, "", 77, 77}};
    static const char *const wanted[5] = {"", "abc", "abcdefghijkl", "long by two...",
                                          ""};
    static const char far_away[] = "??long by two...";
    const int64_t sizes[2] = {0, 16};
    const uint8_t valid[1] = {0x0f};
    const void *buffers[5] = {valid, slots, "", far_away, sizes};
    const uint64_t keys[5] = {1, 2, 3, 4, 5};
    const void *key_buffers[2] = {NULL, keys};
    struct ArrowSchema fields[2] = {fake_field("L", "key"), fake_field("vu", "x")};
    struct ArrowSchema *field_list[2] = {&fields[0], &fields[1]};
    const struct ArrowSchema schema = fake_struct(field_list, 2);
    struct ArrowArray arrays[2] = {fake_array(key_buffers, 2, 5, 0),
                                   fake_array(buffers, 5, 5, 0)};
    struct ArrowArray *array_list[2] = {&arrays[0], &arrays[1]};
    const struct ArrowArray record = fake_record(array_list, 2, 5, 0);
    struct spine_arrow_mapping *const mapping = map_first(&schema);
    struct spine_tuple_page *page;
    struct spine_tuple_rows rows;
    struct spine_batch *batch;
    struct spine_error error;

    (void)state;
    memcpy(&slots[2].buffer, "efghijkl", 8);
    assert_int_equal(spine_batch_from_arrow(mapping, &record, &batch, &error), SPINE_OK);
    assert_int_equal(spine_tuple_page_new(&page, NULL), SPINE_OK);
    read_rows(batch, page, &rows);
    assert_int_equal(rows.rows, 5);
    for (size_t i = 0; i < 5; i++) {
        const uint64_t *const offsets = rows.values[0].offsets;

        assert_int_equal(rows.values[0].valid[0] >> i & 1, i < 4);
        assert_int_equal(offsets[i + 1] - offsets[i], strlen(wanted[i]));
        assert_memory_equal((const char *)rows.values[0].values + offsets[i], wanted[i],
                            strlen(wanted[i]));
    }
    spine_tuple_page_free(page);
    spine_batch_unref(batch);

    /* One byte too far, the wrong buffer, a size below zero. */
    slots[3].offset = 3;
    assert_int_equal(spine_batch_from_arrow(mapping, &record, &batch, &error),
                     SPINE_INVALID);
    assert_string_equal(error.message, "column x: a view leads nowhere");
    slots[3].offset = 2;
    slots[3].buffer = 2;
    assert_int_equal(spine_batch_from_arrow(mapping, &record, &batch, &error),
                     SPINE_INVALID);
    slots[3].buffer = -1;
    assert_int_equal(spine_batch_from_arrow(mapping, &record, &batch, &error),
                     SPINE_INVALID);
    slots[3].buffer = 1;
    slots[1].size = -1;
    assert_int_equal(spine_batch_from_arrow(mapping, &record, &batch, &error),
                     SPINE_INVALID);
    spine_arrow_mapping_free(mapping);
}

/* `message`, unless it is NULL, is why. */
static void
refuses(const struct spine_arrow_mapping *mapping, const struct ArrowArray *record,
        const char *message)
{
    struct spine_error error = {0};
    struct spine_batch *batch;

    assert_int_equal(spine_batch_from_arrow(mapping, record, &batch, &error),
                     SPINE_INVALID);
    if (message != NULL)
        assert_string_equal(error.message, message);
}

/* A dictionary of strings and one of numbers, with nulls among indexes and values. */
static void
dictionaries(void **state)
{
    int8_t indexes[5] = {2, 0, 1, 0, 2};
    const uint8_t index_valid[1] = {0x17}, value_valid[1] = {0x0e};
    const void *index_buffers[2] = {index_valid, indexes};
    /* Values from number 1 on: "bb", null where value_valid says so, "". */
    const int32_t offsets[5] = {0, 1, 3, 3, 3};
    const void *string_buffers[3] = {NULL, offsets, "abb"};
    const int16_t numbers[4] = {9, 10, 20, 30};
    const void *number_buffers[2] = {value_valid, numbers};
    const uint64_t keys[5] = {1, 2, 3, 4, 5};
    const void *key_buffers[2] = {NULL, keys};
    struct ArrowSchema strings = fake_field("u", ""), shorts = fake_field("s", "");
    struct ArrowSchema fields[3] = {fake_field("L", "key"), fake_field("c", "x"),
                                    fake_field("c", "y")};
    struct ArrowSchema *field_list[3] = {&fields[0], &fields[1], &fields[2]};
    struct ArrowArray string_values = fake_array(string_buffers, 3, 3, 1);
    struct ArrowArray number_values = fake_array(number_buffers, 2, 4, 0);
    struct ArrowArray arrays[3] = {fake_array(key_buffers, 2, 5, 0),
                                   fake_array(index_buffers, 2, 5, 0),
                                   fake_array(index_buffers, 2, 5, 0)};
    struct ArrowArray *array_list[3] = {&arrays[0], &arrays[1], &arrays[2]};
    const struct ArrowArray record = fake_record(array_list, 3, 5, 0);
    struct spine_tuple_page *page;
    struct spine_tuple_rows rows;
    struct spine_batch *batch;
    struct spine_error error;

    (void)state;
    fields[1].dictionary = &strings;
    fields[2].dictionary = &shorts;
    arrays[1].dictionary = &string_values;
    arrays[2].dictionary = &number_values;
    const struct ArrowSchema schema = fake_struct(field_list, 3);
    struct spine_arrow_mapping *const mapping = map_first(&schema);
    assert_int_equal(spine_batch_from_arrow(mapping, &record, &batch, &error), SPINE_OK);
    assert_int_equal(spine_tuple_page_new(&page, NULL), SPINE_OK);
    read_rows(batch, page, &rows);
    assert_int_equal(rows.rows, 5);
    /* "", "bb", "", null, "" and 20, null, 10, null, 20. */
    assert_int_equal(rows.values[0].valid[0], 0x17);
    assert_int_equal(rows.values[1].valid[0], 0x15);
    assert_int_equal(rows.values[0].offsets[5], 2);
    assert_int_equal(rows.values[0].offsets[1], 0);
    assert_memory_equal(rows.values[0].values, "bb", 2);
    const int16_t wanted[5] = {20, 0, 10, 0, 20};
    assert_memory_equal(rows.values[1].values, wanted, sizeof wanted);
    spine_tuple_page_free(page);
    spine_batch_unref(batch);

    indexes[4] = 3;
    refuses(mapping, &record,
            "column x: row 4 is not among the 3 values of the dictionary");
    indexes[4] = -1;
    refuses(mapping, &record, NULL);
    indexes[4] = 0;
    /* The values have no bytes, and offsets that lead somewhere in between. */
    const int32_t astray[5] = {0, 0, 100, 0, 0};
    string_buffers[1] = astray;
    string_buffers[2] = NULL;
    refuses(mapping, &record, "column x: a buffer is NULL");
    string_values.release = NULL;
    assert_int_equal(spine_batch_from_arrow(mapping, &record, &batch, &error),
                     SPINE_MISUSE);
    spine_arrow_mapping_free(mapping);
}

/* A struct in a record, sliced three times over, with a null. */
static void
structs(void **state)
{
    const uint8_t valid[1] = {0x17};
    const void *struct_buffers[1] = {valid};
    const void *number_buffers[2] = {NULL, words4},
               *string_buffers[3] = {NULL, offsets32, text};
    const void *key_buffers[2] = {NULL, key_values};
    struct ArrowSchema inner[2] = {fake_field("I", "a"), fake_field("u", "b")};
    struct ArrowSchema *inner_list[2] = {&inner[0], &inner[1]};
    struct ArrowSchema fields[2] = {fake_field("L", "key"), fake_struct(inner_list, 2)};
    struct ArrowSchema *field_list[2] = {&fields[0], &fields[1]};
    struct ArrowArray parts[2] = {fake_array(number_buffers, 2, 5, 1),
                                  fake_array(string_buffers, 3, 6, 0)};
    struct ArrowArray *part_list[2] = {&parts[0], &parts[1]};
    struct ArrowArray arrays[2] = {fake_array(key_buffers, 2, ALL, 0),
                                   fake_record(part_list, 2, 4, 1)};
    struct ArrowArray *array_list[2] = {&arrays[0], &arrays[1]};
    const struct ArrowArray record = fake_record(array_list, 2, 2, 2);
    const struct spine_column_data *data;
    struct spine_tuple_page *page;
    struct spine_tuple_rows rows;
    struct spine_batch *batch;
    struct spine_error error;

    (void)state;
    fields[1].name = "x";
    fields[1].flags = ARROW_FLAG_NULLABLE;
    arrays[1].buffers = struct_buffers;
    arrays[1].null_count = 1;
    const struct ArrowSchema schema = fake_struct(field_list, 2);
    struct spine_arrow_mapping *mapping = map_first(&schema);
    assert_int_equal(spine_batch_from_arrow(mapping, &record, &batch, &error), SPINE_OK);
    assert_int_equal(spine_tuple_page_new(&page, NULL), SPINE_OK);
    read_rows(batch, page, &rows);
    assert_int_equal(rows.rows, 2);
    data = &rows.values[0];
    assert_int_equal(data->valid[0], 2);
    /* Row 4 of the struct: number 5 of words4, string 4. */
    assert_int_equal(((const uint32_t *)data->columns[0].values)[1], words4[5]);
    assert_int_equal(data->columns[1].offsets[2], 0);
    spine_batch_unref(batch);
    spine_arrow_mapping_free(mapping);

    /* What may not be null may be so inside of a null, and nowhere else. */
    uint8_t part_valid[1] = {0xef};
    inner[0].flags = 0;
    number_buffers[0] = part_valid;
    parts[0].null_count = -1;
    mapping = map_first(&schema);
    assert_int_equal(spine_batch_from_arrow(mapping, &record, &batch, &error), SPINE_OK);
    read_rows(batch, page, &rows);
    assert_int_equal(rows.values[0].valid[0], 2);
    assert_int_equal(((const uint32_t *)rows.values[0].columns[0].values)[0], 0);
    part_valid[0] = 0xdf;
    spine_batch_unref(batch);
    assert_int_equal(spine_batch_from_arrow(mapping, &record, &batch, &error),
                     SPINE_INVALID);
    assert_string_equal(error.message, "value, column 0 (a): row 1 is null, which it may "
                                       "not be");
    spine_tuple_page_free(page);
    spine_arrow_mapping_free(mapping);
}

/* Weights, two of them, and times; rows in no order, which add up. */
static void
weights_and_times(void **state)
{
    static const char *const keys[] = {"k"}, *const weights[] = {"w1", "w0"};
    static const enum spine_tuple_order descending[] = {SPINE_DESCENDING};
    const struct spine_arrow_columns columns = {.key_names = keys,
                                                .key_count = 1,
                                                .key_orders = descending,
                                                .weight_names = weights,
                                                .weight_count = 2,
                                                .time_name = "t"};
    struct ArrowSchema fields[4] = {fake_field("l", "w0"), fake_field("S", "k"),
                                    fake_field("L", "t"), fake_field("l", "w1")};
    struct ArrowSchema *field_list[4] = {&fields[0], &fields[1], &fields[2], &fields[3]};
    const struct ArrowSchema schema = fake_struct(field_list, 4);
    const int64_t w0[4] = {1, 2, 3, 4}, w1[4] = {10, -20, 30, 0};
    const uint16_t k[4] = {7, 8, 7, 8};
    /* At an odd place. */
    uint8_t times[4 * 8 + 1];
    const uint64_t t[4] = {5, 6, 5, 9};
    uint8_t valid[1] = {0x0f};
    const void *buffers[4][2] = {{valid, w0}, {NULL, k}, {NULL, times + 1}, {NULL, w1}};
    struct ArrowArray arrays[4], *array_list[4];
    struct spine_arrow_mapping *mapping;
    struct spine_tuple_page *page;
    struct spine_tuple_rows rows;
    struct spine_batch *batch;
    struct spine_error error;

    (void)state;
    memcpy(times + 1, t, sizeof t);
    for (size_t i = 0; i < 4; i++) {
        arrays[i] = fake_array(buffers[i], 2, 4, 0);
        array_list[i] = &arrays[i];
    }
    const struct ArrowArray record = fake_record(array_list, 4, 4, 0);
    assert_int_equal(spine_arrow_mapping_new(&schema, &columns, &mapping, &error),
                     SPINE_OK);
    const struct spine_schema *const made = spine_arrow_mapping_schema(mapping);
    assert_int_equal(made->weight_count, 2);
    assert_int_equal(made->time, SPINE_TIME_U64);
    assert_int_equal(made->value.kind, SPINE_NONE);
    assert_null(made->value_tuple);
    assert_int_equal(spine_batch_from_arrow(mapping, &record, &batch, &error), SPINE_OK);
    assert_int_equal(spine_tuple_page_new(&page, NULL), SPINE_OK);
    read_rows(batch, page, &rows);
    /* 8 before 7. */
    assert_int_equal(rows.rows, 3);
    const uint64_t wanted_times[3] = {6, 9, 5};
    const int64_t wanted_weights[6] = {-20, 2, 0, 4, 40, 4};
    assert_memory_equal(rows.times, wanted_times, sizeof wanted_times);
    assert_memory_equal(rows.weights, wanted_weights, sizeof wanted_weights);
    spine_tuple_page_free(page);
    spine_batch_unref(batch);

    valid[0] = 0x0d;
    assert_int_equal(spine_batch_from_arrow(mapping, &record, &batch, &error),
                     SPINE_INVALID);
    assert_string_equal(error.message, "column w0: a weight or time is null");
    spine_arrow_mapping_free(mapping);
}

/* Without rows the buffers need not be there. */
static void
no_rows(void **state)
{
    const void *none[3] = {NULL, NULL, NULL};
    struct ArrowSchema fields[2] = {fake_field("L", "key"), fake_field("u", "x")};
    struct ArrowSchema *field_list[2] = {&fields[0], &fields[1]};
    const struct ArrowSchema schema = fake_struct(field_list, 2);
    struct ArrowArray arrays[2] = {fake_array(none, 2, 0, 0), fake_array(none, 3, 0, 0)};
    struct ArrowArray *array_list[2] = {&arrays[0], &arrays[1]};
    const struct ArrowArray record = fake_record(array_list, 2, 0, 0);
    struct spine_arrow_mapping *const mapping = map_first(&schema);
    struct spine_batch_info info;
    struct spine_batch *batch;

    (void)state;
    assert_int_equal(spine_batch_from_arrow(mapping, &record, &batch, NULL), SPINE_OK);
    spine_batch_get_info(batch, &info);
    assert_int_equal(info.rows, 0);
    spine_batch_unref(batch);
    spine_arrow_mapping_free(mapping);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind),        cmocka_unit_test(views),
        cmocka_unit_test(dictionaries),      cmocka_unit_test(structs),
        cmocka_unit_test(weights_and_times), cmocka_unit_test(no_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
