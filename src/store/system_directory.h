/* SPDX-License-Identifier: MIT */
#ifndef STORE_SYSTEM_DIRECTORY_H
#define STORE_SYSTEM_DIRECTORY_H

/*
 * A directory of the system that this process alone uses, and what is done to the files
 * in it.
 */

#include "store/backend.h"
#include "store/open_files.h"
#include "store/system_file.h"

#define TEMPORARY_NAME_BYTES (SPINE_NAME_MAX + sizeof TEMPORARY_ENDING)

struct directory {
    int descriptor;
    /* Of the file that is locked while this is open. */
    int lock;
    /* Files can be opened around the page cache of the system; whether one can, is seen
     * when it is opened. */
    bool direct;
    /* Not locked, and not to be changed. */
    bool read_only;
    /* The files that are open for reading, of the owner of this struct. */
    struct open_files open;
    /* The process has no descriptor left: gives some back, or says that it cannot. NULL
     * until the owner has set it. */
    bool (*on_shortage)(struct directory *directory);
    size_t bytes; /* of this struct */
    char path[];
};

/*
 * Opens and locks the directory `path`, makes it when it is missing, and removes the
 * temporary files in it. SPINE_BUSY when another process has locked it. With
 * options->read_only it is opened and nothing else.
 */
enum spine_status directory_enter(const char *path,
                                  const struct spine_directory_options *options,
                                  struct directory **out, struct spine_error *error);
void directory_leave(struct directory *directory);

/* Calls `on_name` for every file in it, whatever its name. */
enum spine_status directory_each_file(struct directory *directory, spine_name_fn *on_name,
                                      void *argument, struct spine_error *error);

/* The file `name` of the directory, for messages at least. */
struct system_file
directory_file(const struct directory *directory, int descriptor, const char *name);

/* Opens a file, around the cache if that is possible: `*direct`. -1 with errno. */
int directory_try_open(const struct directory *directory, const char *name, int flags,
                       bool *direct);
/* The same; asks on_shortage() when there are no descriptors left. */
int directory_open_file(struct directory *directory, const char *name, int flags,
                        bool *direct);
/* The same through the cache. */
int directory_open_cached(struct directory *directory, const char *name, int flags);

/* NAME.tmp; `temporary` has TEMPORARY_NAME_BYTES. */
void temporary_name(const char *name, char *temporary);

/* Renames a file unless there is one of the new name. -1 with errno. */
int
directory_rename_new(const struct directory *directory, const char *from, const char *to);

#endif
