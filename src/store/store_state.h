/* SPDX-License-Identifier: MIT */
#ifndef STORE_STORE_STATE_H
#define STORE_STORE_STATE_H

/*
 * A store as the files of this folder see it.
 */

#include "runtime/runtime.h"
#include "store/cache.h"
#include "store/sink_unit.h"
#include "store/store.h"
#include "store/store_work.h"

#define OBJECT_CHAINS 256u

/* The objects in use, by the hashes of their names. */
struct object_table {
    struct mutex mutex;
    struct store_object *chains[OBJECT_CHAINS];
};

/* Syncs of names, by numbers from 1 on. Guarded by the mutex of the objects. */
struct names_synced {
    /* The next one, and the last one that succeeded. */
    uint64_t next;
    uint64_t durable;
};

struct scratch;

/* The lock of a store's checkpoints: its holder decides which objects are needed. */
struct checkpoint_turn {
    struct mutex mutex;
    struct condition ended;
    bool is_taken;
};

/* How often something took how long, or had what size: a struct spine_histogram, or a
 * struct spine_size_histogram. */
struct store_histogram {
    atomic_uint_least64_t counts[SPINE_BUCKETS];
    /* In nanoseconds or bytes. */
    atomic_uint_least64_t sum;
};

/* How many bytes of files there were for how long. */
struct store_usage {
    uint64_t since_ns;
    /* Until then. */
    double byte_seconds;
};

struct spine_store {
    struct runtime_service service;
    struct ref refs;
    struct spine_backend backend;
    struct spine_store_options options;
    /* Has no callback when nobody wants events. */
    struct spine_trace trace;
    struct block_cache cache;
    struct store_work work;
    struct object_table objects;
    struct names_synced names;
    struct unit_pool units;
    struct store_guests *guests;
    /* By the host. The guests are sent away once no runtime serves the store. */
    bool is_closed;
    struct checkpoint_turn turn;
    /* Belongs to the holder of `turn`. */
    struct checkpoint_ledger ledger;
    /* getpid() of the process that opened the store: a child of fork() removes
     * nothing. */
    long process;
    atomic_uint_least64_t writes, write_bytes;
    atomic_uint_least64_t reads, read_bytes;
    atomic_uint_least64_t files, file_bytes;
    atomic_uint_least64_t syncs;
    struct store_histogram write_times, read_times, sync_times;
    struct store_histogram write_sizes, read_sizes;
    /* Guarded by the mutex of `objects`, as are changes of `file_bytes`. */
    struct store_usage usage;
    atomic_uint_least64_t checkpoints, failed_checkpoints, restores;
    struct store_histogram checkpoint_times, checkpoint_delays, checkpoint_sizes;
    atomic_uint_least64_t files_written, files_removed;
    /* Memory of writers and reads ahead, and of what is known of open files. */
    atomic_uint_least64_t memory;
    /* The part of that, and of the cache, that merges have: units of what they write, and
     * blocks that they read ahead, from when these are asked for. */
    atomic_uint_least64_t merge_memory;
    /* From this many bytes on, of `memory` and the images of the cache together, nothing
     * is read ahead. UINT64_MAX: no runtime that serves the store has a limit. */
    atomic_uint_least64_t memory_max;
    /* The bytes that readers hold beyond one block each (store_ahead_take()), and their
     * bound, or UINT64_MAX. */
    atomic_uint_least64_t ahead_held, ahead_max;
};

/* Removes the batch files of the backend, unless it has other objects. */
enum spine_status
store_remove_leftovers(struct spine_store *store, struct spine_error *error);

/* The file at `base` of an object that was just written, with one reference; it takes the
 * table when it succeeds. */
enum spine_status
store_file_of_written(struct store_object *object, uint64_t base,
                      struct file_table *table, const struct file_footer *footer,
                      struct store_file **out, struct spine_error *error);

/* There are `more` bytes of files, and `less` are gone. */
void store_change_bytes(struct spine_store *store, uint64_t more, uint64_t less);

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

/* Adds `amount`, which is `units` whole units, to a histogram. */
static inline void
store_sort(struct store_histogram *histogram, uint64_t amount, uint64_t units)
{
    /* One unit is not less than 2^0, and less than 2^1. */
    const unsigned bucket = units == 0 ? 0 : 64 - (unsigned)__builtin_clzll(units);

    store_count(&histogram->counts[bucket < SPINE_BUCKETS ? bucket : SPINE_BUCKETS - 1],
                1);
    store_count(&histogram->sum, amount);
}

/* What began at `begin_ns` has ended: adds that it took so long. */
static inline void
store_time(struct store_histogram *times, uint64_t begin_ns)
{
    const uint64_t ns = clock_now_ns() - begin_ns;

    store_sort(times, ns, ns / 1000);
}

/* Adds something of `bytes` bytes. */
static inline void
store_size(struct store_histogram *sizes, uint64_t bytes)
{
    store_sort(sizes, bytes, bytes / 1024);
}

/* Tells the trace of an operation that began at `begin_ns` and has ended. */
void store_tell(const struct spine_store *store, enum spine_event_kind kind,
                uint64_t begin_ns, uint64_t bytes);

/* The status that stands for the answer `st` of a backend. SPINE_BUSY means inside the
 * library that a waiter will be told later; a backend that returns it has failed. */
static inline enum spine_status
store_answer(enum spine_status st, struct spine_error *error)
{
    if (st != SPINE_BUSY)
        return st;
    if (error != NULL)
        error->status = SPINE_IO;
    return SPINE_IO;
}

/* Reads bytes of an object and counts that. */
static inline enum spine_status
store_read_object(struct spine_store *store, const struct store_object *object,
                  uint64_t offset, void *data, size_t bytes, struct spine_error *error)
{
    const uint64_t begin_ns = clock_now_ns();
    enum spine_status st;

    store_count(&store->reads, 1);
    store_count(&store->read_bytes, bytes);
    store_size(&store->read_sizes, bytes);
    st = store_answer(store->backend.read_at(store->backend.context, object->handle,
                                             offset, data, bytes, error),
                      error);
    store_time(&store->read_times, begin_ns);
    if (store->trace.on_event != NULL)
        store_tell(store, SPINE_EVENT_READ, begin_ns, bytes);
    return st;
}

/* Reads bytes of a file. */
static inline enum spine_status
store_read(const struct store_file *file, uint64_t offset, void *data, size_t bytes,
           struct spine_error *error)
{
    return store_read_object(file->store, file->object, file->base + offset, data, bytes,
                             error);
}

/*
 * Reads the pages around `bytes` bytes at `offset` into `scratch`, which is as aligned as
 * a backend around the page cache wants its reads, so that it copies nothing. `*data`
 * becomes where the bytes are there. store_pages_bytes() is what `scratch` has, then.
 */
size_t store_pages_bytes(const struct store_file *file, uint64_t offset, size_t bytes);
enum spine_status store_read_pages(const struct store_file *file, uint64_t offset,
                                   size_t bytes, struct scratch *scratch,
                                   const uint8_t **data, struct spine_error *error);

#endif
