/* SPDX-License-Identifier: MIT */
#ifndef SPINE_TYPES_H
#define SPINE_TYPES_H

/*
 * What every other header uses: statuses, errors, single cells (spine/datum.h), the
 * allocator.
 *
 * NULL. A call that needs a pointer and gets none answers SPINE_INVALID, and its message
 * names the argument. A call that has no status does nothing then, and gives nothing: 0,
 * false or NULL. `error` may always be NULL; what else may be says so.
 */

#include "spine/datum.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SPINE_API __attribute__((visibility("default")))
#define SPINE_CHECKED __attribute__((warn_unused_result))
#else
#define SPINE_API
#define SPINE_CHECKED
#endif

/* What a call answers. Values are frozen once released. */
enum spine_status {
    /* Done. */
    SPINE_OK = 0,
    /* The allocator said no; nothing was changed. */
    SPINE_NOMEM = -1,
    /* A system call failed; the error's message names it. */
    SPINE_IO = -2,
    /* Stored bytes are not what was written. */
    SPINE_CORRUPT = -3,
    /* The spine or its runtime was closed before what the call wants was done. */
    SPINE_CANCELLED = -4,
    /* An argument, option or schema makes no sense; nothing was changed. */
    SPINE_INVALID = -5,
    /* A sum of weights is not in int64_t. */
    SPINE_OVERFLOW = -6,
    /* The call would have to wait and was asked not to; nothing was taken. */
    SPINE_BUSY = -7,
    /* The time given ran out. */
    SPINE_TIMEOUT = -8,
    /* A call was made in a state that does not allow it. */
    SPINE_MISUSE = -9,
    /* There is no object of that name in a store. */
    SPINE_NOT_FOUND = -10,
    /* There is one already; nothing was changed. */
    SPINE_EXISTS = -11
};

/* The name of `status`, such as "SPINE_NOMEM"; "unknown status" for anything else. Any
 * thread. */
SPINE_API const char *spine_status_name(enum spine_status status);

/* Memory of the caller that a failing call fills; untouched by a call that succeeds. */
struct spine_error {
    enum spine_status status;
    /* One sentence, zero-terminated, that names the culprit. */
    char message[252];
};

/*
 * Where the library takes its memory from. `on_alloc` returns `bytes` bytes
 * aligned for any type, or NULL; `on_free` gets what it returned and the same
 * number of bytes. Both may be called from any thread at any time, never with a
 * lock of the library held that they could need.
 *
 * Not from here, but from malloc, comes what other libraries take for themselves: libuv
 * for its pool, which a process has once, and for the loop of a runtime that has one of
 * its own, some KiB each; Zstandard while it compresses or expands a block of a file;
 * cJSON for what a checkpoint is, while its manifest is written or read. They could be
 * told to take it from elsewhere, but only for the whole process, in which the host and
 * other copies of this library use them, too. Nothing else is outside: all batches,
 * filters, cursors and spines are in here, and statistics count them as they are.
 *
 * Without an allocator memory is malloc's, and large pieces that were freed are kept for
 * use again: up to 8 MiB and a twelfth of what is out (spine_allocated_bytes() does not
 * count them), until there is nothing to merge or a runtime ends.
 */
struct spine_allocator {
    void *context;
    void *(*on_alloc)(void *context, size_t bytes);
    void (*on_free)(void *context, void *memory, size_t bytes);
};

/*
 * Replaces malloc and free for the whole library; NULL goes back to malloc. Before any
 * other call, or when nothing that the library returned is alive: otherwise SPINE_MISUSE.
 * SPINE_INVALID when a function is NULL. Either way nothing was changed. One thread.
 */
SPINE_API SPINE_CHECKED enum spine_status
spine_set_allocator(const struct spine_allocator *allocator);

/* Bytes that the library holds from its allocator at this moment, exactly what was asked
 * of it and not given back. Any thread. */
SPINE_API size_t spine_allocated_bytes(void);

#ifdef __cplusplus
}
#endif

#endif
