/* SPDX-License-Identifier: MIT */

/*
 * A checkpoint that is copied to another store is restored there exactly; whatever fails
 * on the way, and wherever it stops, the other store has all of it or no checkpoint.
 */

#include "unit/checkpoint/checkpoint_fixture.h"

#include "checkpoint/checkpoint.h"
#include "harness/fault_alloc.h"

/* Operation number `at` fails, and from then on all do: a disk that is gone. */
struct failure {
    uint64_t at;
    uint64_t count;
};

static void
fail_from(void *argument, enum spine_operation operation, const char *name,
          uint64_t offset, size_t size, struct spine_fault *fault)
{
    struct failure *failure = argument;

    (void)operation;
    (void)name;
    (void)offset;
    (void)size;
    if (failure->count++ >= failure->at)
        fault->status = SPINE_IO;
}

/* The copy of checkpoint `sequence` on `disk`, which is lent. */
static enum spine_status
export_to(struct world *world, uint64_t sequence, const struct spine_backend *disk,
          struct failure *failure, struct export_info *info, struct spine_error *error)
{
    const struct spine_store_options options = {.keep_leftovers = true};
    struct spine_backend lent = *disk, backend;
    struct spine_store *store;
    enum spine_status st;

    lent.release = NULL;
    assert_int_equal(spine_fault_backend(&lent, fail_from, failure, &backend, NULL),
                     SPINE_OK);
    assert_int_equal(spine_store_open(&backend, &options, &store, NULL), SPINE_OK);
    failure->count = 0;
    st = checkpoint_export(world->store, sequence, store, NULL, info, error);
    spine_store_close(store);
    return st;
}

/* What was told of the progress of a copy. */
struct told {
    const char *what;
    uint64_t done, all;
    unsigned phases;
};

static void
note_progress(void *context, const char *what, uint64_t done, uint64_t all)
{
    struct told *told = context;

    if (what != told->what) {
        /* What came before has come to its end. */
        assert_int_equal(told->done, told->all);
        told->phases++;
        told->done = 0;
    } else
        assert_int_equal(told->all, all);
    assert_in_range(done, told->done, all);
    told->what = what;
    told->done = done;
    told->all = all;
}

/* All bytes are told of, first as copied, then as verified. */
static void
test_progress_is_told(void **state)
{
    struct told told = {0};
    const struct export_progress progress = {.on_progress = note_progress,
                                             .context = &told};
    const struct spine_store_options options = {.keep_leftovers = true};
    struct spine_backend backend;
    struct export_info info;
    struct spine_store *to;
    struct world world;
    struct rng rng;

    (void)state;
    rng_init(&rng, 46);
    world_init(&world, &rng, 2);
    for (unsigned i = 0; i < 2; i++)
        world_insert(&world, i, 5000);
    assert_int_equal(world_checkpoint(&world, NULL, NULL), SPINE_OK);
    assert_int_equal(spine_memory_backend(&backend, NULL), SPINE_OK);
    assert_int_equal(spine_store_open(&backend, &options, &to, NULL), SPINE_OK);
    assert_int_equal(checkpoint_export(world.store, 0, to, &progress, &info, NULL),
                     SPINE_OK);
    assert_int_equal(told.phases, 2);
    assert_in_range(told.done, 1, info.bytes);
    spine_store_close(to);
    world_release(&world);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* What the models say is on the disk. */
static bool
restores(const struct world *world, const struct spine_backend *disk)
{
    struct world other = {.count = world->count};
    struct spine_error error = {0};
    bool holds;

    other.disk = *disk;
    memcpy(other.names, world->names, sizeof other.names);
    world_open(&other);
    HOLDS_EQUAL(SPINE_OK, world_restore(&other, 0, &error));
    holds = world_holds(&other, world->models);
    world_close(&other);
    return holds;
}

static bool
copies_are_restored(struct rng *rng, size_t steps)
{
    struct failure none = {.at = UINT64_MAX};
    struct spine_error error = {0};
    struct export_info info;
    struct spine_backend disk;
    struct objects objects;
    struct world world;

    world_init(&world, rng, 1 + (unsigned)rng_below(rng, SPINES_MAX));
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < world.count; i++)
            world_insert(&world, i, 1 + rng_magnitude(rng, steps));
        HOLDS_EQUAL(SPINE_OK, world_checkpoint(&world, NULL, &error));
    }
    HOLDS_EQUAL(SPINE_OK, spine_memory_backend(&disk, NULL));
    HOLDS_EQUAL(SPINE_OK, export_to(&world, 0, &disk, &none, &info, &error));
    HOLDS_EQUAL(2, info.sequence);
    HOLDS_EQUAL(SPINE_OK,
                spine_memory_backend_crash(&disk, SPINE_CRASH_LOSES_ALL, 0, &error));
    objects = world_objects(&(struct world){.disk = disk});
    HOLDS_EQUAL(1, objects.manifests);
    HOLDS_EQUAL(1, objects.others);
    HOLDS_EQUAL(info.objects, objects.batches);
    HOLDS(restores(&world, &disk));
    HOLDS_EQUAL(SPINE_EXISTS, export_to(&world, 0, &disk, &none, &info, &error));
    spine_backend_release(&disk);
    world_release(&world);
    HOLDS_EQUAL(0, spine_allocated_bytes());
    return true;
}

static void
test_copies_are_restored(void **state)
{
    const struct property law = {"test_copies_are_restored", copies_are_restored, 20,
                                 20000};

    (void)state;
    assert_true(property_holds(&law));
}

/* Each operation in turn is the one at which the other disk goes away. */
static void
test_all_or_nothing(void **state)
{
    static const enum spine_crash crashes[] = {
        SPINE_CRASH_LOSES_ALL, SPINE_CRASH_KEEPS_ALL, SPINE_CRASH_LOSES_SOME};
    unsigned whole = 0, nothing = 0;
    enum spine_status st = SPINE_IO;
    struct spine_error error = {0};
    struct world world;
    struct rng rng;

    (void)state;
    rng_init(&rng, 21);
    world_init(&world, &rng, 2);
    world_insert(&world, 0, 3000);
    world_insert(&world, 1, 40);
    assert_int_equal(world_checkpoint(&world, NULL, &error), SPINE_OK);
    for (uint64_t at = 0; st != SPINE_OK; at++)
        for (unsigned i = 0; i < sizeof crashes / sizeof *crashes; i++) {
            struct failure failure = {.at = at};
            struct export_info info;
            struct spine_backend disk;

            assert_int_equal(spine_memory_backend(&disk, NULL), SPINE_OK);
            st = export_to(&world, 1, &disk, &failure, &info, &error);
            assert_true(st == SPINE_OK || st == SPINE_IO);
            assert_int_equal(spine_memory_backend_crash(&disk, crashes[i], at, NULL),
                             SPINE_OK);
            if (world_objects(&(struct world){.disk = disk}).manifests > 0) {
                assert_true(restores(&world, &disk));
                whole++;
            } else {
                assert_int_not_equal(st, SPINE_OK);
                nothing++;
            }
            spine_backend_release(&disk);
        }
    /* The last, and the one before, which only lacked the marker. */
    assert_true(whole >= 3 && nothing > 30);
    world_release(&world);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
test_damage_is_not_copied(void **state)
{
    struct failure none = {.at = UINT64_MAX};
    struct spine_error error = {0};
    struct export_info info;
    struct spine_backend disk;
    struct objects objects;
    struct world world;
    struct rng rng;

    (void)state;
    rng_init(&rng, 22);
    world_init(&world, &rng, 1);
    world_insert(&world, 0, 500);
    assert_int_equal(world_checkpoint(&world, NULL, &error), SPINE_OK);
    world_close(&world);
    objects = world_objects(&world);
    world.disk.remove(world.disk.context, objects.last_batches, NULL);
    assert_int_equal(
        world.disk.put_new(world.disk.context, objects.last_batches, "x", 1, NULL),
        SPINE_OK);
    world_open(&world);
    assert_int_equal(spine_memory_backend(&disk, NULL), SPINE_OK);
    assert_int_equal(export_to(&world, 0, &disk, &none, &info, &error), SPINE_CORRUPT);
    assert_non_null(strstr(error.message, objects.last_batches));
    assert_int_equal(export_to(&world, 5, &disk, &none, &info, &error), SPINE_NOT_FOUND);
    objects = world_objects(&(struct world){.disk = disk});
    assert_int_equal(objects.batches + objects.manifests + objects.others, 0);
    spine_backend_release(&disk);
    world_release(&world);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* Each allocation in turn is not there. */
static void
test_memory_runs_out(void **state)
{
    struct failure none = {.at = UINT64_MAX};
    enum spine_status st = SPINE_NOMEM;
    struct spine_error error = {0};
    struct world world;
    struct rng rng;
    uint64_t nth;

    (void)state;
    fault_alloc_install();
    rng_init(&rng, 23);
    world_init(&world, &rng, 2);
    world_insert(&world, 0, 300);
    world_insert(&world, 1, 40);
    assert_int_equal(world_checkpoint(&world, NULL, &error), SPINE_OK);
    for (nth = 1; st != SPINE_OK; nth++) {
        const struct spine_store_options options = {.keep_leftovers = true};
        struct spine_backend disk, lent, backend;
        struct spine_store *store;
        struct export_info info;
        struct objects objects;

        assert_int_equal(spine_memory_backend(&disk, NULL), SPINE_OK);
        lent = disk;
        lent.release = NULL;
        assert_int_equal(spine_fault_backend(&lent, fail_from, &none, &backend, NULL),
                         SPINE_OK);
        assert_int_equal(spine_store_open(&backend, &options, &store, NULL), SPINE_OK);
        fault_alloc_arm(FAULT_ONCE, nth);
        st = checkpoint_export(world.store, 1, store, NULL, &info, &error);
        assert_int_equal(st, fault_alloc_disarm() ? SPINE_NOMEM : SPINE_OK);
        spine_store_close(store);
        objects = world_objects(&(struct world){.disk = disk});
        if (objects.manifests > 0)
            assert_true(restores(&world, &disk));
        else
            assert_int_not_equal(st, SPINE_OK);
        spine_backend_release(&disk);
    }
    assert_true(nth > 20);
    world_release(&world);
    assert_int_equal(fault_alloc_live_blocks(), 0);
    fault_alloc_remove();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copies_are_restored),
        cmocka_unit_test(test_progress_is_told),
        cmocka_unit_test(test_all_or_nothing),
        cmocka_unit_test(test_damage_is_not_copied),
        cmocka_unit_test(test_memory_runs_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
