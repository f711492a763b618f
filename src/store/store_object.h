/* SPDX-License-Identifier: MIT */
#ifndef STORE_STORE_OBJECT_H
#define STORE_STORE_OBJECT_H

/*
 * store/store_object -- an object of the backend that batch files lie in: one, or in a
 * pack (store/store.h) many. Part of store/store.h, which includes it.
 *
 *     batch file  -->  object "3f...a1.batch"
 *     batch file  -->
 *     batch file  -->  object "77...0c.pack"
 *
 * A store knows its objects by their names, also while they are written: a sweep, which
 * looks for objects that nobody needs, finds here which ones are in use. With its last
 * reference an object is closed, and removed unless it is *kept*: then a checkpoint may
 * need it.
 */

#include "base/ref.h"
#include "spine/backend.h"

#include <stdbool.h>

struct spine_store;

/* What is known of its bytes. */
enum object_state {
    /* They may be lost in a crash. */
    OBJECT_WRITTEN = 0,
    /* They were synced. */
    OBJECT_DURABLE,
    /* Syncing them, or the name, failed: it may be lost although a later sync
     * succeeds. */
    OBJECT_SUSPECT
};

struct store_object {
    struct ref refs;
    struct spine_store *store;
    struct store_object *next; /* of those whose name has the same hash */
    /* What the backend has opened; NULL until the object can be read. */
    void *handle;
    /* While it is written: valid once all is appended. */
    uint64_t bytes;
    atomic_bool kept;
    _Atomic(enum object_state) state;
    /* The first sync of names that began when it had its name (struct names_synced); 0:
     * it was there when it was opened. Guarded by the mutex of the table. */
    uint64_t named_before;
    char name[SPINE_NAME_MAX + 1];
};

/* Makes the object that is about to be written under a new name, with one reference.
 * SPINE_NOMEM. */
enum spine_status store_object_new(struct spine_store *store, const char *name,
                                   struct store_object **out, struct spine_error *error);
/* The object was written: opens it, so that it can be read from now on. SPINE_CORRUPT
 * when the backend has not as many bytes as were written. */
enum spine_status
store_object_finished(struct store_object *object, struct spine_error *error);
/* Opens the object of a name, or takes a reference to it when it is open already. It is
 * kept from now on. SPINE_NOT_FOUND, and what else the backend returns. */
enum spine_status store_object_open(struct spine_store *store, const char *name,
                                    struct store_object **out, struct spine_error *error);
/* Is an object of that name in use? With `unkeep`, it is not kept any more. */
bool store_object_is_used(struct spine_store *store, const char *name, bool unkeep);
struct store_object *store_object_ref(struct store_object *object);
/* NULL is allowed. The last one calls the backend, which may block. */
void store_object_unref(struct store_object *object);
void store_object_keep(struct store_object *object, bool kept);
/* Makes the bytes of the object durable, unless they are. After a failure the object is
 * suspect for good. Blocks. */
enum spine_status
store_object_sync(struct store_object *object, struct spine_error *error);
/* The caller knows that bytes and name are durable. */
void store_object_mark_durable(struct store_object *object);
enum object_state store_object_state(const struct store_object *object);

#endif
