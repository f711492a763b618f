/* SPDX-License-Identifier: MIT */

/*
 * Files of the system: written and read in full, at aligned offsets and past the system's
 * cache where that is possible. A failure becomes a status here, with a message that
 * names the file, what was tried and the system's number.
 */

/* The GNU strerror_r() answers the text. */
#define _GNU_SOURCE

#include "store/system_file.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The most bytes that one unaligned read around the cache takes at a time. */
#define BOUNCE_BYTES_MAX (4u << 20)

static_assert(FILE_WRITE_BYTES % FILE_ALIGNMENT == 0, "writes are aligned");

static enum spine_status write_pages(struct file_writer *writer, const uint8_t *data,
                                     size_t size, struct spine_error *error);
static enum spine_status write_copied(struct file_writer *writer, const uint8_t *data,
                                      size_t size, size_t *done,
                                      struct spine_error *error);
static enum spine_status
make_buffer(struct file_writer *writer, struct spine_error *error);
static void use_cache(struct system_file *file);
static enum spine_status write_fully(const struct system_file *file, uint64_t offset,
                                     const uint8_t *data, size_t size,
                                     struct spine_error *error);
static enum spine_status read_fully(const struct system_file *file, uint64_t offset,
                                    uint8_t *data, size_t size, size_t needed,
                                    struct spine_error *error);
static enum spine_status read_bounced(const struct system_file *file, uint64_t offset,
                                      uint8_t *data, size_t size,
                                      struct spine_error *error);
static uint8_t *aligned(uint8_t *memory);
static bool is_aligned(uint64_t offset, const void *data, size_t size);

enum spine_status
file_fail(const struct system_file *file, const char *what, struct spine_error *error)
{
    const int number = errno;
    enum spine_status st = SPINE_IO;
    char text[128];

    assert(number != 0);
    if (number == ENOMEM)
        st = SPINE_NOMEM;
    else if (number == ENOENT)
        st = SPINE_NOT_FOUND;
    else if (number == EEXIST)
        st = SPINE_EXISTS;
    return spine_fail(error, st, "%s: cannot %s: %s (%d), in %s", file->name, what,
                      strerror_r(number, text, sizeof text), number, file->directory);
}

void
file_writer_init(struct file_writer *writer, const struct system_file *file)
{
    *writer = (struct file_writer){.file = *file};
}

void
file_writer_release(struct file_writer *writer)
{
    mem_free(writer->memory, FILE_WRITE_BYTES + FILE_ALIGNMENT);
    *writer = (struct file_writer){.file.descriptor = -1};
}

enum spine_status
file_writer_append(struct file_writer *writer, const void *data, size_t size,
                   struct spine_error *error)
{
    const uint8_t *from = data;

    assert(writer->filled < FILE_WRITE_BYTES && writer->written % FILE_ALIGNMENT == 0);
    while (size > 0) {
        const size_t part = size < FILE_WRITE_BYTES ? size : FILE_WRITE_BYTES;
        const size_t pages = part / FILE_ALIGNMENT * FILE_ALIGNMENT;
        size_t done;

        /* Whole pages that are aligned need no copy. */
        if (writer->filled == 0 && pages > 0 && is_aligned(0, from, pages)) {
            TRY_RETURN(write_pages(writer, from, pages, error));
            done = pages;
        } else
            TRY_RETURN(write_copied(writer, from, part, &done, error));
        from += done;
        size -= done;
    }
    return SPINE_OK;
}

static enum spine_status
write_pages(struct file_writer *writer, const uint8_t *data, size_t size,
            struct spine_error *error)
{
    TRY_RETURN(write_fully(&writer->file, writer->written, data, size, error));
    writer->written += size;
    return SPINE_OK;
}

/* Copies as much as the buffer has room for, and writes that when it is full. */
static enum spine_status
write_copied(struct file_writer *writer, const uint8_t *data, size_t size, size_t *done,
             struct spine_error *error)
{
    const size_t room = FILE_WRITE_BYTES - writer->filled;

    TRY_RETURN(make_buffer(writer, error));
    *done = size < room ? size : room;
    memcpy(writer->buffer + writer->filled, data, *done);
    writer->filled += *done;
    if (writer->filled < FILE_WRITE_BYTES)
        return SPINE_OK;
    TRY_RETURN(write_pages(writer, writer->buffer, FILE_WRITE_BYTES, error));
    writer->filled = 0;
    return SPINE_OK;
}

static enum spine_status
make_buffer(struct file_writer *writer, struct spine_error *error)
{
    const size_t bytes = FILE_WRITE_BYTES + FILE_ALIGNMENT;

    if (writer->memory != NULL)
        return SPINE_OK;
    writer->memory = mem_alloc(bytes);
    if (writer->memory == NULL)
        return fail_nomem(error, "the buffer of a file", bytes);
    writer->buffer = aligned(writer->memory);
    return SPINE_OK;
}

/* Around the cache the last write is whole pages, so the file is cut to its length. A
 * file of less than a page goes through the cache, which takes less. */
enum spine_status
file_writer_finish(struct file_writer *writer, struct spine_error *error)
{
    const uint64_t bytes = writer->written + writer->filled;
    size_t size = writer->filled;
    enum spine_status st;

    assert(size == 0 || writer->buffer != NULL);
    if (size == 0)
        return SPINE_OK;
    if (bytes < FILE_ALIGNMENT)
        use_cache(&writer->file);
    if (writer->file.direct) {
        size = (size + FILE_ALIGNMENT - 1) / FILE_ALIGNMENT * FILE_ALIGNMENT;
        memset(writer->buffer + writer->filled, 0, size - writer->filled);
    }
    st = write_fully(&writer->file, writer->written, writer->buffer, size, error);
    if (st == SPINE_OK && size != writer->filled &&
        ftruncate(writer->file.descriptor, (off_t)bytes) != 0)
        st = file_fail(&writer->file, "cut its last page", error);
    return st;
}

/* Writes go through the cache of the system from now on, if it agrees. */
static void
use_cache(struct system_file *file)
{
    const int flags = fcntl(file->descriptor, F_GETFL);

    if (flags >= 0 && fcntl(file->descriptor, F_SETFL, flags & ~O_DIRECT) == 0)
        file->direct = false;
}

enum spine_status
file_write_all(const struct system_file *file, const void *data, size_t size,
               struct spine_error *error)
{
    /* Around the cache it would have to be whole pages. */
    assert(!file->direct);
    return write_fully(file, 0, data, size, error);
}

enum spine_status
file_read_at(const struct system_file *file, uint64_t offset, void *data, size_t size,
             struct spine_error *error)
{
    uint8_t *to = data;

    if (!file->direct || is_aligned(offset, data, size))
        return read_fully(file, offset, to, size, size, error);
    while (size > 0) {
        const size_t part = size < BOUNCE_BYTES_MAX ? size : BOUNCE_BYTES_MAX;

        TRY_RETURN(read_bounced(file, offset, to, part, error));
        offset += part;
        to += part;
        size -= part;
    }
    return SPINE_OK;
}

static enum spine_status
write_fully(const struct system_file *file, uint64_t offset, const uint8_t *data,
            size_t size, struct spine_error *error)
{
    while (size > 0) {
        const ssize_t done = pwrite(file->descriptor, data, size, (off_t)offset);
        char what[64];

        if (done > 0) {
            data += done;
            offset += (uint64_t)done;
            size -= (size_t)done;
            continue;
        }
        if (done < 0 && errno == EINTR)
            continue;
        if (done == 0)
            errno = ENOSPC;
        (void)snprintf(what, sizeof what, "write %zu bytes at %" PRIu64, size, offset);
        return file_fail(file, what, error);
    }
    return SPINE_OK;
}

/* Reads up to `size` bytes; fewer than `needed` are there only in a file that is not what
 * it was. */
static enum spine_status
read_fully(const struct system_file *file, uint64_t offset, uint8_t *data, size_t size,
           size_t needed, struct spine_error *error)
{
    size_t have = 0;

    while (have < needed) {
        const ssize_t done =
            pread(file->descriptor, data + have, size - have, (off_t)(offset + have));
        char what[64];

        if (done > 0) {
            have += (size_t)done;
            continue;
        }
        if (done < 0 && errno == EINTR)
            continue;
        if (done == 0)
            return spine_fail(error, SPINE_CORRUPT,
                              "%s: ends at %" PRIu64 ", before %" PRIu64 ", in %s",
                              file->name, offset + have, offset + needed,
                              file->directory);
        (void)snprintf(what, sizeof what, "read %zu bytes at %" PRIu64, size - have,
                       offset + have);
        return file_fail(file, what, error);
    }
    return SPINE_OK;
}

/* Reads the pages around [offset, offset + size) and copies that part of them. */
static enum spine_status
read_bounced(const struct system_file *file, uint64_t offset, uint8_t *data, size_t size,
             struct spine_error *error)
{
    const size_t skip = (size_t)(offset % FILE_ALIGNMENT);
    const size_t pages = (skip + size + FILE_ALIGNMENT - 1) / FILE_ALIGNMENT;
    const size_t bytes = (pages + 1) * FILE_ALIGNMENT;
    uint8_t *const memory = mem_alloc(bytes);
    enum spine_status st;

    if (memory == NULL)
        return fail_nomem(error, "a read", bytes);
    st = read_fully(file, offset - skip, aligned(memory), pages * FILE_ALIGNMENT,
                    skip + size, error);
    if (st == SPINE_OK)
        memcpy(data, aligned(memory) + skip, size);
    mem_free(memory, bytes);
    return st;
}

/* The first aligned byte of `memory`, which has FILE_ALIGNMENT bytes to spare. */
static uint8_t *
aligned(uint8_t *memory)
{
    return memory + (FILE_ALIGNMENT - (uintptr_t)memory % FILE_ALIGNMENT);
}

int
sync_descriptor(int descriptor)
{
    int result;

#ifdef F_FULLFSYNC
    /* There, fsync() does not wait for the disk. */
    if (fcntl(descriptor, F_FULLFSYNC) == 0)
        return 0;
#endif
    do
        result = fsync(descriptor);
    while (result != 0 && errno == EINTR);
    return result;
}

/* Interrupted, a descriptor is closed all the same on Linux. */
int
close_descriptor(int descriptor)
{
    return close(descriptor) == 0 || errno == EINTR ? 0 : -1;
}

static bool
is_aligned(uint64_t offset, const void *data, size_t size)
{
    return (offset | (uintptr_t)data | size) % FILE_ALIGNMENT == 0;
}
