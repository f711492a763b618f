/* SPDX-License-Identifier: MIT */

/*
 * What is kept of checkpoints beyond them: a sync that fails costs the room of one copy,
 * however often it fails; a store that was closed is closed, though a spine was copied to
 * it; and one manifest that is lost does not hide the others.
 */

#include "unit/checkpoint/checkpoint_fixture.h"

#include <stdlib.h>
#include <unistd.h>

static void
fail_syncs(void *argument, enum spine_operation operation, const char *name,
           uint64_t offset, size_t size, struct spine_fault *fault)
{
    const enum spine_operation *failing = argument;

    (void)name;
    (void)offset;
    (void)size;
    if (operation == *failing)
        fault->status = SPINE_IO;
}

/* Of bytes, or of names. */
static void
syncs_leave_one_copy(enum spine_operation failing)
{
    struct spine_checkpoint_info info;
    struct spine_sweep_info swept;
    struct world world;
    struct rng rng;

    rng_init(&rng, 41);
    world_init(&world, &rng, 1);
    world_insert(&world, 0, 3000);
    (void)spine_runtime_run(world.runtime, UINT64_MAX);
    world.on_operation = fail_syncs;
    world.fault_argument = &failing;
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(world_checkpoint(&world, NULL, NULL), SPINE_IO);
        assert_int_equal(world_objects(&world).batches, 1);
    }
    world.on_operation = NULL;
    assert_int_equal(world_checkpoint(&world, &info, NULL), SPINE_OK);
    assert_int_equal(info.files, 1);
    assert_int_equal(world_objects(&world).batches, 2);
    /* What is durable is not written again. */
    assert_int_equal(world_checkpoint(&world, &info, NULL), SPINE_OK);
    assert_int_equal(info.files, 0);
    world_close(&world);
    world_open(&world);
    assert_int_equal(spine_store_sweep(world.store, NULL, &swept, NULL), SPINE_OK);
    assert_int_equal(world_objects(&world).batches, 1);
    assert_int_equal(world_restore(&world, 0, NULL), SPINE_OK);
    assert_true(world_holds(&world, world.models));
    world_release(&world);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
test_failed_syncs_leave_one_copy(void **state)
{
    (void)state;
    syncs_leave_one_copy(SPINE_OPERATION_SYNC);
    syncs_leave_one_copy(SPINE_OPERATION_SYNC_NAMES);
}

/* A directory is locked as long as it is open. */
static void
test_a_store_with_copies_closes(void **state)
{
    char path[] = "/tmp/spine-copies-XXXXXX", command[64];
    struct spine_checkpoint_item item = {.name = "it"};
    struct world world;
    struct rng rng;
    size_t bytes = 0;

    (void)state;
    rng_init(&rng, 42);
    world_init(&world, &rng, 1);
    assert_non_null(mkdtemp(path));
    world_insert(&world, 0, 3000);
    item.spine = world.spines[0];
    assert_int_equal(world_checkpoint(&world, NULL, NULL), SPINE_OK);
    for (unsigned i = 0; i < 3; i++) {
        struct spine_checkpoint_info info;
        struct spine_error error = {0};
        struct spine_backend backend;
        struct spine_store *store;

        if (spine_directory_backend(path, NULL, &backend, &error) != SPINE_OK)
            fail_msg("time %u: %s", i, error.message);
        assert_int_equal(spine_store_open(&backend, NULL, &store, NULL), SPINE_OK);
        assert_int_equal(spine_checkpoint(store, &item, 1, NULL, &info, NULL), SPINE_OK);
        assert_int_equal(info.files, 1);
        assert_int_equal(spine_checkpoint(store, &item, 1, NULL, &info, NULL), SPINE_OK);
        assert_int_equal(info.files, 0);
        spine_store_close(store);
        /* Nor does the spine remember each of them. */
        assert_true(i == 0 || spine_allocated_bytes() == bytes);
        bytes = spine_allocated_bytes();
    }
    assert_true(world_holds(&world, world.models));
    world_release(&world);
    (void)snprintf(command, sizeof command, "rm -r %s", path);
    assert_int_equal(system(command), 0);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* The newest one is whole: it is taken, and more are made; only nothing is removed. */
static void
test_an_older_manifest_is_missed(void **state)
{
    struct spine_checkpoint_info info;
    struct spine_error error = {0};
    struct world world;
    struct rng rng;
    char name[SPINE_NAME_MAX + 1];

    (void)state;
    rng_init(&rng, 43);
    world_init(&world, &rng, 1);
    for (unsigned i = 0; i < 2; i++) {
        world_insert(&world, 0, 500);
        assert_int_equal(world_checkpoint(&world, NULL, NULL), SPINE_OK);
    }
    world_close(&world);
    (void)snprintf(name, sizeof name, "checkpoint-%020u.json", 1u);
    assert_int_equal(world.disk.remove(world.disk.context, name, NULL), SPINE_OK);
    world_open(&world);
    assert_int_equal(world_restore(&world, 0, &error), SPINE_OK);
    assert_true(world_holds(&world, world.models));
    assert_int_equal(spine_store_sweep(world.store, NULL, NULL, &error), SPINE_CORRUPT);
    assert_non_null(strstr(error.message, "checkpoint 1 was acknowledged"));
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(world_checkpoint(&world, &info, NULL), SPINE_OK);
        assert_int_equal(info.removal, SPINE_CORRUPT);
    }
    assert_int_equal(world_objects(&world).manifests, 3);
    assert_int_equal(spine_checkpoint_remove(world.store, 1, NULL), SPINE_OK);
    assert_int_equal(world_checkpoint(&world, &info, NULL), SPINE_OK);
    assert_int_equal(info.removal, SPINE_OK);
    assert_int_equal(world_objects(&world).manifests, 2);
    world_release(&world);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
fail_put(void *argument, enum spine_operation operation, const char *name,
         uint64_t offset, size_t size, struct spine_fault *fault)
{
    (void)argument;
    (void)name;
    (void)offset;
    (void)size;
    if (operation == SPINE_OPERATION_PUT_NEW)
        fault->status = SPINE_IO;
}

/* Of the only one that is kept nobody loses sight before there is another. */
static void
test_the_only_one_has_its_receipt(void **state)
{
    const struct spine_checkpoint_options options = {.keep = 1};
    struct spine_checkpoint_item item = {.name = "it"};
    struct spine_checkpoint_info info;
    struct world world;
    struct rng rng;

    (void)state;
    rng_init(&rng, 44);
    world_init(&world, &rng, 1);
    world_insert(&world, 0, 500);
    item.spine = world.spines[0];
    assert_int_equal(spine_checkpoint(world.store, &item, 1, &options, &info, NULL),
                     SPINE_OK);
    world.on_operation = fail_put;
    assert_int_equal(spine_checkpoint(world.store, &item, 1, &options, &info, NULL),
                     SPINE_IO);
    world.on_operation = NULL;
    assert_int_equal(world_objects(&world).manifests, 1);
    assert_int_equal(world_objects(&world).others, 1);
    assert_int_equal(spine_checkpoint(world.store, &item, 1, &options, &info, NULL),
                     SPINE_OK);
    assert_int_equal(info.removal, SPINE_OK);
    assert_int_equal(world_objects(&world).manifests, 1);
    assert_int_equal(world_objects(&world).others, 1);
    world_release(&world);
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failed_syncs_leave_one_copy),
        cmocka_unit_test(test_a_store_with_copies_closes),
        cmocka_unit_test(test_an_older_manifest_is_missed),
        cmocka_unit_test(test_the_only_one_has_its_receipt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
