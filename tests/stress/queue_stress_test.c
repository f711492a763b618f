/* SPDX-License-Identifier: MIT */

/*
 * A queue with real threads: one pops and pushes, others look at its head, and one pauses
 * the spine until it has hundreds of batches, forks it and lists what there is. Whoever
 * looks sees the queue of one moment.
 */

#include "harness/host.h"
#include "harness/property.h"
#include "harness/watchdog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS 200000u
#define STEP 1500u
#define ROUNDS 400u
#define READERS 2u
/* Keys of batches that come in while the spine is paused: behind all others. */
#define PAUSED_FROM (UINT64_C(1) << 32)
#define PAUSED_BATCHES 300u

static const struct spine_schema schema = {.key = {SPINE_U64, 0},
                                           .value = {SPINE_U64, 0}};

struct world {
    struct host host;
    struct spine *spine;
    /* Keys below are surely popped; no key from `begin` + STEP on is. */
    _Atomic uint64_t begin;
    atomic_bool done;
    atomic_uint paused_batches;
};

static void
insert(struct world *world, const uint64_t *keys, const int64_t *weights, size_t rows)
{
    const struct spine_columns columns = {
        .rows = rows, .keys = keys, .values = keys, .weights = weights};
    struct spine_batch *batch;

    require(spine_batch_from_columns(&schema, &columns, &batch, NULL) == SPINE_OK,
            "no batch");
    require(spine_insert(world->spine, batch, NULL) == SPINE_OK, "no insert");
    spine_batch_unref(batch);
}

/* The first `count` keys are those from some `*first` on without a gap. */
static void
look_at_head(struct world *world, bool in_bulk, uint64_t *first)
{
    uint64_t keys[STEP], values[STEP];
    int64_t weights[STEP];
    const struct spine_column_buffers buffers = {
        .rows = STEP, .keys = keys, .values = values, .weights = weights};
    struct spine_cursor *cursor;
    size_t rows = 0;

    require(spine_cursor_open(world->spine, &cursor, NULL) == SPINE_OK, "no cursor");
    if (in_bulk)
        rows = spine_cursor_read(cursor, &buffers);
    for (; !in_bulk && rows < STEP && spine_cursor_key_valid(cursor);
         spine_cursor_step_key(cursor))
        keys[rows++] = spine_cursor_key(cursor).u64;
    require(spine_cursor_error(cursor, NULL) == SPINE_OK, "a cursor failed");
    spine_cursor_close(cursor);
    require(rows == STEP, "the queue is too short");
    for (size_t i = 1; i < rows; i++)
        require(keys[i] == keys[0] + i, "a key is missing");
    *first = keys[0];
}

static void
be_reader(void *context)
{
    struct world *world = context;

    for (unsigned i = 0; !atomic_load(&world->done); i++) {
        const uint64_t before = atomic_load(&world->begin);
        uint64_t first;

        look_at_head(world, i % 2 == 0, &first);
        require(first >= before, "a popped key is there again");
        require(first <= atomic_load(&world->begin) + STEP, "a key is gone too early");
    }
}

static void
be_pauser(void *context)
{
    struct world *world = context;

    while (!atomic_load(&world->done)) {
        struct spine_snapshot *snapshot;
        struct spine_stats stats;
        struct spine *fork;
        uint64_t rows;

        spine_pause(world->spine);
        for (unsigned i = 0; i < PAUSED_BATCHES; i++) {
            const uint64_t key =
                PAUSED_FROM + atomic_fetch_add(&world->paused_batches, 1);
            const int64_t weight = 1;

            insert(world, &key, &weight, 1);
        }
        require(spine_take_snapshot(world->spine, &snapshot, NULL) == SPINE_OK,
                "no snapshot");
        rows = spine_snapshot_rows(snapshot);
        require(spine_snapshot_batch_count(snapshot) >= PAUSED_BATCHES, "batches");
        spine_resume(world->spine);
        spine_get_stats(world->spine, &stats);
        require(stats.rows >= ROWS, "rows are missing");
        require(spine_fork(world->spine, &fork, NULL) == SPINE_OK, "no fork");
        spine_close(fork);
        require(spine_snapshot_rows(snapshot) == rows, "a snapshot has changed");
        spine_snapshot_unref(snapshot);
        require(spine_check(world->spine, NULL) == SPINE_OK, "spine_check");
    }
}

static void
pop_and_push(struct world *world)
{
    static uint64_t keys[2 * STEP];
    static int64_t weights[2 * STEP];

    for (unsigned round = 0; round < ROUNDS; round++) {
        const uint64_t begin = atomic_load(&world->begin);
        uint64_t first;

        look_at_head(world, round % 2 == 0, &first);
        require(first == begin, "the head is not where it was left");
        for (uint64_t i = 0; i < STEP; i++) {
            keys[2 * i] = begin + i;
            weights[2 * i] = -1;
            keys[2 * i + 1] = begin + ROWS + i;
            weights[2 * i + 1] = 1;
        }
        insert(world, keys, weights, 2 * STEP);
        atomic_store(&world->begin, begin + STEP);
    }
}

static void
test_queue(void **state)
{
    static uint64_t keys[ROWS];
    static int64_t weights[ROWS];
    struct world world = {.begin = 0};
    uv_thread_t readers[READERS], pauser;
    struct spine_snapshot *snapshot;
    struct spine_stats stats;

    (void)state;
    watchdog_start("queue", 100);
    host_open(&world.host, HOST_DEFAULT, 0);
    require(spine_open(world.host.runtime, &schema, NULL, &world.spine, NULL) == SPINE_OK,
            "no spine");
    for (uint64_t i = 0; i < ROWS; i++) {
        keys[i] = i;
        weights[i] = 1;
    }
    insert(&world, keys, weights, ROWS);
    for (unsigned i = 0; i < READERS; i++)
        require(uv_thread_create(&readers[i], be_reader, &world) == 0, "no thread");
    require(uv_thread_create(&pauser, be_pauser, &world) == 0, "no thread");
    pop_and_push(&world);
    atomic_store(&world.done, true);
    for (unsigned i = 0; i < READERS; i++)
        uv_thread_join(&readers[i]);
    uv_thread_join(&pauser);

    require(spine_wait_idle(world.spine, UINT64_MAX, NULL) == SPINE_OK, "idle");
    require(spine_check(world.spine, NULL) == SPINE_OK, "spine_check");
    spine_get_stats(world.spine, &stats);
    printf("%llu merges, %llu ahead, %llu of what was skipped, %llu blocks taken over\n",
           (unsigned long long)stats.merges, (unsigned long long)stats.ahead_merges,
           (unsigned long long)stats.skip_merges,
           (unsigned long long)stats.merge_blocks_shared);
    require(spine_consolidate(world.spine, NULL, NULL) == SPINE_OK, "consolidate");
    require(spine_take_snapshot(world.spine, &snapshot, NULL) == SPINE_OK, "no snapshot");
    assert_int_equal(spine_snapshot_rows(snapshot),
                     ROWS + atomic_load(&world.paused_batches));
    spine_snapshot_unref(snapshot);
    spine_close(world.spine);
    host_close(&world.host);
    watchdog_stop();
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue),
    };

    harness_start(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
