/* SPDX-License-Identifier: MIT */
#include "tool/tool.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static enum spine_status
open_directory(struct tool_target *target, const char *path, struct spine_error *error);
static enum spine_status add_batch_name(void *context, const char *name, uint64_t bytes,
                                        struct spine_error *error);
static enum spine_status
add_name(struct tool_target *target, const char *name, struct spine_error *error);
static int compare_names(const void *a, const void *b);

enum spine_status
target_open(struct tool_target *target, const char *path, struct spine_error *error)
{
    const char *const slash = strrchr(path, '/');
    const char *const name = slash != NULL ? slash + 1 : path;
    struct text directory = {0};
    struct stat about;
    enum spine_status st;

    *target = (struct tool_target){.path = path};
    if (stat(path, &about) != 0)
        return spine_fail(error, errno == ENOENT ? SPINE_NOT_FOUND : SPINE_IO, "%s",
                          strerror(errno));
    target->is_directory = S_ISDIR(about.st_mode);
    if (target->is_directory) {
        TRY(open_directory(target, path, error));
        TRY(target->backend.list(target->backend.context, add_batch_name, target, error));
        if (target->count > 1)
            qsort(target->names, target->count, sizeof *target->names, compare_names);
        return SPINE_OK;
    }
    if (!spine_name_is_valid(name))
        return spine_fail(error, SPINE_INVALID, "'%.100s' is no name of a batch file",
                          name);
    if (slash == path)
        st = text_add(&directory, "/", 1) ? SPINE_OK : SPINE_NOMEM;
    else if (slash == NULL)
        st = text_add(&directory, ".", 1) ? SPINE_OK : SPINE_NOMEM;
    else
        st = text_add(&directory, path, (size_t)(slash - path)) ? SPINE_OK : SPINE_NOMEM;
    if (st != SPINE_OK) {
        (void)fail_nomem(error, "the name of a directory", strlen(path));
        goto out;
    }
    TRY(open_directory(target, directory.data, error));
    TRY(add_name(target, name, error));
out:
    text_release(&directory);
    return st;
}

static enum spine_status
open_directory(struct tool_target *target, const char *path, struct spine_error *error)
{
    const struct spine_directory_options options = {.read_only = true};
    const struct spine_store_options store_options = {.keep_leftovers = true};
    enum spine_status st;

    TRY_RETURN(spine_directory_backend(path, &options, &target->backend, error));
    st = spine_store_open(&target->backend, &store_options, &target->store, error);
    if (st != SPINE_OK)
        spine_backend_release(&target->backend);
    return st;
}

/* Other objects may be there. */
static enum spine_status
add_batch_name(void *context, const char *name, uint64_t bytes, struct spine_error *error)
{
    const size_t size = strlen(name), ending = sizeof STORE_FILE_ENDING - 1;

    (void)bytes;
    if (size <= ending || strcmp(name + size - ending, STORE_FILE_ENDING) != 0)
        return SPINE_OK;
    return add_name(context, name, error);
}

static enum spine_status
add_name(struct tool_target *target, const char *name, struct spine_error *error)
{
    if (!array_reserve(&target->names, &target->capacity, sizeof *target->names,
                       target->count + 1))
        return fail_nomem(error, "the names of files", target->count);
    strcpy(target->names[target->count++], name);
    return SPINE_OK;
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

void
target_close(struct tool_target *target)
{
    mem_free(target->names, target->capacity * sizeof *target->names);
    spine_store_close(target->store);
    *target = (struct tool_target){0};
}

enum spine_status
batch_file_open(const struct tool_target *target, size_t index, struct batch_file *out,
                struct spine_error *error)
{
    assert(index < target->count);
    *out = (struct batch_file){0};
    TRY_RETURN(store_file_open(target->store, target->names[index], &out->file, error));
    return batch_of_file(out->file, &out->batch, error);
}

void
batch_file_close(struct batch_file *file)
{
    spine_batch_unref(file->batch);
    store_file_unref(file->file);
    *file = (struct batch_file){0};
}
