/* SPDX-License-Identifier: MIT */
#ifndef SCHEDULE_SIM_WORLD_H
#define SCHEDULE_SIM_WORLD_H

/*
 * schedule/sim_world -- a spine and what its users, threads of schedule/sim_thread, know
 * of it. The batches are those of harness/prefix.
 */

#include "base/thread.h"
#include "harness/prefix.h"
#include "harness/rng.h"
#include "spine/spine.h"

#include <stdbool.h>

#define WORLD_INSERTERS 3u
#define WORLD_WORKERS 2u
#define WORLD_QUEUE 64u

struct world {
    struct rng rng;
    struct prefix prefix;
    struct spine_runtime *runtime;
    struct spine *spine;
    bool manual;
    /* Batches of each inserter whose insert has begun, and has returned. */
    unsigned begun[WORLD_INSERTERS];
    unsigned returned[WORLD_INSERTERS];
    /* No call may begin any more. */
    bool spine_closing;
    /* The first report of a compaction closes the spine, unless somebody else does; it
     * has begun, and it has done so. */
    bool report_may_close;
    bool report_closes;
    bool report_closed;
    bool runtime_closing;
    /* Threads in a call of the runtime itself. */
    unsigned in_runtime;
    /* Pauses that have begun. */
    unsigned pauses;
    unsigned compactions;
    unsigned compactions_done;
    /* The host's executor: runs that were submitted and not called yet, oldest first. */
    struct mutex mutex;
    struct condition work;
    struct {
        void (*run)(void *argument);
        void *argument;
    } queue[WORLD_QUEUE];
    unsigned queued;
    bool workers_stop;
};

/* What had returned when a read began. */
struct world_bounds {
    unsigned at_least[WORLD_INSERTERS];
};

void world_open(struct world *world, uint64_t seed);
/* After both are closed; ends the executor. */
void world_release(struct world *world);

void world_bounds_begin(const struct world *world, struct world_bounds *out);
/* Aborts unless what `cursor` shows lies in the bounds; how many batches of each inserter
 * it is goes to `seen` unless that is NULL. */
void world_check_cursor(struct world *world, struct spine_cursor *cursor,
                        const struct world_bounds *bounds, unsigned *seen);
/* A worker: calls what is submitted until world->workers_stop. */
void world_work(void *context);
/* Tells the workers that nothing more comes. */
void world_stop_workers(struct world *world);
/* Says what to repeat if the process aborts, or an assertion traps, on a thread of the
 * schedule: the present case began with `seed`. */
void world_repeat_on_abort(uint64_t seed);
/* Aborts, saying what was wrong. */
void world_require(bool condition, const char *what);

#endif
