/* SPDX-License-Identifier: MIT */

/*
 * macro/bytes -- keys of 8 to 64 bytes that share long prefixes, values of 0 to 200
 * bytes: in spines, which it uses directly, and in peers (macro/bytes.h).
 */

#include "macro/bytes.h"
#include "macro/macro.h"
#include "spine/spine.h"

#include <stdlib.h>
#include <string.h>

extern const struct bytes_engine bytes_naive, bytes_map, bytes_rocksdb, bytes_dbsp;

enum { VALUE_MAX = 200, PROBE_EVERY = 10 };

static const struct spine_schema schema_bytes = {.key = {.kind = SPINE_BYTES},
                                                 .value = {.kind = SPINE_BYTES}};

struct texts {
    char keys[BATCH_ROWS * TEXT_KEY_MAX];
    char values[BATCH_ROWS * VALUE_MAX];
    uint64_t key_offsets[BATCH_ROWS + 1];
    uint64_t value_offsets[BATCH_ROWS + 1];
    size_t rows;
};

static void
must(enum spine_status status, const struct spine_error *error)
{
    if (status != SPINE_OK)
        bench_fail("bytes: %s: %s", spine_status_name(status), error->message);
}

static void
texts_fill(struct texts *texts, const struct bench *bench, uint64_t begin, size_t rows,
           struct tally *expected)
{
    char *key = texts->keys, *value = texts->values;

    texts->rows = rows;
    texts->key_offsets[0] = texts->value_offsets[0] = 0;
    for (size_t i = 0; i < rows; i++) {
        const uint64_t number = begin + i;
        const size_t key_size = text_key(key_of(bench->seed, number), key);
        const size_t value_size = mix(number) % (VALUE_MAX + 1);
        memset(value, (int)(number % 251), value_size);
        bytes_tally(expected, key, key_size, value, value_size, 1);
        key += key_size;
        value += value_size;
        texts->key_offsets[i + 1] = (uint64_t)(key - texts->keys);
        texts->value_offsets[i + 1] = (uint64_t)(value - texts->values);
    }
}

/* Keys that are looked up. */
static void
keys_fill(struct texts *texts, const struct bench *bench, uint64_t begin, size_t rows)
{
    char *key = texts->keys;

    texts->rows = rows;
    texts->key_offsets[0] = 0;
    for (size_t i = 0; i < rows; i++) {
        key += text_key(key_of(bench->seed, (begin + i) * PROBE_EVERY), key);
        texts->key_offsets[i + 1] = (uint64_t)(key - texts->keys);
    }
}

/* ---- A spine ---- */

struct state {
    struct spine_runtime *runtime;
    struct spine *spine;
};

static void *
spine_begin(const char *directory)
{
    struct state *const state = bench_alloc(1, sizeof *state);
    struct spine_error error;

    (void)directory;
    *state = (struct state){0};
    must(spine_runtime_open(NULL, &state->runtime, &error), &error);
    must(spine_open(state->runtime, &schema_bytes, NULL, &state->spine, &error), &error);
    return state;
}

static void
spine_add(void *opaque, const struct spine_columns *columns)
{
    const struct state *const state = opaque;
    struct spine_batch *batch;
    struct spine_error error;

    must(spine_batch_from_columns(&schema_bytes, columns, &batch, &error), &error);
    must(spine_insert(state->spine, batch, &error), &error);
    spine_batch_unref(batch);
}

static void
spine_settle(void *opaque)
{
    const struct state *const state = opaque;
    struct spine_error error;

    must(spine_wait_idle(state->spine, UINT64_MAX, &error), &error);
}

static void
key_tally(struct spine_cursor *cursor, struct tally *tally)
{
    const struct spine_bytes key = spine_cursor_key(cursor).bytes;

    for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor)) {
        const struct spine_bytes value = spine_cursor_val(cursor).bytes;
        bytes_tally(tally, key.data, key.size, value.data, value.size,
                    spine_cursor_weight(cursor));
    }
}

static void
spine_scan(void *opaque, struct tally *tally)
{
    const struct state *const state = opaque;
    struct spine_cursor *cursor;
    struct spine_error error;

    must(spine_cursor_open(state->spine, &cursor, &error), &error);
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor))
        key_tally(cursor, tally);
    must(spine_cursor_error(cursor, &error), &error);
    spine_cursor_close(cursor);
}

static void
spine_lookup(void *opaque, const struct spine_columns *keys, struct tally *tally)
{
    const struct state *const state = opaque;
    struct spine_cursor *cursor;
    struct spine_error error;

    must(spine_cursor_open(state->spine, &cursor, &error), &error);
    for (size_t i = 0; i < keys->rows; i++) {
        const struct spine_bytes key = bytes_key(keys, i);
        if (spine_cursor_seek_key_exact(cursor, spine_data(key.data, key.size)))
            key_tally(cursor, tally);
    }
    must(spine_cursor_error(cursor, &error), &error);
    spine_cursor_close(cursor);
}

static void
spine_end(void *opaque)
{
    struct state *const state = opaque;

    spine_close(state->spine);
    spine_runtime_close(state->runtime);
    free(state);
}

static const struct bytes_engine bytes_spine = {
    .name = "spine",
    .open = spine_begin,
    .insert = spine_add,
    .settle = spine_settle,
    .scan = spine_scan,
    .lookup = spine_lookup,
    .close = spine_end,
};

/* ---- The workload ---- */

static const struct bytes_engine *
bytes_engine_of(const struct engine *engine)
{
    static const struct bytes_engine *const peers[] = {
#ifdef BENCH_CXX
        &bytes_naive,   &bytes_map,
#endif
#ifdef BENCH_ROCKSDB
        &bytes_rocksdb,
#endif
#ifdef BENCH_DBSP
        &bytes_dbsp,
#endif
        &bytes_spine,
    };
    const size_t count = sizeof peers / sizeof peers[0];
    size_t at = 0;

    while (at + 1 < count && strcmp(engine->name, peers[at]->name) != 0)
        at++;
    return peers[at];
}

/* Every tenth key, in no order. */
static void
bytes_probe(const struct bytes_engine *engine, void *state, const struct bench *bench,
            struct texts *texts, struct sample *sample)
{
    struct tally found = {0};
    const uint64_t count = bench->n / PROBE_EVERY;
    const double began = seconds_now();

    for (uint64_t begin = 0; begin < count; begin += texts->rows) {
        const uint64_t left = count - begin;
        keys_fill(texts, bench, begin, left < BATCH_ROWS ? (size_t)left : BATCH_ROWS);
        const struct spine_columns keys = {
            .rows = texts->rows, .keys = texts->keys, .key_offsets = texts->key_offsets};
        engine->lookup(state, &keys, &found);
    }
    sample_put(sample, "bytes", "lookups_per_s", bench->n,
               (double)count / (seconds_now() - began));
    if (found.rows != count)
        bench_fail("wrong: bytes: %zu of %zu keys were found", (size_t)found.rows,
                   (size_t)count);
}

static void
bytes_scan(const struct bytes_engine *engine, void *state, const struct bench *bench,
           const struct tally *expected, struct sample *sample)
{
    struct tally found = {0};
    const double began = seconds_now();

    engine->scan(state, &found);
    sample_put(sample, "bytes", "scan_rows_per_s", bench->n,
               (double)bench->n / (seconds_now() - began));
    tally_check("bytes", expected, &found);
}

void
run_bytes(const struct bench *bench, const struct engine *engine, struct sample *sample)
{
    const struct bytes_engine *const kept = bytes_engine_of(engine);
    struct texts *const texts = bench_alloc(1, sizeof *texts);
    struct tally expected = {0};
    struct intake intake;
    void *state;

    memset(texts, 0, sizeof *texts);
    intake_open(&intake);
    state = kept->open(bench->directory);
    intake_begin(&intake);
    for (uint64_t begin = 0; begin < bench->n; begin += BATCH_ROWS) {
        const uint64_t left = bench->n - begin;
        texts_fill(texts, bench, begin, left < BATCH_ROWS ? (size_t)left : BATCH_ROWS,
                   &expected);
        const struct spine_columns columns = {.rows = texts->rows,
                                              .keys = texts->keys,
                                              .key_offsets = texts->key_offsets,
                                              .values = texts->values,
                                              .value_offsets = texts->value_offsets};
        kept->insert(state, &columns);
    }
    intake_end(&intake);
    kept->settle(state);
    intake_put(&intake, sample, "bytes", bench->n, (double)bench->n);
    disk_put(sample, "bytes", bench->n, bench, (double)bench->n);
    bytes_scan(kept, state, bench, &expected, sample);
    bytes_probe(kept, state, bench, texts, sample);
    kept->close(state);
    free(texts);
}
