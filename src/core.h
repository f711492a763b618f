/* SPDX-License-Identifier: MIT */
#ifndef CORE_H
#define CORE_H

/*
 * core -- the state machine of a spine, shared by the files directly in src/.
 *
 *     calls of hosts       spine.c, fork.c, insert.c, compact.c, wait.c, taking.c,
 *                          filters.c, inspect.c, metrics.c
 *     slices of jobs       merge_slice.c with merge_begin.c and split.c, survey.c
 *     which merges start   start.c, stretch.c, floor.c, relief.c, company.c, compaction.c
 *     states of a merge    merge_task.c
 *     what all need        core.c, entry.c, slots.c, tell.c
 *
 * src/README.md has a line for each file, and a file calls only what is below it there.
 * A job gets the function that runs its slices when the spine is opened, so that files
 * below that function can make the job ready.
 *
 * A batch lives in an *entry*, which is allocated by the insert before the lock is taken
 * and then only moved: from the loose ones to a task's inputs, and back or, as the home
 * of the output, on. So nothing under the lock can fail.
 *
 *     insert --> loose --merge starts--> task.inputs --merge ends--> loose
 *                  ^                         |                      (output)
 *                  +------ merge fails ------+
 *
 * One mutex per spine guards `locked`; functions that need it held end in _locked.
 * Batches, snapshots and merges are let go of outside it. Lock order: spine, runtime.
 */

#include "aftermath.h"
#include "base/container.h"
#include "base/thread.h"
#include "counters.h"
#include "flood.h"
#include "merge_task.h"
#include "slots.h"
#include "snapshot/snapshot.h"
#include "survey.h"
#include "tell.h"

struct compaction;

/*
 * What becomes of a merge that fails, by its status. Its inputs are always as they were.
 *
 *     transient   SPINE_NOMEM, SPINE_IO   it is tried again, after delays that grow from
 *                                         1 ms to a second, and the error is sticky when
 *                                         that has gone on for options.retry_ms
 *     settling    SPINE_OVERFLOW          all batches are merged, and the error is sticky
 *                                         when what they add up to is beyond int64_t
 *     permanent   SPINE_CORRUPT, others   it is sticky at once: it would come again
 *
 * A merge ahead, which nobody needs, never makes the first two sticky.
 */
enum error_class { ERROR_TRANSIENT, ERROR_SETTLING, ERROR_PERMANENT };

static inline enum error_class
error_class(enum spine_status status)
{
    if (status == SPINE_NOMEM || status == SPINE_IO)
        return ERROR_TRANSIENT;
    return status == SPINE_OVERFLOW ? ERROR_SETTLING : ERROR_PERMANENT;
}

struct spine {
    struct layout layout;
    struct spine_options options;     /* resolved; `name` is the spine's, or a constant */
    uint64_t number;                  /* of no other spine of the process */
    const struct slot_policy *policy; /* the spine's, or slot_policy_default */
    struct spine_runtime *runtime;
    struct runtime_watch watch;
    struct job_owner jobs;
    /* Shared with snapshots, which may outlive the spine. */
    struct lookup_ledger *ledger;
    struct snapshot_book *book;
    /* What is charged to it, as part of the runtime's; batches may outlive the spine. */
    struct account *account;

    struct mutex mutex;
    /* Loose batches fell below the limit, or threads that wait for that must look
     * again. */
    struct condition no_backpressure;
    /* A task rests, a compaction ended, a caller left, or threads that wait must look
     * again. */
    struct condition idle;
    struct {
        struct entry_set loose;
        struct merge_task tasks[LANE_TASK];
        struct lane *lane; /* NULL before the first */
        /* Loose, and those that are inputs of tasks. */
        size_t batch_count;
        uint64_t sequence; /* of the last batch that came in */
        uint64_t merges;   /* that were begun */
        uint64_t frontier;
        struct key_filter *key_filter;
        struct value_filter *value_filter;
        bool has_frontier;
        bool dirty;
        bool closing;
        bool closed_inside; /* by a callback of this spine: its job frees the spine */
        bool scout_queued;
        bool report_queued;
        bool settles;      /* the next compaction is due: compaction_settle_locked() */
        bool forces_lanes; /* of tests: as if a thread had nothing to do */
        unsigned pauses;
        unsigned callers;  /* threads inside calls that may wait */
        unsigned sleepers; /* of these, those that found nothing to run */
        unsigned wakes;    /* times that waiting threads were told to look again */
        unsigned errors;   /* that were sticky */
        struct flood flood;
        uint64_t fuel_average;
        uint64_t ahead_wait_rows; /* to be inserted before merges ahead: one failed */
        /* Of saved batches, that merges ahead may read until the next cut (saving.h). */
        uint64_t saved_rows_max;
        struct job scout; /* for a merge ahead, when the runtime has nothing else to do */
        struct survey survey;
        unsigned idle_waiters; /* threads in spine_wait_idle(): no merge ahead */
        enum spine_status status;
        struct spine_error error; /* the last one, even if it was cleared */
        /* What asks for the next compaction, and for the one under way; NULL: nobody. */
        struct compaction *next_compaction;
        struct compaction *compaction;
        /* The last that ended of those that are not reported, in a circle: the first one
         * is behind it. The job that reports them is ready or running. */
        struct compaction *ended_last;
        struct job report;
        unsigned settle_attempts;    /* compactions in a row that did not settle it */
        unsigned cuts_saved;         /* times that `saved_rows_max` began anew */
        unsigned lists;              /* under way; merges do not end meanwhile */
        unsigned publishers_waiting; /* threads with a merge that would end */
        /* The list as it is now, kept until it changes; or NULL. */
        struct spine_snapshot *snapshot;
        struct skipped *floor; /* as in floor.h; or NULL */
        struct spine_counters counters;
    } locked;
};

static inline struct spine *
task_spine(const struct merge_task *task)
{
    return container_of(task->job.owner, struct spine, jobs);
}

/* Tasks have numbers from 0 to before this: those of the levels, COMPACTION_TASK, and
 * LANE_TASK where there is one. */
static inline unsigned
spine_task_count_locked(const struct spine *spine)
{
    return spine->locked.lane != NULL ? TASK_COUNT : LANE_TASK;
}

static inline struct merge_task *
spine_task_locked(const struct spine *spine, unsigned number)
{
    /* The tasks are as little part of what is const here as the lane is. */
    return number == LANE_TASK ? &spine->locked.lane->task
                               : (struct merge_task *)&spine->locked.tasks[number];
}

/* Where the merges of a task are counted: those of a second lane with the first. */
static inline struct task_counters *
task_counters(const struct merge_task *task)
{
    return &task_spine(task)->locked.tasks[task->level].counters;
}

/* ---- core.c ---- */

/* The list of batches changed. */
void spine_changed_locked(struct spine *spine, struct aftermath *after);
/* Makes an entry loose, on the level of its batch's rows; of a merge output, maybe
 * higher. */
void spine_add_locked(struct spine *spine, struct entry *entry);
void spine_add_output_locked(struct spine *spine, struct entry *entry);
/* Fills `error` with the sticky error and returns it; SPINE_OK when there is none. */
enum spine_status
spine_sticky_locked(const struct spine *spine, struct spine_error *error);
/* True when an insert has to wait: too many loose batches, of which some are due and held
 * back by a merge of their level or a compaction; or a sum that is being settled. */
bool spine_is_full_locked(const struct spine *spine);
/* True when nothing may come in before a compaction that has everything has ended. */
bool spine_must_settle_locked(const struct spine *spine);
/* How many loose batches of the level a merge would take now; 0: none is due. */
size_t spine_due_locked(const struct spine *spine, unsigned level);
/* May merges start at all? */
bool start_is_allowed_locked(const struct spine *spine);
/* Wakes all threads that wait for something of the spine, so that they look again. */
void spine_wake_locked(struct spine *spine);
/* A call begins that lets go of the lock. spine_close() waits until it has left. */
void spine_enter_locked(struct spine *spine);
/* It ends: unlocks for good; its caller does not touch the spine any more. */
void spine_leave_and_unlock(struct spine *spine);
/* It ends with something left to do: unlocks, does it, leaves. */
void spine_finish(struct spine *spine, struct aftermath *after);

/* ---- books.c ---- */

/* Makes the ledger, the book of snapshots and the account of a spine that has its options
 * and its runtime. After a failure, too, books_release() gives them back. */
enum spine_status books_init(struct spine *spine, struct spine_error *error);
void books_release(struct spine *spine);

/* ---- wait.c ---- */

typedef bool spine_done_fn(const struct spine *spine, const void *context);

/*
 * Waits until `is_done`, running slices of this spine meanwhile. SPINE_OK; an error that
 * is sticky or became so meanwhile, even if `is_done`; SPINE_CANCELLED when the spine or
 * its runtime closes, or SPINE_TIMEOUT after `deadline_ns` of clock_now_ns(), unless done
 * by then. Inside spine_enter_locked().
 */
enum spine_status spine_wait_locked(struct spine *spine, struct condition *condition,
                                    spine_done_fn *is_done, const void *context,
                                    uint64_t deadline_ns, struct spine_error *error);
/* Waits until the spine is not full, and counts the wait, which is noted in `stall`. */
enum spine_status spine_wait_room_locked(struct spine *spine, uint64_t deadline_ns,
                                         struct stall *stall, struct spine_error *error);

/* ---- start.c ---- */

void spine_scout_init(struct spine *spine);
/* Starts every merge that is due, and has merges ahead looked for. */
void spine_start_merges_locked(struct spine *spine, struct aftermath *after);

/* ---- taking.c ---- */

/* spine_take_snapshot(), also with a sticky SPINE_OVERFLOW. */
enum spine_status snapshot_of_anything(struct spine *spine, struct spine_snapshot **out,
                                       struct spine_error *error);
/* spine_take_cut() of a spine that nobody means to save. */
enum spine_status
cut_of_now(struct spine *spine, struct spine_cut **out, struct spine_error *error);

/* ---- filters.c ---- */

/* What drops rows of the task's merge; NULL when nothing does. Worker. */
enum spine_status
filters_of_task(struct merge_task *task, struct retain **out, struct spine_error *error);

#endif
