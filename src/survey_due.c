/* SPDX-License-Identifier: MIT */

/* Whether a survey is due: what wants one, what blocks it, and what the last one was good
 * for. */

#include "base/assert.h"
#include "core.h"

static bool is_due_locked(const struct spine *spine);

void
survey_start_locked(struct spine *spine, struct aftermath *after)
{
    struct survey *survey = &spine->locked.survey;
    const uint64_t inserted =
        spine->locked.counters.inserted_rows - survey->inserted_rows;

    assert(mutex_is_held(&spine->mutex));
    if (survey->queued || !is_due_locked(spine))
        return;
    /* It may wait for idle times, but not until much more has come in. */
    survey->job.spare =
        !slot_survey_is_urgent(entry_set_sums(&spine->locked.loose).rows, inserted);
    survey->queued = true;
    runtime_ready(spine->runtime, &survey->job);
    after->kick = true;
}

static bool
is_due_locked(const struct spine *spine)
{
    const struct survey *survey = &spine->locked.survey;
    const uint64_t largest_rows = entry_set_sums(&spine->locked.loose).rows_most;

    assert(mutex_is_held(&spine->mutex));
    return survey->wanted && start_is_allowed_locked(spine) &&
           spine->locked.next_compaction == NULL &&
           spine->locked.counters.inserted_rows >= survey->inserted_rows_min &&
           slot_level(spine->policy, largest_rows) > 0 &&
           (spine->locked.key_filter != NULL ||
            (spine->locked.value_filter != NULL &&
             !value_filter_needs_groups(spine->locked.value_filter)));
}

void
survey_withdraw_locked(struct spine *spine)
{
    assert(mutex_is_held(&spine->mutex));
    if (runtime_withdraw(spine->runtime, &spine->locked.survey.job))
        spine->locked.survey.queued = false;
}

void
survey_unblock_locked(struct spine *spine, const struct merge_task *task)
{
    struct survey *survey = &spine->locked.survey;

    assert(mutex_is_held(&spine->mutex));
    survey->wanted = survey->wanted || survey->blocked ||
                     task->key_filter != spine->locked.key_filter ||
                     task->value_filter != spine->locked.value_filter;
    survey->blocked = false;
}

void
survey_learn_locked(struct spine *spine, const struct merge_counts *counts)
{
    assert(mutex_is_held(&spine->mutex));
    if (slot_survey_was_right(counts->rows_in, counts->rows_dropped))
        return;
    spine->locked.survey.inserted_rows_min =
        spine->locked.counters.inserted_rows + slot_survey_pause(counts->rows_in);
}
