/* SPDX-License-Identifier: MIT */
#ifndef STORE_SINK_UNIT_H
#define STORE_SINK_UNIT_H

/*
 * store/sink_unit -- the memory that files are collected in before they are written. A
 * unit that was written is filled again: its pages are there and warm. New pages of two
 * units cost a small checkpoint half as much as all else that it does, so two that are
 * malloc's stay when no file is written any more, unless a runtime with a memory limit
 * uses the store.
 */

#include "base/thread.h"
#include "store/store.h"

/* The most units that stay without a sink. */
#define UNITS_KEPT 2u

/* Bytes that are written together. */
struct sink_unit {
    struct sink_unit *next;
    size_t filled;
    uint8_t *bytes; /* in `memory`, aligned; STORE_WRITE_BYTES of them */
    void *memory;
    bool has_pages; /* `memory` is pages of its own */
};

/* Units of a store that nobody fills: one for each sink, or as many as stay. */
struct unit_pool {
    struct mutex mutex;
    struct sink_unit *spares;
    unsigned spare_count;
    unsigned sinks;
};

enum spine_status unit_pool_init(struct unit_pool *pool);
void unit_pool_release(struct unit_pool *pool);

/* A sink begins, and ends: it needs no more units. */
void unit_pool_enter(struct spine_store *store);
void unit_pool_leave(struct spine_store *store);
/* Frees the units that are more than stay. */
void unit_pool_shrink(struct spine_store *store);
/* An empty unit, which counts as memory of the store. With `has_pages` pages of its own,
 * if it is a new one: for merges, which write many units. Otherwise it is malloc's,
 * and may stay. */
enum spine_status unit_new(struct spine_store *store, bool has_pages,
                           struct sink_unit **out, struct spine_error *error);
/* NULL is allowed. The sink has not ended. */
void unit_free(struct spine_store *store, struct sink_unit *unit);

#endif
