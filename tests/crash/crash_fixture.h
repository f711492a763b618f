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
    ACTION_COUNT
};

struct crash_run {
    struct crash_disk disk;
    struct world world;
    struct rng rng;
    struct model states[STATES_MAX][CRASH_SPINES];
    unsigned state_count;
    /* Bits of the states that may be restored after a crash now. */
    uint64_t allowed;
};

static inline void
crash_run_init(struct crash_run *run, uint64_t seed, bool spills)
{
    *run = (struct crash_run){.allowed = NO_STATE};
    rng_init(&run->rng, seed);
    crash_disk_init(&run->disk);
    run->world.disk = crash_disk_backend(&run->disk);
    run->world.spills = spills;
    world_begin(&run->world, &run->rng, CRASH_SPINES);
}

static inline void
crash_run_release(struct crash_run *run)
{
    world_release(&run->world);
    for (unsigned s = 0; s < run->state_count; s++)
        for (unsigned i = 0; i < CRASH_SPINES; i++)
            model_release(&run->states[s][i]);
    crash_disk_release(&run->disk);
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
    HOLDS(run->disk.fired);
    HOLDS_EQUAL(SPINE_IO, status);
    /* Bytes whose sync failed are not synced again. */
    HOLDS(strstr(error->message, "the disk failed") != NULL ||
          strstr(error->message, "could not be made durable before") != NULL);
    return true;
}

static inline bool
run_checkpoint(struct crash_run *run)
{
    const unsigned state = run->state_count;
    const uint8_t number = (uint8_t)state;
    const struct spine_checkpoint_options options = {.user_data = &number,
                                                     .user_bytes = 1};
    struct spine_checkpoint_item items[CRASH_SPINES];
    struct spine_error error = {0};
    enum spine_status st;

    HOLDS(state < STATES_MAX);
    for (unsigned i = 0; i < CRASH_SPINES; i++) {
        items[i] = (struct spine_checkpoint_item){.name = run->world.names[i],
                                                  .spine = run->world.spines[i]};
        model_init(&run->states[state][i], &run->world.models[i].schema);
        model_copy(&run->states[state][i], &run->world.models[i]);
    }
    run->state_count++;
    run->allowed |= (uint64_t)1 << state;
    st = spine_checkpoint(run->world.store, items, CRASH_SPINES, &options, NULL, &error);
    if (st == SPINE_OK)
        run->allowed = (uint64_t)1 << state;
    return crash_status_is_right(run, st, &error);
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

    if (st == SPINE_NOT_FOUND) {
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
    const struct crash_fault fault = run->disk.fault;

    world_close(world);
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
run_action(struct crash_run *run, enum crash_action action)
{
    const bool inserts =
        action == ACTION_INSERT || action == ACTION_INSERT_AND_CHECKPOINT;

    for (unsigned i = 0; inserts && i < CRASH_SPINES; i++)
        world_insert(&run->world, i, rng_magnitude(&run->rng, 60));
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
    default:
        return true;
    }
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
