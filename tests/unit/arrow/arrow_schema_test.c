/* SPDX-License-Identifier: MIT */

/*
 * Mappings: of schemas of Arrow, of schemas of rows, and as schemas of Arrow again, which
 * are released in whatever order.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "arrow_fixture.h"
#include "harness/fault_alloc.h"

static const char *const formats[] = {
    "b", "c", "C",   "s",   "S",    "i",       "I",          "l",    "L",
    "f", "g", "tdD", "tts", "ttm",  "ttu",     "ttn",        "w:3",  "u",
    "U", "z", "Z",   "+s",  "tss:", "tsm:UTC", "tsu:+01:30", "tsn:", "d:5,2",
};

enum { FORMATS = sizeof formats / sizeof formats[0] };

/* All formats as columns of these names, "a" and on; the first is not nullable. */
struct everything {
    char names[FORMATS][2];
    struct ArrowSchema fields[FORMATS];
    struct ArrowSchema *list[FORMATS];
    struct ArrowSchema inner[2];
    struct ArrowSchema *inner_list[2];
    struct ArrowSchema schema;
};

static void
make_everything(struct everything *all)
{
    all->inner[0] = fake_field("i", "one");
    all->inner[1] = fake_field("u", "two");
    all->inner_list[0] = &all->inner[0];
    all->inner_list[1] = &all->inner[1];
    for (size_t i = 0; i < FORMATS; i++) {
        all->names[i][0] = (char)('A' + i);
        all->names[i][1] = '\0';
        all->fields[i] = fake_field(formats[i], all->names[i]);
        all->list[i] = &all->fields[i];
        if (formats[i][0] != '+')
            continue;
        all->fields[i].n_children = 2;
        all->fields[i].children = all->inner_list;
    }
    all->fields[0].flags = 0;
    all->schema = fake_struct(all->list, FORMATS);
}

static void
check_schemas_equal(const struct ArrowSchema *a, const struct ArrowSchema *b)
{
    assert_string_equal(a->format, b->format);
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->n_children, b->n_children);
    assert_null(a->dictionary);
    for (int64_t i = 0; i < a->n_children; i++)
        check_schemas_equal(a->children[i], b->children[i]);
}

/* In by names, in no order, and out as it came in, but for the weight. */
static void
round_trip(void **state)
{
    static const char *const keys[] = {"R", "D", "V"};
    static const char *const weights[] = {"H"};
    static const enum spine_tuple_order orders[] = {
        SPINE_ASCENDING, SPINE_DESCENDING_NULLS_LAST, SPINE_ASCENDING};
    const struct spine_arrow_columns columns = {.key_names = keys,
                                                .key_count = 3,
                                                .key_orders = orders,
                                                .weight_names = weights,
                                                .weight_count = 1,
                                                .time_name = "I"};
    struct spine_arrow_mapping *mapping;
    struct everything all;
    struct ArrowSchema out;
    struct spine_error error;

    (void)state;
    make_everything(&all);
    released = 0;
    assert_int_equal(spine_arrow_mapping_new(&all.schema, &columns, &mapping, &error),
                     SPINE_OK);
    assert_int_equal(released, 0);
    const struct spine_schema *const schema = spine_arrow_mapping_schema(mapping);
    assert_int_equal(spine_tuple_type_count(schema->key_tuple), 3);
    assert_int_equal(spine_tuple_type_count(schema->value_tuple), FORMATS - 5);
    const struct spine_column *const column =
        spine_tuple_type_column(schema->key_tuple, 1);
    assert_string_equal(column->name, "D");
    assert_int_equal(column->kind, SPINE_COLUMN_I16);
    assert_int_equal(column->order, SPINE_DESCENDING_NULLS_LAST);
    assert_int_equal(schema->time, SPINE_TIME_U64);

    assert_int_equal(spine_arrow_schema(mapping, &out, &error), SPINE_OK);
    spine_arrow_mapping_free(mapping);
    check_schemas_equal(&out, &all.schema);
    out.release(&out);
    assert_null(out.release);

    /* By numbers; views and dictionaries go out as what they stand for. */
    const size_t first[] = {0};
    const struct spine_arrow_columns by_number = {.key_indexes = first, .key_count = 1};
    struct ArrowSchema shorts = fake_field("s", "");
    all.fields[1] = fake_field("vu", "view");
    all.fields[2].dictionary = &shorts;
    all.schema.n_children = 3;
    assert_int_equal(spine_arrow_mapping_new(&all.schema, &by_number, &mapping, &error),
                     SPINE_OK);
    assert_int_equal(spine_arrow_schema(mapping, &out, &error), SPINE_OK);
    assert_int_equal(out.n_children, 4);
    assert_string_equal(out.children[1]->format, "u");
    assert_string_equal(out.children[2]->format, "s");
    assert_string_equal(out.children[3]->format, "l");
    assert_string_equal(out.children[3]->name, "weight");
    assert_int_equal(out.children[3]->flags, 0);
    out.release(&out);
    spine_arrow_mapping_free(mapping);
}

/* A child that is moved elsewhere outlives its parent. */
static void
moved_children(void **state)
{
    const size_t bytes = spine_allocated_bytes();
    struct ArrowSchema out, moved, deep;
    struct spine_arrow_mapping *mapping;
    struct everything all;

    (void)state;
    make_everything(&all);
    mapping = map_first(&all.schema);
    assert_int_equal(spine_arrow_schema(mapping, &out, NULL), SPINE_OK);
    spine_arrow_mapping_free(mapping);
    moved = *out.children[21];
    out.children[21]->release = NULL;
    out.release(&out);
    assert_string_equal(moved.name, "V");
    deep = *moved.children[1];
    moved.children[1]->release = NULL;
    moved.release(&moved);
    assert_string_equal(deep.format, "u");
    assert_string_equal(deep.name, "two");
    deep.release(&deep);
    assert_int_equal(spine_allocated_bytes(), bytes);
}

static void
of_plain_schemas(void **state)
{
    static const struct {
        struct spine_type type;
        const char *format;
    } cells[] = {{{SPINE_U64, 0}, "L"},  {{SPINE_I64, 0}, "l"}, {{SPINE_U32, 0}, "I"},
                 {{SPINE_I32, 0}, "i"},  {{SPINE_F64, 0}, "g"}, {{SPINE_FIXED, 7}, "w:7"},
                 {{SPINE_BYTES, 0}, "Z"}};
    struct spine_arrow_mapping *mapping;
    struct ArrowSchema out;

    (void)state;
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        const struct spine_schema schema = {
            .key = cells[i].type, .weight_count = 2, .time = SPINE_TIME_PAIR};

        assert_int_equal(spine_arrow_mapping_of_schema(&schema, &mapping, NULL),
                         SPINE_OK);
        assert_true(spine_schema_equal(&schema, spine_arrow_mapping_schema(mapping)));
        assert_int_equal(spine_arrow_schema(mapping, &out, NULL), SPINE_OK);
        assert_int_equal(out.n_children, 4);
        assert_string_equal(out.children[0]->name, "key");
        assert_string_equal(out.children[0]->format, cells[i].format);
        assert_string_equal(out.children[1]->name, "time");
        assert_string_equal(out.children[1]->format, "L");
        assert_string_equal(out.children[2]->name, "weight_0");
        assert_string_equal(out.children[3]->name, "weight_1");
        assert_string_equal(out.children[3]->format, "l");
        out.release(&out);
        spine_arrow_mapping_free(mapping);
    }
}

/* Columns without names get some. */
static void
of_tuples(void **state)
{
    const struct spine_column inner[] = {{.kind = SPINE_COLUMN_U8}};
    struct spine_tuple_type *type, *nested;
    struct spine_arrow_mapping *mapping;
    struct ArrowSchema out;

    (void)state;
    assert_int_equal(spine_tuple_type_new(inner, 1, &type, NULL), SPINE_OK);
    const struct spine_column columns[] = {
        {.kind = SPINE_COLUMN_STRING, .name = "s"},
        {.kind = SPINE_COLUMN_TUPLE, .tuple = type, .nullable = true}};
    assert_int_equal(spine_tuple_type_new(columns, 2, &nested, NULL), SPINE_OK);
    const struct spine_schema schema = {.key = {SPINE_U64, 0},
                                        .key_tuple = type,
                                        .value = {SPINE_BYTES, 0},
                                        .value_tuple = nested};
    assert_int_equal(spine_arrow_mapping_of_schema(&schema, &mapping, NULL), SPINE_OK);
    spine_tuple_type_unref(type);
    spine_tuple_type_unref(nested);
    assert_int_equal(spine_arrow_schema(mapping, &out, NULL), SPINE_OK);
    assert_int_equal(out.n_children, 4);
    assert_string_equal(out.children[0]->name, "key_0");
    assert_string_equal(out.children[1]->name, "s");
    assert_string_equal(out.children[1]->format, "U");
    assert_string_equal(out.children[2]->name, "value_1");
    assert_int_equal(out.children[2]->flags, ARROW_FLAG_NULLABLE);
    assert_string_equal(out.children[2]->children[0]->name, "column_0");
    out.release(&out);
    spine_arrow_mapping_free(mapping);
}

static void
check_names(const struct spine_arrow_mapping *mapping, const char *const *names,
            int64_t count)
{
    struct ArrowSchema out;

    assert_int_equal(spine_arrow_schema(mapping, &out, NULL), SPINE_OK);
    assert_int_equal(out.n_children, count);
    for (int64_t i = 0; i < count; i++)
        assert_string_equal(out.children[i]->name, names[i]);
    out.release(&out);
}

/* Key and value may have columns of the same name, and one that is called as a column
 * that is added: in records no two names are the same. */
static void
names_differ(void **state)
{
    static const char *const wanted[] = {"id",   "weight", "id_2",    "id_1",
                                         "time", "time_5", "weight_6"},
                             *const added[] = {"id", "weight", "id", "weight_3"};
    const struct spine_column keys[] = {{.kind = SPINE_COLUMN_U8, .name = "id"},
                                        {.kind = SPINE_COLUMN_U8, .name = "weight"}},
                              values[] = {{.kind = SPINE_COLUMN_U8, .name = "id"},
                                          {.kind = SPINE_COLUMN_U8, .name = "id_1"},
                                          {.kind = SPINE_COLUMN_U8, .name = "time"}};
    struct ArrowSchema fields[3] = {fake_field("L", "id"), fake_field("u", "weight"),
                                    fake_field("l", "id")};
    struct ArrowSchema *list[3] = {&fields[0], &fields[1], &fields[2]};
    const struct ArrowSchema records = fake_struct(list, 3);
    struct spine_tuple_type *key, *value;
    struct spine_arrow_mapping *mapping;

    (void)state;
    assert_int_equal(spine_tuple_type_new(keys, 2, &key, NULL), SPINE_OK);
    assert_int_equal(spine_tuple_type_new(values, 3, &value, NULL), SPINE_OK);
    const struct spine_schema schema = {.key = {SPINE_U64, 0},
                                        .key_tuple = key,
                                        .value = {SPINE_U64, 0},
                                        .value_tuple = value,
                                        .time = SPINE_TIME_U64};
    assert_int_equal(spine_arrow_mapping_of_schema(&schema, &mapping, NULL), SPINE_OK);
    check_names(mapping, wanted, 7);
    spine_arrow_mapping_free(mapping);
    spine_tuple_type_unref(key);
    spine_tuple_type_unref(value);

    /* Names that came in stay. */
    mapping = map_first(&records);
    check_names(mapping, added, 4);
    spine_arrow_mapping_free(mapping);
}

static void
formats_refused(void **state)
{
    static const char *const refused[] = {
        "n",     "e",       "tdm", "tDs",       "tiM",        "+l",      "+L",   "+m",
        "+w:3",  "+ud:1,2", "+r",  "vx",        "w:0",        "w:65536", "w:3x", "w:",
        "d:0,2", "d:39,2",  "d:5", "d:5,2,256", "d:5,2,128x", "ttx",     "ts",   "tss",
        "tsx:",  "t",       "",    "w: 3",      "uu",         "tts:UTC"};
    static const size_t first[1];
    const struct spine_arrow_columns columns = {.key_indexes = first, .key_count = 1};
    struct spine_arrow_mapping *mapping;
    struct spine_error error;
    char message[80];

    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct ArrowSchema fields[2] = {fake_field("L", "key"),
                                        fake_field(refused[i], "x")};
        struct ArrowSchema *list[2] = {&fields[0], &fields[1]};
        const struct ArrowSchema schema = fake_struct(list, 2);

        assert_int_equal(spine_arrow_mapping_new(&schema, &columns, &mapping, &error),
                         SPINE_INVALID);
        snprintf(message, sizeof message, "column x: format %s is not supported",
                 refused[i]);
        assert_string_equal(error.message, message);
        assert_null(mapping);
    }
}

/* Columns that cannot be what they are to be. */
static void
columns_refused(void **state)
{
    static const char *const a[] = {"a"}, *const b[] = {"b"}, *const w[] = {"w"},
                             *const nobody[] = {"nobody"}, *const twice[] = {"a", "a"},
                             *const same[] = {"same"};
    static const size_t far[] = {9};
    static const struct {
        struct spine_arrow_columns columns;
        const char *message;
    } cases[] = {
        {{.key_names = nobody, .key_count = 1}, "there is no column nobody"},
        {{.key_names = same, .key_count = 1}, "there are several columns same"},
        {{.key_names = twice, .key_count = 2}, "column a: is named twice"},
        {{.key_indexes = far, .key_count = 1}, "column 9 of 5 is to be in the key"},
        {{.key_count = 1}, "key_names and key_indexes are NULL"},
        {{.weight_names = a, .weight_count = 1}, "column a: a weight that is not int64"},
        {{.weight_count = 1}, "1 weights; the most is 8, with names"},
        {{.weight_names = a, .weight_count = 9}, "9 weights; the most is 8"},
        {{.time_name = "b"}, "column b: a time that is not uint64"},
        {{.time = SPINE_TIME_PAIR}, "time_name is NULL"},
        {{.key_names = w, .key_count = 1, .weight_names = w, .weight_count = 1},
         "column w: is named twice"},
        {{.key_names = b, .key_count = 1, .time_name = "nobody"},
         "there is no column nobody"},
    };
    struct ArrowSchema fields[5] = {fake_field("L", "a"), fake_field("u", "b"),
                                    fake_field("l", "w"), fake_field("l", "same"),
                                    fake_field("l", "same")};
    struct ArrowSchema *list[5] = {&fields[0], &fields[1], &fields[2], &fields[3],
                                   &fields[4]};
    struct ArrowSchema schema = fake_struct(list, 5);
    struct spine_arrow_mapping *mapping;
    struct spine_error error;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(
            spine_arrow_mapping_new(&schema, &cases[i].columns, &mapping, &error),
            SPINE_INVALID);
        assert_string_equal(error.message, cases[i].message);
        assert_null(mapping);
    }
    fields[1].release = NULL;
    assert_int_equal(
        spine_arrow_mapping_new(&schema, &cases[0].columns, &mapping, &error),
        SPINE_MISUSE);
    assert_string_equal(error.message, "column 1 of the schema has been released");
    schema.release = NULL;
    assert_int_equal(
        spine_arrow_mapping_new(&schema, &cases[0].columns, &mapping, &error),
        SPINE_MISUSE);
    schema = fake_field("l", "");
    assert_int_equal(
        spine_arrow_mapping_new(&schema, &cases[0].columns, &mapping, &error),
        SPINE_INVALID);
    assert_string_equal(error.message, "records are of format l; it takes +s, a struct");
}

/* A schema that contains itself, or an index that is a string. */
static void
structs_refused(void **state)
{
    struct ArrowSchema field = fake_field("+s", "x"), strings = fake_field("u", "");
    struct ArrowSchema *list[1] = {&field};
    const struct ArrowSchema schema = fake_struct(list, 1);
    const struct spine_arrow_columns columns = {0};
    struct spine_arrow_mapping *mapping;
    struct spine_error error;

    (void)state;
    assert_int_equal(spine_arrow_mapping_new(&schema, &columns, &mapping, &error),
                     SPINE_INVALID);
    assert_string_equal(error.message,
                        "column x: a struct without columns, or with too many");
    field.n_children = 1;
    field.children = list;
    assert_int_equal(spine_arrow_mapping_new(&schema, &columns, &mapping, &error),
                     SPINE_INVALID);
    field = fake_field("u", "x");
    field.dictionary = &strings;
    assert_int_equal(spine_arrow_mapping_new(&schema, &columns, &mapping, &error),
                     SPINE_INVALID);
    assert_string_equal(error.message, "column x: indexes that are no integers");

    struct ArrowSchema indexes = fake_field("i", "");

    field = fake_field("i", "x");
    field.dictionary = &indexes;
    indexes.dictionary = &strings;
    assert_int_equal(spine_arrow_mapping_new(&schema, &columns, &mapping, &error),
                     SPINE_INVALID);
    assert_string_equal(error.message, "column x: a dictionary of a dictionary");
}

/* Whichever allocation fails, nothing is left. */
static void
without_memory(void **state)
{
    /* Called as the column of values is. */
    const struct spine_column columns[] = {{.kind = SPINE_COLUMN_U8, .name = "value"}};
    struct spine_arrow_mapping *mapping;
    struct spine_tuple_type *type;
    struct everything all;
    struct ArrowSchema out;
    unsigned failures = 0;
    bool fired = true;

    (void)state;
    make_everything(&all);
    fault_alloc_install();
    for (uint64_t nth = 1; fired; nth++) {
        static const size_t first[1];
        const struct spine_arrow_columns keys = {.key_indexes = first, .key_count = 1};
        enum spine_status st;

        fault_alloc_arm(FAULT_ONCE, nth);
        st = spine_arrow_mapping_new(&all.schema, &keys, &mapping, NULL);
        if (st == SPINE_OK) {
            st = spine_arrow_schema(mapping, &out, NULL);
            if (st == SPINE_OK)
                out.release(&out);
            else
                assert_null(out.release);
        }
        spine_arrow_mapping_free(mapping);
        if (st == SPINE_OK && spine_tuple_type_new(columns, 1, &type, NULL) == SPINE_OK) {
            const struct spine_schema schema = {
                .key = {SPINE_U64, 0}, .key_tuple = type, .value = {SPINE_BYTES, 0}};

            st = spine_arrow_mapping_of_schema(&schema, &mapping, NULL);
            spine_arrow_mapping_free(mapping);
            spine_tuple_type_unref(type);
        }
        fired = fault_alloc_disarm();
        failures += st == SPINE_NOMEM;
        assert_true(st == SPINE_OK || (fired && st == SPINE_NOMEM));
        assert_int_equal(fault_alloc_live_blocks(), 0);
    }
    assert_in_range(failures, 50, 1000);
    fault_alloc_remove();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),       cmocka_unit_test(moved_children),
        cmocka_unit_test(of_plain_schemas), cmocka_unit_test(of_tuples),
        cmocka_unit_test(names_differ),     cmocka_unit_test(formats_refused),
        cmocka_unit_test(columns_refused),  cmocka_unit_test(structs_refused),
        cmocka_unit_test(without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
