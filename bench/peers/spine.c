/* SPDX-License-Identifier: MIT */

/*
 * peers/spine -- the library itself: a spine with the default options, but for its policy
 * when one is named, on a runtime with the default options. "spill" is the same with a
 * quarter of the memory that the rows take, and the rest in files.
 */

#include "spine/spine.h"
#include "harness/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READ_ROWS = 4096 };

struct state {
    struct spine_runtime *runtime;
    struct spine *spine;
    struct spine_probe *probe;
    struct spine_store *store; /* or NULL */
    const char *directory;
    uint64_t memory_limit; /* of "spill" */
    bool paused;
};

static void
must(enum spine_status status, const struct spine_error *error, const char *what)
{
    if (status != SPINE_OK)
        bench_fail("%s: %s: %s", what, spine_status_name(status), error->message);
}

static void *
open_with(const struct engine_setup *setup, const struct spine_runtime_options *runtime);

static struct spine_options options;
static const char *policy_name = "default";

void
engine_spine_policy(const char *name)
{
    const bool only_due = strcmp(name, "decades-due") == 0;

    if (!only_due && strcmp(name, "decades") != 0)
        bench_fail("policy %s: decades or decades-due", name);
    options.only_due_merges = only_due;
    policy_name = name;
}

static const char *
describe(void)
{
    static char line[96];

    snprintf(line, sizeof line, "policy %s; libuv pool, one slice less than cores",
             policy_name);
    return line;
}

static const char *
describe_spill(void)
{
    return "a quarter of the memory that the rows take; files around the page cache";
}

static const char *
describe_stored(void)
{
    return "spine with a store and a memory limit that it never comes near";
}

static struct spine_store *
open_store(const struct engine_setup *setup)
{
    struct spine_backend backend;
    struct spine_store *store;
    struct spine_error error;

    must(spine_directory_backend(setup->directory, NULL, &backend, &error), &error,
         "spine_directory_backend");
    must(spine_store_open(&backend, NULL, &store, &error), &error, "spine_store_open");
    return store;
}

/* With a store, if need be, that the runtime does not know: all rows are in memory. */
static void *
open_spine(const struct engine_setup *setup)
{
    struct state *const state = open_with(setup, &(struct spine_runtime_options){0});

    if (setup->durable) {
        state->store = open_store(setup);
        state->directory = setup->directory;
    }
    return state;
}

static void *
open_spill(const struct engine_setup *setup)
{
    struct spine_runtime_options with_store = {
        .memory_limit_bytes = engine_spill_bytes(setup), .store = open_store(setup)};
    struct state *state;

    state = open_with(setup, &with_store);
    state->store = with_store.store;
    state->directory = setup->directory;
    state->memory_limit = with_store.memory_limit_bytes;
    return state;
}

/* A store that could be used, and never is. */
static void *
open_stored(const struct engine_setup *setup)
{
    struct spine_runtime_options with_store = {.memory_limit_bytes = UINT64_C(1) << 40,
                                               .min_storage_bytes = UINT64_C(1) << 40,
                                               .store = open_store(setup)};
    struct state *state;

    state = open_with(setup, &with_store);
    state->store = with_store.store;
    state->directory = setup->directory;
    return state;
}

static void *
open_with(const struct engine_setup *setup, const struct spine_runtime_options *runtime)
{
    struct state *const state = bench_alloc(1, sizeof *state);
    struct spine_error error;

    *state = (struct state){.paused = setup->apart};
    must(spine_runtime_open(runtime, &state->runtime, &error), &error,
         "spine_runtime_open");
    must(spine_open(state->runtime, setup->schema, &options, &state->spine, &error),
         &error, "spine_open");
    must(spine_probe_new(&state->probe, &error), &error, "spine_probe_new");
    if (state->paused)
        spine_pause(state->spine);
    return state;
}

static void
insert(void *opaque, const struct spine_columns *rows)
{
    struct state *const state = opaque;
    struct spine_batch *batch;
    struct spine_error error;

    must(spine_batch_from_columns(spine_get_schema(state->spine), rows, &batch, &error),
         &error, "spine_batch_from_columns");
    must(spine_insert(state->spine, batch, &error), &error, "spine_insert");
    spine_batch_unref(batch);
}

static void
settle(void *opaque)
{
    struct state *const state = opaque;
    struct spine_error error;

    must(spine_wait_idle(state->spine, UINT64_MAX, &error), &error, "spine_wait_idle");
}

static struct spine_cursor *
cursor_open(const struct state *state)
{
    struct spine_cursor *cursor;
    struct spine_error error;

    must(spine_cursor_open(state->spine, &cursor, &error), &error, "spine_cursor_open");
    return cursor;
}

static void
cursor_close(struct spine_cursor *cursor)
{
    struct spine_error error;

    must(spine_cursor_error(cursor, &error), &error, "reading");
    spine_cursor_close(cursor);
}

/* A row whose times cancel each other is still there until the frontier makes them
 * equal. */
static void
key_tally(struct spine_cursor *cursor, struct tally *tally)
{
    const uint64_t key = spine_cursor_key(cursor).u64;

    for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor)) {
        const int64_t weight = spine_cursor_weight(cursor);
        if (weight != 0)
            tally_add(tally, key, spine_cursor_val(cursor).u64, weight);
    }
}

static void
scan_bulk(struct spine_cursor *cursor, struct tally *tally)
{
    static uint64_t keys[READ_ROWS], values[READ_ROWS];
    static int64_t weights[READ_ROWS];
    const struct spine_column_buffers buffers = {
        .rows = READ_ROWS, .keys = keys, .values = values, .weights = weights};
    size_t rows;

    while ((rows = spine_cursor_read(cursor, &buffers)) > 0)
        for (size_t i = 0; i < rows; i++)
            tally_add(tally, keys[i], values[i], weights[i]);
}

static void
scan(void *opaque, enum scan_how how, struct tally *tally)
{
    struct spine_cursor *const cursor = cursor_open(opaque);

    if (how == SCAN_BULK)
        scan_bulk(cursor, tally);
    else if (how == SCAN_ROWS)
        for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor))
            key_tally(cursor, tally);
    else
        for (spine_cursor_fast_forward(cursor); spine_cursor_key_valid(cursor);
             spine_cursor_step_key_reverse(cursor))
            key_tally(cursor, tally);
    cursor_close(cursor);
}

static void
probe(void *opaque, const uint64_t *keys, size_t count, uint64_t *values,
      struct tally *tally)
{
    const struct state *const state = opaque;
    const struct spine_columns columns = {.rows = count, .keys = keys};
    struct spine_snapshot *snapshot;
    struct spine_probe_rows rows;
    struct spine_error error;

    must(spine_take_snapshot(state->spine, &snapshot, &error), &error, "spine_snapshot");
    must(spine_snapshot_probe(snapshot, state->probe, &columns, NULL, &rows, &error),
         &error, "spine_snapshot_probe");
    const uint64_t *const found = rows.columns.values;
    size_t row = 0;
    for (size_t k = 0; k < rows.keys; k++) {
        if (values != NULL)
            values[k] = row < rows.ends[k] ? found[row] : NO_VALUE;
        for (; row < rows.ends[k]; row++)
            tally_add(tally, keys[k], found[row], rows.columns.weights[row]);
    }
    spine_snapshot_unref(snapshot);
}

static void
lookup(void *opaque, const uint64_t *keys, size_t count, struct tally *tally)
{
    struct spine_cursor *const cursor = cursor_open(opaque);

    for (size_t i = 0; i < count; i++)
        if (spine_cursor_seek_key_exact(cursor, spine_u64(keys[i])))
            key_tally(cursor, tally);
    cursor_close(cursor);
}

static void
group(void *opaque, enum group_what what, const uint64_t *keys, const uint64_t *at,
      size_t count, struct tally *tally)
{
    struct spine_cursor *const cursor = cursor_open(opaque);

    for (size_t i = 0; i < count; i++) {
        if (!spine_cursor_seek_key_exact(cursor, spine_u64(keys[i])))
            continue;
        if (what == GROUP_LAST)
            spine_cursor_fast_forward_vals(cursor);
        else if (what == GROUP_SEEK)
            spine_cursor_seek_val(cursor, spine_u64(at[i]));
        if (spine_cursor_val_valid(cursor))
            tally_add(tally, keys[i], spine_cursor_val(cursor).u64,
                      spine_cursor_weight(cursor));
    }
    cursor_close(cursor);
}

/* With the threads that merge, and this one. */
static void
unite(void *opaque)
{
    struct state *const state = opaque;
    struct spine_error error;

    spine_resume(state->spine);
    state->paused = false;
    must(spine_consolidate(state->spine, NULL, &error), &error, "spine_consolidate");
}

static double
written(void *opaque)
{
    const struct state *const state = opaque;
    struct spine_stats stats;

    spine_get_stats(state->spine, &stats);
    return (double)(stats.inserted_rows + stats.merge_rows_out -
                    stats.merge_rows_shared) /
           (double)stats.inserted_rows;
}

static void
advance(void *opaque, uint64_t frontier)
{
    struct state *const state = opaque;
    struct spine_error error;

    must(spine_set_frontier(state->spine, frontier, &error), &error,
         "spine_set_frontier");
}

static bool
key_is_kept(void *context, union spine_datum key)
{
    return key.u64 >= *(const uint64_t *)context;
}

static void
retain(void *opaque, uint64_t begin)
{
    struct state *const state = opaque;
    uint64_t *const context = bench_alloc(1, sizeof *context);
    const struct spine_key_filter filter = {
        .name = "window", .context = context, .on_key = key_is_kept, .on_release = free};
    struct spine_error error;

    *context = begin;
    must(spine_retain_keys(state->spine, &filter, &error), &error, "spine_retain_keys");
}

static uint64_t
runs(void *opaque)
{
    const struct state *const state = opaque;
    struct spine_stats stats;

    spine_get_stats(state->spine, &stats);
    return stats.batches;
}

static size_t
head(void *opaque, uint64_t *keys, size_t count, struct head_cost *cost)
{
    const struct state *const state = opaque;
    const double began = seconds_now();
    struct spine_cursor *const cursor = cursor_open(state);
    size_t read = 0;

    if (spine_cursor_key_valid(cursor))
        keys[read++] = spine_cursor_key(cursor).u64;
    cost->first_s = seconds_now() - began;
    cost->skipped = spine_cursor_rows_skipped(cursor);
    for (; read > 0 && read < count; read++) {
        spine_cursor_step_key(cursor);
        if (!spine_cursor_key_valid(cursor))
            break;
        keys[read] = spine_cursor_key(cursor).u64;
    }
    cursor_close(cursor);
    return read;
}

static uint64_t
durable(void *opaque)
{
    const struct state *const state = opaque;
    const struct spine_checkpoint_item item = {.name = "rows", .spine = state->spine};
    struct spine_checkpoint_info info;
    struct spine_error error;

    must(spine_checkpoint(state->store, &item, 1, NULL, &info, &error), &error,
         "spine_checkpoint");
    return info.file_bytes + info.manifest_bytes;
}

static uint64_t
read_bytes(void *opaque)
{
    const struct state *const state = opaque;
    struct spine_store_stats stats;

    spine_store_get_stats(state->store, &stats);
    return stats.read_bytes;
}

static uint64_t
memory_limit(void *opaque)
{
    return ((const struct state *)opaque)->memory_limit;
}

static void
close_spine(void *opaque)
{
    struct state *const state = opaque;

    if (state->paused)
        spine_resume(state->spine);
    spine_probe_free(state->probe);
    spine_close(state->spine);
    spine_runtime_close(state->runtime);
    spine_store_close(state->store);
    if (state->directory != NULL)
        directory_empty(state->directory);
    free(state);
}

extern const struct engine engine_spine, engine_spill, engine_stored;
const struct engine engine_spine = {
    .name = "spine",
    .abilities = ENGINE_BYTES | ENGINE_TIMES | ENGINE_APART | ENGINE_LOOKUP |
                 ENGINE_GROUPS | ENGINE_BULK | ENGINE_PROBE | ENGINE_UNITE |
                 ENGINE_RETAIN | ENGINE_HEAD | ENGINE_COLUMNS | ENGINE_DURABLE,
    .describe = describe,
    .open = open_spine,
    .insert = insert,
    .settle = settle,
    .scan = scan,
    .lookup = lookup,
    .probe = probe,
    .group = group,
    .unite = unite,
    .written = written,
    .advance = advance,
    .retain = retain,
    .runs = runs,
    .close = close_spine,
    .head = head,
    .durable = durable,
};

const struct engine engine_spill = {
    .name = "spill",
    .abilities = ENGINE_TIMES | ENGINE_APART | ENGINE_LOOKUP | ENGINE_GROUPS |
                 ENGINE_BULK | ENGINE_PROBE | ENGINE_UNITE | ENGINE_RETAIN,
    .describe = describe_spill,
    .open = open_spill,
    .insert = insert,
    .settle = settle,
    .scan = scan,
    .lookup = lookup,
    .probe = probe,
    .group = group,
    .unite = unite,
    .written = written,
    .advance = advance,
    .retain = retain,
    .runs = runs,
    .close = close_spine,
    .read_bytes = read_bytes,
    .memory_limit = memory_limit,
};

const struct engine engine_stored = {
    .name = "stored",
    .abilities = ENGINE_APART | ENGINE_LOOKUP | ENGINE_BULK | ENGINE_PROBE | ENGINE_UNITE,
    .describe = describe_stored,
    .open = open_stored,
    .insert = insert,
    .settle = settle,
    .scan = scan,
    .lookup = lookup,
    .probe = probe,
    .unite = unite,
    .written = written,
    .runs = runs,
    .close = close_spine,
};
