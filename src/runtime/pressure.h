/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_PRESSURE_H
#define RUNTIME_PRESSURE_H

/*
 * runtime/pressure -- how near a runtime is to its memory limit, and what follows. Part
 * of runtime/runtime.h, which includes it.
 *
 *     level      from    until    what follows
 *     none                        outputs of min_storage_bytes go to files
 *     moderate   85 %    80 %     outputs of 1 MiB, and inserted batches of
 *                                 min_storage_bytes
 *     high       90 %    85 %     all outputs and inserted batches; what is in memory is
 *                                 merged into files; the cache shrinks
 *     critical   95 %    90 %     merges begin one at a time, unless they surely fit
 *     full       100 %   95 %     inserts wait
 *
 * Without a store nothing can go anywhere: it is full at 95 % then.
 *
 * What counts is the account of the runtime and what its store has in memory.
 */

#include "base/thread.h"
#include "spine/metrics.h"

struct spine_runtime;

enum pressure {
    PRESSURE_NONE = SPINE_PRESSURE_NONE,
    PRESSURE_MODERATE = SPINE_PRESSURE_MODERATE,
    PRESSURE_HIGH = SPINE_PRESSURE_HIGH,
    PRESSURE_CRITICAL = SPINE_PRESSURE_CRITICAL,
    PRESSURE_FULL = SPINE_PRESSURE_FULL,
    PRESSURES = SPINE_PRESSURES
};

/* Looks how much memory is held. When that is another level than before, all watches are
 * told. No lock held. */
enum pressure runtime_weigh(struct spine_runtime *runtime);
/* The level of the last look. Any lock may be held. */
enum pressure runtime_pressure(const struct spine_runtime *runtime);
/* What counts, in bytes. */
uint64_t runtime_memory(const struct spine_runtime *runtime);
uint64_t runtime_memory_limit(const struct spine_runtime *runtime);
/* May a merge begin that will need about `bytes` bytes? One always may, and another one
 * now and then. */
bool runtime_may_begin(struct spine_runtime *runtime, uint64_t bytes);
/* Is there anything left to run that could give memory back? That are the jobs that have
 * an owner, but for slices of the calling thread, which may be in a callback of one. No
 * lock held. */
bool runtime_is_busy(struct spine_runtime *runtime);

#endif
