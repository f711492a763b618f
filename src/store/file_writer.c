/* SPDX-License-Identifier: MIT */

/*
 * Writing a batch file: parts are collected in a buffer of STORE_WRITE_BYTES, aligned as
 * disks want it, so that the backend sees few large writes.
 */

#include "store/codec.h"
#include "store/store_state.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

#define BUFFER_ALIGNMENT 4096u
#define BUFFER_BYTES (STORE_WRITE_BYTES + BUFFER_ALIGNMENT)

struct store_writer {
    struct spine_store *store;
    struct file_id id;
    char name[SPINE_NAME_MAX + 1];
    /* The backend's; NULL when it has ended. */
    void *object;
    uint8_t *memory;
    uint8_t *buffer; /* in `memory`, aligned */
    size_t filled;
    uint64_t written; /* handed to the backend */
    struct file_table table;
    /* What a compressed image is written to. */
    struct scratch scratch;
};

static enum spine_status id_new(struct file_id *out, struct spine_error *error);
static enum spine_status append(struct store_writer *writer, const void *data,
                                size_t bytes, struct spine_error *error);
static enum spine_status align(struct store_writer *writer, struct spine_error *error);
static enum spine_status flush(struct store_writer *writer, struct spine_error *error);
static enum spine_status append_end(struct store_writer *writer,
                                    struct file_footer *footer,
                                    struct spine_error *error);

enum spine_status
store_writer_new(struct spine_store *store, struct store_writer **out,
                 struct spine_error *error)
{
    struct store_writer *writer = mem_zalloc(sizeof *writer);
    struct wire_writer header = {0};
    enum spine_status st;

    *out = NULL;
    if (writer == NULL)
        return fail_nomem(error, "the writer of a file", sizeof *writer);
    writer->store = store_ref(store);
    writer->memory = mem_alloc(BUFFER_BYTES);
    if (writer->memory == NULL) {
        st = fail_nomem(error, "the buffer of a file", BUFFER_BYTES);
        goto out;
    }
    store_count(&store->memory, BUFFER_BYTES);
    writer->buffer = writer->memory +
                     (BUFFER_ALIGNMENT - (uintptr_t)writer->memory % BUFFER_ALIGNMENT);
    TRY(id_new(&writer->id, error));
    (void)snprintf(writer->name, sizeof writer->name,
                   "%016" PRIx64 "%016" PRIx64 STORE_FILE_ENDING, writer->id.high,
                   writer->id.low);
    file_header_encode(&writer->id, &header);
    if (header.failed) {
        st = fail_nomem(error, "the header of a file", FILE_HEADER_BYTES);
        goto out;
    }
    TRY(store->backend.create(store->backend.context, writer->name, &writer->object,
                              error));
    TRY(append(writer, header.bytes, header.size, error));
    *out = writer;
    writer = NULL;
out:
    wire_release(&header);
    store_writer_abort(writer);
    return st;
}

enum spine_status
store_writer_block(struct store_writer *writer, const void *image, size_t bytes,
                   bool compress, struct spine_error *error)
{
    struct file_table *table = &writer->table;
    struct file_block block = {.image_bytes = (uint32_t)bytes};
    struct span stored = {.data = image, .size = bytes};
    enum spine_status st;

    assert(bytes > 0 && bytes <= FILE_IMAGE_BYTES_MAX && table->section_count == 0);
    if (!array_reserve(&table->blocks, &table->block_capacity, sizeof *table->blocks,
                       (size_t)table->block_count + 1))
        return fail_nomem(error, "the table of a file", sizeof *table->blocks);
    if (compress)
        TRY(codec_compress(writer->store->options.compression, stored, &writer->scratch,
                           &stored, &block.codec, error));
    TRY(align(writer, error));
    block.offset = store_writer_bytes(writer);
    block.stored_bytes = (uint32_t)stored.size;
    block.checksum = file_checksum(&writer->id, block.offset, stored.data, stored.size);
    TRY(append(writer, stored.data, stored.size, error));
    table->blocks[table->block_count++] = block;
out:
    return st;
}

enum spine_status
store_writer_section(struct store_writer *writer, uint32_t kind, const void *data,
                     size_t bytes, struct spine_error *error)
{
    struct file_table *table = &writer->table;
    struct file_section section = {.kind = kind, .bytes = bytes};
    enum spine_status st;

    assert(table->section_count == 0 ||
           table->sections[table->section_count - 1].kind < kind);
    if (!array_reserve(&table->sections, &table->section_capacity,
                       sizeof *table->sections, (size_t)table->section_count + 1))
        return fail_nomem(error, "the table of a file", sizeof *table->sections);
    TRY(align(writer, error));
    section.offset = store_writer_bytes(writer);
    section.checksum = file_checksum(&writer->id, section.offset, data, bytes);
    TRY(append(writer, data, bytes, error));
    table->sections[table->section_count++] = section;
out:
    return st;
}

uint64_t
store_writer_bytes(const struct store_writer *writer)
{
    return writer->written + writer->filled;
}

enum spine_status
store_writer_finish(struct store_writer *writer, struct store_file **out,
                    struct spine_error *error)
{
    const struct spine_backend *backend = &writer->store->backend;
    struct file_footer footer = {.id = writer->id};
    void *object;
    enum spine_status st;

    *out = NULL;
    TRY(append_end(writer, &footer, error));
    TRY(flush(writer, error));
    object = writer->object;
    writer->object = NULL;
    TRY(backend->finish(backend->context, object, error));
    st = store_file_of_written(writer->store, writer->name, &writer->table, &footer, out,
                               error);
    /* What cannot be opened is nothing; a sweep finds what cannot be removed. */
    if (st != SPINE_OK)
        (void)backend->remove(backend->context, writer->name, NULL);
out:
    store_writer_abort(writer);
    return st;
}

void
store_writer_abort(struct store_writer *writer)
{
    struct spine_store *store;

    if (writer == NULL)
        return;
    store = writer->store;
    if (writer->object != NULL)
        store->backend.abort(store->backend.context, writer->object);
    if (writer->memory != NULL)
        store_uncount(&store->memory, BUFFER_BYTES);
    mem_free(writer->memory, BUFFER_BYTES);
    file_table_release(&writer->table);
    scratch_release(&writer->scratch);
    mem_free(writer, sizeof *writer);
    store_unref(store);
}

/* 128 bits that nobody else has. */
static enum spine_status
id_new(struct file_id *out, struct spine_error *error)
{
    ssize_t size;

    do
        size = getrandom(out, sizeof *out, 0);
    while (size < 0 && errno == EINTR);
    if (size != (ssize_t)sizeof *out)
        return spine_fail(error, SPINE_IO,
                          "the name of a file: cannot get random bytes (%d)", errno);
    return SPINE_OK;
}

static enum spine_status
append(struct store_writer *writer, const void *data, size_t bytes,
       struct spine_error *error)
{
    const uint8_t *from = data;

    while (bytes > 0) {
        const size_t room = STORE_WRITE_BYTES - writer->filled;
        const size_t part = bytes < room ? bytes : room;

        memcpy(writer->buffer + writer->filled, from, part);
        writer->filled += part;
        from += part;
        bytes -= part;
        if (writer->filled == STORE_WRITE_BYTES) {
            const enum spine_status st = flush(writer, error);

            if (st != SPINE_OK)
                return st;
        }
    }
    return SPINE_OK;
}

/* Zeros up to where the next part may begin. */
static enum spine_status
align(struct store_writer *writer, struct spine_error *error)
{
    static const uint8_t zeros[FILE_PART_ALIGNMENT];
    const size_t behind = (size_t)(store_writer_bytes(writer) % FILE_PART_ALIGNMENT);

    return append(writer, zeros, behind > 0 ? FILE_PART_ALIGNMENT - behind : 0, error);
}

static enum spine_status
flush(struct store_writer *writer, struct spine_error *error)
{
    const struct spine_backend *backend = &writer->store->backend;
    const size_t bytes = writer->filled;

    if (bytes == 0)
        return SPINE_OK;
    writer->written += bytes;
    writer->filled = 0;
    store_count(&writer->store->writes, 1);
    store_count(&writer->store->write_bytes, bytes);
    return backend->write(backend->context, writer->object, writer->buffer, bytes, error);
}

/* The table and the footer, which is filled in. */
static enum spine_status
append_end(struct store_writer *writer, struct file_footer *footer,
           struct spine_error *error)
{
    struct wire_writer end = {0};
    enum spine_status st;

    TRY(align(writer, error));
    footer->table_offset = store_writer_bytes(writer);
    file_table_encode(&writer->table, &end);
    footer->table_bytes = end.size;
    if (!end.failed)
        footer->table_checksum =
            file_checksum(&writer->id, footer->table_offset, end.bytes, end.size);
    footer->file_bytes = footer->table_offset + end.size + FILE_FOOTER_BYTES;
    file_footer_encode(footer, &end);
    if (end.failed)
        st = fail_nomem(error, "the end of a file", end.size + FILE_FOOTER_BYTES);
    else
        st = append(writer, end.bytes, end.size, error);
out:
    wire_release(&end);
    return st;
}
