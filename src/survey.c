/* SPDX-License-Identifier: MIT */

/* The job that asks a spine's filters about some keys or rows of each batch, without the
 * lock, and starts merges where most of them are rejected. */

#include "survey.h"

#include "base/assert.h"
#include "base/container.h"
#include "company.h"
#include "core.h"

/* The most keys or rows of a batch that a survey looks at. Of a batch of which 7 in 10
 * are rejected one survey in a thousand thinks that it is not half of them. */
#define SURVEY_POINTS 65u

/* A survey under way. */
struct findings {
    struct company batches;
    bool rejected[SLOT_AHEAD_MAX];
    /* The filters when it began; references. */
    struct key_filter *keys;
    struct value_filter *values;
    struct judged_by filters;
    struct batch_sample sample;
    uint64_t calls;
};

static void survey_on_worker(struct job *job, uint64_t *fuel_rows);
static void collect_locked(struct spine *spine, struct findings *findings);
static bool
is_mostly_rejected(struct findings *findings, const struct spine_batch *batch);
static bool keys_are_rejected(struct findings *findings);
static bool rows_are_rejected(struct findings *findings);
static void
act_locked(struct spine *spine, const struct findings *findings, struct aftermath *after);
static struct merge_task *task_for_locked(struct spine *spine, unsigned level);
static void start_level_locked(struct merge_task *task, unsigned level,
                               const struct findings *findings, struct aftermath *after);

void
survey_init(struct spine *spine)
{
    struct survey *survey = &spine->locked.survey;

    survey->job.owner = &spine->jobs;
    survey->job.on_slice = survey_on_worker;
}

/* Its calls of the filters are its fuel. */
static void
survey_on_worker(struct job *job, uint64_t *fuel_rows)
{
    struct spine *spine = container_of(job, struct spine, locked.survey.job);
    struct findings findings = {0};
    struct aftermath after = {0};

    mutex_lock(&spine->mutex);
    spine_enter_locked(spine);
    collect_locked(spine, &findings);
    mutex_unlock(&spine->mutex);

    for (size_t i = 0; i < findings.batches.count; i++)
        findings.rejected[i] = is_mostly_rejected(&findings, findings.batches.batches[i]);
    *fuel_rows -= findings.calls < *fuel_rows ? findings.calls : *fuel_rows;
    thread_pause_point("survey end");

    mutex_lock(&spine->mutex);
    runtime_idle(spine->runtime, job);
    spine->locked.survey.queued = false;
    if (start_is_allowed_locked(spine) && spine->locked.next_compaction == NULL)
        act_locked(spine, &findings, &after);
    else
        survey_want_locked(&spine->locked.survey);
    spine_start_merges_locked(spine, &after);
    spine_wake_locked(spine);
    mutex_unlock(&spine->mutex);
    aftermath_run(spine, &after);

    batch_sample_release(&findings.sample);
    company_release(&findings.batches);
    key_filter_unref(findings.keys);
    value_filter_unref(findings.values);
    mutex_lock(&spine->mutex);
    spine_leave_and_unlock(spine);
}

/* The batches that are not small. Not while they are very many: then merges of the levels
 * are due, which drop what is rejected. */
static void
collect_locked(struct spine *spine, struct findings *findings)
{
    const struct entry_set *loose = &spine->locked.loose;
    const uint64_t rows_min = slot_bottom_rows(entry_set_sums(loose).rows_most);
    struct survey *survey = &spine->locked.survey;
    struct entry_range range = entries_all;

    assert(mutex_is_held(&spine->mutex));
    survey->wanted = false;
    survey->inserted_rows = spine->locked.counters.inserted_rows;
    findings->keys = key_filter_ref(spine->locked.key_filter);
    if (!value_filter_needs_groups(spine->locked.value_filter))
        findings->values = value_filter_ref(spine->locked.value_filter);
    findings->filters = filters_mark(findings->keys, findings->values);
    range.level_begin = slot_level(spine->policy, rows_min);
    company_gather_locked(spine, range, rows_min, &findings->batches);
    survey->blocked = findings->batches.count == 0;
}

/* Is most of the batch rejected? */
static bool
is_mostly_rejected(struct findings *findings, const struct spine_batch *batch)
{
    assert(batch->info.rows > 0);
    if (batch->judged && judged_by_covers(&batch->judged_by, &findings->filters))
        return false;
    batch_sample_begin(&findings->sample, batch, SURVEY_POINTS);
    return (findings->keys != NULL && keys_are_rejected(findings)) ||
           (findings->values != NULL && rows_are_rejected(findings));
}

/* What lies between two keys counts half by either: the first and the last key of the
 * batch count half. */
static bool
keys_are_rejected(struct findings *findings)
{
    struct batch_sample *sample = &findings->sample;
    size_t halves = 0;

    if (sample->count < 2)
        return false;
    for (size_t i = 0; i < sample->count; i++) {
        const bool is_end = i == 0 || i == sample->count - 1;

        /* Without memory it is not known. */
        if (batch_sample_key(sample, i) != SPINE_OK)
            return false;
        findings->calls++;
        if (!key_filter_keeps(findings->keys, sample->key))
            halves += is_end ? 1 : 2;
    }
    return slot_is_rejected(2 * (sample->count - 1), halves);
}

/* By rows: keys tell nothing of their values. */
static bool
rows_are_rejected(struct findings *findings)
{
    const struct spine_value_filter *filter = &findings->values->filter;
    struct batch_sample *sample = &findings->sample;
    size_t rejected = 0;

    for (size_t i = 0; i < sample->count; i++) {
        if (batch_sample_row(sample, i) != SPINE_OK)
            return false;
        findings->calls += 2;
        rejected += !key_filter_keeps(findings->keys, sample->key) ||
                    !filter->on_value(filter->context, sample->key, sample->value);
    }
    return slot_is_rejected(sample->count, rejected);
}

/* Starts a merge of each level that has batches of which most is rejected. What has to
 * wait for a task is looked at again when a merge ends. */
static void
act_locked(struct spine *spine, const struct findings *findings, struct aftermath *after)
{
    bool wanted[SPINE_LEVELS] = {false};

    assert(mutex_is_held(&spine->mutex));
    for (size_t i = 0; i < findings->batches.count; i++)
        if (findings->rejected[i])
            wanted[findings->batches.levels[i]] = true;
    for (unsigned level = 0; level < SPINE_LEVELS; level++) {
        struct merge_task *task = wanted[level] ? task_for_locked(spine, level) : NULL;

        if (task != NULL)
            start_level_locked(task, level, findings, after);
        else if (wanted[level])
            spine->locked.survey.blocked = true;
    }
}

/* The task of the level or, while that reads other batches, of one that hardly ever has
 * any; NULL when all are busy. */
static struct merge_task *
task_for_locked(struct spine *spine, unsigned level)
{
    struct merge_task *tasks = spine->locked.tasks;

    assert(mutex_is_held(&spine->mutex));
    if (tasks[level].state == TASK_IDLE)
        return &tasks[level];
    for (unsigned other = SPINE_LEVELS; other-- > 0;)
        if (tasks[other].state == TASK_IDLE)
            return &tasks[other];
    return NULL;
}

/* Starts a merge of the batches found on a level that are still loose. */
static void
start_level_locked(struct merge_task *task, unsigned level,
                   const struct findings *findings, struct aftermath *after)
{
    const struct company *batches = &findings->batches;
    struct company chosen = {0};

    assert(mutex_is_held(&task_spine(task)->mutex));
    for (size_t i = 0; i < batches->count; i++)
        if (findings->rejected[i] && batches->levels[i] == level) {
            chosen.batches[chosen.count] = batches->batches[i];
            chosen.sequences[chosen.count] = batches->sequences[i];
            chosen.levels[chosen.count++] = batches->levels[i];
        }
    if (company_take_locked(task_spine(task), &chosen, chosen.count, &task->inputs) == 0)
        return;
    task->bottom = true;
    task->surveyed = true;
    merge_task_start_locked(task, after);
}
