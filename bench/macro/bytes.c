/* SPDX-License-Identifier: MIT */

/*
 * macro/bytes -- keys of 8 to 64 bytes that share long prefixes, values of 0 to 200
 * bytes. Only for spines: it uses the library directly.
 */

#include "macro/macro.h"
#include "spine/spine.h"

#include <stdlib.h>
#include <string.h>

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

/* FNV-1a, eight bytes at a time. */
static uint64_t
bytes_hash(const char *data, size_t size)
{
    uint64_t hash = size * UINT64_C(0x9e3779b97f4a7c15), part;

    for (; size >= 8; data += 8, size -= 8) {
        memcpy(&part, data, 8);
        hash = (hash ^ part) * UINT64_C(0x100000001b3);
        hash ^= hash >> 29;
    }
    part = 0;
    memcpy(&part, data, size);
    return mix(hash ^ part);
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
        tally_add(expected, bytes_hash(key, key_size), bytes_hash(value, value_size), 1);
        key += key_size;
        value += value_size;
        texts->key_offsets[i + 1] = (uint64_t)(key - texts->keys);
        texts->value_offsets[i + 1] = (uint64_t)(value - texts->values);
    }
}

static void
key_tally(struct spine_cursor *cursor, struct tally *tally)
{
    const struct spine_bytes key = spine_cursor_key(cursor).bytes;

    for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor)) {
        const struct spine_bytes value = spine_cursor_val(cursor).bytes;
        tally_add(tally, bytes_hash(key.data, key.size),
                  bytes_hash(value.data, value.size), spine_cursor_weight(cursor));
    }
}

/* Every tenth key, in no order. */
static void
bytes_probe(struct spine *spine, const struct bench *bench, struct sample *sample)
{
    struct tally found = {0};
    struct spine_error error;
    struct spine_cursor *cursor;
    char key[TEXT_KEY_MAX];
    const uint64_t count = bench->n / PROBE_EVERY;

    must(spine_cursor_open(spine, &cursor, &error), &error);
    const double began = seconds_now();
    for (uint64_t i = 0; i < count; i++) {
        const size_t size = text_key(key_of(bench->seed, i * PROBE_EVERY), key);
        if (spine_cursor_seek_key_exact(cursor, spine_data(key, size)))
            key_tally(cursor, &found);
    }
    sample_put(sample, "bytes", "lookups_per_s", bench->n,
               (double)count / (seconds_now() - began));
    must(spine_cursor_error(cursor, &error), &error);
    spine_cursor_close(cursor);
    if (found.rows != count)
        bench_fail("wrong: bytes: %zu of %zu keys were found", (size_t)found.rows,
                   (size_t)count);
}

static void
bytes_scan(struct spine *spine, const struct bench *bench, const struct tally *expected,
           struct sample *sample)
{
    struct tally found = {0};
    struct spine_error error;
    struct spine_cursor *cursor;

    must(spine_cursor_open(spine, &cursor, &error), &error);
    const double began = seconds_now();
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor))
        key_tally(cursor, &found);
    sample_put(sample, "bytes", "scan_rows_per_s", bench->n,
               (double)bench->n / (seconds_now() - began));
    must(spine_cursor_error(cursor, &error), &error);
    spine_cursor_close(cursor);
    tally_check("bytes", expected, &found);
}

void
run_bytes(const struct bench *bench, const struct engine *engine, struct sample *sample)
{
    struct texts *const texts = bench_alloc(1, sizeof *texts);
    struct tally expected = {0};
    struct intake intake;
    struct spine_runtime *runtime;
    struct spine_batch *batch;
    struct spine_error error;
    struct spine *spine;

    (void)engine;
    memset(texts, 0, sizeof *texts);
    intake_open(&intake);
    must(spine_runtime_open(NULL, &runtime, &error), &error);
    must(spine_open(runtime, &schema_bytes, NULL, &spine, &error), &error);
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
        must(spine_batch_from_columns(&schema_bytes, &columns, &batch, &error), &error);
        must(spine_insert(spine, batch, &error), &error);
        spine_batch_unref(batch);
    }
    intake_end(&intake);
    must(spine_wait_idle(spine, UINT64_MAX, &error), &error);
    intake_put(&intake, sample, "bytes", bench->n, (double)bench->n);
    bytes_scan(spine, bench, &expected, sample);
    bytes_probe(spine, bench, sample);
    spine_close(spine);
    spine_runtime_close(runtime);
    free(texts);
}
