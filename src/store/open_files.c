/* SPDX-License-Identifier: MIT */

/* Which open files of a directory have a descriptor. */

#include "store/open_files.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/planted.h"
#include "store/backend.h"
#include "store/system_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <xxhash.h>

/* The part of the descriptors of a process that a store takes, unless it is told. */
#define DESCRIPTORS_PART 4u
#define DESCRIPTORS_MIN 16u

static bool on_shortage(struct directory *directory);
static size_t descriptors_of_process(void);
static enum spine_status begin_use(struct directory *directory, struct open_file *file,
                                   struct system_file *out, struct spine_error *error);
static void end_use(struct open_files *files, struct open_file *file);
static void set_descriptor_locked(struct open_files *files, struct open_file *file,
                                  const struct system_file *opened);
static enum spine_status keep_locked(struct directory *directory, struct open_file *file,
                                     struct spine_error *error);
static bool
has_lost_name_locked(const struct open_files *files, const struct open_file *file);
static bool give_up_locked(struct open_files *files, size_t count);
static size_t excess_locked(const struct open_files *files);
static void enter_idle(struct open_files *files, struct open_file *file);
static void leave_idle(struct open_files *files, struct open_file *file);
static struct open_file **open_chain(struct open_files *files, const char *name);

enum spine_status
open_files_init(struct directory *directory, size_t descriptors_max)
{
    struct open_files *files = &directory->open;

    directory->on_shortage = on_shortage;
    *files = (struct open_files){.descriptors_max = descriptors_max > 0
                                                        ? descriptors_max
                                                        : descriptors_of_process()};
    return mutex_init(&files->mutex);
}

static size_t
descriptors_of_process(void)
{
    struct rlimit limit;
    size_t part;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return DESCRIPTORS_MIN;
    if (limit.rlim_cur == RLIM_INFINITY)
        return SIZE_MAX;
    part = (size_t)limit.rlim_cur / DESCRIPTORS_PART;
    return part > DESCRIPTORS_MIN ? part : DESCRIPTORS_MIN;
}

/* What another process may remove could not be opened again. */
static bool
on_shortage(struct directory *directory)
{
    return !directory->read_only && open_files_give_up(&directory->open);
}

void
open_files_release(struct directory *directory)
{
    struct open_files *files = &directory->open;

    assert(files->descriptors == 0);
    assert(files->oldest == NULL && files->newest == NULL);
    mutex_release(&files->mutex);
}

enum spine_status
open_file_open(struct directory *directory, const char *name, struct open_file **out,
               uint64_t *bytes, struct spine_error *error)
{
    struct open_files *files = &directory->open;
    struct open_file **chain = open_chain(files, name);
    struct open_file *file = mem_zalloc(sizeof *file);
    struct system_file opened;
    struct stat about;
    uint64_t removals;
    enum spine_status st;

    *out = NULL;
    if (file == NULL)
        return fail_nomem(error, "an open file", sizeof *file);
    mutex_lock(&files->mutex);
    removals = files->removals;
    mutex_unlock(&files->mutex);
    memcpy(file->name, name, strlen(name) + 1);
    file->file = directory_file(directory, -1, file->name);
    opened = file->file;
    opened.descriptor = directory_open_file(directory, name, O_RDONLY, &opened.direct);
    if (opened.descriptor < 0)
        TRY(file_fail(&opened, "open it", error));
    if (fstat(opened.descriptor, &about) != 0) {
        st = file_fail(&opened, "ask for its size", error);
        (void)close_descriptor(opened.descriptor);
        goto out;
    }
    mutex_lock(&files->mutex);
    file->next = *chain;
    *chain = file;
    set_descriptor_locked(files, file, &opened);
    if (files->removing != NULL || files->removals != removals)
        file->is_removed = has_lost_name_locked(files, file);
    if (!file->is_removed)
        enter_idle(files, file);
    (void)give_up_locked(files, excess_locked(files));
    mutex_unlock(&files->mutex);
    *bytes = (uint64_t)about.st_size;
    *out = file;
    file = NULL;
out:
    mem_free(file, sizeof *file);
    return st;
}

void
open_file_close(struct directory *directory, struct open_file *file)
{
    struct open_files *files = &directory->open;
    struct open_file **at = open_chain(files, file->name);

    mutex_lock(&files->mutex);
    assert(file->users == 0);
    while (*at != file)
        at = &(*at)->next;
    *at = file->next;
    if (file->file.descriptor >= 0) {
        if (!file->is_removed)
            leave_idle(files, file);
        files->descriptors--;
    }
    mutex_unlock(&files->mutex);
    if (file->file.descriptor >= 0)
        (void)close_descriptor(file->file.descriptor);
    mem_free(file, sizeof *file);
}

enum spine_status
open_file_read(struct directory *directory, struct open_file *file, uint64_t offset,
               void *data, size_t size, struct spine_error *error)
{
    struct system_file with;
    enum spine_status st;

    TRY_RETURN(begin_use(directory, file, &with, error));
    st = file_read_at(&with, offset, data, size, error);
    end_use(&directory->open, file);
    return st;
}

enum spine_status
open_file_sync(struct directory *directory, struct open_file *file,
               struct spine_error *error)
{
    struct system_file with;
    enum spine_status st = SPINE_OK;

    TRY_RETURN(begin_use(directory, file, &with, error));
    if (!PLANTED(FSYNC_SKIPPED) && sync_descriptor(with.descriptor) != 0)
        st = file_fail(&with, "sync it", error);
    end_use(&directory->open, file);
    return st;
}

/* Gives the file a descriptor that nobody takes until end_use(). Two threads may both
 * open it; the second one closes its own. A file that lost its name meanwhile could not
 * be opened, but then has a descriptor. */
static enum spine_status
begin_use(struct directory *directory, struct open_file *file, struct system_file *out,
          struct spine_error *error)
{
    struct open_files *files = &directory->open;
    struct system_file opened = directory_file(directory, -1, file->name);
    int number = 0;

    mutex_lock(&files->mutex);
    if (file->file.descriptor < 0) {
        mutex_unlock(&files->mutex);
        opened.descriptor =
            directory_open_file(directory, file->name, O_RDONLY, &opened.direct);
        number = errno;
        mutex_lock(&files->mutex);
    }
    if (file->file.descriptor >= 0) {
        if (file->users == 0 && !file->is_removed)
            leave_idle(files, file);
    } else if (opened.descriptor >= 0) {
        set_descriptor_locked(files, file, &opened);
        opened.descriptor = -1;
    } else {
        mutex_unlock(&files->mutex);
        errno = number;
        return file_fail(&opened, "open it again", error);
    }
    file->users++;
    *out = file->file;
    (void)give_up_locked(files, excess_locked(files));
    mutex_unlock(&files->mutex);
    if (opened.descriptor >= 0)
        (void)close_descriptor(opened.descriptor);
    return SPINE_OK;
}

static void
end_use(struct open_files *files, struct open_file *file)
{
    mutex_lock(&files->mutex);
    assert(file->users > 0);
    file->users--;
    if (file->users == 0 && !file->is_removed)
        enter_idle(files, file);
    (void)give_up_locked(files, excess_locked(files));
    mutex_unlock(&files->mutex);
}

static void
set_descriptor_locked(struct open_files *files, struct open_file *file,
                      const struct system_file *opened)
{
    assert(file->file.descriptor < 0 && opened->descriptor >= 0);
    file->file.descriptor = opened->descriptor;
    file->file.direct = opened->direct;
    files->descriptors++;
}

enum spine_status
open_files_keep(struct directory *directory, struct removal *removal,
                struct spine_error *error)
{
    struct open_files *files = &directory->open;
    enum spine_status st = SPINE_OK;

    mutex_lock(&files->mutex);
    for (struct open_file *file = *open_chain(files, removal->name); file != NULL;
         file = file->next)
        if (st == SPINE_OK && !file->is_removed && strcmp(file->name, removal->name) == 0)
            st = keep_locked(directory, file, error);
    removal->next = files->removing;
    files->removing = removal;
    mutex_unlock(&files->mutex);
    if (st != SPINE_OK)
        open_files_kept(directory, removal, false);
    return st;
}

void
open_files_kept(struct directory *directory, struct removal *removal, bool is_gone)
{
    struct open_files *files = &directory->open;
    struct removal **at = &files->removing;

    mutex_lock(&files->mutex);
    while (*at != removal)
        at = &(*at)->next;
    *at = removal->next;
    files->removals++;
    for (struct open_file *file = *open_chain(files, removal->name);
         file != NULL && !is_gone; file = file->next)
        if (file->is_removed && strcmp(file->name, removal->name) == 0 &&
            !has_lost_name_locked(files, file)) {
            file->is_removed = false;
            if (file->users == 0)
                enter_idle(files, file);
        }
    mutex_unlock(&files->mutex);
}

/* Of a file with a descriptor. */
static bool
has_lost_name_locked(const struct open_files *files, const struct open_file *file)
{
    struct stat about;

    for (const struct removal *removal = files->removing; removal != NULL;
         removal = removal->next)
        if (strcmp(removal->name, file->name) == 0)
            return true;
    return fstat(file->file.descriptor, &about) != 0 || about.st_nlink == 0;
}

/* Without the lock the file could be closed meanwhile, so it is opened under it. */
static enum spine_status
keep_locked(struct directory *directory, struct open_file *file,
            struct spine_error *error)
{
    struct open_files *files = &directory->open;
    struct system_file opened = file->file;

    if (file->file.descriptor < 0) {
        (void)give_up_locked(files, 1);
        opened.descriptor =
            directory_try_open(directory, file->name, O_RDONLY, &opened.direct);
        if (opened.descriptor < 0)
            return file_fail(&opened, "open it again", error);
        set_descriptor_locked(files, file, &opened);
    } else if (file->users == 0) {
        leave_idle(files, file);
    }
    file->is_removed = true;
    return SPINE_OK;
}

bool
open_files_give_up(struct open_files *files)
{
    bool gave;

    mutex_lock(&files->mutex);
    gave = give_up_locked(files, files->descriptors / 2 + 1);
    mutex_unlock(&files->mutex);
    return gave;
}

/* Closing what was only read takes the system no time. */
static bool
give_up_locked(struct open_files *files, size_t count)
{
    bool gave = false;

    for (; count > 0 && files->oldest != NULL; count--) {
        struct open_file *file = files->oldest;

        assert(file->users == 0 && !file->is_removed);
        leave_idle(files, file);
        (void)close_descriptor(file->file.descriptor);
        file->file.descriptor = -1;
        files->descriptors--;
        gave = true;
    }
    return gave;
}

static size_t
excess_locked(const struct open_files *files)
{
    return files->descriptors > files->descriptors_max
               ? files->descriptors - files->descriptors_max
               : 0;
}

static void
enter_idle(struct open_files *files, struct open_file *file)
{
    assert(file->older == NULL && file->newer == NULL && files->oldest != file);
    file->older = files->newest;
    if (file->older != NULL)
        file->older->newer = file;
    else
        files->oldest = file;
    files->newest = file;
}

static void
leave_idle(struct open_files *files, struct open_file *file)
{
    if (file->older != NULL)
        file->older->newer = file->newer;
    else
        files->oldest = file->newer;
    if (file->newer != NULL)
        file->newer->older = file->older;
    else
        files->newest = file->older;
    file->older = file->newer = NULL;
}

static struct open_file **
open_chain(struct open_files *files, const char *name)
{
    return &files->chains[XXH3_64bits(name, strlen(name)) % OPEN_FILE_CHAINS];
}
