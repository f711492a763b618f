/* SPDX-License-Identifier: MIT */
#include "company.h"

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
static void add_input(struct entry *entry, void *context);
static void choose(const struct spine *spine, struct company *company,
                   struct inputs *inputs, uint64_t *untouched_rows);

void
company_gather_locked(const struct spine *spine, struct entry_range range, uint64_t rows,
                      struct company *out)
{
    struct gathering gathering = {.company = out, .rows = rows};

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

bool
company_may_share_locked(const struct spine *spine)
{
    const bool times_move =
        spine->locked.has_frontier && spine->layout.schema.time != SPINE_UNTIMED;

    return !times_move && !retention_is_set_locked(spine);
}

uint64_t
company_cost(const struct spine *spine, const struct spine_batch *large,
             struct spine_batch *const *small, size_t small_count, uint64_t limit)
{
    const uint64_t rows = large->info.rows;
    const uint64_t blocks_cost = slot_blocks_cost(large->block_count);
    uint64_t cost;

    if (rows <= limit || blocks_cost > limit)
        return rows;
    cost = blocks_cost + merge_overlap(large, small, small_count,
                                       slot_encode_rows(spine->options.encode_rows, 0),
                                       limit - blocks_cost);
    return cost < rows ? cost : rows;
}

size_t
company_take_locked(struct spine *spine, const struct company *company, size_t count,
                    struct entry_set *inputs)
{
    size_t taken = 0;

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

void
company_join(struct merge_task *task)
{
    struct spine *spine = task->spine;
    struct entry_range range = entries_all;
    struct inputs inputs = {0};
    struct company company;
    uint64_t untouched_rows = 0;

    if (entry_set_sums(&task->inputs).count > SLOT_AHEAD_MAX)
        return;
    entry_set_each(&task->inputs, entries_all, add_input, &inputs);
    mutex_lock(&spine->mutex);
    company.count = 0;
    range.level_begin = slot_level(&spine->policy, inputs.sum.rows);
    if (company_may_share_locked(spine))
        company_gather_locked(spine, range, inputs.sum.rows, &company);
    mutex_unlock(&spine->mutex);

    choose(spine, &company, &inputs, &untouched_rows);
    if (company.count > 0) {
        mutex_lock(&spine->mutex);
        if (company_take_locked(spine, &company, company.count, &task->inputs) > 0) {
            task->largest_rows = entry_set_sums(&task->inputs).rows_most;
            task->untouched_rows = untouched_rows;
        }
        mutex_unlock(&spine->mutex);
    }
    company_release(&company);
}

static void
add_input(struct entry *entry, void *context)
{
    struct inputs *inputs = context;

    inputs->batches[inputs->count++] = entry->batch;
    inputs->sum.rows += entry->batch->info.rows;
    inputs->sum.negative_rows += entry->batch->info.negative_rows;
}

/* Keeps those that cost little, the smallest first: what is kept reaches into blocks of
 * larger ones, too. */
static void
choose(const struct spine *spine, struct company *company, struct inputs *inputs,
       uint64_t *untouched_rows)
{
    const size_t count = company->count;

    company->count = 0;
    for (size_t i = 0; i < count; i++) {
        struct spine_batch *batch = company->batches[i];
        const size_t at = company->count;
        const uint64_t rows = batch->info.rows;
        const uint64_t limit = slot_company_limit(&inputs->sum, rows);
        const uint64_t cost =
            company_cost(spine, batch, inputs->batches, inputs->count, limit);

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
