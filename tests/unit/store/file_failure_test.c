/* SPDX-License-Identifier: MIT */

/*
 * Writing a batch file fails at every step, alone and in a pack; parts of a file that no
 * writer makes, with checksums that are right, are refused.
 *
 * The linker leads calls of object_sink_append() and file_id_new() here (--wrap).
 */

#include "unit/store/file_fixture.h"

#include "base/error.h"
#include "harness/fault_alloc.h"
#include "store/object_sink.h"

/* How many calls until one fails; 0: none. */
static uint64_t appends_left, ids_left;

enum spine_status __real_object_sink_append(struct object_sink *sink, const void *data,
                                            size_t bytes, struct spine_error *error);
enum spine_status __wrap_object_sink_append(struct object_sink *sink, const void *data,
                                            size_t bytes, struct spine_error *error);
enum spine_status __real_file_id_new(struct file_id *out, struct spine_error *error);
enum spine_status __wrap_file_id_new(struct file_id *out, struct spine_error *error);

enum spine_status
__wrap_object_sink_append(struct object_sink *sink, const void *data, size_t bytes,
                          struct spine_error *error)
{
    if (appends_left > 0 && --appends_left == 0)
        return spine_fail(error, SPINE_IO, "nothing is appended");
    return __real_object_sink_append(sink, data, bytes, error);
}

enum spine_status
__wrap_file_id_new(struct file_id *out, struct spine_error *error)
{
    if (ids_left > 0 && --ids_left == 0)
        return spine_fail(error, SPINE_IO, "there is no name");
    return __real_file_id_new(out, error);
}

/* Two files in a pack. */
static enum spine_status
write_pack(struct spine_store *store, uint32_t blocks, struct spine_error *error)
{
    struct store_file *files[2] = {0};
    struct store_pack *pack;
    enum spine_status st = store_pack_new(store, NULL, &pack, error);

    if (st != SPINE_OK)
        return st;
    for (unsigned i = 0; st == SPINE_OK && i < 2; i++) {
        struct store_writer *writer;

        st = store_writer_new_in(pack, &writer, error);
        if (st == SPINE_OK)
            st = fill_file(writer, blocks, 3, &files[i], error);
    }
    if (st == SPINE_OK)
        st = store_pack_finish(pack, error);
    else
        store_pack_abort(pack);
    for (unsigned i = 0; i < 2; i++)
        store_file_unref(files[i]);
    return st;
}

static enum spine_status
write_either(struct spine_store *store, bool packed, uint32_t blocks,
             struct spine_error *error)
{
    struct store_file *file = NULL;
    enum spine_status st;

    if (packed)
        return write_pack(store, blocks, error);
    st = write_file(store, blocks, 3, &file, error);
    store_file_unref(file);
    return st;
}

static void
every_append_fails(void **state)
{
    static const uint32_t blocks[] = {0, 2, 33};

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        struct spine_store *store = open_store(SPINE_COMPRESSION_LZ4);
        enum spine_status st = SPINE_IO;
        uint64_t nth;

        for (nth = 1; st != SPINE_OK; nth++) {
            struct spine_error error = {0};

            appends_left = nth;
            st = write_either(store, i % 2 == 1, blocks[i / 2], &error);
            assert_int_equal(st, appends_left > 0 ? SPINE_OK : SPINE_IO);
            if (st != SPINE_OK)
                assert_string_equal(error.message, "nothing is appended");
        }
        appends_left = 0;
        assert_true(nth > 6);
        spine_store_close(store);
    }
    assert_int_equal(spine_allocated_bytes(), 0);
}

static void
every_name_fails(void **state)
{
    (void)state;
    for (unsigned packed = 0; packed < 2; packed++) {
        struct spine_store *store = open_store(SPINE_COMPRESSION_LZ4);

        for (uint64_t nth = 1; nth <= 1 + 2 * packed; nth++) {
            ids_left = nth;
            assert_int_equal(write_either(store, packed > 0, 2, NULL), SPINE_IO);
        }
        ids_left = 0;
        assert_int_equal(write_either(store, packed > 0, 2, NULL), SPINE_OK);
        spine_store_close(store);
    }
    assert_int_equal(spine_allocated_bytes(), 0);
}

/* The table grows for blocks and, in the end, for their filters. */
static void
every_allocation_fails(void **state)
{
    (void)state;
    fault_alloc_install();
    for (uint32_t blocks = 1; blocks <= 64; blocks *= 2) {
        struct spine_store *store = open_store(SPINE_COMPRESSION_LZ4);
        bool fired = true;

        for (uint64_t nth = 1; fired; nth++) {
            enum spine_status st;

            fault_alloc_arm(FAULT_ONCE, nth);
            st = write_either(store, nth % 2 == 0, blocks, NULL);
            fired = fault_alloc_disarm();
            assert_int_equal(st, fired ? SPINE_NOMEM : SPINE_OK);
        }
        spine_store_close(store);
    }
    assert_int_equal(fault_alloc_live_blocks(), 0);
    fault_alloc_remove();
}

static void
headers_have_one_size(void **state)
{
    const struct file_id id = {.low = 1, .high = 2};
    struct wire_writer header = {0};
    struct spine_error error = {0};

    (void)state;
    file_header_encode(&id, &header);
    assert_int_equal(
        file_header_check("it", (struct span){header.bytes, header.size}, &id, &error),
        SPINE_OK);
    for (size_t size = 0; size < header.size; size++)
        assert_int_equal(
            file_header_check("it", (struct span){header.bytes, size}, &id, &error),
            SPINE_CORRUPT);
    wire_put_u64(&header, 0);
    assert_int_equal(
        file_header_check("it", (struct span){header.bytes, header.size}, &id, &error),
        SPINE_CORRUPT);
    wire_release(&header);
}

static enum spine_status
decode_table(const uint8_t *bytes, size_t size, struct file_footer *footer,
             struct spine_error *error)
{
    struct file_table table;
    enum spine_status st;

    footer->table_checksum =
        file_checksum(&footer->id, footer->table_offset, bytes, size);
    st = file_table_decode("it", (struct span){bytes, size}, footer, &table, error);
    file_table_release(&table);
    return st;
}

static void
tables_lie_behind_their_blocks(void **state)
{
    struct spine_store *store = open_store(SPINE_COMPRESSION_LZ4);
    struct spine_error error = {0};
    struct file_footer footer;
    struct store_file *file;
    const uint8_t *table;
    uint8_t *bytes;
    size_t size;

    (void)state;
    assert_int_equal(write_file(store, 3, 1, &file, NULL), SPINE_OK);
    bytes = bytes_of(file);
    footer = file->footer;
    table = bytes + footer.table_offset;
    size = (size_t)footer.table_bytes;
    assert_int_equal(decode_table(table, size, &footer, &error), SPINE_OK);
    footer.table_offset = 0;
    assert_int_equal(decode_table(table, size, &footer, &error), SPINE_CORRUPT);
    footer = file->footer;
    footer.table_bytes++;
    assert_int_equal(decode_table(table, size, &footer, &error), SPINE_CORRUPT);
    test_free(bytes);
    store_file_unref(file);
    spine_store_close(store);
}

static void
count_calls(void *context, uint64_t bytes)
{
    uint64_t *calls = context;

    assert_true(bytes > FILE_HEADER_BYTES);
    ++*calls;
}

/* Progress is told of each part; there are zeros between the table and the footer. */
static void
all_of_a_file_is_verified(void **state)
{
    struct spine_store *store = open_store(SPINE_COMPRESSION_LZ4);
    struct wire_writer end = {0};
    struct spine_error error = {0};
    struct file_footer footer;
    struct store_file *file;
    uint64_t calls = 0;
    uint8_t *bytes, *longer;
    size_t size;

    (void)state;
    assert_int_equal(write_file(store, 3, 1, &file, NULL), SPINE_OK);
    assert_int_equal(store_file_verify(file, count_calls, &calls, &error), SPINE_OK);
    assert_int_equal(calls, file_table_parts(&file->table));

    bytes = bytes_of(file);
    size = (size_t)file->footer.file_bytes;
    longer = test_calloc(1, size + 8);
    memcpy(longer, bytes, size - FILE_FOOTER_BYTES);
    footer = file->footer;
    footer.file_bytes += 8;
    file_footer_encode(&footer, &end);
    memcpy(longer + size + 8 - FILE_FOOTER_BYTES, end.bytes, end.size);
    assert_int_equal(check_file("zeros", longer, size + 8, true, &error), SPINE_OK);
    longer[size - FILE_FOOTER_BYTES + 3] = 1;
    assert_int_equal(check_file("others", longer, size + 8, true, &error), SPINE_CORRUPT);
    wire_release(&end);
    test_free(longer);
    test_free(bytes);
    store_file_unref(file);
    spine_store_close(store);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_append_fails),
        cmocka_unit_test(every_name_fails),
        cmocka_unit_test(every_allocation_fails),
        cmocka_unit_test(headers_have_one_size),
        cmocka_unit_test(tables_lie_behind_their_blocks),
        cmocka_unit_test(all_of_a_file_is_verified),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
