/* SPDX-License-Identifier: MIT */

/*
 * tuple_probe [rows [samples [kind [batches]]]]: probes by keys of several columns beside
 * probes by numbers u64, of 10,000 ascending keys of which half are there. Of ten batches
 * one has half of the rows; when `batches` is 1, one has all. Tuples are encoded from
 * their columns, and the values found are decoded, all of which counts. In millions of
 * keys per second: median, least, most. Samples take turns, unless a `kind`, 0 for
 * numbers, is measured alone; 5 stands for all.
 */

#include "spine/spine.h"

#include "micro/micro.h"

#define PROBES 10000u
#define BATCHES 10u
#define TEXT_MAX 32u
#define COLUMNS_MAX 5u
#define SIGN (UINT64_C(1) << 63)

enum kind { WORDS, PAIRS, FIXED, SMALL, STRINGS, KINDS };

static const char *const names[KINDS] = {
    "u64 -> u64", "(i32, u32) -> (u64)", "(i64, u64, f64) -> (i64, f64)",
    "(i64, u64, f64), small numbers", "(string, i64) -> (string, f64)"};

/* In percent, of ten batches; of one. */
static const unsigned shares[BATCHES] = {50, 20, 10, 8, 4, 3, 2, 1, 1, 1};
static const unsigned one_share[1] = {100};

/* All columns that a row may have; a word gives them, in the order of the words. */
struct source {
    uint64_t *words;
    int32_t *high;
    uint32_t *low;
    int64_t *number;
    uint64_t *other;
    double *real;
    /* The same columns of small numbers, whose words do not lie evenly. */
    int64_t *small_number;
    uint64_t *small_other;
    double *small_real;
    char *text;
    uint64_t *offsets;
};

/* Kinds [begin, end) are measured, in that many batches. */
struct kinds {
    enum kind begin;
    enum kind end;
    size_t batches;
};

/* What is measured of a kind. Its probe and its page have the memory of their kind: hosts
 * have one for each schema. */
struct subject {
    struct spine_schema schema;
    struct spine_snapshot *snapshot;
    struct spine_probe *probe;
    struct spine_tuple_page *page;
    struct samples samples;
};

static void *
memory_of(size_t count, size_t size)
{
    void *const memory = malloc(count * size);

    require(memory != NULL, "memory");
    return memory;
}

static void
source_new(struct source *source, size_t rows)
{
    *source = (struct source){.words = memory_of(rows, sizeof(uint64_t)),
                              .high = memory_of(rows, sizeof(int32_t)),
                              .low = memory_of(rows, sizeof(uint32_t)),
                              .number = memory_of(rows, sizeof(int64_t)),
                              .other = memory_of(rows, sizeof(uint64_t)),
                              .real = memory_of(rows, sizeof(double)),
                              .small_number = memory_of(rows, sizeof(int64_t)),
                              .small_other = memory_of(rows, sizeof(uint64_t)),
                              .small_real = memory_of(rows, sizeof(double)),
                              .text = memory_of(rows, TEXT_MAX),
                              .offsets = memory_of(rows + 1, sizeof(uint64_t))};
}

static void
source_free(struct source *source)
{
    free(source->words);
    free(source->high);
    free(source->low);
    free(source->number);
    free(source->other);
    free(source->real);
    free(source->small_number);
    free(source->small_other);
    free(source->small_real);
    free(source->text);
    free(source->offsets);
}

/* The other columns of the first `rows` words. */
static void
source_fill(struct source *source, size_t rows)
{
    char *text = source->text;

    source->offsets[0] = 0;
    for (size_t i = 0; i < rows; i++) {
        const uint64_t word = source->words[i];
        const size_t size = 16 + word / 2 % 17;

        source->high[i] = (int32_t)((word ^ SIGN) >> 32);
        source->low[i] = (uint32_t)word;
        source->number[i] = (int64_t)(word ^ SIGN);
        source->other[i] = mix(word);
        source->real[i] = (double)(word >> 20);
        source->small_number[i] = (int64_t)(word >> 54);
        source->small_other[i] = word >> 24 & ((1u << 30) - 1);
        source->small_real[i] = (double)(word & ((1u << 24) - 1));
        for (size_t at = 0; at < size; at++)
            text[at] = (char)('a' + (word >> (60 - at % 16 * 4) & 15));
        text += size;
        source->offsets[i + 1] = (uint64_t)(text - source->text);
    }
}

/* Word number `i` of those that are there, which are even. */
static uint64_t
word_of(uint64_t i)
{
    return mix(i) & ~UINT64_C(1);
}

static struct spine_tuple_type *
type_new(const struct spine_column *columns, size_t count)
{
    struct spine_tuple_type *type;

    require(spine_tuple_type_new(columns, count, &type, NULL) == SPINE_OK,
            "a tuple type");
    return type;
}

/* The columns of a kind that has some: `keys` of the key, then those of the value. */
static const struct tuple_shape {
    size_t keys;
    size_t values;
    enum spine_column_kind kinds[COLUMNS_MAX];
} shapes[KINDS] = {
    [PAIRS] = {2, 1, {SPINE_COLUMN_I32, SPINE_COLUMN_U32, SPINE_COLUMN_U64}},
    [FIXED] = {3,
               2,
               {SPINE_COLUMN_I64, SPINE_COLUMN_U64, SPINE_COLUMN_F64, SPINE_COLUMN_I64,
                SPINE_COLUMN_F64}},
    [SMALL] = {3,
               2,
               {SPINE_COLUMN_I64, SPINE_COLUMN_U64, SPINE_COLUMN_F64, SPINE_COLUMN_I64,
                SPINE_COLUMN_F64}},
    [STRINGS] = {2,
                 2,
                 {SPINE_COLUMN_STRING, SPINE_COLUMN_I64, SPINE_COLUMN_STRING,
                  SPINE_COLUMN_F64}},
};

static struct spine_schema
schema_of(enum kind kind)
{
    const struct tuple_shape *const shape = &shapes[kind];
    struct spine_column columns[COLUMNS_MAX] = {{0}};
    struct spine_schema schema = {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}};

    if (kind == WORDS)
        return schema;
    for (size_t i = 0; i < shape->keys + shape->values; i++)
        columns[i].kind = shape->kinds[i];
    schema.key_tuple = type_new(columns, shape->keys);
    schema.value_tuple = type_new(columns + shape->keys, shape->values);
    schema.key = spine_tuple_type_cell(schema.key_tuple);
    schema.value = spine_tuple_type_cell(schema.value_tuple);
    return schema;
}

static struct spine_column_data
data_of(enum spine_column_kind column, enum kind kind, const struct source *source)
{
    switch (column) {
    case SPINE_COLUMN_I32:
        return (struct spine_column_data){.values = source->high};
    case SPINE_COLUMN_U32:
        return (struct spine_column_data){.values = source->low};
    case SPINE_COLUMN_I64:
        return (struct spine_column_data){.values = kind == SMALL ? source->small_number
                                                                  : source->number};
    case SPINE_COLUMN_U64:
        return (struct spine_column_data){.values = kind == SMALL ? source->small_other
                                                                  : source->other};
    case SPINE_COLUMN_F64:
        return (struct spine_column_data){.values = kind == SMALL ? source->small_real
                                                                  : source->real};
    default:
        return (struct spine_column_data){.values = source->text,
                                          .offsets = source->offsets};
    }
}

/* `rows` rows of a kind; `data` has the room for their columns. */
static struct spine_tuple_rows
tuples_of(enum kind kind, const struct source *source, size_t rows,
          struct spine_column_data *data)
{
    const struct tuple_shape *const shape = &shapes[kind];

    for (size_t i = 0; i < shape->keys + shape->values; i++)
        data[i] = data_of(shape->kinds[i], kind, source);
    return (struct spine_tuple_rows){
        .rows = rows, .keys = data, .values = data + shape->keys};
}

static struct spine_batch *
batch_of(enum kind kind, const struct spine_schema *schema, struct source *source,
         size_t rows)
{
    struct spine_column_data data[COLUMNS_MAX];
    struct spine_batch *batch;

    if (kind == WORDS)
        return batch_of_keys(source->words, source->words, rows);
    const struct spine_tuple_rows tuples = tuples_of(kind, source, rows, data);
    require(spine_batch_from_tuples(schema, &tuples, &batch, NULL) == SPINE_OK,
            "a batch of tuples");
    return batch;
}

static void
subjects_new(struct subject *subjects, struct kinds kinds, size_t rows)
{
    const unsigned *const parts = kinds.batches == 1 ? one_share : shares;
    struct spine_batch *batches[KINDS][BATCHES];
    struct source source;
    uint64_t number = 0;

    for (enum kind kind = kinds.begin; kind < kinds.end; kind++)
        subjects[kind] = (struct subject){.schema = schema_of(kind)};
    source_new(&source, rows);
    for (size_t b = 0; b < kinds.batches; b++) {
        const size_t count = rows * parts[b] / 100;
        for (size_t i = 0; i < count; i++)
            source.words[i] = word_of(number++);
        source_fill(&source, count);
        for (enum kind kind = kinds.begin; kind < kinds.end; kind++)
            batches[kind][b] = batch_of(kind, &subjects[kind].schema, &source, count);
    }
    source_free(&source);
    for (enum kind kind = kinds.begin; kind < kinds.end; kind++) {
        require(spine_snapshot_of_batches(&subjects[kind].schema, batches[kind],
                                          kinds.batches, &subjects[kind].snapshot,
                                          NULL) == SPINE_OK,
                "a snapshot");
        require(spine_probe_new(&subjects[kind].probe, NULL) == SPINE_OK &&
                    spine_tuple_page_new(&subjects[kind].page, NULL) == SPINE_OK,
                "memory");
        batches_free(batches[kind], kinds.batches);
    }
}

static void
subjects_free(struct subject *subjects, struct kinds kinds)
{
    for (enum kind kind = kinds.begin; kind < kinds.end; kind++) {
        spine_tuple_page_free(subjects[kind].page);
        spine_probe_free(subjects[kind].probe);
        spine_snapshot_unref(subjects[kind].snapshot);
        spine_tuple_type_unref(subjects[kind].schema.key_tuple);
        spine_tuple_type_unref(subjects[kind].schema.value_tuple);
    }
}

static int
compare_words(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* PROBES ascending words, every second of them one of the `rows` that are there. */
static void
draw_words(uint64_t *words, size_t rows, unsigned turn)
{
    const size_t stride = rows / PROBES;

    for (size_t i = 0; i < PROBES; i++)
        words[i] = i % 2 == 0 ? word_of(i * stride + mix(turn * PROBES + i) % stride)
                              : word_of(rows + turn * PROBES + i) | 1;
    qsort(words, PROBES, sizeof *words, compare_words);
}

/* Looks up the keys in `source`, from columns to columns. */
static void
probe_once(enum kind kind, struct subject *subject, const struct source *source)
{
    struct spine_column_data data[COLUMNS_MAX];
    struct spine_tuple_rows tuples = tuples_of(kind, source, PROBES, data), values;
    struct spine_columns cells = {.rows = PROBES, .keys = source->words};
    struct spine_probe_rows found;
    const uint64_t began = now_ns();

    tuples.values = NULL;
    if (kind != WORDS)
        require(spine_tuple_encode(subject->page, &subject->schema, &tuples, &cells,
                                   NULL) == SPINE_OK,
                "keys are encoded");
    require(spine_snapshot_probe(subject->snapshot, subject->probe, &cells, NULL, &found,
                                 NULL) == SPINE_OK,
            "a probe");
    if (kind != WORDS)
        require(spine_tuple_decode(subject->page, &subject->schema, &found.columns,
                                   &values, NULL) == SPINE_OK,
                "values are decoded");
    samples_add(&subject->samples, PROBES, began);
    require(found.columns.rows == PROBES / 2, "half of the keys are there");
}

int
main(int argc, char **argv)
{
    const size_t rows = argc > 1 ? (size_t)strtod(argv[1], NULL) : 4000000;
    const unsigned samples = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 41;
    const enum kind only = argc > 3 ? (enum kind)strtoul(argv[3], NULL, 10) : KINDS;
    const bool one_batch = argc > 4 && strtoul(argv[4], NULL, 10) == 1;
    const struct kinds kinds = {only < KINDS ? only : 0, only < KINDS ? only + 1 : KINDS,
                                one_batch ? 1 : BATCHES};
    struct subject subjects[KINDS];
    struct source source;

    require(rows >= 100 * PROBES && samples > 0, "rows >= 1000000, samples > 0");
    subjects_new(subjects, kinds, rows);
    source_new(&source, PROBES);
    /* The first of them build lookup filters. */
    for (unsigned turn = 0; turn < 2 * samples; turn++) {
        draw_words(source.words, rows, turn);
        source_fill(&source, PROBES);
        for (enum kind kind = kinds.begin; kind < kinds.end; kind++) {
            if (turn == samples)
                subjects[kind].samples.count = 0;
            probe_once(kind, &subjects[kind], &source);
        }
    }
    for (enum kind kind = kinds.begin; kind < kinds.end; kind++)
        samples_print(&subjects[kind].samples, names[kind]);
    source_free(&source);
    subjects_free(subjects, kinds);
    return 0;
}
