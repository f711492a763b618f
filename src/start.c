/* SPDX-License-Identifier: MIT */

/*
 * start -- which merges start.
 *
 * A merge is due when its level has enough loose batches, or when much of the largest
 * batch is retracted in others; it starts at once. A merge ahead is not due: it starts
 * when the runtime has nothing else to do, so that readers see fewer batches. Whether it
 * has is the runtime's to know: the spine queues a job that can be spared, the scout, and
 * decides only when that runs. The merge itself can be spared, too, until a merge that is
 * due has to wait for its task, or somebody for the spine to be idle.
 */

#include "base/assert.h"
#include "base/container.h"
#include "compaction.h"
#include "company.h"
#include "core.h"
#include "listing.h"
#include "pace.h"
#include "relief.h"
#include "saving.h"
#include "stretch.h"

/* A merge ahead reads a batch in files only at this part of what others may cost: it
 * takes the disk from readers. */
#define AHEAD_FILE_PART 4u
/* A merge with so much work left is as good as over. */
#define SHORT_ROWS 65536u
/* How long the scout waits while a flood lasts: 2^n ms. */
#define FLOOD_LOOK_DOUBLINGS 2u

/* Batches of at least `rows_min` rows, and the sum of their rows of negative weight. */
struct negatives {
    uint64_t rows_min;
    const struct entry *except;
    uint64_t negative_rows;
};

/* A merge ahead: of the `count` smallest batches of a company; of their rows, those of
 * blocks that it will take over, and those of saved batches that it will read. */
struct ahead_merge {
    size_t count;
    uint64_t untouched_rows;
    uint64_t saved_rows;
    /* The cuts that were saved when this was found out. */
    unsigned cuts_saved;
};

static void start_bottom_locked(struct spine *spine, struct aftermath *after);
static uint64_t largest_locked(struct spine *spine, const struct entry **loose,
                               struct merge_task **reader);
static bool bottom_is_due_locked(const struct spine *spine, const struct entry *largest,
                                 uint64_t largest_rows, uint64_t rows_min);
static struct entry_range
levels_from(const struct slot_policy *policy, uint64_t rows_min);
static void add_negatives(struct entry *entry, void *context);
static void start_inputs_locked(struct merge_task *task, const struct entry_set *inputs,
                                bool ahead, struct aftermath *after);
static void
start_due_locked(struct spine *spine, unsigned level, struct aftermath *after);
static bool
waits_in_flood_locked(const struct spine *spine, unsigned level, size_t count);
static struct merge_task *due_task_locked(struct spine *spine, unsigned level);
static bool nobody_reads_locked(const struct spine *spine);
static struct merge_task *
take_levels_above_locked(struct spine *spine, struct merge_task *task);
static bool output_makes_due_locked(const struct spine *spine, unsigned level);
static bool may_scout_locked(const struct spine *spine);
static bool large_is_back_soon_locked(const struct spine *spine);
static void queue_scout_locked(struct spine *spine, struct aftermath *after);
static void scout_on_worker(struct job *job, uint64_t *fuel_rows);
static struct ahead_merge
count_ahead(const struct spine *spine, const struct company *company,
            const struct company_terms *terms, uint64_t saved_max);
static void start_ahead_locked(struct spine *spine, const struct company *company,
                               const struct ahead_merge *ahead, struct aftermath *after);
static struct entry_range free_levels_locked(const struct spine *spine);
static void take_sized(struct entry_set *loose, struct entry_range range,
                       uint64_t rows_min, uint64_t rows_max, struct entry_set *inputs);

void
spine_scout_init(struct spine *spine)
{
    spine->locked.scout.owner = &spine->jobs;
    spine->locked.scout.spare = true;
    spine->locked.scout.on_slice = scout_on_worker;
}

void
spine_start_merges_locked(struct spine *spine, struct aftermath *after)
{
    assert(mutex_is_held(&spine->mutex));
    if (!start_is_allowed_locked(spine) || compaction_start_locked(spine, after))
        return;
    start_bottom_locked(spine, after);
    for (unsigned level = 0; level < SPINE_LEVELS; level++)
        start_due_locked(spine, level, after);
    survey_start_locked(spine, after);
    relief_start_locked(spine, after);
    if (may_scout_locked(spine))
        queue_scout_locked(spine, after);
}

/* The scout can be spared, unless readers have skipped rows: that costs them time now. */
static void
queue_scout_locked(struct spine *spine, struct aftermath *after)
{
    struct job *scout = &spine->locked.scout;
    const bool needed = lookup_ledger_has_skipped(spine->ledger);

    assert(mutex_is_held(&spine->mutex));
    if (spine->locked.scout_queued &&
        (!needed || !scout->spare || !runtime_withdraw(spine->runtime, scout)))
        return;
    spine->locked.scout_queued = true;
    scout->spare = !needed;
    runtime_ready(spine->runtime, scout);
    after->kick = true;
}

/* Starts a merge by the bottom rule, if one is due; what is in its way ahead of time has
 * to hurry. Not for small spines: level 0 merges often enough. */
static void
start_bottom_locked(struct spine *spine, struct aftermath *after)
{
    const struct entry *largest;
    struct merge_task *reader;
    const uint64_t largest_rows = largest_locked(spine, &largest, &reader);
    const uint64_t rows_min = slot_bottom_rows(largest_rows);
    struct entry_set inputs = {0};

    assert(mutex_is_held(&spine->mutex));
    if (slot_level(spine->policy, largest_rows) == 0 ||
        !bottom_is_due_locked(spine, largest, largest_rows, rows_min))
        return;
    if (reader->state != TASK_IDLE) {
        merge_task_hurry_locked(reader, after);
        return;
    }
    take_sized(&spine->locked.loose, levels_from(spine->policy, rows_min), rows_min,
               UINT64_MAX, &inputs);
    assert(entry_set_sums(&inputs).count > 1);
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

    assert(mutex_is_held(&spine->mutex));
    *loose = entry_set_largest(&spine->locked.loose);
    *reader = NULL;
    if (*loose != NULL) {
        rows = (*loose)->batch->info.rows;
        *reader = &spine->locked.tasks[(*loose)->level];
    }
    for (unsigned i = 0; i < spine_task_count_locked(spine); i++) {
        struct merge_task *task = spine_task_locked(spine, i);

        if (task->largest_rows > rows) {
            rows = task->largest_rows;
            *loose = NULL;
            *reader = task;
        }
    }
    return rows;
}

/* Not while there are very many batches to look at: then merges of the levels are due,
 * and leave fewer. */
static bool
bottom_is_due_locked(const struct spine *spine, const struct entry *largest,
                     uint64_t largest_rows, uint64_t rows_min)
{
    const struct entry_range range = levels_from(spine->policy, rows_min);
    const struct entry_sums sums = entry_set_sums_in(&spine->locked.loose, range);
    struct negatives negatives = {.rows_min = rows_min, .except = largest};

    assert(mutex_is_held(&spine->mutex));
    if (sums.count > SLOT_BOTTOM_MAX ||
        !slot_bottom_due(largest_rows, sums.negative_rows))
        return false;
    entry_set_each(&spine->locked.loose, range, add_negatives, &negatives);
    return slot_bottom_due(largest_rows, negatives.negative_rows);
}

/* The levels of batches of at least `rows_min` rows. */
static struct entry_range
levels_from(const struct slot_policy *policy, uint64_t rows_min)
{
    struct entry_range range = entries_all;

    range.level_begin = slot_level(policy, rows_min);
    return range;
}

static void
add_negatives(struct entry *entry, void *context)
{
    struct negatives *negatives = context;

    if (entry != negatives->except && entry->batch->info.rows >= negatives->rows_min)
        negatives->negative_rows += entry->batch->info.negative_rows;
}

/*
 * Starts a merge of the level's oldest loose batches if one is due. The smallest batches
 * wait a little for a large one, in which retractions among them cancel: after a merge
 * with one another they would have as many rows as before.
 */
static void
start_due_locked(struct spine *spine, unsigned level, struct aftermath *after)
{
    const struct entry_range range = {level, level + 1, 0, UINT64_MAX};
    struct merge_task *task = due_task_locked(spine, level);
    size_t count = spine_due_locked(spine, level);

    assert(mutex_is_held(&spine->mutex));
    if (count == 0 || waits_in_flood_locked(spine, level, count))
        return;
    if (task->state != TASK_IDLE) {
        merge_task_hurry_locked(task, after);
        return;
    }
    if (slot_merge_can_wait(spine->policy, level, count) &&
        large_is_back_soon_locked(spine))
        return;
    if (level == 0 && spine->locked.flood.is_on && count > pace_merge_min(0))
        count = pace_merge_min(0);
    entry_set_take(&spine->locked.loose, range, count, &task->inputs);
    if (nobody_reads_locked(spine))
        task = take_levels_above_locked(spine, task);
    merge_task_start_locked(task, after);
}

/* May what is due on the level wait for more? The scout ends that. */
static bool
waits_in_flood_locked(const struct spine *spine, unsigned level, size_t count)
{
    const size_t all = entry_set_sums(&spine->locked.loose).count;

    assert(mutex_is_held(&spine->mutex));
    return spine->locked.flood.is_on && may_scout_locked(spine) &&
           count < pace_merge_min(level) &&
           all < pace_batches_max(spine->options.backpressure_batches);
}

/* The task for what is due on the level. In a flood level 0 has that of the next level,
 * too: while a thread merges there is something left that the inserting one can do. */
static struct merge_task *
due_task_locked(struct spine *spine, unsigned level)
{
    struct merge_task *task = &spine->locked.tasks[level];

    assert(mutex_is_held(&spine->mutex));
    if (level == 0 && task->state != TASK_IDLE && spine->locked.flood.is_on &&
        spine->locked.tasks[1].state == TASK_IDLE)
        return &spine->locked.tasks[1];
    return task;
}

static bool
nobody_reads_locked(const struct spine *spine)
{
    assert(mutex_is_held(&spine->mutex));
    return spine->locked.flood.is_on || spine->locked.idle_waiters > 0;
}

/*
 * Takes along the levels that the output would make due: each row is written once less,
 * and while nobody reads it does no harm that small batches are there until a large merge
 * ends. Returns the task of it all.
 */
static struct merge_task *
take_levels_above_locked(struct spine *spine, struct merge_task *task)
{
    struct entry_set *loose = &spine->locked.loose;

    assert(mutex_is_held(&spine->mutex));
    for (;;) {
        const struct entry_sums inputs = entry_set_sums(&task->inputs);
        const unsigned level = slot_level(spine->policy, inputs.rows);
        const struct entry_range range = {task->level + 1u, level + 1, 0, UINT64_MAX};
        struct merge_task *above = &spine->locked.tasks[level];

        if (level <= task->level || above->state != TASK_IDLE ||
            !output_makes_due_locked(spine, level) ||
            inputs.count + entry_set_sums_in(loose, range).count >
                spine->policy->merge_max)
            return task;
        entry_set_take(loose, range, SIZE_MAX, &above->inputs);
        entry_set_unite(&above->inputs, &task->inputs);
        task = above;
    }
}

/* Would one more batch make the level due? */
static bool
output_makes_due_locked(const struct spine *spine, unsigned level)
{
    const struct entry_sums sums = entry_set_level(&spine->locked.loose, level);
    const struct slot_loose loose = {.count = sums.count + 1, .rows = sums.rows};
    const size_t count = slot_merge_count(spine->policy, level, &loose);

    return count > 0 && sums.storage_count == 0 &&
           !waits_in_flood_locked(spine, level, count);
}

static bool
may_scout_locked(const struct spine *spine)
{
    assert(mutex_is_held(&spine->mutex));
    return start_is_allowed_locked(spine) && !spine->options.only_due_merges &&
           entry_set_sums(&spine->locked.loose).count > 1 &&
           runtime_pressure(spine->runtime) < PRESSURE_HIGH &&
           spine->locked.idle_waiters == 0 && spine->locked.next_compaction == NULL &&
           spine->locked.ahead_wait_rows == 0;
}

/* A reader has skipped something, or the runtime has nothing else to do. Looks at batches
 * with the lock open; not while a flood lasts: it waits, and looks again. */
static void
scout_on_worker(struct job *job, uint64_t *fuel_rows)
{
    struct spine *spine = container_of(job, struct spine, locked.scout);
    struct aftermath after = {0};
    struct company company = {0};
    struct stretch *stretch = stretch_find(spine);
    struct company_terms terms;
    struct ahead_merge ahead;
    uint64_t saved_max;
    unsigned cuts_saved;

    (void)fuel_rows;
    mutex_lock(&spine->mutex);
    spine_enter_locked(spine);
    if (stretch == NULL && flood_goes_on_locked(spine)) {
        runtime_wait(spine->runtime, job, FLOOD_LOOK_DOUBLINGS);
        after.kick = true;
        spine_finish(spine, &after);
        return;
    }
    spine_start_merges_locked(spine, &after);
    terms = company_terms_locked(spine);
    saved_max = spine->locked.saved_rows_max;
    cuts_saved = spine->locked.cuts_saved;
    if (may_scout_locked(spine) && stretch == NULL)
        company_gather_locked(spine, free_levels_locked(spine), 0, &company);
    mutex_unlock(&spine->mutex);

    ahead = count_ahead(spine, &company, &terms, saved_max);
    ahead.cuts_saved = cuts_saved;

    mutex_lock(&spine->mutex);
    if (stretch != NULL)
        spine_publish_wait_locked(spine);
    runtime_idle(spine->runtime, job);
    spine->locked.scout_queued = false;
    if (may_scout_locked(spine)) {
        if (ahead.count > 0)
            start_ahead_locked(spine, &company, &ahead, &after);
        if (stretch != NULL) {
            stretch_start_locked(spine, stretch, &after);
            spine_start_merges_locked(spine, &after);
        }
    }
    spine_finish(spine, &after);
    company_release(&company);
    stretch_free(stretch);
}

/* What of these, the smallest first, is to merge ahead. */
static struct ahead_merge
count_ahead(const struct spine *spine, const struct company *company,
            const struct company_terms *terms, uint64_t saved_max)
{
    struct slot_cost costs[SLOT_AHEAD_MAX], smaller = {0};
    struct ahead_merge ahead = {0};
    /* A merge ahead is not worth a read. */
    struct fetch memory = {.is_closed = true};
    struct overlap_look look = {.fetch = &memory};

    for (size_t i = 0; i < company->count; i++) {
        const struct spine_batch *batch = company->batches[i];
        const uint64_t rows = batch->info.rows;
        const uint64_t limit = slot_ahead_limit(spine->policy, &smaller, rows);

        costs[i] = (struct slot_cost){
            .rows = rows,
            .negative_rows = batch->info.negative_rows,
            .cost = rows,
            .is_saved = atomic_load_explicit(&batch->is_saved, memory_order_relaxed)};
        if (i > 0 && rows > limit)
            costs[i].cost =
                company_cost(spine, terms, batch,
                             &(struct small_batches){company->batches, i}, limit, &look);
        if (batch->in_files && i > 0 && costs[i].cost > limit / AHEAD_FILE_PART)
            costs[i].cost = rows > limit ? rows : limit + 1;
        smaller.rows += rows;
        smaller.negative_rows += batch->info.negative_rows;
    }
    fetch_release(&memory);
    ahead.count = slot_ahead_count(spine->policy, costs, company->count, saved_max);
    for (size_t i = 0; i < ahead.count; i++) {
        if (costs[i].cost < costs[i].rows)
            ahead.untouched_rows += costs[i].rows - costs[i].cost;
        ahead.saved_rows += costs[i].is_saved ? costs[i].cost : 0;
    }
    return ahead;
}

/*
 * Starts a merge ahead, as the task of the highest level it reads, unless something has
 * changed since it was found. Only below the levels that merge: what is small is not to
 * wait, as an input, for the end of something large.
 */
static void
start_ahead_locked(struct spine *spine, const struct company *company,
                   const struct ahead_merge *ahead, struct aftermath *after)
{
    struct entry_set inputs = {0};
    struct merge_task *task;

    assert(mutex_is_held(&spine->mutex));
    if (spine->locked.cuts_saved == ahead->cuts_saved &&
        company_take_locked(spine, company, ahead->count, &inputs) == ahead->count &&
        entry_set_top_level(&inputs) < free_levels_locked(spine).level_end) {
        task = &spine->locked.tasks[entry_set_top_level(&inputs)];
        task->untouched_rows = ahead->untouched_rows;
        saving_spend_locked(spine, ahead->saved_rows);
        start_inputs_locked(task, &inputs, true, after);
    } else {
        entry_set_unite(&spine->locked.loose, &inputs);
        spine_start_merges_locked(spine, after);
    }
}

/* The levels, from 0 on, of which none merges; none while a large batch is back soon,
 * which is what small ones wait for. */
static struct entry_range
free_levels_locked(const struct spine *spine)
{
    struct entry_range range = entries_all;

    assert(mutex_is_held(&spine->mutex));
    range.level_end = 0;
    if (large_is_back_soon_locked(spine))
        return range;
    while (range.level_end < SPINE_LEVELS &&
           spine->locked.tasks[range.level_end].state == TASK_IDLE)
        range.level_end++;
    return range;
}

/* Is a merge as good as over that takes most of a large batch over? */
static bool
large_is_back_soon_locked(const struct spine *spine)
{
    assert(mutex_is_held(&spine->mutex));
    for (unsigned level = 0; level < SPINE_LEVELS; level++) {
        const struct merge_task *task = &spine->locked.tasks[level];

        if (task->state != TASK_IDLE && task->untouched_rows > 0 &&
            task->job.rows_left <= SHORT_ROWS)
            return true;
    }
    return false;
}

/* Moves the batches of the range that have at least `rows_min` rows to `inputs`. There
 * are few in the range. */
static void
take_sized(struct entry_set *loose, struct entry_range range, uint64_t rows_min,
           uint64_t rows_max, struct entry_set *inputs)
{
    struct entry_set all = {0};

    entry_set_take(loose, range, SIZE_MAX, &all);
    for (struct entry *entry = entry_set_take_chain(&all); entry != NULL;) {
        struct entry *next = entry->greater;
        const uint64_t rows = entry->batch->info.rows;

        entry_set_add(rows_min <= rows && rows <= rows_max ? inputs : loose, entry);
        entry = next;
    }
}

/* Starts a merge of batches of several levels. */
static void
start_inputs_locked(struct merge_task *task, const struct entry_set *inputs, bool ahead,
                    struct aftermath *after)
{
    assert(mutex_is_held(&task_spine(task)->mutex));
    task->inputs = *inputs;
    task->ahead = ahead;
    task->job.spare = ahead;
    merge_task_start_locked(task, after);
}
