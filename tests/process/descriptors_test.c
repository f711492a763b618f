/* SPDX-License-Identifier: MIT */

/*
 * A process with fewer descriptors than its store has files: spines of a file each are
 * written, read, made a checkpoint of, restored and read again.
 */

#include "harness/child.h"
#include "harness/directory.h"
#include "harness/host.h"
#include "spine/checkpoint.h"
#include "spine/restore.h"
#include "spine/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>

#include <cmocka.h>

#define SPINES 120u
#define ROWS 3000u
#define DESCRIPTORS 40u
#define SECONDS 120u

static char directory[DIRECTORY_BYTES];
static const struct spine_schema schema = {.key = {SPINE_U64, 0}};

static struct spine_error error;

static void
need(enum spine_status status)
{
    require(status == SPINE_OK, error.message);
}

static void
open_store(struct spine_store **store, struct spine_runtime **runtime)
{
    struct spine_runtime_options options = {.min_storage_bytes = 1};
    struct spine_backend backend;

    need(spine_directory_backend(directory, NULL, &backend, &error));
    need(spine_store_open(&backend, NULL, store, &error));
    options.store = *store;
    need(spine_runtime_open(&options, runtime, &error));
}

/* A spine whose rows are in one file: keys from `number` on. */
static struct spine *
spine_in_a_file(struct spine_runtime *runtime, unsigned number)
{
    struct spine *spine;
    uint64_t keys[ROWS];

    need(spine_open(runtime, &schema, NULL, &spine, &error));
    for (unsigned part = 0; part < 2; part++) {
        const struct spine_columns columns = {.rows = ROWS, .keys = keys};
        struct spine_batch *batch;

        for (uint64_t i = 0; i < ROWS; i++)
            keys[i] = number + 2 * i + part;
        need(spine_batch_from_columns(&schema, &columns, &batch, &error));
        need(spine_insert(spine, batch, &error));
        spine_batch_unref(batch);
    }
    need(spine_consolidate(spine, NULL, &error));
    return spine;
}

static void
expect_rows(struct spine *spine, unsigned number)
{
    struct spine_cursor *cursor;
    uint64_t key = number;

    need(spine_cursor_open(spine, &cursor, &error));
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor), key++)
        require(spine_cursor_key(cursor).u64 == key, "a key");
    need(spine_cursor_error(cursor, &error));
    spine_cursor_close(cursor);
    require(key == number + 2 * ROWS, "all rows");
}

static void
more_files_than_descriptors(void *context)
{
    const struct rlimit limit = {DESCRIPTORS, DESCRIPTORS};
    struct spine_checkpoint_item items[SPINES] = {{0}};
    char names[SPINES][8];
    struct spine *spines[SPINES];
    struct spine_store *store;
    struct spine_runtime *runtime;
    struct spine_store_stats stats;
    struct spine_restored *restored;

    (void)context;
    require(setrlimit(RLIMIT_NOFILE, &limit) == 0, "a limit");
    open_store(&store, &runtime);
    for (unsigned i = 0; i < SPINES; i++) {
        spines[i] = spine_in_a_file(runtime, i);
        snprintf(names[i], sizeof names[i], "s%u", i);
        items[i] = (struct spine_checkpoint_item){.name = names[i], .spine = spines[i]};
    }
    spine_store_get_stats(store, &stats);
    require(stats.files >= SPINES, "files");
    for (unsigned i = 0; i < SPINES; i++)
        expect_rows(spines[i], i);
    need(spine_checkpoint(store, items, SPINES, NULL, NULL, &error));
    for (unsigned i = 0; i < SPINES; i++)
        spine_close(spines[i]);
    spine_runtime_close(runtime);
    spine_store_close(store);

    open_store(&store, &runtime);
    need(spine_restore(store, 0, runtime, NULL, &restored, &error));
    for (unsigned i = 0; i < SPINES; i++) {
        spines[i] = spine_restored_take(restored, names[i]);
        expect_rows(spines[i], i);
        spine_close(spines[i]);
    }
    spine_restored_free(restored);
    spine_runtime_close(runtime);
    spine_store_close(store);
}

static void
a_store_needs_few_descriptors(void **state)
{
    (void)state;
    directory_make(directory, "spine_descriptors");
    child_expect("more files than descriptors",
                 child_run(more_files_than_descriptors, NULL, SECONDS), 0);
    directory_remove(directory);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_store_needs_few_descriptors)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
