/* SPDX-License-Identifier: MIT */

/*
 * The objects of a store by their names: lists of them, and small ones, which are read
 * and written whole. Also the lock of the calls that decide which objects are needed.
 */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/planted.h"
#include "store/store_state.h"

#include <inttypes.h>
#include <string.h>

static void count_put(struct spine_store *store, size_t bytes);
static void names_sync_failed(struct spine_store *store);

enum spine_status
store_list(struct spine_store *store, spine_name_fn *on_name, void *argument,
           struct spine_error *error)
{
    return store_answer(
        store->backend.list(store->backend.context, on_name, argument, error), error);
}

enum spine_status
store_get(struct spine_store *store, const char *name, size_t bytes_max, void **data,
          size_t *bytes, struct spine_error *error)
{
    const struct spine_backend *backend = &store->backend;
    void *object, *read = NULL;
    uint64_t size;
    enum spine_status st;

    *data = NULL;
    *bytes = 0;
    st = backend->open(backend->context, name, &object, &size, error);
    if (st != SPINE_OK)
        return store_answer(st, error);
    if (size == 0 || size > bytes_max) {
        st = spine_fail(error, SPINE_CORRUPT, "%s: has %" PRIu64 " bytes", name, size);
        goto out;
    }
    read = mem_alloc((size_t)size);
    if (read == NULL) {
        st = fail_nomem(error, "an object", (size_t)size);
        goto out;
    }
    store_count(&store->reads, 1);
    store_count(&store->read_bytes, size);
    st = backend->read_at(backend->context, object, 0, read, (size_t)size, error);
    TRY(store_answer(st, error));
    *data = read;
    *bytes = (size_t)size;
    read = NULL;
out:
    mem_free(read, (size_t)size);
    backend->close(backend->context, object);
    return st;
}

enum spine_status
store_has(struct spine_store *store, const char *name, struct spine_error *error)
{
    const struct spine_backend *backend = &store->backend;
    void *object;
    uint64_t size;
    const enum spine_status st =
        backend->open(backend->context, name, &object, &size, error);

    if (st == SPINE_OK)
        backend->close(backend->context, object);
    return store_answer(st, error);
}

enum spine_status
store_put(struct spine_store *store, const char *name, const void *data, size_t bytes,
          struct spine_error *error)
{
    struct store_put put;

    TRY_RETURN(store_put_write(store, name, data, bytes, &put, error));
    return store_put_publish(&put, error);
}

enum spine_status
store_put_write(struct spine_store *store, const char *name, const void *data,
                size_t bytes, struct store_put *out, struct spine_error *error)
{
    const struct spine_backend *backend = &store->backend;
    void *writer;
    enum spine_status st = backend->create(backend->context, name, &writer, error);

    assert(spine_name_is_valid(name));
    *out = (struct store_put){0};
    if (st != SPINE_OK)
        return store_answer(st, error);
    store_count(&store->writes, 1);
    store_count(&store->write_bytes, bytes);
    st = backend->write(backend->context, writer, data, bytes, error);
    if (st == SPINE_OK)
        *out = (struct store_put){.store = store, .prepared = writer, .is_writer = true};
    else
        backend->abort(backend->context, writer);
    return store_answer(st, error);
}

enum spine_status
store_put_new(struct spine_store *store, const char *name, const void *data, size_t bytes,
              struct spine_error *error)
{
    struct store_put put;

    TRY_RETURN(store_put_prepare(store, name, data, bytes, &put, error));
    return store_put_publish(&put, error);
}

enum spine_status
store_put_prepare(struct spine_store *store, const char *name, const void *data,
                  size_t bytes, struct store_put *out, struct spine_error *error)
{
    const struct spine_backend *backend = &store->backend;
    struct store_put put = {.store = store, .data = data, .bytes = bytes};

    assert(spine_name_is_valid(name) && data != NULL);
    *out = (struct store_put){0};
    strcpy(put.name, name);
    if (backend->put_prepare != NULL) {
        count_put(store, bytes);
        TRY_RETURN(store_answer(backend->put_prepare(backend->context, name, data, bytes,
                                                     &put.prepared, error),
                                error));
    }
    *out = put;
    return SPINE_OK;
}

/* The bytes are written and synced. */
static void
count_put(struct spine_store *store, size_t bytes)
{
    store_count(&store->writes, 1);
    store_count(&store->write_bytes, bytes);
    store_count(&store->syncs, 1);
}

enum spine_status
store_put_publish(struct store_put *put, struct spine_error *error)
{
    const struct store_put done = *put;
    struct spine_store *store = done.store;
    const struct spine_backend *backend = &store->backend;
    enum spine_status st;

    *put = (struct store_put){0};
    if (done.is_writer)
        return store_answer(backend->finish(backend->context, done.prepared, error),
                            error);
    /* Of names. */
    store_count(&store->syncs, 1);
    if (backend->put_prepare != NULL)
        st = backend->put_publish(backend->context, done.prepared, error);
    else {
        count_put(store, done.bytes);
        st = backend->put_new(backend->context, done.name, done.data, done.bytes, error);
    }
    /* It may have synced all names. One whose name is taken has synced nothing. */
    if (st != SPINE_OK && st != SPINE_EXISTS)
        names_sync_failed(store);
    return store_answer(st, error);
}

void
store_put_discard(struct store_put *put)
{
    const struct spine_backend *backend;

    if (put->store == NULL)
        return;
    backend = &put->store->backend;
    if (put->is_writer)
        backend->abort(backend->context, put->prepared);
    else if (backend->put_prepare != NULL)
        backend->put_discard(backend->context, put->prepared);
    *put = (struct store_put){0};
}

enum spine_status
store_remove(struct spine_store *store, const char *name, struct spine_error *error)
{
    const enum spine_status st =
        store->backend.remove(store->backend.context, name, error);

    if (st == SPINE_OK)
        store_count(&store->files_removed, 1);
    return store_answer(st, error);
}

enum spine_status
store_sync_names(struct spine_store *store, struct spine_error *error)
{
    const uint64_t begin_ns = clock_now_ns();
    enum spine_status st;
    uint64_t number;

    mutex_lock(&store->objects.mutex);
    number = store->names.next++;
    mutex_unlock(&store->objects.mutex);
    st = store->backend.sync_names(store->backend.context, error);
    if (st != SPINE_OK)
        names_sync_failed(store);
    mutex_lock(&store->objects.mutex);
    if (st == SPINE_OK && number > store->names.durable)
        store->names.durable = number;
    mutex_unlock(&store->objects.mutex);
    store_count(&store->syncs, 1);
    store_time(&store->sync_times, begin_ns);
    return store_answer(st, error);
}

/* All objects whose names were not durable before are suspect for good, also those that
 * are being written. */
static void
names_sync_failed(struct spine_store *store)
{
    struct object_table *table = &store->objects;

    mutex_lock(&table->mutex);
    for (size_t i = 0; i < OBJECT_CHAINS && !PLANTED(NAMES_TRIED_AGAIN); i++)
        for (struct store_object *object = table->chains[i]; object != NULL;
             object = object->next)
            if (object->named_before > store->names.durable)
                atomic_store(&object->state, OBJECT_SUSPECT);
    mutex_unlock(&table->mutex);
}

struct checkpoint_ledger *
store_checkpoints_lock(struct spine_store *store)
{
    struct checkpoint_turn *turn = &store->turn;

    mutex_lock(&turn->mutex);
    while (turn->is_taken)
        condition_wait(&turn->ended, &turn->mutex);
    turn->is_taken = true;
    mutex_unlock(&turn->mutex);
    return &store->ledger;
}

struct checkpoint_ledger *
store_checkpoints_try_lock(struct spine_store *store)
{
    struct checkpoint_turn *turn = &store->turn;
    bool was_taken;

    mutex_lock(&turn->mutex);
    was_taken = turn->is_taken;
    turn->is_taken = true;
    mutex_unlock(&turn->mutex);
    return was_taken ? NULL : &store->ledger;
}

void
store_checkpoints_unlock(struct spine_store *store)
{
    struct checkpoint_turn *turn = &store->turn;

    mutex_lock(&turn->mutex);
    assert(turn->is_taken);
    turn->is_taken = false;
    condition_signal(&turn->ended);
    mutex_unlock(&turn->mutex);
}

bool
store_name_is_of_batches(const char *name)
{
    const char *ending = name + strspn(name, "0123456789abcdef");

    return ending - name == 32 && (strcmp(ending, STORE_FILE_ENDING) == 0 ||
                                   strcmp(ending, STORE_PACK_ENDING) == 0);
}
