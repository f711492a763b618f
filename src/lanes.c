/* SPDX-License-Identifier: MIT */

/* The second lane of a merge: when there is one, what it gets, and what becomes of its
 * output. */

#include "lanes.h"

#include "base/assert.h"

static bool is_worth_a_lane_locked(const struct merge_task *task);
static bool may_have_lane_locked(const struct merge_task *task);
static bool may_begin_locked(const struct merge_task *task);
static struct halves *new_halves(struct merge_task *task, uint64_t *fuel_rows);
static void append_unwritten(struct entry *entry, void *context);
static void give_half_locked(struct merge_task *task, struct entry *entry,
                             struct entry *home, struct halved *halved,
                             struct aftermath *after);
static void exchange_batches(struct spine_batch **a, struct spine_batch **b);
static void start_lane_locked(struct merge_task *task, struct aftermath *after);

/* The inputs of a task but for what its merge has written, in their order. */
struct unwritten {
    const struct entry *written;
    struct spine_batch *batches[SLOT_SPLIT_MAX];
    size_t count;
    /* A double of each entry, in the same order. */
    struct entry_set *homes;
    bool has_memory;
};

static struct merge_task *
second_lane(const struct merge_task *task)
{
    return &task_spine(task)->locked.tasks[LANE_TASK];
}

void
lanes_look_locked(struct merge_task *task)
{
    struct spine *spine = task_spine(task);

    assert(mutex_is_held(&spine->mutex));
    if (task->wants_lane)
        return;
    task->wants_lane = spine->locked.forces_lanes ? may_have_lane_locked(task)
                                                  : is_worth_a_lane_locked(task);
}

static bool
is_worth_a_lane_locked(const struct merge_task *task)
{
    struct spine *spine = task_spine(task);

    return slot_lanes_pay(spine->policy, task->job.rows_left) &&
           may_have_lane_locked(task) &&
           (spine->locked.sleepers > 0 || runtime_has_room(spine->runtime));
}

/* Where groups are judged each lane would keep what the other one has read: it may have
 * to look for rows of a group there. */
static bool
may_have_lane_locked(const struct merge_task *task)
{
    struct spine *spine = task_spine(task);
    const struct entry_sums inputs = entry_set_sums(&task->inputs);

    return task->level > 0 && task->first == NULL && !task->has_lane && !task->joins &&
           !task->refuses_lane && !task->job.spare && !task->surveyed &&
           task->untouched_rows == 0 && !value_filter_needs_groups(task->value_filter) &&
           inputs.count <= SLOT_SPLIT_MAX && inputs.storage_count == 0 &&
           runtime_placement(spine->runtime)->store == NULL &&
           runtime_pressure(spine->runtime) < PRESSURE_HIGH && may_begin_locked(task);
}

/* May a second lane begin? Whatever wants merges back, or none to run, comes first. */
static bool
may_begin_locked(const struct merge_task *task)
{
    const struct spine *spine = task_spine(task);

    return second_lane(task)->state == TASK_IDLE && start_is_allowed_locked(spine) &&
           !task->abandoned && !spine->locked.settles &&
           spine->locked.next_compaction == NULL;
}

bool
lanes_cut(struct merge_task *task, uint64_t *fuel_rows, bool *is_cut)
{
    *is_cut = false;
    assert(task->merge == NULL);
    if (task->halves == NULL)
        task->halves = new_halves(task, fuel_rows);
    if (task->halves != NULL && halves_step(task->halves, fuel_rows, is_cut) == SPINE_OK)
        return true;
    halves_free(task->halves);
    task->halves = NULL;
    task->wants_lane = false;
    task->refuses_lane = true;
    return false;
}

/* Also makes a home for each second half. NULL: there is no seam, or no memory. */
static struct halves *
new_halves(struct merge_task *task, uint64_t *fuel_rows)
{
    struct unwritten inputs = {
        .written = task->written, .homes = &task->homes, .has_memory = true};
    struct halves *halves = NULL;

    if (entry_set_sums(&task->inputs).count > SLOT_SPLIT_MAX)
        return NULL;
    entry_set_each(&task->inputs, entries_all, append_unwritten, &inputs);
    if (inputs.has_memory && inputs.count > 0 &&
        halves_new(&halves, inputs.batches, inputs.count, task_spine(task)->account,
                   fuel_rows) == SPINE_OK)
        return halves;
    return NULL;
}

static void
append_unwritten(struct entry *entry, void *context)
{
    struct unwritten *inputs = context;
    struct entry *home;

    if (entry == inputs->written)
        return;
    inputs->batches[inputs->count++] = entry->batch;
    home = entry_new(entry->batch);
    if (home == NULL) {
        inputs->has_memory = false;
        return;
    }
    home->level = entry->level;
    home->sequence = entry->sequence;
    entry_set_add(inputs->homes, home);
}

/*
 * Where both halves have rows, the entry keeps the first one, and its double becomes the
 * home of the second. Where a batch is all on one side, its entry stays or moves.
 */
void
lanes_begin_locked(struct merge_task *task, struct aftermath *after)
{
    struct entry *home = entry_set_take_chain(&task->homes);
    size_t index = 0;

    assert(mutex_is_held(&task_spine(task)->mutex));
    task->wants_lane = false;
    if (may_begin_locked(task)) {
        for (struct entry *entry = entry_set_take_chain(&task->inputs); entry != NULL;) {
            struct entry *next = entry->greater;

            if (entry == task->written)
                entry_set_add(&task->inputs, entry);
            else {
                struct entry *next_home = home->greater;

                give_half_locked(task, entry, home, halves_of(task->halves, index++),
                                 after);
                home = next_home;
            }
            entry = next;
        }
        start_lane_locked(task, after);
    }
    while (home != NULL) {
        struct entry *next = home->greater;

        entry_set_add(&after->entries, home);
        home = next;
    }
}

static void
give_half_locked(struct merge_task *task, struct entry *entry, struct entry *home,
                 struct halved *halved, struct aftermath *after)
{
    struct merge_task *lane = second_lane(task);

    if (halved->half[1] == NULL)
        entry_set_add(&task->inputs, entry);
    else if (halved->half[0] == NULL)
        entry_set_add(&lane->inputs, entry);
    else {
        exchange_batches(&entry->batch, &halved->half[0]);
        exchange_batches(&home->batch, &halved->half[1]);
        entry_set_add(&task->inputs, entry);
        entry_set_add(&lane->inputs, home);
        task_spine(task)->locked.batch_count++;
        return;
    }
    entry_set_add(&after->entries, home);
}

static void
exchange_batches(struct spine_batch **a, struct spine_batch **b)
{
    struct spine_batch *batch = *a;

    *a = *b;
    *b = batch;
}

static void
start_lane_locked(struct merge_task *task, struct aftermath *after)
{
    struct spine *spine = task_spine(task);
    struct merge_task *lane = second_lane(task);

    assert(mutex_is_held(&spine->mutex));
    lane->level = task->level;
    lane->ahead = task->ahead;
    lane->bottom = task->bottom;
    lane->looked = true;
    lane->first = task;
    task->has_lane = true;
    spine->locked.lanes++;
    merge_task_start_locked(lane, after);
    merge_task_follow_locked(lane, task);
    spine_changed_locked(spine, after);
}

uint64_t
lanes_rows_left_locked(const struct merge_task *task)
{
    const uint64_t rows = entry_set_sums(&task->inputs).rows;

    assert(mutex_is_held(&task_spine(task)->mutex));
    return task->written != NULL ? rows - task->written->batch->info.rows : rows;
}

bool
lanes_is_merged_locked(const struct merge_task *task)
{
    assert(mutex_is_held(&task_spine(task)->mutex));
    return task->has_lane && task->merge == NULL &&
           entry_set_sums(&task->inputs).count == (task->written != NULL);
}

bool
lanes_waits_locked(const struct merge_task *task)
{
    const struct merge_task *lane = second_lane(task);

    return lanes_is_merged_locked(task) && lane->first == task &&
           lane->state != TASK_ENDED;
}

bool
lanes_join_locked(struct merge_task *task)
{
    struct merge_task *lane = second_lane(task);

    assert(!lanes_waits_locked(task));
    if (!lanes_is_merged_locked(task))
        return true;
    if (lane->first == task) {
        entry_set_unite(&task->inputs, &lane->inputs);
        lane->first = NULL;
        lane->state = TASK_IDLE;
    }
    task->has_lane = false;
    task->joins = true;
    task->job.rows_left = 0;
    if (entry_set_sums(&task->inputs).count == 1)
        task->written = NULL;
    return entry_set_sums(&task->inputs).count > 0;
}

bool
lanes_keep_locked(struct merge_task *task, struct entry *home, struct aftermath *after)
{
    struct merge_task *const first = task->first;

    assert(mutex_is_held(&task_spine(task)->mutex));
    if (first == NULL)
        return false;
    merge_task_to_idle_locked(task, after);
    if (home == NULL)
        return true;
    home->level = slot_level(task_spine(task)->policy, home->batch->info.rows);
    entry_set_add(&task->inputs, home);
    task->state = TASK_ENDED;
    task->first = first;
    return true;
}
