/* SPDX-License-Identifier: MIT */
#ifndef STORE_OPEN_FILES_H
#define STORE_OPEN_FILES_H

/*
 * store/open_files -- the files of a directory that are open for reading, few of them
 * with a descriptor of the system.
 *
 * A process may have some thousand descriptors, on many systems 1,024, and a store may
 * have more files. So a file that nobody reads may lose its descriptor, the one that was
 * read longest ago first, and gets another when it is read again.
 *
 *     in use      read or synced right now
 *     idle        has a descriptor, which others may take; in a list, by last use
 *     closed      has none
 *
 * A file whose name was removed keeps its descriptor, as it could not be opened again. A
 * descriptor may go before its file is synced: an error that the system meets when it
 * writes the file behind is told to the next caller of fsync(), by whatever descriptor
 * (Linux since 4.18).
 */

#include "base/thread.h"
#include "spine/backend.h"
#include "store/system_file.h"

#include <stddef.h>

#define OPEN_FILE_CHAINS 256u

struct directory;

/* A file that is open for reading. */
struct open_file {
    /* Its descriptor is -1 while it has none. */
    struct system_file file;
    unsigned users;
    /* It has lost its name, or is about to: its descriptor stays. */
    bool is_removed;
    /* Of the idle ones. */
    struct open_file *older, *newer;
    /* Of those whose names have the same hash. */
    struct open_file *next;
    char name[SPINE_NAME_MAX + 1];
};

/* A name that is being removed. Of the caller that removes it. */
struct removal {
    const char *name;
    struct removal *next;
};

/* The open files of a directory. */
struct open_files {
    struct mutex mutex;
    size_t descriptors;
    /* More only while more are in use at the same time, or have lost their names. */
    size_t descriptors_max;
    struct open_file *oldest, *newest;
    /* Names that are being removed, and how often one was. */
    struct removal *removing;
    uint64_t removals;
    struct open_file *chains[OPEN_FILE_CHAINS];
};

/* The files of a directory that was entered. `descriptors_max` 0: a quarter of what the
 * process may have now. SPINE_NOMEM. */
enum spine_status open_files_init(struct directory *directory, size_t descriptors_max);
/* None is open. */
void open_files_release(struct directory *directory);

/* Opens the file of a name; `*bytes` is its size. */
enum spine_status open_file_open(struct directory *directory, const char *name,
                                 struct open_file **out, uint64_t *bytes,
                                 struct spine_error *error);
/* Nobody uses it. */
void open_file_close(struct directory *directory, struct open_file *file);
/* Reads at `offset` as file_read_at() does. Any number of threads. */
enum spine_status open_file_read(struct directory *directory, struct open_file *file,
                                 uint64_t offset, void *data, size_t size,
                                 struct spine_error *error);
/* Makes its bytes durable. */
enum spine_status open_file_sync(struct directory *directory, struct open_file *file,
                                 struct spine_error *error);
/* A name is about to be removed: files that are open by it stay readable, and so do those
 * that are opened meanwhile. After SPINE_OK the caller tells how it ended. */
enum spine_status open_files_keep(struct directory *directory, struct removal *removal,
                                  struct spine_error *error);
/* The name is gone, or is there after all. */
void open_files_kept(struct directory *directory, struct removal *removal, bool is_gone);

/* Takes the descriptors of half of the idle files, at least of one. False: no file was
 * idle. */
bool open_files_give_up(struct open_files *files);

#endif
