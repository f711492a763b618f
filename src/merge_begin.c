/* SPDX-License-Identifier: MIT */

/* What the first slice of a merge begins with: its inputs, and what is to become of
 * them. */

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "core.h"
#include "relief.h"

/* Rows per batch from which on most of its blocks are large. */
#define STAY_ROWS 4096u

/* The inputs of a task but for what its merge has written. */
struct unread {
    const struct entry *written;
    struct spine_batch **batches;
    size_t count;
};

static bool is_written_to_stay(const struct unread *unread);
static void append_unread(struct entry *entry, void *context);

enum spine_status
merge_task_begin(struct merge_task *task, const struct read_waiter *waiter,
                 struct merge_budget *budget, struct spine_error *error)
{
    const size_t count = entry_set_sums(&task->inputs).count - (task->written != NULL);
    struct unread unread = {.written = task->written};
    struct merge_options options = {
        .advance_times = task->has_frontier && task->lane != LANE_JOINED,
        .may_keep_times = task->level != COMPACTION_TASK,
        .frontier = task->frontier,
        .untouched_rows = task->untouched_rows,
        .placement = runtime_placement(task_spine(task)->runtime),
        .lookup = lookup_ledger_options(task_spine(task)->ledger),
        .waiter = waiter,
        .ahead_bytes = budget->ahead_bytes,
        .reservation = budget->reservation,
        .account = task_spine(task)->account,
        .encode_rows =
            slot_encode_rows(task_spine(task)->options.encode_rows, task->batch_count)};
    struct account_span span;
    enum spine_status st;

    unread.batches = mem_alloc_array(count, sizeof(struct spine_batch *));
    if (unread.batches == NULL) {
        st = fail_nomem(error, "the inputs of a merge", count * sizeof *unread.batches);
        goto out;
    }
    entry_set_each(&task->inputs, entries_all, append_unread, &unread);
    assert(unread.count == count);
    if (task->written != NULL)
        options.written = task->written->batch;
    if (options.encode_rows < UINT64_MAX && is_written_to_stay(&unread))
        options.encode_rows = 1;
    TRY(filters_of_task(task, &options.retain, error));
    TRY(merge_new(&task->merge, unread.batches, count, &options, error));
    options.retain = NULL;
    budget->reservation = (struct reservation){0};
out:
    runtime_unreserve(&budget->reservation);
    span = account_enter(options.account);
    retain_free(options.retain);
    account_leave(&span);
    mem_free(unread.batches, count * sizeof *unread.batches);
    return st;
}

/* Blocks of batches that follow one another are taken over by the next merges rather than
 * read again, if they are large enough: they are encoded right away. */
static bool
is_written_to_stay(const struct unread *unread)
{
    uint64_t rows = 0;

    for (size_t i = 0; i < unread->count; i++)
        rows += unread->batches[i]->info.rows;
    return rows >= unread->count * STAY_ROWS &&
           merge_is_concatenation(unread->batches, unread->count);
}

static void
append_unread(struct entry *entry, void *context)
{
    struct unread *unread = context;

    if (entry != unread->written)
        unread->batches[unread->count++] = entry->batch;
}
