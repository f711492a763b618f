/* SPDX-License-Identifier: MIT */
#ifndef STORE_SYSTEM_FILE_H
#define STORE_SYSTEM_FILE_H

/*
 * One file of the system: written in order through a buffer, read at any place, both
 * around the page cache of the system when the file was opened so.
 *
 * Around the cache, the system wants memory, offsets and sizes that are multiples of
 * FILE_ALIGNMENT. The buffer of a writer is, and its last part is written whole and then
 * cut off. Reads that are not aligned go through memory of their own.
 */

#include "spine/types.h"

#include <stdbool.h>

/* What every common disk is content with. */
#define FILE_ALIGNMENT 4096u
/* The most bytes of a write. */
#define FILE_WRITE_BYTES (1u << 20)

struct system_file {
    int descriptor;
    bool direct;
    /* Where it is and what it is called, for messages; borrowed. */
    const char *directory;
    const char *name;
};

/* What is written and not yet handed to the system. */
struct file_writer {
    struct system_file file;
    uint8_t *memory; /* NULL as long as whole pages come, which need no copy */
    uint8_t *buffer; /* in `memory`, aligned */
    size_t filled;
    uint64_t written; /* multiple of FILE_ALIGNMENT */
};

/* Fills `error` for the call `what` that set errno: SPINE_NOMEM, SPINE_NOT_FOUND,
 * SPINE_EXISTS or SPINE_IO, with the name of the file and what the system says. */
enum spine_status
file_fail(const struct system_file *file, const char *what, struct spine_error *error);

void file_writer_init(struct file_writer *writer, const struct system_file *file);
/* Frees the buffer; the file stays open. */
void file_writer_release(struct file_writer *writer);
enum spine_status file_writer_append(struct file_writer *writer, const void *data,
                                     size_t size, struct spine_error *error);
/* Hands over what is left. */
enum spine_status
file_writer_finish(struct file_writer *writer, struct spine_error *error);

/* Writes `size` bytes to the beginning of a file that is not around the cache. */
enum spine_status file_write_all(const struct system_file *file, const void *data,
                                 size_t size, struct spine_error *error);

/* Reads all of `size` bytes; SPINE_CORRUPT when the file ends before. */
enum spine_status file_read_at(const struct system_file *file, uint64_t offset,
                               void *data, size_t size, struct spine_error *error);

/* fsync() and close(), or what is stronger on this system. -1 with errno. */
int sync_descriptor(int descriptor);
int close_descriptor(int descriptor);

#endif
