/* SPDX-License-Identifier: MIT */

/*
 * The backend whose objects are in memory, and which knows what a crash would leave.
 *
 * An object has its name now, or durably, or both. Removing a name and giving it to
 * another object makes two objects of that name, of which one has it now and the other
 * durably, until the names are synced. An object without a name goes when nobody has it
 * open.
 */

#include "store/backend.h"
#include "store/store.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/random.h"
#include "base/thread.h"

#include <inttypes.h>
#include <string.h>

#define SECTOR_BYTES 512u

struct memory_object {
    struct memory_object *next;
    /* Its writer, and the handles that are open. */
    unsigned users;
    bool named_now;
    bool named_durably;
    bool synced;
    uint8_t *bytes;
    size_t size;
    size_t capacity;
    char name[SPINE_NAME_MAX + 1];
};

struct memory_store {
    struct mutex mutex;
    struct memory_object *objects;
    /* Crashes so far. */
    uint64_t crashes;
};

struct memory_writer {
    struct memory_object *object;
    uint64_t crashes; /* when it began */
};

static enum spine_status
memory_create(void *context, const char *name, void **writer, struct spine_error *error);
static enum spine_status memory_write(void *context, void *writer, const void *data,
                                      size_t size, struct spine_error *error);
static enum spine_status
memory_finish(void *context, void *writer, struct spine_error *error);
static void memory_abort(void *context, void *writer);
static enum spine_status memory_open(void *context, const char *name, void **object,
                                     uint64_t *bytes, struct spine_error *error);
static enum spine_status memory_read_at(void *context, void *object, uint64_t offset,
                                        void *data, size_t size,
                                        struct spine_error *error);
static void memory_close(void *context, void *object);
static enum spine_status
memory_sync(void *context, void *object, struct spine_error *error);
static enum spine_status memory_sync_names(void *context, struct spine_error *error);
static enum spine_status memory_put_new(void *context, const char *name, const void *data,
                                        size_t size, struct spine_error *error);
static enum spine_status memory_put_prepare(void *context, const char *name,
                                            const void *data, size_t size, void **put,
                                            struct spine_error *error);
static enum spine_status
memory_put_publish(void *context, void *put, struct spine_error *error);
static enum spine_status
memory_remove(void *context, const char *name, struct spine_error *error);
static enum spine_status memory_list(void *context, spine_name_fn *on_name,
                                     void *argument, struct spine_error *error);
static void memory_release(void *context);

static struct memory_object *find_locked(struct memory_store *store, const char *name);
static struct memory_object *durable_locked(struct memory_store *store, const char *name);
static struct memory_object *object_new(const char *name);
static bool object_append(struct memory_object *object, const void *data, size_t size);
static void object_free(struct memory_object *object);
static void sweep_locked(struct memory_store *store);
static void
crash_names(struct memory_store *store, enum spine_crash crash, struct random *random);
static void
crash_bytes(struct memory_object *object, enum spine_crash crash, struct random *random);

enum spine_status
spine_memory_backend(struct spine_backend *out, struct spine_error *error)
{
    struct memory_store *store;

    if (out == NULL)
        return spine_fail(error, SPINE_INVALID, "spine_memory_backend: out is NULL");
    *out = (struct spine_backend){0};
    store = mem_zalloc(sizeof *store);
    if (store == NULL)
        return fail_nomem(error, "a backend in memory", sizeof *store);
    if (mutex_init(&store->mutex) != SPINE_OK) {
        mem_free(store, sizeof *store);
        return fail_nomem(error, "a lock", sizeof store->mutex);
    }
    *out = (struct spine_backend){.context = store,
                                  .create = memory_create,
                                  .write = memory_write,
                                  .finish = memory_finish,
                                  .abort = memory_abort,
                                  .open = memory_open,
                                  .read_at = memory_read_at,
                                  .close = memory_close,
                                  .sync = memory_sync,
                                  .sync_names = memory_sync_names,
                                  .put_new = memory_put_new,
                                  .remove = memory_remove,
                                  .list = memory_list,
                                  .release = memory_release,
                                  .put_prepare = memory_put_prepare,
                                  .put_publish = memory_put_publish,
                                  .put_discard = memory_abort};
    return SPINE_OK;
}

enum spine_status
spine_memory_backend_crash(const struct spine_backend *backend, enum spine_crash crash,
                           uint64_t seed, struct spine_error *error)
{
    struct memory_store *store;
    struct random random = {.state = seed};

    if (backend == NULL || backend->create != memory_create)
        return spine_fail(error, SPINE_INVALID,
                          "spine_memory_backend_crash: not a backend in memory");
    if (crash > SPINE_CRASH_LOSES_SOME)
        return spine_fail(error, SPINE_INVALID,
                          "spine_memory_backend_crash: crash %d is unknown", (int)crash);
    store = backend->context;
    mutex_lock(&store->mutex);
    store->crashes++;
    crash_names(store, crash, &random);
    for (struct memory_object *object = store->objects; object != NULL;
         object = object->next)
        if (object->named_now)
            crash_bytes(object, crash, &random);
    sweep_locked(store);
    mutex_unlock(&store->mutex);
    return SPINE_OK;
}

bool
spine_memory_backend_is_durable(const struct spine_backend *backend, const char *name)
{
    struct memory_store *store;
    const struct memory_object *object;
    bool durable;

    if (backend == NULL || backend->create != memory_create || name == NULL)
        return false;
    store = backend->context;
    mutex_lock(&store->mutex);
    object = durable_locked(store, name);
    durable = object != NULL && object->synced && object->named_now;
    mutex_unlock(&store->mutex);
    return durable;
}

static enum spine_status
memory_create(void *context, const char *name, void **writer, struct spine_error *error)
{
    struct memory_store *store = context;
    struct memory_writer *made;
    enum spine_status st = SPINE_OK;

    *writer = NULL;
    TRY_RETURN(name_check(name, error));
    made = mem_zalloc(sizeof *made);
    if (made != NULL)
        made->object = object_new(name);
    if (made == NULL || made->object == NULL) {
        mem_free(made, sizeof *made);
        return fail_nomem(error, "an object", sizeof *made->object);
    }
    made->object->users = 1;

    mutex_lock(&store->mutex);
    made->crashes = store->crashes;
    if (find_locked(store, name) != NULL)
        st = spine_fail(error, SPINE_EXISTS, "%s: is there already", name);
    mutex_unlock(&store->mutex);
    if (st == SPINE_OK)
        *writer = made;
    else
        memory_abort(store, made);
    return st;
}

static enum spine_status
memory_write(void *context, void *writer, const void *data, size_t size,
             struct spine_error *error)
{
    struct memory_writer *to = writer;

    (void)context;
    if (!object_append(to->object, data, size))
        return fail_nomem(error, "an object", to->object->size + size);
    return SPINE_OK;
}

static enum spine_status
memory_finish(void *context, void *writer, struct spine_error *error)
{
    struct memory_store *store = context;
    struct memory_writer *done = writer;
    struct memory_object *object = done->object;
    enum spine_status st = SPINE_OK;

    mutex_lock(&store->mutex);
    if (done->crashes != store->crashes)
        st = spine_fail(error, SPINE_IO, "%s: was lost in a crash", object->name);
    else if (find_locked(store, object->name) != NULL)
        st = spine_fail(error, SPINE_EXISTS, "%s: is there already", object->name);
    if (st == SPINE_OK) {
        object->users = 0;
        object->named_now = true;
        object->next = store->objects;
        store->objects = object;
        done->object = NULL;
    }
    mutex_unlock(&store->mutex);
    memory_abort(store, done);
    return st;
}

static void
memory_abort(void *context, void *writer)
{
    struct memory_writer *failed = writer;

    (void)context;
    object_free(failed->object);
    mem_free(failed, sizeof *failed);
}

static enum spine_status
memory_open(void *context, const char *name, void **object, uint64_t *bytes,
            struct spine_error *error)
{
    struct memory_store *store = context;
    struct memory_object *found;
    enum spine_status st = SPINE_OK;

    *object = NULL;
    TRY_RETURN(name_check(name, error));
    mutex_lock(&store->mutex);
    found = find_locked(store, name);
    if (found != NULL) {
        found->users++;
        *bytes = found->size;
        *object = found;
    } else
        st = spine_fail(error, SPINE_NOT_FOUND, "%s: is not there", name);
    mutex_unlock(&store->mutex);
    return st;
}

static enum spine_status
memory_read_at(void *context, void *object, uint64_t offset, void *data, size_t size,
               struct spine_error *error)
{
    const struct memory_object *from = object;

    (void)context;
    if (offset > from->size || size > from->size - offset)
        return spine_fail(error, SPINE_CORRUPT, "%s: ends at %zu, before %" PRIu64,
                          from->name, from->size, offset + size);
    if (size > 0)
        memcpy(data, from->bytes + offset, size);
    return SPINE_OK;
}

static void
memory_close(void *context, void *object)
{
    struct memory_store *store = context;
    struct memory_object *opened = object;

    mutex_lock(&store->mutex);
    assert(opened->users > 0);
    opened->users--;
    sweep_locked(store);
    mutex_unlock(&store->mutex);
}

static enum spine_status
memory_sync(void *context, void *object, struct spine_error *error)
{
    struct memory_store *store = context;
    struct memory_object *opened = object;

    (void)error;
    mutex_lock(&store->mutex);
    opened->synced = true;
    mutex_unlock(&store->mutex);
    return SPINE_OK;
}

static enum spine_status
memory_sync_names(void *context, struct spine_error *error)
{
    struct memory_store *store = context;

    (void)error;
    mutex_lock(&store->mutex);
    for (struct memory_object *object = store->objects; object != NULL;
         object = object->next)
        object->named_durably = object->named_now;
    sweep_locked(store);
    mutex_unlock(&store->mutex);
    return SPINE_OK;
}

static enum spine_status
memory_put_new(void *context, const char *name, const void *data, size_t size,
               struct spine_error *error)
{
    void *put;

    TRY_RETURN(memory_put_prepare(context, name, data, size, &put, error));
    return memory_put_publish(context, put, error);
}

/* A put is a writer that has written all. */
static enum spine_status
memory_put_prepare(void *context, const char *name, const void *data, size_t size,
                   void **put, struct spine_error *error)
{
    struct memory_writer *writer;
    enum spine_status st;

    TRY_RETURN(memory_create(context, name, put, error));
    writer = *put;
    writer->object->synced = true;
    st = memory_write(context, writer, data, size, error);
    if (st == SPINE_OK)
        return st;
    memory_abort(context, writer);
    *put = NULL;
    return st;
}

static enum spine_status
memory_put_publish(void *context, void *put, struct spine_error *error)
{
    TRY_RETURN(memory_finish(context, put, error));
    return memory_sync_names(context, error);
}

static enum spine_status
memory_remove(void *context, const char *name, struct spine_error *error)
{
    struct memory_store *store = context;
    struct memory_object *object;
    enum spine_status st = SPINE_OK;

    TRY_RETURN(name_check(name, error));
    mutex_lock(&store->mutex);
    object = find_locked(store, name);
    if (object == NULL)
        st = spine_fail(error, SPINE_NOT_FOUND, "%s: is not there", name);
    else
        object->named_now = false;
    sweep_locked(store);
    mutex_unlock(&store->mutex);
    return st;
}

/* While a callback runs without the lock, the count of users keeps its object in the
 * list. */
static enum spine_status
memory_list(void *context, spine_name_fn *on_name, void *argument,
            struct spine_error *error)
{
    struct memory_store *store = context;
    enum spine_status st = SPINE_OK;
    struct memory_object *object;

    mutex_lock(&store->mutex);
    object = store->objects;
    while (object != NULL && st == SPINE_OK) {
        if (object->named_now) {
            object->users++;
            mutex_unlock(&store->mutex);
            st = on_name(argument, object->name, object->size, error);
            mutex_lock(&store->mutex);
            object->users--;
        }
        object = object->next;
    }
    sweep_locked(store);
    mutex_unlock(&store->mutex);
    return st;
}

static void
memory_release(void *context)
{
    struct memory_store *store = context;
    struct memory_object *object = store->objects;

    while (object != NULL) {
        struct memory_object *next = object->next;

        assert(object->users == 0);
        object_free(object);
        object = next;
    }
    mutex_release(&store->mutex);
    mem_free(store, sizeof *store);
}

static struct memory_object *
find_locked(struct memory_store *store, const char *name)
{
    struct memory_object *object = store->objects;

    while (object != NULL && !(object->named_now && strcmp(object->name, name) == 0))
        object = object->next;
    return object;
}

static struct memory_object *
durable_locked(struct memory_store *store, const char *name)
{
    struct memory_object *object = store->objects;

    while (object != NULL && !(object->named_durably && strcmp(object->name, name) == 0))
        object = object->next;
    return object;
}

static struct memory_object *
object_new(const char *name)
{
    struct memory_object *object = mem_zalloc(sizeof *object);

    if (object != NULL)
        strcpy(object->name, name);
    return object;
}

static bool
object_append(struct memory_object *object, const void *data, size_t size)
{
    if (size == 0)
        return true;
    if (!array_reserve(&object->bytes, &object->capacity, 1, object->size + size))
        return false;
    memcpy(object->bytes + object->size, data, size);
    object->size += size;
    return true;
}

static void
object_free(struct memory_object *object)
{
    if (object == NULL)
        return;
    mem_free(object->bytes, object->capacity);
    mem_free(object, sizeof *object);
}

/* Frees what has no name and no user. */
static void
sweep_locked(struct memory_store *store)
{
    struct memory_object **link = &store->objects;

    while (*link != NULL) {
        struct memory_object *object = *link;

        if (object->users == 0 && !object->named_now && !object->named_durably) {
            *link = object->next;
            object_free(object);
        } else
            link = &object->next;
    }
}

/* For each name, decides whether the object that has it now or the one that has it
 * durably keeps it. */
static void
crash_names(struct memory_store *store, enum spine_crash crash, struct random *random)
{
    for (struct memory_object *object = store->objects; object != NULL;
         object = object->next) {
        struct memory_object *now, *durable;
        bool keep_now = crash == SPINE_CRASH_KEEPS_ALL;

        if (object->named_now == object->named_durably)
            continue;
        if (crash == SPINE_CRASH_LOSES_SOME)
            keep_now = random_below(random, 2) == 0;
        now = find_locked(store, object->name);
        durable = durable_locked(store, object->name);
        if (now != NULL)
            now->named_now = now->named_durably = keep_now;
        if (durable != NULL)
            durable->named_now = durable->named_durably = !keep_now;
    }
}

/* What is left of the bytes that were not synced. */
static void
crash_bytes(struct memory_object *object, enum spine_crash crash, struct random *random)
{
    if (!object->synced && crash == SPINE_CRASH_LOSES_ALL)
        object->size = 0;
    if (!object->synced && crash == SPINE_CRASH_LOSES_SOME) {
        /* As often as not it is as long as it was. */
        if (random_below(random, 2) == 0)
            object->size = (size_t)random_below(random, object->size + 1);
        for (size_t at = 0; at < object->size; at += SECTOR_BYTES) {
            const size_t left = object->size - at;

            if (random_below(random, 2) == 0)
                memset(object->bytes + at, 0, left < SECTOR_BYTES ? left : SECTOR_BYTES);
        }
    }
    object->synced = true;
}
