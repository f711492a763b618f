/* SPDX-License-Identifier: MIT */

/*
 * The backend whose objects are the files of a directory.
 *
 *     create      NAME.tmp is opened; it must not be there
 *     write       in parts of FILE_WRITE_BYTES
 *     finish      NAME.tmp becomes NAME, unless there is one
 *     put_prepare NAME.tmp is written and synced
 *     put_publish NAME.tmp becomes NAME, unless there is one; the directory is synced
 *     put_new     both
 *
 * A file NAME.tmp belongs to the process that holds the lock, so those that are there
 * when the directory is opened belong to nobody.
 */

#include "store/backend.h"
#include "store/store.h"
#include "store/system_directory.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/planted.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct directory_writer {
    struct file_writer writer;
    char name[SPINE_NAME_MAX + 1];
};

struct directory_put {
    char name[SPINE_NAME_MAX + 1];
};

struct objects_only {
    spine_name_fn *on_name;
    void *argument;
};

static enum spine_status directory_create(void *context, const char *name, void **writer,
                                          struct spine_error *error);
static enum spine_status directory_write(void *context, void *writer, const void *data,
                                         size_t size, struct spine_error *error);
static enum spine_status
directory_finish(void *context, void *writer, struct spine_error *error);
static void directory_abort(void *context, void *writer);
static enum spine_status directory_open(void *context, const char *name, void **object,
                                        uint64_t *bytes, struct spine_error *error);
static enum spine_status directory_read_at(void *context, void *object, uint64_t offset,
                                           void *data, size_t size,
                                           struct spine_error *error);
static void directory_close(void *context, void *object);
static enum spine_status
directory_sync(void *context, void *object, struct spine_error *error);
static enum spine_status directory_sync_names(void *context, struct spine_error *error);
static enum spine_status directory_put_new(void *context, const char *name,
                                           const void *data, size_t size,
                                           struct spine_error *error);
static enum spine_status directory_put_prepare(void *context, const char *name,
                                               const void *data, size_t size, void **put,
                                               struct spine_error *error);
static enum spine_status
directory_put_publish(void *context, void *put, struct spine_error *error);
static void directory_put_discard(void *context, void *put);
static enum spine_status write_temporary(struct directory *directory, const char *name,
                                         const void *data, size_t size,
                                         struct spine_error *error);
static enum spine_status
directory_remove(void *context, const char *name, struct spine_error *error);
static enum spine_status directory_list(void *context, spine_name_fn *on_name,
                                        void *argument, struct spine_error *error);
static enum spine_status
list_object(void *argument, const char *name, uint64_t bytes, struct spine_error *error);
static void directory_release(void *context);

enum spine_status
spine_directory_backend(const char *path, const struct spine_directory_options *options,
                        struct spine_backend *out, struct spine_error *error)
{
    const struct spine_directory_options defaults = {0};
    struct directory *directory;
    enum spine_status st;

    if (out == NULL)
        return spine_fail(error, SPINE_INVALID, "spine_directory_backend: out is NULL");
    *out = (struct spine_backend){0};
    if (path == NULL || path[0] == '\0')
        return spine_fail(error, SPINE_INVALID, "spine_directory_backend: path is %s",
                          path == NULL ? "NULL" : "empty");
    if (options == NULL)
        options = &defaults;
    TRY_RETURN(directory_enter(path, options, &directory, error));
    /* What another process removes meanwhile could not be opened again. */
    st = open_files_init(directory,
                         options->read_only ? SIZE_MAX : options->descriptors_max);
    if (st != SPINE_OK) {
        directory_leave(directory);
        return fail_nomem(error, "a directory", sizeof *directory);
    }
    *out = (struct spine_backend){.context = directory,
                                  .create = directory_create,
                                  .write = directory_write,
                                  .finish = directory_finish,
                                  .abort = directory_abort,
                                  .open = directory_open,
                                  .read_at = directory_read_at,
                                  .close = directory_close,
                                  .sync = directory_sync,
                                  .sync_names = directory_sync_names,
                                  .put_new = directory_put_new,
                                  .remove = directory_remove,
                                  .list = directory_list,
                                  .release = directory_release,
                                  .put_prepare = directory_put_prepare,
                                  .put_publish = directory_put_publish,
                                  .put_discard = directory_put_discard};
    return SPINE_OK;
}

/* May objects come and go? */
static enum spine_status
check_writable(const struct directory *directory, const char *name,
               struct spine_error *error)
{
    if (directory->read_only)
        return spine_fail(error, SPINE_INVALID,
                          "%s/%s: the directory was opened for reading only",
                          directory->path, name);
    return SPINE_OK;
}

static enum spine_status
directory_create(void *context, const char *name, void **writer,
                 struct spine_error *error)
{
    struct directory *directory = context;
    struct system_file file = directory_file(directory, -1, name);
    struct directory_writer *made = NULL;
    char temporary[TEMPORARY_NAME_BYTES];
    enum spine_status st;

    *writer = NULL;
    TRY(name_check(name, error));
    TRY(check_writable(directory, name, error));
    temporary_name(name, temporary);
    if (faccessat(directory->descriptor, name, F_OK, 0) == 0) {
        errno = EEXIST;
        return file_fail(&file, "create it", error);
    }
    file.descriptor = directory_open_file(directory, temporary,
                                          O_WRONLY | O_CREAT | O_EXCL, &file.direct);
    if (file.descriptor < 0)
        return file_fail(&file, "create it", error);

    made = mem_zalloc(sizeof *made);
    if (made == NULL) {
        st = fail_nomem(error, "the writer of a file", sizeof *made);
        goto out;
    }
    strcpy(made->name, name);
    file.name = made->name;
    file_writer_init(&made->writer, &file);
    *writer = made;
    made = NULL;
    file.descriptor = -1;
out:
    if (file.descriptor >= 0) {
        (void)close_descriptor(file.descriptor);
        (void)unlinkat(directory->descriptor, temporary, 0);
    }
    mem_free(made, sizeof *made);
    return st;
}

static enum spine_status
directory_write(void *context, void *writer, const void *data, size_t size,
                struct spine_error *error)
{
    struct directory_writer *to = writer;

    (void)context;
    return file_writer_append(&to->writer, data, size, error);
}

static enum spine_status
directory_finish(void *context, void *writer, struct spine_error *error)
{
    struct directory *directory = context;
    struct directory_writer *done = writer;
    const struct system_file file = done->writer.file;
    char temporary[TEMPORARY_NAME_BYTES];
    enum spine_status st;

    temporary_name(done->name, temporary);
    TRY(file_writer_finish(&done->writer, error));
    done->writer.file.descriptor = -1;
    if (close_descriptor(file.descriptor) != 0)
        st = file_fail(&file, "close it", error);
    else if (directory_rename_new(directory, temporary, done->name) != 0)
        st = file_fail(&file, "name it", error);
    if (st != SPINE_OK)
        goto out;
    file_writer_release(&done->writer);
    mem_free(done, sizeof *done);
    return SPINE_OK;
out:
    directory_abort(directory, done);
    return st;
}

static void
directory_abort(void *context, void *writer)
{
    const struct directory *directory = context;
    struct directory_writer *failed = writer;
    char temporary[TEMPORARY_NAME_BYTES];

    temporary_name(failed->name, temporary);
    if (failed->writer.file.descriptor >= 0)
        (void)close_descriptor(failed->writer.file.descriptor);
    (void)unlinkat(directory->descriptor, temporary, 0);
    file_writer_release(&failed->writer);
    mem_free(failed, sizeof *failed);
}

static enum spine_status
directory_open(void *context, const char *name, void **object, uint64_t *bytes,
               struct spine_error *error)
{
    struct open_file *file = NULL;
    enum spine_status st;

    TRY(name_check(name, error));
    TRY(open_file_open(context, name, &file, bytes, error));
out:
    *object = file;
    return st;
}

static enum spine_status
directory_read_at(void *context, void *object, uint64_t offset, void *data, size_t size,
                  struct spine_error *error)
{
    return open_file_read(context, object, offset, data, size, error);
}

static void
directory_close(void *context, void *object)
{
    open_file_close(context, object);
}

static enum spine_status
directory_sync(void *context, void *object, struct spine_error *error)
{
    return open_file_sync(context, object, error);
}

static enum spine_status
directory_sync_names(void *context, struct spine_error *error)
{
    const struct directory *directory = context;
    const struct system_file itself =
        directory_file(directory, directory->descriptor, ".");

    if (!PLANTED(DIRECTORY_SKIPPED) && sync_descriptor(directory->descriptor) != 0)
        return file_fail(&itself, "sync the directory", error);
    return SPINE_OK;
}

static enum spine_status
directory_put_new(void *context, const char *name, const void *data, size_t size,
                  struct spine_error *error)
{
    void *put;

    TRY_RETURN(directory_put_prepare(context, name, data, size, &put, error));
    return directory_put_publish(context, put, error);
}

static enum spine_status
directory_put_prepare(void *context, const char *name, const void *data, size_t size,
                      void **put, struct spine_error *error)
{
    struct directory *directory = context;
    struct directory_put *made;
    enum spine_status st;

    *put = NULL;
    TRY_RETURN(name_check(name, error));
    TRY_RETURN(check_writable(directory, name, error));
    made = mem_alloc(sizeof *made);
    if (made == NULL)
        return fail_nomem(error, "the name of a file", sizeof *made);
    st = write_temporary(directory, name, data, size, error);
    if (st != SPINE_OK) {
        mem_free(made, sizeof *made);
        return st;
    }
    strcpy(made->name, name);
    *put = made;
    return SPINE_OK;
}

/* The object is small and synced at once, so it goes through the cache of the system. */
static enum spine_status
write_temporary(struct directory *directory, const char *name, const void *data,
                size_t size, struct spine_error *error)
{
    struct system_file file = directory_file(directory, -1, name);
    char temporary[TEMPORARY_NAME_BYTES];
    bool failed;
    enum spine_status st;

    temporary_name(name, temporary);
    file.descriptor =
        directory_open_cached(directory, temporary, O_WRONLY | O_CREAT | O_EXCL);
    if (file.descriptor < 0)
        return file_fail(&file, "create it", error);
    st = file_write_all(&file, data, size, error);
    if (st == SPINE_OK && !PLANTED(PUT_SKIPPED) && sync_descriptor(file.descriptor) != 0)
        st = file_fail(&file, "sync it", error);
    failed = close_descriptor(file.descriptor) != 0;
    if (st == SPINE_OK && failed)
        st = file_fail(&file, "close it", error);
    if (st != SPINE_OK)
        (void)unlinkat(directory->descriptor, temporary, 0);
    return st;
}

static enum spine_status
directory_put_publish(void *context, void *put, struct spine_error *error)
{
    const struct directory *directory = context;
    struct directory_put *done = put;
    const struct system_file file = directory_file(directory, -1, done->name);
    char temporary[TEMPORARY_NAME_BYTES];
    enum spine_status st;

    temporary_name(done->name, temporary);
    if (directory_rename_new(directory, temporary, done->name) != 0) {
        st = file_fail(&file, "name it", error);
        directory_put_discard(context, done);
        return st;
    }
    mem_free(done, sizeof *done);
    return directory_sync_names(context, error);
}

static void
directory_put_discard(void *context, void *put)
{
    const struct directory *directory = context;
    struct directory_put *given_up = put;
    char temporary[TEMPORARY_NAME_BYTES];

    temporary_name(given_up->name, temporary);
    (void)unlinkat(directory->descriptor, temporary, 0);
    mem_free(given_up, sizeof *given_up);
}

static enum spine_status
directory_remove(void *context, const char *name, struct spine_error *error)
{
    struct directory *directory = context;
    const struct system_file file = directory_file(directory, -1, name);
    struct removal removal = {.name = name};
    int number = 0;

    TRY_RETURN(name_check(name, error));
    TRY_RETURN(check_writable(directory, name, error));
    TRY_RETURN(open_files_keep(directory, &removal, error));
    if (unlinkat(directory->descriptor, name, 0) != 0)
        number = errno;
    open_files_kept(directory, &removal, number == 0 || number == ENOENT);
    errno = number;
    return number == 0 ? SPINE_OK : file_fail(&file, "remove it", error);
}

static enum spine_status
directory_list(void *context, spine_name_fn *on_name, void *argument,
               struct spine_error *error)
{
    struct objects_only list = {.on_name = on_name, .argument = argument};

    return directory_each_file(context, list_object, &list, error);
}

/* Other files may lie in the directory; the library does not touch these. */
static enum spine_status
list_object(void *argument, const char *name, uint64_t bytes, struct spine_error *error)
{
    const struct objects_only *list = argument;

    if (!spine_name_is_valid(name))
        return SPINE_OK;
    return list->on_name(list->argument, name, bytes, error);
}

static void
directory_release(void *context)
{
    open_files_release(context);
    directory_leave(context);
}
