/* SPDX-License-Identifier: MIT */

/*
 * Keys of columns as arguments of the program `spine`, whose path is the first argument.
 */

#include "tool/files_fixture.h"

/* Keys with a column of each kind, at the ends of what it holds. */
static struct spine_batch *
batch_of_all_kinds(void)
{
    static const struct spine_column columns[] = {
        {.kind = SPINE_COLUMN_I8},
        {.kind = SPINE_COLUMN_U64,
         .nullable = true,
         .order = SPINE_DESCENDING_NULLS_LAST},
        {.kind = SPINE_COLUMN_I64},
        {.kind = SPINE_COLUMN_F64, .nullable = true},
        {.kind = SPINE_COLUMN_DATE32, .order = SPINE_DESCENDING_NULLS_LAST},
        {.kind = SPINE_COLUMN_TIMESTAMP, .unit = SPINE_MILLISECONDS, .nullable = true},
        {.kind = SPINE_COLUMN_F32},
        {.kind = SPINE_COLUMN_TIME, .unit = SPINE_MILLISECONDS},
        {.kind = SPINE_COLUMN_DECIMAL128,
         .precision = 38,
         .scale = 4,
         .order = SPINE_DESCENDING_NULLS_LAST},
        {.kind = SPINE_COLUMN_BOOL, .nullable = true},
        {.kind = SPINE_COLUMN_DECIMAL128, .precision = 38, .scale = -2},
        {.kind = SPINE_COLUMN_FIXED, .size = 3, .nullable = true},
        {.kind = SPINE_COLUMN_STRING, .nullable = true}};
    static const uint8_t bytes[64] = {
        [15] = 0x80, [19] = 0xc0, [31] = 0x7f, [32] = 1, [40] = 0x10, [48] = 0xff};
    static const int64_t moments[] = {INT64_MIN, INT64_MAX, 1709210096789, 0};
    static const float reals[] = {-1.5f, 3e38f, 0.1f, -0.0f};
    static const int32_t clocks[] = {0, 86399999, 45296789, 1};
    static const uint8_t truths[] = {1, 0, 1, 0}, valid = 0x07;
    static const uint8_t hundreds[4][16] = {{100}, {0}, {0x38, 0xff}, {0x10, 0x27}};
    static const uint64_t offsets[] = {0, 5, 5, 6, 9};
    const struct spine_column_data data[] = {
        {.values = bytes},
        {.values = bytes, .valid = &valid},
        {.values = bytes},
        {.values = moments, .valid = &valid},
        {.values = bytes},
        {.values = moments, .valid = &valid},
        {.values = reals},
        {.values = clocks},
        {.values = bytes},
        {.values = truths, .valid = &valid},
        {.values = hundreds},
        {.values = bytes, .valid = &valid},
        {.values = "a,\"\n\\ab\0c", .offsets = offsets}};

    return batch_of_keys(columns, data, sizeof columns / sizeof columns[0], 4);
}

/* What is printed of a key, or of its first columns, finds it. */
static void
test_keys_are_read_as_columns(void **state)
{
    static char output[OUTPUT_BYTES], other[OUTPUT_BYTES];
    char name[SPINE_NAME_MAX + 1];
    struct world world;
    size_t tried = 0;
    const char *next;

    (void)state;
    world_init(&world);
    add_file(&world, batch_of_all_kinds());
    assert_int_equal(find_files(world.directory, ".batch", name), 1);
    assert_int_equal(run(output, "dump %s/%s", world.directory, name), 0);
    for (const char *line = strchr(output, '\n') + 1; *line != '\0'; line = next + 1) {
        next = strchr(line, '\n');
        for (const char *end = line + strcspn(line, ","); end <= next - 2; end++) {
            /* Up to a comma that is not in quotes. */
            if (*end != ',' ||
                (end < next - 2 && memchr(line, '"', (size_t)(end - line)) != NULL))
                continue;
            assert_int_equal(run(other, "dump --limit 1 --from '%.*s' %s/%s",
                                 (int)(end - line), line, world.directory, name),
                             0);
            /* Others may begin with the same columns. */
            assert_memory_equal(strchr(other, '\n') + 1, line,
                                (size_t)((end == next - 2 ? next : end) - line));
            tried++;
        }
    }
    assert_in_range(tried, 4 * 12, 4 * 13);
    world_release(&world);
}

static void
test_keys_that_are_none(void **state)
{
    static const struct spine_column columns[] = {
        {.name = "id", .kind = SPINE_COLUMN_U32},
        {.name = "day", .kind = SPINE_COLUMN_DATE32, .order = SPINE_DESCENDING}};
    static const uint32_t ids[] = {7, 7, 8};
    static const int32_t days[] = {19782, -1, 0};
    static const struct spine_column_data data[] = {{.values = ids}, {.values = days}};
    static const char *const refused[] = {"",
                                          "x",
                                          "7,2024-02-30",
                                          "7,2024-2-29",
                                          "4294967296",
                                          "-1",
                                          "7,",
                                          "7,2024-02-29,",
                                          "7,2024-02-29x",
                                          "7 ,2024-02-29",
                                          " 7",
                                          "7, 2024-02-29",
                                          "\t7",
                                          "\"7",
                                          "7,20240229",
                                          "7,2024-13-01",
                                          "7,99999999-01-01"};
    static char output[OUTPUT_BYTES];
    char name[SPINE_NAME_MAX + 1];
    struct world world;

    (void)state;
    world_init(&world);
    add_file(&world, batch_of_keys(columns, data, 2, 3));
    assert_int_equal(find_files(world.directory, ".batch", name), 1);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_int_equal(
            run(output, "dump --from '%s' %s/%s", refused[i], world.directory, name), 1);
        assert_non_null(strstr(output, "is no key, or beginning of one: "));
    }
    /* Descending days: the later one comes first. */
    assert_int_equal(run(output, "dump --from 7,2000-01-01 --to 8,1970-01-01 %s/%s",
                         world.directory, name),
                     0);
    assert_string_equal(output, "id,day,weight\n7,1969-12-31,1\n");
    assert_int_equal(run(output, "dump --to '\"8\"' %s/%s", world.directory, name), 0);
    assert_string_equal(output, "id,day,weight\n7,2024-02-29,1\n7,1969-12-31,1\n");
    world_release(&world);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_are_read_as_columns),
        cmocka_unit_test(test_keys_that_are_none),
    };

    if (!tool_is_given(argc, argv))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
