/* SPDX-License-Identifier: MIT */

/*
 * The program `spine`, whose path is the first argument, on directories with checkpoints.
 */

#include "tool/tool_fixture.h"

#include "spine/spine.h"

#include <inttypes.h>
#include <unistd.h>

enum { LARGE, SMALL, TINY, SPINES };
static const char *const names[SPINES] = {"orders", "users", "totals"};
/* The first one is worth a file, the others share a pack. */
static const uint64_t rows_of[SPINES] = {400000, 3000, 1};

/* A directory with a store that is open. */
struct world {
    char directory[DIRECTORY_BYTES];
    struct spine_store *store;
    struct spine_runtime *runtime;
    struct spine *spines[SPINES];
    char large[SPINE_NAME_MAX + 1];
    char pack[SPINE_NAME_MAX + 1];
};

static void
open_store(const char *directory, struct spine_store **out)
{
    struct spine_backend backend;

    assert_int_equal(spine_directory_backend(directory, NULL, &backend, NULL), SPINE_OK);
    assert_int_equal(spine_store_open(&backend, NULL, out, NULL), SPINE_OK);
}

/* Values that take their bytes, however they are encoded. */
static uint64_t
scrambled(uint64_t number)
{
    return number * UINT64_C(0x9e3779b97f4a7c15);
}

static void
insert(struct spine *spine, uint64_t first, uint64_t rows)
{
    struct spine_batcher *batcher;
    struct spine_batch *batch;

    assert_int_equal(spine_batcher_new(spine_get_schema(spine), &batcher, NULL),
                     SPINE_OK);
    for (uint64_t i = first; i < first + rows; i++) {
        const struct spine_row row = {
            .key = spine_u64(i), .value = spine_u64(scrambled(i)), .weight = 1};

        assert_int_equal(spine_batcher_add(batcher, &row, NULL), SPINE_OK);
    }
    assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), SPINE_OK);
    spine_batcher_free(batcher);
    assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
}

static void
make_checkpoint(struct world *world)
{
    const struct spine_checkpoint_options options = {.user_data = "offset 7",
                                                     .user_bytes = 8};
    struct spine_checkpoint_item items[SPINES];
    struct spine_error error = {0};

    for (unsigned i = 0; i < SPINES; i++)
        items[i] =
            (struct spine_checkpoint_item){.name = names[i], .spine = world->spines[i]};
    if (spine_checkpoint(world->store, items, SPINES, &options, NULL, &error) != SPINE_OK)
        fail_msg("%s", error.message);
}

/* One checkpoint, of a file and a pack. */
static void
world_init(struct world *world)
{
    static const struct spine_schema schema = {.key = {.kind = SPINE_U64},
                                               .value = {.kind = SPINE_U64}};
    const struct spine_runtime_options options = {.manual = true};

    *world = (struct world){0};
    directory_make(world->directory, "/tmp/spine_tool");
    open_store(world->directory, &world->store);
    assert_int_equal(spine_runtime_open(&options, &world->runtime, NULL), SPINE_OK);
    for (unsigned i = 0; i < SPINES; i++) {
        assert_int_equal(
            spine_open(world->runtime, &schema, NULL, &world->spines[i], NULL), SPINE_OK);
        insert(world->spines[i], 0, rows_of[i]);
    }
    make_checkpoint(world);
    assert_int_equal(find_files(world->directory, ".batch", world->large), 1);
    assert_int_equal(find_files(world->directory, ".pack", world->pack), 1);
}

static void
world_release(struct world *world)
{
    for (unsigned i = 0; i < SPINES; i++)
        spine_close(world->spines[i]);
    spine_runtime_close(world->runtime);
    spine_store_close(world->store);
    directory_remove(world->directory);
}

/* Looks at everything, and removes it. */
static void
assert_restores(const char *directory, uint64_t sequence)
{
    const struct spine_runtime_options options = {.manual = true};
    struct spine_restored *restored;
    struct spine_runtime *runtime;
    struct spine_store *store;
    struct spine_error error = {0};
    size_t bytes;

    open_store(directory, &store);
    assert_int_equal(spine_runtime_open(&options, &runtime, NULL), SPINE_OK);
    if (spine_restore(store, 0, runtime, NULL, &restored, &error) != SPINE_OK)
        fail_msg("%s", error.message);
    assert_int_equal(spine_restored_sequence(restored), sequence);
    assert_memory_equal(spine_restored_user_data(restored, &bytes), "offset 7", 8);
    assert_int_equal(bytes, 8);
    for (unsigned i = 0; i < SPINES; i++) {
        struct spine *spine = spine_restored_take(restored, names[i]);
        struct spine_cursor *cursor;
        uint64_t rows = 0;

        assert_int_equal(spine_cursor_open(spine, &cursor, NULL), SPINE_OK);
        for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor), rows++) {
            assert_int_equal(spine_cursor_key(cursor).u64, rows);
            assert_int_equal(spine_cursor_val(cursor).u64, scrambled(rows));
        }
        assert_int_equal(spine_cursor_error(cursor, NULL), SPINE_OK);
        spine_cursor_close(cursor);
        assert_int_equal(rows, rows_of[i]);
        spine_close(spine);
    }
    spine_restored_free(restored);
    spine_runtime_close(runtime);
    spine_store_close(store);
}

static void
test_list(void **state)
{
    static char output[OUTPUT_BYTES];
    const cJSON *first, *spine;
    struct world world;
    cJSON *json;

    (void)state;
    world_init(&world);
    make_checkpoint(&world);
    assert_int_equal(run(output, "list %s", world.directory), 0);
    assert_int_equal(strncmp(output, "1  20", 5), 0);
    assert_non_null(strstr(output, "\n2  20"));
    assert_non_null(strstr(output, "Z  3 spines, 2 files of "));
    assert_non_null(strstr(output, " bytes, 8 bytes of user data\n"));
    assert_non_null(strstr(output, "    orders: 400000 rows in 1 batch; u64 -> u64, time "
                                   "untimed, 1 weight; dirty\n"));
    assert_non_null(strstr(output, "    totals: 1 rows in 1 batch; "));

    assert_int_equal(run(output, "list --json %s", world.directory), 0);
    json = cJSON_Parse(output);
    assert_int_equal(cJSON_GetArraySize(json), 2);
    first = cJSON_GetArrayItem(json, 0);
    assert_int_equal(number_of(first, "sequence"), 1);
    assert_int_equal(number_of(first, "files"), 2);
    assert_int_equal(number_of(first, "user_bytes"), 8);
    assert_true(number_of(first, "bytes") > 100000);
    assert_true(number_of(first, "made_ms") > 1.6e12);
    spine = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(first, "spines"), SMALL);
    assert_string_equal(cJSON_GetObjectItemCaseSensitive(spine, "name")->valuestring,
                        names[SMALL]);
    assert_int_equal(number_of(spine, "rows"), rows_of[SMALL]);
    cJSON_Delete(json);
    world_release(&world);
}

/* A file that is there without checkpoints is no checkpoint. */
static void
test_list_nothing(void **state)
{
    static char output[OUTPUT_BYTES];
    char directory[DIRECTORY_BYTES];

    (void)state;
    directory_make(directory, "/tmp/spine_tool");
    assert_int_equal(run(output, "list %s", directory), 0);
    assert_string_equal(output, "");
    assert_int_equal(run(output, "list --json %s", directory), 0);
    assert_string_equal(output, "[]\n");
    assert_int_equal(run(output, "list %s/nowhere", directory), 1);
    directory_remove(directory);
}

/* Where the second file of the pack begins, as `inspect` says it. */
static uint64_t
second_in_pack(const struct world *world)
{
    static char output[OUTPUT_BYTES];
    char begin[SPINE_NAME_MAX + 3];
    const char *at;

    assert_int_equal(run(output, "inspect %s", world->directory), 0);
    (void)snprintf(begin, sizeof begin, "%s+", world->pack);
    at = strstr(output, begin);
    assert_non_null(at);
    return strtoull(at + strlen(begin), NULL, 10);
}

static void
test_packs_are_looked_into(void **state)
{
    static char output[OUTPUT_BYTES];
    struct world world;
    uint64_t offset;

    (void)state;
    world_init(&world);
    offset = second_in_pack(&world);
    assert_true(offset > 0 && offset % 64 == 0);
    assert_int_equal(run(output, "inspect --json %s/%s", world.directory, world.pack), 0);
    assert_non_null(strstr(output, "3000"));
    assert_null(strstr(output, world.large));
    assert_int_equal(
        run(output, "dump %s/%s+%" PRIu64, world.directory, world.pack, offset), 0);
    assert_string_equal(output, "key,value,weight\n0,0,1\n");
    assert_int_equal(run(output, "dump --from 2999 %s/%s+0", world.directory, world.pack),
                     0);
    assert_string_equal(output, "key,value,weight\n2999,8926974566473112067,1\n");
    assert_int_equal(run(output, "dump %s/%s", world.directory, world.pack), 1);
    assert_non_null(strstr(output, "2 batch files are known there"));
    assert_int_equal(run(output, "dump %s/%s+1", world.directory, world.pack), 1);
    assert_non_null(strstr(output, "no checkpoint tells of a batch file there"));
    world_release(&world);
}

static void
assert_damage_is_found(const struct world *world, const char *name, long at)
{
    static char output[OUTPUT_BYTES];
    char line[256];

    copy_damaged(world->directory, name, name, at);
    assert_int_equal(run(output, "verify %s", world->directory), 1);
    /* It is named, and what is wrong. */
    (void)snprintf(line, sizeof line, "%s", name);
    assert_non_null(strstr(output, line));
    assert_non_null(strstr(output, ": SPINE_CORRUPT: "));
    copy_damaged(world->directory, name, name, at);
}

static long
size_of(const char *directory, const char *name)
{
    char path[256];
    FILE *file;
    long size;

    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size = ftell(file);
    (void)fclose(file);
    return size;
}

static void
test_verify(void **state)
{
    static char output[OUTPUT_BYTES];
    char manifest[SPINE_NAME_MAX + 1], expected[512];
    struct world world;
    uint64_t offset;
    long size;

    (void)state;
    world_init(&world);
    offset = second_in_pack(&world);
    assert_int_equal(find_files(world.directory, ".json", NULL), 1);
    (void)snprintf(manifest, sizeof manifest, "checkpoint-%020d.json", 1);
    assert_int_equal(run(output, "verify %s", world.directory), 0);
    (void)snprintf(expected, sizeof expected, "%s: ok\n", manifest);
    assert_non_null(strstr(output, expected));
    (void)snprintf(expected, sizeof expected, "%s: ok\n", world.large);
    assert_non_null(strstr(output, expected));
    (void)snprintf(expected, sizeof expected, "%s: ok\n%s+%" PRIu64 ": ok\n", world.pack,
                   world.pack, offset);
    assert_non_null(strstr(output, expected));

    /* Any byte, those between files, too. */
    size = size_of(world.directory, world.pack);
    for (long at = 0; at < size; at += size / 16)
        assert_damage_is_found(&world, world.pack, at);
    for (long at = (long)offset - 2; at < (long)offset + 2; at++)
        assert_damage_is_found(&world, world.pack, at);
    assert_damage_is_found(&world, world.pack, size - 1);
    size = size_of(world.directory, manifest);
    for (long at = 0; at < size; at += size / 8)
        assert_damage_is_found(&world, manifest, at);
    /* One file of a pack alone; damage in another one is not its own. */
    copy_damaged(world.directory, world.pack, world.pack, 100);
    assert_int_equal(
        run(output, "verify %s/%s+%" PRIu64, world.directory, world.pack, offset), 0);
    (void)snprintf(expected, sizeof expected, "%s+%" PRIu64 ": ok\n", world.pack, offset);
    assert_non_null(strstr(output, expected));
    assert_int_equal(run(output, "verify --json %s/%s", world.directory, world.pack), 1);
    assert_non_null(strstr(output, ".pack\",\"ok\":false,\"status\":\"SPINE_CORRUPT\""));
    copy_damaged(world.directory, world.pack, world.pack, 100);
    /* One checkpoint alone, and what it needs. */
    assert_int_equal(run(output, "verify %s/%s", world.directory, manifest), 0);
    (void)snprintf(expected, sizeof expected, "%s: ok\n", world.large);
    assert_non_null(strstr(output, expected));
    world_release(&world);
}

static void
path_of(const struct world *world, const char *name, char path[256])
{
    (void)snprintf(path, 256, "%s/%s", world->directory, name);
}

static void
test_verify_misses_files(void **state)
{
    static char output[OUTPUT_BYTES];
    char path[256], away[256], expected[256], command[600];
    struct world world;

    (void)state;
    world_init(&world);
    for (unsigned i = 0; i < 2; i++) {
        const char *name = i == 0 ? world.large : world.pack;

        path_of(&world, name, path);
        path_of(&world, "away", away);
        assert_int_equal(rename(path, away), 0);
        assert_int_equal(run(output, "verify %s", world.directory), 1);
        (void)snprintf(expected, sizeof expected, "%s: SPINE_NOT_FOUND: ", name);
        assert_non_null(strstr(output, expected));
        assert_non_null(strstr(output, "1.json: SPINE_CORRUPT: checkpoint 1: "));
        /* It ends too early. */
        (void)snprintf(command, sizeof command, "head -c -1 '%s' >'%s'", away, path);
        assert_int_equal(system(command), 0);
        assert_int_equal(run(output, "verify %s", world.directory), 1);
        (void)snprintf(expected, sizeof expected, "1.json: SPINE_CORRUPT: %s: has ",
                       name);
        assert_non_null(strstr(output, expected));
        assert_int_equal(rename(away, path), 0);
        assert_int_equal(run(output, "verify %s", world.directory), 0);
    }
    path_of(&world, "checkpoint-00000000000000000001.json", path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(run(output, "verify %s", world.directory), 1);
    assert_non_null(strstr(output, "checkpoints: SPINE_CORRUPT: checkpoint 1 was ack"));
    assert_int_equal(run(output, "list %s", world.directory), 1);
    assert_non_null(strstr(output, "its manifest is missing"));
    world_release(&world);
}

static void
test_export(void **state)
{
    static char output[OUTPUT_BYTES];
    char to[DIRECTORY_BYTES], name[SPINE_NAME_MAX + 1];
    struct world world;
    cJSON *json;

    (void)state;
    world_init(&world);
    /* Another one, whose file the copy does not need. */
    insert(world.spines[SMALL], 10000, 1);
    make_checkpoint(&world);
    assert_int_equal(find_files(world.directory, ".pack", NULL), 2);
    directory_make(to, "/tmp/spine_tool");
    assert_int_equal(run(output, "export --json %s 1 %s", world.directory, to), 0);
    json = cJSON_Parse(output);
    assert_int_equal(number_of(json, "sequence"), 1);
    assert_int_equal(number_of(json, "files"), 2);
    cJSON_Delete(json);
    assert_int_equal(find_files(to, ".batch", name), 1);
    assert_string_equal(name, world.large);
    assert_int_equal(find_files(to, ".pack", name), 1);
    assert_string_equal(name, world.pack);
    assert_int_equal(find_files(to, ".json", NULL), 1);
    assert_int_equal(run(output, "verify %s", to), 0);
    assert_restores(to, 1);
    /* Never into what is there. */
    assert_int_equal(run(output, "export %s newest %s", world.directory, to), 1);
    assert_non_null(strstr(output, "SPINE_EXISTS: "));
    assert_int_equal(run(output, "export %s 1 %s", world.directory, world.directory), 1);
    directory_remove(to);

    assert_int_equal(run(output, "export %s newest %s", world.directory, to), 0);
    assert_non_null(strstr(output, "checkpoint 2: 3 files of "));
    assert_int_equal(run(output, "verify %s", to), 0);
    assert_int_equal(run(output, "list %s", to), 0);
    assert_non_null(strstr(output, "users: 3001 rows"));
    directory_remove(to);
    world_release(&world);
}

/* All that may take long says how far it is, but only to a person. */
static void
test_progress(void **state)
{
    static char output[OUTPUT_BYTES];
    char to[DIRECTORY_BYTES];
    struct world world;

    (void)state;
    world_init(&world);
    directory_make(to, "/tmp/spine_tool");
    assert_int_equal(run_on_terminal(output, "export %s 1 %s", world.directory, to), 0);
    assert_non_null(strstr(output, "\rexport: bytes copied "));
    assert_non_null(strstr(output, " %"));
    /* The line goes in the end. */
    assert_string_equal(output + strlen(output) - 4, "\r\033[K");
    assert_int_equal(run_on_terminal(output, "verify %s", world.directory), 0);
    assert_non_null(strstr(output, ": bytes "));
    assert_int_equal(
        run_on_terminal(output, "inspect %s/%s", world.directory, world.large), 0);
    assert_non_null(strstr(output, ": blocks "));
    assert_int_equal(run_on_terminal(output, "dump %s/%s", world.directory, world.large),
                     0);
    assert_non_null(strstr(output, ": rows "));
    assert_int_equal(run(output, "verify %s", world.directory), 0);
    assert_null(strchr(output, '\r'));
    directory_remove(to);
    world_release(&world);
}

static void
test_export_fails_whole(void **state)
{
    static char output[OUTPUT_BYTES];
    char to[DIRECTORY_BYTES], foreign[256];
    struct world world;
    FILE *file;

    (void)state;
    world_init(&world);
    directory_make(to, "/tmp/spine_tool");
    assert_int_equal(run(output, "export %s 7 %s", world.directory, to), 1);
    assert_non_null(strstr(output, "SPINE_NOT_FOUND"));
    assert_int_equal(run(output, "export %s 1x %s", world.directory, to), 1);
    assert_int_equal(run(output, "export %s 1", world.directory), 2);
    /* Damage is not passed on. */
    copy_damaged(world.directory, world.pack, world.pack, 1000);
    assert_int_equal(run(output, "export %s 1 %s", world.directory, to), 1);
    assert_non_null(strstr(output, "SPINE_CORRUPT: "));
    assert_non_null(strstr(output, world.pack));
    assert_int_equal(find_files(to, ".json", NULL), 0);
    assert_int_equal(find_files(to, ".batch", NULL), 0);
    assert_int_equal(find_files(to, ".pack", NULL), 0);
    copy_damaged(world.directory, world.pack, world.pack, 1000);
    /* What an interrupted one has left is no obstacle; anything else stays as it is. */
    (void)snprintf(foreign, sizeof foreign, "%s/%s.tmp", to, world.pack);
    file = fopen(foreign, "wb");
    assert_non_null(file);
    (void)fclose(file);
    assert_int_equal(run(output, "export %s 1 %s", world.directory, to), 0);
    assert_restores(to, 1);
    directory_remove(to);
    directory_make(to, "/tmp/spine_tool");
    (void)snprintf(foreign, sizeof foreign, "%s/letter.tmp", to);
    file = fopen(foreign, "wb");
    assert_non_null(file);
    (void)fclose(file);
    assert_int_equal(run(output, "export %s 1 %s", world.directory, to), 1);
    assert_non_null(strstr(output, "'letter.tmp' is there"));
    assert_int_equal(access(foreign, F_OK), 0);
    directory_remove(to);
    world_release(&world);
}

int
main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_list_nothing),
        cmocka_unit_test(test_packs_are_looked_into),
        cmocka_unit_test(test_verify),
        cmocka_unit_test(test_verify_misses_files),
        cmocka_unit_test(test_export),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_export_fails_whole),
    };

    if (!tool_is_given(count, arguments))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
