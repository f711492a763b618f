/* SPDX-License-Identifier: MIT */
#ifndef STORE_WRITE_BEHIND_H
#define STORE_WRITE_BEHIND_H

/*
 * store/write_behind -- files that are written by others than those who make them: by
 * jobs of a runtime, for merges, which never wait for a disk, or by a thread of the
 * file's own, for those who wait anyway and have much to write. Part of store/store.h,
 * which includes it.
 */

#include "spine/types.h"

#include <stdbool.h>

struct spine_runtime;
struct spine_store;
struct store_writer;

/* Who has a file written behind, by jobs of a runtime that serves the store, and is told
 * in any thread and without locks when something was written. */
struct store_waiter {
    /* Without a runtime: by a thread that is there as long as the writer, and nobody is
     * told; who appends waits when too much is not written. */
    bool by_own_thread;
    struct spine_runtime *runtime;
    void (*on_end)(void *context);
    void *context;
};

/* The same, but nothing is written by the calling thread, unless the runtime does not
 * serve the store, or there is no thread. Nobody is told any more once the writer has
 * ended. */
enum spine_status
store_writer_new_behind(struct spine_store *store, const struct store_waiter *waiter,
                        struct store_writer **out, struct spine_error *error);
/* Is so much not written yet that its owner should wait until it is told? */
bool store_writer_is_behind(const struct store_writer *writer);
/* All is appended; what is left is written. A failure leaves it to be aborted. */
enum spine_status
store_writer_end(struct store_writer *writer, struct spine_error *error);
/* After that: was it, well or not? store_writer_finish() waits for it. */
bool store_writer_has_ended(const struct store_writer *writer);

#endif
