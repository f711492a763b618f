/* SPDX-License-Identifier: MIT */

/*
 * Events for the trace of a runtime and lines for its log, made of what the spine noted
 * under its lock. Each function returns at once when nobody listens: then tracing costs
 * no clock either.
 */

#include "tell.h"

#include "base/assert.h"
#include "core.h"
#include "observe/observe.h"

/* An event whose spine, thread and times are filled in. */
static struct spine_event
event_of(const struct spine *spine, enum spine_event_kind kind, uint64_t begin_ns)
{
    return (struct spine_event){.kind = kind,
                                .spine = spine->options.name,
                                .spine_number = spine->number,
                                .thread = thread_number(),
                                .begin_ns = begin_ns,
                                .end_ns = clock_now_ns()};
}

static void
deliver(const struct spine *spine, const struct spine_event *event)
{
    const struct spine_trace *trace = runtime_trace(spine->runtime);

    trace->on_event(trace->context, event);
}

/* In memory and in files. */
static uint64_t
bytes_anywhere(const struct spine_batch *batch)
{
    return batch->info.bytes + batch->bytes_elsewhere;
}

static bool
nobody_is_told(const struct spine *spine)
{
    return runtime_trace(spine->runtime) == NULL;
}

uint64_t
tell_begin_ns(const struct spine *spine)
{
    return nobody_is_told(spine) ? 0 : clock_now_ns();
}

/* Notes which merge keeps batches waiting: the merge of the lowest level that has enough
 * of them, or the compaction. */
void
stall_begin_locked(const struct spine *spine, enum spine_cause cause, struct stall *stall)
{
    const struct merge_task *tasks = spine->locked.tasks;
    unsigned at = COMPACTION_TASK;

    assert(mutex_is_held(&spine->mutex));
    *stall = (struct stall){.cause = cause};
    if (nobody_is_told(spine))
        return;
    stall->begin_ns = clock_now_ns();
    if (cause == SPINE_CAUSE_MEMORY)
        return;
    for (unsigned level = SPINE_LEVELS; level-- > 0 && cause == SPINE_CAUSE_BATCHES;)
        if (tasks[level].state != TASK_IDLE && spine_due_locked(spine, level) > 0)
            at = level;
    if (tasks[at].state == TASK_IDLE)
        return;
    stall->level = at;
    stall->merge = tasks[at].number;
}

void
stall_end(struct stall *stall)
{
    if (stall->begin_ns > 0)
        stall->end_ns = clock_now_ns();
}

void
tell_insert(const struct spine *spine, const struct told_insert *insert)
{
    struct spine_event event;

    if (nobody_is_told(spine) || insert->begin_ns == 0)
        return;
    for (unsigned i = 0; i < insert->stall_count; i++)
        tell_stall(spine, &insert->stalls[i]);
    if (insert->sequence == 0)
        return;
    event = event_of(spine, SPINE_EVENT_INSERT, insert->begin_ns);
    event.sequence = insert->sequence;
    event.rows = insert->rows;
    event.bytes = insert->bytes;
    deliver(spine, &event);
}

void
tell_stall(const struct spine *spine, const struct stall *stall)
{
    struct spine_event event;

    if (nobody_is_told(spine) || stall->end_ns == 0)
        return;
    event = event_of(spine, SPINE_EVENT_STALL, stall->begin_ns);
    event.end_ns = stall->end_ns;
    event.cause = stall->cause;
    event.level = stall->level;
    event.merge = stall->merge;
    deliver(spine, &event);
}

void
tell_help(const struct spine *spine, uint64_t begin_ns, unsigned slices)
{
    struct spine_event event;

    if (nobody_is_told(spine) || slices == 0)
        return;
    event = event_of(spine, SPINE_EVENT_HELP, begin_ns);
    event.count = slices;
    deliver(spine, &event);
}

void
tell_spill(const struct spine *spine, uint64_t begin_ns, const struct spine_batch *batch)
{
    struct spine_event event;

    if (nobody_is_told(spine))
        return;
    event = event_of(spine, SPINE_EVENT_SPILL, begin_ns);
    event.rows = batch->info.rows;
    event.bytes = batch->bytes_elsewhere;
    deliver(spine, &event);
}

/* What is told of each input of a merge. */
struct told_inputs {
    const struct spine *spine;
    struct spine_event event;
    uint64_t bytes;
};

static void
tell_input(struct entry *entry, void *context)
{
    struct told_inputs *inputs = context;

    inputs->event.sequence = entry->sequence;
    inputs->event.rows = entry->batch->info.rows;
    inputs->event.bytes = bytes_anywhere(entry->batch);
    deliver(inputs->spine, &inputs->event);
}

static enum spine_cause
cause_of(const struct merge_task *task)
{
    if (task->level == COMPACTION_TASK)
        return SPINE_CAUSE_COMPACTION;
    if (task->bottom || task->surveyed)
        return SPINE_CAUSE_REJECTED;
    return task->ahead ? SPINE_CAUSE_AHEAD : SPINE_CAUSE_DUE;
}

void
tell_merge_begin(const struct merge_task *task, uint64_t begin_ns)
{
    const struct spine *spine = task_spine(task);
    const struct entry_sums sums = entry_set_sums(&task->inputs);
    struct told_inputs inputs = {
        .spine = spine,
        .event = event_of(spine, SPINE_EVENT_MERGE_BEGIN, begin_ns),
    };

    inputs.event.end_ns = begin_ns;
    inputs.event.level = task->level;
    inputs.event.merge = task->number;
    inputs.event.cause = cause_of(task);
    inputs.event.count = sums.count;
    inputs.event.rows = sums.rows;
    inputs.event.bytes = sums.bytes + sums.storage_bytes;
    deliver(spine, &inputs.event);
    inputs.event.kind = SPINE_EVENT_MERGE_INPUT;
    inputs.event.cause = SPINE_CAUSE_NONE;
    inputs.event.count = 0;
    entry_set_each(&task->inputs, entries_all, tell_input, &inputs);
}

/* An event of the slice's merge. */
static struct spine_event
event_of_merge(const struct spine *spine, enum spine_event_kind kind,
               const struct told_slice *slice, const struct merge_counts *counts)
{
    struct spine_event event = event_of(spine, kind, slice->begin_ns);

    event.level = slice->level;
    event.merge = slice->merge;
    event.rows = counts->rows_in;
    event.rows_out = counts->rows_out;
    return event;
}

void
tell_slice(const struct spine *spine, const struct told_slice *slice,
           const struct merge_counts *counts, bool is_split)
{
    struct spine_event event = event_of_merge(spine, SPINE_EVENT_SLICE, slice, counts);

    deliver(spine, &event);
    if (!is_split)
        return;
    event.kind = SPINE_EVENT_SPLIT;
    event.begin_ns = event.end_ns;
    deliver(spine, &event);
}

void
tell_merge_end(const struct spine *spine, const struct told_slice *slice,
               const struct merge_counts *counts, const struct spine_batch *output)
{
    struct spine_event event =
        event_of_merge(spine, SPINE_EVENT_MERGE_END, slice, counts);

    event.begin_ns = event.end_ns;
    event.bytes = bytes_anywhere(output);
    deliver(spine, &event);
    if (output->bytes_elsewhere > 0)
        tell_spill(spine, event.end_ns, output);
}

void
tell_given_up(const struct spine *spine, unsigned level, uint64_t merge)
{
    struct spine_event event;

    if (nobody_is_told(spine))
        return;
    event = event_of(spine, SPINE_EVENT_MERGE_END, 0);
    event.begin_ns = event.end_ns;
    event.cause = SPINE_CAUSE_GIVEN_UP;
    event.level = level;
    event.merge = merge;
    deliver(spine, &event);
}

void
tell_error(const struct spine *spine, const struct spine_error *error, bool is_sticky)
{
    runtime_log(spine->runtime, is_sticky ? SPINE_LOG_ERROR : SPINE_LOG_WARNING,
                "spine \"%s\": %s%s", spine->options.name,
                is_sticky ? "merges stand still: " : "a merge will be tried again: ",
                error->message);
}
