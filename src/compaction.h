/* SPDX-License-Identifier: MIT */
#ifndef COMPACTION_H
#define COMPACTION_H

/*
 * compaction -- everything into one batch, and who is told of it. Part of core.h.
 *
 *     asked for --begins--> under way --ends--> ended --reported--> freed
 *
 * One that is waited for is not reported: it is in the frame of its caller.
 */

#include "core.h"

/* A wish to have everything up to `sequence` in one batch. */
struct compaction {
    struct compaction *next;
    uint64_t sequence;
    void (*on_done)(void *context, enum spine_status status);
    void *context;
    /* It is in the frame of spine_consolidate(), which waits, rather than on the heap. */
    bool waited_for;
    bool done;
    enum spine_status status;
    struct spine_batch *batch; /* a reference, or NULL when empty */
};

/* ---- compaction.c ---- */

/* Starts them in turn. True when merges given up for one still run: none may start. */
bool compaction_start_locked(struct spine *spine, struct aftermath *after);
/* The one under way ended; keeps a reference to `batch`, NULL for none. */
void compaction_end_locked(struct spine *spine, enum spine_status status,
                           struct spine_batch *batch, struct aftermath *after);
/* A merge of some batches had a sum beyond int64_t: has all merged, which settles it. */
void compaction_settle_locked(struct spine *spine);
/* Those that have not begun end with SPINE_CANCELLED, and so does the one under way. */
void compaction_cancel_locked(struct spine *spine, struct aftermath *after);
/* Those that have not begun end with `status`. */
void compaction_refuse_locked(struct spine *spine, enum spine_status status,
                              struct aftermath *after);

/* ---- report.c ---- */

void report_init(struct spine *spine);
/* Has a thread of the runtime tell who asked for it, and free it. */
void report_later_locked(struct spine *spine, struct compaction *compaction,
                         struct aftermath *after);
/*
 * The spine or its runtime closes: nobody else will. Reports what is left, or leaves it
 * to the job that runs, which the caller waits for. No lock held.
 */
void report_rest(struct spine *spine);

#endif
