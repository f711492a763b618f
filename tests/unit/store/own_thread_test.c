/* SPDX-License-Identifier: MIT */

/*
 * A file that a thread of its own writes is the one that would have been written by who
 * appends; a write that fails is told; and whoever ends the writer ends the thread.
 */

#include "unit/store/file_fixture.h"

#include "base/thread.h"
#include "spine/fault.h"

#include <time.h>

#define BLOCKS 2000u

/* What the backend has seen. */
struct seen {
    uint64_t caller;
    atomic_uint_least64_t writes;
    atomic_bool by_caller;
    /* This write fails; UINT64_MAX: none does. */
    uint64_t fails_at;
    /* Operations of this kind fail, unless it is a write. */
    enum spine_operation failing;
};

static void
on_operation(void *argument, enum spine_operation operation, const char *name,
             uint64_t offset, size_t size, struct spine_fault *fault)
{
    struct seen *seen = argument;

    (void)name;
    (void)offset;
    (void)size;
    if (operation == seen->failing && operation != SPINE_OPERATION_WRITE)
        fault->status = SPINE_IO;
    if (operation != SPINE_OPERATION_WRITE)
        return;
    if (thread_number() == seen->caller)
        seen->by_caller = true;
    if (atomic_fetch_add(&seen->writes, 1) == seen->fails_at)
        fault->status = SPINE_IO;
}

static struct spine_store *
open_seen(struct seen *seen)
{
    const struct spine_store_options options = {.compression = SPINE_COMPRESSION_LZ4};
    struct spine_backend memory, backend;
    struct spine_store *store;

    *seen = (struct seen){.caller = thread_number(),
                          .fails_at = UINT64_MAX,
                          .failing = SPINE_OPERATION_WRITE};
    assert_int_equal(spine_memory_backend(&memory, NULL), SPINE_OK);
    assert_int_equal(spine_fault_backend(&memory, on_operation, seen, &backend, NULL),
                     SPINE_OK);
    assert_int_equal(spine_store_open(&backend, &options, &store, NULL), SPINE_OK);
    return store;
}

static enum spine_status
write_apart(struct spine_store *store, struct store_file **out, struct spine_error *error)
{
    const struct store_waiter own = {.by_own_thread = true};
    struct store_writer *writer;

    *out = NULL;
    if (store_writer_new_behind(store, &own, &writer, error) != SPINE_OK)
        return error->status;
    return fill_file(writer, BLOCKS, 3, out, error);
}

static enum spine_status
count_object(void *argument, const char *name, uint64_t bytes, struct spine_error *error)
{
    (void)name;
    (void)bytes;
    (void)error;
    ++*(size_t *)argument;
    return SPINE_OK;
}

static size_t
objects_in(struct spine_store *store)
{
    size_t count = 0;

    assert_int_equal(store_list(store, count_object, &count, NULL), SPINE_OK);
    return count;
}

static void
it_writes_what_is_appended(void **state)
{
    struct spine_error error = {0};
    struct store_counts counts;
    struct spine_store *store;
    struct store_file *file;
    struct seen seen;

    (void)state;
    store = open_seen(&seen);
    assert_int_equal(write_apart(store, &file, &error), SPINE_OK);
    assert_true(seen.writes > 5);
    store_counts(store, &counts);
    assert_int_equal(counts.writes, seen.writes);
    assert_int_equal(counts.write_bytes, file->footer.file_bytes);
    assert_int_equal(read_file(file, &error), SPINE_OK);
    assert_int_equal(store_file_verify(file, NULL, NULL, &error), SPINE_OK);
    store_file_unref(file);
    spine_store_close(store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* The thread writes what there is while its owner does something else; and there is none
 * for less than a first write. */
static void
it_writes_while_the_owner_does_not(void **state)
{
    const struct store_waiter own = {.by_own_thread = true};
    const struct timespec pause = {.tv_nsec = 1000000};
    uint8_t bytes[IMAGE_BYTES_MAX];
    struct store_writer *writer;
    struct spine_error error = {0};
    struct spine_store *store;
    struct store_file *file;
    struct seen seen;
    uint32_t blocks = 0;

    (void)state;
    store = open_seen(&seen);
    assert_int_equal(store_writer_new_behind(store, &own, &writer, &error), SPINE_OK);
    for (; store_writer_bytes(writer) < STORE_FIRST_BYTES; blocks++) {
        assert_int_equal(seen.writes, 0);
        assert_int_equal(
            store_writer_block(writer, bytes, image_of(blocks, bytes), true, &error),
            SPINE_OK);
    }
    for (unsigned i = 0; i < 20000 && seen.writes == 0; i++)
        (void)nanosleep(&pause, NULL);
    assert_int_equal(seen.writes, 1);
    assert_false(seen.by_caller);
    assert_int_equal(store_writer_finish(writer, &file, &error), SPINE_OK);
    store_file_unref(file);

    seen.writes = 0;
    assert_int_equal(store_writer_new_behind(store, &own, &writer, &error), SPINE_OK);
    assert_int_equal(store_writer_block(writer, bytes, image_of(0, bytes), true, &error),
                     SPINE_OK);
    assert_int_equal(store_writer_finish(writer, &file, &error), SPINE_OK);
    assert_int_equal(seen.writes, 1);
    assert_true(seen.by_caller);
    store_file_unref(file);
    spine_store_close(store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
each_write_may_fail(void **state)
{
    struct spine_error error = {0};
    struct spine_store *store;
    struct store_file *file;
    struct seen seen;
    uint64_t writes;

    (void)state;
    store = open_seen(&seen);
    assert_int_equal(write_apart(store, &file, &error), SPINE_OK);
    store_file_unref(file);
    writes = seen.writes;
    for (uint64_t at = 0; at < writes; at++) {
        seen.writes = 0;
        seen.fails_at = at;
        error.message[0] = 0;
        assert_int_equal(write_apart(store, &file, &error), SPINE_IO);
        assert_true(error.message[0] != 0);
        assert_null(file);
        /* What came behind it was not tried. */
        assert_int_equal(seen.writes, at + 1);
        assert_int_equal(objects_in(store), 0);
    }
    spine_store_close(store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* What begins the object, what ends it, and what opens it then. */
static void
all_else_may_fail(void **state)
{
    static const enum spine_operation kinds[] = {
        SPINE_OPERATION_CREATE, SPINE_OPERATION_FINISH, SPINE_OPERATION_OPEN};
    struct spine_error error = {0};
    struct spine_store *store;
    struct store_file *file;
    struct seen seen;

    (void)state;
    store = open_seen(&seen);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        seen.failing = kinds[i];
        error.message[0] = 0;
        assert_int_equal(write_apart(store, &file, &error), SPINE_IO);
        assert_true(error.message[0] != 0);
        assert_null(file);
        assert_int_equal(objects_in(store), 0);
    }
    spine_store_close(store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
it_ends_with_its_writer(void **state)
{
    const struct store_waiter own = {.by_own_thread = true};
    static const uint32_t blocks[] = {0, 1, 300, BLOCKS};
    uint8_t bytes[IMAGE_BYTES_MAX];
    struct spine_error error = {0};
    struct spine_store *store;
    struct seen seen;

    (void)state;
    store = open_seen(&seen);
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        struct store_writer *writer;

        assert_int_equal(store_writer_new_behind(store, &own, &writer, &error), SPINE_OK);
        for (uint32_t block = 0; block < blocks[i]; block++)
            assert_int_equal(
                store_writer_block(writer, bytes, image_of(block, bytes), true, &error),
                SPINE_OK);
        store_writer_abort(writer);
        assert_int_equal(objects_in(store), 0);
    }
    spine_store_close(store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_writes_what_is_appended),
        cmocka_unit_test(it_writes_while_the_owner_does_not),
        cmocka_unit_test(each_write_may_fail),
        cmocka_unit_test(all_else_may_fail),
        cmocka_unit_test(it_ends_with_its_writer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
