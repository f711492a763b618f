/* SPDX-License-Identifier: MIT */

/*
 * Objects of a store by their names: which names are of batches, small objects whole,
 * copies, the lock of checkpoints; and a backend that answers SPINE_BUSY, which means
 * something else inside the library, has failed.
 */

#include "spine/fault.h"
#include "spine/store.h"
#include "store/store_state.h"

#include "base/alloc.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define BATCH "0123456789abcdef0123456789abcdef.batch"

struct world {
    struct spine_store *store;
    /* What operations of this kind answer; SPINE_OK: what they do. */
    enum spine_operation operation;
    enum spine_status answer;
};

static void
on_operation(void *argument, enum spine_operation operation, const char *name,
             uint64_t offset, size_t size, struct spine_fault *fault)
{
    const struct world *world = argument;

    (void)name;
    (void)offset;
    (void)size;
    if (operation == world->operation)
        fault->status = world->answer;
}

static void
world_init(struct world *world)
{
    struct spine_backend memory, backend;

    *world = (struct world){0};
    assert_int_equal(spine_memory_backend(&memory, NULL), SPINE_OK);
    assert_int_equal(spine_fault_backend(&memory, on_operation, world, &backend, NULL),
                     SPINE_OK);
    assert_int_equal(spine_store_open(&backend, NULL, &world->store, NULL), SPINE_OK);
}

static void
world_release(struct world *world, struct world *other)
{
    spine_store_close(world->store);
    if (other != NULL)
        spine_store_close(other->store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
test_names_of_batches(void **state)
{
    static const char *const others[] = {
        "",
        ".batch",
        "0123456789abcdef0123456789abcde.batch",
        "0123456789abcdef0123456789abcdef0.batch",
        "0123456789ABCDEF0123456789abcdef.batch",
        "0123456789abcdef0123456789abcdef",
        "0123456789abcdef0123456789abcdef.batch2",
        "0123456789abcdef0123456789abcdef.packs",
        "x123456789abcdef0123456789abcdef.batch",
        "checkpoint-00000000000000000001.json",
    };

    (void)state;
    assert_true(store_name_is_of_batches(BATCH));
    assert_true(store_name_is_of_batches("ffffffffffffffff0000000000000000.pack"));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(store_name_is_of_batches(others[i]));
}

static void
test_small_objects(void **state)
{
    struct world world;
    void *data;
    size_t bytes;

    (void)state;
    world_init(&world);
    assert_int_equal(store_has(world.store, "a", NULL), SPINE_NOT_FOUND);
    assert_int_equal(store_put(world.store, "a", "text", 4, NULL), SPINE_OK);
    assert_int_equal(store_put_new(world.store, "a", "other", 5, NULL), SPINE_EXISTS);
    assert_int_equal(store_put_new(world.store, "empty", "", 0, NULL), SPINE_OK);
    assert_int_equal(store_has(world.store, "a", NULL), SPINE_OK);
    assert_int_equal(store_get(world.store, "a", 4, &data, &bytes, NULL), SPINE_OK);
    assert_int_equal(bytes, 4);
    assert_memory_equal(data, "text", 4);
    mem_free(data, bytes);
    /* What is larger than expected, or nothing, is not what was put. */
    assert_int_equal(store_get(world.store, "a", 3, &data, &bytes, NULL), SPINE_CORRUPT);
    assert_null(data);
    assert_int_equal(bytes, 0);
    assert_int_equal(store_get(world.store, "empty", 3, &data, &bytes, NULL),
                     SPINE_CORRUPT);
    assert_int_equal(store_remove(world.store, "a", NULL), SPINE_OK);
    assert_int_equal(store_remove(world.store, "a", NULL), SPINE_NOT_FOUND);
    assert_int_equal(store_get(world.store, "a", 3, &data, &bytes, NULL),
                     SPINE_NOT_FOUND);
    assert_int_equal(store_sync_names(world.store, NULL), SPINE_OK);
    world_release(&world, NULL);
}

/* With a backend that puts in two steps, and with one that does not. */
static void
test_objects_in_two_steps(void **state)
{
    (void)state;
    for (unsigned at_once = 0; at_once < 2; at_once++) {
        struct store_counts counts, before;
        struct store_put put = {0}, other, written;
        struct world world;

        world_init(&world);
        if (at_once) {
            world.store->backend.put_prepare = NULL;
            world.store->backend.put_publish = NULL;
            world.store->backend.put_discard = NULL;
        }
        store_put_discard(&put);
        store_counts(world.store, &before);
        assert_int_equal(store_put_prepare(world.store, "a", "text", 4, &put, NULL), 0);
        assert_int_equal(store_put_prepare(world.store, "b", "text", 4, &other, NULL), 0);
        assert_int_equal(store_put_write(world.store, "c", "text", 4, &written, NULL), 0);
        assert_int_equal(store_has(world.store, "a", NULL), SPINE_NOT_FOUND);
        assert_int_equal(store_has(world.store, "c", NULL), SPINE_NOT_FOUND);
        assert_int_equal(store_put_publish(&put, NULL), SPINE_OK);
        assert_null(put.store);
        store_put_discard(&put);
        store_put_discard(&other);
        store_put_discard(&written);
        assert_int_equal(store_has(world.store, "a", NULL), SPINE_OK);
        assert_int_equal(store_has(world.store, "b", NULL), SPINE_NOT_FOUND);
        assert_int_equal(store_has(world.store, "c", NULL), SPINE_NOT_FOUND);
        store_counts(world.store, &counts);
        /* Bytes of two objects, and the name of one; what is put at once is written when
         * it is published, and "b" was not. */
        assert_int_equal(counts.writes - before.writes, at_once ? 2 : 3);
        assert_int_equal(counts.write_bytes - before.write_bytes, at_once ? 8 : 12);
        assert_int_equal(counts.syncs - before.syncs, at_once ? 2 : 3);
        assert_int_equal(store_put_write(world.store, "c", "text", 4, &written, NULL), 0);
        assert_int_equal(store_put_publish(&written, NULL), SPINE_OK);
        assert_int_equal(store_has(world.store, "c", NULL), SPINE_OK);
        assert_int_equal(store_put_new(world.store, "a", "other", 5, NULL), SPINE_EXISTS);
        world_release(&world, NULL);
    }
}

static enum spine_status
count_name(void *argument, const char *name, uint64_t bytes, struct spine_error *error)
{
    unsigned *count = argument;

    (void)name;
    (void)bytes;
    (void)error;
    ++*count;
    return SPINE_OK;
}

/* The call that makes `operation` fail, with the message of the fault. */
static enum spine_status
call(struct world *world, enum spine_operation operation, struct spine_error *error)
{
    unsigned count = 0;
    size_t bytes;
    void *data;

    switch (operation) {
    case SPINE_OPERATION_LIST:
        return store_list(world->store, count_name, &count, error);
    case SPINE_OPERATION_OPEN:
        return store_has(world->store, BATCH, error);
    case SPINE_OPERATION_READ_AT:
        return store_get(world->store, BATCH, 100, &data, &bytes, error);
    case SPINE_OPERATION_CREATE:
    case SPINE_OPERATION_WRITE:
    case SPINE_OPERATION_FINISH:
        return store_put(world->store, "b", "text", 4, error);
    case SPINE_OPERATION_PUT_PREPARE:
    case SPINE_OPERATION_PUT_NEW:
        return store_put_new(world->store, "b", "text", 4, error);
    case SPINE_OPERATION_REMOVE:
        return store_remove(world->store, BATCH, error);
    default:
        return store_sync_names(world->store, error);
    }
}

static void
test_busy_is_no_answer(void **state)
{
    static const enum spine_operation operations[] = {
        SPINE_OPERATION_LIST,    SPINE_OPERATION_OPEN,        SPINE_OPERATION_READ_AT,
        SPINE_OPERATION_CREATE,  SPINE_OPERATION_WRITE,       SPINE_OPERATION_FINISH,
        SPINE_OPERATION_PUT_NEW, SPINE_OPERATION_PUT_PREPARE, SPINE_OPERATION_REMOVE};
    struct world world, other;

    (void)state;
    world_init(&world);
    world_init(&other);
    assert_int_equal(store_put(world.store, BATCH, "text", 4, NULL), SPINE_OK);
    world.answer = other.answer = SPINE_BUSY;
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        struct spine_error error = {0};

        world.operation = operations[i];
        assert_int_equal(call(&world, operations[i], &error), SPINE_IO);
        assert_int_equal(error.status, SPINE_IO);
    }
    /* Nor when an object is copied from one store to another. */
    for (size_t i = 1; i < 6; i++) {
        struct spine_error error = {0};
        const struct store_copying copying = {.from = world.store, .to = other.store};
        struct store_object *copy;

        world.operation = operations[i];
        other.operation = i < 3 ? SPINE_OPERATION_LIST : operations[i];
        assert_int_equal(store_copy(&copying, BATCH, 4, &copy, &error), SPINE_IO);
        assert_int_equal(error.status, SPINE_IO);
        assert_null(copy);
    }
    world_release(&world, &other);
}

static void
test_copies(void **state)
{
    struct world world, other;
    struct store_object *copy, *again;
    struct spine_error error = {0};
    void *data;
    size_t bytes;

    (void)state;
    world_init(&world);
    world_init(&other);
    const struct store_copying copying = {.from = world.store, .to = other.store};
    assert_int_equal(store_put(world.store, BATCH, "text", 4, NULL), SPINE_OK);
    assert_int_equal(store_copy(&copying, BATCH, 5, &copy, &error), SPINE_CORRUPT);
    assert_non_null(strstr(error.message, BATCH));
    assert_int_equal(store_copy(&copying, "b", 4, &copy, NULL), SPINE_NOT_FOUND);
    assert_int_equal(store_copy(&copying, BATCH, 4, &copy, NULL), SPINE_OK);
    assert_int_equal(copy->bytes, 4);
    assert_int_equal(store_copy(&copying, BATCH, 4, &again, NULL), SPINE_EXISTS);
    assert_int_equal(store_get(other.store, BATCH, 4, &data, &bytes, NULL), SPINE_OK);
    assert_memory_equal(data, "text", 4);
    mem_free(data, bytes);
    /* It is not kept, so it goes with its last reference. */
    store_object_unref(copy);
    assert_int_equal(store_has(other.store, BATCH, NULL), SPINE_NOT_FOUND);
    assert_int_equal(store_has(world.store, BATCH, NULL), SPINE_OK);
    world_release(&world, &other);
}

static void *
unlock(void *argument)
{
    store_checkpoints_unlock(argument);
    return NULL;
}

/* One at a time has the ledger, and another thread may give it back. */
static void
test_the_lock_of_checkpoints(void **state)
{
    struct world world;
    struct checkpoint_ledger *ledger;

    (void)state;
    world_init(&world);
    ledger = store_checkpoints_lock(world.store);
    assert_non_null(ledger);
    assert_null(store_checkpoints_try_lock(world.store));
    for (unsigned i = 0; i < 100; i++) {
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, unlock, world.store), 0);
        assert_ptr_equal(store_checkpoints_lock(world.store), ledger);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    store_checkpoints_unlock(world.store);
    assert_ptr_equal(store_checkpoints_try_lock(world.store), ledger);
    store_checkpoints_unlock(world.store);
    world_release(&world, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_batches),
        cmocka_unit_test(test_small_objects),
        cmocka_unit_test(test_objects_in_two_steps),
        cmocka_unit_test(test_busy_is_no_answer),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_the_lock_of_checkpoints),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
