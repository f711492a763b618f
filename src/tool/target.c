/* SPDX-License-Identifier: MIT */

/*
 * What an argument names: batch files, which are objects or lie in packs, and
 * checkpoints, which say what is in packs.
 */

#include "tool/tool.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static enum spine_status
target_open_file(struct tool_target *target, const char *path, struct spine_error *error);
static size_t cut_offset(struct tool_target *target, const char *path);
static bool split_path(const char *path, size_t size, struct text *directory,
                       char name[SPINE_NAME_MAX + 1]);
static enum spine_status
open_directory(struct tool_target *target, const char *path, struct spine_error *error);
static enum spine_status add_batch_file(void *context, const char *name, uint64_t bytes,
                                        struct spine_error *error);
static enum spine_status add_file(struct tool_target *target, const char *object,
                                  const struct manifest_file *part,
                                  struct spine_error *error);
static enum spine_status add_checkpoints(struct tool_target *target, uint64_t only,
                                         const char *object, struct spine_error *error);
static enum spine_status add_files(struct tool_target *target,
                                   const struct manifest *manifest, const char *object,
                                   struct spine_error *error);
static void sort_files(struct tool_target *target);
static int compare_files(const void *a, const void *b);
static bool ends_with(const char *name, const char *ending);

enum spine_status
target_open(struct tool_target *target, const char *path, struct spine_error *error)
{
    struct stat about;

    *target = (struct tool_target){.path = path};
    if (stat(path, &about) != 0 && cut_offset(target, path) == 0)
        return spine_fail(error, errno == ENOENT ? SPINE_NOT_FOUND : SPINE_IO, "%s",
                          strerror(errno));
    target->is_directory = !target->has_offset && S_ISDIR(about.st_mode);
    target->has_many = target->is_directory;
    if (target->is_directory) {
        TRY_RETURN(open_directory(target, path, error));
        TRY_RETURN(store_list(target->store, add_batch_file, target, error));
        TRY_RETURN(add_checkpoints(target, 0, NULL, error));
    } else
        TRY_RETURN(target_open_file(target, path, error));
    sort_files(target);
    return SPINE_OK;
}

/* What is in a pack, or needed by a checkpoint, is told by manifests. */
static enum spine_status
target_open_file(struct tool_target *target, const char *path, struct spine_error *error)
{
    const size_t size = cut_offset(target, path);
    char name[SPINE_NAME_MAX + 1];
    struct text directory = {0};
    enum spine_status st;

    if (!split_path(path, size > 0 ? size : strlen(path), &directory, name)) {
        st =
            spine_fail(error, SPINE_INVALID, "'%.100s' is no name of a batch file", path);
        goto out;
    }
    TRY(open_directory(target, directory.data, error));
    target->has_many = ends_with(name, STORE_PACK_ENDING) && !target->has_offset;
    if (manifest_sequence(name) > 0) {
        target->has_many = true;
        st = add_checkpoints(target, manifest_sequence(name), NULL, error);
    } else if (target->has_many || target->has_offset)
        st = add_checkpoints(target, 0, name, error);
    else
        st = add_file(target, name, NULL, error);
    if (st == SPINE_OK && target->has_offset && target->count == 0)
        st = spine_fail(error, SPINE_NOT_FOUND,
                        "no checkpoint tells of a batch file there");
out:
    text_release(&directory);
    return st;
}

/* Bytes of a path before "+4096", which becomes the offset; 0: it has none. */
static size_t
cut_offset(struct tool_target *target, const char *path)
{
    const char *const plus = strrchr(path, '+');

    if (plus == NULL || plus == path || plus[1] == '\0' ||
        strspn(plus + 1, "0123456789") != strlen(plus + 1) || strlen(plus + 1) > 18 ||
        strchr(plus, '/') != NULL)
        return 0;
    target->has_offset = true;
    target->offset = strtoull(plus + 1, NULL, 10);
    return (size_t)(plus - path);
}

/* False without memory, and for what is no name. */
static bool
split_path(const char *path, size_t size, struct text *directory,
           char name[SPINE_NAME_MAX + 1])
{
    size_t begin = size;

    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    if (size - begin > SPINE_NAME_MAX)
        return false;
    memcpy(name, path + begin, size - begin);
    name[size - begin] = '\0';
    if (begin == 0)
        return text_add(directory, ".", 1) && spine_name_is_valid(name);
    return text_add(directory, path, begin > 1 ? begin - 1 : 1) &&
           spine_name_is_valid(name);
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
add_batch_file(void *context, const char *name, uint64_t bytes, struct spine_error *error)
{
    (void)bytes;
    return ends_with(name, STORE_FILE_ENDING) ? add_file(context, name, NULL, error)
                                              : SPINE_OK;
}

/* A part of an object, or all of it when `part` is NULL. */
static enum spine_status
add_file(struct tool_target *target, const char *object, const struct manifest_file *part,
         struct spine_error *error)
{
    struct tool_file *file;

    if (!array_reserve(&target->files, &target->room, sizeof *target->files,
                       target->count + 1))
        return fail_nomem(error, "the names of files", sizeof *file);
    file = &target->files[target->count++];
    *file = (struct tool_file){.is_whole = part == NULL};
    strcpy(file->object, object);
    if (part != NULL) {
        file->offset = part->offset;
        file->bytes = part->bytes;
    }
    return SPINE_OK;
}

/* Of all checkpoints, or `only` one, the files, but for those of other objects than
 * `object` unless that is NULL. */
static enum spine_status
add_checkpoints(struct tool_target *target, uint64_t only, const char *object,
                struct spine_error *error)
{
    struct catalog catalog = {0};
    size_t room = 0;
    enum spine_status st;

    TRY(catalog_read(target->store, &catalog, error));
    target->status = catalog_check(target->store, &catalog, 0, &target->why);
    for (size_t i = 0; i < catalog.manifests.count; i++) {
        const uint64_t sequence = catalog.manifests.numbers[i];
        struct tool_checkpoint *checkpoint;

        if (only > 0 && sequence != only)
            continue;
        if (!array_reserve(&target->checkpoints, &room, sizeof *checkpoint,
                           catalog.manifests.count)) {
            st = fail_nomem(error, "checkpoints",
                            catalog.manifests.count * sizeof *checkpoint);
            goto out;
        }
        checkpoint = &target->checkpoints[target->checkpoint_count++];
        *checkpoint = (struct tool_checkpoint){.sequence = sequence};
        checkpoint->status = catalog_load(target->store, checkpoint->sequence,
                                          &checkpoint->manifest, &checkpoint->why);
        TRY(add_files(target, &checkpoint->manifest, object, error));
    }
out:
    target->checkpoint_room = room;
    catalog_release(&catalog);
    return st;
}

static enum spine_status
add_files(struct tool_target *target, const struct manifest *manifest, const char *object,
          struct spine_error *error)
{
    enum spine_status st = SPINE_OK;

    for (size_t i = 0; st == SPINE_OK && i < manifest->file_count; i++) {
        const struct manifest_file *file = &manifest->files[i];
        const char *const name = manifest->objects[file->object].name;

        if (object != NULL && strcmp(name, object) != 0)
            continue;
        if (target->has_offset && file->offset != target->offset)
            continue;
        st = add_file(target, name, file, error);
    }
    return st;
}

/* Each once, however many checkpoints need it. */
static void
sort_files(struct tool_target *target)
{
    size_t left = 0;

    if (target->count > 1)
        qsort(target->files, target->count, sizeof *target->files, compare_files);
    for (size_t i = 0; i < target->count; i++)
        if (i == 0 || target->files[i].offset != target->files[left - 1].offset ||
            strcmp(target->files[i].object, target->files[left - 1].object) != 0)
            target->files[left++] = target->files[i];
    target->count = left;
}

/* Of two that are the same, all of an object comes first. */
static int
compare_files(const void *a, const void *b)
{
    const struct tool_file *left = a, *right = b;
    const int names = strcmp(left->object, right->object);

    if (names != 0)
        return names;
    if (left->offset != right->offset)
        return left->offset < right->offset ? -1 : 1;
    return right->is_whole - left->is_whole;
}

static bool
ends_with(const char *name, const char *ending)
{
    const size_t size = strlen(name), tail = strlen(ending);

    return size > tail && strcmp(name + size - tail, ending) == 0;
}

void
target_close(struct tool_target *target)
{
    for (size_t i = 0; i < target->checkpoint_count; i++)
        manifest_release(&target->checkpoints[i].manifest);
    mem_free(target->checkpoints, target->checkpoint_room * sizeof *target->checkpoints);
    mem_free(target->files, target->room * sizeof *target->files);
    spine_store_close(target->store);
    *target = (struct tool_target){0};
}

enum spine_status
target_check(const struct tool_target *target, struct spine_error *error)
{
    const struct spine_error *why = target->status != SPINE_OK ? &target->why : NULL;

    for (size_t i = 0; why == NULL && i < target->checkpoint_count; i++)
        if (target->checkpoints[i].status != SPINE_OK)
            why = &target->checkpoints[i].why;
    if (why == NULL)
        return SPINE_OK;
    return spine_fail(error, why->status, "%s", why->message);
}

void
tool_file_name(const struct tool_file *file, char name[TOOL_NAME_BYTES])
{
    if (file->offset == 0)
        (void)snprintf(name, TOOL_NAME_BYTES, "%s", file->object);
    else
        (void)snprintf(name, TOOL_NAME_BYTES, "%s+%" PRIu64, file->object, file->offset);
}

enum spine_status
tool_file_open(const struct tool_target *target, size_t index, struct store_file **out,
               struct spine_error *error)
{
    const struct tool_file *file = &target->files[index];
    struct store_object *object;
    enum spine_status st;

    assert(index < target->count);
    *out = NULL;
    TRY_RETURN(store_object_open(target->store, file->object, &object, error));
    st = store_file_in_object(object, file->offset,
                              file->is_whole ? object->bytes : file->bytes, out, error);
    store_object_unref(object);
    return st;
}

enum spine_status
batch_file_open(const struct tool_target *target, size_t index, struct batch_file *out,
                struct spine_error *error)
{
    *out = (struct batch_file){0};
    TRY_RETURN(tool_file_open(target, index, &out->file, error));
    return batch_of_file(out->file, &out->batch, error);
}

void
batch_file_close(struct batch_file *file)
{
    spine_batch_unref(file->batch);
    store_file_unref(file->file);
    *file = (struct batch_file){0};
}
