/* SPDX-License-Identifier: MIT */

/* The memory that readers share: what they read ahead, and what they hold meanwhile. */

#include "store/store_ahead.h"

#include "base/assert.h"
#include "store/store_state.h"

/* One read ahead may take one in this many of the bytes that are left to a store: a scan
 * has some reads under way, and there are several scans. */
#define AHEAD_PART 16u

uint64_t
store_ahead_bytes(struct spine_store *store)
{
    const uint64_t most = atomic_load_explicit(&store->memory_max, memory_order_relaxed);
    const uint64_t held = store_memory(store);
    const uint64_t idle = cache_idle_bytes(&store->cache);
    /* Other threads pin and unpin meanwhile. */
    const uint64_t stays = held > idle ? held - idle : 0;

    if (most == UINT64_MAX)
        return UINT64_MAX;
    return stays < most ? (most - stays) / AHEAD_PART : 0;
}

uint64_t
store_ahead_max(struct spine_store *store)
{
    return atomic_load_explicit(&store->ahead_max, memory_order_relaxed);
}

bool
store_ahead_take(struct spine_store *store, uint64_t *held, uint64_t bytes)
{
    const uint64_t most = store_ahead_max(store);
    uint64_t taken;

    if (most == UINT64_MAX)
        return true;
    if (bytes > most)
        return false;
    taken = atomic_fetch_add_explicit(&store->ahead_held, bytes, memory_order_relaxed) +
            bytes;
    if (taken <= most && *held + bytes <= most - taken) {
        *held += bytes;
        return true;
    }
    atomic_fetch_sub_explicit(&store->ahead_held, bytes, memory_order_relaxed);
    return false;
}

void
store_ahead_give(struct spine_store *store, uint64_t *held, uint64_t bytes)
{
    assert(bytes <= *held);
    *held -= bytes;
    if (bytes > 0)
        atomic_fetch_sub_explicit(&store->ahead_held, bytes, memory_order_relaxed);
}
