/* SPDX-License-Identifier: MIT */
#ifndef COMPACTION_H
#define COMPACTION_H

/*
 * compaction -- everything into one batch, and the requests that are told of it. Part of
 * core.h.
 *
 *     next --begins--> under way --ends--> ended --reported--> freed
 *
 * Requests share a compaction: at most one is under way, and at most one is next, however
 * many requests there are. A request joins the one under way while that has everything,
 * and otherwise the next one, which takes everything that is there when it begins. So no
 * request has to keep batches apart, and nothing under the lock walks the requests.
 */

#include "base/ref.h"
#include "core.h"

/* One call of spine_compact(). */
struct compaction_request {
    struct compaction_request *next;
    void (*on_done)(void *context, enum spine_status status);
    void *context;
};

/*
 * What requests share. Has a reference of the spine's until it is reported, and one of
 * each spine_consolidate() that waits for it.
 */
struct compaction {
    struct ref refs;
    /* The compaction that took over the requests of this one, and tells how these end: a
     * reference, or NULL. That one has not been taken over itself. */
    struct compaction *heir;
    /* The one that ended after it and is not reported either. */
    struct compaction *next;
    /* Of spine_compact(), the oldest first. */
    struct compaction_request *first;
    struct compaction_request *last;
    /* Calls that wait for it. */
    unsigned waiters;
    bool done;
    /* Why it ended as it did; with SPINE_OK when it ended well. */
    struct spine_error error;
    /* When it ended well with somebody waiting: a reference, or NULL when empty. */
    struct spine_batch *batch;
};

/* ---- requests.c ---- */

/* Has one reference, the caller's. NULL: no memory. */
struct compaction *compaction_new(void);
/* Lets go of a reference; NULL is allowed. No lock held. */
void compaction_unref(struct compaction *compaction);
/* Appends a chain of requests, which may be NULL. */
void compaction_append_requests(struct compaction *compaction,
                                struct compaction_request *first,
                                struct compaction_request *last);

/* ---- compaction.c ---- */

/* Begins the next one. True when merges given up for it still run: none may start. */
bool compaction_start_locked(struct spine *spine, struct aftermath *after);
/*
 * The task's merge had a sum beyond int64_t. True: a compaction of all that there is will
 * settle it, and so do requests wait for that one. False: this was such a compaction, so
 * all that there is overflows.
 */
bool compaction_settle_locked(struct merge_task *task, struct aftermath *after);
/* Does the compaction under way, in both of its lanes, have every batch? */
bool compaction_has_all_locked(const struct spine *spine);
/* True when frontier and filters are those that the task's merge began with. */
bool compaction_has_present_rules_locked(const struct merge_task *task);
/* Ends the compaction under way, if there is one: with its batch, or by `error`. */
void compaction_ended_locked(struct spine *spine, const struct spine_error *error,
                             struct spine_batch *batch, struct aftermath *after);
/* The next one ends with SPINE_CANCELLED, and so does the one under way. */
void compaction_cancel_locked(struct spine *spine, struct aftermath *after);
/* The next one ends because of `error`. */
void compaction_refuse_locked(struct spine *spine, const struct spine_error *error,
                              struct aftermath *after);

/* ---- report.c ---- */

/* A slice of the spine's job `report`: some callers are told. True when one of them has
 * closed the spine, which the calling thread frees. */
bool report_slice(struct spine *spine, uint64_t *fuel_rows);
/* Has a thread of the runtime tell the callers that asked for it. Takes the spine's
 * reference. */
void report_later_locked(struct spine *spine, struct compaction *compaction,
                         struct aftermath *after);
/*
 * The spine or its runtime closes: nobody else will. Reports what is left, or leaves it
 * to the job that runs, which the caller waits for. No lock held.
 */
void report_rest(struct spine *spine);

#endif
