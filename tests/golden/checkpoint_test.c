/* SPDX-License-Identifier: MIT */

/*
 * Checkpoints of each version of the manifest, kept in tests/golden/checkpoint-vN as the
 * objects of a directory: this build restores them.
 *
 *     checkpoint_test                 restores all of them
 *     checkpoint_test --write DIR     writes one of today's version anew; DIR is empty
 */

#include "harness/property.h"
#include "spine/spine.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SQUARES 300u
#define WORDS 40u
#define FRONTIER 7u

static const struct spine_schema squares = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_I64, 0}};
static const struct spine_schema words = {
    .key = {SPINE_BYTES, 0}, .value = {SPINE_FIXED, 4}, .time = SPINE_TIME_U64};
static const char *const versions[] = {"checkpoint-v1"};

static bool
needs_all(void *context, union spine_datum key)
{
    (void)context;
    (void)key;
    return true;
}

/* ---- What is in it ---- */

static void
fill_squares(struct spine *spine)
{
    const struct spine_key_filter filter = {.name = "watermark", .on_key = needs_all};
    uint64_t keys[SQUARES];
    int64_t values[SQUARES], weights[SQUARES];
    const struct spine_columns columns = {
        .rows = SQUARES, .keys = keys, .values = values, .weights = weights};
    struct spine_batch *batch;

    for (unsigned part = 0; part < 2; part++) {
        /* Every third row has weight 2, half of it from either batch. */
        for (unsigned i = 0; i < SQUARES; i++) {
            keys[i] = i;
            values[i] = -(int64_t)i * (int64_t)i;
            weights[i] = i % 3 == 0 ? 1 : (int64_t)(part == 0);
        }
        assert_int_equal(spine_batch_from_columns(&squares, &columns, &batch, NULL),
                         SPINE_OK);
        assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
        spine_batch_unref(batch);
    }
    assert_int_equal(spine_retain_keys(spine, &filter, NULL), SPINE_OK);
}

static void
fill_words(struct spine *spine)
{
    struct spine_batcher *batcher;
    struct spine_batch *batch;

    assert_int_equal(spine_batcher_new(&words, &batcher, NULL), SPINE_OK);
    for (unsigned i = 0; i < WORDS; i++) {
        char word[24], value[5];
        struct spine_row row = {.time = i};

        (void)snprintf(word, sizeof word, "word number %u", i);
        (void)snprintf(value, sizeof value, "%04u", i);
        row.key = spine_data(word, strlen(word));
        row.value = spine_data(value, 4);
        row.weight = (int64_t)i + 1;
        assert_int_equal(spine_batcher_add(batcher, &row, NULL), SPINE_OK);
    }
    assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), SPINE_OK);
    assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
    spine_batcher_free(batcher);
    assert_int_equal(spine_set_frontier(spine, FRONTIER, NULL), SPINE_OK);
}

static void
check_squares(struct spine *spine)
{
    struct spine_cursor *cursor;
    unsigned i = 0;

    assert_int_equal(spine_cursor_open(spine, &cursor, NULL), SPINE_OK);
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor), i++) {
        assert_int_equal(spine_cursor_key(cursor).u64, i);
        assert_int_equal(spine_cursor_val(cursor).i64, -(int64_t)i * (int64_t)i);
        assert_int_equal(spine_cursor_weight(cursor), i % 3 == 0 ? 2 : 1);
    }
    assert_int_equal(spine_cursor_error(cursor, NULL), SPINE_OK);
    spine_cursor_close(cursor);
    assert_int_equal(i, SQUARES);
}

static void
check_words(struct spine *spine)
{
    struct spine_cut_info info;
    struct spine_cursor *cursor;
    struct spine_cut *cut;

    assert_int_equal(spine_cursor_open(spine, &cursor, NULL), SPINE_OK);
    for (unsigned i = 0; i < WORDS; i++) {
        char word[24], value[5];

        (void)snprintf(word, sizeof word, "word number %u", i);
        (void)snprintf(value, sizeof value, "%04u", i);
        assert_true(spine_cursor_seek_key_exact(cursor, spine_data(word, strlen(word))));
        assert_int_equal(spine_cursor_val(cursor).bytes.size, 4);
        assert_memory_equal(spine_cursor_val(cursor).bytes.data, value, 4);
        assert_int_equal(spine_cursor_weight(cursor), i + 1);
    }
    assert_int_equal(spine_cursor_error(cursor, NULL), SPINE_OK);
    spine_cursor_close(cursor);
    assert_int_equal(spine_take_cut(spine, &cut, NULL), SPINE_OK);
    spine_cut_get_info(cut, &info);
    assert_true(info.has_frontier);
    assert_int_equal(info.frontier, FRONTIER);
    assert_int_equal(info.inserted_rows, WORDS);
    spine_cut_unref(cut);
}

/* ---- Reading ---- */

static void
put_file(struct spine_backend *disk, const char *directory, const char *name)
{
    static uint8_t data[1u << 20];
    char path[1024];
    FILE *file;
    size_t size;

    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    file = fopen(path, "rb");
    assert_non_null(file);
    size = fread(data, 1, sizeof data, file);
    assert_true(size > 0 && size < sizeof data);
    fclose(file);
    assert_int_equal(disk->put_new(disk->context, name, data, size, NULL), SPINE_OK);
}

static void
restore_version(const char *directory)
{
    const struct spine_runtime_options options = {.manual = true};
    struct spine_restored_item item;
    struct spine_restored *restored;
    struct spine_runtime *runtime;
    struct spine_error error = {0};
    struct spine_backend disk;
    struct spine_store *store;
    struct dirent *entry;
    size_t bytes;
    DIR *listed = opendir(directory);

    assert_non_null(listed);
    assert_int_equal(spine_memory_backend(&disk, NULL), SPINE_OK);
    while ((entry = readdir(listed)) != NULL)
        if (entry->d_name[0] != '.')
            put_file(&disk, directory, entry->d_name);
    closedir(listed);
    assert_int_equal(spine_store_open(&disk, NULL, &store, &error), SPINE_OK);
    assert_int_equal(spine_runtime_open(&options, &runtime, NULL), SPINE_OK);
    if (spine_restore(store, 0, runtime, NULL, &restored, &error) != SPINE_OK)
        fail_msg("%s", error.message);
    assert_int_equal(spine_restored_sequence(restored), 1);
    assert_string_equal(spine_restored_user_data(restored, &bytes), "offset 12");
    assert_int_equal(spine_restored_count(restored), 2);
    assert_true(spine_restored_get_item(restored, 0, &item));
    assert_string_equal(item.name, "squares");
    assert_string_equal(item.key_filter, "watermark");
    assert_null(item.value_filter);
    check_squares(item.spine);
    assert_true(spine_restored_get_item(restored, 1, &item));
    assert_string_equal(item.name, "words");
    check_words(item.spine);
    spine_restored_free(restored);
    spine_runtime_close(runtime);
    spine_store_close(store);
}

static void
test_checkpoints_of_all_versions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        char directory[512];

        (void)snprintf(directory, sizeof directory, "%s/%s", SPINE_GOLDEN, versions[i]);
        restore_version(directory);
    }
}

/* ---- Writing ---- */

static int
write_version(const char *directory)
{
    const struct spine_checkpoint_options options = {.user_data = "offset 12",
                                                     .user_bytes = 10};
    const struct spine_runtime_options manual = {.manual = true};
    struct spine_checkpoint_item items[2] = {{.name = "squares"}, {.name = "words"}};
    struct spine_runtime *runtime;
    struct spine_error error = {0};
    struct spine_backend disk;
    struct spine_store *store;
    enum spine_status st = spine_directory_backend(directory, NULL, &disk, &error);

    if (st == SPINE_OK)
        st = spine_store_open(&disk, NULL, &store, &error);
    if (st == SPINE_OK)
        st = spine_runtime_open(&manual, &runtime, &error);
    if (st == SPINE_OK)
        st = spine_open(runtime, &squares, NULL, &items[0].spine, &error);
    if (st == SPINE_OK)
        st = spine_open(runtime, &words, NULL, &items[1].spine, &error);
    if (st == SPINE_OK) {
        fill_squares(items[0].spine);
        fill_words(items[1].spine);
        st = spine_checkpoint(store, items, 2, &options, NULL, &error);
        spine_close(items[0].spine);
        spine_close(items[1].spine);
        spine_runtime_close(runtime);
        spine_store_close(store);
    }
    if (st != SPINE_OK)
        (void)fprintf(stderr, "%s\n", error.message);
    return st == SPINE_OK ? 0 : 1;
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checkpoints_of_all_versions),
    };

    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        return write_version(argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
