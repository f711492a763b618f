/* SPDX-License-Identifier: MIT */
#ifndef SURVEY_H
#define SURVEY_H

/*
 * survey -- how many rows of each batch the spine's filters would drop. Part of core.h.
 *
 * A merge drops what a filter rejects; but a batch whose level has few others may wait
 * for its merge for long, and hold more rejected rows than needed ones meanwhile. So when
 * the filters have changed, a job asks them about some keys of each batch that is not
 * small, without the lock, and without a block that is not in memory. What is mostly
 * rejected merges. The same when a batch came in that is not small.
 *
 *     rows    kept  rejected          a survey, before 600 are kept:
 *     1,000    400       600          merges, alone or with others like it
 *       900    500       400          waits for the merge of its level
 *
 * So a spine hardly ever holds many more rejected rows than needed ones: of a batch of
 * which 7 in 10 are, some 99.9 % of samples say so. That is known of keys, and of values
 * that are judged by themselves: last, top and bottom would have to be judged by group.
 */

#include "merge_task.h"

struct survey {
    struct job job;
    bool queued;
    /* Filters have changed, batches have come in, or merges ended that the last survey
     * did not see behind. */
    bool wanted;
    /* The end of a merge is waited for: what it reads is, or has to wait for its task. */
    bool blocked;
    /* Rows that had come in at the last survey, and that must have come in before the
     * next one, because the last one was wrong. */
    uint64_t inserted_rows;
    uint64_t inserted_rows_min;
};

/* The filters have changed, or a batch has come in that is not small. */
static inline void
survey_want_locked(struct survey *survey)
{
    survey->wanted = true;
}

/* ---- survey.c ---- */

void survey_init(struct spine *spine);

/* ---- survey_due.c ---- */

/* Queues the survey, if one is wanted. */
void survey_start_locked(struct spine *spine, struct aftermath *after);
/* The merge of a task ends, which may be what a survey waits for. */
void survey_unblock_locked(struct spine *spine, const struct merge_task *task);
/* It was begun by a survey: was there what that promised? */
void survey_learn_locked(struct spine *spine, const struct merge_counts *counts);
/* The spine closes: no survey begins any more. */
void survey_withdraw_locked(struct spine *spine);

#endif
