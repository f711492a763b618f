/* SPDX-License-Identifier: MIT */

/*
 * The bytes that spine/tuple.h publishes, what is refused, and reading by pieces.
 */

#include "spine/spine.h"
#include "tuple_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct spine_error told;

struct world {
    struct spine_tuple_page *page;
    struct spine_tuple_type *type;
    struct spine_schema schema;
};

static void
world_init(struct world *world, const struct spine_column *columns, size_t count)
{
    assert_int_equal(spine_tuple_page_new(&world->page, &told), SPINE_OK);
    assert_int_equal(spine_tuple_type_new(columns, count, &world->type, &told), SPINE_OK);
    world->schema = (struct spine_schema){.key = spine_tuple_type_cell(world->type),
                                          .key_tuple = world->type};
}

static void
world_release(struct world *world)
{
    spine_tuple_page_free(world->page);
    spine_tuple_type_unref(world->type);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* The one tuple of `columns` is `hex`, a word as its last bytes. */
static void
expect_bytes(const struct spine_column *columns, size_t count,
             const struct spine_column_data *data, const char *hex)
{
    const struct spine_tuple_rows rows = {.rows = 1, .keys = data};
    struct spine_columns cells;
    union spine_datum cell;
    uint8_t wanted[64], word[8];
    const size_t size = bytes_of_hex(hex, wanted, sizeof wanted);
    struct world world;

    world_init(&world, columns, count);
    assert_int_equal(spine_tuple_encode(world.page, &world.schema, &rows, &cells, &told),
                     SPINE_OK);
    cell = spine_tuple_datum(world.type, cells.keys, cells.key_offsets, 0);
    if (world.schema.key.kind == SPINE_U64) {
        for (size_t i = 0; i < 8; i++)
            word[i] = (uint8_t)(cell.u64 >> (56 - 8 * i));
        assert_memory_equal(word + 8 - size, wanted, size);
        for (size_t i = 0; i < 8 - size; i++)
            assert_int_equal(word[i], 0);
    } else {
        assert_int_equal(cell.bytes.size, size);
        assert_memory_equal(cell.bytes.data, wanted, size);
    }
    world_release(&world);
}

static void
bytes_are_those_that_are_published(void **state)
{
    (void)state;
    const uint32_t seven = 7;
    const int16_t minus_two = -2;
    const uint8_t five = 5, one = 1, none = 0, there = 1;
    const int8_t small = 3;
    const uint64_t two_letters[] = {0, 2};
    const double number = -1.0;
    const uint8_t decimal[16] = {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    expect_bytes(
        (struct spine_column[]){{.kind = SPINE_COLUMN_U32}, {.kind = SPINE_COLUMN_I16}},
        2, (struct spine_column_data[]){{.values = &seven}, {.values = &minus_two}},
        "00 00 00 07 7f fe");
    expect_bytes(
        (struct spine_column[]){{.kind = SPINE_COLUMN_U8, .order = SPINE_DESCENDING},
                                {.kind = SPINE_COLUMN_I8, .nullable = true}},
        2,
        (struct spine_column_data[]){{.values = &five},
                                     {.values = &small, .valid = &none}},
        "fa 00 00");
    expect_bytes(
        (struct spine_column[]){{.kind = SPINE_COLUMN_STRING}, {.kind = SPINE_COLUMN_U8}},
        2,
        (struct spine_column_data[]){{.values = "hi", .offsets = two_letters},
                                     {.values = &one}},
        "68 69 00 00 01");
    expect_bytes(
        (struct spine_column[]){{.kind = SPINE_COLUMN_U8}, {.kind = SPINE_COLUMN_STRING}},
        2,
        (struct spine_column_data[]){{.values = &one},
                                     {.values = "hi", .offsets = two_letters}},
        "01 68 69");
    expect_bytes((struct spine_column[]){{.kind = SPINE_COLUMN_BINARY,
                                          .order = SPINE_DESCENDING_NULLS_LAST,
                                          .nullable = true}},
                 1,
                 (struct spine_column_data[]){
                     {.values = "\0a", .offsets = two_letters, .valid = &there}},
                 "01 ff 00 9e ff ff");
    expect_bytes((struct spine_column[]){{.kind = SPINE_COLUMN_F64, .nullable = true}}, 1,
                 (struct spine_column_data[]){{.values = &number, .valid = &there}},
                 "01 40 0f ff ff ff ff ff ff");
    expect_bytes(
        (struct spine_column[]){{.kind = SPINE_COLUMN_DECIMAL128, .precision = 9}}, 1,
        (struct spine_column_data[]){{.values = decimal}},
        "7f ff ff ff ff ff ff ff ff ff ff ff ff ff ff fe");
}

/* Rows of a column, with bits that begin anywhere. */
static void
rows_of_columns_are_read(void **state)
{
    static const uint64_t offsets[] = {0, 2, 2, 5};
    static const uint8_t bits[] = {0xff, 0xfd};
    const struct spine_column_data all = {.values = "hiyou", .offsets = offsets};
    const struct spine_column_data some = {
        .values = "hiyou", .offsets = offsets, .valid = bits, .valid_offset = 7};

    (void)state;
    for (size_t row = 0; row < 3; row++) {
        assert_false(spine_column_is_null(&all, row));
        assert_int_equal(spine_column_is_null(&some, row), row == 2);
    }
    assert_int_equal(spine_column_bytes(&all, 0).size, 2);
    assert_int_equal(spine_column_bytes(&all, 1).size, 0);
    assert_int_equal(spine_column_bytes(&all, 2).size, 3);
    assert_memory_equal(spine_column_bytes(&all, 2).data, "you", 3);
}

/* In a null tuple everything is null, and what cannot be is zero. */
static void
null_tuples_are_zeros(void **state)
{
    (void)state;
    const struct spine_column in[] = {{.kind = SPINE_COLUMN_U8},
                                      {.kind = SPINE_COLUMN_STRING},
                                      {.kind = SPINE_COLUMN_STRING, .nullable = true}};
    const uint8_t seven = 7, none = 0;
    const uint64_t offsets[] = {0, 2};
    struct spine_tuple_type *inner;
    const struct spine_column_data data[] = {{.values = &seven},
                                             {.values = "ab", .offsets = offsets},
                                             {.values = "ab", .offsets = offsets}};

    assert_int_equal(spine_tuple_type_new(in, 3, &inner, &told), SPINE_OK);
    const struct spine_column outer = {.kind = SPINE_COLUMN_TUPLE,
                                       .tuple = inner,
                                       .nullable = true,
                                       .order = SPINE_DESCENDING};
    const struct spine_column_data whole[] = {{.columns = data}},
                                   null[] = {{.columns = data, .valid = &none}};
    struct spine_tuple_type *type;

    assert_int_equal(spine_tuple_type_new(&outer, 1, &type, &told), SPINE_OK);
    spine_tuple_type_unref(inner);

    const struct spine_schema schema = {.key = {SPINE_BYTES, 0}, .key_tuple = type};
    const struct spine_tuple_rows there = {.rows = 1, .keys = whole},
                                  missing = {.rows = 1, .keys = null};
    struct spine_tuple_page *page;
    struct spine_columns cells;

    assert_int_equal(spine_tuple_page_new(&page, &told), SPINE_OK);
    assert_int_equal(spine_tuple_encode(page, &schema, &there, &cells, &told), SPINE_OK);
    assert_int_equal(cells.key_offsets[1], 11);
    assert_memory_equal(cells.keys, "\x01\xf8\x9e\x9d\xff\xff\xfe\x9e\x9d\xff\xff", 11);
    assert_int_equal(spine_tuple_encode(page, &schema, &missing, &cells, &told),
                     SPINE_OK);
    assert_int_equal(cells.key_offsets[1], 5);
    assert_memory_equal(cells.keys, "\x00\xff\xff\xff\xff", 5);
    spine_tuple_page_free(page);
    spine_tuple_type_unref(type);
}

static void
columns_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    const struct spine_column columns[] = {{.name = "a", .kind = SPINE_COLUMN_U8},
                                           {.name = "b", .kind = SPINE_COLUMN_STRING}};
    const uint8_t bytes[2] = {1, 2}, second_is_null = 1;
    const uint64_t offsets[] = {0, 2, 1};
    struct spine_column_data data[] = {{.values = bytes}, {.values = "hi"}};
    const struct spine_tuple_rows rows = {.rows = 2, .keys = data};
    struct spine_batch *batch;
    struct world world;

    world_init(&world, columns, 2);
    assert_int_equal(spine_batch_from_tuples(&world.schema, &rows, &batch, &told),
                     SPINE_INVALID);
    assert_string_equal(told.message, "key, column 1 (b): offsets is NULL");
    data[1].offsets = offsets;
    assert_int_equal(spine_batch_from_tuples(&world.schema, &rows, &batch, &told),
                     SPINE_INVALID);
    assert_string_equal(told.message,
                        "key, column 1 (b): row 1 goes from 2 to 1; the most "
                        "is 268435456 bytes");
    data[0].valid = &second_is_null;
    assert_int_equal(spine_batch_from_tuples(&world.schema, &rows, &batch, &told),
                     SPINE_INVALID);
    assert_string_equal(told.message,
                        "key, column 0 (a): row 1 is null, which it may not be");
    data[0] = (struct spine_column_data){0};
    assert_int_equal(spine_batch_from_tuples(&world.schema, &rows, &batch, &told),
                     SPINE_INVALID);
    assert_string_equal(told.message, "key, column 0 (a): values is NULL");
    assert_null(batch);
    world_release(&world);
}

/* Of cells that were not made from tuples. */
static void
cells_that_are_no_tuples_are_refused(void **state)
{
    (void)state;
    const struct spine_column columns[] = {{.kind = SPINE_COLUMN_STRING},
                                           {.kind = SPINE_COLUMN_U8, .nullable = true}};
    static const struct {
        const char *hex;
        const char *message;
    } cases[] = {
        {"61 62", "the cell of row 0 is no tuple: a string has no end"},
        {"61 00", "the cell of row 0 is no tuple: a string has no end"},
        {"61 00 01", "the cell of row 0 is no tuple: a string has no end"},
        {"61 00 00", "the cell of row 0 is no tuple: it ends inside a column"},
        {"00 00 01", "the cell of row 0 is no tuple: it ends inside a column"},
        {"00 00 03 00",
         "the cell of row 0 is no tuple: what says whether a value is null "
         "is neither"},
        {"00 00 01 05 00",
         "the cell of row 0 is no tuple: there are bytes behind the last column"},
    };
    struct world world;

    world_init(&world, columns, 2);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[16];
        const uint64_t offsets[] = {0, bytes_of_hex(cases[i].hex, bytes, sizeof bytes)};
        const struct spine_columns cells = {
            .rows = 1, .keys = bytes, .key_offsets = offsets};
        struct spine_tuple_rows rows;
        struct spine_cursor *cursor;
        struct spine_batch *batch;

        assert_int_equal(
            spine_tuple_decode(world.page, &world.schema, &cells, &rows, &told),
            SPINE_CORRUPT);
        assert_string_equal(told.message, cases[i].message);

        assert_int_equal(spine_batch_from_columns(&world.schema, &cells, &batch, &told),
                         SPINE_OK);
        assert_int_equal(spine_batch_cursor(batch, &cursor, &told), SPINE_OK);
        assert_int_equal(spine_cursor_read_tuples(cursor, world.page, 10, &rows), 0);
        assert_int_equal(spine_cursor_error(cursor, &told), SPINE_CORRUPT);
        assert_string_equal(told.message, cases[i].message);
        spine_cursor_close(cursor);
        spine_batch_unref(batch);
    }
    world_release(&world);
}

/* Rows that are longer than a piece has room for, beside values without a type. */
static void
long_rows_are_read(void **state)
{
    (void)state;
    enum { ROWS = 5, BYTES = 1000000 };
    const struct spine_column column = {.kind = SPINE_COLUMN_BINARY};
    char *const text = calloc(ROWS, BYTES);
    const uint64_t offsets[ROWS + 1] = {0,         BYTES,     2 * BYTES,
                                        3 * BYTES, 4 * BYTES, 5 * BYTES};
    const struct spine_column_data keys = {.values = text, .offsets = offsets},
                                   values = {.values = "abcde",
                                             .offsets = (uint64_t[]){0, 1, 2, 3, 4, 5}};
    const struct spine_tuple_rows rows = {.rows = ROWS, .keys = &keys, .values = &values};
    struct spine_tuple_rows read;
    struct spine_cursor *cursor;
    struct spine_batch *batch;
    struct world world;

    for (size_t i = 0; i < ROWS; i++)
        text[i * BYTES + BYTES - 1] = (char)i;
    world_init(&world, &column, 1);
    world.schema.value.kind = SPINE_BYTES;
    assert_int_equal(spine_batch_from_tuples(&world.schema, &rows, &batch, &told),
                     SPINE_OK);
    assert_int_equal(spine_batch_cursor(batch, &cursor, &told), SPINE_OK);
    assert_int_equal(spine_cursor_read_tuples(cursor, world.page, 100, &read), ROWS);
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    assert_memory_equal(read.keys[0].values, text, (size_t)ROWS * BYTES);
    assert_memory_equal(read.values[0].values, "abcde", 5);
    assert_int_equal(read.values[0].offsets[5], 5);
    assert_null(read.times);
    assert_int_equal(spine_cursor_read_tuples(cursor, world.page, 100, &read), 0);
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    spine_cursor_close(cursor);
    spine_batch_unref(batch);
    free(text);
    world_release(&world);
}

/* Strings of every size up to 80 bytes with a zero at every place, before a number and as
 * the last column: where one ends that has zeros cannot be told by them. */
static void
zeros_in_strings_are_read(void **state)
{
    (void)state;
    enum { SIZES = 80, ROWS = SIZES * (SIZES + 1) / 2 };
    static char text[ROWS * SIZES];
    static uint64_t offsets[ROWS + 1];
    static int64_t numbers[ROWS];
    const struct spine_column columns[] = {{.kind = SPINE_COLUMN_BINARY},
                                           {.kind = SPINE_COLUMN_I64}};
    const struct spine_column_data keys[] = {{.values = text, .offsets = offsets},
                                             {.values = numbers}};
    const struct spine_tuple_rows rows = {.rows = ROWS, .keys = keys};
    size_t row = 0, at = 0;

    for (size_t size = 1; size <= SIZES; size++)
        for (size_t zero = 0; zero < size; zero++, row++) {
            memset(text + at, 'a' + (int)(size % 20), size);
            text[at + zero] = 0;
            at += size;
            offsets[row + 1] = at;
            numbers[row] = (int64_t)row * (row % 2 == 0 ? 1 : -256);
        }
    assert_int_equal(row, ROWS);
    for (size_t count = 1; count <= 2; count++) {
        struct spine_tuple_rows read = {.rows = 0};
        struct spine_columns cells;
        struct world world;

        world_init(&world, columns, count);
        assert_int_equal(
            spine_tuple_encode(world.page, &world.schema, &rows, &cells, &told),
            SPINE_OK);
        struct spine_tuple_page *page;
        assert_int_equal(spine_tuple_page_new(&page, &told), SPINE_OK);
        if (spine_tuple_decode(page, &world.schema, &cells, &read, &told) != SPINE_OK)
            fail_msg("%s", told.message);
        assert_int_equal(read.rows, ROWS);
        assert_memory_equal(read.keys[0].offsets, offsets, sizeof offsets);
        assert_memory_equal(read.keys[0].values, text, at);
        if (count == 2)
            assert_memory_equal(read.keys[1].values, numbers, sizeof numbers);
        spine_tuple_page_free(page);
        world_release(&world);
    }
}

/* More times of a value than a piece has rows. */
static void
many_times_are_read(void **state)
{
    (void)state;
    enum { TIMES = 5000 };
    static uint8_t ones[TIMES];
    static uint64_t times[TIMES];
    const struct spine_column column = {.kind = SPINE_COLUMN_U8};
    const struct spine_column_data keys = {.values = ones};
    const struct spine_tuple_rows rows = {.rows = TIMES, .keys = &keys, .times = times};
    struct spine_tuple_rows read;
    struct spine_cursor *cursor;
    struct spine_batch *batch;
    struct world world;

    for (size_t i = 0; i < TIMES; i++)
        times[i] = i;
    world_init(&world, &column, 1);
    world.schema.time = SPINE_TIME_U64;
    assert_int_equal(spine_batch_from_tuples(&world.schema, &rows, &batch, &told),
                     SPINE_OK);
    assert_int_equal(spine_batch_cursor(batch, &cursor, &told), SPINE_OK);
    assert_int_equal(spine_cursor_read_tuples(cursor, world.page, TIMES - 1, &read), 0);
    assert_int_equal(spine_cursor_status(cursor), SPINE_INVALID);
    assert_int_equal(spine_cursor_read_tuples(cursor, world.page, TIMES, &read), TIMES);
    assert_memory_equal(read.times, times, sizeof times);
    assert_int_equal(read.weights[TIMES - 1], 1);
    spine_cursor_close(cursor);
    spine_batch_unref(batch);
    world_release(&world);
}

/* The rows of a probe as columns, by keys that are columns. */
static void
probes_give_columns(void **state)
{
    (void)state;
    const struct spine_column columns[] = {{.kind = SPINE_COLUMN_U64},
                                           {.kind = SPINE_COLUMN_I32}};
    const uint64_t ids[] = {1, 2, 2, 3};
    const int32_t days[] = {-1, -1, 5, 0};
    const struct spine_column_data keys[] = {{.values = ids}, {.values = days}};
    const struct spine_tuple_rows rows = {.rows = 4, .keys = keys, .values = keys};
    const struct spine_column_data sought[] = {{.values = ids + 1}, {.values = days + 1}};
    const struct spine_tuple_rows wanted = {.rows = 2, .keys = sought};
    struct spine_probe_rows found;
    struct spine_tuple_rows values;
    struct spine_snapshot *snapshot;
    struct spine_columns cells;
    struct spine_probe *probe;
    struct spine_batch *batch;
    struct world world;

    world_init(&world, columns, 2);
    world.schema.value = world.schema.key;
    world.schema.value_tuple = world.type;
    assert_int_equal(spine_batch_from_tuples(&world.schema, &rows, &batch, &told),
                     SPINE_OK);
    assert_int_equal(
        spine_snapshot_of_batches(&world.schema, &batch, 1, &snapshot, &told), SPINE_OK);
    assert_int_equal(spine_probe_new(&probe, &told), SPINE_OK);
    assert_int_equal(
        spine_tuple_encode(world.page, &world.schema, &wanted, &cells, &told), SPINE_OK);
    assert_int_equal(spine_snapshot_probe(snapshot, probe, &cells, NULL, &found, &told),
                     SPINE_OK);
    assert_int_equal(found.found, 2);
    assert_int_equal(
        spine_tuple_decode(world.page, &world.schema, &found.columns, &values, &told),
        SPINE_OK);
    assert_int_equal(values.rows, 2);
    assert_null(values.keys);
    assert_memory_equal(values.values[0].values, ids + 1, 16);
    assert_memory_equal(values.values[1].values, days + 1, 8);
    spine_probe_free(probe);
    spine_snapshot_unref(snapshot);
    spine_batch_unref(batch);
    world_release(&world);
}

enum { MANY_ROWS = 1300, TEXT_MAX = 70 };

/* Rows of all columns that the tuples below have. */
struct texts {
    uint8_t *bytes;
    uint64_t offsets[MANY_ROWS + 1];
    int64_t numbers[MANY_ROWS];
    uint8_t small[MANY_ROWS];
};

/* Of sizes up to `size_max`; every `zero_step`-th has a zero. There are no more bytes,
 * for whoever watches reads. */
static void
texts_init(struct texts *texts, size_t size_max, size_t zero_step)
{
    texts->bytes = test_malloc(MANY_ROWS * size_max + 1);
    texts->offsets[0] = 0;
    for (size_t i = 0; i < MANY_ROWS; i++) {
        const uint64_t begin = texts->offsets[i], size = i * 31 % (size_max + 1);

        for (uint64_t at = begin; at < begin + size; at++)
            texts->bytes[at] = (uint8_t)(1 + (at * 7 + i) % 255);
        if (i % zero_step == zero_step - 1 && size > 0)
            texts->bytes[begin + size / 2] = 0;
        texts->offsets[i + 1] = begin + size;
        texts->numbers[i] = (int64_t)(i * UINT64_C(0x9e3779b97f4a7c15));
        texts->small[i] = (uint8_t)i;
    }
    texts->bytes = test_realloc(texts->bytes, texts->offsets[MANY_ROWS] + 1);
}

/* Row `row` of all rows is encoded as it is alone. */
static void
expect_rows(const struct spine_column *columns, size_t count, const struct texts *texts)
{
    struct spine_column_data data[4], alone[4];
    struct spine_tuple_rows rows = {.rows = MANY_ROWS, .keys = data};
    struct spine_columns many, one;
    struct world world, other;

    world_init(&world, columns, count);
    assert_int_equal(spine_tuple_page_new(&other.page, &told), SPINE_OK);
    for (size_t i = 0; i < count; i++)
        data[i] =
            columns[i].kind == SPINE_COLUMN_STRING
                ? (struct spine_column_data){.values = texts->bytes,
                                             .offsets = texts->offsets}
                : (struct spine_column_data){.values = columns[i].kind == SPINE_COLUMN_I64
                                                           ? (const void *)texts->numbers
                                                           : (const void *)texts->small};
    assert_int_equal(spine_tuple_encode(world.page, &world.schema, &rows, &many, &told),
                     SPINE_OK);
    rows = (struct spine_tuple_rows){.rows = 1, .keys = alone};
    for (size_t row = 0; row < MANY_ROWS; row++) {
        for (size_t i = 0; i < count; i++) {
            alone[i] = data[i];
            if (columns[i].kind == SPINE_COLUMN_STRING)
                alone[i].offsets += row;
            else
                alone[i].values = (const uint8_t *)alone[i].values +
                                  row * (columns[i].kind == SPINE_COLUMN_I64 ? 8 : 1);
        }
        assert_int_equal(
            spine_tuple_encode(other.page, &world.schema, &rows, &one, &told), SPINE_OK);
        assert_int_equal(many.key_offsets[row + 1] - many.key_offsets[row],
                         one.key_offsets[1]);
        assert_memory_equal((const uint8_t *)many.keys + many.key_offsets[row], one.keys,
                            one.key_offsets[1]);
    }
    spine_tuple_page_free(other.page);
    world_release(&world);
}

/* Strings are copied as more bytes than they have, where what follows is written over
 * these. */
static void
many_strings_are_encoded_as_each(void **state)
{
    static const struct spine_column text = {.kind = SPINE_COLUMN_STRING},
                                     maybe = {.kind = SPINE_COLUMN_STRING,
                                              .nullable = true},
                                     falling = {.kind = SPINE_COLUMN_STRING,
                                                .order = SPINE_DESCENDING},
                                     number = {.kind = SPINE_COLUMN_I64},
                                     small = {.kind = SPINE_COLUMN_U8};
    static const size_t sizes[] = {1, 20, TEXT_MAX}, steps[] = {1, 700, MANY_ROWS + 1};
    static struct texts texts;

    (void)state;
    for (size_t s = 0; s < 3; s++)
        for (size_t z = 0; z < 3; z++) {
            texts_init(&texts, sizes[s], steps[z]);
            expect_rows((struct spine_column[]){text, number}, 2, &texts);
            expect_rows((struct spine_column[]){text}, 1, &texts);
            expect_rows((struct spine_column[]){maybe, small}, 2, &texts);
            expect_rows((struct spine_column[]){falling, small}, 2, &texts);
            expect_rows((struct spine_column[]){small, text, number}, 3, &texts);
            expect_rows((struct spine_column[]){text, small, text}, 3, &texts);
            test_free(texts.bytes);
        }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_strings_are_encoded_as_each),
        cmocka_unit_test(bytes_are_those_that_are_published),
        cmocka_unit_test(rows_of_columns_are_read),
        cmocka_unit_test(null_tuples_are_zeros),
        cmocka_unit_test(columns_that_make_no_sense_are_refused),
        cmocka_unit_test(cells_that_are_no_tuples_are_refused),
        cmocka_unit_test(long_rows_are_read),
        cmocka_unit_test(zeros_in_strings_are_read),
        cmocka_unit_test(many_times_are_read),
        cmocka_unit_test(probes_give_columns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
