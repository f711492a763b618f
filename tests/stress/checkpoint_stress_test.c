/* SPDX-License-Identifier: MIT */

/*
 * Checkpoints while threads insert, merge and read, and outputs go to files: each is
 * restored as the content of one moment, and in the end nothing is on the disk but what
 * the checkpoints that are left need.
 *
 * A spine is a queue of some thousand keys: every insert pushes STEP at its end and pops
 * as many from its head. So the content of any moment is a range of keys without a gap,
 * and the number of rows that had been inserted says which.
 */

#include "harness/host.h"
#include "harness/watchdog.h"
#include "spine/spine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include <cmocka.h>

#define SPINES 3u
#define ROWS 6000u
#define STEP 250u
#define CHECKPOINTS 60u
/* From here on outputs go to files. */
#define STORAGE_BYTES 16384u

static const struct spine_schema schema = {.key = {SPINE_U64, 0},
                                           .value = {SPINE_U64, 0}};
static const char *const names[SPINES] = {"left", "middle", "right"};

struct queue {
    struct spine *spine;
    atomic_bool *stop;
};

struct world {
    struct spine_backend disk;
    struct spine_store *store;
    struct spine_runtime *runtime;
    struct queue queues[SPINES];
    atomic_bool stop;
    atomic_uint told;
};

static void
insert(struct spine *spine, uint64_t begin)
{
    static const size_t rows = (size_t)2 * STEP;
    uint64_t keys[2 * STEP];
    int64_t weights[2 * STEP];
    const struct spine_columns columns = {
        .rows = rows, .keys = keys, .values = keys, .weights = weights};
    struct spine_batch *batch;

    for (uint64_t i = 0; i < STEP; i++) {
        keys[2 * i] = begin + i;
        weights[2 * i] = -1;
        keys[2 * i + 1] = begin + ROWS + i;
        weights[2 * i + 1] = 1;
    }
    require(spine_batch_from_columns(&schema, &columns, &batch, NULL) == SPINE_OK,
            "no batch");
    require(spine_insert(spine, batch, NULL) == SPINE_OK, "no insert");
    spine_batch_unref(batch);
}

static void
fill(struct spine *spine)
{
    static uint64_t keys[ROWS];
    const struct spine_columns columns = {.rows = ROWS, .keys = keys, .values = keys};
    struct spine_batch *batch;

    for (uint64_t i = 0; i < ROWS; i++)
        keys[i] = i;
    require(spine_batch_from_columns(&schema, &columns, &batch, NULL) == SPINE_OK,
            "no batch");
    require(spine_insert(spine, batch, NULL) == SPINE_OK, "no insert");
    spine_batch_unref(batch);
}

static void
be_inserter(void *context)
{
    struct queue *queue = context;

    /* Not as fast as it can: whoever makes checkpoints wants some time, too. */
    for (uint64_t round = 0; !atomic_load(queue->stop); round++) {
        insert(queue->spine, round * STEP);
        uv_sleep(1);
    }
}

/* Is the content that of the moment when so many rows had been inserted? */
static void
check_queue(struct spine *spine)
{
    struct spine_cursor *cursor;
    struct spine_cut_info info;
    struct spine_cut *cut;
    uint64_t first, rows = 0;

    require(spine_take_cut(spine, &cut, NULL) == SPINE_OK, "no cut");
    spine_cut_get_info(cut, &info);
    require(info.inserted_rows >= ROWS && (info.inserted_rows - ROWS) % (2 * STEP) == 0,
            "half a batch");
    first = (info.inserted_rows - ROWS) / 2;
    require(spine_snapshot_cursor(spine_cut_snapshot(cut), &cursor, NULL) == SPINE_OK,
            "no cursor");
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor)) {
        require(spine_cursor_key(cursor).u64 == first + rows, "another key");
        rows++;
    }
    require(spine_cursor_error(cursor, NULL) == SPINE_OK, "a cursor failed");
    require(rows == ROWS, "rows are missing");
    spine_cursor_close(cursor);
    spine_cut_unref(cut);
}

static void
check_newest(struct world *world, bool in_world)
{
    struct spine_runtime_options options = {.manual = true};
    struct spine_runtime *runtime = world->runtime;
    struct spine_restored *restored;

    if (!in_world)
        require(spine_runtime_open(&options, &runtime, NULL) == SPINE_OK, "no runtime");
    require(spine_restore(world->store, 0, runtime, NULL, &restored, NULL) == SPINE_OK,
            "no restore");
    for (unsigned i = 0; i < SPINES; i++) {
        struct spine *spine = spine_restored_take(restored, names[i]);

        require(spine != NULL, "a spine is missing");
        check_queue(spine);
        spine_close(spine);
    }
    spine_restored_free(restored);
    if (!in_world)
        spine_runtime_close(runtime);
}

/* Files went with their last holder: a sweep has nothing to do. */
static void
check_no_orphans(struct world *world)
{
    const struct spine_sweep_options look = {.dry_run = true};
    struct spine_sweep_info info;

    require(spine_store_sweep(world->store, &look, &info, NULL) == SPINE_OK, "no sweep");
    require(info.files == 0, "files are left that nobody needs");
}

static void
on_done(void *context, enum spine_status status, const struct spine_checkpoint_info *info,
        const struct spine_error *error)
{
    struct world *world = context;

    (void)error;
    require(status == SPINE_OK && info->sequence > 0, "a checkpoint failed");
    atomic_fetch_add(&world->told, 1);
}

static void
make_checkpoints(struct world *world)
{
    struct spine_checkpoint_options later = {.on_done = on_done, .context = world};
    struct spine_checkpoint_item items[SPINES];
    unsigned asked = 0;

    for (unsigned i = 0; i < SPINES; i++)
        items[i] = (struct spine_checkpoint_item){.name = names[i],
                                                  .spine = world->queues[i].spine};
    for (unsigned n = 0; n < CHECKPOINTS; n++) {
        if (n % 3 == 0) {
            require(spine_checkpoint_start(world->store, world->runtime, items, SPINES,
                                           &later, NULL) == SPINE_OK,
                    "no checkpoint in the background");
            asked++;
        } else
            require(spine_checkpoint(world->store, items, SPINES, NULL, NULL, NULL) ==
                        SPINE_OK,
                    "no checkpoint");
        if (n % 5 == 4)
            require(spine_store_sweep(world->store, NULL, NULL, NULL) == SPINE_OK,
                    "no sweep");
        if (n > 0)
            check_newest(world, n % 2 == 0);
    }
    while (atomic_load(&world->told) < asked)
        uv_sleep(1);
}

struct objects {
    size_t batches;
    uint64_t bytes;
};

static enum spine_status
note_object(void *argument, const char *name, uint64_t bytes, struct spine_error *error)
{
    struct objects *objects = argument;

    (void)error;
    if (strstr(name, ".batch") != NULL || strstr(name, ".pack") != NULL) {
        objects->batches++;
        objects->bytes += bytes;
    }
    return SPINE_OK;
}

static enum spine_status
note_files(void *context, const struct spine_checkpoint_summary *summary,
           const struct spine_error *error)
{
    size_t *most = context;

    (void)error;
    require(summary->status == SPINE_OK, "a manifest is damaged");
    *most += summary->files;
    return SPINE_OK;
}

static void
test_checkpoints_beside_everything(void **state)
{
    struct spine_runtime_options options = {.min_storage_bytes = STORAGE_BYTES};
    struct objects objects = {0};
    struct world world = {0};
    struct spine_backend lent;
    struct spine_stats stats;
    uv_thread_t threads[SPINES];
    uint64_t rows = 0;
    size_t needed = 0;

    (void)state;
    watchdog_start("checkpoints", 100);
    require(spine_memory_backend(&world.disk, NULL) == SPINE_OK, "no disk");
    lent = world.disk;
    lent.release = NULL;
    require(spine_store_open(&lent, NULL, &world.store, NULL) == SPINE_OK, "no store");
    options.store = world.store;
    require(spine_runtime_open(&options, &world.runtime, NULL) == SPINE_OK, "no runtime");
    for (unsigned i = 0; i < SPINES; i++) {
        require(spine_open(world.runtime, &schema, NULL, &world.queues[i].spine, NULL) ==
                    SPINE_OK,
                "no spine");
        fill(world.queues[i].spine);
    }
    for (unsigned i = 0; i < SPINES; i++) {
        world.queues[i].stop = &world.stop;
        require(uv_thread_create(&threads[i], be_inserter, &world.queues[i]) == 0,
                "no thread");
    }
    make_checkpoints(&world);
    atomic_store(&world.stop, true);
    for (unsigned i = 0; i < SPINES; i++) {
        uv_thread_join(&threads[i]);
        check_queue(world.queues[i].spine);
        spine_get_stats(world.queues[i].spine, &stats);
        rows += stats.inserted_rows;
        require(spine_check(world.queues[i].spine, NULL) == SPINE_OK, "spine_check");
        spine_close(world.queues[i].spine);
    }
    spine_runtime_close(world.runtime);
    spine_store_close(world.store);

    require(spine_store_open(&lent, NULL, &world.store, NULL) == SPINE_OK, "no store");
    check_no_orphans(&world);
    check_newest(&world, false);
    require(spine_checkpoint_list(world.store, note_files, &needed, NULL) == SPINE_OK,
            "no list");
    spine_store_close(world.store);
    require(world.disk.list(world.disk.context, note_object, &objects, NULL) == SPINE_OK,
            "no objects");
    require(objects.batches <= needed, "files that nothing needs are there");
    printf("%llu rows inserted, %zu files of %llu bytes\n", (unsigned long long)rows,
           objects.batches, (unsigned long long)objects.bytes);
    spine_backend_release(&world.disk);
    watchdog_stop();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checkpoints_beside_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
