/* SPDX-License-Identifier: MIT */
#ifndef STORE_OBJECT_SINK_H
#define STORE_OBJECT_SINK_H

/*
 * store/object_sink -- an object of the backend while it is written: bytes are collected
 * in a buffer of STORE_WRITE_BYTES, aligned as disks want it, so that the backend sees
 * few large writes.
 */

#include "store/store_state.h"

struct object_sink {
    struct spine_store *store;
    /* What it becomes. */
    struct store_object *object;
    /* The backend's; NULL when that has ended. */
    void *writer;
    uint8_t *memory;
    uint8_t *buffer; /* in `memory`, aligned */
    size_t filled;
    uint64_t written; /* handed to the backend */
};

/* Begins the object that is called as `id`, with an ending. */
enum spine_status object_sink_new(struct spine_store *store, const struct file_id *id,
                                  const char *ending, struct object_sink **out,
                                  struct spine_error *error);
enum spine_status object_sink_append(struct object_sink *sink, const void *data,
                                     size_t bytes, struct spine_error *error);
static inline uint64_t
object_sink_bytes(const struct object_sink *sink)
{
    return sink->written + sink->filled;
}
/* The object is whole, has its name, and can be read. */
enum spine_status object_sink_finish(struct object_sink *sink, struct spine_error *error);
/* Ends it; an object that is not finished will not be. NULL is allowed. */
void object_sink_free(struct object_sink *sink);

/* 128 bits that nobody else has. */
enum spine_status file_id_new(struct file_id *out, struct spine_error *error);

#endif
