/* SPDX-License-Identifier: MIT */
#include "unit/store/file_fixture.h"

#include "harness/fault_alloc.h"
#include "spine/fault.h"

#define FILES 5u

static const uint32_t blocks_of[FILES] = {1, 0, 300, 7, 2};

/* A pack of some files, which are not open to anybody else yet. */
static enum spine_status
write_pack(struct spine_store *store, struct store_file *files[FILES],
           struct spine_error *error)
{
    struct store_pack *pack;
    enum spine_status st = store_pack_new(store, NULL, &pack, error);

    for (unsigned i = 0; i < FILES; i++)
        files[i] = NULL;
    for (unsigned i = 0; st == SPINE_OK && i < FILES; i++) {
        struct store_writer *writer;

        st = store_writer_new_in(pack, &writer, error);
        if (st == SPINE_OK)
            st = fill_file(writer, blocks_of[i], i, &files[i], error);
        if (st != SPINE_OK)
            store_pack_abort(pack);
    }
    if (st == SPINE_OK) {
        st = store_pack_end(pack, error);
        if (st == SPINE_OK)
            st = store_pack_finish(pack, error);
        else
            store_pack_abort(pack);
    }
    for (unsigned i = 0; st != SPINE_OK && i < FILES; i++) {
        store_file_unref(files[i]);
        files[i] = NULL;
    }
    return st;
}

static void
files_of_a_pack_are_files(void **state)
{
    struct spine_store *store = open_store(SPINE_COMPRESSION_LZ4);
    struct store_file *files[FILES], *again;
    struct store_object *object;
    struct store_counts counts;
    struct spine_error error = {0};
    char name[SPINE_NAME_MAX + 1];

    (void)state;
    assert_int_equal(write_pack(store, files, &error), SPINE_OK);
    store_counts(store, &counts);
    assert_int_equal(counts.files, 1);
    strcpy(name, files[0]->object->name);
    assert_true(spine_name_is_valid(name));
    assert_non_null(strstr(name, STORE_PACK_ENDING));
    for (unsigned i = 0; i < FILES; i++) {
        assert_int_equal(files[i]->base % FILE_PART_ALIGNMENT, 0);
        assert_ptr_equal(files[i]->object, files[0]->object);
        assert_int_equal(read_file(files[i], &error), SPINE_OK);
        assert_int_equal(store_file_verify(files[i], NULL, NULL, &error), SPINE_OK);
    }
    /* By its name and place; it is the object that is there already. */
    assert_int_equal(store_object_open(store, name, &object, &error), SPINE_OK);
    assert_ptr_equal(object, files[0]->object);
    for (unsigned i = 0; i < FILES; i++) {
        assert_int_equal(store_file_in_object(object, files[i]->base,
                                              files[i]->footer.file_bytes, &again,
                                              &error),
                         SPINE_OK);
        assert_int_equal(again->table.block_count, blocks_of[i]);
        assert_int_equal(read_file(again, &error), SPINE_OK);
        store_file_unref(again);
    }
    assert_int_equal(store_file_in_object(object, files[1]->base + 64,
                                          files[1]->footer.file_bytes, &again, &error),
                     SPINE_CORRUPT);
    assert_non_null(strstr(error.message, name));
    assert_int_equal(store_file_in_object(object, object->bytes, 1, &again, &error),
                     SPINE_CORRUPT);
    assert_int_equal(store_file_in_object(object, 64, UINT64_MAX, &again, &error),
                     SPINE_CORRUPT);

    /* It goes with the last of them. */
    assert_true(store_object_is_used(store, name, true));
    store_object_unref(object);
    for (unsigned i = 0; i < FILES; i++) {
        assert_true(store_object_is_used(store, name, false));
        store_file_unref(files[i]);
    }
    assert_false(store_object_is_used(store, name, false));
    assert_int_equal(store_object_open(store, name, &object, &error), SPINE_NOT_FOUND);
    spine_store_close(store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* What is done to reads of one byte of an object. */
struct bad_byte {
    uint64_t offset;
    bool fails; /* the read does; otherwise a bit is another one */
};

static void
spoil_byte(void *argument, enum spine_operation operation, const char *name,
           uint64_t offset, size_t size, struct spine_fault *fault)
{
    const struct bad_byte *bad = argument;

    (void)name;
    if (operation != SPINE_OPERATION_READ_AT || bad->offset < offset ||
        bad->offset >= offset + size)
        return;
    if (bad->fails)
        fault->status = SPINE_IO;
    else
        fault->flip_bit = 8 * (bad->offset - offset) + 1;
}

/* The zeros behind the last file, too. */
static void
every_byte_of_a_pack_is_verified(void **state)
{
    const struct spine_store_options options = {.compression = SPINE_COMPRESSION_LZ4};
    struct bad_byte bad = {.offset = UINT64_MAX};
    struct spine_backend inner, backend;
    struct spine_store *store;
    struct store_file *files[FILES], *last;
    uint64_t end;

    (void)state;
    assert_int_equal(spine_memory_backend(&inner, NULL), SPINE_OK);
    assert_int_equal(spine_fault_backend(&inner, spoil_byte, &bad, &backend, NULL),
                     SPINE_OK);
    assert_int_equal(spine_store_open(&backend, &options, &store, NULL), SPINE_OK);
    assert_int_equal(write_pack(store, files, NULL), SPINE_OK);
    last = files[FILES - 1];
    end = last->base + last->footer.file_bytes;
    assert_true(end + FILE_PART_ALIGNMENT < last->object->bytes);
    for (unsigned fails = 0; fails < 2; fails++)
        for (bad.offset = end; bad.offset < last->object->bytes; bad.offset++) {
            struct spine_error error = {0};

            bad.fails = fails > 0;
            assert_int_equal(store_file_verify(last, NULL, NULL, &error),
                             fails > 0 ? SPINE_IO : SPINE_CORRUPT);
            assert_non_null(strstr(error.message, last->object->name));
        }
    bad.offset = UINT64_MAX;
    for (unsigned i = 0; i < FILES; i++) {
        assert_int_equal(store_file_verify(files[i], NULL, NULL, NULL), SPINE_OK);
        store_file_unref(files[i]);
    }
    spine_store_close(store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* Fails the operation of a number. */
struct nth {
    unsigned left;
    enum spine_operation only; /* of this kind; LIST: of any */
};

static void
fail_nth(void *argument, enum spine_operation operation, const char *name,
         uint64_t offset, size_t size, struct spine_fault *fault)
{
    struct nth *nth = argument;

    (void)name;
    (void)offset;
    (void)size;
    if (nth->only != SPINE_OPERATION_LIST && operation != nth->only)
        return;
    if (nth->left > 0 && --nth->left == 0)
        fault->status = SPINE_IO;
}

static struct spine_store *
open_faulty(struct nth *nth)
{
    struct spine_backend inner, backend;
    struct spine_store *store;

    assert_int_equal(spine_memory_backend(&inner, NULL), SPINE_OK);
    assert_int_equal(spine_fault_backend(&inner, fail_nth, nth, &backend, NULL),
                     SPINE_OK);
    assert_int_equal(spine_store_open(&backend, NULL, &store, NULL), SPINE_OK);
    return store;
}

static void
a_pack_that_fails_leaves_nothing(void **state)
{
    unsigned failed = 0;

    (void)state;
    for (unsigned n = 1; n == failed + 1; n++) {
        struct nth nth = {.left = 0, .only = SPINE_OPERATION_LIST};
        struct spine_store *store = open_faulty(&nth);
        struct store_file *files[FILES];
        struct store_counts counts;

        nth.left = n;
        if (write_pack(store, files, NULL) != SPINE_OK)
            failed++;
        nth.left = 0;
        for (unsigned i = 0; i < FILES; i++)
            store_file_unref(files[i]);
        store_counts(store, &counts);
        assert_int_equal(counts.files, 0);
        spine_store_close(store);
        assert_int_equal(spine_allocated_bytes(), 0);
    }
    assert_true(failed >= 3);
}

static void
what_could_not_be_synced_stays_suspect(void **state)
{
    struct nth nth = {.left = 0, .only = SPINE_OPERATION_SYNC};
    struct spine_store *store = open_faulty(&nth);
    struct spine_error error = {0};
    struct store_file *good, *bad;
    struct store_counts counts;

    (void)state;
    assert_int_equal(write_file(store, 3, 1, &good, NULL), SPINE_OK);
    assert_int_equal(write_file(store, 3, 1, &bad, NULL), SPINE_OK);
    assert_int_equal(store_object_state(good->object), OBJECT_WRITTEN);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(store_object_sync(good->object, &error), SPINE_OK);
    assert_int_equal(store_object_state(good->object), OBJECT_DURABLE);
    nth.left = 1;
    assert_int_equal(store_object_sync(bad->object, &error), SPINE_IO);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(store_object_sync(bad->object, &error), SPINE_IO);
    assert_non_null(strstr(error.message, bad->object->name));
    assert_int_equal(store_object_state(bad->object), OBJECT_SUSPECT);
    /* Neither was asked of the backend twice. */
    store_counts(store, &counts);
    assert_int_equal(counts.syncs, 2);
    store_file_unref(good);
    store_file_unref(bad);
    spine_store_close(store);
    assert_int_equal(spine_allocated_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_a_pack_are_files),
        cmocka_unit_test(every_byte_of_a_pack_is_verified),
        cmocka_unit_test(a_pack_that_fails_leaves_nothing),
        cmocka_unit_test(what_could_not_be_synced_stays_suspect),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
