/* SPDX-License-Identifier: MIT */
#ifndef AFTERMATH_H
#define AFTERMATH_H

/*
 * aftermath -- what a critical section of a spine leaves to be done without its lock:
 * references to let go of, and calls that tell of its end. Part of core.h.
 */

#include "entry.h"

struct compaction;
struct halves;
struct key_filter;
struct merge;
struct spine;
struct spine_snapshot;
struct value_filter;

/* The task beside the levels' that makes one batch of everything. */
#define COMPACTION_TASK SPINE_LEVELS
/* The number of the task that is the second lane of another (lanes.h), which a spine has
 * only once it was needed; before it come the tasks that every spine has. */
#define LANE_TASK (SPINE_LEVELS + 1)
#define TASK_COUNT (SPINE_LEVELS + 2)

/* What a critical section leaves to be done after it. Zero at first. */
struct aftermath {
    struct key_filter *key_filters[TASK_COUNT];
    struct value_filter *value_filters[TASK_COUNT];
    struct spine_snapshot *snapshot;
    struct spine_batch *batch;
    struct entry_set entries;
    struct compaction *compactions; /* a chain */
    struct merge *failed_merge;     /* of a task that tries again */
    struct merge *merges[TASK_COUNT];
    struct fetch *fetches[TASK_COUNT];
    struct halves *halves;
    size_t task_count; /* of these arrays; NULL where there was none */
    /* Merges that were told of; an error to tell of, which lives as long as this. */
    struct {
        unsigned level;
        uint64_t merge;
    } given_up[TASK_COUNT];
    size_t given_up_count;
    const struct spine_error *error;
    bool error_is_sticky;
    bool kick;
};

/* Does what a critical section left to do. No lock held. */
void aftermath_run(struct spine *spine, struct aftermath *after);

#endif
