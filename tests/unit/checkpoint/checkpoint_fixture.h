/* SPDX-License-Identifier: MIT */
#ifndef CHECKPOINT_FIXTURE_H
#define CHECKPOINT_FIXTURE_H

/*
 * Spines and what has to be in them, in a store whose objects outlive it: a disk. Opening
 * the world again is what a process does that starts after another.
 */

#include "harness/check.h"
#include "harness/property.h"
#include "spine/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SPINES_MAX 4u

struct world {
    struct spine_backend disk;
    /* Merges write to files of the store. */
    bool spills;
    /* Faults, if somebody wants some. */
    spine_fault_fn *on_operation;
    void *fault_argument;
    struct spine_store *store;
    struct spine_runtime *runtime;
    unsigned count;
    char names[SPINES_MAX][24];
    struct spine *spines[SPINES_MAX];
    struct generator generators[SPINES_MAX];
    struct model models[SPINES_MAX];
};

static inline void
world_fault(void *argument, enum spine_operation operation, const char *name,
            uint64_t offset, size_t size, struct spine_fault *fault)
{
    struct world *world = argument;

    if (world->on_operation != NULL)
        world->on_operation(world->fault_argument, operation, name, offset, size, fault);
}

/* Store and runtime over the disk, as it is. */
static inline void
world_open(struct world *world)
{
    struct spine_runtime_options options = {.manual = true, .min_storage_bytes = 1};
    struct spine_backend lent = world->disk, backend;
    struct spine_error error = {0};

    lent.release = NULL;
    assert_int_equal(spine_fault_backend(&lent, world_fault, world, &backend, NULL),
                     SPINE_OK);
    if (spine_store_open(&backend, NULL, &world->store, &error) != SPINE_OK)
        fail_msg("the store: %s", error.message);
    if (world->spills)
        options.store = world->store;
    assert_int_equal(spine_runtime_open(&options, &world->runtime, NULL), SPINE_OK);
}

static inline void
world_close(struct world *world)
{
    for (unsigned i = 0; i < world->count; i++) {
        spine_close(world->spines[i]);
        world->spines[i] = NULL;
    }
    spine_runtime_close(world->runtime);
    world->runtime = NULL;
    spine_store_close(world->store);
    world->store = NULL;
}

/* Empty spines on a world that has a disk, and nothing else yet. */
static inline void
world_begin(struct world *world, struct rng *rng, unsigned count)
{
    world->count = count;
    world_open(world);
    for (unsigned i = 0; i < count; i++) {
        struct spine_schema schema;

        generate_schema(rng, &schema);
        (void)snprintf(world->names[i], sizeof world->names[i], "spine %u", i);
        generator_init(&world->generators[i], rng, &schema, NULL);
        model_init(&world->models[i], &schema);
        assert_int_equal(
            spine_open(world->runtime, &schema, NULL, &world->spines[i], NULL), SPINE_OK);
    }
}

static inline void
world_init(struct world *world, struct rng *rng, unsigned count)
{
    *world = (struct world){0};
    assert_int_equal(spine_memory_backend(&world->disk, NULL), SPINE_OK);
    world_begin(world, rng, count);
}

static inline void
world_release(struct world *world)
{
    world_close(world);
    for (unsigned i = 0; i < world->count; i++) {
        model_release(&world->models[i]);
        generator_release(&world->generators[i]);
    }
    spine_backend_release(&world->disk);
}

/* A batch of so many rows into spine `index`, and some merging. */
static inline enum spine_status
world_try_insert(struct world *world, unsigned index, size_t rows,
                 struct spine_error *error)
{
    struct model added;
    struct spine_batch *batch;
    enum spine_status st;

    model_init(&added, spine_get_schema(world->spines[index]));
    generate_rows(&world->generators[index], rows, &added);
    batch = batch_of_rows(&added);
    st = spine_insert(world->spines[index], batch, error);
    spine_batch_unref(batch);
    if (st == SPINE_OK)
        model_add_rows(&world->models[index], added.rows, added.count);
    model_consolidate(&world->models[index]);
    model_release(&added);
    (void)spine_runtime_run(world->runtime, rows * 2);
    return st;
}

static inline void
world_insert(struct world *world, unsigned index, size_t rows)
{
    assert_int_equal(world_try_insert(world, index, rows, NULL), SPINE_OK);
}

static inline enum spine_status
world_checkpoint(struct world *world, struct spine_checkpoint_info *info,
                 struct spine_error *error)
{
    struct spine_checkpoint_item items[SPINES_MAX];

    for (unsigned i = 0; i < world->count; i++)
        items[i] = (struct spine_checkpoint_item){.name = world->names[i],
                                                  .spine = world->spines[i]};
    return spine_checkpoint(world->store, items, world->count, NULL, info, error);
}

/* Takes the spines of a checkpoint. */
static inline enum spine_status
world_restore(struct world *world, uint64_t sequence, struct spine_error *error)
{
    struct spine_restored *restored;
    const enum spine_status st =
        spine_restore(world->store, sequence, world->runtime, NULL, &restored, error);

    if (st != SPINE_OK)
        return st;
    assert_int_equal(spine_restored_count(restored), world->count);
    for (unsigned i = 0; i < world->count; i++) {
        spine_close(world->spines[i]);
        world->spines[i] = spine_restored_take(restored, world->names[i]);
        assert_non_null(world->spines[i]);
    }
    spine_restored_free(restored);
    return st;
}

/* Are the spines what the models say? */
static inline bool
world_holds(struct world *world, const struct model *models)
{
    for (unsigned i = 0; i < world->count; i++) {
        if (!check_spine(world->spines[i], &models[i], world->names[i]))
            return false;
        if (spine_check(world->spines[i], NULL) != SPINE_OK)
            return false;
    }
    return true;
}

struct objects {
    size_t batches, manifests, others;
    char last_batches[SPINE_NAME_MAX + 1];
    char last_manifest[SPINE_NAME_MAX + 1];
};

static inline enum spine_status
note_object(void *argument, const char *name, uint64_t bytes, struct spine_error *error)
{
    struct objects *objects = argument;

    (void)bytes;
    (void)error;
    if (strncmp(name, "checkpoint-", 11) == 0) {
        objects->manifests++;
        if (strcmp(name, objects->last_manifest) > 0)
            (void)strcpy(objects->last_manifest, name);
    } else if (strstr(name, ".batch") != NULL || strstr(name, ".pack") != NULL) {
        objects->batches++;
        (void)strcpy(objects->last_batches, name);
    } else
        objects->others++;
    return SPINE_OK;
}

/* What is on the disk. */
static inline struct objects
world_objects(const struct world *world)
{
    struct objects objects = {0};

    assert_int_equal(world->disk.list(world->disk.context, note_object, &objects, NULL),
                     SPINE_OK);
    return objects;
}

#endif
