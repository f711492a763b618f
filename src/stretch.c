/* SPDX-License-Identifier: MIT */

/*
 * A merge of what a reader has skipped: the batches with rows in the stretch are cut at
 * its ends, and the inner parts become the inputs of one merge, while the outer parts
 * stay as they are.
 */

#include "stretch.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "floor.h"

/* Batch i of `company` has rows [begin[i], end[i]) in the stretch. */
struct stretch {
    struct company company;
    uint64_t begin[SLOT_AHEAD_MAX];
    uint64_t end[SLOT_AHEAD_MAX];
    /* Its parts, and a place for the inner one; NULL when it stays whole. */
    struct spine_batch *inner[SLOT_AHEAD_MAX];
    struct spine_batch *outer[SLOT_AHEAD_MAX];
    struct entry *homes[SLOT_AHEAD_MAX];
    /* The rows of the largest batch that the merge will take over, about. */
    uint64_t untouched_rows;
    /* The rows of the largest batch that is in another merge. */
    uint64_t busy_rows;
    /* Blocks in files at the ends of the stretch: those that are still in memory since
     * the reader looked into them. Nobody waits for a disk for this. */
    struct fetch memory;
};

static bool may_cut_locked(const struct spine *spine);
static uint64_t largest_busy_locked(const struct spine *spine);
static enum spine_status
find_ranges(struct stretch *stretch, const struct skipped *skipped);
static enum spine_status
range_in(struct stretch *stretch, size_t index, const struct skipped *skipped);
static void drop_from(struct stretch *stretch, size_t index);
static bool lacks_partner(const struct stretch *stretch, uint64_t rows);
static bool is_worth_it(struct stretch *stretch, uint64_t rows_skipped);
static enum spine_status stretch_cut(struct stretch *stretch, struct account *account);
static void swap_batches(struct spine_batch **a, struct spine_batch **b);

struct stretch *
stretch_find(struct spine *spine)
{
    struct skipped *skipped = lookup_ledger_take_skipped(spine->ledger);
    struct stretch *stretch = NULL;

    if (skipped != NULL)
        stretch = mem_zalloc(sizeof *stretch);
    if (stretch == NULL) {
        skipped_unref(skipped);
        return NULL;
    }
    stretch->memory.is_closed = true;
    mutex_lock(&spine->mutex);
    (void)floor_learn_from_locked(spine, skipped);
    if (may_cut_locked(spine))
        company_gather_locked(spine, entries_all, 0, &stretch->company);
    stretch->busy_rows = largest_busy_locked(spine);
    mutex_unlock(&spine->mutex);
    /* What is not in memory, or cannot be cut for want of it, waits for a merge that is
     * due. */
    if (find_ranges(stretch, skipped) != SPINE_OK ||
        !is_worth_it(stretch, skipped->rows) ||
        stretch_cut(stretch, spine->account) != SPINE_OK) {
        stretch_free(stretch);
        stretch = NULL;
    } else
        fetch_release(&stretch->memory);
    skipped_unref(skipped);
    return stretch;
}

/* Not under filters, which mark what they have judged of groups that are in one batch;
 * nor behind a frontier: a merge would read more than the stretch. */
static bool
may_cut_locked(const struct spine *spine)
{
    const struct company_terms terms = company_terms_locked(spine);

    assert(mutex_is_held(&spine->mutex));
    return terms.filters.keys == 0 && terms.filters.values == 0 && !terms.times_move;
}

static uint64_t
largest_busy_locked(const struct spine *spine)
{
    uint64_t rows = 0;

    assert(mutex_is_held(&spine->mutex));
    for (unsigned i = 0; i < spine_task_count_locked(spine); i++) {
        const struct entry *entry =
            entry_set_largest(&spine_task_locked(spine, i)->inputs);

        if (entry != NULL && entry->batch->info.rows > rows)
            rows = entry->batch->info.rows;
    }
    return rows;
}

/* Keeps the batches that have rows in the stretch. */
static enum spine_status
find_ranges(struct stretch *stretch, const struct skipped *skipped)
{
    for (size_t i = 0; i < stretch->company.count;) {
        TRY_RETURN(range_in(stretch, i, skipped));
        if (stretch->begin[i] < stretch->end[i])
            i++;
        else
            drop_from(stretch, i);
    }
    return SPINE_OK;
}

static enum spine_status
range_in(struct stretch *stretch, size_t index, const struct skipped *skipped)
{
    const struct spine_batch *batch = stretch->company.batches[index];
    uint64_t *begin = &stretch->begin[index], *end = &stretch->end[index];
    struct reader reader;
    enum spine_status st = SPINE_OK;

    *begin = 0;
    *end = batch->info.rows;
    reader_init(&reader, batch);
    reader.fetch = &stretch->memory;
    if (skipped->has_low) {
        TRY(reader_seek_code(&reader, &skipped->low, false));
        *begin = reader_offset(&reader);
    }
    if (skipped->has_high) {
        TRY(reader_seek_code(&reader, &skipped->high, true));
        *end = reader_offset(&reader);
    }
out:
    reader_release(&reader);
    return st;
}

static void
drop_from(struct stretch *stretch, size_t index)
{
    struct company *company = &stretch->company;

    spine_batch_unref(company->batches[index]);
    company->count--;
    for (size_t i = index; i < company->count; i++) {
        company->batches[i] = company->batches[i + 1];
        company->sequences[i] = company->sequences[i + 1];
        company->levels[i] = company->levels[i + 1];
    }
}

/* The merge reads the stretch and the rest of two blocks; all blocks are looked at, those
 * of cut batches to be shared. */
static bool
is_worth_it(struct stretch *stretch, uint64_t rows_skipped)
{
    const struct company *company = &stretch->company;
    const size_t largest = company->count - 1;
    uint64_t cost = 2 * BLOCK_ROWS;
    uint64_t rows = 0;
    uint64_t read;

    if (company->count < 2)
        return false;
    for (size_t i = 0; i < company->count; i++) {
        rows += stretch->end[i] - stretch->begin[i];
        cost += slot_blocks_cost(company->batches[i]->block_count);
    }
    if (lacks_partner(stretch, rows))
        return false;
    cost += rows;
    read = stretch->end[largest] - stretch->begin[largest] + 2 * BLOCK_ROWS;
    if (read < company->batches[largest]->info.rows)
        stretch->untouched_rows = company->batches[largest]->info.rows - read;
    return cost <= slot_stretch_limit(rows_skipped);
}

/*
 * Have the batches too few of the `rows` rows in the stretch to cancel among one another,
 * since a larger one is in another merge? The retractions of a queue would merge with one
 * another, to no avail, and would be out of reach when that batch is back:
 *
 *     in the stretch     large 9000, in another merge; small 1000 1000 1000 1000
 */
static bool
lacks_partner(const struct stretch *stretch, uint64_t rows)
{
    const size_t largest = stretch->company.count - 1;
    const uint64_t most = stretch->end[largest] - stretch->begin[largest];

    return stretch->busy_rows > stretch->company.batches[largest]->info.rows &&
           rows - most > most + most / 4;
}

static enum spine_status
stretch_cut(struct stretch *stretch, struct account *account)
{
    const struct company *company = &stretch->company;

    for (size_t i = 0; i + 1 < company->count; i++) {
        const struct spine_batch *batch = company->batches[i];

        if (stretch->end[i] - stretch->begin[i] == batch->info.rows)
            continue;
        TRY_RETURN(batch_cut(batch, stretch->begin[i], stretch->end[i], &stretch->memory,
                             &stretch->inner[i], &stretch->outer[i]));
        batch_charge(stretch->inner[i], account);
        batch_charge(stretch->outer[i], account);
        stretch->homes[i] = entry_new(stretch->inner[i]);
        if (stretch->homes[i] == NULL)
            return SPINE_NOMEM;
    }
    return SPINE_OK;
}

void
stretch_start_locked(struct spine *spine, struct stretch *stretch,
                     struct aftermath *after)
{
    const struct company *company = &stretch->company;
    struct merge_task *task = &spine->locked.tasks[company->levels[company->count - 1]];
    struct entry_set taken = {0};

    assert(stretch->company.count > 0);
    assert(mutex_is_held(&spine->mutex));
    if (task->state != TASK_IDLE ||
        company_take_locked(spine, company, company->count, &taken) < company->count) {
        entry_set_unite(&spine->locked.loose, &taken);
        return;
    }
    for (size_t i = 0; i < company->count; i++) {
        struct entry *entry = entry_set_take_batch(
            &taken, company->levels[i], company->sequences[i], company->batches[i]);
        struct entry *home = stretch->homes[i];

        assert(entry != NULL);
        if (home == NULL) {
            entry_set_add(&task->inputs, entry);
            continue;
        }
        home->sequence = entry->sequence;
        home->level = slot_level(spine->policy, home->batch->info.rows);
        entry_set_add(&task->inputs, home);
        stretch->homes[i] = NULL;
        swap_batches(&entry->batch, &stretch->outer[i]);
        spine_add_locked(spine, entry);
        spine->locked.batch_count++;
    }
    spine_changed_locked(spine, after);
    spine->locked.counters.skip_merges++;
    task->ahead = true;
    task->untouched_rows = stretch->untouched_rows;
    merge_task_start_locked(task, after);
}

static void
swap_batches(struct spine_batch **a, struct spine_batch **b)
{
    struct spine_batch *batch = *a;

    *a = *b;
    *b = batch;
}

void
stretch_free(struct stretch *stretch)
{
    if (stretch == NULL)
        return;
    for (size_t i = 0; i < stretch->company.count; i++) {
        spine_batch_unref(stretch->inner[i]);
        spine_batch_unref(stretch->outer[i]);
        entry_free(stretch->homes[i]);
    }
    fetch_release(&stretch->memory);
    company_release(&stretch->company);
    mem_free(stretch, sizeof *stretch);
}
