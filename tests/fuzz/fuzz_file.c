/* SPDX-License-Identifier: MIT */

/*
 * Bytes as a batch file whose checksums are right: opening, reading and verifying it
 * answers a status, reads nothing outside, and takes no more than some times its size.
 *
 * Checksums are made right here, as no fuzzer guesses them: those of the footer and of
 * the table where the footer says that it is.
 */

#include "fuzz/fuzz.h"

#include "base/alloc.h"
#include "store/store.h"

#define FILE_BYTES_MAX (1u << 16)

static void
reseal(uint8_t *bytes, size_t size)
{
    uint8_t *const footer = bytes + size - FILE_FOOTER_BYTES;
    const size_t offset = size - FILE_FOOTER_BYTES;
    struct wire_reader in = wire_reader_of(footer, FILE_FOOTER_BYTES);
    uint64_t table_offset, table_bytes, checksum;
    struct file_id id;

    (void)wire_get_u64(&in);
    table_offset = wire_get_u64(&in);
    table_bytes = wire_get_u64(&in);
    (void)wire_get_u64(&in);
    id.low = wire_get_u64(&in);
    id.high = wire_get_u64(&in);
    if (table_offset <= offset && table_bytes <= offset - table_offset) {
        checksum =
            file_checksum(&id, table_offset, bytes + table_offset, (size_t)table_bytes);
        memcpy(footer + 24, &checksum, sizeof checksum);
    }
    checksum = file_checksum(&id, offset, footer, FILE_FOOTER_BYTES - 8);
    memcpy(footer + FILE_FOOTER_BYTES - 8, &checksum, sizeof checksum);
}

static void
read_all(struct store_file *file)
{
    for (uint32_t i = 0; i < file->table.block_count; i++) {
        const uint32_t bytes = file->table.blocks[i].image_bytes;
        void *image;

        if (bytes > FILE_BYTES_MAX)
            continue;
        image = mem_alloc(bytes);
        FUZZ_REQUIRE(image != NULL);
        (void)store_file_read(file, i, image, NULL);
        mem_free(image, bytes);
    }
    for (uint32_t i = 0; i < file->table.section_count; i++) {
        uint8_t *data;
        size_t bytes;

        if (store_file_section(file, file->table.sections[i].kind, &data, &bytes, NULL) ==
            SPINE_OK)
            mem_free(data, bytes);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[FILE_BYTES_MAX];
    struct spine_backend backend;
    struct spine_error error = {0};
    struct spine_store *store;
    struct store_file *file;
    enum spine_status st;

    if (size < FILE_FOOTER_BYTES || size > sizeof bytes)
        return 0;
    memcpy(bytes, data, size);
    reseal(bytes, size);
    FUZZ_REQUIRE(spine_memory_backend(&backend, NULL) == SPINE_OK);
    FUZZ_REQUIRE(backend.put_new(backend.context, "fuzzed", bytes, size, NULL) ==
                 SPINE_OK);
    FUZZ_REQUIRE(spine_store_open(&backend, NULL, &store, NULL) == SPINE_OK);
    st = store_file_open(store, "fuzzed", &file, &error);
    FUZZ_REQUIRE(st == SPINE_OK || st == SPINE_CORRUPT || st == SPINE_INVALID);
    if (st == SPINE_OK) {
        FUZZ_REQUIRE(spine_allocated_bytes() < 8 * size + (1u << 16));
        read_all(file);
        (void)store_file_verify(file, NULL, NULL, &error);
        store_file_unref(file);
    } else
        FUZZ_REQUIRE(error.status == st && error.message[0] != '\0');
    spine_store_close(store);
    FUZZ_REQUIRE(spine_allocated_bytes() == 0);
    return 0;
}
