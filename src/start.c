/* SPDX-License-Identifier: MIT */

/*
 * start -- which merges start.
 *
 * A merge is due when its level has enough loose batches, or when much of the largest
 * batch is retracted in others; it starts at once. A merge ahead is not due: it starts
 * when the runtime has nothing else to do, so that readers see fewer batches. Whether it
 * has is the runtime's to know: the spine queues a job that can be spared, the look, and
 * decides only when that runs. The merge itself can be spared, too, until a merge that is
 * due has to wait for its task, or somebody for the spine to be idle.
 */

#include "base/assert.h"
#include "compaction.h"
#include "core.h"

static bool may_start_locked(const struct spine *spine);
static void start_bottom_locked(struct spine *spine, struct aftermath *after);
static uint64_t largest_locked(struct spine *spine, const struct entry **loose,
                               struct merge_task **reader);
static uint64_t negative_rows_locked(const struct spine *spine,
                                     const struct entry *largest, uint64_t rows_min);
static const struct entry *
largest_of(const struct entry_list *list, const struct entry *largest);
static void start_inputs_locked(struct merge_task *task, const struct entry_list *inputs,
                                bool ahead, struct aftermath *after);
static void
start_due_locked(struct spine *spine, unsigned level, struct aftermath *after);
static bool may_look_locked(const struct spine *spine);
static void look_on_worker(struct job *job, uint64_t *fuel_rows);
static void start_ahead_locked(struct spine *spine, struct aftermath *after);
static unsigned free_levels_locked(const struct spine *spine);
static size_t sort_rows_locked(const struct spine *spine, unsigned levels, uint64_t *rows,
                               size_t rows_max);
static void take_sized_locked(struct spine *spine, unsigned levels, uint64_t rows_min,
                              uint64_t rows_max, struct entry_list *inputs);

void
spine_look_init(struct spine *spine)
{
    spine->locked.look.owner = &spine->jobs;
    spine->locked.look.spare = true;
    spine->locked.look.on_slice = look_on_worker;
}

void
spine_start_merges_locked(struct spine *spine, struct aftermath *after)
{
    if (!may_start_locked(spine) || compaction_start_locked(spine, after))
        return;
    start_bottom_locked(spine, after);
    for (unsigned level = 0; level < SPINE_LEVELS; level++)
        start_due_locked(spine, level, after);
    if (spine->locked.look_queued || !may_look_locked(spine))
        return;
    spine->locked.look_queued = true;
    runtime_ready(spine->runtime, &spine->locked.look);
    after->kick = true;
}

static bool
may_start_locked(const struct spine *spine)
{
    return !spine->locked.closing && spine->locked.pauses == 0 &&
           spine->locked.status == SPINE_OK;
}

/* Starts a merge by the bottom rule, if one is due; what is in its way ahead of time has
 * to hurry. Not for small spines: level 0 merges often enough. */
static void
start_bottom_locked(struct spine *spine, struct aftermath *after)
{
    const struct entry *largest;
    struct merge_task *reader;
    const uint64_t largest_rows = largest_locked(spine, &largest, &reader);
    struct entry_list inputs = {0};
    uint64_t rows_min;

    if (slot_level(&spine->policy, largest_rows) == 0)
        return;
    rows_min = slot_bottom_rows(largest_rows);
    if (!slot_bottom_due(largest_rows, negative_rows_locked(spine, largest, rows_min)))
        return;
    if (reader->state != TASK_IDLE) {
        merge_task_hurry_locked(reader);
        return;
    }
    take_sized_locked(spine, SPINE_LEVELS, rows_min, UINT64_MAX, &inputs);
    assert(inputs.count > 1);
    reader->bottom = true;
    start_inputs_locked(reader, &inputs, false, after);
}

/*
 * The rows of the largest batch, which a merge that reads it may have split meanwhile; 0
 * when there is none. `*loose` is that batch, unless a merge reads it, and `*reader` the
 * task that does or would.
 */
static uint64_t
largest_locked(struct spine *spine, const struct entry **loose,
               struct merge_task **reader)
{
    uint64_t rows = 0;

    *loose = NULL;
    *reader = NULL;
    for (unsigned level = 0; level < SPINE_LEVELS; level++)
        *loose = largest_of(&spine->locked.slots[level], *loose);
    if (*loose != NULL) {
        rows = (*loose)->batch->info.rows;
        *reader = &spine->locked.tasks[(*loose)->level];
    }
    for (unsigned i = 0; i < TASK_COUNT; i++)
        if (spine->locked.tasks[i].largest_rows > rows) {
            rows = spine->locked.tasks[i].largest_rows;
            *loose = NULL;
            *reader = &spine->locked.tasks[i];
        }
    return rows;
}

/* The rows of negative weight in the loose batches of `rows_min` rows and more, without
 * those of `largest`. */
static uint64_t
negative_rows_locked(const struct spine *spine, const struct entry *largest,
                     uint64_t rows_min)
{
    uint64_t negative_rows = 0;

    for (unsigned level = 0; level < SPINE_LEVELS; level++) {
        const struct entry_list *slot = &spine->locked.slots[level];

        if (slot->negative_rows == 0)
            continue;
        for (const struct entry *entry = slot->first; entry != NULL; entry = entry->next)
            if (entry != largest && entry->batch->info.rows >= rows_min)
                negative_rows += entry->batch->info.negative_rows;
    }
    return negative_rows;
}

static const struct entry *
largest_of(const struct entry_list *list, const struct entry *largest)
{
    for (const struct entry *entry = list->first; entry != NULL; entry = entry->next)
        if (largest == NULL || entry->batch->info.rows > largest->batch->info.rows)
            largest = entry;
    return largest;
}

/* Starts a merge of the level's oldest loose batches if one is due. */
static void
start_due_locked(struct spine *spine, unsigned level, struct aftermath *after)
{
    struct entry_list *slot = &spine->locked.slots[level];
    struct merge_task *task = &spine->locked.tasks[level];
    const size_t count = slot_merge_count(&spine->policy, level, slot->count);

    if (count == 0)
        return;
    if (task->state != TASK_IDLE) {
        merge_task_hurry_locked(task);
        return;
    }
    while (task->inputs.count < count)
        entry_list_append(&task->inputs, entry_list_take_first(slot));
    merge_task_start_locked(task, after);
}

static bool
may_look_locked(const struct spine *spine)
{
    return may_start_locked(spine) && !spine->options.only_due_merges &&
           spine->locked.loose_count > 1 && spine->locked.idle_waiters == 0 &&
           spine->locked.next_compaction == NULL && spine->locked.ahead_wait_rows == 0;
}

/* The runtime has nothing else to do. */
static void
look_on_worker(struct job *job, uint64_t *fuel_rows)
{
    struct spine *spine =
        (struct spine *)((char *)job - offsetof(struct spine, locked.look));
    struct aftermath after = {0};

    (void)fuel_rows;
    mutex_lock(&spine->mutex);
    spine_enter_locked(spine);
    runtime_idle(spine->runtime, job);
    spine->locked.look_queued = false;
    if (may_look_locked(spine))
        start_ahead_locked(spine, &after);
    spine_finish(spine, &after);
}

/*
 * Starts a merge ahead, if one is worth it, as the task of the highest level it reads.
 * Only below the levels that merge: what is small is not to wait, as an input, for the
 * end of something large.
 */
static void
start_ahead_locked(struct spine *spine, struct aftermath *after)
{
    const unsigned levels = free_levels_locked(spine);
    uint64_t rows[SLOT_AHEAD_MAX];
    const size_t loose = sort_rows_locked(spine, levels, rows, SLOT_AHEAD_MAX);
    const size_t count = slot_ahead_count(&spine->policy, rows, loose);
    struct entry_list inputs = {0};

    if (count == 0)
        return;
    take_sized_locked(spine, levels, 0, rows[count - 1], &inputs);
    assert(inputs.count == count);
    start_inputs_locked(&spine->locked.tasks[inputs.last->level], &inputs, true, after);
}

/* The number of levels, from 0 on, of which none merges. */
static unsigned
free_levels_locked(const struct spine *spine)
{
    unsigned levels = 0;

    while (levels < SPINE_LEVELS && spine->locked.tasks[levels].state == TASK_IDLE)
        levels++;
    return levels;
}

/* The rows of the loose batches of the first `levels` levels, ascending. None when there
 * are more than `rows_max`. */
static size_t
sort_rows_locked(const struct spine *spine, unsigned levels, uint64_t *rows,
                 size_t rows_max)
{
    size_t count = 0;

    for (unsigned level = 0; level < levels; level++)
        for (const struct entry *entry = spine->locked.slots[level].first; entry != NULL;
             entry = entry->next) {
            size_t at = count++;

            if (count > rows_max)
                return 0;
            for (; at > 0 && rows[at - 1] > entry->batch->info.rows; at--)
                rows[at] = rows[at - 1];
            rows[at] = entry->batch->info.rows;
        }
    return count;
}

/* Moves the loose batches of those levels that have so many rows to `inputs`, by level.
 */
static void
take_sized_locked(struct spine *spine, unsigned levels, uint64_t rows_min,
                  uint64_t rows_max, struct entry_list *inputs)
{
    for (unsigned level = 0; level < levels; level++) {
        struct entry_list *slot = &spine->locked.slots[level];
        const size_t all = slot->count;

        for (size_t i = 0; i < all; i++) {
            struct entry *entry = entry_list_take_first(slot);
            const uint64_t rows = entry->batch->info.rows;

            entry_list_append(rows_min <= rows && rows <= rows_max ? inputs : slot,
                              entry);
        }
    }
}

/* Starts a merge of batches of several levels. */
static void
start_inputs_locked(struct merge_task *task, const struct entry_list *inputs, bool ahead,
                    struct aftermath *after)
{
    task->inputs = *inputs;
    task->ahead = ahead;
    task->job.spare = ahead;
    merge_task_start_locked(task, after);
}
