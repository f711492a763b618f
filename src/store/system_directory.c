/* SPDX-License-Identifier: MIT */

/*
 * A directory of the system as a store has it: made if it is missing, locked by one
 * process at a time, cleared of what a crash has left half written, listed and synced.
 */

/* O_DIRECT and renameat2(). */
#define _GNU_SOURCE

#include "store/system_directory.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Names that begin with a dot are no objects. */
#define LOCK_NAME ".lock"
#define PROBE_NAME ".probe" TEMPORARY_ENDING

static enum spine_status
open_or_make(struct directory *directory, struct spine_error *error);
static int sync_parent(const struct directory *directory);
static enum spine_status
take_lock(struct directory *directory, struct spine_error *error);
static enum spine_status
fail_locked(const struct directory *directory, struct spine_error *error);
static bool takes_direct(const struct directory *directory);
static enum spine_status remove_temporary(void *argument, const char *name,
                                          uint64_t bytes, struct spine_error *error);
static bool makes_room(struct directory *directory);
static enum spine_status each_entry(struct directory *directory, DIR *entries,
                                    spine_name_fn *on_name, void *argument,
                                    struct spine_error *error);

enum spine_status
directory_enter(const char *path, const struct spine_directory_options *options,
                struct directory **out, struct spine_error *error)
{
    const size_t size = strlen(path) + 1;
    const size_t bytes = sizeof(struct directory) + size;
    struct directory *directory = mem_zalloc(bytes);
    enum spine_status st;

    *out = NULL;
    if (directory == NULL)
        return fail_nomem(error, "a directory", bytes);
    directory->bytes = bytes;
    directory->descriptor = directory->lock = -1;
    memcpy(directory->path, path, size);
    directory->read_only = options->read_only;
    TRY(open_or_make(directory, error));
    if (!directory->read_only) {
        TRY(take_lock(directory, error));
        TRY(directory_each_file(directory, remove_temporary, directory, error));
    }
    directory->direct =
        !options->buffered && (directory->read_only || takes_direct(directory));
    *out = directory;
    directory = NULL;
out:
    directory_leave(directory);
    return st;
}

void
directory_leave(struct directory *directory)
{
    if (directory == NULL)
        return;
    if (directory->lock >= 0)
        (void)close_descriptor(directory->lock);
    if (directory->descriptor >= 0)
        (void)close_descriptor(directory->descriptor);
    mem_free(directory, directory->bytes);
}

static enum spine_status
open_or_make(struct directory *directory, struct spine_error *error)
{
    const struct system_file itself = directory_file(directory, -1, ".");
    const bool made = !directory->read_only && mkdir(directory->path, 0777) == 0;

    if (!directory->read_only && !made && errno != EEXIST)
        return file_fail(&itself, "make the directory", error);
    directory->descriptor = open(directory->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory->descriptor < 0)
        return file_fail(&itself, "open the directory", error);
    if (made && sync_parent(directory) != 0)
        return file_fail(&itself, "sync the directory above", error);
    return SPINE_OK;
}

static int
sync_parent(const struct directory *directory)
{
    const int parent =
        openat(directory->descriptor, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result;

    if (parent < 0)
        return -1;
    result = sync_descriptor(parent);
    (void)close_descriptor(parent);
    return result;
}

/* The lock goes with the descriptor, so also when the process ends in any way. */
static enum spine_status
take_lock(struct directory *directory, struct spine_error *error)
{
    struct system_file itself = directory_file(directory, -1, LOCK_NAME);
    char text[32];
    int size;

    directory->lock =
        openat(directory->descriptor, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (directory->lock < 0)
        return file_fail(&itself, "open it", error);
    if (flock(directory->lock, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? fail_locked(directory, error)
                                    : file_fail(&itself, "lock it", error);
    size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(directory->lock, 0) != 0)
        return file_fail(&itself, "empty it", error);
    itself.descriptor = directory->lock;
    return file_write_all(&itself, text, (size_t)size, error);
}

static enum spine_status
fail_locked(const struct directory *directory, struct spine_error *error)
{
    char text[32];
    const ssize_t size = pread(directory->lock, text, sizeof text - 1, 0);

    text[size > 0 ? size : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return spine_fail(error, SPINE_BUSY, "%s is in use by process %s", directory->path,
                      text[0] != '\0' ? text : "(unknown)");
}

/* Tries it on a file that is removed at once. */
static bool
takes_direct(const struct directory *directory)
{
    const size_t bytes = (size_t)2 * FILE_ALIGNMENT;
    const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_DIRECT | O_CLOEXEC;
    uint8_t *const memory = mem_zalloc(bytes);
    bool direct = false;
    int descriptor;

    if (memory == NULL)
        return false;
    descriptor = openat(directory->descriptor, PROBE_NAME, flags, 0666);
    if (descriptor >= 0) {
        const size_t skip = FILE_ALIGNMENT - (uintptr_t)memory % FILE_ALIGNMENT;
        const struct system_file probe =
            directory_file(directory, descriptor, PROBE_NAME);

        direct = file_write_all(&probe, memory + skip, FILE_ALIGNMENT, NULL) == SPINE_OK;
        (void)close_descriptor(descriptor);
    }
    /* Some systems make the file before they refuse to open it. */
    (void)unlinkat(directory->descriptor, PROBE_NAME, 0);
    mem_free(memory, bytes);
    return direct;
}

static enum spine_status
remove_temporary(void *argument, const char *name, uint64_t bytes,
                 struct spine_error *error)
{
    const struct directory *directory = argument;
    const struct system_file file = directory_file(directory, -1, name);
    const size_t size = strlen(name), ending = sizeof TEMPORARY_ENDING - 1;

    (void)bytes;
    if (size < ending || strcmp(name + size - ending, TEMPORARY_ENDING) != 0)
        return SPINE_OK;
    if (unlinkat(directory->descriptor, name, 0) != 0 && errno != ENOENT)
        return file_fail(&file, "remove it", error);
    return SPINE_OK;
}

enum spine_status
directory_each_file(struct directory *directory, spine_name_fn *on_name, void *argument,
                    struct spine_error *error)
{
    const struct system_file itself = directory_file(directory, -1, ".");
    const int descriptor = directory_open_cached(directory, ".", O_RDONLY | O_DIRECTORY);
    DIR *const entries = descriptor >= 0 ? fdopendir(descriptor) : NULL;
    enum spine_status st;

    if (entries == NULL) {
        st = file_fail(&itself, "list the directory", error);
        if (descriptor >= 0)
            (void)close_descriptor(descriptor);
        return st;
    }
    st = each_entry(directory, entries, on_name, argument, error);
    (void)closedir(entries);
    return st;
}

static enum spine_status
each_entry(struct directory *directory, DIR *entries, spine_name_fn *on_name,
           void *argument, struct spine_error *error)
{
    for (;;) {
        const struct dirent *entry;
        struct stat about;

        errno = 0;
        entry = readdir(entries);
        if (entry == NULL && errno != 0) {
            const struct system_file itself = directory_file(directory, -1, ".");

            return file_fail(&itself, "list the directory", error);
        }
        if (entry == NULL)
            return SPINE_OK;
        if (fstatat(directory->descriptor, entry->d_name, &about, 0) != 0) {
            const struct system_file file = directory_file(directory, -1, entry->d_name);

            /* Removed since the list began, or a link to nothing. */
            if (errno == ENOENT)
                continue;
            return file_fail(&file, "ask for its size", error);
        }
        if (S_ISREG(about.st_mode)) {
            TRY_RETURN(on_name(argument, entry->d_name, (uint64_t)about.st_size, error));
        }
    }
}

struct system_file
directory_file(const struct directory *directory, int descriptor, const char *name)
{
    return (struct system_file){
        .descriptor = descriptor, .directory = directory->path, .name = name};
}

int
directory_try_open(const struct directory *directory, const char *name, int flags,
                   bool *direct)
{
    int descriptor;

    *direct = directory->direct;
    if (*direct) {
        descriptor =
            openat(directory->descriptor, name, flags | O_DIRECT | O_CLOEXEC, 0666);
        if (descriptor >= 0 || errno != EINVAL)
            return descriptor;
        *direct = false;
    }
    return openat(directory->descriptor, name, flags | O_CLOEXEC, 0666);
}

int
directory_open_file(struct directory *directory, const char *name, int flags,
                    bool *direct)
{
    int descriptor;

    do
        descriptor = directory_try_open(directory, name, flags, direct);
    while (descriptor < 0 && makes_room(directory));
    return descriptor;
}

int
directory_open_cached(struct directory *directory, const char *name, int flags)
{
    int descriptor;

    do
        descriptor = openat(directory->descriptor, name, flags | O_CLOEXEC, 0666);
    while (descriptor < 0 && makes_room(directory));
    return descriptor;
}

/* Is it worth while to open a file again, after what errno says? */
static bool
makes_room(struct directory *directory)
{
    const int number = errno;
    const bool made = (number == EMFILE || number == ENFILE) &&
                      directory->on_shortage != NULL && directory->on_shortage(directory);

    errno = number;
    return made;
}

void
temporary_name(const char *name, char *temporary)
{
    assert(strlen(name) <= SPINE_NAME_MAX);
    (void)snprintf(temporary, TEMPORARY_NAME_BYTES, "%s" TEMPORARY_ENDING, name);
}

int
directory_rename_new(const struct directory *directory, const char *from, const char *to)
{
    const int at = directory->descriptor;

    assert(!directory->read_only);
    if (renameat2(at, from, at, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    /* The file system cannot do that; it can link. */
    if (linkat(at, from, at, to, 0) != 0)
        return -1;
    (void)unlinkat(at, from, 0);
    return 0;
}
