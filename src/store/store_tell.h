/* SPDX-License-Identifier: MIT */
#ifndef STORE_STORE_TELL_H
#define STORE_STORE_TELL_H

/*
 * store/store_tell -- what the users of a store tell its trace, and what is counted of
 * its checkpoints. Part of store/store.h, which includes it. Any thread.
 */

#include "spine/trace.h"

struct spine_store;

/* A checkpoint of the store that ended, or was restored. */
struct store_checkpoint {
    uint64_t sequence;
    size_t spines;
    uint64_t rows;
    uint64_t bytes;
    /* When it was asked for, and when it was its turn; of clock_now_ns(). */
    uint64_t asked_ns, begin_ns;
};

/* A step of a checkpoint that began at `*begin_ns` has ended; the next one begins. */
void store_tell_step(const struct spine_store *store, enum spine_event_kind kind,
                     uint64_t *begin_ns, uint64_t count, uint64_t bytes);
/* A checkpoint ended, or was restored: counts that, and tells the trace. */
void store_checkpoint_ended(struct spine_store *store,
                            const struct store_checkpoint *checkpoint,
                            enum spine_status st);
void store_checkpoint_restored(struct spine_store *store,
                               const struct store_checkpoint *checkpoint);

#endif
