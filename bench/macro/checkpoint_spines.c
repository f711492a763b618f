/* SPDX-License-Identifier: MIT */

/*
 * macro/checkpoint_spines -- parts of the workload `checkpoint` that use the library
 * directly: many spines in one checkpoint, restoring and the first scan, and what
 * checkpoints cost those who insert meanwhile.
 */

#include "macro/macro.h"
#include "spine/spine.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MANY = 1000, MANY_ROWS = 1000, SHORT_ROWS = 1000, READ_ROWS = 4096 };

#define CHECKPOINT_EVERY_S 1.0
/* Of the store: next to nothing, so that every scan reads files. */
#define CACHE_BYTES ((size_t)1 << 20)

struct place {
    struct spine_store *store;
    struct spine_runtime *runtime;
    struct spine *spine; /* NULL until it is made or restored */
    atomic_bool is_busy; /* a checkpoint is under way */
    const char *directory;
};

static void place_open(struct place *place, const struct bench *bench, bool in_files);
static void place_close(struct place *place);
static void place_fill(struct place *place, const struct bench *bench,
                       struct source *source, uint64_t begin, uint64_t end);
static void place_insert(struct place *place, const struct source *source);
static void place_settle(struct place *place);
static void place_start(struct place *place);
static void place_wait(struct place *place);

static void
must(enum spine_status status, const struct spine_error *error)
{
    if (status != SPINE_OK)
        bench_fail("checkpoint: %s: %s", spine_status_name(status), error->message);
}

/* ---- 1,000 spines of 1,000 rows ---- */

static void
many_fill(struct place *place, struct spine **many, const struct bench *bench,
          unsigned rows)
{
    struct source *const source = source_new();
    struct spine_error error;

    for (unsigned i = 0; i < MANY; i++) {
        must(spine_open(place->runtime, &schema_u64, NULL, &many[i], &error), &error);
        source_begin(source);
        for (unsigned row = 0; row < rows; row++)
            source_add(source, key_of(bench->seed, i * MANY_ROWS + row), row, 1);
        place->spine = many[i];
        place_insert(place, source);
        place_settle(place);
    }
    place->spine = NULL;
    source_free(source);
}

static void
run_many(const struct bench *bench, struct sample *sample)
{
    static struct spine_checkpoint_item items[MANY];
    static struct spine *many[MANY];
    static char names[MANY][16];
    const unsigned rows =
        bench->n / MANY < MANY_ROWS ? (unsigned)(bench->n / MANY) : MANY_ROWS;
    struct spine_checkpoint_info info;
    struct spine_error error;
    struct place place;

    place_open(&place, bench, false);
    many_fill(&place, many, bench, rows);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "%u", i);
        items[i] = (struct spine_checkpoint_item){.name = names[i], .spine = many[i]};
    }
    const double began = seconds_now();
    must(spine_checkpoint(place.store, items, MANY, NULL, &info, &error), &error);
    const double seconds = seconds_now() - began;
    const uint64_t all = (uint64_t)MANY * rows;
    if (info.rows != all)
        bench_fail("checkpoint.many: %llu rows", (unsigned long long)info.rows);
    sample_put(sample, "checkpoint.many", "durable_ms", all, 1e3 * seconds);
    sample_put(sample, "checkpoint.many", "files", all, (double)info.files + 1);
    sample_put(sample, "checkpoint.many", "syncs", all, (double)info.syncs);
    for (unsigned i = 0; i < MANY; i++)
        spine_close(many[i]);
    place_close(&place);
    directory_empty(bench->directory);
}

/* ---- restoring ---- */

static double
scan(struct place *place, struct tally *tally)
{
    static uint64_t keys[READ_ROWS], values[READ_ROWS];
    static int64_t weights[READ_ROWS];
    const struct spine_column_buffers buffers = {
        .rows = READ_ROWS, .keys = keys, .values = values, .weights = weights};
    const double began = seconds_now();
    struct spine_cursor *cursor;
    struct spine_error error;
    size_t rows;

    must(spine_cursor_open(place->spine, &cursor, &error), &error);
    while ((rows = spine_cursor_read(cursor, &buffers)) > 0)
        for (size_t i = 0; i < rows; i++)
            tally_add(tally, keys[i], values[i], weights[i]);
    must(spine_cursor_error(cursor, &error), &error);
    spine_cursor_close(cursor);
    return seconds_now() - began;
}

/* Files are read around the page cache, and the cache is small: nothing of them is in
 * memory. What the first scan is compared with is one of the same rows in files that no
 * checkpoint and no restore has to do with. */
static void
run_restore(const struct bench *bench, struct sample *sample)
{
    struct source *const source = source_new();
    struct tally first = {0}, cold = {0};
    struct spine_restored *restored;
    struct spine_error error;
    struct place place;

    place_open(&place, bench, true);
    must(spine_open(place.runtime, &schema_u64, NULL, &place.spine, &error), &error);
    place_fill(&place, bench, source, 0, bench->n);
    place_settle(&place);
    const double cold_s = scan(&place, &cold);
    place_start(&place);
    place_wait(&place);
    place_close(&place);

    place_open(&place, bench, true);
    const double began = seconds_now();
    must(spine_restore(place.store, 0, place.runtime, NULL, &restored, &error), &error);
    sample_put(sample, "checkpoint.restore", "restore_ms", bench->n,
               1e3 * (seconds_now() - began));
    place.spine = spine_restored_take(restored, "rows");
    spine_restored_free(restored);
    const double first_s = scan(&place, &first);
    source->expected.rows = bench->n;
    tally_check("checkpoint.restore", &source->expected, &first);
    tally_check("checkpoint.restore", &source->expected, &cold);
    sample_put(sample, "checkpoint.restore", "scan_rows_per_s", bench->n,
               (double)bench->n / first_s);
    sample_put(sample, "checkpoint.restore", "over_cold", bench->n, first_s / cold_s);
    place_close(&place);
    source_free(source);
    directory_empty(bench->directory);
}

/* ---- inserts meanwhile ---- */

/* The 99.9th percentile of how long one insert takes, in seconds. */
static double
timed_inserts(struct place *place, const struct bench *bench, struct source *source,
              uint64_t begin, uint64_t end, bool with_checkpoints)
{
    const size_t count = (size_t)((end - begin) / SHORT_ROWS);
    double *const times = bench_alloc(count, sizeof *times);

    for (size_t i = 0; i < count; i++) {
        source_begin(source);
        for (uint64_t row = 0; row < SHORT_ROWS; row++)
            source_add(source, key_of(bench->seed, begin + i * SHORT_ROWS + row), row, 1);
        if (with_checkpoints && !atomic_load(&place->is_busy))
            place_start(place);
        const double began = seconds_now();
        place_insert(place, source);
        times[i] = seconds_now() - began;
    }
    qsort(times, count, sizeof *times, compare_doubles);
    const double late = times[(size_t)ceil(0.999 * (double)count) - 1];
    free(times);
    return late;
}

static void
run_inserts(const struct bench *bench, struct sample *sample)
{
    const uint64_t half = bench->n / 2, quarter = bench->n / 4;
    struct source *const source = source_new();
    struct spine_error error;
    struct place place;

    place_open(&place, bench, false);
    must(spine_open(place.runtime, &schema_u64, NULL, &place.spine, &error), &error);
    place_fill(&place, bench, source, 0, half);
    place_settle(&place);
    const double quiet =
        timed_inserts(&place, bench, source, half, half + quarter, false);
    place_settle(&place);
    const double during =
        timed_inserts(&place, bench, source, half + quarter, bench->n, true);
    place_wait(&place);
    sample_put(sample, "checkpoint.quiet", "p99.9_ms", bench->n, 1e3 * quiet);
    sample_put(sample, "checkpoint.during", "p99.9_ms", bench->n, 1e3 * during);
    sample_put(sample, "checkpoint.during", "over_quiet", bench->n, during / quiet);
    place_close(&place);
    source_free(source);
    directory_empty(bench->directory);
}

/* Half of each batch retracts the oldest rows; seconds until all is merged. */
static double
churn(const struct bench *bench, bool with_checkpoints)
{
    const uint64_t live_max = live_rows(bench->n);
    struct source *const source = source_new();
    struct tally found = {0};
    struct spine_error error;
    struct place place;
    uint64_t fresh = 0, gone = 0;

    place_open(&place, bench, false);
    must(spine_open(place.runtime, &schema_u64, NULL, &place.spine, &error), &error);
    const double began = seconds_now();
    double due = began;
    while (fresh + gone < bench->n) {
        source_begin(source);
        for (unsigned i = 0; i < BATCH_ROWS; i++)
            if (i % 2 == 1 && fresh - gone >= live_max) {
                source_add(source, key_of(bench->seed, gone), gone, -1);
                gone++;
            } else {
                source_add(source, key_of(bench->seed, fresh), fresh, 1);
                fresh++;
            }
        place_insert(&place, source);
        if (with_checkpoints && seconds_now() >= due && !atomic_load(&place.is_busy)) {
            place_start(&place);
            due = seconds_now() + CHECKPOINT_EVERY_S;
        }
    }
    place_settle(&place);
    const double seconds = seconds_now() - began;
    place_wait(&place);
    (void)scan(&place, &found);
    source->expected.rows = fresh - gone;
    tally_check("checkpoint.churn", &source->expected, &found);
    place_close(&place);
    source_free(source);
    directory_empty(bench->directory);
    return seconds;
}

static void
run_churns(const struct bench *bench, struct sample *sample)
{
    const double plain = churn(bench, false), with = churn(bench, true);

    sample_put(sample, "checkpoint.plain", "settled_rows_per_s", bench->n,
               (double)bench->n / plain);
    sample_put(sample, "checkpoint.churn", "settled_rows_per_s", bench->n,
               (double)bench->n / with);
    sample_put(sample, "checkpoint.churn", "over_plain", bench->n, with / plain);
}

void
run_checkpoint_of_spines(const struct bench *bench, struct sample *sample)
{
    run_many(bench, sample);
    run_restore(bench, sample);
    run_inserts(bench, sample);
    run_churns(bench, sample);
}

/* ---- a store, a runtime, and perhaps a spine ---- */

/* `in_files`: what merges make is. */
static void
place_open(struct place *place, const struct bench *bench, bool in_files)
{
    const struct spine_store_options options = {.cache_bytes = CACHE_BYTES};
    struct spine_runtime_options runtime = {.min_storage_bytes = 1};
    struct spine_backend backend;
    struct spine_error error;

    *place = (struct place){.directory = bench->directory};
    must(spine_directory_backend(bench->directory, NULL, &backend, &error), &error);
    must(spine_store_open(&backend, &options, &place->store, &error), &error);
    if (in_files)
        runtime.store = place->store;
    must(spine_runtime_open(&runtime, &place->runtime, &error), &error);
}

/* Files stay. */
static void
place_close(struct place *place)
{
    spine_close(place->spine);
    spine_runtime_close(place->runtime);
    spine_store_close(place->store);
}

static void
place_fill(struct place *place, const struct bench *bench, struct source *source,
           uint64_t begin, uint64_t end)
{
    for (uint64_t number = begin; number < end;) {
        source_begin(source);
        for (unsigned i = 0; i < BATCH_ROWS && number < end; i++, number++)
            source_add(source, key_of(bench->seed, number), number, 1);
        place_insert(place, source);
    }
}

static void
place_insert(struct place *place, const struct source *source)
{
    struct spine_batch *batch;
    struct spine_error error;

    must(spine_batch_from_columns(&schema_u64, &source->columns, &batch, &error), &error);
    must(spine_insert(place->spine, batch, &error), &error);
    spine_batch_unref(batch);
}

static void
place_settle(struct place *place)
{
    struct spine_error error;

    must(spine_wait_idle(place->spine, UINT64_MAX, &error), &error);
}

static void
checkpoint_done(void *context, enum spine_status status,
                const struct spine_checkpoint_info *info, const struct spine_error *error)
{
    struct place *const place = context;

    (void)info;
    must(status, error);
    atomic_store(&place->is_busy, false);
}

/* A checkpoint in the background. */
static void
place_start(struct place *place)
{
    const struct spine_checkpoint_item item = {.name = "rows", .spine = place->spine};
    const struct spine_checkpoint_options options = {.on_done = checkpoint_done,
                                                     .context = place};
    struct spine_error error;

    atomic_store(&place->is_busy, true);
    must(spine_checkpoint_start(place->store, place->runtime, &item, 1, &options, &error),
         &error);
}

static void
place_wait(struct place *place)
{
    const struct timespec pause = {.tv_nsec = 1000000};

    while (atomic_load(&place->is_busy))
        nanosleep(&pause, NULL);
}
