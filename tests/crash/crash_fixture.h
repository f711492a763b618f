/* SPDX-License-Identifier: MIT */
#ifndef CRASH_FIXTURE_H
#define CRASH_FIXTURE_H

/*
 * What a process does to a store, step by step, on a disk that a crash may strike at any
 * of its operations; and which states may be found after that.
 *
 * A *state* is what all spines hold when a checkpoint is begun; its number is the user
 * data of the checkpoint.
 */

#include "checkpoint/export.h"
#include "harness/crash_disk.h"
#include "harness/fault_alloc.h"
#include "unit/checkpoint/checkpoint_fixture.h"

#include <stdlib.h>

#define STATES_MAX 60u
#define CRASH_SPINES 2u
/* The bit of a store without a checkpoint. */
#define NO_STATE ((uint64_t)1 << 63)

enum crash_action {
    ACTION_CHECKPOINT,
    ACTION_INSERT_AND_CHECKPOINT,
    ACTION_REMOVE_NEWEST,
    ACTION_REMOVE_OLDER,
    ACTION_SWEEP,
    ACTION_RESTORE,
    /* Closes everything, opens it again, and restores. */
    ACTION_REOPEN,
    /* Inserts, and merges, to files where the world spills. */
    ACTION_INSERT,
    /* Begins a checkpoint in the background, which is made when the runtime runs next. */
    ACTION_START,
    /* Copies the newest checkpoint to another disk, which a crash may strike, too. */
    ACTION_EXPORT,
    ACTION_COUNT
};

/* The other disk of an export, and what may be on it after a crash. */
struct crash_copy {
    struct crash_copy *next;
    struct crash_disk disk;
    uint64_t allowed;
};

/* The checkpoint in the background; at most one. */
struct crash_background {
    bool is_under_way;
    bool was_told;
    bool is_cancelled;
    unsigned state;
    enum spine_status status;
    struct spine_error error;
};

struct crash_run {
    struct crash_disk disk;
    struct world world;
    struct rng rng;
    struct model states[STATES_MAX][CRASH_SPINES];
    unsigned state_count;
    /* Bits of the states that may be restored after a crash now. */
    uint64_t allowed;
    struct crash_background background;
    struct crash_copy *copies;
    /* What fails on the other disk of the next export. */
    struct crash_fault copy_fault;
    bool copy_failed;
    /* Called before an export, unless NULL. */
    void (*on_copy)(void *argument, struct crash_copy *copy);
    void *argument;
};

static inline void
crash_run_init(struct crash_run *run, uint64_t seed, bool spills)
{
    *run = (struct crash_run){.allowed = NO_STATE};
    rng_init(&run->rng, seed);
    crash_disk_init(&run->disk);
    run->disk.puts_at_once = seed % 4 == 3;
    run->world.disk = crash_disk_backend(&run->disk);
    run->world.spills = spills;
    world_begin(&run->world, &run->rng, CRASH_SPINES);
}

static inline bool finish_background(struct crash_run *run);

static inline void
crash_run_release(struct crash_run *run)
{
    (void)finish_background(run);
    world_release(&run->world);
    while (run->copies != NULL) {
        struct crash_copy *copy = run->copies;

        run->copies = copy->next;
        crash_disk_release(&copy->disk);
        free(copy);
    }
    for (unsigned s = 0; s < run->state_count; s++)
        for (unsigned i = 0; i < CRASH_SPINES; i++)
            model_release(&run->states[s][i]);
    crash_disk_release(&run->disk);
}

/* A backend that is busy has failed; where a manifest names a file that is not there,
 * that is damage. */
static inline bool
is_of_disk(enum spine_status status, const struct crash_disk *disk)
{
    return disk->fired &&
           (status == disk->failed_by ||
            (disk->failed_by == SPINE_BUSY && status == SPINE_IO) ||
            (disk->failed_by == SPINE_NOT_FOUND && status == SPINE_CORRUPT));
}

/* What a call may answer: the disk fails, or memory, where they were told to. */
static inline bool
crash_status_is_right(const struct crash_run *run, enum spine_status status,
                      const struct spine_error *error)
{
    if (status == SPINE_OK)
        return true;
    HOLDS_EQUAL(status, error->status);
    if (status == SPINE_NOMEM && fault_alloc_fired())
        return true;
    if (!is_of_disk(status, &run->disk) &&
        (run->copies == NULL || !is_of_disk(status, &run->copies->disk)))
        return property_fail(__FILE__, __LINE__, "%s: %s", spine_status_name(status),
                             error->message);
    /* Bytes whose sync failed are not synced again. */
    HOLDS(strstr(error->message, "the disk failed") != NULL ||
          strstr(error->message, "could not be made durable before") != NULL ||
          (run->disk.failed_by == SPINE_NOT_FOUND && error->message[0] != 0));
    return true;
}

/* What the spines hold is a state from now on. */
static inline unsigned
note_state(struct crash_run *run, struct spine_checkpoint_item items[CRASH_SPINES])
{
    const unsigned state = run->state_count++;

    assert_true(state < STATES_MAX);
    for (unsigned i = 0; i < CRASH_SPINES; i++) {
        items[i] = (struct spine_checkpoint_item){.name = run->world.names[i],
                                                  .spine = run->world.spines[i]};
        model_init(&run->states[state][i], &run->world.models[i].schema);
        model_copy(&run->states[state][i], &run->world.models[i]);
    }
    return state;
}

static inline bool
run_checkpoint(struct crash_run *run)
{
    struct spine_checkpoint_item items[CRASH_SPINES];
    const unsigned state = note_state(run, items);
    const uint8_t number = (uint8_t)state;
    const struct spine_checkpoint_options options = {
        .keep = 1 + (uint32_t)(number % 3), .user_data = &number, .user_bytes = 1};
    struct spine_error error = {0};
    enum spine_status st;

    run->allowed |= (uint64_t)1 << state;
    st = spine_checkpoint(run->world.store, items, CRASH_SPINES, &options, NULL, &error);
    if (st == SPINE_OK)
        run->allowed = (uint64_t)1 << state;
    return crash_status_is_right(run, st, &error);
}

static inline void
on_background_done(void *context, enum spine_status status,
                   const struct spine_checkpoint_info *info,
                   const struct spine_error *error)
{
    struct crash_run *run = context;
    const uint64_t bit = (uint64_t)1 << run->background.state;

    (void)info;
    assert_true(run->background.is_under_way);
    run->background.is_under_way = false;
    run->background.was_told = true;
    run->background.status = status;
    run->background.error = *error;
    if (status == SPINE_OK)
        run->allowed = bit;
    else if (status == SPINE_CANCELLED)
        run->allowed &= ~bit;
}

static inline bool
run_start(struct crash_run *run)
{
    struct crash_background *background = &run->background;
    struct spine_checkpoint_item items[CRASH_SPINES];
    struct spine_error error = {0};
    uint8_t number;
    struct spine_checkpoint_options options = {.user_data = &number,
                                               .user_bytes = 1,
                                               .on_done = on_background_done,
                                               .context = run};
    enum spine_status st;

    HOLDS(finish_background(run));
    number = (uint8_t)note_state(run, items);
    options.keep = 1 + (uint32_t)(number % 3);
    *background = (struct crash_background){.is_under_way = true, .state = number};
    st = spine_checkpoint_start(run->world.store, run->world.runtime, items, CRASH_SPINES,
                                &options, &error);
    background->is_under_way = st == SPINE_OK;
    return crash_status_is_right(run, st, &error);
}

/* The runtime may run from here on. */
static inline void
background_may_begin(struct crash_run *run)
{
    if (run->background.is_under_way)
        run->allowed |= (uint64_t)1 << run->background.state;
}

/* It does not run any more: a checkpoint that has not begun is not found. */
static inline bool
background_is_right(struct crash_run *run)
{
    struct crash_background *background = &run->background;
    const bool was_told = background->was_told;

    background->was_told = false;
    if (background->is_under_way)
        run->allowed &= ~((uint64_t)1 << background->state);
    if (!was_told)
        return true;
    if (background->is_cancelled && background->status == SPINE_CANCELLED)
        return true;
    return crash_status_is_right(run, background->status, &background->error);
}

/* Nothing is in the background after that. */
static inline bool
finish_background(struct crash_run *run)
{
    background_may_begin(run);
    for (unsigned i = 0; run->background.is_under_way && i < 1000; i++)
        (void)spine_runtime_run(run->world.runtime, UINT64_MAX);
    HOLDS(!run->background.is_under_way);
    return background_is_right(run);
}

/* The state that a manifest is of. */
static inline unsigned
state_of(const struct crash_file *manifest)
{
    const char *at = strstr((const char *)manifest->bytes, "\"user_data\"");
    unsigned state = STATES_MAX;

    assert_non_null(at);
    assert_int_equal(sscanf(at, "\"user_data\" : \"%2x\"", &state), 1);
    assert_true(state < STATES_MAX);
    return state;
}

static inline uint64_t
sequence_of(const struct crash_file *manifest)
{
    return strtoull(manifest->name + strlen("checkpoint-"), NULL, 10);
}

/* Removes the newest checkpoint, or the one before; if there are two. */
static inline bool
run_remove(struct crash_run *run, bool newest)
{
    const struct crash_file *first = crash_disk_manifest(&run->disk, 0);
    const struct crash_file *second = crash_disk_manifest(&run->disk, 1);
    struct spine_error error = {0};
    enum spine_status st;

    if (second == NULL)
        return true;
    if (newest)
        run->allowed |= (uint64_t)1 << state_of(second);
    st = spine_checkpoint_remove(run->world.store, sequence_of(newest ? first : second),
                                 &error);
    if (newest && st == SPINE_OK)
        run->allowed = (uint64_t)1 << state_of(second);
    return crash_status_is_right(run, st, &error);
}

static inline bool
run_sweep(struct crash_run *run)
{
    struct spine_error error = {0};

    return crash_status_is_right(
        run, spine_store_sweep(run->world.store, NULL, NULL, &error), &error);
}

/* The number of the state that was restored. */
static inline unsigned
restored_state(const struct spine_restored *restored)
{
    size_t bytes;
    const uint8_t *number = spine_restored_user_data(restored, &bytes);

    assert_int_equal(bytes, 1);
    return *number;
}

/* Takes the spines of what was restored. */
static inline void
take_spines(struct world *world, struct spine_restored *restored)
{
    for (unsigned i = 0; i < CRASH_SPINES; i++) {
        spine_close(world->spines[i]);
        world->spines[i] = spine_restored_take(restored, world->names[i]);
        assert_non_null(world->spines[i]);
    }
    spine_restored_free(restored);
}

static inline bool
run_restore(struct crash_run *run)
{
    struct spine_restored *restored;
    struct spine_error error = {0};
    const enum spine_status st =
        spine_restore(run->world.store, 0, run->world.runtime, NULL, &restored, &error);
    unsigned state;

    if (st == SPINE_NOT_FOUND &&
        !(run->disk.fired && run->disk.failed_by == SPINE_NOT_FOUND)) {
        HOLDS((run->allowed & NO_STATE) != 0);
        HOLDS(crash_disk_manifest(&run->disk, 0) == NULL);
        return true;
    }
    if (st != SPINE_OK) {
        HOLDS(restored == NULL);
        return crash_status_is_right(run, st, &error);
    }
    state = restored_state(restored);
    HOLDS((run->allowed >> state & 1) != 0);
    /* It needs the spines. */
    HOLDS(finish_background(run));
    take_spines(&run->world, restored);
    for (unsigned i = 0; i < CRASH_SPINES; i++)
        model_copy(&run->world.models[i], &run->states[state][i]);
    return true;
}

/* Opening the store and empty spines does not fail. */
static inline bool
run_reopen(struct crash_run *run)
{
    struct world *world = &run->world;
    struct crash_fault fault;

    if (rng_chance(&run->rng, 50))
        HOLDS(finish_background(run));
    /* Without the runtime there will be none. */
    run->background.is_cancelled = true;
    spine_runtime_close(world->runtime);
    world->runtime = NULL;
    HOLDS(!run->background.is_under_way && background_is_right(run));
    world_close(world);
    fault = run->disk.fault;
    run->disk.fault = (struct crash_fault){0};
    world_open(world);
    run->disk.fault = fault;
    for (unsigned i = 0; i < world->count; i++) {
        assert_int_equal(spine_open(world->runtime, &world->models[i].schema, NULL,
                                    &world->spines[i], NULL),
                         SPINE_OK);
        world->models[i].count = 0;
    }
    return run_restore(run);
}

static inline bool
disk_is_right(struct crash_run *run, struct crash_disk *disk, uint64_t allowed);

/* Without a crash, too, is on the other disk what may be there after one. */
static inline bool
copy_is_right(struct crash_run *run, const struct crash_copy *copy)
{
    struct crash_image *image = crash_disk_image(&copy->disk);
    struct crash_disk disk;
    bool is_right;

    crash_disk_init_from(&disk, image, SPINE_CRASH_KEEPS_ALL, 0);
    is_right = disk_is_right(run, &disk, copy->allowed);
    crash_disk_release(&disk);
    free(image);
    return is_right && copy->disk.violations == 0;
}

static inline struct crash_copy *
copy_new(struct crash_run *run, const struct crash_file *manifest)
{
    struct crash_copy *copy = calloc(1, sizeof *copy);

    assert_non_null(copy);
    crash_disk_init(&copy->disk);
    copy->allowed = NO_STATE;
    if (manifest != NULL)
        copy->allowed |= (uint64_t)1 << state_of(manifest);
    copy->next = run->copies;
    run->copies = copy;
    return copy;
}

static inline bool
run_export(struct crash_run *run)
{
    const struct crash_file *newest = crash_disk_manifest(&run->disk, 0);
    const struct spine_store_options options = {.keep_leftovers = true};
    struct spine_error error = {0};
    struct spine_backend backend;
    struct export_info info;
    struct crash_copy *copy;
    struct spine_store *to;
    enum spine_status st;
    bool is_right;

    fault_alloc_pause();
    copy = copy_new(run, newest);
    backend = crash_disk_backend(&copy->disk);
    assert_int_equal(spine_store_open(&backend, &options, &to, NULL), SPINE_OK);
    fault_alloc_resume();
    if (run->on_copy != NULL)
        run->on_copy(run->argument, copy);
    crash_disk_arm(&copy->disk, run->copy_fault);
    st = checkpoint_export(run->world.store, 0, to, NULL, &info, &error);
    run->copy_failed = crash_disk_disarm(&copy->disk);
    if (st == SPINE_OK)
        copy->allowed &= ~NO_STATE;
    fault_alloc_pause();
    spine_store_close(to);
    is_right = copy_is_right(run, copy);
    fault_alloc_resume();
    HOLDS(is_right);
    is_right = newest == NULL && st == SPINE_NOT_FOUND
                   ? true
                   : crash_status_is_right(run, st, &error);
    copy->disk.fired = false;
    return is_right && (newest != NULL || st != SPINE_OK);
}

static inline bool
do_action(struct crash_run *run, enum crash_action action)
{
    const bool inserts =
        action == ACTION_INSERT || action == ACTION_INSERT_AND_CHECKPOINT;

    for (unsigned i = 0; inserts && i < CRASH_SPINES; i++) {
        struct spine_error error = {0};

        /* An error of a merge may be sticky, and inserts may have to wait for one. */
        if (run->disk.fired)
            spine_retry(run->world.spines[i]);
        HOLDS(crash_status_is_right(
            run, world_try_insert(&run->world, i, rng_magnitude(&run->rng, 60), &error),
            &error));
    }
    switch (action) {
    case ACTION_CHECKPOINT:
    case ACTION_INSERT_AND_CHECKPOINT:
        return run_checkpoint(run);
    case ACTION_REMOVE_NEWEST:
    case ACTION_REMOVE_OLDER:
        return run_remove(run, action == ACTION_REMOVE_NEWEST);
    case ACTION_SWEEP:
        return run_sweep(run);
    case ACTION_RESTORE:
        return run_restore(run);
    case ACTION_REOPEN:
        return run_reopen(run);
    case ACTION_START:
        return run_start(run);
    case ACTION_EXPORT:
        return run_export(run);
    default:
        return true;
    }
}

static inline bool
run_action(struct crash_run *run, enum crash_action action)
{
    background_may_begin(run);
    HOLDS(do_action(run, action));
    return background_is_right(run);
}

/* So many actions, which the seed of the run decides. */
static inline bool
run_script(struct crash_run *run, size_t actions)
{
    for (size_t i = 0; i < actions; i++) {
        const unsigned draw = (unsigned)rng_below(&run->rng, 3 * ACTION_COUNT);

        /* More inserts and checkpoints than anything else. */
        HOLDS(run_action(run, draw < ACTION_COUNT       ? (enum crash_action)draw
                              : draw < 2 * ACTION_COUNT ? ACTION_INSERT
                                                        : ACTION_INSERT_AND_CHECKPOINT));
    }
    return true;
}

/* ---- What is found after a crash ---- */

/* Restores checkpoint `sequence` of `world`, which is that of a process that starts. */
static inline bool
find_state(struct crash_run *run, struct world *world, uint64_t sequence, uint64_t among)
{
    struct spine_restored *restored;
    struct spine_error error = {0};
    unsigned state;

    if (spine_restore(world->store, sequence, world->runtime, NULL, &restored, &error) !=
        SPINE_OK)
        return property_fail(__FILE__, __LINE__, "checkpoint %llu: %s",
                             (unsigned long long)sequence, error.message);
    state = restored_state(restored);
    HOLDS((among >> state & 1) != 0);
    take_spines(world, restored);
    for (unsigned i = 0; i < CRASH_SPINES; i++)
        HOLDS(check_spine_quickly(world->spines[i], &run->states[state][i], "restored"));
    return true;
}

/* Is `disk`, after a crash, what a process may find? */
static inline bool
disk_is_right(struct crash_run *run, struct crash_disk *disk, uint64_t allowed)
{
    struct world world = {.count = CRASH_SPINES, .disk = crash_disk_backend(disk)};
    bool is_right = true;

    for (unsigned i = 0; i < CRASH_SPINES; i++)
        (void)strcpy(world.names[i], run->world.names[i]);
    world_open(&world);
    if (crash_disk_manifest(disk, 0) == NULL) {
        struct spine_restored *restored;

        is_right = (allowed & NO_STATE) != 0 && crash_disk_batches(disk) == 0 &&
                   spine_restore(world.store, 0, world.runtime, NULL, &restored, NULL) ==
                       SPINE_NOT_FOUND;
    } else
        is_right = find_state(run, &world, 0, allowed) && crash_disk_orphans(disk) == 0;
    /* Older ones, too, are whole. */
    for (unsigned skip = 1; is_right && crash_disk_manifest(disk, skip) != NULL; skip++)
        is_right = find_state(run, &world, sequence_of(crash_disk_manifest(disk, skip)),
                              ~NO_STATE);
    world_close(&world);
    return is_right && disk->violations == 0;
}

#endif
