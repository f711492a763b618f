/* SPDX-License-Identifier: MIT */
#ifndef SPINE_BACKEND_H
#define SPINE_BACKEND_H

/*
 * Where batches and checkpoints are kept outside memory.
 *
 * A *backend* keeps immutable objects under names. Every object is written once, from its
 * beginning to its end, gets its name when it is finished, and never changes after that.
 * So a backend needs no locks between readers and writers, no rewriting and no renaming,
 * and a directory, an object store, or memory will do. A directory and memory
 * come with the library, and one that injects faults (spine/fault.h); a host may bring
 * its own by filling in the table.
 *
 * Names are 1 to SPINE_NAME_MAX characters of [A-Za-z0-9._-], do not begin with a dot and
 * do not end with ".tmp".
 *
 * Durability. What was written or removed may be lost, wholly or partly and in any order,
 * when the machine stops, until it was made durable: `sync` does that for the bytes of an
 * object, `sync_names` for all names that were given or taken away before the call. Only
 * put_new() and put_publish() are durable when they return.
 */

#include "spine/types.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The longest name of an object, in bytes. */
#define SPINE_NAME_MAX 127

/* Called for every name of a list. Anything but SPINE_OK ends the list with
 * that status. */
typedef enum spine_status spine_name_fn(void *argument, const char *name, uint64_t bytes,
                                        struct spine_error *error);

/*
 * A backend. All functions may block and may be called by several threads at a time, but
 * for one writer or one object by one thread at a time (`read_at`: by any number). They
 * fill in `error` when they fail, which is SPINE_IO or SPINE_NOMEM where nothing else is
 * said; a message names the object, and the offset where there is one. SPINE_BUSY is
 * taken for SPINE_IO. Copied by those who use it; `context` must outlive them.
 */
struct spine_backend {
    void *context;

    /* Begins an object. SPINE_EXISTS when the name is taken; that may also be found by
     * `finish`. The caller owns `*writer` and ends it with `finish` or `abort`. */
    enum spine_status (*create)(void *context, const char *name, void **writer,
                                struct spine_error *error);
    /* Appends `size` > 0 bytes. After a failure only `abort` is called. */
    enum spine_status (*write)(void *context, void *writer, const void *data, size_t size,
                               struct spine_error *error);
    /* The object is complete and has its name. Ends the writer in any case; when it
     * fails, there is no such object. */
    enum spine_status (*finish)(void *context, void *writer, struct spine_error *error);
    /* There will be no such object. */
    void (*abort)(void *context, void *writer);

    /* Opens an object for reading. SPINE_NOT_FOUND. It stays readable until `close` even
     * when it is removed meanwhile. */
    enum spine_status (*open)(void *context, const char *name, void **object,
                              uint64_t *bytes, struct spine_error *error);
    /* Reads `size` > 0 bytes at `offset`, all of them: when the object ends before,
     * SPINE_CORRUPT. */
    enum spine_status (*read_at)(void *context, void *object, uint64_t offset, void *data,
                                 size_t size, struct spine_error *error);
    void (*close)(void *context, void *object);

    /* Makes the bytes of an open object durable. After a failure they may be lost even if
     * a later call succeeds: the caller has to write them again, elsewhere. */
    enum spine_status (*sync)(void *context, void *object, struct spine_error *error);
    /* Makes durable which names there are. After a failure, here or of a put, names that
     * were given before may be lost even if a later call succeeds. */
    enum spine_status (*sync_names)(void *context, struct spine_error *error);
    /* Writes a small object whole. SPINE_EXISTS when the name is taken. Once it returns
     * SPINE_OK, the object and its name are durable; when it fails otherwise, the object
     * may be there whole, or not at all. */
    enum spine_status (*put_new)(void *context, const char *name, const void *data,
                                 size_t size, struct spine_error *error);

    /* Takes the name away. SPINE_NOT_FOUND. */
    enum spine_status (*remove)(void *context, const char *name,
                                struct spine_error *error);
    /* Calls `on_name` for every finished object, in no particular order, without
     * locks. */
    enum spine_status (*list)(void *context, spine_name_fn *on_name, void *argument,
                              struct spine_error *error);

    /* Ends the backend; nothing of it is open. */
    void (*release)(void *context);

    /*
     * put_new() in two steps, for those who have other objects to write between them. All
     * three of these functions are there, or none.
     *
     * The first step writes the object whole and makes its bytes durable, but there is no
     * object of that name yet. SPINE_EXISTS may be found here, or by `put_publish`. The
     * caller owns `*put` and ends it with `put_publish` or `put_discard`.
     */
    enum spine_status (*put_prepare)(void *context, const char *name, const void *data,
                                     size_t size, void **put, struct spine_error *error);
    /* Gives the object its name, durably; it ends and fails as put_new() does. Ends the
     * put in any case. */
    enum spine_status (*put_publish)(void *context, void *put, struct spine_error *error);
    /* There will be no such object. */
    void (*put_discard)(void *context, void *put);
};

/* Is `name` a name that an object may have? Any thread. */
SPINE_API bool spine_name_is_valid(const char *name);

/* Ends a backend that came with the library; zeroed afterwards. Nothing is written or
 * read by it any more. NULL and a zeroed one are allowed. */
SPINE_API void spine_backend_release(struct spine_backend *backend);

/* All zero means the defaults. */
struct spine_directory_options {
    /*
     * True: reads and writes go through the page cache of the system. Default false:
     * they go around it (O_DIRECT) where the file system allows that, since the library
     * has a cache of its own. Buffered: what was written just now is read at once from
     * memory that is not in any limit of the library.
     */
    bool buffered;
    /*
     * True: the directory is looked at and left as it is: not made, not locked, nothing
     * in it removed, and what would change it is SPINE_INVALID. Another process may use
     * it meanwhile; a file that it removes is SPINE_NOT_FOUND from then on.
     */
    bool read_only;
    /*
     * The most files that are open in the sense of the system between two reads, so that
     * a store may have more files than the process may have descriptors. A file that was
     * not read for long is closed, and opened again (some microseconds) when it is read.
     * Default 0: a quarter of what the process may have (RLIMIT_NOFILE) when the backend
     * is made. When the process has no descriptor left the library closes half of its own
     * and tries again. Has no meaning with `read_only`: all stay open then, as another
     * process may remove them.
     */
    size_t descriptors_max;
};

/*
 * A backend whose objects are the files of a directory, which is made when it is missing
 * (its parent is not). The directory is locked by a file `.lock`, which holds the number
 * of the process: SPINE_BUSY names the process when another one, or this one, has it
 * open. Files *.tmp, left by a process that ended while it wrote, are removed.
 *
 * For local file systems that honour fsync() on files and directories, and lock by
 * flock(). A child after fork() shares the lock and must not use the backend.
 *
 * SPINE_INVALID, SPINE_IO, SPINE_BUSY, SPINE_NOMEM. On success the caller ends `*out`
 * with spine_backend_release(); otherwise it is zeroed. Blocks.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_directory_backend(const char *path, const struct spine_directory_options *options,
                        struct spine_backend *out, struct spine_error *error);

/*
 * A backend whose objects are in memory: for tests. It knows what was made durable, and
 * spine_memory_backend_crash() forgets some or all of the rest.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_memory_backend(struct spine_backend *out, struct spine_error *error);

/* What a crash leaves of that which was not made durable. */
enum spine_crash {
    /* Nothing: no byte and no name, and what was removed is back. */
    SPINE_CRASH_LOSES_ALL,
    /* All of it. */
    SPINE_CRASH_KEEPS_ALL,
    /* Of every name either state, of every object a part: each of its sectors of 512
     * bytes is there, or zero, or behind the end. Decided by a seed. */
    SPINE_CRASH_LOSES_SOME
};

/*
 * The machine stops and starts again: the objects of a memory backend become what a disk
 * would hold then, and all of that is durable. Writers that are not finished fail from
 * now on; open objects that are lost stay readable until they are closed. No other thread
 * uses the backend meanwhile. SPINE_INVALID for another kind of backend.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_memory_backend_crash(const struct spine_backend *backend, enum spine_crash crash,
                           uint64_t seed, struct spine_error *error);

/* Would an object of that name be there whole after any crash? False for another kind of
 * backend. Any thread. */
SPINE_API bool
spine_memory_backend_is_durable(const struct spine_backend *backend, const char *name);

#ifdef __cplusplus
}
#endif

#endif
