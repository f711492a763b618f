/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_MEMORY_BUDGET_H
#define RUNTIME_MEMORY_BUDGET_H

/*
 * runtime/memory_budget -- what a runtime knows of its memory limit, and what it has told
 * an operator of it. Private to runtime/; runtime/pressure.h says what follows from it.
 */

#include "base/thread.h"
#include "runtime/pressure.h"

#include <stdatomic.h>

/* How much memory the spines of a runtime may hold, and how near that is. */
struct memory_budget {
    /* UINT64_MAX: there is no limit. */
    uint64_t limit_bytes;
    uint64_t storage_bytes_min;
    atomic_int level; /* enum pressure */
    /* What others than the store hold, and merges of what is its own, in parts of the
     * limit (pressure.c), when it was told. */
    atomic_uint others;
    /* What all merges have reserved; how many of them free; what one of these usually
     * needs; when a merge went on last, of clock_now_ns(). */
    atomic_uint_least64_t reserved;
    atomic_uint freeing;
    atomic_uint_least64_t usual;
    atomic_uint_least64_t progress_ns;
    /* Guards what follows, and changes of the level. */
    struct mutex mutex;
    uint64_t since_ns;
    uint64_t ns[PRESSURES]; /* spent at each level before `since_ns` */
    uint64_t changes;       /* of the level, in all */
    struct {
        /* The level of the last message, the highest one since, and the changes since. */
        enum pressure level, most;
        unsigned changes;
        /* When there was a message last, and when a warning; 0: never. */
        uint64_t message_ns, warning_ns;
    } told;
    /* When the changes that nobody was told of are due; UINT64_MAX: there are none. */
    atomic_uint_least64_t words_due_ns;
};

#endif
