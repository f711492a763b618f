/* SPDX-License-Identifier: MIT */

/*
 * No slice of a merge waits for a disk, whatever the merge reads there: groups that a
 * filter judges, what is left of a merge that is split, how much of a large batch a small
 * one reaches, rows of hundreds of inputs, and values of more times than a window. What
 * comes out is what it is in memory.
 */

#include "unit/core/spill_fixture.h"

#include <stdlib.h>

#define DISK_NS UINT64_C(50000000)
#define SLICES_MAX 100000u

/* How long slices lasted. */
static uint64_t slice_ns[SLICES_MAX];
static size_t slice_count;

static const struct spine_schema timed_schema = {
    .key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}, .time = SPINE_TIME_U64};
static const struct spine_schema bytes_schema = {.key = {SPINE_BYTES, 0},
                                                 .value = {SPINE_U64, 0}};

/* The same spine twice: in files, and in memory. */
struct pair {
    struct world world;
    struct spine_runtime *memory_runtime;
    struct spine *memory;
};

static void
pair_init(struct pair *pair, const struct spine_schema *of)
{
    const struct spine_options options = {.only_due_merges = true,
                                          .help_batches = UINT32_MAX};
    const struct spine_runtime_options manual = {.manual = true};

    world_init(&pair->world, BYTES_OF_FILES, 0);
    spine_close(pair->world.spine);
    assert_int_equal(
        spine_open(pair->world.runtime, of, &options, &pair->world.spine, NULL),
        SPINE_OK);
    assert_int_equal(spine_runtime_open(&manual, &pair->memory_runtime, NULL), SPINE_OK);
    assert_int_equal(spine_open(pair->memory_runtime, of, &options, &pair->memory, NULL),
                     SPINE_OK);
    slice_count = 0;
}

static void
pair_release(struct pair *pair)
{
    spine_close(pair->memory);
    spine_runtime_close(pair->memory_runtime);
    world_release(&pair->world);
}

/* Inserts go to files, too. */
static void
pair_to_files(struct pair *pair, bool to_files)
{
    atomic_store(&runtime_placement(pair->world.runtime)->insert_bytes_min,
                 to_files ? 1 : UINT64_MAX);
}

static void
pair_insert(struct pair *pair, const struct spine_schema *of,
            const struct spine_columns *columns)
{
    struct spine *const spines[2] = {pair->world.spine, pair->memory};

    for (size_t i = 0; i < 2; i++) {
        struct spine_batch *batch;

        assert_int_equal(spine_batch_from_columns(of, columns, &batch, NULL), SPINE_OK);
        assert_int_equal(spine_insert(spines[i], batch, NULL), SPINE_OK);
        spine_batch_unref(batch);
    }
}

/* The keys at which both stand are the same, with all values, times and weights; the
 * number of values. */
static size_t
expect_same_key(struct spine_cursor *a, struct spine_cursor *b)
{
    const bool is_bytes = spine_cursor_schema(a)->key.kind == SPINE_BYTES;
    size_t values = 0;

    assert_true(spine_cursor_key_valid(a));
    if (is_bytes) {
        const struct spine_bytes key = spine_cursor_key(a).bytes;
        const struct spine_bytes other = spine_cursor_key(b).bytes;

        assert_int_equal(key.size, other.size);
        assert_memory_equal(key.data, other.data, key.size);
    } else {
        assert_int_equal(spine_cursor_key(a).u64, spine_cursor_key(b).u64);
    }
    for (; spine_cursor_val_valid(b);
         spine_cursor_step_val(a), spine_cursor_step_val(b), values++) {
        const uint64_t *times, *others;
        const int64_t *weights, *other_weights;
        size_t count;

        assert_true(spine_cursor_val_valid(a));
        assert_int_equal(spine_cursor_val(a).u64, spine_cursor_val(b).u64);
        count = spine_cursor_times(a, &times, &weights);
        assert_int_equal(count, spine_cursor_times(b, &others, &other_weights));
        assert_memory_equal(times, others, count * sizeof *times);
        assert_memory_equal(weights, other_weights, count * sizeof *weights);
    }
    assert_false(spine_cursor_val_valid(a));
    return values;
}

/* The rows of both are the same. */
static void
pair_expect_same(struct pair *pair)
{
    struct spine_cursor *a, *b;
    size_t rows = 0;

    assert_int_equal(spine_cursor_open(pair->world.spine, &a, NULL), SPINE_OK);
    assert_int_equal(spine_cursor_open(pair->memory, &b, NULL), SPINE_OK);
    for (; spine_cursor_key_valid(b); spine_cursor_step_key(a), spine_cursor_step_key(b))
        rows += expect_same_key(a, b);
    assert_false(spine_cursor_key_valid(a));
    assert_int_equal(spine_cursor_status(a), SPINE_OK);
    assert_true(rows > 0);
    spine_cursor_close(a);
    spine_cursor_close(b);
}

static uint64_t
merge_ns(const struct world *world)
{
    struct spine_stats stats;

    spine_get_stats(world->spine, &stats);
    return stats.merge_ns;
}

/* One step of the runtime. True: it was a slice of a merge. */
static bool
step(struct world *world)
{
    const uint64_t before = merge_ns(world);

    (void)spine_runtime_run(world->runtime, 1);
    if (merge_ns(world) == before)
        return false;
    if (slice_count < SLICES_MAX)
        slice_ns[slice_count++] = merge_ns(world) - before;
    return true;
}

static void
note_done(void *context, enum spine_status status)
{
    *(enum spine_status *)context = status;
}

/* Everything becomes one batch, in both. */
static void
pair_compact(struct pair *pair)
{
    struct world *world = &pair->world;
    enum spine_status status = SPINE_TIMEOUT;

    assert_int_equal(spine_compact(world->spine, note_done, &status, NULL), SPINE_OK);
    while (status == SPINE_TIMEOUT)
        (void)step(world);
    assert_int_equal(status, SPINE_OK);
    assert_int_equal(spine_consolidate(pair->memory, NULL, NULL), SPINE_OK);
}

static int
compare_ns(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* Some reads, and none of them in a slice. Of those, half took less than a read does. */
static void
expect_no_waits(const struct pair *pair, const char *what)
{
    const struct disk *disk = &pair->world.disk;

    qsort(slice_ns, slice_count, sizeof slice_ns[0], compare_ns);
    assert_true(slice_count > 0);
    assert_true(disk->reads > 0);
    assert_int_equal(disk->calls_in_slices, 0);
    if (disk->delay_ns > 0)
        assert_true(slice_ns[slice_count / 2] < disk->delay_ns);
    printf("%s: %u reads of %.0f ms; %zu slices, p50 %.2f ms, p99.9 %.2f ms\n", what,
           disk->reads, (double)disk->delay_ns * 1e-6, slice_count,
           (double)slice_ns[slice_count / 2] * 1e-6,
           (double)slice_ns[(slice_count - 1) - (slice_count - 1) / 1000] * 1e-6);
}

static bool
is_not_third(void *context, union spine_datum key, union spine_datum value)
{
    (void)context;
    (void)key;
    return value.u64 % 3 != 0;
}

/* Values 0 .. of few keys, in files; each batch has every `batches`th. */
static void
insert_groups(struct pair *pair, uint64_t batches)
{
    static uint64_t keys[ROWS], values[ROWS];
    const struct spine_columns columns = {.rows = ROWS, .keys = keys, .values = values};

    for (uint64_t b = 0; b < batches; b++) {
        for (uint64_t i = 0; i < ROWS; i++) {
            keys[i] = i / (ROWS / 4);
            values[i] = (i % (ROWS / 4)) * batches + b;
        }
        pair_insert(pair, &schema, &columns);
    }
}

static void
test_groups(void **state)
{
    static const enum spine_retain kinds[] = {SPINE_RETAIN_LAST, SPINE_RETAIN_TOP,
                                              SPINE_RETAIN_BOTTOM};

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct spine_value_filter filter = {.name = "no third",
                                                  .retain = kinds[i],
                                                  .count = 5000,
                                                  .on_value = is_not_third};
        struct pair pair;

        pair_init(&pair, &schema);
        pair_to_files(&pair, true);
        insert_groups(&pair, 3);
        assert_int_equal(spine_retain_values(pair.world.spine, &filter, NULL), SPINE_OK);
        assert_int_equal(spine_retain_values(pair.memory, &filter, NULL), SPINE_OK);
        pair.world.disk.reads = 0;
        pair.world.disk.delay_ns = i == 0 ? DISK_NS : 0;
        pair_compact(&pair);
        expect_no_waits(&pair, "groups");
        pair_expect_same(&pair);
        pair_release(&pair);
    }
}

/* A merge that the filters judge by group hands over what it has written: rows that were
 * merged and not judged are read again. */
static void
test_splits(void **state)
{
    const struct spine_value_filter filter = {.name = "no third",
                                              .retain = SPINE_RETAIN_LAST,
                                              .count = 1,
                                              .on_value = is_not_third};
    static uint64_t keys[ROWS], values[ROWS];
    const struct spine_columns columns = {.rows = ROWS, .keys = keys, .values = values};
    struct spine_stats stats;
    struct pair pair;

    (void)state;
    pair_init(&pair, &schema);
    pair_to_files(&pair, true);
    for (uint64_t b = 0; b < 40; b++) {
        for (uint64_t i = 0; i < ROWS; i++) {
            keys[i] = i;
            values[i] = b;
        }
        pair_insert(&pair, &schema, &columns);
    }
    assert_int_equal(spine_retain_values(pair.world.spine, &filter, NULL), SPINE_OK);
    assert_int_equal(spine_retain_values(pair.memory, &filter, NULL), SPINE_OK);
    pair.world.disk.reads = 0;
    pair_compact(&pair);
    spine_get_stats(pair.world.spine, &stats);
    assert_true(stats.merge_splits > 0);
    expect_no_waits(&pair, "splits");
    pair_expect_same(&pair);
    pair_release(&pair);
}

/* Batches in files that reach into the ends of a large one merge with it, once the block
 * in which the gap lies is there. */
static void
test_company(void **state)
{
    static uint64_t keys[ROWS], values[ROWS];
    struct spine_columns columns = {.rows = ROWS, .keys = keys, .values = values};
    struct spine_stats stats;
    struct pair pair;

    (void)state;
    pair_init(&pair, &schema);
    pair_to_files(&pair, true);
    for (uint64_t b = 0; b < 16; b++) {
        for (uint64_t i = 0; i < ROWS; i++)
            keys[i] = 1000 + b * ROWS + i;
        pair_insert(&pair, &schema, &columns);
    }
    pair_compact(&pair);
    pair.world.disk.reads = 0;
    pair.world.disk.delay_ns = DISK_NS;
    columns.rows = 2000;
    for (uint64_t b = 0; b < 8; b++) {
        for (uint64_t i = 0; i < 2000; i++)
            keys[i] = i < 1000 ? b + i * 8 : 1000 + (16 + b) * ROWS + i;
        pair_insert(&pair, &schema, &columns);
    }
    slice_count = 0;
    while (spine_wait_idle(pair.world.spine, 0, NULL) == SPINE_TIMEOUT)
        (void)step(&pair.world);
    spine_get_stats(pair.world.spine, &stats);
    assert_int_equal(stats.batches, 1);
    expect_no_waits(&pair, "company");
    pair.world.disk.delay_ns = 0;
    pair_expect_same(&pair);
    pair_release(&pair);
}

/* Small batches reach over two large ones, and cannot be read: their merge asks for each
 * of their blocks some times, not again and again in turns. */
static void
test_company_that_cannot_be_read(void **state)
{
    enum { STEPS_MAX = 20000, LARGE = 4 * ROWS };
    static uint64_t keys[LARGE], values[LARGE];
    struct spine_columns columns = {.rows = LARGE, .keys = keys, .values = values};
    struct disk *disk;
    struct pair pair;
    size_t steps = 0;
    unsigned failed;

    (void)state;
    pair_init(&pair, &schema);
    disk = &pair.world.disk;
    pair_to_files(&pair, true);
    for (uint64_t b = 0; b < 4; b++) {
        for (uint64_t i = 0; i < LARGE; i++)
            keys[i] = 1000 + b * LARGE + i;
        pair_insert(&pair, &schema, &columns);
    }
    pair_compact(&pair);
    for (uint64_t i = 0; i < LARGE; i++)
        keys[i] = 1000000 + i;
    pair_insert(&pair, &schema, &columns);
    columns.rows = 2000;
    for (uint64_t b = 0; b < 8; b++) {
        for (uint64_t i = 0; i < 2000; i++)
            keys[i] = i < 1000 ? b + i * 8 : 2000000 + b * 2000 + i;
        pair_insert(&pair, &schema, &columns);
    }
    disk->operation = SPINE_OPERATION_READ_AT;
    disk->times = UINT32_MAX;
    while (steps < STEPS_MAX && spine_runtime_run(pair.world.runtime, 1) > 0)
        steps++;
    failed = UINT32_MAX - disk->times;
    printf("%u reads failed in %zu steps\n", failed, steps);
    assert_true(failed > 0);
    assert_true(failed < 100);
    assert_true(steps < STEPS_MAX);
    disk->times = 0;
    spine_retry(pair.world.spine);
    while (spine_wait_idle(pair.world.spine, 0, NULL) == SPINE_TIMEOUT)
        (void)step(&pair.world);
    pair_expect_same(&pair);
    pair_release(&pair);
}

/* Keys of all inputs interleave: a heap takes them. */
static void
merge_many(const struct spine_schema *of, uint64_t inputs, const char *what)
{
    enum { FEW = 300 };
    static uint64_t words[FEW], times[FEW], values[FEW], offsets[FEW + 1];
    static char texts[7 * FEW + 1];
    struct spine_columns columns = {.rows = FEW, .keys = words, .values = values};
    struct pair pair;

    pair_init(&pair, of);
    pair_to_files(&pair, true);
    if (of->key.kind == SPINE_BYTES) {
        columns.keys = texts;
        columns.key_offsets = offsets;
    }
    if (of->time == SPINE_TIME_U64)
        columns.times = times;
    for (uint64_t b = 0; b < inputs; b++) {
        for (uint64_t i = 0; i < FEW; i++) {
            /* Of times, all rows are of one value. */
            words[i] = columns.times != NULL ? 7 : i * inputs + b;
            times[i] = i * inputs + b;
            values[i] = 3;
            offsets[i + 1] = 7 * (i + 1);
            (void)snprintf(texts + 7 * i, 8, "%07u", (unsigned)words[i] % 10000000);
        }
        pair_insert(&pair, of, &columns);
    }
    pair.world.disk.reads = 0;
    pair_compact(&pair);
    expect_no_waits(&pair, what);
    pair_expect_same(&pair);
    pair_release(&pair);
}

static void
test_many_inputs(void **state)
{
    (void)state;
    merge_many(&schema, 600, "600 inputs of words");
    merge_many(&bytes_schema, 600, "600 inputs of bytes");
    merge_many(&timed_schema, 60, "a value of many times");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_splits),
        cmocka_unit_test(test_company),
        cmocka_unit_test(test_company_that_cannot_be_read),
        cmocka_unit_test(test_many_inputs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
