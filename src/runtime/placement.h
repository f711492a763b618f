/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_PLACEMENT_H
#define RUNTIME_PLACEMENT_H

/*
 * runtime/placement -- what goes to a file, and when. Part of runtime/runtime.h, which
 * includes it.
 *
 * Every output begins in memory. What builds it asks here, block by block, whether the
 * output goes to a file by now: its own size decides, not the size of its inputs. It is
 * decided nowhere else. Once an output goes to a file, all of its blocks that are in
 * memory go.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spine_store;

/* The rules of a runtime, shared by its spines. The bounds may change at any time. */
struct placement {
    /* NULL: everything stays in memory. */
    struct spine_store *store;
    /* The least bytes in memory of an output under way that goes to a file, and of an
     * inserted batch. UINT64_MAX: none does. */
    atomic_uint_least64_t output_bytes_min;
    atomic_uint_least64_t insert_bytes_min;
    /* Memory of the blocks of all outputs under way. */
    atomic_uint_least64_t outputs_bytes;
};

/* The memory of an output is no longer `before` but `now` bytes. */
static inline void
placement_count_output(struct placement *placement, uint64_t before, uint64_t now)
{
    if (before != now)
        atomic_fetch_add_explicit(&placement->outputs_bytes, now - before,
                                  memory_order_relaxed);
}

/* Does an output that has `bytes` bytes in memory go to a file? NULL: there is no
 * store. */
static inline bool
placement_moves_output(struct placement *placement, uint64_t bytes)
{
    return placement != NULL && placement->store != NULL &&
           bytes >=
               atomic_load_explicit(&placement->output_bytes_min, memory_order_relaxed);
}

/* The same of a batch that is inserted. */
static inline bool
placement_moves_insert(struct placement *placement, uint64_t bytes)
{
    return placement != NULL && placement->store != NULL &&
           bytes >=
               atomic_load_explicit(&placement->insert_bytes_min, memory_order_relaxed);
}

#ifdef SPINE_STORE_OF_TESTS
struct runtime_service;
/* Of tests, which give runtimes without a store one of their own, or NULL. */
struct runtime_service *elsewhere_place(struct placement *placement);
#endif

#endif
