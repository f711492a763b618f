/* SPDX-License-Identifier: MIT */
#ifndef STORE_STORE_OBJECT_H
#define STORE_STORE_OBJECT_H

/*
 * store/store_object -- an object of the backend that batch files lie in: one, or in a
 * pack (store/pack.h) many. Part of store/store.h, which includes it.
 *
 *     batch file  -->  object "3f...a1.batch"
 *     batch file  -->
 *     batch file  -->  object "77...0c.pack"
 *
 * A store knows its objects by their names, from before they have them: who looks for
 * objects that nobody needs finds here which are in use. With the last reference an
 * object is closed, and removed unless it is *kept*: then a checkpoint may need it.
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
    /* Syncing them failed: they may be lost although a later sync succeeds. */
    OBJECT_DOUBTFUL
};

struct store_object {
    struct ref refs;
    struct spine_store *store;
    struct store_object *next; /* of those whose name has the same hash */
    /* The backend's; NULL until it can be read. */
    void *handle;
    uint64_t bytes;
    atomic_bool kept;
    _Atomic(enum object_state) state;
    char name[SPINE_NAME_MAX + 1];
};

/* The object that is about to be written under a new name. One reference. SPINE_NOMEM. */
enum spine_status store_object_new(struct spine_store *store, const char *name,
                                   struct store_object **out, struct spine_error *error);
/* The writer has finished: it can be read from now on. */
enum spine_status
store_object_finished(struct store_object *object, struct spine_error *error);
/* The object of a name, which is kept from now on; the one that is open already, if there
 * is one. SPINE_NOT_FOUND and what else opening says. */
enum spine_status store_object_open(struct spine_store *store, const char *name,
                                    struct store_object **out, struct spine_error *error);
/* Is an object of that name in use? With `unkeep`, it is not kept any more. */
bool store_object_is_used(struct spine_store *store, const char *name, bool unkeep);
struct store_object *store_object_ref(struct store_object *object);
/* NULL is allowed. Blocks, with the last one. */
void store_object_unref(struct store_object *object);
void store_object_keep(struct store_object *object, bool kept);
/* Makes its bytes durable, unless they are. After a failure it is doubtful for good.
 * Blocks. */
enum spine_status
store_object_sync(struct store_object *object, struct spine_error *error);
/* Somebody knows that they are. */
void store_object_mark_durable(struct store_object *object);
enum object_state store_object_state(const struct store_object *object);

#endif
