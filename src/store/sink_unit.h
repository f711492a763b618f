/* SPDX-License-Identifier: MIT */
#ifndef STORE_SINK_UNIT_H
#define STORE_SINK_UNIT_H

/*
 * store/sink_unit -- the memory that files are collected in before they are written. A
 * unit that was written is filled again, as long as a file is written in the store: its
 * pages are there and warm.
 */

#include "base/thread.h"
#include "store/store.h"

/* Bytes that are written together. */
struct sink_unit {
    struct sink_unit *next;
    size_t filled;
    uint8_t *bytes; /* in `memory`, aligned; STORE_WRITE_BYTES of them */
    void *memory;
    bool has_pages; /* `memory` is pages of its own */
};

/* Units of a store that nobody fills: one for each sink at most. */
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
/* An empty unit, which counts as memory of the store. With `has_pages` pages of its own,
 * if it is a new one: for merges, which write many units. Otherwise it is malloc's: a
 * small checkpoint finds the memory that the last one had, whose pages are there. */
enum spine_status unit_new(struct spine_store *store, bool has_pages,
                           struct sink_unit **out, struct spine_error *error);
/* NULL is allowed. The sink has not ended. */
void unit_free(struct spine_store *store, struct sink_unit *unit);

#endif
