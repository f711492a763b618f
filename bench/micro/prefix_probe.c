/* SPDX-License-Identifier: MIT */

/*
 * prefix_probe [rows [samples]]: the rows of 10,000 customers, of which half are there,
 * with four orders each, in ten batches, half of the rows in one: by the customer as the
 * key, by the customer as the prefix of a key (customer, order), and by a cursor that is
 * set to the bounds of one prefix after the other. From columns to columns; in millions
 * of customers per second: median, least, most. Samples take turns.
 */

#include "spine/spine.h"

#include "micro/micro.h"

#define PROBES 10000u
#define BATCHES 10u
#define ORDERS 4u
#define TEXT_MAX 32u

enum kind { SMALL, FIXED, STRINGS, KINDS };
enum way { BY_KEY, BY_PREFIX, BY_CURSOR, WAYS };

static const char *const names[KINDS][WAYS] = {
    {"u32 as key", "(u32, u32) by prefix", "(u32, u32) by cursor"},
    {"u64 as key", "(u64, u64) by prefix", "(u64, u64) by cursor"},
    {"string as key", "(string, i64) by prefix", "(string, i64) by cursor"}};

/* In percent. */
static const unsigned shares[BATCHES] = {50, 20, 10, 8, 4, 3, 2, 1, 1, 1};

/* Customers, by words in their order, and one order and price for each row. */
struct source {
    size_t rows;
    uint64_t *words;
    uint32_t *small;
    uint64_t *order;
    uint32_t *small_order;
    double *price;
    char *text;
    uint64_t *offsets;
};

struct subject {
    struct spine_schema keyed, prefixed;
    struct spine_snapshot *snapshots[2];
    struct samples samples[WAYS];
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
                              .small = memory_of(rows, sizeof(uint32_t)),
                              .order = memory_of(rows, sizeof(uint64_t)),
                              .small_order = memory_of(rows, sizeof(uint32_t)),
                              .price = memory_of(rows, sizeof(double)),
                              .text = memory_of(rows, TEXT_MAX),
                              .offsets = memory_of(rows + 1, sizeof(uint64_t))};
}

static void
source_free(struct source *source)
{
    free(source->words);
    free(source->small);
    free(source->order);
    free(source->small_order);
    free(source->price);
    free(source->text);
    free(source->offsets);
}

/* The columns of `rows` rows whose words are there. */
static void
source_fill(struct source *source, size_t rows, uint64_t first_order)
{
    char *text = source->text;

    source->rows = rows;
    source->offsets[0] = 0;
    for (size_t i = 0; i < rows; i++) {
        const uint64_t word = source->words[i];
        const size_t size = 16 + word / 2 % 17;

        source->small[i] = (uint32_t)(word >> 32);
        source->order[i] = first_order + i;
        source->small_order[i] = (uint32_t)(first_order + i);
        source->price[i] = (double)i;
        for (size_t at = 0; at < size; at++)
            text[at] = (char)('a' + (word >> (60 - at % 16 * 4) & 15));
        text += size;
        source->offsets[i + 1] = (uint64_t)(text - source->text);
    }
}

/* Customer number `i` of those that are there, whose upper halves differ and are even. */
static uint64_t
word_of(uint64_t i)
{
    const uint64_t high = (i * UINT64_C(2654435761) & 0x7fffffff) << 1;

    return high << 32 | (uint32_t)mix(i);
}

static struct spine_tuple_type *
type_new(const struct spine_column *columns, size_t count)
{
    struct spine_tuple_type *type;

    require(spine_tuple_type_new(columns, count, &type, NULL) == SPINE_OK,
            "a tuple type");
    return type;
}

static struct spine_schema
schema_of(enum kind kind, size_t keys)
{
    static const enum spine_column_kind kinds[KINDS][2] = {
        {SPINE_COLUMN_U32, SPINE_COLUMN_U32},
        {SPINE_COLUMN_U64, SPINE_COLUMN_U64},
        {SPINE_COLUMN_STRING, SPINE_COLUMN_I64}};
    const struct spine_column columns[] = {
        {.kind = kinds[kind][0]}, {.kind = kinds[kind][1]}, {.kind = SPINE_COLUMN_F64}};
    struct spine_schema schema = {.key_tuple = type_new(columns, keys),
                                  .value_tuple = type_new(columns + keys, 3 - keys)};

    schema.key = spine_tuple_type_cell(schema.key_tuple);
    schema.value = spine_tuple_type_cell(schema.value_tuple);
    return schema;
}

/* The columns of customer, order and price. */
static void
columns_of(enum kind kind, const struct source *source, struct spine_column_data *out)
{
    out[0] = (struct spine_column_data){.values = source->words};
    out[1] = (struct spine_column_data){.values = source->order};
    out[2] = (struct spine_column_data){.values = source->price};
    if (kind == SMALL) {
        out[0].values = source->small;
        out[1].values = source->small_order;
    } else if (kind == STRINGS) {
        out[0] = (struct spine_column_data){.values = source->text,
                                            .offsets = source->offsets};
    }
}

static void
subjects_new(struct subject *subjects, size_t rows)
{
    struct spine_batch *batches[KINDS][2][BATCHES];
    struct source source;
    uint64_t number = 0;

    for (enum kind kind = 0; kind < KINDS; kind++)
        subjects[kind] =
            (struct subject){.keyed = schema_of(kind, 1), .prefixed = schema_of(kind, 2)};
    source_new(&source, rows);
    for (size_t b = 0; b < BATCHES; b++) {
        const size_t count = rows * shares[b] / 100;

        for (size_t i = 0; i < count; i++)
            source.words[i] = word_of((number + i) * 7919 % (rows / ORDERS));
        source_fill(&source, count, number);
        number += count;
        for (enum kind kind = 0; kind < KINDS; kind++) {
            struct spine_column_data data[3];

            columns_of(kind, &source, data);
            for (size_t keys = 1; keys <= 2; keys++) {
                const struct spine_tuple_rows tuples = {
                    .rows = count, .keys = data, .values = data + keys};

                require(spine_batch_from_tuples(
                            keys == 1 ? &subjects[kind].keyed : &subjects[kind].prefixed,
                            &tuples, &batches[kind][keys - 1][b], NULL) == SPINE_OK,
                        "a batch");
            }
        }
    }
    source_free(&source);
    for (enum kind kind = 0; kind < KINDS; kind++)
        for (size_t i = 0; i < 2; i++) {
            require(spine_snapshot_of_batches(
                        i == 0 ? &subjects[kind].keyed : &subjects[kind].prefixed,
                        batches[kind][i], BATCHES, &subjects[kind].snapshots[i],
                        NULL) == SPINE_OK,
                    "a snapshot");
            batches_free(batches[kind][i], BATCHES);
        }
}

static int
compare_words(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* PROBES ascending words, every second of them a customer that is there. */
static void
draw_words(uint64_t *words, size_t customers, unsigned turn)
{
    const size_t stride = customers / PROBES;

    for (size_t i = 0; i < PROBES; i++)
        words[i] = i % 2 == 0
                       ? word_of(i * stride + mix(turn * PROBES + i) % stride)
                       : word_of(customers + turn * PROBES + i) | UINT64_C(0x100000001);
    qsort(words, PROBES, sizeof *words, compare_words);
}

struct tools {
    struct spine_probe *probe;
    struct spine_tuple_page *page;
    struct spine_tuple_page *decoded;
};

static size_t
probe_keys(const struct subject *subject, const struct tools *tools,
           const struct spine_column_data *customers)
{
    const struct spine_tuple_rows keys = {.rows = PROBES, .keys = customers};
    struct spine_probe_rows found;
    struct spine_tuple_rows rows;
    struct spine_columns cells;

    require(spine_tuple_encode(tools->page, &subject->keyed, &keys, &cells, NULL) ==
                    SPINE_OK &&
                spine_snapshot_probe(subject->snapshots[0], tools->probe, &cells, NULL,
                                     &found, NULL) == SPINE_OK &&
                spine_tuple_decode(tools->decoded, &subject->keyed, &found.columns, &rows,
                                   NULL) == SPINE_OK,
            "a probe");
    return rows.rows;
}

static size_t
probe_prefixes(const struct subject *subject, const struct tools *tools,
               const struct spine_column_data *customers)
{
    const struct spine_tuple_prefixes prefixes = {
        .rows = PROBES, .count = 1, .columns = customers};
    struct spine_key_ranges ranges;
    struct spine_probe_rows found;
    struct spine_tuple_rows rows;

    require(spine_tuple_prefix_ranges(tools->page, subject->prefixed.key_tuple, &prefixes,
                                      &ranges, NULL) == SPINE_OK &&
                spine_snapshot_probe_ranges(subject->snapshots[1], tools->probe, &ranges,
                                            NULL, &found, NULL) == SPINE_OK &&
                spine_tuple_decode(tools->decoded, &subject->prefixed, &found.columns,
                                   &rows, NULL) == SPINE_OK,
            "a probe of prefixes");
    return rows.rows;
}

/* Column `data` from row `row` on. */
static struct spine_column_data
column_from(enum kind kind, struct spine_column_data data, size_t row)
{
    if (kind == STRINGS)
        data.offsets += row;
    else
        data.values = (const uint8_t *)data.values + row * (kind == SMALL ? 4 : 8);
    return data;
}

static size_t
move_cursor(enum kind kind, const struct subject *subject, const struct tools *tools,
            const struct spine_column_data *customers)
{
    struct spine_cursor *cursor;
    size_t count = 0;

    require(spine_snapshot_cursor(subject->snapshots[1], &cursor, NULL) == SPINE_OK,
            "a cursor");
    for (size_t i = 0; i < PROBES; i++) {
        const struct spine_column_data customer = column_from(kind, *customers, i);
        struct spine_tuple_bounds bounds;
        struct spine_tuple_rows rows;

        require(spine_tuple_prefix_bounds(tools->page, subject->prefixed.key_tuple,
                                          &customer, 1, &bounds, NULL) == SPINE_OK,
                "bounds");
        spine_cursor_set_bounds(cursor, &bounds.lower,
                                bounds.has_upper ? &bounds.upper : NULL);
        while (spine_cursor_read_tuples(cursor, tools->decoded, 64, &rows) > 0)
            count += rows.rows;
    }
    require(spine_cursor_status(cursor) == SPINE_OK, "a cursor moves");
    spine_cursor_close(cursor);
    return count;
}

static void
probe_once(enum kind kind, struct subject *subject, const struct source *source,
           const struct tools *tools)
{
    struct spine_column_data customer[3];

    columns_of(kind, source, customer);
    for (enum way way = 0; way < WAYS; way++) {
        const uint64_t began = now_ns();
        const size_t rows = way == BY_KEY ? probe_keys(subject, tools, customer)
                            : way == BY_PREFIX
                                ? probe_prefixes(subject, tools, customer)
                                : move_cursor(kind, subject, tools, customer);

        samples_add(&subject->samples[way], PROBES, began);
        require(rows == PROBES / 2 * ORDERS, "half of the customers are there");
    }
}

int
main(int argc, char **argv)
{
    const size_t rows = argc > 1 ? (size_t)strtod(argv[1], NULL) : 4000000;
    const unsigned samples = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 21;
    struct subject subjects[KINDS];
    struct tools tools;
    struct source source;

    require(rows >= 100 * PROBES && samples > 0, "rows >= 1000000, samples > 0");
    subjects_new(subjects, rows);
    source_new(&source, PROBES);
    require(spine_probe_new(&tools.probe, NULL) == SPINE_OK &&
                spine_tuple_page_new(&tools.page, NULL) == SPINE_OK &&
                spine_tuple_page_new(&tools.decoded, NULL) == SPINE_OK,
            "memory");
    /* The first of them build lookup filters. */
    for (unsigned turn = 0; turn < 2 * samples; turn++) {
        draw_words(source.words, rows / ORDERS, turn);
        source_fill(&source, PROBES, 0);
        for (enum kind kind = 0; kind < KINDS; kind++) {
            if (turn == samples)
                for (enum way way = 0; way < WAYS; way++)
                    subjects[kind].samples[way].count = 0;
            probe_once(kind, &subjects[kind], &source, &tools);
        }
    }
    for (enum kind kind = 0; kind < KINDS; kind++)
        for (enum way way = 0; way < WAYS; way++)
            samples_print(&subjects[kind].samples[way], names[kind][way]);
    spine_probe_free(tools.probe);
    spine_tuple_page_free(tools.page);
    spine_tuple_page_free(tools.decoded);
    source_free(&source);
    for (enum kind kind = 0; kind < KINDS; kind++) {
        const struct spine_schema *const of[] = {&subjects[kind].keyed,
                                                 &subjects[kind].prefixed};

        for (size_t i = 0; i < 2; i++) {
            spine_snapshot_unref(subjects[kind].snapshots[i]);
            spine_tuple_type_unref(of[i]->key_tuple);
            spine_tuple_type_unref(of[i]->value_tuple);
        }
    }
    return 0;
}
