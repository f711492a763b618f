/* SPDX-License-Identifier: MIT */
#ifndef STORE_WRITE_BEHIND_H
#define STORE_WRITE_BEHIND_H

/*
 * store/write_behind -- files that another thread writes than the one that makes them: a
 * job of a runtime for merges, which never wait for a disk, or a thread of the file's own
 * for callers that wait anyway and have much to write. Part of store/store.h, which
 * includes it.
 */

#include "spine/types.h"

#include <stdbool.h>

/* The bytes of the first write of a file that has a thread of its own: the thread begins
 * soon. */
#define STORE_FIRST_BYTES (256u << 10)

struct spine_runtime;
struct spine_store;
struct store_writer;

/* A writer is behind when this many writes of STORE_WRITE_BYTES are full and not written.
 * With a thread of its own (OWN) it may have more: its owner does nothing else. */
#define STORE_UNITS_BEHIND 2u
#define STORE_UNITS_BEHIND_OWN 3u
/* From this many bytes on, a thread of the writer's own is worth its while: while merges
 * have the processors, each of the few units of a smaller file would wait for one. */
#define STORE_OWN_THREAD_BYTES ((uint64_t)8 << 20)

/* How a file is written behind: by jobs of `runtime`, which serves the store. `on_end` is
 * called, in any thread and without locks, when something was written. */
struct store_waiter {
    /* Without a runtime: a thread writes that begins with the first STORE_FIRST_BYTES and
     * ends with the writer, and `on_end` is not called; when too much is not written, a
     * call that appends writes what the thread has not begun, or waits for it. */
    bool by_own_thread;
    struct spine_runtime *runtime;
    void (*on_end)(void *context);
    void *context;
};

/* As store_writer_new(), but others write what the calling thread appends: it writes
 * itself when the runtime does not serve the store, when no thread can be started, and
 * where it would have to wait. `on_end` is not called any more once the writer has
 * ended. */
enum spine_status
store_writer_new_behind(struct spine_store *store, const struct store_waiter *waiter,
                        struct store_writer **out, struct spine_error *error);
/* Is the writer so far behind that its owner should wait for `on_end`? */
bool store_writer_is_behind(const struct store_writer *writer);
/* All is appended: what is left is written behind. After a failure the writer can only be
 * aborted. */
enum spine_status
store_writer_end(struct store_writer *writer, struct spine_error *error);
/* After store_writer_end(): has all been written, or failed? store_writer_finish() waits
 * for that. */
bool store_writer_has_ended(const struct store_writer *writer);

#endif
