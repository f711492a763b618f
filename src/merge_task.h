/* SPDX-License-Identifier: MIT */
#ifndef MERGE_TASK_H
#define MERGE_TASK_H

/*
 * merge_task -- a merge as a job: its states, its slices, its beginning. Part of core.h.
 *
 * A task is idle, queued (its job is ready, runs, or waits to be tried again) or parked
 * (its merge is under way, but the spine is paused). Each slot has one task; one more is
 * for compaction, and one is the second lane of another (lanes.h): it may have ended, and
 * keeps its output until the first lane has, too.
 */

#include "counters.h"
#include "entry.h"
#include "merge/merge.h"
#include "runtime/runtime.h"

struct spine;
struct aftermath;

enum task_state { TASK_IDLE, TASK_QUEUED, TASK_PARKED, TASK_ENDED };

/* What of a second lane a merge has (lanes.h). */
enum {
    LANE_NONE,
    LANE_WANTED,  /* a thread had nothing to do: its inputs are to be cut */
    LANE_REFUSED, /* they cannot be */
    LANE_HAD,     /* they are, and the two outputs are not joined yet */
    LANE_JOINED   /* its inputs are the outputs of both lanes */
};

/*
 * A merge of one slot. While its job runs, the worker owns `merge`; all else is guarded
 * by the spine's lock.
 */
struct merge_task {
    /* Its owner is that of the spine, which is so known: task_spine(). */
    struct job job;
    enum task_state state : 8;
    /* Of the second lane: that of the first. */
    uint8_t level;
    /* Slices that failed, by an error that may pass, since something went well; or more
     * than that. */
    uint8_t failures;
    uint8_t lane;         /* LANE_NONE and so on */
    uint32_t batch_count; /* of the spine when the merge began */
    /* Its inputs are wanted back: give up at the end of the slice. */
    bool abandoned;
    /* It began before it was due; job.spare as long as nobody needs it. */
    bool ahead;
    bool bottom;       /* it began by the bottom rule, or by a survey */
    bool surveyed;     /* it began by a survey */
    bool told;         /* tell_merge_begin() was called for it */
    bool looked;       /* for company (company.h), or there is none to look for */
    bool lacks : 1;    /* its job waits until a block is there */
    bool starved : 1;  /* there was no memory to begin with */
    bool has_frontier; /* as the three below */
    struct entry_set inputs;
    /* One of the inputs: what a merge that was split has written. Otherwise NULL. */
    const struct entry *written;
    uint64_t largest_rows; /* of an input when the merge began; 0 when idle */
    /* The rows of the inputs, about, that are in blocks which the merge will take
     * over. */
    uint64_t untouched_rows;
    uint64_t number; /* of its merge, among those of the spine */
    /* As they were when the merge began. */
    uint64_t frontier;
    struct key_filter *key_filter;
    struct value_filter *value_filter;
    /* NULL until the first slice. */
    struct merge *merge;
    /* What the search for company reads, while it does; otherwise NULL. */
    struct fetch *fetch;
    uint64_t fuel_used;
    uint64_t rows_in; /* that the merge has read */
    /* When it was split last: rows that it had read, and dropped. */
    uint64_t rows_in_before;
    uint64_t rows_dropped_before;
    struct task_counters counters;
    /* When the first of `failures` slices failed. */
    uint64_t failing_since_ns;
};

/*
 * What a spine has from the first time that a merge is to be cut in two lanes, until it
 * is closed. Guarded by the lock, but for what is of the worker of `cutter`.
 */
struct lane {
    struct merge_task task; /* the second lane */
    /* The first lane, unless that has been given up. */
    struct merge_task *first;
    /* Whose inputs are being cut; NULL: nobody's. */
    struct merge_task *cutter;
    /* These inputs, and with them an entry for the second half of each. Of the worker. */
    struct halves *halves;
    struct entry_set homes;
    unsigned begun; /* how often there was a second lane */
};

/* ---- merge_task.c ---- */

/* Idle; its slices will be run by `on_slice`. */
void merge_task_init(struct merge_task *task, struct spine *spine, unsigned level,
                     void (*on_slice)(struct job *job, uint64_t *fuel_rows));
/* Queues the merge of the task's inputs, which were set. */
void merge_task_start_locked(struct merge_task *task, struct aftermath *after);
/* The merge, which has not begun, is to go by the same frontier and the same filters as
 * that of `first`. */
void merge_task_follow_locked(struct merge_task *task, const struct merge_task *first);
/* A merge ahead is needed now: it runs as if it were due. */
void merge_task_hurry_locked(struct merge_task *task, struct aftermath *after);
/* Gives the merge up: the inputs are loose again, now or when the running slice ends. */
void merge_task_abandon_locked(struct merge_task *task, struct aftermath *after);
/* Lets no further slice begin; lets them begin again. */
void merge_task_park_locked(struct merge_task *task);
void merge_task_unpark_locked(struct merge_task *task, struct aftermath *after);
/* What failed is forgotten: a merge that waits to be tried again is tried now. */
void merge_task_retry_locked(struct merge_task *task, struct aftermath *after);
/*
 * What the runtime takes as the work left: what has the least goes first. Rows that are
 * taken over do not count. A merge by the bottom rule counts less than its rows; it gives
 * memory back, and would be the last of all under a constant stream of inserts.
 */
uint64_t merge_task_rank(const struct merge_task *task, uint64_t rows_left);
/* A merge that has not begun, for want of memory, takes in what has come to its level
 * meanwhile: it would hold that up. */
void merge_task_gather_locked(struct merge_task *task);
/* The merge is given up, by its slice or without one that runs: the inputs are loose
 * again, on the levels that they came from. */
void merge_task_give_back_locked(struct merge_task *task, struct aftermath *after);
/* What the merge has done is lost. */
void merge_task_count_given_up_locked(struct merge_task *task);
/* What the merge has read counts. What joins two lanes reads nothing anew. */
void
merge_task_count_read_locked(struct merge_task *task, const struct merge_counts *counts);
/* The merge has ended, and its inputs are elsewhere. */
void merge_task_to_idle_locked(struct merge_task *task, struct aftermath *after);

/* ---- merge_slice.c ---- */

/* One slice of the task whose job it is. While it runs, the worker owns task->merge. */
void merge_slice(struct job *job, uint64_t *fuel_rows);

/* ---- merge_begin.c ---- */

struct merge_budget;

/* Makes the merge of the inputs, of which nothing is read yet. Worker. `waiter` is told
 * of reads; what `budget` reserves is taken, and given back on failure. */
enum spine_status
merge_task_begin(struct merge_task *task, const struct read_waiter *waiter,
                 struct merge_budget *budget, struct spine_error *error);

#endif
