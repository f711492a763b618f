/* SPDX-License-Identifier: MIT */

/*
 *     metrics PROMETHEUS-FILE JSON-FILE TRACE-FILE
 *
 * Writes what a runtime with a store and some spines tells of itself, in both forms, at
 * one moment, and what happened until its end: for check.py.
 */

#include "spine/spine.h"

#include <stdio.h>
#include <stdlib.h>

#define ROWS 20000u

static const struct spine_schema pairs = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};

/* Ends the program unless `st` is SPINE_OK. */
static void
must(enum spine_status st, const struct spine_error *error)
{
    if (st == SPINE_OK)
        return;
    fprintf(stderr, "metrics: %s\n", error->message);
    exit(1);
}

static enum spine_status
to_file(void *context, const char *text, size_t text_bytes)
{
    return fwrite(text, 1, text_bytes, context) == text_bytes ? SPINE_OK : SPINE_IO;
}

static bool
keeps_low_keys(void *context, union spine_datum key)
{
    (void)context;
    return key.u64 < 1000000;
}

static void
fill(struct spine *spine, unsigned batches)
{
    static uint64_t keys[ROWS];
    static int64_t weights[ROWS];
    const struct spine_columns columns = {
        .rows = ROWS, .keys = keys, .values = keys, .weights = weights};
    struct spine_batch *batch;
    struct spine_cursor *cursor;
    struct spine_error error;

    for (unsigned i = 0; i < batches; i++) {
        for (uint64_t row = 0; row < ROWS; row++) {
            keys[row] = row * (i + 1);
            weights[row] = i % 3 == 2 ? -1 : 1;
        }
        must(spine_batch_from_columns(&pairs, &columns, &batch, &error), &error);
        must(spine_insert(spine, batch, &error), &error);
        spine_batch_unref(batch);
    }
    must(spine_cursor_open(spine, &cursor, &error), &error);
    for (uint64_t key = 0; key < 100000; key++)
        (void)spine_cursor_seek_key_exact(cursor, spine_u64(key));
    spine_cursor_close(cursor);
}

static void
write_file(struct spine_runtime *runtime, const char *path,
           enum spine_status (*write)(struct spine_runtime *, spine_write_fn *, void *,
                                      struct spine_error *))
{
    struct spine_error error;
    FILE *file = fopen(path, "w");

    if (file == NULL) {
        perror(path);
        exit(1);
    }
    must(write(runtime, to_file, file, &error), &error);
    if (fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

/* A checkpoint of the spines, restored. */
static void
save(struct spine_runtime *runtime, struct spine_store *store,
     struct spine *const *spines)
{
    const struct spine_checkpoint_item items[] = {{.name = "a", .spine = spines[0]},
                                                  {.name = "b", .spine = spines[1]}};
    struct spine_restored *restored;
    struct spine_error error;

    must(spine_checkpoint(store, items, 2, NULL, NULL, &error), &error);
    must(spine_restore(store, 0, runtime, NULL, &restored, &error), &error);
    spine_restored_free(restored);
}

int
main(int count, char **arguments)
{
    static const char *const names[] = {"orders", "a \"b\" \\ c \xc3\xa4", ""};
    const struct spine_key_filter filter = {.name = "low\"keys",
                                            .on_key = keeps_low_keys};
    struct spine_runtime_options options = {.manual = true, .min_storage_bytes = 1};
    struct spine_store_options store_options = {.cache_bytes = 1 << 20};
    struct spine_trace_writer *writer;
    struct spine_trace trace;
    FILE *trace_file;
    struct spine_backend backend;
    struct spine_error error;
    struct spine *spines[3];

    if (count != 4 || (trace_file = fopen(arguments[3], "w")) == NULL) {
        fprintf(stderr, "usage: metrics PROMETHEUS-FILE JSON-FILE TRACE-FILE\n");
        return 2;
    }
    must(spine_trace_writer_open(to_file, trace_file, &writer, &error), &error);
    trace = spine_trace_of_writer(writer);
    store_options.trace = options.trace = &trace;
    must(spine_memory_backend(&backend, &error), &error);
    must(spine_store_open(&backend, &store_options, &options.store, &error), &error);
    struct spine_runtime *runtime;
    must(spine_runtime_open(&options, &runtime, &error), &error);
    for (unsigned i = 0; i < 3; i++) {
        const struct spine_options named = {.name = names[i]};

        must(spine_open(runtime, &pairs, &named, &spines[i], &error), &error);
        fill(spines[i], 10 + 10 * i);
        (void)spine_runtime_run(runtime, 100000);
    }
    must(spine_retain_keys(spines[0], &filter, &error), &error);
    save(runtime, options.store, spines);
    write_file(runtime, arguments[1], spine_metrics_prometheus);
    write_file(runtime, arguments[2], spine_metrics_json);
    for (unsigned i = 0; i < 3; i++)
        spine_close(spines[i]);
    spine_runtime_close(runtime);
    spine_store_close(options.store);
    must(spine_trace_writer_close(writer, &error), &error);
    if (fclose(trace_file) != 0) {
        perror(arguments[3]);
        return 1;
    }
    return 0;
}
