/* SPDX-License-Identifier: MIT */
#ifndef STORE_STORE_RUN_H
#define STORE_STORE_RUN_H

/*
 * store/store_run -- runs of blocks as store/ sees them; see store/store.h.
 *
 *     idle --submit--> submitted --job reads--> ended
 *       \_________ finish reads ______________/
 */

#include "store/store.h"
#include "store/store_work.h"

enum run_state { RUN_IDLE, RUN_SUBMITTED, RUN_ENDED };

struct store_run {
    struct store_task task;
    struct store_file *file; /* a reference */
    uint32_t index;
    uint32_t count;
    bool transient;
    /* Guarded by the store's lock; RUN_ENDED may be seen without it. */
    _Atomic(enum run_state) state;
    /* The owner has let go of the run while it is read: the thread that reads frees
     * it. */
    bool is_abandoned;
    /* `on_end` is being called. */
    bool is_telling;
    void (*on_end)(void *context);
    void *context;
    /* The result, once the run has ended. */
    enum spine_status status;
    struct spine_error error;
    struct cached_image *images[];
};

#endif
