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
 * Or a thread of the sink's own writes, from the first full unit on, while the owner
 * fills the next ones. An owner that has to wait, as the sink is behind or ends, writes
 * itself what the thread has not begun: it may be without a processor for long.
 *
 *     append --> filling --full--> unit, unit, unit --job writes--> backend
 *                                  \___ STORE_UNITS_BEHIND: it is behind ___/
 */

#include "store/store_state.h"

struct sink_unit;

struct object_sink {
    /* The task by which a job writes. */
    struct store_task task;
    struct spine_store *store;
    /* The object that is written. */
    struct store_object *object;
    /* What the backend writes with; NULL when that has ended. */
    void *writer;
    /* The runtime whose jobs write, and the function that is told. Without a runtime, the
     * owner writes. */
    struct store_waiter waiter;
    /* The owner's: the unit that is being filled, or NULL. */
    struct sink_unit *filling;
    uint64_t handed; /* bytes of all units before it */
    /* The thread that writes, if there is one; it waits for `queued`. */
    struct thread thread;
    struct condition queued;
    bool has_thread;
    /* That was tried. */
    bool is_started;

    /* The fields from here on are guarded by the store's lock; the two atomic ones may be
     * seen without it. */
    struct sink_unit *first, *last;
    atomic_size_t unit_count;
    /* A job or the sink's thread writes, or soon will. */
    bool is_running;
    /* With a thread: it writes now, or the owner does. */
    bool is_writing;
    /* The thread ends when there is nothing to do. */
    bool thread_ends;
    /* The end of the object is to be written, too. `has_ended`: it was, or that
     * failed. */
    bool is_ending;
    atomic_bool has_ended;
    /* The owner has let go of the sink while it is written: the job that writes frees
     * it. */
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
/* Appends zeros up to a multiple of `page` bytes, of which every unit is a multiple. */
void object_sink_pad(struct object_sink *sink, size_t page);
uint64_t object_sink_bytes(const struct object_sink *sink);
/* Is the sink so far behind that the owner should wait? */
bool object_sink_is_behind(const struct object_sink *sink);
/* All is appended: has the rest written, and the object ended. */
enum spine_status object_sink_end(struct object_sink *sink, struct spine_error *error);
/* Would object_sink_finish() return at once? */
bool object_sink_has_ended(const struct object_sink *sink);
/* The object is whole, has its name, and can be read. Waits for that. */
enum spine_status object_sink_finish(struct object_sink *sink, struct spine_error *error);
/* Ends the sink, and gives an object up that is not finished. Waits for a write of the
 * sink's own thread, but not for one of a job. Nobody is told any more. NULL is
 * allowed. */
void object_sink_free(struct object_sink *sink);

/* 128 random bits, which no other file has. */
enum spine_status file_id_new(struct file_id *out, struct spine_error *error);
/* The name of the object with this id and ending. */
void
file_id_name(const struct file_id *id, const char *ending, char name[SPINE_NAME_MAX + 1]);

#endif
