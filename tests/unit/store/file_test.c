/* SPDX-License-Identifier: MIT */
#include "unit/store/file_fixture.h"

#include "harness/fault_alloc.h"
#include "spine/fault.h"

static void
a_file_is_read_as_it_was_written(void **state)
{
    static const uint32_t blocks[] = {0, 1, 2, 50, 300};

    (void)state;
    for (unsigned compression = 0; compression <= SPINE_COMPRESSION_NONE; compression++)
        for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
            struct spine_store *store = open_store(compression);
            struct spine_error error = {0};
            struct store_file *written, *opened;
            unsigned compressed = 0;

            assert_int_equal(
                write_file(store, blocks[i], (uint32_t)(i % 3) * 3, &written, &error),
                SPINE_OK);
            assert_int_equal(written->table.block_count, blocks[i]);
            assert_int_equal(read_file(written, &error), SPINE_OK);
            assert_int_equal(store_file_verify(written, NULL, NULL, &error), SPINE_OK);
            for (uint32_t b = 0; b < blocks[i]; b++)
                compressed += written->table.blocks[b].codec != CODEC_NONE;
            assert_true(compression == SPINE_COMPRESSION_NONE || blocks[i] < 2
                            ? compressed <= 1
                            : compressed > blocks[i] / 4);

            store_object_keep(written->object, true);
            assert_int_equal(store_file_open(store, written->name, &opened, &error),
                             SPINE_OK);
            assert_memory_equal(&opened->footer, &written->footer, sizeof opened->footer);
            store_file_unref(written);
            assert_int_equal(read_file(opened, &error), SPINE_OK);
            assert_int_equal(store_file_verify(opened, NULL, NULL, &error), SPINE_OK);
            store_file_unref(opened);
            spine_store_close(store);
            assert_int_equal(spine_allocated_bytes(), 0);
        }
}

static void
extents_cover_all_blocks(void **state)
{
    struct spine_store *store = open_store(SPINE_COMPRESSION_LZ4);
    static const uint64_t most[] = {0, 1, 10000, 100000, UINT64_MAX};
    struct store_file *file;

    (void)state;
    assert_int_equal(write_file(store, 40, 1, &file, NULL), SPINE_OK);
    for (size_t m = 0; m < sizeof most / sizeof most[0]; m++)
        for (uint32_t index = 0, count; index < 40; index += count) {
            uint8_t expected[IMAGE_BYTES_MAX], image[IMAGE_BYTES_MAX];
            uint64_t offset;
            size_t bytes;
            uint8_t *extent;

            count = store_file_extent(file, index, 40, most[m], &offset, &bytes);
            assert_true(count == 1 || bytes <= most[m]);
            /* A filter that lies between blocks is not read with them. */
            assert_true(index + count <= 40 &&
                        index / FILTER_BLOCKS == (index + count - 1) / FILTER_BLOCKS);
            assert_true(most[m] != UINT64_MAX || index + count == 40 ||
                        (index + count) % FILTER_BLOCKS == 0);
            assert_true(most[m] > 1 || count == 1);
            extent = test_malloc(bytes);
            assert_int_equal(store_file_read_extent(file, offset, extent, bytes, NULL),
                             SPINE_OK);
            for (uint32_t i = index; i < index + count; i++) {
                const struct file_block *block = &file->table.blocks[i];

                assert_int_equal(store_file_unpack(file, i,
                                                   extent + (block->offset - offset),
                                                   image, NULL),
                                 SPINE_OK);
                assert_int_equal(image_of(i, expected), block->image_bytes);
                assert_memory_equal(image, expected, block->image_bytes);
            }
            test_free(extent);
        }
    store_file_unref(file);
    spine_store_close(store);
}

static enum spine_status
count_objects(void *argument, const char *name, uint64_t bytes, struct spine_error *error)
{
    (void)name;
    (void)bytes;
    (void)error;
    ++*(unsigned *)argument;
    return SPINE_OK;
}

static unsigned
objects_of(const struct spine_backend *backend)
{
    unsigned objects = 0;

    assert_int_equal(backend->list(backend->context, count_objects, &objects, NULL),
                     SPINE_OK);
    return objects;
}

static void
a_file_goes_with_its_last_reference_unless_it_is_kept(void **state)
{
    struct spine_backend backend;
    struct store_counts counts;
    struct spine_store *store;
    struct store_file *file, *kept;

    (void)state;
    assert_int_equal(spine_memory_backend(&backend, NULL), SPINE_OK);
    assert_int_equal(spine_store_open(&backend, NULL, &store, NULL), SPINE_OK);
    assert_int_equal(write_file(store, 3, 1, &file, NULL), SPINE_OK);
    assert_int_equal(write_file(store, 4, 1, &kept, NULL), SPINE_OK);
    store_object_keep(kept->object, true);
    store_counts(store, &counts);
    assert_int_equal(counts.files, 2);
    assert_int_equal(counts.file_bytes,
                     file->footer.file_bytes + kept->footer.file_bytes);
    assert_int_equal(counts.write_bytes, counts.file_bytes);
    assert_int_equal(counts.writes, 2);

    (void)store_file_ref(file);
    store_file_unref(file);
    assert_int_equal(objects_of(&backend), 2);
    store_file_unref(file);
    assert_int_equal(objects_of(&backend), 1);
    spine_store_close(store);
    assert_int_equal(read_file(kept, NULL), SPINE_OK);
    assert_int_equal(objects_of(&backend), 1);
    store_file_unref(kept);
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
a_file_of_nothing_and_a_name_of_nobody(void **state)
{
    struct spine_store *store = open_store(SPINE_COMPRESSION_LZ4);
    struct spine_error error = {0};
    struct store_file *file;
    /* Too long. */
    char name[3 * SPINE_NAME_MAX] = "";

    (void)state;
    assert_int_equal(store_file_open(store, "nobody", &file, &error), SPINE_NOT_FOUND);
    assert_int_equal(store_file_open(store, "../a", &file, &error), SPINE_INVALID);
    memset(name, 'a', sizeof name - 1);
    assert_int_equal(store_file_open(store, name, &file, &error), SPINE_INVALID);
    assert_int_equal(check_bytes("nothing", NULL, 0, &error), SPINE_CORRUPT);
    assert_non_null(strstr(error.message, "nothing"));
    spine_store_close(store);
}

/* ---- errors on the way ---- */

struct plan {
    uint64_t calls;
    uint64_t fail_at; /* 0: never */
    bool forever;
};

static void
fail_nth(void *argument, enum spine_operation operation, const char *name,
         uint64_t offset, size_t size, struct spine_fault *fault)
{
    struct plan *plan = argument;

    (void)operation;
    (void)name;
    (void)offset;
    (void)size;
    plan->calls++;
    if (plan->fail_at > 0 &&
        (plan->calls == plan->fail_at || (plan->forever && plan->calls > plan->fail_at)))
        fault->status = SPINE_IO;
}

static void
every_operation_may_fail(void **state)
{
    uint64_t points = 0;

    (void)state;
    for (unsigned forever = 0; forever < 2; forever++)
        for (uint64_t nth = 1;; nth++) {
            struct plan plan = {.fail_at = nth, .forever = forever == 1};
            const struct spine_store_options options = {.keep_leftovers = true};
            struct spine_backend inner, backend;
            struct spine_error error = {0};
            struct spine_store *store;
            struct store_file *file;
            enum spine_status st;

            assert_int_equal(spine_memory_backend(&inner, NULL), SPINE_OK);
            assert_int_equal(spine_fault_backend(&inner, fail_nth, &plan, &backend, NULL),
                             SPINE_OK);
            assert_int_equal(spine_store_open(&backend, &options, &store, NULL),
                             SPINE_OK);
            st = write_file(store, 300, 3, &file, &error);
            if (st == SPINE_OK)
                st = read_file(file, &error);
            store_file_unref(file);
            if (plan.calls < nth) {
                assert_int_equal(st, SPINE_OK);
                spine_store_close(store);
                break;
            }
            points++;
            /* The removal of a file that nobody needs may fail: it is found later. */
            assert_true(st == SPINE_IO || plan.calls == nth);
            plan.fail_at = 0;
            assert_true(objects_of(&backend) <= 1);
            assert_true(objects_of(&backend) == 0 || st == SPINE_OK || forever == 1);
            spine_store_close(store);
            assert_int_equal(spine_allocated_bytes(), 0);
        }
    assert_true(points > 600);
}

static void
every_allocation_may_fail(void **state)
{
    uint64_t points = 0;

    (void)state;
    fault_alloc_install();
    for (uint64_t nth = 1;; nth++) {
        struct spine_store *store = open_store(SPINE_COMPRESSION_LZ4);
        struct spine_error error = {0};
        struct store_file *file, *opened = NULL;
        enum spine_status st;

        fault_alloc_arm(FAULT_ONCE, nth);
        st = write_file(store, 30, 3, &file, &error);
        if (st == SPINE_OK)
            st = store_file_open(store, file->name, &opened, &error);
        if (st == SPINE_OK)
            st = read_file(opened, &error);
        store_file_unref(opened);
        store_file_unref(file);
        if (!fault_alloc_disarm()) {
            assert_int_equal(st, SPINE_OK);
            spine_store_close(store);
            break;
        }
        points++;
        assert_int_equal(st, SPINE_NOMEM);
        assert_int_equal(error.status, SPINE_NOMEM);
        spine_store_close(store);
        assert_int_equal(spine_allocated_bytes(), 0);
    }
    fault_alloc_remove();
    assert_true(points > 20);
}

static void
a_backend_must_have_its_functions(void **state)
{
    struct spine_backend backend;
    struct spine_error error = {0};
    struct spine_store *store;

    (void)state;
    assert_int_equal(spine_memory_backend(&backend, NULL), SPINE_OK);
    struct spine_backend broken = backend;
    broken.sync_names = NULL;
    assert_int_equal(spine_store_open(&broken, NULL, &store, &error), SPINE_INVALID);
    assert_non_null(strstr(error.message, "sync_names"));
    assert_null(store);
    /* Both steps of a put, or neither. */
    broken = backend;
    broken.put_publish = NULL;
    assert_int_equal(spine_store_open(&broken, NULL, &store, &error), SPINE_INVALID);
    assert_non_null(strstr(error.message, "put_publish"));
    broken.put_prepare = NULL;
    assert_int_equal(spine_store_open(&broken, NULL, &store, &error), SPINE_INVALID);
    assert_non_null(strstr(error.message, "put_prepare"));
    broken.put_discard = NULL;
    assert_int_equal(spine_store_open(&broken, NULL, &store, &error), SPINE_OK);
    spine_store_close(store);
    assert_int_equal(spine_memory_backend(&backend, NULL), SPINE_OK);
    assert_int_equal(spine_store_open(NULL, NULL, &store, &error), SPINE_INVALID);
    assert_int_equal(spine_store_open(&backend, NULL, NULL, &error), SPINE_INVALID);
    const struct spine_store_options unknown = {.compression = (enum spine_compression)9};
    assert_int_equal(spine_store_open(&backend, &unknown, &store, &error), SPINE_INVALID);
    spine_backend_release(&backend);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_as_it_was_written),
        cmocka_unit_test(extents_cover_all_blocks),
        cmocka_unit_test(a_file_goes_with_its_last_reference_unless_it_is_kept),
        cmocka_unit_test(a_file_of_nothing_and_a_name_of_nobody),
        cmocka_unit_test(every_operation_may_fail),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(a_backend_must_have_its_functions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
