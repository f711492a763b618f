/* SPDX-License-Identifier: MIT */

/* Objects of a store that are open: each is opened once for all that ask for it, and goes
 * with its last reference. */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/planted.h"
#include "store/backend.h"
#include "store/store_state.h"

#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

static enum spine_status object_alloc(struct spine_store *store, const char *name,
                                      struct store_object **out,
                                      struct spine_error *error);
static struct store_object **chain_of(struct object_table *table, const char *name);
static struct store_object *
take_open_locked(struct object_table *table, const char *name);
static void enter(struct store_object *object);
static bool leave(struct store_object *object);

enum spine_status
store_object_new(struct spine_store *store, const char *name, struct store_object **out,
                 struct spine_error *error)
{
    const enum spine_status st = object_alloc(store, name, out, error);

    if (st != SPINE_OK)
        return st;
    (*out)->named_before = UINT64_MAX; /* it has no name yet */
    enter(*out);
    return st;
}

enum spine_status
store_object_finished(struct store_object *object, struct spine_error *error)
{
    const struct spine_backend *backend = &object->store->backend;
    void *handle;
    uint64_t bytes;
    enum spine_status st = store_answer(
        backend->open(backend->context, object->name, &handle, &bytes, error), error);

    assert(object->handle == NULL);
    if (st == SPINE_OK && bytes != object->bytes) {
        backend->close(backend->context, handle);
        st = spine_fail(error, SPINE_CORRUPT,
                        "%s: has %" PRIu64 " bytes, and %" PRIu64 " were written",
                        object->name, bytes, object->bytes);
    }
    if (st != SPINE_OK) {
        /* What cannot be opened is nothing; a sweep finds what cannot be removed. */
        (void)store_remove(object->store, object->name, NULL);
        return st;
    }
    mutex_lock(&object->store->objects.mutex);
    object->handle = handle;
    object->named_before = object->store->names.next;
    mutex_unlock(&object->store->objects.mutex);
    store_count(&object->store->files, 1);
    store_change_bytes(object->store, object->bytes, 0);
    store_count(&object->store->files_written, 1);
    return SPINE_OK;
}

enum spine_status
store_object_open(struct spine_store *store, const char *name, struct store_object **out,
                  struct spine_error *error)
{
    const struct spine_backend *backend = &store->backend;
    struct store_object *object;
    enum spine_status st;

    *out = NULL;
    TRY_RETURN(name_check(name, error));
    mutex_lock(&store->objects.mutex);
    *out = take_open_locked(&store->objects, name);
    mutex_unlock(&store->objects.mutex);
    if (*out != NULL) {
        store_object_keep(*out, true);
        return SPINE_OK;
    }
    TRY_RETURN(object_alloc(store, name, &object, error));
    st = backend->open(backend->context, name, &object->handle, &object->bytes, error);
    if (st != SPINE_OK) {
        store_unref(object->store);
        mem_free(object, sizeof *object);
        return store_answer(st, error);
    }
    atomic_store(&object->kept, true);
    store_count(&store->files, 1);
    store_change_bytes(store, object->bytes, 0);
    enter(object);
    *out = object;
    return SPINE_OK;
}

bool
store_object_is_used(struct spine_store *store, const char *name, bool unkeep)
{
    struct object_table *table = &store->objects;
    bool is_there = false;

    mutex_lock(&table->mutex);
    for (struct store_object *object = *chain_of(table, name); object != NULL;
         object = object->next)
        if (strcmp(object->name, name) == 0) {
            is_there = true;
            if (unkeep)
                store_object_keep(object, false);
        }
    mutex_unlock(&table->mutex);
    return is_there;
}

struct store_object *
store_object_ref(struct store_object *object)
{
    ref_take(&object->refs);
    return object;
}

void
store_object_unref(struct store_object *object)
{
    struct spine_store *store;
    bool is_kept;

    if (object == NULL || !ref_drop(&object->refs))
        return;
    store = object->store;
    /* Until it leaves the table, a sweep that finds it there may still decide that nobody
     * needs it. A sweep that does not find it removes the file, too, and one of both
     * succeeds. */
    is_kept = leave(object);
    if (object->handle != NULL) {
        store->backend.close(store->backend.context, object->handle);
        store_uncount(&store->files, 1);
        store_change_bytes(store, 0, object->bytes);
        /* What cannot be removed is found by a sweep. */
        if (!is_kept)
            (void)store_remove(store, object->name, NULL);
    }
    mem_free(object, sizeof *object);
    store_unref(store);
}

void
store_object_keep(struct store_object *object, bool kept)
{
    atomic_store(&object->kept, kept);
}

enum spine_status
store_object_sync(struct store_object *object, struct spine_error *error)
{
    const struct spine_backend *backend = &object->store->backend;
    const enum object_state before = store_object_state(object);
    enum spine_status st;
    uint64_t begin_ns;

    if (before == OBJECT_DURABLE)
        return SPINE_OK;
    if (before == OBJECT_SUSPECT && !PLANTED(SYNC_TRIED_AGAIN))
        return spine_fail(error, SPINE_IO, "%s: could not be made durable before",
                          object->name);
    assert(object->handle != NULL);
    store_count(&object->store->syncs, 1);
    begin_ns = clock_now_ns();
    st = backend->sync(backend->context, object->handle, error);
    store_time(&object->store->sync_times, begin_ns);
    atomic_store(&object->state, st == SPINE_OK ? OBJECT_DURABLE : OBJECT_SUSPECT);
    return store_answer(st, error);
}

void
store_object_mark_durable(struct store_object *object)
{
    atomic_store(&object->state, OBJECT_DURABLE);
}

enum object_state
store_object_state(const struct store_object *object)
{
    return atomic_load(&object->state);
}

static enum spine_status
object_alloc(struct spine_store *store, const char *name, struct store_object **out,
             struct spine_error *error)
{
    struct store_object *object = mem_zalloc(sizeof *object);

    assert(strlen(name) <= SPINE_NAME_MAX);
    *out = NULL;
    if (object == NULL)
        return fail_nomem(error, "an open file", sizeof *object);
    ref_init(&object->refs);
    object->store = store_ref(store);
    atomic_init(&object->kept, false);
    atomic_init(&object->state, OBJECT_WRITTEN);
    memcpy(object->name, name, strlen(name) + 1);
    *out = object;
    return SPINE_OK;
}

static struct store_object **
chain_of(struct object_table *table, const char *name)
{
    return &table->chains[XXH3_64bits(name, strlen(name)) % OBJECT_CHAINS];
}

/* A reference to the object of a name that can be read; NULL when there is none, or it is
 * being written or closed. */
static struct store_object *
take_open_locked(struct object_table *table, const char *name)
{
    for (struct store_object *object = *chain_of(table, name); object != NULL;
         object = object->next)
        if (strcmp(object->name, name) == 0 && object->handle != NULL &&
            ref_take_unless_gone(&object->refs))
            return object;
    return NULL;
}

static void
enter(struct store_object *object)
{
    struct object_table *table = &object->store->objects;
    struct store_object **chain = chain_of(table, object->name);

    mutex_lock(&table->mutex);
    object->next = *chain;
    *chain = object;
    mutex_unlock(&table->mutex);
}

/* Takes an object out of the table. Is its file to be kept? */
static bool
leave(struct store_object *object)
{
    struct object_table *table = &object->store->objects;
    struct store_object **at = chain_of(table, object->name);
    bool is_kept;

    mutex_lock(&table->mutex);
    while (*at != object)
        at = &(*at)->next;
    *at = object->next;
    is_kept = atomic_load(&object->kept);
    mutex_unlock(&table->mutex);
    return is_kept;
}
