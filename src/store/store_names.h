/* SPDX-License-Identifier: MIT */
#ifndef STORE_STORE_NAMES_H
#define STORE_STORE_NAMES_H

/*
 * store/store_names -- the objects of a store by their names. Part of store/store.h,
 * which includes it.
 */

#include "spine/backend.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spine_store;
struct store_object;

/* Calls `on_name` for every object of the store. Returns what the backend or `on_name`
 * returned. */
enum spine_status store_list(struct spine_store *store, spine_name_fn *on_name,
                             void *argument, struct spine_error *error);
/* Reads a small object whole: `*data` of `*bytes`, which the caller ends with mem_free().
 * SPINE_CORRUPT when it is empty or larger than `bytes_max`. */
enum spine_status store_get(struct spine_store *store, const char *name, size_t bytes_max,
                            void **data, size_t *bytes, struct spine_error *error);
/* Is there an object of that name? SPINE_OK, SPINE_NOT_FOUND. */
enum spine_status
store_has(struct spine_store *store, const char *name, struct spine_error *error);
/* Writes a small object, which is not durable when this returns. */
enum spine_status store_put(struct spine_store *store, const char *name, const void *data,
                            size_t bytes, struct spine_error *error);
/* Writes a small object, which is durable when this returns (spine/backend.h). */
enum spine_status store_put_new(struct spine_store *store, const char *name,
                                const void *data, size_t bytes,
                                struct spine_error *error);

/* A small object on its way. Zero: there is none. */
struct store_put {
    struct spine_store *store;
    /* The backend's: a put, if it puts in two steps, or a writer that has written all. */
    void *prepared;
    bool is_writer;
    const void *data;
    size_t bytes;
    char name[SPINE_NAME_MAX + 1];
};

/*
 * store_put_new() in two steps: where the backend can do so, the object is written and
 * its bytes are durable after the first one, and there is no such object yet. `data` must
 * be there until the second one. The caller ends `*out` with either of the two functions
 * below.
 */
enum spine_status store_put_prepare(struct spine_store *store, const char *name,
                                    const void *data, size_t bytes, struct store_put *out,
                                    struct spine_error *error);
/* store_put() in two steps: there is no such object before the second one. */
enum spine_status store_put_write(struct spine_store *store, const char *name,
                                  const void *data, size_t bytes, struct store_put *out,
                                  struct spine_error *error);
/* The object has its name, and what was prepared is durable. Ends the put in any case: it
 * is zero. */
enum spine_status store_put_publish(struct store_put *put, struct spine_error *error);
/* There will be no such object. One that is zero is allowed. */
void store_put_discard(struct store_put *put);
enum spine_status
store_remove(struct spine_store *store, const char *name, struct spine_error *error);
enum spine_status store_sync_names(struct spine_store *store, struct spine_error *error);
/* The stores of a copy. `on_progress`, unless it is NULL, is called now and then with the
 * bytes of the object that were copied so far. */
struct store_copying {
    struct spine_store *from, *to;
    void (*on_progress)(void *context, uint64_t bytes);
    void *context;
};
/* Copies an object, byte by byte: `*out` is the copy, open, under the same name, and is
 * removed with its last reference unless it is kept. SPINE_NOT_FOUND, SPINE_EXISTS, and
 * SPINE_CORRUPT when the object does not have `bytes` bytes. */
enum spine_status store_copy(const struct store_copying *copying, const char *name,
                             uint64_t bytes, struct store_object **out,
                             struct spine_error *error);
/* Is `name` that of a batch file or of a pack? */
bool store_name_is_of_batches(const char *name);

/* An object that nobody needs: a sweep found that at `since_ns`, a time of
 * clock_now_ns(), and so did each sweep since then. */
struct orphan {
    char name[SPINE_NAME_MAX + 1];
    uint64_t since_ns;
};

/* What a store knows of its checkpoints. */
struct checkpoint_ledger {
    /* The greatest number that a checkpoint was given. */
    uint64_t last_sequence;
    /* What the last sweep found, in the order of names. */
    struct orphan *orphans;
    size_t orphan_count;
    size_t orphan_room;
};

/* A caller has this lock while it decides which objects are needed; it may be let go of
 * by another thread. The ledger belongs to the caller meanwhile. */
struct checkpoint_ledger *store_checkpoints_lock(struct spine_store *store);
/* The same without waiting: NULL when another caller has the lock. */
struct checkpoint_ledger *store_checkpoints_try_lock(struct spine_store *store);
void store_checkpoints_unlock(struct spine_store *store);

#endif
