/* SPDX-License-Identifier: MIT */

/*
 * Bytes as a batch file whose checksums are right: opening, reading and verifying it
 * answers a status, reads nothing outside, and takes no more than some times its size.
 *
 * Checksums are made right here, as no fuzzer guesses them: those of the footer, of the
 * table where the footer says that it is, and of what the table names. So what sections
 * and blocks say comes to those who believe them: the batch of the file is opened,
 * checked and read, too.
 */

#include "fuzz/fuzz.h"

#include "base/alloc.h"
#include "batch/batch.h"
#include "harness/reseal.h"
#include "store/store.h"

#define FILE_BYTES_MAX (1u << 16)
/* The most that an open file of so many bytes and its batch may take. */
#define MEMORY_MAX(size) (4 * (size) + (1u << 16))

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

/* Its rows, which may be any, forward, and some of its keys. */
static enum spine_status
read_rows(struct spine_batch *batch)
{
    struct spine_cursor *cursor;
    enum spine_status st;
    size_t rows = 0;

    FUZZ_REQUIRE(spine_batch_cursor(batch, &cursor, NULL) == SPINE_OK);
    for (; spine_cursor_key_valid(cursor); spine_cursor_step_key(cursor))
        for (; spine_cursor_val_valid(cursor); spine_cursor_step_val(cursor))
            (void)spine_cursor_weight(cursor), rows++;
    if (spine_cursor_status(cursor) == SPINE_OK)
        FUZZ_REQUIRE(rows <= batch->info.rows);
    spine_cursor_rewind(cursor);
    if (spine_cursor_key_valid(cursor))
        (void)spine_cursor_seek_key_exact(cursor, batch->info.key_max);
    st = spine_cursor_status(cursor);
    spine_cursor_close(cursor);
    return st;
}

static void
read_batch(struct store_file *file, size_t size, size_t before)
{
    struct spine_error error = {0};
    struct spine_batch *batch;
    const enum spine_status st = batch_of_file(file, &batch, &error);

    FUZZ_REQUIRE(st == SPINE_OK || st == SPINE_CORRUPT || st == SPINE_INVALID);
    if (st != SPINE_OK) {
        FUZZ_REQUIRE(error.status == st && error.message[0] != '\0');
        return;
    }
    FUZZ_REQUIRE(spine_allocated_bytes() - before < MEMORY_MAX(size));
    /* What passes the check can be read; what does not is read all the same. */
    const bool is_right = spine_batch_check(batch, NULL) == SPINE_OK;
    FUZZ_REQUIRE(read_rows(batch) == SPINE_OK || !is_right);
    spine_batch_unref(batch);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[FILE_BYTES_MAX];
    /* With hardly any cache, keys are looked up in strips of blocks. */
    const struct spine_store_options options = {.cache_bytes = size % 2};
    struct spine_backend backend;
    struct spine_error error = {0};
    struct spine_store *store;
    struct store_file *file;
    enum spine_status st;
    size_t before;

    if (size < FILE_FOOTER_BYTES || size > sizeof bytes)
        return 0;
    memcpy(bytes, data, size);
    file_reseal(bytes, size, NULL);
    FUZZ_REQUIRE(spine_memory_backend(&backend, NULL) == SPINE_OK);
    FUZZ_REQUIRE(backend.put_new(backend.context, "fuzzed", bytes, size, NULL) ==
                 SPINE_OK);
    FUZZ_REQUIRE(spine_store_open(&backend, &options, &store, NULL) == SPINE_OK);
    before = spine_allocated_bytes();
    st = store_file_open(store, "fuzzed", &file, &error);
    FUZZ_REQUIRE(st == SPINE_OK || st == SPINE_CORRUPT || st == SPINE_INVALID);
    if (st == SPINE_OK) {
        FUZZ_REQUIRE(spine_allocated_bytes() - before < MEMORY_MAX(size));
        read_all(file);
        read_batch(file, size, before);
        (void)store_file_verify(file, NULL, NULL, &error);
        store_file_unref(file);
    } else
        FUZZ_REQUIRE(error.status == st && error.message[0] != '\0');
    spine_store_close(store);
    FUZZ_REQUIRE(spine_allocated_bytes() == 0);
    return 0;
}
