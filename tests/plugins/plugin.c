/* SPDX-License-Identifier: MIT */
#include "plugins/plugin.h"

#include "spine/spine.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* In front of what the plugin allocates itself: free() of another allocator crashes. */
#define HEAD_BYTES 64
#define BATCH_ROWS 2000u
#define BATCHES 40u

static const struct spine_schema schema = {.key = {SPINE_U64, 0},
                                           .value = {SPINE_U64, 0}};
static struct spine_runtime *runtime;
static struct spine *spine;
static uint64_t inserted_rows;
static atomic_size_t given_bytes;

static void
must(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "plugin: %s\n", what);
    abort();
}

static void *
give(void *context, size_t bytes)
{
    char *memory = malloc(bytes + HEAD_BYTES);

    (void)context;
    if (memory == NULL)
        return NULL;
    atomic_fetch_add(&given_bytes, bytes);
    return memory + HEAD_BYTES;
}

static void
take(void *context, void *memory, size_t bytes)
{
    (void)context;
    atomic_fetch_sub(&given_bytes, bytes);
    free((char *)memory - HEAD_BYTES);
}

static void
insert_batches(void)
{
    static uint64_t keys[BATCH_ROWS], values[BATCH_ROWS];
    const struct spine_columns columns = {
        .rows = BATCH_ROWS, .keys = keys, .values = values};

    for (unsigned i = 0; i < BATCHES; i++) {
        struct spine_batch *batch;

        for (unsigned j = 0; j < BATCH_ROWS; j++) {
            keys[j] = j;
            values[j] = inserted_rows++;
        }
        must(spine_batch_from_columns(&schema, &columns, &batch, NULL) == SPINE_OK,
             "a batch");
        must(spine_insert(spine, batch, NULL) == SPINE_OK, "an insert");
        spine_batch_unref(batch);
    }
}

static void
plugin_open(bool own_allocator)
{
    const struct spine_allocator allocator = {NULL, give, take};

    must(spine_set_allocator(own_allocator ? &allocator : NULL) == SPINE_OK,
         "an allocator");
    must(spine_runtime_open(NULL, &runtime, NULL) == SPINE_OK, "a runtime");
    must(spine_open(runtime, &schema, NULL, &spine, NULL) == SPINE_OK, "a spine");
    inserted_rows = 0;
    insert_batches();
}

static void
plugin_use(void)
{
    struct spine_batch *batch;
    struct spine_cursor *cursor;
    uint64_t rows = 0;

    insert_batches();
    must(spine_wait_idle(spine, UINT64_MAX, NULL) == SPINE_OK, "a wait");
    must(spine_consolidate(spine, &batch, NULL) == SPINE_OK, "a consolidation");
    must(spine_batch_cursor(batch, &cursor, NULL) == SPINE_OK, "a cursor");
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor))
        for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor))
            rows++;
    must(spine_cursor_error(cursor, NULL) == SPINE_OK, "a cursor failed");
    must(rows == inserted_rows, "another number of rows");
    must(spine_check(spine, NULL) == SPINE_OK, "a check");
    spine_cursor_close(cursor);
    spine_batch_unref(batch);
}

static void
plugin_close(void)
{
    spine_close(spine);
    spine_runtime_close(runtime);
    must(spine_allocated_bytes() == 0, "memory leaked");
    must(atomic_load(&given_bytes) == 0, "memory of the plugin leaked");
}

static size_t
plugin_given_bytes(void)
{
    return atomic_load(&given_bytes);
}

static const struct plugin plugin = {
    .open = plugin_open,
    .use = plugin_use,
    .close = plugin_close,
    .held_bytes = spine_allocated_bytes,
    .given_bytes = plugin_given_bytes,
};

__attribute__((visibility("default"))) const struct plugin *
plugin_get(void)
{
    return &plugin;
}
