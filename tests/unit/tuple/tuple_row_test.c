/* SPDX-License-Identifier: MIT */

/*
 * One tuple at a time: the bytes that spine/tuple.h publishes, what a writer refuses and
 * why, and what a reader takes for no tuple.
 */

#include "spine/spine.h"
#include "tuple_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct spine_error told;

struct world {
    struct spine_tuple_type *type;
    struct spine_tuple_writer *writer;
    struct spine_tuple_reader *reader;
};

static void
world_init(struct world *world, const struct spine_column *columns, size_t count)
{
    assert_int_equal(spine_tuple_type_new(columns, count, &world->type, &told), SPINE_OK);
    assert_int_equal(spine_tuple_writer_new(world->type, &world->writer, &told),
                     SPINE_OK);
    assert_int_equal(spine_tuple_reader_new(world->type, &world->reader, &told),
                     SPINE_OK);
}

static void
world_release(struct world *world)
{
    spine_tuple_writer_free(world->writer);
    spine_tuple_reader_free(world->reader);
    spine_tuple_type_unref(world->type);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static union spine_datum
finish(struct world *world)
{
    union spine_datum cell;

    assert_int_equal(spine_tuple_finish(world->writer, &cell, &told), SPINE_OK);
    return cell;
}

/* What was put is refused, for this reason; then the writer is as new. */
static void
refuses(struct world *world, enum spine_status status, const char *message)
{
    union spine_datum cell;

    assert_int_equal(spine_tuple_finish(world->writer, &cell, &told), status);
    assert_int_equal(told.status, status);
    assert_string_equal(told.message, message);
    assert_null(cell.bytes.data);
    assert_int_equal(cell.bytes.size, 0);
}

static const struct spine_tuple_value *
values_of(struct world *world, union spine_datum cell)
{
    const struct spine_tuple_value *values;

    assert_int_equal(spine_tuple_read(world->reader, cell, &values, &told), SPINE_OK);
    return values;
}

static void
words(void **state)
{
    const struct spine_column columns[] = {{.kind = SPINE_COLUMN_U32},
                                           {.kind = SPINE_COLUMN_I16}};
    const struct spine_tuple_value *values;
    struct world world;
    union spine_datum cell;

    (void)state;
    world_init(&world, columns, 2);
    spine_tuple_put_u64(world.writer, 7);
    spine_tuple_put_i64(world.writer, -2);
    cell = finish(&world);
    assert_int_equal(cell.u64, 0x000000077ffe);
    /* It has its kind, and is read without, too. */
    values = values_of(&world, cell);
    assert_int_equal(values[0].as.u64, 7);
    assert_int_equal(values[1].as.i64, -2);
    cell = (union spine_datum){{0, 0}};
    cell.u64 = 0x8000;
    values = values_of(&world, cell);
    assert_int_equal(values[0].as.u64, 0);
    assert_int_equal(values[1].as.i64, 0);
    world_release(&world);
}

static void
strings(void **state)
{
    const struct spine_column columns[] = {{.kind = SPINE_COLUMN_STRING},
                                           {.kind = SPINE_COLUMN_U8, .nullable = true}};
    const struct spine_tuple_value *values;
    struct world world;
    union spine_datum cell;
    uint8_t wanted[16];

    (void)state;
    world_init(&world, columns, 2);
    spine_tuple_put_bytes(world.writer, "hi\0", 3);
    spine_tuple_put_null(world.writer);
    cell = finish(&world);
    assert_int_equal(cell.bytes.size,
                     bytes_of_hex("68 69 00 ff 00 00 00 00", wanted, 16));
    assert_memory_equal(cell.bytes.data, wanted, cell.bytes.size);
    values = values_of(&world, cell);
    assert_int_equal(values[0].kind, SPINE_COLUMN_STRING);
    assert_int_equal(values[0].as.bytes.size, 3);
    assert_memory_equal(values[0].as.bytes.data, "hi\0", 3);
    assert_true(values[1].is_null);
    assert_int_equal(values[1].as.u64, 0);
    /* A shorter one, after a longer one. */
    spine_tuple_put_bytes(world.writer, "a", 1);
    spine_tuple_put_u64(world.writer, 255);
    values = values_of(&world, finish(&world));
    assert_int_equal(values[0].as.bytes.size, 1);
    assert_int_equal(values[1].as.u64, 255);
    world_release(&world);
}

/* (i8, nullable (string, nullable (bool))) */
static void
nested(void **state)
{
    const struct spine_column inmost[] = {{.kind = SPINE_COLUMN_BOOL}};
    struct spine_column inner[] = {{.kind = SPINE_COLUMN_STRING},
                                   {.kind = SPINE_COLUMN_TUPLE, .nullable = true}};
    struct spine_column outer[] = {{.kind = SPINE_COLUMN_I8},
                                   {.kind = SPINE_COLUMN_TUPLE, .nullable = true}};
    struct spine_tuple_type *of_one, *of_two;
    const struct spine_tuple_value *values;
    struct world world;

    (void)state;
    assert_int_equal(spine_tuple_type_new(inmost, 1, &of_one, NULL), SPINE_OK);
    inner[1].tuple = of_one;
    assert_int_equal(spine_tuple_type_new(inner, 2, &of_two, NULL), SPINE_OK);
    outer[1].tuple = of_two;
    world_init(&world, outer, 2);
    spine_tuple_put_i64(world.writer, -128);
    spine_tuple_begin(world.writer);
    spine_tuple_put_bytes(world.writer, "x", 1);
    spine_tuple_begin(world.writer);
    spine_tuple_put_bool(world.writer, true);
    spine_tuple_end(world.writer);
    spine_tuple_end(world.writer);
    values = values_of(&world, finish(&world));
    assert_int_equal(values[0].as.i64, -128);
    values = values[1].as.columns;
    assert_memory_equal(values[0].as.bytes.data, "x", 1);
    assert_true(values[1].as.columns[0].as.truth);

    spine_tuple_put_i64(world.writer, 127);
    spine_tuple_put_null(world.writer);
    values = values_of(&world, finish(&world));
    assert_true(values[1].is_null);
    assert_null(values[1].as.columns);

    spine_tuple_put_i64(world.writer, 1);
    spine_tuple_begin(world.writer);
    spine_tuple_put_bytes(world.writer, "x", 1);
    spine_tuple_end(world.writer);
    refuses(&world, SPINE_MISUSE, "column 1 is missing at the end of its tuple");
    spine_tuple_put_i64(world.writer, 1);
    spine_tuple_begin(world.writer);
    refuses(&world, SPINE_MISUSE, "column 0 is in a tuple that has not ended");
    spine_tuple_end(world.writer);
    refuses(&world, SPINE_MISUSE, "column 0 is no end of a tuple: none has begun");
    spine_tuple_begin(world.writer);
    refuses(&world, SPINE_INVALID, "column 0 is no tuple");
    spine_tuple_type_unref(of_one);
    spine_tuple_type_unref(of_two);
    world_release(&world);
}

/* As many as a type may have, one in the other. */
static void
deep(void **state)
{
    struct spine_column column = {.kind = SPINE_COLUMN_U16};
    struct spine_tuple_type *type = NULL;
    const struct spine_tuple_value *values;
    struct world world;
    unsigned depth = 0;

    (void)state;
    for (struct spine_tuple_type *next;
         spine_tuple_type_new(&column, 1, &next, NULL) == SPINE_OK; depth++) {
        spine_tuple_type_unref(type);
        type = next;
        column = (struct spine_column){.kind = SPINE_COLUMN_TUPLE, .tuple = type};
    }
    assert_int_equal(depth, SPINE_TUPLE_DEPTH_MAX);
    world_init(&world, spine_tuple_type_column(type, 0), 1);
    for (unsigned i = 1; i < depth; i++)
        spine_tuple_begin(world.writer);
    spine_tuple_put_u64(world.writer, 65535);
    for (unsigned i = 1; i < depth; i++)
        spine_tuple_end(world.writer);
    values = values_of(&world, finish(&world));
    for (unsigned i = 1; i < depth; i++)
        values = values[0].as.columns;
    assert_int_equal(values[0].as.u64, 65535);
    spine_tuple_type_unref(type);
    world_release(&world);
}

/* A value of each sort, for a column of each kind: taken by those that are of it. */
static void
kinds(void **state)
{
    static const char *const takers[] = {
        [SPINE_COLUMN_BOOL] = "b",   [SPINE_COLUMN_I8] = "i",
        [SPINE_COLUMN_I16] = "i",    [SPINE_COLUMN_I32] = "i",
        [SPINE_COLUMN_I64] = "i",    [SPINE_COLUMN_U8] = "u",
        [SPINE_COLUMN_U16] = "u",    [SPINE_COLUMN_U32] = "u",
        [SPINE_COLUMN_U64] = "u",    [SPINE_COLUMN_F32] = "f",
        [SPINE_COLUMN_F64] = "d",    [SPINE_COLUMN_DATE32] = "i",
        [SPINE_COLUMN_TIME] = "i",   [SPINE_COLUMN_TIMESTAMP] = "i",
        [SPINE_COLUMN_FIXED] = "s",  [SPINE_COLUMN_DECIMAL128] = "s",
        [SPINE_COLUMN_STRING] = "s", [SPINE_COLUMN_BINARY] = "s",
    };

    (void)state;
    for (int kind = SPINE_COLUMN_BOOL; kind <= SPINE_COLUMN_BINARY; kind++) {
        const struct spine_column column = {.kind = (enum spine_column_kind)kind,
                                            .size = kind == SPINE_COLUMN_FIXED ? 16 : 0,
                                            .precision =
                                                kind == SPINE_COLUMN_DECIMAL128 ? 38 : 0};
        struct world world;

        world_init(&world, &column, 1);
        for (const char *sort = "biufds"; *sort != '\0'; sort++) {
            union spine_datum cell;

            if (*sort == 'b')
                spine_tuple_put_bool(world.writer, true);
            else if (*sort == 'i')
                spine_tuple_put_i64(world.writer, 1);
            else if (*sort == 'u')
                spine_tuple_put_u64(world.writer, 1);
            else if (*sort == 'f')
                spine_tuple_put_f32(world.writer, 1);
            else if (*sort == 'd')
                spine_tuple_put_f64(world.writer, 1);
            else
                spine_tuple_put_bytes(world.writer, "0123456789abcdef", 16);
            assert_int_equal(spine_tuple_finish(world.writer, &cell, &told),
                             *sort == takers[kind][0] ? SPINE_OK : SPINE_INVALID);
        }
        spine_tuple_put_null(world.writer);
        refuses(&world, SPINE_INVALID, "column 0 is null, which it may not be");
        world_release(&world);
    }
}

static void
limits(void **state)
{
    const struct spine_column columns[] = {
        {.name = "small", .kind = SPINE_COLUMN_I8},
        {.name = "unit", .kind = SPINE_COLUMN_U16},
        {.name = "code", .kind = SPINE_COLUMN_FIXED, .size = 3}};
    struct world world;

    (void)state;
    world_init(&world, columns, 3);
    spine_tuple_put_i64(world.writer, 128);
    /* The first failure counts. */
    spine_tuple_put_i64(world.writer, 1);
    refuses(&world, SPINE_INVALID, "column 0 (small) cannot hold 128");
    spine_tuple_put_i64(world.writer, -129);
    refuses(&world, SPINE_INVALID, "column 0 (small) cannot hold -129");
    spine_tuple_put_i64(world.writer, -128);
    spine_tuple_put_u64(world.writer, 65536);
    refuses(&world, SPINE_INVALID, "column 1 (unit) cannot hold 65536");
    spine_tuple_put_i64(world.writer, 127);
    spine_tuple_put_u64(world.writer, 65535);
    spine_tuple_put_bytes(world.writer, "abcd", 4);
    refuses(&world, SPINE_INVALID, "column 2 (code) has 3 bytes, not 4");
    spine_tuple_put_i64(world.writer, 127);
    refuses(&world, SPINE_MISUSE, "column 1 (unit) is missing");
    spine_tuple_put_i64(world.writer, 127);
    spine_tuple_put_u64(world.writer, 65535);
    spine_tuple_put_bytes(world.writer, "abc", 3);
    spine_tuple_put_bool(world.writer, true);
    refuses(&world, SPINE_MISUSE, "column 3 is one too many");
    spine_tuple_put_i64(world.writer, 127);
    spine_tuple_clear(world.writer);
    refuses(&world, SPINE_MISUSE, "column 0 (small) is missing");
    world_release(&world);
}

static void
no_tuples(void **state)
{
    const struct spine_column word = {.kind = SPINE_COLUMN_U16};
    const struct spine_column wide = {.kind = SPINE_COLUMN_DECIMAL128, .precision = 38};
    const struct spine_column columns[] = {{.kind = SPINE_COLUMN_STRING},
                                           {.kind = SPINE_COLUMN_U8}};
    const struct spine_tuple_value *values;
    struct world world;

    (void)state;
    world_init(&world, &word, 1);
    assert_int_equal(spine_tuple_read(world.reader, spine_i64(1), &values, &told),
                     SPINE_INVALID);
    assert_int_equal(spine_tuple_read(world.reader, spine_u64(65536), &values, &told),
                     SPINE_CORRUPT);
    assert_null(values);
    world_release(&world);
    world_init(&world, &wide, 1);
    assert_int_equal(spine_tuple_read(world.reader, spine_u64(1), &values, &told),
                     SPINE_INVALID);
    assert_int_equal(spine_tuple_read(world.reader, spine_data("a", 1), &values, &told),
                     SPINE_INVALID);
    world_release(&world);
    world_init(&world, columns, 2);
    assert_int_equal(
        spine_tuple_read(world.reader, spine_data("a\0\0", 3), &values, &told),
        SPINE_CORRUPT);
    assert_int_equal(
        spine_tuple_read(world.reader, spine_data("a\0\0\1\1", 5), &values, &told),
        SPINE_CORRUPT);
    assert_int_equal(
        spine_tuple_read(world.reader, spine_data("a\0\0\1", 4), &values, &told),
        SPINE_OK);
    assert_int_equal(values[1].as.u64, 1);
    world_release(&world);
}

/* Ascending and descending, in cells of words and of bytes. */
static void
bools_are_zero_or_one(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 4; kind++) {
        const bool descends = (kind & 1) != 0, is_bytes = (kind & 2) != 0;
        const struct spine_column columns[] = {
            {.kind = SPINE_COLUMN_BOOL,
             .order = descends ? SPINE_DESCENDING : SPINE_ASCENDING},
            {.kind = SPINE_COLUMN_STRING}};
        const struct spine_tuple_value *values;
        struct world world;

        world_init(&world, columns, is_bytes ? 2 : 1);
        for (unsigned byte = 0; byte < 256; byte++) {
            const char cell[3] = {(char)byte};
            const unsigned value = descends ? byte ^ 255 : byte;
            const union spine_datum datum =
                is_bytes ? spine_data(cell, 3) : spine_u64(byte);

            assert_int_equal(spine_tuple_read(world.reader, datum, &values, &told),
                             value <= 1 ? SPINE_OK : SPINE_CORRUPT);
            if (value <= 1)
                assert_int_equal(values[0].as.truth, value);
        }
        world_release(&world);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),     cmocka_unit_test(strings),
        cmocka_unit_test(nested),    cmocka_unit_test(deep),
        cmocka_unit_test(kinds),     cmocka_unit_test(limits),
        cmocka_unit_test(no_tuples), cmocka_unit_test(bools_are_zero_or_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
