/* SPDX-License-Identifier: MIT */
#ifndef BASE_REF_H
#define BASE_REF_H

/*
 * base/ref -- reference counts of shared, immutable things.
 *
 * ref_drop() releases what this thread wrote and, for the last one, acquires what the
 * others wrote, so the thread that frees has seen every use.
 */

#include "base/assert.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ref {
    atomic_uint_least32_t count;
};

static inline void
ref_init(struct ref *ref)
{
    atomic_init(&ref->count, 1);
}

static inline void
ref_take(struct ref *ref)
{
    const uint_least32_t before =
        atomic_fetch_add_explicit(&ref->count, 1, memory_order_relaxed);

    assert(before > 0);
    (void)before;
}

/* A reference, unless the last one is gone. Of what stays allocated meanwhile. */
static inline bool
ref_take_unless_gone(struct ref *ref)
{
    uint_least32_t count = atomic_load_explicit(&ref->count, memory_order_relaxed);

    while (count > 0)
        if (atomic_compare_exchange_weak_explicit(&ref->count, &count, count + 1,
                                                  memory_order_relaxed,
                                                  memory_order_relaxed))
            return true;
    return false;
}

/* True when that was the last reference: the caller frees. */
static inline bool
ref_drop(struct ref *ref)
{
    const uint_least32_t before =
        atomic_fetch_sub_explicit(&ref->count, 1, memory_order_acq_rel);

    assert(before > 0);
    return before == 1;
}

/* May be old by the time it is read; but who keeps others from letting go sees all that
 * they took before. */
static inline uint32_t
ref_count(struct ref *ref)
{
    return (uint32_t)atomic_load_explicit(&ref->count, memory_order_relaxed);
}

#endif
