/* SPDX-License-Identifier: MIT */

/* The second lane of a merge: when there is one, what it gets, and what becomes of its
 * output. */

#include "lanes.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "relief.h"

static bool is_worth_a_lane_locked(const struct merge_task *task);
static uint64_t rows_left_locked(const struct merge_task *task);
static bool may_have_lane_locked(const struct merge_task *task);
static bool may_begin_locked(const struct merge_task *task);
static struct lane *take_lane(struct merge_task *task);
static void drop_fetch(struct merge_task *task);
static struct lane *lane_new(const struct merge_task *task);
static void leave_lane(struct merge_task *task, struct lane *lane);
static struct halves *
new_halves(struct merge_task *task, struct entry_set *homes, uint64_t *fuel_rows);
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

void
lanes_look_locked(struct merge_task *task)
{
    struct spine *spine = task_spine(task);

    assert(mutex_is_held(&spine->mutex));
    if (task->lane == LANE_NONE &&
        (spine->locked.forces_lanes ? may_have_lane_locked(task)
                                    : is_worth_a_lane_locked(task)))
        task->lane = LANE_WANTED;
}

/* A merge by the bottom rule has a rank for its haste: beside inserts, whose thread uses
 * what a second lane would, that many rows count; when a thread waits, all of them. */
static bool
is_worth_a_lane_locked(const struct merge_task *task)
{
    struct spine *spine = task_spine(task);
    const bool waits = spine->locked.sleepers > 0;

    return slot_lanes_pay(spine->policy,
                          waits ? rows_left_locked(task) : task->job.rows_left) &&
           (waits || runtime_has_room(spine->runtime)) && may_have_lane_locked(task) &&
           relief_has_room(task);
}

static uint64_t
rows_left_locked(const struct merge_task *task)
{
    return task->merge != NULL ? merge_rows_left(task->merge)
                               : lanes_rows_left_locked(task);
}

/* Where groups are judged each lane would keep what the other one has read: it may have
 * to look for rows of a group there. */
static bool
may_have_lane_locked(const struct merge_task *task)
{
    const struct entry_sums inputs = entry_set_sums(&task->inputs);

    return task->level > 0 && merge_task_first_locked(task) == NULL &&
           task->lane == LANE_NONE && !task->job.spare && !task->surveyed &&
           task->untouched_rows == 0 && !value_filter_needs_groups(task->value_filter) &&
           inputs.count <= SLOT_SPLIT_MAX && may_begin_locked(task);
}

/* May a second lane begin? Whatever wants merges back, or none to run, comes first. */
static bool
may_begin_locked(const struct merge_task *task)
{
    const struct spine *spine = task_spine(task);
    const struct lane *lane = spine->locked.lane;

    return (lane == NULL || (lane->task.state == TASK_IDLE &&
                             (lane->cutter == NULL || lane->cutter == task))) &&
           start_is_allowed_locked(spine) && !task->abandoned && !spine->locked.settles &&
           spine->locked.next_compaction == NULL;
}

enum lanes_cut
lanes_cut(struct merge_task *task, const struct read_waiter *waiter, uint64_t *fuel_rows)
{
    struct lane *lane = take_lane(task);
    bool done = false;
    enum spine_status st;

    assert(task->merge == NULL);
    if (lane == NULL)
        return LANES_ARE_NOT_CUT;
    if (lane->halves == NULL)
        lane->halves = new_halves(task, &lane->homes, fuel_rows);
    if (task->fetch == NULL)
        task->fetch = mem_zalloc(sizeof *task->fetch);
    if (lane->halves == NULL || task->fetch == NULL) {
        leave_lane(task, lane);
        return LANES_ARE_NOT_CUT;
    }
    task->fetch->waiter = *waiter;
    st = halves_step(lane->halves, task->fetch, fuel_rows, &done);
    if (st == SPINE_BUSY)
        return LANES_AWAIT_BLOCK;
    if (st != SPINE_OK) {
        leave_lane(task, lane);
        return LANES_ARE_NOT_CUT;
    }
    if (!done)
        return LANES_ARE_BEING_CUT;
    drop_fetch(task);
    return LANES_ARE_CUT;
}

static void
drop_fetch(struct merge_task *task)
{
    fetch_free(task->fetch);
    task->fetch = NULL;
}

/* The task's until its inputs are cut. NULL: another task cuts, or there is no memory. */
static struct lane *
take_lane(struct merge_task *task)
{
    struct spine *spine = task_spine(task);
    struct lane *made = NULL, *lane;

    mutex_lock(&spine->mutex);
    lane = spine->locked.lane;
    mutex_unlock(&spine->mutex);
    if (lane == NULL)
        made = lane_new(task);

    mutex_lock(&spine->mutex);
    if (spine->locked.lane == NULL) {
        spine->locked.lane = made;
        made = NULL;
    }
    lane = spine->locked.lane;
    if (lane == NULL)
        task->lane = LANE_REFUSED;
    else if (lane->cutter != NULL && lane->cutter != task) {
        task->lane = LANE_NONE;
        lane = NULL;
    } else
        lane->cutter = task;
    mutex_unlock(&spine->mutex);
    mem_free(made, sizeof *made);
    return lane;
}

static struct lane *
lane_new(const struct merge_task *task)
{
    struct lane *lane = mem_zalloc(sizeof *lane);

    if (lane != NULL)
        merge_task_init(&lane->task, task_spine(task), LANE_TASK, task->job.on_slice);
    return lane;
}

/* The inputs cannot be cut. */
static void
leave_lane(struct merge_task *task, struct lane *lane)
{
    struct spine *spine = task_spine(task);
    struct entry_set homes = {NULL};

    halves_free(lane->halves);
    lane->halves = NULL;
    drop_fetch(task);
    entry_set_unite(&homes, &lane->homes);
    mutex_lock(&spine->mutex);
    lane->cutter = NULL;
    task->lane = LANE_REFUSED;
    mutex_unlock(&spine->mutex);
    entry_set_free(&homes);
}

/* Also makes a home for each second half. NULL: there is no seam, or no memory. */
static struct halves *
new_halves(struct merge_task *task, struct entry_set *homes, uint64_t *fuel_rows)
{
    struct unwritten inputs = {
        .written = task->written, .homes = homes, .has_memory = true};
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
struct halves *
lanes_begin_locked(struct merge_task *task, struct aftermath *after)
{
    struct lane *lane = task_spine(task)->locked.lane;
    struct halves *halves = lane->halves;
    struct entry *home = entry_set_take_chain(&lane->homes);
    size_t index = 0;

    assert(mutex_is_held(&task_spine(task)->mutex));
    assert(lane->cutter == task);
    lane->halves = NULL;
    lane->cutter = NULL;
    task->lane = LANE_NONE;
    if (may_begin_locked(task)) {
        for (struct entry *entry = entry_set_take_chain(&task->inputs); entry != NULL;) {
            struct entry *next = entry->greater;

            if (entry == task->written)
                entry_set_add(&task->inputs, entry);
            else {
                struct entry *next_home = home->greater;

                give_half_locked(task, entry, home, halves_of(halves, index++), after);
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
    return halves;
}

static void
give_half_locked(struct merge_task *task, struct entry *entry, struct entry *home,
                 struct halved *halved, struct aftermath *after)
{
    struct merge_task *lane = &task_spine(task)->locked.lane->task;

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
    struct lane *lane = spine->locked.lane;

    assert(mutex_is_held(&spine->mutex));
    lane->task.level = task->level;
    lane->task.ahead = task->ahead;
    lane->task.bottom = task->bottom;
    lane->task.looked = true;
    lane->first = task;
    lane->begun++;
    task->lane = LANE_HAD;
    merge_task_start_locked(&lane->task, after);
    merge_task_follow_locked(&lane->task, task);
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
    return task->lane == LANE_HAD && task->merge == NULL &&
           entry_set_sums(&task->inputs).count == (task->written != NULL);
}

bool
lanes_waits_locked(const struct merge_task *task)
{
    const struct lane *lane = task_spine(task)->locked.lane;

    return lanes_is_merged_locked(task) && lane->first == task &&
           lane->task.state != TASK_ENDED;
}

bool
lanes_join_locked(struct merge_task *task)
{
    struct lane *lane = task_spine(task)->locked.lane;

    assert(!lanes_waits_locked(task));
    if (!lanes_is_merged_locked(task))
        return true;
    if (lane->first == task) {
        entry_set_unite(&task->inputs, &lane->task.inputs);
        lane->first = NULL;
        lane->task.state = TASK_IDLE;
    }
    task->lane = LANE_JOINED;
    task->job.rows_left = 0;
    if (entry_set_sums(&task->inputs).count == 1)
        task->written = NULL;
    return entry_set_sums(&task->inputs).count > 0;
}

bool
lanes_keep_locked(struct merge_task *task, struct entry *home, struct aftermath *after)
{
    struct merge_task *const first = merge_task_first_locked(task);

    assert(mutex_is_held(&task_spine(task)->mutex));
    if (first == NULL)
        return false;
    merge_task_to_idle_locked(task, after);
    if (home == NULL)
        return true;
    home->level = slot_level(task_spine(task)->policy, home->batch->info.rows);
    entry_set_add(&task->inputs, home);
    task->state = TASK_ENDED;
    task_spine(task)->locked.lane->first = first;
    return true;
}
