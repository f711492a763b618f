/* SPDX-License-Identifier: MIT */

/* Events of a store, for its trace. */

#include "store/store_state.h"

void
store_tell(const struct spine_store *store, enum spine_event_kind kind, uint64_t begin_ns,
           uint64_t bytes)
{
    const struct spine_event event = {.kind = kind,
                                      .spine = "",
                                      .thread = thread_number(),
                                      .begin_ns = begin_ns,
                                      .end_ns = clock_now_ns(),
                                      .bytes = bytes};

    store->trace.on_event(store->trace.context, &event);
}
