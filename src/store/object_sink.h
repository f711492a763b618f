/* SPDX-License-Identifier: MIT */
#ifndef STORE_OBJECT_SINK_H
#define STORE_OBJECT_SINK_H

/*
 * store/object_sink -- an object of the backend while it is written: bytes are collected
 * in units of STORE_WRITE_BYTES, aligned as disks want it, so that the backend sees few
 * large writes.
 *
 * With a waiter, units that are full are written *behind*: by a job of a runtime that
 * serves the store, one after the other, and so is the end of the object. The owner never
 * waits; it should not go on while the sink is behind, as all that was appended and not
 * written is in memory.
 *
 * Or a thread of the sink's own writes, while the owner fills the next units, and waits
 * when it is behind.
 *
 *     append --> filling --full--> unit, unit, unit --job writes--> backend
 *                                  \___ STORE_UNITS_BEHIND: it is behind ___/
 */

#include "store/store_state.h"

struct sink_unit;

struct object_sink {
    /* Its writes, as a job does them. */
    struct store_task task;
    struct spine_store *store;
    /* What it becomes. */
    struct store_object *object;
    /* The backend's; NULL when that has ended. */
    void *writer;
    /* Whose job writes, and who is told; its runtime is NULL: nobody, the owner does. */
    struct store_waiter waiter;
    /* The owner's: the unit that is being filled, or NULL. */
    struct sink_unit *filling;
    uint64_t handed; /* bytes of all units before it */
    /* That writes, and waits for `queued`, if there is one. */
    struct thread thread;
    struct condition queued;
    bool has_thread;

    /* Of the store's lock, from here on; the two that are atomic may be seen without. */
    struct sink_unit *first, *last;
    /* One that the thread has written, to be filled again; NULL: none. */
    struct sink_unit *spare;
    atomic_size_t unit_count;
    /* There is a job for it, or will be; its thread writes, or will. */
    bool is_running;
    /* The thread ends when there is nothing to do. */
    bool thread_ends;
    /* The end of the object is to be written, too; it was, well or not. */
    bool is_ending;
    atomic_bool has_ended;
    /* Nobody wants it any more: who writes frees it. */
    bool is_abandoned;
    bool is_telling;
    /* The first write that failed. */
    enum spine_status status;
    struct spine_error error;
};

/* Begins the object of a name. `waiter` may be NULL. */
enum spine_status object_sink_new(struct spine_store *store, const char *name,
                                  const struct store_waiter *waiter,
                                  struct object_sink **out, struct spine_error *error);
/* Also tells that an earlier write failed. */
enum spine_status object_sink_append(struct object_sink *sink, const void *data,
                                     size_t bytes, struct spine_error *error);
uint64_t object_sink_bytes(const struct object_sink *sink);
/* Is so much not written yet that the owner should wait? */
bool object_sink_is_behind(const struct object_sink *sink);
/* All is appended: has the rest written, and the object ended. */
enum spine_status object_sink_end(struct object_sink *sink, struct spine_error *error);
/* Would object_sink_finish() return at once? */
bool object_sink_has_ended(const struct object_sink *sink);
/* The object is whole, has its name, and can be read. Waits for that. */
enum spine_status object_sink_finish(struct object_sink *sink, struct spine_error *error);
/* Ends it, without waiting for a write that is under way, but for that of its own thread;
 * an object that is not finished will not be. Nobody is told any more. NULL is
 * allowed. */
void object_sink_free(struct object_sink *sink);

/* 128 bits that nobody else has. */
enum spine_status file_id_new(struct file_id *out, struct spine_error *error);
/* The name of the object that is called so, with an ending. */
void
file_id_name(const struct file_id *id, const char *ending, char name[SPINE_NAME_MAX + 1]);

#endif
