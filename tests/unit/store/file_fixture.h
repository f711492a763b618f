/* SPDX-License-Identifier: MIT */
#ifndef FILE_FIXTURE_H
#define FILE_FIXTURE_H

/*
 * Batch files in memory: a store over a memory backend, files with known images and
 * sections, and the bytes of a file to damage.
 */

#include "store/store.h"

#include "base/alloc.h"
#include "harness/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define IMAGE_BYTES_MAX 9000u

/* Image number `index`: every third one compresses well. Its size. */
static inline size_t
image_of(uint32_t index, uint8_t *image)
{
    struct rng rng;
    size_t bytes;

    rng_init(&rng, index);
    bytes = 1 + (size_t)rng_below(&rng, IMAGE_BYTES_MAX);
    for (size_t i = 0; i < bytes; i++)
        image[i] = index % 3 == 0 ? (uint8_t)(i / 100) : (uint8_t)rng_next(&rng);
    return bytes;
}

static inline size_t
section_of(uint32_t kind, uint8_t *data)
{
    const size_t bytes = kind * 37 % 500;

    for (size_t i = 0; i < bytes; i++)
        data[i] = (uint8_t)(kind + i);
    return bytes;
}

static inline struct spine_store *
open_store(enum spine_compression compression)
{
    const struct spine_store_options options = {.compression = compression};
    struct spine_backend backend;
    struct spine_store *store;

    assert_int_equal(spine_memory_backend(&backend, NULL), SPINE_OK);
    assert_int_equal(spine_store_open(&backend, &options, &store, NULL), SPINE_OK);
    return store;
}

/* A filter of so many blocks follows them. */
#define FILTER_BLOCKS 32u

/* Ends a file of so many blocks, of their filters, whose images are those of the blocks
 * that would follow, and of sections 1, 3, 5, ..., with the writer. */
static inline enum spine_status
fill_file(struct store_writer *writer, uint32_t blocks, uint32_t sections,
          struct store_file **out, struct spine_error *error)
{
    uint8_t bytes[IMAGE_BYTES_MAX];
    enum spine_status st = SPINE_OK;

    *out = NULL;
    for (uint32_t i = 0; st == SPINE_OK && i < blocks; i++) {
        const size_t size = image_of(i, bytes);

        st = store_writer_block(writer, bytes, size, true, error);
        if (st == SPINE_OK && (i % FILTER_BLOCKS == FILTER_BLOCKS - 1 || i == blocks - 1))
            st = store_writer_filter(writer, i / FILTER_BLOCKS * FILTER_BLOCKS, bytes,
                                     image_of(blocks + i / FILTER_BLOCKS, bytes), error);
    }
    for (uint32_t i = 0; st == SPINE_OK && i < sections; i++) {
        const size_t size = section_of(2 * i + 1, bytes);

        st = store_writer_section(writer, 2 * i + 1, bytes, size, error);
    }
    if (st == SPINE_OK)
        return store_writer_finish(writer, out, error);
    store_writer_abort(writer);
    return st;
}

/* Writes such a file to an object of its own. */
static inline enum spine_status
write_file(struct spine_store *store, uint32_t blocks, uint32_t sections,
           struct store_file **out, struct spine_error *error)
{
    struct store_writer *writer;
    const enum spine_status st = store_writer_new(store, &writer, error);

    *out = NULL;
    return st == SPINE_OK ? fill_file(writer, blocks, sections, out, error) : st;
}

/* What reading all of it says; fails the test when something is wrong and that is not
 * said. */
static inline enum spine_status
read_file(struct store_file *file, struct spine_error *error)
{
    uint8_t expected[IMAGE_BYTES_MAX], image[IMAGE_BYTES_MAX];

    for (uint32_t i = 0; i < file_table_parts(&file->table); i++) {
        const enum spine_status st = store_file_read(file, i, image, error);

        if (st != SPINE_OK)
            return st;
        assert_int_equal(file->table.blocks[i].image_bytes, image_of(i, expected));
        assert_memory_equal(image, expected, file->table.blocks[i].image_bytes);
    }
    for (uint32_t i = 0; i < file->table.section_count; i++) {
        const uint32_t kind = file->table.sections[i].kind;
        uint8_t *data;
        size_t bytes;
        const enum spine_status st = store_file_section(file, kind, &data, &bytes, error);

        if (st != SPINE_OK)
            return st;
        assert_int_equal(bytes, section_of(kind, expected));
        if (bytes > 0)
            assert_memory_equal(data, expected, bytes);
        mem_free(data, bytes);
    }
    return SPINE_OK;
}

/* The bytes of a file; the caller frees them with test_free(). */
static inline uint8_t *
bytes_of(struct store_file *file)
{
    const size_t size = (size_t)file->footer.file_bytes;
    uint8_t *bytes = test_malloc(size);

    assert_int_equal(store_file_read_extent(file, 0, bytes, size, NULL), SPINE_OK);
    return bytes;
}

/*
 * Opens, reads and verifies a file of these bytes: the first status that is not SPINE_OK.
 * With `resealed`, what it holds may be anything that its checksums say.
 */
static inline enum spine_status
check_file(const char *name, const uint8_t *bytes, size_t size, bool resealed,
           struct spine_error *error)
{
    const struct spine_store_options options = {.keep_leftovers = true};
    struct spine_backend backend;
    struct spine_store *store;
    struct store_file *file;
    enum spine_status st;

    assert_int_equal(spine_memory_backend(&backend, NULL), SPINE_OK);
    assert_int_equal(backend.put_new(backend.context, name, bytes, size, NULL), SPINE_OK);
    assert_int_equal(spine_store_open(&backend, &options, &store, NULL), SPINE_OK);
    st = store_file_open(store, name, &file, error);
    if (st == SPINE_OK) {
        /* What reading does not look at, verifying does. */
        if (!resealed)
            st = read_file(file, error);
        if (st == SPINE_OK)
            st = store_file_verify(file, NULL, NULL, error);
        store_file_unref(file);
    }
    spine_store_close(store);
    return st;
}

static inline enum spine_status
check_bytes(const char *name, const uint8_t *bytes, size_t size,
            struct spine_error *error)
{
    return check_file(name, bytes, size, false, error);
}

#endif
