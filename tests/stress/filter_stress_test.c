/* SPDX-License-Identifier: MIT */

/*
 * Threads probe and seek in the same batches while their filters are being built: every
 * key that is there is found, every other one is not, and no batch gets two filters.
 */

#include "harness/property.h"
#include "spine/spine.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include <cmocka.h>

#define THREADS 4u
#define BATCHES 3u
#define BATCH_ROWS 3000u
#define KEYS 1000u
#define ROUNDS 10u

struct reader {
    pthread_t thread;
    struct spine_snapshot *snapshot;
    uint64_t seed;
    bool seeks;
    atomic_bool *go;
    const char *wrong;
};

/* Every fourth number is a key; a quarter of the rest is between them. */
static uint64_t
key_of(uint64_t number)
{
    return number * UINT64_C(1000003);
}

static bool
is_there(uint64_t number)
{
    return number % 4 == 0;
}

static const char *
probe_once(struct reader *reader, struct spine_probe *probe, uint64_t first)
{
    uint64_t words[KEYS];
    const struct spine_columns keys = {.rows = KEYS, .keys = words};
    struct spine_probe_rows rows;

    for (uint64_t i = 0; i < KEYS; i++)
        words[i] = key_of(first + i);
    if (spine_snapshot_probe(reader->snapshot, probe, &keys, NULL, &rows, NULL) !=
        SPINE_OK)
        return "a probe failed";
    for (uint64_t i = 0; i < KEYS; i++)
        if ((rows.ends[i] > (i > 0 ? rows.ends[i - 1] : 0)) != is_there(first + i))
            return "a probe found what is not there, or not what is";
    return NULL;
}

static const char *
seek_once(struct reader *reader, uint64_t first)
{
    struct spine_cursor *cursor;
    const char *wrong = NULL;

    if (spine_snapshot_cursor(reader->snapshot, &cursor, NULL) != SPINE_OK)
        return "no cursor";
    for (uint64_t i = 0; i < KEYS && wrong == NULL; i++)
        if (spine_cursor_seek_key_exact(cursor, spine_u64(key_of(first + i))) !=
            is_there(first + i))
            wrong = "a seek found what is not there, or not what is";
    spine_cursor_close(cursor);
    return wrong;
}

static void *
read_rounds(void *argument)
{
    struct reader *reader = argument;
    struct spine_probe *probe;

    if (spine_probe_new(&probe, NULL) != SPINE_OK)
        return NULL;
    while (!atomic_load(reader->go))
        ;
    for (unsigned round = 0; round < ROUNDS && reader->wrong == NULL; round++) {
        const uint64_t first =
            (reader->seed + round * 7919) % (BATCHES * BATCH_ROWS * 4 - KEYS);

        reader->wrong =
            reader->seeks ? seek_once(reader, first) : probe_once(reader, probe, first);
    }
    spine_probe_free(probe);
    return NULL;
}

/* Rows are dealt out to the batches in turn. */
static void
insert_batches(struct spine *spine, const struct spine_schema *schema)
{
    uint64_t words[BATCH_ROWS];
    const struct spine_columns columns = {.rows = BATCH_ROWS, .keys = words};

    for (uint64_t b = 0; b < BATCHES; b++) {
        struct spine_batch *batch;

        for (uint64_t i = 0; i < BATCH_ROWS; i++)
            words[i] = key_of(4 * (i * BATCHES + b));
        assert_int_equal(spine_batch_from_columns(schema, &columns, &batch, NULL),
                         SPINE_OK);
        assert_int_equal(spine_insert(spine, batch, NULL), SPINE_OK);
        spine_batch_unref(batch);
    }
}

static void
read_together(struct spine_runtime *runtime, uint64_t seed)
{
    const struct spine_schema schema = {.key = {SPINE_U64, 0}};
    const struct spine_options options = {.filter_rows_min = 100};
    struct reader readers[THREADS];
    struct spine_snapshot *snapshot;
    struct spine_stats stats;
    struct spine *spine;
    atomic_bool go = false;

    assert_int_equal(spine_open(runtime, &schema, &options, &spine, NULL), SPINE_OK);
    insert_batches(spine, &schema);
    assert_int_equal(spine_take_snapshot(spine, &snapshot, NULL), SPINE_OK);
    for (unsigned i = 0; i < THREADS; i++) {
        readers[i] = (struct reader){.snapshot = snapshot,
                                     .seed = seed + i * 1009,
                                     .seeks = i % 2 == 1,
                                     .go = &go};
        assert_int_equal(
            pthread_create(&readers[i].thread, NULL, read_rounds, &readers[i]), 0);
    }
    atomic_store(&go, true);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(readers[i].thread, NULL);
    for (unsigned i = 0; i < THREADS; i++)
        if (readers[i].wrong != NULL)
            fail_msg("reader %u: %s", i, readers[i].wrong);

    spine_get_stats(spine, &stats);
    assert_true(stats.filter_bytes > 0);
    assert_int_equal(stats.lookups, THREADS * ROUNDS * KEYS * BATCHES);
    spine_snapshot_unref(snapshot);
    spine_close(spine);
}

static void
filters_are_built_among_readers(void **state)
{
    const struct spine_runtime_options manual = {.manual = true};
    const unsigned cases = harness_cases(10);
    struct spine_runtime *runtime;

    (void)state;
    assert_int_equal(spine_runtime_open(&manual, &runtime, NULL), SPINE_OK);
    for (unsigned i = 0; i < cases; i++)
        read_together(runtime, harness_seed() % 1000000 + i * 104729);
    spine_runtime_close(runtime);
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_are_built_among_readers),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
