/* SPDX-License-Identifier: MIT */

/*
 * perf_kernels NAME -- runs one kernel on fixed rows, once. What is to be counted happens
 * within perf_counted(), on which tests/perf/count.sh has callgrind switch its counting
 * on and off, so that drawing rows and making batches of them costs nothing.
 *
 *     perf_kernels        the names
 */

#include "cursor/cursor.h"
#include "merge/merge.h"
#include "perf/work.h"

void perf_counted(work_fn *on_work, struct work *work);

/* Its name is that of a symbol, and it returns itself, which callgrind needs to see. */
__attribute__((noinline)) void
perf_counted(work_fn *on_work, struct work *work)
{
    on_work(work);
    __asm__ volatile("" ::: "memory");
}

/* ---- Sorting ---- */

static struct rows sort_rows, sort_scratch;
static struct spine_columns sort_columns;

static void
sort_counted(struct work *work)
{
    const struct layout *const layout = &work->batches[0]->layout;

    rows_append_columns(layout, &sort_rows, &sort_columns, 0, BATCH_ROWS);
    REQUIRE(rows_consolidate(layout, &sort_rows, &sort_scratch) == SPINE_OK, "a sort");
}

/* The second time: the memory is there already. */
static void
run_sort(struct work *work)
{
    const struct layout *const layout = &work->batches[0]->layout;

    sort_columns = draw_columns(work, 0, BATCH_ROWS);
    REQUIRE(rows_reserve(layout, &sort_rows, BATCH_ROWS), "memory");
    sort_counted(work);
    sort_rows.count = 0;
    REQUIRE(rows_reserve(layout, &sort_rows, BATCH_ROWS), "memory");
    perf_counted(sort_counted, work);
    REQUIRE(sort_rows.count == BATCH_ROWS, "rows that were sorted");
    rows_release(layout, &sort_rows);
    rows_release(layout, &sort_scratch);
    free_columns(&sort_columns);
}

static void
batch_counted(struct work *work)
{
    REQUIRE(spine_batch_from_columns(work->schema, &sort_columns, &work->batches[1],
                                     NULL) == SPINE_OK,
            "a batch");
}

static void
run_batch(struct work *work)
{
    sort_columns = draw_columns(work, 0, BATCH_ROWS);
    perf_counted(batch_counted, work);
    REQUIRE(work->batches[1]->info.rows == BATCH_ROWS, "rows of the batch");
    spine_batch_unref(work->batches[1]);
    free_columns(&sort_columns);
}

/* Rows one by one, as calls of a host give them, and the batch of them. */
static struct spine_batcher *batcher;

static void
add_counted(struct work *work)
{
    const bool bytes = work->schema->key.kind == SPINE_BYTES;
    const uint64_t *const values = sort_columns.values;

    for (size_t at = 0; at < BATCH_ROWS; at++) {
        const struct spine_row row = {
            .key = bytes ? spine_data((const uint8_t *)sort_columns.keys + at * KEY_BYTES,
                                      KEY_BYTES)
                         : spine_u64(((const uint64_t *)sort_columns.keys)[at]),
            .value = spine_u64(values[at]),
            .weight = 1};
        REQUIRE(spine_batcher_add(batcher, &row, NULL) == SPINE_OK, "a row");
    }
    REQUIRE(spine_batcher_seal(batcher, &work->batches[1], NULL) == SPINE_OK, "a batch");
}

static void
run_add(struct work *work)
{
    sort_columns = draw_columns(work, 0, BATCH_ROWS);
    REQUIRE(spine_batcher_new(work->schema, &batcher, NULL) == SPINE_OK, "a batcher");
    perf_counted(add_counted, work);
    REQUIRE(work->batches[1]->info.rows == BATCH_ROWS, "rows of the batch");
    spine_batch_unref(work->batches[1]);
    spine_batcher_free(batcher);
    free_columns(&sort_columns);
}

/* ---- Merges ---- */

static struct merge *merge;

static void
merge_counted(struct work *work)
{
    (void)work;
    while (!merge_done(merge)) {
        uint64_t fuel_rows = 65536;
        REQUIRE(merge_step(merge, &fuel_rows, NULL) == SPINE_OK, "a slice");
    }
}

static void
run_merge(struct work *work)
{
    uint64_t fuel_rows = UINT64_MAX;
    struct spine_batch *out;

    REQUIRE(merge_new(&merge, work->batches, work->batch_count, NULL, NULL) == SPINE_OK,
            "a merge");
    perf_counted(merge_counted, work);
    REQUIRE(merge_seal(merge, &fuel_rows, &out, NULL) == SPINE_OK, "a merged batch");
    REQUIRE(out->info.rows == work->batch_count * work->batch_rows ||
                work->schema->key.kind == SPINE_U32,
            "rows of the merge");
    spine_batch_unref(out);
    merge_free(merge);
}

/* ---- Blocks ---- */

static struct reader reader;
static struct rows staged;
static struct output output;

static void
stage_counted(struct work *work)
{
    enum spine_status st = SPINE_OK;
    uint64_t rows = 0;

    while (st == SPINE_OK && !reader_at_end(&reader)) {
        staged.count = 0;
        st = reader_stage(&reader, &staged, BLOCK_ROWS);
        rows += staged.count;
    }
    REQUIRE(st == SPINE_OK && rows == work->batch_rows, "rows that were staged");
}

static void
run_stage(struct work *work)
{
    reader_init(&reader, work->batches[0]);
    perf_counted(stage_counted, work);
    rows_release(&work->batches[0]->layout, &staged);
}

static struct spine_batch *copy;

static void
pack_counted(struct work *work)
{
    (void)work;
    REQUIRE(output_flush(&output, false) == SPINE_OK, "blocks");
}

static void
seal_counted(struct work *work)
{
    REQUIRE(output_seal(&output, &copy, NULL) == SPINE_OK &&
                copy->info.rows == work->batch_rows,
            "rows that were packed");
}

/* Four blocks at a time, as a merge fills them. */
static void
run_pack(struct work *work)
{
    enum spine_status st = SPINE_OK;

    reader_init(&reader, work->batches[0]);
    output_init(&output, &work->batches[0]->layout);
    while (!reader_at_end(&reader)) {
        for (unsigned i = 0; i < 4 && st == SPINE_OK && !reader_at_end(&reader); i++)
            st = reader_stage(&reader, &output.pending, BLOCK_ROWS);
        REQUIRE(st == SPINE_OK, "rows that were staged");
        perf_counted(pack_counted, work);
    }
    perf_counted(seal_counted, work);
    output_release(&output);
    spine_batch_unref(copy);
}

/* ---- Reading ---- */

static struct spine_cursor *
open_cursor(struct work *work)
{
    struct spine_snapshot *snapshot;
    struct spine_cursor *cursor;

    REQUIRE(spine_snapshot_of_batches(work->schema, work->batches, work->batch_count,
                                      &snapshot, NULL) == SPINE_OK &&
                spine_snapshot_cursor(snapshot, &cursor, NULL) == SPINE_OK,
            "a cursor");
    spine_snapshot_unref(snapshot);
    return cursor;
}

static void
scan_bulk_counted(struct work *work)
{
    static uint64_t keys[READ_ROWS], values[READ_ROWS];
    static int64_t weights[READ_ROWS];
    const struct spine_column_buffers buffers = {
        .rows = READ_ROWS, .keys = keys, .values = values, .weights = weights};
    struct spine_cursor *const cursor = open_cursor(work);
    uint64_t rows = 0;

    for (size_t got; (got = spine_cursor_read(cursor, &buffers)) > 0;)
        rows += got;
    REQUIRE(rows == work->batch_count * work->batch_rows, "rows read in bulk");
    spine_cursor_close(cursor);
}

static void
scan_rows_counted(struct work *work)
{
    struct spine_cursor *const cursor = open_cursor(work);
    uint64_t rows = 0;

    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor))
        for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor))
            rows += (uint64_t)spine_cursor_weight(cursor);
    REQUIRE(rows == work->batch_count * work->batch_rows, "rows read one by one");
    spine_cursor_close(cursor);
}

static void
scan_backward_counted(struct work *work)
{
    struct spine_cursor *const cursor = open_cursor(work);
    uint64_t rows = 0;

    for (spine_cursor_fast_forward(cursor); spine_cursor_key_valid(cursor);
         spine_cursor_step_key_reverse(cursor))
        for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor))
            rows += (uint64_t)spine_cursor_weight(cursor);
    REQUIRE(rows == work->batch_count * work->batch_rows, "rows read backward");
    spine_cursor_close(cursor);
}

static void
run_scan_bulk(struct work *work)
{
    perf_counted(scan_bulk_counted, work);
}

static void
run_scan_rows(struct work *work)
{
    perf_counted(scan_rows_counted, work);
}

static void
run_scan_backward(struct work *work)
{
    perf_counted(scan_backward_counted, work);
}

/* ---- Looking for keys ---- */

static uint64_t probe_keys[PROBES];
static struct spine_probe *probe;
static struct spine_snapshot *probed;

static int
compare_keys(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* Ascending keys, `present` percent of them from the batches. */
static void
draw_keys(const struct work *work, unsigned present)
{
    const uint64_t rows = work->batch_count * work->batch_rows;

    for (uint64_t i = 0; i < PROBES; i++)
        probe_keys[i] =
            key_of(work, i % 100 < present ? i * (rows / PROBES) : rows + mix(i) % rows);
    qsort(probe_keys, PROBES, sizeof *probe_keys, compare_keys);
    for (size_t i = 1; i < PROBES; i++)
        if (probe_keys[i] <= probe_keys[i - 1])
            probe_keys[i] = probe_keys[i - 1] + 1;
}

/* The same as columns. */
static struct spine_columns
probe_columns(const struct work *work)
{
    static uint8_t bytes[PROBES * KEY_BYTES];
    static uint64_t offsets[PROBES + 1];

    if (work->schema->key.kind != SPINE_BYTES)
        return (struct spine_columns){.rows = PROBES, .keys = probe_keys};
    for (size_t i = 0; i < PROBES; i++) {
        draw_bytes(bytes + i * KEY_BYTES, probe_keys[i]);
        offsets[i + 1] = (i + 1) * KEY_BYTES;
    }
    return (struct spine_columns){.rows = PROBES, .keys = bytes, .key_offsets = offsets};
}

static void
probe_counted(struct work *work)
{
    const struct spine_columns columns = probe_columns(work);
    struct spine_probe_rows rows;

    REQUIRE(spine_snapshot_probe(probed, probe, &columns, NULL, &rows, NULL) == SPINE_OK,
            "a probe");
    REQUIRE(rows.found >= PROBES * work->present / 100, "keys that were found");
}

/* The filters are built first, by probes in vain. */
static void
run_probe(struct work *work)
{
    const unsigned present = work->present;

    REQUIRE(spine_snapshot_of_batches(work->schema, work->batches, work->batch_count,
                                      &probed, NULL) == SPINE_OK &&
                spine_probe_new(&probe, NULL) == SPINE_OK,
            "a snapshot");
    work->present = 0;
    draw_keys(work, 0);
    for (unsigned i = 0; i < 100 && batch_lookup(work->batches[0]) == NULL; i++)
        probe_counted(work);
    REQUIRE(batch_lookup(work->batches[PROBE_BATCHES - 1]) != NULL, "filters");
    work->present = present;
    draw_keys(work, present);
    perf_counted(probe_counted, work);
    spine_probe_free(probe);
    spine_snapshot_unref(probed);
}

static void
seek_counted(struct work *work)
{
    struct spine_cursor *const cursor = open_cursor(work);
    const struct spine_columns columns = probe_columns(work);
    const uint8_t *const bytes = columns.keys;
    size_t found = 0;

    for (size_t i = 0; i < PROBES; i++)
        found += spine_cursor_seek_key_exact(
            cursor, columns.key_offsets == NULL
                        ? spine_u64(probe_keys[i])
                        : spine_data(bytes + i * KEY_BYTES, KEY_BYTES));
    REQUIRE(found >= PROBES * work->present / 100, "keys that were sought");
    spine_cursor_close(cursor);
}

/* The filters are built first, by seeks in vain. */
static void
run_seek(struct work *work)
{
    draw_keys(work, work->present);
    for (int i = 0; i < 2; i++)
        seek_counted(work);
    perf_counted(seek_counted, work);
}

/* The first value of a key that has thousands, then the last one. */
static void
group_counted(struct work *work)
{
    struct spine_cursor *const cursor = open_cursor(work);

    for (uint64_t i = 0; i < PROBES; i++) {
        const uint64_t number = i % work->keys;

        REQUIRE(spine_cursor_seek_key_exact(cursor, spine_u64(key_of(work, number))) &&
                    spine_cursor_val(cursor).u64 == number,
                "the first value of a key");
        spine_cursor_fast_forward_vals(cursor);
        REQUIRE(spine_cursor_val(cursor).u64 >=
                    (work->batch_count - 1) * work->batch_rows,
                "the last value of a key");
    }
    spine_cursor_close(cursor);
}

static void
run_group(struct work *work)
{
    perf_counted(group_counted, work);
}

/* ---- All of them ---- */

static const struct kernel {
    const char *name;
    work_fn *on_run;
    struct work work;
} kernels[] = {
    {"sort_10000", run_sort, {&u64_u64, 1, 16, .present = 0}},
    {"sort_10000_u32", run_sort, {&u32_u32, 1, 16, .present = 0}},
    {"sort_10000_bytes", run_sort, {&bytes_u64, 1, 16, .present = 0}},
    {"batch_10000", run_batch, {&u64_u64, 1, 16, .present = 0}},
    {"add_10000", run_add, {&u64_u64, 1, 16, .present = 0}},
    {"add_10000_bytes", run_add, {&bytes_u64, 1, 16, .present = 0}},
    {"merge_2", run_merge, {&u64_u64, 2, MERGE_ROWS / 2, .present = 0}},
    {"merge_8", run_merge, {&u64_u64, 8, MERGE_ROWS / 8, .present = 0}},
    {"merge_64", run_merge, {&u64_u64, 64, MERGE_ROWS / 64, .present = 0}},
    {"merge_5000", run_merge, {&u64_u64, BATCHES_MAX, 1, .present = 0}},
    {"merge_8_u32", run_merge, {&u32_u32, 8, MERGE_ROWS / 8, .present = 0}},
    {"merge_8_bytes", run_merge, {&bytes_u64, 8, MERGE_ROWS / 8, .present = 0}},
    {"merge_8_timed", run_merge, {&timed, 8, MERGE_ROWS / 8, .present = 0}},
    {"merge_8_clustered", run_merge, {&u64_u64, 8, MERGE_ROWS / 8, .clustered = true}},
    {"merge_2_bytes",
     run_merge,
     {&bytes_u64, 2, MERGE_ROWS / 2, .present = 0}}, /* of encoded ones */
    {"pack", run_pack, {&u64_u64, 1, SMALL_ROWS, .present = 0}},
    {"pack_large", run_pack, {&u64_u64, 1, LARGE_ROWS, .present = 0}},
    {"stage", run_stage, {&u64_u64, 1, SMALL_ROWS, .present = 0}},
    {"stage_large", run_stage, {&u64_u64, 1, LARGE_ROWS, .present = 0}},
    {"scan_bulk", run_scan_bulk, {&u64_u64, 8, MERGE_ROWS / 16, .present = 0}},
    {"scan_rows", run_scan_rows, {&u64_u64, 8, MERGE_ROWS / 16, .present = 0}},
    {"scan_backward", run_scan_backward, {&u64_u64, 8, MERGE_ROWS / 16, .present = 0}},
    {"scan_rows_bytes", run_scan_rows, {&bytes_u64, 2, MERGE_ROWS / 2, .present = 0}},
    {"probe_0", run_probe, {&u64_u64, PROBE_BATCHES, PROBE_BATCH_ROWS, .present = 0}},
    {"probe_50", run_probe, {&u64_u64, PROBE_BATCHES, PROBE_BATCH_ROWS, .present = 50}},
    {"probe_100", run_probe, {&u64_u64, PROBE_BATCHES, PROBE_BATCH_ROWS, .present = 100}},
    {"seek_50", run_seek, {&u64_u64, PROBE_BATCHES, PROBE_BATCH_ROWS, .present = 50}},
    {"probe_50_bytes",
     run_probe,
     {&bytes_u64, PROBE_BATCHES, PROBE_BATCH_ROWS, .present = 50}},
    {"seek_50_bytes",
     run_seek,
     {&bytes_u64, PROBE_BATCHES, PROBE_BATCH_ROWS, .present = 50}},
    {"groups", run_group, {&u64_u64, PROBE_BATCHES, PROBE_BATCH_ROWS, .keys = 10}},
};

int
main(int argc, char **argv)
{
    for (size_t k = 0; k < sizeof kernels / sizeof kernels[0]; k++) {
        if (argc < 2) {
            puts(kernels[k].name);
        } else if (strcmp(argv[1], kernels[k].name) == 0) {
            static struct work work;
            work = kernels[k].work;
            make_batches(&work);
            kernels[k].on_run(&work);
            free_batches(&work);
            return 0;
        }
    }
    REQUIRE(argc < 2, "the name of a kernel");
    return 0;
}
