/* SPDX-License-Identifier: MIT */
#ifndef STORE_STORE_EXTENT_H
#define STORE_STORE_EXTENT_H

/*
 * store/store_extent -- extents of blocks as store/ sees them; see store/store.h.
 *
 *     idle --submit--> submitted --job reads--> ended
 *       \_________ finish reads ______________/
 */

#include "store/store.h"
#include "store/store_work.h"

enum extent_state { EXTENT_IDLE, EXTENT_SUBMITTED, EXTENT_ENDED };

struct store_extent {
    struct store_task task;
    struct store_file *file; /* a reference */
    uint32_t index;
    uint32_t count;
    bool transient;
    /* What the images of a transient one take. */
    uint64_t merge_bytes;
    /* Guarded by the store's lock; EXTENT_ENDED may be seen without it. */
    _Atomic(enum extent_state) state;
    /* The owner has let go of the extent while it is read: the thread that reads frees
     * it. */
    bool is_abandoned;
    /* `on_end` is being called. */
    bool is_telling;
    void (*on_end)(void *context);
    void *context;
    /* The result, once the extent has ended. */
    enum spine_status status;
    struct spine_error error;
    struct cached_image *images[];
};

#endif
