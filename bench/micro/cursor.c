/* SPDX-License-Identifier: MIT */

/*
 * cursor [rows [samples [scans|skewed|seeks]]]: scans over equal batches, scans over
 * batches each of which is a fifth of the one before, and exact seeks, in millions of
 * rows or seeks per second: median, least, most.
 */

#include "cursor/cursor.h"

#include "micro/micro.h"

#define BULK_ROWS 4096u
#define SKEW 5u

static struct spine_cursor *
open_cursor(struct spine_batch **batches, size_t count)
{
    struct spine_cursor *cursor;

    require(cursor_new(&cursor, &batches[0]->layout, batches, count, NULL) == SPINE_OK,
            "cursor_new");
    return cursor;
}

/* Each returns how many rows or seeks it did. */
typedef uint64_t work_fn(struct spine_cursor *cursor, uint64_t rows);

static uint64_t
scan_bulk(struct spine_cursor *cursor, uint64_t rows)
{
    static uint64_t keys[BULK_ROWS], values[BULK_ROWS];
    static int64_t weights[BULK_ROWS];
    const struct spine_column_buffers buffers = {
        .rows = BULK_ROWS, .keys = keys, .values = values, .weights = weights};
    uint64_t done = 0;
    size_t count;

    while ((count = spine_cursor_read(cursor, &buffers)) > 0)
        done += count;
    require(done == rows, "rows read in bulk");
    return done;
}

static uint64_t
scan_rows(struct spine_cursor *cursor, uint64_t rows)
{
    uint64_t done = 0, sum = 0;

    for (spine_cursor_rewind(cursor); spine_cursor_key_valid(cursor);
         spine_cursor_step_key(cursor))
        for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor)) {
            sum += spine_cursor_key(cursor).u64 ^ spine_cursor_val(cursor).u64;
            done += (uint64_t)spine_cursor_weight(cursor);
        }
    require(done == rows && sum != 0, "rows read one by one");
    return done;
}

static uint64_t
scan_reverse(struct spine_cursor *cursor, uint64_t rows)
{
    uint64_t done = 0, sum = 0;

    for (spine_cursor_fast_forward(cursor); spine_cursor_key_valid(cursor);
         spine_cursor_step_key_reverse(cursor))
        for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor)) {
            sum += spine_cursor_key(cursor).u64 ^ spine_cursor_val(cursor).u64;
            done += (uint64_t)spine_cursor_weight(cursor);
        }
    require(done == rows && sum != 0, "rows read backward");
    return done;
}

static void
time_scans(struct spine_batch **batches, size_t count, const char *what,
           unsigned samples_wanted)
{
    static const struct {
        const char *name;
        work_fn *on_cursor;
    } scans[] = {
        {"bulk", scan_bulk}, {"row by row", scan_rows}, {"backward", scan_reverse}};
    uint64_t rows = 0;

    for (size_t b = 0; b < count; b++)
        rows += batches[b]->info.rows;
    for (size_t i = 0; i < sizeof scans / sizeof scans[0]; i++) {
        struct samples samples = {.count = 0};
        char name[64];

        for (unsigned s = 0; s < samples_wanted; s++) {
            struct spine_cursor *cursor = open_cursor(batches, count);
            const uint64_t began_ns = now_ns();

            samples_add(&samples, scans[i].on_cursor(cursor, rows), began_ns);
            spine_cursor_close(cursor);
        }
        (void)snprintf(name, sizeof name, "scan, %s, %zu batches, %s", scans[i].name,
                       count, what);
        samples_print(&samples, name);
    }
}

static void
bench_scans(size_t count, size_t rows, size_t per_key, unsigned samples_wanted)
{
    struct spine_batch *batches[64];
    char what[32];

    batches_new(batches, count, rows, per_key, false);
    (void)snprintf(what, sizeof what, "%zu per key", per_key);
    time_scans(batches, count, what, samples_wanted);
    batches_free(batches, count);
}

/* What merging leaves behind. */
static void
bench_skewed(size_t count, size_t rows, unsigned samples_wanted)
{
    struct spine_batch *batches[64];
    uint64_t *keys = malloc(rows * sizeof *keys), *values = malloc(rows * sizeof *values);
    size_t begin = 0;

    require(keys != NULL && values != NULL, "memory");
    for (size_t i = 0; i < rows; i++) {
        keys[i] = mix(i);
        values[i] = i;
    }
    for (size_t b = 0; b < count; b++) {
        const size_t left = rows - begin;
        const size_t each = b + 1 < count ? left - left / SKEW : left;

        batches[b] = batch_of_keys(keys + begin, values + begin, each);
        begin += each;
    }
    free(keys);
    free(values);
    time_scans(batches, count, "skewed", samples_wanted);
    batches_free(batches, count);
}

static int
compare_keys(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* Groups of 10,000 ascending keys, as a join probes a trace. */
static void
bench_seeks(size_t count, size_t rows, bool present, unsigned samples_wanted)
{
    enum { KEYS = 10000 };
    static uint64_t keys[KEYS];
    struct spine_batch *batches[64];
    struct samples samples = {.count = 0};
    struct spine_cursor *cursor;
    char name[64];

    batches_new(batches, count, rows, 1, false);
    cursor = open_cursor(batches, count);
    for (unsigned s = 0; s < samples_wanted; s++) {
        uint64_t found = 0;

        for (size_t i = 0; i < KEYS; i++)
            keys[i] = mix(mix(s * KEYS + i) % rows + (present ? 0 : UINT64_C(1) << 40));
        qsort(keys, KEYS, sizeof *keys, compare_keys);

        const uint64_t began_ns = now_ns();

        for (size_t i = 0; i < KEYS; i++) {
            if (!spine_cursor_seek_key_exact(cursor, spine_u64(keys[i])))
                continue;
            for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor))
                found += (uint64_t)spine_cursor_weight(cursor);
        }
        samples_add(&samples, KEYS, began_ns);
        require(found == (present ? KEYS : 0), "keys found");
    }
    spine_cursor_close(cursor);
    (void)snprintf(name, sizeof name, "exact seeks, %s, %zu batches",
                   present ? "present" : "absent", count);
    samples_print(&samples, name);
    batches_free(batches, count);
}

int
main(int argc, char **argv)
{
    const size_t rows = argc > 1 ? strtoul(argv[1], NULL, 0) : 1000000;
    const unsigned samples = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : 9;
    const char *only = argc > 3 ? argv[3] : "scans skewed seeks";
    static const size_t counts[] = {1, 8, 64};

    if (strstr(only, "scans") != NULL) {
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
            bench_scans(counts[i], rows, 1, samples);
        bench_scans(1, rows, 100, samples);
        bench_scans(8, rows, 100, samples);
    }
    if (strstr(only, "skewed") != NULL)
        for (size_t count = 2; count <= 4; count++)
            bench_skewed(count, rows, samples);
    if (strstr(only, "seeks") != NULL) {
        bench_seeks(1, rows, true, samples);
        bench_seeks(1, rows, false, samples);
        bench_seeks(8, 8 * rows, true, samples);
        bench_seeks(8, 8 * rows, false, samples);
    }
    return 0;
}
