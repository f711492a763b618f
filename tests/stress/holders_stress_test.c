/* SPDX-License-Identifier: MIT */

/*
 * A hundred cursors on snapshots of many moments are read again and again, fully and by
 * chance, while threads insert, a thousand merges run, and checkpoints and sweeps follow
 * each other: each reads what it read first, by the sum of a hash of its rows. They are
 * dropped in random order, some of them after their spine, their runtime and their store
 * were closed. Then the disk has what the checkpoints name and no file more.
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
#include <string.h>
#include <uv.h>

#include <cmocka.h>

#define CURSORS ALL_OR_FEW(100u, 50u)
#define MERGES ALL_OR_FEW(1000u, 100u)
#define CHECKPOINTS ALL_OR_FEW(50u, 25u)
#define ROWS 8000u
#define STEP 300u
/* From here on outputs go to files. */
#define STORAGE_BYTES 16384u
#define CACHE_BYTES ((size_t)128 << 10)

static const struct spine_schema schema = {.key = {SPINE_U64, 0},
                                           .value = {SPINE_U64, 0}};

struct digest {
    uint64_t rows;
    uint64_t sum;
};

struct holder {
    struct spine_cursor *cursor;
    struct digest first;
};

struct world {
    struct spine_backend disk;
    struct spine_store *store;
    struct spine_runtime *runtime;
    struct spine *spine;
    atomic_bool stop;
    struct rng rng;
    struct holder holders[CURSORS];
    unsigned held;
};

static uint64_t
mixed(uint64_t word)
{
    word = (word ^ word >> 31) * UINT64_C(0x9e3779b97f4a7c15);
    return word ^ word >> 29;
}

/* Rows of the queue that begins with `begin`, and the end of those before. */
static void
insert(struct spine *spine, uint64_t begin)
{
    uint64_t keys[2 * STEP];
    int64_t weights[2 * STEP];
    const struct spine_columns columns = {
        .rows = (size_t)2 * STEP, .keys = keys, .values = keys, .weights = weights};
    struct spine_batch *batch;

    for (uint64_t i = 0; i < STEP; i++) {
        /* Keys far apart, so that merges share no blocks. */
        keys[2 * i] = mixed(begin + i);
        weights[2 * i] = begin >= ROWS ? -1 : 1;
        keys[2 * i + 1] = mixed(begin + ROWS + i);
        weights[2 * i + 1] = 1;
    }
    require(spine_batch_from_columns(&schema, &columns, &batch, NULL) == SPINE_OK,
            "no batch");
    require(spine_insert(spine, batch, NULL) == SPINE_OK, "no insert");
    spine_batch_unref(batch);
}

static void
be_inserter(void *context)
{
    struct world *world = context;

    for (uint64_t round = 0; !atomic_load(&world->stop); round++)
        insert(world->spine, round * STEP);
}

/* All rows, in another direction each time. */
static struct digest
digest_of(struct spine_cursor *cursor, bool backward)
{
    struct digest digest = {0};

    if (backward)
        spine_cursor_fast_forward(cursor);
    else
        spine_cursor_rewind(cursor);
    while (spine_cursor_key_valid(cursor)) {
        digest.rows++;
        digest.sum += mixed(spine_cursor_key(cursor).u64 + 1) *
                      (uint64_t)spine_cursor_weight(cursor);
        if (backward)
            spine_cursor_step_key_reverse(cursor);
        else
            spine_cursor_step_key(cursor);
    }
    require(spine_cursor_error(cursor, NULL) == SPINE_OK, "a cursor failed");
    return digest;
}

static void
read_again(struct world *world, const struct holder *holder)
{
    const struct digest again = digest_of(holder->cursor, rng_chance(&world->rng, 50));

    require(again.rows == holder->first.rows && again.sum == holder->first.sum,
            "a cursor reads something else");
}

/* Of the content of now; another one, by chance, is read again. */
static void
hold_one(struct world *world)
{
    struct holder *holder = &world->holders[world->held];

    require(spine_cursor_open(world->spine, &holder->cursor, NULL) == SPINE_OK,
            "no cursor");
    holder->first = digest_of(holder->cursor, false);
    world->held++;
    read_again(world, &world->holders[rng_below(&world->rng, world->held)]);
}

static uint64_t
merges_of(struct spine *spine)
{
    struct spine_stats stats;
    uint64_t merges = 0;

    spine_get_stats(spine, &stats);
    for (unsigned i = 0; i < SPINE_LEVELS; i++)
        merges += stats.levels[i].merges;
    return merges;
}

/* Returns how many checkpoints were made. */
static unsigned
go_on(struct world *world)
{
    const struct spine_checkpoint_item item = {.name = "rows", .spine = world->spine};
    unsigned checkpoints = 0;

    while (checkpoints < CHECKPOINTS || world->held < CURSORS ||
           merges_of(world->spine) < MERGES) {
        /* As merges get on, so that each has other batches. */
        if (world->held < CURSORS &&
            merges_of(world->spine) >= world->held * MERGES / CURSORS)
            hold_one(world);
        else
            read_again(world, &world->holders[rng_below(&world->rng, world->held)]);
        if (rng_chance(&world->rng, 80))
            continue;
        require(spine_checkpoint(world->store, &item, 1, NULL, NULL, NULL) == SPINE_OK,
                "no checkpoint");
        checkpoints++;
        if (checkpoints % 2 == 0)
            require(spine_store_sweep(world->store, NULL, NULL, NULL) == SPINE_OK,
                    "no sweep");
    }
    return checkpoints;
}

/* Drops a holder, which another one takes the place of. */
static void
drop_one(struct world *world)
{
    struct holder *holder = &world->holders[rng_below(&world->rng, world->held)];

    if (rng_chance(&world->rng, 20))
        read_again(world, holder);
    spine_cursor_close(holder->cursor);
    *holder = world->holders[--world->held];
}

static enum spine_status
count_file(void *argument, const char *name, uint64_t bytes, struct spine_error *error)
{
    (void)bytes;
    (void)error;
    *(size_t *)argument +=
        strstr(name, ".batch") != NULL || strstr(name, ".pack") != NULL;
    return SPINE_OK;
}

static size_t
files_on(const struct spine_backend *disk)
{
    size_t files = 0;

    require(disk->list(disk->context, count_file, &files, NULL) == SPINE_OK, "no list");
    return files;
}

static void
test_holders_read_what_they_read_first(void **state)
{
    struct spine_runtime_options options = {.min_storage_bytes = STORAGE_BYTES};
    const struct spine_store_options store_options = {.cache_bytes = CACHE_BYTES};
    const struct spine_sweep_options look = {.dry_run = true};
    struct spine_sweep_info orphans;
    struct world world = {0};
    struct spine_backend lent;
    unsigned checkpoints;
    size_t held_files, files;
    uint64_t merges;
    uv_thread_t thread;

    (void)state;
    watchdog_start("holders", 300);
    rng_init(&world.rng, 18);
    require(spine_memory_backend(&world.disk, NULL) == SPINE_OK, "no disk");
    lent = world.disk;
    lent.release = NULL;
    require(spine_store_open(&lent, &store_options, &world.store, NULL) == SPINE_OK,
            "no store");
    options.store = world.store;
    require(spine_runtime_open(&options, &world.runtime, NULL) == SPINE_OK, "no runtime");
    require(spine_open(world.runtime, &schema, NULL, &world.spine, NULL) == SPINE_OK,
            "no spine");
    require(uv_thread_create(&thread, be_inserter, &world) == 0, "no thread");
    checkpoints = go_on(&world);
    merges = merges_of(world.spine);
    atomic_store(&world.stop, true);
    uv_thread_join(&thread);
    while (world.held > CURSORS / 2)
        drop_one(&world);
    spine_close(world.spine);
    spine_runtime_close(world.runtime);
    held_files = files_on(&world.disk);
    spine_store_close(world.store);
    while (world.held > 0)
        drop_one(&world);

    files = files_on(&world.disk);
    require(spine_store_open(&lent, NULL, &world.store, NULL) == SPINE_OK, "no store");
    require(spine_store_sweep(world.store, &look, &orphans, NULL) == SPINE_OK,
            "no sweep");
    require(orphans.files == 0, "files are left that nobody needs");
    spine_store_close(world.store);
    printf("%llu merges, %u checkpoints; %zu files with %u cursors, %zu without\n",
           (unsigned long long)merges, checkpoints, held_files, CURSORS / 2, files);
    spine_backend_release(&world.disk);
    watchdog_stop();
    require(spine_allocated_bytes() == 0, "memory is left");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holders_read_what_they_read_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
