/* SPDX-License-Identifier: MIT */

/*
 * The program `spine`, whose path is the first argument, on files that are written here.
 */

#include "tool/files_fixture.h"

#include <unistd.h>

static struct spine_batch *
batch_of_bytes(void)
{
    static const struct spine_schema schema = {.key = {.kind = SPINE_BYTES},
                                               .value = {.kind = SPINE_I64}};
    static const struct {
        const char *key;
        size_t size;
        int64_t value, weight;
    } rows[] = {{"", 0, -1, 1},        {"a,b", 3, 7, 2},
                {"a\\b", 3, 8, -3},    {"line\n\0end", 9, 9, 1},
                {"q\"q", 3, 10, 1},    {"\xc3\xa9t\xc3\xa9", 5, 11, 1},
                {"\xff\xfe", 2, 12, 1}};
    struct spine_batcher *batcher;
    struct spine_batch *batch;

    assert_int_equal(spine_batcher_new(&schema, &batcher, NULL), SPINE_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct spine_row row = {.key = spine_data(rows[i].key, rows[i].size),
                                      .value = spine_i64(rows[i].value),
                                      .weight = rows[i].weight};

        assert_int_equal(spine_batcher_add(batcher, &row, NULL), SPINE_OK);
    }
    assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), SPINE_OK);
    spine_batcher_free(batcher);
    return batch;
}

static struct spine_batch *
batch_of_pairs(void)
{
    static const struct spine_schema schema = {.key = {.kind = SPINE_F64},
                                               .value = {.kind = SPINE_FIXED, .size = 2},
                                               .weight_count = 2,
                                               .time = SPINE_TIME_PAIR};
    static const double keys[] = {-0.5, -0.5, 3};
    static const char values[] = "aaaa\x01z";
    const uint64_t times[] = {spine_time_pair(1, 2), spine_time_pair(0, 9),
                              spine_time_pair(4, 0)};
    static const int64_t weights[] = {1, 0, -2, 5, INT64_MAX, INT64_MIN};
    const struct spine_columns columns = {
        .rows = 3, .keys = keys, .values = values, .times = times, .weights = weights};
    struct spine_batch *batch;

    assert_int_equal(spine_batch_from_columns(&schema, &columns, &batch, NULL), SPINE_OK);
    return batch;
}

/* Keys of two columns, values of all kinds that are printed in ways of their own. */
static struct spine_batch *
batch_of_tuples(void)
{
    static const struct spine_column inner = {.name = "x", .kind = SPINE_COLUMN_I8};
    static const int8_t minus_one[] = {-1, -1, -1};
    static const uint32_t ids[] = {7, 7, 8};
    static const int32_t days[] = {19782, -1, 0};
    static const uint8_t truths[] = {1, 0, 0}, valid = 1;
    static const uint8_t amounts[3][16] = {{0xd2, 0x04}, {0}, {0}};
    static const int64_t moments[] = {1709210096789, -1, INT64_MIN};
    static const float reals[] = {0.5f, -2.0f, 0.0f};
    static const uint64_t offsets[] = {0, 3, 3, 3};
    static const struct spine_column_data inner_data = {.values = minus_one};
    const struct spine_column_data keys[] = {{.values = ids}, {.values = days}};
    const struct spine_column_data values[] = {{.values = truths},
                                               {.values = amounts, .valid = &valid},
                                               {.values = moments},
                                               {.values = reals},
                                               {.values = "a,b", .offsets = offsets},
                                               {.columns = &inner_data}};
    const struct spine_column key_columns[] = {
        {.name = "id", .kind = SPINE_COLUMN_U32},
        {.name = "day", .kind = SPINE_COLUMN_DATE32, .order = SPINE_DESCENDING}};
    struct spine_column value_columns[] = {{.name = "paid", .kind = SPINE_COLUMN_BOOL},
                                           {.name = "amount",
                                            .kind = SPINE_COLUMN_DECIMAL128,
                                            .precision = 9,
                                            .scale = 2,
                                            .nullable = true,
                                            .order = SPINE_ASCENDING_NULLS_LAST},
                                           {.name = "at",
                                            .kind = SPINE_COLUMN_TIMESTAMP,
                                            .unit = SPINE_MILLISECONDS,
                                            .zone = "UTC"},
                                           {.kind = SPINE_COLUMN_F32},
                                           {.name = "note", .kind = SPINE_COLUMN_STRING},
                                           {.name = "point", .kind = SPINE_COLUMN_TUPLE}};
    const struct spine_tuple_rows rows = {.rows = 3, .keys = keys, .values = values};
    struct spine_tuple_type *key, *value, *point;
    struct spine_schema schema = {0};
    struct spine_batch *batch;

    assert_int_equal(spine_tuple_type_new(&inner, 1, &point, NULL), SPINE_OK);
    value_columns[5].tuple = point;
    assert_int_equal(spine_tuple_type_new(key_columns, 2, &key, NULL), SPINE_OK);
    assert_int_equal(spine_tuple_type_new(value_columns, 6, &value, NULL), SPINE_OK);
    schema.key = spine_tuple_type_cell(key);
    schema.value = spine_tuple_type_cell(value);
    schema.key_tuple = key;
    schema.value_tuple = value;
    assert_int_equal(spine_batch_from_tuples(&schema, &rows, &batch, NULL), SPINE_OK);
    spine_tuple_type_unref(point);
    spine_tuple_type_unref(key);
    spine_tuple_type_unref(value);
    return batch;
}

/* Keys 0, 3, 6, ... with their squares. */
static struct spine_batch *
batch_of_numbers(uint64_t rows)
{
    static const struct spine_schema schema = {.key = {.kind = SPINE_U64},
                                               .value = {.kind = SPINE_U64}};
    struct spine_batcher *batcher;
    struct spine_batch *batch;

    assert_int_equal(spine_batcher_new(&schema, &batcher, NULL), SPINE_OK);
    for (uint64_t i = 0; i < rows; i++) {
        const struct spine_row row = {
            .key = spine_u64(3 * i), .value = spine_u64(i * i), .weight = 1};

        assert_int_equal(spine_batcher_add(batcher, &row, NULL), SPINE_OK);
    }
    assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), SPINE_OK);
    spine_batcher_free(batcher);
    return batch;
}

static void
test_dump(void **state)
{
    static char output[OUTPUT_BYTES];
    char name[SPINE_NAME_MAX + 1];
    struct world world;

    (void)state;
    world_init(&world);
    add_file(&world, batch_of_bytes());
    assert_int_equal(find_files(world.directory, ".batch", name), 1);

    assert_int_equal(run(output, "dump %s/%s", world.directory, name), 0);
    assert_string_equal(output, "key,value,weight\n"
                                ",-1,1\n"
                                "\"a,b\",7,2\n"
                                "a\\\\b,8,-3\n"
                                "line\\x0a\\x00end,9,1\n"
                                "\"q\"\"q\",10,1\n"
                                "\xc3\xa9t\xc3\xa9,11,1\n"
                                "\\xff\\xfe,12,1\n");
    assert_int_equal(run(output, "dump --json --from 'a\\\\b' --to '\\xff\\xfe' %s/%s",
                         world.directory, name),
                     0);
    assert_string_equal(output,
                        "{\"key\":\"a\\\\\\\\b\",\"value\":8,\"weight\":-3}\n"
                        "{\"key\":\"line\\\\x0a\\\\x00end\",\"value\":9,\"weight\":1}\n"
                        "{\"key\":\"q\\\"q\",\"value\":10,\"weight\":1}\n"
                        "{\"key\":\"\xc3\xa9t\xc3\xa9\",\"value\":11,\"weight\":1}\n");
    assert_int_equal(run(output, "dump --limit 1 --from b %s/%s", world.directory, name),
                     0);
    assert_string_equal(output, "key,value,weight\nline\\x0a\\x00end,9,1\n");
    world_release(&world);
}

static void
test_columns_are_shown(void **state)
{
    static char output[OUTPUT_BYTES];
    char name[SPINE_NAME_MAX + 1];
    struct world world;

    (void)state;
    world_init(&world);
    add_file(&world, batch_of_tuples());
    assert_int_equal(find_files(world.directory, ".batch", name), 1);
    assert_int_equal(run(output, "dump %s/%s", world.directory, name), 0);
    assert_string_equal(
        output, "id,day,paid,amount,at,value4,note,point,weight\n"
                "7,2024-02-29,true,12.34,2024-02-29T12:34:56.789,0.5,\"a,b\",(-1),1\n"
                "7,1969-12-31,false,,1969-12-31T23:59:59.999,-2,,(-1),1\n"
                "8,1970-01-01,false,,-292275055-05-16T16:47:04.192,0,,(-1),1\n");
    assert_int_equal(run(output, "dump --json --limit 1 %s/%s", world.directory, name),
                     0);
    assert_string_equal(
        output, "{\"key\":{\"id\":7,\"day\":\"2024-02-29\"},\"value\":{\"paid\":true,"
                "\"amount\":\"12.34\",\"at\":\"2024-02-29T12:34:56.789\",\"value4\":0.5,"
                "\"note\":\"a,b\",\"point\":{\"x\":-1}},\"weight\":1}\n");
    assert_int_equal(run(output, "inspect %s/%s", world.directory, name), 0);
    assert_non_null(strstr(
        output, "schema         (id u32, day date32 descending) -> (paid bool, amount "
                "decimal(9, 2) null last, at timestamp[ms, UTC], f32, note string, point "
                "(x i8)), time untimed, 1 weight"));
    assert_int_equal(run(output, "inspect --json %s/%s", world.directory, name), 0);
    assert_non_null(strstr(output, "\"key_columns\""));
    assert_non_null(strstr(output, "\"date32\""));
    world_release(&world);
}

/* Names of columns may be any bytes: they are printed as values are, so that lines stay
 * lines and JSON is JSON. */
static void
test_names_are_printed_as_bytes(void **state)
{
    static const struct spine_column columns[] = {
        {.name = "a\nb,\"c\"", .kind = SPINE_COLUMN_U8},
        {.name = "\xff\xc3\xa9", .kind = SPINE_COLUMN_TIMESTAMP, .zone = "\x1b[1m"},
        {.name = "", .kind = SPINE_COLUMN_U8}};
    static const uint8_t numbers[] = {7};
    static const int64_t moments[] = {0};
    const struct spine_column_data keys[] = {
        {.values = numbers}, {.values = moments}, {.values = numbers}};
    static char output[OUTPUT_BYTES];
    char name[SPINE_NAME_MAX + 1];
    struct world world;

    (void)state;
    world_init(&world);
    add_file(&world, batch_of_keys(columns, keys, 3, 1));
    assert_int_equal(find_files(world.directory, ".batch", name), 1);
    assert_int_equal(run(output, "dump %s/%s", world.directory, name), 0);
    assert_string_equal(output, "\"a\\x0ab,\"\"c\"\"\",\\xff\xc3\xa9,key3,weight\n"
                                "7,1970-01-01T00:00:00,7,1\n");
    assert_int_equal(run(output, "dump --json %s/%s", world.directory, name), 0);
    assert_string_equal(output, "{\"key\":{\"a\\\\x0ab,\\\"c\\\"\":7,\"\\\\xff\xc3\xa9\":"
                                "\"1970-01-01T00:00:00\",\"key3\":7},\"weight\":1}\n");
    assert_int_equal(run(output, "inspect %s/%s", world.directory, name), 0);
    assert_non_null(strstr(output, "(a\\x0ab,\"c\" u8, \\xff\xc3\xa9 timestamp[s, "
                                   "\\x1b[1m], u8)"));
    assert_int_equal(run(output, "inspect --json %s/%s", world.directory, name), 0);
    assert_non_null(strstr(output, "\\\\xff\xc3\xa9"));
    world_release(&world);
}

static void
test_dump_of_times_and_weights(void **state)
{
    static char output[OUTPUT_BYTES];
    char name[SPINE_NAME_MAX + 1];
    struct world world;

    (void)state;
    world_init(&world);
    add_file(&world, batch_of_pairs());
    assert_int_equal(find_files(world.directory, ".batch", name), 1);
    assert_int_equal(run(output, "dump %s/%s", world.directory, name), 0);
    assert_string_equal(output,
                        "key,value,time,weight1,weight2\n"
                        "-0.5,aa,0:9,-2,5\n"
                        "-0.5,aa,1:2,1,0\n"
                        "3,\\x01z,4:0,9223372036854775807,-9223372036854775808\n");
    assert_int_equal(run(output, "dump --json --limit 2 %s/%s", world.directory, name),
                     0);
    assert_string_equal(
        output, "{\"key\":-0.5,\"value\":\"aa\",\"time\":\"0:9\",\"weights\":[-2,5]}\n"
                "{\"key\":-0.5,\"value\":\"aa\",\"time\":\"1:2\",\"weights\":[1,0]}\n");
    world_release(&world);
}

static void
test_inspect(void **state)
{
    static char output[OUTPUT_BYTES];
    char name[SPINE_NAME_MAX + 1];
    const cJSON *blocks, *filters, *columns, *column;
    struct world world;
    double bytes = 0;
    cJSON *json;

    (void)state;
    world_init(&world);
    add_file(&world, batch_of_numbers(10000));
    assert_int_equal(find_files(world.directory, ".batch", name), 1);
    assert_int_equal(run(output, "inspect --json %s/%s", world.directory, name), 0);
    json = cJSON_Parse(output);
    assert_non_null(json);
    assert_int_equal(number_of(json, "rows"), 10000);
    assert_int_equal(number_of(json, "keys"), 10000);
    assert_int_equal(number_of(json, "negative_rows"), 0);
    assert_int_equal(number_of(json, "level"), 0);
    assert_int_equal(number_of(json, "key_min"), 0);
    assert_int_equal(number_of(json, "key_max"), 3 * 9999);
    blocks = cJSON_GetObjectItemCaseSensitive(json, "blocks");
    assert_int_equal(number_of(blocks, "count"), 3);
    filters = cJSON_GetObjectItemCaseSensitive(json, "filters");
    assert_int_equal(number_of(filters, "count"), 1);
    assert_int_equal(number_of(filters, "roaring"), 1);
    assert_int_equal(number_of(filters, "keys"), 10000);
    columns = cJSON_GetObjectItemCaseSensitive(json, "column_bytes");
    cJSON_ArrayForEach(column, columns)
    {
        bytes += column->valuedouble;
    }
    assert_int_equal(bytes, number_of(blocks, "image_bytes"));
    assert_int_equal(number_of(columns, "keys"), 8 * 10000);
    cJSON_Delete(json);

    /* Of a directory without a look into blocks, unless that is asked for. */
    add_file(&world, batch_of_bytes());
    assert_int_equal(run(output, "inspect --json %s", world.directory), 0);
    json = cJSON_Parse(output);
    assert_int_equal(cJSON_GetArraySize(json), 2);
    assert_null(
        cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(json, 0), "column_bytes"));
    cJSON_Delete(json);
    add_file(&world, batch_of_numbers(15000));
    assert_int_equal(run(output, "inspect --columns %s", world.directory), 0);
    assert_non_null(strstr(output, "15000 of 15000 keys, 0 negative; level 1\n"));
    assert_non_null(strstr(output, "u64 -> u64, time untimed, 1 weight\n"));
    assert_non_null(strstr(output, "bytes -> i64, time untimed, 1 weight\n"));
    assert_non_null(strstr(output, "\\xff\\xfe\n"));
    assert_non_null(strstr(output, "  filters        1: "));
    assert_non_null(strstr(output, "bits a key; 0 Bloom, 1 Roaring\n"));
    world_release(&world);
}

static void
test_verify(void **state)
{
    static char output[OUTPUT_BYTES];
    char name[SPINE_NAME_MAX + 1], expected[256];
    struct world world;

    (void)state;
    world_init(&world);
    add_file(&world, batch_of_numbers(10000));
    assert_int_equal(find_files(world.directory, ".batch", name), 1);
    assert_int_equal(run(output, "verify %s/%s", world.directory, name), 0);
    (void)snprintf(expected, sizeof expected, "%s: ok\n", name);
    assert_string_equal(output, expected);

    /* The whole ones are verified, too, and the damaged one is named. */
    copy_damaged(world.directory, name, "0damaged.batch", 5000);
    assert_int_equal(run(output, "verify %s", world.directory), 1);
    assert_non_null(strstr(output, expected));
    assert_non_null(strstr(output, "0damaged.batch: SPINE_CORRUPT: "));
    assert_non_null(strstr(output, "1 of 2 files could not be verified"));
    assert_int_equal(run(output, "verify --json %s", world.directory), 1);
    assert_non_null(strstr(output, "{\"file\":\"0damaged.batch\",\"ok\":false,"
                                   "\"status\":\"SPINE_CORRUPT\",\"message\":\""));
    /* Its rows are not given out. */
    assert_int_equal(run(output, "dump %s/0damaged.batch", world.directory), 1);
    assert_non_null(strstr(output, "SPINE_CORRUPT: 0damaged.batch"));
    world_release(&world);
}

/* Not a word of anything that would be well. */
static void
test_verify_nothing(void **state)
{
    static char output[OUTPUT_BYTES];
    char path[128];
    struct world world;
    FILE *file;

    (void)state;
    world_init(&world);
    assert_int_equal(run(output, "verify %s", world.directory), 1);
    assert_non_null(strstr(output, world.directory));
    assert_non_null(strstr(output, "SPINE_NOT_FOUND: there is nothing to verify"));
    assert_int_equal(run(output, "verify --json %s", world.directory), 1);
    assert_null(strstr(output, "true"));
    (void)snprintf(path, sizeof path, "%s/other", world.directory);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(run(output, "verify %s", world.directory), 1);
    assert_int_equal(run(output, "verify %s/nowhere", world.directory), 1);
    assert_non_null(strstr(output, "nowhere: SPINE_NOT_FOUND"));
    add_file(&world, batch_of_numbers(10));
    assert_int_equal(run(output, "verify %s", world.directory), 0);
    world_release(&world);
}

/* The owner of a directory does not notice. */
static void
test_changes_nothing(void **state)
{
    static char output[OUTPUT_BYTES];
    char path[128];
    struct world world;
    FILE *file;

    (void)state;
    world_init(&world);
    add_file(&world, batch_of_numbers(10));
    (void)snprintf(path, sizeof path, "%s/left.tmp", world.directory);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(run(output, "verify %s", world.directory), 0);
    assert_int_equal(find_files(world.directory, ".tmp", NULL), 1);
    assert_int_equal(find_files(world.directory, ".batch", NULL), 1);
    (void)snprintf(path, sizeof path, "%s/missing", world.directory);
    assert_int_equal(run(output, "inspect %s", path), 1);
    assert_non_null(strstr(output, "SPINE_NOT_FOUND"));
    assert_int_not_equal(access(path, F_OK), 0);
    world_release(&world);
}

static void
test_usage(void **state)
{
    static const char *const wrong[] = {"",
                                        "frobnicate x",
                                        "dump",
                                        "verify --columns x",
                                        "inspect --nonsense x",
                                        "dump --limit -1 x",
                                        "dump --limit",
                                        "dump --limit 5x x"};
    static char output[OUTPUT_BYTES];
    char name[SPINE_NAME_MAX + 1];
    struct world world;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(run(output, "%s", wrong[i]), 2);
        assert_non_null(strstr(output, "spine: "));
    }
    assert_int_equal(run(output, "--help"), 0);
    assert_int_equal(run(output, "dump --help"), 0);
    assert_int_equal(run(output, "--version"), 0);
    assert_int_equal(strncmp(output, "spine 0.", 8), 0);

    world_init(&world);
    add_file(&world, batch_of_numbers(10));
    assert_int_equal(find_files(world.directory, ".batch", name), 1);
    assert_int_equal(run(output, "dump --from -3 %s/%s", world.directory, name), 1);
    assert_non_null(strstr(output, "'-3' is no key of type u64"));
    assert_int_equal(run(output, "dump --from ' 3' %s/%s", world.directory, name), 1);
    assert_non_null(strstr(output, "' 3' is no key of type u64"));
    assert_int_equal(run(output, "dump --limit ' 3' %s/%s", world.directory, name), 2);
    assert_non_null(strstr(output, "' 3' is no number of rows"));
    assert_int_equal(
        run(output, "dump --from 99999999999999999999 %s/%s", world.directory, name), 1);
    assert_int_equal(run(output, "dump %s", world.directory), 1);
    world_release(&world);
}

int
main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dump),
        cmocka_unit_test(test_columns_are_shown),
        cmocka_unit_test(test_names_are_printed_as_bytes),
        cmocka_unit_test(test_dump_of_times_and_weights),
        cmocka_unit_test(test_inspect),
        cmocka_unit_test(test_verify),
        cmocka_unit_test(test_verify_nothing),
        cmocka_unit_test(test_changes_nothing),
        cmocka_unit_test(test_usage),
    };

    if (!tool_is_given(count, arguments))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
