/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_SERVICE_H
#define RUNTIME_SERVICE_H

/*
 * runtime/service -- what a runtime knows of its store, which is above it: how to keep
 * it, and to tell it that jobs can run here. Part of runtime/runtime.h, which includes
 * it.
 */

#include "spine/types.h"

#include <stdint.h>

struct spine_runtime;
struct runtime_service;

/* What a runtime leaves to its service: a part of its limit, of which 1 / 2^shift is to
 * stay, and before that is taken, what nobody else has use for. */
struct service_room {
    uint64_t limit_bytes;
    uint64_t free_bytes;
    unsigned shift;
};

struct runtime_service_calls {
    /* One more reference, one less. */
    void (*on_keep)(struct runtime_service *service);
    void (*on_let_go)(struct runtime_service *service);
    /* From now on the service may have jobs in the runtime. Once for each runtime. */
    enum spine_status (*on_open)(struct runtime_service *service,
                                 struct spine_runtime *runtime,
                                 struct spine_error *error);
    /* No slice of the runtime will run any more: the service takes its jobs back, and
     * knows no limit of it any more. */
    void (*on_close)(struct runtime_service *service, struct spine_runtime *runtime);
    /* Bytes of memory that it holds. */
    uint64_t (*on_memory)(struct runtime_service *service);
    /* The part of it that merges have: what they write, and what they read ahead. */
    uint64_t (*on_merge_memory)(struct runtime_service *service);
    /* The part of it that nobody uses at present: what on_shrink() could free. */
    uint64_t (*on_idle_memory)(struct runtime_service *service);
    /* The runtime is open. Frees nothing: a lock of the runtime is held. */
    void (*on_pressure)(struct runtime_service *service, struct spine_runtime *runtime,
                        const struct service_room *room);
    /* Frees what the cache has beyond that. No lock held. */
    void (*on_shrink)(struct runtime_service *service);
};

/* The first member of a struct spine_store. */
struct runtime_service {
    const struct runtime_service_calls *calls;
};

#endif
