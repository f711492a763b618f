/* SPDX-License-Identifier: MIT */
#include "kernel/kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/*
 * How fast the kernels of src/kernel sort and merge, in million rows per second: one line
 * per measure with the median, the least and the greatest of several runs.
 *
 *     micro_kernel [PART_OF_A_NAME [RUNS]]
 *
 * A merge reads inputs that lie in memory as flat rows, through a refill that copies, and
 * writes 4,096 rows at a time into memory that is used again: the kernel without blocks.
 * The time is that of the processor, not of the clock.
 */

enum {
    INPUTS_MAX = 64,
    MERGE_ROWS = 4 << 20,
    MERGE_WANT = 4096,
    SORT_ROWS = 10000,
    SORT_REPEATS = 200,
    RUNS_MAX = 101
};

/* How the rows of a measure look. */
enum pattern {
    RANDOM,
    CLUSTERED,   /* inputs have ranges of their own */
    ONE_BIG,     /* the first input has three quarters of the rows */
    ONE_HUGE,    /* the first input has 90 % of the rows */
    FEW_KEYS,    /* 100 keys, all values different */
    TEN_PER_KEY, /* random keys with some ten values each */
    DENSE,       /* small numbers, ten values per key */
    CANCELLING   /* every row is in two inputs, with opposite weights */
};

struct source {
    struct rows rows;
    size_t at;
};

typedef enum spine_status
fill_fn(struct kway *kway, struct rows *out, size_t want, uint64_t *rows_used);

/* What the inputs of the merge at work look like. */
static struct layout refill_layout;
static const char *filter = "";
static int runs = 7;
static const struct spine_schema u64_u64 = {.key = {SPINE_U64, 0},
                                            .value = {SPINE_U64, 0}};
static const struct spine_schema u32_u32 = {.key = {SPINE_U32, 0},
                                            .value = {SPINE_U32, 0}};
static const struct spine_schema timed = {
    .key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}, .time = SPINE_TIME_U64};

static const struct spine_schema bytes_u64 = {.key = {SPINE_BYTES, 0},
                                              .value = {SPINE_U64, 0}};

static double
seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void
require(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "micro_kernel: %s failed\n", what);
    exit(1);
}

static uint64_t
next_random(uint64_t *seed)
{
    uint64_t word = (*seed += UINT64_C(0x9e3779b97f4a7c15));

    word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
    return word ^ (word >> 31);
}

static int
compare_numbers(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

static void
report(const char *name, double *rates)
{
    qsort(rates, (size_t)runs, sizeof *rates, compare_numbers);
    printf("%-44s %7.1f M rows/s   (%.1f to %.1f)\n", name, rates[runs / 2], rates[0],
           rates[runs - 1]);
    fflush(stdout);
}

/* A key of twelve bytes, the first six from `number`, and its prefix. Never freed. */
static struct span
draw_text(uint64_t number, uint64_t *prefix)
{
    static uint8_t *room, *end;

    if (end - room < 12) {
        room = malloc(12 << 20);
        require(room != NULL, "malloc");
        end = room + (12 << 20);
    }
    const struct span text = {room, 12};

    memcpy(room, &number, 6);
    memcpy(room + 6, "suffix", 6);
    room += 12;
    *prefix = bytes_prefix(text.data, text.size);
    return text;
}

/* Random rows of `pattern` for input `input` of `inputs`. */
static void
draw_rows(const struct layout *layout, struct rows *rows, size_t count,
          enum pattern pattern, size_t input, size_t inputs)
{
    const bool narrow = layout->row_kind == ROW_ONE;
    uint64_t seed = pattern == CANCELLING ? input / 2 : input + 1;

    require(rows_reserve(layout, rows, count), "rows_reserve");
    for (size_t i = 0; i < count; i++) {
        uint64_t key = next_random(&seed), value = next_random(&seed), key_seed;

        if (pattern == CLUSTERED)
            key = key / inputs + UINT64_MAX / inputs * input;
        key_seed = pattern == FEW_KEYS ? key % 100 : key % (count * inputs / 10 + 1);
        if (pattern == FEW_KEYS || pattern == TEN_PER_KEY)
            key = next_random(&key_seed);
        if (pattern == DENSE) {
            key = (key % (count * inputs / 10)) << (narrow ? 32 : 0);
            value %= 1000;
        }
        if (narrow)
            key = key >> 32 << 32 | (value & UINT32_MAX);
        rows->hi[i] = key;
        if (!narrow)
            rows->lo[i] = value;
        if (layout->timed)
            rows->time[i] = next_random(&seed) % 4;
        if (layout->key.spans)
            rows->key[i] = draw_text(key, &rows->hi[i]);
        rows->weight[i] = pattern == CANCELLING && input % 2 == 1 ? -1 : 1;
    }
    rows->count = count;
}

static enum spine_status
refill(struct kway_input *input, size_t want)
{
    struct source *source = input->source;
    const size_t left = source->rows.count - source->at;
    const size_t piece = want < left ? want : left;

    rows_drop_front(&refill_layout, &input->rows, input->at);
    input->at = 0;
    if (!rows_reserve(&refill_layout, &input->rows, input->rows.count + piece))
        return SPINE_NOMEM;
    rows_append(&refill_layout, &input->rows, &source->rows, source->at,
                source->at + piece);
    source->at += piece;
    input->more = source->at < source->rows.count;
    return SPINE_OK;
}

static double
merge_once(struct kway *kway, fill_fn *fill)
{
    struct rows out = {0};
    uint64_t used = 0;

    for (size_t i = 0; i < kway->input_count; i++) {
        struct kway_input *input = &kway->inputs[i];
        struct source *source = input->source;

        input->rows.count = input->at = source->at = 0;
        input->more = source->rows.count > 0;
        input->rows_left = source->rows.count;
    }
    const double begin = seconds();

    while (!kway_done(kway)) {
        out.count = 0;
        require(fill(kway, &out, MERGE_WANT, &used) == SPINE_OK, "fill");
    }
    const double rate = (double)used / (seconds() - begin) / 1e6;

    rows_release(kway->layout, &out);
    return rate;
}

static void
measure_merge(const char *shape, const struct spine_schema *schema, size_t inputs,
              enum pattern pattern)
{
    static struct kway_input staged[INPUTS_MAX];
    static struct source sources[INPUTS_MAX];
    fill_fn *const fills[] = {kway_fill, kway_fill_heap};
    static const char *const names[] = {"", " by heap"};
    struct rows scratch = {0};

    if (strstr(shape, filter) == NULL)
        return;
    require(layout_init(&refill_layout, schema, NULL) == SPINE_OK, "layout_init");
    struct kway kway = {.layout = &refill_layout,
                        .inputs = staged,
                        .input_count = inputs,
                        .on_refill = refill};
    for (size_t i = 0; i < inputs; i++) {
        size_t count = MERGE_ROWS / inputs;

        if (pattern == ONE_BIG)
            count = i == 0 ? MERGE_ROWS * 3 / 4 : MERGE_ROWS / 4 / (inputs - 1);
        if (pattern == ONE_HUGE)
            count = i == 0 ? MERGE_ROWS / 10 * 9 : MERGE_ROWS / 10 / (inputs - 1);
        draw_rows(&refill_layout, &sources[i].rows, count, pattern, i, inputs);
        require(rows_consolidate(&refill_layout, &sources[i].rows, &scratch) == SPINE_OK,
                "rows_consolidate");
        staged[i].source = &sources[i];
    }
    for (size_t f = 0; f < 2; f++) {
        double rates[RUNS_MAX];
        char name[80];

        for (int r = 0; r < runs; r++)
            rates[r] = merge_once(&kway, fills[f]);
        snprintf(name, sizeof name, "merge %s%s", shape, names[f]);
        report(name, rates);
    }
    rows_release(&refill_layout, &scratch);
    for (size_t i = 0; i < inputs; i++) {
        rows_release(&refill_layout, &sources[i].rows);
        rows_release(&refill_layout, &staged[i].rows);
    }
    kway_release(&kway);
}

/* rows_append_columns() and rows_consolidate(), as a batcher does. */
static void
measure_sort(const char *name, const struct spine_schema *schema, uint64_t mask)
{
    static uint64_t keys[SORT_ROWS], values[SORT_ROWS];
    static uint32_t narrow_keys[SORT_ROWS], narrow_values[SORT_ROWS];
    struct rows rows = {0}, scratch = {0};
    double rates[RUNS_MAX];
    struct layout layout;
    uint64_t seed = 1;

    if (strstr(name, filter) == NULL)
        return;
    require(layout_init(&layout, schema, NULL) == SPINE_OK, "layout_init");
    for (size_t i = 0; i < SORT_ROWS; i++) {
        narrow_keys[i] = (uint32_t)(keys[i] = next_random(&seed) & mask);
        narrow_values[i] = (uint32_t)(values[i] = next_random(&seed));
    }
    const bool narrow = layout.row_kind == ROW_ONE;
    const struct spine_columns columns = {
        .rows = SORT_ROWS,
        .keys = narrow ? (const void *)narrow_keys : keys,
        .values = narrow ? (const void *)narrow_values : values,
    };

    for (int r = 0; r < runs; r++) {
        const double begin = seconds();

        for (int i = 0; i < SORT_REPEATS; i++) {
            rows.count = 0;
            require(rows_reserve(&layout, &rows, SORT_ROWS), "rows_reserve");
            rows_append_columns(&layout, &rows, &columns, 0, SORT_ROWS);
            require(rows_consolidate(&layout, &rows, &scratch) == SPINE_OK,
                    "rows_consolidate");
        }
        rates[r] = (double)(SORT_ROWS * SORT_REPEATS) / (seconds() - begin) / 1e6;
    }
    report(name, rates);
    rows_release(&layout, &rows);
    rows_release(&layout, &scratch);
}

int
main(int argc, char **argv)
{
    if (argc > 1)
        filter = argv[1];
    if (argc > 2)
        runs = atoi(argv[2]);
    require(runs > 0 && runs <= RUNS_MAX, "RUNS from 1 to 101");

    measure_sort("sort 10,000 u64 -> u64", &u64_u64, UINT64_MAX);
    measure_sort("sort 10,000 u64 -> u64, 64 keys", &u64_u64, 63);
    measure_sort("sort 10,000 u32 -> u32", &u32_u32, UINT64_MAX);
    measure_sort("sort 10,000 u32 -> u32, 1024 keys", &u32_u32, 1023);
    measure_merge("k=1 u64 -> u64", &u64_u64, 1, RANDOM);
    measure_merge("k=2 u64 -> u64", &u64_u64, 2, RANDOM);
    measure_merge("k=8 u64 -> u64", &u64_u64, 8, RANDOM);
    measure_merge("k=64 u64 -> u64", &u64_u64, 64, RANDOM);
    measure_merge("k=8 clustered", &u64_u64, 8, CLUSTERED);
    measure_merge("k=8 one big", &u64_u64, 8, ONE_BIG);
    measure_merge("k=8 one huge", &u64_u64, 8, ONE_HUGE);
    measure_merge("k=2 one huge", &u64_u64, 2, ONE_HUGE);
    measure_merge("k=2 u32 -> u32", &u32_u32, 2, RANDOM);
    measure_merge("k=8 u32 -> u32", &u32_u32, 8, RANDOM);
    measure_merge("k=64 u32 -> u32", &u32_u32, 64, RANDOM);
    measure_merge("k=8 100 keys", &u64_u64, 8, FEW_KEYS);
    measure_merge("k=8 10 values a key", &u64_u64, 8, TEN_PER_KEY);
    measure_merge("k=8 dense", &u64_u64, 8, DENSE);
    measure_merge("k=8 dense u32 -> u32", &u32_u32, 8, DENSE);
    measure_merge("k=8 cancelling", &u64_u64, 8, CANCELLING);
    measure_merge("k=8 timed u64 -> u64", &timed, 8, RANDOM);
    measure_merge("k=8 bytes -> u64", &bytes_u64, 8, RANDOM);
    measure_merge("k=1 bytes -> u64", &bytes_u64, 1, RANDOM);
    measure_merge("k=8 clustered timed", &timed, 8, CLUSTERED);
    return 0;
}
