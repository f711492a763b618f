/* SPDX-License-Identifier: MIT */

/*
 * The backend that does what another one does, with faults. Writers and objects of it are
 * those of the other with their names, which the callback is told.
 */

#include "spine/fault.h"
#include "store/backend.h"

#include "base/alloc.h"
#include "base/error.h"

#include <string.h>
#include <time.h>

struct fault_store {
    struct spine_backend inner;
    spine_fault_fn *on_operation;
    void *argument;
};

/* A writer, an open object, or a put. */
struct fault_handle {
    void *inner;
    uint64_t offset; /* of a writer: bytes written */
    char name[SPINE_NAME_MAX + 1];
};

static enum spine_status
fault_create(void *context, const char *name, void **writer, struct spine_error *error);
static enum spine_status fault_write(void *context, void *writer, const void *data,
                                     size_t size, struct spine_error *error);
static enum spine_status
fault_finish(void *context, void *writer, struct spine_error *error);
static void fault_abort(void *context, void *writer);
static enum spine_status fault_open(void *context, const char *name, void **object,
                                    uint64_t *bytes, struct spine_error *error);
static enum spine_status fault_read_at(void *context, void *object, uint64_t offset,
                                       void *data, size_t size,
                                       struct spine_error *error);
static void fault_close(void *context, void *object);
static enum spine_status
fault_sync(void *context, void *object, struct spine_error *error);
static enum spine_status fault_sync_names(void *context, struct spine_error *error);
static enum spine_status fault_put_new(void *context, const char *name, const void *data,
                                       size_t size, struct spine_error *error);
static enum spine_status fault_put_prepare(void *context, const char *name,
                                           const void *data, size_t size, void **put,
                                           struct spine_error *error);
static enum spine_status
fault_put_publish(void *context, void *put, struct spine_error *error);
static void fault_put_discard(void *context, void *put);
static enum spine_status
fault_remove(void *context, const char *name, struct spine_error *error);
static enum spine_status fault_list(void *context, spine_name_fn *on_name, void *argument,
                                    struct spine_error *error);
static void fault_release(void *context);

static struct spine_fault fault_of(const struct fault_store *store,
                                   enum spine_operation operation, const char *name,
                                   uint64_t offset, size_t size);
static enum spine_status
fail(const struct spine_fault *fault, const char *name, struct spine_error *error);
static enum spine_status
handle_new(const char *name, struct fault_handle **out, struct spine_error *error);
static enum spine_status flipped_copy(const void *data, size_t size, uint64_t flip_bit,
                                      uint8_t **out, struct spine_error *error);
static void flip(uint8_t *data, size_t size, uint64_t flip_bit);

enum spine_status
spine_fault_backend(const struct spine_backend *inner, spine_fault_fn *on_operation,
                    void *argument, struct spine_backend *out, struct spine_error *error)
{
    struct fault_store *store;

    if (inner == NULL || on_operation == NULL || out == NULL)
        return spine_fail(error, SPINE_INVALID, "spine_fault_backend: %s is NULL",
                          inner == NULL          ? "inner"
                          : on_operation == NULL ? "on_operation"
                                                 : "out");
    store = mem_alloc(sizeof *store);
    if (store == NULL)
        return fail_nomem(error, "a backend with faults", sizeof *store);
    *store = (struct fault_store){
        .inner = *inner, .on_operation = on_operation, .argument = argument};
    *out = (struct spine_backend){.context = store,
                                  .create = fault_create,
                                  .write = fault_write,
                                  .finish = fault_finish,
                                  .abort = fault_abort,
                                  .open = fault_open,
                                  .read_at = fault_read_at,
                                  .close = fault_close,
                                  .sync = fault_sync,
                                  .sync_names = fault_sync_names,
                                  .put_new = fault_put_new,
                                  .remove = fault_remove,
                                  .list = fault_list,
                                  .release = fault_release};
    if (inner->put_prepare != NULL) {
        out->put_prepare = fault_put_prepare;
        out->put_publish = fault_put_publish;
        out->put_discard = fault_put_discard;
    }
    return SPINE_OK;
}

static enum spine_status
fault_create(void *context, const char *name, void **writer, struct spine_error *error)
{
    struct fault_store *store = context;
    const struct spine_fault fault = fault_of(store, SPINE_OPERATION_CREATE, name, 0, 0);
    struct fault_handle *handle = NULL;
    enum spine_status st;

    *writer = NULL;
    if (fault.status != SPINE_OK)
        return fail(&fault, name, error);
    TRY(name_check(name, error));
    TRY(handle_new(name, &handle, error));
    TRY(store->inner.create(store->inner.context, name, &handle->inner, error));
    *writer = handle;
    handle = NULL;
out:
    mem_free(handle, sizeof *handle);
    return st;
}

static enum spine_status
fault_write(void *context, void *writer, const void *data, size_t size,
            struct spine_error *error)
{
    struct fault_store *store = context;
    struct fault_handle *to = writer;
    const struct spine_fault fault =
        fault_of(store, SPINE_OPERATION_WRITE, to->name, to->offset, size);
    uint8_t *copy = NULL;
    enum spine_status st;

    if (fault.status != SPINE_OK && fault.bytes < size)
        size = fault.bytes;
    TRY(flipped_copy(data, size, fault.flip_bit, &copy, error));
    if (size > 0)
        TRY(store->inner.write(store->inner.context, to->inner,
                               copy != NULL ? copy : data, size, error));
    to->offset += size;
    if (fault.status != SPINE_OK)
        st = fail(&fault, to->name, error);
out:
    mem_free(copy, size);
    return st;
}

static enum spine_status
fault_finish(void *context, void *writer, struct spine_error *error)
{
    struct fault_store *store = context;
    struct fault_handle *done = writer;
    const struct spine_fault fault =
        fault_of(store, SPINE_OPERATION_FINISH, done->name, done->offset, 0);
    enum spine_status st;

    if (fault.status != SPINE_OK) {
        st = fail(&fault, done->name, error);
        store->inner.abort(store->inner.context, done->inner);
    } else
        st = store->inner.finish(store->inner.context, done->inner, error);
    mem_free(done, sizeof *done);
    return st;
}

static void
fault_abort(void *context, void *writer)
{
    struct fault_store *store = context;
    struct fault_handle *failed = writer;

    store->inner.abort(store->inner.context, failed->inner);
    mem_free(failed, sizeof *failed);
}

static enum spine_status
fault_open(void *context, const char *name, void **object, uint64_t *bytes,
           struct spine_error *error)
{
    struct fault_store *store = context;
    const struct spine_fault fault = fault_of(store, SPINE_OPERATION_OPEN, name, 0, 0);
    struct fault_handle *handle = NULL;
    enum spine_status st;

    *object = NULL;
    if (fault.status != SPINE_OK)
        return fail(&fault, name, error);
    TRY(name_check(name, error));
    TRY(handle_new(name, &handle, error));
    TRY(store->inner.open(store->inner.context, name, &handle->inner, bytes, error));
    *object = handle;
    handle = NULL;
out:
    mem_free(handle, sizeof *handle);
    return st;
}

static enum spine_status
fault_read_at(void *context, void *object, uint64_t offset, void *data, size_t size,
              struct spine_error *error)
{
    struct fault_store *store = context;
    const struct fault_handle *from = object;
    const struct spine_fault fault =
        fault_of(store, SPINE_OPERATION_READ_AT, from->name, offset, size);
    enum spine_status st;

    if (fault.status != SPINE_OK)
        return fail(&fault, from->name, error);
    st = store->inner.read_at(store->inner.context, from->inner, offset, data, size,
                              error);
    if (st == SPINE_OK)
        flip(data, size, fault.flip_bit);
    return st;
}

static void
fault_close(void *context, void *object)
{
    struct fault_store *store = context;
    struct fault_handle *opened = object;

    store->inner.close(store->inner.context, opened->inner);
    mem_free(opened, sizeof *opened);
}

static enum spine_status
fault_sync(void *context, void *object, struct spine_error *error)
{
    struct fault_store *store = context;
    const struct fault_handle *opened = object;
    const struct spine_fault fault =
        fault_of(store, SPINE_OPERATION_SYNC, opened->name, 0, 0);
    enum spine_status st = SPINE_OK;

    if (fault.status == SPINE_OK || fault.after)
        st = store->inner.sync(store->inner.context, opened->inner, error);
    return fault.status != SPINE_OK ? fail(&fault, opened->name, error) : st;
}

static enum spine_status
fault_sync_names(void *context, struct spine_error *error)
{
    struct fault_store *store = context;
    const struct spine_fault fault =
        fault_of(store, SPINE_OPERATION_SYNC_NAMES, NULL, 0, 0);
    enum spine_status st = SPINE_OK;

    if (fault.status == SPINE_OK || fault.after)
        st = store->inner.sync_names(store->inner.context, error);
    return fault.status != SPINE_OK ? fail(&fault, "the names", error) : st;
}

static enum spine_status
fault_put_new(void *context, const char *name, const void *data, size_t size,
              struct spine_error *error)
{
    struct fault_store *store = context;
    const struct spine_fault fault =
        fault_of(store, SPINE_OPERATION_PUT_NEW, name, 0, size);
    uint8_t *copy = NULL;
    enum spine_status st;

    if (fault.status != SPINE_OK && !fault.after)
        return fail(&fault, name, error);
    TRY(flipped_copy(data, size, fault.flip_bit, &copy, error));
    st = store->inner.put_new(store->inner.context, name, copy != NULL ? copy : data,
                              size, error);
    if (fault.status != SPINE_OK)
        st = fail(&fault, name, error);
out:
    mem_free(copy, size);
    return st;
}

static enum spine_status
fault_put_prepare(void *context, const char *name, const void *data, size_t size,
                  void **put, struct spine_error *error)
{
    struct fault_store *store = context;
    const struct spine_fault fault =
        fault_of(store, SPINE_OPERATION_PUT_PREPARE, name, 0, size);
    struct fault_handle *handle = NULL;
    uint8_t *copy = NULL;
    enum spine_status st;

    *put = NULL;
    if (fault.status != SPINE_OK)
        return fail(&fault, name, error);
    TRY(name_check(name, error));
    TRY(handle_new(name, &handle, error));
    TRY(flipped_copy(data, size, fault.flip_bit, &copy, error));
    TRY(store->inner.put_prepare(store->inner.context, name, copy != NULL ? copy : data,
                                 size, &handle->inner, error));
    *put = handle;
    handle = NULL;
out:
    mem_free(copy, size);
    mem_free(handle, sizeof *handle);
    return st;
}

static enum spine_status
fault_put_publish(void *context, void *put, struct spine_error *error)
{
    struct fault_store *store = context;
    struct fault_handle *done = put;
    const struct spine_fault fault =
        fault_of(store, SPINE_OPERATION_PUT_NEW, done->name, 0, 0);
    enum spine_status st = SPINE_OK;

    if (fault.status == SPINE_OK || fault.after)
        st = store->inner.put_publish(store->inner.context, done->inner, error);
    else
        store->inner.put_discard(store->inner.context, done->inner);
    if (fault.status != SPINE_OK)
        st = fail(&fault, done->name, error);
    mem_free(done, sizeof *done);
    return st;
}

static void
fault_put_discard(void *context, void *put)
{
    struct fault_store *store = context;
    struct fault_handle *given_up = put;

    store->inner.put_discard(store->inner.context, given_up->inner);
    mem_free(given_up, sizeof *given_up);
}

static enum spine_status
fault_remove(void *context, const char *name, struct spine_error *error)
{
    struct fault_store *store = context;
    const struct spine_fault fault = fault_of(store, SPINE_OPERATION_REMOVE, name, 0, 0);
    enum spine_status st = SPINE_OK;

    if (fault.status == SPINE_OK || fault.after)
        st = store->inner.remove(store->inner.context, name, error);
    return fault.status != SPINE_OK ? fail(&fault, name, error) : st;
}

static enum spine_status
fault_list(void *context, spine_name_fn *on_name, void *argument,
           struct spine_error *error)
{
    struct fault_store *store = context;
    const struct spine_fault fault = fault_of(store, SPINE_OPERATION_LIST, NULL, 0, 0);

    if (fault.status != SPINE_OK)
        return fail(&fault, "the list of names", error);
    return store->inner.list(store->inner.context, on_name, argument, error);
}

static void
fault_release(void *context)
{
    struct fault_store *store = context;

    spine_backend_release(&store->inner);
    mem_free(store, sizeof *store);
}

/* Asks what happens to a call, and waits as long as it is to be slower. */
static struct spine_fault
fault_of(const struct fault_store *store, enum spine_operation operation,
         const char *name, uint64_t offset, size_t size)
{
    struct spine_fault fault = {0};

    store->on_operation(store->argument, operation, name, offset, size, &fault);
    if (fault.delay_ns > 0) {
        const struct timespec delay = {.tv_sec = (time_t)(fault.delay_ns / 1000000000u),
                                       .tv_nsec = (long)(fault.delay_ns % 1000000000u)};

        (void)nanosleep(&delay, NULL);
    }
    return fault;
}

static enum spine_status
fail(const struct spine_fault *fault, const char *name, struct spine_error *error)
{
    return spine_fail(error, fault->status, "%s: %s", name != NULL ? name : "",
                      fault->message != NULL ? fault->message : "a fault");
}

static enum spine_status
handle_new(const char *name, struct fault_handle **out, struct spine_error *error)
{
    struct fault_handle *handle = mem_zalloc(sizeof *handle);

    if (handle == NULL)
        return fail_nomem(error, "a handle", sizeof *handle);
    strcpy(handle->name, name);
    *out = handle;
    return SPINE_OK;
}

/* A copy with one bit flipped; NULL when there is nothing to flip. */
static enum spine_status
flipped_copy(const void *data, size_t size, uint64_t flip_bit, uint8_t **out,
             struct spine_error *error)
{
    *out = NULL;
    if (flip_bit == 0 || size == 0)
        return SPINE_OK;
    *out = mem_alloc(size);
    if (*out == NULL)
        return fail_nomem(error, "a copy to flip a bit of", size);
    memcpy(*out, data, size);
    flip(*out, size, flip_bit);
    return SPINE_OK;
}

static void
flip(uint8_t *data, size_t size, uint64_t flip_bit)
{
    if (flip_bit > 0 && flip_bit - 1 < (uint64_t)size * 8)
        data[(flip_bit - 1) / 8] ^= (uint8_t)(1u << ((flip_bit - 1) % 8));
}
