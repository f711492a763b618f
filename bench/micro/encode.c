/* SPDX-License-Identifier: MIT */

/*
 * encode [rows [samples]]: what encoded blocks cost and save, next to plain ones, for
 * several kinds of keys and values. Weights are 1.
 */

#include "batch/fence.h"
#include "merge/merge.h"
#include "micro/micro.h"

#define MERGED 8u
#define PROBES 100000u

#define TWO                                                                              \
    {                                                                                    \
        .key = {SPINE_U64, 0}, .value = { SPINE_U64, 0 }                                 \
    }
#define ONE                                                                              \
    {                                                                                    \
        .key = {SPINE_U32, 0}, .value = { SPINE_U32, 0 }                                 \
    }

struct subject {
    const char *name;
    struct spine_schema schema;
    /* Key and value of row `number` of `rows`. */
    uint64_t (*on_key)(uint64_t number, uint64_t rows);
    uint64_t (*on_value)(uint64_t number, uint64_t rows);
};

static uint64_t
random_word(uint64_t number, uint64_t rows)
{
    (void)rows;
    return mix(number);
}

static uint64_t
counted(uint64_t number, uint64_t rows)
{
    (void)rows;
    return number;
}

/* Each number is taken by half. */
static uint64_t
ids(uint64_t number, uint64_t rows)
{
    (void)rows;
    return 2 * number + mix(number) % 2;
}

/* Milliseconds, some events in each second. */
static uint64_t
clocked(uint64_t number, uint64_t rows)
{
    (void)rows;
    return UINT64_C(1700000000000) + number * 20 + mix(number) % 40;
}

static uint64_t
random_of_2_20(uint64_t number, uint64_t rows)
{
    (void)rows;
    return mix(~number) % (1u << 20);
}

/* Ten rows for each key. */
static uint64_t
tenth(uint64_t number, uint64_t rows)
{
    (void)rows;
    return mix(number / 10);
}

/* A random 32-bit number; few are drawn twice. */
static uint64_t
random_half(uint64_t number, uint64_t rows)
{
    (void)rows;
    return mix(number) >> 32;
}

/* All rows of input `part` of `parts`: row numbers part, part + parts, ... */
static struct spine_batch *
make_batch(const struct subject *subject, size_t rows, size_t part, size_t parts)
{
    const size_t count = rows / parts;
    uint64_t *keys = malloc(count * sizeof *keys),
             *values = malloc(count * sizeof *values);
    const struct spine_columns columns = {.rows = count, .keys = keys, .values = values};
    struct spine_batch *batch;

    require(keys != NULL && values != NULL, "memory");
    for (size_t i = 0; i < count; i++) {
        const uint64_t key = subject->on_key(i * parts + part, rows);
        const uint64_t value = subject->on_value(i * parts + part, rows);

        if (subject->schema.key.kind == SPINE_U32)
            ((uint32_t *)keys)[i] = (uint32_t)key;
        else
            keys[i] = key;
        if (subject->schema.value.kind == SPINE_U32)
            ((uint32_t *)values)[i] = (uint32_t)value;
        else
            values[i] = value;
    }
    require(spine_batch_from_columns(&subject->schema, &columns, &batch, NULL) ==
                SPINE_OK,
            "a batch of columns");
    free(keys);
    free(values);
    return batch;
}

/* The batch with blocks of one kind. */
static struct spine_batch *
merged(struct spine_batch *const *batches, size_t count, bool encoded)
{
    const struct merge_options options = {.encode_rows = encoded ? 1 : UINT64_MAX};
    struct spine_batch *out;
    struct merge *merge;
    uint64_t fuel_rows;

    require(merge_new(&merge, batches, count, &options, NULL) == SPINE_OK, "merge_new");
    while (!merge_done(merge)) {
        fuel_rows = 65536;
        require(merge_step(merge, &fuel_rows, NULL) == SPINE_OK, "merge_step");
    }
    fuel_rows = UINT64_MAX;
    require(merge_seal(merge, &fuel_rows, &out, NULL) == SPINE_OK, "merge_seal");
    merge_free(merge);
    return out;
}

static struct spine_batch *
repacked(const struct spine_batch *batch, bool encoded)
{
    struct spine_batch *copy;
    struct output output;
    struct reader reader;

    reader_init(&reader, batch);
    output_init(&output, &batch->layout);
    output.encode_rows = encoded ? 1 : UINT64_MAX;
    output.rows_expected = 1;
    while (!reader_at_end(&reader)) {
        require(reader_stage(&reader, &output.pending, BLOCK_ROWS) == SPINE_OK, "stage");
        require(output_flush(&output, false) == SPINE_OK, "flush");
    }
    require(output_seal(&output, &copy, NULL) == SPINE_OK, "seal");
    output_release(&output);
    return copy;
}

static void
bench_stage(const struct spine_batch *batch, unsigned samples_wanted, const char *name)
{
    struct samples samples = {.count = 0};
    struct rows rows = {0};

    for (unsigned s = 0; s < samples_wanted; s++) {
        const uint64_t began_ns = now_ns();
        struct reader reader;

        reader_init(&reader, batch);
        while (!reader_at_end(&reader)) {
            rows.count = 0;
            require(reader_stage(&reader, &rows, 2048) == SPINE_OK, "stage");
        }
        samples_add(&samples, batch->info.rows, began_ns);
    }
    rows_release(&batch->layout, &rows);
    samples_print(&samples, name);
}

static void
bench_repack(const struct spine_batch *batch, bool encoded, unsigned samples_wanted,
             const char *name)
{
    struct samples samples = {.count = 0};
    struct spine_batch *last = NULL;

    for (unsigned s = 0; s < samples_wanted; s++) {
        const uint64_t began_ns = now_ns();
        struct spine_batch *copy = repacked(batch, encoded);

        samples_add(&samples, batch->info.rows, began_ns);
        spine_batch_unref(last);
        last = copy;
    }
    spine_batch_unref(last);
    samples_print(&samples, name);
}

static void
bench_merge(struct spine_batch *const *batches, bool encoded, unsigned samples_wanted,
            const char *name)
{
    struct samples samples = {.count = 0};
    struct spine_batch *last = NULL;
    uint64_t rows = 0;

    for (size_t i = 0; i < MERGED; i++)
        rows += batches[i]->info.rows;
    for (unsigned s = 0; s < samples_wanted; s++) {
        const uint64_t began_ns = now_ns();
        struct spine_batch *out = merged(batches, MERGED, encoded);

        samples_add(&samples, rows, began_ns);
        spine_batch_unref(last);
        last = out;
    }
    spine_batch_unref(last);
    samples_print(&samples, name);
}

static void
bench_seek(const struct subject *subject, const struct spine_batch *batch, size_t rows,
           unsigned samples_wanted, const char *name)
{
    struct samples samples = {.count = 0};
    const bool narrow = subject->schema.key.kind == SPINE_U32;

    for (unsigned s = 0; s < samples_wanted; s++) {
        uint64_t found = 0, began_ns;
        struct reader reader;

        reader_init(&reader, batch);
        began_ns = now_ns();
        for (size_t i = 0; i < PROBES; i++) {
            const uint64_t word = subject->on_key(mix(i) % rows, rows);
            const struct cell key = {.word = narrow ? (uint32_t)word : word};

            size_t there;

            require(reader_seek_exact(&reader, &key, &there) == SPINE_OK, "seek");
            found += there > 0;
        }
        samples_add(&samples, PROBES, began_ns);
        require(found == PROBES, "seek");
    }
    samples_print(&samples, name);
}

static void
bench_subject(const struct subject *subject, size_t rows, unsigned samples)
{
    struct spine_batch *inputs[2][MERGED], *both[2];

    for (size_t i = 0; i < MERGED; i++) {
        struct spine_batch *batch = make_batch(subject, rows, i, MERGED);

        inputs[0][i] = repacked(batch, false);
        inputs[1][i] = repacked(batch, true);
        spine_batch_unref(batch);
    }
    for (int e = 0; e < 2; e++)
        both[e] = merged(inputs[e], MERGED, e == 1);
    printf("%s: %.2f bytes per row, plain %.2f; inputs %.2f\n", subject->name,
           (double)both[1]->info.bytes / (double)both[1]->info.rows,
           (double)both[0]->info.bytes / (double)both[0]->info.rows,
           (double)inputs[1][0]->info.bytes / (double)inputs[1][0]->info.rows);
    bench_stage(both[0], samples, "  stage plain");
    bench_stage(both[1], samples, "  stage encoded");
    bench_repack(both[0], false, samples, "  stage plain, pack plain");
    bench_repack(both[0], true, samples, "  stage plain, pack encoded");
    bench_merge(inputs[0], false, samples, "  merge plain to plain");
    bench_merge(inputs[0], true, samples, "  merge plain to encoded");
    bench_merge(inputs[1], true, samples, "  merge encoded to encoded");
    bench_seek(subject, both[0], rows, samples, "  seek plain");
    bench_seek(subject, both[1], rows, samples, "  seek encoded");
    batches_free(both, 2);
    batches_free(inputs[0], MERGED);
    batches_free(inputs[1], MERGED);
}

int
main(int argc, char **argv)
{
    static const struct subject subjects[] = {
        {"u64 u64, random keys, counted values", TWO, random_word, counted},
        {"u64 u64, random keys, random values", TWO, random_word, random_word},
        {"u64 u64, clock keys, values of 20 bits", TWO, clocked, random_of_2_20},
        {"u64 u64, ids, counted values", TWO, ids, counted},
        {"u64 u64, ten random values per key", TWO, tenth, random_of_2_20},
        {"u32 u32, random keys, values of 20 bits", ONE, random_half, random_of_2_20},
        {"u32 u32, ids, values of 20 bits", ONE, ids, random_of_2_20},
    };
    const size_t rows = argc > 1 ? strtoul(argv[1], NULL, 0) : 1000000;
    const unsigned samples = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : 7;

    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++)
        if (argc < 4 || strstr(subjects[i].name, argv[3]) != NULL)
            bench_subject(&subjects[i], rows, samples);
    return 0;
}
