/* SPDX-License-Identifier: MIT */

/*
 * Cursors on old content are held while merges write to files, and checkpoints and sweeps
 * remove what nobody needs: whenever a cursor is read again it gives the same rows, after
 * the spine and the runtime were closed, too. A file goes with its last holder, without
 * anybody sweeping.
 */

#include "harness/host.h"
#include "harness/rng.h"
#include "harness/sanitized.h"
#include "harness/watchdog.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include <cmocka.h>

#define CURSORS 100u
#define MERGES ALL_OR_FEW(1000u, 300u)
#define CHECKPOINTS ALL_OR_FEW(50u, 25u)
#define BATCH_ROWS 60u
#define KEYS 2000u

static const struct spine_schema schema = {.key = {SPINE_U64, 0},
                                           .value = {SPINE_U64, 0}};

struct held {
    struct spine_cursor *cursor;
    /* Of its rows, when it was opened. */
    uint64_t hash;
};

struct world {
    struct spine_backend disk;
    struct spine_store *store;
    struct spine_runtime *runtime;
    struct spine *spine;
    struct held held[CURSORS];
    unsigned rereads;
    atomic_bool stop;
    atomic_uint checkpoints;
};

static uint64_t
mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ hash >> 29;
}

static uint64_t
hash_of(struct spine_cursor *cursor)
{
    uint64_t hash = 1;

    for (spine_cursor_rewind(cursor); spine_cursor_key_valid(cursor);
         spine_cursor_step_key(cursor))
        for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor)) {
            hash = mix(hash, spine_cursor_key(cursor).u64);
            hash = mix(hash, spine_cursor_val(cursor).u64);
            hash = mix(hash, (uint64_t)spine_cursor_weight(cursor));
        }
    require(spine_cursor_error(cursor, NULL) == SPINE_OK, "a cursor failed");
    return hash;
}

static void
read_again(struct world *world, struct held *held)
{
    require(hash_of(held->cursor) == held->hash, "a cursor gives other rows");
    world->rereads++;
}

static void
hold(struct world *world, struct held *held)
{
    require(spine_cursor_open(world->spine, &held->cursor, NULL) == SPINE_OK,
            "no cursor");
    held->hash = hash_of(held->cursor);
}

static void
insert(struct spine *spine, struct rng *rng)
{
    uint64_t keys[BATCH_ROWS], values[BATCH_ROWS];
    int64_t weights[BATCH_ROWS];
    const struct spine_columns columns = {
        .rows = BATCH_ROWS, .keys = keys, .values = values, .weights = weights};
    struct spine_batch *batch;

    for (unsigned i = 0; i < BATCH_ROWS; i++) {
        keys[i] = rng_below(rng, KEYS);
        values[i] = rng_below(rng, 2);
        weights[i] = rng_chance(rng, 50) ? 1 : -1;
    }
    require(spine_batch_from_columns(&schema, &columns, &batch, NULL) == SPINE_OK,
            "no batch");
    require(spine_insert(spine, batch, NULL) == SPINE_OK, "no insert");
    spine_batch_unref(batch);
}

/* Makes checkpoints and sweeps, and removes some, as fast as it can. */
static void
be_checkpointer(void *context)
{
    struct world *world = context;

    while (!atomic_load(&world->stop)) {
        const struct spine_checkpoint_item item = {.name = "it", .spine = world->spine};
        struct spine_checkpoint_info info;

        require(spine_checkpoint(world->store, &item, 1, NULL, &info, NULL) == SPINE_OK,
                "no checkpoint");
        if (atomic_fetch_add(&world->checkpoints, 1) % 4 == 3)
            require(spine_checkpoint_remove(world->store, info.sequence, NULL) ==
                        SPINE_OK,
                    "no removal");
        require(spine_store_sweep(world->store, NULL, NULL, NULL) == SPINE_OK,
                "no sweep");
        uv_sleep(1);
    }
}

static uint64_t
merges_of(struct spine *spine)
{
    struct spine_stats stats;

    spine_get_stats(spine, &stats);
    return stats.merges;
}

/* Inserts, reads again, and lets go of cursors for others, in no order. */
static void
insert_and_read(struct world *world, struct rng *rng)
{
    for (unsigned i = 0; i < CURSORS; i++) {
        insert(world->spine, rng);
        hold(world, &world->held[i]);
    }
    while (merges_of(world->spine) < MERGES ||
           atomic_load(&world->checkpoints) < CHECKPOINTS) {
        struct held *held = &world->held[rng_below(rng, CURSORS)];

        for (unsigned i = 0; i < 4; i++)
            insert(world->spine, rng);
        read_again(world, held);
        if (rng_chance(rng, 30)) {
            spine_cursor_close(held->cursor);
            hold(world, held);
        }
    }
}

/* ---- What is on the disk ---- */

#define OBJECTS_MAX 1000u

struct objects {
    char names[OBJECTS_MAX][SPINE_NAME_MAX + 1];
    size_t count;
    /* The texts of all manifests. */
    char text[1 << 20];
    size_t bytes;
    const struct spine_backend *disk;
};

static enum spine_status
note_object(void *argument, const char *name, uint64_t bytes, struct spine_error *error)
{
    struct objects *objects = argument;
    const struct spine_backend *disk = objects->disk;
    uint64_t size;
    void *object;

    if (strncmp(name, "checkpoint-", 11) == 0) {
        require(objects->bytes + bytes < sizeof objects->text, "large manifests");
        require(disk->open(disk->context, name, &object, &size, error) == SPINE_OK,
                "no manifest");
        require(disk->read_at(disk->context, object, 0, objects->text + objects->bytes,
                              bytes, error) == SPINE_OK,
                "no manifest");
        disk->close(disk->context, object);
        objects->bytes += bytes;
    } else if (strstr(name, ".batch") != NULL || strstr(name, ".pack") != NULL) {
        require(objects->count < OBJECTS_MAX, "many files");
        (void)strcpy(objects->names[objects->count++], name);
    }
    return SPINE_OK;
}

/* How many files are there, and how many that no manifest names? */
static size_t
count_files(const struct world *world, size_t *orphans)
{
    struct objects *objects = calloc(1, sizeof *objects);
    size_t count;

    require(objects != NULL, "no memory");
    objects->disk = &world->disk;
    require(world->disk.list(world->disk.context, note_object, objects, NULL) == SPINE_OK,
            "no list");
    *orphans = 0;
    for (size_t i = 0; i < objects->count; i++)
        *orphans += strstr(objects->text, objects->names[i]) == NULL;
    count = objects->count;
    free(objects);
    return count;
}

static void
let_go(struct world *world, struct rng *rng)
{
    size_t held, orphans, before;

    held = count_files(world, &before);
    require(before > 0, "no file is there for cursors alone");
    for (unsigned left = CURSORS; left > 0; left--) {
        struct held *one = &world->held[rng_below(rng, left)];

        read_again(world, one);
        spine_cursor_close(one->cursor);
        *one = world->held[left - 1];
        (void)count_files(world, &orphans);
        require(orphans <= before, "files come from nowhere");
        before = orphans;
    }
    require(before == 0, "files that nothing needs are there");
    print_message("%u reads; files: %zu while cursors were held, %zu then\n",
                  world->rereads, held, count_files(world, &orphans));
}

static void
test_cursors_keep_what_they_read(void **state)
{
    struct spine_runtime_options options = {.min_storage_bytes = 1};
    static struct world world;
    struct spine_backend lent;
    uv_thread_t checkpointer;
    struct rng rng;

    (void)state;
    watchdog_start("cursors", 100);
    rng_init(&rng, 3);
    require(spine_memory_backend(&world.disk, NULL) == SPINE_OK, "no disk");
    lent = world.disk;
    lent.release = NULL;
    require(spine_store_open(&lent, NULL, &world.store, NULL) == SPINE_OK, "no store");
    options.store = world.store;
    require(spine_runtime_open(&options, &world.runtime, NULL) == SPINE_OK, "no runtime");
    require(spine_open(world.runtime, &schema, NULL, &world.spine, NULL) == SPINE_OK,
            "no spine");
    require(uv_thread_create(&checkpointer, be_checkpointer, &world) == 0, "no thread");
    insert_and_read(&world, &rng);
    atomic_store(&world.stop, true);
    uv_thread_join(&checkpointer);
    print_message("%u checkpoints, %llu merges\n", atomic_load(&world.checkpoints),
                  (unsigned long long)merges_of(world.spine));
    require(spine_check(world.spine, NULL) == SPINE_OK, "spine_check");
    spine_close(world.spine);
    spine_runtime_close(world.runtime);
    spine_store_close(world.store);
    let_go(&world, &rng);
    spine_backend_release(&world.disk);
    require(spine_allocated_bytes() == 0, "memory is left");
    watchdog_stop();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cursors_keep_what_they_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
