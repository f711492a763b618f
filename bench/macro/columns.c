/* SPDX-License-Identifier: MIT */

/*
 * macro/columns -- rows of several columns, fixed ones and strings, that come in column
 * by column or, in C++, tuple by tuple.
 */

#include "macro/columns.h"
#include "macro/macro.h"
#include "spine/spine.h"

#include <stdlib.h>
#include <string.h>

enum { READ_ROWS = 16384 };

extern const struct wide_engine wide_naive, wide_tuples, wide_rocksdb, wide_dbsp;

struct state {
    bool strings;
    struct spine_schema schema;
    struct spine_runtime *runtime;
    struct spine *spine;
};

static void
must(enum spine_status status, const struct spine_error *error)
{
    if (status != SPINE_OK)
        bench_fail("columns: %s: %s", spine_status_name(status), error->message);
}

static struct spine_tuple_type *
type_new(const struct spine_column *columns, size_t count, struct spine_type *cell)
{
    struct spine_tuple_type *type;
    struct spine_error error;

    must(spine_tuple_type_new(columns, count, &type, &error), &error);
    *cell = spine_tuple_type_cell(type);
    return type;
}

static void *
open_spine(bool strings, const char *directory)
{
    const struct spine_column fixed_key[] = {{.name = "number", .kind = SPINE_COLUMN_I64},
                                             {.name = "other", .kind = SPINE_COLUMN_U64},
                                             {.name = "real", .kind = SPINE_COLUMN_F64}};
    const struct spine_column text_key[] = {{.name = "text", .kind = SPINE_COLUMN_STRING},
                                            {.name = "number", .kind = SPINE_COLUMN_I64}};
    const struct spine_column value[] = {
        {.name = "value", .kind = strings ? SPINE_COLUMN_STRING : SPINE_COLUMN_I64},
        {.name = "real", .kind = SPINE_COLUMN_F64}};
    struct state *const state = bench_alloc(1, sizeof *state);
    struct spine_tuple_type *key_type, *value_type;
    struct spine_error error;

    (void)directory;
    *state = (struct state){.strings = strings};
    key_type =
        type_new(strings ? text_key : fixed_key, strings ? 2 : 3, &state->schema.key);
    value_type = type_new(value, 2, &state->schema.value);
    state->schema.key_tuple = key_type;
    state->schema.value_tuple = value_type;
    must(spine_runtime_open(NULL, &state->runtime, &error), &error);
    must(spine_open(state->runtime, &state->schema, NULL, &state->spine, &error), &error);
    state->schema = *spine_get_schema(state->spine);
    spine_tuple_type_unref(key_type);
    spine_tuple_type_unref(value_type);
    return state;
}

static void
insert_spine(void *opaque, const struct wide_rows *rows)
{
    struct state *const state = opaque;
    const struct spine_column_data fixed_key[] = {
        {.values = rows->number}, {.values = rows->other}, {.values = rows->real}};
    const struct spine_column_data text_key[] = {
        {.values = rows->key_text, .offsets = rows->key_offsets},
        {.values = rows->number}};
    const struct spine_column_data fixed_value[] = {{.values = rows->value_number},
                                                    {.values = rows->value_real}};
    const struct spine_column_data text_value[] = {
        {.values = rows->value_text, .offsets = rows->value_offsets},
        {.values = rows->value_real}};
    const struct spine_tuple_rows columns = {
        .rows = rows->rows,
        .keys = state->strings ? text_key : fixed_key,
        .values = state->strings ? text_value : fixed_value};
    struct spine_batch *batch;
    struct spine_error error;

    must(spine_batch_from_tuples(&state->schema, &columns, &batch, &error), &error);
    must(spine_insert(state->spine, batch, &error), &error);
    spine_batch_unref(batch);
}

static void
settle_spine(void *opaque)
{
    struct state *const state = opaque;
    struct spine_error error;

    must(spine_wait_idle(state->spine, UINT64_MAX, &error), &error);
}

static void
scan_spine(void *opaque, struct tally *tally)
{
    struct state *const state = opaque;
    struct spine_tuple_rows rows;
    struct spine_tuple_page *page;
    struct spine_cursor *cursor;
    struct spine_error error;

    must(spine_cursor_open(state->spine, &cursor, &error), &error);
    must(spine_tuple_page_new(&page, &error), &error);
    while (spine_cursor_read_tuples(cursor, page, READ_ROWS, &rows) > 0) {
        const struct spine_column_data *const text = &rows.keys[0];
        const struct spine_column_data *const value = &rows.values[0];
        const int64_t *const number = rows.keys[state->strings ? 1 : 0].values;
        const double *const value_real = rows.values[1].values;

        for (size_t i = 0; i < rows.rows; i++)
            wide_tally(tally,
                       state->strings ? text->offsets[i + 1] - text->offsets[i]
                                      : ((const uint64_t *)rows.keys[1].values)[i],
                       number[i],
                       state->strings ? value->offsets[i + 1] - value->offsets[i]
                                      : ((const uint64_t *)value->values)[i],
                       value_real[i], rows.weights[i]);
    }
    must(spine_cursor_error(cursor, &error), &error);
    spine_tuple_page_free(page);
    spine_cursor_close(cursor);
}

static void
close_spine(void *opaque)
{
    struct state *const state = opaque;

    spine_close(state->spine);
    spine_runtime_close(state->runtime);
    free(state);
}

static const struct wide_engine wide_spine = {"spine",      open_spine, insert_spine,
                                              settle_spine, scan_spine, close_spine};

/* Eight letters "a" to "p", of four bits each. */
static uint64_t
letters_of(uint32_t bits)
{
    uint64_t letters = bits;

    letters = (letters | letters << 16) & UINT64_C(0x0000ffff0000ffff);
    letters = (letters | letters << 8) & UINT64_C(0x00ff00ff00ff00ff);
    letters = (letters | letters << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return letters + UINT64_C(0x6161616161616161);
}

/* 16 letters, for little: what the generator takes counts for every engine. */
static void
letters_put(char *out, uint64_t bits)
{
    const uint64_t low = letters_of((uint32_t)bits),
                   high = letters_of((uint32_t)(bits >> 32));

    memcpy(out, &low, 8);
    memcpy(out + 8, &high, 8);
}

static void
rows_fill(struct wide_rows *rows, const struct bench *bench, uint64_t begin,
          struct tally *expected)
{
    const bool strings = rows->strings;
    const uint64_t left = bench->n - begin;
    char *key = rows->key_text, *value = rows->value_text;

    rows->rows = left < BATCH_ROWS ? (size_t)left : BATCH_ROWS;
    rows->key_offsets[0] = rows->value_offsets[0] = 0;
    for (size_t i = 0; i < rows->rows; i++) {
        const uint64_t random = key_of(bench->seed, begin + i), more = mix(random);
        const size_t key_size = 16 + random % 17, value_size = more % 101;

        rows->number[i] = (int64_t)random;
        rows->other[i] = more;
        rows->real[i] = rows->value_real[i] = (double)(random >> 20);
        rows->value_number[i] = (int64_t)more;
        if (strings) {
            letters_put(key, random);
            letters_put(key + 16, random);
            memset(value, (int)('a' + more % 26), value_size);
            key += key_size;
            value += value_size;
        }
        rows->key_offsets[i + 1] = (uint64_t)(key - rows->key_text);
        rows->value_offsets[i + 1] = (uint64_t)(value - rows->value_text);
        wide_tally(expected, strings ? key_size : more, rows->number[i],
                   strings ? value_size : more, rows->value_real[i], 1);
    }
}

static void
run_one(const struct bench *bench, const struct wide_engine *engine, bool strings,
        const char *name, struct sample *sample)
{
    struct wide_rows *const rows = bench_alloc(1, sizeof *rows);
    struct tally expected = {0}, found = {0};
    struct intake intake;
    void *state;

    memset(rows, 0, sizeof *rows);
    rows->strings = strings;
    intake_open(&intake);
    state = engine->open(strings, bench->directory);
    intake_begin(&intake);
    for (uint64_t begin = 0; begin < bench->n; begin += BATCH_ROWS) {
        rows_fill(rows, bench, begin, &expected);
        engine->insert(state, rows);
    }
    intake_end(&intake);
    engine->settle(state);
    intake_put(&intake, sample, name, bench->n, (double)bench->n);
    disk_put(sample, name, bench->n, bench, (double)bench->n);

    const double began = seconds_now();

    engine->scan(state, &found);
    sample_put(sample, name, "scan_rows_per_s", bench->n,
               (double)bench->n / (seconds_now() - began));
    tally_check(name, &expected, &found);
    engine->close(state);
    free(rows);
}

static bool
is_wanted(const struct bench *bench, const char *variant)
{
    return bench->variant == NULL || strcmp(bench->variant, variant) == 0;
}

static const struct wide_engine *
wide_engine_of(const struct engine *engine)
{
    static const struct wide_engine *const peers[] = {
#ifdef BENCH_CXX
        &wide_naive,
#endif
#ifdef BENCH_ROCKSDB
        &wide_rocksdb,
#endif
#ifdef BENCH_DBSP
        &wide_dbsp,
#endif
        &wide_spine,
    };
    const size_t count = sizeof peers / sizeof peers[0];
    size_t at = 0;

    while (at + 1 < count && strcmp(engine->name, peers[at]->name) != 0)
        at++;
    return peers[at];
}

void
run_columns(const struct bench *bench, const struct engine *engine, struct sample *sample)
{
    const struct wide_engine *const wide = wide_engine_of(engine);

    if (is_wanted(bench, "fixed"))
        run_one(bench, wide, false, "columns.fixed", sample);
    if (is_wanted(bench, "strings"))
        run_one(bench, wide, true, "columns.strings", sample);
    if (wide == &wide_spine && is_wanted(bench, "arrow"))
        run_one(bench, &wide_arrow, false, "columns.arrow", sample);
    if (wide == &wide_spine && is_wanted(bench, "text_arrow"))
        run_one(bench, &wide_arrow, true, "columns.text_arrow", sample);
#ifdef BENCH_CXX
    if (wide == &wide_spine && is_wanted(bench, "tuples"))
        run_one(bench, &wide_tuples, false, "columns.tuples", sample);
    if (wide == &wide_spine && is_wanted(bench, "text_tuples"))
        run_one(bench, &wide_tuples, true, "columns.text_tuples", sample);
#endif
}
