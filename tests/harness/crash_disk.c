/* SPDX-License-Identifier: MIT */
#include "harness/crash_order.h"

#include "harness/figure.h"
#include "spine/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Beside the writer or the object of the disk below. */
struct crash_handle {
    void *inner;
    struct crash_file *file;
};

/* What becomes of an operation. */
enum verdict { DONE, REFUSED, DONE_AND_REFUSED };

/* A file without a name yet. */
static struct crash_file *
file_new(struct crash_disk *disk, const char *name)
{
    struct crash_file *file = calloc(1, sizeof *file);

    assert_non_null(file);
    (void)strcpy(file->name, name);
    file->next = disk->files;
    disk->files = file;
    return file;
}

static void
file_append(struct crash_file *file, const void *data, size_t size)
{
    file->bytes = realloc(file->bytes, file->size + size + 1);
    assert_non_null(file->bytes);
    if (size > 0)
        memcpy(file->bytes + file->size, data, size);
    file->size += size;
    file->bytes[file->size] = 0;
}

/* May a backend answer `operation` so? */
static bool
is_answer_of(enum spine_status status, enum spine_operation operation)
{
    switch (status) {
    case SPINE_EXISTS:
        return operation == SPINE_OPERATION_CREATE ||
               operation == SPINE_OPERATION_FINISH ||
               operation == SPINE_OPERATION_PUT_PREPARE ||
               operation == SPINE_OPERATION_PUT_NEW;
    case SPINE_NOT_FOUND:
        return operation == SPINE_OPERATION_OPEN || operation == SPINE_OPERATION_REMOVE;
    case SPINE_CORRUPT:
        return operation == SPINE_OPERATION_READ_AT;
    default:
        return true;
    }
}

static bool
is_sync(enum spine_operation operation)
{
    return operation == SPINE_OPERATION_SYNC || operation == SPINE_OPERATION_SYNC_NAMES ||
           operation == SPINE_OPERATION_PUT_NEW;
}

/* The names of the disk were synced, or that failed and names are lost. */
static void
sync_all_names(struct crash_disk *disk, bool failed)
{
    for (struct crash_file *file = disk->files; file != NULL; file = file->next)
        if (file->named_now == file->named_durably || file->name_dropped)
            continue;
        else if (!failed)
            file->named_durably = file->named_now;
        else if (file->named_now && crash_name_is_of_batches(file->name))
            file->name_dropped = true;
    disk->changes++;
}

static enum verdict
judge(struct crash_disk *disk, enum spine_operation operation)
{
    struct crash_fault *fault = &disk->fault;
    const enum spine_status status = fault->status != SPINE_OK ? fault->status : SPINE_IO;

    disk->operations++;
    if (disk->on_operation != NULL)
        disk->on_operation(disk->argument);
    if (fault->at == 0 || !is_answer_of(status, operation) ||
        (fault->syncs && !is_sync(operation)))
        return DONE;
    if (fault->at > 1) {
        fault->at--;
        return DONE;
    }
    if (!disk->fired)
        figure_add("operations of a disk that failed", 1);
    disk->fired = true;
    disk->failed_by = status;
    if (!fault->forever)
        fault->at = 0;
    return fault->after ? DONE_AND_REFUSED : REFUSED;
}

static enum spine_status
refuse(const struct crash_disk *disk, const char *name, struct spine_error *error)
{
    if (error != NULL) {
        error->status = disk->failed_by;
        (void)snprintf(error->message, sizeof error->message, "%s: the disk failed",
                       name);
    }
    return disk->failed_by;
}

static enum spine_status
disk_create(void *context, const char *name, void **writer, struct spine_error *error)
{
    struct crash_disk *disk = context;
    struct crash_handle *handle;
    enum spine_status st;

    *writer = NULL;
    if (judge(disk, SPINE_OPERATION_CREATE) != DONE)
        return refuse(disk, name, error);
    handle = calloc(1, sizeof *handle);
    assert_non_null(handle);
    st = disk->inner.create(disk->inner.context, name, &handle->inner, error);
    if (st != SPINE_OK) {
        free(handle);
        return st;
    }
    handle->file = file_new(disk, name);
    file_append(handle->file, NULL, 0);
    *writer = handle;
    return SPINE_OK;
}

static enum spine_status
disk_write(void *context, void *writer, const void *data, size_t size,
           struct spine_error *error)
{
    struct crash_disk *disk = context;
    struct crash_handle *handle = writer;

    if (judge(disk, SPINE_OPERATION_WRITE) != DONE)
        return refuse(disk, handle->file->name, error);
    file_append(handle->file, data, size);
    return disk->inner.write(disk->inner.context, handle->inner, data, size, error);
}

static enum spine_status
disk_finish(void *context, void *writer, struct spine_error *error)
{
    struct crash_disk *disk = context;
    struct crash_handle *handle = writer;
    enum spine_status st;

    if (judge(disk, SPINE_OPERATION_FINISH) != DONE) {
        disk->inner.abort(disk->inner.context, handle->inner);
        st = refuse(disk, handle->file->name, error);
    } else {
        st = disk->inner.finish(disk->inner.context, handle->inner, error);
        handle->file->named_now = st == SPINE_OK;
        if (st == SPINE_OK)
            crash_order_receipt(disk, handle->file);
        disk->changes++;
    }
    free(handle);
    return st;
}

static void
disk_abort(void *context, void *writer)
{
    struct crash_disk *disk = context;
    struct crash_handle *handle = writer;

    disk->inner.abort(disk->inner.context, handle->inner);
    free(handle);
}

static enum spine_status
disk_open(void *context, const char *name, void **object, uint64_t *bytes,
          struct spine_error *error)
{
    struct crash_disk *disk = context;
    struct crash_handle *handle;
    enum spine_status st;

    *object = NULL;
    if (judge(disk, SPINE_OPERATION_OPEN) != DONE)
        return refuse(disk, name, error);
    handle = calloc(1, sizeof *handle);
    assert_non_null(handle);
    st = disk->inner.open(disk->inner.context, name, &handle->inner, bytes, error);
    if (st != SPINE_OK) {
        free(handle);
        return st;
    }
    handle->file = crash_file_named(disk, name);
    assert_non_null(handle->file);
    *object = handle;
    return SPINE_OK;
}

static enum spine_status
disk_read_at(void *context, void *object, uint64_t offset, void *data, size_t size,
             struct spine_error *error)
{
    struct crash_disk *disk = context;
    struct crash_handle *handle = object;

    if (judge(disk, SPINE_OPERATION_READ_AT) != DONE)
        return refuse(disk, handle->file->name, error);
    return disk->inner.read_at(disk->inner.context, handle->inner, offset, data, size,
                               error);
}

static void
disk_close(void *context, void *object)
{
    struct crash_disk *disk = context;
    struct crash_handle *handle = object;

    disk->inner.close(disk->inner.context, handle->inner);
    free(handle);
}

static enum spine_status
disk_sync(void *context, void *object, struct spine_error *error)
{
    struct crash_disk *disk = context;
    struct crash_handle *handle = object;
    const enum verdict verdict = judge(disk, SPINE_OPERATION_SYNC);
    enum spine_status st = SPINE_OK;

    if (verdict == REFUSED && disk->fault.syncs)
        handle->file->dropped = true;
    if (verdict != REFUSED && !handle->file->dropped) {
        st = disk->inner.sync(disk->inner.context, handle->inner, error);
        handle->file->synced = true;
        disk->changes++;
    }
    return verdict == DONE ? st : refuse(disk, handle->file->name, error);
}

static enum spine_status
disk_sync_names(void *context, struct spine_error *error)
{
    struct crash_disk *disk = context;
    const enum verdict verdict = judge(disk, SPINE_OPERATION_SYNC_NAMES);
    enum spine_status st = SPINE_OK;

    if (verdict != REFUSED) {
        st = disk->inner.sync_names(disk->inner.context, error);
        sync_all_names(disk, false);
    } else if (disk->fault.syncs)
        sync_all_names(disk, true);
    return verdict == DONE ? st : refuse(disk, "the names", error);
}

static enum spine_status
disk_put_new(void *context, const char *name, const void *data, size_t size,
             struct spine_error *error)
{
    struct crash_disk *disk = context;
    const enum verdict verdict = judge(disk, SPINE_OPERATION_PUT_NEW);
    struct crash_file *file;
    enum spine_status st;

    if (verdict == REFUSED && disk->fault.syncs)
        sync_all_names(disk, true);
    if (verdict == REFUSED)
        return refuse(disk, name, error);
    file = file_new(disk, name);
    file_append(file, data, size);
    if (crash_file_is_manifest(file))
        crash_order_put(disk, file);
    crash_order_receipt(disk, file);
    st = disk->inner.put_new(disk->inner.context, name, data, size, error);
    if (st != SPINE_OK)
        return st;
    file->named_now = file->synced = true;
    sync_all_names(disk, false);
    return verdict == DONE ? st : refuse(disk, name, error);
}

static enum spine_status
disk_put_prepare(void *context, const char *name, const void *data, size_t size,
                 void **put, struct spine_error *error)
{
    struct crash_disk *disk = context;
    struct crash_handle *handle;
    enum spine_status st;

    *put = NULL;
    if (judge(disk, SPINE_OPERATION_PUT_PREPARE) != DONE)
        return refuse(disk, name, error);
    handle = calloc(1, sizeof *handle);
    assert_non_null(handle);
    st = disk->inner.put_prepare(disk->inner.context, name, data, size, &handle->inner,
                                 error);
    if (st != SPINE_OK) {
        free(handle);
        return st;
    }
    handle->file = file_new(disk, name);
    file_append(handle->file, data, size);
    handle->file->synced = true;
    *put = handle;
    return SPINE_OK;
}

static void
disk_put_discard(void *context, void *put)
{
    struct crash_disk *disk = context;
    struct crash_handle *handle = put;

    disk->inner.put_discard(disk->inner.context, handle->inner);
    free(handle);
}

/* What a manifest names may have become durable since it was prepared, and must be so
 * now. */
static enum spine_status
disk_put_publish(void *context, void *put, struct spine_error *error)
{
    struct crash_disk *disk = context;
    struct crash_handle *handle = put;
    struct crash_file *const published = handle->file;
    const enum verdict verdict = judge(disk, SPINE_OPERATION_PUT_NEW);
    enum spine_status st;

    if (verdict == REFUSED && disk->fault.syncs)
        sync_all_names(disk, true);
    if (verdict == REFUSED) {
        disk_put_discard(disk, put);
        return refuse(disk, published->name, error);
    }
    if (crash_file_is_manifest(published))
        crash_order_put(disk, published);
    crash_order_receipt(disk, published);
    st = disk->inner.put_publish(disk->inner.context, handle->inner, error);
    free(handle);
    if (st != SPINE_OK)
        return st;
    published->named_now = true;
    sync_all_names(disk, false);
    return verdict == DONE ? st : refuse(disk, published->name, error);
}

static enum spine_status
disk_remove(void *context, const char *name, struct spine_error *error)
{
    struct crash_disk *disk = context;
    const enum verdict verdict = judge(disk, SPINE_OPERATION_REMOVE);
    struct crash_file *file = crash_file_named(disk, name);
    enum spine_status st;

    if (verdict == REFUSED)
        return refuse(disk, name, error);
    crash_order_removal(disk, name);
    st = disk->inner.remove(disk->inner.context, name, error);
    if (file != NULL)
        file->named_now = false;
    disk->changes++;
    return verdict == DONE ? st : refuse(disk, name, error);
}

static enum spine_status
disk_list(void *context, spine_name_fn *on_name, void *argument,
          struct spine_error *error)
{
    struct crash_disk *disk = context;

    if (judge(disk, SPINE_OPERATION_LIST) != DONE)
        return refuse(disk, "the list of names", error);
    return disk->inner.list(disk->inner.context, on_name, argument, error);
}

static void
disk_release(void *context)
{
    (void)context;
}

struct spine_backend
crash_disk_backend(struct crash_disk *disk)
{
    struct spine_backend backend = {.context = disk,
                                    .create = disk_create,
                                    .write = disk_write,
                                    .finish = disk_finish,
                                    .abort = disk_abort,
                                    .open = disk_open,
                                    .read_at = disk_read_at,
                                    .close = disk_close,
                                    .sync = disk_sync,
                                    .sync_names = disk_sync_names,
                                    .put_new = disk_put_new,
                                    .remove = disk_remove,
                                    .list = disk_list,
                                    .release = disk_release};

    if (!disk->puts_at_once) {
        backend.put_prepare = disk_put_prepare;
        backend.put_publish = disk_put_publish;
        backend.put_discard = disk_put_discard;
    }
    return backend;
}

void
crash_disk_init(struct crash_disk *disk)
{
    *disk = (struct crash_disk){0};
    assert_int_equal(spine_memory_backend(&disk->inner, NULL), SPINE_OK);
}

void
crash_disk_release(struct crash_disk *disk)
{
    spine_backend_release(&disk->inner);
    while (disk->files != NULL) {
        struct crash_file *file = disk->files;

        disk->files = file->next;
        free(file->bytes);
        free(file);
    }
}

struct crash_image *
crash_disk_image(const struct crash_disk *disk)
{
    struct crash_image *image;
    size_t count = 0;

    for (const struct crash_file *file = disk->files; file != NULL; file = file->next)
        count++;
    image = malloc(sizeof *image + count * sizeof image->files[0]);
    assert_non_null(image);
    image->count = 0;
    for (const struct crash_file *file = disk->files; file != NULL; file = file->next)
        if (file->named_now || file->named_durably) {
            image->files[image->count].file = file;
            image->files[image->count].named_now = file->named_now;
            image->files[image->count].named_durably = file->named_durably;
            image->files[image->count++].synced = file->synced;
        }
    return image;
}

/* A file of an image on the disk below. */
static void
restore_file(const struct spine_backend *to, const struct crash_file *file, bool synced)
{
    void *writer, *object;
    uint64_t bytes;

    assert_int_equal(to->create(to->context, file->name, &writer, NULL), SPINE_OK);
    if (file->size > 0)
        assert_int_equal(to->write(to->context, writer, file->bytes, file->size, NULL),
                         SPINE_OK);
    assert_int_equal(to->finish(to->context, writer, NULL), SPINE_OK);
    if (!synced)
        return;
    assert_int_equal(to->open(to->context, file->name, &object, &bytes, NULL), SPINE_OK);
    assert_int_equal(to->sync(to->context, object, NULL), SPINE_OK);
    to->close(to->context, object);
}

/* What is on the disk below, all of it durable. */
static enum spine_status
take_over(void *argument, const char *name, uint64_t bytes, struct spine_error *error)
{
    struct crash_disk *disk = argument;
    struct crash_file *file = file_new(disk, name);
    void *object;
    uint64_t size;

    file->bytes = malloc(bytes + 1);
    assert_non_null(file->bytes);
    file->size = bytes;
    file->bytes[bytes] = 0;
    file->named_now = file->named_durably = file->synced = true;
    assert_int_equal(disk->inner.open(disk->inner.context, name, &object, &size, error),
                     SPINE_OK);
    if (bytes > 0)
        assert_int_equal(disk->inner.read_at(disk->inner.context, object, 0, file->bytes,
                                             bytes, error),
                         SPINE_OK);
    disk->inner.close(disk->inner.context, object);
    return SPINE_OK;
}

void
crash_disk_init_from(struct crash_disk *disk, const struct crash_image *image,
                     enum spine_crash crash, uint64_t seed)
{
    const struct spine_backend *inner = &disk->inner;

    crash_disk_init(disk);
    for (size_t i = 0; i < image->count; i++)
        if (image->files[i].named_durably)
            restore_file(inner, image->files[i].file, image->files[i].synced);
    assert_int_equal(inner->sync_names(inner->context, NULL), SPINE_OK);
    for (size_t i = 0; i < image->count; i++)
        if (!image->files[i].named_now)
            assert_int_equal(
                inner->remove(inner->context, image->files[i].file->name, NULL),
                SPINE_OK);
    for (size_t i = 0; i < image->count; i++)
        if (!image->files[i].named_durably)
            restore_file(inner, image->files[i].file, image->files[i].synced);
    assert_int_equal(spine_memory_backend_crash(inner, crash, seed, NULL), SPINE_OK);
    assert_int_equal(inner->list(inner->context, take_over, disk, NULL), SPINE_OK);
}

void
crash_disk_arm(struct crash_disk *disk, struct crash_fault fault)
{
    disk->fault = fault;
    disk->fired = false;
}

bool
crash_disk_disarm(struct crash_disk *disk)
{
    disk->fault = (struct crash_fault){0};
    return disk->fired;
}

const struct crash_file *
crash_disk_manifest(const struct crash_disk *disk, unsigned skip)
{
    const struct crash_file *newest = NULL;

    for (unsigned i = 0; i <= skip; i++) {
        const struct crash_file *before = newest;

        newest = NULL;
        for (const struct crash_file *file = disk->files; file != NULL; file = file->next)
            if (file->named_now && crash_file_is_manifest(file) &&
                (before == NULL || strcmp(file->name, before->name) < 0) &&
                (newest == NULL || strcmp(file->name, newest->name) > 0))
                newest = file;
        if (newest == NULL)
            break;
    }
    return newest;
}

size_t
crash_disk_orphans(const struct crash_disk *disk)
{
    size_t count = 0;

    for (const struct crash_file *file = disk->files; file != NULL; file = file->next) {
        bool needed = !file->named_now || !crash_name_is_of_batches(file->name);

        for (const struct crash_file *other = disk->files; !needed && other != NULL;
             other = other->next)
            needed = other->named_now && crash_file_is_manifest(other) &&
                     crash_file_names(other, file->name);
        count += !needed;
    }
    return count;
}

size_t
crash_disk_batches(const struct crash_disk *disk)
{
    size_t count = 0;

    for (const struct crash_file *file = disk->files; file != NULL; file = file->next)
        count += file->named_now && crash_name_is_of_batches(file->name);
    return count;
}
