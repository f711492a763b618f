/* SPDX-License-Identifier: MIT */
#ifndef STORE_STORE_WORK_H
#define STORE_STORE_WORK_H

/*
 * store/store_work -- what runtimes do for a store: reads and writes for callers that do
 * not wait for them, and the end of files.
 *
 *     a read that is wanted --> reads --> a job of a runtime reads, and tells
 *     a unit of a file      --> writes -> a job of a runtime writes, and tells
 *     last reference goes   --> dead  --> a job of a runtime removes the file
 *
 * A runtime that was opened with the store serves it with SERVER_JOBS jobs; each takes
 * what is next, for any owner. Without a runtime, the thread that wants a block reads it,
 * and the thread that lets go of a file ends it; what is left when a runtime closes is
 * ended by the thread that closes it.
 *
 * Lock order: a store's lock comes before those of runtimes, and no thread takes it that
 * holds the lock of a spine. Nothing is read, removed or told under it.
 */

#include "base/thread.h"
#include "runtime/runtime.h"

#define SERVER_JOBS 4u

struct spine_store;
struct store_server;

/* Something to be done once. Part of a struct of its owner. */
struct store_task {
    /* Valid while it is queued. */
    struct store_task *next;
    struct store_task *previous;
    /* Does it. Called without locks; the task is not touched afterwards. */
    void (*on_do)(struct store_task *task);
    /* It is in a queue, and nobody has begun it. Guarded by the store's lock. */
    bool is_queued;
};

/* The first to come is the first to be done. */
struct store_queue {
    struct store_task *first;
    struct store_task *last; /* valid while there is one */
};

struct store_server_job {
    struct job job;
    struct store_server *server;
    bool is_idle;
};

/* A runtime that serves a store. */
struct store_server {
    struct store_server *next;
    struct spine_store *store;
    struct spine_runtime *runtime;
    /* With a limit of UINT64_MAX the runtime may hold anything. */
    struct service_room room;
    struct store_server_job jobs[SERVER_JOBS];
};

struct store_work {
    struct mutex mutex;
    /* A read or a write has ended, or its end was told. */
    struct condition ended;
    struct {
        struct store_server *servers;
        struct store_queue reads;
        struct store_queue writes;
        /* Files without references. One at a time is removed, as that may take a disk
         * longer than a read: other jobs are left for these. */
        struct store_queue dead;
        bool is_burying;
    } locked;
};

enum spine_status store_work_init(struct store_work *work, struct spine_error *error);
/* Nothing is queued, nobody serves. Twice is harmless. */
void store_work_release(struct store_work *work);

/* A runtime serves the store from the first call to the second (runtime/service.h). */
enum spine_status store_serve(struct spine_store *store, struct spine_runtime *runtime,
                              struct spine_error *error);
void store_serve_no_more(struct spine_store *store, struct spine_runtime *runtime);
/* The host has closed the store. True: no runtime serves it, nor will. */
bool store_work_close(struct spine_store *store);
/* Sets what the runtime leaves to the store; where several runtimes serve, the strictest
 * rules count. The cache has another bound then, but nothing is evicted: locks of
 * runtimes may be held. */
void store_press(struct spine_store *store, struct spine_runtime *runtime,
                 const struct service_room *room);

/*
 * Queues a read, a write, or the end of a dead file for a job of `runtime`, or of any
 * runtime when that is NULL. False, and nothing happens, when it does not serve the
 * store.
 */
bool store_work_read(struct spine_store *store, struct store_task *task,
                     const struct spine_runtime *runtime);
bool store_work_write(struct spine_store *store, struct store_task *task,
                      const struct spine_runtime *runtime);
bool store_work_bury(struct spine_store *store, struct store_task *task);
/* Takes a task of a queue back, if nobody has begun it. */
bool store_work_take_back_locked(struct store_queue *queue, struct store_task *task);
/* Queues a task once more that is being done: the job that does it goes on with the
 * queue. */
void store_work_put_back_locked(struct store_queue *queue, struct store_task *task);
/* Ends all dead files; blocks. */
void store_work_sweep(struct spine_store *store);

#endif
