/* SPDX-License-Identifier: MIT */

/*
 * Company of a merge: gathered under the lock, from the loose batches that are larger
 * than all inputs together; chosen by a worker without the lock, as far as they cost
 * little; taken under the lock again, if they are still loose.
 */

#include "company.h"

#include "base/alloc.h"
#include "base/assert.h"

/* Batches while they are sorted in. */
struct gathering {
    struct company *company;
    uint64_t rows;
};

/* The inputs of a merge. */
struct inputs {
    struct spine_batch *batches[MERGE_OVERLAP_MAX];
    size_t count;
    struct slot_cost sum;
};

static void sort_in(struct entry *entry, void *context);
static bool are_elsewhere(const struct small_batches *small);
static bool join(struct merge_task *task);
static void gather_input(struct entry *entry, void *context);
static void choose_company(const struct merge_task *task, struct company *company,
                           struct inputs *inputs, uint64_t *untouched_rows,
                           struct overlap_look *look);

void
company_gather_locked(const struct spine *spine, struct entry_range range, uint64_t rows,
                      struct company *out)
{
    struct gathering gathering = {.company = out, .rows = rows};

    assert(mutex_is_held(&spine->mutex));
    out->count = 0;
    if (entry_set_sums_in(&spine->locked.loose, range).count <= SLOT_AHEAD_MAX)
        entry_set_each(&spine->locked.loose, range, sort_in, &gathering);
}

static void
sort_in(struct entry *entry, void *context)
{
    const struct gathering *gathering = context;
    struct company *company = gathering->company;
    const uint64_t rows = entry->batch->info.rows;
    size_t at;

    assert(company->count < SLOT_AHEAD_MAX);
    if (rows <= gathering->rows)
        return;
    for (at = company->count++; at > 0 && company->batches[at - 1]->info.rows > rows;
         at--) {
        company->batches[at] = company->batches[at - 1];
        company->sequences[at] = company->sequences[at - 1];
        company->levels[at] = company->levels[at - 1];
    }
    company->batches[at] = spine_batch_ref(entry->batch);
    company->sequences[at] = entry->sequence;
    company->levels[at] = entry->level;
}

struct company_terms
company_terms_locked(const struct spine *spine)
{
    assert(mutex_is_held(&spine->mutex));
    return (struct company_terms){
        .times_move = spine->locked.has_frontier && spine->layout.timed,
        .filters = filters_mark(spine->locked.key_filter, spine->locked.value_filter)};
}

struct company_terms
company_terms_of(const struct merge_task *task)
{
    return (struct company_terms){
        .times_move = task->has_frontier && task_spine(task)->layout.timed,
        .filters = filters_mark(task->key_filter, task->value_filter)};
}

uint64_t
company_cost(const struct spine *spine, const struct company_terms *terms,
             const struct spine_batch *large, const struct small_batches *small,
             uint64_t limit, struct overlap_look *look)
{
    const uint64_t encode_rows = slot_encode_rows(spine->options.encode_rows, 0);
    const uint64_t rows = large->info.rows;
    struct fetch memory = {.is_closed = true};
    struct overlap_look least = {.fetch = &memory, .at_least = true};
    uint64_t cost = slot_blocks_cost(large->block_count), surely = 0;

    if (rows <= limit || cost > limit)
        return rows;
    cost += batch_rows_to_read(large, &terms->filters, terms->times_move);
    if (cost > limit)
        return rows;
    /* The ends of blocks are known: where keys are random they tell enough, and nothing
     * is read. */
    if (!look->fetch->is_closed && are_elsewhere(small))
        surely = merge_overlap(large, small, encode_rows, limit - cost, &least);
    fetch_release(&memory);
    if (surely > limit - cost)
        return rows;
    cost += merge_overlap(large, small, encode_rows, limit - cost, look);
    return cost < rows ? cost : rows;
}

/* Does any of them have blocks that would have to be read? */
static bool
are_elsewhere(const struct small_batches *small)
{
    for (size_t i = 0; i < small->count; i++)
        if (small->batches[i]->elsewhere)
            return true;
    return false;
}

size_t
company_take_locked(struct spine *spine, const struct company *company, size_t count,
                    struct entry_set *inputs)
{
    size_t taken = 0;

    assert(count <= company->count);
    assert(mutex_is_held(&spine->mutex));
    for (size_t i = 0; i < count; i++) {
        struct entry *entry =
            entry_set_take_batch(&spine->locked.loose, company->levels[i],
                                 company->sequences[i], company->batches[i]);

        if (entry == NULL)
            continue;
        entry_set_add(inputs, entry);
        taken++;
    }
    return taken;
}

void
company_release(struct company *company)
{
    while (company->count > 0)
        spine_batch_unref(company->batches[--company->count]);
}

bool
company_join(struct merge_task *task, const struct read_waiter *waiter)
{
    if (entry_set_sums(&task->inputs).count > SLOT_AHEAD_MAX)
        return true;
    if (task->fetch == NULL)
        task->fetch = mem_zalloc(sizeof *task->fetch);
    /* Without memory it is done without company. */
    if (task->fetch == NULL)
        return true;
    task->fetch->waiter = *waiter;
    if (!join(task))
        return false;
    fetch_free(task->fetch);
    task->fetch = NULL;
    return true;
}

/* False: what it takes to see who costs little is on its way. A merge whose look failed
 * takes nobody: it does not look again, and meets the failure only if it reads the block
 * itself. */
static bool
join(struct merge_task *task)
{
    struct spine *spine = task_spine(task);
    struct entry_range range = entries_all;
    struct inputs inputs = {0};
    struct company company;
    struct overlap_look look = {.fetch = task->fetch};
    uint64_t untouched_rows = 0;

    entry_set_each(&task->inputs, entries_all, gather_input, &inputs);
    mutex_lock(&spine->mutex);
    company.count = 0;
    range.level_begin = slot_level(spine->policy, inputs.sum.rows);
    company_gather_locked(spine, range, inputs.sum.rows, &company);
    mutex_unlock(&spine->mutex);

    choose_company(task, &company, &inputs, &untouched_rows, &look);
    if (company.count > 0 && !look.lacks && !look.has_failed) {
        mutex_lock(&spine->mutex);
        if (company_take_locked(spine, &company, company.count, &task->inputs) > 0) {
            task->largest_rows = entry_set_sums(&task->inputs).rows_most;
            task->untouched_rows = untouched_rows;
        }
        mutex_unlock(&spine->mutex);
    }
    company_release(&company);
    return !look.lacks || look.has_failed;
}

static void
gather_input(struct entry *entry, void *context)
{
    struct inputs *inputs = context;

    assert(inputs->count < MERGE_OVERLAP_MAX);
    inputs->batches[inputs->count++] = entry->batch;
    inputs->sum.rows += entry->batch->info.rows;
    inputs->sum.negative_rows += entry->batch->info.negative_rows;
}

/* Keeps those that cost little, the smallest first: what is kept reaches into blocks of
 * larger ones, too. */
static void
choose_company(const struct merge_task *task, struct company *company,
               struct inputs *inputs, uint64_t *untouched_rows, struct overlap_look *look)
{
    const struct company_terms terms = company_terms_of(task);
    const size_t count = company->count;

    assert(inputs->count > 0);
    company->count = 0;
    for (size_t i = 0; i < count; i++) {
        struct spine_batch *batch = company->batches[i];
        const size_t at = company->count;
        const uint64_t rows = batch->info.rows;
        const uint64_t limit = slot_company_limit(&inputs->sum, rows);
        const struct small_batches small = {inputs->batches, inputs->count};
        const uint64_t cost = look->has_failed ? rows
                                               : company_cost(task_spine(task), &terms,
                                                              batch, &small, limit, look);

        if (cost > limit || inputs->count == MERGE_OVERLAP_MAX) {
            spine_batch_unref(batch);
            continue;
        }
        company->batches[at] = batch;
        company->sequences[at] = company->sequences[i];
        company->levels[at] = company->levels[i];
        company->count++;
        inputs->batches[inputs->count++] = batch;
        inputs->sum.rows += cost;
        *untouched_rows += rows - cost;
    }
}
