/* SPDX-License-Identifier: MIT */

/*
 * Batches: making, packing, staging and seeking. Prints the median and the spread of
 * repeated runs in millions of rows (or seeks) a second of the processor's time.
 *
 *     micro_batch [name]     only what has `name` in its name
 */

#include "batch/batch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RUNS_MAX 101

static uint64_t random_state = 1;

static uint64_t
random_next(void)
{
    uint64_t word = random_state += UINT64_C(0x9e3779b97f4a7c15);

    word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
    return word ^ (word >> 31);
}

static uint64_t
now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int
compare_numbers(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void
must(bool fact, const char *what)
{
    if (fact)
        return;
    fprintf(stderr, "failed: %s\n", what);
    exit(1);
}

/* What is measured: `on_run` returns how many rows it worked on. */
struct subject {
    const char *name;
    size_t runs;
    struct spine_schema schema;
    uint64_t (*on_run)(const struct subject *subject,
                       const struct spine_columns *columns);
    size_t rows;
    uint64_t keys;
    uint64_t values;
};

static void
measure(const struct subject *subject, const struct spine_columns *columns)
{
    double rates[RUNS_MAX];

    for (size_t i = 0; i < subject->runs; i++) {
        const uint64_t begin = now_ns();
        const uint64_t rows = subject->on_run(subject, columns);

        rates[i] = (double)rows * 1e3 / (double)(now_ns() - begin);
    }
    qsort(rates, subject->runs, sizeof *rates, compare_numbers);
    printf("%-32s %8.1f M/s   (%.1f .. %.1f)\n", subject->name, rates[subject->runs / 2],
           rates[0], rates[subject->runs - 1]);
    fflush(stdout);
}

/* The last batches made stay, as in a spine: freeing all would give the memory back to
 * the system every time. */
static struct spine_batch *made[16];

static uint64_t
run_from_columns(const struct subject *subject, const struct spine_columns *columns)
{
    static size_t at;

    spine_batch_unref(made[at]);
    must(spine_batch_from_columns(&subject->schema, columns, &made[at], NULL) == SPINE_OK,
         "from_columns");
    at = (at + 1) % 16;
    return columns->rows;
}

static uint64_t
run_batcher_columns(const struct subject *subject, const struct spine_columns *columns)
{
    const bool narrow = subject->schema.key.kind == SPINE_U32;
    const size_t key_bytes = narrow ? 4 : 8;
    const size_t value_bytes = subject->schema.value.kind == SPINE_U32 ? 4 : 8;
    struct spine_batcher *batcher;
    struct spine_batch *batch;

    must(spine_batcher_new(&subject->schema, &batcher, NULL) == SPINE_OK, "batcher");
    for (size_t at = 0; at < columns->rows; at += 1000) {
        const size_t left = columns->rows - at;
        const struct spine_columns piece = {
            .rows = left < 1000 ? left : 1000,
            .keys = (const uint8_t *)columns->keys + at * key_bytes,
            .values = (const uint8_t *)columns->values + at * value_bytes,
        };

        must(spine_batcher_add_columns(batcher, &piece, NULL) == SPINE_OK, "add");
    }
    must(spine_batcher_seal(batcher, &batch, NULL) == SPINE_OK, "seal");
    spine_batch_unref(batch);
    spine_batcher_free(batcher);
    return columns->rows;
}

static uint64_t
run_batcher_rows(const struct subject *subject, const struct spine_columns *columns)
{
    const bool narrow_key = subject->schema.key.kind == SPINE_U32;
    const bool narrow_value = subject->schema.value.kind == SPINE_U32;
    struct spine_row row = {.weight = 1};
    struct spine_batcher *batcher;
    struct spine_batch *batch;

    must(spine_batcher_new(&subject->schema, &batcher, NULL) == SPINE_OK, "batcher");
    for (size_t i = 0; i < columns->rows; i++) {
        row.key = narrow_key ? spine_u32(((const uint32_t *)columns->keys)[i])
                             : spine_u64(((const uint64_t *)columns->keys)[i]);
        row.value = narrow_value ? spine_u32(((const uint32_t *)columns->values)[i])
                                 : spine_u64(((const uint64_t *)columns->values)[i]);
        must(spine_batcher_add(batcher, &row, NULL) == SPINE_OK, "add");
    }
    must(spine_batcher_seal(batcher, &batch, NULL) == SPINE_OK, "seal");
    spine_batch_unref(batch);
    spine_batcher_free(batcher);
    return columns->rows;
}

#define PROBES 100000u

/* The batch of the columns that are measured, made once for what only reads it, and keys
 * of it in no order. */
static struct spine_batch *kept;
static uint64_t probes[PROBES];

static struct spine_batch *
kept_batch(const struct subject *subject, const struct spine_columns *columns)
{
    if (kept != NULL)
        return kept;
    must(spine_batch_from_columns(&subject->schema, columns, &kept, NULL) == SPINE_OK,
         "from_columns");
    if (subject->schema.key.kind == SPINE_U64)
        for (size_t i = 0; i < PROBES; i++)
            probes[i] = ((const uint64_t *)columns->keys)[random_next() % columns->rows];
    return kept;
}

static uint64_t
run_stage(const struct subject *subject, const struct spine_columns *columns)
{
    const struct spine_batch *batch = kept_batch(subject, columns);
    static struct rows rows;
    struct reader reader;
    uint64_t total = 0;

    reader_init(&reader, batch);
    for (; !reader_at_end(&reader); total += rows.count) {
        rows.count = 0;
        must(reader_stage(&reader, &rows, BLOCK_ROWS) == SPINE_OK, "stage");
    }
    must(total == batch->info.rows, "stage");
    rows_release(&batch->layout, &rows);
    return total;
}

/* Stages all rows and packs them again; the time of staging is in it. */
static uint64_t
run_stage_and_pack(const struct subject *subject, const struct spine_columns *columns)
{
    const struct spine_batch *batch = kept_batch(subject, columns);
    struct spine_batch *copy;
    struct output output;
    struct reader reader;

    reader_init(&reader, batch);
    output_init(&output, &batch->layout);
    while (!reader_at_end(&reader)) {
        must(reader_stage(&reader, &output.pending, BLOCK_ROWS) == SPINE_OK, "stage");
        must(output_flush(&output, false) == SPINE_OK, "flush");
    }
    must(output_seal(&output, &copy, NULL) == SPINE_OK, "seal");
    output_release(&output);
    spine_batch_unref(copy);
    return batch->info.rows;
}

static uint64_t
run_seek(const struct subject *subject, const struct spine_columns *columns)
{
    const struct spine_batch *batch = kept_batch(subject, columns);
    struct reader reader;
    uint64_t found = 0;

    reader_init(&reader, batch);
    for (size_t i = 0; i < PROBES; i++) {
        const struct cell key = {.word = probes[i]};

        size_t rows;

        must(reader_seek_exact(&reader, &key, &rows) == SPINE_OK, "seek");
        found += rows > 0;
    }
    must(found == PROBES, "seek");
    return found;
}

static const struct spine_schema two = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};
static const struct spine_schema one = {.key = {SPINE_U32, 0}, .value = {SPINE_U32, 0}};

static void *
draw_cells(const struct subject *subject, bool keys)
{
    const struct spine_type type = keys ? subject->schema.key : subject->schema.value;
    const uint64_t bound = keys ? subject->keys : subject->values;
    void *cells = malloc(subject->rows * 8);

    must(cells != NULL, "malloc");
    for (size_t i = 0; i < subject->rows; i++)
        if (type.kind == SPINE_U32)
            ((uint32_t *)cells)[i] = (uint32_t)(random_next() % bound);
        else
            ((uint64_t *)cells)[i] =
                bound == UINT64_MAX
                    ? random_next()
                    : (random_next() % bound) * UINT64_C(0x9e3779b97f4a7c15);
    return cells;
}

int
main(int argc, char **argv)
{
    const struct subject subjects[] = {
        {"from_columns 10k u64 u64", 101, two, run_from_columns, 10000, UINT64_MAX,
         UINT64_MAX},
        {"from_columns 10k u32 u32", 101, one, run_from_columns, 10000, 1000000, 1000000},
        {"from_columns 1M u64 u64", 5, two, run_from_columns, 1000000, UINT64_MAX,
         UINT64_MAX},
        {"batcher columns 10M 80% dup u64", 3, two, run_batcher_columns, 10000000, 100000,
         20},
        {"batcher columns 10M 80% dup u32", 3, one, run_batcher_columns, 10000000, 100000,
         20},
        {"batcher rows 10M 80% dup u64", 3, two, run_batcher_rows, 10000000, 100000, 20},
        {"batcher rows 10M 80% dup u32", 3, one, run_batcher_rows, 10000000, 100000, 20},
        {"batcher rows 10M distinct u64", 3, two, run_batcher_rows, 10000000, UINT64_MAX,
         UINT64_MAX},
        {"stage 10k u64 u64", 101, two, run_stage, 10000, UINT64_MAX, UINT64_MAX},
        {"stage 10k u32 u32, 2 per key", 101, one, run_stage, 10000, 5000, 1000000},
        {"stage+pack 10k u64 u64", 101, two, run_stage_and_pack, 10000, UINT64_MAX,
         UINT64_MAX},
        {"stage+pack 10k u64, 2 per key", 101, two, run_stage_and_pack, 10000, 5000,
         1000000},
        {"stage+pack 10k u32, 2 per key", 101, one, run_stage_and_pack, 10000, 5000,
         1000000},
        {"seek 10k u64 u64", 11, two, run_seek, 10000, UINT64_MAX, UINT64_MAX},
        {"seek 10M u64 u64", 5, two, run_seek, 10000000, UINT64_MAX, UINT64_MAX},
    };

    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        const struct subject *subject = &subjects[i];
        struct spine_columns columns = {.rows = subject->rows};

        if (argc > 1 && strstr(subject->name, argv[1]) == NULL)
            continue;
        columns.keys = draw_cells(subject, true);
        columns.values = draw_cells(subject, false);
        measure(subject, &columns);
        spine_batch_unref(kept);
        kept = NULL;
        free((void *)(uintptr_t)columns.keys);
        free((void *)(uintptr_t)columns.values);
    }
    return 0;
}
