/* SPDX-License-Identifier: MIT */

/*
 * The account of a runtime says what its spines hold: nearly all that the library has
 * from its allocator while they are there, and nothing when they are gone.
 */

#include "harness/directory.h"
#include "harness/rng.h"
#include "runtime/runtime.h"
#include "spine/spine.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY_BYTES 24u
#define BATCHES 120u
#define BATCH_ROWS 3000u
#define KEYS 100000u
/* What else there is: structs of spines, entries, lists of batches, jobs that read. */
#define OTHERS_BYTES (256u << 10)

static const struct spine_schema schemas[] = {
    {.key = {SPINE_U64, 0}, .value = {SPINE_U64, 0}},
    {.key = {SPINE_U32, 0}, .value = {SPINE_U32, 0}},
    {.key = {SPINE_BYTES, 0}, .value = {SPINE_I64, 0}},
    {.key = {SPINE_U64, 0}, .value = {SPINE_BYTES, 0}, .time = SPINE_TIME_U64},
    {.key = {SPINE_U64, 0}, .weight_count = 3, .time = SPINE_TIME_PAIR},
};
#define SCHEMAS (sizeof schemas / sizeof *schemas)

struct world {
    struct rng rng;
    const struct spine_schema *schema;
    struct spine_runtime *runtime;
    struct account *account;
    struct spine *spine;
    /* Where large outputs go, or NULL, and a name for it. */
    struct spine_store *store;
    char directory[DIRECTORY_BYTES];
};

static void
world_init(struct world *world, const struct spine_schema *schema, bool with_store)
{
    struct spine_runtime_options options = {.manual = true, .min_storage_bytes = 100000};
    const struct spine_options small = {.encode_rows = 20000, .filter_rows_min = 1000};

    *world = (struct world){.schema = schema};
    rng_init(&world->rng, (uint64_t)(schema - schemas));
    if (with_store) {
        const struct spine_directory_options buffered = {.buffered = true};
        const struct spine_store_options small_cache = {.cache_bytes = 1u << 20};
        struct spine_backend backend;

        directory_make(world->directory, "/tmp/spine_account");
        assert_int_equal(
            spine_directory_backend(world->directory, &buffered, &backend, NULL),
            SPINE_OK);
        assert_int_equal(spine_store_open(&backend, &small_cache, &world->store, NULL),
                         SPINE_OK);
        options.store = world->store;
    }
    assert_int_equal(spine_runtime_open(&options, &world->runtime, NULL), SPINE_OK);
    world->account = account_ref(runtime_account(world->runtime));
    assert_int_equal(spine_open(world->runtime, schema, &small, &world->spine, NULL),
                     SPINE_OK);
}

static void
world_release(struct world *world)
{
    spine_close(world->spine);
    spine_runtime_close(world->runtime);
    for (unsigned class = 0; class < ACCOUNT_CLASSES; class ++)
        assert_int_equal(account_bytes(world->account, (enum account_class) class), 0);
    account_unref(world->account);
    if (world->store != NULL) {
        assert_int_equal(store_memory(world->store), 0);
        spine_store_close(world->store);
        directory_remove(world->directory);
    }
    assert_int_equal(spine_allocated_bytes(), 0);
}

static union spine_datum
random_datum(struct world *world, const struct spine_type *type, uint64_t range,
             uint8_t *bytes)
{
    const uint64_t number = rng_below(&world->rng, range);

    if (type->kind == SPINE_NONE)
        return (union spine_datum){0};
    if (type->kind == SPINE_I64)
        return spine_i64((int64_t)number);
    if (type->kind == SPINE_U32)
        return spine_u32((uint32_t)number);
    if (type->kind != SPINE_BYTES)
        return spine_u64(number);
    memset(bytes, 'k', KEY_BYTES);
    memcpy(bytes + KEY_BYTES / 2, &number, sizeof number);
    return spine_data(bytes, KEY_BYTES - number % 4);
}

/* Mostly new rows, and some that bring others to zero. */
static void
insert_batch(struct world *world)
{
    struct spine_batcher *batcher;
    struct spine_batch *batch;

    assert_int_equal(spine_batcher_new(world->schema, &batcher, NULL), SPINE_OK);
    for (size_t i = 0; i < BATCH_ROWS; i++) {
        uint8_t key[KEY_BYTES], value[KEY_BYTES];
        const int64_t weight = rng_below(&world->rng, 3) == 0 ? -1 : 1;
        const int64_t weights[3] = {weight, 2 * weight, -weight};
        const struct spine_row row = {
            .key = random_datum(world, &world->schema->key, KEYS, key),
            .value = random_datum(world, &world->schema->value, 3, value),
            .time = rng_below(&world->rng, 4),
            .weight = weight,
            .weights = weights};

        assert_int_equal(spine_batcher_add(batcher, &row, NULL), SPINE_OK);
    }
    assert_int_equal(spine_batcher_seal(batcher, &batch, NULL), SPINE_OK);
    spine_batcher_free(batcher);
    assert_int_equal(spine_insert(world->spine, batch, NULL), SPINE_OK);
    spine_batch_unref(batch);
}

/* Searches for keys that are not there, until readers have built filters. */
static void
search_in_vain(struct world *world)
{
    struct spine_cursor *cursor;

    assert_int_equal(spine_cursor_open(world->spine, &cursor, NULL), SPINE_OK);
    for (size_t i = 0; i < BATCH_ROWS; i++) {
        uint8_t key[KEY_BYTES];

        (void)spine_cursor_seek_key_exact(
            cursor, random_datum(world, &world->schema->key, 4 * KEYS, key));
    }
    assert_int_equal(spine_cursor_status(cursor), SPINE_OK);
    spine_cursor_close(cursor);
}

static void
check(const struct world *world)
{
    const size_t in_store = world->store != NULL ? store_memory(world->store) : 0;
    const size_t counted = account_total(world->account) + in_store;
    const size_t held = spine_allocated_bytes();

    assert_in_range(counted, 0, held);
    if (held - counted > held / 20 + OTHERS_BYTES)
        fail_msg("%zu bytes are on the account, %zu are held", counted, held);
}

static void
test_counts_what_is_held(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * SCHEMAS; i++) {
        struct spine_snapshot *snapshot = NULL;
        struct spine *fork = NULL;
        struct world world;

        world_init(&world, &schemas[i % SCHEMAS], i >= SCHEMAS);
        for (size_t batch = 0; batch < BATCHES; batch++) {
            insert_batch(&world);
            check(&world);
            while (rng_below(&world.rng, 3) > 0 &&
                   spine_runtime_run(world.runtime, 1000) > 0)
                check(&world);
            if (batch == BATCHES / 3) {
                search_in_vain(&world);
                assert_true(account_bytes(world.account, ACCOUNT_FILTERS) > 0);
            }
            if (batch == BATCHES / 2)
                assert_int_equal(spine_take_snapshot(world.spine, &snapshot, NULL),
                                 SPINE_OK);
            if (batch == 3 * BATCHES / 4)
                assert_int_equal(spine_fork(world.spine, &fork, NULL), SPINE_OK);
        }
        assert_true(account_bytes(world.account, ACCOUNT_FENCES) > 0);
        while (spine_runtime_run(world.runtime, 100000) > 0)
            check(&world);
        /* Merges are over, so they have no memory. */
        assert_int_equal(account_bytes(world.account, ACCOUNT_SCRATCH), 0);
        spine_snapshot_unref(snapshot);
        spine_close(fork);
        check(&world);
        world_release(&world);
    }
}

static bool
key_is_even(void *context, union spine_datum key)
{
    (void)context;
    return key.u64 % 2 == 0;
}

static bool
value_is_old(void *context, union spine_datum key, union spine_datum value)
{
    (void)context;
    return (key.u64 + value.u64) % 5 == 0;
}

static void
count_release(void *context)
{
    ++*(unsigned *)context;
}

/* What filters take goes with the merge that uses them; what a merge leaves when it is
 * given up, too. */
static void
test_counts_filters_and_what_is_given_up(void **state)
{
    struct spine_key_filter keys = {.on_key = key_is_even, .on_release = count_release};
    struct spine_value_filter values = {
        .retain = SPINE_RETAIN_TOP, .count = 1, .on_value = value_is_old};
    unsigned released = 0;
    struct world world;

    (void)state;
    keys.context = &released;
    world_init(&world, &schemas[0], false);
    for (size_t round = 0; round < 20; round++) {
        assert_int_equal(spine_retain_keys(world.spine, &keys, NULL), SPINE_OK);
        assert_int_equal(spine_retain_values(world.spine, &values, NULL), SPINE_OK);
        for (size_t i = 0; i < 9; i++)
            insert_batch(&world);
        (void)spine_runtime_run(world.runtime, 2000);
        check(&world);
        spine_pause(world.spine);
        spine_resume(world.spine);
    }
    while (spine_runtime_run(world.runtime, 100000) > 0)
        check(&world);
    assert_int_equal(account_bytes(world.account, ACCOUNT_SCRATCH), 0);
    for (size_t i = 0; i < 9; i++)
        insert_batch(&world);
    (void)spine_runtime_run(world.runtime, 2000);
    assert_true(account_bytes(world.account, ACCOUNT_SCRATCH) > 0);
    world_release(&world);
    assert_int_equal(released, 20);
}

/* Cursors that have read, and probes, are on the account of the spine that they read,
 * until they end. */
static void
test_counts_readers(void **state)
{
    enum { READERS = 40, ASKED = 2000 };
    static uint64_t keys[ASKED];
    const struct spine_columns asked = {.rows = ASKED, .keys = keys};
    struct spine_cursor *cursors[READERS];
    struct spine_probe *probe;
    struct spine_probe_rows rows;
    struct spine_snapshot *snapshot;
    size_t readers;

    (void)state;
    for (size_t i = 0; i < ASKED; i++)
        keys[i] = i * (KEYS / ASKED);
    for (size_t i = 0; i < 2 * SCHEMAS; i++) {
        struct world world;

        world_init(&world, &schemas[i % SCHEMAS], i >= SCHEMAS);
        for (size_t batch = 0; batch < 30; batch++)
            insert_batch(&world);
        while (spine_runtime_run(world.runtime, 100000) > 0)
            ;
        for (size_t c = 0; c < READERS; c++) {
            assert_int_equal(spine_cursor_open(world.spine, &cursors[c], NULL), SPINE_OK);
            for (size_t k = 0; k < 5000 && spine_cursor_key_valid(cursors[c]); k++)
                spine_cursor_step_key(cursors[c]);
        }
        readers = account_bytes(world.account, ACCOUNT_READERS);
        assert_true(readers > READERS * 10000);
        check(&world);
        if (world.schema->key.kind == SPINE_U64) {
            assert_int_equal(spine_probe_new(&probe, NULL), SPINE_OK);
            assert_int_equal(spine_take_snapshot(world.spine, &snapshot, NULL), SPINE_OK);
            assert_int_equal(
                spine_snapshot_probe(snapshot, probe, &asked, NULL, &rows, NULL),
                SPINE_OK);
            assert_true(account_bytes(world.account, ACCOUNT_READERS) >
                        readers + ASKED * sizeof(uint64_t));
            check(&world);
            spine_probe_free(probe);
            spine_snapshot_unref(snapshot);
            assert_int_equal(account_bytes(world.account, ACCOUNT_READERS), readers);
        }
        for (size_t c = 0; c < READERS; c++)
            spine_cursor_close(cursors[c]);
        assert_int_equal(account_bytes(world.account, ACCOUNT_READERS), 0);
        world_release(&world);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_what_is_held),
        cmocka_unit_test(test_counts_filters_and_what_is_given_up),
        cmocka_unit_test(test_counts_readers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
