/* SPDX-License-Identifier: MIT */

/*
 * One spine of rows of some hundred bytes, or some thousand, most of which are in files,
 * is written by two threads and read by others in every way that there is: probes of
 * hundreds of keys that lie in as many blocks as there are, scans, walks from here and
 * there in both directions. All that counts stays within what the limit allows, at every
 * look, readers included.
 */

#include "harness/host.h"
#include "harness/rng.h"
#include "harness/sanitized.h"
#include "harness/watchdog.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MIB ((uint64_t)1 << 20)
#define LIMIT (24 * MIB)
#define WRITERS 2u
/* Of each writer. */
#ifdef SANITIZED_THREAD
#define BATCHES 15u
#else
#define BATCHES 40u
#endif
#define KEYS_MAX 60000u
#define BATCH_KEYS_MAX 2000u
#define PROBED_MAX 500u
#define VALUE_BYTES_MAX 5000u
#define WALKED 300u
#define READ_ROWS 200u
/* A write of a file and the filter of its keys, in a thread that inserts. */
#define WRITER_BYTES (MIB + MIB / 2)
/* A cursor holds a block of 256 KiB of each batch, of which there are ten or so, a probe
 * one, and its rows. */
#define CURSOR_BYTES (2 * MIB + MIB / 2)
#define PROBE_BYTES MIB

/* All keys together are 21 or 30 MB: a hundred blocks, of which the limit has room for
 * 96 if there is nothing else. */
struct shape {
    uint64_t keys;
    uint64_t batch_keys;
    uint64_t probed;
    size_t value_bytes;
};
static const struct shape many = {60000, 2000, 500, 350};
static const struct shape large = {6000, 150, 60, 5000};

static const struct spine_schema schema = {.key = {SPINE_U64, 0},
                                           .value = {SPINE_BYTES, 0}};

struct crowd {
    const struct shape *shape;
    struct spine_runtime *runtime;
    struct spine *spine;
    /* How often each key was written; a writer has the keys of its parity. */
    atomic_uint versions[KEYS_MAX];
    atomic_uint writing;
    struct spine_runtime_stats most;
};

struct member {
    struct crowd *crowd;
    void (*body)(struct member *self);
    uint64_t number;
    uv_thread_t thread;
};

struct writing {
    uint64_t keys[2 * BATCH_KEYS_MAX];
    uint64_t ends[2 * BATCH_KEYS_MAX + 1];
    int64_t weights[2 * BATCH_KEYS_MAX];
    uint8_t *values;
    size_t value_bytes;
    size_t rows;
};

static void
make_value(uint64_t key, uint32_t version, size_t size, uint8_t *to)
{
    struct rng random;

    rng_init(&random, key << 20 | version);
    for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
        const uint64_t word = at > 0 ? rng_next(&random) : version;
        memcpy(to + at, &word, size - at < sizeof word ? size - at : sizeof word);
    }
}

/* `value` is that of the key since it was written `least` times. */
static void
check_value(uint64_t key, const uint8_t *value, size_t size, uint32_t least)
{
    uint8_t expected[VALUE_BYTES_MAX];
    uint32_t version = 0;

    require(size >= sizeof version && size <= sizeof expected,
            "a value has another size");
    memcpy(&version, value, sizeof version);
    require(version >= least && version > 0, "a value is older than it was");
    make_value(key, version, size, expected);
    require(memcmp(value, expected, size) == 0, "a value is wrong");
}

static void
write_row(struct writing *to, uint64_t key, uint32_t version, int64_t weight)
{
    to->keys[to->rows] = key;
    to->weights[to->rows] = weight;
    make_value(key, version, to->value_bytes, to->values + to->rows * to->value_bytes);
    to->rows++;
    to->ends[to->rows] = to->rows * to->value_bytes;
}

static void
be_writer(struct member *self)
{
    struct crowd *crowd = self->crowd;
    const uint64_t count = crowd->shape->batch_keys;
    const uint64_t places = crowd->shape->keys / WRITERS;
    struct writing *rows = calloc(1, sizeof *rows);
    struct rng random;

    require(rows != NULL, "no memory");
    rows->value_bytes = crowd->shape->value_bytes;
    rows->values = malloc(2 * count * rows->value_bytes);
    require(rows->values != NULL, "no memory");
    rng_init(&random, self->number);
    for (unsigned i = 0; i < BATCHES; i++) {
        const struct spine_columns columns = {.keys = rows->keys,
                                              .values = rows->values,
                                              .value_offsets = rows->ends,
                                              .weights = rows->weights};
        struct spine_columns some = columns;
        struct spine_batch *batch;
        const uint64_t first = rng_next(&random) % places;

        rows->rows = 0;
        for (uint64_t at = 0; at < count; at++) {
            /* Scattered, and each once. */
            const uint64_t place = (first + at * 7919) % places;
            const uint64_t key = place * WRITERS + self->number;
            const uint32_t version = atomic_load(&crowd->versions[key]);

            if (version > 0)
                write_row(rows, key, version, -1);
            write_row(rows, key, version + 1, 1);
        }
        some.rows = rows->rows;
        require(spine_batch_from_columns(&schema, &some, &batch, NULL) == SPINE_OK,
                "no batch");
        require(spine_insert(crowd->spine, batch, NULL) == SPINE_OK, "an insert failed");
        spine_batch_unref(batch);
        for (size_t at = 0; at < rows->rows; at++)
            if (rows->weights[at] > 0)
                atomic_fetch_add(&crowd->versions[rows->keys[at]], 1);
    }
    free(rows->values);
    free(rows);
    atomic_fetch_sub(&crowd->writing, 1);
}

static void
look(struct crowd *crowd)
{
    struct spine_runtime_stats stats;

    spine_runtime_get_stats(crowd->runtime, &stats);
    if (stats.memory_bytes > crowd->most.memory_bytes)
        crowd->most = stats;
}

static void
be_watcher(struct member *self)
{
    while (atomic_load(&self->crowd->writing) > 0)
        look(self->crowd);
}

static struct spine_snapshot *
snapshot_of(struct crowd *crowd)
{
    struct spine_snapshot *snapshot;

    require(spine_take_snapshot(crowd->spine, &snapshot, NULL) == SPINE_OK,
            "no snapshot");
    return snapshot;
}

/* Ascending keys, and how often each was written by now. */
static void
choose_keys(struct crowd *crowd, struct rng *random, uint64_t *keys, uint32_t *least)
{
    const uint64_t step = crowd->shape->keys / crowd->shape->probed;

    for (uint64_t i = 0; i < crowd->shape->probed; i++) {
        keys[i] = i * step + rng_next(random) % step;
        least[i] = atomic_load(&crowd->versions[keys[i]]);
    }
}

static void
check_found(const struct spine_probe_rows *rows, size_t count, const uint64_t *keys,
            const uint32_t *least)
{
    const uint64_t *ends = rows->columns.value_offsets;
    const uint8_t *values = rows->columns.values;

    require(rows->keys == count && !rows->more, "keys are missing");
    for (size_t i = 0; i < count; i++) {
        const uint64_t begin = i > 0 ? rows->ends[i - 1] : 0;

        require(rows->ends[i] - begin <= 1, "a key has two values");
        require(rows->ends[i] > begin || least[i] == 0, "a key is missing");
        if (rows->ends[i] > begin)
            check_value(keys[i], values + ends[begin],
                        (size_t)(ends[begin + 1] - ends[begin]), least[i]);
    }
}

static void
be_prober(struct member *self)
{
    struct rng random;
    struct spine_probe *probe;
    uint64_t keys[PROBED_MAX];
    uint32_t least[PROBED_MAX];
    const struct spine_columns columns = {.rows = self->crowd->shape->probed,
                                          .keys = keys};

    rng_init(&random, self->number);
    require(spine_probe_new(&probe, NULL) == SPINE_OK, "no probe");
    /* Once at least. */
    do {
        struct spine_probe_rows rows;
        struct spine_snapshot *snapshot;

        choose_keys(self->crowd, &random, keys, least);
        snapshot = snapshot_of(self->crowd);
        require(spine_snapshot_probe(snapshot, probe, &columns, NULL, &rows, NULL) ==
                    SPINE_OK,
                "a probe failed");
        check_found(&rows, columns.rows, keys, least);
        spine_snapshot_unref(snapshot);
    } while (atomic_load(&self->crowd->writing) > 0);
    spine_probe_free(probe);
}

/* The keys of a batch, some matches at a time. */
static void
be_joiner(struct member *self)
{
    const struct spine_probe_options options = {.rows_max = 64};
    struct rng random;
    struct spine_probe *probe;
    uint64_t keys[PROBED_MAX];
    uint32_t least[PROBED_MAX];
    uint64_t ends[PROBED_MAX + 1] = {0};
    const struct spine_columns columns = {.rows = self->crowd->shape->probed,
                                          .keys = keys,
                                          .values = "",
                                          .value_offsets = ends};

    rng_init(&random, self->number);
    require(spine_probe_new(&probe, NULL) == SPINE_OK, "no probe");
    do {
        struct spine_probe_matches matches;
        struct spine_snapshot *snapshot;
        struct spine_batch *batch;
        size_t found = 0, wanted = 0;

        choose_keys(self->crowd, &random, keys, least);
        for (size_t i = 0; i < columns.rows; i++)
            wanted += least[i] > 0;
        require(spine_batch_from_columns(&schema, &columns, &batch, NULL) == SPINE_OK,
                "no batch");
        snapshot = snapshot_of(self->crowd);
        require(spine_snapshot_probe_batch(snapshot, probe, batch, &options, &matches,
                                           NULL) == SPINE_OK,
                "a probe failed");
        found += matches.found.found;
        while (matches.found.more) {
            require(spine_probe_next_matches(probe, &matches, NULL) == SPINE_OK,
                    "a probe failed");
            found += matches.found.found;
        }
        require(found >= wanted, "keys are missing");
        spine_snapshot_unref(snapshot);
        spine_batch_unref(batch);
    } while (atomic_load(&self->crowd->writing) > 0);
    spine_probe_free(probe);
}

static void
be_scanner(struct member *self)
{
    const size_t room = READ_ROWS, value_bytes = self->crowd->shape->value_bytes;
    uint64_t *keys = calloc(room, sizeof *keys), *ends = calloc(room + 1, sizeof *ends);
    uint8_t *values = malloc(room * value_bytes);
    int64_t *weights = calloc(room, sizeof *weights);
    const struct spine_column_buffers buffers = {.rows = room,
                                                 .keys = keys,
                                                 .values = values,
                                                 .value_offsets = ends,
                                                 .value_bytes = room * value_bytes,
                                                 .weights = weights};
    uint64_t before = 0;

    require(keys != NULL && ends != NULL && values != NULL && weights != NULL,
            "no memory");
    do {
        struct spine_cursor *cursor;
        uint64_t rows = 0;
        size_t count;

        require(spine_cursor_open(self->crowd->spine, &cursor, NULL) == SPINE_OK,
                "no cursor");
        while ((count = spine_cursor_read(cursor, &buffers)) > 0) {
            for (size_t i = 0; i < count; i++)
                require(weights[i] == 1, "a value is there twice");
            check_value(keys[0], values, (size_t)ends[1], 1);
            rows += count;
        }
        require(spine_cursor_status(cursor) == SPINE_OK, "a scan failed");
        require(rows >= before, "rows are missing");
        before = rows;
        spine_cursor_close(cursor);
    } while (atomic_load(&self->crowd->writing) > 0);
    free(keys);
    free(ends);
    free(values);
    free(weights);
}

/* Looks a key up, and walks on from it, one way or the other. */
static void
be_walker(struct member *self)
{
    struct rng random;

    rng_init(&random, self->number);
    do {
        struct spine_cursor *cursor;

        require(spine_cursor_open(self->crowd->spine, &cursor, NULL) == SPINE_OK,
                "no cursor");
        for (unsigned walk = 0; walk < 8; walk++) {
            const uint64_t key = rng_next(&random) % self->crowd->shape->keys;
            const bool backward = walk % 2 > 0;

            (void)spine_cursor_seek_key_exact(cursor, spine_u64(key));
            if (backward)
                spine_cursor_fast_forward(cursor);
            else
                spine_cursor_rewind(cursor);
            if (backward)
                spine_cursor_seek_key_reverse(cursor, spine_u64(key));
            else
                spine_cursor_seek_key(cursor, spine_u64(key));
            for (unsigned i = 0; i < WALKED && spine_cursor_key_valid(cursor); i++) {
                const union spine_datum value = spine_cursor_val(cursor);

                check_value(spine_cursor_key(cursor).u64, value.bytes.data,
                            value.bytes.size, 1);
                if (backward)
                    spine_cursor_step_key_reverse(cursor);
                else
                    spine_cursor_step_key(cursor);
            }
        }
        require(spine_cursor_status(cursor) == SPINE_OK, "a walk failed");
        spine_cursor_close(cursor);
    } while (atomic_load(&self->crowd->writing) > 0);
}

static void (*const bodies[])(struct member *) = {
    be_writer, be_writer,  be_watcher, be_prober, be_prober,
    be_joiner, be_scanner, be_scanner, be_walker, be_walker,
};
#define MEMBERS (sizeof bodies / sizeof bodies[0])
#define CURSORS 4u
#define PROBES 3u

static void
be_member(void *context)
{
    struct member *self = context;

    self->body(self);
}

static void
fail_beyond(const struct spine_runtime_stats *most)
{
    const uint64_t right =
        LIMIT + WRITERS * WRITER_BYTES + CURSORS * CURSOR_BYTES + PROBES * PROBE_BYTES;

    if (most->memory_bytes > right)
        fail_msg("%llu KiB were held, at most %llu are right: %llu in the store, %llu of "
                 "readers, %llu of merges",
                 (unsigned long long)(most->memory_bytes >> 10),
                 (unsigned long long)(right >> 10),
                 (unsigned long long)(most->store_bytes >> 10),
                 (unsigned long long)(most->reader_bytes >> 10),
                 (unsigned long long)(most->merge_bytes >> 10));
}

static void
run_crowd(const struct shape *shape)
{
    const size_t before = spine_allocated_bytes();
    struct spine_runtime_options options = {.memory_limit_bytes = LIMIT};
    struct crowd *crowd = calloc(1, sizeof *crowd);
    struct member members[MEMBERS];
    struct spine_backend backend;

    watchdog_start("readers in a small memory", 300);
    assert_non_null(crowd);
    crowd->shape = shape;
    atomic_store(&crowd->writing, WRITERS);
    require(spine_memory_backend(&backend, NULL) == SPINE_OK, "no backend");
    require(spine_store_open(&backend, NULL, &options.store, NULL) == SPINE_OK,
            "no store");
    require(spine_runtime_open(&options, &crowd->runtime, NULL) == SPINE_OK,
            "no runtime");
    require(spine_open(crowd->runtime, &schema, NULL, &crowd->spine, NULL) == SPINE_OK,
            "no spine");
    for (size_t i = 0; i < MEMBERS; i++) {
        members[i] = (struct member){.crowd = crowd, .body = bodies[i], .number = i};
        require(uv_thread_create(&members[i].thread, be_member, &members[i]) == 0,
                "no thread");
    }
    for (size_t i = 0; i < MEMBERS; i++)
        uv_thread_join(&members[i].thread);
    spine_close(crowd->spine);
    spine_runtime_close(crowd->runtime);
    spine_store_close(options.store);
    require(crowd->most.memory_bytes > LIMIT / 2, "memory was never short");
    fail_beyond(&crowd->most);
    free(crowd);
    require(spine_allocated_bytes() == before, "memory leaked");
    watchdog_stop();
}

static void
a_limit_is_kept_while_many_rows_are_read(void **state)
{
    (void)state;
    run_crowd(&many);
}

static void
a_limit_is_kept_while_large_rows_are_read(void **state)
{
    (void)state;
    run_crowd(&large);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_is_kept_while_many_rows_are_read),
        cmocka_unit_test(a_limit_is_kept_while_large_rows_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
