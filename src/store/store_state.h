/* SPDX-License-Identifier: MIT */
#ifndef STORE_STORE_STATE_H
#define STORE_STORE_STATE_H

/*
 * A store as the files of this folder see it.
 */

#include "runtime/runtime.h"
#include "store/cache.h"
#include "store/store.h"
#include "store/store_work.h"

struct spine_store {
    struct runtime_service service;
    struct ref refs;
    struct spine_backend backend;
    struct spine_store_options options;
    struct block_cache cache;
    struct store_work work;
    /* getpid() of who opened it: a child of fork() removes nothing. */
    long process;
    atomic_uint_least64_t writes, write_bytes;
    atomic_uint_least64_t reads, read_bytes;
    atomic_uint_least64_t files, file_bytes;
    /* Memory of writers, and of what is known of open files. */
    atomic_uint_least64_t memory;
    /* What all that, and the images of the cache, may be before nothing is read ahead any
     * more; UINT64_MAX: no runtime that serves the store has a limit. */
    atomic_uint_least64_t memory_max;
};

/* Removes the batch files of the backend, unless it has other objects. */
enum spine_status
store_remove_leftovers(struct spine_store *store, struct spine_error *error);

/* Opens a file that was just written, with one reference; it takes the table when it
 * succeeds. */
enum spine_status
store_file_of_written(struct spine_store *store, const char *name,
                      struct file_table *table, const struct file_footer *footer,
                      struct store_file **out, struct spine_error *error);

static inline void
store_count(atomic_uint_least64_t *count, uint64_t more)
{
    atomic_fetch_add_explicit(count, more, memory_order_relaxed);
}

static inline void
store_uncount(atomic_uint_least64_t *count, uint64_t less)
{
    atomic_fetch_sub_explicit(count, less, memory_order_relaxed);
}

/* Reads and counts. */
static inline enum spine_status
store_read(struct spine_store *store, void *object, uint64_t offset, void *data,
           size_t bytes, struct spine_error *error)
{
    store_count(&store->reads, 1);
    store_count(&store->read_bytes, bytes);
    return store->backend.read_at(store->backend.context, object, offset, data, bytes,
                                  error);
}

#endif
