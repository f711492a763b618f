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
 *     critical   95 %    90 %     that, with less for the cache
 *     full       100 %   95 %     inserts wait
 *
 * Without a store nothing can go anywhere: it is full at 95 % then.
 *
 * What counts is the account of the runtime and what its store has in memory; with a
 * store, whether it is full is decided by what merges have reserved, too, as far as the
 * cache of the store would not make room for it. The cache has what others leave of a
 * part of the limit, and gives way as they grow, before a level is found. A merge
 * reserves what it may take before it begins, and waits until that fits, unless it is the
 * only one; so one merge always goes on. A merge of what is in memory *frees*: while
 * there is none of these, inserts and other merges leave room for one, up to a quarter of
 * the limit.
 *
 *     memory    |blocks, fences, filters, readers, cache|used by merges|
 *     reserved                                          |by merges under way   |
 *     limit                                                                    ^
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

/* What a merge will need: at least, and what it could use beyond. */
struct memory_need {
    uint64_t bytes;
    uint64_t more;
    /* It gives memory back: most of what it reads is in memory, and goes to a file. */
    bool frees;
};

/* A part of the limit that a merge has; zero for none. */
struct reservation {
    struct spine_runtime *runtime;
    uint64_t bytes;
    bool frees;
};

/*
 * Reserves what a merge needs, and of what it could use at most half of what would be
 * free then beside another such merge: `*granted` is how much of that. False, when it
 * does not fit: the merge waits. The first one always fits, so does the first that frees,
 * and another one when those under way stand still for some time, as in a spine that is
 * paused. Without a limit everything fits, and nothing is reserved. No lock held.
 */
bool runtime_reserve(struct spine_runtime *runtime, const struct memory_need *need,
                     struct reservation *out, uint64_t *granted);
/* Would that fit twice if what is reserved now, `instead`, were not? Any lock may be
 * held. */
bool runtime_fits_twice(const struct spine_runtime *runtime,
                        const struct memory_need *need,
                        const struct reservation *instead);
/* Twice is harmless. Any lock may be held. */
void runtime_unreserve(struct reservation *reservation);
/* A merge that has a reservation goes on. */
void runtime_note_progress(struct spine_runtime *runtime);
/* What merges have reserved and do not use yet, and what is left for one that frees. */
uint64_t runtime_promised(const struct spine_runtime *runtime);
/* Is it full only by what is promised? When no merge is under way, nor will be, that is
 * no reason to wait. */
bool runtime_is_promised(const struct spine_runtime *runtime);
/* Is there anything left to run that could give memory back? That are the jobs that have
 * an owner, but for slices of the calling thread, which may be in a callback of one. No
 * lock held. */
bool runtime_is_busy(struct spine_runtime *runtime);

#endif
